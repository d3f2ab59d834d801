//go:build cluster

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// A step that fails is tried again, once per pass, up to max_attempts, and then
// is a failure, after which nothing is done until a person removes the tag (S7,
// S11).
func TestJobFails(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	w.settings(testSettings + "max_attempts = 2\n")
	veto := w.Root(w.Master()) + "/etc/ganeti/hooks/instance-failover-pre.d/veto"
	w.must(w.WriteFile(veto, []byte("#!/bin/sh\nexit 1\n"), 0o755))
	defer func() { w.must(w.RemoveFile(veto)) }()
	start := w.since()
	for n := 1; n <= 2; n++ {
		w.pass()
		w.jobsEnd()
		if p := w.pending("web"); len(p.Jobs) != n {
			t.Fatalf("after pass %d: %s", n, p.Tag)
		}
	}
	if r := w.passAnyhow(); r.code != 1 {
		t.Errorf("the pass that gives up ended with %d", r.code)
	}
	failed := w.wantResult("web", tagstore.Failover, tagstore.Failure, 2)
	w.must(w.RemoveFile(veto))
	w.pass()
	w.pass()
	if n := len(w.ourJobs(start, "repair")); n != 2 {
		t.Errorf("%d repair jobs, want 2", n)
	}
	w.must(w.RemoveTags(w.ctx, "instance", "web", failed.Tag))
	w.settle(3)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
}

// A job that a person cancels before it began is no failure, and is not submitted again
// at once; it waited for the nodes that somebody's job had (S5, S13).
func TestJobCanceled(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	lifts := make(map[string]func())
	for _, node := range []string{"node3", "node4"} {
		lifts[node] = w.sim.Inject(hangDelay(node))
		_, err := w.Submit(w.ctx, delayOn(node))
		w.must(err)
		w.waitCall(node, "test_delay")
	}
	w.pass()
	p := w.pending("web")
	w.waitForLock(p.Jobs[0])
	start := w.since()
	w.pass()
	w.pass()
	if got := w.since(); got != start {
		t.Errorf("jobs up to %d were submitted while job %d was waiting", got, p.Jobs[0])
	}
	w.wantReason("web", "pending", "jobs-running")
	if ok, text, err := w.luxi.CancelJob(w.ctx, p.Jobs[0], false); err != nil || !ok {
		t.Fatal(ok, text, err)
	}
	w.pass()
	w.wantReason("web", "pending", "canceled")
	for _, lift := range lifts {
		lift()
	}
	w.jobsEnd()
	if n := len(w.ourJobs(start, "repair")); n != 0 {
		t.Errorf("%d repair jobs after it was canceled", n)
	}
	if p := w.primary("web"); p != "node2" {
		t.Errorf("web is on %s", p)
	}
}

// A job counts when it is archived; one that is purged counts as ended with
// unknown outcome: success if the instance is healthy, else failure (S7, S1).
func TestJobArchivedAndPurged(t *testing.T) {
	w := newRepairWorld(t, "node2 dead", "archived sharedfile node2", "purged sharedfile node2", "lost sharedfile node2")
	w.allow("archived", "failover")
	w.allow("purged", "failover")
	w.pass()
	w.jobsEnd()
	archived, purged := w.pending("archived").Jobs[0], w.pending("purged").Jobs[0]
	for _, id := range []luxi.JobID{archived, purged} {
		if ok, err := w.luxi.ArchiveJob(w.ctx, id); err != nil || !ok {
			t.Fatal(id, ok, err)
		}
	}
	w.purge(purged)
	w.allow("lost", fmt.Sprintf("pending:failover:gone:1700000000:%d", purged))
	if r := w.passAnyhow(); r.code != 1 {
		t.Errorf("the pass that finds a lost job ended with %d", r.code)
	}
	w.wantResult("archived", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("purged", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("lost", tagstore.Failover, tagstore.Failure, 1)
}

// purge deletes an archived job's file, as ganeti-cleaner does in the end.
func (w *world) purge(id luxi.JobID) {
	w.t.Helper()
	path := fmt.Sprintf("%s/var/lib/ganeti/queue/archive/%d/job-%d", w.Root(w.Master()), id/10000, id)
	if _, err := os.Stat(filepath.Clean(w.HostPath(path))); err != nil {
		w.t.Fatal(err)
	}
	w.must(w.RemoveFile(path))
	if infos, err := w.luxi.QueryJobs(w.ctx, []luxi.JobID{id}); err != nil || infos[0].Known {
		w.t.Fatalf("job %d is still known: %v, %v", id, infos, err)
	}
}

// Where no node is left that could take an instance nothing is submitted, not even a test
// for room, and nothing becomes pending; when there is one it is repaired (P21, V2).
func TestNoOtherNode(t *testing.T) {
	w := newSimWorld(t, describe(t, []string{"node2", "node3"}, []string{
		"cluster reinstall", "node2 dead", "web sharedfile node2", "local file node2",
	}))
	w.settings(testSettings + "max_attempts = 1\n")
	w.must(w.Drain(w.ctx, "node3"))
	start := w.since()
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	for _, name := range []string{"web", "local"} {
		w.untouched(name, "node2")
		w.wantReason(name, "needs-repair", "no-target")
	}
	if got := w.since(); got != start {
		t.Errorf("jobs up to %d were submitted", got)
	}
	w.must(w.Undrain(w.ctx, "node3"))
	w.settle(4)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("local", tagstore.Reinstall, tagstore.Success, 1)
	if w.primary("web") != "node3" || w.primary("local") != "node3" {
		t.Error("not both are on node3")
	}
}

// Malformed tags of each kind never stop a pass and are never deleted; pending
// and result tags that cannot be read hold their instance, a suspend tag that
// cannot be read suspends, and where a type cannot be read nothing is permitted
// (T10). A tag longer than Ganeti allows cannot even be set (T8).
func TestMalformedTags(t *testing.T) {
	w := newRepairWorld(t, "node2 dead", "badpending sharedfile node2", "badresult sharedfile node2", "badsuspend sharedfile node2", "badtype sharedfile node2", "misspelt sharedfile node2", "good sharedfile node2")
	w.allow("cluster", "failover", "pending:failover:x:1:")
	w.allow("badpending", "pending:failover:x:soon:")
	w.allow("badresult", "result:failover:x:1:perhaps:")
	w.allow("badsuspend", "suspend:tomorrow")
	w.allow("badtype", "failover:please", "nonsense")
	w.allow("misspelt", "Failover")
	start := w.since()
	w.settle(3)
	begun := w.begun(start)
	if len(begun) != 1 || len(begun["good"]) != 1 {
		t.Errorf("repaired %v, want good, once", begun)
	}
	for name, n := range map[string]int{"badpending": 1, "badresult": 1, "badsuspend": 1, "badtype": 2, "misspelt": 1} {
		if got := len(w.tags(name).Malformed); got != n {
			t.Errorf("%s: %d malformed tags left, want %d", name, got, n)
		}
	}
	w.wantReason("badpending", "needs-repair", "unreadable-tag")
	w.wantReason("badresult", "needs-repair", "unreadable-tag")
	w.wantReason("badsuspend", "suspended", "suspended")
	w.wantReason("badtype", "needs-repair", "unreadable-tag")
	log, err := w.ReadFile(w.Root(w.Master()) + "/var/log/ganeti-autorepair/ganeti-autorepair.log")
	w.must(err)
	for _, tag := range []string{"pending:failover:x:soon:", "result:failover:x:1:perhaps:", "suspend:tomorrow", "failover:please", "nonsense"} {
		if !containsWord(string(log), tagstore.Prefix+tag) {
			t.Errorf("the log does not tell of %s", tag)
		}
	}
	// What was probably meant is told wherever people look, and can be typed.
	meant := tagstore.Prefix + "failover"
	if !containsWord(string(log), "did_you_mean="+meant) {
		t.Error("the log does not tell what was meant by Failover")
	}
	for _, args := range [][]string{{"check"}, {"status"}, {"explain", "misspelt"}} {
		r := w.run(w.Master(), append([]string{"env", "COLUMNS=300", program}, args...)...)
		if !containsWord(r.stdout, "did you mean "+meant+"?") {
			t.Errorf("%v does not tell what was meant by Failover: %s", args, r.stdout)
		}
	}
	w.follow("misspelt", "gnt-instance remove-tags misspelt "+tagstore.Prefix+"Failover")
	w.settle(3)
	w.wantResult("misspelt", tagstore.Failover, tagstore.Success, 1)

	long := tagstore.Prefix + "pending:failover:x:1700000000:" // 58 characters and more
	for len(long) < tagstore.MaxLength+1 {
		long += "1"
	}
	if err := w.AddTags(w.ctx, "instance", "good", long); err == nil {
		t.Error("Ganeti took a tag of 129 characters")
	}
}

// A repair whose tag has no more room for its jobs loses the oldest ones (T8).
func TestTagOfFullLength(t *testing.T) {
	w := newRepairWorld(t, "node2 dead", "web sharedfile node2")
	ids, err := w.Submit(w.ctx, []vcluster.Opcode{{"OP_ID": "OP_TEST_DELAY", "duration": 0.01, "on_master": false}})
	w.must(err)
	w.jobsEnd()
	word := fmt.Sprintf("pending:failover:3f2504e0-4f89-11d3-9a0c-0305e82c3301:1700000000:%d", ids[0])
	for len(tagstore.Prefix+word+fmt.Sprintf("+%d", ids[0])) <= tagstore.MaxLength {
		word += fmt.Sprintf("+%d", ids[0])
	}
	w.allow("web", word)
	w.settle(3)
	r := w.result("web")
	if r.Outcome != tagstore.Success || len(r.Tag) > tagstore.MaxLength {
		t.Errorf("result %s", r.Tag)
	}
	if last := r.Jobs[len(r.Jobs)-1]; opcodes(w.jobInfo(last)) != "FAILOVER" {
		t.Errorf("the last job of %s is no failover", r.Tag)
	}
}
