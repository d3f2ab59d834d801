package luxitest

import (
	"fmt"
	"strings"
)

// prepareRecreate prepares INSTANCE_RECREATE_DISKS (py:cmdlib/instance_storage.py LUInstanceRecreateDisks).
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
		locks: m.resourceLocks(op, func(i *Instance) []string {
			switch {
			case op.text("iallocator") != "":
				r.group = m.cluster.Node(i.Primary).Group
				return m.groupNodes(r.group)
			case len(nodes) > 0:
				return clone(nodes) // not those that it has
			}
			return i.Nodes()
		}),
		check: r.check,
		steps: []step{{after: m.duration(op) / 2, do: r.move, point: AtConfig}, {after: m.duration(op) / 2, do: r.create}},
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
		if problem := r.noRoom(i, name); problem != "" {
			return execError("Can't create block device %s on node %s for instance %s: %s", device(i), name, i.Name, problem)
		}
	}
	by := "disks recreated on " + strings.Join(i.Nodes(), ",")
	r.overwritten(i, by)
	i.Data.On = append(clone(i.Data.On), places...)
	i.Data.Recreated++
	i.Data.replaced(by)
	i.Data.blank = true
	i.Data.lost = i.Data.lost.with(i.allWrites()...)
	if i.Template == DRBD {
		i.write(i.Nodes())
	}
	r.effect("instance %s: blank disks on %s", i.Name, strings.Join(i.Nodes(), ","))
	return nil
}

func device(i *Instance) string {
	return fmt.Sprintf("<%s(%s, size=%dm)>", i.Template, i.Name, i.DiskSize)
}

// noRoom returns what keeps the instance's disk from being made on a node, "" if nothing does.
func (m *Master) noRoom(i *Instance, node string) string {
	if !nodeBound(i.Template) {
		return ""
	}
	n := m.cluster.Node(node)
	u, ok := n.unit(storageKind(i.Template), i.vg())
	switch {
	case !ok:
		return "Can't compute PV info for vg " + i.vg()
	case i.DiskSize > m.cluster.freeIn(n, u):
		return "not enough free space"
	case u.kind == storageLVM && u.name == volumeGroup && m.cluster.exclusive(n):
		if free, _ := m.cluster.spindles(n); free < spindlesFor(i, n) {
			return fmt.Sprintf("Not enough empty PVs (spindles) to create a disk of %d MB: %d available, %d needed",
				i.DiskSize, free, spindlesFor(i, n))
		}
	}
	return ""
}
