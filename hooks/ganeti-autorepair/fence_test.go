package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// V5: the command of the settings file is given the node and its instances. While
// it fails no repair begins, and what it said is in the log; once it succeeds they
// begin.
func TestFenceCommand(t *testing.T) {
	b := newBed(t, badNode)
	asked, path := filepath.Join(b.root, "asked"), filepath.Join(b.root, "fence")
	b.write("/etc/ganeti/autorepair.toml", "fence = \""+path+"\"\n")
	b.write("/fence", "#!/bin/sh\necho \"$@\" >>"+asked+"\n[ -e "+b.root+"/off ] && exit\necho it is on >&2; exit 3\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	b.want(0, 0, "", "run", "--from-watcher")
	if text := strings.Join(b.log(), "\n"); !strings.Contains(text, "exit 3: it is on") {
		t.Errorf("log:\n%s", text)
	}
	b.idle("the fence failed")
	b.write("/off", "")
	if code, _, stderr := b.run("run"); code != 0 || !strings.Contains(stderr, "web1: repair job released") {
		t.Errorf("%d: %s", code, stderr)
	}
	if got := strings.Join(lines(t, asked), "; "); got != "node2 web1; node2 web1" {
		t.Errorf("asked %q", got)
	}
}

// O: what only the pass found out is told until the next one: nobody is told that a
// repair is ready which the fence blocked a moment ago.
func TestFailedFenceIsTold(t *testing.T) {
	b := newBed(t, badNode)
	b.screen.columns = 200
	b.write("/etc/ganeti/autorepair.toml", "fence = \""+filepath.Join(b.root, "fence")+"\"\n")
	b.write("/fence", "#!/bin/sh\n[ -e "+b.root+"/off ] && exit\necho it is on >&2; exit 3\n")
	if err := os.Chmod(filepath.Join(b.root, "fence"), 0o755); err != nil {
		t.Fatal(err)
	}
	told := func(want bool) {
		t.Helper()
		for _, args := range [][]string{{"status"}, {"status", "--json"}, {"explain", "web1"}, {"check"}} {
			_, stdout, stderr := b.run(args...)
			if got := strings.Contains(stdout, "not-fenced"); got != want {
				t.Errorf("%v tells of the fence: %v\n%s%s", args, got, stdout, stderr)
			}
		}
	}
	told(false)
	b.run("run", "--from-watcher")
	told(true)
	if _, stdout, _ := b.run("status"); !strings.Contains(stdout, "exit 3: it is on") {
		t.Errorf("without the cause:\n%s", stdout)
	}
	// What the configuration says by now counts more.
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Offline = false })
	told(false)
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Offline = true })
	told(true)
	b.write("/off", "")
	b.run("run")
	told(false)
}
