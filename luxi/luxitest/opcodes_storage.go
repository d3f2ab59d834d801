package luxitest

import "strings"

// prepareStorage prepares NODE_QUERY_STORAGE (py:cmdlib/node.py LUNodeQueryStorage), for volume groups and file storage.
func (m *Master) prepareStorage(op *queuedOp) (*execution, *opError) {
	for _, f := range op.list("output_fields") {
		if !contains([]string{"node", "type", "name", "size", "used", "free", "allocatable"}, f) {
			return nil, prereq(codeInval, "Unknown output fields selected: %s", f)
		}
	}
	var nodes []string
	for _, name := range op.list("nodes") {
		n := m.cluster.expandNode(name)
		if n == nil {
			return nil, prereq(codeNoEnt, "Node '%s' not known", name)
		}
		nodes = with(nodes, n.Name)
	}
	lockable := nodes
	if len(nodes) == 0 {
		nodes, lockable = m.allNodes(), everyNode
	}
	var uuids []string // in whose order the rows come
	for _, name := range nodes {
		uuids = append(uuids, m.cluster.Node(name).UUID)
	}
	uuids = niceSorted(uuids)
	e := &execution{locks: func(level int) lockSet {
		if level != levelNode {
			return nil
		}
		return shared(m.nodeLocks(lockable))
	}}
	kind := op.text("storage_type")
	e.check = func(*execution) *opError {
		if kind == "" {
			kind = storageKind(m.cluster.EnabledTemplates[0])
		}
		for _, t := range m.cluster.EnabledTemplates {
			if storageKind(t) == kind {
				return nil
			}
		}
		return &opError{"OpPrereqError", []string{"No disk template of storage type '" + kind + "' is enabled in this cluster." +
			" Enabled disk templates are: " + strings.Join(m.cluster.EnabledTemplates, ",")}}
	}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		rows := []any{}
		for _, uuid := range uuids {
			n := m.cluster.nodeByUUID(uuid)
			if n == nil || n.Offline {
				continue
			}
			if fail := m.rpc(n.Name); fail != "" {
				e.warn("Can't get storage data from node %s: %s", n.Name, fail)
				continue
			}
			for _, u := range n.units(kind) {
				if name := op.text("name"); name == "" || name == u.name {
					rows = append(rows, m.storageRow(n, u, op))
				}
			}
		}
		e.result = rows
		return nil
	}}}
	return e, nil
}

// storageRow is what the node tells of one of its places.
func (m *Master) storageRow(n *Node, u unit, op *queuedOp) []any {
	free := m.cluster.freeIn(n, u)
	values := map[string]any{"node": n.Name, "type": u.kind, "name": u.name, "size": u.size, "used": u.size - free, "free": free, "allocatable": true}
	var row []any
	for _, f := range op.list("output_fields") {
		row = append(row, values[f])
	}
	return row
}
