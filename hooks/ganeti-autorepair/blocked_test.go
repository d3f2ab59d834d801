package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// V2: where too many nodes of a group are bad no repair begins, and the log says
// so once per group, not once per instance.
func TestCrowdedGroupIsTold(t *testing.T) {
	b := newBed(t, badNode)
	b.m.Edit(func(c *luxitest.Cluster) {
		for _, n := range c.Nodes {
			n.Offline = n.Name == "node2" || n.Name == "node3" || n.Name == "node4"
		}
		for _, i := range c.Instances {
			i.Tags = nil
			if i.Template != "drbd" {
				i.Tags = []string{"ganeti:watcher:autorepair:failover"}
			}
		}
	})
	b.want(0, 0, "", "run", "--from-watcher")
	b.idle("a crowded group")
	log, err := os.ReadFile(filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), `msg="no new repairs" why="2 of 3 nodes of group default are offline or drained (max_unhealthy_nodes 50%)"`); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, log)
	}
}

// V6: a dry run says what it would do also when a pass would do nothing now, and
// says that, too.
func TestDryRunWhilePaused(t *testing.T) {
	b := newBed(t, badNode)
	hence := b.m.Now().Add(time.Hour)
	b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = hence })
	code, stdout, stderr := b.run("run", "--dry-run")
	if code != 0 || !strings.Contains(stdout, "web1: failover node2 ->") || !strings.Contains(stderr, "a pass would do nothing now: the watcher is paused") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	b.idle("dry run")
}
