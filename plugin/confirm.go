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
// suspension still hold (P12). The others stay unreleased; the tasks that settle
// their tags are returned.
func (a *act) confirmAndRelease(ctx context.Context, ready []*task) ([]*task, error) {
	uuids := make([]string, len(ready))
	for k, t := range ready {
		uuids[k] = t.action.Decision.Instance.UUID
	}
	reader := &read.Reader{Client: a.Client, Now: a.Now, Before: a.plan.Snapshot}
	fresh, err := reader.ReadOnly(ctx, uuids)
	if err != nil {
		return nil, fmt.Errorf("looking afresh: %w", err)
	}
	var after []*task
	released := false
	for _, t := range ready {
		now, why := a.confirm(fresh, t)
		if why != "" {
			d := t.action.Decision
			a.Log.Warn("job not released", "instance", d.Instance.Name, "repair", d.Start.Repair.ID, "step", string(d.Start.Step), "job", int64(t.held.Job), "why", why)
			more, err := a.unreleased(ctx, fresh, t, now, why)
			if err != nil {
				return after, err
			}
			after = append(after, more...)
			continue
		}
		if err := a.release(ctx, t.held); err != nil {
			if ctx.Err() != nil || luxi.OutcomeUnknown(err) {
				return after, err
			}
			a.problem(t.change.Name, err)
			a.report.leave(t.action.Decision.Instance, repair.StatePending, repair.ReasonNotBegun, err.Error())
			continue
		}
		a.tellReleased(t)
		released = true
	}
	if released {
		// If that fails they start later, with whatever next ends or is submitted.
		_ = a.Client.StartEligible(ctx)
	}
	return after, nil
}

// tellReleased logs and reports a job that was released.
func (a *act) tellReleased(t *task) {
	d := t.action.Decision
	start := d.Start
	a.report.Released = append(a.report.Released, Released{
		Job: t.held.Job, Instance: d.Instance.Name, UUID: d.Instance.UUID, Repair: start.Repair.ID, Type: start.Repair.Type,
		Step: start.Step, First: len(start.Repair.Jobs) == 0,
	})
	if repair.MustNotWait(d) {
		a.atOnce = append(a.atOnce, t)
	}
	a.Log.Info("repair job released", "instance", d.Instance.Name, "repair", start.Repair.ID, "type", start.Repair.Type.String(), "step", string(start.Step), "row", d.Need.Row, "job", int64(t.held.Job), "permitted_by", permittedBy(d))
	a.report.leave(d.Instance, repair.StatePending, repair.ReasonJobsRunning, fmt.Sprintf("job %d (%s) was released", t.held.Job, start.Step))
}

func permittedBy(d repair.Decision) string {
	if d.Start.New {
		return d.Policy.Origin
	}
	return "pending tag"
}

// confirm decides about the instance once more, as if its held job were not
// there, and compares. It returns that decision, without an instance if that is gone,
// and why the job must not be released, "" if it may.
func (a *act) confirm(fresh *repair.Snapshot, t *task) (repair.Decision, string) {
	was := t.action.Decision
	start := was.Start
	i := fresh.Instance(was.Instance.UUID)
	switch {
	case i == nil:
		return repair.Decision{}, "the instance is gone"
	case i.Name != was.Instance.Name:
		return repair.Decision{}, "the instance was renamed"
	}
	without, named := withoutJob(i, start.Repair.ID, t.held.Job)
	s := *fresh
	s.Unfinished = nil
	gateWaits := false
	for _, job := range fresh.Unfinished {
		switch job.ID {
		case t.held.Job:
			continue
		case t.held.Gate:
			gateWaits = job.Status == luxi.JobQueued
		}
		s.Unfinished = append(s.Unfinished, job)
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
		return now, now.WhyNot()
	case now.Start.Repair.ID != start.Repair.ID:
		return now, "another repair comes first"
	case now.Start.Step != start.Step:
		return now, "the next step is now " + string(now.Start.Step)
	case start.ByPolicy() && !now.Policy.Type.Permits(now.Need.Type):
		return now, "the permission was withdrawn"
	case t.withdrawn(i):
		return now, "the request was withdrawn"
	case now.Start.Target != start.Target:
		return now, "its target is now another node"
	case start.Step == repair.StepReinstall && i.AdminState != was.Instance.AdminState:
		// The chain ends with a start only where that was wanted.
		return now, "it is admin " + i.AdminState + " now"
	}
	if why := t.action.Job.Place.Unfit(fresh, i); why != "" {
		return now, why
	}
	if start.Step == repair.StepReinstall {
		if why := t.action.Job.Place.Contested(a.plan.Snapshot, fresh, i); why != "" {
			return now, why
		}
	}
	if why := a.unfenced(fresh, i, start.Step, nil); why != "" {
		return now, why
	}
	return now, ""
}

// withdrawn reports whether the tag that stood for the repair was gone when it was
// to be replaced: somebody had removed it, and with it the permission (T5).
func (t *task) withdrawn(fresh *repair.Instance) bool {
	old := t.action.Decision.Start.Old
	if len(old) == 0 || !errors.Is(t.err, luxi.ErrUnknownEntity) {
		return false
	}
	for _, p := range fresh.Tags.Pendings {
		for _, tag := range old {
			if p.Tag == tag {
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

// unreleased returns the tasks that settle the tags of an instance whose job was not
// released.
func (a *act) unreleased(ctx context.Context, fresh *repair.Snapshot, t *task, now repair.Decision, why string) ([]*task, error) {
	if now.Instance == nil {
		return a.strays(ctx, t)
	}
	reason, detail := now.Reason, now.Detail
	if reason == repair.ReasonUnsettled {
		reason, detail = repair.ReasonHealthy, "" // settled by what is returned
	}
	if reason == repair.ReasonReady || reason == repair.ReasonRetry {
		// What kept the job from being released is not in the configuration.
		reason, detail = repair.ReasonNotBegun, why
		if t.err != nil {
			detail = "its tags were not written: " + t.err.Error()
		}
	}
	a.report.leave(now.Instance, now.State, reason, detail)
	start := t.action.Decision.Start
	// A repair of an earlier pass ends with a result (P22).
	unwanted := start.New && start.ByPolicy() && !now.Policy.Suspended && !now.Need.Healthy() && !now.Policy.Type.Permits(now.Need.Type)
	if unwanted || t.withdrawn(now.Instance) {
		// The step never began and is no longer wanted.
		var tags []string
		for _, p := range now.Instance.Tags.Pendings {
			if p.ID == start.Repair.ID {
				tags = append(tags, p.Tag)
			}
		}
		return a.withdraw(now.Instance, start.Repair.ID, tags), nil
	}
	if more := repair.WithoutStep(fresh, now); !more.Empty() {
		return []*task{a.newTask(more, heldJob{})}, nil
	}
	return nil, nil
}

// withdraw returns the task that removes the pending tags of a repair that is not
// wanted and none of whose jobs has begun; none where there are no tags.
func (a *act) withdraw(i *repair.Instance, id string, tags []string) []*task {
	if len(tags) == 0 {
		return nil
	}
	return []*task{a.newTask(repair.Action{
		Object: tagstore.Object{Kind: luxi.TagInstance, Name: i.Name}, Decision: repair.Decision{Instance: i}, Remove: tags, Dropped: id,
	}, heldJob{})}
}

// strays removes our pending tag from an instance that took over the name
// between reading and writing: tags are written by name, and there it would
// ask for a repair that nobody wanted.
func (a *act) strays(ctx context.Context, t *task) ([]*task, error) {
	tags, err := a.Client.QueryTags(ctx, luxi.TagInstance, t.action.Decision.Instance.Name)
	if err != nil {
		var e *luxi.Error
		if errors.As(err, &e) {
			return nil, nil // no such instance, the usual case
		}
		return nil, fmt.Errorf("looking for stray tags: %w", err)
	}
	ours := make(map[string]bool)
	for _, tag := range t.change.Add {
		ours[tag] = true
	}
	if there, err := a.exists(ctx, t.action.Decision.Instance); err != nil || there {
		return nil, err
	}
	var stray []string
	for _, tag := range tags {
		if ours[tag] {
			stray = append(stray, tag)
		}
	}
	return a.withdraw(t.action.Decision.Instance, t.action.Repair(), stray), nil
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
