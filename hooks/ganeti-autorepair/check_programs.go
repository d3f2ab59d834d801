package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ganeti-autorepair/hooks/internal/outside"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// programs checks the programs of the administrator: the fence and the event programs.
// None of them is run: a fence switches nodes off.
func (c *checkup) programs(ctx context.Context, client *luxi.Client, set settings) {
	switch fence := set.engine.Fence; {
	case fence == fenceOOB:
		c.oobFence(ctx, client)
	case strings.HasPrefix(fence, "/"):
		if err := canBeRun(fence); err != nil {
			c.fail(levelCritical, "fence", fmt.Errorf("%w; no repair of an instance of an offline node begins", err))
		} else {
			c.add(levelOK, "fence", "can be run")
		}
	case fence == repair.NoFence:
		c.add(levelOK, "fence", "is \"none\", the offline mark is enough")
	}
	if set.engine.Marking.On {
		c.marking(set)
	}
	if set.eventDir != "" {
		c.events(c.env.paths.in(set.eventDir))
	}
}

// marking checks that the settings let a silent node be marked offline (K5).
func (c *checkup) marking(set settings) {
	switch {
	case !set.engine.Fenced():
		c.add(levelWarning, "dead_nodes", "is \"offline\", but no node is marked: that takes a fence")
	case set.busyInterval > repair.MostBetweenLooks:
		c.add(levelWarning, "dead_nodes", "is \"offline\", but no node is marked: looks at most %s apart are in a row, and busy_interval is %s", inWordsShort(repair.MostBetweenLooks), inWordsShort(set.busyInterval))
	default:
		c.add(levelOK, "dead_nodes", "is \"offline\", which the settings allow")
	}
}

// oobFence checks that all nodes have an out-of-band program to be switched off with.
func (c *checkup) oobFence(ctx context.Context, client *luxi.Client) {
	t, err := client.Query(ctx, luxi.ResNode, []string{"name", "powered"}, nil)
	if err != nil {
		c.fail(levelUnknown, "fence", err)
		return
	}
	var without []string
	for row := range t.Rows {
		var name string
		var powered luxi.Value[bool] // unavailable where there is no program
		if err := t.Scan(row, &name, &powered); err != nil {
			c.fail(levelUnknown, "fence", err)
			return
		}
		if powered.Status == luxi.StatusUnavailable {
			without = append(without, name)
		}
	}
	if len(without) > 0 {
		c.advise(levelWarning, "fence", "gnt-node modify --node-parameters oob_program=PROGRAM "+without[0],
			"no out-of-band program can switch off %s; no repair of their instances begins", justNodes(without))
		return
	}
	c.add(levelOK, "fence", "every node has an out-of-band program")
}

// justNodes names the first nodes and counts the others.
func justNodes(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// events checks the directory of event programs.
func (c *checkup) events(dir string) {
	programs, skipped, err := eventPrograms(dir)
	for _, path := range programs {
		if err := canBeRun(path); err != nil {
			skipped = append(skipped, err.Error())
		}
	}
	switch {
	case err != nil:
		c.fail(levelWarning, "events", fmt.Errorf("%w; no event program is run", err))
	case len(skipped) > 0:
		c.add(levelWarning, "events", "not run: %s", strings.Join(skipped, ", "))
	case len(programs) == 0:
		c.add(levelWarning, "events", "%s", noEventProgram(dir))
	default:
		c.add(levelOK, "events", "%s can be run", countOf(len(programs), "program"))
	}
}

// noEventProgram says why nothing in the directory is run.
func noEventProgram(dir string) string {
	entries, _ := os.ReadDir(dir)
	text := "there is no program in " + dir
	if len(entries) > 0 {
		text = fmt.Sprintf("nothing in %s is run, as %s is not executable, or has other characters in its name than letters, digits, _ and -", dir, entries[0].Name())
	}
	return text
}

// canBeRun returns an error if the program would not be run: by its place, owner and
// mode, or because the kernel would not find its interpreter.
func canBeRun(path string) error {
	if err := outside.CheckFile(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // executable, but not to be read: that is all that can be told
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	switch {
	case n == 0:
		return fmt.Errorf("%s is empty", path)
	case !bytes.HasPrefix(line, []byte("#!")) && !bytes.HasPrefix(head[:n], []byte("\x7fELF")):
		return fmt.Errorf("%s is neither a script that begins with #! nor a binary", path)
	case bytes.HasPrefix(line, []byte("#!")) && len(words) == 0:
		return fmt.Errorf("%s names no interpreter", path)
	case bytes.HasPrefix(line, []byte("#!")):
		if info, err := os.Stat(words[0]); err != nil || info.Mode().Perm()&0o111 == 0 || !filepath.IsAbs(words[0]) {
			return fmt.Errorf("%s: its interpreter %s cannot be run", path, words[0])
		}
	}
	return nil
}
