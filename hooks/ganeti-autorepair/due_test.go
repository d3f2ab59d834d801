package main

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// W7: a pass is due at once when the flags of a node differ from those of the last
// pass, and not again before the interval is over.
func TestNodeFlagsMakeAPassDue(t *testing.T) {
	for what, edit := range map[string]func(n *luxitest.Node){
		"offline":        func(n *luxitest.Node) { n.Offline = true },
		"drained":        func(n *luxitest.Node) { n.Drained = true },
		"not vm_capable": func(n *luxitest.Node) { n.NotVMCapable = true },
	} {
		b := newBed(t, calm)
		passes := 0
		b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
			// A pass reads the jobs; the hook that finds that none is due does not.
			if c.Method == "Query" && strings.HasPrefix(string(c.Args), `["job"`) {
				passes++
			}
			return luxitest.Pass()
		})
		hook := func(want bool, when string) {
			t.Helper()
			passes = 0
			b.want(0, 0, "", "run", "--from-watcher")
			if (passes > 0) != want {
				t.Errorf("%s, %s: a pass was done: %v", what, when, passes > 0)
			}
		}
		hook(true, "at first")
		b.m.Advance(time.Minute)
		hook(false, "too early")
		b.m.Edit(func(c *luxitest.Cluster) { edit(c.Node("node4")) })
		hook(true, "flag set")
		b.m.Advance(time.Minute)
		hook(false, "flag set, and seen")
		b.m.Edit(func(c *luxitest.Cluster) {
			n := c.Node("node4")
			n.Offline, n.Drained, n.NotVMCapable = false, false, false
		})
		hook(true, "flag gone")
		b.m.OnCall(nil)
	}
}
