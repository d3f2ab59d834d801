package luxi

import "encoding/json"

// ReplaceMode says which disks InstanceReplaceDisks replaces (REPLACE_DISK_*
// in lib/constants.py).
type ReplaceMode string

// The modes of InstanceReplaceDisks.
const (
	ReplaceAuto         ReplaceMode = "replace_auto"          // ReplaceAuto: the faulty ones, in place
	ReplaceOnPrimary    ReplaceMode = "replace_on_primary"    // ReplaceOnPrimary: those on the primary, in place
	ReplaceOnSecondary  ReplaceMode = "replace_on_secondary"  // ReplaceOnSecondary: those on the secondary, in place
	ReplaceNewSecondary ReplaceMode = "replace_new_secondary" // ReplaceNewSecondary: the secondary, by another node
)

// InstanceReplaceDisks rebuilds mirrors of a DRBD instance
// (LUInstanceReplaceDisks in lib/cmdlib/instance_storage.py). The mode
// ReplaceNewSecondary needs one of RemoteNode and IAllocator, the other modes
// need both to be empty.
type InstanceReplaceDisks struct {
	Common
	InstanceName string      `json:"instance_name"`
	InstanceUUID string      `json:"instance_uuid,omitempty"`
	Mode         ReplaceMode `json:"mode"`
	// Disks are the indices of the disks, for ReplaceOnPrimary and
	// ReplaceOnSecondary; none means all.
	Disks      []int  `json:"disks,omitempty"`
	RemoteNode string `json:"remote_node,omitempty"`
	IAllocator string `json:"iallocator,omitempty"`
}

// OpID returns OpInstanceReplaceDisks.
func (*InstanceReplaceDisks) OpID() string { return OpInstanceReplaceDisks }

// InstanceRecreateDisks makes all disks of an instance anew and empty
// (LUInstanceRecreateDisks in lib/cmdlib/instance_storage.py): on Nodes, which
// must be as many as the instance has now, primary first; on nodes chosen by
// IAllocator; or, with neither, where they were.
type InstanceRecreateDisks struct {
	Common
	InstanceName string   `json:"instance_name"`
	InstanceUUID string   `json:"instance_uuid,omitempty"`
	Nodes        []string `json:"nodes,omitempty"`
	IAllocator   string   `json:"iallocator,omitempty"`
}

// OpID returns OpInstanceRecreateDisks.
func (*InstanceRecreateDisks) OpID() string { return OpInstanceRecreateDisks }

// InstanceActivateDisks assembles the disks of an instance and marks them as active
// (LUInstanceActivateDisks in lib/cmdlib/instance_storage.py). If it fails, they
// are marked as inactive, also those of a running instance.
type InstanceActivateDisks struct {
	Common
	InstanceName string `json:"instance_name"`
	InstanceUUID string `json:"instance_uuid,omitempty"`
	// WaitForSync has the opcode end when the mirrors are complete, and fail if they
	// are degraded.
	WaitForSync bool `json:"wait_for_sync,omitempty"`
	// IgnoreSize accepts disks whose size is not the recorded one.
	IgnoreSize bool `json:"ignore_size,omitempty"`
}

// OpID returns OpInstanceActivateDisks.
func (*InstanceActivateDisks) OpID() string { return OpInstanceActivateDisks }

// InstanceDeactivateDisks shuts down the disks of an instance and marks them as
// inactive (LUInstanceDeactivateDisks in lib/cmdlib/instance_storage.py). One that
// runs is refused with ECodeState.
type InstanceDeactivateDisks struct {
	Common
	InstanceName string `json:"instance_name"`
	InstanceUUID string `json:"instance_uuid,omitempty"`
}

// OpID returns OpInstanceDeactivateDisks.
func (*InstanceDeactivateDisks) OpID() string { return OpInstanceDeactivateDisks }

// InstanceQueryData reads what the configuration says of instances, and, unless
// Static is set, what their nodes say of them and their disks (LUInstanceQueryData
// in lib/cmdlib/instance_query.py). JobOp.InstanceData reads the result. It takes
// the locks of the instances and all that belongs to them shared, none if Static is
// set. One node that is online but does not answer fails the whole opcode.
type InstanceQueryData struct {
	Common
	// Instances are names of instances, at least one: Ganeti would take an empty list
	// for all instances.
	Instances []string `json:"instances"`
	Static    bool     `json:"static,omitempty"`
}

// OpID returns OpInstanceQueryData.
func (*InstanceQueryData) OpID() string { return OpInstanceQueryData }

func (op *InstanceQueryData) check() (string, string) { return "instances", needNames(op.Instances) }

// fix asks for locks where the nodes are asked; Ganeti would take them anyway, with
// a warning.
func (op *InstanceQueryData) fix(params map[string]json.RawMessage) {
	if !op.Static {
		params["use_locking"] = json.RawMessage("true")
	}
}
