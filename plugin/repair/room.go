package repair

import (
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
)

// Storage is a place for disks on a node.
type Storage struct {
	Kind string // luxi.StorageLVM or luxi.StorageFile
	Name string // of a volume group other than the cluster's own; else empty
}

// VolumeGroupOf returns the volume group of that name as storage.
func (c Cluster) VolumeGroupOf(name string) Storage {
	if name == c.VolumeGroup {
		name = ""
	}
	return Storage{Kind: luxi.StorageLVM, Name: name}
}

// GroupName returns the name of the volume group that is called so in a Storage.
func (c Cluster) GroupName(name string) string {
	if name == "" {
		return c.VolumeGroup
	}
	return name
}

// Room is what a node says that it has free. What is promised to others is not taken
// off.
type Room struct {
	Node   string
	Group  string            // UUID
	Memory int64             // MiB
	Disk   map[Storage]int64 // MiB, as far as it is known
	// Exclusive says that the node gives each physical volume to one disk alone. Spindles
	// is then how many physical volumes of the cluster's volume group are free, and
	// SpindleSize what one of them holds, in MiB; 0 if that is not known.
	Exclusive             bool
	Spindles, SpindleSize int64
	// Told are the kinds of storage that a job has asked the node about, with success.
	Told map[string]bool
}

// Demand is what an instance takes on each of its nodes.
type Demand struct {
	Memory int64 // MiB, be/maxmem
	Disk   int64 // MiB, disk_usage
	// MemoryInUse is the memory that it has now, in MiB; 0 if it does not run, or that is
	// not known. A migration takes so much (S16).
	MemoryInUse int64
	// Volumes are its logical volumes; nil if they are not known.
	Volumes []Volume
	OS      string // with a variant behind "+" if it has one; empty if it has none, or that is not known
	// Exclusions are its exclusion tags: no other instance that has one of them shall
	// have the same primary node.
	Exclusions []string
}

// Volume is a logical volume of an instance.
type Volume struct {
	Group    string // as in Storage.Name
	Size     int64  // MiB
	Spindles int64  // physical volumes that it takes with exclusive storage; 0 if that is not known
}

// memory returns what the step takes of the memory of its instance's new primary node, in
// MiB. Ganeti does not start what it fails over unless that is admin up.
func (d Demand) memory(step Step, i *Instance) int64 {
	switch {
	case step == StepMigrate && d.MemoryInUse > 0:
		return d.MemoryInUse
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

// disks returns what an instance of the template takes of each storage, in MiB. Where its
// volumes are not known the cluster's own volume group counts.
func (d Demand) disks(template string) map[Storage]int64 {
	kind := StorageKind(template)
	switch {
	case kind == "":
		return nil
	case kind != luxi.StorageLVM || d.Volumes == nil:
		return map[Storage]int64{{Kind: kind}: d.Disk}
	}
	list := make(map[Storage]int64)
	for _, v := range d.Volumes {
		list[Storage{Kind: kind, Name: v.Group}] += v.Size
	}
	return list
}

// mayTake returns what an instance of the template may take of a storage, in MiB.
// Where its volumes are not known that is all that it has.
func (d Demand) mayTake(template string, storage Storage) int64 {
	if kind := StorageKind(template); kind == luxi.StorageLVM && kind == storage.Kind && d.Volumes == nil {
		return d.Disk
	}
	return d.disks(template)[storage]
}

// spindles returns how many physical volumes of the cluster's volume group an instance
// of the template takes with exclusive storage; all is for one of which that is not
// known.
func (d Demand) spindles(template string, all int64) int64 {
	switch {
	case template != "plain":
		return 0 // drbd cannot be there
	case d.Volumes == nil:
		return all
	}
	n := int64(0)
	for _, v := range d.Volumes {
		if v.Group == "" {
			n += v.Spindles
		}
	}
	return n
}

// diskText says how much disk an instance of the template takes.
func (d Demand) diskText(template string) string {
	var other []string
	disks := d.disks(template)
	for storage, mib := range disks {
		if storage.Name != "" {
			other = append(other, fmt.Sprintf("%d MiB in volume group %s", mib, storage.Name))
		}
	}
	if len(other) == 0 {
		return fmt.Sprintf("%d MiB of disk", d.Disk)
	}
	sort.Strings(other)
	if mib := disks[Storage{Kind: luxi.StorageLVM}]; mib > 0 {
		other = append([]string{fmt.Sprintf("%d MiB of disk", mib)}, other...)
	}
	return strings.Join(other, " and ")
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
	Since    int64 // Unix time since when its repair is pending; 0 if it begins now
}

// makesDisks reports whether the step makes disks on nodes that the instance has none
// on.
func makesDisks(step Step) bool { return step == StepReinstall || step == StepReplaceDisks }

// movesPrimary reports whether the step gives the instance another primary node.
func movesPrimary(step Step) bool { return !step.rebuilds() }

// nodesOf returns how many nodes the step needs.
func nodesOf(step Step, i *Instance) int {
	if step == StepReinstall {
		return 1 + len(i.Secondaries)
	}
	return 1
}
