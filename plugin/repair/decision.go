package repair

import (
	"ganeti-autorepair/tagstore"
)

// Decision is the state of one instance and what is to be done for it. It is a
// value: whatever changes it returns another one.
type Decision struct {
	Instance *Instance
	Was      State // as its tags and nodes say, before anything is done
	State    State
	Reason   Reason
	Detail   string // the reason in words
	Policy   tagstore.Policy
	Need     Need
	Repair   *tagstore.Repair // the open repair being handled; nil if there is none
	Behind   int              // further open repairs that come after it

	// Settled are the repairs that end; their results are written whatever else
	// happens.
	Settled []Settlement
	Remove  []string // tags to remove: those of settled repairs, and leftovers
	left    []string // of these the leftovers
	Start   *Start   // the step to submit; nil if there is none
	// TakeBack are jobs of the instance's repairs that are to be taken back (P15).
	TakeBack []TakeBack
	// Deactivate says that the repair that fails has activated the disks of the instance,
	// which is stopped: they are deactivated when its result is written (P19).
	Deactivate bool
	// Renewed is the pending tag to write instead of the present one, where no step is
	// taken; nil if that may stay. It stands for the tags in renewedFrom.
	Renewed     *tagstore.Pending
	renewedFrom []string
}

// Settlement is a repair that ends.
type Settlement struct {
	Result tagstore.Result
	Why    string
}

// Start is a step that is to be submitted. Nothing writes into it once it is part
// of a Decision.
type Start struct {
	Step   Step
	Repair tagstore.Pending // as it will be written, without the job to come
	Old    []string         // the tags that stand for the repair now
	New    bool             // the repair begins with this step, on the policy's permission
	Probe  bool             // the last job found no room: test with a dry run first (S8)
	Tries  int              // failed jobs of this step so far
	// Policy says that the repair has nothing but the policy to permit it, although its
	// pending tag is there (P22).
	Policy bool
	// Later says that the step is not taken now, though the repair becomes pending.
	Later bool
	// Target is the one node that the step may bring the instance to; empty if any may
	// be chosen, or its secondary is the target (S16).
	Target string
	// Here says that the last job found the allocator unable to choose any place, so that
	// the place is chosen here.
	Here bool
}

// ByPolicy reports whether the repair needs the policy's permission still: once one of
// its jobs has begun its pending tag is the permission.
func (s *Start) ByPolicy() bool { return s.New || s.Policy }

// Changes reports whether the decision writes or submits anything.
func (d Decision) Changes() bool {
	return len(d.Settled) > 0 || len(d.Remove) > 0 || d.Start != nil || d.Renewed != nil || len(d.TakeBack) > 0
}

// Plain reports whether there is nothing to tell about the instance.
func (d Decision) Plain() bool {
	return d.State == StateHealthy && d.Reason == ReasonHealthy && len(d.Instance.Tags.Malformed) == 0
}

// Blocked returns the decision without its step. A new repair has not begun then, so
// it gets no tag either; one that is pending stays so, its tag untouched.
func (d Decision) Blocked(reason Reason, detail string) Decision {
	d.State = StatePending
	if d.Start.New {
		d.State = StateNeedsRepair
	}
	d.Start = nil
	if len(d.Settled) == 0 {
		// Old results go only when something newer is written (T9).
		d.Remove = d.left
	}
	d.Reason, d.Detail = reason, detail
	return d
}

// postponed returns the decision with a step that is not taken now. A new repair
// becomes pending all the same.
func (d Decision) postponed(reason Reason, detail string) Decision {
	start := *d.Start
	start.Later = true
	d.Start = &start
	return d.because(reason, detail)
}

// because returns the decision with another reason.
func (d Decision) because(reason Reason, detail string) Decision {
	d.Reason, d.Detail = reason, detail
	return d
}

// WhyNot returns the reason and its detail in one text.
func (d Decision) WhyNot() string {
	if d.Detail == "" {
		return string(d.Reason)
	}
	return string(d.Reason) + ": " + d.Detail
}
