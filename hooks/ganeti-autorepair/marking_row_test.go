package main

import (
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// K5, K7: a pass that fails before it looks, or cannot look, breaks the row as one does that
// is paused: nobody knows whether the node answered meanwhile.
func TestFailedPassBreaksTheRow(t *testing.T) {
	for _, row := range []struct {
		what  string
		fails func(luxitest.Call) bool
	}{
		{"luxid does not answer", func(luxitest.Call) bool { return true }},
		{"the pass fails", func(c luxitest.Call) bool { return c.Method == "QueryClusterInfo" }},
		{"what is observed first cannot be read", nil},
	} {
		n := readyToMark(t, markSettings)
		first := true
		n.m.OnCall(func(c luxitest.Call) luxitest.Fault {
			if row.fails == nil && first && c.Method == "Query" || row.fails != nil && row.fails(c) {
				first = false
				return luxitest.DieBefore()
			}
			return luxitest.Pass()
		})
		code, out, errs := n.run("run", "--from-watcher")
		n.m.OnCall(nil)
		if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != 0 {
			t.Fatalf("%s: marked: exit %d %s%s", row.what, code, out, errs)
		}
		if looks := n.memory("node2").Looks; looks != 0 {
			t.Errorf("%s: %d looks count after it", row.what, looks)
		}
		n.m.Advance(5 * time.Minute)
		n.want(0, 0, "", "run", "--from-watcher")
		if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != 0 {
			t.Errorf("%s: marked in the first look after it", row.what)
		}
		n.later(10 * time.Minute)
		if !n.offline("node2") {
			t.Errorf("%s: not marked three looks after it: %+v", row.what, n.memory("node2"))
		}
	}
}
