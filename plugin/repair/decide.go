package repair

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// NewID makes the id of a repair that begins on the permission of the policy (P22).
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

// conclude notes the state of the instance, and why.
func (x *decider) conclude(state State, reason Reason, detail string) {
	x.d.State, x.d.Reason, x.d.Detail = state, reason, detail
}

// decide fills in the decision: its state and reason, what it settles, and the step it
// starts.
func (x *decider) decide() {
	d, repairs := &x.d, x.records.Repairs
	if len(repairs) > 0 {
		d.Repair, d.Behind = &repairs[0], len(repairs)-1
	}
	d.Was = x.plainState()
	running := x.unfinished()
	switch {
	case d.Was == StateSuspended:
		x.conclude(StateSuspended, ReasonSuspended, "suspended by "+d.Policy.Origin)
		return
	case len(x.records.Unclear) > 0:
		m := x.records.Unclear[0]
		x.conclude(d.Was, ReasonUnreadableTag, "tag "+m.Tag+": "+m.Why)
		return
	case len(x.records.Failures) > 0:
		x.dropFinished()
		x.conclude(StateFailed, ReasonFailed, x.failure(x.records.Failures[0]))
		return
	case running != nil:
		x.conclude(StatePending, ReasonJobsRunning, fmt.Sprintf("job %d is %s", running.Info.ID, running.Info.Status))
		return
	}
	// While somebody's job has the instance its tags are left alone, too: a change of
	// tags would wait for its lock (C6).
	if !d.Need.Healthy() || len(repairs) > 0 || x.wantsTags() {
		if job, busy := x.s.BusyJob(x.i, nil); busy {
			x.conclude(d.Was, ReasonBusy, fmt.Sprintf("job %d (%s) is %s", job.ID, strings.Join(job.Summary, ", "), job.Status))
			return
		}
	}
	x.dropFinished()
	for k := range repairs {
		if !x.continueRepair(&repairs[k]) {
			return
		}
		d.Repair, d.Behind = nil, 0
		if k+1 < len(repairs) {
			d.Repair, d.Behind = &repairs[k+1], len(repairs)-k-2
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
	case x.healthy():
		return StateHealthy
	}
	return StateNeedsRepair
}

// healthy reports whether the instance lives on good nodes and is what it was before.
func (x *decider) healthy() bool {
	_, incomplete := x.s.Past.Chain(x.i)
	_, elsewhere := x.s.Past.Transfer(x.i)
	return x.d.Need.Healthy() && !incomplete && !elsewhere
}

// wantsTags reports whether tags of an instance that is well are to be changed.
func (x *decider) wantsTags() bool {
	return len(x.records.Finished) > 0 || len(x.records.Enoperms()) > 0 || len(x.i.Tags.ExpiredSuspends(x.s.Time.Unix())) > 0
}

// unfinished returns a job of an open repair that has not ended, nil if there is none.
// It notes which of them are to be taken back.
func (x *decider) unfinished() *JobFact {
	var first *JobFact
	for k := range x.records.Repairs {
		r := &x.records.Repairs[k]
		jobs := x.jobsOf(r)
		x.takeBackUnwanted(r, jobs)
		for _, f := range jobs {
			if first == nil && f.Outcome == OutcomeUnfinished {
				first = f
			}
		}
	}
	return first
}

// jobsOf returns the jobs of a repair. A number in a tag counts only if the job's
// opcodes name the instance or act on a node of it: any other is a stranger's, as of an
// instance that came from another cluster, or of a queue that began anew (S14).
func (x *decider) jobsOf(r *tagstore.Repair) []*JobFact {
	var list []*JobFact
	for _, f := range x.s.JobsOf(r.Jobs) {
		switch {
		case f.Info.Known && !x.s.concernedBy(f.Info, x.i):
		case !f.Info.Known && x.s.NewestKnown && f.Info.ID > x.s.NewestJob:
		default:
			list = append(list, f)
		}
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
	jobs := x.jobsOf(r)
	need := x.d.Need
	if decided, settled := x.settleDisks(r, jobs); decided {
		return settled
	}
	switch {
	case need.Healthy() && x.onlyReported(r, jobs) != "":
		x.settle(r, jobs, tagstore.Enoperm, x.onlyReported(r, jobs))
		return true
	case need.Healthy():
		return x.settleHealthy(r, jobs)
	case need.Row == "":
		// Where it lives cannot be told; nothing is concluded from that.
		x.conclude(StatePending, need.Blocked, need.Detail)
		return false
	case x.restsOnPolicy(r, jobs) && !x.d.Policy.Type.Permits(need.Type):
		x.settleWithout(r, notPermitted(r, need.Type))
		return true
	case x.blockedByPast(jobs):
		x.renewTag(r, jobs)
		return false
	}
	if why := x.givesUp(r, jobs); why != "" {
		return x.fail(r, why)
	}
	if next := need.NextType(); len(need.Steps) > 0 && !r.Type.Permits(next) {
		x.settle(r, jobs, tagstore.Enoperm, fmt.Sprintf("%s needs a repair of type %s, this one is %s", x.i.Name, next, r.Type))
		return true
	}
	if need.Blocked != "" && !x.overridden() {
		x.conclude(StatePending, need.Blocked, need.Detail)
		x.renewTag(r, jobs)
		return false
	}
	if why := x.flapsWithin(r); why != "" {
		x.conclude(StatePending, ReasonFlapping, why)
		x.renewTag(r, jobs)
		return false
	}
	if until, waits := x.waitsAfterCancel(r, jobs); waits {
		x.conclude(StatePending, ReasonCanceled, fmt.Sprintf("%s; it is tried again %s", detailOf(jobs), until))
		return false
	}
	return x.proceed(r, jobs)
}

// notPermitted says why a repair that rests on policy ends before it has begun: the policy was
// weakened, or more is needed now than it has permitted.
func notPermitted(r *tagstore.Repair, needed tagstore.Type) string {
	if !r.Type.Permits(needed) {
		return fmt.Sprintf("it takes %s now, which the policy does not permit, and nothing has begun", needed)
	}
	return fmt.Sprintf("the policy no longer permits %s, and nothing has begun", needed)
}

// overridden reports whether somebody asked for a repair of the instance although the copy that
// it is to use is incomplete (D9).
func (x *decider) overridden() bool { return x.d.Need.Blocked == ReasonStaleCopy && x.askedFor() }

// askedFor reports whether somebody asked for the next step, be it by another pending tag than
// that of the repair which takes it, as these are dealt with one at a time. Of a repair that
// version 0.1.0 began that is not known.
func (x *decider) askedFor() bool {
	for _, r := range x.records.Repairs {
		kind := tagstore.KindOfID(r.ID)
		if (kind == tagstore.AskedFor || kind == tagstore.Foreign) && r.Type.Permits(x.d.Need.NextType()) {
			return true
		}
	}
	return false
}

// proceed takes the next step of a repair, unless it has been tried often enough. It
// returns false: nothing more is decided about the instance.
func (x *decider) proceed(r *tagstore.Repair, jobs []*JobFact) bool {
	step := x.d.Need.First()
	tries := triesOf(jobs, step)
	switch {
	case tries >= x.set.MaxAttempts && tries > 0:
		return x.fail(r, fmt.Sprintf("%s; tried %d of %d times", detailOf(jobs), tries, x.set.MaxAttempts))
	case !x.countable(r, jobs, tries):
		return x.fail(r, fmt.Sprintf("%s; tried %d times, and its tag has no room to count more", detailOf(jobs), tries))
	}
	last := lastJob(jobs)
	probe := last != nil && last.Outcome == OutcomeNoRoom && last.Step == step
	reason, detail := ReasonReady, "next step: "+string(step)
	switch {
	case probe:
		reason, detail = ReasonNoRoom, last.Detail
	case last != nil && last.Outcome == OutcomeRefused:
		reason, detail = ReasonRetry, fmt.Sprintf("%s; refused %d of %d times", detailOf(jobs), refusalsOf(x.i, jobs, step), x.set.MaxAttempts)
	case tries > 0:
		reason, detail = ReasonRetry, fmt.Sprintf("%s; tried %d of %d times", detailOf(jobs), tries, x.set.MaxAttempts)
	}
	x.conclude(StatePending, reason, detail)
	pending := r.Pending
	pending.Jobs = worthKeeping(jobs)
	x.d.Start = &Start{
		Step: step, Repair: pending, Old: r.Tags, Probe: probe, Tries: tries, Policy: x.restsOnPolicy(r, jobs),
		Target: x.onlyTarget(), Here: probe && last.allocatorCannotRead(),
	}
	x.renewTag(r, jobs)
	return false
}

// restsOnPolicy reports whether the repair has nothing but the policy to permit it: a
// pass began it, nobody asked for it, and none of its jobs has changed anything yet
// (P22).
func (x *decider) restsOnPolicy(r *tagstore.Repair, jobs []*JobFact) bool {
	byPolicy := false
	for _, f := range jobs {
		if f.Outcome == OutcomeUnfinished && !f.Begun() || f.Outcome.ChangedNothing() {
			byPolicy = byPolicy || BegunByPolicy(f.Info)
			continue
		}
		return false
	}
	switch tagstore.KindOfID(r.ID) {
	case tagstore.ByPolicy:
		return true
	case tagstore.Old010:
		// Version 0.1.0 gave requests such ids, too. Without a job that tells which it
		// was, only what destroys data needs the policy.
		return byPolicy || len(jobs) == 0 && x.d.Need.Type == tagstore.Reinstall
	}
	return false
}

// fail ends a repair as a failure. It returns false, as no step follows.
func (x *decider) fail(r *tagstore.Repair, why string) bool {
	jobs := x.jobsOf(r)
	x.settle(r, jobs, tagstore.Failure, why)
	x.d.Deactivate = leftActive(x.s, x.i, jobs)
	x.conclude(StateFailed, ReasonFailed, why)
	return false
}

// settle ends a repair: its result is to be written, its pending tags removed.
func (x *decider) settle(r *tagstore.Repair, jobs []*JobFact, o tagstore.Outcome, why string) {
	x.d.Settled = append(x.d.Settled, Settlement{
		Result: tagstore.Result{Type: r.Type, ID: r.ID, Time: x.s.Time.Unix(), Outcome: o, Jobs: worthKeeping(jobs)},
		Why:    why,
	})
	x.d.Remove = append(x.d.Remove, r.Tags...)
}

// settleWithout ends a repair that may not go on, as enoperm without jobs.
func (x *decider) settleWithout(r *tagstore.Repair, why string) {
	x.settle(r, nil, tagstore.Enoperm, why)
}

// decideNew decides about an instance without an open repair.
func (x *decider) decideNew() {
	d := &x.d
	need := d.Need
	switch {
	case need.Healthy():
		x.decideWell()
	case len(need.Steps) == 0 && need.Row != RowLook:
		x.conclude(StateNeedsRepair, need.Blocked, need.Detail)
	case d.Policy.Unreadable:
		x.conclude(StateNeedsRepair, ReasonUnreadableTag, fmt.Sprintf("tag %s of %s cannot be read, so nothing is permitted", d.Policy.Tag, d.Policy.Origin))
	case d.Policy.Type == tagstore.None:
		x.conclude(StateNeedsRepair, ReasonNoPermission, "no tag permits a repair; it would take "+need.Type.String())
	case need.Blocked == ReasonAdminOffline:
		x.conclude(StateNeedsRepair, need.Blocked, need.Detail)
	case !d.Policy.Type.Permits(need.Type):
		x.conclude(StateNeedsRepair, ReasonTooWeak, fmt.Sprintf("%s permits %s, the repair takes %s", d.Policy.Origin, d.Policy.Type, need.Type))
		// A result that this pass writes anyway is enough for now: the next pass
		// tells, and takes that one away where only one is kept (T9).
		if !x.told(need.Type) && len(d.Settled) == 0 {
			d.Settled = append(d.Settled, Settlement{
				Result: tagstore.Result{Type: need.Type, ID: x.newID(), Time: x.s.Time.Unix(), Outcome: tagstore.Enoperm},
				Why:    d.Detail,
			})
		}
	case x.blockedByPast(nil):
	case need.Blocked != "":
		x.conclude(StateNeedsRepair, need.Blocked, need.Detail)
	case need.OnGoodNodes() && x.flapping("") != "":
		x.conclude(StateNeedsRepair, ReasonFlapping, x.flapping(""))
	default:
		// Not pending until the tag that says so is written.
		x.conclude(StateNeedsRepair, ReasonReady, "next step: "+string(need.First()))
		d.Start = &Start{
			Step:   need.First(),
			Repair: tagstore.Pending{Type: need.Type, ID: x.newID(), Time: x.s.Time.Unix()},
			New:    true,
			Target: x.onlyTarget(),
		}
	}
}

// told reports whether a result says already that a repair of the type is not permitted,
// and no repair has succeeded since: then it is another need (T13).
func (x *decider) told(t tagstore.Type) bool {
	enoperm, told := x.records.EnopermFor(t)
	for _, r := range x.records.Results {
		told = told && !(r.Outcome == tagstore.Success && r.Time > enoperm.Time)
	}
	return told
}

// decideWell decides about an instance that lives on good nodes and has no open repair.
func (x *decider) decideWell() {
	d := &x.d
	if x.incomplete() {
		return
	}
	// Once it is well the same need is to be told again another time (T13).
	if !d.Policy.Suspended {
		d.Remove = append(d.Remove, x.records.Enoperms()...)
	}
	switch {
	case len(d.Settled) > 0:
		x.conclude(StateHealthy, ReasonUnsettled, "repair "+d.Settled[0].Result.ID+" has ended, its result is yet to be written")
	case len(d.left) > 0:
		x.conclude(StateHealthy, ReasonUnsettled, "a tag of an ended repair is yet to be removed")
	case len(d.Remove) > 0:
		x.conclude(StateHealthy, ReasonUnsettled, "a result that no longer holds is yet to be removed")
	default:
		x.conclude(StateHealthy, ReasonHealthy, "")
	}
}

// dropOldResults adds the old results that go when something newer is written (T9), or
// was written by a pass that died before it came to that (T6).
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
		d.Remove = union(d.Remove, x.records.Outdated(x.set.ResultsKept, added))
	case len(d.left) > 0:
		d.Remove = union(d.Remove, superseded)
	}
}

// union returns the tags of both lists, each once.
func union(a, b []string) []string {
	have := make(map[string]bool, len(a))
	for _, tag := range a {
		have[tag] = true
	}
	for _, tag := range b {
		if !have[tag] {
			have[tag], a = true, append(a, tag)
		}
	}
	return a
}

// jobIDs returns the numbers of jobs.
func jobIDs(jobs []*JobFact) []luxi.JobID {
	var ids []luxi.JobID
	for _, f := range jobs {
		ids = append(ids, f.Info.ID)
	}
	return ids
}
