package plugin

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// bound is a context whose deadline passes when a test says so.
type bound struct {
	context.Context
	once sync.Once
	over chan struct{}
}

func newBound() *bound { return &bound{Context: simtest.Background, over: make(chan struct{})} }

func (b *bound) pass() { b.once.Do(func() { close(b.over) }) }

func (b *bound) Done() <-chan struct{} { return b.over }

func (b *bound) Err() error {
	select {
	case <-b.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// C3: a pass whose time is over while a tag job waits for a lock gives that up,
// says so, and has failed in nothing; what it had released goes on, what it had
// not expires, and the next pass goes on.
func TestOutOfTime(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance ok nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	ctx := newBound()
	hanging := r.lockBeforeTags("i", ctx.pass)
	report, err := r.newPass().Run(ctx)
	if err != nil || !report.OutOfTime || len(report.Problems) != 0 || len(report.Released) != 1 || report.Released[0].Instance != "ok" {
		t.Errorf("%+v, %v", report, err)
	}
	r.Master.OnCall(nil)
	r.Master.OnOpcode(nil)
	r.Master.Advance(time.Second) // the death of the hold job is noticed
	for _, kind := range []string{repair.MarkHold, repair.MarkTags} {
		for _, status := range strings.Fields(r.status(kind)) {
			if status == "queued" || status == "waiting" || status == "running" {
				t.Errorf("%s jobs are left %s", kind, r.status(kind))
			}
		}
	}
	r.Master.Continue(*hanging)
	r.Quiet()
	r.WantRepairs("FAILOVER(ok) success")
	r.repaired()
	r.WantRepairs("FAILOVER(ok) success, FAILOVER(i) success")
}

// C6: instances whose locks somebody takes before their tags are written hold up no other
// wave. One is repaired in the same pass, as its lock comes free; the suspension of
// another one, whose lock does not, ends in the next.
func TestLockedHoldsUpNothing(t *testing.T) {
	instances := "instance s nodes=node3 template=rbd " + simtest.Tags("suspend:1") + "\n"
	for k := 1; k <= 25; k++ {
		instances += fmt.Sprintf("instance i%02d nodes=node2 template=rbd mem=1\n", k)
	}
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+instances)
	r.Master.Edit(simtest.Broken("node2:offline"))
	began, submits, released := r.Master.Now(), 0, 0
	var took time.Duration // until the 24th was released
	var web, stays int64
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch c.Method {
		case "SubmitManyJobs":
			if submits++; submits == 2 {
				web, stays = r.hang("i01"), r.hang("s")
			}
		case "CancelJob":
			id := canceledBy(c)
			switch kind, _ := simtest.TrailOf(r.Master.Job(id)); kind {
			case repair.MarkGate:
				if released++; released == 24 {
					took = r.Master.Now().Sub(began)
					r.Master.Continue(web)
				}
			case repair.MarkTags:
				// luxid answers when the job has ended, the simulated one after a minute.
				r.Master.TellToCancel(id)
				return luxitest.DieBefore()
			}
		}
		return luxitest.Pass()
	})
	report := r.pass()
	r.Master.OnCall(nil)
	if took == 0 || took > 20*time.Second || len(report.Released) != 25 || !report.OutOfTime || len(report.Problems) != 0 {
		t.Errorf("24 were released after %v, %d in all; out of time %v, problems %q", took, len(report.Released), report.OutOfTime, report.Problems)
	}
	if all := r.Master.Now().Sub(began); all > 2*time.Minute {
		t.Errorf("the pass took %v", all)
	}
	r.WantTags("s", "suspend:1")
	r.Master.Continue(stays)
	r.Quiet()
	r.pass()
	r.WantTags("s", "")
}

// C3: leftovers that do not end are not waited for without bound.
func TestLeftoversOutOfTime(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance h nodes=node1 "+simtest.Tags("pending:migrate:x:5:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	// The tag job of a killed pass runs, hangs, and cannot be canceled.
	r.Master.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_TAGS_SET" && op.Text("name") == "h" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	r.killAt("WaitForJobChange", 1, luxitest.DieBefore())
	r.killed()
	r.Master.Advance(2 * time.Second)
	ctx := newBound()
	waits := 0
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "WaitForJobChange" {
			if waits++; waits == 5 {
				ctx.pass()
			}
		}
		return luxitest.Pass()
	})
	if report, err := r.newPass().Run(ctx); err == nil {
		t.Errorf("a pass that had no time at all says %+v", report)
	}
	r.Master.OnCall(nil)
	for _, j := range r.Master.Jobs() {
		r.Master.Continue(j.ID)
	}
	r.Master.OnOpcode(nil)
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	r.wantResult("i", "failover", "success", 1)
}

// C3, C4: a wave has as many steps as there is time for, going by the one before.
func TestWaveFits(t *testing.T) {
	within := func(d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(simtest.Background, d)
		t.Cleanup(cancel)
		return ctx
	}
	over, cancel := context.WithCancel(simtest.Background)
	cancel()
	a := &act{reserve: time.Minute}
	for _, row := range []struct {
		name string
		ctx  context.Context
		each time.Duration
		want int
	}{
		{"no bound", simtest.Background, time.Hour, repair.WaveSize},
		{"plenty of time", within(10 * time.Hour), time.Minute, repair.WaveSize},
		{"time for some", within(10*time.Hour + time.Minute), 2 * time.Hour, 5},
		{"time for none", within(10 * time.Hour), 11 * time.Hour, 0},
		{"only to clean up", within(30 * time.Second), time.Millisecond, 0},
		{"over", over, 0, 0},
	} {
		if got := a.waveFits(row.ctx, row.each); got != row.want {
			t.Errorf("%s: %d steps, want %d", row.name, got, row.want)
		}
	}
}
