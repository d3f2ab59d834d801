package luxitest

import (
	"strings"
	"time"
)

// The commands of out-of-band programs (constants.OOB_*).
const (
	oobPowerOn     = "power-on"
	oobPowerOff    = "power-off"
	oobPowerCycle  = "power-cycle"
	oobPowerStatus = "power-status"
	oobHealth      = "health"
)

// wantedNodes implements GetWantedNodes: the names of the nodes, without names none.
func (m *Master) wantedNodes(names []string) ([]string, *opError) {
	var list []string
	for _, name := range names {
		n := m.cluster.expandNode(name)
		if n == nil {
			return nil, prereq(codeNoEnt, "Node '%s' not known", name)
		}
		list = append(list, n.Name)
	}
	return list, nil
}

// prepareOob prepares OOB_COMMAND (py:cmdlib/misc.py LUOobCommand). It succeeds whatever the programs do.
func (m *Master) prepareOob(op *queuedOp) (*execution, *opError) {
	nodes, err := m.wantedNodes(op.list("node_names"))
	if err != nil {
		return nil, err
	}
	command := op.text("command")
	lockable := nodes
	if len(nodes) == 0 {
		lockable = everyNode
	}
	sparesMaster := command == oobPowerOff || command == oobPowerCycle
	e := &execution{locks: func(level int) lockSet {
		if level == levelNode {
			return m.nodeLocks(lockable)
		}
		return nil
	}}
	e.check = func(e *execution) *opError {
		if master := m.cluster.Node(m.cluster.Master); sparesMaster && contains(nodes, master.Name) {
			why := "it does not support out-of-band operations"
			if master.OOB != OOBNone {
				why = "run '" + oobProgram + " " + command + " " + master.Name + "' if you want to operate on the master regardless"
			}
			return prereq(codeInval, "Operating on the master node %s is not allowed for %s; %s", master.Name, command, why)
		}
		if len(nodes) == 0 {
			if nodes = m.allNodes(); sparesMaster {
				nodes = without(nodes, m.cluster.Master)
			}
		}
		nodes = niceSorted(nodes)
		hang := time.Duration(0)
		for _, name := range nodes {
			n := m.cluster.Node(name)
			if n == nil {
				return prereq(codeNoEnt, "Node %s not found", name)
			}
			if command == oobPowerOff && !n.Offline && !op.flag("ignore_status") {
				return prereq(codeState, "Cannot power off node %s because it is not marked offline", name)
			}
			if n.OOB == OOBHangs {
				hang += time.Duration(op.params["timeout"].(int64)) * time.Second
			}
		}
		e.steps = []step{{after: m.duration(op) + hang, point: AtConfig, do: func(e *execution) *opError {
			rows := []any{}
			for _, name := range nodes {
				if n := m.cluster.Node(name); n != nil {
					rows = append(rows, []any{[]any{rsNormal, name}, m.runOob(e, n, command)})
				}
			}
			e.result = rows
			return nil
		}}}
		return nil
	}
	return e, nil
}

const oobProgram = "/usr/local/sbin/oob"

// runOob runs the program of a node and returns the second cell of its row.
func (m *Master) runOob(e *execution, n *Node, command string) []any {
	failed := func(why string) []any {
		e.warn("Out-of-band RPC failed on node '%s': %s", n.Name, why)
		return []any{rsNoData, nil}
	}
	switch n.OOB {
	case OOBNone:
		return []any{rsUnavail, nil}
	case OOBFails:
		return failed("'" + oobProgram + " " + command + " " + n.Name + "' failed with reason 'exited with exit code 1'; output: ")
	case OOBHangs:
		return failed("'" + oobProgram + " " + command + " " + n.Name + "' failed with reason 'terminated by signal 15 (timeout)'; output: ")
	}
	switch command {
	case oobPowerStatus:
		powered := !n.Dead
		if n.OOB == OOBDeceives {
			powered = !n.PoweredOff
		}
		return []any{rsNormal, map[string]any{"powered": powered}}
	case oobHealth:
		return []any{rsNormal, []any{[]any{"temperature", "OK"}}}
	case oobPowerOn:
		n.PoweredOff, n.MTime = false, m.now
	case oobPowerOff:
		n.PoweredOff, n.MTime = true, m.now
	}
	if n.OOB == OOBWorks {
		m.power(n, command)
	}
	return []any{rsNormal, nil}
}

// power switches the machine itself.
func (m *Master) power(n *Node, command string) {
	for _, i := range m.cluster.Instances {
		if command != oobPowerOn {
			i.RunsOn = without(i.RunsOn, n.Name)
		}
	}
	n.Dead = command == oobPowerOff
	m.effect("node %s: %s", n.Name, strings.Replace(command, "-", " ", 1))
}
