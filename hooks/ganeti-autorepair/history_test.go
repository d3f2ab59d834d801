package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// A repair is told while it is pending, after its result, after its tags and
// after its jobs are archived; a second repair of the instance beside it. What
// the queue no longer knows is told as far as tags do.
func TestHistory(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	b := newBed(t, strings.ReplaceAll(steered, "cluster c", "cluster c tags=ganeti:watcher:autorepair:failover"))
	b.want(0, 1, "tell of any repair", "history")
	b.want(0, 0, "", "run", "--from-watcher")
	row := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := b.run(append([]string{"history", "--no-headers", "--separator=|"}, args...)...)
		if code != 0 {
			t.Errorf("%v: %d, %s", args, code, stderr)
		}
		return stdout
	}
	if got := row("web1"); got != "2023-11-14 22:13|web1.example.com|id2|failover|pending|0s|3 failover node2.example.com -> node1.example.com running\n" {
		t.Errorf("pending: %s", got)
	}
	// The disks of db1 are replaced once web1 is back (P20).
	for k := 0; k < 2; k++ {
		b.m.RunUntilQuiet()
		b.m.Advance(5 * time.Minute)
		b.want(0, 0, "", "run", "--from-watcher")
	}
	const done = "2023-11-14 22:13|web1.example.com|id2|failover|success|"
	if got := row("web1"); !strings.HasPrefix(got, done) || !strings.Contains(got, "|3 failover node2.example.com -> node1.example.com success ") {
		t.Errorf("ended: %s", got)
	}
	before := row()
	file := filepath.Join(b.root, "saved")
	b.want(0, 0, "", "status", "--save", file)
	if got := row("--snapshot", file); got != before {
		t.Errorf("from a snapshot\n%s\nbut it was\n%s", got, before)
	}
	if got := row("web1", "--snapshot", file); !strings.HasPrefix(got, done) || strings.Count(got, "\n") != 1 {
		t.Errorf("of one, from a snapshot: %s", got)
	}
	_, stdout, _ := b.run("history", "--json")
	validate(t, "history.json", stdout)
	// The tags are gone, the jobs in the archive.
	b.m.Edit(func(c *luxitest.Cluster) {
		for _, i := range c.Instances {
			i.Tags = nil
		}
	})
	if n := b.m.ArchiveJobs(0); n == 0 {
		t.Fatal("nothing to archive")
	}
	if got := row(); got != before {
		t.Errorf("from the archive\n%s\nit was\n%s", got, before)
	}
	// Another repair, by hand, is given up; and one that harep left.
	b.want(0, 0, "", "repair", "web2", "migrate")
	b.want(0, 0, "", "cancel", "web2")
	b.tag("db2", "result:migrate:harep-1:1699999999:failure:1+4711")
	b.m.Advance(24 * time.Hour)
	b.screens("history", "history")
	if got := row("web2"); !strings.Contains(got, "|web2.example.com|id3|migrate|given-up||\n") {
		t.Errorf("given up: %s", got)
	}
	if got := row("db2"); !strings.Contains(got, "|harep-1|migrate|failure|") || !strings.Contains(got, "4711 unknown") {
		t.Errorf("of another program: %s", got)
	}
	if got := row("--since", "1h"); got != "" {
		t.Errorf("since an hour: %s", got)
	}
	// Purged: nothing tells of it.
	for _, j := range b.m.Jobs() {
		b.m.Purge(j.ID)
	}
	if got := row("web1"); got != "" {
		t.Errorf("purged: %s", got)
	}
	b.want(0, 1, "tell of any repair", "history", "nobody")
	b.host = "node3"
	b.want(11, 2, "not the master", "history")
}

// The screens with hundreds of repairs.
func TestHistoryScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	b := newBed(t, many(400))
	b.host = "node01"
	b.write("/var/lib/ganeti/ssconf_master_node", "node01\n")
	b.run("run", "--from-watcher")
	b.m.RunUntilQuiet()
	b.m.Advance(15 * time.Minute)
	b.run("run", "--from-watcher")
	b.screens("history-many", "history")
	b.screens("status-many", "status")
}
