//go:build cluster

package integration_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// harepWorld is a starting point from which both programs set out.
const harepWorld = `
cluster cluster no-capacity-checks
group default tags=ganeti:watcher:autorepair:reinstall
group quiet
node good1 mem=65536 disk=65536
node good2 mem=65536 disk=65536
node good3 mem=65536 disk=65536
node drained drained
node dead offline dead
node quiet1 group=quiet
node quiet2 group=quiet offline dead
node quiet3 group=quiet
instance intact nodes=drained template=plain state=down
instance moved nodes=drained,good1 template=drbd tags=ganeti:watcher:autorepair:migrate
instance shared nodes=dead template=rbd
instance mirror nodes=dead,good2 template=drbd
instance once nodes=quiet1,quiet2 template=drbd tags=ganeti:watcher:autorepair:suspend:1,ganeti:watcher:autorepair:pending:fix-storage:by-hand:1700000000:
instance local nodes=dead template=plain
instance weak nodes=dead template=plain tags=ganeti:watcher:autorepair:failover
`

// harep runs Ganeti's own tool for this work until it finds nothing to do.
func (w *simWorld) harep(rounds int) {
	w.t.Helper()
	socket := w.Root(w.Master()) + "/var/run/ganeti/socket/ganeti-query"
	for n := 0; n < rounds; n++ {
		r := w.run(w.Master(), "harep", "-L"+socket, "--job-delay=0.1")
		w.t.Logf("harep ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
		w.jobsEnd()
	}
}

// From the same starting point harep does what the design forbids, and this
// program does not (P2, P7, P8, P9, S3, S6, T5).
func TestHarepSideBySide(t *testing.T) {
	w := newSimWorld(t, harepWorld)
	w.harep(3)
	// harep destroys the intact disk of an instance that its drained node still has.
	if got := w.sim.Content("intact", w.primary("intact")); w.primary("intact") == "drained" || got == "original" {
		t.Errorf("harep left intact on %s with %q", w.primary("intact"), got)
	}
	// It takes the empty job list of a repair asked for by hand for all jobs.
	if r := w.tags("once").Results; len(r) != 1 {
		t.Errorf("harep: once has %+v", r)
	}
	if n := w.sim.Count("blockdev_create", "once"); n != 0 {
		t.Errorf("harep replaced the disks of once")
	}
	// It knows no shared storage.
	if p := w.primary("shared"); p != "dead" {
		t.Errorf("harep moved shared to %s", p)
	}
	// It fails where an instance is up: REINSTALL wants it down.
	if r := w.tags("local").Results; len(r) != 1 || r[0].Outcome != tagstore.Failure {
		t.Errorf("harep: local has %+v", r)
	}

	w = loadWorld(t, w.ctx, w.cluster, harepWorld)
	w.settle(6)
	begun := w.begun(0)
	for _, want := range []struct {
		name    string
		typ     tagstore.Type
		o       tagstore.Outcome
		steps   string
		content string
	}{
		{"moved", tagstore.Migrate, tagstore.Success, "MIGRATE, REPLACE_DISKS", "original"},
		{"shared", tagstore.Failover, tagstore.Success, "FAILOVER", "original"},
		{"mirror", tagstore.Failover, tagstore.Success, "FAILOVER, REPLACE_DISKS", "original"},
		{"once", tagstore.FixStorage, tagstore.Success, "REPLACE_DISKS", "original"},
		{"local", tagstore.Reinstall, tagstore.Success, chainUp, "installed"},
		{"weak", tagstore.Reinstall, tagstore.Enoperm, "", "original"},
	} {
		if got := steps(begun[want.name]); got != want.steps {
			t.Errorf("%s: repaired by %q, want %q", want.name, got, want.steps)
		}
		w.wantResult(want.name, want.typ, want.o, len(begun[want.name]))
		w.wantContent(want.name, want.content)
	}
	w.untouched("intact", "drained")
	w.wantContent("intact", "original")
	for _, tag := range w.tags("once").Suspends {
		t.Errorf("once: the expired suspension %+v is still there", tag)
	}
}

// What one program has begun the other goes on with: it reads its tags and knows
// its jobs (T11).
func TestTagsOfHarep(t *testing.T) {
	const text = `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node good1
node good2
node good3
node dead offline dead
instance a nodes=dead,good1 template=drbd
instance b nodes=good2,dead template=drbd
`
	w := newSimWorld(t, text)
	w.harep(1)
	for name, typ := range map[string]tagstore.Type{"a": tagstore.Failover, "b": tagstore.FixStorage} {
		if p := w.pending(name); p.Type != typ || len(p.Jobs) != 1 {
			t.Errorf("harep: %s has %s", name, p.Tag)
		}
	}
	id := w.pending("a").ID
	w.settle(3)
	// Both steps under harep's id, its own job among them.
	if r := w.wantResult("a", tagstore.Failover, tagstore.Success, 2); r.ID != id {
		t.Errorf("a: %s, want harep's repair %s", r.Tag, id)
	}
	w.wantResult("b", tagstore.FixStorage, tagstore.Success, 1)
	w.wantContent("a", "original")

	w = loadWorld(t, w.ctx, w.cluster, text)
	w.pass()
	w.jobsEnd()
	first := w.pending("b")
	w.harep(1)
	r := w.wantResult("b", tagstore.FixStorage, tagstore.Success, 1)
	if r.ID != first.ID {
		t.Errorf("harep: %s follows %s", r.Tag, first.Tag)
	}
	for _, job := range w.queue() {
		if job.Status == luxi.JobError && strings.Contains(strings.Join(job.Summary, ""), "(b)") {
			t.Errorf("job %d (%v) failed", job.ID, job.Summary)
		}
	}
}
