package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/shown"
	"ganeti-autorepair/luxi/luxitest"
)

// shownCluster is that of the sessions in the README and the tour: as those of
// integration/installed, where the same sessions are run on the real Ganeti.
const shownCluster = `
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance db1 template=sharedfile nodes=node2 mem=128
	instance web1 template=sharedfile nodes=node2 mem=128
	instance web2 template=sharedfile nodes=node2 mem=128
`

// Every session in the README and the tour says on a simulated master what they show.
// Of other programs than this one only the effect is played; what they say is tried in
// integration/installed.
func TestSessionsOfTheReadme(t *testing.T) {
	for _, path := range []string{"../../README.md", "../../docs/tour.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := newBed(t, shownCluster)
		b.screen = terminal{columns: 80}
		b.pause = func() {}
		tried := 0
		for _, e := range shown.Commands(string(text), shown.Markdown) {
			for _, line := range strings.Split(e.Text+"\n"+e.Output, "\n") {
				if len(line) > 80 {
					t.Errorf("%s: more than 80 columns: %s", path, line)
				}
			}
			words := strings.Fields(e.Text)
			if e.ForTheMachine() || words[0] == "chmod" {
				continue
			}
			if words[0] != "ganeti-autorepair" {
				b.play(e.Text)
				continue
			}
			tried++
			var said bytes.Buffer
			b.m.RunUntilQuiet()
			world := b.env(&said, &said)
			world.newID = newID
			code := realMain(context.Background(), words[1:], world)
			if code != 0 || !shown.Like(e.Output, said.String()) {
				t.Errorf("%s: # %s\n--- it shows\n%s--- the program ends with %d and says\n%s", path, e.Text, e.Output, code, &said)
			}
		}
		if tried < 8 {
			t.Errorf("%s has %d commands of this program", path, tried)
		}
	}
}

// play does to the simulated cluster what a command of Ganeti's does.
func (b *bed) play(command string) {
	b.t.Helper()
	hence := b.m.Now().Add(2 * time.Hour)
	effect, known := map[string]func(*luxitest.Cluster){
		"gnt-node modify --offline=yes node2": func(c *luxitest.Cluster) { c.Node("node2").Offline, c.Node("node2").Dead = true, true },
		"gnt-cluster watcher pause 2h":        func(c *luxitest.Cluster) { c.WatcherPause = hence },
	}[command]
	if !known {
		b.t.Fatalf("what does %q do?", command)
	}
	b.m.Edit(effect)
}

// What the README, the tour and the examples have a reader type in a clone of the
// repository without a cluster works there; what it makes is made elsewhere.
func TestCommandsWithoutACluster(t *testing.T) {
	b := newBed(t, shownCluster)
	b.m.StopLuxid()
	tried := 0
	for _, path := range []string{"README.md", "docs/tour.md", "examples/README.md"} {
		text, err := os.ReadFile("../../" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.ReplaceAll(string(text), "`", "\n"), "\n") {
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			words := strings.Fields(strings.TrimPrefix(line, "build/"))
			if !strings.Contains(line, "--snapshot ") || !strings.HasPrefix(line, "build/ganeti-autorepair ") && !strings.HasPrefix(line, "ganeti-autorepair ") {
				continue
			}
			for n, word := range words {
				switch {
				case strings.HasSuffix(word, ".json"):
					words[n] = filepath.Join("../../examples", filepath.Base(word))
				case strings.HasSuffix(word, ".html"):
					words[n] = filepath.Join(t.TempDir(), word)
				}
			}
			tried++
			if code, stdout, stderr := b.run(words[1:]...); code != 0 || stderr != "" {
				t.Errorf("%s: %s: %d\n%s%s", path, line, code, stdout, stderr)
			}
		}
	}
	if tried < 7 {
		t.Errorf("%d commands", tried)
	}
}
