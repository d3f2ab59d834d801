package luxitest

// prepareReinstall prepares INSTANCE_REINSTALL (py:cmdlib/instance_operation.py).
func (m *Master) prepareReinstall(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, false); err != nil {
		return nil, err
	}
	e := &execution{locks: m.instanceLocks(op, nil)}
	e.check = func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if err := m.checkOnline(i.Primary, "Instance primary node offline, cannot reinstall"); err != nil {
			return err
		}
		if i.Template == Diskless {
			return prereq(codeInval, "Instance '%s' has no disks", i.Name)
		}
		if err := m.checkState(e, i, "cannot reinstall", AdminDown); err != nil {
			return err
		}
		os := op.text("os_type")
		if os == "" {
			os = i.OS
		}
		return m.checkOS(i, os)
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if os := op.text("os_type"); os != "" {
			i.OS = os
		}
		if i.OS == "" {
			e.info("No OS scripts or OS image specified or found in the instance's configuration, nothing to install")
			return nil
		}
		if err := m.startDisks(e, i, false); err != nil {
			return err
		}
		defer m.shutdownDisks(e, i, false)
		e.info("Running instance OS create scripts...")
		i.Data.Reinstalls++
		m.overwritten(i, "a reinstallation")
		i.Data.blank = false
		if osName(i.OS) == FailingOS {
			i.Data.replaced("reinstall failed")
			return execError("Could not install OS for instance '%s' on node '%s': OS create script failed (exited with exit code 1),"+
				" last lines in the log file:\n", i.Name, i.Primary)
		}
		i.Data.replaced("reinstalled")
		m.effect("instance %s: reinstalled", i.Name)
		return nil
	}}}
	return e, nil
}

// checkOS implements CheckOSParams: all nodes of the instance that can hold instances need its operating system.
func (m *Master) checkOS(i *Instance, os string) *opError {
	if os == "" {
		return nil
	}
	for _, name := range i.Nodes() {
		n := m.cluster.Node(name)
		if n.NotVMCapable {
			continue
		}
		msg := m.rpc(name)
		if msg == "" && !n.hasOS(os) {
			msg = "Directory for OS " + osName(os) + " not found in search path"
		}
		if msg != "" {
			return execError("OS Parameters validation failed on node %s: %s", name, msg)
		}
	}
	return nil
}
