//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/tagstore"
)

// P19: what does not run and leaves a drained node goes over to a copy only after Ganeti
// has compared the copies. Where the replication is cut that is refused, and the better
// copy stays where it is; the disks that were activated for it are deactivated after the
// last try. With the connection back the same repairs succeed.
func TestStaleCopyIsNotUsed(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:migrate
group default
node a1
node a2
node a3
node a4
node b1
node b2
node b3
node b4
instance stopped nodes=a1,b1 template=drbd
instance crashed nodes=a2,b2 template=drbd
instance stuck nodes=a3,b3 template=drbd
instance whole nodes=a4,b4 template=drbd
`)
	from := map[string]string{"stopped": "a1", "crashed": "a2", "stuck": "a3", "whole": "a4"}
	w.settings(testSettings + "pass_timeout = \"5m\"\nmax_attempts = 1\n")
	w.sim.Cut("a1", "b1")
	w.sim.Cut("a2", "b2")
	for _, name := range []string{"stopped", "stuck", "whole"} {
		w.does(instanceOp("INSTANCE_SHUTDOWN", name))
	}
	// A start that failed has left the disks of what should run inactive.
	w.sim.CrashInstance("crashed")
	lift := w.sim.Inject(nodesim.Fault{Call: "instance_start", Instance: "crashed", Fail: "no"})
	w.refuses("Could not start instance", instanceOp("INSTANCE_STARTUP", "crashed"))
	lift()
	w.wantDisksActive("crashed", false)
	// The failover of this one fails after its disks were activated.
	lift = w.sim.Inject(nodesim.Fault{Call: "instance_shutdown", Instance: "stuck", Fail: "no"})

	for _, node := range from {
		w.must(w.Drain(w.ctx, node))
	}
	start := w.since()
	for n := 0; n < 2; n++ {
		w.judgedPass()
		w.jobsEnd()
	}
	for _, name := range []string{"stopped", "crashed", "stuck"} {
		w.wantSteps(start, name, "ACTIVATE_DISKS FAILOVER")
		w.wantRepaired(name, tagstore.Migrate, tagstore.Failure, w.begun(start)[name])
		if p := w.primary(name); p != from[name] {
			t.Errorf("%s is on %s", name, p)
		}
		w.wantDisksActive(name, false)
	}
	w.wantCopies("stopped", "disk/0 on a1: original", "disk/0 on b1: original, lacks writes of a1")
	w.wantCopies("crashed", "disk/0 on a2: original", "disk/0 on b2: original, lacks writes of a2")
	tidied := 0
	for _, job := range w.queue() {
		if job.ID > start && opcodes(job) == "DEACTIVATE_DISKS" {
			tidied++
			if name := job.Ops[0].Param("instance_name"); string(job.Status) != "success" || name == "crashed" {
				t.Errorf("the disks of %s: job %d ended as %s", name, job.ID, job.Status)
			}
		}
	}
	if tidied == 0 {
		t.Error("no disks were deactivated")
	}

	lift()
	w.sim.Mend("a1", "b1")
	w.sim.Mend("a2", "b2")
	for _, name := range []string{"stopped", "crashed", "stuck"} {
		w.command(0, "1 failure cleared", "ack", name)
	}
	w.settle(4)
	for _, name := range []string{"stopped", "crashed", "stuck", "whole"} {
		w.wantResult(name, tagstore.Migrate, tagstore.Success, 2)
		w.wantContent(name, nodesim.Original)
		if p := w.primary(name); p == from[name] {
			t.Errorf("%s is still on %s", name, p)
		}
		if name != "crashed" {
			w.does(instanceOp("INSTANCE_STARTUP", name))
		}
		w.wantWhere(name, w.primary(name), w.primary(name))
	}
}
