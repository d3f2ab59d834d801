//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// This file shows what becomes of instances that the real watcher cannot start (R1 to R3).

const (
	relocates     = testSettings + "relocate = \"repair\"\n"
	watcherTries  = 5 // MAXTRIES in lib/watcher/__init__.py
	tellsOfStarts = testSettings + "relocate = \"report\"\n"
	watcherSource = "gnt:watcher"
)

// startsByWatcher counts the starts of an instance by the watcher that came to an end
// like that.
func (w *simWorld) startsByWatcher(name string, status luxi.JobStatus) int {
	w.t.Helper()
	n := 0
	for _, job := range w.queue() {
		op := job.Ops[0]
		if op.ID == luxi.OpInstanceStartup && op.Param("instance_name") == name && job.Status == status && len(op.Reason) > 0 && op.Reason[0].Source == watcherSource {
			n++
		}
	}
	return n
}

// found returns the objects of the findings with that word.
func (w *simWorld) found(word repair.FindingWord) map[string]bool {
	w.t.Helper()
	var s struct {
		Findings []struct{ Finding, Object string }
	}
	w.must(json.Unmarshal([]byte(w.command(0, "", "status", "--json")), &s))
	objects := make(map[string]bool)
	for _, f := range s.Findings {
		if f.Finding == string(word) {
			objects[f.Object] = true
		}
	}
	return objects
}

// watched runs the watcher so many times. Each run begins with a pass.
func (w *simWorld) watched(runs int) {
	w.t.Helper()
	for n := 0; n < runs; n++ {
		w.watcher()
	}
}

// R1, R2, R3: the watcher tries five times to start what one node cannot run, then the
// program moves it, and only it: not what is told of alone, what nobody wants to run, what
// runs elsewhere, what its user has shut down, what would be refused anywhere, nor many at
// once. What cannot run on the other node either is not moved back.
func TestRelocate(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
group second
node d group=second
node e group=second
instance web nodes=a,b template=drbd mem=16 disk=16
instance shared nodes=a template=rbd mem=16 disk=16
instance bridged nodes=a,c template=drbd mem=16 disk=16
instance local nodes=a template=plain mem=16 disk=16
instance stopped nodes=a,b template=drbd mem=16 disk=16
instance outside nodes=a,b template=drbd mem=16 disk=16
instance astray nodes=a template=rbd mem=16 disk=16
instance user nodes=a,b template=drbd mem=16 disk=16
instance revived nodes=a,b template=drbd mem=16 disk=16
instance refused nodes=a,b template=drbd mem=16 disk=16
instance well nodes=b,a template=drbd mem=16 disk=16
instance m1 nodes=d,e template=drbd mem=16 disk=16
instance m2 nodes=d,e template=drbd mem=16 disk=16
instance m3 nodes=e,d template=drbd mem=16 disk=16
instance m4 nodes=d,e template=drbd mem=16 disk=16
`)
	w.typed("gnt-cluster modify --user-shutdown=yes")
	w.does(instanceOp("INSTANCE_SET_PARAMS", "bridged", vcluster.Opcode{"nics": [][]interface{}{{"modify", 0, map[string]string{"mode": "bridged", "link": "br7"}}}}))
	w.settings(tellsOfStarts)
	down := []string{"web", "shared", "bridged", "local", "stopped", "outside", "astray", "user", "revived", "m1", "m2", "m3", "m4"}
	for _, name := range down {
		w.sim.CrashInstance(name)
	}
	w.sim.Inject(nodesim.Fault{Node: "a", Call: "bridges_exist", Fail: "Missing bridges br7"})
	w.sim.Inject(nodesim.Fault{Node: "a", Call: "instance_start", Fail: "no KVM here"})
	w.sim.Inject(nodesim.Fault{Node: "d", Call: "instance_start", Fail: "no"})
	w.sim.Inject(nodesim.Fault{Node: "e", Call: "instance_start", Fail: "no"})
	start := w.since()
	for n := 1; n <= watcherTries; n++ {
		w.watcher()
		if n == watcherTries-1 {
			// One try is left to the watcher.
			w.settings(relocates)
			w.pass()
			w.settings(tellsOfStarts)
		}
	}
	// Nothing that the watcher submits is refused like that, so it is made up: while the
	// instance is marked offline.
	w.does(instanceOp("INSTANCE_SHUTDOWN", "refused"))
	w.typed("gnt-instance modify --offline refused")
	for n := 0; n < watcherTries; n++ {
		w.refuses("is marked to be offline", instanceOp("INSTANCE_STARTUP", "refused", vcluster.Opcode{"reason": [][]interface{}{{watcherSource, "Restarting instance refused", time.Now().UnixNano()}}}))
	}
	w.typed("gnt-instance modify --online refused")
	w.refuses("no KVM here", instanceOp("INSTANCE_STARTUP", "refused")) // marks it up
	for _, name := range down {
		if n := w.startsByWatcher(name, luxi.JobError); n != watcherTries {
			t.Errorf("%s: %d tries", name, n)
		}
		w.wantSteps(start, name, "")
	}

	// By default all that is done is to tell.
	w.watched(1) // writes instance-status, and gives up
	w.pass()
	told := w.found(repair.FindingNotStarted)
	for _, name := range append(down, "refused") {
		w.wantSteps(start, name, "")
		if !told["instance "+name] {
			t.Errorf("not told: %s", name)
		}
	}
	if told["instance well"] {
		t.Error("told: well")
	}
	if r := w.run(w.Master(), program, "check"); r.code != 1 || !strings.Contains(r.stdout, "not-started: web: ganeti-watcher has tried 5 times to start it, at last by job ") || !strings.Contains(r.stdout, "no KVM here") {
		t.Errorf("check: %d %s%s", r.code, r.stdout, r.stderr)
	}

	// What the watcher has given up, and what has come of it since.
	w.does(instanceOp("INSTANCE_SHUTDOWN", "stopped"))
	w.does(instanceOp("INSTANCE_SHUTDOWN", "revived"))
	w.sim.RunOutside("a", "revived")
	w.sim.RunOutside("b", "outside")
	w.sim.RunOutside("b", "astray")
	w.sim.RunOutside("a", "user")
	w.sim.ShutDownByUser("user")
	// Whoever asks for one instance alone is told nothing of where else it runs.
	for name, status := range map[string]string{
		"web": "ERROR_down", "stopped": "ADMIN_down", "revived": "ERROR_up", "outside": "ERROR_down", "astray": "ERROR_down", "user": "USER_down",
	} {
		w.wantStatus(name, status)
	}
	w.settings(relocates)
	w.command(0, "ganeti-watcher cannot start it where it is", "explain", "web")
	w.command(0, "ready", "status")
	w.pass()
	w.jobsEnd()
	w.wantSteps(start, "web", "ACTIVATE_DISKS FAILOVER")
	w.wantSteps(start, "bridged", "ACTIVATE_DISKS FAILOVER")
	w.wantSteps(start, "shared", "FAILOVER")
	w.wantReason("refused", "needs-repair", string(repair.ReasonCannotStart))
	w.command(0, "it would be refused on any node", "explain", "refused")
	for _, name := range []string{"m1", "m2", "m3", "m4"} {
		w.wantReason(name, "needs-repair", string(repair.ReasonManyDown))
	}
	w.command(0, "4 instances of group second cannot be started, more than 3 (max_relocations)", "explain", "m1")
	w.pass()
	for name, others := range map[string]string{"web": "b", "bridged": "c", "shared": "b c"} {
		w.wantRepaired(name, tagstore.Failover, tagstore.Success, w.begun(start)[name])
		p := w.primary(name)
		if !strings.Contains(others, p) {
			t.Errorf("%s is on %s", name, p)
		}
		w.wantWhere(name, p, p)
		w.wantContent(name, nodesim.Original)
		w.wantPins(subject{name: name}, w.begun(start)[name])
	}
	alone := []string{"local", "stopped", "outside", "astray", "user", "revived", "refused", "well", "m1", "m2", "m3", "m4"}
	leftAlone := func() {
		t.Helper()
		for _, name := range alone {
			w.wantSteps(start, name, "")
			if r := w.tags(name); len(r.Pendings)+len(r.Results) != 0 {
				t.Errorf("%s has the records %+v", name, r)
			}
		}
	}
	leftAlone()
	got := w.reasons()
	for _, name := range []string{"local", "stopped", "outside", "astray", "user", "revived", "well"} {
		if got[name] != string(repair.ReasonHealthy) {
			t.Errorf("%s: %s", name, got[name])
		}
	}
	w.does(instanceOp("INSTANCE_SHUTDOWN", "refused")) // or the watcher goes on with it

	// The watcher marks down what its user has shut down; a pass goes before that and after.
	w.watched(2)
	w.jobsEnd()
	w.wantStatus("user", "USER_down")
	leftAlone()

	// It does not run on its new node either: it is not moved back.
	w.sim.Inject(nodesim.Fault{Node: "b", Call: "instance_start", Instance: "web", Fail: "nor here"})
	w.sim.CrashInstance("web")
	before := w.startsByWatcher("web", luxi.JobError)
	w.watched(watcherTries)
	w.pass()
	w.jobsEnd()
	if n := w.startsByWatcher("web", luxi.JobError) - before; n != watcherTries {
		t.Errorf("web: %d tries on its new node", n)
	}
	w.wantReason("web", "needs-repair", string(repair.ReasonFlapping))
	w.wantSteps(start, "web", "ACTIVATE_DISKS FAILOVER")
	w.wantWhere("web", "b")
	w.command(0, "repeat_after", "explain", "web")
	leftAlone()
}

// R1, R2, P19: where the program moves what the watcher has not given up yet, both may act
// in the same run of the watcher, and it runs once, on the other node. What would start
// there from a copy that lacks writes stays where it is, for a person, and is not tried
// again.
func TestRelocateBesideWatcher(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
instance web nodes=a,b template=drbd mem=16 disk=16
instance stale nodes=a,c template=drbd mem=16 disk=16
`)
	w.settings(relocates + "restart_tries = 2\n")
	w.sim.Cut("a", "c")
	w.sim.Write("stale")
	w.sim.CrashInstance("web")
	w.sim.CrashInstance("stale")
	w.sim.Inject(nodesim.Fault{Node: "a", Call: "instance_start", Fail: "no KVM here"})
	w.watched(2)
	w.wantSteps(0, "web", "")
	w.wantSteps(0, "stale", "")
	w.watched(2)
	w.jobsEnd()
	w.passAnyhow() // it ends with an error, as a repair has failed
	w.jobsEnd()
	w.wantSteps(0, "web", "ACTIVATE_DISKS FAILOVER")
	w.wantRepaired("web", tagstore.Failover, tagstore.Success, w.begun(0)["web"])
	w.wantWhere("web", "b", "b")
	w.wantContent("web", nodesim.Original)

	wantStale := func() {
		t.Helper()
		w.wantSteps(0, "stale", "ACTIVATE_DISKS FAILOVER")
		w.wantRepaired("stale", tagstore.Failover, tagstore.Failure, w.begun(0)["stale"])
		w.wantWhere("stale", "a")
		w.wantReason("stale", "failed", string(repair.ReasonFailed))
		w.wantCopies("stale", "disk/0 on a: original", "disk/0 on c: original, lacks writes of a")
	}
	wantStale()
	w.watched(1)
	w.command(0, "1 failure cleared", "ack", "stale")
	w.pass()
	w.jobsEnd()
	w.wantReason("stale", "needs-repair", string(repair.ReasonFlapping))
	w.wantSteps(0, "stale", "ACTIVATE_DISKS FAILOVER")
	w.wantWhere("stale", "a")
}
