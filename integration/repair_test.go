//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// An administrator sets a policy tag, marks a node offline, ganeti-watcher
// runs, and the instances of that node are repaired (S4, S5, S6, P7, C1, C4, W1).
func TestFailoverByWatcher(t *testing.T) {
	w := newWorld(t)
	w.instances("shared sharedfile node2", "diskless diskless node2", "off sharedfile node2 stopped", "other sharedfile node3")
	w.allow("cluster", "failover")
	start := w.since()
	w.must(w.PowerOff(w.ctx, "node2"))
	w.must(w.Offline(w.ctx, "node2"))
	w.watcher()
	ids := make(map[string]luxi.JobID)
	submitted := func(names ...string) {
		t.Helper()
		for _, name := range names {
			p := w.pending(name)
			if p.Type != tagstore.Failover || len(p.Jobs) != 1 {
				t.Fatalf("%s: %s, want a failover with one job", name, p.Tag)
			}
			ids[name] = p.Jobs[0]
		}
		w.jobsEnd()
	}
	submitted("shared", "diskless")
	w.watcher()
	submitted("off") // what is stopped does not wait beside what has its node (P16)
	w.watcher()
	for _, name := range []string{"shared", "diskless", "off"} {
		r := w.wantResult(name, tagstore.Failover, tagstore.Success, 1)
		if r.Jobs[0] != ids[name] {
			t.Errorf("%s: result names job %d, the pending tag named %d", name, r.Jobs[0], ids[name])
		}
		if p := w.primary(name); p == "node2" {
			t.Errorf("%s is still on node2", name)
		}
		if jobs := w.begun(start)[name]; len(jobs) != 1 || opcodes(jobs[0]) != "FAILOVER" {
			t.Errorf("%s: repaired by %v, want one failover", name, jobs)
		}
		w.namedBeforeStart(start, name, ids[name])
		w.atMostThreeTagOpcodes(start, name)
	}
	w.wantStatus("shared", "running")
	w.wantStatus("diskless", "running")
	w.wantStatus("off", "ADMIN_down")
	w.untouched("other", "node3")
	for _, hold := range w.ourJobs(start, "hold") {
		if hold.Status != luxi.JobSuccess {
			t.Errorf("hold job %d ended as %s", hold.ID, hold.Status)
		}
	}
}

// namedBeforeStart checks C1: the opcode that wrote the pending tag naming the
// repair job had ended before the repair job began.
func (w *world) namedBeforeStart(after luxi.JobID, instance string, id luxi.JobID) {
	w.t.Helper()
	var began luxi.JobInfo
	var written time.Time
	for _, job := range w.queue() {
		if job.ID == id {
			began = job
		}
		for k, op := range job.Ops {
			if job.ID <= after || op.ID != "OP_TAGS_SET" || op.Param("name") != instance {
				continue
			}
			var list []string
			w.must(json.Unmarshal(op.Params["tags"], &list))
			for _, p := range tagstore.Parse(luxi.TagInstance, list).Pendings {
				for _, named := range p.Jobs {
					if named == id {
						written = w.opcodeEnd(job.ID, k)
					}
				}
			}
		}
	}
	if written.IsZero() || began.Started.IsZero() || began.Started.Before(written) {
		w.t.Errorf("%s: job %d began at %v, the tag naming it was written at %v", instance, id, began.Started, written)
	}
}

// opcodeEnd is when an opcode of a job ended.
func (w *world) opcodeEnd(id luxi.JobID, index int) time.Time {
	w.t.Helper()
	t, err := w.luxi.Query(w.ctx, luxi.ResJob, []string{"opend"}, luxi.Eq("id", int64(id)))
	w.must(err)
	var stamps [][2]int64 // seconds and microseconds
	w.must(t.Scan(0, &stamps))
	return time.Unix(stamps[index][0], stamps[index][1]*1000)
}

// atMostThreeTagOpcodes checks C4 for an instance.
func (w *world) atMostThreeTagOpcodes(after luxi.JobID, instance string) {
	w.t.Helper()
	n := 0
	for _, job := range w.queue() {
		for _, op := range job.Ops {
			if job.ID > after && strings.HasPrefix(op.ID, "OP_TAGS_") && op.Param("name") == instance {
				n++
			}
		}
	}
	if n == 0 || n > 3 {
		w.t.Errorf("%s: %d tag opcodes, want one to three", instance, n)
	}
}

// What runs on a drained node is migrated live, never failed over; what is
// stopped is moved without being started (P6, P2's rule, P11).
func TestDrainedNode(t *testing.T) {
	w := newWorld(t)
	w.instances("live sharedfile node2", "off sharedfile node2 stopped", "nodisk diskless node2", "local file node2", "localoff file node2 stopped")
	w.allow("cluster", "reinstall")
	start := w.since()
	w.must(w.Drain(w.ctx, "node2"))
	w.settle(3)
	begun := w.begun(start)
	for name, want := range map[string]string{"live": "MIGRATE", "nodisk": "MIGRATE", "off": "FAILOVER"} {
		if jobs := begun[name]; len(jobs) != 1 || opcodes(jobs[0]) != want {
			t.Errorf("%s: repaired by %v, want one %s", name, jobs, want)
		}
		w.wantResult(name, tagstore.Migrate, tagstore.Success, 1)
		if p := w.primary(name); p == "node2" {
			t.Errorf("%s is still on node2", name)
		}
	}
	w.wantStatus("live", "running")
	w.wantStatus("nodisk", "running")
	w.wantStatus("off", "ADMIN_down")
	// P9: intact data on a drained node is left alone, and the reason is told.
	w.untouched("local", "node2")
	w.untouched("localoff", "node2")
	w.wantReason("local", "needs-repair", "no-repair")
	calls, err := w.OSCalls()
	w.must(err)
	for _, c := range calls {
		if c.Reinstall {
			t.Errorf("reinstalled: %+v", c)
		}
	}
}

// A file instance of a dead node is reinstalled where that is permitted, and
// ends running from a fresh system (P8, P10).
func TestReinstall(t *testing.T) {
	w := newWorld(t)
	w.instances("up file node2", "down file node2 stopped", "broken file node2 failing stopped")
	w.allow("cluster", "reinstall")
	start := w.since()
	w.must(w.PowerOff(w.ctx, "node2"))
	w.must(w.Offline(w.ctx, "node2"))
	w.lose("up", "down", "broken")
	w.pass()
	w.jobsEnd()
	if r := w.passAnyhow(); r.code != 1 || !strings.Contains(r.stderr, "broken: repair") {
		t.Errorf("the pass that finds a failed repair ended with %d: %s", r.code, r.stderr)
	}
	begun := w.begun(start)
	for name, want := range map[string]string{
		"up":     "RECREATE_DISKS SHUTDOWN REINSTALL STARTUP",
		"down":   "RECREATE_DISKS SHUTDOWN REINSTALL",
		"broken": "RECREATE_DISKS SHUTDOWN REINSTALL",
	} {
		if jobs := begun[name]; len(jobs) != 1 || opcodes(jobs[0]) != want {
			t.Errorf("%s: repaired by %v, want one %s", name, jobs, want)
		}
	}
	w.wantResult("up", tagstore.Reinstall, tagstore.Success, 1)
	w.wantResult("down", tagstore.Reinstall, tagstore.Success, 1)
	w.wantStatus("up", "running")
	w.wantStatus("down", "ADMIN_down")
	calls, err := w.OSCalls()
	w.must(err)
	reinstalled := make(map[string]int)
	for _, c := range calls {
		if c.Reinstall {
			reinstalled[c.Instance]++
		}
	}
	if reinstalled["up"] != 1 || reinstalled["down"] != 1 || reinstalled["broken"] != 1 {
		t.Errorf("reinstalled %v, want each once", reinstalled)
	}
	// S6, S7, S11: a chain that failed after its first opcode is a failure for
	// good: not tried again, whatever its tags ask for.
	w.wantResult("broken", tagstore.Reinstall, tagstore.Failure, 1)
	w.allow("broken", "pending:reinstall:byhand:1000000000:")
	w.pass()
	w.jobsEnd()
	if n := len(w.begun(start)["broken"]); n != 1 {
		t.Errorf("broken: %d repair jobs, want 1", n)
	}
	w.wantReason("broken", "failed", "failed")
}

// With less permission there is one enoperm result, nothing else, and not a
// second one on later passes (S3).
func TestPermissionTooWeak(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web file node2")
	start := w.since()
	w.pass()
	first := w.wantResult("web", tagstore.Reinstall, tagstore.Enoperm, 0)
	for n := 0; n < 3; n++ {
		w.pass()
	}
	if again := w.result("web"); again.Tag != first.Tag {
		t.Errorf("told again: %s after %s", again.Tag, first.Tag)
	}
	if n := len(w.ourJobs(start, "tags")); n != 1 {
		t.Errorf("%d tag jobs, want 1", n)
	}
	if n := len(w.ourJobs(start, "repair")); n != 0 {
		t.Errorf("%d repair jobs, want none", n)
	}
	w.wantReason("web", "needs-repair", "too-weak")
}

// status is what "status --all --json" tells.
type status struct {
	Instances []struct {
		Instance string
		State    string
		Reason   string
		Policy   struct {
			Type      string
			Suspended bool
			Origin    string
		}
	}
}

func (w *world) status() status {
	w.t.Helper()
	r := w.run(w.Master(), program, "status", "--all", "--json")
	var s status
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != 0 {
		w.t.Fatalf("status: %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	return s
}

func (w *world) wantReason(name, state, reason string) {
	w.t.Helper()
	for _, i := range w.status().Instances {
		if i.Instance == name {
			if i.State != state || i.Reason != reason {
				w.t.Errorf("%s: %s, %s; want %s, %s", name, i.State, i.Reason, state, reason)
			}
			return
		}
	}
	w.t.Errorf("status tells nothing of %s", name)
}
