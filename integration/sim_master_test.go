//go:build cluster

package integration_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// The master role moves to another node while repairs are under way. The hook
// there goes on with what the first one began, each step once; the hook of the
// former master does nothing and says nothing (C2, W1).
func TestMasterFailover(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	c, err := simcluster.Start(ctx, vcluster.Options{Nodes: 2, CandidatePool: 2})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	err = c.Load(ctx, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
node d
instance web nodes=a,b template=drbd
instance vm nodes=a template=rbd hypervisor=kvm
instance db nodes=c,a template=drbd
`)
	if err != nil {
		t.Fatal(err)
	}
	w := dressSimulated(t, ctx, c)
	w.sim.StickSync("db", true)
	w.lostPower("a")
	start := w.since()
	w.pass()
	w.othersEnd("db")
	web := w.pending("web")
	w.pass() // web's second step and vm's result; db's job is still running
	w.othersEnd("db")
	running := w.pending("db")

	// It complains that nothing listens on the cluster's own address.
	if r := w.run("node2", "gnt-cluster", "master-failover"); r.code != 0 && !strings.Contains(r.stderr, "master IP did not come up") {
		t.Fatalf("master-failover: %+v", r)
	}
	w.moved("node2")
	w.must(w.RemoveFile(w.Root("node1") + "/var/run/ganeti-autorepair/last-pass"))
	if r := w.hook("node1"); r.code != 0 || r.stdout+r.stderr != "" {
		t.Errorf("the hook of the former master: %+v", r)
	}
	w.sim.StickSync("db", false)
	w.settle(4)
	w.passAnyhow() // settles db, as a failure
	if r := w.wantResult("web", tagstore.Failover, tagstore.Success, 2); r.ID != web.ID {
		t.Errorf("web: %s follows %s", r.Tag, web.Tag)
	}
	w.wantResult("vm", tagstore.Failover, tagstore.Success, 1)
	// Its process lost its master in the middle of the work. What it had begun is not
	// begun again, nor taken for done unless its log says that all was copied: the new
	// mirror may be half a copy.
	if job := w.jobInfo(running.Jobs[0]); job.Status != luxi.JobError {
		t.Errorf("db: job %d ended as %s", job.ID, job.Status)
	}
	logs, err := w.luxi.JobLog(w.ctx, running.Jobs[0])
	w.must(err)
	outcome := tagstore.Failure
	if len(logs) == 1 && len(logs[0].Ops) == 1 && strings.Contains(fmt.Sprint(logs[0].Ops[0].Lines), "disks are in sync") {
		outcome = tagstore.Success
	}
	w.wantResult("db", tagstore.FixStorage, outcome, 1)
	w.wantSteps(start, "db", "REPLACE_DISKS")
	w.wantSteps(start, "web", "FAILOVER, REPLACE_DISKS")
	w.wantSteps(start, "vm", "FAILOVER")
}

// moved makes the world look at another master.
func (w *simWorld) moved(master string) {
	w.t.Helper()
	w.SetMaster(master)
	w.luxi.Close()
	w.luxi = luxi.New(w.Socket(), luxi.Options{})
}
