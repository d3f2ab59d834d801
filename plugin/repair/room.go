package repair

// Storage is a place for disks on a node.
type Storage struct {
	Kind string // luxi.StorageLVM or luxi.StorageFile
	Name string // of a volume group other than the cluster's own; else empty
}

// Room is what a node says that it has free. What is promised to others is not taken
// off.
type Room struct {
	Node   string
	Group  string            // UUID
	Memory int64             // MiB
	Disk   map[Storage]int64 // MiB, as far as it is known
}

// Demand is what an instance takes on each of its nodes.
type Demand struct {
	Memory int64 // MiB, be/maxmem
	Disk   int64 // MiB, disk_usage
	// Running is the memory that it has now, in MiB; 0 if it does not run, or that is
	// not known. A migration takes so much (S16).
	Running int64
	// Exclusions are its exclusion tags: no other instance that has one of them shall
	// have the same primary node.
	Exclusions []string
}

// memory returns what the step takes of the memory of its instance's new primary node, in
// MiB. Ganeti does not start what it fails over unless that is admin up.
func (d Demand) memory(step Step, i *Instance) int64 {
	switch {
	case step == StepMigrate && d.Running > 0:
		return d.Running
	case step == StepFailover && i.AdminState != "up":
		return 0
	}
	return d.Memory
}

// shares returns an exclusion tag that both instances have, or "".
func (d Demand) shares(other Demand) string {
	for _, tag := range d.Exclusions {
		for _, t := range other.Exclusions {
			if t == tag {
				return tag
			}
		}
	}
	return ""
}

// RoomWanted are the steps that room has to be known for.
type RoomWanted struct {
	Choose []Wish // nodes are chosen for them here
	Others []Wish // these take room on their secondary nodes, or where an allocator puts them
}

// Wish is a step that begins.
type Wish struct {
	Instance *Instance
	Step     Step
}

// Disks returns the instances whose disks are made on nodes that are chosen here.
func (w RoomWanted) Disks() []*Instance {
	var list []*Instance
	for _, c := range w.Choose {
		if makesDisks(c.Step) {
			list = append(list, c.Instance)
		}
	}
	return list
}

// makesDisks reports whether the step makes disks on nodes that the instance has none
// on.
func makesDisks(step Step) bool { return step == StepReinstall || step == StepReplaceDisks }

// movesPrimary reports whether the step gives the instance another primary node.
func movesPrimary(step Step) bool { return step != StepReplaceDisks }

// nodesOf returns how many nodes the step needs.
func nodesOf(step Step, i *Instance) int {
	if step == StepReinstall {
		return 1 + len(i.Secondaries)
	}
	return 1
}
