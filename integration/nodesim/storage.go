package nodesim

// VolumeGroup is the volume group that every node has to begin with, and the
// cluster's own.
const VolumeGroup = "xenvg"

// volumeGroup is a volume group of a node.
type volumeGroup struct {
	size     int // MiB
	physical int // number of its physical volumes, all of one size; 1 if zero
}

// physicalSize returns how much each of its physical volumes holds with exclusive
// storage, in MiB. Ganeti leaves a margin (_GetStdPvSize in lib/storage/bdev.py).
func (g *volumeGroup) physicalSize() int { return g.size / g.count() * 100 / 103 }

func (g *volumeGroup) count() int {
	if g.physical == 0 {
		return 1
	}
	return g.physical
}

// SetStorage changes the size of a node's volume group VolumeGroup, in MiB.
func (f *Fleet) SetStorage(name string, mib int) { f.SetVolumeGroup(name, VolumeGroup, mib) }

// SetVolumeGroup changes the size of one of a node's volume groups, in MiB, and
// makes the group if it is not there.
func (f *Fleet) SetVolumeGroup(name, group string, mib int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	if n.groups[group] == nil {
		n.groups[group] = &volumeGroup{}
	}
	n.groups[group].size = mib
}

// SetPhysicalVolumes sets of how many physical volumes a volume group of a node
// consists. With exclusive storage each holds at most one logical volume.
func (f *Fleet) SetPhysicalVolumes(name, group string, count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).groups[group].physical = count
}

// SetFileStorage changes the size of a node's file system, in MiB; 0 stands for
// that of its volume group VolumeGroup.
func (f *Fleet) SetFileStorage(name string, mib int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).spec.FileStorage = mib
}

// freeGroup returns how much room is left in a volume group of the node, in MiB.
func (n *node) freeGroup(group string) int {
	free := n.groups[group].size
	for key, v := range n.volumes {
		if groupOf(key) == group {
			free -= v.size
		}
	}
	return free
}

// freePhysical returns how many physical volumes of a group are empty with exclusive
// storage.
func (n *node) freePhysical(group string) int {
	g := n.groups[group]
	free := g.count()
	for key, v := range n.volumes {
		if groupOf(key) == group {
			free -= n.spindles(g, v)
		}
	}
	if free < 0 {
		return 0
	}
	return free
}

// spindles returns how many physical volumes of its group a volume takes.
func (n *node) spindles(g *volumeGroup, v *volume) int {
	if v.spindles > 0 {
		return v.spindles
	}
	return needed(g, v.size)
}

// needed returns how many physical volumes a volume of that size needs.
func needed(g *volumeGroup, size int) int {
	one := g.physicalSize()
	if one == 0 {
		return 1
	}
	return (size + one - 1) / one
}

// fileStorage returns the size of the node's file system in MiB.
func (n *node) fileStorage() int {
	if n.spec.FileStorage > 0 {
		return n.spec.FileStorage
	}
	if g := n.groups[VolumeGroup]; g != nil {
		return g.size
	}
	return n.spec.Storage
}

// freeFile returns how much room is left in the node's file system, in MiB.
func (n *node) freeFile() int {
	free := n.fileStorage()
	for key, v := range n.volumes {
		if groupOf(key) == "" {
			free -= v.size
		}
	}
	return free
}
