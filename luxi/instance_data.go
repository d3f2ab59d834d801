package luxi

import "encoding/json"

// LocalDisk is how a node's own copy of a disk is (LDS_* in lib/constants.py).
type LocalDisk int

// The states of a node's own copy of a disk.
const (
	LocalDiskOK      LocalDisk = 1
	LocalDiskSyncing LocalDisk = 2
	LocalDiskUnknown LocalDisk = 3
	// LocalDiskFaulty is a drbd device without its own copy; from Ganeti 3.1 on also
	// one that is not connected (GetSyncStatus in lib/storage/drbd.py).
	LocalDiskFaulty LocalDisk = 4
)

// DiskStatus is the state of a disk on one of its nodes.
type DiskStatus struct {
	Path string // Path is that of the device.
	// Syncing is true while the copies are being made the same; Percent is how much
	// of that is done.
	Syncing bool
	Percent float64
	// Degraded is true if a drbd device is not connected, or if the node's own copy is
	// not up to date.
	Degraded bool
	Local    LocalDisk // Local is how the node's own copy is.
}

// Disk is a disk of an instance, or a part of one.
type Disk struct {
	Name string // Name is for example "disk/0"; the parts of a disk may have none.
	UUID string // UUID is empty for parts that have none.
	Type string // Type is for example "drbd" or "plain" (DT_* in lib/constants.py).
	Size int64  // Size is in MiB.
	// Spindles is how many physical volumes it takes with exclusive storage, 0 if
	// that is not known.
	Spindles int64
	// VolumeGroup and Volume are those of a logical volume, empty for all else.
	VolumeGroup, Volume string
	// Primary and Secondary are the answers of the nodes, nil where a node has no such
	// device, is offline, or was not asked.
	Primary, Secondary *DiskStatus
	// Parts are the devices that this one is made of: of drbd the logical volumes
	// for data and for metadata, on either node.
	Parts []Disk
}

// Volumes returns the logical volumes that the disk takes on each of its nodes.
func (d Disk) Volumes() []Disk {
	if d.VolumeGroup != "" {
		return []Disk{d}
	}
	var list []Disk
	for _, part := range d.Parts {
		list = append(list, part.Volumes()...)
	}
	return list
}

// InstanceData is the result of InstanceQueryData for one instance.
type InstanceData struct {
	Name, UUID  string
	Primary     string   // Primary is the name of the primary node.
	Secondaries []string // Secondaries are names of nodes.
	AdminState  string   // AdminState is "up", "down" or "offline".
	// RunState is "up", "down", "user down" or "offline", and empty where the node
	// was not asked.
	RunState string
	Template string // Template is the disk template.
	OS       string // OS is the operating system, with a variant behind "+" if it has one.
	Disks    []Disk
}

// InstanceData reads the result of an InstanceQueryData that succeeded, by the name
// of the instance. One of which the data cannot be read is missing.
func (o JobOp) InstanceData() (map[string]InstanceData, error) {
	raw, err := o.resultOf(OpInstanceQueryData)
	if err != nil {
		return nil, err
	}
	all, err := object(raw)
	if err != nil {
		return nil, badResult(o.ID, err)
	}
	list := make(map[string]InstanceData, len(all))
	for name, raw := range all {
		if d, err := parseInstanceData(raw); err == nil {
			list[name] = d
		}
	}
	return list, nil
}

func parseInstanceData(raw json.RawMessage) (InstanceData, error) {
	var d InstanceData
	m, err := object(raw)
	if err != nil {
		return d, err
	}
	var runState, os *string
	var disks []json.RawMessage
	for key, dst := range map[string]any{
		"name": &d.Name, "uuid": &d.UUID, "pnode": &d.Primary, "snodes": &d.Secondaries, "config_state": &d.AdminState,
		"run_state": &runState, "disk_template": &d.Template, "os": &os, "disks": &disks,
	} {
		if err := decode(m[key], dst); err != nil {
			return d, err
		}
	}
	if runState != nil {
		d.RunState = *runState
	}
	if os != nil {
		d.OS = *os
	}
	d.Disks, err = parseDisks(disks)
	return d, err
}

func parseDisks(list []json.RawMessage) ([]Disk, error) {
	disks := make([]Disk, len(list))
	for i, raw := range list {
		var err error
		if disks[i], err = parseDisk(raw); err != nil {
			return nil, err
		}
	}
	return disks, nil
}

// parseDisk decodes a disk as _ComputeDiskStatusInner in
// lib/cmdlib/instance_query.py makes it.
func parseDisk(raw json.RawMessage) (Disk, error) {
	var d Disk
	m, err := object(raw)
	if err != nil {
		return d, err
	}
	var name, uuid *string
	var spindles *int64
	var primary, secondary, id json.RawMessage
	var parts []json.RawMessage
	for key, dst := range map[string]any{
		"iv_name": &name, "uuid": &uuid, "dev_type": &d.Type, "size": &d.Size, "spindles": &spindles,
		"pstatus": &primary, "sstatus": &secondary, "children": &parts, "logical_id": &id,
	} {
		if err := decode(m[key], dst); err != nil {
			return d, err
		}
	}
	if name != nil {
		d.Name = *name
	}
	if uuid != nil {
		d.UUID = *uuid
	}
	if spindles != nil {
		d.Spindles = *spindles
	}
	if d.Type == "plain" {
		if err := scanList(id, &d.VolumeGroup, &d.Volume); err != nil {
			return d, err
		}
	}
	if d.Primary, err = parseDiskStatus(primary); err != nil {
		return d, err
	}
	if d.Secondary, err = parseDiskStatus(secondary); err != nil {
		return d, err
	}
	d.Parts, err = parseDisks(parts)
	return d, err
}

// parseDiskStatus decodes null or [path, major, minor, percent synchronized, seconds
// left, degraded, local disk] (_ComputeBlockdevStatus).
func parseDiskStatus(raw json.RawMessage) (*DiskStatus, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	var s DiskStatus
	var path *string
	var percent *float64
	var local *LocalDisk
	if err := scanList(raw, &path, nil, nil, &percent, nil, &s.Degraded, &local); err != nil {
		return nil, err
	}
	if path != nil {
		s.Path = *path
	}
	if percent != nil {
		s.Syncing, s.Percent = true, *percent
	}
	s.Local = LocalDiskUnknown
	if local != nil {
		s.Local = *local
	}
	return &s, nil
}
