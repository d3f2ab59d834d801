package luxitest

import "strings"

// The flags of a node that make its role (py:cmdlib/node.py LUNodeSetParams._FLAGS).
var roleFlags = []string{"master_candidate", "drained", "offline"}

// role flag returns what the node's flag of that name is.
func (n *Node) roleFlag(name string) bool {
	switch name {
	case "drained":
		return n.Drained
	case "offline":
		return n.Offline
	}
	return n.candidate()
}

// candidates returns how many master candidates there are, and how many there should be, the given node not counted
// (py:config/__init__.py GetMasterCandidateStats).
func (c *Cluster) candidates(except string) (now, should int) {
	for _, n := range c.Nodes {
		if n.Name == except {
			continue
		}
		if !n.Offline && !n.Drained && !n.NotMasterCapable {
			should++
		}
		if n.candidate() {
			now++
		}
	}
	if should > c.CandidatePool {
		should = c.CandidatePool
	}
	return now, should
}

// prepareNodeParams prepares NODE_SET_PARAMS, of which the flags are simulated (py:cmdlib/node.py LUNodeSetParams).
func (m *Master) prepareNodeParams(op *queuedOp) (*execution, *opError) {
	if err := m.expandNode(op, "node_name"); err != nil {
		return nil, err
	}
	given, set := 0, 0
	for _, f := range append([]string{"master_capable", "vm_capable"}, roleFlags...) {
		if op.params[f] != nil {
			given++
		}
		if op.flag(f) {
			set++
		}
	}
	if given == 0 {
		return nil, prereq(codeInval, "Please pass at least one modification")
	}
	if set > 1 {
		return nil, prereq(codeInval, "Can't set the node into more than one state at the same time")
	}
	s := &nodeParams{Master: m, op: op, name: op.text("node_name"), wish: make(map[string]any)}
	for _, f := range roleFlags {
		s.wish[f] = op.params[f]
	}
	s.demotes = op.flag("offline") || op.flag("drained") || op.params["master_candidate"] == false || op.params["master_capable"] == false
	nodes := []string{s.name}
	if op.flag("auto_promote") && s.demotes {
		nodes, s.promotes = everyNode, true
	}
	e := &execution{check: s.check, locks: func(level int) lockSet {
		switch level {
		case levelNode:
			return m.nodeLocks(nodes)
		case levelNodeRes:
			return resources(m.nodeLocks(nodes))
		}
		return nil
	}}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: s.set}}
	return e, nil
}

type nodeParams struct {
	*Master
	op       *queuedOp
	name     string
	wish     map[string]any // the flags that are to change
	demotes  bool           // the node might lose its candidacy
	promotes bool           // others take its place
}

func (s *nodeParams) check(e *execution) *opError {
	n := s.cluster.Node(s.name)
	if n == nil {
		return execError("Cannot retrieve locked node %s", s.name)
	}
	for _, f := range roleFlags {
		if s.op.params[f] != nil && n.Name == s.cluster.Master {
			return prereq(codeInval, "The master role can be changed only via master-failover")
		}
	}
	if s.op.flag("master_candidate") && n.NotMasterCapable {
		return prereq(codeState, "Node %s is not master capable, cannot make it a master candidate", n.Name)
	}
	if s.op.params["vm_capable"] == false {
		for _, i := range s.cluster.Instances {
			if contains(i.Nodes(), n.Name) {
				return prereq(codeState, "Node %s hosts instances, cannot unset the vm_capable flag", n.Name)
			}
		}
	}
	if now, should := s.cluster.candidates(n.Name); n.candidate() && s.demotes && !s.promotes && now < should {
		return prereq(codeState, "Not enough master candidates, please pass auto promote option to allow promotion"+
			" (--auto-promote or RAPI auto_promote=True)")
	}
	for _, f := range roleFlags {
		if s.op.params[f] == false && !n.roleFlag(f) {
			e.info("Ignoring request to unset flag %s, already unset", f)
			s.wish[f] = nil
		}
	}
	if err := s.checkPower(n); err != nil {
		return err
	}
	if s.wish["drained"] == false || s.wish["offline"] == false || s.op.flag("master_capable") && n.NotMasterCapable {
		now, should := s.cluster.candidates("")
		if should++; should > s.cluster.CandidatePool {
			should = s.cluster.CandidatePool
		}
		if now < should {
			s.wish["master_candidate"] = true
			e.info("Auto-promoting node to master candidate")
		}
	}
	if s.op.params["master_capable"] == false && n.candidate() {
		if n.Name == s.cluster.Master {
			return prereq(codeState, "Master must remain master capable")
		}
		e.info("Demoting from master candidate")
		s.wish["master_candidate"] = false
	}
	if n.Offline && s.role(n) != "offline" {
		if n.Dead {
			return prereq(codeState, "Node %s is being de-offlined but fails to report its version: Error 7: Failed to connect", n.Name)
		}
		e.warn("Transitioning node from offline to online state without using re-add. Please make sure the node is healthy!")
	}
	return nil
}

func (s *nodeParams) checkPower(n *Node) *opError {
	if n.OOB == OOBNone {
		if s.op.params["powered"] != nil {
			return prereq(codeState, "Unable to change powered state for node %s as it does not support out-of-band handling", n.Name)
		}
		return nil
	}
	if s.wish["offline"] == false && n.PoweredOff && !s.op.flag("powered") {
		return prereq(codeState, "Node %s needs to be turned on before its offline status can be reset", n.Name)
	}
	return nil
}

// role returns the flag that the node will have of the three, "" for none.
func (s *nodeParams) role(n *Node) string {
	unset := false
	for _, f := range roleFlags {
		if s.wish[f] == true {
			return f
		}
		unset = unset || s.wish[f] == false
	}
	if unset {
		return ""
	}
	for _, f := range roleFlags {
		if n.roleFlag(f) {
			return f
		}
	}
	return ""
}

// set changes the node.
func (s *nodeParams) set(e *execution) *opError {
	n := s.cluster.Node(s.name)
	result := []any{}
	old, role := make(map[string]bool), s.role(n)
	for _, f := range roleFlags {
		old[f] = n.roleFlag(f)
	}
	if on, ok := s.op.params["powered"].(bool); ok {
		n.PoweredOff = !on
	}
	if v, ok := s.op.params["master_capable"].(bool); ok {
		n.NotMasterCapable = !v
		result = append(result, []any{"master_capable", pythonBool(v)})
	}
	if v, ok := s.op.params["vm_capable"].(bool); ok {
		if n.NotVMCapable == v {
			s.effect("node %s: vm_capable %s", n.Name, yesNo(v))
		}
		n.NotVMCapable = !v
		result = append(result, []any{"vm_capable", pythonBool(v)})
	}
	n.Offline, n.Drained, n.Regular = role == "offline", role == "drained", role == ""
	for _, f := range roleFlags {
		if is := role == f; old[f] != is {
			result = append(result, []any{f, pythonBool(is)})
			if f != "master_candidate" {
				s.effect("node %s: %s %s", n.Name, f, yesNo(is))
			}
		}
	}
	n.MTime = s.now
	if s.promotes {
		s.promote(e)
	}
	e.result = result
	return nil
}

// promote makes other nodes master candidates where there are too few (AdjustCandidatePool).
func (m *Master) promote(e *execution) {
	var names []string
	for _, n := range m.cluster.Nodes {
		now, should := m.cluster.candidates("")
		if now < should && n.Regular && !n.Offline && !n.Drained && !n.NotMasterCapable {
			n.Regular, n.MTime = false, m.now
			names = append(names, n.Name)
		}
	}
	if names != nil {
		e.info("Promoted nodes to master candidate role: %s", strings.Join(names, ", "))
	}
}

func yesNo(v bool) string { return map[bool]string{true: "yes", false: "no"}[v] }

// pythonBool is Python's str of a bool.
func pythonBool(v bool) string { return map[bool]string{true: "True", false: "False"}[v] }
