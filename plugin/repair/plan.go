package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// Plan is what a pass would do: for every instance a decision, and for the
// steps that begin now the place they go to.
type Plan struct {
	Snapshot  *Snapshot
	Decisions []*Decision // in the order of the instances
	Steps     []*Planned  // in the order in which they begin

	Starts []*Decision // those that the valves let pass, in order
}

// Planned is a step with everything its job needs.
type Planned struct {
	Decision *Decision
	Place    Place
	NoRoom   string // why there is no place for it; empty if there is one
}

// PlanWith is NewPlan with what nodes have free known beforehand.
func PlanWith(s *Snapshot, placer *Placer, set Settings, newID NewID) *Plan {
	p := DecideAll(s, set, newID)
	p.Place(placer, set)
	return p
}

func DecideAll(s *Snapshot, set Settings, newID NewID) *Plan {
	p := &Plan{Snapshot: s, Decisions: make([]*Decision, len(s.Instances))}
	for k, i := range s.Instances {
		p.Decisions[k] = Decide(s, i, set, newID)
	}
	p.Starts = Guard(s, p.Decisions, set)
	return p
}

// Place says where each step that begins now shall bring its instance.
func (p *Plan) Place(placer *Placer, set Settings) {
	s := p.Snapshot
	for _, d := range p.Starts {
		if MovesToSecondary(d) {
			placer.promiseMove(d.Instance)
		}
	}
	for _, d := range p.Starts {
		step := &Planned{Decision: d}
		if count := NodesWanted(s, d, set); count > 0 {
			step.Place.Nodes, step.NoRoom = placer.Place(s, d.Instance, count, OwnDisks(d))
		} else if !MovesToSecondary(d) {
			step.Place.IAllocator = Allocator(s, set)
		}
		if step.NoRoom != "" {
			d.Reason, d.Detail = ReasonNoRoom, step.NoRoom
		}
		p.Steps = append(p.Steps, step)
	}
}

// Allocator is the one to name in opcodes: "." stands for the cluster's
// default; "" if there is none.
func Allocator(s *Snapshot, set Settings) string {
	switch {
	case set.IAllocator != "":
		return set.IAllocator
	case s.Cluster.IAllocator != "":
		return "."
	}
	return ""
}

// NodesWanted is the number of nodes to choose here, 0 if the allocator or the
// secondary node settles that.
func NodesWanted(s *Snapshot, d *Decision, set Settings) int {
	switch {
	case d.Start.Step == StepReinstall:
		return 1 + len(d.Instance.Secondaries)
	case Allocator(s, set) != "":
		return 0
	case MovesToSecondary(d):
		return 0
	}
	return 1
}

// MovesToSecondary reports whether the step brings the instance to its secondary
// node, which settles where.
func MovesToSecondary(d *Decision) bool {
	return d.Instance.Template == "drbd" && (d.Start.Step == StepMigrate || d.Start.Step == StepFailover)
}

// OwnDisks reports whether the step needs disk space on the chosen nodes.
func OwnDisks(d *Decision) bool {
	return d.Start.Step == StepReinstall || d.Start.Step == StepReplaceDisks
}

// OpCodes returns the opcodes of the step's job.
func (st *Planned) OpCodes(set Settings, now time.Time) []luxi.OpCode {
	d := st.Decision
	m := Mark{Kind: MarkRepair, ID: d.Start.Repair.ID, Step: d.Start.Step, Policy: d.Start.ByPolicy()}
	return Opcodes(d.Start.Step, d.Instance, st.Place, m, set.MaxRunning, now)
}

// usable says why a place chosen here is no longer fit, or "" (P11).
func (st *Planned) Unfit(s *Snapshot) string {
	g := GroupOf(s, st.Decision.Instance)
	for _, name := range st.Place.Nodes {
		n := s.Nodes[name]
		if n == nil || !n.Usable() || n.Group != g {
			return fmt.Sprintf("node %s is no longer fit to take it", name)
		}
	}
	return ""
}
