package repair

import (
	"fmt"
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
	snapshot  *Snapshot
	set       Settings
	decisions []Decision
	starts    []int // of the decisions, those whose step begins, in order
}

// NewDraft decides about every instance of the snapshot.
func NewDraft(s *Snapshot, set Settings, newID NewID) *Draft {
	decisions := make([]Decision, len(s.Instances))
	for k, i := range s.Instances {
		decisions[k] = Decide(s, i, set, newID)
	}
	f := &Draft{snapshot: s, set: set}
	f.decisions, f.starts = Valves(s, decisions, set)
	return f
}

// NewPlan plans with what nodes have free known beforehand.
func NewPlan(s *Snapshot, placer *Placer, set Settings, newID NewID) *Plan {
	return NewDraft(s, set, newID).Plan(placer)
}

// RoomWanted returns the steps that room has to be known for before the draft
// becomes a plan.
func (f *Draft) RoomWanted() RoomWanted {
	var w RoomWanted
	for _, k := range f.starts {
		d := f.decisions[k]
		wish := Wish{Instance: d.Instance, Step: d.Start.Step}
		if choosesHere(f.snapshot, d, f.set) {
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
	p := &Plan{Snapshot: s, Decisions: append([]Decision(nil), f.decisions...)}
	for _, k := range f.starts {
		if d := f.decisions[k]; !choosesHere(s, d, f.set) {
			placer.expect(s, d.Instance, d.Start)
		}
	}
	var steps, tests []Action
	done := make(map[int]bool)
	for _, k := range f.starts {
		d := f.decisions[k]
		place, noRoom := f.place(placer, d)
		if noRoom != "" {
			p.Decisions[k] = d.because(ReasonNoRoom, noRoom)
			continue
		}
		done[k] = true
		if a := stepAction(s, d, place, f.set); a.Job.Test {
			tests = append(tests, a)
		} else {
			steps = append(steps, a)
		}
	}
	tags := endedSuspensions(s)
	for k, d := range p.Decisions {
		if done[k] {
			continue
		}
		if a := TagAction(s, d); !a.Empty() {
			tags = append(tags, a)
		}
	}
	p.Actions = inOrder(steps, tags, tests)
	return p
}

// place returns where the step of the decision brings its instance, or why there is
// no place for it.
func (f *Draft) place(placer *Placer, d Decision) (Place, string) {
	if choosesHere(f.snapshot, d, f.set) {
		nodes, noRoom := placer.Place(f.snapshot, d.Instance, d.Start.Step, nil)
		return Place{Nodes: nodes}, noRoom
	}
	if movesToSecondary(d) {
		return Place{}, ""
	}
	return Place{IAllocator: allocator(f.snapshot, f.set)}, ""
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
func choosesHere(s *Snapshot, d Decision, set Settings) bool {
	return d.Start.Step == StepReinstall || allocator(s, set) == "" && !movesToSecondary(d)
}

// movesToSecondary reports whether the step brings the instance to its secondary
// node.
func movesToSecondary(d Decision) bool {
	return d.Instance.Template == "drbd" && (d.Start.Step == StepMigrate || d.Start.Step == StepFailover)
}

// Unfit returns why nodes that were chosen for an instance are no longer fit to take
// it, or "" (P11).
func (p Place) Unfit(s *Snapshot, i *Instance) string {
	g := s.GroupID(i)
	for _, name := range p.Nodes {
		n := s.Nodes[name]
		if n == nil || !n.Usable() || n.Group != g {
			return fmt.Sprintf("node %s is no longer fit to take it", name)
		}
	}
	return ""
}
