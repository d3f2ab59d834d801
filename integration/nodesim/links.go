package nodesim

import "sort"

// link is a pair of nodes, by name, the lesser one first.
type link [2]string

func linkOf(a, b string) link {
	if a > b {
		a, b = b, a
	}
	return link{a, b}
}

// Cut ends the replication between two nodes, which still reach everything else.
// What runs on either node goes on writing, and the other end lacks these writes.
func (f *Fleet) Cut(a, b string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(a)
	f.mustNode(b)
	f.reconnect(func() { f.cut[linkOf(a, b)] = true })
}

// Mend lets two nodes replicate again. Devices that are set up on both connect by
// themselves; where each end has writes that the other lacks they find a split
// brain and stand alone.
func (f *Fleet) Mend(a, b string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reconnect(func() { delete(f.cut, linkOf(a, b)) })
}

// connection is a DRBD device that is connected.
type connection struct {
	key  string
	a, b *node
}

// reconnect makes a change and lets devices notice which connections it has ended
// and which it has made possible.
func (f *Fleet) reconnect(change func()) {
	before := f.connections()
	change()
	after := f.connections()
	was, is := make(map[connection]bool), make(map[connection]bool)
	for _, c := range before {
		was[c] = true
	}
	for _, c := range after {
		is[c] = true
	}
	for _, c := range before {
		if !is[c] {
			c.a.parted(c.key)
			c.b.parted(c.key)
		}
	}
	for _, c := range after {
		if !was[c] {
			c.a.agree(c.key)
		}
	}
}

// connections lists all connected devices in a stable order.
func (f *Fleet) connections() []connection {
	var list []connection
	for _, n := range f.sorted() {
		var keys []string
		for key := range n.drbd {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			if peer := n.connected(key); peer != nil && n.spec.Name < peer.spec.Name {
				list = append(list, connection{key, n, peer})
			}
		}
	}
	return list
}

// connected returns the node at the other end of the device with that key, or nil
// if the two are not connected.
func (n *node) connected(key string) *node {
	dev := n.drbd[key]
	if dev == nil || !dev.networked {
		return nil
	}
	peer := n.fleet.uuids[dev.peer]
	if peer == nil || !n.reaches(peer) {
		return nil
	}
	other := peer.drbd[key]
	if other == nil || !other.networked || other.peer != n.spec.UUID {
		return nil
	}
	return peer
}

// reaches reports whether replication between two nodes is possible.
func (n *node) reaches(peer *node) bool {
	return n.powered && n.plugged && peer.powered && peer.plugged && !n.fleet.cut[linkOf(n.spec.Name, peer.spec.Name)]
}
