package luxitest

import (
	"fmt"
	"strings"
)

// prepareRecreate is INSTANCE_RECREATE_DISKS (py:cmdlib/instance_storage.py LUInstanceRecreateDisks).
func (m *Master) prepareRecreate(op *queuedOp) (*execution, *opError) {
	if twice := repeatedDisks(op); twice != "" {
		return nil, prereq(codeInval, "Some disks have been specified more than once: %s", twice)
	}
	if op.text("iallocator") != "" || len(op.list("nodes")) > 0 {
		if err := m.chooseAllocator(op, len(op.list("nodes")) > 0); err != nil {
			return nil, err
		}
	}
	if err := m.expandInstance(op, false); err != nil {
		return nil, err
	}
	var nodes []string
	for _, name := range op.list("nodes") {
		n := m.cluster.expandNode(name)
		if n == nil {
			return nil, prereq(codeNoEnt, "Node '%s' not known", name)
		}
		nodes = append(nodes, n.Name)
	}
	r := &recreate{Master: m, op: op, nodes: nodes}
	e := &execution{
		locks: m.instanceLocks(op, func(i *Instance) []string {
			switch {
			case op.text("iallocator") != "":
				r.group = m.cluster.Node(i.Primary).Group
				return m.groupNodes(r.group)
			case len(nodes) > 0:
				return append(clone(nodes), i.Nodes()...)
			}
			return i.Nodes()
		}),
		check: r.check,
		steps: []step{{after: m.duration(op) / 2, do: r.move, config: true}, {after: m.duration(op) / 2, do: r.create}},
	}
	return e, nil
}

// diskNumbers lists the indices in the parameter disks, which holds indices or pairs of an index and changes.
func diskNumbers(op *queuedOp) []int64 {
	var numbers []int64
	disks, _ := op.params["disks"].([]any)
	for _, d := range disks {
		if pair, ok := d.([]any); ok {
			d = pair[0]
		}
		numbers = append(numbers, d.(int64))
	}
	return numbers
}

// repeatedDisks lists what the parameter disks holds twice. Plain indices may be repeated.
func repeatedDisks(op *queuedOp) string {
	seen := make(map[int64]bool)
	var twice []string
	disks, _ := op.params["disks"].([]any)
	for k, n := range diskNumbers(op) {
		if _, pair := disks[k].([]any); pair && seen[n] {
			twice = with(twice, itoa(n))
		}
		seen[n] = true
	}
	return strings.Join(twice, ", ")
}

type recreate struct {
	*Master
	op    *queuedOp
	nodes []string // the new place, if any
	group string   // the group whose nodes were locked for the allocator
}

func (r *recreate) check(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	have := len(i.Nodes())
	if len(r.nodes) > 0 && len(r.nodes) != have {
		return prereq(codeInval, "Instance %s currently has %d nodes, but %d replacement nodes were specified",
			i.Name, have, len(r.nodes))
	}
	allocator := r.op.text("iallocator")
	if allocator == "" {
		first := i.Primary
		if len(r.nodes) > 0 {
			first = r.nodes[0]
		}
		if err := r.checkOnline(first, ""); err != nil {
			return err
		}
	}
	if i.Template == Diskless {
		return prereq(codeInval, "Instance '%s' has no disks", i.Name)
	}
	moves := allocator != "" || len(r.nodes) > 0
	if !moves || !r.cluster.Node(i.Primary).Offline {
		if err := r.checkState(e, i, "cannot recreate disks", AdminDown, AdminOffline); err != nil {
			return err
		}
	}
	for _, d := range diskNumbers(r.op) {
		if d > 0 { // simulated instances have one disk
			return prereq(codeInval, "Invalid disk index '%d'", d)
		}
	}
	if allocator != "" {
		nodes, err := r.allocate(e, i, allocator)
		if err != nil {
			return err
		}
		r.nodes = nodes
		e.info("Selected nodes for instance %s via iallocator %s: %s", i.Name, allocator, strings.Join(nodes, ", "))
		r.keepNodes(e, nodes)
	}
	if len(r.nodes) > 0 {
		r.op.params["nodes"] = clone(r.nodes)
		var uuids []string
		for _, name := range r.nodes {
			uuids = append(uuids, r.cluster.Node(name).UUID)
		}
		r.op.params["node_uuids"] = uuids
	}
	return nil
}

// move writes the new nodes to the configuration, before any disk is made.
func (r *recreate) move(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	if len(r.nodes) == 0 {
		return nil
	}
	e.warn("Changing the instance's nodes, you will have to remove any disks left on the older nodes manually")
	old := strings.Join(i.Nodes(), ",")
	i.Primary, i.Secondaries = r.nodes[0], clone(r.nodes[1:])
	r.effect("instance %s: nodes %s -> %s", i.Name, old, strings.Join(i.Nodes(), ","))
	// The allocator looks at all groups but only the nodes of one were locked: "assert mylocks.issuperset".
	for _, name := range r.nodes {
		if r.group != "" && r.cluster.Node(name).Group != r.group {
			return execError("")
		}
	}
	return nil
}

// create makes the disks, blank.
func (r *recreate) create(*execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	places := i.Nodes()
	if !nodeBound(i.Template) {
		places = []string{Everywhere}
	}
	for _, name := range i.Nodes() {
		if msg := r.rpc(name); msg != "" {
			return execError("Can't create block device %s on node %s for instance %s: %s", device(i), name, i.Name, msg)
		}
		if i.HasDisksOn(name) && i.Template != BlockDev {
			return execError("Can't create block device %s on node %s for instance %s: Can't create block device: File already exists: [Errno 17]",
				device(i), name, i.Name)
		}
		if n := r.cluster.Node(name); nodeBound(i.Template) && i.DiskSize > r.cluster.freeStorage(n, storageKind(i.Template)) {
			return execError("Can't create block device %s on node %s for instance %s: not enough free space", device(i), name, i.Name)
		}
	}
	i.Data.On = append(clone(i.Data.On), places...)
	i.Data.Recreated++
	i.Data.replaced("disks recreated on " + strings.Join(i.Nodes(), ","))
	r.effect("instance %s: blank disks on %s", i.Name, strings.Join(i.Nodes(), ","))
	return nil
}

func device(i *Instance) string {
	return fmt.Sprintf("<%s(%s, size=%dm)>", i.Template, i.Name, i.DiskSize)
}

// prepareReplace is INSTANCE_REPLACE_DISKS (LUInstanceReplaceDisks, TLReplaceDisks).
func (m *Master) prepareReplace(op *queuedOp) (*execution, *opError) {
	allocator, remote := op.text("iallocator"), op.text("remote_node")
	if op.text("mode") == "replace_new_secondary" {
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
	d := m.duration(op)
	return &execution{
		locks: m.instanceLocks(op, func(i *Instance) []string {
			if op.text("iallocator") == "" {
				return append(i.Nodes(), op.text("remote_node"))
			}
			var names []string
			for _, n := range i.Nodes() {
				names = append(names, m.groupNodes(m.cluster.Node(n).Group)...)
			}
			return names
		}),
		check: r.check,
		steps: []step{{after: d / 10, do: r.attach, config: true}, {after: d - d/10, do: r.synced}},
	}, nil
}

type replace struct {
	*Master
	op       *queuedOp
	old, new string // secondaries
}

func (r *replace) check(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	if len(i.Secondaries) != 1 {
		return prereq(codeFault, "The instance has a strange layout, expected one secondary but found %d", len(i.Secondaries))
	}
	r.old = i.Secondaries[0]
	r.new = r.op.text("remote_node")
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
	check := []string{r.new, i.Primary}
	if r.new == "" {
		check = []string{r.old, i.Primary}
	} else {
		if err := r.checkNotDrained(r.new); err != nil {
			return err
		}
		if n := r.cluster.Node(r.new); n.NotVMCapable {
			return prereq(codeState, "Can't use non-vm_capable node %s", n.UUID)
		}
		if r.cluster.Node(r.old).Offline && !r.op.flag("early_release") {
			e.info("Old secondary %s is offline, automatically enabling early-release mode", r.cluster.Node(r.old).UUID)
		}
	}
	for _, name := range check {
		if err := r.checkOnline(name, ""); err != nil {
			return err
		}
	}
	r.keepNodes(e, []string{r.new, r.old, i.Primary})
	return nil
}

// attach makes the new secondary's disks, points the configuration to them and starts the resync.
func (r *replace) attach(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	e.log("Replacing disk(s) 0 for instance '%s'", i.Name)
	if msg := r.rpc(i.Primary); msg != "" || !i.HasDisksOn(i.Primary) {
		return execError("Disk consistency error")
	}
	if r.new == "" {
		return nil
	}
	if msg := r.rpc(r.new); msg != "" {
		return execError("Can't create block device %s on node %s for instance %s: %s", device(i), r.new, i.Name, msg)
	}
	if i.DiskSize > r.cluster.freeStorage(r.cluster.Node(r.new), storageLVM) {
		return execError("Can't create block device %s on node %s for instance %s: not enough free space", device(i), r.new, i.Name)
	}
	i.Secondaries = []string{r.new}
	r.effect("instance %s: secondary %s -> %s", i.Name, r.old, r.new)
	return nil
}

// synced is the end of the resync, with the old disks removed where that is possible.
func (r *replace) synced(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	secondary := r.new
	if secondary == "" {
		secondary = r.old
	}
	for _, name := range []string{i.Primary, secondary} {
		if msg := r.rpc(name); msg != "" {
			return execError("Can't find DRBD device 0 on node %s: %s", name, msg)
		}
	}
	i.Data.On = with(i.Data.On, secondary)
	if r.new != "" {
		if msg := r.rpc(r.old); msg == "" {
			i.Data.On = without(i.Data.On, r.old)
		} else {
			e.warn("Can't remove old LV on node %s: %s", r.old, msg)
		}
	}
	r.effect("instance %s: replica on %s in sync", i.Name, secondary)
	return nil
}

// prepareReinstall is INSTANCE_REINSTALL (py:cmdlib/instance_operation.py).
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
		return m.checkState(e, i, "cannot reinstall", AdminDown)
	}
	e.steps = []step{{after: m.duration(op), config: true, do: func(e *execution) *opError {
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
		if !m.assemble(i, false) {
			return execError("Disk consistency error")
		}
		e.info("Running instance OS create scripts...")
		i.Data.Reinstalls++
		if i.OS == FailingOS {
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
