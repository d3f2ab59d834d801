package luxi

import "encoding/json"

// What the parameters that recur in these opcodes mean is said once, in doc.go.

// InstanceFailover stops an instance, if it runs, and starts it on another
// node (LUInstanceFailover in lib/cmdlib/instance_migration.py). A DRBD
// instance goes to its secondary and must be given neither TargetNode nor
// IAllocator; one on shared storage goes where those say, by default to the
// choice of the cluster's allocator.
type InstanceFailover struct {
	Common
	InstanceName    string `json:"instance_name"`
	InstanceUUID    string `json:"instance_uuid,omitempty"`
	TargetNode      string `json:"target_node,omitempty"`
	IAllocator      string `json:"iallocator,omitempty"`
	ShutdownTimeout int    `json:"shutdown_timeout,omitempty"`
}

// OpID returns OpInstanceFailover.
func (*InstanceFailover) OpID() string { return OpInstanceFailover }

// InstanceMigrate moves a running instance to another node without stopping it
// (LUInstanceMigrate in lib/cmdlib/instance_migration.py). Targets are as for
// InstanceFailover. One that does not run, or whose primary node is offline,
// is refused with ECodeState. Its memory is never reduced so that it fits: the
// parameter allow_runtime_changes is always false.
type InstanceMigrate struct {
	Common
	InstanceName string `json:"instance_name"`
	InstanceUUID string `json:"instance_uuid,omitempty"`
	TargetNode   string `json:"target_node,omitempty"`
	IAllocator   string `json:"iallocator,omitempty"`
}

// OpID returns OpInstanceMigrate.
func (*InstanceMigrate) OpID() string { return OpInstanceMigrate }

func (*InstanceMigrate) fix(params map[string]json.RawMessage) {
	params["allow_runtime_changes"] = json.RawMessage("false")
}

// InstanceReinstall runs the OS installation on the disks of a stopped
// instance, destroying what is on them (LUInstanceReinstall in
// lib/cmdlib/instance_operation.py).
type InstanceReinstall struct {
	Common
	InstanceName string `json:"instance_name"`
	InstanceUUID string `json:"instance_uuid,omitempty"`
	// OSType is the OS to install, by default the one the instance has.
	OSType string `json:"os_type,omitempty"`
}

// OpID returns OpInstanceReinstall.
func (*InstanceReinstall) OpID() string { return OpInstanceReinstall }

// InstanceStartup starts an instance and marks it as to be up
// (LUInstanceStartup in lib/cmdlib/instance_operation.py). One that runs
// already is a success.
type InstanceStartup struct {
	Common
	InstanceName string `json:"instance_name"`
	InstanceUUID string `json:"instance_uuid,omitempty"`
}

// OpID returns OpInstanceStartup.
func (*InstanceStartup) OpID() string { return OpInstanceStartup }

// InstanceShutdown stops an instance and marks it as to be down
// (LUInstanceShutdown in lib/cmdlib/instance_operation.py). One that is
// stopped already is a success.
type InstanceShutdown struct {
	Common
	InstanceName string `json:"instance_name"`
	InstanceUUID string `json:"instance_uuid,omitempty"`
	// Timeout is how long a polite shutdown may take before the hypervisor
	// kills the instance, in seconds.
	Timeout int `json:"timeout,omitempty"`
}

// OpID returns OpInstanceShutdown.
func (*InstanceShutdown) OpID() string { return OpInstanceShutdown }

// TagsSet adds tags to an object (LUTagsSet in lib/cmdlib/tags.py). A tag that
// is there already is left as it is. A tag has 1 to 128 letters, digits and
// characters out of ".+*/:@-_". The name must be a name, not a UUID; it is
// ignored for the cluster.
type TagsSet struct {
	Common
	Kind TagKind  `json:"kind"` // Kind is the kind of the object.
	Name string   `json:"name"` // Name is the object's name.
	Tags []string `json:"tags"` // Tags are the tags concerned.
}

// OpID returns OpTagsSet.
func (*TagsSet) OpID() string { return OpTagsSet }

func (op *TagsSet) fix(params map[string]json.RawMessage) { fixTags(op.Kind, op.Tags, params) }

// TagsDel removes tags from an object (LUTagsDel in lib/cmdlib/tags.py). If
// one of them is not there the opcode fails with ECodeNoEnt and none is
// removed.
type TagsDel struct {
	Common
	Kind TagKind  `json:"kind"` // Kind is the kind of the object.
	Name string   `json:"name"` // Name is the object's name.
	Tags []string `json:"tags"` // Tags are the tags concerned.
}

// OpID returns OpTagsDel.
func (*TagsDel) OpID() string { return OpTagsDel }

func (op *TagsDel) fix(params map[string]json.RawMessage) { fixTags(op.Kind, op.Tags, params) }

// fixTags sets what luxid wants for the cluster's name and for no tags.
func fixTags(kind TagKind, tags []string, params map[string]json.RawMessage) {
	if kind == TagCluster {
		params["name"] = json.RawMessage("null")
	}
	if tags == nil {
		params["tags"] = json.RawMessage("[]")
	}
}

// TestDelay does nothing for a while (LUTestDelay in lib/cmdlib/test.py). With
// OnMaster false it takes no lock; with OnMaster true, which is Ganeti's own
// default, it holds the lock of the master node all the time.
type TestDelay struct {
	Common
	Duration float64 `json:"duration"`  // Duration is in seconds; the job fails unless it is positive.
	OnMaster bool    `json:"on_master"` // OnMaster makes the master node wait, not only the job.
	// Interruptible makes the job listen on a unix socket on the master, whose
	// path is in its log; a connection that is closed there ends the delay at
	// once, with success (_InterruptibleDelay in lib/cmdlib/test.py).
	Interruptible bool `json:"interruptible,omitempty"`
}

// OpID returns OpTestDelay.
func (*TestDelay) OpID() string { return OpTestDelay }
