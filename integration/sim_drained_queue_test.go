//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// P15: while the queue is drained for an upgrade, what is queued still runs. A node comes
// back before its instance's failover has begun: a pass takes that back all the same, and
// leaves the one that runs alone. After the upgrade both repairs end.
func TestQueueDrainedWhileJobsWait(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node dead1
node dead2
node a
node b
instance one nodes=dead1,a template=drbd
instance two nodes=dead2,b template=drbd
`)
	w.settings(testSettings + "max_running = 1\n")
	answer := w.sim.Inject(nodesim.Fault{Call: "instance_start", Hang: true, Times: 1})
	w.lostPower("dead1", "dead2")
	start := w.since()
	w.pass()
	w.eventually("a failover is under way", func() bool { return w.sim.Hits("instance_start") > 0 })
	runs, waits, node := "one", "two", "dead2"
	if w.sim.Count("instance_start", "two") > 0 {
		runs, waits, node = "two", "one", "dead1"
	}
	job := func(name string) luxi.JobInfo {
		t.Helper()
		for _, j := range w.ourJobs(start, "repair") {
			if j.Ops[0].Param("instance_name") == name {
				return j
			}
		}
		t.Fatalf("%s has no repair job", name)
		return luxi.JobInfo{}
	}
	if j := job(waits); j.Status != luxi.JobQueued {
		t.Fatalf("%s: job %d is %s", waits, j.ID, j.Status)
	}

	w.back(node)
	w.typed("gnt-cluster queue drain")
	last := w.since()
	if r := w.passAnyhow(); r != (ran{}) {
		t.Errorf("the hook while the queue is drained: %+v", r)
	}
	if j := job(waits); j.Status != luxi.JobCanceled {
		t.Errorf("%s: job %d is %s", waits, j.ID, j.Status)
	}
	if j := job(runs); j.Status != luxi.JobRunning {
		t.Errorf("%s: job %d is %s", runs, j.ID, j.Status)
	}
	answer()
	w.jobsEnd()
	if got := w.since(); got != last {
		t.Errorf("jobs up to %d were submitted", got)
	}
	w.typed("gnt-cluster queue undrain")
	w.settle(3)
	w.wantResult(runs, tagstore.Failover, tagstore.Success, 2)
	w.wantResult(waits, tagstore.Failover, tagstore.Success, 0)
	w.wantSteps(start, runs, "FAILOVER, REPLACE_DISKS")
	w.wantSteps(start, waits, "")
	if p, n := w.primary(waits), w.sim.Count("instance_start", waits); p != node || n != 0 {
		t.Errorf("%s is on %s and was started %d times, want it on %s and never started", waits, p, n, node)
	}
}
