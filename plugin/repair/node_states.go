package repair

import (
	"ganeti-autorepair/luxi"
)

// NodeState says how far a node is from being free of instances. Scripts may rely on the
// words.
type NodeState string

// The states of nodes (N1).
const (
	NodeLost    NodeState = "lost"    // offline, with instances left
	NodeSilent  NodeState = "silent"  // not offline, and it does not answer (K2)
	NodeStuck   NodeState = "stuck"   // drained, and all that is left is blocked
	NodeLeaving NodeState = "leaving" // offline or drained, and something goes on there
	NodeEmpty   NodeState = "empty"   // offline or drained, and safe to switch off
	NodeUsual   NodeState = "ok"      // neither offline nor drained
)

// NodeStates are all states of nodes, in the order in which users see them.
var NodeStates = []NodeState{NodeLost, NodeSilent, NodeStuck, NodeLeaving, NodeEmpty, NodeUsual}

// NodeStatus is the state of one node and what it comes from.
type NodeStatus struct {
	Node  *Node
	State NodeState
	// Left are the instances that have the node as primary or secondary, in the order of
	// the instances. Of a node that is neither offline nor drained there may be more, as not
	// all places are known, and none is pending.
	Left []LeftInstance
	Jobs []luxi.JobInfo // unfinished jobs that have the node, or may have it
	// Unused says that no instance has the node in the configuration. A job may have it still.
	Unused bool
}

// LeftInstance is an instance that a node still has.
type LeftInstance struct {
	Decision Decision
	Primary  bool // the node is its primary
	Pending  bool // it leaves the node without anybody's doing; false if it is blocked
}

// Pending counts the instances that leave without anybody's doing.
func (n NodeStatus) Pending() int {
	count := 0
	for _, l := range n.Left {
		if l.Pending {
			count++
		}
	}
	return count
}

// AllBlocked reports whether the node has instances left, and none of them leaves
// without anybody's doing.
func (n NodeStatus) AllBlocked() bool { return len(n.Left) > 0 && n.Pending() == 0 }

// NodeStatusesOf returns the states of all nodes, by name. It asks nobody: they follow
// from the snapshot and the decisions of the plan (N1).
func NodeStatusesOf(p *Plan) []NodeStatus {
	s := p.Snapshot
	left := make(map[string][]LeftInstance)
	unplaced := make(map[string]bool) // nodes of reservations, which have nothing there
	for _, d := range p.Decisions {
		if !d.Instance.PlaceKnown {
			continue
		}
		for k, name := range d.Instance.Nodes() {
			switch {
			case name == "" || k > 0 && name == d.Instance.Primary:
			case d.Instance.Forthcoming:
				unplaced[name] = true
			default:
				left[name] = append(left[name], LeftInstance{Decision: d, Primary: k == 0})
			}
		}
	}
	var list []NodeStatus
	for _, n := range s.SortedNodes() {
		status := NodeStatus{Node: n, State: NodeUsual, Left: left[n.Name]}
		if n.Condition() != NodeOK {
			for k := range status.Left {
				status.Left[k].Pending = leaves(s, status.Left[k].Decision)
			}
			status.Jobs = s.jobsAt(n)
			status.Unused = len(status.Left) == 0 && (n.Unused || unplaced[n.Name])
			status.State = nodeState(status)
		}
		if n.SilentSince != 0 && status.State != NodeEmpty {
			status.State = NodeSilent
		}
		list = append(list, status)
	}
	return list
}

// nodeState returns the state of a node that is offline or drained.
func nodeState(n NodeStatus) NodeState {
	switch {
	case len(n.Left) > 0 && n.Node.Offline:
		return NodeLost
	case n.AllBlocked():
		return NodeStuck
	case len(n.Jobs) > 0 || !n.Unused:
		// What an instance that is not known has there is not known to be gone.
		return NodeLeaving
	}
	return NodeEmpty
}

// leaves reports whether an instance leaves the node that is offline or drained without
// anybody's doing: a job has it, or a pass goes on with it.
func leaves(s *Snapshot, d Decision) bool {
	if d.Reason.GoesOn() {
		return true
	}
	_, busy := s.BusyJob(d.Instance, nil)
	return busy
}

// GoesOn reports whether an instance with this reason, which needs a repair, gets it by
// passes alone. Room, the end of a suspension, and an answer of a node that is silent may
// come by themselves as well, but nobody knows that they do.
func (r Reason) GoesOn() bool {
	switch r {
	case ReasonHealthy, ReasonSuspended, ReasonNoRoom, ReasonNoLiveStatus:
		return false
	}
	return !r.Info().Person
}

// jobsAt returns the unfinished jobs that have the node, or may have it.
func (s *Snapshot) jobsAt(n *Node) []luxi.JobInfo {
	var list []luxi.JobInfo
	for _, job := range s.Unfinished {
		if s.mayBeAt(job, n) {
			list = append(list, job)
		}
	}
	return list
}

// mayBeAt reports whether an unfinished job has the node, or may have it. An instance
// leaves its node in the configuration before its job has done with that: replace-disks
// removes the old disks in the end, a migration stops the old process
// (lib/cmdlib/instance_storage.py, instance_migration.py). Jobs of ours say which node they
// take an instance from; one of somebody else's that moves an instance of the node group
// may take it from any node of that.
func (s *Snapshot) mayBeAt(job luxi.JobInfo, n *Node) bool {
	from := FromMark(job)
	if from == n.Name || luxi.MatchesName(s.Targets[job.ID], n.Name) {
		return true
	}
	for _, op := range job.Ops {
		if op.Status.Final() || !changes(op) {
			continue
		}
		about := op.Objects()
		if about.HasNode(n.Name, n.UUID) {
			return true
		}
		if g := s.Groups[n.Group]; g != nil && about.HasGroup(g.Name, g.UUID) {
			return true
		}
		targets := op.TargetNodes()
		for _, target := range targets {
			if luxi.MatchesName(target, n.Name) {
				return true
			}
		}
		if op.ID == luxi.OpInstanceCreate && len(targets) > 0 {
			continue
		}
		if from == "" && op.Status == luxi.JobRunning && moves(op) && s.mayMoveFrom(op, n) {
			return true
		}
	}
	return false
}

// moves reports whether the opcode moves an instance or its disks from or to a node
// that it may not name.
func moves(op luxi.JobOp) bool {
	switch op.ID {
	case luxi.OpInstanceFailover, luxi.OpInstanceMigrate, luxi.OpInstanceMove, luxi.OpInstanceReplaceDisks, luxi.OpInstanceRecreateDisks,
		luxi.OpInstanceCreate, luxi.OpInstanceMultiAlloc:
		return true
	case luxi.OpInstanceSetParams:
		// drbd disks that become plain leave the secondary node.
		return op.Param("disk_template") != ""
	}
	return false
}

// mayMoveFrom reports whether an instance that the opcode names has a node in the group
// of the node, or is not known. A drbd instance that changes sides has none but its two.
func (s *Snapshot) mayMoveFrom(op luxi.JobOp, n *Node) bool {
	about, known := op.Objects(), false
	for _, i := range s.Instances {
		if !about.HasInstance(i.Name, i.UUID) || !i.PlaceKnown {
			continue
		}
		known = true
		if i.Template == "drbd" && (op.ID == luxi.OpInstanceFailover || op.ID == luxi.OpInstanceMigrate) {
			continue
		}
		for _, name := range i.Nodes() {
			if other := s.Nodes[name]; other != nil && other.Group == n.Group {
				return true
			}
		}
	}
	return !known
}
