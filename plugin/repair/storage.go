package repair

import (
	"fmt"

	"ganeti-autorepair/luxi"
)

// StorageKind is the kind of storage on its nodes that an instance's disks take,
// empty if they take none (MAP_DISK_TEMPLATE_STORAGE_TYPE in lib/_constants.py).
func StorageKind(template string) string {
	switch template {
	case "plain", "drbd":
		return luxi.StorageLVM
	case "file":
		return luxi.StorageFile
	}
	return ""
}

// ReportedStorage is the kind of storage that the field dfree of nodes is about:
// that of the first enabled template whose storage luxid asks nodes about
// (src/Ganeti/Storage/Utils.hs). It is empty if there is none.
func ReportedStorage(enabled []string) string {
	for _, template := range enabled {
		if kind := StorageKind(template); kind != "" {
			return kind
		}
	}
	return ""
}

// SetFreeDisk takes the field dfree. Where it is not known what it is about, it
// stands for every kind.
func (r *Room) SetFreeDisk(s *Snapshot, free int64) {
	for _, kind := range []string{luxi.StorageLVM, luxi.StorageFile} {
		if s.Cluster.FreeDisk == "" || s.Cluster.FreeDisk == kind {
			r.Disk[Storage{Kind: kind}] = free
		}
	}
}

// FreeDisk returns the free disk that SetFreeDisk noted, in MiB, and whether it is known.
func (r *Room) FreeDisk(s *Snapshot) (int64, bool) {
	kind := s.Cluster.FreeDisk
	if kind == "" {
		kind = luxi.StorageLVM
	}
	free, known := r.Disk[Storage{Kind: kind}]
	return free, known
}

// free returns the free disk of a storage that a node has, without what is given away
// there, and whether it is known.
func (p *Placer) free(r Room, storage Storage) (int64, bool) {
	free, known := r.Disk[storage]
	for _, c := range p.named[r.Node] {
		if c.Disk && c.Instance != nil {
			free -= p.Demands[c.Instance.UUID].mayTake(c.Instance.Template, storage)
		}
	}
	return free, known
}

// spindles returns the free physical volumes of a node with exclusive storage, without
// what is given away there.
func (p *Placer) spindles(r Room) int64 {
	free := r.Spindles
	for _, c := range p.named[r.Node] {
		if c.Disk && c.Instance != nil {
			free -= p.Demands[c.Instance.UUID].spindles(c.Instance.Template, r.Spindles)
		}
	}
	return free
}

// lacksDisk returns why the disks of an instance cannot be made on the node, as far as is
// known, or "".
func (p *Placer) lacksDisk(w want, r Room) refusal {
	if w.kind == luxi.StorageLVM && r.Exclusive {
		if why := p.lacksSpindles(w, r); why != "" {
			return why
		}
	}
	why := refusal("")
	for storage, mib := range p.disks(w) {
		free, known := p.free(r, storage)
		switch {
		case known && free < mib:
			return tooLittle
		case !known && storage.Name != "" && r.Told[storage.Kind]:
			if missing := refusal("there is no volume group " + storage.Name + " on"); why == "" || missing < why {
				why = missing
			}
		}
	}
	return why
}

// disks returns what the step takes of each storage of a node, in MiB. It is nil where a
// pass does not know the volume groups: the instance may use others than the cluster's.
func (p *Placer) disks(w want) map[Storage]int64 {
	if w.kind == "" || p.Strict && w.groupsUnknown() {
		return nil
	}
	return w.demand.disks(w.instance.Template)
}

// groupsUnknown reports whether disks are made and it is not known in which volume
// groups.
func (w want) groupsUnknown() bool { return w.kind == luxi.StorageLVM && w.demand.Volumes == nil }

// unknownGroups is why no node can take an instance whose volume groups are not known.
const unknownGroups refusal = "which volume groups its disks are in could not be found out"

// unknown returns what would have to be known of a node, or of the instance, before disks
// are made there, or "".
func (p *Placer) unknown(w want, r Room) refusal {
	if !p.Strict || w.kind == "" {
		return ""
	}
	if w.groupsUnknown() {
		return unknownGroups
	}
	for storage := range p.disks(w) {
		if _, known := r.Disk[storage]; !known {
			return refusal("how much " + storage.Kind + " storage is free could not be found out on")
		}
	}
	if w.step == StepReinstall && p.unknownOS(w.demand.OS, r.Node) {
		return "which operating systems there are could not be found out on"
	}
	return ""
}

// lacksSpindles returns why the volumes of an instance cannot be made on a node that
// gives each physical volume to one of them alone, or "" (LogicalVolume.Create in
// lib/storage/bdev.py, DRBD8Dev.Create in lib/storage/drbd.py).
func (p *Placer) lacksSpindles(w want, r Room) refusal {
	if w.instance.Template == "drbd" {
		return "drbd does not work with the exclusive storage of"
	}
	free, needed := p.spindles(r), int64(0)
	for _, v := range w.demand.Volumes {
		switch {
		case v.Group != "":
			return refusal("how many physical volumes of volume group " + v.Group + " are free is not told by")
		case v.Spindles == 0:
			return "its disks have no number of spindles, which they need (gnt-cluster repair-disk-sizes) on"
		}
		if r.SpindleSize > 0 && v.Size > v.Spindles*r.SpindleSize {
			return refusal(fmt.Sprintf("%d MiB do not fit into %d physical volumes of", v.Size, v.Spindles))
		}
		needed += v.Spindles
	}
	if free < needed {
		return tooLittle
	}
	return ""
}
