package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
