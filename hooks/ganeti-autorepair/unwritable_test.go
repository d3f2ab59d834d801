package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// inTheWay puts a directory with something in it in the place of a file, so that
// the file can neither be written nor replaced.
func (b *bed) inTheWay(path string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.root, path)); err != nil {
		b.t.Fatal(err)
	}
	b.write(path+"/thing", "")
}

// W8: what a pass cannot write never stops it and makes no noise: the hook says
// one line, which ganeti-watcher throws away, and ends well.
func TestNothingCanBeWritten(t *testing.T) {
	state := "/var/run/ganeti-autorepair/"
	for path, note := range map[string]string{
		state + stampFile:     "not kept: stamp: ",
		state + nodeFlagsFile: "not kept: node flags: ",
		state + roomTestsFile: "not kept: tests for room: ",
		state + jobMemoryFile: "not kept: earlier jobs: ",
		state + reasonsFile:   "not kept: reasons: ",
		"/var/log/ganeti-autorepair/ganeti-autorepair.log": "no log: ",
		"/m/x.prom": "no metrics: ",
	} {
		b := newBed(t, badNode)
		b.write("/etc/ganeti/autorepair.toml", "metrics_file = \"/m/x.prom\"\n")
		b.write("/m/other", "")
		b.inTheWay(path)
		b.want(0, 1, "ganeti-autorepair: warning: "+note, "run", "--from-watcher")
		b.m.RunUntilQuiet()
		if p := b.m.Snapshot().Instance("web1").Primary; p == "node2" {
			t.Errorf("%s: web1 was not repaired", path)
		}
	}
}

// W8: where it cannot be remembered what was told, changes are not told again and
// again, neither in the log nor to event programs. What the pass did is.
func TestChangesAreNotRepeated(t *testing.T) {
	b := newBed(t, badNode)
	out := b.told(map[string]string{"x": `echo "$AUTOREPAIR_EVENT $AUTOREPAIR_INSTANCE" >>OUT`})
	b.inTheWay("/var/run/ganeti-autorepair/" + reasonsFile)
	b.m.Edit(func(c *luxitest.Cluster) {
		for _, n := range c.Nodes {
			n.Offline = n.Name != "node1"
		}
	})
	for k := 0; k < 3; k++ {
		if text := b.nextPass(); text != nil {
			t.Errorf("pass %d logs\n%s", k, strings.Join(text, "\n"))
		}
	}
	if got := lines(t, out); got != nil {
		t.Errorf("told %q", got)
	}
	// Once it can be remembered they are told, once.
	os.RemoveAll(newPaths(b.getenv).state().file(reasonsFile))
	if text := strings.Join(b.nextPass(), "\n"); strings.Count(text, "no new repairs") != 1 {
		t.Errorf("log:\n%s", text)
	}
	b.nextPass()
	if got := lines(t, out); strings.Join(got, ",") != "repair-blocked web1,node-empty " {
		t.Errorf("told %q", got)
	}
}

// W8: many objects of which the same is to be said share a line: 300 node groups
// of one node each, and a tag that cannot be read on each of them.
func TestManyGroupsShareALine(t *testing.T) {
	var text strings.Builder
	text.WriteString("cluster c tags=ganeti:watcher:autorepair:failover\ngroup g\nnode node1 group=g mem=1000000 master\n")
	for k := 0; k < 300; k++ {
		fmt.Fprintf(&text, "group g%03d tags=ganeti:watcher:autorepair:suspend:soon%d\nnode n%03d group=g%03d mem=1000 offline\nnode o%03d group=g%03d mem=1000\ninstance i%03d template=rbd nodes=n%03d tags=ganeti:watcher:autorepair:failover\n", k, k, k, k, k, k, k, k)
	}
	b := newBed(t, text.String())
	b.write("/etc/ganeti/autorepair.toml", "max_unhealthy_nodes = 1\n")
	log := b.nextPass()
	counts := make(map[string]int)
	for _, line := range log {
		for _, msg := range []string{"no new repairs", "unreadable tag", "reason changed"} {
			if strings.Contains(line, `msg="`+msg+`"`) {
				counts[msg]++
			}
		}
	}
	if len(log) != 3 || counts["no new repairs"] != 1 || counts["unreadable tag"] != 1 || counts["reason changed"] != 1 {
		t.Errorf("%d lines, %v:\n%s", len(log), counts, strings.Join(log, "\n"))
	}
	if _, stdout, _ := b.run("status", "--no-headers"); strings.Contains(stdout, "unreadable") {
		t.Error("a table for programs has more than instances")
	}
	_, stdout, _ := b.run("status")
	if n := strings.Count(stdout, "unreadable tag"); n != 1 {
		t.Errorf("status has %d lines for unreadable tags", n)
	}
	_, stdout, _ = b.run("check")
	if len(stdout) > 1000 || strings.Count(stdout, "unreadable tag") != 1 {
		t.Errorf("check says\n%s", stdout)
	}
}
