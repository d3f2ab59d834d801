package nodesim

import (
	"encoding/json"
	"fmt"
	"strings"
)

// blockdevCreate makes a blank volume, or the device of a drbd disk on two volumes
// that are there. Arguments: disk, size, owner, whether the device is opened (which
// it is on the primary node of an instance that gets new disks), text, exclusive
// storage.
func blockdevCreate(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	owner, open, exclusive := a.text(2), a.flag(3), a.flag(5)
	if a.err != nil {
		return nil, nil
	}
	var err error
	switch d.DevType {
	case "blockdev": // it is there, whatever it holds
	case "drbd":
		err = n.createDevice(d, owner, open, exclusive)
	default:
		err = n.createVolume(d, owner, exclusive)
	}
	if err != nil {
		return nil, err
	}
	if open && d.number() >= 0 {
		n.checkReplacement(owner, d.key(), "made anew")
	}
	return d.key(), nil
}

func (n *node) createVolume(d disk, owner string, exclusive bool) error {
	key := d.key()
	set := n.fleet.shared
	if d.local() {
		set = n.volumes
	}
	v := &volume{owner: owner, disk: d.number(), size: d.Size, content: Blank, upToDate: true, meta: strings.HasSuffix(key, "meta")}
	for _, other := range n.fleet.nodes {
		if o := other.volumes[key]; o != nil && v.disk < 0 {
			v.disk = o.disk
		}
	}
	if err := n.room(d, v, exclusive); err != nil {
		return err
	}
	if set[key] != nil {
		if d.DevType == "plain" {
			return callError(fmt.Sprintf("Can't create block device: Logical volume %q already exists in volume group %q", d.word(1), d.word(0)))
		}
		return callError("Can't create block device: " + key + " already exists")
	}
	set[key] = v
	return nil
}

// room fails if there is no room for a new volume. With exclusive storage it says
// how many physical volumes that takes.
func (n *node) room(d disk, v *volume, exclusive bool) error {
	const failed = "Can't create block device: "
	free := n.freeFile()
	switch d.DevType {
	case "plain":
		group := d.word(0)
		g := n.groups[group]
		if g == nil {
			return callError(fmt.Sprintf("%sCan't compute PV info for vg %s", failed, group))
		}
		free = n.freeGroup(group)
		if exclusive {
			if v.spindles = d.Spindles; v.spindles == 0 {
				return callError(failed + "Unspecified number of spindles: this is requiredwhen exclusive storage is enabled," +
					" try running gnt-cluster repair-disk-sizes")
			}
			if need := needed(g, d.Size); v.spindles < need {
				return callError(fmt.Sprintf("%sRequested number of spindles (%d) is not enough for a disk of %d MB (at least %d spindles needed)",
					failed, v.spindles, d.Size, need))
			}
			if empty := n.freePhysical(group); empty < v.spindles {
				return callError(fmt.Sprintf("%sNot enough empty PVs (spindles) to create a disk of %d MB: %d available, %d needed",
					failed, d.Size, empty, v.spindles))
			}
			return nil
		}
	case "file":
	default:
		return nil
	}
	if free < d.Size {
		return callError(fmt.Sprintf("%snot enough free space: required %d, available %d", failed, d.Size, free))
	}
	return nil
}

func (n *node) createDevice(d disk, owner string, open, exclusive bool) error {
	key := d.key()
	if exclusive {
		return callError("DRBD device requested with exclusive_storage")
	}
	for _, child := range d.Children {
		if n.volumes[child.key()] == nil {
			return callError("Can't create block device: " + child.key() + " is missing")
		}
	}
	if n.drbd[key] != nil {
		return callError("drbd: minor is already in use")
	}
	n.own(d, owner)
	n.drbd[key] = n.newDevice(d, owner)
	v := n.volumes[key]
	v.upToDate = false
	if d.networked() {
		n.connect(key, d.peer(n.spec.UUID), false)
	}
	if open {
		if len(n.copies(key)) == 0 {
			v.upToDate = true // it is forced
			n.agree(key)
		}
		return n.promote(key)
	}
	return nil
}

// blockdevRemove removes a device and, below it, its volumes.
func blockdevRemove(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	if a.err != nil {
		return nil, nil
	}
	return nil, n.remove(d)
}

func (n *node) remove(d disk) error {
	key := d.key()
	switch {
	case d.DevType == "drbd":
		if err := n.shutDown(key); err != nil {
			return err
		}
		for _, child := range d.Children {
			delete(n.volumes, child.key())
		}
	case !d.local():
		delete(n.fleet.shared, key)
	case n.volumes[key] != nil:
		if dev := n.drbd[key]; dev != nil && !dev.diskless {
			return callError(fmt.Sprintf("Can't lvremove: Logical volume %s in use", strings.TrimPrefix(key, "lvm:")))
		}
		n.checkRemoval(n.volumes[key])
		delete(n.volumes, key)
	}
	return nil
}

// blockdevAssemble makes a disk usable. Arguments: disk, instance, as primary,
// index.
func blockdevAssemble(n *node, a *arguments) (interface{}, error) {
	d, i, primary := a.disk(0), a.instance(1), a.flag(2)
	if a.err != nil {
		return nil, nil
	}
	key := d.key()
	switch {
	case d.DevType == "drbd":
		if err := n.assemble(d, i.Name); err != nil {
			return nil, err
		}
		if primary {
			if err := n.promote(key); err != nil {
				return nil, callError("Error while assembling disk: " + err.Error())
			}
		}
	case d.DevType != "blockdev" && n.volumeOf(d) == nil:
		return nil, callError(fmt.Sprintf("Error while assembling disk: Can't activate lv %s", path(key)))
	}
	if !primary {
		return []interface{}{true, true, nil}, nil
	}
	return []interface{}{path(key), nil, nil}, nil
}

func blockdevShutdown(n *node, a *arguments) (interface{}, error) {
	d := a.disk(0)
	if a.err != nil || d.DevType != "drbd" {
		return nil, nil
	}
	return nil, n.shutDown(d.key())
}

// blockdevOpen and blockdevClose take an instance's name and disks.
func blockdevOpen(n *node, a *arguments) (interface{}, error) {
	return n.eachDevice(a.disks(1), "Can't open devices: ", n.promote)
}

func blockdevClose(n *node, a *arguments) (interface{}, error) {
	return n.eachDevice(a.disks(1), "Can't close devices: ", n.demote)
}

// eachDevice does something to the devices of all drbd disks.
func (n *node) eachDevice(disks []disk, failed string, do func(key string) error) (interface{}, error) {
	if err := n.haveDevices(disks); err != nil {
		return nil, err
	}
	for _, d := range disks {
		if d.DevType != "drbd" {
			continue
		}
		if err := do(d.key()); err != nil {
			return nil, callError(failed + err.Error())
		}
	}
	return nil, nil
}

// haveDevices fails if the device of a drbd disk is not set up.
func (n *node) haveDevices(disks []disk) error {
	for _, d := range disks {
		if d.DevType == "drbd" && n.drbd[d.key()] == nil {
			return callError("Can't find device " + d.key())
		}
	}
	return nil
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
		v := n.volumeOf(d)
		if v == nil {
			list = append(list, nil)
			continue
		}
		const mib = 1 << 20
		var spindles interface{}
		if v.spindles > 0 {
			spindles = v.spindles
		}
		list = append(list, []interface{}{int64(v.size) * mib, spindles})
	}
	return list, nil
}

// blockdevRename takes pairs of a disk and a new logical id. Only volumes can be
// renamed.
func blockdevRename(n *node, a *arguments) (interface{}, error) {
	var pairs [][2]json.RawMessage
	a.get(0, &pairs)
	for _, pair := range pairs {
		var d disk
		var id []json.RawMessage
		if json.Unmarshal(pair[0], &d) != nil || json.Unmarshal(pair[1], &id) != nil {
			return nil, callError("blockdev_rename: not a disk and a logical id")
		}
		to := disk{DevType: d.DevType, LogicalID: id}
		v := n.volumes[d.key()]
		switch {
		case d.DevType != "plain":
			return nil, callError("Can't rename a device of type " + d.DevType)
		case v == nil:
			return nil, callError("Can't find device " + d.key() + " in rename")
		case n.volumes[to.key()] != nil:
			return nil, callError(fmt.Sprintf("Can't rename device '%s' to '%s': it already exists", d.key(), to.key()))
		}
		delete(n.volumes, d.key())
		n.volumes[to.key()] = v
	}
	return nil, nil
}
