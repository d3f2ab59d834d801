package repair

import (
	"fmt"
	"math"
	"sort"
)

// An allocator chooses places that cannot be foretold. What is certain is only what comes
// out whatever it chooses among the nodes that have room. It refuses where none has.
//
// Coming from a bad node, hail looks at free memory and free disk alone, of which
// something must remain: neither N+1 nor policies count (the force of addPriEx and
// addSecEx in src/Ganeti/HTools/Node.hs).

// askClass are the requests to an allocator that compete for the same room.
type askClass struct {
	group   string
	storage Storage // of which they take disk; empty if they take memory
}

// ask are the requests of a class that the instances of the node make.
type ask struct {
	free  []int64 // MiB, of each node, when the first of them was made
	class askClass
	needs map[string]int64 // MiB, by instance UUID
}

// volume is room in MiB.
type volume struct {
	memory int64
	disk   map[Storage]int64
}

// plannedAsks are what the steps are going to take that are yet to come, of this plan and of
// later ones: which comes first when jobs wait for each other is not settled.
type plannedAsks struct{ left map[*Instance]Claim }

func planned(p *Plan) *plannedAsks {
	later := &plannedAsks{left: make(map[*Instance]Claim)}
	for _, d := range p.Decisions {
		if d.Start == nil && d.Reason != ReasonNoSlot {
			continue
		}
		i := d.Instance
		c := Claim{Instance: i, Group: p.Snapshot.GroupID(i)}
		for _, step := range d.Need.Steps {
			c.Disk = c.Disk || makesDisks(step)
			// What goes to its secondary comes first (V4).
			if movesPrimary(step) && (i.Template != "drbd" || step == StepReinstall) {
				c.Memory = c.Memory || step == StepMigrate || i.AdminState == "up"
			}
		}
		later.left[i] = c
	}
	return later
}

// allocates reports whether an allocator chooses for an instance that the plan takes a
// step for, now or later.
func allocates(p *Plan, set Settings) bool {
	if allocator(p.Snapshot, set) == "" {
		return false
	}
	for _, d := range p.Decisions {
		if d.Start == nil && d.Reason != ReasonNoSlot {
			continue
		}
		for _, step := range d.Need.Steps {
			if step == StepReplaceDisks || !step.rebuilds() && step != StepReinstall && d.Instance.Template != "drbd" {
				return true
			}
		}
	}
	return false
}

// done notes that the step of an action is decided about.
func (l *plannedAsks) done(a Action) { delete(l.left, a.Decision.Instance) }

// open sums up what may be taken of any node of a group, as an allocator chooses: by steps
// so far, and by those that the plan takes beside.
func (run *rehearsalRun) open(group string, later *plannedAsks) volume {
	v := volume{disk: make(map[Storage]int64)}
	add := func(c Claim) {
		if c.Instance == nil || !c.mayTake(group) {
			return
		}
		d := run.placer.Demands[c.Instance.UUID]
		if c.Memory {
			v.memory += d.Memory
		}
		if c.Disk {
			for storage, mib := range d.disks(c.Instance.Template) {
				v.disk[storage] += mib
			}
		}
	}
	for _, c := range append(run.placer.open[:len(run.placer.open):len(run.placer.open)], run.choices...) {
		add(c)
	}
	if later != nil {
		for _, c := range later.left {
			add(c)
		}
	}
	return v
}

// ask returns the node for the step of an instance, or why it has none. A run for the
// worst returns a node only if one has room wherever the allocator puts the others; one
// for the best if any has.
func (run *rehearsalRun) ask(a Action, c Claim, memory int64, later *plannedAsks) ([]string, string) {
	i, step := a.Decision.Instance, a.Job.Step
	demand := run.placer.Demands[i.UUID]
	c.Group = run.s.GroupID(i)
	need := volume{memory: memory}
	if makesDisks(step) {
		need.disk = demand.disks(i.Template)
	}
	own := make(map[string]bool)
	for _, name := range i.Nodes() {
		own[name] = true
	}
	second := movesToSecondary(a.Decision) // to the node that an allocator chose before
	slack, fits, best, most, some := int64(0), false, "", int64(-1), false
	least := int64(math.MaxInt64)
	for _, r := range run.placer.Rooms[c.Group] {
		if own[r.Node] && !(second && r.Node != i.Primary) {
			continue
		}
		some = true
		left, known := run.left(r, need)
		if left < least {
			least = left
		}
		if left > 0 || need.none() || !known {
			fits = true
			if free := run.placer.memory(r); free > most || best == "" {
				best, most = r.Node, free
			}
		}
		if left > 0 && known {
			slack += left
		}
	}
	open := run.open(c.Group, later)
	competing := open.memory
	if need.disk != nil {
		competing = 0
		for storage := range need.disk {
			competing += open.disk[storage]
		}
	}
	if second {
		slack = least // it goes where its copy is
	} else {
		run.note(i, c.Group, need)
	}
	switch {
	case !some:
		return nil, "node group " + run.groupName(c.Group) + " has no other node that could take it"
	case !fits:
		// What a reinstallation takes now may be taken before it.
		run.uncertain = run.uncertain || len(run.chains) > 0
		return nil, run.whyNot(c.Group, need)
	case !need.none() && slack <= competing:
		run.uncertain = true
		if run.worst {
			run.choices = append(run.choices, c) // it may get what it takes, to the harm of others
			return nil, fmt.Sprintf("whether a node of group %s has room for it depends on where an allocator puts others", run.groupName(c.Group))
		}
	}
	run.chosen[i.UUID] = true
	if run.worst {
		c.Nodes = nil
		run.choices = append(run.choices, c)
	}
	if second {
		best = i.Secondaries[0]
	}
	return []string{best}, ""
}

// finds reports whether a reinstallation finds its nodes, one or two, wherever the
// allocator puts others. It counts how many nodes these can fill at most, of each resource
// the smallest ones first; enough others must remain.
func (run *rehearsalRun) finds(c Claim, demand Demand, later *plannedAsks) bool {
	i, group := c.Instance, run.s.GroupID(c.Instance)
	own := make(map[string]bool)
	for _, name := range i.Nodes() {
		own[name] = true
	}
	open := run.open(group, later)
	needs := []struct {
		need volume
		open int64
	}{{volume{memory: demand.Memory}, open.memory}}
	for storage, mib := range demand.disks(i.Template) {
		needs = append(needs, struct {
			need volume
			open int64
		}{volume{disk: map[Storage]int64{storage: mib}}, open.disk[storage]})
	}
	fit := make(map[string]bool)
	for _, r := range run.placer.Rooms[group] {
		fit[r.Node] = !own[r.Node]
	}
	filled := 0
	for _, n := range needs {
		var left []int64
		for _, r := range run.placer.Rooms[group] {
			mib, known := run.left(r, n.need)
			switch {
			case !known || mib < 0:
				fit[r.Node] = false
			case fit[r.Node]:
				left = append(left, mib)
			}
		}
		sort.Slice(left, func(a, b int) bool { return left[a] < left[b] })
		for _, mib := range left {
			if n.open -= mib + 1; n.open < 0 {
				break
			}
			filled++
		}
	}
	count := 0
	for _, yes := range fit {
		if yes {
			count++
		}
	}
	return open.none() || count-filled >= len(c.Nodes)
}

func (v volume) none() bool { return v.memory == 0 && len(v.disk) == 0 }

// left returns how much others may take of the node before an instance has no room there,
// in MiB, and whether all is known that this takes.
func (run *rehearsalRun) left(r Room, need volume) (int64, bool) {
	left, known, first := int64(0), true, true
	less := func(mib int64) {
		if first || mib < left {
			left, first = mib, false
		}
	}
	if need.memory > 0 {
		free := run.placer.memory(r)
		if run.worst {
			free -= run.r.stopped[r.Node]
		}
		less(free - need.memory)
	}
	for storage, mib := range need.disk {
		free, told := run.placer.free(r, storage)
		known = known && told
		if told {
			less(free - mib)
		}
		if storage.Name != "" && run.worst {
			less(0) // an allocator looks at the cluster's own volume group
		}
	}
	return left, known
}

func (run *rehearsalRun) groupName(uuid string) string {
	if g := run.s.Groups[uuid]; g != nil {
		return g.Name
	}
	return uuid
}

func (run *rehearsalRun) whyNot(group string, need volume) string {
	what, mib := "memory", need.memory
	for storage, size := range need.disk {
		what, mib = "disk", size
		if storage.Name != "" {
			what += " in volume group " + storage.Name
		}
	}
	return fmt.Sprintf("no node of group %s has more than %d MiB of %s free", run.groupName(group), mib, what)
}

// note remembers what the instances of the node ask an allocator for.
func (run *rehearsalRun) note(i *Instance, group string, need volume) {
	class, mib := askClass{group: group}, need.memory
	switch {
	case len(need.disk) > 1:
		run.othersAsk = true
		return
	case len(need.disk) == 1:
		for storage, size := range need.disk {
			class.storage, mib = storage, size
		}
	case mib == 0:
		return
	}
	if !run.r.isOn(i.UUID, run.node) {
		run.othersAsk = true
		return
	}
	q := run.asked[class]
	if q == nil {
		q = &ask{class: class, needs: make(map[string]int64)}
		for _, r := range run.placer.Rooms[group] {
			if free, ok := run.freeOf(r, class); ok {
				q.free = append(q.free, free)
			}
		}
		run.asked[class] = q
	}
	q.needs[i.UUID] = mib
}

// freeOf returns what is free of the room that a class competes for.
func (run *rehearsalRun) freeOf(r Room, class askClass) (int64, bool) {
	if class.storage != (Storage{}) {
		return run.placer.free(r, class.storage)
	}
	free := run.placer.memory(r)
	if run.worst {
		free -= run.r.stopped[r.Node]
	}
	return free, true
}

// isOn reports whether the node has the instance.
func (r *Rehearser) isOn(uuid, node string) bool {
	for _, i := range r.on[node] {
		if i.UUID == uuid {
			return true
		}
	}
	return false
}
