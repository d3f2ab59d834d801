package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// watchEmpty returns a cluster with an empty node, node2, and a function that does a pass
// and returns how often programs were told by now that it is empty.
func watchEmpty(t *testing.T) (*bed, func() int) {
	b := newBed(t, leaving)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Instance("web1").Primary, c.Instance("web1").RunsOn = "node3", []string{"node3"}
		c.Instance("db1").Secondaries = []string{"node4"}
	})
	out := b.told(map[string]string{"10-env": `[ "$AUTOREPAIR_EVENT" != node-empty ] || echo "$AUTOREPAIR_NODE" >>OUT`})
	return b, func() int {
		b.m.Advance(15 * time.Minute)
		b.want(0, 0, "", "run", "--from-watcher")
		return len(lines(t, out))
	}
}

// N4: a job of somebody's that may have an empty node for a while, as it moves another
// instance of the group, makes it no node that becomes empty anew.
func TestNodeEmptyIsNotToldAnewAfterAJob(t *testing.T) {
	b, passed := watchEmpty(t)
	if n := passed(); n != 1 {
		t.Fatalf("told %d times", n)
	}
	b.m.OnOpcode(func(luxitest.Opcode, luxitest.Job) luxitest.OpFault { return luxitest.OpHangs() })
	id := b.submit(`{"OP_ID":"OP_INSTANCE_MIGRATE","reason":[],"instance_name":"web1","target_node":"node4"}`)
	if n := passed(); n != 1 {
		t.Errorf("told %d times while a job may have it", n)
	}
	if _, stdout, _ := b.run("nodes", "--no-headers", "--separator=:", "-o", "state,jobs", "node2"); stdout != fmt.Sprintf("leaving:%d\n", id) {
		t.Fatalf("node2 is %s", stdout)
	}
	b.m.OnOpcode(nil)
	b.m.Continue(id)
	b.m.RunUntilQuiet()
	if n := passed(); n != 1 {
		t.Errorf("told %d times when the job has ended", n)
	}
	if log := strings.Join(b.log(), "\n"); strings.Count(log, "node is empty") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// N4: a node that had an instance again is told anew when it is empty, and so is one of
// which it is not remembered that it was told.
func TestNodeEmptyIsToldAnew(t *testing.T) {
	b, passed := watchEmpty(t)
	passed()
	move := func(node string) {
		b.m.Edit(func(c *luxitest.Cluster) {
			c.Instance("web1").Primary, c.Instance("web1").RunsOn = node, []string{node}
			c.Instance("web1").Tags = []string{"ganeti:watcher:autorepair:suspend"}
		})
	}
	move("node2")
	passed()
	move("node3")
	if n := passed(); n != 2 {
		t.Errorf("told %d times of a node that was filled and emptied", n)
	}
	if err := os.Remove(filepath.Join(b.root, "/var/run/ganeti-autorepair", reasonsFile)); err != nil {
		t.Fatal(err)
	}
	if n := passed(); n != 3 {
		t.Errorf("told %d times when what was told is lost", n)
	}
	if n := passed(); n != 3 {
		t.Errorf("told %d times by the pass after it", n)
	}
}
