package luxitest

import "strings"

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

var templates = []string{Diskless, SharedFile, File, Plain, DRBD, Gluster, RBD, Ext, BlockDev, Mixed}

// usualTemplates are enabled unless a cluster says otherwise.
var usualTemplates = []string{DRBD, Plain, File, Diskless, SharedFile, RBD}

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

// Admin states of an instance (constants.ADMINST_*).
const (
	AdminUp      = "up"
	AdminDown    = "down"
	AdminOffline = "offline"
)

// hypervisors are the known ones, with what each says when it is to migrate an instance ("" where it can). The texts are
// those of py:hypervisor/hv_*.py.
var hypervisors = map[string]string{
	"fake": "", "kvm": "", "xen-pvm": "", "xen-hvm": "",
	"chroot": "Migration not supported by the chroot hypervisor",
	"lxc":    "Migration is not supported by the LXC hypervisor",
}

// Everywhere stands in Data.On for storage that all nodes share.
const Everywhere = "*"

// FailingOS is an operating system whose scripts fail; all others install.
const FailingOS = "failing"

// osName is an operating system's name without its variant.
func osName(os string) string {
	name, _, _ := strings.Cut(os, "+")
	return name
}

// Instance is an instance. Where it really runs is told by RunsOn, which may disagree with Primary and with
// AdminState: an instance that was failed over from a node which is only flagged offline runs twice.
type Instance struct {
	Name, UUID     string
	Tags           []string
	Primary        string
	Secondaries    []string // drbd only
	Template       string
	AdminState     string
	DisksActive    bool // Ganeti's disks_active; set for what is up when a cluster is made, and by Edit with AdminState
	RunsOn         []string
	Memory         int // MiB, be/maxmem and what it uses
	MinMemory      int // MiB, be/minmem; Memory if zero
	RunningMemory  int // MiB that it uses since it was ballooned; Memory if zero
	VCPUs          int // 1 if zero
	AlwaysFailover bool
	DiskSize       int    // MiB
	VG             string // volume group of its disk; the cluster's if empty
	OS             string
	Hypervisor     string
	Forthcoming    bool
	Data           Data
}

// Data is what became of the contents of an instance's disks: the truth that tests assert.
type Data struct {
	// Generation is 1 for the contents the instance began with and grows whenever they are replaced by others:
	// by blank disks, by a fresh installation, or by a copy that lacks writes. A test that expects an operation to
	// preserve data checks that Generation is still 1.
	Generation int
	Recreated  int // how many RECREATE_DISKS got as far as making disks
	Reinstalls int // how many REINSTALL got as far as running the OS scripts
	// On lists the nodes that hold a complete set of disks, orphans included; Everywhere for shared storage. Whether
	// such a copy lacks writes is told by the instance's Lacks.
	On []string
	// Partial lists the nodes with an incomplete copy: a replace-disks is writing it, or left it so.
	Partial []string
	// Failed lists the nodes on which drbd has lost its local disk and goes on without it ("Diskless"), whether its volumes
	// are there or not.
	Failed []string
	// History tells what replaced the contents, oldest first.
	History []string

	blank   bool              // the disks were recreated and nothing was installed since
	written int               // counts writes that not all copies got
	writes  map[string]writes // by node
	lost    writes            // of these, those that the instance was started without
	waits   string            // the node whose device waits for the other end, which stands alone
}

func (d *Data) replaced(by string) {
	d.Generation++
	d.History = append(d.History, by)
}

func (d *Data) clone() Data {
	e := *d
	e.On, e.Partial, e.Failed, e.History = clone(d.On), clone(d.Partial), clone(d.Failed), clone(d.History)
	e.lost = append(writes(nil), d.lost...)
	e.writes = make(map[string]writes, len(d.writes))
	for node, w := range d.writes {
		e.writes[node] = append(writes(nil), w...)
	}
	return e
}

func (i *Instance) clone() *Instance {
	j := *i
	j.Tags, j.Secondaries, j.RunsOn = clone(i.Tags), clone(i.Secondaries), clone(i.RunsOn)
	j.Data = i.Data.clone()
	return &j
}

// Running reports whether the instance runs on its primary node.
func (i *Instance) Running() bool { return contains(i.RunsOn, i.Primary) }

// Nodes lists the primary and the secondary nodes.
func (i *Instance) Nodes() []string { return append([]string{i.Primary}, i.Secondaries...) }

// HasDisksOn reports whether a complete set of the instance's disks is on the node.
func (i *Instance) HasDisksOn(node string) bool {
	return i.Template == Diskless || contains(i.Data.On, node) || contains(i.Data.On, Everywhere)
}

// minMemory is what the instance needs at least.
func (i *Instance) minMemory() int {
	if i.MinMemory > 0 {
		return i.MinMemory
	}
	return i.Memory
}

// usedMemory is what the instance uses where it runs.
func (i *Instance) usedMemory() int {
	if i.RunningMemory > 0 {
		return i.RunningMemory
	}
	return i.Memory
}

// cpus is the number of virtual processors.
func (i *Instance) cpus() int {
	if i.VCPUs > 0 {
		return i.VCPUs
	}
	return 1
}
