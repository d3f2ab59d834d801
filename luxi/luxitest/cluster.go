package luxitest

import "time"

// Cluster is the whole state of a simulated cluster, except for its job queue. Nodes, groups and instances refer to
// each other by name.
type Cluster struct {
	Name              string
	UUID              string // made up if empty, like all other UUIDs
	Tags              []string
	Master            string // name of the master node; the first node if empty
	SoftwareVersion   string // "3.0.2" if empty
	DefaultIAllocator string // "" means none; Parse sets "hail", as gnt-cluster init does
	NoCapacityChecks  bool   // default_iallocator_params holds "no-capacity-checks"
	WatcherPause      time.Time
	QueueDrained      bool
	MaxRunningJobs    int      // 20 if zero
	CandidatePool     int      // candidate_pool_size, 10 if zero
	Complaints        []string // what CLUSTER_VERIFY_GROUP says of any group, without "  - "
	EnabledTemplates  []string // the first one tells which storage the nodes' free disk space is of
	WipesDisks        bool     // prealloc_wipe_disks
	ExclusiveStorage  bool     // the node parameter exclusive_storage, for all nodes

	Groups    []*Group
	Nodes     []*Node
	Instances []*Instance

	// Cuts are pairs of nodes between which drbd does not replicate.
	Cuts [][2]string

	issued  map[string]int // how often a UUID was made up for "kind name"
	removed []*Instance    // instances removed by a job, kept for what became of their data
}

// Group is a node group.
type Group struct {
	Name, UUID       string
	AllocPolicy      string // "preferred" if empty
	Tags             []string
	ExclusiveStorage bool // the node parameter, for the nodes of the group
}

// Group returns the group of that name, or nil.
func (c *Cluster) Group(name string) *Group {
	for _, g := range c.Groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Node returns the node of that name, or nil.
func (c *Cluster) Node(name string) *Node {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Instance returns the instance of that name, or nil.
func (c *Cluster) Instance(name string) *Instance {
	for _, i := range c.Instances {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// Removed lists the instances that INSTANCE_REMOVE jobs deleted.
func (c *Cluster) Removed() []*Instance { return c.removed }

// RemoveInstance takes the instance of that name out of the configuration.
func (c *Cluster) RemoveInstance(name string) {
	for k, i := range c.Instances {
		if i.Name == name {
			c.Instances = append(c.Instances[:k:k], c.Instances[k+1:]...)
			return
		}
	}
}

func (c *Cluster) instanceByUUID(uuid string) *Instance {
	for _, i := range c.Instances {
		if i.UUID == uuid {
			return i
		}
	}
	return nil
}

func (c *Cluster) nodeByUUID(uuid string) *Node {
	for _, n := range c.Nodes {
		if n.UUID == uuid {
			return n
		}
	}
	return nil
}

// Clone returns a deep copy.
func (c *Cluster) Clone() *Cluster {
	d := *c
	d.Tags = clone(c.Tags)
	d.EnabledTemplates = clone(c.EnabledTemplates)
	d.Cuts = append([][2]string(nil), c.Cuts...)
	d.Groups, d.Nodes, d.Instances, d.removed = nil, nil, nil, nil
	for _, g := range c.Groups {
		h := *g
		h.Tags = clone(g.Tags)
		d.Groups = append(d.Groups, &h)
	}
	for _, n := range c.Nodes {
		d.Nodes = append(d.Nodes, n.clone())
	}
	for _, i := range c.Instances {
		d.Instances = append(d.Instances, i.clone())
	}
	for _, i := range c.removed {
		d.removed = append(d.removed, i.clone())
	}
	d.issued = make(map[string]int, len(c.issued))
	for k, v := range c.issued {
		d.issued[k] = v
	}
	return &d
}
