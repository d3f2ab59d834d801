package luxitest

import "strings"

// lookupOpGroup implements LookupNodeGroup for opcodes.
func (m *Master) lookupOpGroup(key string) (*Group, *opError) {
	for _, g := range m.cluster.Groups {
		if g.Name == key || g.UUID == key {
			return g, nil
		}
	}
	return nil, prereq(codeNoEnt, "Node group '%s' not found", key)
}

// prepareAssignNodes prepares GROUP_ASSIGN_NODES (py:cmdlib/group.py LUGroupAssignNodes).
func (m *Master) prepareAssignNodes(op *queuedOp) (*execution, *opError) {
	group, err := m.lookupOpGroup(op.text("group_name"))
	if err != nil {
		return nil, err
	}
	nodes, err := m.wantedNodes(op.list("nodes"))
	if err != nil {
		return nil, err
	}
	e := &execution{locks: func(level int) lockSet {
		switch level {
		case levelGroup:
			want := m.groupsOf(nodes)
			want["nodegroup/"+group.UUID] = true
			for name := range want {
				want[name] = true
			}
			return want
		case levelNode:
			return m.nodeLocks(nodes)
		}
		return nil
	}}
	e.check = func(e *execution) *opError {
		fresh, old := m.splits(nodes, group.Name)
		switch {
		case fresh == nil:
		case !op.flag("force"):
			return execError("The following instances get split by this change and --force was not given: %s", strings.Join(fresh, ", "))
		default:
			e.warn("This operation will split the following instances: %s", strings.Join(fresh, ", "))
			if old != nil {
				e.warn("In addition, these already-split instances continue to be split across groups: %s", strings.Join(old, ", "))
			}
		}
		return nil
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(*execution) *opError {
		for _, name := range nodes {
			if n := m.cluster.Node(name); n != nil && n.Group != group.Name {
				m.effect("node %s: group %s -> %s", name, n.Group, group.Name)
				n.Group, n.MTime = group.Name, m.now
			}
		}
		return nil
	}}}
	return e, nil
}

// splits lists the drbd instances that have their nodes in different groups once the nodes are in the given group: those
// that have not now, and those that have (CheckAssignmentForSplitInstances).
func (m *Master) splits(nodes []string, group string) (fresh, old []string) {
	for _, i := range m.cluster.Instances {
		if i.Template != DRBD {
			continue
		}
		now, then := make(map[string]bool), make(map[string]bool)
		for _, name := range i.Nodes() {
			g := m.cluster.Node(name).Group
			now[g] = true
			if contains(nodes, name) {
				g = group
			}
			then[g] = true
		}
		switch {
		case len(then) > 1 && len(now) == 1:
			fresh = append(fresh, i.Name)
		case len(then) > 1:
			old = append(old, i.Name)
		}
	}
	return niceOrNil(fresh), niceOrNil(old)
}

func niceOrNil(names []string) []string {
	if names == nil {
		return nil
	}
	return niceSorted(names)
}

// groupMembers lists the instances with any node in the group, and the nodes of these and of the group.
func (m *Master) groupMembers(group string) (instances, nodes []string) {
	nodes = m.groupNodes(group)
	for _, i := range m.cluster.Instances {
		if len(common(i.Nodes(), m.groupNodes(group))) > 0 {
			instances = append(instances, i.Name)
			for _, n := range i.Nodes() {
				nodes = with(nodes, n)
			}
		}
	}
	return instances, nodes
}

// prepareGroupEvacuate prepares GROUP_EVACUATE (LUGroupEvacuate): its locks and checks. What the allocator would move where
// is not simulated.
func (m *Master) prepareGroupEvacuate(op *queuedOp) (*execution, *opError) {
	group, err := m.lookupOpGroup(op.text("group_name"))
	if err != nil {
		return nil, err
	}
	targets := lockSet{"nodegroup/" + group.UUID: false}
	for _, name := range op.list("target_groups") {
		g, err := m.lookupOpGroup(name)
		if err != nil {
			return nil, err
		}
		if g == group {
			return nil, prereq(codeInval, "Group to be evacuated (%s) can not be used as a target group (targets are %s)", group.UUID, g.UUID)
		}
		targets["nodegroup/"+g.UUID] = false
	}
	if op.text("iallocator") == "" && m.cluster.DefaultIAllocator == "" {
		return nil, prereq(codeInval, "No iallocator was specified, neither in the opcode nor as a cluster-wide default")
	}
	e := &execution{locks: func(level int) lockSet {
		instances, nodes := m.groupMembers(group.Name)
		switch level {
		case levelInstance:
			return instanceLockSet(instances)
		case levelGroup:
			if len(targets) == 1 {
				return lockSet{"nodegroup/" + lockset: false}
			}
			return targets
		case levelNode:
			for _, g := range m.cluster.Groups {
				if _, target := targets["nodegroup/"+g.UUID]; target || len(targets) == 1 {
					nodes = append(nodes, m.groupNodes(g.Name)...)
				}
			}
			return shared(m.nodeLocks(nodes))
		}
		return nil
	}}
	e.check = func(*execution) *opError {
		if len(m.cluster.Groups) == 1 {
			return prereq(codeInval, "There are no possible target groups")
		}
		return nil
	}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		if instances, _ := m.groupMembers(group.Name); len(instances) > 0 {
			return execError("luxitest: moves between groups are not simulated")
		}
		e.info("Iallocator returned 0 job(s) for evacuating node group %s", op.text("group_name"))
		return m.spawn(e, op, nil)
	}}}
	return e, nil
}

// prepareVerifyGroup prepares CLUSTER_VERIFY_GROUP (LUClusterVerifyGroup), which looks at nothing here and says what the
// cluster has for it to say.
func (m *Master) prepareVerifyGroup(op *queuedOp) (*execution, *opError) {
	if _, err := m.lookupOpGroup(op.text("group_name")); err != nil {
		return nil, err
	}
	e := &execution{locks: func(int) lockSet { return nil }}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		for _, line := range m.cluster.Complaints {
			e.log("  - %s", line)
		}
		e.result = len(m.cluster.Complaints) == 0
		return nil
	}}}
	return e, nil
}

// prepareVerifyDisks prepares GROUP_VERIFY_DISKS (LUGroupVerifyDisks). It looks at instances with active disks only.
func (m *Master) prepareVerifyDisks(op *queuedOp) (*execution, *opError) {
	group, err := m.lookupOpGroup(op.text("group_name"))
	if err != nil {
		return nil, err
	}
	e := &execution{locks: func(level int) lockSet {
		instances, nodes := m.groupMembers(group.Name)
		switch level {
		case levelInstance:
			return instanceLockSet(instances)
		case levelGroup:
			want := m.groupsOf(nodes)
			want["nodegroup/"+group.UUID] = false
			return want
		case levelNode:
			return shared(m.nodeLocks(nodes))
		}
		return nil
	}}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		instances, _ := m.groupMembers(group.Name)
		e.result = m.verifyDisks(instances)
		return nil
	}}}
	return e, nil
}

// verifyDisks returns the nodes that fail, the instances whose disks have to be activated, and missing volumes.
func (m *Master) verifyDisks(instances []string) any {
	failures, activate, missing := map[string]string{}, []string{}, map[string]any{}
	for _, name := range niceSorted(instances) {
		i := m.cluster.Instance(name)
		if !i.DisksActive || storageKind(i.Template) != storageLVM {
			continue
		}
		inactive := false
		lost := []any{}
		for _, node := range i.Nodes() {
			n := m.cluster.Node(node)
			msg := m.rpc(node)
			if msg != "" && (i.Template == DRBD || !n.Offline) {
				failures[n.UUID] = msg
			}
			if msg != "" || n.NotVMCapable || !i.placedOn(node) {
				for _, volume := range i.volumes() {
					lost = append(lost, []any{n.UUID, volume})
				}
			}
			if msg == "" {
				inactive = inactive || m.needsActivation(i, node)
			}
		}
		if inactive {
			activate = append(activate, name)
		}
		if len(lost) > 0 {
			missing[name] = lost
		}
	}
	return []any{failures, activate, missing}
}

// needsActivation reports whether a node that answers would list the instance's disk: its volume is not in use, or its
// drbd device is missing, without its disk or stand-alone (py:backend.py DrbdNeedsActivation).
func (m *Master) needsActivation(i *Instance, node string) bool {
	if i.Template == Plain {
		return contains(i.Data.On, node) && !contains(i.RunsOn, node)
	}
	return !m.deviceOn(i, node) || contains(i.Data.Failed, node) || i.standsAlone(node)
}

// volumes lists the logical volumes that the instance's disk has on each node.
func (i *Instance) volumes() []string {
	if i.Template == Plain {
		return []string{i.vg() + "/" + i.UUID + ".disk0"}
	}
	return []string{i.vg() + "/" + i.UUID + ".disk0_data", volumeGroup + "/" + i.UUID + ".disk0_meta"}
}
