//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// P20: what a dead node ran is brought back in the pass that finds it, beside copies that
// take as long as they like and have used up the limit of copies.
func TestBroughtBackBesideCopies(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node lost
node dead
node a
node b
node c
instance copy1 nodes=a,lost template=drbd
instance copy2 nodes=b,lost template=drbd
instance copy3 nodes=c,lost template=drbd
instance web1 nodes=dead template=rbd
instance web2 nodes=dead template=rbd
instance web3 nodes=dead template=rbd
instance db nodes=dead,a template=drbd
`)
	w.settings(testSettings + "max_running = 2\nmax_copying = 1\npass_timeout = \"5m\"\n")
	w.lostPower("lost")
	lift := w.sim.Inject(nodesim.Fault{Call: "blockdev_getmirrorstatus", Hang: true})
	start := w.since()
	w.pass()
	w.eventually("a copy is under way", func() bool { return w.sim.Hits("blockdev_getmirrorstatus") > 0 })
	copies := w.ourJobs(start, "repair")
	if len(copies) != 3 {
		t.Fatalf("%d copies were released, want 3", len(copies))
	}
	running := func() (n int) {
		for _, job := range copies {
			if w.jobInfo(job.ID).Status == luxi.JobRunning {
				n++
			}
		}
		return n
	}
	if n := running(); n != 1 {
		t.Errorf("%d copies are under way, max_copying is 1", n)
	}

	w.lostPower("dead")
	w.pass()
	for _, name := range []string{"web1", "web2", "web3"} {
		w.eventually(name+" is brought back", func() bool { return w.primary(name) != "dead" })
	}
	if n := running(); n != 1 {
		t.Errorf("%d copies are under way, want the first one still", n)
	}

	lift()
	w.jobsEnd()
	w.settle(8)
	for name, typ := range map[string]tagstore.Type{"web1": tagstore.Failover, "web2": tagstore.Failover, "web3": tagstore.Failover, "db": tagstore.Failover,
		"copy1": tagstore.FixStorage, "copy2": tagstore.FixStorage, "copy3": tagstore.FixStorage} {
		if r := w.tags(name).Results; len(r) != 1 || r[0].Type != typ || r[0].Outcome != tagstore.Success {
			t.Errorf("%s: its results are %+v", name, r)
		}
	}
}

// V7: a node that is back within replace_disks_after has cost no copy, and the repairs that
// waited end well without a job; of one that stays away the disks are replaced after it.
func TestReplaceDisksAfter(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node reboots
node a
node b
instance one nodes=a,reboots template=drbd
instance two nodes=reboots,b template=drbd
`)
	w.settings(testSettings + "replace_disks_after = \"1h\"\npass_timeout = \"5m\"\n")
	start := w.since()
	w.lostPower("reboots")
	w.pass()
	w.jobsEnd()
	w.pass()
	w.wantReason("one", "pending", "copies-later")
	w.wantReason("two", "pending", "copies-later")
	w.wantSteps(start, "one", "")
	w.wantSteps(start, "two", "FAILOVER")
	w.back("reboots")
	w.pass()
	w.wantResult("one", tagstore.FixStorage, tagstore.Success, 0)
	w.wantResult("two", tagstore.Failover, tagstore.Success, 1)

	start = w.since()
	w.lostPower("reboots")
	w.pass()
	w.wantReason("one", "pending", "copies-later")
	w.settings(testSettings + "replace_disks_after = \"1s\"\npass_timeout = \"5m\"\n")
	w.eventually("copies begin", func() bool {
		w.pass()
		reasons, later := w.reasons(), string(repair.ReasonCopiesLater)
		return reasons["one"] != later && reasons["two"] != later
	})
	w.settle(5)
	w.wantSteps(start, "one", "REPLACE_DISKS")
	w.wantSteps(start, "two", "REPLACE_DISKS")
}
