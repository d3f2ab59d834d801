package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/plugin/repair"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for k := 0; k+1 < len(pairs); k += 2 {
			if pairs[k] == name {
				return pairs[k+1]
			}
		}
		return ""
	}
}

// W4: GANETI_ROOTDIR goes before every path, GANETI_HOSTNAME replaces the
// machine's own name.
func TestPaths(t *testing.T) {
	for root, prefix := range map[string]string{"": "", "/": "", "/srv/node1": "/srv/node1", "/srv/node1/": "/srv/node1"} {
		p := newPaths(environment("GANETI_ROOTDIR", root))
		for got, want := range map[string]string{
			p.socket():         "/var/run/ganeti/socket/ganeti-query",
			p.settings():       "/etc/ganeti/autorepair.toml",
			string(p.state()):  "/var/run/ganeti-autorepair",
			p.in("/var/log/x"): "/var/log/x",
		} {
			if got != prefix+want {
				t.Errorf("root %q: %s, want %s", root, got, prefix+want)
			}
		}
	}
	if p := newPaths(environment("GANETI_HOSTNAME", "node7.example.com")); p.hostname != "node7.example.com" {
		t.Errorf("host name %q", p.hostname)
	}
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if p := newPaths(environment()); p.hostname != own {
		t.Errorf("host name %q, want the machine's, %q", p.hostname, own)
	}
}

// W4: the master by this node's own files; "" where there are none.
func TestLocalMaster(t *testing.T) {
	root := t.TempDir()
	p := newPaths(environment("GANETI_ROOTDIR", root))
	if got := p.localMaster(); got != "" {
		t.Errorf("without a file the master is %q", got)
	}
	dir := filepath.Join(root, "var/lib/ganeti")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{"node1.example.com\n": "node1.example.com", " node2 \n\n": "node2", "": ""} {
		if err := os.WriteFile(filepath.Join(dir, "ssconf_master_node"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := p.localMaster(); got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
		if want == "" && repair.SameNode(p.hostname, p.localMaster()) {
			t.Error("every node is the master")
		}
	}
}

// -L and -c name another socket and another settings file.
func TestOtherSocketAndSettings(t *testing.T) {
	b := newBed(t, badNode)
	socket := newPaths(b.getenv).socket()
	other := filepath.Join(b.root, "s")
	if err := os.Rename(socket, other); err != nil {
		t.Fatal(err)
	}
	b.want(1, 2, "ganeti-query", "status")
	for _, args := range [][]string{{"-L", other, "status"}, {"-L" + other, "status"}, {"--luxi", other, "status"}, {"status", "-L", other}} {
		if code, stdout, stderr := b.run(args...); code != 0 || !strings.Contains(stdout, "4 instances") {
			t.Errorf("%v: %d, %s", args, code, stderr)
		}
	}
	settings := filepath.Join(b.root, "other.toml")
	if err := os.WriteFile(settings, []byte("max_unhealthy_nodes = \"0%\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := b.run("-L", other, "-c", settings, "status"); code != 0 || !strings.Contains(stdout, "max-unhealthy") {
		t.Errorf("other settings: %d, %s%s", code, stdout, stderr)
	}
	b.idle("looking")
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "a", " a \n\tb\r\nc ": "a b c", "\n": ""} {
		if got := oneLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// With -L a pass may run where this node's files tell nothing of a master; what
// luxid says counts.
func TestSocketGivenWithoutFiles(t *testing.T) {
	b := newBed(t, badNode)
	if err := os.RemoveAll(filepath.Join(b.root, "var/lib/ganeti")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := b.run("-L", newPaths(b.getenv).socket(), "run"); code != 0 || !strings.Contains(stderr, "repair job released") {
		t.Errorf("%d: %s", code, stderr)
	}
}
