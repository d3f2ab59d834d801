//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// commands runs the program on the master and checks the exit code and a part of
// what it says.
func (w *world) command(code int, part string, args ...string) string {
	w.t.Helper()
	r := w.run(w.Master(), append([]string{program}, args...)...)
	if r.code != code || !strings.Contains(r.stdout+r.stderr, part) {
		w.t.Fatalf("%v: %d, want %d and %q in\n%s%s", args, r.code, code, part, r.stdout, r.stderr)
	}
	return r.stdout
}

// wantTags checks an instance's tags of auto-repair.
func (w *world) wantTags(name, want string) {
	w.t.Helper()
	list, err := w.InstanceTags(w.ctx, name)
	w.must(err)
	var got []string
	for _, tag := range list {
		got = append(got, strings.TrimPrefix(tag, tagstore.Prefix))
	}
	if strings.Join(got, " ") != want {
		w.t.Errorf("%s has the tags %q, want %q", name, got, want)
	}
}

// The whole life of repairs through the program's own commands on a real
// cluster: looking ahead, permitting, suspending, asking once, giving up,
// clearing a failure, and looking back.
func TestSteering(t *testing.T) {
	w := newRepairWorld(t, "web1 sharedfile node2", "web2 sharedfile node2", "far sharedfile node3", "file1 file node2 failing")
	do := w.command

	// Looking ahead: nothing is permitted yet.
	do(0, "no object has a policy", "policy")
	do(0, "4 instances, 1 healthy, 3 needs-repair", "run", "--dry-run", "--assume-offline", "node2")
	do(0, "healthy", "explain", "web1")

	// Permission by object, and by a filter that finds what gnt-instance finds.
	do(0, "cluster: permitted up to fix-storage", "policy", "cluster", "fix-storage")
	do(0, "group:default: permitted up to failover", "policy", "group:default", "failover")
	do(0, "would be permitted up to migrate", "policy", "--dry-run", "node:node3", "migrate")
	w.wantTags("far", "")
	do(0, "web1: failover node2 -> ", "run", "--dry-run", "--assume-offline", "node2")
	filter := `name =* "web*" and not (pnode == "node3" or be/maxmem > 100000)`
	found := strings.Fields(w.run(w.Master(), "gnt-instance", "list", "--no-headers", "-o", "name", "-F", filter).stdout)
	out := do(0, "2 changed", "suspend", "--filter", filter, "--for", "2h")
	for _, name := range found {
		if !strings.Contains(out, name+": suspended until ") {
			t.Errorf("gnt-instance list finds %s, suspend does not:\n%s", name, out)
		}
	}
	if len(found) != 2 {
		t.Errorf("gnt-instance list finds %v", found)
	}
	do(0, "file1", "policy", "--yes", "--template", "file", "--os", "failing", "reinstall")
	w.lostPower("node2")
	w.pass()
	w.jobsEnd()
	w.wantReason("web1", "suspended", "suspended")

	// One is resumed and repaired; the other is asked for once and given up.
	do(0, "web1: no longer suspended", "resume", "web1")
	do(0, "note: it waits, as it is suspended by instance web2", "repair", "web2", "failover")
	do(0, "is pending already", "repair", "web2", "failover")
	do(0, "web2: 1 pending repair canceled", "cancel", "web2")
	if p := w.tags("web2").Pendings; len(p) != 0 {
		t.Errorf("web2 is still pending: %v", p)
	}
	r := w.run(w.Master(), program, "run", "--wait")
	if r.code != 1 && r.code != 0 || !strings.Contains(r.stderr, "web1: failing over ") || !strings.Contains(r.stdout, " ... done in ") || !strings.Contains(r.stdout, "web1: repair ") {
		t.Errorf("run --wait: %+v", r)
	}
	w.wantResult("web1", tagstore.Failover, tagstore.Success, 1)
	if got := w.primary("web1"); got == "node2" {
		t.Error("web1 was not moved")
	}
	if got := w.primary("web2"); got != "node2" {
		t.Errorf("web2 was moved to %s", got)
	}

	// The reinstallation failed, as its system does; after a look it is cleared.
	w.wantReason("file1", "failed", "failed")
	if r := w.run(w.Master(), program, "check"); r.code != 1 || !strings.Contains(r.stdout, "failed: file1") {
		t.Errorf("check: %+v", r)
	}
	do(0, "file1: 1 failure cleared", "ack", "file1")
	do(0, "file1: has no failure", "ack", "file1")
	w.wantReason("file1", "needs-repair", "no-system")
	do(0, "file1: its system counts as there", "ack", "--intact", "file1")

	// Looking back.
	var past struct {
		Repairs []struct {
			Instance, Outcome string
			Jobs              []struct{ Status string }
		}
	}
	w.must(json.Unmarshal([]byte(do(0, "", "history", "--json")), &past))
	got := make(map[string]string)
	for _, p := range past.Repairs {
		got[p.Instance] += p.Outcome + " "
	}
	if got["web1"] != "success " || got["web2"] != "given-up " || !strings.HasPrefix(got["file1"], "failure") {
		t.Errorf("history: %v", got)
	}

	// A saved snapshot tells the same on its own.
	file := "/var/tmp/saved.json"
	live := do(0, "", "status", "--json", "--all", "--save", file)
	if again := do(0, "", "status", "--json", "--all", "--snapshot", file); again != live {
		t.Errorf("from the file\n%s\nbut it was\n%s", again, live)
	}
	// Every tag job says who asked for it.
	for _, job := range w.queue() {
		for _, op := range job.Ops {
			if strings.HasPrefix(op.ID, "OP_TAGS_") && len(op.Reason) > 0 && op.Reason[0].Source == "ganeti-autorepair" && !strings.HasPrefix(op.Reason[0].Text, "steer ") && !strings.HasPrefix(op.Reason[0].Text, "tags ") && !strings.HasPrefix(op.Reason[0].Text, "ack ") {
				t.Errorf("job %d: reason %+v", job.ID, op.Reason[0])
			}
		}
	}
}

// C1, C2: a job that is queued is canceled with its repair and never runs; one
// that runs stays, with its tag.
func TestCancelOnCluster(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	w.settings(testSettings + "max_running = 1\n")
	// A job that works on the instance keeps the repair job waiting for its lock.
	start := w.since()
	w.pass()
	jobs := w.ourJobs(start, "repair")
	if len(jobs) != 1 {
		t.Fatalf("%d repair jobs", len(jobs))
	}
	r := w.run(w.Master(), program, "cancel", "web")
	w.jobsEnd()
	infos, err := w.luxi.QueryJobs(w.ctx, []luxi.JobID{jobs[0].ID})
	w.must(err)
	// Whether the job had begun is a matter of moments; each outcome has its own
	// truth.
	switch {
	case r.code == 0:
		if infos[0].Status == luxi.JobRunning || len(w.tags("web").Pendings) != 0 {
			t.Errorf("given up, but the job is %s and the tags are %+v", infos[0].Status, w.tags("web"))
		}
	case r.code == 1 && strings.Contains(r.stderr, "its repair stays pending"):
		if len(w.pending("web").Jobs) != 1 {
			t.Errorf("the tag is %+v", w.tags("web"))
		}
	default:
		t.Errorf("%+v", r)
	}
}
