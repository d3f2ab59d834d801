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
			r.Disk[kind] = free
		}
	}
}

// FreeDisk is what setFreeDisk took.
func (r *Room) FreeDisk(s *Snapshot) (int64, bool) {
	kind := s.Cluster.FreeDisk
	if kind == "" {
		kind = luxi.StorageLVM
	}
	free, known := r.Disk[kind]
	return free, known
}

// takeDisk gives MiB away, if it is known how many there are.
func (r *Room) takeDisk(kind string, mib int64) {
	if free, known := r.Disk[kind]; known {
		r.Disk[kind] = free - mib
	}
}

// AddStorage takes the answers of nodes that were asked for their free storage, less what
// is reserved there.
func (p *Placer) AddStorage(kind string, free map[string]int64) {
	if p.asked == nil {
		p.asked = make(map[string]bool)
	}
	p.asked[kind] = true
	for _, rooms := range p.Rooms {
		for k := range rooms {
			r := &rooms[k]
			mib, told := free[r.Node]
			if _, known := r.Disk[kind]; known || !told {
				continue
			}
			r.Disk[kind] = mib
			for _, pr := range p.reservations {
				if pr.moves || StorageKind(pr.Instance.Template) != kind {
					continue
				}
				for _, name := range pr.nodes {
					if name == r.Node {
						r.takeDisk(kind, p.Demands[pr.Instance.UUID].Disk)
					}
				}
			}
		}
	}
}
