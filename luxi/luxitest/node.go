package luxitest

import "time"

// Node is a node. Offline and Drained are the administrator's flags; Dead is the truth: the machine does not answer
// and nothing runs there. The two are independent of each other.
type Node struct {
	Name, UUID       string
	Group            string // the first group if empty
	Tags             []string
	Offline          bool
	Drained          bool
	NotVMCapable     bool
	NotMasterCapable bool
	Regular          bool // no master candidate although it could be one; all others that can be are
	Dead             bool
	Memory, Storage  int // MiB in total; Storage is that of the cluster's volume group
	CPUs             int // 16 if zero
	FileStorage      int // MiB of the file system in total; as much as Storage if zero

	// VGs are further volume groups with their sizes in MiB. NoVG takes the cluster's own volume group away.
	VGs  map[string]int
	NoVG bool
	// PVs is the number of physical volumes that the cluster's volume group has, 1 if zero.
	PVs              int
	ExclusiveStorage bool // the node parameter exclusive_storage

	// OSes are the operating systems whose scripts the node has; nil means those of every instance.
	OSes []string

	// OOB says what the node's out-of-band program does; "" means that there is none.
	OOB        OOB
	PoweredOff bool // what Ganeti has noted, the opposite of the field powered

	// MTime is when the node's configuration last changed; the master's creation if zero.
	MTime time.Time
}

// OOB is the behaviour of an out-of-band program (OOB_COMMAND).
type OOB string

// The behaviours of out-of-band programs. All of them tell the truth about the power, but for OOBDeceives.
const (
	OOBNone     OOB = ""
	OOBWorks    OOB = "works"    // it does what it is asked for
	OOBFails    OOB = "fails"    // it ends with an error
	OOBLies     OOB = "lies"     // power-off, -on and -cycle end well and do nothing
	OOBDeceives OOB = "deceives" // as OOBLies, and power-status tells what was asked for
	OOBHangs    OOB = "hangs"    // it does not end; Ganeti gives up after the opcode's timeout
)

var oobs = []string{string(OOBWorks), string(OOBFails), string(OOBLies), string(OOBDeceives), string(OOBHangs)}

func (n *Node) clone() *Node {
	m := *n
	m.Tags, m.OSes = clone(n.Tags), clone(n.OSes)
	if n.OSes != nil && m.OSes == nil {
		m.OSes = []string{}
	}
	m.VGs = nil
	for name, size := range n.VGs {
		if m.VGs == nil {
			m.VGs = make(map[string]int)
		}
		m.VGs[name] = size
	}
	return &m
}

// online reports whether the node is in use and answers: what is on it can be reached.
func (n *Node) online() bool { return !n.Offline && !n.Dead }

// candidate reports whether the node is a master candidate.
func (n *Node) candidate() bool { return !n.Offline && !n.Drained && !n.NotMasterCapable && !n.Regular }

// hasOS reports whether the node has the scripts of an operating system.
func (n *Node) hasOS(name string) bool { return n.OSes == nil || contains(n.OSes, osName(name)) }

// cpus is the number of processors.
func (n *Node) cpus() int {
	if n.CPUs > 0 {
		return n.CPUs
	}
	return 16
}
