//go:build cluster

package integration_test

import (
	"context"
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// hangDelay lets TEST_DELAY hang on a node, and so keep its lock.
func hangDelay(node string) nodesim.Fault {
	return nodesim.Fault{Node: node, Call: "test_delay", Hang: true}
}

func delayOn(node string) []vcluster.Opcode {
	return []vcluster.Opcode{{"OP_ID": "OP_TEST_DELAY", "duration": 0.01, "on_master": false, "on_nodes": []string{node}, "no_locks": false}}
}

func drainFirst(node string) []vcluster.Opcode {
	return []vcluster.Opcode{{"OP_ID": "OP_NODE_SET_PARAMS", "node_name": node, "drained": true, "priority": -10}}
}

// eventually waits until a condition holds.
func (w *simWorld) eventually(what string, holds func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// waitCall waits until a fault for the call has been hit.
func (w *simWorld) waitCall(node, call string) {
	w.t.Helper()
	w.eventually("call "+call+" on "+node, func() bool { return w.sim.Hits(call) > 0 })
}

func (w *simWorld) waitStatus(id int, status string) {
	w.t.Helper()
	w.eventually("a job that is "+status, func() bool {
		j, err := w.JobInfo(w.ctx, id)
		w.must(err)
		return j.Status == status
	})
}

func (w *simWorld) jobInfo(id luxi.JobID) luxi.JobInfo {
	w.t.Helper()
	jobs, err := w.luxi.QueryJobs(w.ctx, []luxi.JobID{id})
	w.must(err)
	return jobs[0]
}

// othersEnd waits for all jobs but those of the instances whose jobs never end.
func (w *simWorld) othersEnd(but ...string) {
	w.t.Helper()
	for _, job := range w.queue() {
		waits := true
		for _, name := range but {
			waits = waits && job.Ops[0].Param("instance_name") != name
		}
		if waits && !job.Status.Final() {
			_, err := w.WaitJob(w.ctx, int(job.ID))
			w.must(err)
		}
	}
}

// Every step fails in every way it can, and none of it is tried beyond what is
// safe or called a success (S5, S6, S7, C2, P10).
func TestFaultsOfSteps(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall
group default
node good1 mem=65536 disk=65536
node good2 mem=65536 disk=65536
node good3 mem=65536 disk=65536
node dead
node drained
instance start nodes=dead,good1 template=drbd
instance startrbd nodes=dead template=rbd hypervisor=kvm
instance half nodes=drained template=rbd hypervisor=kvm
instance never nodes=drained template=ext
instance sync nodes=good1,dead template=drbd
instance killed nodes=good2,dead template=drbd
instance space nodes=dead template=plain
instance script nodes=dead template=plain os=failing
instance lost nodes=good1,dead template=drbd
`)
	refused := nodesim.Fault{Fail: "the simulated node refuses"}
	fault := func(instance, call string, f nodesim.Fault) {
		f.Instance, f.Call = instance, call
		w.sim.Inject(f)
	}
	broken := nodesim.Fault{Result: map[string]interface{}{"status": "failed", "transferred_ram": 1, "total_ram": 2, "postcopy_status": nil}}
	once := broken
	once.Times = 1
	fault("start", "instance_start", refused)
	fault("startrbd", "instance_start", refused)
	fault("half", "instance_get_migration_status", once)
	fault("never", "instance_get_migration_status", broken)
	fault("space", "blockdev_create", refused)
	fault("lost", "drbd_attach_net", nodesim.Fault{Drop: true, Times: 1})
	w.sim.StickSync("sync", true)
	w.sim.StickSync("killed", true)

	w.lostPower("dead")
	w.must(w.Drain(w.ctx, "drained"))
	start := w.since()
	for n := 0; n < 3; n++ {
		w.passAnyhow()
		w.othersEnd("sync", "killed")
	}
	// What runs is left alone, pass after pass.
	for _, name := range []string{"sync", "killed"} {
		if p := w.pending(name); len(p.Jobs) != 1 || w.jobInfo(p.Jobs[0]).Status != luxi.JobRunning {
			t.Errorf("%s: %s, want one job that runs", name, p.Tag)
		}
	}
	w.sim.StickSync("sync", false)
	ok, text, err := w.luxi.CancelJob(w.ctx, w.pending("killed").Jobs[0], true)
	if err != nil || !ok {
		t.Fatal(ok, text, err)
	}
	for n := 0; n < 3; n++ {
		w.passAnyhow()
		w.jobsEnd()
	}
	begun := w.begun(start)
	for _, want := range []struct {
		name    string
		typ     tagstore.Type
		o       tagstore.Outcome
		steps   string
		content string // "" where it does not matter
		runs    int
	}{
		{"start", tagstore.Failover, tagstore.Failure, "FAILOVER", "original", 0},
		{"startrbd", tagstore.Failover, tagstore.Failure, "FAILOVER", "original", 0},
		{"half", tagstore.Migrate, tagstore.Success, "MIGRATE, MIGRATE", "original", 1},
		{"never", tagstore.Migrate, tagstore.Failure, "MIGRATE, MIGRATE, MIGRATE", "original", 1},
		{"sync", tagstore.FixStorage, tagstore.Success, "REPLACE_DISKS", "original", 1},
		{"killed", tagstore.FixStorage, tagstore.Failure, "REPLACE_DISKS", "original", 1},
		{"lost", tagstore.FixStorage, tagstore.Failure, "REPLACE_DISKS", "original", 1},
		{"space", tagstore.Reinstall, tagstore.Failure, chainUp, "", 0},
		{"script", tagstore.Reinstall, tagstore.Failure, chainUp, "blank", 0},
	} {
		w.wantResult(want.name, want.typ, want.o, len(begun[want.name]))
		if got := steps(begun[want.name]); got != want.steps {
			t.Errorf("%s: repaired by %q, want %q", want.name, got, want.steps)
		}
		w.wantContent(want.name, want.content)
		if on := w.sim.RunsOn(want.name); len(on) != want.runs {
			t.Errorf("%s runs on %v, want %d nodes", want.name, on, want.runs)
		}
	}
	for _, name := range []string{"space", "script"} {
		if p := w.primary(name); p == "dead" {
			t.Errorf("%s: the fault came before its primary node was changed", name)
		}
		if n := w.sim.Count("instance_os_add", name); n != 0 {
			t.Errorf("%s was installed %d times", name, n)
		}
	}
}

// A node that is dead but not marked offline keeps every allocator from
// answering. No try is used up, nothing is called a failure, and when somebody
// marks the node the repairs go on (S8).
func TestDeadButNotOffline(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
node dead
instance web nodes=a template=rbd
instance db nodes=b,a template=drbd
instance quiet nodes=dead template=rbd
`)
	w.settings(testSettings + "max_attempts = 1\n")
	w.sim.PowerOff("dead")
	w.lostPower("a")
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	for _, name := range []string{"web", "db"} {
		if p := w.pending(name); len(p.Jobs) != 1 {
			t.Errorf("%s: %s, want its first job only", name, p.Tag)
		}
	}
	w.untouched("quiet", "dead")
	w.must(w.Offline(w.ctx, "dead"))
	w.settle(4)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 2)
	w.wantResult("db", tagstore.FixStorage, tagstore.Success, 2)
	w.wantResult("quiet", tagstore.Failover, tagstore.Success, 1)
}
