package luxitest

import (
	"sort"
	"strings"
)

// osNames lists the operating systems that any node has.
func (m *Master) osNames() []string {
	var names []string
	for _, i := range m.cluster.Instances {
		if i.OS != "" {
			names = with(names, osName(i.OS))
		}
	}
	for _, n := range m.cluster.Nodes {
		for _, os := range n.OSes {
			names = with(names, os)
		}
	}
	return niceSorted(names)
}

// prepareOsDiagnose prepares OS_DIAGNOSE (py:cmdlib/operating_system.py LUOsDiagnose). It takes no locks. Operating systems
// have neither variants nor parameters.
func (m *Master) prepareOsDiagnose(op *queuedOp) (*execution, *opError) {
	fields := op.list("output_fields")
	known := []string{"name", "valid", "hidden", "blacklisted", "variants", "api_versions", "parameters", "node_status", "os_hvp", "osparams", "trusted"}
	var unknown []string
	for _, f := range fields {
		if !contains(known, f) {
			unknown = append(unknown, f)
		}
	}
	if unknown != nil {
		return nil, prereq(codeInval, "Unknown output fields selected: %s", strings.Join(unknown, ", "))
	}
	e := &execution{}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		var answering []*Node
		for _, n := range m.cluster.Nodes {
			if !n.Offline && !n.NotVMCapable && m.rpc(n.Name) == "" {
				answering = append(answering, n)
			}
		}
		found := make(map[string]map[string]any)
		for _, os := range m.osNames() {
			status := make(map[string]any)
			somewhere := false
			for _, n := range answering {
				status[n.UUID] = []any{}
				if n.hasOS(os) {
					status[n.UUID], somewhere = []any{[]any{"/srv/ganeti/os/" + os, true, "", []any{}, []any{}, []int{20}, true}}, true
				}
			}
			if somewhere {
				found[os] = status
			}
		}
		names := op.list("names")
		if len(names) == 0 {
			for os := range found {
				names = append(names, os)
			}
			names = niceSorted(names)
		}
		var missing []string
		rows := []any{}
		for _, os := range names {
			status, ok := found[os]
			if !ok {
				missing = append(missing, "'"+os+"'")
				continue
			}
			valid := true
			for _, list := range status {
				valid = valid && len(list.([]any)) > 0
			}
			if !valid && !contains(fields, "valid") {
				continue
			}
			values := map[string]any{
				"name": os, "valid": valid, "hidden": false, "blacklisted": false, "variants": []any{}, "api_versions": []int{20},
				"parameters": []any{}, "node_status": status, "os_hvp": map[string]any{}, "osparams": map[string]any{}, "trusted": true,
			}
			var row []any
			for _, f := range fields {
				row = append(row, values[f])
			}
			rows = append(rows, row)
		}
		if missing != nil {
			sort.Strings(missing)
			return execError("Some items were removed before retrieving their data: {%s}", strings.Join(missing, ", "))
		}
		e.result = rows
		return nil
	}}}
	return e, nil
}

// prepareQueryData prepares INSTANCE_QUERY_DATA (py:cmdlib/instance_query.py LUInstanceQueryData). Network interfaces and
// parameters of hypervisors and operating systems are not simulated; their places are empty.
func (m *Master) prepareQueryData(op *queuedOp) (*execution, *opError) {
	var wanted []string
	for _, name := range op.list("instances") {
		i := m.cluster.expandInstance(name)
		if i == nil {
			return nil, prereq(codeNoEnt, "Instance '%s' not known", name)
		}
		wanted = with(wanted, i.Name)
	}
	every := len(wanted) == 0
	static := op.flag("static")
	locking := op.flag("use_locking") || !static
	list := func() []*Instance {
		var found []*Instance
		for _, i := range m.cluster.Instances {
			if every || contains(wanted, i.Name) {
				found = append(found, i)
			}
		}
		return found
	}
	nodes := func() []string {
		var names []string
		for _, i := range list() {
			for _, n := range i.Nodes() {
				names = with(names, n)
			}
		}
		return names
	}
	e := &execution{locks: func(level int) lockSet {
		switch {
		case !locking:
		case level == levelInstance && every:
			return lockSet{"instance/" + lockset: false}
		case level == levelInstance:
			return instanceLockSet(wanted)
		case level == levelGroup:
			return m.groupsOf(nodes())
		case level == levelNode:
			return shared(m.nodeLocks(nodes()))
		}
		return nil
	}}
	e.check = func(e *execution) *opError {
		if !static && !op.flag("use_locking") {
			e.warn("Non-static data requested, locks need to be acquired")
		}
		return nil
	}
	e.steps = []step{{after: m.duration(op), do: func(e *execution) *opError {
		result := make(map[string]any)
		for _, i := range list() {
			data, err := m.instanceData(e, i, static)
			if err != nil {
				return err
			}
			result[i.Name] = data
		}
		e.result = result
		return nil
	}}}
	return e, nil
}

// instanceData is what QUERY_DATA tells of one instance.
func (m *Master) instanceData(e *execution, i *Instance, static bool) (any, *opError) {
	primary := m.cluster.Node(i.Primary)
	var state any
	switch {
	case primary.Offline:
		e.warn("Primary node %s is marked offline, returning static information only for instance %s", primary.Name, i.Name)
	case static:
	case m.rpc(primary.Name) != "":
		return nil, execError("Error checking node %s: %s", primary.Name, m.rpc(primary.Name))
	case i.Running():
		state = "up"
	case i.AdminState == AdminOffline:
		state = "offline"
	default:
		state = "down"
	}
	disks := []any{}
	if i.Template != Diskless {
		disk, err := m.diskData(i, static)
		if err != nil {
			return nil, err
		}
		disks = append(disks, disk)
	}
	snodes, groups, names := []string{}, []string{}, []string{}
	for _, s := range i.Secondaries {
		g := m.cluster.Group(m.cluster.Node(s).Group)
		snodes, groups, names = append(snodes, s), append(groups, g.UUID), append(names, g.Name)
	}
	empty := map[string]any{}
	group := m.cluster.Group(primary.Group)
	created := secondsOf(m.epoch)
	return map[string]any{
		"name": i.Name, "uuid": i.UUID, "config_state": i.AdminState, "run_state": state,
		"pnode": i.Primary, "pnode_group_uuid": group.UUID, "pnode_group_name": group.Name,
		"snodes": snodes, "snodes_group_uuids": groups, "snodes_group_names": names,
		"os": i.OS, "nics": []any{}, "disk_template": i.Template, "disks": disks, "hypervisor": i.Hypervisor, "network_port": nil,
		"hv_instance": empty, "hv_actual": empty, "be_instance": empty, "os_instance": empty, "os_actual": empty,
		"be_actual": map[string]any{
			"maxmem": i.Memory, "minmem": i.minMemory(), "vcpus": i.cpus(), "auto_balance": true, "always_failover": i.AlwaysFailover, "spindle_use": 1,
		},
		"serial_no": 1, "mtime": created, "ctime": created,
	}, nil
}

// diskData is what QUERY_DATA tells of the instance's disk.
func (m *Master) diskData(i *Instance, static bool) (any, *opError) {
	disk := map[string]any{
		"iv_name": "disk/0", "dev_type": i.Template, "mode": "rw", "size": i.DiskSize, "spindles": nil, "name": nil,
		"uuid": madeUpUUID("disk "+i.UUID, 0), "drbd_info": nil, "children": []any{},
	}
	secondary := ""
	switch i.Template {
	case DRBD:
		secondary = i.Secondaries[0]
		disk["logical_id"] = []any{m.cluster.Node(i.Primary).UUID, m.cluster.Node(secondary).UUID, 11000, 0, 0, nil}
		disk["drbd_info"] = map[string]any{
			"primary_node": i.Primary, "primary_minor": 0, "secondary_node": secondary, "secondary_minor": 0, "port": 11000,
		}
	case Plain:
		disk["logical_id"] = strings.SplitN(i.volumes()[0], "/", 2)
	default:
		disk["logical_id"] = []any{i.Template, i.devicePath()}
	}
	var children []any
	if i.Template == DRBD {
		for k, volume := range i.volumes() {
			child := map[string]any{
				"iv_name": nil, "dev_type": Plain, "mode": nil, "size": []int{i.DiskSize, 128}[k], "spindles": nil, "name": nil,
				"uuid": madeUpUUID("disk "+i.UUID, k+1), "drbd_info": nil, "children": []any{}, "logical_id": strings.SplitN(volume, "/", 2),
			}
			if err := m.diskStates(i, child, secondary, static, func(node string) any {
				if !i.placedOn(node) {
					return nil
				}
				return []any{"/dev/" + volume, 253, k, nil, nil, false, 1}
			}); err != nil {
				return nil, err
			}
			children = append(children, child)
		}
		disk["children"] = children
	}
	err := m.diskStates(i, disk, secondary, static, func(node string) any { return m.diskState(i, node) })
	return disk, err
}

// diskStates fills in pstatus and sstatus.
func (m *Master) diskStates(i *Instance, disk map[string]any, secondary string, static bool, state func(string) any) *opError {
	for key, node := range map[string]string{"pstatus": i.Primary, "sstatus": secondary} {
		disk[key] = nil
		if static || node == "" || m.cluster.Node(node).Offline {
			continue
		}
		if msg := m.rpc(node); msg != "" {
			return execError("Can't compute disk status for %s: %s", i.Name, msg)
		}
		disk[key] = state(node)
	}
	return nil
}

// diskState is what blockdev_find tells of the instance's disk on a node that answers: [path, major, minor, sync percent,
// seconds left, is_degraded, ldisk_status] (py:storage/drbd.py GetSyncStatus).
func (m *Master) diskState(i *Instance, node string) any {
	if i.Template != DRBD {
		if !i.HasDisksOn(node) {
			return nil
		}
		return []any{i.devicePath(), 253, 0, nil, nil, false, 1}
	}
	if !m.deviceOn(i, node) {
		return nil
	}
	var percent, left any
	syncing := m.cluster.syncing(i)
	if syncing {
		percent, left = 50.0, 60
	}
	return []any{i.devicePath(), 147, 0, percent, left, syncing || m.cluster.degraded(i, node), m.cluster.localStatus(i, node)}
}
