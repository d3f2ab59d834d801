//go:build cluster

package integration_test

import (
	"flag"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

var wholeStorm = flag.Bool("storm", false, "let TestStorm lose 40 primaries of 200 instances, not 8 of 40")

// stormMax and stormCopies are the bounds on repair jobs under way in the storm (V1, P20),
// stormSlots how many jobs of whatever kind the queue runs at a time.
const (
	stormMax    = 4
	stormCopies = 3
	stormSlots  = 20
)

// A node with 40 primaries dies in a cluster of 12 nodes and 200 instances, or with
// a fifth of that where "make storm" is not meant. All are repaired, none twice,
// and the program leaves slots of the queue to others, whatever jobs it takes to
// repair (V1, C2, C4, P4).
func TestStorm(t *testing.T) {
	var text strings.Builder
	text.WriteString(fmt.Sprintf("cluster cluster max-running-jobs=%d tags=ganeti:watcher:autorepair:failover\ngroup default\n", stormSlots))
	for n := 1; n <= 12; n++ {
		fmt.Fprintf(&text, "node n%d mem=65536 disk=1048576\n", n)
	}
	var hit []string
	instances, primaries := 40, 8
	if *wholeStorm {
		instances, primaries = 200, 40
	}
	for k := 0; k < instances; k++ {
		// The others are on n2 to n12 alone.
		primary, secondary := k%11+2, (k+3)%11+2
		if k < primaries {
			hit = append(hit, fmt.Sprintf("i%d", k))
			primary = 1
		}
		fmt.Fprintf(&text, "instance i%d nodes=n%d,n%d template=drbd\n", k, primary, secondary)
	}
	w := newSimWorld(t, text.String())
	w.settings(testSettings + fmt.Sprintf("max_running = %d\nmax_copying = %d\npass_timeout = \"10m\"\n", stormMax, stormCopies))

	w.lostPower("n1")
	start := w.since()
	w.pass()
	own, err := w.Submit(w.ctx, delayOn("n12"))
	w.must(err)
	w.settle(6)
	var failovers, copies []luxi.JobInfo
	for _, job := range w.ourJobs(start, "repair") {
		if steps([]luxi.JobInfo{job}) == "REPLACE_DISKS" {
			copies = append(copies, job)
		} else {
			failovers = append(failovers, job)
		}
	}
	var all []luxi.JobInfo
	for _, word := range []string{"repair", "tags", "probe", "hold", "gate"} {
		all = append(all, w.ourJobs(start, word)...)
	}
	ours := mostAtATime(all)
	t.Logf("at most %d failovers and %d copies were under way at a time, and %d jobs of any kind of ours", mostAtATime(failovers), mostAtATime(copies), ours)
	if n := mostAtATime(failovers); n == 0 || n > stormMax {
		t.Errorf("%d failovers were under way at a time, want 1 to %d", n, stormMax)
	}
	if n := mostAtATime(copies); n == 0 || n > stormCopies {
		t.Errorf("%d copies were under way at a time, want 1 to %d", n, stormCopies)
	}
	if ours >= stormSlots {
		t.Errorf("%d jobs of ours had slots at a time, and the queue has %d", ours, stormSlots)
	}

	begun := w.begun(start)
	var last luxi.JobInfo
	for _, name := range hit {
		// An allocator that gets no answer in a storm is asked again. Nothing else may
		// be done twice, whether it failed or not.
		var jobs []luxi.JobInfo
		for _, job := range begun[name] {
			if e := job.Ops[0].Result.Err; noAnswer(e) {
				t.Logf("%s: job %d: %v", name, job.ID, e)
			} else {
				jobs = append(jobs, job)
			}
		}
		if got := steps(jobs); got != "FAILOVER, REPLACE_DISKS" {
			t.Errorf("%s: repaired by %q", name, got)
			continue
		}
		if r := w.result(name); r.Type != tagstore.Failover || r.Outcome != tagstore.Success {
			t.Errorf("%s: %s", name, r.Tag)
		}
		if on := w.sim.RunsOn(name); len(on) != 1 || on[0] != w.primary(name) {
			t.Errorf("%s runs on %v", name, on)
		}
		w.wantContent(name, nodesim.Original)
		if jobs[1].Ended.After(last.Ended) {
			last = jobs[1]
		}
		delete(begun, name)
	}
	for name := range begun {
		t.Errorf("%s was repaired", name)
	}
	if calls := w.sim.Calls("instance_os_add"); len(calls) != 0 {
		t.Errorf("installed: %v", calls)
	}
	// An administrator's own job did not have to wait for the end of the storm.
	if job := w.jobInfo(luxi.JobID(own[0])); !job.Ended.Before(last.Ended) {
		t.Errorf("another's job ended at %v, the last repair at %v", job.Ended, last.Ended)
	}
}

// noAnswer recognizes the one error of a storm: the allocator was asked, and while
// it looked a node did not tell what it has (lib/masterd/iallocator.py). Unlike an
// answer that there is no room, it has no code.
func noAnswer(e *luxi.Error) bool {
	if e == nil || e.Class != "OpExecError" || e.Code != "" {
		return false
	}
	return strings.HasPrefix(e.Message, "Can't get data for node") || strings.HasPrefix(e.Message, "Can't get node instance info")
}

// mostAtATime returns the largest number, of these jobs, that had a slot of the queue at a
// time. It goes by when each started and ended, which lies within the time that it had its
// slot: to look at the queue meanwhile would take so long that a job ends and the next one
// starts in the same look.
func mostAtATime(jobs []luxi.JobInfo) int {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, job := range jobs {
		if !job.Started.IsZero() && !job.Ended.IsZero() {
			changes = append(changes, change{job.Started, 1}, change{job.Ended, -1})
		}
	}
	// One that starts when another ends is not beside it.
	sort.Slice(changes, func(a, b int) bool {
		x, y := changes[a], changes[b]
		return x.at.Before(y.at) || x.at.Equal(y.at) && x.by < y.by
	})
	now, most := 0, 0
	for _, c := range changes {
		if now += c.by; now > most {
			most = now
		}
	}
	return most
}
