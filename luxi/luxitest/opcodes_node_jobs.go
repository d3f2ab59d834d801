package luxitest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// prepareNodeAdd prepares NODE_ADD (py:cmdlib/node.py LUNodeAdd), of which the readding of a node is simulated. It runs alone.
func (m *Master) prepareNodeAdd(op *queuedOp) (*execution, *opError) {
	if !op.flag("readd") {
		return nil, execError("luxitest: NODE_ADD is simulated for nodes that are readded only")
	}
	name := op.text("node_name")
	if n := m.cluster.expandNode(name); n != nil {
		name = n.Name
		op.params["node_name"] = name
	}
	if name == m.cluster.Master {
		return nil, prereq(codeState, "Cannot readd the master node")
	}
	if op.text("group") != "" {
		return nil, prereq(codeInval, "Cannot pass a node group when a node is being readded")
	}
	candidate := false
	e := &execution{alone: true}
	e.check = func(*execution) *opError {
		n := m.cluster.Node(name)
		switch {
		case n == nil:
			return prereq(codeNoEnt, "Node %s is not in the configuration", name)
		case n.Dead:
			return prereq(codeEnviron, "Node not reachable by ping")
		}
		now, should := m.cluster.candidates(n.Name)
		if should++; should > m.cluster.CandidatePool {
			should = m.cluster.CandidatePool
		}
		candidate = now < should && !n.NotMasterCapable
		return nil
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(e *execution) *opError {
		n := m.cluster.Node(name)
		if n == nil {
			return execError("node %s is gone", name)
		}
		e.info("Readding a node, the offline/drained flags were reset")
		if candidate {
			e.info("Node will be a master candidate")
		}
		n.Offline, n.Drained, n.PoweredOff, n.Regular, n.MTime = false, false, false, !candidate, m.now
		m.effect("node %s: readded", name)
		return nil
	}}}
	return e, nil
}

// prepareNodeRemove prepares NODE_REMOVE (LUNodeRemove). It runs alone.
func (m *Master) prepareNodeRemove(op *queuedOp) (*execution, *opError) {
	e := &execution{alone: true}
	e.check = func(*execution) *opError {
		if err := m.expandNode(op, "node_name"); err != nil {
			return err
		}
		name := op.text("node_name")
		if name == m.cluster.Master {
			return prereq(codeInval, "Node is the master node, failover to another node is required")
		}
		for _, i := range m.cluster.Instances {
			if contains(i.Nodes(), name) {
				return prereq(codeInval, "Instance %s is still running on the node, please remove first", i.Name)
			}
		}
		return nil
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(e *execution) *opError {
		name := op.text("node_name")
		for k, n := range m.cluster.Nodes {
			if n.Name == name {
				m.cluster.Nodes = append(m.cluster.Nodes[:k:k], m.cluster.Nodes[k+1:]...)
				m.cluster.dropNode(name)
				break
			}
		}
		m.promote(e)
		m.effect("node %s: removed", name)
		return nil
	}}}
	return e, nil
}

// dropNode forgets what was left on a node that is no more.
func (c *Cluster) dropNode(name string) {
	for _, i := range c.Instances {
		i.RunsOn, i.Data.On = without(i.RunsOn, name), without(i.Data.On, name)
		i.Data.Partial, i.Data.Failed = without(i.Data.Partial, name), without(i.Data.Failed, name)
	}
	var cuts [][2]string
	for _, p := range c.Cuts {
		if p[0] != name && p[1] != name {
			cuts = append(cuts, p)
		}
	}
	c.Cuts = cuts
}

// Modes of NODE_EVACUATE (constants.NODE_EVAC_*).
const (
	evacPrimary   = "primary-only"
	evacSecondary = "secondary-only"
	evacAll       = "all"
)

// prepareEvacuate prepares NODE_EVACUATE (LUNodeEvacuate). The jobs that move the instances are of their own; the allocator
// does not count what it has placed before.
func (m *Master) prepareEvacuate(op *queuedOp) (*execution, *opError) {
	if err := m.chooseAllocator(op, op.text("remote_node") != ""); err != nil {
		return nil, err
	}
	for _, param := range []string{"node_name", "remote_node"} {
		if err := m.expandNode(op, param); err != nil {
			return nil, err
		}
	}
	name, remote, mode := op.text("node_name"), op.text("remote_node"), op.text("mode")
	switch {
	case remote == name:
		return nil, prereq(codeInval, "Can not use evacuated node as a new secondary node")
	case remote != "" && mode != evacSecondary:
		return nil, prereq(codeInval, "Without the use of an iallocator only secondary instances can be evacuated")
	case mode == evacAll:
		return nil, prereq(codeInval, "Due to an issue with the iallocator interface it is not possible to evacuate all instances at"+
			" once; specify explicitly whether to evacuate primary or secondary instances")
	}
	affected := func() []string { return m.instancesOf(name, mode == evacPrimary) }
	nodes := func() []string {
		if remote != "" {
			return []string{name, remote}
		}
		return with(m.groupNodes(m.cluster.Node(name).Group), name)
	}
	e := &execution{locks: func(level int) lockSet {
		switch level {
		case levelInstance:
			return instanceLockSet(affected())
		case levelGroup:
			return m.groupsOf(nodes())
		case levelNode:
			return shared(m.nodeLocks(nodes()))
		}
		return nil
	}}
	e.check = func(e *execution) *opError {
		if list := affected(); len(list) > 0 {
			e.info("Evacuating instances from node '%s': %s", name, strings.Join(list, ", "))
		} else {
			e.info("No instances to evacuate from node '%s'", name)
		}
		return nil
	}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		var jobs []string
		var problems, moved []string
		for _, instance := range affected() {
			i := m.cluster.Instance(instance)
			job, to, problem := m.evacuation(e, op, i, remote)
			if problem != "" {
				problems = append(problems, fmt.Sprintf("%s (%s)", instance, problem))
				continue
			}
			jobs = append(jobs, job)
			moved = append(moved, fmt.Sprintf("%s (to %s)", instance, to))
		}
		if problems != nil {
			e.warn("Unable to evacuate instances %s", strings.Join(problems, ", "))
			return execError("Unable to evacuate instances %s", strings.Join(problems, ", "))
		}
		if moved != nil && remote == "" {
			e.info("Instances to be moved: %s", strings.Join(moved, ", "))
		}
		return m.spawn(e, op, jobs)
	}}}
	return e, nil
}

// evacuation returns the opcode that takes an instance off the node, and its new nodes (hs:HTools/Cluster/Evacuate.hs,
// Cluster/Utils.hs iMoveToJob).
func (m *Master) evacuation(e *execution, op *queuedOp, i *Instance, remote string) (job, to, problem string) {
	early := fmt.Sprintf(`"early_release":%v`, op.flag("early_release"))
	migrate := func(more string) string {
		return fmt.Sprintf(`{"OP_ID":"OP_INSTANCE_MIGRATE","instance_name":%q,"allow_failover":true,"allow_runtime_changes":false,`+
			`"ignore_hvversions":true%s,"reason":[]}`, i.Name, more)
	}
	replace := func(node string) string {
		return fmt.Sprintf(`{"OP_ID":"OP_INSTANCE_REPLACE_DISKS","instance_name":%q,"mode":%q,"remote_node":%q,%s,"reason":[]}`,
			i.Name, replaceNew, node, early)
	}
	if remote != "" {
		return replace(remote), remote, ""
	}
	from := op.text("node_name")
	switch {
	case i.Template == Plain || i.Template == File:
		return "", "", "Instances of type " + i.Template + " cannot be relocated"
	case intMirrored(i.Template) && i.Primary == from:
		return migrate(""), i.Secondaries[0] + ", " + from, ""
	}
	node, err := m.relocate(e, i, op.text("iallocator"), from)
	switch {
	case err != nil:
		return "", "", err.args[0]
	case intMirrored(i.Template):
		return replace(node), i.Primary + ", " + node, ""
	}
	return migrate(fmt.Sprintf(`,"target_node":%q`, node)), node, ""
}

// prepareNodeMigrate prepares NODE_MIGRATE (LUNodeMigrate): a job of its own for each primary instance.
func (m *Master) prepareNodeMigrate(op *queuedOp) (*execution, *opError) {
	for _, param := range []string{"node_name", "target_node"} {
		if err := m.expandNode(op, param); err != nil {
			return nil, err
		}
	}
	name := op.text("node_name")
	e := &execution{locks: func(level int) lockSet {
		if level == levelNode {
			return shared(m.nodeLocks([]string{name}))
		}
		return nil
	}}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		var jobs []string
		for _, instance := range m.instancesOf(name, true) {
			params := map[string]any{"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": instance, "reason": []any{}}
			for _, p := range []string{"mode", "live", "iallocator", "target_node", "allow_runtime_changes", "ignore_ipolicy"} {
				if v := op.params[p]; v != nil {
					params[p] = v
				}
			}
			raw, err := marshal(params)
			if err != nil {
				return execError("%v", err)
			}
			jobs = append(jobs, string(raw))
		}
		return m.spawn(e, op, jobs)
	}}}
	return e, nil
}

// spawn submits jobs of one opcode each for a running opcode, whose result they are (py:mcpu.py _ProcessResult). They
// inherit its reason trail.
func (m *Master) spawn(e *execution, parent *queuedOp, jobs []string) *opError {
	if m.cluster.QueueDrained && len(jobs) > 0 {
		return &opError{"GenericError", []string{"Queue drained"}}
	}
	answers := []any{}
	for _, raw := range jobs {
		op, err := decodeOpcode(json.RawMessage(raw))
		if err != nil {
			return execError("luxitest: %v", err)
		}
		op.reason = append([]Reason(nil), parent.reason...)
		op.params["comment"] = "Submitted by " + parent.id
		m.serial++
		m.enqueue(m.serial, []*opcode{op})
		answers = append(answers, []any{true, m.serial})
	}
	m.schedule()
	e.result = map[string]any{"jobs": answers}
	return nil
}

// instanceLockSet returns shared locks of instances.
func instanceLockSet(names []string) lockSet {
	want := lockSet{}
	for _, name := range names {
		want["instance/"+name] = false
	}
	return want
}

// groupsOf returns shared locks of the groups of nodes.
func (m *Master) groupsOf(nodes []string) lockSet {
	want := lockSet{}
	for _, name := range nodes {
		if n := m.cluster.Node(name); n != nil {
			want["nodegroup/"+m.cluster.Group(n.Group).UUID] = false
		}
	}
	return want
}
