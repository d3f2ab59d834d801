package luxi

import "encoding/json"

// The kinds of storage that can say how much room they have (ST_* in
// lib/constants.py), as far as the disks of plain, drbd and file instances need
// them.
const (
	StorageLVM   = "lvm-vg" // StorageLVM: volume groups
	StorageLVMPV = "lvm-pv" // StorageLVMPV: physical volumes of any volume group
	StorageFile  = "file"   // StorageFile: the directory for file storage
)

// NodeQueryStorage asks nodes about their storage of one kind
// (LUNodeQueryStorage in lib/cmdlib/node.py), holding their locks shared. JobOp.Storage
// reads the result. A node that does not answer has no rows in it, and the opcode
// succeeds all the same. It fails if no enabled disk template uses that kind of
// storage.
type NodeQueryStorage struct {
	Common
	// OutputFields are out of node, type, name, size, used, free and allocatable. None
	// means those that JobOp.Storage needs.
	OutputFields []string `json:"output_fields,omitempty"`
	// StorageType is the kind, by default that of the first enabled disk template.
	StorageType string `json:"storage_type,omitempty"`
	// Nodes are the names of the nodes, at least one: Ganeti would ask every node if
	// there were none.
	Nodes []string `json:"nodes"`
	Name  string   `json:"name,omitempty"` // Name is that of the only volume group to be shown.
}

// OpID returns OpNodeQueryStorage.
func (*NodeQueryStorage) OpID() string { return OpNodeQueryStorage }

func (op *NodeQueryStorage) check() (string, string) { return "nodes", needNames(op.Nodes) }

func (op *NodeQueryStorage) fix(params map[string]json.RawMessage) {
	if len(op.OutputFields) == 0 {
		params["output_fields"] = mustJSON(storageFields)
	}
}

// OsDiagnose asks every node that is online and vm_capable which operating systems
// it has (LUOsDiagnose in lib/cmdlib/operating_system.py). It takes no locks.
// JobOp.OSes reads the result.
type OsDiagnose struct {
	Common
	// Names are the operating systems to be told of, without variants; none means
	// all. If no node has one of them the opcode fails.
	Names []string `json:"names,omitempty"`
}

// OpID returns OpOsDiagnose.
func (*OsDiagnose) OpID() string { return OpOsDiagnose }

// fix asks for hidden, blacklisted and invalid, too: Ganeti leaves out operating
// systems that are so unless it is asked whether they are (_BuildFilter).
func (*OsDiagnose) fix(params map[string]json.RawMessage) {
	params["output_fields"] = mustJSON(osFields)
}

// OobAction is what OobCommand has done (OOB_* in lib/constants.py).
type OobAction string

// The actions of OobCommand.
const (
	OobPowerOn     OobAction = "power-on"
	OobPowerOff    OobAction = "power-off"
	OobPowerCycle  OobAction = "power-cycle"
	OobPowerStatus OobAction = "power-status"
	OobHealth      OobAction = "health"
)

// OobCommand runs the out-of-band program of nodes on the master (LUOobCommand in
// lib/cmdlib/misc.py), holding the locks of the nodes. It succeeds also if the
// program fails; JobOp.OobRows reads how it went for each node.
type OobCommand struct {
	Common
	// NodeNames are the names of the nodes, at least one: Ganeti would take an empty
	// list for every node of the cluster.
	NodeNames []string  `json:"node_names"`
	Command   OobAction `json:"command"`
	Timeout   int       `json:"timeout,omitempty"` // Timeout is for the program, in seconds; 0 means Ganeti's default of 60.
	// IgnoreStatus lets OobPowerOff power off nodes that are not marked offline. The
	// master is refused all the same.
	IgnoreStatus bool `json:"ignore_status,omitempty"`
}

// OpID returns OpOobCommand.
func (*OobCommand) OpID() string { return OpOobCommand }

func (op *OobCommand) check() (string, string) {
	if op.Command == "" {
		return "command", "no command"
	}
	return "node_names", needNames(op.NodeNames)
}

// NodeSetParams changes flags of a node (LUNodeSetParams in lib/cmdlib/node.py). A
// flag that is nil stays as it is. Offline and drained exclude each other: setting
// one clears the other.
type NodeSetParams struct {
	Common
	NodeName string `json:"node_name"`
	NodeUUID string `json:"node_uuid,omitempty"`
	Offline  *bool  `json:"offline,omitempty"`
	Drained  *bool  `json:"drained,omitempty"`
	// AutoPromote has other nodes become master candidates where this one ceases to
	// be one. The opcode then takes the locks of all nodes.
	AutoPromote bool `json:"auto_promote,omitempty"`
}

// OpID returns OpNodeSetParams.
func (*NodeSetParams) OpID() string { return OpNodeSetParams }

func (op *NodeSetParams) check() (string, string) {
	return "node_name", needNames([]string{op.NodeName})
}

// needNames returns what is wrong with names for an opcode that takes an empty list
// for everything, and the empty string if nothing is.
func needNames(names []string) string {
	if len(names) == 0 {
		return "an empty list would mean all"
	}
	for _, name := range names {
		if name == "" {
			return "a name is empty"
		}
	}
	return ""
}

// mustJSON returns the JSON of a list of strings.
func mustJSON(list []string) json.RawMessage {
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return b
}
