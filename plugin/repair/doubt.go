package repair

import (
	"fmt"
	"strings"

	"ganeti-autorepair/tagstore"
)

// settleHealthy settles a repair of an instance that lives on good nodes. That
// alone proves nothing after a failed job: failover and recreate-disks move the
// primary before they can fail (S6).
func (x *decider) settleHealthy(r *tagstore.Repair, jobs []*JobFact) bool {
	for _, f := range jobs {
		if !f.BeganChain() || x.reinstalledSince(jobs, f) {
			continue
		}
		if nodes := chainNodes(f); nodes != nil && !onAny(x.i, nodes) {
			return x.fail(r, fmt.Sprintf("job %d: %s; it was cut off before it moved %s, whose old disks may be intact: look at them before you reinstall it", f.Info.ID, f.Detail, x.i.Name))
		}
		return x.fail(r, fmt.Sprintf("job %d: %s; the reinstallation is not complete%s", f.Info.ID, f.Detail, x.finishIt()))
	}
	if x.incomplete() {
		return false
	}
	if f := x.doubtfulReplica(jobs); f != nil {
		return x.fail(r, fmt.Sprintf("job %d: %s; %s", f.Info.ID, f.Detail, incompleteCopy(x.i)))
	}
	// Verifications do not list a disk that is only half filled.
	if last := lastChange(jobs); last != nil && last.Step == StepReplaceOnPrimary && last.endedBadly() && !last.Succeeded() {
		return x.fail(r, fmt.Sprintf("job %d: %s; the disk that it was making on %s may not be complete, see gnt-instance info %s", last.Info.ID, last.Detail, x.i.Primary, x.i.Name))
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
	x.settle(r, jobs, tagstore.Success, whyWell(jobs))
	return true
}

// whyWell says why a repair with these jobs has succeeded.
func whyWell(jobs []*JobFact) string {
	if last := lastChange(jobs); last != nil && RowMark(last.Info) == RowRelocate {
		return "the instance was moved, and lives on good nodes only"
	}
	return "the instance lives on good nodes only"
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
	if c, failed := x.s.Past.Chain(x.i); failed {
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
	if c, _ := x.s.Past.Chain(x.i); x.i.AdminState == "up" || c.WasUp {
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
