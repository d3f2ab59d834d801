//go:build cluster

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/tagstore"
)

// Group and instance tags beat cluster tags; the least destructive of several
// wins (T1, T2).
func TestNearestPolicyWins(t *testing.T) {
	w := newRepairWorld(t, "cluster fix-storage reinstall", "node2 dead", "plain sharedfile node2", "weak sharedfile node2", "several sharedfile node2")
	w.allow("group:default", "failover")
	w.allow("weak", "migrate")
	w.allow("several", "reinstall", "failover", "migrate", "fix-storage")
	want := map[string]string{
		"plain":   "failover group default",
		"weak":    "migrate instance weak",
		"several": "fix-storage instance several",
	}
	w.wantPolicies(want)
	start := w.since()
	w.settle(3)
	w.wantResult("plain", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("weak", tagstore.Failover, tagstore.Enoperm, 0)
	w.wantResult("several", tagstore.Failover, tagstore.Enoperm, 0)
	if begun := w.begun(start); len(begun) != 1 || len(begun["plain"]) != 1 {
		t.Errorf("repaired %v, want plain alone", begun)
	}
	// Without the group's tag the cluster's count, of which the lesser wins.
	w.disallow("group:default", "failover")
	want["plain"] = "fix-storage cluster"
	w.wantPolicies(want)
}

func (w *world) wantPolicies(want map[string]string) {
	w.t.Helper()
	got := make(map[string]string)
	for _, i := range w.status().Instances {
		word := i.Policy.Type
		if i.Policy.Suspended {
			word = "suspended"
		}
		got[i.Instance] = strings.TrimSpace(word + " " + i.Policy.Origin)
	}
	for name, policy := range want {
		if got[name] != policy {
			w.t.Errorf("%s: policy %q, want %q", name, got[name], policy)
		}
	}
}

// Suspensions at each level, for ever and for a time, hold; one whose time has
// passed is removed; an enabling tag nearer by lifts one (T3, T4, S2).
func TestSuspension(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "a sharedfile node2", "b sharedfile node2", "lifted sharedfile node2")
	future := fmt.Sprintf("suspend:%d", time.Now().Add(time.Hour).Unix())
	past := fmt.Sprintf("suspend:%d", time.Now().Add(-time.Hour).Unix())
	w.allow("a", future, past)
	w.allow("b", "suspend", "failover")
	start := w.since()

	// On the instance: for a time, and for ever beside an enabling tag.
	w.allow("lifted", "suspend")
	w.pass()
	w.wantPolicies(map[string]string{"a": "suspended instance a", "b": "suspended instance b", "lifted": "suspended instance lifted"})
	if tags := w.tags("a"); len(tags.Suspends) != 1 || tags.Suspends[0].Tag != tagstore.Prefix+future {
		t.Errorf("a: suspensions %v, want the coming one alone", tags.Suspends)
	}

	// On the cluster, then on the group; the nearer enabling tag lifts both.
	w.disallow("a", future)
	w.disallow("b", "suspend", "failover")
	w.disallow("lifted", "suspend")
	w.allow("cluster", "suspend:")
	w.pass()
	w.wantPolicies(map[string]string{"a": "suspended cluster", "b": "suspended cluster"})
	w.disallow("cluster", "suspend:")
	w.allow("group:default", future, past)
	w.pass()
	w.wantPolicies(map[string]string{"a": "suspended group default"})
	if tags, err := w.Tags(w.ctx, "nodegroup", "default"); err != nil || len(tags) != 1 {
		t.Errorf("group tags %v (%v), want the coming suspension alone", tags, err)
	}
	if n := len(w.ourJobs(start, "repair")); n != 0 {
		t.Fatalf("%d repair jobs while all was suspended", n)
	}
	w.allow("lifted", "failover")
	w.pass()
	w.jobsEnd()
	w.pass()
	w.wantResult("lifted", tagstore.Failover, tagstore.Success, 1)
	w.untouched("a", "node2")

	// The end of a suspension on the cluster, seen by a pass: removed, and the
	// repairs begin.
	w.disallow("group:default", future)
	w.allow("cluster", past)
	w.settle(3)
	if tags, err := w.Tags(w.ctx, "cluster", ""); err != nil || len(tags) != 1 || tags[0] != tagstore.Prefix+"failover" {
		t.Errorf("cluster tags %v (%v), want the policy alone", tags, err)
	}
	w.wantResult("a", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("b", tagstore.Failover, tagstore.Success, 1)
}

// While an instance is suspended its pending repair rests; it goes on when the
// suspension ends (S2).
func TestSuspensionHoldsPendingRepair(t *testing.T) {
	w := newRepairWorld(t, "node2 dead", "web sharedfile node2")
	w.allow("web", "pending:failover:byhand:1700000000:", "suspend")
	start := w.since()
	w.pass()
	w.pass()
	if n := len(w.ourJobs(start, "")) + len(w.ourJobs(start, "repair")) + len(w.ourJobs(start, "tags")); n != 0 {
		t.Errorf("%d jobs while suspended", n)
	}
	w.wantReason("web", "suspended", "suspended")
	w.disallow("web", "suspend")
	w.settle(3)
	if r := w.wantResult("web", tagstore.Failover, tagstore.Success, 1); r.ID != "byhand" {
		t.Errorf("the result is that of %s", r.ID)
	}
}

// A repair asked for once by a pending tag, set by hand with Ganeti's own
// command, is done, whatever the policy (T5, W3).
func TestOnceOff(t *testing.T) {
	w := newRepairWorld(t, "node2 dead", "nopolicy sharedfile node2", "weakpolicy sharedfile node2", "two sharedfile node2", "healthy sharedfile node3", "weakask sharedfile node2")
	w.allow("weakpolicy", "fix-storage")
	hand := func(name string, words ...string) {
		var tags []string
		for _, word := range words {
			tags = append(tags, tagstore.Prefix+"pending:"+word)
		}
		if r := w.run(w.Master(), append([]string{"gnt-instance", "add-tags", name}, tags...)...); r.code != 0 {
			t.Fatalf("add-tags: %s", r.stderr)
		}
	}
	hand("nopolicy", "failover:once:1700000000:")
	hand("weakpolicy", "reinstall:3f2504e0-4f89-11d3-9a0c-0305e82c3301:1700000000:")
	// In order of time, whatever the order of names: the first is too weak, the
	// second can, the third finds a healthy instance.
	hand("two", "failover:zweite:1700000002:", "migrate:erste:1700000001:", "failover:dritte:1700000003:")
	hand("healthy", "failover:needless:1700000000:")
	hand("weakask", "fix-storage:weak:1700000000:")
	start := w.since()
	w.pass()
	if r := w.wantResult("healthy", tagstore.Failover, tagstore.Success, 0); r.ID != "needless" {
		t.Errorf("healthy: %s", r.Tag)
	}
	if r := w.wantResult("weakask", tagstore.FixStorage, tagstore.Enoperm, 0); r.ID != "weak" {
		t.Errorf("weakask: %s", r.Tag)
	}
	two := w.tags("two")
	if len(two.Pendings) != 2 || len(two.Results) != 1 || two.Results[0].ID != "erste" || two.Results[0].Outcome != tagstore.Enoperm {
		t.Errorf("two: %+v, want enoperm for erste, and two pending", two)
	}
	w.jobsEnd()
	w.settle(3)
	for name, id := range map[string]string{"nopolicy": "once", "weakpolicy": "3f2504e0-4f89-11d3-9a0c-0305e82c3301"} {
		r := w.result(name)
		if r.ID != id || r.Outcome != tagstore.Success || len(r.Jobs) != 1 {
			t.Errorf("%s: %s, want success of %s with one job", name, r.Tag, id)
		}
	}
	begun := w.begun(start)
	if len(begun["nopolicy"]) != 1 || len(begun["weakpolicy"]) != 1 || len(begun["two"]) != 1 || len(begun) != 3 {
		t.Errorf("repair jobs: %v", begun)
	}
	ids := make(map[string]tagstore.Result)
	for _, r := range w.tags("two").Results {
		ids[r.ID] = r
	}
	if r := ids["zweite"]; r.Outcome != tagstore.Success || len(r.Jobs) != 1 {
		t.Errorf("two: results %v, want zweite to have done it", ids)
	}
	if r := ids["dritte"]; r.Outcome != tagstore.Success || len(r.Jobs) != 0 {
		t.Errorf("two: results %v, want dritte to have found nothing to do", ids)
	}
}
