package plugin

import (
	"context"
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

	starts []*Decision // those that the valves let pass, in order
}

// Planned is a step with everything its job needs.
type Planned struct {
	Decision *Decision
	Place    place
	NoRoom   string // why there is no place for it; empty if there is one
}

// NewPlan decides about every instance of the snapshot. It changes nothing; for
// steps whose nodes are chosen here it asks those nodes for their free room.
func NewPlan(ctx context.Context, c *luxi.Client, s *Snapshot, set Settings, newID NewID) (*Plan, error) {
	return newPlan(ctx, c, s, set, newID, nil)
}

// newPlan is NewPlan that finds out with askStorage, if there is one, what queries
// do not tell: how much storage nodes have free for the instances.
func newPlan(ctx context.Context, c *luxi.Client, s *Snapshot, set Settings, newID NewID, askStorage func(context.Context, *Placer, []*Instance) error) (*Plan, error) {
	p := decideAll(s, set, newID)
	var ask, withDisk, moving []*Instance
	for _, d := range p.starts {
		if movesToSecondary(d) {
			moving = append(moving, d.Instance)
		}
		if nodesWanted(s, d, set) > 0 {
			ask = append(ask, d.Instance)
			if ownDisks(d) {
				withDisk = append(withDisk, d.Instance)
			}
		}
	}
	placer, err := ReadPlacer(ctx, c, s, ask, moving...)
	if err != nil {
		return nil, err
	}
	if askStorage != nil {
		if err := askStorage(ctx, placer, withDisk); err != nil {
			return nil, err
		}
	}
	p.place(placer, set)
	return p, nil
}

// planWith is NewPlan with what nodes have free known beforehand.
func planWith(s *Snapshot, placer *Placer, set Settings, newID NewID) *Plan {
	p := decideAll(s, set, newID)
	p.place(placer, set)
	return p
}

func decideAll(s *Snapshot, set Settings, newID NewID) *Plan {
	p := &Plan{Snapshot: s, Decisions: make([]*Decision, len(s.Instances))}
	for k, i := range s.Instances {
		p.Decisions[k] = Decide(s, i, set, newID)
	}
	p.starts = Guard(s, p.Decisions, set)
	return p
}

// place says where each step that begins now shall bring its instance.
func (p *Plan) place(placer *Placer, set Settings) {
	s := p.Snapshot
	for _, d := range p.starts {
		if movesToSecondary(d) {
			placer.promiseMove(d.Instance)
		}
	}
	for _, d := range p.starts {
		step := &Planned{Decision: d}
		if count := nodesWanted(s, d, set); count > 0 {
			step.Place.Nodes, step.NoRoom = placer.Place(s, d.Instance, count, ownDisks(d))
		} else if !movesToSecondary(d) {
			step.Place.IAllocator = allocator(s, set)
		}
		if step.NoRoom != "" {
			d.Reason, d.Detail = ReasonNoRoom, step.NoRoom
		}
		p.Steps = append(p.Steps, step)
	}
}

// allocator is the one to name in opcodes: "." stands for the cluster's
// default; "" if there is none.
func allocator(s *Snapshot, set Settings) string {
	switch {
	case set.IAllocator != "":
		return set.IAllocator
	case s.Cluster.IAllocator != "":
		return "."
	}
	return ""
}

// nodesWanted is the number of nodes to choose here, 0 if the allocator or the
// secondary node settles that.
func nodesWanted(s *Snapshot, d *Decision, set Settings) int {
	switch {
	case d.Start.Step == StepReinstall:
		return 1 + len(d.Instance.Secondaries)
	case allocator(s, set) != "":
		return 0
	case movesToSecondary(d):
		return 0
	}
	return 1
}

// movesToSecondary reports whether the step brings the instance to its secondary
// node, which settles where.
func movesToSecondary(d *Decision) bool {
	return d.Instance.Template == "drbd" && (d.Start.Step == StepMigrate || d.Start.Step == StepFailover)
}

// ownDisks reports whether the step needs disk space on the chosen nodes.
func ownDisks(d *Decision) bool {
	return d.Start.Step == StepReinstall || d.Start.Step == StepReplaceDisks
}

// OpCodes returns the opcodes of the step's job.
func (st *Planned) OpCodes(set Settings, now time.Time) []luxi.OpCode {
	d := st.Decision
	m := mark{Kind: markRepair, ID: d.Start.Repair.ID, Step: d.Start.Step, Policy: d.Start.byPolicy()}
	return opcodes(d.Start.Step, d.Instance, st.Place, m, set.MaxRunning, now)
}

// usable says why a place chosen here is no longer fit, or "" (P11).
func (st *Planned) unfit(s *Snapshot) string {
	g := groupOf(s, st.Decision.Instance)
	for _, name := range st.Place.Nodes {
		n := s.Nodes[name]
		if n == nil || !n.Usable() || n.Group != g {
			return fmt.Sprintf("node %s is no longer fit to take it", name)
		}
	}
	return ""
}
