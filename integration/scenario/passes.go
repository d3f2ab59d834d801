package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// Pass does a pass as the watcher does, and others as long as Again asks for
// them. It returns the report of the last one, nil if that did not begin, and
// whether that ended without an error.
func (w *World) Pass() (*plugin.Report, bool) {
	for {
		did, ok := w.onePass()
		if w.Again == nil || !w.Again() {
			return did, ok
		}
	}
}

func (w *World) onePass() (*plugin.Report, bool) {
	p := w.newPass()
	defer p.Client.Close()
	w.passes++
	if err := w.observe(); err != nil {
		w.say("  not observed: %s", err)
	}
	p.Disks = w.seen.DiskFacts(w.Settings)
	w.say("= pass %d, %s", w.passes, minutes(w.Master.Now().Sub(Start)))
	w.record.Moment(judge.PassBegins, 0)
	ctx := newDeadline(w.Master.Now().Add(w.Settings.PassTimeout * 5 / 6))
	w.mu.Lock()
	w.inPass, w.disturbed, w.deadline = true, false, ctx
	w.mu.Unlock()
	var did *plugin.Report
	err := plugin.Preflight(ctx, p.Client, w.host, w.now(), false)
	if errors.Is(err, plugin.ErrQueueDrained) {
		p.QueueDrained, err = true, nil
	}
	if err != nil || p.QueueDrained {
		w.seen.Silent = w.seen.Silent.NotLooked()
	}
	if err == nil {
		did, err = p.Run(ctx)
		if err == nil {
			ctx = newDeadline(w.Master.Now().Add(w.Settings.PassTimeout * 5 / 6)) // the pass has had its own
			w.mu.Lock()
			w.deadline = ctx
			w.mu.Unlock()
			err = w.markSilent(ctx, p)
		}
	}
	if did != nil {
		w.seen.Verified.NoteMended(did.Plan.Snapshot)
		w.looked = w.looked || len(did.Looks) > 0
		w.roomTests, w.suspects, w.takenBack = did.RoomTests, did.Suspects, did.JobsTakenBack()
	}
	w.mu.Lock()
	w.inPass = false
	w.endHooks()
	end := judge.PassEnds
	if err != nil || w.disturbed {
		end = judge.PassFails
	}
	w.mu.Unlock()
	w.record.Moment(end, 0)
	if err != nil {
		w.say("  ended: %s", err)
	}
	if did != nil {
		w.reported(did, err)
	}
	return did, err == nil
}

// endHooks removes what was meant for the pass that ended. What did not happen
// because that was disturbed is for the next one.
func (w *World) endHooks() {
	var rest []*hook
	for _, h := range w.hooks {
		switch {
		case h.n <= 0 || h.maybe:
		case w.Disturb != nil:
			h.n = h.first
			rest = append(rest, h)
		default:
			w.broken = append(w.broken, judge.Finding{Demand: "story", Text: fmt.Sprintf("there is no call %d of %s", h.first, h.method)})
		}
	}
	w.hooks = rest
}

// reported tells what the pass thinks of every instance that is not plainly
// healthy, and notes the steps between states.
func (w *World) reported(did *plugin.Report, err error) {
	for _, problem := range did.Problems {
		w.say("  problem: %s", problem)
	}
	if did.OutOfTime {
		w.say("  out of time")
	}
	bad := report.BadTags(did.PlanAfter())
	for _, v := range report.Notable(did.PlanAfter()) {
		bad = append(bad, v.Bad...)
		text := v.Detail
		if text != "" {
			text = ": " + text
		}
		w.say("  %s is %s, %s%s", v.Instance, v.State, v.Reason, text)
	}
	for _, b := range bad {
		w.say("  unreadable on %s: %s: %s", b.Object, b.Tag, b.Why)
	}
	if err != nil {
		return
	}
	for _, d := range did.Decisions() {
		name := d.Instance.Name
		if last, known := w.states[name]; known && last != d.Was {
			w.move(Move{last, d.Was, "others"}, name)
		}
		if d.Was != d.State {
			w.move(Move{d.Was, d.State, "pass"}, name)
		}
		w.states[name] = d.State
	}
}

// deadline is a context that ends at a time of the master's clock, as a pass ends at
// one of the machine's.
type deadline struct {
	context.Context
	at   time.Time
	once sync.Once
	done chan struct{}
}

func newDeadline(at time.Time) *deadline {
	return &deadline{Context: context.Background(), at: at, done: make(chan struct{})}
}

// passed ends the context when the time has come. It reports true once.
func (d *deadline) passed(now time.Time) bool {
	first := false
	if !now.Before(d.at) {
		d.once.Do(func() {
			close(d.done)
			first = true
		})
	}
	return first
}

// Done and Err are those of context.Context.
func (d *deadline) Done() <-chan struct{} { return d.done }

func (d *deadline) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Quiet lets time pass until all jobs have ended, and five minutes more. It
// reports false if some never will.
func (w *World) Quiet() bool {
	ok := w.Master.RunUntilQuiet()
	w.Master.Advance(5 * time.Minute)
	return ok
}

// mostPasses bounds how often Repair tries.
const mostPasses = 20

// Repair does passes, each followed by the end of all jobs, until one has nothing
// to do. It reports false if that does not happen.
func (w *World) Repair() bool {
	waited := false
	for n := 0; n < mostPasses; n++ {
		did, ok := w.Pass()
		w.Quiet()
		switch {
		case !ok || did.Written > 0 || len(did.Released) > 0 || w.busy(did), w.awaitsMarking():
			waited = false
		case !waited && waitsForRoom(did):
			// Tests for room are an hour apart at most (P21).
			w.Master.Advance(time.Hour)
			waited = true
		default:
			return true
		}
	}
	return false
}

// waitsForRoom reports whether a repair is tested for room from time to time.
func waitsForRoom(did *plugin.Report) bool {
	for _, d := range did.Decisions() {
		if d.Reason == repair.ReasonNoRoom {
			return true
		}
	}
	return false
}

// busy reports whether a repair has a job under way, or tries one again.
func (w *World) busy(did *plugin.Report) bool {
	for _, d := range did.Decisions() {
		switch d.Reason {
		case repair.ReasonJobsRunning, repair.ReasonRetry, repair.ReasonReady, repair.ReasonCanceled, repair.ReasonNoSlot, repair.ReasonCopiesLater, repair.ReasonNotBegun:
			return true
		}
	}
	return false
}
