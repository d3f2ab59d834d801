package luxitest

// prepareStartup prepares INSTANCE_STARTUP (py:cmdlib/instance_operation.py).
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
		if op.flag("no_remember") {
			return nil
		}
		i.DisksActive = true
		if i.AdminState != AdminUp {
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
		was := i.Running()
		if err := m.start(e, i, op.flag("force")); err != nil {
			return err
		}
		if !was {
			m.effect("instance %s: started on %s", i.Name, i.Primary)
		}
		return nil
	}
	e.steps = []step{{do: mark, point: AtConfig}, {after: d, do: start}}
	// A start that fails shuts the disks down again.
	e.failed = func(*opError) {
		if i, err := m.locked(op); err == nil && !m.cluster.Node(i.Primary).Offline {
			i.DisksActive = false
		}
	}
	return e, nil
}

// prepareShutdown prepares INSTANCE_SHUTDOWN.
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
		m.shutdownDisks(e, i, false)
		return nil
	}
	e.steps = []step{{do: mark, point: AtConfig}, {after: m.duration(op), do: stop}}
	return e, nil
}

// prepareInstanceParams prepares INSTANCE_SET_PARAMS, of which only offline is simulated (py:cmdlib/instance_set_params.py).
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
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		i.AdminState = AdminDown
		if offline {
			i.AdminState, i.DisksActive = AdminOffline, false
		}
		m.effect("instance %s: marked %s", i.Name, i.AdminState)
		return nil
	}}}
	e.result = []any{[]any{"admin_state", map[bool]string{true: AdminOffline, false: AdminDown}[offline]}}
	return e, nil
}

// prepareRename prepares INSTANCE_RENAME (py:cmdlib/instance.py); names are not looked up in the DNS.
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
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(*execution) *opError {
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

// prepareRemove prepares INSTANCE_REMOVE.
func (m *Master) prepareRemove(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, true); err != nil {
		return nil, err
	}
	e := &execution{locks: m.instanceLocks(op, (*Instance).Nodes)}
	e.check = func(*execution) *opError {
		_, err := m.locked(op)
		return err
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if msg := m.rpc(i.Primary); msg != "" && !op.flag("ignore_failures") && !i.Forthcoming {
			return execError("Could not shutdown instance %s on node %s: %s", i.Name, i.Primary, msg)
		}
		m.stop(i)
		m.overwritten(i, "removed")
		i.Data.replaced("removed")
		m.cluster.RemoveInstance(i.Name)
		m.cluster.removed = append(m.cluster.removed, i)
		m.effect("instance %s: removed", i.Name)
		return nil
	}}}
	return e, nil
}
