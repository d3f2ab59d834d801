package repair

import (
	"fmt"
	"sort"
	"strings"

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
	// claims are what is given away.
	claims []Claim
	// held are the nodes that unfinished jobs have.
	held map[string]luxi.JobInfo
	// asked are the kinds of storage of which nodes were asked how much is free:
	// one that did not say takes no disks of that kind.
	asked map[string]bool
}

// NewPlacer returns a placer that knows of no room yet.
func NewPlacer() *Placer {
	return &Placer{Rooms: map[string][]Room{}, Demands: map[string]Demand{}, Lives: map[string]map[string]string{}}
}

// Unfinished takes what unfinished jobs have and are going to take.
func (p *Placer) Unfinished(s *Snapshot) {
	p.claims = append(p.claims, s.Claims()...)
	p.held = s.HeldNodes()
}

// Claimants returns the UUIDs of the instances that room is given away to.
func (p *Placer) Claimants() []string {
	var uuids []string
	for _, c := range p.claims {
		if c.Instance != nil {
			uuids = append(uuids, c.Instance.UUID)
		}
	}
	return uuids
}

// Claim gives room away.
func (p *Placer) Claim(c Claim) { p.claims = append(p.claims, c) }

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
}

// refusal is why a node cannot take an instance; empty if it can. Words without a
// node behind them are for nodes that have too little, of which nothing more is said.
type refusal string

const tooLittle refusal = "too little"

// Place chooses nodes for the step of an instance in the group of its primary node, the
// one with most free memory first, and none of those to avoid. It gives the room there
// away, so that the next instance does not count on it too. If there are not enough
// nodes it returns why.
func (p *Placer) Place(s *Snapshot, i *Instance, step Step, avoid map[string]bool) ([]string, string) {
	demand, ok := p.Demands[i.UUID]
	if !ok {
		return nil, "what it takes is not known"
	}
	g := s.Group(i)
	if g == nil {
		return nil, "its node group is not known"
	}
	w := want{instance: i, step: step, demand: demand, memory: demand.memory(step, i), group: g.UUID, avoid: avoid, alone: true}
	if makesDisks(step) {
		w.kind = StorageKind(i.Template)
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
		return nil, p.whyNot(s, w, g, len(nodes), refused)
	}
	p.Claim(Claim{
		By: "the " + string(step) + " of " + i.Name, Instance: i, Nodes: nodes,
		Memory: movesPrimary(step) && w.memory > 0, Disk: w.kind != "", Primary: movesPrimary(step),
	})
	return nodes, ""
}

// choose returns as many fit nodes as the step needs, or all that there are, and what
// is said of the others: the nodes for each reason.
func (p *Placer) choose(w want) ([]string, map[refusal][]string) {
	rooms := append([]Room(nil), p.Rooms[w.group]...)
	sort.Slice(rooms, func(a, b int) bool {
		ma, mb := p.memory(rooms[a]), p.memory(rooms[b])
		if ma != mb {
			return ma > mb
		}
		return rooms[a].Node < rooms[b].Node
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
	for _, c := range p.claims {
		if _, first := c.on(r.Node); first && c.Memory && c.Instance != nil {
			free -= p.Demands[c.Instance.UUID].Memory
		}
	}
	return free
}

// refuses returns why a node cannot take the instance, as its primary node or beside
// that, or "" if it can.
func (p *Placer) refuses(w want, r Room, primary bool) refusal {
	memory := p.memory(r)
	if memory < w.memory {
		return tooLittle
	}
	disk, known := p.disk(r, w.kind)
	switch {
	case known && disk < w.demand.Disk:
		return tooLittle
	case !known && p.asked[w.kind]:
		return refusal("how much " + w.kind + " storage is free could not be found out on")
	case w.avoid[r.Node]:
		return "an unfinished job has"
	}
	if job, held := p.held[r.Node]; held && w.step == StepReinstall {
		return refusal(fmt.Sprintf("job %d (%s) has", job.ID, strings.Join(job.Summary, ", ")))
	}
	if primary && movesPrimary(w.step) && w.alone {
		if why := p.excludes(w, r); why != "" {
			return why
		}
	}
	return p.contested(w, r, memory-w.memory, disk-w.demand.Disk, known, primary)
}

// excludes returns which instance on the node has an exclusion tag of this one, or "".
func (p *Placer) excludes(w want, r Room) refusal {
	for _, tag := range w.demand.Exclusions {
		if name, there := p.Lives[r.Node][tag]; there && name != w.instance.Name {
			return refusal("another instance with the exclusion tag " + tag + " is on")
		}
	}
	for _, c := range p.claims {
		if c.Instance == nil || c.Instance.UUID == w.instance.UUID || !c.Primary {
			continue
		}
		if _, first := c.on(r.Node); !first && !c.mayTake(r.Group) {
			continue
		}
		if tag := w.demand.shares(p.Demands[c.Instance.UUID]); tag != "" {
			return refusal("another instance with the exclusion tag " + tag + " may come to")
		}
	}
	return ""
}

// contested returns who may take what would be left of a node, if that is more than
// there is, or "". An allocator that is yet to choose may choose this very node.
func (p *Placer) contested(w want, r Room, memory, disk int64, known, primary bool) refusal {
	for _, c := range p.claims {
		there, _ := c.on(r.Node)
		switch {
		case there && c.Instance == nil:
			return refusal(c.By + " may take it on")
		case !c.mayTake(r.Group) || c.Instance != nil && c.Instance.UUID == w.instance.UUID:
			continue
		case c.Instance == nil:
			return refusal(c.By + " may take it on")
		}
		demand, ok := p.Demands[c.Instance.UUID]
		if c.Memory && primary && movesPrimary(w.step) {
			memory -= demand.Memory
		}
		if c.Disk && known && StorageKind(c.Instance.Template) == w.kind {
			disk -= demand.Disk
		}
		if !ok || memory < 0 || known && disk < 0 {
			return refusal(c.By + " may take it on")
		}
	}
	return ""
}

// mayFit reports whether there may be a node that has what the claim takes.
func (p *Placer) mayFit(c Claim) bool {
	demand, ok := p.Demands[c.Instance.UUID]
	if !ok {
		return true
	}
	for _, r := range p.Rooms[c.Group] {
		if c.Memory && p.memory(r) < demand.Memory {
			continue
		}
		if disk, known := p.disk(r, StorageKind(c.Instance.Template)); c.Disk && known && disk < demand.Disk {
			continue
		}
		return true
	}
	return false
}

// whyNot says why there are not enough nodes.
func (p *Placer) whyNot(s *Snapshot, w want, g *Group, found int, refused map[refusal][]string) string {
	why := fmt.Sprintf("group %s has %d of %d nodes with %d MiB of memory", g.Name, found, nodesOf(w.step, w.instance), w.memory)
	if w.kind != "" {
		why += fmt.Sprintf(" and %d MiB of disk", w.demand.Disk)
	}
	why += " free"
	if w.kind != "" && s.Cluster.FreeDisk != "" && s.Cluster.FreeDisk != w.kind {
		why += " (" + w.kind + " storage)"
	}
	var list []string
	for reason, nodes := range refused {
		sort.Strings(nodes)
		list = append(list, string(reason)+" "+strings.Join(unique(nodes), ", "))
	}
	sort.Strings(list)
	for _, reason := range list {
		why += "; " + reason
	}
	return why
}

// unique returns a sorted list without repetitions.
func unique(list []string) []string {
	var once []string
	for k, s := range list {
		if k == 0 || s != list[k-1] {
			once = append(once, s)
		}
	}
	return once
}
