package repair

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// The rules for repairs whose jobs have all ended: what success takes, what may
// be tried again, and how often (S6, S7, S13).

// settleHealthy settles a repair of an instance that lives on good nodes. That
// alone proves nothing after a failed job: failover and recreate-disks move the
// primary before they can fail (S6).
func (x *decider) settleHealthy(r *tagstore.Repair, jobs []*JobFact) bool {
	for _, f := range jobs {
		if f.BeganChain() && !x.reinstalledSince(jobs, f) {
			return x.fail(r, fmt.Sprintf("job %d: %s; the reinstallation is not complete%s", f.Info.ID, f.Detail, x.finishIt()))
		}
	}
	if x.incomplete() {
		return false
	}
	if f := x.doubtfulReplica(jobs); f != nil {
		return x.fail(r, fmt.Sprintf("job %d: %s; %s", f.Info.ID, f.Detail, incompleteCopy(x.i)))
	}
	for _, f := range jobs {
		if !f.endedBadly() {
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
	x.settle(r, jobs, tagstore.Success, "the instance lives on good nodes only")
	return true
}

// reinstalledSince reports whether a chain that followed the failed one succeeded, or
// somebody finished it by hand.
func (x *decider) reinstalledSince(jobs []*JobFact, failed *JobFact) bool {
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
	byUser := x.i.AdminState == "down" && x.i.Live.Status == "USER_down" // it was marked down since (S17)
	if !byUser && (want == "" || x.i.Live.Status != want) {
		return "its status is " + x.i.Live.Status + " while its admin state is " + x.i.AdminState
	}
	return ""
}

// incomplete concludes that an instance on good nodes is not well: a reinstallation has
// left it without a system (S18), or it may run elsewhere (S16).
func (x *decider) incomplete() bool {
	state := StateNeedsRepair
	if x.d.Repair != nil {
		state = StatePending
	}
	if c, failed := x.s.Past.Chains[x.i.UUID]; failed {
		x.conclude(state, ReasonNoSystem, fmt.Sprintf("job %d: %s; the reinstallation is not complete%s", c.Job.Info.ID, c.Job.Detail, x.finishIt()))
		return true
	}
	if t, moved := x.s.Past.Transfer(x.i); moved {
		x.conclude(state, ReasonWhereabouts, x.whereabouts(t))
		return true
	}
	return false
}

// finishIt returns the commands that finish a reinstallation.
func (x *decider) finishIt() string {
	text := ": gnt-instance reinstall " + x.i.Name
	if x.i.AdminState == "up" || x.s.Past.Chains[x.i.UUID].WasUp {
		text += ", then gnt-instance start " + x.i.Name
	}
	return text
}

// blockedByPast concludes that the next step must not be taken after what earlier jobs
// left behind: half a copy (S15), or an instance of which nobody knows where it runs
// (S16). Half a copy that the repair itself left ends it.
func (x *decider) blockedByPast(jobs []*JobFact) bool {
	if t, moved := x.s.Past.Transfer(x.i); moved && !x.reaches(t) {
		x.conclude(x.plainState(), ReasonWhereabouts, x.whereabouts(t))
		return true
	}
	if x.d.Need.First() != StepFailover {
		return false
	}
	if f := x.doubtfulReplica(jobs); f != nil {
		// From an offline node, and what is stopped, Ganeti fails over to anything
		// (lib/cmdlib/instance_migration.py _ExecFailover).
		return false
	}
	if h := x.s.Past.HalfCopies[x.i.UUID]; h.Concerns(x.i) {
		x.conclude(x.plainState(), ReasonHalfCopy, fmt.Sprintf("job %d: %s; %s; once they are: ganeti-autorepair ack %s", h.Job.Info.ID, h.Job.Detail, incompleteCopy(x.i), x.i.Name))
		return true
	}
	return false
}

// reaches reports whether the next step brings the instance to the very node that it
// was transferred to: a failover from a node that is lost, which does not start what
// runs there already. Not so for drbd: Ganeti would take the disks down on both nodes
// before it starts anything, which it cannot where the instance has them open.
func (x *decider) reaches(t Transfer) bool {
	primary := x.s.Nodes[x.i.Primary]
	if x.d.Need.First() != StepFailover || primary == nil || !primary.Offline || t.Target == "" {
		return false
	}
	return x.i.Template != "drbd" && x.unfitTarget(t.Target) == ""
}

// onlyTarget returns the one node that a failover may bring the instance to; empty if
// any may be chosen, or its secondary is the target.
func (x *decider) onlyTarget() string {
	t, moved := x.s.Past.Transfer(x.i)
	if !moved || x.i.Template == "drbd" {
		return ""
	}
	return t.Target
}

// whereabouts says what is to be done about an instance that may run elsewhere.
func (x *decider) whereabouts(t Transfer) string {
	command := "gnt-instance migrate --cleanup " + x.i.Name
	if externallyMirrored(x.i.Template) && t.Target != "" {
		command = fmt.Sprintf("gnt-instance migrate --cleanup -n %s %s", t.Target, x.i.Name)
	}
	if n := x.s.Nodes[x.i.Primary]; x.i.Template == "drbd" && n != nil && n.Offline {
		command += ", which ends with an error as " + n.Name + " is offline, but corrects the primary node before"
	}
	return fmt.Sprintf("job %d: %s; it may run on %s: %s", t.Job.Info.ID, t.Job.Detail, nodeOrUnknown(t.Target), command)
}

// givesUp returns why no further step may follow the last job, or "" where one may (S7,
// S13).
func (x *decider) givesUp(r *tagstore.Repair, jobs []*JobFact) string {
	step := x.d.Need.First()
	if f := x.doubtfulReplica(jobs); f != nil && step == StepFailover {
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
	if last == nil || last.Outcome != OutcomeWithdrawn || x.s.TakenBack[last.Info.ID] || last.Step != x.d.Need.First() || x.unwanted(last, r, jobs) != "" {
		return "", false
	}
	when := last.Info.Ended
	if when.IsZero() {
		when = last.Info.Received
	}
	until := when.Add(x.set.Interval)
	return fmt.Sprintf("after %s, unless it is stopped: ganeti-autorepair suspend %s, or cancel %s", until.UTC().Format("2006-01-02 15:04:05 MST"), x.i.Name, x.i.Name), until.After(x.s.Time)
}

// doubtfulReplica returns a replace-disks of the repair that may have left the disks of
// the present secondary node incomplete, nil if there is none, or anything succeeded
// since: a new secondary is in the configuration before its disks have been written
// (lib/cmdlib/instance_storage.py _ExecDrbd8Secondary).
func (x *decider) doubtfulReplica(jobs []*JobFact) *JobFact {
	for k := len(jobs) - 1; k >= 0 && !jobs[k].Succeeded(); k-- {
		f := jobs[k]
		if f.Step != StepReplaceDisks || !f.endedBadly() {
			continue
		}
		target := ""
		if f.Log != nil {
			target = f.Log.Target
		}
		if target == "" && len(NamedTargets(f.Info)) == 1 {
			target = NamedTargets(f.Info)[0]
		}
		if (HalfCopy{Job: f, Node: target}).Concerns(x.i) {
			return f
		}
	}
	return nil
}

func incompleteCopy(i *Instance) string {
	return "the disks on its secondary node may not be complete, see gnt-instance info " + i.Name
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
		if named := f.InstanceName(); named == "" || NameMatches(named, i.Name) {
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

// NeedsLiveToSettle reports whether settling the instance's repairs takes its
// live status: it lives on good nodes, and some job of a repair ended badly (S6).
func NeedsLiveToSettle(s *Snapshot, i *Instance) bool {
	if !Diagnose(s, i).Healthy() {
		return false
	}
	for _, r := range i.Tags.Records().Repairs {
		for _, id := range r.Jobs {
			if f := s.Jobs[id]; f != nil && f.endedBadly() {
				return true
			}
		}
	}
	return false
}
