package luxi

import (
	"encoding/json"
	"strings"
)

// Objects are the instances, nodes and node groups that an opcode names as those it
// is about. Before its job starts names are as they were typed, and there may be no
// UUIDs; afterwards both are complete (CheckArguments and ExpandNames in lib/cmdlib).
type Objects struct {
	Instances, InstanceUUIDs []string
	// Nodes are those that the opcode acts on, not those that it brings something to.
	Nodes, NodeUUIDs []string
	Groups           []string // Groups are names or UUIDs.
	AllNodes         bool     // AllNodes is true if the opcode acts on every node of the cluster.
}

// Objects returns what the opcode is about.
func (o JobOp) Objects() Objects {
	var x Objects
	add := func(list *[]string, name string) {
		if name != "" {
			*list = append(*list, name)
		}
	}
	switch o.ID {
	case OpTagsSet, OpTagsDel:
		switch TagKind(o.Param("kind")) {
		case TagInstance:
			add(&x.Instances, o.Param("name"))
		case TagNode:
			add(&x.Nodes, o.Param("name"))
		case TagGroup:
			add(&x.Groups, o.Param("name"))
		}
		return x
	case OpInstanceMultiAlloc:
		x.Instances = o.allocated()
	default:
		x.Instances = append(x.Instances, o.ParamList("instances")...)
	}
	add(&x.Instances, o.Param("instance_name"))
	add(&x.InstanceUUIDs, o.Param("instance_uuid"))
	for _, list := range []string{"node_names", "on_nodes"} {
		x.Nodes = append(x.Nodes, o.ParamList(list)...)
	}
	add(&x.Nodes, o.Param("node_name"))
	add(&x.NodeUUIDs, o.Param("node_uuid"))
	if o.ID != OpInstanceRecreateDisks { // there they are targets
		x.Nodes = append(x.Nodes, o.ParamList("nodes")...)
		x.NodeUUIDs = append(x.NodeUUIDs, o.ParamList("node_uuids")...)
	}
	add(&x.Groups, o.Param("group_name"))
	switch o.ID {
	case OpOobCommand, OpNodeQueryStorage:
		x.AllNodes = len(x.Nodes) == 0
	}
	return x
}

// allocated returns the names of the instances that an InstanceMultiAlloc makes.
func (o JobOp) allocated() []string {
	var list []json.RawMessage
	if decode(o.Params["instances"], &list) != nil {
		return nil
	}
	var names []string
	for _, raw := range list {
		var name string
		if m, err := object(raw); err == nil && decode(m["instance_name"], &name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// TargetNodes returns the names of the nodes that the opcode names to bring an
// instance or its disks to, the primary node first. There are none where an
// allocator is to choose them, or for the move of a drbd instance, which goes to
// its secondary.
func (o JobOp) TargetNodes() []string {
	var nodes []string
	for _, param := range []string{"pnode", "snode", "target_node", "remote_node"} {
		if name := o.Param(param); name != "" {
			nodes = append(nodes, name)
		}
	}
	if o.ID == OpInstanceRecreateDisks {
		nodes = append(nodes, o.ParamList("nodes")...)
	}
	return nodes
}

// HasInstance reports whether an instance is among them.
func (x Objects) HasInstance(name, uuid string) bool {
	return has(x.Instances, x.InstanceUUIDs, name, uuid)
}

// HasNode reports whether a node is among them.
func (x Objects) HasNode(name, uuid string) bool {
	return x.AllNodes || has(x.Nodes, x.NodeUUIDs, name, uuid)
}

// HasGroup reports whether a node group is among them.
func (x Objects) HasGroup(name, uuid string) bool {
	for _, g := range x.Groups {
		if g == name || g == uuid {
			return true
		}
	}
	return false
}

func has(names, uuids []string, name, uuid string) bool {
	for _, typed := range names {
		if MatchesName(typed, name) {
			return true
		}
	}
	for _, u := range uuids {
		if u != "" && u == uuid {
			return true
		}
	}
	return false
}

// MatchesName reports whether Ganeti may take typed for the instance or node name:
// it is the whole name or its first labels, in capitals or not
// (MatchNameComponent in lib/utils/text.py). Which of several objects it is, where
// more than one matches, is not decided here.
func MatchesName(typed, name string) bool {
	n := len(typed)
	return n > 0 && n <= len(name) && strings.EqualFold(typed, name[:n]) && (n == len(name) || name[n] == '.')
}

// readOnly are opcodes that change neither the configuration nor anything on a node.
var readOnly = map[string]bool{
	"OP_CLUSTER_CONFIG_QUERY": true, "OP_CLUSTER_QUERY": true, "OP_CLUSTER_VERIFY": true, "OP_CLUSTER_VERIFY_CONFIG": true,
	"OP_CLUSTER_VERIFY_DISKS": true, OpClusterVerifyGroup: true, "OP_EXT_STORAGE_DIAGNOSE": true, OpGroupVerifyDisks: true,
	"OP_INSTANCE_CONSOLE": true, OpInstanceQueryData: true, OpNodeQueryStorage: true, "OP_NODE_QUERYVOLS": true, OpOsDiagnose: true,
	"OP_QUERY": true, "OP_QUERY_FIELDS": true, "OP_TAGS_GET": true, "OP_TAGS_SEARCH": true, OpTestAllocator: true, OpTestDelay: true,
}

// ReadOnly reports whether the opcode changes nothing: it is of a kind that never
// does, an OobCommand that only asks, or a dry run. An opcode that is not known here
// may change something.
func (o JobOp) ReadOnly() bool {
	if o.ID == OpOobCommand {
		switch OobAction(o.Param("command")) {
		case OobPowerStatus, OobHealth:
			return true
		}
	}
	return readOnly[o.ID] || o.DryRun()
}
