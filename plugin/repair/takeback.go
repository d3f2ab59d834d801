package repair

import (
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// A released job may wait for hours before it begins (P15). A pass decides afresh about
// those of its own jobs that have not begun, and takes back what is no longer wanted.

// TakeBack is a job of ours that is to be taken back.
type TakeBack struct {
	Job  luxi.JobID
	Step Step
	Why  string
	// WhileQueued says that the job has several opcodes, and may be canceled only while
	// all of them are queued: cut between two of them it would be half done.
	WhileQueued bool
}

func newTakeBack(f *JobFact, why string) TakeBack {
	return TakeBack{Job: f.Info.ID, Step: f.Step, Why: why, WhileQueued: len(f.Info.Ops) > 1}
}

// takeBackUnwanted notes which jobs of the repair are to be taken back. Whoever
// submitted a job that a tag names may have had other reasons, so only jobs with our
// mark count.
func (x *decider) takeBackUnwanted(r *tagstore.Repair, jobs []*JobFact) {
	for _, f := range jobs {
		m, ours := MarkOf(f.Info)
		if !ours || m.Kind != MarkRepair || f.Outcome != OutcomeUnfinished || f.Begun() || f.Info.Status == luxi.JobCanceling {
			continue
		}
		if why := x.unwanted(f, r, jobs); why != "" {
			x.d.TakeBack = append(x.d.TakeBack, newTakeBack(f, why))
		}
	}
}

// unwanted returns why a job that has not begun is no longer what it was submitted for,
// "" if it is. What is not known takes nothing back, and neither do valves, room, order,
// limits, the fence and filters. A suspension alone takes nothing back, and while it
// lasts the policy is not asked. How the disks are is another matter: nobody looks at them
// as long as the job has the instance, and it would begin on what was found long ago.
func (x *decider) unwanted(f *JobFact, r *tagstore.Repair, jobs []*JobFact) string {
	need := x.d.Need
	switch {
	case !x.i.PlaceKnown || x.s.Nodes[x.i.Primary] == nil:
		return "" // nor is its node group known, which may permit the repair
	case need.Row == "" && need.Blocked != "":
		return x.withdrawn(r, jobs, tagstore.FixStorage) // where it lives cannot be told
	case x.switchedOff(f):
		return "the settings no longer allow it"
	case need.Healthy():
		return wellAgain(f)
	case x.movedSinceLook(f):
		return "it was moved since its disks were looked at"
	}
	// What the job itself would do wrong does not depend on what else is known.
	if why := x.strandedBy(f); why != "" {
		return why
	}
	for _, name := range NamedTargets(f.Info) {
		if why := x.unfitTarget(name); why != "" {
			return why
		}
	}
	switch {
	case need.Blocked == ReasonNoLiveStatus && f.Step != StepMigrate && f.Step != StepFailover:
		return "it is to be moved first" // in whichever way
	case need.Blocked == ReasonNoLiveStatus:
		return x.withdrawn(r, jobs, need.Type)
	case need.Blocked != "" && !x.overridden() || need.First() == "":
		return need.Detail
	case need.First() != f.Step:
		return "the next step is now " + string(need.First())
	}
	if f.Step == StepReinstall && starts(f) != need.Start {
		return "it is admin " + x.i.AdminState + " now"
	}
	// One of several opcodes compares the copies first (P19).
	if f.Step == StepFailover && x.i.AdminState != "up" && len(f.Info.Ops) == 1 {
		return "it is admin " + x.i.AdminState + ", and a failover of what is stopped must not wait"
	}
	if !r.Type.Permits(need.NextType()) {
		return fmt.Sprintf("the repair is of type %s, the step takes %s", r.Type, need.NextType())
	}
	return x.withdrawn(r, jobs, need.Type)
}

// withdrawn returns that the policy no longer permits a repair which rests on it and takes at
// least the type, "" if it does. A suspended instance has no policy to ask.
func (x *decider) withdrawn(r *tagstore.Repair, jobs []*JobFact, least tagstore.Type) string {
	if x.d.Policy.Suspended || !x.restsOnPolicy(r, jobs) || x.d.Policy.Type.Permits(least) {
		return ""
	}
	return "the permission was withdrawn"
}

// switchedOff reports whether the job is for an instance on good nodes, and the setting
// that lets such be repaired was changed since.
func (x *decider) switchedOff(f *JobFact) bool {
	switch RowMark(f.Info) {
	case RowRebuild, RowPrimary:
		return !x.s.Disks.Repair
	case RowRelocate:
		return !x.s.Disks.Relocate
	}
	return false
}

// movedSinceLook reports whether the job is for a broken disk of an instance that has other
// nodes than when it was last looked at.
func (x *decider) movedSinceLook(f *JobFact) bool {
	if row := RowMark(f.Info); row != RowRebuild && row != RowPrimary {
		return false
	}
	look, known := x.s.Disks.Looks[x.i.UUID]
	return known && !look.isOf(x.i)
}

// wellAgain says of what a job was for that it is over.
func wellAgain(f *JobFact) string {
	switch RowMark(f.Info) {
	case RowRebuild, RowPrimary:
		return "its disks are well again"
	case RowRelocate:
		return "it runs again"
	}
	return "the instance lives on good nodes again"
}

// strandedBy returns why a job that starts the instance somewhere must not begin, after
// what others did to it since.
func (x *decider) strandedBy(f *JobFact) string {
	if h := x.s.Past.HalfCopies[x.i.UUID]; f.Step == StepFailover && h.Concerns(x.i) {
		return fmt.Sprintf("job %d may have left its secondary incomplete", h.Job.Info.ID)
	}
	if t, moved := x.s.Past.Transfer(x.i); moved && !x.goesTo(f, t) {
		return fmt.Sprintf("after job %d it may run on %s", t.Job.Info.ID, nodeOrUnknown(t.Target))
	}
	return ""
}

// goesTo reports whether a job of ours fails the instance over to the node that it was
// transferred to, which helps only what is not mirrored by drbd, see reaches.
func (x *decider) goesTo(f *JobFact, t Transfer) bool {
	if f.Step != StepFailover || t.Target == "" || x.i.Template == "drbd" {
		return false
	}
	targets := NamedTargets(f.Info)
	return len(targets) == 1 && (luxi.MatchesName(t.Target, targets[0]) || luxi.MatchesName(targets[0], t.Target))
}

// unfitTarget returns why an instance must not be brought to the node, "" if it may.
func (x *decider) unfitTarget(name string) string {
	for _, n := range x.s.Nodes {
		if !luxi.MatchesName(name, n.Name) {
			continue
		}
		own := false
		for _, secondary := range x.i.Secondaries {
			own = own || secondary == n.Name
		}
		if !n.Usable() || n.Group != x.s.GroupID(x.i) && !own {
			return "node " + n.Name + " is no longer fit to take it"
		}
		return ""
	}
	return "node " + name + " is not a node of the cluster"
}

// NamedTargets returns the nodes that the opcodes of a job bring its instance to, as far
// as they name them.
func NamedTargets(job luxi.JobInfo) []string {
	var names []string
	for _, op := range job.Ops {
		switch op.ID {
		case luxi.OpInstanceFailover, luxi.OpInstanceMigrate:
			names = append(names, op.Param("target_node"))
		case luxi.OpInstanceReplaceDisks:
			names = append(names, op.Param("remote_node"))
		case luxi.OpInstanceRecreateDisks:
			names = append(names, op.ParamList("nodes")...)
		}
	}
	list := names[:0]
	for _, name := range names {
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}

// unnamedJobs returns the released jobs of ours that have not begun and that no pending
// tag of their instance names: a person has removed it, and with it the permission.
// Jobs that still wait for their gate expire by themselves.
func unnamedJobs(s *Snapshot) map[string][]TakeBack {
	gates := make(map[luxi.JobID]bool)
	for _, job := range s.Unfinished {
		if m, ours := MarkOf(job); ours && m.Kind == MarkGate {
			gates[job.ID] = true
		}
	}
	unnamed := make(map[string][]TakeBack)
	for _, job := range s.Unfinished {
		m, ours := MarkOf(job)
		if !ours || m.Kind != MarkRepair || job.Status == luxi.JobCanceling || begun(job) || WaitsFor(job, gates) {
			continue
		}
		for _, i := range s.Instances {
			if len(job.Ops) > 0 && job.Ops[0].Param("instance_uuid") == i.UUID && !namedInTag(tagstore.Object{Tags: i.Tags}, job.ID) {
				unnamed[i.UUID] = append(unnamed[i.UUID], newTakeBack(NewJobFact(job), "no pending tag names it"))
			}
		}
	}
	return unnamed
}

func nodeOrUnknown(name string) string {
	if name == "" {
		return "another node"
	}
	return name
}

// TakeBackOf returns the action that takes a repair job of ours back, and whether the
// job is one that has not begun.
func TakeBackOf(job luxi.JobInfo, why string) (Action, bool) {
	m, ours := MarkOf(job)
	if !ours || m.Kind != MarkRepair || begun(job) || job.Status == luxi.JobCanceling || len(job.Ops) == 0 {
		return Action{}, false
	}
	op := job.Ops[0]
	i := &Instance{Name: op.Param("instance_name"), UUID: op.Param("instance_uuid")}
	return takeBackAction(Decision{Instance: i}, newTakeBack(NewJobFact(job), why)), true
}
