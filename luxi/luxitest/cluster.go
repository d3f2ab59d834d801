package luxitest

import (
	"sort"
	"time"
)

// Disk templates, as Ganeti names them (constants.DT_*).
const (
	Diskless   = "diskless"
	SharedFile = "sharedfile"
	File       = "file"
	Plain      = "plain"
	DRBD       = "drbd"
	Gluster    = "gluster"
	RBD        = "rbd"
	Ext        = "ext"
	BlockDev   = "blockdev"
	Mixed      = "mixed"
)

// Admin states of an instance (constants.ADMINST_*).
const (
	AdminUp      = "up"
	AdminDown    = "down"
	AdminOffline = "offline"
)

// Everywhere stands in Data.On for storage that all nodes share.
const Everywhere = "*"

// FailingOS is an operating system whose scripts fail; all others install.
const FailingOS = "failing"

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
	EnabledTemplates  []string // the first one tells which storage the nodes' free disk space is of

	Groups    []*Group
	Nodes     []*Node
	Instances []*Instance

	issued map[string]int // how often a UUID was made up for "kind name"
	ghosts []*Instance    // instances removed by a job, kept for what became of their data
}

// Group is a node group.
type Group struct {
	Name, UUID  string
	AllocPolicy string // "preferred" if empty
	Tags        []string
}

// Node is a node. Offline and Drained are the administrator's flags; Dead is the truth: the machine does not answer
// and nothing runs there. The two are independent of each other.
type Node struct {
	Name, UUID      string
	Group           string // the first group if empty
	Tags            []string
	Offline         bool
	Drained         bool
	NotVMCapable    bool
	Dead            bool
	Memory, Storage int // MiB in total; Storage is that of the volume group
	FileStorage     int // MiB of the file system in total; as much as Storage if zero
}

// Instance is an instance. Where it really runs is told by RunsOn, which may disagree with Primary and with
// AdminState: an instance that was failed over from a node which is only flagged offline runs twice.
type Instance struct {
	Name, UUID  string
	Tags        []string
	Primary     string
	Secondaries []string // drbd only
	Template    string
	AdminState  string
	RunsOn      []string
	Memory      int // MiB
	DiskSize    int // MiB
	OS          string
	Hypervisor  string
	Forthcoming bool
	Data        Data

	disksLeft bool // disks_active although down: it was stopped while its node was offline
}

// Data is what became of the contents of an instance's disks: the truth that tests assert.
type Data struct {
	// Generation is 1 for the contents the instance began with and grows whenever they are replaced by others:
	// by blank disks, by a fresh installation, or by a stale replica. A test that expects an operation to
	// preserve data checks that Generation is still 1.
	Generation int
	Recreated  int // how many RECREATE_DISKS got as far as making disks
	Reinstalls int // how many REINSTALL got as far as running the OS scripts
	// On lists the nodes that hold a complete set of disks, orphans included; Everywhere for shared storage.
	On []string
	// History tells what replaced the contents, oldest first.
	History []string
}

func (d *Data) replaced(by string) {
	d.Generation++
	d.History = append(d.History, by)
}

// Running reports whether the instance runs on its primary node.
func (i *Instance) Running() bool { return contains(i.RunsOn, i.Primary) }

// Nodes lists the primary and the secondary nodes.
func (i *Instance) Nodes() []string { return append([]string{i.Primary}, i.Secondaries...) }

// HasDisksOn reports whether a complete set of the instance's disks is on the node.
func (i *Instance) HasDisksOn(node string) bool {
	return i.Template == Diskless || contains(i.Data.On, node) || contains(i.Data.On, Everywhere)
}

// extMirrored and intMirrored are constants.DTS_EXT_MIRROR and DTS_INT_MIRROR; diskless really is external.
func extMirrored(template string) bool {
	switch template {
	case Diskless, SharedFile, Gluster, RBD, Ext, BlockDev:
		return true
	}
	return false
}

func intMirrored(template string) bool { return template == DRBD }

func nodeBound(template string) bool {
	return template == File || template == Plain || template == DRBD
}

var templates = []string{Diskless, SharedFile, File, Plain, DRBD, Gluster, RBD, Ext, BlockDev, Mixed}

// usualTemplates are enabled unless a cluster says otherwise.
var usualTemplates = []string{DRBD, Plain, File, Diskless, SharedFile, RBD}

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
func (c *Cluster) Removed() []*Instance { return c.ghosts }

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
	d.Groups, d.Nodes, d.Instances, d.ghosts = nil, nil, nil, nil
	for _, g := range c.Groups {
		h := *g
		h.Tags = clone(g.Tags)
		d.Groups = append(d.Groups, &h)
	}
	for _, n := range c.Nodes {
		m := *n
		m.Tags = clone(n.Tags)
		d.Nodes = append(d.Nodes, &m)
	}
	for _, i := range c.Instances {
		d.Instances = append(d.Instances, i.clone())
	}
	for _, i := range c.ghosts {
		d.ghosts = append(d.ghosts, i.clone())
	}
	d.issued = make(map[string]int, len(c.issued))
	for k, v := range c.issued {
		d.issued[k] = v
	}
	return &d
}

func (i *Instance) clone() *Instance {
	j := *i
	j.Tags, j.Secondaries, j.RunsOn = clone(i.Tags), clone(i.Secondaries), clone(i.RunsOn)
	j.Data.On, j.Data.History = clone(i.Data.On), clone(i.Data.History)
	return &j
}

// freeMemory is what the node's hypervisor reports.
func (c *Cluster) freeMemory(node *Node) int {
	free := node.Memory
	for _, i := range c.Instances {
		if contains(i.RunsOn, node.Name) {
			free -= i.Memory
		}
	}
	return free
}

// Kinds of storage on nodes (constants.ST_*).
const (
	storageLVM  = "lvm-vg"
	storageFile = "file"
)

// storageKind is the kind of storage on nodes that a disk template uses, "" for none.
func storageKind(template string) string {
	switch template {
	case Plain, DRBD:
		return storageLVM
	case File:
		return storageFile
	}
	return ""
}

// reportedStorage is the kind of storage that a node's free disk space is of: that of the first enabled template with
// storage reporting, or else that of the volume group (hs:Storage/Utils.hs getClusterStorageUnitRaws).
func (c *Cluster) reportedStorage() string {
	for _, t := range c.EnabledTemplates {
		if kind := storageKind(t); kind != "" {
			return kind
		}
	}
	return storageLVM
}

func (n *Node) storage(kind string) int {
	if kind == storageFile && n.FileStorage > 0 {
		return n.FileStorage
	}
	return n.Storage
}

// freeStorage is what the node's volume group or file system reports; orphaned disks count.
func (c *Cluster) freeStorage(node *Node, kind string) int {
	free := node.storage(kind)
	for _, i := range c.Instances {
		if contains(i.Data.On, node.Name) && storageKind(i.Template) == kind {
			free -= i.DiskSize
		}
	}
	return free
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func clone(s []string) []string { return append([]string(nil), s...) }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func with(list []string, s string) []string {
	if contains(list, s) {
		return list
	}
	return append(clone(list), s)
}

func without(list []string, s string) []string {
	var rest []string
	for _, x := range list {
		if x != s {
			rest = append(rest, x)
		}
	}
	return rest
}

func sortedCopy(list []string) []string {
	s := clone(list)
	sort.Strings(s)
	return s
}
