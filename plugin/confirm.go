package plugin

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// confirmAndRelease looks afresh at instances whose tags now name a held job,
// and releases the jobs for which need, permission and the absence of a
// suspension still hold (P12). The others are let go unreleased; what their
// tags then need is returned.
func (a *act) confirmAndRelease(ctx context.Context, ready []*work) ([]*work, error) {
	uuids := make([]string, len(ready))
	for k, w := range ready {
		uuids[k] = w.d.Instance.UUID
	}
	reader := &read.Reader{Client: a.Client, Now: a.Now}
	fresh, err := reader.ReadOnly(ctx, uuids)
	if err != nil {
		return nil, fmt.Errorf("looking afresh: %w", err)
	}
	var after []*work
	released := false
	for _, w := range ready {
		now, why := a.confirm(fresh, w)
		if why != "" {
			a.Log.Warn("job let go unreleased", "instance", w.d.Instance.Name, "repair", w.d.Start.Repair.ID, "step", string(w.d.Start.Step), "job", int64(w.held.Job), "why", why)
			more, err := a.unreleased(ctx, w, now)
			if err != nil {
				return after, err
			}
			after = append(after, more...)
			continue
		}
		if err := a.release(ctx, w.held); err != nil {
			if ctx.Err() != nil || luxi.OutcomeUnknown(err) {
				return after, err
			}
			a.problem(w.d.Instance.Name, err)
			continue
		}
		a.report.Released = append(a.report.Released, Released{Job: w.held.Job, Instance: w.d.Instance.Name, Repair: w.d.Start.Repair.ID, Step: w.d.Start.Step})
		a.Log.Info("repair job released", "instance", w.d.Instance.Name, "repair", w.d.Start.Repair.ID, "type", w.d.Start.Repair.Type.String(), "step", string(w.d.Start.Step), "row", w.d.Need.Row, "job", int64(w.held.Job), "permitted_by", permittedBy(w.d))
		w.d.State, w.d.Reason, w.d.Detail = repair.StatePending, repair.ReasonJobsRunning, fmt.Sprintf("job %d (%s) was released", w.held.Job, w.d.Start.Step)
		released = true
	}
	if released {
		// If that fails they start later, with whatever next ends or is submitted.
		_ = a.Client.StartEligible(ctx)
	}
	return after, nil
}

func permittedBy(d *repair.Decision) string {
	if d.Start.New {
		return d.Policy.Origin
	}
	return "pending tag"
}

// confirm decides about the instance once more, as if its held job were not
// there, and compares. It returns that decision, nil if the instance is gone,
// and why the job must not be released, "" if it may.
func (a *act) confirm(fresh *repair.Snapshot, w *work) (*repair.Decision, string) {
	start := w.d.Start
	i := fresh.Instance(w.d.Instance.UUID)
	switch {
	case i == nil:
		return nil, "the instance is gone"
	case i.Name != w.d.Instance.Name:
		return nil, "the instance was renamed"
	}
	without, named := withoutJob(i, start.Repair.ID, w.held.Job)
	s := *fresh
	s.Running = nil
	gateWaits := false
	for _, job := range fresh.Running {
		switch job.ID {
		case w.held.Job:
			continue
		case w.held.Gate:
			gateWaits = job.Status == luxi.JobQueued
		}
		s.Running = append(s.Running, job)
	}
	now := repair.Decide(&s, without, a.Settings, a.NewID)
	switch {
	case !named:
		return now, "its pending tag does not name the job"
	case !gateWaits:
		return now, "it has expired"
	case now.Start == nil && now.State == repair.StateHealthy:
		return now, "the instance is healthy"
	case now.Start == nil:
		return now, now.Explain()
	case now.Start.Repair.ID != start.Repair.ID:
		return now, "another repair comes first"
	case now.Start.Step != start.Step:
		return now, "the next step is now " + string(now.Start.Step)
	case start.ByPolicy() && !now.Policy.Type.Permits(now.Need.Type):
		return now, "the permission was withdrawn"
	case w.withdrawn(i):
		return now, "the request was withdrawn"
	case start.Step == repair.StepReinstall && i.AdminState != w.d.Instance.AdminState:
		// The chain ends with a start only where that was wanted.
		return now, "it is admin " + i.AdminState + " now"
	}
	if why := w.step.Unfit(fresh); why != "" {
		return now, why
	}
	if why := a.unfenced(fresh, i, start.Step, nil); why != "" {
		return now, why
	}
	return now, ""
}

// withdrawn reports whether the tag that stood for the repair was gone when it was
// to be replaced: somebody had removed it, and with it the permission (T5).
func (w *work) withdrawn(fresh *repair.Instance) bool {
	if len(w.d.Start.Old) == 0 || !errors.Is(w.err, luxi.ErrUnknownEntity) {
		return false
	}
	for _, p := range fresh.Tags.Pendings {
		for _, old := range w.d.Start.Old {
			if p.Tag == old {
				return false
			}
		}
	}
	return true
}

// withoutJob is the instance as it would be if its repair did not name the job,
// and whether it does.
func withoutJob(i *repair.Instance, repair string, job luxi.JobID) (*repair.Instance, bool) {
	c := *i
	named := false
	c.Tags.Pendings = append([]tagstore.Pending(nil), i.Tags.Pendings...)
	for k := range c.Tags.Pendings {
		p := &c.Tags.Pendings[k]
		if p.ID != repair {
			continue
		}
		var rest []luxi.JobID
		for _, id := range p.Jobs {
			if id == job {
				named = true
				continue
			}
			rest = append(rest, id)
		}
		p.Jobs = rest
	}
	return &c, named
}

// unreleased says what the tags of an instance need whose job was let go.
func (a *act) unreleased(ctx context.Context, w *work, now *repair.Decision) ([]*work, error) {
	if now == nil {
		return a.strays(ctx, w)
	}
	w.d.State, w.d.Reason, w.d.Detail = now.State, now.Reason, now.Detail
	if now.Reason == repair.ReasonUnsettled {
		w.d.Reason, w.d.Detail = repair.ReasonHealthy, "" // settled below
	}
	unwanted := w.d.Start.ByPolicy() && !now.Policy.Suspended && !now.Need.Healthy() && !now.Policy.Type.Permits(now.Need.Type)
	if unwanted || w.withdrawn(now.Instance) {
		// The step never began and is no longer wanted.
		var tags []string
		for _, p := range now.Instance.Tags.Pendings {
			if p.ID == w.d.Start.Repair.ID {
				tags = append(tags, p.Tag)
			}
		}
		if len(tags) == 0 {
			return nil, nil
		}
		return []*work{{
			d:      now,
			change: tagstore.Change{Kind: luxi.TagInstance, Name: now.Instance.Name, Remove: tags, Why: repair.Mark{Kind: repair.MarkTags, ID: w.d.Start.Repair.ID}.Text()},
			wrote:  []said{{"repair taken back", []any{"repair", w.d.Start.Repair.ID}}},
		}}, nil
	}
	if more := a.settling(now); !more.change.Empty() {
		return []*work{more}, nil
	}
	return nil, nil
}

// strays removes our pending tag from an instance that took over the name
// between reading and writing: tags are written by name, and there it would
// ask for a repair that nobody wanted.
func (a *act) strays(ctx context.Context, w *work) ([]*work, error) {
	tags, err := a.Client.QueryTags(ctx, luxi.TagInstance, w.d.Instance.Name)
	if err != nil {
		var e *luxi.Error
		if asLuxi(err, &e) {
			return nil, nil // no such instance, the usual case
		}
		return nil, fmt.Errorf("looking for stray tags: %w", err)
	}
	ours := make(map[string]bool)
	for _, tag := range w.change.Add {
		ours[tag] = true
	}
	if there, err := a.exists(ctx, w.d.Instance); err != nil || there {
		return nil, err
	}
	var stray []string
	for _, tag := range tags {
		if ours[tag] {
			stray = append(stray, tag)
		}
	}
	if len(stray) == 0 {
		return nil, nil
	}
	return []*work{{change: tagstore.Change{Kind: luxi.TagInstance, Name: w.d.Instance.Name, Remove: stray, Why: repair.Mark{Kind: repair.MarkTags, ID: w.d.Start.Repair.ID}.Text()}}}, nil
}

// exists reports whether the instance is still there under its name, whatever an
// answer said before.
func (a *act) exists(ctx context.Context, i *repair.Instance) (bool, error) {
	t, err := read.Query(ctx, a.Client, luxi.ResInstance, []string{"uuid"}, luxi.And(luxi.Eq("name", i.Name)))
	if err != nil {
		return false, fmt.Errorf("looking for stray tags: %w", err)
	}
	for row := range t.Rows {
		var uuid string
		if err := t.Scan(row, &uuid); err != nil {
			return false, fmt.Errorf("looking for stray tags: %w", err)
		}
		if uuid == i.UUID {
			return true, nil
		}
	}
	return false, nil
}
