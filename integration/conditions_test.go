//go:build cluster

package integration_test

import (
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/tagstore"
)

func containsWord(text, word string) bool { return strings.Contains(text, word) }

// One node has a failed-over instance to be; each condition that keeps a pass
// from acting is seen to, then the pass acts when the condition is gone (W1, C3).
func TestWhenNotToAct(t *testing.T) {
	w := newWorld(t)
	w.instances("web sharedfile node2")
	w.allow("cluster", "failover")
	w.must(w.Offline(w.ctx, "node2"))
	start := w.since()
	idle := func(what string) {
		t.Helper()
		if got := w.since(); got != start {
			t.Fatalf("%s: jobs up to %d were submitted", what, got)
		}
		w.untouched("web", "node2")
	}
	byHand := func(node string, args ...string) ran {
		return w.run(node, append([]string{program, "run"}, args...)...)
	}

	// Not the master: the hook is quiet, a person is told.
	if r := w.hook("node3"); r != (ran{}) {
		t.Errorf("the hook on another node: %+v", r)
	}
	if r := byHand("node3"); r.code != 11 || !strings.Contains(r.stderr, "not the master: the master is node1") {
		t.Errorf("by hand on another node: %+v", r)
	}
	// Even with the master's socket at hand (P: run on the wrong node).
	if r := byHand("node3", "-L", w.SocketInside()); r.code != 11 {
		t.Errorf("by hand on another node with the master's socket: %+v", r)
	}
	idle("not the master")

	// The watcher is paused; only --ignore-pause goes on.
	if r := w.run(w.Master(), "gnt-cluster", "watcher", "pause", "1h"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	w.watcher()
	if r := w.passAnyhow(); r != (ran{}) {
		t.Errorf("the hook while paused: %+v", r)
	}
	if r := byHand(w.Master()); r.code != 0 || !strings.Contains(r.stderr, "the watcher is paused until") {
		t.Errorf("by hand while paused: %+v", r)
	}
	idle("paused")
	if r := w.run(w.Master(), "gnt-cluster", "watcher", "continue"); r.code != 0 {
		t.Fatal(r.stderr)
	}

	// The queue is drained.
	w.must(w.luxi.SetDrainFlag(w.ctx, true))
	if r := w.passAnyhow(); r != (ran{}) {
		t.Errorf("the hook while the queue is drained: %+v", r)
	}
	if r := byHand(w.Master()); r.code != 0 || !strings.Contains(r.stderr, "queue is drained") {
		t.Errorf("by hand while the queue is drained: %+v", r)
	}
	w.must(w.luxi.SetDrainFlag(w.ctx, false))
	idle("drained queue")

	// luxid is down: one line, status 1, and the next pass is due at once.
	w.must(w.StopDaemon(w.ctx, w.Master(), vcluster.Luxid))
	if r := w.passAnyhow(); r.code != 1 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "ganeti-query") {
		t.Errorf("the hook without luxid: %+v", r)
	}
	w.must(w.StartDaemon(w.ctx, w.Master(), vcluster.Luxid))
	idle("luxid down")

	// Bad settings: file, line, key and what is allowed; nothing is done.
	w.settings("interval = \"15m\"\n\nmax_runing = 3\n")
	if r := w.passAnyhow(); r.code != 2 || !strings.Contains(r.stderr, "/etc/ganeti/autorepair.toml:3: max_runing: unknown key") {
		t.Errorf("the hook with bad settings: %+v", r)
	}
	idle("bad settings")
	w.settings(testSettings)

	// The dry run says what would be done and does nothing (V6).
	if r := byHand(w.Master(), "--dry-run", "--opcodes"); r.code != 0 || !strings.Contains(r.stdout, `"OP_ID":"OP_INSTANCE_FAILOVER"`) {
		t.Errorf("dry run: %+v", r)
	}
	idle("dry run")

	w.watcher()
	w.jobsEnd()
	if p := w.pending("web"); len(p.Jobs) != 1 {
		t.Errorf("the pass that may act left %s", p.Tag)
	}
	// Too early: the interval while repairs are pending is not over; by hand it
	// does not matter.
	w.settings("interval = \"24h\"\nbusy_interval = \"24h\"\n")
	start = w.since()
	if r := w.hook(w.Master()); r != (ran{}) {
		t.Errorf("the hook too early: %+v", r)
	}
	if got := w.since(); got != start {
		t.Error("a pass too early submitted jobs")
	}
	if r := byHand(w.Master()); r.code != 0 {
		t.Errorf("by hand: %+v", r)
	}
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
}

// Two hooks at once: one acts, the other leaves quietly; nothing is done twice
// (C3).
func TestTwoHooksAtOnce(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "one sharedfile node2", "two sharedfile node2", "three sharedfile node2")
	start := w.since()
	var wg sync.WaitGroup
	results := make([]ran, 4)
	for n := range results {
		n := n
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[n] = w.hook(w.Master())
		}()
	}
	wg.Wait()
	for _, r := range results {
		if r != (ran{}) {
			t.Errorf("a hook ended with %+v", r)
		}
	}
	w.settle(3)
	for _, name := range []string{"one", "two", "three"} {
		if n := len(w.begun(start)[name]); n != 1 {
			t.Errorf("%s: %d repair jobs began, want 1", name, n)
		}
		w.wantResult(name, tagstore.Failover, tagstore.Success, 1)
	}
}

// run --wait stays until the repairs have ended and says how.
func TestRunAndWait(t *testing.T) {
	w := newRepairWorld(t, "cluster reinstall", "node2 dead", "one sharedfile node2", "two file node2")
	if r := w.run(w.Master(), program, "run", "--wait"); r.code != 0 || !strings.Contains(r.stdout, "2 instances, 2 healthy") {
		t.Errorf("run --wait: %+v", r)
	}
	w.wantResult("one", tagstore.Failover, tagstore.Success, 1)
	w.wantResult("two", tagstore.Reinstall, tagstore.Success, 1)
}
