//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// What happens between two steps of one repair: the repair goes on under its id,
// ends early because the node came back, or turns out to need more than it was
// permitted (S1, S9, S10, T6, P3, P4).
func TestBetweenSteps(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node good1 mem=65536 disk=65536
node good2 mem=65536 disk=65536
node good3 mem=65536 disk=65536
node old1
node old2
node old3
node other3
node drained1
node drained2
node drained3
node drained4
instance two nodes=old1,good1 template=drbd
instance three nodes=drained1,drained2 template=drbd hypervisor=kvm
instance back nodes=old2,good2 template=drbd
instance undrained nodes=drained3,drained4 template=drbd
instance weak nodes=old3,other3 template=drbd
instance strong nodes=old3,other3 template=drbd tags=ganeti:watcher:autorepair:reinstall
`)
	for _, node := range []string{"drained1", "drained2", "drained3", "drained4"} {
		w.must(w.Drain(w.ctx, node))
	}
	w.lostPower("old1", "old2", "old3")
	start := w.since()
	w.pass()
	w.jobsEnd()

	first := map[string]tagstore.Pending{}
	for name, typ := range map[string]tagstore.Type{
		"two": tagstore.Failover, "three": tagstore.Migrate, "back": tagstore.Failover,
		"undrained": tagstore.Migrate, "weak": tagstore.Failover, "strong": tagstore.Failover,
	} {
		first[name] = w.pending(name)
		if p := first[name]; p.Type != typ || len(p.Jobs) != 1 {
			t.Errorf("%s: %s, want %s with one job", name, p.Tag, typ)
		}
	}
	w.back("old2")
	w.must(w.Undrain(w.ctx, "drained3"))
	w.must(w.Undrain(w.ctx, "drained4"))
	w.lostPower("other3")
	w.pass()
	w.jobsEnd()

	for _, name := range []string{"two", "three"} {
		p := w.pending(name)
		if p.ID != first[name].ID || p.Time != first[name].Time || len(p.Jobs) != 2 || p.Jobs[0] != first[name].Jobs[0] {
			t.Errorf("%s: %s follows %s", name, p.Tag, first[name].Tag)
		}
	}
	strong := w.pending("strong")
	if strong.Type != tagstore.Reinstall || strong.ID == first["strong"].ID {
		t.Errorf("strong: %s follows %s, want a reinstallation of its own", strong.Tag, first["strong"].Tag)
	}
	w.settle(4)
	begun := w.begun(start)
	for _, want := range []struct {
		name  string
		typ   tagstore.Type
		o     tagstore.Outcome
		id    string
		steps string
		disk  string
	}{
		{"two", tagstore.Failover, tagstore.Success, first["two"].ID, "FAILOVER, REPLACE_DISKS", "original"},
		{"three", tagstore.Migrate, tagstore.Success, first["three"].ID, "REPLACE_DISKS, MIGRATE, REPLACE_DISKS", "original"},
		{"back", tagstore.Failover, tagstore.Success, first["back"].ID, "FAILOVER", "original"},
		{"undrained", tagstore.Migrate, tagstore.Success, first["undrained"].ID, "REPLACE_DISKS", "original"},
		{"strong", tagstore.Reinstall, tagstore.Success, strong.ID, "FAILOVER, " + chainUp, "installed"},
	} {
		if got := steps(begun[want.name]); got != want.steps {
			t.Errorf("%s: repaired by %q, want %q", want.name, got, want.steps)
		}
		r := w.result(want.name)
		if r.Type != want.typ || r.Outcome != want.o || r.ID != want.id {
			t.Errorf("%s: %s, want %s %s of repair %s", want.name, r.Tag, want.typ, want.o, want.id)
		}
		w.wantContent(want.name, want.disk)
		if on := w.sim.RunsOn(want.name); len(on) != 1 {
			t.Errorf("%s runs on %v", want.name, on)
		}
	}
	// The repair that was begun as a failover is over, and no other is permitted.
	weak := w.tags("weak")
	if got := steps(begun["weak"]); got != "FAILOVER" || len(weak.Pendings) != 0 || len(weak.Results) == 0 {
		t.Errorf("weak: repaired by %q, records %+v", got, weak)
	}
	for _, r := range weak.Results {
		if r.Outcome != tagstore.Enoperm {
			t.Errorf("weak: %s, want enoperm", r.Tag)
		}
	}
	if n := w.sim.Count("instance_os_add", "weak"); n != 0 {
		t.Errorf("weak was installed %d times", n)
	}
}

// A repair begins while another node of the instance is being drained: Ganeti
// refuses the target when the job's turn comes. That is no try; when the target is
// fit again the repair goes on (S8).
func TestTargetDrainedMeanwhile(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
instance web nodes=a,b template=drbd
`)
	w.settings(testSettings + "pass_timeout = \"5m\"\n")
	w.lostPower("a")
	// Node b is locked until the test says so; then draining has precedence.
	lift := w.sim.Inject(hangDelay("b"))
	_, err := w.Submit(w.ctx, delayOn("b"))
	w.must(err)
	w.waitCall("b", "test_delay")
	w.pass()
	p := w.pending("web")
	ids, err := w.Submit(w.ctx, drainFirst("b"))
	w.must(err)
	w.waitForLock(luxi.JobID(ids[0]))
	w.waitForLock(p.Jobs[0])
	lift()
	w.jobsEnd()
	if job := w.jobInfo(p.Jobs[0]); job.Status != luxi.JobError {
		t.Fatalf("the failover ended as %s", job.Status)
	}
	w.pass() // a drained secondary of an offline primary: no repair exists
	w.jobsEnd()
	if q := w.pending("web"); q.Tag != p.Tag {
		t.Errorf("%s became %s", p.Tag, q.Tag)
	}
	w.must(w.Undrain(w.ctx, "b"))
	w.settle(4)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 2) // not the refused one (S7)
	w.wantContent("web", "original")
}
