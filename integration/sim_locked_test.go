//go:build cluster

package integration_test

import (
	"fmt"
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// C6: six instances whose suspensions have ended are locked by long jobs of others: three
// by jobs of their own, three by one that has them in a list. The
// passes repair what is not locked, write results and test for room, each in the pass in
// which it is due. Of what a job names no tags are changed as long as it runs; the others
// are tried, and what shares a job with them is written all the same. Afterwards the
// suspensions go.
func TestOthersJobsHoldUpNothing(t *testing.T) {
	past := fmt.Sprintf(" tags=%ssuspend:%d", tagstore.Prefix, time.Now().Add(-time.Hour).Unix())
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
group far
node dead
node a disk=262144
node b disk=65536
node c group=far
instance n1 nodes=a template=plain mem=16`+past+`
instance n2 nodes=a template=plain mem=16`+past+`
instance n3 nodes=b template=plain mem=16`+past+`
instance g1 nodes=c template=plain mem=16`+past+`
instance g2 nodes=c template=plain mem=16`+past+`
instance g3 nodes=c template=plain mem=16`+past+`
instance done nodes=a template=rbd mem=16 tags=ganeti:watcher:autorepair:pending:failover:asked:1700000000:
instance web nodes=dead,a template=drbd
instance big nodes=dead,a template=drbd disk=131072
`)
	w.settings(testSettings + "pass_timeout = \"5m\"\n")
	w.lostPower("dead")
	named, all := []string{"n1", "n2", "n3"}, []string{"n1", "n2", "n3", "g1", "g2", "g3"}
	var lifts []func()
	var others []luxi.JobID
	submit := func(op vcluster.Opcode) {
		t.Helper()
		ids, err := w.Submit(w.ctx, []vcluster.Opcode{op})
		w.must(err)
		others = append(others, luxi.JobID(ids[0]))
	}
	lifts = append(lifts, w.sim.Inject(nodesim.Fault{Call: "instance_shutdown", Hang: true}))
	for _, name := range named {
		submit(instanceOp("INSTANCE_SHUTDOWN", name))
	}
	w.eventually("all are being shut down", func() bool { return w.sim.Hits("instance_shutdown") == len(named) })
	lifts = append(lifts, w.sim.Inject(nodesim.Fault{Node: "c", Call: "blockdev_find", Hang: true}))
	submit(vcluster.Opcode{"OP_ID": "OP_INSTANCE_QUERY_DATA", "instances": []string{"g1", "g2", "g3"}, "static": false, "use_locking": true})
	w.waitCall("c", "blockdev_find")
	start := w.since()
	pass := func() {
		t.Helper()
		began := time.Now()
		w.pass()
		t.Logf("a pass took %v", time.Since(began).Round(time.Millisecond))
	}
	repairsEnd := func() {
		t.Helper()
		for _, job := range w.ourJobs(start, "repair") {
			_, err := w.WaitJob(w.ctx, int(job.ID))
			w.must(err)
		}
	}
	pass() // writes a result, and begins repairs
	w.wantResult("done", tagstore.Failover, tagstore.Success, 0)
	repairsEnd()
	pass() // takes the second steps, of which one finds no room
	repairsEnd()
	w.wantSteps(start, "web", "FAILOVER, REPLACE_DISKS")
	w.wantSteps(start, "big", "FAILOVER, REPLACE_DISKS")
	w.sim.SetStorage("b", 1000000)
	pass() // writes the result of a repair, tests for room and finds it
	w.wantResult("web", tagstore.Failover, tagstore.Success, 2)
	repairsEnd()
	pass() // writes the result of that
	w.wantSteps(start, "big", "FAILOVER, REPLACE_DISKS, REPLACE_DISKS")
	w.wantResult("big", tagstore.Failover, tagstore.Success, 2)
	if n := len(w.ourJobs(start, "probe")); n == 0 {
		t.Error("nothing was tested for room")
	}

	// What others have locked is as it was, and nothing that names the job's instances
	// was even tried.
	for _, name := range all {
		if got := w.tags(name).Suspends; len(got) != 1 {
			t.Errorf("%s: its suspensions are %v", name, got)
		}
	}
	for _, job := range w.ourJobs(start, "tags") {
		for _, op := range job.Ops {
			if contains(named, op.Param("name")) {
				t.Errorf("job %d was to change the tags of %s while a job had it", job.ID, op.Param("name"))
			}
		}
	}
	for _, id := range others {
		if status := w.jobInfo(id).Status; status != luxi.JobRunning {
			t.Errorf("job %d is %s: it did not hold its lock until the end", id, status)
		}
	}

	for _, lift := range lifts {
		lift()
	}
	w.jobsEnd()
	w.pass()
	for _, name := range all {
		if got := w.tags(name).Suspends; len(got) != 0 {
			t.Errorf("%s: its suspensions are %v after the locks are free", name, got)
		}
	}
}
