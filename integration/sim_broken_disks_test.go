//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// brokenDisks is a cluster with an instance for each thing that can happen to disks on good
// nodes, and one that is well.
const brokenDisks = `
cluster cluster tags=ganeti:watcher:autorepair:fix-storage
group default
node a
node b
node c
node d
instance lost nodes=a,b template=drbd
instance local nodes=b,c template=drbd
instance split nodes=c,d template=drbd
instance plain nodes=d template=plain
instance well nodes=d,a template=drbd
`

// nextSecond waits until the clock shows another second. A verification of disks that
// began in the second in which a job ended is not known to have begun after it (D6).
func nextSecond() {
	for now := time.Now().Unix(); time.Now().Unix() == now; {
		time.Sleep(20 * time.Millisecond)
	}
}

// verifiedResults runs the watcher, which verifies all disks, and passes until these
// instances have results. The first ones need not do: a node may be late with its answer
// to the watcher, and where a job has the lock of an instance its result is left to the
// next pass (C6).
func (w *simWorld) verifiedResults(names ...string) {
	w.t.Helper()
	nextSecond()
	w.eventually(fmt.Sprintf("the disks of %s are verified, and results tell", strings.Join(names, ", ")), func() bool {
		w.watcher()
		w.pass()
		for _, name := range names {
			if len(w.tags(name).Results) == 0 {
				return false
			}
		}
		return true
	})
}

// breakDisks takes the disks of lost from its secondary node, those of local from its
// primary node, and gives each copy of split writes that the other lacks.
func (w *simWorld) breakDisks() {
	w.t.Helper()
	w.sim.LoseVolumes("b", "lost")
	w.sim.LoseVolumes("b", "local")
	w.sim.SplitBrain("split")
}

// D1 to D6, D10: on a real master, with the real watcher beside it, what lost its copy on
// one node gets another, what only a person may touch is left alone, and no result says
// success before the disks were verified.
func TestBrokenDisksAreMended(t *testing.T) {
	w := newSimWorld(t, brokenDisks)
	w.settings(testSettings + "disks = \"repair\"\ndisk_grace = \"5m\"\n")
	w.breakDisks()
	start := w.since()
	w.watcher()
	w.pass()
	w.wantSteps(start, "lost", "")
	w.watcher()
	w.pass() // looks
	w.jobsEnd()
	for _, name := range []string{"lost", "local", "split"} {
		w.wantSteps(start, name, "")
	}
	w.pass()
	w.jobsEnd()
	reasons := w.reasons()
	if got := reasons["split"]; got != string(repair.ReasonDisconnected) {
		t.Errorf("split: %s", got)
	}
	if got := reasons["lost"]; got != string(repair.ReasonSettling) {
		t.Errorf("lost, before its disks were verified: %s", got)
	}
	w.verifiedResults("lost", "local")
	w.wantSteps(start, "lost", "REPLACE_DISKS")
	w.wantSteps(start, "local", "REPLACE_DISKS")
	for _, name := range []string{"split", "plain", "well"} {
		w.wantSteps(start, name, "")
	}
	if p, s := w.place("lost"); p != "a" || s == "b" {
		t.Errorf("lost is on %s and %s", p, s)
	}
	if p, s := w.place("local"); p != "b" || s != "c" {
		t.Errorf("local is on %s and %s", p, s)
	}
	w.wantContent("lost", "original")
	w.wantContent("local", "original")
	for _, name := range []string{"lost", "local"} {
		if r := w.tags(name).Results; len(r) != 1 || r[0].Outcome != tagstore.Success {
			t.Errorf("%s has the results %+v", name, r)
		}
	}
}

// D10: by default all that is told is the sign, nothing is submitted, and a request is
// refused with the reason.
func TestBrokenDisksAreReported(t *testing.T) {
	w := newSimWorld(t, brokenDisks)
	w.settings(testSettings)
	w.breakDisks()
	w.watcher()
	w.watcher()
	start := w.since()
	w.pass()
	w.pass()
	w.jobsEnd()
	for _, name := range []string{"lost", "local", "split", "plain", "well"} {
		w.wantSteps(start, name, "")
	}
	w.command(0, "with volumes missing on b; with disks = \"report\"", "explain", "lost")
	w.command(0, "may be broken", "status")
	var s struct {
		Findings []struct{ Finding, Object string }
	}
	w.must(json.Unmarshal([]byte(w.command(0, "", "status", "--json")), &s))
	found := make(map[string]bool)
	for _, f := range s.Findings {
		if f.Finding == string(repair.FindingBrokenDisks) {
			found[f.Object] = true
		}
	}
	if !found["instance lost"] || !found["instance local"] || !found["instance split"] || found["instance well"] {
		t.Errorf("found %v", found)
	}
	if r := w.run(w.Master(), program, "repair", "lost", "fix-storage"); r.code != 1 || !strings.Contains(r.stderr, "not \"repair\"") {
		t.Errorf("repair: %d %s%s", r.code, r.stdout, r.stderr)
	}
}
