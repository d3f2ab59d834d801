package main

import (
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// The actions and findings of a pass, in the form that events, log, stamp and
// screens need. No other file of the program reads the report of the engine.

// didEvents returns an event for each repair that the pass began, by releasing its
// first job, and for each whose result it wrote.
func didEvents(did *plugin.Report) []event {
	var list []event
	for _, r := range did.Released {
		if r.First {
			list = append(list, event{
				Event: eventStarted, Instance: r.Instance, Repair: r.Repair, Type: r.Type.String(), Step: string(r.Step), Jobs: fmt.Sprint(int64(r.Job)),
			})
		}
	}
	for _, e := range did.Ended {
		list = append(list, event{
			Event: eventEnded, Instance: e.Instance, Repair: e.Result.ID, Type: e.Result.Type.String(), Result: string(e.Result.Outcome),
			Jobs: tagstore.JobList(e.Result.Jobs), Why: e.Why,
		})
	}
	return list
}

// blockedEvent returns an event for an instance whose step a valve blocks, or what the
// pass met; ok is false for any other.
func blockedEvent(v report.View) (e event, ok bool) {
	info := v.Reason.Info()
	if !info.Event {
		return e, false
	}
	e = event{Event: eventBlocked, Instance: v.Instance, Reason: string(v.Reason), Valve: info.Valve, Why: v.Detail}
	if v.Repair != nil {
		e.Repair = v.Repair.ID
	}
	if v.Need != nil {
		e.Type = v.Need.Type
	}
	return e, true
}

// blocksMany reports whether the detail of the view is about a whole node group,
// or the cluster, in which no new repair begins.
func blocksMany(v report.View) bool {
	return v.Reason == repair.ReasonMaxUnhealthy || v.Reason == repair.ReasonOneSlot
}

// stampOf returns the stamp for a pass that began then. The next one comes soon while
// there is something to go on with (W1, W7).
func (r *runner) stampOf(did *plugin.Report) stamp {
	return stamp{Time: r.began, Busy: did.Pending > 0 || did.OutOfTime || len(did.Looks) > 0}
}

// underWay lists the repair jobs that a pass left running.
func underWay(did *plugin.Report) []*watched {
	var list []*watched
	seen := make(map[luxi.JobID]bool)
	to := make(map[string][]string) // by the UUID of an instance
	for _, a := range did.Plan.Actions {
		if a.Job != nil {
			to[a.Decision.Instance.UUID] = a.To()
		}
	}
	for _, r := range did.Released {
		seen[r.Job] = true
		list = append(list, &watched{id: r.Job, instance: r.Instance, step: r.Step, to: to[r.UUID]})
	}
	for _, d := range did.Decisions() {
		if d.Repair == nil {
			continue
		}
		for _, f := range did.Plan.Snapshot.JobsOf(d.Repair.Jobs) {
			if f.Outcome == repair.OutcomeUnfinished && !seen[f.Info.ID] {
				seen[f.Info.ID] = true
				list = append(list, &watched{id: f.Info.ID, instance: d.Instance.Name, step: f.Step, to: report.Target(did.Plan.Snapshot, d.Instance, f)})
			}
		}
	}
	return list
}

// results tells how the repairs ended whose results a pass wrote: "web1: repair id2:
// success", and why where that was no success.
func results(did *plugin.Report) []string {
	var list []string
	for _, e := range did.Ended {
		text := fmt.Sprintf("%s: repair %s: %s", e.Instance, e.Result.ID, e.Result.Outcome)
		if e.Result.Outcome != tagstore.Success && e.Why != "" {
			text += ": " + oneLine(e.Why)
		}
		list = append(list, text)
	}
	return list
}
