package nodesim

import (
	"encoding/json"
	"fmt"
)

// blockdevCreate makes a blank volume; that of a drbd disk needs its two
// volumes. Arguments: disk, size, owner, ...
func blockdevCreate(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	owner := a.text(2)
	if a.err != nil {
		return nil, nil
	}
	key := d.key()
	switch {
	case d.DevType == "blockdev":
		return key, nil // it is there, whatever it holds
	case d.DevType == "drbd":
		for _, child := range d.Children {
			if n.volumes[child.key()] == nil {
				return nil, callError("Can't create block device: " + child.key() + " is missing")
			}
		}
		if n.drbd[key] != nil {
			return nil, callError("drbd: minor is already in use")
		}
		n.drbd[key] = &drbd{peer: d.peer(n.spec.UUID), networked: d.networked()}
		n.volumes[key].consistent = false
		return key, nil
	}
	set := n.fleet.shared
	if d.local() {
		set = n.volumes
		if n.freeStorage(storageKind(key)) < d.Size {
			return nil, callError(fmt.Sprintf("Can't create block device: not enough free space: required %d, available %d",
				d.Size, n.freeStorage(storageKind(key))))
		}
	}
	if set[key] != nil {
		if d.DevType == "plain" {
			return nil, callError(fmt.Sprintf("Can't create block device: Logical volume %q already exists in volume group %q", d.word(1), d.word(0)))
		}
		return nil, callError("Can't create block device: " + key + " already exists")
	}
	set[key] = &volume{owner: owner, size: d.Size, content: Blank, consistent: true}
	return key, nil
}

func blockdevRemove(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	if d.DevType == "drbd" {
		n.detach(d.key())
		delete(n.drbd, d.key())
		return nil, nil
	}
	if d.local() {
		delete(n.volumes, d.key())
	} else {
		delete(n.fleet.shared, d.key())
	}
	return nil, nil
}

// blockdevAssemble makes a disk usable. Arguments: disk, instance, as primary,
// index.
func blockdevAssemble(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	var primary bool
	a.get(2, &primary)
	if a.err != nil {
		return nil, nil
	}
	key := d.key()
	v := n.volumeOf(d)
	if v == nil && d.DevType != "blockdev" {
		return nil, callError(fmt.Sprintf("Can't find device %s", key))
	}
	if d.DevType == "drbd" {
		dev := n.drbd[key]
		if dev == nil {
			dev = &drbd{peer: d.peer(n.spec.UUID)}
			n.drbd[key] = dev
		}
		if d.networked() && (!dev.networked || dev.peer != d.peer(n.spec.UUID)) {
			n.attach(d)
		}
		if primary {
			if peer := n.connected(key); peer != nil && peer.drbd[key].primary {
				return nil, callError("drbd: peer is primary")
			}
			if !v.consistent && n.mirrorSource(key) == nil {
				v.consistent = true // told to be: both ends are new
				n.attach(d)
			}
			dev.primary = true
		}
	}
	if !primary {
		return []interface{}{true, true, nil}, nil
	}
	return []interface{}{"/dev/" + key, nil, nil}, nil
}

// mirrorSource returns the consistent volume at the other end, if there is one.
func (n *node) mirrorSource(key string) *volume {
	if peer := n.connected(key); peer != nil {
		if v := peer.volumes[key]; v != nil && v.consistent {
			return v
		}
	}
	return nil
}

func blockdevShutdown(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	if d.DevType == "drbd" {
		n.detach(d.key())
		delete(n.drbd, d.key())
	}
	return nil, nil
}

// blockdevOpen and blockdevClose take an instance's name and disks.
func blockdevOpen(n *node, a *arguments) (interface{}, error) { return n.setPrimary(a.disks(1), true) }

func blockdevClose(n *node, a *arguments) (interface{}, error) {
	return n.setPrimary(a.disks(1), false)
}

func (n *node) setPrimary(disks []disk, primary bool) (interface{}, error) {
	for _, d := range disks {
		if d.DevType != "drbd" {
			continue
		}
		dev := n.drbd[d.key()]
		if dev == nil {
			return nil, callError("Can't find device " + d.key())
		}
		dev.primary = primary
	}
	return nil, nil
}

func blockdevFind(n *node, a *arguments) (interface{}, error) {
	if s := n.status(a.disk(0)); s != nil {
		return s, nil
	}
	return nil, nil
}

func mirrorStatus(n *node, a *arguments) (interface{}, error) {
	list := []interface{}{}
	for _, d := range a.disks(0) {
		s := n.status(d)
		if s == nil {
			return nil, callError("Can't find device " + d.key())
		}
		list = append(list, s)
	}
	return list, nil
}

func mirrorStatusMulti(n *node, a *arguments) (interface{}, error) {
	list := []interface{}{}
	for _, d := range a.disks(0) {
		if s := n.status(d); s != nil {
			list = append(list, []interface{}{true, s})
		} else {
			list = append(list, []interface{}{false, "Can't find device " + d.key()})
		}
	}
	return list, nil
}

func dimensions(n *node, a *arguments) (interface{}, error) {
	list := []interface{}{}
	for _, d := range a.disks(0) {
		if v := n.volumeOf(d); v != nil {
			const mib = 1 << 20
			list = append(list, []interface{}{int64(v.size) * mib, nil})
		} else {
			list = append(list, nil)
		}
	}
	return list, nil
}

func pauseSync(_ *node, a *arguments) (interface{}, error) {
	list := []interface{}{}
	for range a.disks(0) {
		list = append(list, []interface{}{true, nil})
	}
	return list, nil
}

func drbdDisconnect(n *node, a *arguments) (interface{}, error) {
	for _, d := range a.disks(0) {
		if n.drbd[d.key()] == nil {
			return nil, callError("Can't find device " + d.key())
		}
		n.detach(d.key())
	}
	return nil, nil
}

func drbdAttach(n *node, a *arguments) (interface{}, error) {
	disks := a.disks(0)
	for _, d := range disks {
		if n.drbd[d.key()] == nil {
			return nil, callError("Can't find device " + d.key())
		}
		n.attach(d)
	}
	return nil, nil
}

// drbdWaitSync tells whether all disks are in sync, and the least percentage.
func drbdWaitSync(n *node, a *arguments) (interface{}, error) {
	for _, d := range a.disks(0) {
		s := n.status(d)
		if s == nil {
			return nil, callError("Can't find device " + d.key())
		}
		if s.Percent != nil || s.Degraded && n.connected(d.key()) != nil {
			return []interface{}{false, 50.0}, nil
		}
	}
	return []interface{}{true, 100.0}, nil
}

// mustConvert turns a value into another type by way of JSON.
func mustConvert(from, into interface{}) {
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		panic("nodesim: " + err.Error())
	}
}
