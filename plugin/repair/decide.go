package repair

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// NewID makes the id of a new repair.
type NewID func() string

// Decide decides about one instance. It is a pure function of the snapshot,
// the settings and newID.
func Decide(s *Snapshot, i *Instance, set Settings, newID NewID) Decision {
	x := &decider{s: s, i: i, set: set, newID: newID, records: i.Tags.Records()}
	x.d = Decision{Instance: i, Need: Diagnose(s, i), Policy: s.policy(i)}
	x.decide()
	x.dropOldResults()
	return x.d
}

type decider struct {
	s       *Snapshot
	i       *Instance
	set     Settings
	newID   NewID
	d       Decision // as far as it is made
	records tagstore.Records
}

func (x *decider) conclude(state State, reason Reason, detail string) {
	x.d.State, x.d.Reason, x.d.Detail = state, reason, detail
}

func (x *decider) decide() {
	d, repairs := &x.d, x.records.Repairs
	if len(repairs) > 0 {
		d.Repair, d.Waiting = &repairs[0], len(repairs)-1
	}
	d.Was = x.plainState()
	switch {
	case d.Was == StateSuspended:
		x.conclude(StateSuspended, ReasonSuspended, "suspended by "+d.Policy.Origin)
		return
	case len(x.records.Unclear) > 0:
		m := x.records.Unclear[0]
		x.conclude(x.plainState(), ReasonUnreadableTag, "tag "+m.Tag+": "+m.Why)
		return
	case len(x.records.Failures) > 0:
		x.dropFinished()
		x.conclude(StateFailed, ReasonFailed, "repair "+x.records.Failures[0].ID+" failed")
		return
	}
	mine := x.ownJobs()
	for _, f := range mine {
		if f.Outcome == OutcomeUnfinished {
			x.conclude(StatePending, ReasonJobsRunning, fmt.Sprintf("job %d is %s", f.Info.ID, f.Info.Status))
			return
		}
	}
	if !d.Need.Healthy() || len(repairs) > 0 {
		if job, busy := x.s.BusyJob(x.i, nil); busy {
			x.conclude(x.plainState(), ReasonBusy, fmt.Sprintf("job %d (%s) is %s", job.ID, strings.Join(job.Summary, ", "), job.Status))
			return
		}
	}
	x.dropFinished()
	for k := range repairs {
		if !x.continueRepair(&repairs[k]) {
			return
		}
		d.Repair, d.Waiting = nil, 0
		if k+1 < len(repairs) {
			d.Repair, d.Waiting = &repairs[k+1], len(repairs)-k-2
		}
	}
	x.decideNew()
}

// plainState is the state of an instance that nothing is done for.
func (x *decider) plainState() State {
	switch {
	case x.d.Policy.Suspended && (!x.d.Need.Healthy() || x.d.Repair != nil):
		return StateSuspended
	case len(x.records.Failures) > 0:
		return StateFailed
	case x.d.Repair != nil:
		return StatePending
	case x.d.Need.Healthy():
		return StateHealthy
	}
	return StateNeedsRepair
}

// ownJobs are the jobs of all open repairs.
func (x *decider) ownJobs() []*JobFact {
	var list []*JobFact
	for _, r := range x.records.Repairs {
		list = append(list, x.s.JobsOf(r.Jobs)...)
	}
	return list
}

// JobsOf returns what came of the jobs with the given numbers.
func (s *Snapshot) JobsOf(ids []luxi.JobID) []*JobFact {
	var list []*JobFact
	for _, id := range ids {
		f := s.Jobs[id]
		if f == nil {
			f = NewJobFact(luxi.JobInfo{ID: id})
		}
		list = append(list, f)
	}
	return list
}

// dropFinished removes the pending tags of repairs that already have their result
// (T6), unless the instance is suspended (S2).
func (x *decider) dropFinished() {
	if !x.d.Policy.Suspended {
		x.d.left = x.records.Finished
		x.d.Remove = append(x.d.Remove, x.records.Finished...)
	}
}

// continueRepair deals with one open repair whose jobs have all ended. It returns true
// if the repair is settled and the instance is to be considered afresh.
func (x *decider) continueRepair(r *tagstore.Repair) bool {
	jobs := x.s.JobsOf(r.Jobs)
	last := lastBegun(jobs)
	if x.d.Need.Healthy() {
		return x.settleHealthy(r, jobs, last)
	}
	if x.d.Need.Row == "" {
		// Where it lives cannot be told; nothing is concluded from that.
		x.conclude(StatePending, x.d.Need.Blocked, x.d.Need.Detail)
		return false
	}
	if neverReleased(jobs) && !x.d.Policy.Type.Permits(x.d.Need.Type) {
		x.d.Remove = append(x.d.Remove, r.Tags...)
		return true
	}
	tries := 0
	probe := false
	if f := doubtfulReplica(jobs); f != nil && x.nextStep() == StepFailover {
		// From an offline node, and what is stopped, Ganeti fails over to anything
		// (lib/cmdlib/instance_migration.py _ExecFailover).
		return x.fail(r, fmt.Sprintf("job %d: %s; %s", f.Info.ID, f.Detail, incomplete(x.i)))
	}
	if x.halfCopy() {
		return false
	}
	if last != nil {
		switch last.Outcome {
		case OutcomeCanceled, OutcomeUnknown:
			return x.fail(r, fmt.Sprintf("job %d: %s", last.Info.ID, last.Detail))
		case OutcomeFailed:
			if why := x.beyondRetry(last); why != "" {
				return x.fail(r, fmt.Sprintf("job %d: %s; %s", last.Info.ID, last.Detail, why))
			}
		case OutcomeNoRoom:
			probe = x.nextStep() == last.Step
		}
	}
	if !x.d.Need.Possible() && x.d.Need.Blocked != "" {
		x.conclude(StatePending, x.d.Need.Blocked, x.d.Need.Detail)
		return false
	}
	if next := x.d.Need.NextType(); !r.Type.Permits(next) {
		why := fmt.Sprintf("%s needs a repair of type %s, this one is %s", x.i.Name, next, r.Type)
		x.settle(r, tagstore.Enoperm, why)
		return true
	}
	tries = TriesOf(jobs, x.nextStep())
	if tries >= x.set.MaxAttempts && tries > 0 {
		return x.fail(r, fmt.Sprintf("job %d: %s; tried %d of %d times", last.Info.ID, last.Detail, tries, x.set.MaxAttempts))
	}
	if !x.countable(r, jobs, tries) {
		return x.fail(r, fmt.Sprintf("job %d: %s; tried %d times, and its tag has no room to count more", last.Info.ID, last.Detail, tries))
	}
	reason, detail := ReasonReady, "next step: "+string(x.nextStep())
	switch {
	case probe:
		reason, detail = ReasonNoRoom, last.Detail
	case tries > 0:
		reason, detail = ReasonRetry, fmt.Sprintf("job %d: %s; tried %d of %d times", last.Info.ID, last.Detail, tries, x.set.MaxAttempts)
	}
	x.conclude(StatePending, reason, detail)
	pending := r.Pending
	pending.Jobs = begun(jobs)
	x.d.Start = &Start{Step: x.nextStep(), Repair: pending, Old: r.Tags, Probe: probe, Tries: tries, Policy: neverReleased(jobs)}
	return false
}

func (x *decider) nextStep() Step {
	if len(x.d.Need.Steps) == 0 {
		return ""
	}
	return x.d.Need.Steps[0]
}

func (x *decider) fail(r *tagstore.Repair, why string) bool {
	x.settle(r, tagstore.Failure, why)
	x.conclude(StateFailed, ReasonFailed, why)
	return false
}

// settle ends a repair: its result is to be written, its pending tags removed.
func (x *decider) settle(r *tagstore.Repair, o tagstore.Outcome, why string) {
	x.d.Settled = append(x.d.Settled, Settlement{
		Result: tagstore.Result{Type: r.Type, ID: r.ID, Time: x.s.Time.Unix(), Outcome: o, Jobs: begun(x.s.JobsOf(r.Jobs))},
		Why:    why,
	})
	x.d.Remove = append(x.d.Remove, r.Tags...)
}

// decideNew decides about an instance without an open repair.
func (x *decider) decideNew() {
	d := &x.d
	need := d.Need
	switch {
	case need.Healthy() && len(d.Settled) > 0:
		x.conclude(StateHealthy, ReasonUnsettled, "repair "+d.Settled[0].Result.ID+" has ended, its result is yet to be written")
	case need.Healthy() && len(d.Remove) > 0:
		x.conclude(StateHealthy, ReasonUnsettled, "a tag of an ended repair is yet to be removed")
	case need.Healthy():
		x.conclude(StateHealthy, ReasonHealthy, "")
	case len(need.Steps) == 0:
		x.conclude(StateNeedsRepair, need.Blocked, need.Detail)
	case d.Policy.Type == tagstore.None:
		x.conclude(StateNeedsRepair, ReasonNoPermission, "no tag permits a repair; it would take "+need.Type.String())
	case need.Blocked == ReasonAdminOffline:
		x.conclude(StateNeedsRepair, need.Blocked, need.Detail)
	case !d.Policy.Type.Permits(need.Type):
		x.conclude(StateNeedsRepair, ReasonTooWeak, fmt.Sprintf("%s permits %s, the repair takes %s", d.Policy.Origin, d.Policy.Type, need.Type))
		// A result that this pass writes anyway is enough for now: the next pass
		// tells, and takes that one away where only one is kept (T9).
		if _, told := x.records.EnopermFor(need.Type); !told && len(d.Settled) == 0 {
			d.Settled = append(d.Settled, Settlement{
				Result: tagstore.Result{Type: need.Type, ID: x.newID(), Time: x.s.Time.Unix(), Outcome: tagstore.Enoperm},
				Why:    d.Detail,
			})
		}
	case need.Blocked != "":
		x.conclude(StateNeedsRepair, need.Blocked, need.Detail)
	case x.halfCopy():
	default:
		// Not pending until the tag that says so is written.
		x.conclude(StateNeedsRepair, ReasonReady, "next step: "+string(need.Steps[0]))
		d.Start = &Start{
			Step:   need.Steps[0],
			Repair: tagstore.Pending{Type: need.Type, ID: x.newID(), Time: x.s.Time.Unix()},
			New:    true,
		}
	}
}

// dropOldResults adds the old results that go when something newer is written (T9), or was
// written by a pass that died before it came to that (T6).
func (x *decider) dropOldResults() {
	d := &x.d
	added := 0
	for _, st := range d.Settled {
		if st.Result.Outcome != tagstore.Failure {
			added++
		}
	}
	superseded := x.records.Superseded(x.set.ResultsKept)
	if len(d.left) > 0 {
		d.left = append(append([]string(nil), d.left...), superseded...)
	}
	switch {
	case len(d.Settled) > 0 || d.Start != nil && d.Start.New:
		d.Remove = append(d.Remove, x.records.Outdated(x.set.ResultsKept, added)...)
	case len(d.left) > 0:
		d.Remove = append(d.Remove, superseded...)
	}
}
