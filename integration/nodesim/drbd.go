package nodesim

// drbd is a drbd device of a node.
type drbd struct {
	peer      string // UUID of the other node
	networked bool   // it has been told to connect
	primary   bool
	polls     int // looks left until a resynchronization is done
	syncing   bool
}

// connected returns the node at the other end of the device with that key, or
// nil if the two are not connected.
func (n *node) connected(key string) *node {
	dev := n.drbd[key]
	if dev == nil || !dev.networked {
		return nil
	}
	peer := n.fleet.uuids[dev.peer]
	if peer == nil || peer.listener == nil || n.listener == nil {
		return nil
	}
	other := peer.drbd[key]
	if other == nil || !other.networked || other.peer != n.spec.UUID {
		return nil
	}
	return peer
}

// attach lets a device connect; if both ends do, they begin to agree.
func (n *node) attach(d disk) {
	key := d.key()
	dev := n.drbd[key]
	dev.peer, dev.networked = d.peer(n.spec.UUID), true
	peer := n.connected(key)
	if peer == nil {
		return
	}
	source, target := n, peer
	mine, theirs := n.volumes[key], peer.volumes[key]
	switch {
	case mine == nil || theirs == nil:
		return
	case mine.consistent != theirs.consistent:
		if theirs.consistent {
			source, target = peer, n
		}
	case mine.version == theirs.version && mine.content == theirs.content:
		return // nothing changed meanwhile
	case theirs.version > mine.version:
		source, target = peer, n
	}
	from, to := source.volumes[key], target.volumes[key]
	if to.consistent && !from.consistent {
		return
	}
	to.consistent = false
	for _, end := range []*drbd{source.drbd[key], target.drbd[key]} {
		end.syncing, end.polls = true, n.fleet.polls
	}
	if n.fleet.polls == 0 && !n.fleet.stuck[to.owner] {
		n.finish(key)
	}
}

// finish ends a resynchronization.
func (n *node) finish(key string) {
	peer := n.connected(key)
	if peer == nil {
		return
	}
	a, b := n.volumes[key], peer.volumes[key]
	if a == nil || b == nil {
		return
	}
	if b.consistent && !a.consistent {
		a, b = b, a
	}
	b.content, b.version, b.consistent = a.content, a.version, a.consistent
	n.drbd[key].syncing, peer.drbd[key].syncing = false, false
}

// detach ends the connection of a device and says what is written from then on
// is missing at the other end.
func (n *node) detach(key string) {
	dev := n.drbd[key]
	if dev == nil {
		return
	}
	peer := n.connected(key)
	dev.networked, dev.syncing = false, false
	if peer != nil {
		peer.drbd[key].syncing = false
		peer.writeAll()
	}
	n.writeAll()
}

// status is a BlockDevStatus.
type status struct {
	DevPath  string   `json:"dev_path"`
	Major    *int     `json:"major"`
	Minor    *int     `json:"minor"`
	Percent  *float64 `json:"sync_percent"`
	Left     *int     `json:"estimated_time"` // seconds
	Degraded bool     `json:"is_degraded"`
	Local    int      `json:"ldisk_status"`
}

// Values of ldisk_status (constants.LDS_*).
const (
	localOK      = 1
	localSync    = 2
	localUnknown = 3
	localFaulty  = 4
)

// status looks at a disk of the node; nil if it is not there. A look brings a
// resynchronization on.
func (n *node) status(d disk) *status {
	v := n.volumeOf(d)
	if v == nil && d.DevType != "blockdev" {
		return nil
	}
	major, minor := 253, 0
	s := &status{DevPath: "/dev/" + d.key(), Major: &major, Minor: &minor, Local: localOK}
	if d.DevType != "drbd" {
		return s
	}
	key := d.key()
	dev := n.drbd[key]
	if dev == nil {
		return nil
	}
	if dev.syncing && n.connected(key) != nil {
		n.advance(key)
	}
	peer := n.connected(key)
	s.Degraded = peer == nil || dev.syncing
	if !v.consistent {
		s.Local = localFaulty
	}
	if dev.syncing && peer != nil {
		percent, left := 50.0, 1
		s.Percent, s.Left = &percent, &left
		if !v.consistent {
			s.Local = localSync
		}
	}
	return s
}

// advance brings a resynchronization one look on.
func (n *node) advance(key string) {
	dev := n.drbd[key]
	v := n.volumes[key]
	if n.fleet.stuck[v.owner] {
		return
	}
	if dev.polls > 0 {
		dev.polls--
		return
	}
	n.finish(key)
}
