package luxitest

import (
	"crypto/sha1"
	"fmt"
	"sort"
	"strings"
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
	MaxRunningJobs    int // 20 if zero
	EnabledTemplates  []string

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
	Memory, Storage int // MiB in total
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

// settle fills in what was left empty, makes the state consistent (nothing runs on dead nodes) and reports what
// cannot be right.
func (c *Cluster) settle() error {
	setDefault(&c.Name, "cluster")
	setDefault(&c.SoftwareVersion, "3.0.2")
	c.issue(&c.UUID, "cluster", c.Name)
	if c.MaxRunningJobs == 0 {
		c.MaxRunningJobs = 20
	}
	if c.EnabledTemplates == nil {
		c.EnabledTemplates = []string{Diskless, File, SharedFile, Plain, DRBD, RBD}
	}
	if len(c.Groups) == 0 {
		c.Groups = []*Group{{Name: "default"}}
	}
	for k, g := range c.Groups {
		if c.Group(g.Name) != c.Groups[k] {
			return fmt.Errorf("two groups are named %q", g.Name)
		}
		setDefault(&g.AllocPolicy, "preferred")
		c.issue(&g.UUID, "group", g.Name)
	}
	if len(c.Nodes) == 0 {
		return fmt.Errorf("the cluster has no nodes")
	}
	setDefault(&c.Master, c.Nodes[0].Name)
	if c.Node(c.Master) == nil {
		return fmt.Errorf("the master %q is not a node", c.Master)
	}
	for k, n := range c.Nodes {
		if c.Node(n.Name) != c.Nodes[k] {
			return fmt.Errorf("two nodes are named %q", n.Name)
		}
		setDefault(&n.Group, c.Groups[0].Name)
		if c.Group(n.Group) == nil {
			return fmt.Errorf("node %q: there is no group %q", n.Name, n.Group)
		}
		if n.Offline && n.Drained {
			return fmt.Errorf("node %q cannot be offline and drained at the same time", n.Name)
		}
		c.issue(&n.UUID, "node", n.Name)
	}
	for k, i := range c.Instances {
		if c.Instance(i.Name) != c.Instances[k] {
			return fmt.Errorf("two instances are named %q", i.Name)
		}
		if err := c.settleInstance(i); err != nil {
			return fmt.Errorf("instance %q: %w", i.Name, err)
		}
	}
	return nil
}

func (c *Cluster) settleInstance(i *Instance) error {
	c.issue(&i.UUID, "instance", i.Name)
	setDefault(&i.Template, Diskless)
	setDefault(&i.AdminState, AdminDown)
	setDefault(&i.Hypervisor, "fake")
	if !contains(templates, i.Template) {
		return fmt.Errorf("unknown disk template %q", i.Template)
	}
	if i.AdminState != AdminUp && i.AdminState != AdminDown && i.AdminState != AdminOffline {
		return fmt.Errorf("unknown admin state %q", i.AdminState)
	}
	if i.Primary == "" && !i.Forthcoming {
		return fmt.Errorf("it has no primary node")
	}
	for _, name := range i.Nodes() {
		if name != "" && c.Node(name) == nil {
			return fmt.Errorf("there is no node %q", name)
		}
	}
	switch {
	case i.Template == DRBD && len(i.Secondaries) != 1:
		return fmt.Errorf("a drbd instance has exactly one secondary node")
	case i.Template != DRBD && len(i.Secondaries) != 0:
		return fmt.Errorf("template %s has no secondary nodes", i.Template)
	case i.Template == DRBD && i.Secondaries[0] == i.Primary:
		return fmt.Errorf("primary and secondary are the same node")
	}
	if i.Data.Generation == 0 {
		i.Data.Generation = 1
		switch {
		case i.Template == Diskless:
		case nodeBound(i.Template):
			i.Data.On = i.Nodes()
		default:
			i.Data.On = []string{Everywhere}
		}
	}
	var alive []string
	for _, name := range i.RunsOn {
		if n := c.Node(name); n != nil && !n.Dead {
			alive = append(alive, name)
		}
	}
	i.RunsOn = alive
	return nil
}

// issue makes up a UUID, the same one in every run, but a new one for a second object of the same name.
func (c *Cluster) issue(uuid *string, kind, name string) {
	if c.issued == nil {
		c.issued = make(map[string]int)
	}
	key := kind + " " + name
	if *uuid != "" {
		if *uuid == madeUpUUID(key, 0) && c.issued[key] == 0 {
			c.issued[key] = 1
		}
		return
	}
	*uuid = madeUpUUID(key, c.issued[key])
	c.issued[key]++
}

func madeUpUUID(key string, n int) string {
	h := sha1.Sum([]byte(fmt.Sprintf("%s %d", key, n)))
	return fmt.Sprintf("%x-%x-4%03x-8%03x-%x", h[0:4], h[4:6], int(h[6])<<4&0xfff|int(h[7])>>4, int(h[8])<<4&0xfff|int(h[9])>>4, h[10:16])
}

// matchName is utils.MatchNameComponent: a name, or its unique first component.
func matchName(key string, names []string) (string, bool) {
	found := ""
	for _, n := range names {
		if n == key {
			return n, true
		}
		if strings.HasPrefix(n, key+".") {
			if found != "" {
				return "", false
			}
			found = n
		}
	}
	return found, found != ""
}

func (c *Cluster) expandInstance(key string) *Instance {
	var names []string
	for _, i := range c.Instances {
		names = append(names, i.Name)
	}
	name, _ := matchName(key, names)
	return c.Instance(name)
}

func (c *Cluster) expandNode(key string) *Node {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	name, _ := matchName(key, names)
	return c.Node(name)
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

// freeStorage is what the node's volume group or file system reports; orphaned disks count.
func (c *Cluster) freeStorage(node *Node) int {
	free := node.Storage
	for _, i := range c.Instances {
		if contains(i.Data.On, node.Name) {
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
