package repair

import (
	"sort"

	"ganeti-autorepair/luxi"
)

// Placer chooses nodes where Ganeti's allocator must not or cannot: for the
// reinstall chain, because RECREATE_DISKS lets the allocator pick another node
// group and then dies after changing the configuration, and because hail
// refuses for ever where the group is not N+1 redundant (P10); on clusters
// without a default allocator; and where nodes are to be left out.
type Placer struct {
	Rooms   map[string][]Room // by group
	Demands map[string]Demand // by instance UUID
	// Lives has, for each node, the exclusion tags of the instances that have it as
	// their primary node, each with the name of one of them.
	Lives map[string]map[string]string
	// Installed has, for each operating system, what the nodes said of it; nil if none was
	// asked. A node that is missing did not say.
	Installed map[string]map[string]luxi.NodeOS
	// Strict has what is not known count as missing: where a pass acts, what it asked
	// and was not told means wait. Where it is false, what is not known does not count.
	Strict bool

	named    map[string][]Claim      // what is given away of each node
	open     []Claim                 // what is given away where an allocator is yet to choose
	held     map[string]luxi.JobInfo // nodes that unfinished jobs have
	hopeful  bool                    // what is not known does not count for the moment
	expected bool                    // the claims of the plan's own steps are among these
}

// NewPlacer returns a placer that knows of no room yet.
func NewPlacer() *Placer {
	return &Placer{Rooms: map[string][]Room{}, Demands: map[string]Demand{}, Lives: map[string]map[string]string{}}
}

// Copy returns a placer of its own that knows the same.
func (p *Placer) Copy() *Placer {
	c := *p
	c.named, c.open = make(map[string][]Claim, len(p.named)), append([]Claim(nil), p.open...)
	for node, claims := range p.named {
		c.named[node] = append([]Claim(nil), claims...)
	}
	c.Rooms, c.Demands = make(map[string][]Room, len(p.Rooms)), make(map[string]Demand, len(p.Demands))
	for group, rooms := range p.Rooms {
		for _, r := range rooms {
			disk, told := make(map[Storage]int64), make(map[string]bool)
			for storage, mib := range r.Disk {
				disk[storage] = mib
			}
			for kind := range r.Told {
				told[kind] = true
			}
			r.Disk, r.Told = disk, told
			c.Rooms[group] = append(c.Rooms[group], r)
		}
	}
	for uuid, d := range p.Demands {
		c.Demands[uuid] = d
	}
	return &c
}

// Unfinished takes what unfinished jobs have and are going to take.
func (p *Placer) Unfinished(s *Snapshot) {
	for _, c := range s.Claims() {
		p.Claim(c)
	}
	p.held = s.NodesNamedInJobs()
}

// Claimants returns the UUIDs of the instances that room is given away to.
func (p *Placer) Claimants() []string {
	set := make(map[string]bool)
	add := func(claims []Claim) {
		for _, c := range claims {
			if c.Instance != nil {
				set[c.Instance.UUID] = true
			}
		}
	}
	add(p.open)
	for _, claims := range p.named {
		add(claims)
	}
	return sorted(set)
}

// Claim gives room away.
func (p *Placer) Claim(c Claim) {
	if c.Nodes == nil {
		p.open = append(p.open, c)
		return
	}
	if p.named == nil {
		p.named = make(map[string][]Claim)
	}
	for _, node := range c.Nodes {
		p.named[node] = append(p.named[node], c)
	}
}

// LivesOn notes that an instance with the given exclusion tags has the node as its
// primary node.
func (p *Placer) LivesOn(node, name string, tags []string) {
	if len(tags) > 0 && p.Lives[node] == nil {
		p.Lives[node] = make(map[string]string)
	}
	for _, tag := range tags {
		p.Lives[node][tag] = name
	}
}

// want is what a step asks of nodes.
type want struct {
	instance *Instance
	step     Step
	demand   Demand
	memory   int64  // MiB, of the primary node
	kind     string // the storage that disks are made of; empty if none are made
	group    string
	avoid    map[string]bool
	alone    bool // no instance with the same exclusion tag may live on the new primary node
	first    bool // it comes before the steps of the plan whose nodes are not chosen yet (P20)
}

// Place chooses nodes for the step of an instance in the group of its primary node, the
// one with most free memory first, and none of those to avoid. If there are not enough
// nodes it returns why. Take gives the room there away.
func (p *Placer) Place(s *Snapshot, i *Instance, step Step, avoid map[string]bool) ([]string, string) {
	w, why := p.want(s, i, step, avoid)
	if why != "" {
		return nil, why
	}
	nodes, refused := p.choose(w)
	count := nodesOf(step, i)
	if len(nodes) < count && step != StepReinstall {
		// Coming from a bad node an instance may live beside one with the same
		// exclusion tag, as with Ganeti's allocators (addPriEx in
		// src/Ganeti/HTools/Node.hs).
		w.alone = false
		nodes, refused = p.choose(w)
	}
	if len(nodes) < count {
		return nil, p.whyNot(s, w, len(nodes), refused)
	}
	return nodes, ""
}

// Take gives the room away that the step of an instance takes on the nodes, so that the
// next instance does not count on it too.
func (p *Placer) Take(i *Instance, step Step, nodes []string) {
	p.withdraw(i)
	p.Claim(Claim{
		By: "the " + string(step) + " of " + i.Name, Instance: i, Nodes: nodes,
		Memory: movesPrimary(step) && p.Demands[i.UUID].memory(step, i) > 0, Disk: makesDisks(step) && StorageKind(i.Template) != "", Primary: movesPrimary(step),
	})
}

// Fits reports whether there is a place for the step of an instance, whatever takes it
// for the moment.
func (p *Placer) Fits(s *Snapshot, i *Instance, step Step) bool {
	w, why := p.want(s, i, step, nil)
	if why != "" {
		return false
	}
	nodes, _ := p.choose(w)
	return len(nodes) == nodesOf(step, i)
}

// withdraw takes back what was given away to a step of the plan of which it was not known
// where it goes.
func (p *Placer) withdraw(i *Instance) {
	var kept []Claim
	for _, c := range p.open {
		if !c.Planned || c.Instance != i {
			kept = append(kept, c)
		}
	}
	p.open = kept
}

// want returns what a step asks of nodes, or why that is not known.
func (p *Placer) want(s *Snapshot, i *Instance, step Step, avoid map[string]bool) (want, string) {
	w := want{instance: i, step: step, avoid: avoid, alone: true, first: step == StepFailover}
	demand, ok := p.Demands[i.UUID]
	g := s.Group(i)
	switch {
	case !ok:
		return w, "what it takes is not known"
	case g == nil:
		return w, "its node group is not known"
	}
	w.demand, w.memory, w.group = demand, demand.memory(step, i), g.UUID
	if makesDisks(step) {
		w.kind = StorageKind(i.Template)
	}
	return w, ""
}

// choose returns as many fit nodes as the step needs, or all that there are, and what
// is said of the others: the nodes for each reason.
func (p *Placer) choose(w want) ([]string, map[refusal][]string) {
	rooms := append([]Room(nil), p.Rooms[w.group]...)
	memory := make(map[string]int64, len(rooms))
	for _, r := range rooms {
		memory[r.Node] = p.memory(r)
	}
	sort.Slice(rooms, func(a, b int) bool {
		if ma, mb := memory[rooms[a].Node], memory[rooms[b].Node]; ma != mb {
			return ma > mb
		}
		return NiceLess(rooms[a].Node, rooms[b].Node)
	})
	var nodes []string
	refused := make(map[refusal][]string)
	taken := make(map[string]bool)
	for _, name := range w.instance.Nodes() {
		taken[name] = true
	}
	take := func(primary bool, count int) {
		for _, r := range rooms {
			if len(nodes) == count {
				return
			}
			if taken[r.Node] {
				continue
			}
			if why := p.refuses(w, r, primary); why == "" {
				nodes, taken[r.Node] = append(nodes, r.Node), true
			} else if why != tooLittle {
				refused[why] = append(refused[why], r.Node)
			}
		}
	}
	take(true, 1)
	if len(nodes) == 1 {
		take(false, nodesOf(w.step, w.instance))
	}
	return nodes, refused
}

// memory returns the free memory of a node without what is given away there.
func (p *Placer) memory(r Room) int64 {
	free := r.Memory
	for _, c := range p.named[r.Node] {
		if _, first := c.on(r.Node); first && c.Memory && c.Instance != nil {
			free -= p.Demands[c.Instance.UUID].Memory
		}
	}
	return free
}
