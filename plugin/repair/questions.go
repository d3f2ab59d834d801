package repair

import (
	"sort"
	"time"

	"ganeti-autorepair/luxi"
)

// Questions are what only a job can tell before disks are made on nodes that are chosen
// here.
type Questions struct {
	// Due are the steps that have room by what is known, and that only answers can still
	// exclude; if there is none nothing is asked.
	Due       []Wish
	Instances []string            // names of the instances whose volume groups are not known
	Nodes     map[string][]string // by kind of storage, names of the nodes that are asked what they have free
	OS        bool                // which operating systems nodes have
}

// Empty reports whether there is nothing to ask.
func (q Questions) Empty() bool { return len(q.Instances) == 0 && len(q.Nodes) == 0 && !q.OS }

// Answers are what a job told. What was not asked or not answered is nil.
type Answers struct {
	Instances map[string]luxi.InstanceData  // by name
	Storage   map[string][]luxi.StorageUnit // by kind
	OSes      map[string]luxi.OS            // by name
}

// Questions returns what has to be asked before the draft becomes a plan: only about
// steps for which there is room, as far as is known.
func (f *Draft) Questions(p *Placer) Questions {
	f.expect(p)
	var q Questions
	instances, nodes := make(map[string]bool), make(map[string]map[string]bool)
	for _, wish := range f.RoomWanted().Choose {
		if !makesDisks(wish.Step) {
			continue
		}
		places, kind := p.places(f.snapshot, wish), StorageKind(wish.Instance.Template)
		if len(places) == 0 {
			continue
		}
		q.Due = append(q.Due, wish)
		demand := p.Demands[wish.Instance.UUID]
		if kind == luxi.StorageLVM && demand.Volumes == nil {
			instances[wish.Instance.Name] = true
		}
		for _, r := range places {
			if p.tells(r, kind, demand) {
				continue
			}
			if nodes[kind] == nil {
				nodes[kind] = make(map[string]bool)
			}
			nodes[kind][r.Node] = true
		}
		q.OS = q.OS || wish.Step == StepReinstall && demand.OS != ""
	}
	q.Instances = sorted(instances)
	for kind, names := range nodes {
		if q.Nodes == nil {
			q.Nodes = make(map[string][]string)
		}
		q.Nodes[kind] = sorted(names)
	}
	return q
}

// tells reports whether it is known what the node has free of all storage that the
// demand may be for.
func (p *Placer) tells(r Room, kind string, demand Demand) bool {
	if kind == "" {
		return true
	}
	if kind == luxi.StorageLVM && demand.Volumes == nil {
		return r.Told[kind]
	}
	if kind == luxi.StorageFile {
		_, known := r.Disk[Storage{Kind: kind}]
		return known
	}
	for _, v := range demand.Volumes {
		if _, known := r.Disk[Storage{Kind: kind, Name: v.Group}]; !known {
			return false
		}
	}
	return true
}

// places returns the nodes that a step may take, as far as is known; none if they are too
// few for it.
func (p *Placer) places(s *Snapshot, wish Wish) []Room {
	p.hopeful = true
	defer func() { p.hopeful = false }()
	w, why := p.want(s, wish.Instance, wish.Step, nil)
	if why != "" {
		return nil
	}
	if nodes, _ := p.choose(w); len(nodes) < nodesOf(wish.Step, wish.Instance) {
		return nil
	}
	own := make(map[string]bool)
	for _, name := range wish.Instance.Nodes() {
		own[name] = true
	}
	var list []Room
	for _, r := range p.Rooms[w.group] {
		if !own[r.Node] && p.refuses(w, r, false) == "" {
			list = append(list, r)
		}
	}
	return list
}

// Answer takes what a job told.
func (p *Placer) Answer(s *Snapshot, a Answers) {
	for name, data := range a.Instances {
		if i := s.Instance(data.UUID); i != nil && i.Name == name {
			p.takeVolumes(s, i, data)
		}
	}
	for kind, units := range a.Storage {
		p.takeStorage(s, kind, units)
	}
	if a.OSes == nil {
		return
	}
	names := make(map[string]string) // of nodes by UUID
	for _, n := range s.Nodes {
		names[n.UUID] = n.Name
	}
	p.Installed = make(map[string]map[string]luxi.NodeOS)
	for name, os := range a.OSes {
		p.Installed[name] = make(map[string]luxi.NodeOS)
		for uuid, at := range os.Nodes {
			p.Installed[name][names[uuid]] = at
		}
	}
}

// takeVolumes takes the logical volumes of an instance.
func (p *Placer) takeVolumes(s *Snapshot, i *Instance, data luxi.InstanceData) {
	demand, ok := p.Demands[i.UUID]
	if !ok {
		return
	}
	demand.Volumes = []Volume{}
	for _, d := range data.Disks {
		for _, v := range d.Volumes() {
			demand.Volumes = append(demand.Volumes, Volume{Group: s.Cluster.VolumeGroupOf(v.VolumeGroup).Name, Size: v.Size, Spindles: v.Spindles})
		}
	}
	p.Demands[i.UUID] = demand
}

// takeStorage takes what nodes have free of a kind of storage. The field dfree, where it
// is about the same, was asked later, and counts whole physical volumes where those are
// given away.
func (p *Placer) takeStorage(s *Snapshot, kind string, units []luxi.StorageUnit) {
	of := make(map[string][]luxi.StorageUnit)
	for _, u := range units {
		of[u.Node] = append(of[u.Node], u)
	}
	for _, rooms := range p.Rooms {
		for k := range rooms {
			r := &rooms[k]
			if len(of[r.Node]) == 0 || kind == luxi.StorageFile && len(of[r.Node]) > 1 {
				continue // there is one directory for file storage
			}
			if r.Told == nil {
				r.Told = make(map[string]bool)
			}
			r.Told[kind] = true
			for _, u := range of[r.Node] {
				storage := Storage{Kind: kind}
				if kind == luxi.StorageLVM {
					storage = s.Cluster.VolumeGroupOf(u.Name)
				}
				if storage.Name != "" || s.Cluster.FreeDisk != kind {
					r.Disk[storage] = u.Free
				}
			}
		}
	}
}

func sorted[V any](set map[string]V) []string {
	var list []string
	for s := range set {
		list = append(list, s)
	}
	sort.Strings(list)
	return list
}

// AnswersLast is how long answers tell anything.
const AnswersLast = time.Hour

// RoomMark is what the reason trail of a job that asks for room says.
var RoomMark = Mark{Kind: MarkProbe, ID: "room"}

// RoomOpCodes returns the job that asks the questions. What may have to wait, for locks or
// for a node that hangs, comes last.
func RoomOpCodes(q Questions, now time.Time) []luxi.OpCode {
	common := luxi.Common{Reason: Trail(RoomMark, Limit{}, now), Priority: luxi.PriorityHigh}
	var ops []luxi.OpCode
	if len(q.Instances) > 0 {
		ops = append(ops, &luxi.InstanceQueryData{Common: common, Instances: q.Instances, Static: true})
	}
	for _, kind := range []string{luxi.StorageLVM, luxi.StorageFile} {
		if nodes := q.Nodes[kind]; len(nodes) > 0 {
			ops = append(ops, &luxi.NodeQueryStorage{Common: common, StorageType: kind, Nodes: nodes})
		}
	}
	if q.OS {
		ops = append(ops, &luxi.OsDiagnose{Common: common})
	}
	return ops
}

// NotBefore returns when the questions may be asked again that were asked at the given
// time and left no room: for a repair that begins at once, else the later the longer
// the newest of the repairs has waited, but at least every hour (P21).
func (q Questions) NotBefore(now, asked time.Time) time.Time {
	wait := AnswersLast
	for _, w := range q.Due {
		if w.Since == 0 {
			return now
		}
		if age := now.Sub(time.Unix(w.Since, 0)) / 4; age < wait {
			wait = age
		}
	}
	return asked.Add(wait)
}
