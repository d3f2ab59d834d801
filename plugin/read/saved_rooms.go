package read

import (
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// SavedStorage is what a node has free beside its free disk, in MiB, as far as it is
// known.
type SavedStorage struct {
	VolumeGroups map[string]int64 `json:"free_in_volume_groups,omitempty"` // by name
	Files        *int64           `json:"free_file_storage,omitempty"`
	// Exclusive says that the node gives each physical volume to one disk alone; the
	// others how many of them are free then, and what one holds.
	Exclusive          bool  `json:"exclusive_storage,omitempty"`
	PhysicalVolumes    int64 `json:"free_physical_volumes,omitempty"`
	PhysicalVolumeSize int64 `json:"physical_volume_size,omitempty"`
}

// SavedNeeds are what an instance needs of its nodes beside memory and disk, as far as it
// is known.
type SavedNeeds struct {
	MemoryInUse int64         `json:"memory_in_use,omitempty"` // MiB
	OS          string        `json:"os,omitempty"`
	Volumes     []SavedVolume `json:"volumes,omitempty"`
	Exclusions  []string      `json:"exclusion_tags,omitempty"`
}

// SavedVolume is a logical volume.
type SavedVolume struct {
	VolumeGroup string `json:"volume_group"`
	Size        int64  `json:"size"` // MiB
	Spindles    int64  `json:"spindles,omitempty"`
}

func saveStorage(s *repair.Snapshot, r repair.Room) SavedStorage {
	list := SavedStorage{Exclusive: r.Exclusive, PhysicalVolumes: r.Spindles, PhysicalVolumeSize: r.SpindleSize}
	for storage, free := range r.Disk {
		free := free
		switch {
		case storage.Name == "" && !r.Told[storage.Kind] && (s.Cluster.FreeDisk == "" || s.Cluster.FreeDisk == storage.Kind):
			// That is the free disk, and nobody asked for more.
		case storage.Kind == luxi.StorageFile:
			list.Files = &free
		default:
			if list.VolumeGroups == nil {
				list.VolumeGroups = make(map[string]int64)
			}
			list.VolumeGroups[s.Cluster.GroupName(storage.Name)] = free
		}
	}
	return list
}

// saveOSes returns the operating systems of a node, nil if it did not say.
func saveOSes(p *repair.Placer, node string) *map[string][]string {
	told := p.Installed != nil && len(p.Installed) == 0
	list := make(map[string][]string)
	for name, nodes := range p.Installed {
		at, ok := nodes[node]
		told = told || ok
		if ok && at.Valid {
			list[name] = append([]string{}, at.Variants...)
		}
	}
	if !told {
		return nil
	}
	return &list
}

func saveNeeds(s *repair.Snapshot, d repair.Demand) SavedNeeds {
	n := SavedNeeds{MemoryInUse: d.MemoryInUse, OS: d.OS, Exclusions: d.Exclusions}
	for _, v := range d.Volumes {
		n.Volumes = append(n.Volumes, SavedVolume{s.Cluster.GroupName(v.Group), v.Size, v.Spindles})
	}
	return n
}

// placer restores what was known of room. What unfinished jobs are going to take is told
// by the jobs.
func (f *Saved) placer(s *repair.Snapshot) *repair.Placer {
	p := repair.NewPlacer()
	p.Unfinished(s)
	for _, n := range f.Nodes {
		if n.Memory == nil || !s.Nodes[n.Name].Usable() {
			continue
		}
		p.Rooms[n.Group] = append(p.Rooms[n.Group], n.room(s))
	}
	f.restoreOSes(p)
	for _, i := range f.Instances {
		if i.Memory == nil || i.Disk == nil {
			continue
		}
		d := repair.Demand{Memory: *i.Memory, Disk: *i.Disk, MemoryInUse: i.MemoryInUse, OS: i.OS, Exclusions: i.Exclusions}
		for _, v := range i.Volumes {
			d.Volumes = append(d.Volumes, repair.Volume{Group: s.Cluster.VolumeGroupOf(v.VolumeGroup).Name, Size: v.Size, Spindles: v.Spindles})
		}
		p.Demands[i.UUID] = d
		p.LivesOn(i.Primary, i.Name, i.Exclusions)
	}
	return p
}

// room restores what a node that said it has free.
func (n SavedNode) room(s *repair.Snapshot) repair.Room {
	r := repair.Room{
		Node: n.Name, Group: n.Group, Memory: *n.Memory, Disk: map[repair.Storage]int64{},
		Exclusive: n.Exclusive, Spindles: n.PhysicalVolumes, SpindleSize: n.PhysicalVolumeSize,
	}
	if n.Disk != nil {
		r.SetFreeDisk(s, *n.Disk)
	}
	if n.Files != nil {
		r.Disk[repair.Storage{Kind: luxi.StorageFile}] = *n.Files
	}
	for name, free := range n.VolumeGroups {
		r.Disk[s.Cluster.VolumeGroupOf(name)] = free
	}
	if len(n.VolumeGroups) > 0 {
		r.Told = map[string]bool{luxi.StorageLVM: true}
	}
	return r
}

// restoreOSes restores what nodes said of their operating systems.
func (f *Saved) restoreOSes(p *repair.Placer) {
	for _, n := range f.Nodes {
		if n.OSes == nil {
			continue
		}
		if p.Installed == nil {
			p.Installed = make(map[string]map[string]luxi.NodeOS)
		}
		for name := range *n.OSes {
			p.Installed[name] = make(map[string]luxi.NodeOS)
		}
	}
	for name, nodes := range p.Installed {
		for _, n := range f.Nodes {
			if n.OSes == nil {
				continue
			}
			variants, there := (*n.OSes)[name]
			nodes[n.Name] = luxi.NodeOS{Valid: there, Variants: variants}
		}
	}
}
