package repair

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// The rules for repairs whose jobs have all ended: what success takes, what may
// be tried again, and how often (S6, S7).

// settleHealthy settles a repair of an instance that lives on good nodes. That
// alone proves nothing after a failed job: failover and recreate-disks move the
// primary before they can fail (S6).
func (x *decider) settleHealthy(r *tagstore.Repair, jobs []*JobFact, last *JobFact) bool {
	for _, f := range jobs {
		if f.BeganChain() && (last == f || !laterSuccess(jobs, f)) {
			return x.fail(r, fmt.Sprintf("job %d: %s; the reinstallation is not complete", f.Info.ID, f.Detail))
		}
	}
	if f := doubtfulReplica(jobs); f != nil {
		return x.fail(r, fmt.Sprintf("job %d: %s; %s", f.Info.ID, f.Detail, incomplete(x.i)))
	}
	for _, f := range jobs {
		if !f.EndedBadly() {
			continue
		}
		if x.i.Live == nil || strings.HasPrefix(x.i.Live.Status, "ERROR_node") {
			x.conclude(StatePending, ReasonNoLiveStatus, fmt.Sprintf("job %d: %s; whether %s runs as it should is not known", f.Info.ID, f.Detail, x.i.Name))
			return false
		}
		if why := x.disagrees(); why != "" {
			return x.fail(r, fmt.Sprintf("job %d: %s; %s", f.Info.ID, f.Detail, why))
		}
		break
	}
	x.settle(r, tagstore.Success, "the instance lives on good nodes only")
	return true
}

// laterSuccess reports whether a chain that followed the failed one succeeded.
func laterSuccess(jobs []*JobFact, failed *JobFact) bool {
	for _, f := range jobs {
		if f.Info.ID > failed.Info.ID && f.Step == StepReinstall && f.Outcome == OutcomeSuccess {
			return true
		}
	}
	return false
}

// disagrees says how the live status contradicts the admin state, if it does.
func (x *decider) disagrees() string {
	want := map[string]string{"up": "running", "down": "ADMIN_down", "offline": "ADMIN_offline"}[x.i.AdminState]
	if want == "" || x.i.Live.Status != want {
		return "its status is " + x.i.Live.Status + " while its admin state is " + x.i.AdminState
	}
	return ""
}

// beyondRetry says why no further step may follow the failed job, or returns
// "" where one may (S7).
func (x *decider) beyondRetry(last *JobFact) string {
	switch {
	case last.BeganChain():
		return "a reinstallation that has begun is not begun again"
	case last.Step == "":
		return "what the job was to do is not known"
	case last.Step == StepReplaceDisks:
		return "" // it never moves the primary
	case !x.d.Need.PrimaryBroken:
		// The step moved the primary before it failed.
		return "the instance was moved, but not as it should"
	}
	return ""
}

// doubtfulReplica returns a replace-disks that may have taken the secondary node's
// disks away without making new ones that are complete, nil if there is none, or
// anything succeeded since: a new secondary is in the configuration before its
// disks have been written (lib/cmdlib/instance_storage.py _ExecDrbd8Secondary).
func doubtfulReplica(jobs []*JobFact) *JobFact {
	for k := len(jobs) - 1; k >= 0 && jobs[k].Outcome != OutcomeSuccess; k-- {
		if f := jobs[k]; f.Step == StepReplaceDisks && f.EndedBadly() && !f.Refused() {
			return f
		}
	}
	return nil
}

func incomplete(i *Instance) string {
	return "the disks on its secondary node may not be complete, see gnt-instance info " + i.Name
}

// halfCopy holds an instance that would be failed over to half a copy which somebody
// else's replace-disks has left, or one that its tags no longer tell of.
func (x *decider) halfCopy() bool {
	f := x.s.Half[x.i.UUID]
	if f == nil {
		return false
	}
	x.conclude(x.plainState(), ReasonHalfCopy, fmt.Sprintf("job %d: %s; %s; once they are: gnt-job archive %d", f.Info.ID, f.Detail, incomplete(x.i), f.Info.ID))
	return true
}

// TriesOf counts the failed jobs since the last success that took the step.
// Jobs that found no room or never began are no tries (S8, C2); failures of
// another step in between do not start the count anew, or two steps that fail
// in turn would do so for ever.
func TriesOf(jobs []*JobFact, step Step) int {
	n := 0
	for k := len(jobs) - 1; k >= 0 && jobs[k].Outcome != OutcomeSuccess; k-- {
		if jobs[k].Outcome == OutcomeFailed && jobs[k].Step == step {
			n++
		}
	}
	return n
}

// countable reports whether the repair's pending tag could name one more job
// without losing one of the tries already made: a count that cannot reach
// max_attempts would let the step be tried for ever (S7, T8).
func (x *decider) countable(r *tagstore.Repair, jobs []*JobFact, tries int) bool {
	if tries == 0 {
		return true
	}
	next := r.Pending
	next.Jobs = begun(jobs)
	kept := len(next.Jobs)
	// A new job's number is no shorter than the newest one's.
	next.Jobs = append(next.Jobs, next.Jobs[kept-1])
	_, dropped := next.Format()
	var known []*JobFact
	for _, f := range jobs {
		if f.Outcome != OutcomeExpired {
			known = append(known, f)
		}
	}
	return dropped <= kept && TriesOf(known[dropped:], x.nextStep()) == tries
}

// lastBegun is the last job that was not merely held and let go, or nil.
func lastBegun(jobs []*JobFact) *JobFact {
	for k := len(jobs) - 1; k >= 0; k-- {
		if jobs[k].Outcome != OutcomeExpired {
			return jobs[k]
		}
	}
	return nil
}

// begun lists the jobs of a repair that are worth keeping in its tag: jobs that
// expired unreleased never did anything.
func begun(jobs []*JobFact) []luxi.JobID {
	var ids []luxi.JobID
	for _, f := range jobs {
		if f.Outcome != OutcomeExpired {
			ids = append(ids, f.Info.ID)
		}
	}
	return ids
}

// NeedsLiveToSettle reports whether settling the instance's repairs takes its
// live status: it lives on good nodes, and some job of a repair ended badly (S6).
func NeedsLiveToSettle(s *Snapshot, i *Instance) bool {
	if !Diagnose(s, i).Healthy() {
		return false
	}
	for _, r := range i.Tags.Records().Repairs {
		for _, id := range r.Jobs {
			if f := s.Jobs[id]; f != nil && f.EndedBadly() {
				return true
			}
		}
	}
	return false
}
