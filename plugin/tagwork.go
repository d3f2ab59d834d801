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

// work is one change of tags, with the held job that the tags name, if any.
type work struct {
	change  tagstore.Change
	d       *repair.Decision // nil for changes that concern no instance's repair
	step    *repair.Planned  // nil if nothing is submitted
	held    heldJob
	wrote   []said // log lines for when the tags are written
	settles []repair.Settlement
	err     error // of the change, as far as it is known
}

// said is a line of the log: stable words, then keys and values.
type said struct {
	msg  string
	args []any
}

// tagsAlone lists the changes that no job goes with: suspensions whose time
// has passed, results, leftovers, and repairs that become pending without room
// for their first step. Those that go with the given steps are left out.
func (a *act) tagsAlone(steps []*repair.Planned) []*work {
	var list []*work
	s := a.plan.Snapshot
	expired := func(kind luxi.TagKind, name string, t tagstore.Tags) {
		if tags := t.ExpiredSuspends(s.Time.Unix()); len(tags) > 0 {
			list = append(list, &work{
				change: tagstore.Change{Kind: kind, Name: name, Remove: tags, Why: repair.Mark{Kind: repair.MarkTags, ID: "suspend"}.Text()},
				wrote:  []said{{"suspension has ended", []any{"object", tagstore.Object{Kind: kind, Name: name}.String()}}},
			})
		}
	}
	expired(luxi.TagCluster, "", s.Cluster.Tags)
	for _, g := range repair.SortedGroups(s) {
		expired(luxi.TagGroup, g.Name, g.Tags)
	}
	submitted := make(map[*repair.Decision]bool)
	for _, st := range steps {
		submitted[st.Decision] = true
	}
	for _, d := range a.plan.Decisions {
		if submitted[d] || !d.Change() && len(d.Instance.Tags.Suspends) == 0 {
			continue
		}
		w := a.settling(d)
		if d.Start != nil && d.Start.New {
			tag, _ := d.Start.Repair.Format()
			w.change.Add = append(w.change.Add, tag)
			w.change.Why = repair.Mark{Kind: repair.MarkTags, ID: d.Start.Repair.ID}.Text()
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
func (a *act) settling(d *repair.Decision) *work {
	w := &work{d: d, settles: d.Settled, change: tagstore.Change{Kind: luxi.TagInstance, Name: d.Instance.Name, Remove: d.Remove}}
	if tags := d.Instance.Tags.ExpiredSuspends(a.plan.Snapshot.Time.Unix()); len(tags) > 0 {
		w.change.Remove = append(append([]string(nil), w.change.Remove...), tags...)
		w.wrote = append(w.wrote, said{msg: "suspension has ended"})
	}
	for _, tag := range d.Remove {
		if r, known := endedRepair(d.Instance, tag); known {
			w.wrote = append(w.wrote, said{"pending tag removed", []any{"tag", tag, "why", "repair " + r.ID + " has ended, as " + r.Tag + " says; to ask for another one takes another id"}})
		}
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
	w.change.Why = repair.Mark{Kind: repair.MarkTags, ID: id}.Text()
	return w
}

// endedRepair returns the result of the repair that the pending tag stands for,
// if that had one before it was looked at (T6).
func endedRepair(i *repair.Instance, tag string) (tagstore.Result, bool) {
	for _, p := range i.Tags.Pendings {
		for _, r := range i.Tags.Results {
			if p.Tag == tag && r.ID == p.ID {
				return r, true
			}
		}
	}
	return tagstore.Result{}, false
}

func (a *act) logDropped(d *repair.Decision, repair string, dropped int) {
	if dropped > 0 {
		a.Log.Warn("tag has no room for all jobs, the oldest are left out", "instance", d.Instance.Name, "repair", repair, "left_out", dropped)
	}
}

// inOrder moves what a change removes before what it adds, unless pending tags
// are among it: these tell the next pass that a change was left half done, and
// have to outlast their successors (T6, T7).
func inOrder(c tagstore.Change) tagstore.Change {
	if len(c.Add) == 0 || len(tagstore.Parse(c.Kind, c.Remove).Pendings) > 0 {
		return c
	}
	c.Before, c.Remove = c.Remove, nil
	return c
}

// tagWindow is how many tag jobs are in the queue at a time. They are written one
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

// writeAndRelease writes the tags of all work and releases the jobs whose tags
// are written, as they come. Where none is written for as long as the patience
// lasts, for a lock most likely, the rest is given up.
func (a *act) writeAndRelease(ctx context.Context, patience time.Duration, list []*work) error {
	writer := &tagstore.Writer{Client: a.Client, Source: repair.Source, Now: a.Now, Window: tagWindow(a.plan.Snapshot.Cluster.Slots), PerJob: waveSize}
	changes := make([]tagstore.Change, len(list))
	for k, w := range list {
		changes[k] = inOrder(w.change)
	}
	batch, err := writer.Submit(ctx, changes)
	if err != nil {
		return err
	}
	var after []*work
	for batch.Unfinished() > 0 {
		short, stop := context.WithTimeout(ctx, patience)
		done, err := batch.Next(short)
		late := short.Err() == context.DeadlineExceeded
		stop()
		if err != nil {
			a.abandon(batch, list)
			if errors.Is(err, context.DeadlineExceeded) && late {
				// Nothing that a person would have to look at.
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
	return a.writeAndRelease(ctx, patience, after)
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
		w.err = e.Err
		if e.Err != nil {
			a.problem(w.change.Name, e.Err)
		} else {
			a.report.Written++
			switch {
			case w.d == nil:
			case w.d.Start != nil:
				w.d.State = repair.StatePending // its tag is there now
			case w.d.Reason == repair.ReasonUnsettled:
				w.d.Reason, w.d.Detail = repair.ReasonHealthy, ""
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

func jobList(ids []luxi.JobID) string {
	words := make([]string, len(ids))
	for k, id := range ids {
		words[k] = fmt.Sprint(int64(id))
	}
	return strings.Join(words, "+")
}
