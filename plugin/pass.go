package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// Logger takes what a pass has to say: one line per decision that changes
// something, with stable words.
type Logger interface {
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
}

// Pass is one run over the cluster: the only place that acts.
type Pass struct {
	Client   *luxi.Client
	Settings repair.Settings
	Now      func() time.Time
	NewID    repair.NewID
	Log      Logger
	// Fence stands in for the command of Settings.Fence, in tests.
	Fence Fence
}

// Report is what a pass found and did.
type Report struct {
	Plan     *repair.Plan
	Released []Released // repair jobs let go, in order
	Written  int        // tag changes made
	// Problems are things that went wrong and that a person should look at;
	// each concerns one object alone.
	Problems []string
	// Pending is the number of instances with open repairs after the pass.
	Pending int
	// OutOfTime says that the pass ended before all tags were written; what is
	// left is done by the next one.
	OutOfTime bool
}

// Released is a repair job that a pass let go.
type Released struct {
	Job      luxi.JobID
	Instance string
	Repair   string
	Step     repair.Step
}

// Read reads a snapshot and plans, changing nothing.
func (p *Pass) Read(ctx context.Context, full bool) (*repair.Plan, error) {
	r := &read.Reader{Client: p.Client, Now: p.Now, Full: full}
	s, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	return NewPlan(ctx, p.Client, s, p.Settings, p.NewID)
}

// Run does a whole pass within Settings.PassTimeout. When the context ends
// early it finishes what it has begun so far that nothing is left half done:
// jobs not released expire, tag jobs not run are canceled.
func (p *Pass) Run(ctx context.Context) (*Report, error) {
	// The last part of the time is for cleaning up.
	reserve := p.Settings.PassTimeout / 6
	end := time.Now().Add(p.Settings.PassTimeout)
	ctx, cancel := context.WithTimeout(ctx, p.Settings.PassTimeout-reserve)
	defer cancel()
	running, err := p.settleLeftovers(ctx)
	if err != nil {
		return nil, err
	}
	s, err := (&read.Reader{Client: p.Client, Now: p.Now, Running: running}).Read(ctx)
	if err != nil {
		return nil, err
	}
	a := &act{Pass: p, reserve: reserve, end: end, holds: make(map[string]bool)}
	plan, err := newPlan(ctx, p.Client, s, p.Settings, p.NewID, func(ctx context.Context, placer *repair.Placer, list []*repair.Instance) error {
		return a.askStorage(ctx, s, placer, list)
	})
	if err != nil {
		return nil, err
	}
	report := &Report{Plan: plan}
	a.plan, a.report = plan, report
	err = a.run(ctx)
	for _, d := range plan.Decisions {
		if d.State == repair.StatePending {
			report.Pending++
		}
	}
	return report, err
}

// act carries out one plan.
type act struct {
	*Pass
	plan    *repair.Plan
	report  *Report
	reserve time.Duration // for cleaning up
	end     time.Time     // of the pass, cleaning up included
	holdJob luxi.JobID    // what all held jobs of this pass wait for, 0 before the first
	// holds tells for which node and instance the fence has held in this pass.
	holds map[string]bool
}

// waveSize is how many steps are submitted, tagged and released together at most. A
// storm begins with the most urgent ones, and what the time of a pass does not
// suffice for is never submitted (C4).
const waveSize = 10

func (a *act) run(ctx context.Context) error {
	err := a.inWaves(ctx)
	if a.holdJob != 0 {
		clean, cancel := a.cleaning()
		defer cancel()
		if e := a.expire(clean, a.holdJob); e != nil && err == nil {
			a.Log.Warn("held jobs expire later by themselves", "error", e.Error())
		}
	}
	return err
}

func (a *act) inWaves(ctx context.Context) error {
	now, probes := a.split()
	now = a.fenced(ctx, now)
	alone := a.tagsAlone(now)
	size := waveSize
	if len(now) > size {
		// The most urgent step is not to wait for the tags of nine others.
		size = 1
	}
	for len(now) > size {
		began := time.Now()
		// A tag job that waits for a lock is not to keep the other waves waiting.
		if err := a.carryOut(ctx, a.Settings.PassTimeout/6, nil, now[:size]); err != nil || ctx.Err() != nil {
			return err
		}
		now = now[size:]
		if size = a.fits(ctx, time.Since(began)/time.Duration(size)); size == 0 {
			a.report.OutOfTime = true
			return nil
		}
	}
	if err := a.carryOut(ctx, a.Settings.PassTimeout, alone, now); err != nil || ctx.Err() != nil {
		return err
	}
	// Instances that found no room last time are tested after everything else
	// is on its way.
	ready, err := a.probe(ctx, probes)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, a.Settings.PassTimeout, nil, a.fenced(ctx, ready))
}

// fits is how many steps the next wave may have where each takes so long: what is
// held in vain costs the queue a gate that runs.
func (a *act) fits(ctx context.Context, each time.Duration) int {
	deadline, bounded := ctx.Deadline()
	left := time.Until(deadline)
	switch {
	case ctx.Err() != nil || bounded && left <= a.reserve:
		return 0
	case !bounded || left > waveSize*each:
		return waveSize
	}
	return int(left / each)
}

// split separates steps that begin at once from those that first test for room.
func (a *act) split() (now, probes []*repair.Planned) {
	for _, st := range a.plan.Steps {
		switch {
		case st.NoRoom != "":
		case st.Decision.Start.Probe:
			probes = append(probes, st)
		default:
			now = append(now, st)
		}
	}
	return now, probes
}

// carryOut submits the steps held, writes all tags, and releases each job as
// soon as its tags are written and a fresh look confirms the need. Once nothing
// has been written for as long as the patience lasts, the rest is given up.
func (a *act) carryOut(ctx context.Context, patience time.Duration, list []*work, steps []*repair.Planned) error {
	if len(list) == 0 && len(steps) == 0 {
		return nil
	}
	if len(steps) > 0 {
		submitted, err := a.submit(ctx, steps)
		if err != nil {
			return err
		}
		list = append(submitted, list...)
	}
	return a.writeAndRelease(ctx, patience, list)
}

// cleaning is a context for what has to be done whatever happened before: it has
// the reserve each time, but never goes beyond the end of the pass.
func (a *act) cleaning() (context.Context, context.CancelFunc) {
	by := time.Now().Add(a.reserve)
	if by.After(a.end) {
		by = a.end
	}
	return context.WithDeadline(context.Background(), by)
}

// submit submits the steps held, by the pass's hold job if that is still there.
func (a *act) submit(ctx context.Context, steps []*repair.Planned) ([]*work, error) {
	if a.holdJob != 0 {
		status, _, err := a.lookAtHold(ctx, a.holdJob)
		if err != nil {
			return nil, fmt.Errorf("looking at hold job %d: %w", a.holdJob, err)
		}
		if status.Final() {
			a.holdJob = 0 // somebody ended it
		}
	}
	var jobs [][]luxi.OpCode
	var marks []repair.Mark
	for _, st := range steps {
		jobs = append(jobs, st.OpCodes(a.Settings, a.Now()))
		marks = append(marks, repair.Mark{Kind: repair.MarkRepair, ID: st.Decision.Start.Repair.ID, Step: st.Decision.Start.Step})
	}
	holdJob, held, errs, err := a.submitHeld(ctx, a.holdJob, a.Settings.PassTimeout+30*time.Second, jobs, marks)
	if err != nil {
		return nil, err
	}
	a.holdJob = holdJob
	var list []*work
	for k, st := range steps {
		d := st.Decision
		w := a.settling(d)
		if errs[k] != nil {
			a.problem(d.Instance.Name, fmt.Errorf("submitting %s: %w", d.Start.Step, errs[k]))
			if !w.change.Empty() {
				list = append(list, w)
			}
			continue
		}
		pending := d.Start.Repair
		pending.Jobs = append(append([]luxi.JobID(nil), pending.Jobs...), held[k].Job)
		tag, dropped := pending.Format()
		a.logDropped(d, pending.ID, dropped)
		w.change.Add = append(w.change.Add, tag)
		for _, old := range d.Start.Old {
			if old != tag {
				w.change.Remove = append(w.change.Remove, old)
			}
		}
		w.change.Why = repair.Mark{Kind: repair.MarkTags, ID: pending.ID}.Text()
		w.step, w.held = st, held[k]
		list = append(list, w)
	}
	return list, nil
}

// problem notes something that went wrong with one object alone.
func (a *act) problem(object string, err error) {
	if errors.Is(err, luxi.ErrUnknownEntity) {
		// Renamed or removed since it was read, or a tag somebody else removed:
		// nothing to look at, the next pass reads it anew.
		a.Log.Warn("changed meanwhile, left to the next pass", "object", object, "error", err.Error())
		return
	}
	if object == "" {
		object = "cluster"
	}
	a.report.Problems = append(a.report.Problems, object+": "+err.Error())
	a.Log.Warn("failed", "object", object, "error", err.Error())
}
