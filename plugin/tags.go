package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// task is an action under way.
type task struct {
	action repair.Action
	change tagstore.Change // of tags; it names the held job, if there is one
	held   heldJob         // zero if nothing was submitted
	err    error           // of the change, as far as it is known
	ended  bool            // the change has ended
}

// newTask returns a task whose tags name the held job, if there is one.
func (a *act) newTask(action repair.Action, held heldJob) *task {
	change, dropped := action.Change(held.Job)
	if dropped > 0 {
		a.Log.Warn("tag has no room for all jobs, the oldest are left out", "instance", action.Object.Name, "repair", action.Repair(), "left_out", dropped)
	}
	return &task{action: action, change: change, held: held}
}

// tagWindow returns how many tag jobs are in the queue at a time. They are written one
// after the other whatever their number, so a few keep that busy, and the other
// slots are for the repairs (C4).
func tagWindow(slots int) int {
	switch n := (slots - 1) / 2; {
	case slots == 0 || n > 5:
		return 5
	case n < 1:
		return 1
	default:
		return n
	}
}

// writing is a number of changes of tags under way, and the tasks that they are for.
type writing struct {
	batch *tagstore.Batch
	list  []*task
}

// writeAndRelease writes the tags of all tasks and releases the jobs whose tags
// are written, as they come. Where none is written for as long as the patience
// lasts, the rest is given up. Tags of objects whose locks jobs of others have are left
// for the end of the pass: nothing waits for them (C6).
func (a *act) writeAndRelease(ctx context.Context, patience time.Duration, list []*task) error {
	if len(list) == 0 {
		return nil
	}
	writer := &tagstore.Writer{Client: a.Client, Source: repair.Source, Now: a.Now, Window: tagWindow(a.plan.Snapshot.Cluster.Slots), PerJob: repair.WaveSize}
	changes := make([]tagstore.Change, len(list))
	for k, t := range list {
		changes[k] = t.change
	}
	batch, err := writer.Submit(ctx, changes)
	if err != nil {
		return err
	}
	return a.follow(ctx, patience, writing{batch, list}, false)
}

// follow waits until all changes of tags have ended or are left aside. With last set it
// leaves none aside, and abandons those that release no job.
func (a *act) follow(ctx context.Context, patience time.Duration, w writing, last bool) error {
	w.batch.SetAside(!last)
	var after []*task
	for w.batch.Unfinished() > 0 {
		if last && !w.releases() {
			a.abandon(w)
			a.report.OutOfTime = true
			break
		}
		short, stop := context.WithTimeout(ctx, patience)
		done, err := w.batch.Next(short)
		late := short.Err() == context.DeadlineExceeded
		stop()
		if err != nil {
			a.abandon(w)
			if errors.Is(err, context.DeadlineExceeded) && late {
				// Nothing that a person would have to look at.
				a.report.OutOfTime = true
				return nil
			}
			return err
		}
		if len(done) == 0 && w.batch.Unfinished() > 0 {
			a.aside = append(a.aside, w)
			break
		}
		more, err := a.written(ctx, w.list, done)
		after = append(after, more...)
		if err != nil {
			a.abandon(w)
			return err
		}
	}
	return a.writeAndRelease(ctx, patience, after)
}

// writeAside writes the tags that were left aside because jobs of others had the locks
// of their objects. The next pass does what does not come to it: repairs that are to be
// released are waited for, as they are what the pass is for, and nothing else is.
func (a *act) writeAside(ctx context.Context) error {
	for len(a.aside) > 0 {
		w := a.aside[0]
		a.aside = a.aside[1:]
		if err := a.follow(ctx, a.Settings.PassTimeout/6, w, true); err != nil {
			return err
		}
	}
	return nil
}

// releases reports whether a task that has not ended is to release a job.
func (w writing) releases() bool {
	for _, t := range w.list {
		if t.action.Job != nil && !t.ended {
			return true
		}
	}
	return false
}

// abandon cancels the tag jobs that have not run: they must not run later (C3).
func (a *act) abandon(w writing) {
	clean, cancel := a.cleaning()
	defer cancel()
	for _, done := range w.batch.Abandon(clean) {
		if done.Err != nil {
			t := w.list[done.Index]
			a.Log.Warn("tags not written", "instance", t.change.Name, "error", done.Err.Error())
			if t.action.Job != nil {
				a.report.notBegun(t.action.Decision, "its tags were not written: "+done.Err.Error())
			}
		}
	}
}

// written takes note of finished tag jobs and releases what they were for. It
// returns the tasks that follow from jobs that could not be released.
func (a *act) written(ctx context.Context, list []*task, done []tagstore.Written) ([]*task, error) {
	var ready []*task
	for _, w := range done {
		t := list[w.Index]
		t.err, t.ended = w.Err, true
		if w.Err != nil {
			a.problem(t.change.Name, w.Err)
		} else {
			a.report.Written++
			a.tellWritten(t)
			if t.action.Tidies != nil {
				a.tidy(ctx, t.action)
			}
		}
		if t.action.Job != nil {
			ready = append(ready, t)
		}
	}
	if len(ready) == 0 {
		return nil, nil
	}
	return a.confirmAndRelease(ctx, ready)
}

// tellWritten logs and reports what the tags of a task say now that they are written.
func (a *act) tellWritten(t *task) {
	action := t.action
	if action.Object.Kind == luxi.TagNode {
		a.Log.Info("node tag removed", "node", action.Object.Name, "tag", strings.Join(action.Remove, ","), "why", action.Why)
		return
	}
	if action.Decision.Instance == nil {
		if len(action.Ended) > 0 {
			a.Log.Info("suspension has ended", "object", action.Object.String())
		}
		return
	}
	i, d := action.Decision.Instance, action.Decision
	if len(action.Ended) > 0 {
		a.Log.Info("suspension has ended", "instance", i.Name)
	}
	for _, tag := range action.Remove {
		if r, ended := endedRepair(i, tag); ended {
			a.Log.Info("pending tag removed", "instance", i.Name, "tag", tag, "why", "repair "+r.ID+" has ended, as "+r.Tag+" says; to ask for another one takes another id")
		}
	}
	if action.Dropped != "" {
		a.Log.Info("repair dropped", "instance", i.Name, "repair", action.Dropped)
	}
	switch {
	case action.Begins || action.Job != nil:
		a.report.leave(i, repair.StatePending, d.Reason, d.Detail)
	case d.Reason == repair.ReasonUnsettled:
		a.report.leave(i, d.State, repair.ReasonHealthy, "")
	}
	if action.Begins && action.Job == nil {
		p := action.Pending
		a.report.Waiting = append(a.report.Waiting, Waiting{Instance: i.Name, UUID: i.UUID, Repair: p.ID, Type: p.Type, Reason: d.Reason, Why: d.Detail})
		a.Log.Info("repair waits", "instance", i.Name, "repair", p.ID, "type", p.Type.String(), "reason", string(d.Reason), "why", d.Detail)
	}
	for _, st := range d.Settled {
		a.tellEnded(i, st)
	}
}

// tellEnded logs and reports a repair whose result is written.
func (a *act) tellEnded(i *repair.Instance, st repair.Settlement) {
	r := st.Result
	a.report.Ended = append(a.report.Ended, Ended{Instance: i.Name, UUID: i.UUID, Result: r, Why: st.Why})
	log := a.Log.Info
	if r.Outcome == tagstore.Failure {
		log = a.Log.Warn
		a.report.Problems = append(a.report.Problems, fmt.Sprintf("%s: repair %s failed: %s", i.Name, r.ID, st.Why))
	}
	log("repair ended", "instance", i.Name, "repair", r.ID, "type", r.Type.String(), "result", string(r.Outcome), "jobs", tagstore.JobList(r.Jobs), "why", st.Why)
}

// endedRepair returns the result of the repair that the pending tag stands for,
// if it had one before it was looked at (T6).
func endedRepair(i *repair.Instance, tag string) (tagstore.Result, bool) {
	read := tagstore.Parse(luxi.TagInstance, []string{tag}).Pendings
	if len(read) == 0 {
		return tagstore.Result{}, false
	}
	return i.Tags.Records().ResultOf(read[0].ID)
}
