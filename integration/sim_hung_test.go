//go:build cluster

package integration_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/tagstore"
)

// A node that takes calls and never answers, as where LVM or the hypervisor hangs,
// keeps luxid waiting for 60 s: only what is on it, or would go there, has to wait
// for it (C5).
func TestHungNode(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall
group default
node a
node b
node c
node d
node e
instance lost nodes=a template=plain
instance moves nodes=d,c template=drbd
instance web nodes=a,b template=drbd
`)
	w.settings(testSettings + "pass_timeout = \"5m\"\n")
	w.lostPower("a")
	w.must(w.Drain(w.ctx, "d"))
	hypervisor := w.sim.Inject(nodesim.Fault{Node: "d", Call: "all_instances_info", Hang: true})
	storage := w.sim.Inject(nodesim.Fault{Node: "e", Call: "node_info", Hang: true})
	start := w.since()
	w.pass()
	w.jobsEnd()
	w.wantReason("moves", "needs-repair", "no-live-status")
	w.untouched("moves", "d")
	w.wantSteps(start, "web", "FAILOVER")
	w.wantSteps(start, "lost", "RECREATE_DISKS SHUTDOWN REINSTALL STARTUP")
	for name, nodes := range map[string]string{"web": "b", "lost": "b c"} {
		if on := w.primary(name); !strings.Contains(nodes, on) {
			t.Errorf("%s is on %s, want one of %s", name, on, nodes)
		}
	}
	// An allocator asks all nodes: the new mirror has to wait.
	hypervisor()
	storage()
	w.settle(5)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 2)
	w.wantResult("lost", tagstore.Reinstall, tagstore.Success, 1)
	w.wantResult("moves", tagstore.Migrate, tagstore.Success, 2)
}
