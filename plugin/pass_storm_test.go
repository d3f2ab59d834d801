package plugin

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// storm is a node that takes many instances down with it.
func storm(t *testing.T, n int, slots string) *rig {
	text := "cluster c " + slots + simtest.Tags("failover") + "\ngroup g\nnode node1 mem=40960\nnode node2 mem=40960\nnode node3 mem=40960\nnode node4\n"
	for k := 0; k < n; k++ {
		text += fmt.Sprintf("instance i%02d nodes=node2 template=rbd\n", k)
	}
	r := newRig(t, text)
	r.Master.Edit(simtest.Broken("node2:offline"))
	return r
}

// order counts what was written and submitted before the first repair began.
func (r *rig) order() (tagged, submitted, all int) {
	began := false
	for _, e := range r.Master.Log() {
		switch {
		case e.Kind == luxitest.LogStart && strings.Contains(e.Text, "INSTANCE_FAILOVER"):
			began = true
		case e.Kind == luxitest.LogEffect && strings.HasSuffix(e.Text, " added"):
			all++
			if !began {
				tagged++
			}
		case e.Kind == luxitest.LogSubmit && strings.Contains(e.Text, "INSTANCE_FAILOVER") && !began:
			submitted++
		}
	}
	return tagged, submitted, all
}

// C4: a storm starts its most urgent repair as soon as that one's tag is written,
// and before the last of its jobs are submitted.
func TestStormBeginsEarly(t *testing.T) {
	r := storm(t, 45, "")
	alone := 0 // repair jobs in the queue when the first one is released
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "CancelJob" && alone == 0 {
			alone = len(r.Master.Jobs()) - 3 // the hold job, a gate, and the job that writes the tag
		}
		return luxitest.Pass()
	})
	report := r.pass()
	r.Master.OnCall(nil)
	if alone != 1 {
		t.Errorf("the first repair waited for the tags of %d", alone)
	}
	tagged, submitted, all := r.order()
	if len(report.Released) != 45 || all != 45 || tagged > repair.WaveSize || submitted > 1+repair.WaveSize {
		t.Errorf("%d released; before the first repair began %d of %d tags were written and %d jobs submitted", len(report.Released), tagged, all, submitted)
	}
	r.Quiet()
	r.repaired()
	if n := strings.Count(r.RepairJobs(), "success"); n != 45 {
		t.Errorf("%d repairs", n)
	}
}

// C1, C4: one hold job suffices for a whole pass; where somebody ends it, what it
// holds expires, and what comes after that is held by another one. The next pass
// goes on with what has expired.
func TestOneHoldJob(t *testing.T) {
	for _, row := range []struct {
		name            string
		ended           int  // at this submission, 0 for never
		archived        bool // and taken out of the queue
		holds, released int
	}{
		{"all goes well", 0, false, 1, 25}, {"between two waves", 3, false, 2, 25}, {"archived between two waves", 3, true, 2, 25},
		{"after a look at it", 4, false, 2, 15}, {"while tags are written", 5, false, 2, 15},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := storm(t, 25, "")
			if row.ended > 0 {
				r.At("SubmitManyJobs", row.ended, func() {
					for _, j := range r.Master.Jobs() {
						if kind, _ := simtest.TrailOf(j); kind == repair.MarkHold {
							if ok, _, err := r.newPass().Client.CancelJob(simtest.Background, luxi.JobID(j.ID), true); err != nil || !ok {
								t.Errorf("hold job %d: %v, %v", j.ID, ok, err)
							}
							r.Master.Advance(3 * time.Second)
						}
					}
					if row.archived && r.Master.ArchiveJobs(0) == 0 {
						t.Error("nothing was archived")
					}
				})
			}
			report := r.pass()
			r.Master.OnCall(nil)
			if len(report.Released) != row.released {
				t.Errorf("%d released", len(report.Released))
			}
			if n := r.Count(repair.MarkHold); n != row.holds {
				t.Errorf("%d hold jobs", n)
			}
			r.Master.Advance(3 * time.Second)
			for _, j := range r.Master.Jobs() {
				if kind, _ := simtest.TrailOf(j); kind == repair.MarkHold && j.End.IsZero() {
					t.Errorf("hold job %d is left %s", j.ID, j.Status)
				}
			}
			r.Quiet()
			r.repaired()
			if n := strings.Count(r.RepairJobs(), "success"); n != 25 {
				t.Errorf("%d repairs", n)
			}
		})
	}
}

// C4: a released job starts at once. luxid starts what a canceled gate held up only
// at its next occasion, which may be the end of the pass.
func TestReleasedStartsAtOnce(t *testing.T) {
	r := storm(t, 1, "")
	released := time.Time{}
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "CancelJob" && released.IsZero() {
			released = r.Master.Now()
		}
		if c.Method == "QueryJobs" {
			return luxitest.DieBefore() // the hold job is not ended
		}
		return luxitest.Pass()
	})
	r.pass()
	r.Master.OnCall(nil)
	r.Master.Advance(2 * time.Second)
	for _, j := range r.Master.Jobs() {
		switch kind, _ := simtest.TrailOf(j); {
		case kind == repair.MarkHold && !j.End.IsZero():
			t.Errorf("the hold job has ended")
		case kind == repair.MarkRepair && !j.Started():
			t.Errorf("the repair job is %s %v after its release", j.Status, r.Master.Now().Sub(released))
		}
	}
	r.Quiet()
	r.repaired()
}

// C4, C5: one instance that somebody else's job has locked keeps neither its own
// wave nor the next one from being repaired.
func TestStormWithALock(t *testing.T) {
	r := storm(t, 12, "")
	ctx := newBound()
	var hanging int64
	submits, released := 0, 0
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch {
		case c.Method == "SubmitManyJobs":
			if submits++; submits == 2 {
				hanging = r.hang("i00")
			}
		case r.cancels(c, repair.MarkGate):
			released++
		case c.Method == "WaitForJobChange" && released == 11:
			ctx.pass()
		}
		return luxitest.Pass()
	})
	report, err := r.newPass().Run(ctx)
	r.Master.OnCall(nil)
	if err != nil || len(report.Released) != 11 || !report.OutOfTime || len(report.Problems) != 0 {
		t.Errorf("%v: %+v", err, report)
	}
	r.Master.Continue(hanging)
	r.Quiet()
	r.repaired()
	if n := strings.Count(r.RepairJobs(), "success"); n != 12 {
		t.Errorf("repairs %s", r.RepairJobs())
	}
}

// C4: of many changes of tags ten share a job, and five jobs are in the queue at a
// time: they go ahead of all others, and repairs are to find slots between them.
func TestManyTags(t *testing.T) {
	text := "cluster c" + simtest.FourNodes
	for k := 0; k < 75; k++ {
		text += fmt.Sprintf("instance i%02d nodes=node1 %s\n", k, simtest.Tags("suspend:5"))
	}
	r := newRig(t, text)
	var mu sync.Mutex
	most := 0
	r.Master.OnCall(func(luxitest.Call) luxitest.Fault {
		n := 0
		for _, j := range r.Master.Jobs() {
			if j.End.IsZero() {
				n++
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if n > most {
			most = n
		}
		return luxitest.Pass()
	})
	report := r.pass()
	mu.Lock()
	defer mu.Unlock()
	if jobs := len(r.Master.Jobs()); report.Written != 75 || jobs != 8 || most != 5 {
		t.Errorf("%d changes by %d jobs, at most %d at a time", report.Written, jobs, most)
	}
}

// C1: on a queue of two slots all works, one after the other; with a single one
// no repair is begun, which is said, because held jobs take two.
func TestFewSlots(t *testing.T) {
	r := storm(t, 3, "max-running-jobs=2 ")
	r.repaired()
	if n := strings.Count(r.RepairJobs(), "success"); n != 3 {
		t.Errorf("repairs %s", r.RepairJobs())
	}

	r = storm(t, 3, "max-running-jobs=1 ")
	report := r.pass()
	for _, d := range report.Decisions() {
		if d.State != repair.StateNeedsRepair || d.Reason != repair.ReasonOneSlot || !strings.Contains(d.Detail, "one job at a time") {
			t.Errorf("%s is %s %s: %s", d.Instance.Name, d.State, d.Reason, d.Detail)
		}
	}
	if n := r.Count(repair.MarkRepair); n != 0 {
		t.Errorf("%d jobs", n)
	}
}
