package repair

import (
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

// FreeDisk is what SetFreeDisk took.
func (r *Room) FreeDisk(s *Snapshot) (int64, bool) {
	kind := s.Cluster.FreeDisk
	if kind == "" {
		kind = luxi.StorageLVM
	}
	free, known := r.Disk[Storage{Kind: kind}]
	return free, known
}

// disk returns the free disk of a kind that a node has, without what is given away
// there, and whether it is known.
func (p *Placer) disk(r Room, kind string) (int64, bool) {
	free, known := r.Disk[Storage{Kind: kind}]
	for _, c := range p.claims {
		if there, _ := c.on(r.Node); there && c.Disk && c.Instance != nil && StorageKind(c.Instance.Template) == kind {
			free -= p.Demands[c.Instance.UUID].Disk
		}
	}
	return free, known
}

// AddStorage takes the answers of nodes that were asked for their free storage.
func (p *Placer) AddStorage(kind string, free map[string]int64) {
	if p.asked == nil {
		p.asked = make(map[string]bool)
	}
	p.asked[kind] = true
	storage := Storage{Kind: kind}
	for _, rooms := range p.Rooms {
		for _, r := range rooms {
			mib, told := free[r.Node]
			if _, known := r.Disk[storage]; told && !known {
				r.Disk[storage] = mib
			}
		}
	}
}
