package luxitest

import "strings"

// prepareStartup is INSTANCE_STARTUP (py:cmdlib/instance_operation.py).
func (m *Master) prepareStartup(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, false); err != nil {
		return nil, err
	}
	e := &execution{locks: m.instanceLocks(op, nil)}
	e.check = func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if err := m.checkState(e, i, "", AdminDown, AdminUp); err != nil {
			return err
		}
		if m.cluster.Node(i.Primary).Offline && op.flag("ignore_offline_nodes") {
			e.warn("Ignoring offline primary node")
			return nil
		}
		if err := m.checkOnline(i.Primary, ""); err != nil {
			return err
		}
		if msg := m.rpc(i.Primary); msg != "" {
			return prereq(codeEnviron, "Error checking node %s: %s", i.Primary, msg)
		}
		if i.Running() {
			return nil
		}
		return m.checkMemory(i.Primary, "starting instance "+i.Name, i.Memory)
	}
	d := m.duration(op)
	mark := func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		i.disksLeft = false
		if !op.flag("no_remember") && i.AdminState != AdminUp {
			i.AdminState = AdminUp
			m.effect("instance %s: marked up", i.Name)
		}
		return nil
	}
	start := func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if m.cluster.Node(i.Primary).Offline {
			e.info("Primary node offline, marked instance as started")
			return nil
		}
		if i.Running() {
			return nil
		}
		if err := m.start(i, op.flag("force")); err != nil {
			return err
		}
		m.effect("instance %s: started on %s", i.Name, i.Primary)
		return nil
	}
	e.steps = []step{{do: mark, config: true}, {after: d, do: start}}
	return e, nil
}

// prepareShutdown is INSTANCE_SHUTDOWN.
func (m *Master) prepareShutdown(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, false); err != nil {
		return nil, err
	}
	if op.params["admin_state_source"] == nil {
		op.params["admin_state_source"] = "admin"
	}
	e := &execution{locks: m.instanceLocks(op, nil)}
	e.check = func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if op.flag("force") {
			e.warn("Ignoring offline instance check")
		} else if err := m.checkState(e, i, "", AdminDown, AdminUp); err != nil {
			return err
		}
		if m.cluster.Node(i.Primary).Offline && op.flag("ignore_offline_nodes") {
			e.warn("Ignoring offline primary node")
			return nil
		}
		return m.checkOnline(i.Primary, "")
	}
	mark := func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if !op.flag("no_remember") && i.AdminState == AdminUp {
			i.AdminState = AdminDown
			i.disksLeft = m.cluster.Node(i.Primary).Offline
			m.effect("instance %s: marked down", i.Name)
		}
		return nil
	}
	stop := func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if m.cluster.Node(i.Primary).Offline {
			e.info("Primary node offline, marked instance as stopped")
			return nil
		}
		if msg := m.rpc(i.Primary); msg != "" {
			return execError("Could not shutdown instance '%s': %s", i.Name, msg)
		}
		if i.Running() {
			m.effect("instance %s: stopped on %s", i.Name, i.Primary)
		}
		m.stop(i)
		return nil
	}
	e.steps = []step{{do: mark, config: true}, {after: m.duration(op), do: stop}}
	return e, nil
}

// prepareInstanceParams is INSTANCE_SET_PARAMS, of which only offline is simulated (py:cmdlib/instance_set_params.py).
func (m *Master) prepareInstanceParams(op *queuedOp) (*execution, *opError) {
	if op.params["offline"] == nil {
		return nil, prereq(codeInval, "No changes submitted")
	}
	if err := m.expandInstance(op, true); err != nil {
		return nil, err
	}
	offline := op.flag("offline")
	e := &execution{locks: m.instanceLocks(op, nil)}
	e.check = func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		msg := "can't change to online (down) without being offline first"
		if offline {
			msg = "can't change to offline without being down first"
		}
		return m.checkState(e, i, msg, AdminDown, AdminOffline)
	}
	e.steps = []step{{after: m.duration(op), config: true, do: func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		i.AdminState = AdminDown
		if offline {
			i.AdminState = AdminOffline
		}
		m.effect("instance %s: marked %s", i.Name, i.AdminState)
		return nil
	}}}
	e.result = []any{[]any{"admin_state", map[bool]string{true: AdminOffline, false: AdminDown}[offline]}}
	return e, nil
}

// prepareRename is INSTANCE_RENAME (py:cmdlib/instance.py); names are not looked up in the DNS.
func (m *Master) prepareRename(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, true); err != nil {
		return nil, err
	}
	name := op.text("new_name")
	exists := func() *opError {
		if name != op.text("instance_name") && m.cluster.Instance(name) != nil {
			return prereq(codeExists, "Instance '%s' is already in the cluster", name)
		}
		return nil
	}
	if err := exists(); err != nil {
		return nil, err
	}
	e := &execution{}
	e.locks = func(level int) lockSet {
		if level != levelInstance {
			return nil
		}
		return lockSet{"instance/" + op.text("instance_name"): true, "instance/" + name: true}
	}
	e.check = func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if err := m.checkOnline(i.Primary, ""); err != nil {
			return err
		}
		if err := m.checkState(e, i, "cannot rename", AdminDown, AdminOffline); err != nil {
			return err
		}
		return exists()
	}
	e.steps = []step{{after: m.duration(op), config: true, do: func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		m.effect("instance %s: renamed to %s", i.Name, name)
		i.Name = name
		return nil
	}}}
	e.result = name
	return e, nil
}

// prepareRemove is INSTANCE_REMOVE.
func (m *Master) prepareRemove(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, true); err != nil {
		return nil, err
	}
	e := &execution{locks: m.instanceLocks(op, (*Instance).Nodes)}
	e.check = func(*execution) *opError {
		_, err := m.locked(op)
		return err
	}
	e.steps = []step{{after: m.duration(op), config: true, do: func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if msg := m.rpc(i.Primary); msg != "" && !op.flag("ignore_failures") && !i.Forthcoming {
			return execError("Could not shutdown instance %s on node %s: %s", i.Name, i.Primary, msg)
		}
		m.stop(i)
		i.Data.replaced("removed")
		m.cluster.RemoveInstance(i.Name)
		m.cluster.ghosts = append(m.cluster.ghosts, i)
		m.effect("instance %s: removed", i.Name)
		return nil
	}}}
	return e, nil
}

// prepareNodeParams is NODE_SET_PARAMS, of which the flags are simulated (py:cmdlib/node.py LUNodeSetParams).
func (m *Master) prepareNodeParams(op *queuedOp) (*execution, *opError) {
	if err := m.expandNode(op, "node_name"); err != nil {
		return nil, err
	}
	flags := []string{"offline", "master_candidate", "drained", "master_capable", "vm_capable"}
	given, set := 0, 0
	for _, f := range flags {
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
	name := op.text("node_name")
	e := &execution{locks: func(level int) lockSet {
		if level != levelNode {
			return nil
		}
		if op.flag("auto_promote") {
			return m.nodeLocks(m.allNodes())
		}
		return m.nodeLocks([]string{name})
	}}
	e.check = func(e *execution) *opError { return m.checkNodeParams(e, op) }
	e.steps = []step{{after: m.duration(op), config: true, do: func(e *execution) *opError {
		e.result = m.setNodeFlags(m.cluster.Node(name), op)
		return nil
	}}}
	return e, nil
}

func (m *Master) checkNodeParams(e *execution, op *queuedOp) *opError {
	n := m.cluster.Node(op.text("node_name"))
	if n == nil {
		return execError("Cannot retrieve locked node %s", op.text("node_name"))
	}
	if op.params["master_candidate"] != nil || op.params["drained"] != nil || op.params["offline"] != nil {
		if n.Name == m.cluster.Master {
			return prereq(codeInval, "The master role can be changed only via master-failover")
		}
	}
	if v, ok := op.params["vm_capable"].(bool); ok && !v {
		for _, i := range m.cluster.Instances {
			if contains(i.Nodes(), n.Name) {
				return prereq(codeState, "Node %s hosts instances, cannot unset the vm_capable flag", n.Name)
			}
		}
	}
	stays := op.params["offline"] == nil && !op.flag("drained") || op.flag("offline")
	if n.Offline && !stays {
		if n.Dead {
			return prereq(codeState, "Node %s is being de-offlined but fails to report its version: Error 7: Failed to connect", n.Name)
		}
		e.warn("Transitioning node from offline to online state without using re-add. Please make sure the node is healthy!")
	}
	return nil
}

// setNodeFlags gives the node its new role: offline and drained exclude each other.
func (m *Master) setNodeFlags(n *Node, op *queuedOp) any {
	result := []any{}
	change := func(what string, flag *bool, to bool) {
		if *flag != to {
			*flag = to
			result = append(result, []any{what, map[bool]string{true: "True", false: "False"}[to]})
			m.effect("node %s: %s %s", n.Name, what, strings.ToLower(map[bool]string{true: "yes", false: "no"}[to]))
		}
	}
	if v, ok := op.params["vm_capable"].(bool); ok {
		capable := !n.NotVMCapable
		change("vm_capable", &capable, v)
		n.NotVMCapable = !capable
	}
	offline, drained := n.Offline, n.Drained
	if v, ok := op.params["drained"].(bool); ok {
		drained = v
		if v {
			offline = false
		}
	}
	if v, ok := op.params["offline"].(bool); ok {
		offline = v
		if v {
			drained = false
		}
	}
	candidate := !n.Offline && !n.Drained
	if was, is := candidate, !offline && !drained; was != is {
		result = append(result, []any{"master_candidate", map[bool]string{true: "True", false: "False"}[is]})
	}
	change("drained", &n.Drained, drained)
	change("offline", &n.Offline, offline)
	return result
}
