package nodesim

// DetachDisks lets the disks of an instance on a node fail once: DRBD goes on
// without them, and they lack what is written until they are activated again. Disks
// that are given by number alone fail, all without any.
func (f *Fleet) DetachDisks(name, instance string, disks ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	for _, key := range dataVolumes(n.volumes, instance, disks...) {
		n.detachDisk(key)
	}
}

// BreakDisks lets the disks of an instance on a node fail for good: their volumes are
// there and cannot be read, and DRBD goes on without them.
func (f *Fleet) BreakDisks(name, instance string, disks ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	for _, key := range dataVolumes(n.volumes, instance, disks...) {
		n.volumes[key].broken = true
		n.detachDisk(key)
	}
}

// MendDisks lets the disks be read again. DRBD takes them back when they are
// activated.
func (f *Fleet) MendDisks(name, instance string, disks ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	for _, key := range dataVolumes(n.volumes, instance, disks...) {
		n.volumes[key].broken = false
	}
}

// LoseVolumes takes the volumes of an instance's disks from a node, those with the
// metadata of DRBD included. Devices that are set up go on without a disk.
func (f *Fleet) LoseVolumes(name, instance string, disks ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	for key, v := range n.volumes {
		if v.owner == instance && (len(disks) == 0 || containsNumber(disks, v.disk)) {
			n.lose(key)
		}
	}
}

// LoseVolumeGroup takes a volume group with all its volumes from a node.
// SetVolumeGroup makes a new one.
func (f *Fleet) LoseVolumeGroup(name, group string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	for key := range n.volumes {
		if groupOf(key) == group {
			n.lose(key)
		}
	}
	delete(n.groups, group)
}

func (n *node) lose(key string) {
	if n.drbd[key] != nil {
		n.detachDisk(key)
	}
	delete(n.volumes, key)
}

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

// RefuseDiskless says whether setting up a DRBD device without its volumes fails, as
// with Ganeti before 2.16. With later ones the device comes up without a local disk.
func (f *Fleet) RefuseDiskless(refuse bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noDiskless = refuse
}

// SplitBrain lets each end of the disks of a drbd instance have writes that the
// other has not: their connection is lost, and the primary end as well as the other
// one is written to. When the ends connect again they find it and stand alone.
func (f *Fleet) SplitBrain(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.connections() {
		if c.a.drbd[c.key].owner != instance {
			continue
		}
		for _, n := range []*node{c.a, c.b} {
			if v := n.local(c.key); v != nil {
				v.last = f.newWrite(v.last)
			}
		}
		c.a.standAlone(c.key, c.b)
	}
}
