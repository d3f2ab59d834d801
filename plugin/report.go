package plugin

import (
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Report is what a pass found and did. It holds what was done also where the pass
// ended with an error.
type Report struct {
	Plan *repair.Plan
	// Outcomes are, by instance UUID, how the pass left those instances that it did
	// something about, or found something out about. See Decisions.
	Outcomes map[string]Outcome
	Released []Released // repair jobs that were released, in order
	Ended    []Ended    // repairs whose results were written, in order
	Waiting  []Waiting  // repairs that became pending without a job
	// TakenBack are the jobs that were taken back before they began.
	TakenBack []TakenBack
	// RoomTests are to be given to the next pass.
	RoomTests map[string]repair.RoomTest
	// Suspects are the instances, by UUID, that a job has left otherwise than the
	// configuration says. They are to be given to the next pass.
	Suspects map[string]luxi.JobID
	Written  int // changes of tags made
	// Problems are things that went wrong and that a person should look at;
	// each concerns one object alone.
	Problems []string
	// Pending is the number of instances with open repairs after the pass.
	Pending int
	// Looks are the jobs that were submitted to look at disks, for the next pass to read.
	Looks []luxi.JobID
	// OutOfTime says that the pass ended before all tags were written; what is
	// left is done by the next one.
	OutOfTime bool
}

// Outcome is how a pass left an instance.
type Outcome struct {
	State  repair.State
	Reason repair.Reason
	Detail string
}

// Released is a repair job that a pass released.
type Released struct {
	Job      luxi.JobID
	Instance string
	UUID     string // of the instance
	Repair   string
	Type     tagstore.Type // of the repair
	Step     repair.Step
	First    bool // it is the first job of its repair
}

// Ended is a repair that ended, with its result.
type Ended struct {
	Instance string
	UUID     string // of the instance
	Result   tagstore.Result
	Why      string
}

// Waiting is a repair that became pending without a job.
type Waiting struct {
	Instance string
	UUID     string // of the instance
	Repair   string
	Type     tagstore.Type
	Reason   repair.Reason
	Why      string
}

// Decisions returns the decisions of the plan with the state and the reason in which
// the pass left each instance.
func (r *Report) Decisions() []repair.Decision {
	if len(r.Outcomes) == 0 {
		return r.Plan.Decisions // they are many, and no copy of them is needed
	}
	list := append([]repair.Decision(nil), r.Plan.Decisions...)
	for k := range list {
		list[k] = r.After(list[k])
	}
	return list
}

// After returns a decision of the plan with the state and the reason in which the pass
// left the instance.
func (r *Report) After(d repair.Decision) repair.Decision {
	if o, known := r.Outcomes[d.Instance.UUID]; known {
		d.State, d.Reason, d.Detail = o.State, o.Reason, o.Detail
	}
	return d
}

// leave notes how the pass leaves an instance.
func (r *Report) leave(i *repair.Instance, state repair.State, reason repair.Reason, detail string) {
	r.Outcomes[i.UUID] = Outcome{state, reason, detail}
}

// notBegun notes why the step of a decision did not begin in this pass and its tags were
// not written, where nothing but the pass tells that: without it the instance would seem
// ready (O).
func (r *Report) notBegun(d repair.Decision, why string) {
	state := repair.StatePending
	if d.Start.New {
		state = repair.StateNeedsRepair
	}
	r.leave(d.Instance, state, repair.ReasonNotBegun, why)
}

// PlanAfter returns the plan with the decisions as the pass left the instances.
func (r *Report) PlanAfter() *repair.Plan {
	plan := *r.Plan
	plan.Decisions = r.Decisions()
	return &plan
}

// JobsTakenBack returns the jobs that this pass has taken back, and of those that earlier
// ones have the ones that tags still name. They are to be given to the next pass.
func (r *Report) JobsTakenBack() map[luxi.JobID]bool {
	list := make(map[luxi.JobID]bool)
	for _, t := range r.TakenBack {
		list[t.Job] = true
	}
	for id := range r.Plan.Snapshot.Jobs {
		if r.Plan.Snapshot.TakenBack[id] {
			list[id] = true
		}
	}
	return list
}
