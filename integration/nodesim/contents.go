package nodesim

import (
	"fmt"
	"sort"
)

// volume is a logical volume, a file or an image, with what is in it.
type volume struct {
	owner      string // the instance
	size       int    // MiB
	content    string // who wrote it first: "original", "blank", "installed 1"
	version    int    // grows with each write
	consistent bool   // false while it is the target of a resynchronization
}

// Blank is the content of a volume that nobody has written to; Original that of
// the volumes an instance began with.
const (
	Blank    = "blank"
	Original = "original"
)

// Place gives an instance its first disk volumes, with original contents, and
// lets it run on the first of the nodes if asked to. Disks are as Ganeti's
// configuration has them.
func (f *Fleet) Place(p Placement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range p.Disks {
		var parsed disk
		mustConvert(d, &parsed)
		f.place(p.Instance, parsed, p.Nodes, p.Running)
	}
	if p.Running && len(p.Nodes) > 0 {
		f.mustNode(p.Nodes[0]).running[p.Instance] = running{hypervisor: p.Hypervisor, memory: p.Memory, vcpus: 1}
	}
}

// Placement is what Place takes.
type Placement struct {
	Instance   string
	Hypervisor string
	Memory     int // MiB
	Nodes      []string
	Disks      []interface{} // objects of the configuration
	Running    bool
}

func (f *Fleet) place(owner string, d disk, nodes []string, active bool) {
	if !d.local() {
		f.shared[d.key()] = &volume{owner: owner, size: d.Size, content: Original, consistent: true}
		return
	}
	for _, name := range nodes {
		n := f.mustNode(name)
		for _, child := range d.Children {
			n.volumes[child.key()] = &volume{owner: owner, size: child.Size, content: Original, consistent: true}
		}
		if d.DevType != "drbd" {
			n.volumes[d.key()] = &volume{owner: owner, size: d.Size, content: Original, consistent: true}
		} else if active {
			n.drbd[d.key()] = &drbd{peer: d.peer(n.spec.UUID), networked: true, primary: name == nodes[0]}
		}
	}
}

// Content tells what an instance's first data volume holds on a node, or
// wherever it is if the storage is shared; "" if there is none.
func (f *Fleet) Content(instance, nodeName string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(nodeName)
	for _, set := range []map[string]*volume{n.volumes, f.shared} {
		var keys []string
		for key, v := range set {
			if v.owner == instance && v.size != metaSize {
				keys = append(keys, key)
			}
		}
		sort.Strings(keys)
		if len(keys) > 0 {
			v := set[keys[0]]
			if !v.consistent {
				return v.content + ", incomplete"
			}
			return v.content
		}
	}
	return ""
}

// metaSize is the size, in MiB, of the volume for a drbd device's metadata.
const metaSize = 128

// LoseShared removes the volumes of an instance from shared storage.
func (f *Fleet) LoseShared(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, v := range f.shared {
		if v.owner == instance {
			delete(f.shared, key)
		}
	}
}

// volumesOf are the volumes that a disk has on the node: one, wherever it is.
func (n *node) volumeOf(d disk) *volume {
	if d.local() {
		return n.volumes[d.key()]
	}
	return n.fleet.shared[d.key()]
}

// write notes that the instance wrote to the disk on the node, and so to a
// connected mirror.
func (n *node) write(key, content string) {
	v := n.volumes[key]
	if v == nil {
		v = n.fleet.shared[key]
	}
	if v == nil {
		return
	}
	n.fleet.written++
	v.version = n.fleet.written
	if content != "" {
		v.content = content
	}
	if m := n.mirror(key); m != nil {
		m.version, m.content = v.version, v.content
	}
}

// mirror returns the volume that mirrors the key's, if it is connected and in
// sync.
func (n *node) mirror(key string) *volume {
	peer := n.connected(key)
	if peer == nil {
		return nil
	}
	if m := peer.volumes[key]; m != nil && m.consistent {
		return m
	}
	return nil
}

// writeAll notes a write to all mirrored disks of all that runs on the node.
func (n *node) writeAll() {
	for key, dev := range n.drbd {
		if v := n.volumes[key]; dev.primary && v != nil {
			if _, ok := n.running[v.owner]; ok {
				n.write(key, "")
			}
		}
	}
}

// starts notes that an instance starts on the node and what is wrong with that.
func (n *node) starts(i instance) error {
	f := n.fleet
	for _, other := range f.runsOn(i.Name) {
		if other != n.spec.Name {
			f.incident("%s runs on %s and is started on %s", i.Name, other, n.spec.Name)
		}
	}
	for _, d := range i.Disks {
		v := n.volumeOf(d)
		if v == nil {
			return callError(fmt.Sprintf("Could not start instance: disk %s is not there", d.key()))
		}
		if dev := n.drbd[d.key()]; d.DevType == "drbd" && (dev == nil || !dev.primary) {
			return callError("Could not start instance: disk " + d.key() + " is not primary here")
		}
		if !v.consistent {
			f.incident("%s starts on %s from an incomplete disk", i.Name, n.spec.Name)
		}
		for _, other := range f.nodes {
			if o := other.volumes[d.key()]; d.DevType == "drbd" && o != nil && o.consistent && o.content == v.content && o.version > v.version {
				f.incident("%s starts on %s from a stale disk, %s has a newer one", i.Name, n.spec.Name, other.spec.Name)
			}
		}
		n.write(d.key(), "")
	}
	return nil
}
