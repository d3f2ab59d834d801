package luxitest

// prepareReplace prepares INSTANCE_REPLACE_DISKS (py:cmdlib/instance_storage.py LUInstanceReplaceDisks, TLReplaceDisks).
func (m *Master) prepareReplace(op *queuedOp) (*execution, *opError) {
	allocator, remote := op.text("iallocator"), op.text("remote_node")
	if op.text("mode") == replaceNew {
		if remote == "" && allocator == "" {
			return nil, prereq(codeInval, "When changing the secondary either an iallocator script must be used or the new node given")
		}
		if err := m.chooseAllocator(op, remote != ""); err != nil {
			return nil, err
		}
	} else if remote != "" || allocator != "" {
		return nil, prereq(codeInval, "The iallocator and new node options can only be used when changing the secondary node")
	}
	if err := m.expandInstance(op, true); err != nil {
		return nil, err
	}
	if err := m.expandNode(op, "remote_node"); err != nil {
		return nil, err
	}
	r := &replace{Master: m, op: op}
	locks := m.resourceLocks(op, func(i *Instance) []string {
		if op.text("iallocator") == "" {
			return append(i.Nodes(), op.text("remote_node"))
		}
		var names []string
		for _, n := range i.Nodes() {
			names = append(names, m.groupNodes(m.cluster.Node(n).Group)...)
		}
		return names
	})
	return &execution{locks: locks, check: func(e *execution) *opError {
		if err := r.check(e); err != nil {
			return err
		}
		e.steps, e.finally = r.steps(), r.deactivate
		return nil
	}}, nil
}

// The modes of REPLACE_DISKS (constants.REPLACE_DISK_*).
const (
	replaceAuto      = "replace_auto"
	replacePrimary   = "replace_on_primary"
	replaceSecondary = "replace_on_secondary"
	replaceNew       = "replace_new_secondary"
)

type replace struct {
	*Master
	op        *queuedOp
	old, new  string // secondaries
	target    string // where disks are replaced, if they stay on their node; "" if nothing is to be replaced
	other     string // the other end
	early     bool   // early_release
	activated bool   // the disks were activated for the replacement
}

func (r *replace) check(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	if len(i.Secondaries) != 1 {
		return prereq(codeFault, "The instance has a strange layout, expected one secondary but found %d", len(i.Secondaries))
	}
	r.old, r.new = i.Secondaries[0], r.op.text("remote_node")
	if allocator := r.op.text("iallocator"); allocator != "" {
		if r.new, err = r.relocate(e, i, allocator, r.old); err != nil {
			return err
		}
		e.info("Selected new secondary for instance '%s': %s", i.UUID, r.new)
	}
	switch r.new {
	case i.Primary:
		return prereq(codeInval, "The specified node is the primary node of the instance")
	case r.old:
		return prereq(codeInval, "The specified node is already the secondary node of the instance")
	}
	check, err := r.choose(e, i)
	if err != nil {
		return err
	}
	for _, name := range check {
		if err := r.checkOnline(name, ""); err != nil {
			return err
		}
	}
	r.keepNodes(e, []string{r.new, r.old, i.Primary})
	return nil
}

// choose finds out what is to be replaced, and which nodes have to be online for it.
func (r *replace) choose(e *execution, i *Instance) (check []string, err *opError) {
	disks, _ := r.op.params["disks"].([]int64)
	mode := r.op.text("mode")
	if len(disks) > 0 && (mode == replaceAuto || mode == replaceNew) {
		return nil, prereq(codeInval, "Cannot specify disks to be replaced")
	}
	switch mode {
	case replaceAuto:
		for _, name := range i.Nodes() {
			e.info("Checking disk/0 on %s", name)
			if r.rpc(name) != "" && !r.cluster.Node(name).Offline || r.rpc(name) == "" && !r.deviceOn(i, name) {
				return nil, prereq(codeState, "Please run activate-disks on instance %s first", i.Name)
			}
		}
		primary, secondary := r.cluster.localStatus(i, i.Primary) == localFaulty, r.cluster.localStatus(i, r.old) == localFaulty
		switch {
		case primary && secondary:
			return nil, prereq(codeState, "Instance %s has faulty disks on more than one node and can not be repaired automatically", i.Name)
		case primary:
			r.target, r.other = i.Primary, r.old
		case secondary:
			r.target, r.other = r.old, i.Primary
		default:
			return nil, nil
		}
		return []string{r.target, r.other}, nil
	case replacePrimary:
		r.target, r.other = i.Primary, r.old
	case replaceSecondary:
		r.target, r.other = r.old, i.Primary
	default:
		if err := r.checkNotDrained(r.new); err != nil {
			return nil, err
		}
		if n := r.cluster.Node(r.new); n.NotVMCapable {
			return nil, prereq(codeState, "Can't use non-vm_capable node %s", n.UUID)
		}
		r.early = r.op.flag("early_release")
		if old := r.cluster.Node(r.old); old.Offline && !r.early {
			r.early = true
			e.info("Old secondary %s is offline, automatically enabling early-release mode", old.UUID)
		}
		return []string{r.new, i.Primary}, nil
	}
	r.early = r.op.flag("early_release")
	for _, n := range disks {
		if n > 0 { // simulated instances have one disk
			return nil, prereq(codeInval, "Invalid disk index '%d'", n)
		}
	}
	return []string{r.target, r.other}, nil
}

// deviceOn reports whether the instance's drbd device is set up on the node.
func (m *Master) deviceOn(i *Instance, node string) bool { return i.drbdUp() && i.hasDevice(node) }

func (r *replace) steps() []step {
	d := r.duration(r.op)
	switch {
	case r.new != "":
		return []step{
			{after: 0, do: r.begin, point: AtExec},
			{after: d / 10, do: r.allocate},
			{after: 0, do: r.attach, point: AtConfig},
			{after: 0, do: r.connect},
			{after: d - d/10, do: r.synced},
		}
	case r.target == "":
		return []step{{after: 0, do: func(e *execution) *opError {
			i, err := r.locked(r.op)
			if err != nil {
				return err
			}
			e.log("No disks need replacement for instance '%s'", i.Name)
			return nil
		}}}
	}
	return []step{{after: 0, do: r.begin, point: AtExec}, {after: d / 10, do: r.renew}, {after: d - d/10, do: r.renewed}}
}

// begin is the part of TLReplaceDisks.Exec that all modes share, and the first two steps of each.
func (r *replace) begin(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	e.log("Replacing disk(s) 0 for instance '%s'", i.Name)
	e.log("Current primary node: %s", i.Primary)
	e.log("Current secondary node: %s", r.old)
	if i.Forthcoming {
		return nil
	}
	if !i.DisksActive {
		if err := r.startDisks(e, i, true); err != nil {
			return err
		}
		r.activated = true
	}
	e.log("STEP 1/6 Check device existence")
	check, source := []string{i.Primary}, i.Primary
	if r.new == "" {
		check, source = []string{r.other, r.target}, r.other
	}
	for _, name := range check {
		e.info("Checking disk/0 on %s", name)
		problem := r.rpc(name)
		if problem == "" && !r.deviceOn(i, name) {
			problem = "disk not found"
		}
		if problem != "" {
			return execError("Can't find disk/0 on node %s: %s%s", name, problem, r.hint(e, i))
		}
	}
	e.info("Checking volume groups")
	for _, name := range check {
		if _, ok := r.cluster.Node(name).unit(storageLVM, volumeGroup); !ok {
			return execError("Volume group '%s' not found on node %s", volumeGroup, name)
		}
	}
	e.log("STEP 2/6 Check peer consistency")
	e.info("Checking disk/0 consistency on node %s", source)
	// A new secondary needs a good local disk, the other modes a mirror that is not degraded.
	if r.new != "" && r.cluster.localStatus(i, source) != localOK || r.new == "" && r.cluster.degraded(i, source) {
		return execError("Node %s has degraded storage, unsafe to replace disks for instance %s", source, i.Name)
	}
	e.log("STEP 3/6 Allocate new storage")
	return nil
}

// hint is what _CheckDisksExistence adds where some device of the instance is not set up.
func (r *replace) hint(e *execution, i *Instance) string {
	for _, name := range i.Nodes() {
		e.info("Checking disk/0 on %s", name)
		if !r.cluster.Node(name).Offline && (r.rpc(name) != "" || !r.deviceOn(i, name)) {
			return "\nDisks seem to be not properly activated. Try running activate-disks on the instance before using replace-disks."
		}
	}
	return ""
}

// deactivate is the end of TLReplaceDisks.Exec: disks that were activated for the replacement are shut down again. For an
// instance that is marked up that fails, whatever became of the replacement.
func (r *replace) deactivate(e *execution, err *opError) *opError {
	if !r.activated {
		return err
	}
	i, gone := r.locked(r.op)
	if gone != nil {
		return gone
	}
	if refused := r.checkState(e, i, "cannot shutdown disks", AdminDown, AdminOffline); refused != nil {
		return refused
	}
	r.shutdownDisks(e, i, false)
	return err
}
