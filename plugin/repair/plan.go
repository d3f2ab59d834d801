package repair

import (
	"ganeti-autorepair/luxi"
)

// Plan is what a pass does about a snapshot: a decision for every instance, and the
// actions that follow, in the order in which they are carried out.
type Plan struct {
	Snapshot  *Snapshot
	Decisions []Decision // in the order of the instances
	Actions   []Action
}

// Draft is a plan that lacks the places of the steps that begin: what nodes have free
// is asked only of those that a step may go to.
type Draft struct {
	snapshot     *Snapshot
	set          Settings
	decisions    []Decision
	starts       []int                 // of the decisions, those whose step begins, in order
	held, wanted map[string]luxi.JobID // nodes that unfinished jobs have, and those they wait for as well
	reinstalls   bool                  // whether a reinstallation begins
}

// NewDraft decides about every instance of the snapshot.
func NewDraft(s *Snapshot, set Settings, newID NewID) *Draft {
	decisions := make([]Decision, len(s.Instances))
	for k, i := range s.Instances {
		decisions[k] = Decide(s, i, set, newID)
	}
	f := &Draft{snapshot: s, set: set, held: nodesLockedByJobs(s, false), wanted: nodesLockedByJobs(s, true)}
	f.decisions, f.starts = Valves(s, decisions, set)
	for _, k := range f.starts {
		f.reinstalls = f.reinstalls || f.decisions[k].Start.Step == StepReinstall
	}
	return f
}

// NewPlan plans with what nodes have free known beforehand.
func NewPlan(s *Snapshot, placer *Placer, set Settings, newID NewID) *Plan {
	return NewDraft(s, set, newID).Plan(placer)
}

// Begins reports whether any step begins, so that there is something to submit.
func (f *Draft) Begins() bool { return len(f.starts) > 0 }

// RoomWanted returns the steps that room has to be known for before the draft
// becomes a plan.
func (f *Draft) RoomWanted() RoomWanted {
	var w RoomWanted
	for _, k := range f.starts {
		d := f.decisions[k]
		if d.Start.Later {
			continue
		}
		wish := Wish{Instance: d.Instance, Step: d.Start.Step}
		if !d.Start.New {
			wish.Since = d.Start.Repair.Time
		}
		if f.choosesHere(d) || f.namesTarget(d) {
			w.Choose = append(w.Choose, wish)
		} else {
			w.Others = append(w.Others, wish)
		}
	}
	return w
}

// Plan completes the draft: it gives each step its place, and puts the actions in
// order.
func (f *Draft) Plan(placer *Placer) *Plan {
	s := f.snapshot
	p := &Plan{Snapshot: s, Decisions: f.decisions}
	if len(f.starts) > 0 {
		p.Decisions = append([]Decision(nil), f.decisions...) // some will differ
	}
	f.expect(placer)
	var steps, tests []Action
	done := make(map[int]bool)
	taken, limits := newTaken(s, f.set), newRateLimits(s)
	for _, k := range f.starts {
		d := f.decisions[k]
		if d.Start.Later {
			continue
		}
		place, noRoom := f.place(placer, d, taken)
		if noRoom != "" && taken.onlyOthersTakeNodes(placer, d) {
			p.Decisions[k] = d.Blocked(ReasonNoSlot, "steps that begin now take all nodes that it could go to")
			continue
		}
		if noRoom != "" {
			p.Decisions[k] = d.because(ReasonNoRoom, noRoom)
			continue
		}
		if why := taken.blocks(d, place); why != "" {
			p.Decisions[k] = d.Blocked(ReasonNoSlot, why)
			continue
		}
		a := stepAction(s, d, place, f.set)
		if why := filtered(s, a); why != "" {
			p.Decisions[k] = d.Blocked(ReasonFiltered, why)
			continue
		}
		if why := limits.blocks(a); why != "" {
			p.Decisions[k] = d.Blocked(ReasonNoSlot, why)
			continue
		}
		done[k] = true
		taken.add(d, place)
		if len(place.Nodes) > 0 && d.Start.Target == "" {
			placer.Take(d.Instance, d.Start.Step, place.Nodes)
		}
		limits.add(a)
		if a.Job.Test {
			tests = append(tests, a)
		} else {
			steps = append(steps, a)
		}
	}
	tags := endedSuspensions(s)
	unnamed := unnamedJobs(s)
	for k := range p.Decisions {
		d := &p.Decisions[k]
		for _, t := range append(unnamed[d.Instance.UUID], d.TakeBack...) {
			p.Actions = append(p.Actions, takeBackAction(*d, t))
		}
		if done[k] {
			continue
		}
		if a := TagAction(s, *d); !a.Empty() && !leftAlone(s, *d) {
			tags = append(tags, a)
		}
	}
	tags = append(tags, endedMarks(s, f.held)...)
	p.Actions = append(p.Actions, inOrder(steps, tags, tests)...)
	return p
}

// leftAlone reports whether the tags of the instance are left alone until a job ends that
// has it: to write them would wait for its lock (C6).
func leftAlone(s *Snapshot, d Decision) bool {
	_, busy := s.BusyJob(d.Instance, nil)
	return busy
}

// place returns where the step of the decision brings its instance, or why there is
// no place for it.
func (f *Draft) place(placer *Placer, d Decision, taken *taken) (Place, string) {
	i, step := d.Instance, d.Start.Step
	if d.Start.Target != "" {
		return Place{Nodes: []string{d.Start.Target}}, ""
	}
	if step == StepFailover && (f.namesTarget(d) || f.choosesHere(d)) {
		// One job to wait for is better than all.
		var noRoom string
		for _, held := range []map[string]luxi.JobID{f.wanted, f.held, nil} {
			avoid := taken.avoid(d)
			for name := range held {
				avoid[name] = true
			}
			var nodes []string
			if nodes, noRoom = placer.Place(f.snapshot, i, step, avoid); noRoom == "" {
				return Place{Nodes: nodes}, ""
			}
		}
		if !d.Start.Probe && (len(f.wanted) > 0 || f.reinstalls) && f.namesTarget(d) && !placer.mayFit(claimOf(f.snapshot, i, d.Start)) {
			return Place{}, noRoom // an allocator would wait for the locks of all nodes, and find none
		}
	}
	if f.choosesHere(d) {
		nodes, noRoom := placer.Place(f.snapshot, i, step, taken.avoid(d))
		return Place{Nodes: nodes}, noRoom
	}
	if staysInPlace(d) {
		return Place{}, ""
	}
	return Place{IAllocator: allocator(f.snapshot, f.set)}, ""
}

// namesTarget reports whether the target of the step is named here although an
// allocator could choose it. With an allocator a failover takes the locks of all nodes:
// it would wait for a job that has one of them for long, or is about to (P20), and keep a
// reinstallation that must begin at once, or wait itself for what begins beside it (P16).
func (f *Draft) namesTarget(d Decision) bool {
	if d.Start.Step != StepFailover || !externallyMirrored(d.Instance.Template) || d.Start.Target != "" {
		return false
	}
	return len(f.wanted) > 0 || f.reinstalls || MustNotWait(d) && len(f.starts) > 1
}

// WaveSize is how many steps, and as many changes of tags alone, a pass submits
// together.
const WaveSize = 10

// inOrder puts actions in the order in which they are carried out: steps in theirs,
// the first one by itself where there are more than a wave of them, so that it does
// not wait for the tags of nine others (C4); beside each wave of steps as many changes
// of tags alone, so that results do not wait for the last step (C6); and then the steps
// that a test for room comes before.
func inOrder(steps, tags, tests []Action) []Action {
	var list []Action
	size := WaveSize
	if len(steps) > WaveSize {
		size = 1
	}
	take := func(from []Action, n int) []Action {
		if n > len(from) {
			n = len(from)
		}
		list = append(list, from[:n]...)
		return from[n:]
	}
	for len(steps) > 0 {
		steps, tags = take(steps, size), take(tags, WaveSize)
		size = WaveSize
	}
	list = append(list, tags...)
	return append(list, tests...)
}

// allocator returns the allocator to name in opcodes: "." stands for the cluster's
// default; it is empty if there is none.
func allocator(s *Snapshot, set Settings) string {
	switch {
	case set.IAllocator != "":
		return set.IAllocator
	case s.Cluster.IAllocator != "":
		return "."
	}
	return ""
}

// choosesHere reports whether nodes are to be chosen here for the step: neither the
// allocator nor the secondary node settles that.
func (f *Draft) choosesHere(d Decision) bool { return choosesHere(f.snapshot, f.set, d) }

func choosesHere(s *Snapshot, set Settings, d Decision) bool {
	switch {
	case d.Start.Step == StepReinstall:
		return true
	case d.Start.Target != "":
		return false
	}
	return (allocator(s, set) == "" || d.Start.Here) && !staysInPlace(d)
}

// movesToSecondary reports whether the step brings the instance to its secondary
// node.
func movesToSecondary(d Decision) bool {
	return d.Instance.Template == "drbd" && (d.Start.Step == StepMigrate || d.Start.Step == StepFailover)
}

// staysInPlace reports whether the step brings the instance to no node that it is not on.
func staysInPlace(d Decision) bool {
	return movesToSecondary(d) || d.Start.Step == StepReplaceOnPrimary
}

// Unfit returns why nodes that were chosen for an instance are no longer fit to take
// it, or "" (P11).
func (p Place) Unfit(s *Snapshot, i *Instance) string {
	x := &decider{s: s, i: i}
	for _, name := range p.Nodes {
		if why := x.unfitTarget(name); why != "" {
			return why
		}
	}
	return ""
}
