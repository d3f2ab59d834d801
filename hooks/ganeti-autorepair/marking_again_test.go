package main

import (
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// K5, T12: a node that was marked is marked online by a person at once, before any pass has
// seen it offline, and does not answer yet. It counts as silent from then on: what was known
// of it before is over, its tag, too.
func TestMarkedOnlineAtOnce(t *testing.T) {
	n := readyToMark(t, markSettings)
	n.want(0, 0, "", "run", "--from-watcher")
	if !n.offline("node2") {
		t.Fatal("not marked")
	}
	if looks := n.memory("node2").Looks; looks != 0 {
		t.Errorf("it is remembered as silent in %d looks", looks)
	}
	fences := n.opcodes("OP_OOB_COMMAND")
	n.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Offline, c.Node("node2").PoweredOff = false, false })
	n.watcher()
	n.later(10 * time.Minute)
	if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != fences {
		t.Errorf("marked again after two looks: %+v, tags %q", n.memory("node2"), n.tagsOf("node2"))
	}
	n.later(15 * time.Minute)
	if !n.offline("node2") {
		t.Errorf("not marked after five looks: %+v, tags %q", n.memory("node2"), n.tagsOf("node2"))
	}
}

// K5, K7: a pass that does not look, because the watcher is paused or the queue drained, breaks
// the row: whoever has mended the node meanwhile finds it fenced on no single look.
func TestPauseBreaksTheRow(t *testing.T) {
	for _, row := range []struct {
		what         string
		begins, ends func(*luxitest.Cluster)
	}{
		{"paused", func(c *luxitest.Cluster) { c.WatcherPause = time.Unix(1<<33, 0) }, func(c *luxitest.Cluster) { c.WatcherPause = time.Time{} }},
		{"drained", func(c *luxitest.Cluster) { c.QueueDrained = true }, func(c *luxitest.Cluster) { c.QueueDrained = false }},
	} {
		n := readyToMark(t, markSettings)
		n.m.Edit(row.begins)
		n.want(0, 0, "", "run", "--from-watcher")
		n.m.Advance(5 * time.Minute)
		n.m.Edit(row.ends)
		n.want(0, 0, "", "run", "--from-watcher")
		if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != 0 || n.memory("node2").Looks != 1 {
			t.Errorf("%s: marked in the first look after it: %v, fenced by %d jobs, %+v", row.what, n.offline("node2"), n.opcodes("OP_OOB_COMMAND"), n.memory("node2"))
		}
		n.later(10 * time.Minute)
		if !n.offline("node2") {
			t.Errorf("%s: not marked three looks after it: %+v", row.what, n.memory("node2"))
		}
	}
}
