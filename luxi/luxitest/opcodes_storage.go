package luxitest

import "strings"

// The names of what is there on every node: its volume group and its directory for file storage.
const (
	volumeGroup   = "xenvg"
	fileDirectory = "/srv/ganeti/file-storage"
)

// prepareStorage is NODE_QUERY_STORAGE (py:cmdlib/node.py LUNodeQueryStorage), for volume groups and file storage.
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
	if len(nodes) == 0 {
		nodes = m.allNodes()
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
		want := m.nodeLocks(nodes)
		for name := range want {
			want[name] = false
		}
		return want
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
			if row := m.storageRow(n, kind, op); row != nil {
				rows = append(rows, row)
			}
		}
		e.result = rows
		return nil
	}}}
	return e, nil
}

// storageRow is what the node has of that kind, nil if it has another name than that asked for.
func (m *Master) storageRow(n *Node, kind string, op *queuedOp) []any {
	size, free := n.storage(kind), m.cluster.freeStorage(n, kind)
	unit := volumeGroup
	if kind == storageFile {
		unit = fileDirectory
	}
	if name := op.text("name"); name != "" && name != unit {
		return nil
	}
	values := map[string]any{"node": n.Name, "type": kind, "name": unit, "size": size, "used": size - free, "free": free, "allocatable": true}
	var row []any
	for _, f := range op.list("output_fields") {
		row = append(row, values[f])
	}
	return row
}
