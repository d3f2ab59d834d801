package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// K3: with fence = "oob" Ganeti's out-of-band program switches the node off, and only
// the answer that it is off counts: not the success of the job, and not that of the
// program.
func TestFenceOOB(t *testing.T) {
	for _, row := range []struct {
		oob  luxitest.OOB
		said string // in the log; the fence succeeds if it is empty
	}{
		{luxitest.OOBWorks, ""},
		{luxitest.OOBFails, "power-off of node2: the oob_program failed, see gnt-job info "},
		{luxitest.OOBLies, "power-status of node2: it is still on"},
		{luxitest.OOBHangs, "power-off of node2: the oob_program failed, see gnt-job info "},
		{luxitest.OOBNone, "power-off of node2: the node has no oob_program"},
	} {
		b := newBed(t, badNode)
		b.m.Edit(func(c *luxitest.Cluster) {
			c.Node("node2").OOB = row.oob
			for _, name := range []string{"web2", "db1"} {
				c.Instance(name).Tags = []string{"ganeti:watcher:autorepair:failover"}
			}
		})
		b.write("/etc/ganeti/autorepair.toml", "fence = \"oob\"\n")
		b.want(0, 0, "", "run", "--from-watcher")
		log := strings.Join(b.log(), "\n")
		if released := strings.Contains(log, `msg="repair job released" instance=web`); released != (row.said == "") || !strings.Contains(log, row.said) {
			t.Errorf("%q: released: %v, want %q in\n%s", row.oob, released, row.said, log)
		}
		commands := 0
		for _, j := range b.m.Jobs() {
			for _, op := range j.Ops {
				if op.ID == "OP_OOB_COMMAND" {
					commands++
				}
			}
		}
		if commands > 2 {
			t.Errorf("%q: node2 was asked about by %d jobs", row.oob, commands)
		}
		if off := b.m.Snapshot().Node("node2").Dead; off != (row.oob == luxitest.OOBWorks) {
			t.Errorf("%q: node2 is off: %v", row.oob, off)
		}
	}
}

// K3: while somebody's job has the node locked the fence fails, and names that job. Its
// own job is canceled: it does not switch the node off later.
func TestFenceOOBBehindALock(t *testing.T) {
	b := newBed(t, badNode)
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").OOB = luxitest.OOBWorks })
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_OOB_COMMAND" {
			return luxitest.OpPass()
		}
		return luxitest.OpHangs()
	})
	other := b.submit(`{"OP_ID":"OP_NODE_SET_PARAMS","reason":[],"node_name":"node2","drained":true}`)
	b.m.Advance(time.Second)
	c := luxi.New(b.m.Socket(), luxi.Options{Now: b.m.Now})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), oobReserve+300*time.Millisecond)
	defer cancel()
	err := (&oobFence{client: c, now: b.m.Now}).ask(ctx, "node2", []string{"web1"})
	if want := fmt.Sprintf("power-off of node2: job %d waits for a lock that job %d has", other+1, other); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	b.m.OnOpcode(nil)
	b.m.Continue(other)
	b.m.RunUntilQuiet()
	if b.m.Snapshot().Node("node2").Dead {
		t.Error("the node was switched off later")
	}
}
