package plugin

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// crashScenario is a repair that is disturbed at every single LUXI call, or
// only at those that change something or let time pass.
type crashScenario struct {
	name, policy, instances, nodes string
	every                          bool
}

var crashScenarios = []crashScenario{
	{"one step", "failover", "instance i nodes=node2 template=rbd", "node2:offline", true},
	{"drbd in two steps", "failover", "instance i nodes=node2,node3 template=drbd", "node2:offline", true},
	{"reinstall chain", "reinstall", "instance i nodes=node2 template=plain", "node2:offline", true},
	{"asked for by hand, beside others", "migrate", "instance i nodes=node2 template=rbd tags=" + tagstore.Prefix + "pending:failover:byhand:1600000000:" +
		"\ninstance weak nodes=node2 template=ext\ninstance told nodes=node1 template=ext tags=" + tagstore.Prefix + "pending:migrate:told:1600000000:" +
		"\ninstance live nodes=node3 template=sharedfile", "node2:offline node3:drained", false},
}

// disturbance says what becomes of a call; the first one has the number 1.
type disturbance struct {
	name string
	// kill ends the program with that call: nothing of what it would have done
	// afterwards happens, cleaning up included. Otherwise it goes on, and sees an
	// error.
	kill  bool
	fault luxitest.Fault
}

var disturbances = []disturbance{
	{"killed after", true, luxitest.DieAfter()},
	{"not handled", false, luxitest.DieBefore()},
	{"answer lost", false, luxitest.DieAfter()},
	{"answer cut", false, luxitest.CutReply(9)},
}

// play does passes until all is quiet, with a disturbance at the n-th call, and
// returns what came of it and which calls there were. Where soon is set the
// next pass after the disturbed one follows at once, else all that was begun has
// come to its end before.
func (sc crashScenario) play(t *testing.T, n int, d disturbance, soon bool) (outcome string, calls []string) {
	r := newRig(t, "cluster c "+simtest.Tags(sc.policy)+simtest.FourNodes+sc.instances)
	r.Master.Edit(simtest.Broken(sc.nodes))
	var mu sync.Mutex
	hit, dead := false, false
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if dead {
			return luxitest.DieBefore()
		}
		if calls = append(calls, c.Method); len(calls) == n {
			hit, dead = true, d.kill
			return d.fault
		}
		return luxitest.Pass()
	})
	for passes, idle := 0, false; !idle; passes++ {
		if passes == 15 {
			t.Fatal("repairs do not come to an end")
		}
		disturbed := hit
		report, err := r.tryPass()
		mu.Lock()
		dead = false
		disturbed = hit && !disturbed
		mu.Unlock()
		if err != nil && !disturbed {
			t.Fatalf("pass %d, which nothing disturbed, ended with %v", passes, err)
		}
		if disturbed && soon {
			continue
		}
		r.Quiet()
		idle = err == nil && report.Pending == 0 && report.Written == 0
	}
	if n > 0 && !hit {
		t.Fatalf("there were only %d calls", len(calls))
	}
	return r.outcome(), calls
}

// outcome is all that may not depend on a crash: which repair jobs ran with
// what result, what the tags say, and how each instance is. Ids, times, job
// numbers and the choice between fit nodes may.
func (r *rig) outcome() string {
	jobs := strings.Split(r.RepairJobs(), ", ")
	sort.Strings(jobs)
	lines := []string{strings.Join(jobs, ", ")}
	c := r.Master.Snapshot()
	for _, i := range c.Instances {
		good := true
		for _, name := range i.Nodes() {
			n := c.Node(name)
			good = good && !n.Offline && !n.Drained
		}
		lines = append(lines, fmt.Sprintf("%s: %s, runs %v, on good nodes %v, data %d, tags %s", i.Name, i.AdminState, i.Running(), good, i.Data.Generation, r.meaning(i)))
	}
	for _, j := range r.Master.Jobs() {
		if kind, rest := simtest.TrailOf(j); kind != "" && j.End.IsZero() {
			lines = append(lines, fmt.Sprintf("job %d (%s %s) never ended", j.ID, kind, rest))
		}
	}
	return strings.Join(lines, "\n")
}

// meaning lists the tags without ids of ours, times and job numbers; of the jobs
// that a result names it tells how many did begin.
func (r *rig) meaning(i *luxitest.Instance) string {
	parsed := repairtest.ParsedTags(i.Tags)
	var words []string
	for _, p := range parsed.Pendings {
		words = append(words, "pending "+p.Type.String())
	}
	for _, res := range parsed.Results {
		began := 0
		for _, id := range res.Jobs {
			if r.Master.Job(int64(id)).Started() {
				began++
			}
		}
		id := res.ID
		if strings.HasPrefix(id, "r") {
			id = "own"
		}
		words = append(words, fmt.Sprintf("%s %s %s with %d of %d jobs", id, res.Type, res.Outcome, began, len(res.Jobs)))
	}
	for _, m := range parsed.Malformed {
		words = append(words, m.Tag)
	}
	sort.Strings(words)
	return strings.Join(words, "; ")
}

// worthwhile tells whether a disturbance at a call of that method can lead to
// something that one at the call before it cannot. For a program that is killed
// only what the master did counts, so a query is no new place to die at; and an
// answer that told only what is can be lost in any way, by turns.
func (sc crashScenario) worthwhile(d disturbance, method string, n int) bool {
	switch {
	case method == "SubmitManyJobs" || method == "CancelJob":
		return true
	case d.kill:
		return n == 1 || method == "WaitForJobChange"
	}
	return sc.every && d.name == disturbances[1+n%3].name
}

// C2: a pass that dies at any call, before it was handled or after, or that
// loses any answer, leads to the same end as one that does not.
func TestCrashMatrix(t *testing.T) {
	for _, sc := range crashScenarios {
		sc := sc
		want, calls := sc.play(t, 0, disturbance{}, false)
		if len(calls) < 30 {
			t.Fatalf("%s: only %d calls", sc.name, len(calls))
		}
		for k, method := range calls {
			for _, d := range disturbances {
				for _, soon := range []bool{true, false} {
					// A program that goes on has cleaned up, so the next pass may as well come soon.
					if !sc.worthwhile(d, method, k+1) || !d.kill && !soon {
						continue
					}
					n, d, soon := k+1, d, soon
					t.Run(fmt.Sprintf("%s/%s/%s at %d/soon=%v", sc.name, d.name, method, n, soon), func(t *testing.T) {
						t.Parallel()
						if got, _ := sc.play(t, n, d, soon); got != want {
							t.Errorf("it ends as\n%s\nwithout the disturbance as\n%s", got, want)
						}
					})
				}
			}
		}
	}
}

// The undisturbed runs of the matrix are what they are meant to be.
func TestCrashMatrixBegins(t *testing.T) {
	for k, want := range []string{
		"FAILOVER(i) success\ni: up, runs true, on good nodes true, data 1, tags own failover success with 1 of 1 jobs",
		"FAILOVER(i) success, REPLACE_DISKS(i) success\ni: up, runs true, on good nodes true, data 1, tags own failover success with 2 of 2 jobs",
		"RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success\ni: up, runs true, on good nodes true, data 3, tags own reinstall success with 1 of 1 jobs",
		"FAILOVER(i) success, MIGRATE(live) success\ni: up, runs true, on good nodes true, data 1, tags byhand failover success with 1 of 1 jobs\n" +
			"weak: up, runs false, on good nodes false, data 1, tags own failover enoperm with 0 of 0 jobs\n" +
			"told: up, runs true, on good nodes true, data 1, tags told migrate success with 0 of 0 jobs\n" +
			"live: up, runs true, on good nodes true, data 1, tags own migrate success with 1 of 1 jobs",
	} {
		if got, _ := crashScenarios[k].play(t, 0, disturbance{}, false); got != want {
			t.Errorf("%s ends as\n%s\nwant\n%s", crashScenarios[k].name, got, want)
		}
	}
}

// C2: two crashes in a row, the second one in the pass that cleans up after the
// first.
func TestCrashTwice(t *testing.T) {
	sc := crashScenarios[1]
	want, _ := sc.play(t, 0, disturbance{}, false)
	for first := 8; first < 24; first += 5 {
		for second := 1; second < 24; second += 6 {
			first, second := first, second
			t.Run(fmt.Sprintf("%d and %d", first, second), func(t *testing.T) {
				r := newRig(t, "cluster c "+simtest.Tags(sc.policy)+simtest.FourNodes+sc.instances)
				r.Master.Edit(simtest.Broken(sc.nodes))
				for _, n := range []int{first, second} {
					calls := 0
					r.Master.OnCall(func(luxitest.Call) luxitest.Fault {
						calls++
						switch {
						case calls < n:
							return luxitest.Pass()
						case calls == n:
							return luxitest.DieAfter()
						}
						return luxitest.DieBefore()
					})
					_, _ = r.tryPass() // it may have been done before that call
					r.Master.OnCall(nil)
					r.Master.Advance(time.Second)
				}
				r.until(func(report *Report) bool { return report.Pending == 0 && report.Written == 0 })
				if got := r.outcome(); got != want {
					t.Errorf("it ends as\n%s\nwithout the crashes as\n%s", got, want)
				}
			})
		}
	}
}
