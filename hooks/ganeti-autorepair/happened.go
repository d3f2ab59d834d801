package main

import (
	"fmt"
	"strconv"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
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
			Jobs: joinJobs(e.Result.Jobs), Why: e.Why,
		})
	}
	return list
}

// joinJobs lists jobs as tags do: "5+7".
func joinJobs(jobs []luxi.JobID) string {
	var list []string
	for _, id := range jobs {
		list = append(list, strconv.FormatInt(int64(id), 10))
	}
	return strings.Join(list, "+")
}

// blockedEvent returns an event for an instance that a valve blocks; ok is false
// for any other.
func blockedEvent(v report.View) (e event, ok bool) {
	valve := v.Reason.Info().Valve
	if valve == "" {
		return e, false
	}
	e = event{Event: eventBlocked, Instance: v.Instance, Valve: valve, Why: v.Detail}
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

// stampOf returns the stamp for a pass that began then.
func (r *runner) stampOf(did *plugin.Report) stamp {
	return stamp{Time: r.began, Busy: did.Pending > 0 || did.OutOfTime}
}

// underWay lists the repair jobs that a pass left running.
func underWay(did *plugin.Report) []*watched {
	var list []*watched
	seen := make(map[luxi.JobID]bool)
	add := func(j *watched) {
		if !seen[j.id] {
			seen[j.id] = true
			list = append(list, j)
		}
	}
	for _, rel := range did.Released {
		add(&watched{id: rel.Job, instance: rel.Instance, step: string(rel.Step)})
	}
	for _, v := range report.Notable(did.PlanAfter()) {
		if v.Repair == nil {
			continue
		}
		for _, j := range v.Repair.Jobs {
			if j.Outcome == string(repair.OutcomeUnfinished) {
				add(&watched{id: luxi.JobID(j.ID), instance: v.Instance, step: j.Step})
			}
		}
	}
	return list
}

// results lists how the repairs ended whose results a pass wrote: "web1: repair id2:
// success".
func results(did *plugin.Report) []string {
	var list []string
	for _, e := range did.Ended {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s: repair %s: %s", e.Instance, e.Result.ID, e.Result.Outcome)))
	}
	return list
}
