package luxitest

import (
	"fmt"
	"strings"
	"time"
)

// execution is an opcode made ready to run: what Ganeti calls a logical unit (py:cmdlib/base.py).
type execution struct {
	// locks returns the locks wanted on one level, when that level is reached (DeclareLocks).
	locks func(level int) lockSet
	// check is CheckPrereq: it may fail and must not change anything.
	check func(*execution) *opError
	// steps are Exec, done one after the other.
	steps  []step
	result any
	// alone makes the opcode wait until no other job runs (REQ_BGL).
	alone bool
	// failed is called when the opcode fails in its execution.
	failed func(*opError)
	// finally is called when the execution ends, however it does, and returns the error that the opcode ends with.
	finally func(*execution, *opError) *opError
	// hangs is set by a step after which the opcode stands still.
	hangs bool

	// Set by the queue before check is called.
	log    func(format string, args ...any)
	narrow func(level string, keep map[string]bool)
}

// step is a part of an opcode's execution.
type step struct {
	after time.Duration // time from the end of the step before
	do    func(*execution) *opError
	point FaultPoint // the point that is reached when the step is done, if any
}

// reaches reports whether one of the steps ends at the point.
func (e *execution) reaches(p FaultPoint) bool {
	for _, s := range e.steps {
		if s.point == p {
			return true
		}
	}
	return false
}

// has reports whether a fault can strike at the point.
func (e *execution) has(p FaultPoint) bool { return p == AtChecks || p == AtExec || e.reaches(p) }

func (e *execution) info(format string, args ...any) { e.log(" - INFO: "+format, args...) }
func (e *execution) warn(format string, args ...any) { e.log(" - WARNING: "+format, args...) }

func prereq(code, format string, args ...any) *opError {
	return &opError{"OpPrereqError", []string{fmt.Sprintf(format, args...), code}}
}

func execError(format string, args ...any) *opError {
	return &opError{"OpExecError", []string{fmt.Sprintf(format, args...)}}
}

// defaultDurations are how long opcodes run, roughly as on a small cluster.
var defaultDurations = map[string]time.Duration{
	"TAGS_SET":                300 * time.Millisecond,
	"TAGS_DEL":                300 * time.Millisecond,
	"INSTANCE_FAILOVER":       10 * time.Second,
	"INSTANCE_MIGRATE":        20 * time.Second,
	"INSTANCE_REPLACE_DISKS":  60 * time.Second,
	"INSTANCE_RECREATE_DISKS": 10 * time.Second,
	"INSTANCE_SHUTDOWN":       10 * time.Second,
	"INSTANCE_REINSTALL":      10 * time.Second,
	"INSTANCE_STARTUP":        10 * time.Second,
}

// duration is how long the opcode runs; one second if nothing is known about it.
func (m *Master) duration(op *queuedOp) time.Duration {
	return m.durationOf(strings.TrimPrefix(op.id, "OP_"))
}

func (m *Master) durationOf(name string) time.Duration {
	if d, ok := m.opts.Durations[name]; ok {
		return d
	}
	if d, ok := defaultDurations[name]; ok {
		return d
	}
	return time.Second
}

// executors make the opcodes ready to run.
var executors map[string]func(*Master, *queuedOp) (*execution, *opError)

func init() {
	executors = map[string]func(*Master, *queuedOp) (*execution, *opError){
		"OP_TAGS_SET":                  (*Master).prepareTags,
		"OP_TAGS_DEL":                  (*Master).prepareTags,
		"OP_TEST_DELAY":                (*Master).prepareDelay,
		"OP_INSTANCE_FAILOVER":         (*Master).prepareMove,
		"OP_INSTANCE_MIGRATE":          (*Master).prepareMove,
		"OP_INSTANCE_REPLACE_DISKS":    (*Master).prepareReplace,
		"OP_INSTANCE_RECREATE_DISKS":   (*Master).prepareRecreate,
		"OP_INSTANCE_ACTIVATE_DISKS":   (*Master).prepareActivate,
		"OP_INSTANCE_DEACTIVATE_DISKS": (*Master).prepareDeactivate,
		"OP_INSTANCE_REINSTALL":        (*Master).prepareReinstall,
		"OP_INSTANCE_STARTUP":          (*Master).prepareStartup,
		"OP_INSTANCE_SHUTDOWN":         (*Master).prepareShutdown,
		"OP_INSTANCE_RENAME":           (*Master).prepareRename,
		"OP_INSTANCE_REMOVE":           (*Master).prepareRemove,
		"OP_INSTANCE_SET_PARAMS":       (*Master).prepareInstanceParams,
		"OP_INSTANCE_QUERY_DATA":       (*Master).prepareQueryData,
		"OP_NODE_QUERY_STORAGE":        (*Master).prepareStorage,
		"OP_NODE_SET_PARAMS":           (*Master).prepareNodeParams,
		"OP_NODE_ADD":                  (*Master).prepareNodeAdd,
		"OP_NODE_REMOVE":               (*Master).prepareNodeRemove,
		"OP_NODE_EVACUATE":             (*Master).prepareEvacuate,
		"OP_NODE_MIGRATE":              (*Master).prepareNodeMigrate,
		"OP_OOB_COMMAND":               (*Master).prepareOob,
		"OP_GROUP_ASSIGN_NODES":        (*Master).prepareAssignNodes,
		"OP_GROUP_EVACUATE":            (*Master).prepareGroupEvacuate,
		"OP_GROUP_VERIFY_DISKS":        (*Master).prepareVerifyDisks,
		"OP_CLUSTER_VERIFY_GROUP":      (*Master).prepareVerifyGroup,
		"OP_OS_DIAGNOSE":               (*Master).prepareOsDiagnose,
	}
}

// prepare is an opcode's CheckArguments and ExpandNames, which run before any lock is taken.
func (m *Master) prepare(op *queuedOp) (*execution, *opError) {
	if f := executors[op.id]; f != nil {
		return f(m, op)
	}
	return nil, execError("luxitest: %s is not simulated", op.id)
}

// expandInstance implements ExpandInstanceUuidAndName (py:cmdlib/common.py). It completes the opcode's parameters.
func (m *Master) expandInstance(op *queuedOp, forthcoming bool) *opError {
	i := m.cluster.expandInstance(op.text("instance_name"))
	if i == nil {
		return prereq(codeNoEnt, "Instance '%s' not known", op.text("instance_name"))
	}
	if uuid := op.text("instance_uuid"); uuid != "" && uuid != i.UUID {
		return prereq(codeNotUnique, "The instances UUID '%s' does not match the expected UUID '%s' for instance '%s'."+
			" Maybe the instance changed since you submitted this job.", i.UUID, uuid, i.Name)
	}
	op.params["instance_name"], op.params["instance_uuid"] = i.Name, i.UUID
	if i.Forthcoming && !forthcoming {
		return &opError{"OpPrereqError", []string{"forthcoming instances not supported for this operation"}}
	}
	return nil
}

// expandNode implements ExpandNodeUuidAndName. An empty name is left alone.
func (m *Master) expandNode(op *queuedOp, param string) *opError {
	name := op.text(param)
	if name == "" {
		return nil
	}
	n := m.cluster.expandNode(name)
	if n == nil {
		return prereq(codeNoEnt, "Node '%s' not known", name)
	}
	uuidParam := strings.TrimSuffix(param, "_name") + "_uuid"
	if uuid := op.text(uuidParam); uuid != "" && uuid != n.UUID {
		return prereq(codeNotUnique, "The nodes UUID '%s' does not match the expected UUID '%s' for node '%s'."+
			" Maybe the node changed since you submitted this job.", n.UUID, uuid, n.Name)
	}
	op.params[param], op.params[uuidParam] = n.Name, n.UUID
	return nil
}

// locked finds the instance an opcode has locked. It is found by its UUID, so that a
// rename by Edit does no harm.
func (m *Master) locked(op *queuedOp) (*Instance, *opError) {
	i := m.cluster.instanceByUUID(op.text("instance_uuid"))
	if i == nil {
		return nil, execError("Cannot retrieve locked instance %s", op.text("instance_name"))
	}
	return i, nil
}

// instanceLocks locks the opcode's instance and, on the node level, the nodes that the function returns.
func (m *Master) instanceLocks(op *queuedOp, nodes func(*Instance) []string) func(int) lockSet {
	return func(level int) lockSet {
		switch {
		case level == levelInstance:
			return lockSet{"instance/" + op.text("instance_name"): true}
		case level == levelNode && nodes != nil:
			if i, err := m.locked(op); err == nil {
				return m.nodeLocks(nodes(i))
			}
		}
		return nil
	}
}

// resourceLocks is instanceLocks for opcodes that lock the resources of the same nodes as well.
func (m *Master) resourceLocks(op *queuedOp, nodes func(*Instance) []string) func(int) lockSet {
	locks := m.instanceLocks(op, nodes)
	return func(level int) lockSet {
		if level != levelNodeRes {
			return locks(level)
		}
		return resources(locks(levelNode))
	}
}

// resources returns the locks of the resources of nodes.
func resources(nodes lockSet) lockSet {
	want := lockSet{}
	for name, exclusive := range nodes {
		want["node-res/"+strings.TrimPrefix(name, "node/")] = exclusive
	}
	return want
}

func (m *Master) nodeLocks(names []string) lockSet {
	want := lockSet{}
	for _, name := range names {
		if name == Everywhere {
			return lockSet{"node/" + lockset: true}
		}
		if n := m.cluster.Node(name); n != nil {
			want["node/"+n.UUID] = true
		}
	}
	return want
}

// everyNode stands for all nodes where locks are taken (locking.ALL_SET).
var everyNode = []string{Everywhere}

// shared makes locks shared ones.
func shared(want lockSet) lockSet {
	for name := range want {
		want[name] = false
	}
	return want
}

func (m *Master) allNodes() []string {
	var names []string
	for _, n := range m.cluster.Nodes {
		names = append(names, n.Name)
	}
	return names
}

func (m *Master) groupNodes(group string) []string {
	var names []string
	for _, n := range m.cluster.Nodes {
		if n.Group == group {
			names = append(names, n.Name)
		}
	}
	return names
}

// keepNodes implements ReleaseLocks: it gives up all locks of node groups, and of nodes and their resources all but those of the
// named nodes.
func (m *Master) keepNodes(e *execution, names []string) {
	m.releaseLevel(e, "nodegroup/")
	m.keepLocks(e, "node/", names)
	m.keepLocks(e, "node-res/", names)
}

// keepLocks gives up the locks of one level, but for those of the named nodes.
func (m *Master) keepLocks(e *execution, level string, names []string) {
	keep := make(map[string]bool)
	for _, name := range names {
		if n := m.cluster.Node(name); n != nil {
			keep[level+n.UUID] = true
		}
	}
	e.narrow(level, keep)
}

// releaseLevel gives up all locks of one level.
func (m *Master) releaseLevel(e *execution, level string) { m.keepLocks(e, level, nil) }

// rpc returns the error of a call to the node daemon of a node, "" if the call would succeed.
func (m *Master) rpc(name string) string {
	n := m.cluster.Node(name)
	switch {
	case n == nil:
		return "Unknown node"
	case n.Offline:
		return "Node is marked offline"
	case n.Dead:
		return fmt.Sprintf("Error 7: Failed to connect to %s port 1811 after 0 ms: Couldn't connect to server", name)
	}
	return ""
}

// checkOnline implements CheckNodeOnline, which looks at the flag only.
func (m *Master) checkOnline(name, msg string) *opError {
	if msg == "" {
		msg = "Can't use offline node"
	}
	if m.cluster.Node(name).Offline {
		return prereq(codeState, "%s: %s", msg, name)
	}
	return nil
}

// checkNotDrained implements CheckNodeNotDrained.
func (m *Master) checkNotDrained(name string) *opError {
	if m.cluster.Node(name).Drained {
		return prereq(codeState, "Can't use drained node %s", name)
	}
	return nil
}

// checkMemory implements CheckNodeFreeMemory.
func (m *Master) checkMemory(name, reason string, need int) *opError {
	if msg := m.rpc(name); msg != "" {
		return prereq(codeEnviron, "Can't get data from node %s: %s", name, msg)
	}
	if free := m.cluster.freeMemory(m.cluster.Node(name)); need > free {
		return prereq(codeNoRes, "Not enough memory on node %s for %s: needed %d MiB, available %d MiB", name, reason, need, free)
	}
	return nil
}

// checkState implements CheckInstanceState (py:cmdlib/common.py).
func (m *Master) checkState(e *execution, i *Instance, msg string, states ...string) *opError {
	if msg == "" {
		msg = "can't use instance from outside " + strings.Join(states, ", ") + " states"
	}
	if !contains(states, i.AdminState) {
		return prereq(codeState, "Instance '%s' is marked to be %s, %s", i.Name, i.AdminState, msg)
	}
	if contains(states, AdminUp) {
		return nil
	}
	if m.cluster.Node(i.Primary).Offline {
		e.warn("Primary node offline, ignoring check that instance is down")
		return nil
	}
	if fail := m.rpc(i.Primary); fail != "" {
		return prereq(codeEnviron, "Can't contact node %s for instance information: %s", i.Primary, fail)
	}
	if i.Running() {
		return prereq(codeState, "Instance %s is running, %s", i.Name, msg)
	}
	return nil
}

// chooseAllocator implements CheckIAllocatorOrNode: it fills in the cluster's default allocator.
func (m *Master) chooseAllocator(op *queuedOp, nodeGiven bool) *opError {
	allocator := op.text("iallocator")
	switch {
	case nodeGiven && allocator != "":
		return prereq(codeInval, "Do not specify both, iallocator and node")
	case !nodeGiven && allocator == "" || allocator == ".":
		if m.cluster.DefaultIAllocator == "" {
			return prereq(codeInval, "No iallocator or node given and no cluster-wide default iallocator found;"+
				" please specify either an iallocator or a node, or set a cluster-wide default iallocator")
		}
		op.params["iallocator"] = m.cluster.DefaultIAllocator
	}
	return nil
}

func (m *Master) effect(format string, args ...any) { m.note(LogEffect, format, args...) }
