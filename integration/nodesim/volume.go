package nodesim

import (
	"fmt"
	"sort"
	"strings"
)

// volume is a logical volume, a file or an image, with its content.
type volume struct {
	owner    string // the instance
	disk     int    // number of the instance's disk; -1 if not known
	size     int    // MiB
	spindles int    // physical volumes that it has for itself; 0 without exclusive storage
	content  string // who wrote it first: Original, Blank, "installed 1"
	last     *write
	upToDate bool // false in the target of a resynchronization, which is "Inconsistent" for DRBD
	broken   bool // reading it fails
	meta     bool // it holds the metadata of a DRBD device
	mirrored bool // it is part of a DRBD device
}

// Blank is the content of a volume that nobody has written to; Original that of
// the volumes an instance began with.
const (
	Blank    = "blank"
	Original = "original"
)

// metaSize is the size, in MiB, of the volume for a DRBD device's metadata.
const metaSize = 128

// hasData reports whether the volume is a complete copy of somebody's data.
func (v *volume) hasData() bool { return v != nil && !v.meta && v.upToDate && v.content != Blank }

// lacks reports whether another copy has writes that this one has not.
func (v *volume) lacks(other *volume) bool { return !v.last.includes(other.last) }

// sameDisk reports whether two volumes are copies of the same disk: they have a
// first write in common.
func (v *volume) sameDisk(other *volume) bool {
	return v.last != nil && other.last != nil && v.last.first() == other.last.first()
}

// Placement says where an instance is to begin with.
type Placement struct {
	Instance   string
	Hypervisor string
	Memory     int           // MiB
	Nodes      []string      // its primary node and the secondary one, if any
	Disks      []interface{} // objects of the configuration
	RunsOn     []string      // nodes on which it runs

	// Data are the nodes with its volumes, Nodes if nil; what is on shared storage is
	// there unless Data is empty. Of those, Lacks have a copy
	// that lacks writes of the others, or if these are all of them, each lacks writes
	// of each other; Partial have one that has not been filled to the end; and on
	// Failed DRBD has lost its disk.
	Data, Lacks, Partial, Failed []string
}

// Place gives an instance its first disk volumes, with original contents, and lets
// it run. Its DRBD devices are set up if it runs somewhere.
func (f *Fleet) Place(p Placement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Data == nil {
		p.Data = p.Nodes
	}
	for _, name := range p.RunsOn {
		f.mustNode(name).running[p.Instance] = &running{hypervisor: p.Hypervisor, memory: p.Memory, vcpus: 1}
	}
	for number, d := range p.Disks {
		var parsed disk
		mustConvert(d, &parsed)
		f.place(p, parsed, number)
	}
}

func (f *Fleet) place(p Placement, d disk, number int) {
	original := f.newWrite(nil)
	first := func(d disk) *volume {
		return &volume{owner: p.Instance, disk: number, size: d.Size, spindles: d.Spindles, content: Original, last: original, upToDate: true}
	}
	if !d.local() {
		if len(p.Data) > 0 || len(p.Nodes) == 0 {
			f.shared[d.key()] = first(d)
		}
		return
	}
	for _, name := range p.Data {
		n := f.mustNode(name)
		if d.DevType != "drbd" {
			n.volumes[d.key()] = first(d)
			continue
		}
		for k, child := range d.Children {
			v := first(child)
			v.mirrored, v.meta = true, k == 1
			n.volumes[child.key()] = v
		}
	}
	if d.DevType == "drbd" {
		f.placeCopies(p, d.key(), original)
		f.placeDevices(p, d)
	}
}

// placeCopies makes the copies of a disk differ.
func (f *Fleet) placeCopies(p Placement, key string, original *write) {
	further := f.newWrite(original)
	for _, name := range p.Data {
		v := f.mustNode(name).volumes[key]
		switch {
		case len(p.Lacks) == len(p.Data):
			v.last = f.newWrite(original)
		case !contains(p.Lacks, name) && len(p.Lacks) > 0:
			v.last = further
		}
		v.upToDate = !contains(p.Partial, name)
	}
}

// placeDevices sets up the devices of a disk on the nodes of an instance that runs,
// those that are off excepted.
func (f *Fleet) placeDevices(p Placement, d disk) {
	if len(p.RunsOn) == 0 {
		return
	}
	key := d.key()
	for _, name := range p.Nodes {
		n := f.mustNode(name)
		dev := n.newDevice(d, p.Instance)
		dev.networked, dev.primary = true, contains(p.RunsOn, name)
		dev.diskless = n.volumes[key] == nil || contains(p.Failed, name)
		if contains(p.Failed, name) {
			n.volumes[key].broken = true
		}
		n.drbd[key] = dev
	}
	f.mustNode(p.Nodes[0]).agree(key)
}

// volumeOf returns the volume of a disk that is not mirrored by DRBD, or the data
// volume of one that is; nil if it is not there.
func (n *node) volumeOf(d disk) *volume {
	if d.local() {
		return n.volumes[d.key()]
	}
	return n.fleet.shared[d.key()]
}

// dataVolumes lists the keys of an instance's volumes in a set, without those for
// metadata, in the order of its disks. Disks that are given by number alone count.
func dataVolumes(set map[string]*volume, instance string, disks ...int) []string {
	var keys []string
	for key, v := range set {
		if v.owner == instance && !v.meta && (len(disks) == 0 || containsNumber(disks, v.disk)) {
			keys = append(keys, key)
		}
	}
	sort.Slice(keys, func(a, b int) bool {
		x, y := set[keys[a]], set[keys[b]]
		return x.disk < y.disk || x.disk == y.disk && keys[a] < keys[b]
	})
	return keys
}

func containsNumber(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

// Content tells what an instance's first data volume holds on a node, or
// wherever it is if the storage is shared; "" if there is none.
func (f *Fleet) Content(instance, nodeName string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(nodeName)
	for _, set := range []map[string]*volume{n.volumes, f.shared} {
		if keys := dataVolumes(set, instance); len(keys) > 0 {
			v := set[keys[0]]
			if !v.upToDate {
				return v.content + ", incomplete"
			}
			return v.content
		}
	}
	return ""
}

// Write lets an instance write to all its disks, wherever it runs.
func (f *Fleet) Write(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.sorted() {
		if r := n.running[instance]; r != nil && r.state == executing {
			n.writeAll(instance)
		}
	}
}

// writeAll adds a write of an instance to all the disks that it has open on the node.
func (n *node) writeAll(instance string) {
	for key, dev := range n.drbd {
		if dev.owner == instance && dev.primary {
			n.write(key, "")
		}
	}
	for _, set := range []map[string]*volume{n.volumes, n.fleet.shared} {
		for key, v := range set {
			if v.owner == instance && !v.mirrored {
				n.write(key, "")
			}
		}
	}
}

// write adds a write on the node to the disk with that key. It reaches every copy that
// is connected and in sync. A content replaces the old one; "" leaves it.
func (n *node) write(key, content string) {
	copies := n.copies(key)
	if len(copies) == 0 {
		return
	}
	w := n.fleet.newWrite(copies[0].last)
	for _, v := range copies {
		v.last = w
		if content != "" {
			v.content = content
		}
	}
}

// copies lists the volumes that a write on the node to the disk with that key gets
// to, the one that is read first. It is empty if the disk cannot be used there.
func (n *node) copies(key string) []*volume {
	if n.drbd[key] == nil {
		for _, set := range []map[string]*volume{n.volumes, n.fleet.shared} {
			if v := set[key]; v != nil {
				return []*volume{v}
			}
		}
		return nil
	}
	var list []*volume
	if v := n.local(key); v != nil && v.upToDate {
		list = append(list, v)
	}
	if peer := n.connected(key); peer != nil {
		if v := peer.local(key); v != nil && v.upToDate {
			list = append(list, v)
		}
	}
	return list
}

// Copy is a copy of one disk of an instance.
type Copy struct {
	Node    string // "" for shared storage
	Disk    int    // number of the disk
	Content string
	// Incomplete is true for the target of a resynchronization that has not ended.
	Incomplete bool
	// Lacks lists the nodes whose copies have writes that this one has not.
	Lacks []string
}

// Copies lists the copies of an instance's disks on all nodes, those that are off
// included, by disk and node.
func (f *Fleet) Copies(instance string) []Copy {
	f.mu.Lock()
	defer f.mu.Unlock()
	type place struct {
		node string
		v    *volume
	}
	var all []place
	for _, n := range f.sorted() {
		for _, key := range dataVolumes(n.volumes, instance) {
			all = append(all, place{n.spec.Name, n.volumes[key]})
		}
	}
	for _, key := range dataVolumes(f.shared, instance) {
		all = append(all, place{"", f.shared[key]})
	}
	var list []Copy
	for _, p := range all {
		c := Copy{Node: p.node, Disk: p.v.disk, Content: p.v.content, Incomplete: !p.v.upToDate}
		for _, q := range all {
			if q.v.upToDate && p.v.sameDisk(q.v) && p.v.lacks(q.v) {
				c.Lacks = append(c.Lacks, q.node)
			}
		}
		list = append(list, c)
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].Disk < list[b].Disk })
	return list
}

// String tells of a copy in a line, such as "disk/0 on a: original, lacks writes of b".
func (c Copy) String() string {
	where := "shared"
	if c.Node != "" {
		where = "on " + c.Node
	}
	s := fmt.Sprintf("disk/%d %s: %s", c.Disk, where, c.Content)
	if c.Incomplete {
		s += ", incomplete"
	}
	if len(c.Lacks) > 0 {
		s += ", lacks writes of " + strings.Join(c.Lacks, " and ")
	}
	return s
}
