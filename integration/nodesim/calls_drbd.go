package nodesim

import "fmt"

// addChildren gives a device without a local disk two new volumes, whose content is
// copied from the other end. Arguments: drbd disk, volumes.
func addChildren(n *node, a *arguments) (interface{}, error) {
	d, children := a.disk(0), a.disks(1)
	if a.err != nil {
		return nil, nil
	}
	dev := n.drbd[d.key()]
	switch {
	case dev == nil:
		return nil, callError(fmt.Sprintf("Can't find parent device '%s' in add children", d.key()))
	case len(children) != 2:
		return nil, callError(path(d.key()) + ": need two devices for AddChildren")
	case !dev.diskless:
		return nil, callError(path(d.key()) + ": already attached to a local disk")
	}
	for _, child := range children {
		if v := n.volumes[child.key()]; v == nil || v.broken {
			return nil, callError("Can't find new device(s) to add: " + child.key())
		}
	}
	n.own(disk{DevType: "drbd", Children: children, IVName: d.IVName}, dev.owner)
	n.volumes[d.key()].upToDate = false
	n.attachDisk(d.key())
	return nil, nil
}

// removeChildren takes the local disk from a device. DRBD refuses that if a primary
// end was left without data.
func removeChildren(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	key := d.key()
	dev := n.drbd[key]
	switch {
	case a.err != nil:
		return nil, nil
	case dev == nil:
		return nil, callError(fmt.Sprintf("Can't find parent device '%s' in remove children", key))
	case dev.diskless:
		return nil, nil
	case dev.primary && !n.elsewhere(key):
		return nil, callError(path(key) + ": can't detach local disk: Need access to UpToDate data")
	}
	n.detachDisk(key)
	return nil, nil
}

// elsewhere reports whether the other end of a device is connected and has all data.
func (n *node) elsewhere(key string) bool {
	peer := n.connected(key)
	return peer != nil && peer.hasOwnData(key)
}

func pauseSync(_ *node, a *arguments) (interface{}, error) {
	list := []interface{}{}
	for range a.disks(0) {
		list = append(list, []interface{}{true, nil})
	}
	return list, nil
}

func drbdDisconnect(n *node, a *arguments) (interface{}, error) {
	return n.eachDevice(a.disks(0), "Can't change network configuration to standalone mode: ", n.disconnect)
}

// drbdAttach connects devices that stand alone. Arguments: disks, whether both ends
// may be primary. A real node waits up to two minutes for the connection, and with
// two primaries for both disks to be in sync; here that fails at once if it cannot
// come true. That the other end has not been told to connect is no failure: the
// master tells both ends at a time.
func drbdAttach(n *node, a *arguments) (interface{}, error) {
	disks, multi := a.disks(0), a.flag(1)
	if err := n.haveDevices(disks); err != nil || a.err != nil {
		return nil, err
	}
	for _, d := range disks {
		key := d.key()
		if n.drbd[key].networked {
			return nil, callError(fmt.Sprintf("Can't change network configuration: %s: device is not standalone in AttachNet", path(key)))
		}
		n.connect(key, d.peer(n.spec.UUID), multi)
	}
	for _, d := range disks {
		if !n.mayConnect(d.key(), multi) {
			return nil, callError("Timeout in disk reconnecting")
		}
	}
	return nil, nil
}

// mayConnect reports whether a device that was told to connect is connected, or will
// be when its other end is told so.
func (n *node) mayConnect(key string, multi bool) bool {
	dev := n.drbd[key]
	peer := n.fleet.uuids[dev.peer]
	if !dev.networked || peer == nil || !n.reaches(peer) || peer.drbd[key] == nil {
		return false
	}
	if multi && n.connected(key) != nil {
		return dev.syncing || n.hasOwnData(key) && peer.hasOwnData(key)
	}
	return true
}

// drbdWaitSync tells whether all disks are in sync, and the least percentage. A real
// node waits 15 seconds for a connection.
func drbdWaitSync(n *node, a *arguments) (interface{}, error) {
	disks := a.disks(0)
	if err := n.haveDevices(disks); err != nil || a.err != nil {
		return nil, err
	}
	done, percent := true, 100.0
	for _, d := range disks {
		s := n.status(d)
		switch {
		case n.connected(d.key()) == nil:
			return nil, callError("DRBD device " + path(d.key()) + " is not in sync")
		case s.Percent != nil:
			done, percent = false, *s.Percent
		}
	}
	return []interface{}{done, percent}, nil
}

// drbdNeedsActivation lists the UUIDs of disks that have to be activated.
func drbdNeedsActivation(n *node, a *arguments) (interface{}, error) {
	list := []string{}
	for _, d := range a.disks(0) {
		if d.DevType == "drbd" && n.needsActivation(d.key()) || d.DevType != "drbd" && n.volumeOf(d) == nil {
			list = append(list, d.UUID)
		}
	}
	return list, nil
}
