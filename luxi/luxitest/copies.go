package luxitest

import (
	"sort"
	"strings"
)

// The copies of a drbd instance's disk. A copy that takes part in replication gets every write; one that does not lacks
// the writes made meanwhile, until the two ends are connected again and the better one is copied over. Where each end
// has writes that the other lacks drbd does not connect (split brain).
//
// A resynchronization after an interruption takes no simulated time, and a node that is back has its disks activated at
// once, as ganeti-watcher does within five minutes. Copying a whole disk takes the time that INSTANCE_REPLACE_DISKS
// takes.

// writes is what some copies have and others lack: numbers in ascending order. What all copies have is not counted.
type writes []int

func (w writes) has(n int) bool {
	k := sort.SearchInts(w, n)
	return k < len(w) && w[k] == n
}

// lacking returns what v has and w has not.
func (w writes) lacking(v writes) writes {
	var missing writes
	for _, n := range v {
		if !w.has(n) {
			missing = append(missing, n)
		}
	}
	return missing
}

func (w writes) with(more ...int) writes {
	sum := append(writes(nil), w...)
	for _, n := range more {
		if !sum.has(n) {
			sum = append(sum, n)
			sort.Ints(sum)
		}
	}
	return sum
}

// Lacks reports whether the copy on the node is incomplete or lacks writes that another copy has.
func (i *Instance) Lacks(node string) bool { return len(i.Better(node)) > 0 }

// Behind is Lacks without the writes that the instance was started without, which are lost.
func (i *Instance) Behind(node string) bool { return len(i.better(node, i.Data.lost)) > 0 }

// Better lists the nodes whose copy has writes that the one on the given node lacks.
func (i *Instance) Better(node string) []string { return i.better(node, nil) }

// better is Better without the writes that were lost before.
func (i *Instance) better(node string, lost writes) []string {
	var list []string
	for _, other := range i.Data.On {
		missing := i.Data.writes[node].lacking(i.Data.writes[other])
		if other != node && (!contains(i.Data.On, node) || len(lost.lacking(missing)) > 0) {
			list = append(list, other)
		}
	}
	return list
}

// FaultyOn reports whether the node, which the instance's disk belongs on, has lost it: drbd
// goes on without it, or its volumes are gone.
func (i *Instance) FaultyOn(node string) bool {
	return contains(i.Data.Failed, node) || !i.placedOn(node)
}

// LoseDisk lets the disk of a drbd instance on a node fail: drbd goes on without it.
func (i *Instance) LoseDisk(node string) { i.Data.Failed = with(i.Data.Failed, node) }

// LoseVolumes takes the volumes of the instance from a node. The drbd device goes on without
// its disk.
func (i *Instance) LoseVolumes(node string) {
	if i.Template == DRBD {
		i.LoseDisk(node)
	}
	i.Data.On, i.Data.Partial = without(i.Data.On, node), without(i.Data.Partial, node)
	i.tidyCopies()
}

// LoseWrites makes the copy on the node lack writes that the others have.
func (i *Instance) LoseWrites(node string) { i.write(without(i.Data.On, node)) }

// Diverge makes each copy have writes that the others lack.
func (i *Instance) Diverge() {
	i.Data.waits = ""
	for _, node := range i.Data.On {
		i.write([]string{node})
	}
}

// write notes that the copies on these nodes, and no others, get writes.
func (i *Instance) write(nodes []string) {
	d := &i.Data
	if len(nodes) == 0 || len(nodes) == len(d.On) {
		return
	}
	for _, n := range d.writes[nodes[0]] {
		holders := 0
		for _, node := range d.On {
			if d.writes[node].has(n) {
				holders++
				if !contains(nodes, node) {
					holders = -len(d.On)
				}
			}
		}
		if holders == len(nodes) && !d.lost.has(n) {
			return // they have such writes already
		}
	}
	d.written++
	for _, node := range nodes {
		i.setWrites(node, d.writes[node].with(d.written))
	}
}

func (i *Instance) setWrites(node string, w writes) {
	if i.Data.writes == nil {
		i.Data.writes = make(map[string]writes)
	}
	i.Data.writes[node] = w
}

// tidyCopies forgets what is said of copies that are no more, and writes that all copies have.
func (i *Instance) tidyCopies() {
	d := &i.Data
	var partial []string
	for _, node := range d.Partial {
		if !contains(d.On, node) {
			partial = append(partial, node)
		}
	}
	d.Partial = partial
	d.Failed = common(d.Failed, i.Nodes())
	counts := make(map[int]int)
	for node, w := range d.writes {
		if !contains(d.On, node) {
			delete(d.writes, node)
			continue
		}
		for _, n := range w {
			counts[n]++
		}
	}
	for node, w := range d.writes {
		var kept writes
		for _, n := range w {
			if counts[n] < len(d.On) {
				kept = append(kept, n)
			}
		}
		d.writes[node] = kept
	}
}

// Cut ends the replication between two nodes: what runs goes on, and writes to one copy only.
func (c *Cluster) Cut(a, b string) {
	if !c.isCut(a, b) {
		c.Cuts = append(c.Cuts, [2]string{a, b})
	}
}

// Mend restores the replication between two nodes.
func (c *Cluster) Mend(a, b string) {
	var rest [][2]string
	for _, p := range c.Cuts {
		if !samePair(p, a, b) {
			rest = append(rest, p)
		}
	}
	c.Cuts = rest
}

func samePair(p [2]string, a, b string) bool { return p[0] == a && p[1] == b || p[0] == b && p[1] == a }

func (c *Cluster) isCut(a, b string) bool {
	for _, p := range c.Cuts {
		if samePair(p, a, b) {
			return true
		}
	}
	return false
}

// Cut ends the replication between two nodes, as when the network between them fails.
func (m *Master) Cut(a, b string) { m.Edit(func(c *Cluster) { c.Cut(a, b) }) }

// Mend restores the replication between two nodes.
func (m *Master) Mend(a, b string) { m.Edit(func(c *Cluster) { c.Mend(a, b) }) }

// alive reports whether a node exists and runs, whatever its mark.
func (c *Cluster) alive(name string) bool {
	n := c.Node(name)
	return n != nil && !n.Dead
}

// drbdUp reports whether the instance has drbd devices. They stay up under what runs, whatever Ganeti has noted.
func (i *Instance) drbdUp() bool { return i.Template == DRBD && (i.DisksActive || len(i.RunsOn) > 0) }

// peer returns the other node of the instance's drbd pair, "" if the node is not of it.
func (i *Instance) peer(node string) string {
	if len(i.Secondaries) != 1 || !contains(i.Nodes(), node) {
		return ""
	}
	return without(i.Nodes(), node)[0]
}

// connected reports whether the instance's drbd devices are connected. Two copies that both run are not, nor are two
// that have diverged.
func (c *Cluster) connected(i *Instance) bool {
	if !i.drbdUp() || len(i.Secondaries) != 1 || len(i.RunsOn) > 1 {
		return false
	}
	a, b := i.Primary, i.Secondaries[0]
	return c.alive(a) && c.alive(b) && !c.isCut(a, b) && i.hasDevice(a) && i.hasDevice(b) && !i.splitBrain()
}

// hasDevice reports whether drbd can have a device on the node: with its volumes, or having lost them.
func (i *Instance) hasDevice(node string) bool {
	return i.placedOn(node) || contains(i.Data.Failed, node)
}

// usable reports whether drbd lets the instance use its disk on a node: from the local copy, or over the network from
// one that is whole.
func (c *Cluster) usable(i *Instance, node string) bool {
	return i.upToDate(node) || c.connected(i) && i.upToDate(i.peer(node))
}

// splitBrain reports whether each of the two copies of the pair has writes that the other lacks.
func (i *Instance) splitBrain() bool {
	if len(i.Secondaries) != 1 {
		return false
	}
	a, b := i.Primary, i.Secondaries[0]
	return contains(i.Better(a), b) && contains(i.Better(b), a)
}

// upToDate reports whether drbd on the node calls its local disk UpToDate. It does so of a copy that lacks writes as
// well: it cannot know of them.
func (i *Instance) upToDate(node string) bool {
	return contains(i.Data.On, node) && !contains(i.Data.Failed, node)
}

// degraded is is_degraded of the instance's drbd device on a node (py:storage/drbd.py GetSyncStatus).
func (c *Cluster) degraded(i *Instance, node string) bool {
	return !c.connected(i) || !i.upToDate(node)
}

// partedCopies reports whether the instance's drbd devices have given up each other. Where only the network between
// them is cut they wait for each other.
func (i *Instance) partedCopies() bool { return i.splitBrain() || len(i.RunsOn) > 1 }

// standsAlone reports whether DRBD calls the instance's device on a node StandAlone.
func (i *Instance) standsAlone(node string) bool { return i.partedCopies() && i.Data.waits != node }

// syncing reports whether one copy of the instance is being made from the other.
func (c *Cluster) syncing(i *Instance) bool {
	return c.connected(i) && (contains(i.Data.Partial, i.Primary) || contains(i.Data.Partial, i.peer(i.Primary)))
}

// Values of ldisk_status (constants.LDS_*).
const (
	localOK      = 1
	localSync    = 2
	localUnknown = 3
	localFaulty  = 4
)

// standAloneFaulty is the first version whose nodes call the local disk of a device that stands alone faulty, even if
// its data are good.
const standAloneFaulty = 3010000

// localStatus is ldisk_status of the instance's drbd device on a node (py:storage/drbd.py GetSyncStatus).
func (c *Cluster) localStatus(i *Instance, node string) int {
	switch {
	case contains(i.Data.Failed, node), i.standsAlone(node) && versionNumber(c.SoftwareVersion) >= standAloneFaulty:
		return localFaulty
	case contains(i.Data.Partial, node) && c.syncing(i):
		return localSync
	case !contains(i.Data.On, node):
		return localUnknown
	}
	return localOK
}

// replicate brings the copies of all drbd instances up to what the state of the cluster makes of them: what runs writes,
// and copies that are connected agree.
func (c *Cluster) replicate() {
	for _, i := range c.Instances {
		if i.Template != DRBD {
			continue
		}
		i.tidyCopies()
		if c.connected(i) {
			for _, node := range i.Nodes() {
				if peer := i.peer(node); contains(i.Better(node), peer) && i.upToDate(node) {
					i.setWrites(node, i.Data.writes[peer])
				}
			}
		}
		for _, writer := range i.RunsOn {
			var nodes []string
			if i.upToDate(writer) {
				nodes = append(nodes, writer)
			}
			if peer := i.peer(writer); peer != "" && c.connected(i) && i.upToDate(peer) {
				nodes = append(nodes, peer)
			}
			i.write(nodes)
		}
		i.tidyCopies()
	}
}

// started notes that the instance was started on a node: the writes that its copy lacks are lost.
func (m *Master) started(i *Instance, node string) {
	d := &i.Data
	if i.Template != DRBD {
		return
	}
	m.cluster.replicate()
	if !i.upToDate(node) && m.cluster.usable(i, node) {
		return // it uses the copy at the other end
	}
	better := i.better(node, d.lost)
	if len(better) == 0 {
		return
	}
	for _, other := range better {
		if m.cluster.Node(other).online() {
			m.incident(StaleStart, i, node, "starts on %s from a copy that lacks writes which %s has", node, other)
		}
	}
	d.replaced("started on " + node + " from a copy that lacks writes")
	if !contains(d.On, node) {
		m.adopt(i, node)
	}
	for _, other := range d.On {
		d.lost = d.lost.with(d.writes[node].lacking(d.writes[other])...)
	}
}

// adopt takes an incomplete copy, or none, for the contents of the instance: all others have what it lacks.
func (m *Master) adopt(i *Instance, node string) {
	d := &i.Data
	others := clone(d.On)
	d.On, d.Partial = with(d.On, node), without(d.Partial, node)
	i.write(others)
}

// discard removes the instance's copy from a node. Where no other copy has all of its writes they are lost.
func (m *Master) discard(i *Instance, node, by string) {
	d := &i.Data
	whole := false
	for _, other := range d.On {
		whole = whole || other != node && len(d.writes[other].lacking(d.writes[node])) == 0
	}
	if contains(d.On, node) && !whole {
		if m.cluster.Node(node).online() {
			m.incident(Destroyed, i, node, "loses the only copy with all writes: %s removes it from %s", by, node)
		}
		if fresh := d.lost.lacking(d.writes[node]); len(fresh) > 0 || len(d.On) == 1 {
			d.replaced("the only copy with all writes was removed from " + node)
			d.lost = d.lost.with(fresh...)
		}
	}
	d.On, d.Partial = without(d.On, node), without(d.Partial, node)
	i.tidyCopies()
}

// overwritten notes that the instance's contents are replaced by others. It is an incident where they are on online
// nodes.
func (m *Master) overwritten(i *Instance, by string) {
	if i.Data.blank {
		return
	}
	var reachable []string
	for _, node := range i.Data.On {
		if node == Everywhere {
			reachable = append(reachable, "shared storage")
		} else if n := m.cluster.Node(node); n != nil && n.online() {
			reachable = append(reachable, node)
		}
	}
	if len(reachable) > 0 {
		m.incident(Destroyed, i, i.Primary, "is overwritten: %s, and its data was on %s", by, strings.Join(reachable, ", "))
	}
}
