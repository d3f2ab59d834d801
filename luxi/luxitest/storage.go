package luxitest

import "sort"

// freeMemory returns the free memory that the node's hypervisor reports.
func (c *Cluster) freeMemory(node *Node) int {
	free := node.Memory
	for _, i := range c.Instances {
		if contains(i.RunsOn, node.Name) {
			free -= i.usedMemory()
		}
	}
	return free
}

// Kinds of storage on nodes (constants.ST_*).
const (
	storageLVM  = "lvm-vg"
	storageFile = "file"
)

// The names of what is there on every node: its volume group and its directory for file storage.
const (
	volumeGroup   = "xenvg"
	fileDirectory = "/srv/ganeti/file-storage"
)

// storageKind is the kind of storage on nodes that a disk template uses, "" for none.
func storageKind(template string) string {
	switch template {
	case Plain, DRBD:
		return storageLVM
	case File:
		return storageFile
	}
	return ""
}

// reportedStorage is the kind of storage that a node's free disk space is of: that of the first enabled template with
// storage reporting, or else that of the volume group (hs:Storage/Utils.hs getClusterStorageUnitRaws).
func (c *Cluster) reportedStorage() string {
	for _, t := range c.EnabledTemplates {
		if kind := storageKind(t); kind != "" {
			return kind
		}
	}
	return storageLVM
}

// unit is one place for disks on a node: a volume group or the directory for files.
type unit struct {
	kind, name string
	size       int // MiB
}

// units lists the node's places of a kind, volume groups by name.
func (n *Node) units(kind string) []unit {
	if kind == storageFile {
		size := n.FileStorage
		if size == 0 {
			size = n.Storage
		}
		return []unit{{storageFile, fileDirectory, size}}
	}
	var list []unit
	for name, size := range n.VGs {
		list = append(list, unit{storageLVM, name, size})
	}
	if !n.NoVG {
		list = append(list, unit{storageLVM, volumeGroup, n.Storage})
	}
	sort.Slice(list, func(a, b int) bool { return list[a].name < list[b].name })
	return list
}

// unit returns the node's volume group of that name, or its directory for files.
func (n *Node) unit(kind, name string) (unit, bool) {
	for _, u := range n.units(kind) {
		if u.kind == storageFile || u.name == name {
			return u, true
		}
	}
	return unit{}, false
}

// mainUnit is the place that the node's disk fields are about; its size is 0 where it is missing.
func (n *Node) mainUnit(kind string) unit {
	u, _ := n.unit(kind, volumeGroup)
	return u
}

// vg is the volume group of the instance's disk.
func (i *Instance) vg() string {
	if i.VG != "" {
		return i.VG
	}
	return volumeGroup
}

// placedOn reports whether the node has volumes or files of the instance, complete or not.
func (i *Instance) placedOn(node string) bool {
	return contains(i.Data.On, node) || contains(i.Data.Partial, node)
}

// freeIn returns the free space of a volume group or file system. Orphaned disks take space.
func (c *Cluster) freeIn(node *Node, u unit) int {
	free := u.size
	for _, i := range c.Instances {
		if i.placedOn(node.Name) && storageKind(i.Template) == u.kind && (u.kind == storageFile || i.vg() == u.name) {
			free -= i.DiskSize
		}
	}
	return free
}

// freeStorage returns the free space that the node's fields report.
func (c *Cluster) freeStorage(node *Node, kind string) int {
	return c.freeIn(node, node.mainUnit(kind))
}

// Exclusive storage gives each physical volume to one disk only.

// exclusive reports whether exclusive storage is on for the node.
func (c *Cluster) exclusive(n *Node) bool {
	g := c.Group(n.Group)
	return c.ExclusiveStorage || n.ExclusiveStorage || g != nil && g.ExclusiveStorage
}

// spindles returns how many physical volumes the node has, and how many of them are free.
func (c *Cluster) spindles(n *Node) (free, total int) {
	total = n.PVs
	if total == 0 {
		total = 1
	}
	free = total
	for _, i := range c.Instances {
		if i.placedOn(n.Name) && storageKind(i.Template) == storageLVM && i.vg() == volumeGroup {
			free -= spindlesFor(i, n)
		}
	}
	return free, total
}

// spindlesFor is how many of the node's physical volumes the instance's disk takes (py:storage/bdev.py _GetStdPvSize:
// a part of each is set aside).
func spindlesFor(i *Instance, n *Node) int {
	pvs := n.PVs
	if pvs == 0 {
		pvs = 1
	}
	const setAside = 0.01 + 0.02 // constants.PART_MARGIN, PART_RESERVED
	size := int(float64(n.Storage/pvs) / (1 + setAside))
	if size == 0 {
		return 1
	}
	return (i.DiskSize + size - 1) / size
}
