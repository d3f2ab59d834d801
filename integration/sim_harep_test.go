//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// harepWorld is a starting point from which both programs set out.
const harepWorld = `
cluster cluster no-capacity-checks
group default tags=ganeti:watcher:autorepair:reinstall
group quiet
group tight tags=ganeti:watcher:autorepair:fix-storage
node good1 mem=65536 disk=65536
node good2 mem=65536 disk=65536
node good3 mem=65536 disk=65536
node drained drained
node dead offline dead
node quiet1 group=quiet
node quiet2 group=quiet offline dead
node quiet3 group=quiet
node tight1 group=tight
node tight2 group=tight offline dead
node tight3 group=tight disk=100
instance intact nodes=drained template=plain state=down
instance moved nodes=drained,good1 template=drbd tags=ganeti:watcher:autorepair:migrate
instance shared nodes=dead template=rbd
instance mirror nodes=dead,good2 template=drbd
instance once nodes=quiet1,quiet2 template=drbd tags=ganeti:watcher:autorepair:suspend:1,ganeti:watcher:autorepair:pending:fix-storage:by-hand:1700000000:
instance held nodes=quiet3,quiet2 template=drbd tags=ganeti:watcher:autorepair:suspend
instance local nodes=dead template=plain
instance room nodes=tight1,tight2 template=drbd
instance weak nodes=dead template=plain tags=ganeti:watcher:autorepair:failover
`

// harep runs Ganeti's own tool for this work once, which must end with the code,
// and lets its jobs end.
func (w *simWorld) harep(code int) ran {
	w.t.Helper()
	socket := w.Root(w.Master()) + "/var/run/ganeti/socket/ganeti-query"
	r := w.run(w.Master(), "harep", "-L"+socket, "--job-delay=0.1")
	w.t.Logf("harep ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
	if r.code != code {
		w.t.Fatalf("harep ended with %d, want %d", r.code, code)
	}
	w.jobsEnd()
	return r
}

// askedFor asks for a repair of an instance, whose only job is said to be one that
// has nothing to do with it and ended well.
func (w *simWorld) askedFor(instance string) (tag string) {
	w.t.Helper()
	jobs, err := w.RunJobs(w.ctx, []vcluster.Opcode{{"OP_ID": "OP_TEST_DELAY", "duration": 0.01, "on_master": false}})
	w.must(err)
	word := fmt.Sprintf("pending:fix-storage:by-hand:1700000000:%d", jobs[0].ID)
	w.allow(instance, word)
	return word
}

// repairsOf are the ids of all repairs of an instance that tags were ever set for,
// in order.
func (w *simWorld) repairsOf(instance string) []string {
	w.t.Helper()
	var ids []string
	known := make(map[string]bool)
	for _, job := range w.queue() {
		for _, op := range job.Ops {
			if op.ID != "OP_TAGS_SET" || op.Param("name") != instance {
				continue
			}
			var list []string
			w.must(json.Unmarshal(op.Params["tags"], &list))
			tags := tagstore.Parse(luxi.TagInstance, list)
			for _, p := range tags.Pendings {
				if !known[p.ID] {
					ids, known[p.ID] = append(ids, p.ID), true
				}
			}
			for _, r := range tags.Results {
				if !known[r.ID] {
					ids, known[r.ID] = append(ids, r.ID), true
				}
			}
		}
	}
	return ids
}

// From the same starting point harep does what the design forbids, and this
// program does not (P2, P4, P7, P8, P9, S2, S3, S6, S8, S10, T4, T5).
func TestHarepSideBySide(t *testing.T) {
	w := newSimWorld(t, harepWorld)
	w.maybe = func(incident string) bool { return strings.HasPrefix(incident, "disk/0 of intact ") } // harep does it
	w.askedFor("held")
	for n := 0; n < 3; n++ {
		w.harep(0)
	}
	begun := w.jobsOf()
	// harep destroys the intact disk of an instance that its drained node still has.
	if got := w.sim.Content("intact", w.primary("intact")); w.primary("intact") == "drained" || got == "original" {
		t.Errorf("harep left intact on %s with %q", w.primary("intact"), got)
	}
	// It takes the drained node for an offline one: what migrate permits is too little.
	// It says so anew each time.
	if r := w.tags("moved").Results; len(r) != 1 || r[0].Type != tagstore.Failover || r[0].Outcome != tagstore.Enoperm || w.primary("moved") != "drained" {
		t.Errorf("harep: moved is on %s with %+v", w.primary("moved"), r)
	}
	for _, name := range []string{"moved", "weak"} {
		if ids := w.repairsOf(name); len(ids) != 3 {
			t.Errorf("harep: %s has had the repairs %q, want one for each of three runs", name, ids)
		}
	}
	if r := w.tags("weak").Results; len(r) != 1 || r[0].Outcome != tagstore.Enoperm {
		t.Errorf("harep: weak has %+v", r)
	}
	// It takes the two steps of a repair for two repairs.
	if got, ids := begun["mirror"], w.repairsOf("mirror"); got != "FAILOVER, REPLACE_DISKS" || len(ids) != 2 {
		t.Errorf("harep: mirror was repaired by %q, as %q", got, ids)
	}
	// It takes the empty job list of a repair asked for by hand for all jobs. A
	// suspension that is over stays.
	if r := w.tags("once"); len(r.Results) != 1 || len(r.Suspends) != 1 {
		t.Errorf("harep: once has %+v", r)
	}
	if n := w.sim.Count("blockdev_create", "once"); n != 0 {
		t.Errorf("harep replaced the disks of once")
	}
	// It ends the repair of what is suspended, and calls it a success although nothing
	// was done.
	if r := w.tags("held"); len(r.Pendings) != 0 || len(r.Results) != 1 || r.Results[0].Outcome != tagstore.Success {
		t.Errorf("harep: held has %+v", r)
	}
	// It knows no shared storage.
	if p := w.primary("shared"); p != "dead" {
		t.Errorf("harep moved shared to %s", p)
	}
	// It fails where an instance is up: REINSTALL wants it down.
	if r := w.tags("local").Results; len(r) != 1 || r[0].Outcome != tagstore.Failure {
		t.Errorf("harep: local has %+v", r)
	}
	// It takes a lack of room for a failure, which is for good.
	if r := w.tags("room").Results; len(r) != 1 || r[0].Outcome != tagstore.Failure || begun["room"] != "REPLACE_DISKS" {
		t.Errorf("harep: room was repaired by %q and has %+v", begun["room"], r)
	}

	w = startSimWorld(t, harepWorld)
	asked := w.askedFor("held")
	for n := 0; n < 4; n++ {
		w.pass()
		w.jobsEnd()
	}
	ours := w.begun(0)
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
		if got := steps(ours[want.name]); got != want.steps {
			t.Errorf("%s: repaired by %q, want %q", want.name, got, want.steps)
		}
		w.wantRepaired(want.name, want.typ, want.o, ours[want.name])
		w.wantContent(want.name, want.content)
		if ids := w.repairsOf(want.name); len(ids) != 1 {
			t.Errorf("%s: has had the repairs %q, want one", want.name, ids)
		}
	}
	w.untouched("intact", "drained")
	w.wantContent("intact", "original")
	w.wantTags("held", asked+" suspend")
	if got := steps(ours["held"]); got != "" {
		t.Errorf("held was repaired by %q", got)
	}
	for _, tag := range w.tags("once").Suspends {
		t.Errorf("once: the expired suspension %+v is still there", tag)
	}
	if p := w.pending("room"); len(p.Jobs) != 1 {
		t.Errorf("room: %s, want its first job only", p.Tag)
	}
	w.wantReason("room", "pending", "no-room")
}

// jobsOf are the jobs of all instances but those about tags, whoever submitted
// them, as steps has them.
func (w *simWorld) jobsOf() map[string]string {
	w.t.Helper()
	by := make(map[string][]luxi.JobInfo)
	for _, job := range w.queue() {
		name := job.Ops[len(job.Ops)-1].Param("instance_name")
		if name == "" {
			continue
		}
		if job.Ops[0].ID == "OP_TEST_DELAY" {
			job.Ops = job.Ops[1:]
		}
		by[name] = append(by[name], job)
	}
	words := make(map[string]string)
	for name, jobs := range by {
		words[name] = steps(jobs)
	}
	return words
}

// What ends a run of harep before it has done anything is one instance's affair
// here: two repairs that are asked for at a time, and a job that nobody knows (C5,
// T5, S7).
func TestHarepEnds(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node good1
node good2
node good3
node dead offline dead
instance other nodes=dead,good1 template=drbd
instance twice nodes=good2,dead template=drbd
instance gone nodes=good3,dead template=drbd
`)
	const lost = "pending:fix-storage:lost:1700000000:987654"
	w.allow("gone", lost)
	w.harep(1)
	w.untouched("other", "dead")
	w.disallow("gone", lost)
	w.allow("twice", "pending:fix-storage:late:1700000300:", "pending:fix-storage:early:1700000100:")
	w.harep(1)
	w.untouched("other", "dead")

	w.allow("gone", lost)
	for n := 0; n < 4; n++ {
		w.judgedPass()
		w.jobsEnd()
	}
	begun := w.begun(0)
	w.wantRepaired("other", tagstore.Failover, tagstore.Success, begun["other"])
	if got := steps(begun["other"]); got != "FAILOVER, REPLACE_DISKS" {
		t.Errorf("other: repaired by %q", got)
	}
	// The second asked for what the first had done.
	twice := w.tags("twice")
	if got := steps(begun["twice"]); got != "REPLACE_DISKS" || repairID(begun["twice"][0]) != "early" || len(twice.Pendings) != 0 {
		t.Errorf("twice: repaired by %q, has %+v", got, twice)
	}
	// Results of one pass are of one age: both stay until a newer is written (T9).
	if len(twice.Results) != 2 {
		t.Errorf("twice has the results %+v, want two", twice.Results)
	}
	for _, r := range twice.Results {
		if r.Outcome != tagstore.Success || (len(r.Jobs) == 0) != (r.ID == "late") {
			t.Errorf("twice: %s", r.Tag)
		}
	}
	// The queue has no job of that number yet, so it is none of the repair's (S14).
	w.wantRepaired("gone", tagstore.FixStorage, tagstore.Success, begun["gone"])
	if r := w.result("gone"); r.ID != "lost" || steps(begun["gone"]) != "REPLACE_DISKS" {
		t.Errorf("gone: %s after %q", r.Tag, steps(begun["gone"]))
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
	w.harep(0)
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

	w = startSimWorld(t, text)
	for n := 0; n < 2; n++ { // a is brought back before b is copied (P20)
		w.pass()
		w.jobsEnd()
	}
	first := w.pending("b")
	w.harep(0)
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

// harep reads what this program says of repairs that are over and of those that
// must not be: it leaves a failed and a suspended instance alone, takes a success
// for what it is, and replaces an enoperm by its own (T7, T11).
func TestHarepReadsOurs(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node good1
node good2
node good3
node dead offline dead
instance done nodes=good1,dead template=drbd
instance failed nodes=dead template=plain os=failing tags=ganeti:watcher:autorepair:reinstall
instance weak nodes=dead template=plain
instance held nodes=dead,good2 template=drbd
`)
	w.command(0, "held: suspended until", "suspend", "held", "--for", "2h")
	for n := 0; n < 2; n++ {
		w.judgedPass()
		w.jobsEnd()
	}
	before := make(map[string]tagstore.Tags)
	for name, o := range map[string]tagstore.Outcome{"done": tagstore.Success, "failed": tagstore.Failure, "weak": tagstore.Enoperm} {
		before[name] = w.tags(name)
		if r := before[name].Results; len(r) != 1 || r[0].Outcome != o {
			t.Fatalf("%s has %+v, want %s", name, r, o)
		}
	}
	start := w.since()
	r := w.harep(0)
	for _, line := range []string{"Failure: 1", "Healthy: 2", "Not repairing held because it's in state ArSuspended (Until "} {
		if !strings.Contains(r.stdout, line) {
			t.Errorf("harep does not say %q", line)
		}
	}
	for _, name := range []string{"done", "failed"} {
		if got := w.tags(name).Results; len(got) != 1 || got[0].Tag != before[name].Results[0].Tag {
			t.Errorf("harep: %s has %+v, had %+v", name, got, before[name].Results)
		}
	}
	if got := w.tags("held"); len(got.Pendings)+len(got.Results) != 0 || len(got.Suspends) != 1 {
		t.Errorf("harep: held has %+v", got)
	}
	// It knows the old result for one of its kind, or there would be two.
	if got := w.tags("weak").Results; len(got) != 1 || got[0].Outcome != tagstore.Enoperm || got[0].Type != before["weak"].Results[0].Type {
		t.Errorf("harep: weak has %+v, had %+v", got, before["weak"].Results)
	}
	for _, job := range w.queue() {
		if job.ID > start && !strings.HasPrefix(job.Ops[0].ID, "OP_TAGS_") {
			t.Errorf("harep submitted job %d (%v)", job.ID, job.Summary)
		}
	}
}
