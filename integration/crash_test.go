//go:build cluster

package integration_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// proxied runs the program on the master with a proxy between it and luxid
// whose hook interferes, and returns how it ended. kill ends the program with a
// signal, from within the hook, and returns when it has been sent.
func (w *world) proxied(hook func(s luxitest.Stage, x luxitest.Exchange, kill func(signal string)) luxitest.Action, args ...string) ran {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "p")
	w.must(err)
	defer os.RemoveAll(dir)
	pidFile := w.Root(w.Master()) + "/var/run/autorepair-test.pid"
	kill := func(signal string) {
		if r := w.run(w.Master(), "sh", "-c", "kill -"+signal+" $(cat "+pidFile+")"); r.code != 0 {
			w.t.Errorf("kill: %+v", r)
		}
	}
	socket := filepath.Join(dir, "s")
	proxy, err := luxitest.NewProxy(socket, w.Socket(), func(s luxitest.Stage, x luxitest.Exchange) luxitest.Action {
		return hook(s, x, kill)
	})
	w.must(err)
	defer proxy.Close()
	w.must(w.RemoveFile(w.Root(w.Master()) + "/var/run/ganeti-autorepair/last-pass"))
	script := `echo $$ >` + pidFile + `; exec "$0" "$@"`
	return w.run(w.Master(), append([]string{"sh", "-c", script, program, "-L", socket, "run", "--from-watcher"}, args...)...)
}

// point is an instant in a pass at which the program is killed: before luxid
// gets the n-th request of a method (of any, if there is none), or after luxid
// has executed it and before the answer arrives.
type point struct {
	stage  luxitest.Stage
	method string
	n      int
}

// points of every pass that begins two repairs: its reads, the submission of
// the held jobs and of the tags, the wait for them, the releases.
var points = []point{
	{n: 1}, {n: 3}, {n: 5}, {n: 7}, {n: 9},
	{method: "SubmitManyJobs", n: 1}, {method: "SubmitManyJobs", n: 2},
	{method: "WaitForJobChange", n: 1},
	{method: "CancelJob", n: 1}, {method: "CancelJob", n: 2},
}

var allKills = flag.Bool("kills", false, "let TestKilledAtTwentyPoints try all twenty points, not ten")

// Killed with -9 at twenty different points of a pass, the repair completes all
// the same, and no repair job runs twice (C2). Without -kills each request, or its answer,
// is tried, in turn.
func TestKilledAtTwentyPoints(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name  string
		stage luxitest.Stage
	}{{"before a request", luxitest.AtRequest}, {"before an answer", luxitest.AtReply}} {
		s := s
		t.Run(s.name, func(t *testing.T) { killedAtPoints(t, s.stage) })
	}
}

// killedAtPoints has instances go to and fro between two nodes, one pass killed
// each time; one of them is reinstalled each time.
func killedAtPoints(t *testing.T, stage luxitest.Stage) {
	w := newSimWorld(t, describe(t, []string{"node2", "node3"}, []string{
		"cluster reinstall", "web sharedfile node2", "mail sharedfile node2", "off sharedfile node2 stopped", "local file node2",
	}))
	from, to := "node2", "node3"
	for k, p := range points {
		if !*allKills && (k%2 == 0) != (stage == luxitest.AtRequest) {
			continue
		}
		p := p
		p.stage = stage
		w.lostPower(from)
		start := w.since()
		killed := false
		r := w.proxied(func(s luxitest.Stage, x luxitest.Exchange, kill func(string)) luxitest.Action {
			here := x.N == p.n
			if p.method != "" {
				here = x.Method == p.method && x.MethodN == p.n
			}
			if s != p.stage || !here || killed {
				return luxitest.Action{}
			}
			killed = true
			return luxitest.Action{Before: func() { kill("KILL") }, Drop: true}
		})
		if !killed {
			t.Fatalf("point %+v: the pass ended before it, with %+v", p, r)
		}
		if r.code == 0 {
			t.Errorf("point %+v: killed, but ended with %+v", p, r)
		}
		w.settle(5)
		w.onceEach(p, start, to)
		t.Logf("point %+v: repaired, with jobs up to %d", p, w.since())
		w.must(w.sim.Replace(from)) // what was on its disks would be in the way
		w.must(w.Online(w.ctx, from))
		from, to = to, from
	}
}

// onceEach checks that every repair ended well, each with one job that began,
// and that nothing is left behind in the queue.
func (w *world) onceEach(p point, start luxi.JobID, node string) {
	w.t.Helper()
	begun := w.begun(start)
	for name, want := range map[string]string{"web": "FAILOVER", "mail": "FAILOVER", "off": "FAILOVER", "local": "RECREATE_DISKS SHUTDOWN REINSTALL STARTUP"} {
		if jobs := begun[name]; len(jobs) != 1 || opcodes(jobs[0]) != want {
			w.t.Errorf("point %+v: %s was repaired by %d jobs, want one %s: %+v", p, name, len(jobs), want, jobs)
		}
		if r := w.result(name); r.Outcome != tagstore.Success || len(r.Jobs) != 1 {
			w.t.Errorf("point %+v: %s: %s", p, name, r.Tag)
		}
		if got := w.primary(name); got != node {
			w.t.Errorf("point %+v: %s is on %s, want %s", p, name, got, node)
		}
	}
	for _, job := range w.queue() {
		if !job.Status.Final() {
			w.t.Errorf("point %+v: job %d (%v) was left %s", p, job.ID, job.Summary, job.Status)
		}
	}
}

// A person who cancels the hold job of a pass that died releases nothing by it:
// what it held expires, and the next pass does the repair (C1, C2).
func TestHoldJobCanceled(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	// Two jobs of somebody's take all slots, so that the hold job stays in the queue, where
	// it can be canceled. One that runs cannot.
	w.typed("gnt-cluster modify --max-running-jobs=2")
	var lifts []func()
	for _, node := range []string{"node3", "node4"} {
		lifts = append(lifts, w.sim.Inject(hangDelay(node)))
		_, err := w.Submit(w.ctx, delayOn(node))
		w.must(err)
		w.waitCall(node, "test_delay")
	}
	start := w.since()
	w.proxied(func(s luxitest.Stage, x luxitest.Exchange, kill func(string)) luxitest.Action {
		if s == luxitest.AtReply && x.Method == "SubmitManyJobs" {
			return luxitest.Action{Before: func() { kill("KILL") }, Drop: true}
		}
		return luxitest.Action{}
	})
	holds := w.ourJobs(start, "hold")
	if len(holds) != 1 || holds[0].Status != luxi.JobQueued {
		t.Fatalf("hold jobs %+v, want one in the queue", holds)
	}
	if ok, text, err := w.luxi.CancelJob(w.ctx, holds[0].ID, false); err != nil || !ok {
		t.Fatal(ok, text, err)
	}
	for _, lift := range lifts {
		lift()
	}
	w.typed("gnt-cluster modify --max-running-jobs=20")
	w.jobsEnd()
	if begun := w.begun(start); len(begun) != 0 {
		t.Errorf("the end of the hold job released %v", begun)
	}
	w.untouched("web", "node2")
	w.settle(3)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
}

// SIGTERM ends a pass cleanly: what it held expires at once, tag jobs that have
// not run are canceled, and the next pass goes on.
func TestTerminated(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	start := w.since()
	terminated := false
	r := w.proxied(func(s luxitest.Stage, x luxitest.Exchange, kill func(string)) luxitest.Action {
		if s == luxitest.AtReply && x.Method == "SubmitManyJobs" && !terminated {
			terminated = true
			return luxitest.Action{Before: func() { kill("TERM") }}
		}
		return luxitest.Action{}
	})
	if r.code != 1 || !strings.Contains(r.stderr, "stopped by a signal") {
		t.Errorf("the terminated pass: %+v", r)
	}
	w.settle(4)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
	if n := len(w.begun(start)["web"]); n != 1 {
		t.Errorf("%d repair jobs began, want 1", n)
	}
}

// An instance that is renamed or removed between reading and acting is left to
// the next pass; nothing is done to one that took over its name (P11, P12).
func TestRenamedOrRemovedMeanwhile(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "old diskless node2 stopped", "gone diskless node2 stopped", "swap diskless node2 stopped", "stays diskless node2 stopped")
	w.settings(testSettings + "pass_timeout = \"5m\"\n") // four jobs end within the pass
	w.must(w.Drain(w.ctx, "node2"))
	start := w.since()
	done := false
	rename := func(from, to string) vcluster.Opcode {
		return vcluster.Opcode{"OP_ID": "OP_INSTANCE_RENAME", "instance_name": from, "new_name": to, "name_check": false, "ip_check": false}
	}
	change := func() {
		_, err := w.RunJobs(w.ctx, []vcluster.Opcode{
			rename("old", "new"), rename("swap", "away"), rename("stays", "swap"),
			{"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": "gone", "ignore_failures": false},
		})
		w.must(err)
	}
	w.allow("cluster", "migrate") // the lesser: what is done here is of type migrate
	r := w.proxied(func(s luxitest.Stage, x luxitest.Exchange, _ func(string)) luxitest.Action {
		if s == luxitest.AtReply && x.Method == "SubmitManyJobs" && !done {
			done = true
			return luxitest.Action{Before: change}
		}
		return luxitest.Action{}
	})
	if r.code != 0 {
		t.Errorf("the pass ended with %+v", r)
	}
	if n := len(w.begun(start)); n != 0 {
		t.Errorf("%d repairs began for instances that changed their names meanwhile: %v", n, w.begun(start))
	}
	// "swap" is now what was "stays": the tag written by name was taken back.
	w.untouched("swap", "node2")
	w.settle(3)
	for _, name := range []string{"new", "away", "swap"} {
		w.wantResult(name, tagstore.Migrate, tagstore.Success, 1)
		if n := len(w.begun(start)[name]); n != 1 {
			t.Errorf("%s: %d repair jobs began, want 1", name, n)
		}
		if got := w.primary(name); got == "node2" {
			t.Errorf("%s is still on node2", name)
		}
	}
}

// Need, permission and the absence of a suspension are looked at once more, as
// late as possible; what no longer holds is let go (P12).
func TestChangedMeanwhile(t *testing.T) {
	w := newRepairWorld(t, "node2 dead", "suspended sharedfile node2", "withdrawn sharedfile node2", "back sharedfile node3", "same sharedfile node2")
	for _, name := range []string{"suspended", "withdrawn", "back", "same"} {
		w.allow(name, "failover")
	}
	w.must(w.Offline(w.ctx, "node3"))
	start := w.since()
	done := false
	change := func() {
		w.allow("suspended", "suspend")
		w.disallow("withdrawn", "failover")
		w.must(w.Online(w.ctx, "node3"))
	}
	w.proxied(func(s luxitest.Stage, x luxitest.Exchange, _ func(string)) luxitest.Action {
		if s == luxitest.AtReply && x.Method == "SubmitManyJobs" && !done {
			done = true
			return luxitest.Action{Before: change}
		}
		return luxitest.Action{}
	})
	w.jobsEnd()
	begun := w.begun(start)
	if len(begun) != 1 || len(begun["same"]) != 1 {
		t.Errorf("repairs of %d instances began, want same alone", len(begun))
	}
	w.pass()
	w.untouched("withdrawn", "node2")
	w.wantReason("withdrawn", "needs-repair", "no-permission")
	w.wantReason("suspended", "suspended", "suspended")
	w.wantResult("back", tagstore.Failover, tagstore.Success, 0)
	w.wantResult("same", tagstore.Failover, tagstore.Success, 1)
}

// A reply that is truncated, not JSON or of the wrong shape ends the pass with
// one line and status 1, before anything is changed (C5). Those that only tell what a person
// should know, which are asked for before the pass reads the cluster, it does without (A1).
func TestBadReplies(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	start := w.since()
	requests := 0
	for _, bad := range []struct {
		what   string
		action luxitest.Action
	}{
		{"truncated", luxitest.Action{Cut: true}},
		{"not JSON", luxitest.Action{Replace: []byte("<html>not luxid</html>")}},
		{"an empty object", luxitest.Action{Replace: []byte("{}")}},
		{"another shape", luxitest.Action{Replace: []byte(`{"success": true, "result": [[]]}`)}},
		{"null", luxitest.Action{Replace: []byte(`{"success": true, "result": null}`)}},
		{"no rows", luxitest.Action{Replace: []byte(`{"success": true, "result": {"fields": [], "data": []}}`)}},
		{"an error", luxitest.Action{Replace: []byte(`{"success": false, "result": ["ConfigurationError", ["no configuration"]]}`)}},
	} {
		bad := bad
		for n := 1; ; n++ {
			n := n
			submitting, hit, reads, early := false, false, false, false
			r := w.proxied(func(s luxitest.Stage, x luxitest.Exchange, _ func(string)) luxitest.Action {
				if x.Method == "SubmitManyJobs" {
					submitting = true
					return luxitest.Action{Drop: true} // reading went well: enough
				}
				reads = reads || x.Method == "Query" && strings.Contains(string(x.Request), `"status","queued"`)
				if s == luxitest.AtReply && x.N == n {
					hit, early = true, x.Method != "QueryConfigValues" && !reads
					return bad.action
				}
				return luxitest.Action{}
			})
			if submitting && !hit {
				requests = n - 1
				break
			}
			if submitting != early || r.code != 1 || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "ganeti-autorepair: error: ") {
				t.Errorf("reply %d is %s: submitted %v, %+v", n, bad.what, submitting, r)
			}
		}
	}
	if requests < 6 {
		t.Errorf("only %d replies were spoilt", requests)
	}
	if got := w.since(); got != start {
		t.Errorf("jobs up to %d were submitted", got)
	}
	w.untouched("web", "node2")
}
