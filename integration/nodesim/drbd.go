package nodesim

import "fmt"

// drbd is a DRBD device that is set up on a node.
type drbd struct {
	owner     string // the instance
	meta      string // key of the volume with its metadata
	minor     int
	peer      string // UUID of the other node
	networked bool   // it connects as soon as it can; otherwise it is "StandAlone"
	multi     bool   // both ends may be primary at a time
	primary   bool
	diskless  bool // it has no local disk
	syncing   bool // a resynchronization is under way
	polls     int  // status calls left until that is done
}

// newDevice returns a device for the node that stands alone.
func (n *node) newDevice(d disk, owner string) *drbd {
	dev := &drbd{owner: owner, peer: d.peer(n.spec.UUID), minor: d.minor(n.spec.UUID)}
	if len(d.Children) == 2 {
		dev.meta = d.Children[1].key()
	}
	return dev
}

// local returns the volume that a device uses on its own node; nil if it has none.
func (n *node) local(key string) *volume {
	if dev := n.drbd[key]; dev == nil || dev.diskless {
		return nil
	}
	return n.volumes[key]
}

// whole reports whether the node has both volumes of a drbd disk and can read them.
func (n *node) whole(d disk) bool {
	for _, child := range d.Children {
		if v := n.volumes[child.key()]; v == nil || v.broken {
			return false
		}
	}
	return len(d.Children) == 2
}

// own records to which disk of which instance the volumes of a drbd disk belong.
func (n *node) own(d disk, owner string) {
	for k, child := range d.Children {
		if v := n.volumes[child.key()]; v != nil {
			v.mirrored, v.meta = true, k == 1
			if d.number() >= 0 {
				v.disk = d.number()
			}
			if v.owner == "" {
				v.owner = owner
			}
		}
	}
}

// assemble sets up the device of a drbd disk as far as it is not, like
// DRBD8Dev.Assemble in lib/storage/drbd.py. Without its volumes a device is set up
// all the same, without a local disk: such a disk needs none of its children
// (ChildrenNeeded in lib/objects.py).
func (n *node) assemble(d disk, owner string) error {
	key, whole := d.key(), n.whole(d)
	dev := n.drbd[key]
	switch {
	case dev == nil && !whole && n.fleet.noDiskless:
		return callError(fmt.Sprintf("Error while assembling disk: %s: can't attach local disk: Device minor not allocated", path(key)))
	case dev == nil:
		dev = n.newDevice(d, owner)
		dev.diskless = !whole
		n.drbd[key] = dev
		n.own(d, owner)
	case dev.diskless && whole && !dev.networked:
		// Neither _MatchesLocal nor _MatchesNet in _SlowAssemble.
		return callError(fmt.Sprintf("Error while assembling disk: %s: cannot activate, unknown or unhandled reason", path(key)))
	case dev.diskless && whole:
		n.attachDisk(key)
	}
	if peer := d.peer(n.spec.UUID); d.networked() && (!dev.networked || dev.peer != peer) {
		if dev.networked {
			if err := n.disconnect(key); err != nil {
				return err
			}
		}
		n.connect(key, peer, false)
	}
	return nil
}

// attachDisk gives a device without a local disk its volume back. What the volume
// lacks is copied from the other end, also if this one is primary.
func (n *node) attachDisk(key string) {
	n.drbd[key].diskless = false
	if v := n.volumes[key]; n.elsewhere(key) {
		if o := n.connected(key).local(key); v.last != o.last && o.last.includes(v.last) {
			v.upToDate = false
		}
	}
	n.agree(key)
}

// detachDisk takes the local disk from a device, as DRBD does on its own when the
// disk fails (on-io-error=detach). What runs there goes on with the other end.
func (n *node) detachDisk(key string) {
	dev := n.drbd[key]
	if dev == nil || dev.diskless {
		return
	}
	dev.diskless, dev.syncing = true, false
	if peer := n.connected(key); peer != nil {
		peer.drbd[key].syncing = false
	}
	for _, end := range []*node{n, n.connected(key)} {
		if end != nil {
			end.keepWriting(key)
		}
	}
}

// connect lets a device connect to another node.
func (n *node) connect(key, peer string, multi bool) {
	dev := n.drbd[key]
	dev.peer, dev.networked, dev.multi = peer, true, multi
	n.agree(key)
}

// agree is what the two ends of a device do when they have connected or one of them
// has got a disk: the one that lacks writes becomes the target of a
// resynchronization. Where each lacks writes of the other there is a split brain,
// and both ends stand alone: Ganeti's after-sb-0pri and after-sb-1pri policies
// (lib/storage/drbd_cmdgen.py) heal none where both ends have been written to.
func (n *node) agree(key string) {
	peer := n.connected(key)
	if peer == nil {
		return
	}
	mine, theirs := n.drbd[key], peer.drbd[key]
	if mine.primary && theirs.primary && !(mine.multi && theirs.multi) {
		n.standAlone(key, peer)
		return
	}
	a, b := n.local(key), peer.local(key)
	if a == nil || b == nil {
		return
	}
	source, target := n, peer
	switch {
	case !a.upToDate && !b.upToDate, a.upToDate && b.upToDate && a.last == b.last:
		return
	case a.upToDate != b.upToDate:
		if b.upToDate {
			source, target = peer, n
		}
	case a.last.includes(b.last):
	case b.last.includes(a.last):
		source, target = peer, n
	default:
		n.standAlone(key, peer)
		return
	}
	if t := target.local(key); t.upToDate && target.drbd[key].primary {
		n.standAlone(key, peer) // "I shall become SyncTarget, but I am primary!"
		return
	}
	target.local(key).upToDate = false
	for _, end := range []*node{source, target} {
		dev := end.drbd[key]
		dev.syncing, dev.polls = true, n.fleet.polls
	}
	if n.fleet.polls == 0 && !n.fleet.stuck[mine.owner] {
		n.finish(key)
	}
}

// standAlone ends an attempt to connect a device, at both ends.
func (n *node) standAlone(key string, peer *node) {
	for _, end := range []*node{n, peer} {
		dev := end.drbd[key]
		dev.networked, dev.syncing = false, false
	}
}

// finish ends a resynchronization.
func (n *node) finish(key string) {
	peer := n.connected(key)
	if peer == nil {
		return
	}
	n.drbd[key].syncing, peer.drbd[key].syncing = false, false
	source, target := n.local(key), peer.local(key)
	if source == nil || target == nil {
		return
	}
	if target.upToDate {
		source, target = target, source
	}
	target.content, target.last, target.upToDate = source.content, source.last, source.upToDate
}

// disconnect ends the connection of a device on request: it stands alone, and the
// other end waits for it. DRBD refuses if that left a primary end without data.
func (n *node) disconnect(key string) error {
	dev := n.drbd[key]
	peer := n.connected(key)
	if peer != nil {
		if dev.primary && !n.hasOwnData(key) {
			return callError(fmt.Sprintf("%s: can't shutdown network, even after multiple retries: Need access to UpToDate data", path(key)))
		}
		if peer.drbd[key].primary && !peer.hasOwnData(key) {
			return callError(fmt.Sprintf("%s: can't shutdown network, even after multiple retries: Refused by peer node", path(key)))
		}
	}
	dev.networked = false
	n.parted(key)
	if peer != nil {
		peer.parted(key)
	}
	return nil
}

// hasOwnData reports whether a device can do without its other end.
func (n *node) hasOwnData(key string) bool {
	v := n.local(key)
	return v != nil && v.upToDate
}

// parted handles the loss of a connection: what is written from then on is missing at
// the other end.
func (n *node) parted(key string) {
	if dev := n.drbd[key]; dev != nil {
		dev.syncing = false
		n.keepWriting(key)
	}
}

// keepWriting adds a write of the instance that has a device open on the node, and
// reports it if it has no disk to write to.
func (n *node) keepWriting(key string) {
	dev := n.drbd[key]
	if dev == nil || !dev.primary {
		return
	}
	r := n.running[dev.owner]
	if r == nil || r.state != executing {
		return
	}
	if len(n.copies(key)) == 0 {
		n.fleet.report(Incident{Kind: NoDisk, Instance: dev.owner, Node: n.spec.Name}, "%s runs on %s without any disk", dev.owner, n.spec.Name)
	}
	n.write(key, "")
}

// inUse reports whether a process of the instance has a device open, be it one that
// runs, waits to be migrated to the node, or was migrated away and not ended.
func (n *node) inUse(key string) bool {
	dev := n.drbd[key]
	return dev != nil && dev.primary && n.running[dev.owner] != nil
}

// promote makes a device primary.
func (n *node) promote(key string) error {
	dev := n.drbd[key]
	if peer := n.connected(key); peer != nil && peer.drbd[key].primary && !(dev.multi && peer.drbd[key].multi) {
		return callError(fmt.Sprintf("%s: can't make drbd device primary: Multiple primaries not allowed by config", path(key)))
	}
	if len(n.copies(key)) == 0 {
		if v := n.local(key); v != nil {
			n.fleet.report(Incident{Kind: Incomplete, Instance: dev.owner, Node: n.spec.Name},
				"%s cannot use its disk on %s: it is incomplete", dev.owner, n.spec.Name)
		}
		return callError(fmt.Sprintf("%s: can't make drbd device primary: Need access to UpToDate data", path(key)))
	}
	dev.primary = true
	return nil
}

// demote makes a device secondary.
func (n *node) demote(key string) error {
	if n.inUse(key) {
		return callError(fmt.Sprintf("%s: can't switch drbd device to secondary: Device is held open by someone", path(key)))
	}
	n.drbd[key].primary = false
	return nil
}

// shutDown takes a device down.
func (n *node) shutDown(key string) error {
	if n.drbd[key] == nil {
		return nil
	}
	if n.inUse(key) {
		return callError(fmt.Sprintf("%s: can't shutdown drbd device: Device is held open by someone", path(key)))
	}
	n.drbd[key].primary = false
	if err := n.disconnect(key); err != nil {
		return err
	}
	delete(n.drbd, key)
	return nil
}
