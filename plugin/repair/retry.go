package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// The rules for repairs whose jobs have all ended: what success takes, what may
// be tried again, and how often (S6, S7, S13).

// givesUp returns why no further step may follow the last job, or "" where one may (S7,
// S13).
func (x *decider) givesUp(r *tagstore.Repair, jobs []*JobFact) string {
	step := x.d.Need.First()
	if f := x.doubtfulReplica(jobs); f != nil && (step == StepFailover || x.looksUnclear()) {
		return fmt.Sprintf("job %d: %s; %s", f.Info.ID, f.Detail, incompleteCopy(x.i))
	}
	if last := lastJob(jobs); last != nil && last.Outcome == OutcomeRefused {
		if n := refusalsOf(x.i, jobs, step); n >= x.set.MaxAttempts {
			return fmt.Sprintf("job %d: %s; refused %d times in a row", last.Info.ID, last.Detail, n)
		}
	}
	// What changed nothing since does not mend what went wrong before.
	last := lastChange(jobs)
	if last == nil {
		return ""
	}
	switch last.Outcome {
	case OutcomeCanceled:
		return fmt.Sprintf("job %d: %s", last.Info.ID, last.Detail)
	case OutcomeUnknown:
		// A replace-disks does no harm a second time.
		if step != StepReplaceDisks || !copiedOnly(r, jobs) {
			return fmt.Sprintf("job %d: %s", last.Info.ID, last.Detail)
		}
	case OutcomeFailed:
		if why := x.beyondRetry(last); why != "" {
			return fmt.Sprintf("job %d: %s; %s", last.Info.ID, last.Detail, why)
		}
	}
	return ""
}

// looksUnclear reports whether a migration waits for disks of which a look could not tell
// what is wrong. If the repair itself left half a copy, that is what is wrong.
func (x *decider) looksUnclear() bool {
	look, fresh := x.s.lookAt(x.i)
	return x.d.Need.Blocked == ReasonDisksUnknown && fresh && !look.Outdated && look.Condition == DisksUnclear
}

// copiedOnly reports whether the last job of a repair, which nobody knows any more, can
// only have been a replace-disks: the repair is of a type that permits no other step, or
// its instance has been moved before.
func copiedOnly(r *tagstore.Repair, jobs []*JobFact) bool {
	if r.Type == tagstore.FixStorage {
		return true
	}
	for _, f := range jobs {
		if f.Outcome == OutcomeSuccess && (f.Step == StepFailover || f.Step == StepMigrate) {
			return true
		}
	}
	return false
}

// beyondRetry returns why no further step may follow the failed job, or "" where one
// may.
func (x *decider) beyondRetry(last *JobFact) string {
	switch {
	case last.BeganChain():
		return "a reinstallation that has begun is not begun again"
	case last.Step == "":
		return "what the job was to do is not known"
	case last.Step == StepReplaceOnPrimary || RowMark(last.Info) == RowRelocate:
		return "it is not tried again"
	case last.Step == StepReplaceDisks:
		return "" // it never moves the primary
	case last.Step == StepMigrate && last.Log != nil && last.Log.Transferred:
		return "" // where it runs was settled since, or nothing would be decided here (S16)
	case !x.d.Need.PrimaryBroken:
		// The step moved the primary before it failed.
		return "the instance was moved, but not as it should"
	}
	return ""
}

// waitsAfterCancel returns until when a step is not tried again that a person canceled
// before it began (S13), and whether that time is yet to come. A job that a pass has taken
// back is none, nor is one that would not be wanted now: the world has changed since.
func (x *decider) waitsAfterCancel(r *tagstore.Repair, jobs []*JobFact) (string, bool) {
	last := lastJob(jobs)
	if last == nil || last.Outcome != OutcomeWithdrawn || x.s.TakenBack[last.Info.ID] || last.Step != x.d.Need.First() {
		return "", false
	}
	when := last.Info.Ended
	if when.IsZero() {
		when = last.Info.Received
	}
	until := when.Add(x.set.Interval)
	return fmt.Sprintf("after %s, unless it is stopped: ganeti-autorepair suspend %s, or cancel %s", until.UTC().Format("2006-01-02 15:04:05 MST"), x.i.Name, x.i.Name), until.After(x.s.Time)
}

// triesOf counts the failed jobs since the last success that took the step.
// Jobs that changed nothing are no tries (S8, S13, C2); failures of
// another step in between do not start the count anew, or two steps that fail
// in turn would do so for ever.
func triesOf(jobs []*JobFact, step Step) int {
	n := 0
	for k := len(jobs) - 1; k >= 0 && !jobs[k].Succeeded(); k-- {
		if jobs[k].Outcome == OutcomeFailed && jobs[k].Step == step {
			n++
		}
	}
	return n
}

// refusalsOf counts how often in a row the newest jobs were refused for the step with
// the same words. Ganeti refuses every job that has another name of the instance, so
// those say nothing of it (S13).
func refusalsOf(i *Instance, jobs []*JobFact, step Step) int {
	n := 0
	for _, f := range sameRefusals(jobs, step) {
		if named := f.InstanceName(); named == "" || luxi.MatchesName(named, i.Name) {
			n++
		}
	}
	return n
}

// sameRefusals returns the newest jobs in a row that were refused for the step with the
// same words.
func sameRefusals(jobs []*JobFact, step Step) []*JobFact {
	var list []*JobFact
	for k := len(jobs) - 1; k >= 0; k-- {
		f := jobs[k]
		if f.Outcome == OutcomeExpired || f.Outcome == OutcomeWithdrawn {
			continue
		}
		if f.Outcome != OutcomeRefused || f.Step != step || len(list) > 0 && (f.Detail != list[0].Detail || f.Code != list[0].Code) {
			break
		}
		list = append(list, f)
	}
	return list
}

// countable reports whether the repair's pending tag could name one more job
// without losing one of the tries already made: a count that cannot reach
// max_attempts would let the step be tried for ever (S7, T8).
func (x *decider) countable(r *tagstore.Repair, jobs []*JobFact, tries int) bool {
	if tries == 0 {
		return true
	}
	var kept []*JobFact
	for _, f := range jobs {
		if keeps(f, jobs) {
			kept = append(kept, f)
		}
	}
	next := r.Pending
	// A new job's number is no shorter than the newest one's.
	next.Jobs = append(jobIDs(kept), kept[len(kept)-1].Info.ID)
	_, dropped := next.Format()
	return dropped <= len(kept) && triesOf(kept[dropped:], x.d.Need.First()) == tries
}

// lastJob returns the last job that was not merely held and never released, or nil.
func lastJob(jobs []*JobFact) *JobFact {
	for k := len(jobs) - 1; k >= 0; k-- {
		if jobs[k].Outcome != OutcomeExpired {
			return jobs[k]
		}
	}
	return nil
}

// lastChange returns the last job that may have changed something, or nil.
func lastChange(jobs []*JobFact) *JobFact {
	for k := len(jobs) - 1; k >= 0; k-- {
		if !jobs[k].Outcome.ChangedNothing() {
			return jobs[k]
		}
	}
	return nil
}

// detailOf says how the last job ended.
func detailOf(jobs []*JobFact) string {
	last := lastJob(jobs)
	if last == nil {
		return "no job yet"
	}
	return fmt.Sprintf("job %d: %s", last.Info.ID, last.Detail)
}

// failure says why a repair failed and how often it was tried, as far as its jobs are
// known. Only a look reads them: a pass says so when the repair fails.
func (x *decider) failure(r tagstore.Result) string {
	text := "repair " + r.ID + " failed"
	jobs := x.jobsOf(&tagstore.Repair{Pending: tagstore.Pending{Jobs: r.Jobs}})
	last := lastJob(jobs)
	if last == nil || last.Detail == "" || !last.Info.Known {
		return text
	}
	text += fmt.Sprintf(": job %d", last.Info.ID)
	if last.Step != "" {
		text += fmt.Sprintf(" (%s)", last.Step)
	}
	text += ": " + last.Detail
	tries := 0
	for _, f := range jobs {
		if f.Step == last.Step && (f.Outcome == OutcomeFailed || f.Outcome == OutcomeRefused) {
			tries++
		}
	}
	if tries > 1 {
		text += fmt.Sprintf("; tried %d times", tries)
	}
	return text
}

// worthKeeping lists the jobs of a repair that stay in its tag. One that changed nothing
// leaves it, or a repair that waits would age into one whose jobs nobody knows (S7); but
// refusals are kept as long as they are counted.
func worthKeeping(jobs []*JobFact) []luxi.JobID {
	var ids []luxi.JobID
	for _, f := range jobs {
		if keeps(f, jobs) {
			ids = append(ids, f.Info.ID)
		}
	}
	return ids
}

func keeps(f *JobFact, jobs []*JobFact) bool {
	for _, refused := range sameRefusals(jobs, f.Step) {
		if refused == f {
			return true
		}
	}
	return !f.Outcome.ChangedNothing()
}

// forgetting is how long after its end the number of a job that changed nothing leaves
// the tag at the latest: ganeti-cleaner removes it from the archive after 21 days
// (REMOVE_AFTER in its script), and what nobody knows may have done anything.
const forgetting = 14 * 24 * time.Hour

// renewTag has the pending tag written anew without the jobs that changed nothing, if
// the queue is about to forget one of them (S7).
func (x *decider) renewTag(r *tagstore.Repair, jobs []*JobFact) {
	for _, f := range jobs {
		if keeps(f, jobs) || !f.Info.Known || f.Info.Received.IsZero() || x.s.Time.Sub(f.Info.Received) < forgetting {
			continue
		}
		pending := r.Pending
		pending.Jobs = worthKeeping(jobs)
		x.d.Renewed, x.d.renewedFrom = &pending, r.Tags
		return
	}
}
