package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// O1, O2, O3, O4, O6: explain for every sort of instance, from a snapshot that everybody has.
func TestExplainScreens(t *testing.T) {
	b := newBed(t, badNode)
	example := filepath.Join("../../examples", "bad-day.json")
	for _, name := range []string{"archive", "build", "crm", "db1", "db2", "huge", "mail", "old", "typo", "weak", "web1"} {
		b.screens("explain-"+name, "explain", name, "--snapshot", example)
		_, stdout, _ := b.run("explain", name, "--snapshot", example, "--json")
		validate(t, "explain.json", stdout)
	}
	b.want(1, 2, `there is no instance "nobody"`, "explain", "nobody", "--snapshot", example)
	b.want(2, 2, "expected", "explain")
}

// From the cluster it is the same as from a file.
func TestExplainLive(t *testing.T) {
	b := underway(t)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Tags = append(c.Tags, "ganeti:watcher:autorepair:reinstall", "ganeti:watcher:autorepair:suspend:5", "ganeti:watcher:autorepair:pending:x", "ganeti:watcher:autorepair:frob")
		c.Groups[0].Tags = []string{"ganeti:watcher:autorepair:suspend:soon"}
	})
	file := filepath.Join(b.root, "saved")
	_, live, stderr := b.run("explain", "web1", "--save", file)
	for _, part := range []string{
		"web1.example.com: suspended (suspended)",
		"does not count: of several types the least destructive does, failover",
		"a suspension that ended at",
		"ganeti:watcher:autorepair:pending:x: cannot be read (pending means something on instances only); it means nothing here.",
		"ganeti:watcher:autorepair:suspend:soon: cannot be read (suspend time is not a Unix time in seconds); it suspends all repairs until a person looks.",
		"ganeti:watcher:autorepair:frob: cannot be read",
		"ganeti-autorepair resume group:rack1",
		"Nearer objects say nothing: instance web1.example.com.",
	} {
		if !strings.Contains(live, part) {
			t.Errorf("no %q in\n%s%s", part, live, stderr)
		}
	}
	_, again, _ := b.run("explain", "web1", "--snapshot", file)
	if again != strings.Replace(live, "  The last pass was 0s ago, the next is due in 3m.\n", "", 1) {
		t.Errorf("from a file\n%s\nbut it was\n%s", again, live)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// What keeps passes as such from acting is the first thing to be asked about.
func TestWhyNoPassActs(t *testing.T) {
	b := underway(t)
	b.m.Advance(time.Hour)
	b.write("/etc/ganeti/hooks/watcher/ganeti-autorepair", "")
	b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause, c.QueueDrained = present.Add(2*time.Hour), true })
	for _, args := range [][]string{{"explain", "web1"}, {"status"}} {
		_, stdout, _ := b.run(args...)
		for _, part := range []string{"No pass acts: the watcher is paused until ", "gnt-cluster watcher continue.", "No pass acts: the job queue is drained: gnt-cluster queue undrain.", "ganeti-watcher runs no pass here: chmod +x /"} {
			if !strings.Contains(stdout, part) {
				t.Errorf("%v: no %q in\n%s", args, part, stdout)
			}
		}
	}
	if _, stdout, _ := b.run("explain", "web1"); !strings.Contains(stdout, "The last pass was 1h ago, the next is due.\n") {
		t.Error(stdout)
	}
}
