package repair_test

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// D8, S8: a node without its volume group keeps hail from reading what any node has, and so
// from choosing a place for anybody. The place is chosen here then, after a test for room as
// before; not where hail has found none.
func TestAllocatorCannotRead(t *testing.T) {
	const script = "Failure while running the iallocator script: iallocator module 'hail' failed: exited with exit code 1, output: 'Error: "
	for _, row := range []struct{ what, class, message, code, rooms, want string }{
		{"a node without its volume group", "OpExecError", script + "invalid data for node 'b': key 'total_disk': Unable to read Double '", "", "a:900/9000 c:900/0", "web=replace-disks>a"},
		{"the same, and no room", "OpExecError", script + "invalid data for node 'b': key 'total_disk': Unable to read Double '", "", "a:900/0 c:900/0", ""},
		{"hail has found no room", "OpPrereqError", "Can't compute nodes using iallocator 'hail': Request failed", luxi.ECodeNoRes, "a:900/9000 c:900/0", "web=replace-disks"},
		{"a node does not answer", "OpExecError", "Can't get data for node b: Error 7: Failed to connect", "", "a:900/9000 c:900/0", "web=replace-disks"},
	} {
		web := repairtest.Instance("web", "drbd", "m b", "pending:fix-storage:r1:100:4")
		s := repairtest.Allow(repairtest.Snapshot("m a b:drained c", web), "reinstall")
		s.Cluster.IAllocator = "hail"
		repairtest.WithJobs(s, repairtest.For("web", repairtest.FailedAt(4, repair.StepReplaceDisks, 0, row.class, row.message, row.code)))
		p := repair.NewPlan(s, placerOf(s, row.rooms, 128, 1000), settings(), repairtest.NewID)
		if got := begins(p); got != row.want {
			t.Errorf("%s: %q, want %q; %s %s", row.what, got, row.want, p.Decisions[0].Reason, p.Decisions[0].Detail)
		}
		for _, a := range p.Actions {
			if a.Job != nil && !a.Job.Test {
				t.Errorf("%s: it is not tested for room", row.what)
			}
		}
	}
}
