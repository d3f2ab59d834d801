package main

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// P21: when a repair was tested for room is remembered from pass to pass, so that tests
// come at growing distances. Losing it costs a few tests.
func TestRoomTestsAreRemembered(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, "web1 template=sharedfile nodes=node2 state=up mem=512", "web1 template=sharedfile nodes=node2 state=up mem=99999"))
	tests := func() int {
		t.Helper()
		before := len(b.m.Jobs())
		b.m.RunUntilQuiet()
		b.m.Advance(5 * time.Minute)
		b.want(0, 0, "", "run", "--from-watcher")
		n := 0
		for _, j := range b.m.Jobs()[before:] {
			if j.Ops[0].ID == "OP_INSTANCE_FAILOVER" {
				n++
			}
		}
		return n
	}
	counts := make([]int, 12)
	for k := range counts {
		counts[k] = tests()
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum < 2 || sum > 7 {
		t.Errorf("tests by pass: %v", counts)
	}
	if list := readRoomTests(newPaths(b.getenv).state()); len(list) != 1 {
		t.Errorf("remembered: %v", list)
	}
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Offline = false })
	tests()
	tests()
	if list := readRoomTests(newPaths(b.getenv).state()); len(list) != 0 {
		t.Errorf("remembered of what is no longer pending: %v", list)
	}
}

// P15: while the queue is drained a pass takes back what is no longer wanted, as that
// would still run, and does nothing else.
func TestDrainedQueueTakesBack(t *testing.T) {
	b := newBed(t, badNode)
	b.write("/etc/ganeti/autorepair.toml", "max_running = 1\n")
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Instance("web2").Tags = []string{"ganeti:watcher:autorepair:failover"}
	})
	b.want(0, 0, "", "run", "--from-watcher")
	var failover int64
	for _, j := range b.m.Jobs() {
		if j.Ops[0].ID == "OP_INSTANCE_FAILOVER" && !j.Started() {
			failover = j.ID
		}
	}
	if failover == 0 {
		t.Fatal("no failover waits for its turn")
	}
	b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained, c.Node("node2").Offline = true, false })
	jobs := len(b.m.Jobs())
	b.want(0, 0, "", "run", "--from-watcher")
	if j := b.m.Job(failover); j.Status != "canceled" || j.Started() {
		t.Errorf("job %d is %s", failover, j.Status)
	}
	if n := len(b.m.Jobs()); n != jobs {
		t.Errorf("%d jobs were submitted", n-jobs)
	}
	// A later pass must not take that for a person's cancel (S13).
	if m := readJobMemory(newPaths(b.getenv).state()); !m.TakenBack[luxi.JobID(failover)] {
		t.Errorf("remembered as taken back: %v, without job %d", m.TakenBack, failover)
	}
}
