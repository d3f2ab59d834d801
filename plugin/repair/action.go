package repair

import (
	"sort"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Action is one thing that a pass does: it changes the tags of one object and, where
// a step of a repair begins, submits a job. A pass carries out the actions of its
// plan, and nothing else; a dry run prints them.
type Action struct {
	Object   tagstore.Object // the object whose tags change; without tags of its own
	Decision Decision        // about the instance; zero for any other object

	Results []tagstore.Result // results to write
	// Pending is the pending tag to write; nil if none is. The number of the job, if
	// there is one, is added to it.
	Pending *tagstore.Pending
	Begins  bool     // the repair begins with this pending tag
	Remove  []string // tags to remove
	Ended   []string // of these the suspensions whose time has passed (T4)
	// Dropped is the id of a repair that ends without a result, because it never
	// began and is no longer wanted; empty if there is none.
	Dropped string
	Job     *Job // nil if only tags change
	// Tidies are the opcodes of a job that is submitted when the tags are written, if a
	// fresh look allows it; nil if there is none.
	Tidies []luxi.OpCode
	// TakesBack is a job of ours to cancel; nil if there is none. The action does nothing
	// else then.
	TakesBack *TakeBack
	Why       string
}

// Job is a repair job that an action submits.
type Job struct {
	Step    Step
	Place   Place
	OpCodes []luxi.OpCode
	Fence   []string // offline nodes for which the fence must succeed first (V5)
	Test    bool     // a dry run of the first opcode must succeed first (S8)
}

// From returns the node that the step of the action takes the instance from.
func (a Action) From() string { return FromNode(a.Decision.Instance, a.Job.Step) }

// FromNode returns the node that a step takes an instance from: the secondary node that
// a replace-disks replaces, or else the primary node.
func FromNode(i *Instance, step Step) string {
	if step == StepReplaceDisks && len(i.Secondaries) > 0 {
		return i.Secondaries[0]
	}
	return i.Primary
}

// To returns the nodes that the step brings the instance to; none if an allocator is
// yet to choose.
func (a Action) To() []string {
	if len(a.Job.Place.Nodes) > 0 || !movesToSecondary(a.Decision) {
		return a.Job.Place.Nodes
	}
	return a.Decision.Instance.Secondaries
}

// Restarts reports whether the step starts an instance again, with its data, that is
// meant to be up: what ran is cut off.
func (a Action) Restarts() bool {
	return a.Job.Step == StepFailover && a.Decision.Instance.AdminState == "up"
}

// LosesData reports whether the step gives the instance new, empty disks.
func (a Action) LosesData() bool { return a.Job.Step == StepReinstall }

// Empty reports whether the action does nothing.
func (a Action) Empty() bool {
	return len(a.Results) == 0 && a.Pending == nil && len(a.Remove) == 0 && a.Job == nil && a.TakesBack == nil
}

// Repair returns the id of the repair that the action is about; "suspend" where it
// only removes suspensions, and "node" where it changes the tags of a node.
func (a Action) Repair() string {
	switch {
	case a.Object.Kind == luxi.TagNode:
		return "node"
	case a.Dropped != "":
		return a.Dropped
	case a.Pending != nil:
		return a.Pending.ID
	case len(a.Results) > 0:
		return a.Results[len(a.Results)-1].ID
	case a.Decision.Instance != nil && len(a.Decision.Instance.Tags.Pendings) > 0:
		return a.Decision.Instance.Tags.Pendings[0].ID
	}
	return "suspend"
}

// Change returns the change of tags, in which the pending tag names the given job; 0
// stands for none. It also returns how many jobs the tags have no room for: the
// oldest are left out (T8).
//
// A reader always sees the old pending tag, the new one, or both (T6). Tags that no
// pending tag is among are removed first, so that the pending tag tells the next pass
// of a change that was left half done (T7).
func (a Action) Change(job luxi.JobID) (change tagstore.Change, dropped int) {
	change = tagstore.Change{Kind: a.Object.Kind, Name: a.Object.Name, Remove: a.Remove, Why: Mark{Kind: MarkTags, ID: a.Repair()}.Text()}
	for _, r := range a.Results {
		tag, n := r.Format()
		change.Add, dropped = append(change.Add, tag), dropped+n
	}
	if a.Pending != nil {
		pending := *a.Pending
		if job != 0 {
			pending.Jobs = append(append([]luxi.JobID(nil), pending.Jobs...), job)
		}
		tag, n := pending.Format()
		change.Add, dropped = append(change.Add, tag), dropped+n
		if job != 0 || a.Job == nil {
			change.Remove = without(change.Remove, tag)
		}
	}
	if len(change.Add) > 0 && len(tagstore.Parse(change.Kind, change.Remove).Pendings) == 0 {
		change.Before, change.Remove = change.Remove, nil
	}
	return change, dropped
}

func without(tags []string, tag string) []string {
	var list []string
	for _, t := range tags {
		if t != tag {
			list = append(list, t)
		}
	}
	return list
}

// tagAction returns the action that changes the tags of an instance and submits
// nothing: it writes the results of the decision, and removes what is left over and
// suspensions whose time has passed. It may be empty.
func tagAction(s *Snapshot, d Decision) Action {
	i := d.Instance
	a := Action{Object: tagstore.Object{Kind: luxi.TagInstance, Name: i.Name}, Decision: d, Ended: i.Tags.ExpiredSuspends(s.Time.Unix()), Why: d.WhyNot()}
	a.Remove = append(append([]string(nil), d.Remove...), a.Ended...)
	for _, st := range d.Settled {
		a.Results = append(a.Results, st.Result)
	}
	if d.Deactivate && len(a.Results) > 0 {
		mark := Mark{Kind: MarkTidy, ID: a.Results[len(a.Results)-1].ID}
		a.Tidies = []luxi.OpCode{&luxi.InstanceDeactivateDisks{Common: luxi.Common{Reason: Trail(mark, Limit{}, s.Time)}, InstanceName: i.Name, InstanceUUID: i.UUID}}
	}
	return a
}

// TagAction returns the action for a decision whose step, if it has one, is not taken
// now. A repair that begins becomes pending all the same, without a job. It may be
// empty.
func TagAction(s *Snapshot, d Decision) Action {
	if d.Start == nil || !d.Start.New {
		return WithoutStep(s, d)
	}
	a := tagAction(s, d)
	pending := d.Start.Repair
	a.Pending, a.Begins = &pending, true
	return a
}

// WithoutStep returns the action that is left of a decision whose step is not taken:
// what has ended is written, and a tag that is to be renewed. It may be empty.
func WithoutStep(s *Snapshot, d Decision) Action {
	a := tagAction(s, d)
	if d.Renewed != nil {
		a.Pending, a.Remove = d.Renewed, append(a.Remove, d.renewedFrom...)
	}
	return a
}

// stepAction returns the action that takes the step of the decision.
func stepAction(s *Snapshot, d Decision, place Place, set Settings) Action {
	a := tagAction(s, d)
	start := d.Start
	pending := start.Repair
	a.Pending, a.Begins = &pending, start.New
	a.Remove = append(a.Remove, start.Old...)
	a.Job = &Job{
		Step: start.Step, Place: place, Test: start.Probe,
		OpCodes: opCodes(opcodeRequest{
			step: start.Step, instance: d.Instance, place: place, compare: comparesCopies(s, d.Instance), disks: d.Need.Disks, start: d.Need.Start,
			mark:  Mark{Kind: MarkRepair, ID: pending.ID, Step: start.Step, Policy: start.ByPolicy(), From: FromNode(d.Instance, start.Step), Row: d.Need.rowMark()},
			limit: limitOf(start.Step, set), now: s.Time,
		}),
	}
	if set.Fenced() {
		a.Job.Fence = FenceNodes(s, d.Instance, start.Step)
	}
	return a
}

// endedSuspensions returns the actions that remove the suspensions of the cluster and
// the node groups whose time has passed (T4).
func endedSuspensions(s *Snapshot) []Action {
	var list []Action
	add := func(kind luxi.TagKind, name string, tags tagstore.Tags) {
		if ended := tags.ExpiredSuspends(s.Time.Unix()); len(ended) > 0 {
			list = append(list, Action{Object: tagstore.Object{Kind: kind, Name: name}, Remove: ended, Ended: ended, Why: "suspension has ended"})
		}
	}
	add(luxi.TagCluster, "", s.Cluster.Tags)
	for _, g := range s.SortedGroups() {
		add(luxi.TagGroup, g.Name, g.Tags)
	}
	return list
}

// endedMarks returns the actions that remove what was said of nodes while they were
// offline or silent, once they are online and answer (T12). A node that a job has is left
// alone until that ends (C6).
func endedMarks(s *Snapshot, held map[string]luxi.JobID) []Action {
	var list []Action
	for name, n := range s.Nodes {
		marks := n.Tags.NodeMarks()
		if _, busy := held[name]; n.Offline || !n.Answers || busy || len(marks) == 0 {
			continue
		}
		list = append(list, Action{Object: tagstore.Object{Kind: luxi.TagNode, Name: name}, Remove: marks, Why: "the node is online and answers"})
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Object.Name < list[b].Object.Name })
	return list
}

// takeBackAction returns the action that takes a job back.
func takeBackAction(d Decision, t TakeBack) Action {
	return Action{Object: tagstore.Object{Kind: luxi.TagInstance, Name: d.Instance.Name}, Decision: d, TakesBack: &t, Why: t.Why}
}
