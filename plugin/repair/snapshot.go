package repair

import (
	"sort"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Snapshot is what a pass knows of the cluster: read once, never changed.
type Snapshot struct {
	Time      time.Time // when reading began
	Cluster   Cluster
	Groups    map[string]*Group       // by UUID
	Nodes     map[string]*Node        // by name
	Instances []*Instance             // in luxid's order: by name, web2 before web10
	Jobs      map[luxi.JobID]*JobFact // the jobs that open repairs name
	Running   []luxi.JobInfo          // every unfinished job of the queue
	// Half holds, by instance UUID, a replace-disks of anybody's that may have left
	// half a copy on the secondary node. It is known where a failover comes next,
	// as long as the job is in the queue.
	Half map[string]*JobFact
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
	Live        *Live    // nil unless it was asked for
}

// Nodes returns the primary node and the secondary nodes.
func (i *Instance) Nodes() []string { return append([]string{i.Primary}, i.Secondaries...) }

// Live is what the instance's primary node says.
type Live struct {
	Status string // lib/_constants.py INSTST_*: "running", "ADMIN_down", "ERROR_down", ...
}

// JobFact is a job that an open repair names, with what came of it.
type JobFact struct {
	Info    luxi.JobInfo
	Outcome Outcome
	Step    Step   // the step it was to take, read from its opcodes; empty if unknown
	Detail  string // the error that ended it, in Ganeti's words
}

// BrokenNodes are the names of the nodes that are offline or drained.
func (s *Snapshot) BrokenNodes() []string {
	var names []string
	for _, node := range s.Nodes {
		if node.Condition() != NodeOK {
			names = append(names, node.Name)
		}
	}
	sort.Strings(names)
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

// Instance returns the instance with the UUID, or nil.
func (s *Snapshot) Instance(uuid string) *Instance {
	for _, i := range s.Instances {
		if i.UUID == uuid {
			return i
		}
	}
	return nil
}

// SortedGroups returns the node groups by name.
func (s *Snapshot) SortedGroups() []*Group {
	var list []*Group
	for _, g := range s.Groups {
		list = append(list, g)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Name < list[b].Name })
	return list
}
