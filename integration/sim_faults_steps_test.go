//go:build cluster

package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// stepFault is an instance, what goes wrong while it is repaired, and what must
// become of it.
type stepFault struct {
	name, place string           // as in a description
	fault       nodesim.Fault    // of the instance's calls; none without a call
	kill        string           // the process of its job is killed at this call
	typ         tagstore.Type    // of its result
	o           tagstore.Outcome // "" if it stays pending, as nobody knows where it runs (S16)
	steps       string           // the jobs that began
	content     string           // of its disk; "-" where there is none or it does not matter
	runs        int              // on how many nodes it runs in the end
}

var (
	refused  = "the simulated node refuses"
	halfway  = map[string]interface{}{"status": "failed", "transferred_ram": 1, "total_ram": 2, "postcopy_status": nil}
	replaces = "blockdev_create" // the first call of replace-disks that changes something
)

// stepFaults are the ways in which each step of each repair can fail.
var stepFaults = []stepFault{
	// The node refuses to start what was moved there: it is on a good node, and yet no success (S6).
	{name: "start", place: "nodes=dead,good1 template=drbd", fault: nodesim.Fault{Call: "instance_start", Fail: refused},
		typ: tagstore.Failover, o: tagstore.Failure, steps: "FAILOVER", content: "original"},
	{name: "startrbd", place: "nodes=dead template=rbd hypervisor=kvm", fault: nodesim.Fault{Call: "instance_start", Fail: refused},
		typ: tagstore.Failover, o: tagstore.Failure, steps: "FAILOVER", content: "original"},
	// A migration fails after it has begun to transfer; what runs goes on running, and a
	// person has to look where (S16).
	{name: "half", place: "nodes=drained template=rbd hypervisor=kvm", fault: nodesim.Fault{Call: "instance_get_migration_status", Result: halfway, Times: 1},
		typ: tagstore.Migrate, steps: "MIGRATE", content: "original", runs: 1},
	{name: "never", place: "nodes=drained template=ext", fault: nodesim.Fault{Call: "instance_get_migration_status", Result: halfway},
		typ: tagstore.Migrate, steps: "MIGRATE", content: "original", runs: 1},
	{name: "halfdrbd", place: "nodes=drained,good1 template=drbd hypervisor=kvm", fault: nodesim.Fault{Call: "instance_get_migration_status", Result: halfway, Times: 1},
		typ: tagstore.Migrate, steps: "MIGRATE", content: "original", runs: 1},
	// The second step of two: tried again while nothing but the mirror is at stake, and
	// no success where the new mirror may be half a copy.
	{name: "secondofp2", place: "nodes=drained,good3 template=drbd", fault: nodesim.Fault{Call: replaces, Fail: refused, Times: 1},
		typ: tagstore.Migrate, o: tagstore.Success, steps: "MIGRATE, REPLACE_DISKS, REPLACE_DISKS", content: "original", runs: 1},
	{name: "secondofp4", place: "nodes=dead,good2 template=drbd", fault: nodesim.Fault{Call: replaces, Fail: refused},
		typ: tagstore.Failover, o: tagstore.Failure, steps: "FAILOVER, REPLACE_DISKS, REPLACE_DISKS, REPLACE_DISKS", content: "original", runs: 1},
	{name: "mirrorofp4", place: "nodes=dead,good3 template=drbd", fault: nodesim.Fault{Call: "drbd_attach_net", Drop: true, Times: 1},
		typ: tagstore.Failover, o: tagstore.Failure, steps: "FAILOVER, REPLACE_DISKS", content: "original", runs: 1},
	// One of the three steps of P3.
	{name: "firstofp3", place: "nodes=drained,drained2 template=drbd", fault: nodesim.Fault{Call: replaces, Fail: refused, Times: 1},
		typ: tagstore.Migrate, o: tagstore.Success, steps: "REPLACE_DISKS, REPLACE_DISKS, MIGRATE, REPLACE_DISKS", content: "original", runs: 1},
	{name: "moveofp3", place: "nodes=drained2,drained template=drbd hypervisor=kvm", fault: nodesim.Fault{Call: "instance_get_migration_status", Result: halfway, Times: 1},
		typ: tagstore.Migrate, steps: "REPLACE_DISKS, MIGRATE", content: "original", runs: 1},
	// What is stopped fails as well, and is started by none of it.
	{name: "stopped", place: "nodes=drained,good1 template=drbd state=down", fault: nodesim.Fault{Node: "good1", Call: "blockdev_shutdown", Fail: refused, Times: 1},
		typ: tagstore.Migrate, o: tagstore.Success, steps: "ACTIVATE_DISKS FAILOVER, ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", content: "original"},
	{name: "stoppedp1", place: "nodes=good2,dead template=drbd state=down", fault: nodesim.Fault{Call: replaces, Fail: refused, Times: 1},
		typ: tagstore.FixStorage, o: tagstore.Success, steps: "REPLACE_DISKS, REPLACE_DISKS", content: "original"},
	{name: "stoppedos", place: "nodes=dead template=file os=failing state=down",
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainDown, content: "blank"},
	// A job that is lost or that never ends. The test says when the last two end.
	{name: "lost", place: "nodes=good1,dead template=drbd", fault: nodesim.Fault{Call: "drbd_attach_net", Drop: true, Times: 1},
		typ: tagstore.FixStorage, o: tagstore.Failure, steps: "REPLACE_DISKS", content: "original", runs: 1},
	{name: "sync", place: "nodes=good1,dead template=drbd",
		typ: tagstore.FixStorage, o: tagstore.Success, steps: "REPLACE_DISKS", content: "original", runs: 1},
	{name: "killed", place: "nodes=good2,dead template=drbd",
		typ: tagstore.FixStorage, o: tagstore.Failure, steps: "REPLACE_DISKS", content: "original", runs: 1},
	// No room for the new disks, after the primary node was changed (S6, P10).
	{name: "space", place: "nodes=dead template=plain", fault: nodesim.Fault{Call: "blockdev_create", Fail: refused},
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "-"},
	{name: "spacefile", place: "nodes=dead template=file", fault: nodesim.Fault{Call: "blockdev_create", Fail: refused},
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "-"},
	{name: "spacedrbd", place: "nodes=dead,dead2 template=drbd", fault: nodesim.Fault{Call: "blockdev_create", Fail: refused},
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "-"},
	// The other steps of a reinstallation: never begun again, never a success.
	{name: "shutdown", place: "nodes=dead template=plain", fault: nodesim.Fault{Call: "instance_shutdown", Fail: refused},
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "blank"},
	{name: "script", place: "nodes=dead template=plain os=failing",
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "blank"},
	{name: "scriptdrbd", place: "nodes=dead2,dead template=drbd os=failing",
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "blank"},
	{name: "startup", place: "nodes=dead template=file", fault: nodesim.Fault{Call: "instance_start", Fail: refused},
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "installed"},
	// The job's process is killed before the primary node was changed, after it, while
	// it migrates, and while it makes and fills new disks (S7, C2).
	{name: "killedearly", place: "nodes=dead,good1 template=drbd", kill: "blockdev_shutdown",
		typ: tagstore.Failover, o: tagstore.Success, steps: "FAILOVER, FAILOVER, REPLACE_DISKS", content: "original", runs: 1},
	{name: "killedlate", place: "nodes=dead,good2 template=drbd", kill: "instance_start",
		typ: tagstore.Failover, o: tagstore.Failure, steps: "FAILOVER", content: "original"},
	// Killed while it migrates, its target waits for it with the disks open: Ganeti
	// cannot close them before a MIGRATE with cleanup.
	{name: "killedmoving", place: "nodes=drained,good3 template=drbd hypervisor=kvm", kill: "instance_migrate",
		typ: tagstore.Migrate, steps: "MIGRATE", content: "original", runs: 1},
	{name: "killedmaking", place: "nodes=dead,dead2 template=drbd", kill: "blockdev_create",
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "-"},
	{name: "killedfilling", place: "nodes=dead template=plain", kill: "instance_os_add",
		typ: tagstore.Reinstall, o: tagstore.Failure, steps: chainUp, content: "blank"},
	// A node returns without the data it had: as the secondary node after a failover,
	// and drained, as the primary one of what has its only copy elsewhere by then.
	{name: "emptysecond", place: "nodes=gone,good1 template=drbd",
		typ: tagstore.Failover, o: tagstore.Success, steps: "FAILOVER", content: "original", runs: 1},
	{name: "emptyfirst", place: "nodes=gone2,good2 template=drbd tags=" + tagstore.Prefix + "suspend",
		typ: tagstore.Migrate, o: tagstore.Failure, steps: "ACTIVATE_DISKS FAILOVER, ACTIVATE_DISKS FAILOVER, ACTIVATE_DISKS FAILOVER", content: "-"},
	// A call that is late by as much as the test likes.
	{name: "late", place: "nodes=dead template=rbd tags=" + tagstore.Prefix + "suspend",
		typ: tagstore.Failover, o: tagstore.Success, steps: "FAILOVER", content: "original", runs: 1},
}

// Every step fails in every way it can, and none of it is tried beyond what is
// safe or called a success (S5, S6, S7, S10, C2, P10).
func TestFaultsOfSteps(t *testing.T) {
	var text strings.Builder
	text.WriteString("cluster cluster tags=ganeti:watcher:autorepair:reinstall\ngroup default\n")
	for _, node := range []string{"good1", "good2", "good3", "dead", "dead2", "drained", "drained2"} {
		fmt.Fprintf(&text, "node %s mem=65536 disk=262144\n", node)
	}
	text.WriteString("node gone disk=4096\nnode gone2 disk=4096\n")
	text.WriteString("instance emptyplain nodes=gone template=plain tags=" + tagstore.Prefix + "suspend\n")
	for _, f := range stepFaults {
		fmt.Fprintf(&text, "instance %s %s\n", f.name, f.place)
	}
	w := newSimWorld(t, text.String())
	w.settings(testSettings + "pass_timeout = \"10m\"\n")
	kills := make(map[string]string)
	for _, f := range stepFaults {
		if f.fault.Call != "" {
			f.fault.Instance = f.name
			w.sim.Inject(f.fault)
		}
		if f.kill != "" {
			kills[f.name] = f.kill
		}
	}
	w.sim.StickSync("sync", true)
	w.sim.StickSync("killed", true)

	w.lostPower("dead", "dead2", "gone", "gone2")
	w.must(w.Drain(w.ctx, "drained"))
	w.must(w.Drain(w.ctx, "drained2"))
	start := w.since()
	allKilled := w.killAt(kills)
	for n := 0; n < 3; n++ {
		w.judgedPass()
		w.othersEnd("sync", "killed")
		if n == 0 {
			w.returnEmpty("gone", "gone2")
			w.must(w.Drain(w.ctx, "gone2"))
			w.disallow("emptyplain", "suspend")
			w.disallow("emptyfirst", "suspend")
		}
	}
	// What runs is left alone, pass after pass.
	for _, name := range []string{"sync", "killed"} {
		if p := w.pending(name); len(p.Jobs) != 1 || w.jobInfo(p.Jobs[0]).Status != luxi.JobRunning {
			t.Errorf("%s: %s, want one job that runs", name, p.Tag)
		}
	}
	w.sim.StickSync("sync", false)
	w.must(w.kill("killed"))
	for n := 0; n < 12; n++ {
		w.judgedPass()
		w.jobsEnd()
		if !w.anythingToDo() {
			break
		}
	}
	allKilled() // one of them needs the nodes that the jobs of sync and killed had (P16)
	w.lateCall("late", "instance_start")
	begun, counts := w.begun(start), w.opcodeCounts()
	for _, f := range stepFaults {
		w.checkFault(f, begun[f.name], counts[f.name].destroying)
	}
	if got := w.sim.Content("emptyfirst", "good2"); got != "original" {
		t.Errorf("emptyfirst: its only copy holds %q", got)
	}
	// Its node is good again, whatever is on it.
	w.untouched("emptyplain", "gone")
	if n := len(begun["emptyplain"]) + counts["emptyplain"].destroying; n != 0 {
		t.Error("emptyplain was worked on")
	}
}

// returnEmpty brings nodes back as new machines.
func (w *simWorld) returnEmpty(nodes ...string) {
	w.t.Helper()
	for _, node := range nodes {
		w.must(w.sim.Replace(node))
		w.must(w.Online(w.ctx, node))
	}
}

// lateCall resumes an instance, whose repair makes a call that is not answered for
// two passes: its job goes on and the instance is left alone (S5).
func (w *simWorld) lateCall(instance, call string) {
	w.t.Helper()
	answer := w.sim.Inject(nodesim.Fault{Instance: instance, Call: call, Hang: true})
	made := make(chan struct{}, 1)
	w.sim.OnCall(func(c nodesim.Call) {
		if c.Instance == instance && c.Name == call {
			made <- struct{}{}
		}
	})
	w.disallow(instance, "suspend")
	w.judgedPass()
	select {
	case <-made:
	case <-w.ctx.Done():
		w.t.Fatalf("%s makes no call %s", instance, call)
	}
	w.sim.OnCall(nil)
	p, since := w.pending(instance), w.since()
	w.judgedPass()
	w.judgedPass()
	if q, now := w.pending(instance), w.since(); q.Tag != p.Tag || now != since {
		w.t.Errorf("%s: %s became %s, and jobs %d to %d were submitted", instance, p.Tag, q.Tag, since+1, now)
	}
	w.wantReason(instance, "pending", "jobs-running")
	answer()
	w.jobsEnd()
	w.judgedPass()
}

func (w *simWorld) checkFault(f stepFault, jobs []luxi.JobInfo, destroyers int) {
	t := w.t
	t.Helper()
	if got := steps(answered(jobs)); got != f.steps {
		t.Errorf("%s: repaired by %q, want %q", f.name, got, f.steps)
		for _, job := range jobs {
			t.Logf("job %d (%v) ended as %s: %v", job.ID, job.Summary, job.Status, job.Ops[0].Result.Err)
		}
	}
	if f.o == "" {
		w.wantReason(f.name, "pending", "whereabouts")
	} else {
		w.wantRepaired(f.name, f.typ, f.o, jobs)
	}
	if f.content != "-" {
		w.wantContent(f.name, f.content)
	}
	if on := w.sim.RunsOn(f.name); len(on) != f.runs {
		t.Errorf("%s runs on %v, want %d nodes", f.name, on, f.runs)
	}
	want, installs := 0, 0
	if f.typ == tagstore.Reinstall {
		want = 2 // one chain, of which not everything ran
		if p := w.primary(f.name); !strings.HasPrefix(p, "good") {
			t.Errorf("%s: the fault came before its primary node was changed from %s", f.name, p)
		}
	}
	if f.content == "installed" {
		installs = 1
	}
	if destroyers != want {
		t.Errorf("%s: %d opcodes that destroy data, want %d", f.name, destroyers, want)
	}
	if n := w.sim.Count("instance_os_add", f.name); n != installs {
		t.Errorf("%s was installed %d times, want %d", f.name, n, installs)
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
	// The copy of db waits for a while for web, which comes first (P20).
	w.eventually("the first jobs of both were refused", func() bool {
		w.pass()
		w.jobsEnd()
		return len(w.pending("web").Jobs) > 0 && len(w.pending("db").Jobs) > 0
	})
	w.pass()
	w.jobsEnd()
	for _, name := range []string{"web", "db"} {
		if p := w.pending(name); len(p.Jobs) != 1 {
			t.Errorf("%s: %s, want its first job only", name, p.Tag)
		}
	}
	w.untouched("quiet", "dead")
	w.must(w.Offline(w.ctx, "dead"))
	w.settle(4)
	// The refused jobs are no part of the results (S7).
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("db", tagstore.FixStorage, tagstore.Success, 1)
	w.wantResult("quiet", tagstore.Failover, tagstore.Success, 1)
}
