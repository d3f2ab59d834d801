package repair

import (
	"sort"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Snapshot is what a pass knows of the cluster: read once, never changed.
type Snapshot struct {
	Time       time.Time // when reading began
	Cluster    Cluster
	Groups     map[string]*Group       // by UUID
	Nodes      map[string]*Node        // by name
	Instances  []*Instance             // in luxid's order: by name, web2 before web10
	Jobs       map[luxi.JobID]*JobFact // the jobs that open repairs name
	Unfinished []luxi.JobInfo          // every unfinished job of the queue
	// NewestJob is the highest number of a job in the queue and its archive, if NewestKnown
	// says that it was asked for (S14).
	NewestJob   luxi.JobID
	NewestKnown bool
	// Targets are the nodes that allocators have chosen for unfinished jobs, by job.
	Targets map[luxi.JobID]string
	Past    Past              // what earlier jobs left behind, of the instances that need it
	Rules   []luxi.FilterRule // the job filters (C7)
	// Suspects are the instances, by UUID, that a failed job may have left otherwise than
	// the configuration says, with the job.
	Suspects map[string]luxi.JobID
	// TakenBack are the jobs that passes have canceled before they began, as far as they are
	// remembered: no person did (S13).
	TakenBack map[luxi.JobID]bool
	// PastJobs and Said are what Past was made from, and PastUpTo is the newest job that
	// was looked at for it: a fresh look goes on from there.
	PastJobs []*JobFact
	Said     []Acknowledgement
	PastUpTo luxi.JobID
	// Whole is the snapshot of all instances that this one, of some of them, goes on from; nil
	// if this one has all.
	Whole *Snapshot
	Disks DiskFacts // what is known of disks on good nodes, and of starts that failed
	// RoomTests are the last tests for room, by repair id, as far as they are remembered.
	RoomTests map[string]RoomTest
}

// Cluster is what is needed of the cluster itself.
type Cluster struct {
	Name, UUID, Master string
	Tags               tagstore.Tags
	IAllocator         string   // the default allocator; may be empty
	FreeDisk           string   // the kind of storage that nodes' free disk is of; empty if not known
	VolumeGroup        string   // of all nodes; empty if there is none
	Exclusions         []string // what the exclusion tags of instances begin with
	Slots              int      // jobs that the queue runs at a time; 0 if luxid did not say
	WipesDisks         bool     // new disks are overwritten first, which takes as long as they are big
}

// Group is a node group.
type Group struct {
	UUID, Name string
	Tags       tagstore.Tags
}

// Node is a node with the flags that matter here.
type Node struct {
	Name, UUID, Group string // Group is a UUID
	Offline, Drained  bool
	VMCapable         bool
	Tags              tagstore.Tags
	Modified          int64 // Unix time in seconds of its last change in the configuration; 0 if not known
	// Answers says that the node answered when it was asked, which only those with tags
	// are that are to go then (T12).
	Answers bool
	// SilentSince is the Unix time in seconds since which the node, which is not offline, has
	// not answered, as far as passes remember; 0 if it is not known to be silent (K2).
	SilentSince int64
	// NotMarked is why the last pass did not mark the node, which is silent, offline, and
	// WhyNotMarked the same in words; empty where nodes are not marked (K5).
	NotMarked    MarkReason
	WhyNotMarked string
	// Unused says that no instance has the node as primary or secondary; false if that
	// is not known.
	Unused bool
}

// Usable reports whether new instances may be placed on the node (P11).
func (n *Node) Usable() bool { return !n.Offline && !n.Drained && n.VMCapable }

// Instance is an instance with its place. Place is only Known where it was
// read: of one whose nodes are all fine it may not be.
type Instance struct {
	UUID, Name  string
	Tags        tagstore.Tags
	PlaceKnown  bool
	Primary     string   // node name; empty if the configuration has none
	Secondaries []string // node names
	Template    string   // disk template as Ganeti computes it: "drbd", "mixed", ...
	AdminState  string   // "up", "down" or "offline"
	Forthcoming bool     // a reservation, not an instance yet
	// AlwaysFailover is be/always_failover: Ganeti fails it over where it is asked to
	// migrate it (P18).
	AlwaysFailover bool
	Hypervisor     string // "kvm", "xen-pvm", ...; empty if not known
	// DisksActive is Ganeti's own record of whether the disks are active; nil if not known.
	// What decides is in Snapshot.Disks.
	DisksActive *bool
	Live        *Live // nil unless it was asked for
}

// Nodes returns the primary node and the secondary nodes.
func (i *Instance) Nodes() []string { return append([]string{i.Primary}, i.Secondaries...) }

// Live is what the instance's primary node says.
type Live struct {
	Status string // lib/_constants.py INSTST_*: "running", "ADMIN_down", "ERROR_down", ...
}

// NoteUnusedNodes notes which nodes no instance uses, where the places of all instances
// are known.
func (s *Snapshot) NoteUnusedNodes() {
	used := make(map[string]bool)
	for _, i := range s.Instances {
		for _, name := range i.Nodes() {
			used[name] = true
		}
	}
	for _, n := range s.Nodes {
		n.Unused = !used[n.Name]
	}
}

// BrokenNodes are the names of the nodes that are offline or drained.
func (s *Snapshot) BrokenNodes() []string {
	var names []string
	for _, node := range s.Nodes {
		if node.Condition() != NodeOK {
			names = append(names, node.Name)
		}
	}
	NiceSort(names)
	return names
}

// Group returns the node group of the instance's primary node, or nil.
func (s *Snapshot) Group(i *Instance) *Group {
	if n := s.Nodes[i.Primary]; n != nil {
		return s.Groups[n.Group]
	}
	return nil
}

// GroupID returns the UUID of the node group of the instance's primary node; it is
// empty if that is not known.
func (s *Snapshot) GroupID(i *Instance) string {
	if g := s.Group(i); g != nil {
		return g.UUID
	}
	return ""
}

// policy resolves the instance's policy at the time of the snapshot.
func (s *Snapshot) policy(i *Instance) tagstore.Policy {
	objects := append(make([]tagstore.Object, 0, 3), tagstore.Object{Kind: luxi.TagInstance, Name: i.Name, Tags: i.Tags})
	if g := s.Group(i); g != nil {
		objects = append(objects, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
	objects = append(objects, tagstore.Object{Kind: luxi.TagCluster, Tags: s.Cluster.Tags})
	return tagstore.EffectivePolicy(s.Time.Unix(), objects...)
}

// JobsOf returns what came of the jobs with the given numbers.
func (s *Snapshot) JobsOf(ids []luxi.JobID) []*JobFact {
	var list []*JobFact
	for _, id := range ids {
		f := s.Jobs[id]
		if f == nil {
			f = NewJobFact(luxi.JobInfo{ID: id})
		}
		list = append(list, f)
	}
	return list
}

// Instance returns the instance with the UUID, or nil.
func (s *Snapshot) Instance(uuid string) *Instance {
	for _, i := range s.Instances {
		if i.UUID == uuid {
			return i
		}
	}
	return nil
}

// SortedNodes returns the nodes by name.
func (s *Snapshot) SortedNodes() []*Node {
	var list []*Node
	for _, n := range s.Nodes {
		list = append(list, n)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Name < list[b].Name })
	return list
}

// SortedGroups returns the node groups by name.
func (s *Snapshot) SortedGroups() []*Group {
	var list []*Group
	for _, g := range s.Groups {
		list = append(list, g)
	}
	sort.Slice(list, func(a, b int) bool { return NiceLess(list[a].Name, list[b].Name) })
	return list
}
