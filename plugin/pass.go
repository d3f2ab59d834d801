package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
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
	Settings Settings
	Now      func() time.Time
	NewID    NewID
	Log      Logger
}

// Report is what a pass found and did.
type Report struct {
	Plan     *Plan
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
	Step     Step
}

// Read reads a snapshot and plans, changing nothing.
func (p *Pass) Read(ctx context.Context, full bool) (*Plan, error) {
	r := &Reader{Client: p.Client, Now: p.Now, Full: full}
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
	if err := p.settleLeftovers(ctx); err != nil {
		return nil, err
	}
	plan, err := p.Read(ctx, false)
	if err != nil {
		return nil, err
	}
	report := &Report{Plan: plan}
	a := &act{Pass: p, plan: plan, report: report, reserve: reserve, end: end}
	err = a.run(ctx)
	for _, d := range plan.Decisions {
		if d.State == StatePending {
			report.Pending++
		}
	}
	return report, err
}

// act carries out one plan.
type act struct {
	*Pass
	plan    *Plan
	report  *Report
	reserve time.Duration // for cleaning up
	end     time.Time     // of the pass, cleaning up included
}

// work is one change of tags, with the held job that the tags name, if any.
type work struct {
	change  tagstore.Change
	d       *Decision // nil for changes that concern no instance's repair
	step    *Planned  // nil if nothing is submitted
	held    heldJob
	wrote   []said // log lines for when the tags are written
	settles []Settlement
}

// said is a line of the log: stable words, then keys and values.
type said struct {
	msg  string
	args []any
}

func (a *act) run(ctx context.Context) error {
	now, probes := a.split()
	if err := a.carryOut(ctx, a.tagsAlone(), now); err != nil || a.report.OutOfTime {
		return err
	}
	// Instances that found no room last time are tested after everything else
	// is on its way.
	ready, err := a.probe(ctx, probes)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, nil, ready)
}

// split separates steps that begin at once from those that first test for room.
func (a *act) split() (now, probes []*Planned) {
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

// tagsAlone lists the changes that no job goes with: suspensions whose time
// has passed, results, leftovers, and repairs that become pending without room
// for their first step.
func (a *act) tagsAlone() []*work {
	var list []*work
	s := a.plan.Snapshot
	expired := func(kind luxi.TagKind, name string, t tagstore.Tags) {
		if tags := t.ExpiredSuspends(s.Time.Unix()); len(tags) > 0 {
			list = append(list, &work{
				change: tagstore.Change{Kind: kind, Name: name, Remove: tags, Why: mark{Kind: markTags, ID: "suspend"}.text()},
				wrote:  []said{{"suspension has ended", []any{"object", tagstore.Object{Kind: kind, Name: name}.String()}}},
			})
		}
	}
	expired(luxi.TagCluster, "", s.Cluster.Tags)
	for _, g := range sortedGroups(s) {
		expired(luxi.TagGroup, g.Name, g.Tags)
	}
	submitted := make(map[*Decision]bool)
	for _, st := range a.plan.Steps {
		submitted[st.Decision] = st.NoRoom == "" && !st.Decision.Start.Probe
	}
	for _, d := range a.plan.Decisions {
		if submitted[d] {
			continue
		}
		w := a.settling(d)
		if d.Start != nil && d.Start.New {
			tag, _ := d.Start.Repair.Format()
			w.change.Add = append(w.change.Add, tag)
			w.change.Why = mark{Kind: markTags, ID: d.Start.Repair.ID}.text()
			w.wrote = append(w.wrote, said{"repair waits", []any{"repair", d.Start.Repair.ID, "type", d.Start.Repair.Type.String(), "reason", string(d.Reason), "why", d.Detail}})
		}
		if !w.change.Empty() {
			list = append(list, w)
		}
	}
	return list
}

// settling is the change that settles a decision's records, and removes
// suspensions of the instance whose time has passed (T4).
func (a *act) settling(d *Decision) *work {
	w := &work{d: d, settles: d.Settled, change: tagstore.Change{Kind: luxi.TagInstance, Name: d.Instance.Name, Remove: d.Remove}}
	if tags := d.Instance.Tags.ExpiredSuspends(a.plan.Snapshot.Time.Unix()); len(tags) > 0 {
		w.change.Remove = append(append([]string(nil), w.change.Remove...), tags...)
		w.wrote = append(w.wrote, said{msg: "suspension has ended"})
	}
	id := ""
	for _, st := range d.Settled {
		tag, dropped := st.Result.Format()
		a.logDropped(d, st.Result.ID, dropped)
		w.change.Add = append(w.change.Add, tag)
		id = st.Result.ID
	}
	if id == "" && len(d.Instance.Tags.Pendings) > 0 {
		id = d.Instance.Tags.Pendings[0].ID
	}
	if id == "" {
		id = "suspend"
	}
	w.change.Why = mark{Kind: markTags, ID: id}.text()
	return w
}

func (a *act) logDropped(d *Decision, repair string, dropped int) {
	if dropped > 0 {
		a.Log.Warn("tag has no room for all jobs, the oldest are left out", "instance", d.Instance.Name, "repair", repair, "left_out", dropped)
	}
}

// carryOut submits the steps held, writes all tags, and releases each job as
// soon as its tags are written and a fresh look confirms the need.
func (a *act) carryOut(ctx context.Context, list []*work, steps []*Planned) error {
	if len(list) == 0 && len(steps) == 0 {
		return nil
	}
	hold := a.Settings.PassTimeout + 30*time.Second
	var holdJob luxi.JobID
	if len(steps) > 0 {
		var submitted []*work
		var err error
		if holdJob, submitted, err = a.submit(ctx, hold, steps); err != nil {
			return err
		}
		list = append(submitted, list...)
	}
	err := a.writeAndRelease(ctx, list)
	clean, cancel := a.cleaning()
	defer cancel()
	if holdJob != 0 {
		if e := a.expire(clean, holdJob); e != nil && err == nil {
			a.Log.Warn("held jobs expire later by themselves", "error", e.Error())
		}
	}
	return err
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

func (a *act) submit(ctx context.Context, hold time.Duration, steps []*Planned) (luxi.JobID, []*work, error) {
	var jobs [][]luxi.OpCode
	var marks []mark
	for _, st := range steps {
		jobs = append(jobs, st.OpCodes(a.Settings, a.Pass))
		marks = append(marks, mark{Kind: markRepair, ID: st.Decision.Start.Repair.ID, Step: st.Decision.Start.Step})
	}
	holdJob, held, errs, err := a.submitHeld(ctx, hold, jobs, marks)
	if err != nil {
		return 0, nil, err
	}
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
		w.change.Why = mark{Kind: markTags, ID: pending.ID}.text()
		w.step, w.held = st, held[k]
		list = append(list, w)
	}
	return holdJob, list, nil
}

// writeAndRelease writes the tags of all work and releases the jobs whose tags
// are written, in batches as they come.
func (a *act) writeAndRelease(ctx context.Context, list []*work) error {
	writer := &tagstore.Writer{Client: a.Client, Source: Source, Now: a.Now}
	changes := make([]tagstore.Change, len(list))
	for k, w := range list {
		changes[k] = w.change
	}
	batch, err := writer.Submit(ctx, changes)
	if err != nil {
		return err
	}
	var after []*work
	for batch.Unfinished() > 0 {
		done, err := batch.Next(ctx)
		if err != nil {
			a.abandon(batch, list)
			if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == context.DeadlineExceeded {
				// Some tag job had to wait for too long, for a lock most likely;
				// nothing that a person would have to look at.
				a.report.OutOfTime = true
				return nil
			}
			return err
		}
		more, err := a.written(ctx, list, done)
		after = append(after, more...)
		if err != nil {
			a.abandon(batch, list)
			return err
		}
	}
	if len(after) == 0 {
		return nil
	}
	return a.writeAndRelease(ctx, after)
}

// abandon cancels the tag jobs that have not run: they must not strike later (C3).
func (a *act) abandon(batch *tagstore.Batch, list []*work) {
	clean, cancel := a.cleaning()
	defer cancel()
	for _, done := range batch.Abandon(clean) {
		if done.Err != nil {
			a.Log.Warn("tags not written", "instance", list[done.Index].change.Name, "error", done.Err.Error())
		}
	}
}

// written takes note of finished tag jobs and releases what they were for. It
// returns the changes that follow from jobs that could not be released.
func (a *act) written(ctx context.Context, list []*work, done []tagstore.Written) ([]*work, error) {
	var ready []*work
	for _, e := range done {
		w := list[e.Index]
		if e.Err != nil {
			a.problem(w.change.Name, e.Err)
		} else {
			a.report.Written++
			switch {
			case w.d == nil:
			case w.d.Start != nil:
				w.d.State = StatePending // its tag is there now
			case w.d.Reason == ReasonUnsettled:
				w.d.Reason, w.d.Detail = ReasonHealthy, ""
			}
			a.logWritten(w)
		}
		if w.step != nil {
			ready = append(ready, w)
		}
	}
	if len(ready) == 0 {
		return nil, nil
	}
	return a.confirmAndRelease(ctx, ready)
}

func (a *act) logWritten(w *work) {
	for _, line := range w.wrote {
		args := line.args
		if w.d != nil {
			args = append([]any{"instance", w.d.Instance.Name}, args...)
		}
		a.Log.Info(line.msg, args...)
	}
	for _, st := range w.settles {
		r := st.Result
		log := a.Log.Info
		if r.Outcome == tagstore.Failure {
			log = a.Log.Warn
			a.report.Problems = append(a.report.Problems, fmt.Sprintf("%s: repair %s failed: %s", w.d.Instance.Name, r.ID, st.Why))
		}
		log("repair ended", "instance", w.d.Instance.Name, "repair", r.ID, "type", r.Type.String(), "result", string(r.Outcome), "jobs", jobList(r.Jobs), "why", st.Why)
	}
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

func jobList(ids []luxi.JobID) string {
	words := make([]string, len(ids))
	for k, id := range ids {
		words[k] = fmt.Sprint(int64(id))
	}
	return strings.Join(words, "+")
}
