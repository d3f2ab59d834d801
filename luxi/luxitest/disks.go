package luxitest

// What opcodes do with an instance's disks (py:cmdlib/instance_storage.py).

// assemble implements AssembleInstanceDisks: it marks the disks active, and inactive again if they cannot be activated.
func (m *Master) assemble(e *execution, i *Instance, ignoreSecondaries bool) bool {
	i.DisksActive = true
	if i.Template == Diskless {
		return true
	}
	ok := true
	for _, s := range i.Secondaries {
		if problem := m.assembleOn(i, s); problem != "" {
			e.warn("Could not prepare block device disk/0 on node %s (is_primary=False, pass=1): %s", s, problem)
			ok = ok && (ignoreSecondaries || m.cluster.Node(s).Offline)
		}
	}
	problem := m.assembleOn(i, i.Primary)
	if problem == "" && i.Template == DRBD && !m.cluster.usable(i, i.Primary) {
		problem = "drbd0: can't make drbd device primary: State change failed: (-2) Need access to UpToDate data"
	}
	if problem != "" {
		e.warn("Could not prepare block device disk/0 on node %s (is_primary=True, pass=2): %s", i.Primary, problem)
		ok = false
	}
	if !ok {
		i.DisksActive = false
	}
	m.cluster.replicate()
	if i.partedCopies() {
		i.Data.waits = i.Primary // it was connected last
	}
	if ok && len(i.Data.Partial) > 0 {
		uuid := i.UUID
		m.after(m.durationOf("INSTANCE_REPLACE_DISKS"), func() {
			if i := m.cluster.instanceByUUID(uuid); i != nil {
				m.completeCopy(i)
			}
		})
	}
	return ok
}

// assembleOn returns what keeps the instance's disk from being set up on a node, "" if nothing does. A drbd device is
// set up without its volumes as well (py:backend.py _RecursiveAssembleBD).
func (m *Master) assembleOn(i *Instance, node string) string {
	switch {
	case m.rpc(node) != "":
		return m.rpc(node)
	case i.Template == DRBD && !i.placedOn(node):
		i.Data.Failed = with(i.Data.Failed, node)
	case i.Template != DRBD && !i.HasDisksOn(node):
		return "Can't find the disk"
	}
	return ""
}

// startDisks implements StartInstanceDisks.
func (m *Master) startDisks(e *execution, i *Instance, force bool) *opError {
	if m.assemble(e, i, force) {
		return nil
	}
	m.shutdownDisks(e, i, false)
	return execError("Disk consistency error")
}

// shutdownDisks implements ShutdownInstanceDisks: it marks the disks inactive and reports whether they could be shut down.
func (m *Master) shutdownDisks(e *execution, i *Instance, ignorePrimary bool) bool {
	i.DisksActive, i.Data.waits = false, ""
	if i.Template == Diskless {
		return true
	}
	ok := true
	nodes := []string{i.Primary}
	if i.Template == DRBD {
		nodes = i.Nodes()
	}
	for _, node := range nodes {
		problem := m.rpc(node)
		if problem == "" && i.Template == DRBD && contains(i.RunsOn, node) {
			problem = "drbd0: can't shutdown drbd device: Device is held open by someone"
		}
		if problem == "" {
			continue
		}
		e.warn("Could not shutdown block device disk/0 on node %s: %s", node, problem)
		if node == i.Primary && !ignorePrimary || node != i.Primary && !m.cluster.Node(node).Offline {
			ok = false
		}
	}
	return ok
}

// consistent implements CheckDiskConsistency without ldisk: whether the instance's disk on the node is there and not degraded.
func (m *Master) consistent(e *execution, i *Instance, node string) bool {
	switch {
	case i.Template == Diskless:
		return true
	case m.rpc(node) != "":
		e.warn("Can't find disk on node %s: %s", node, m.rpc(node))
		return false
	case i.Template == DRBD && !m.deviceOn(i, node):
		e.warn("Can't find disk on node %s", node)
		return false
	case i.Template == DRBD:
		return !m.cluster.degraded(i, node)
	}
	return i.HasDisksOn(node)
}

// hypervisorStart is the call instance_start: what runs already is left alone (py:backend.py StartInstance).
func (m *Master) hypervisorStart(i *Instance, node string) {
	if contains(i.RunsOn, node) {
		return
	}
	m.started(i, node)
	m.runs(i, node)
	m.cluster.replicate()
}

// start starts the instance on its primary node: the disks, then the hypervisor.
func (m *Master) start(e *execution, i *Instance, force bool) *opError {
	if err := m.startDisks(e, i, force); err != nil {
		return err
	}
	if fail := m.rpc(i.Primary); fail != "" {
		m.shutdownDisks(e, i, false)
		return execError("Could not start instance '%s': %s", i.Name, fail)
	}
	m.hypervisorStart(i, i.Primary)
	return nil
}

// stop shuts the instance down on its primary node.
func (m *Master) stop(i *Instance) {
	i.RunsOn = without(i.RunsOn, i.Primary)
	i.RunningMemory = 0
}

// prepareActivate prepares INSTANCE_ACTIVATE_DISKS (LUInstanceActivateDisks).
func (m *Master) prepareActivate(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, false); err != nil {
		return nil, err
	}
	e := &execution{locks: m.instanceLocks(op, (*Instance).Nodes)}
	e.check = func(*execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		return m.checkOnline(i.Primary, "")
	}
	activate := func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if !m.assemble(e, i, false) {
			return execError("Cannot activate block devices")
		}
		e.result = deviceInfo(i)
		return nil
	}
	wait := func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if !op.flag("wait_for_sync") || i.Template == Diskless {
			return nil
		}
		e.info("Waiting for instance %s to sync disks", i.Name)
		m.completeCopy(i)
		e.info("Instance %s's disks are in sync", i.Name)
		if i.Template == DRBD && m.cluster.degraded(i, i.Primary) {
			i.DisksActive = false
			return execError("Some disks of the instance are degraded!")
		}
		return nil
	}
	e.steps = []step{{do: activate, point: AtConfig}, {after: m.duration(op), do: wait}}
	return e, nil
}

// completeCopy ends the resynchronization of an incomplete copy, where the two ends are connected.
func (m *Master) completeCopy(i *Instance) {
	for _, node := range clone(i.Data.Partial) {
		if peer := i.peer(node); m.cluster.connected(i) && peer != "" && i.upToDate(peer) {
			m.copied(i, peer, node)
		}
	}
}

// copied notes that the whole disk was copied from one node to another.
func (m *Master) copied(i *Instance, from, to string) {
	i.Data.Failed = without(i.Data.Failed, to)
	i.Data.Partial = without(i.Data.Partial, to)
	i.Data.On = with(i.Data.On, to)
	i.setWrites(to, i.Data.writes[from])
	m.cluster.replicate()
}

// deviceInfo is what ACTIVATE_DISKS answers: node, name and device of each disk.
func deviceInfo(i *Instance) any {
	list := []any{}
	if i.Template != Diskless {
		list = append(list, []any{i.Primary, "disk/0", i.devicePath()})
	}
	return list
}

// devicePath is where the instance's disk appears on a node.
func (i *Instance) devicePath() string {
	switch i.Template {
	case DRBD:
		return "/dev/drbd0"
	case File:
		return fileDirectory + "/" + i.Name + "/disk0"
	case Plain:
		return "/dev/" + i.vg() + "/" + i.UUID + ".disk0"
	}
	return "/dev/" + i.Template + "/" + i.UUID + ".disk0"
}

// prepareDeactivate prepares INSTANCE_DEACTIVATE_DISKS (LUInstanceDeactivateDisks).
func (m *Master) prepareDeactivate(op *queuedOp) (*execution, *opError) {
	if err := m.expandInstance(op, false); err != nil {
		return nil, err
	}
	e := &execution{locks: m.instanceLocks(op, (*Instance).Nodes)}
	e.check = func(*execution) *opError {
		_, err := m.locked(op)
		return err
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(e *execution) *opError {
		i, err := m.locked(op)
		if err != nil {
			return err
		}
		if !op.flag("force") {
			if err := m.checkState(e, i, "cannot shutdown disks", AdminDown); err != nil {
				return err
			}
		}
		m.shutdownDisks(e, i, false)
		return nil
	}}}
	return e, nil
}
