//go:build cluster

package integration_test

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

var wholeStorm = flag.Bool("storm", false, "let TestStorm lose 40 primaries of 200 instances, not 8 of 40")

// stormMax is the bound on repair jobs under way in the storm (V1).
const stormMax = 4

// A node with 40 primaries dies in a cluster of 12 nodes and 200 instances, or with
// a fifth of that where "make storm" is not meant. All are repaired, none twice, and the program leaves slots of the queue to others
// (V1, C2, C4, P4).
func TestStorm(t *testing.T) {
	var text strings.Builder
	text.WriteString("cluster cluster tags=ganeti:watcher:autorepair:failover\ngroup default\n")
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
	w.settings(testSettings + fmt.Sprintf("max_running = %d\npass_timeout = \"10m\"\n", stormMax))

	// At each start of an instance, how many of our jobs are under way?
	var mu sync.Mutex
	most := 0
	looks := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range looks {
			n, err := w.underWay()
			mu.Lock()
			if err == nil && n > most {
				most = n
			}
			mu.Unlock()
		}
	}()
	w.sim.OnCall(func(c nodesim.Call) {
		if c.Name == "instance_start" || c.Name == "drbd_attach_net" {
			select {
			case looks <- struct{}{}:
			default: // one is under way
			}
		}
	})
	w.lostPower("n1")
	start := w.since()
	w.pass()
	own, err := w.Submit(w.ctx, delayOn("n12"))
	w.must(err)
	w.settle(6)
	w.sim.OnCall(nil)
	close(looks)
	<-done
	if most == 0 || most > stormMax {
		t.Errorf("%d repair jobs were under way at a time, want 1 to %d", most, stormMax)
	}

	begun := w.begun(start)
	var last luxi.JobInfo
	for _, name := range hit {
		// An allocator that gets no answer in a storm is asked again.
		var jobs []luxi.JobInfo
		for _, job := range begun[name] {
			if job.Status == luxi.JobSuccess {
				jobs = append(jobs, job)
			} else {
				t.Logf("%s: job %d ended as %s: %v", name, job.ID, job.Status, job.Ops[0].Result.Err)
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

// underWay counts the repair jobs that have a slot of the queue.
func (w *simWorld) underWay() (int, error) {
	jobs, err := w.luxi.ListJobs(w.ctx, luxi.UnfinishedJobs(), false)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, job := range jobs {
		if job.Status != luxi.JobWaiting && job.Status != luxi.JobRunning || len(job.Ops) == 0 {
			continue
		}
		for _, r := range job.Ops[0].Reason {
			if r.Source == "ganeti-autorepair" && strings.HasPrefix(r.Text, "repair ") {
				n++
				break
			}
		}
	}
	return n, nil
}
