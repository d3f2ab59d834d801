package luxitest

import "time"

// onNode makes a getter of something of the instance's primary node; forthcoming instances may have none.
func onPrimary(get func(*Master, *Node) any) func(*Master, *Instance) cell {
	return func(m *Master, i *Instance) cell {
		n := m.cluster.Node(i.Primary)
		if n == nil {
			return cell{rsNoData, nil}
		}
		return normal(get(m, n))
	}
}

// onSecondaries makes a getter of a list with one element per secondary node.
func onSecondaries(get func(*Master, *Node) any) func(*Master, *Instance) cell {
	return func(m *Master, i *Instance) cell {
		if m.cluster.Node(i.Primary) == nil {
			return cell{rsNoData, nil}
		}
		list := []any{}
		for _, name := range i.Secondaries {
			list = append(list, get(m, m.cluster.Node(name)))
		}
		return normal(list)
	}
}

func nodeName(_ *Master, n *Node) any  { return n.Name }
func nodeGroup(_ *Master, n *Node) any { return n.Group }
func nodeGroupUUID(m *Master, n *Node) any {
	return m.cluster.Group(n.Group).UUID
}

func ofInstance(get func(*Instance) any) func(*Master, *Instance) cell {
	return func(_ *Master, i *Instance) cell { return normal(get(i)) }
}

// instanceFields follow hs:Query/Instance.hs.
var instanceFields = mapFields([]fieldDef[*Instance]{
	{name: "name", title: "Instance", kind: "text", doc: "Instance name", hostname: true,
		get: ofInstance(func(i *Instance) any { return i.Name })},
	{name: "uuid", title: "UUID", kind: "text", doc: "Instance UUID", get: ofInstance(func(i *Instance) any { return i.UUID })},
	{name: "tags", title: "Tags", kind: "other", doc: "Tags", get: ofInstance(func(i *Instance) any { return shownTags(i.Tags) })},
	{name: "pnode", title: "Primary_node", kind: "text", doc: "Primary node", hostname: true, get: onPrimary(nodeName)},
	{name: "pnode.group", title: "PrimaryNodeGroup", kind: "text", doc: "Primary node's group", get: onPrimary(nodeGroup)},
	{name: "pnode.group.uuid", title: "PrimaryNodeGroupUUID", kind: "text", doc: "Primary node's group UUID",
		get: onPrimary(nodeGroupUUID)},
	{name: "snodes", title: "Secondary_Nodes", kind: "other", doc: "Secondary nodes; usually this will just be one node",
		get: onSecondaries(nodeName)},
	{name: "snodes.group", title: "SecondaryNodesGroups", kind: "other", doc: "Node groups of secondary nodes",
		get: onSecondaries(nodeGroup)},
	{name: "snodes.group.uuid", title: "SecondaryNodesGroupsUUID", kind: "other", doc: "Node group UUIDs of secondary nodes",
		get: onSecondaries(nodeGroupUUID)},
	{name: "disk_template", title: "Disk_template", kind: "text", doc: "Instance disk template",
		get: ofInstance(func(i *Instance) any { return i.Template })},
	{name: "admin_state", title: "InstanceState", kind: "text", doc: "Desired state of instance",
		get: ofInstance(func(i *Instance) any { return i.AdminState })},
	{name: "admin_state_source", title: "InstanceStateSource", kind: "text",
		doc: "Who last changed the desired state of the instance", get: ofInstance(func(*Instance) any { return "admin" })},
	{name: "admin_up", title: "Autostart", kind: "bool", doc: "Desired state of instance",
		get: ofInstance(func(i *Instance) any { return i.AdminState == AdminUp })},
	{name: "disks_active", title: "DisksActive", kind: "bool", doc: "Desired state of instance disks",
		get: ofInstance(func(i *Instance) any { return i.DisksActive })},
	{name: "os", title: "OS", kind: "text", doc: "Operating system", get: ofInstance(func(i *Instance) any { return i.OS })},
	{name: "hypervisor", title: "Hypervisor", kind: "text", doc: "Hypervisor name",
		get: ofInstance(func(i *Instance) any { return i.Hypervisor })},
	{name: "forthcoming", title: "Forthcoming", kind: "bool", doc: "whether the Instance is forthcoming",
		get: ofInstance(func(i *Instance) any { return i.Forthcoming })},
	{name: "be/memory", title: "ConfigMaxMem", kind: "unit", doc: "The \"maxmem\" backend parameter",
		get: ofInstance(func(i *Instance) any { return i.Memory })},
	{name: "be/maxmem", title: "ConfigMaxMem", kind: "unit", doc: "The \"maxmem\" backend parameter",
		get: ofInstance(func(i *Instance) any { return i.Memory })},
	{name: "be/minmem", title: "ConfigMinMem", kind: "unit", doc: "The \"minmem\" backend parameter",
		get: ofInstance(func(i *Instance) any { return i.minMemory() })},
	{name: "be/vcpus", title: "ConfigVCPUs", kind: "number", doc: "The \"vcpus\" backend parameter",
		get: ofInstance(func(i *Instance) any { return i.cpus() })},
	{name: "be/auto_balance", title: "Auto_balance", kind: "bool", doc: "The \"auto_balance\" backend parameter",
		get: ofInstance(func(*Instance) any { return true })},
	{name: "be/always_failover", title: "be/always_failover", kind: "bool", doc: "The \"always_failover\" backend parameter",
		get: ofInstance(func(i *Instance) any { return i.AlwaysFailover })},
	{name: "disk.count", title: "Disks", kind: "number", doc: "Number of disks",
		get: ofInstance(func(i *Instance) any { return len(i.diskSizes()) })},
	{name: "disk.sizes", title: "Disk_sizes", kind: "other", doc: "List of disk sizes",
		get: ofInstance(func(i *Instance) any { return i.diskSizes() })},
	{name: "disk_usage", title: "DiskUsage", kind: "unit",
		doc: "Total disk space used by instance on each of its nodes; this is not the disk size visible to the instance," +
			" but the usage on the node",
		get: ofInstance(func(i *Instance) any {
			switch i.Template {
			case DRBD:
				return i.DiskSize + 128 // constants.DRBD_META_SIZE
			case Diskless, BlockDev:
				return 0
			}
			return i.DiskSize
		})},
	{name: "ctime", title: "CTime", kind: "timestamp", doc: "Creation timestamp", get: epochTime[*Instance]},
	{name: "mtime", title: "MTime", kind: "timestamp", doc: "Modification timestamp", get: epochTime[*Instance]},
	{name: "serial_no", title: "SerialNo", kind: "number",
		doc: "Instance object serial number, incremented on each modification", get: ofInstance(func(*Instance) any { return 1 })},

	{name: "status", live: true, title: "Status", kind: "text",
		doc: `Instance status; "running" if instance is set to be running and actually is, "ADMIN_down" if instance is` +
			` stopped and is not running, "ERROR_wrongnode" if instance running, but not on its designated primary node,` +
			` "ERROR_up" if instance should be stopped, but is actually running, "ERROR_down" if instance should run, but` +
			` doesn't, "ERROR_nodedown" if instance's primary node is down, "ERROR_nodeoffline" if instance's primary node` +
			` is marked offline, "ADMIN_offline" if instance is offline and does not use dynamic resources`,
		get: func(m *Master, i *Instance) cell { return normal(m.instanceStatus(i)) }},
	{name: "oper_state", live: true, title: "Running", kind: "bool", doc: "Actual state of instance",
		get: func(m *Master, i *Instance) cell {
			found, status := m.seen(i)
			if status != rsNormal {
				return cell{rsNoData, nil}
			}
			return normal(found != "")
		}},
	{name: "oper_ram", live: true, title: "Memory", kind: "unit", doc: "Actual memory usage as seen by hypervisor",
		get: whileRunning(func(i *Instance) any { return i.usedMemory() })},
	{name: "oper_vcpus", live: true, title: "VCPUs", kind: "number", doc: "Actual number of VCPUs as seen by hypervisor",
		get: whileRunning(func(i *Instance) any { return i.cpus() })},
})

func (i *Instance) diskSizes() []int {
	if i.Template == Diskless {
		return []int{}
	}
	return []int{i.DiskSize}
}

func epochTime[T any](m *Master, _ T) cell { return normal(secondsOf(m.epoch)) }

// secondsOf is a time as the configuration has it.
func secondsOf(t time.Time) float64 { return float64(t.UnixNano()/1000) / 1e6 }

// seen tells on which of the nodes that were asked and answer the instance runs: the primary if it does, else any. The
// status is not rsNormal if it runs nowhere there and the primary did not answer (hs:Query/Instance.hs getInstanceInfo).
func (m *Master) seen(i *Instance) (node string, status int) {
	if m.rpc(i.Primary) == "" && i.Running() {
		return i.Primary, rsNormal
	}
	for _, name := range i.RunsOn {
		if m.asked[name] && m.rpc(name) == "" {
			return name, rsNormal
		}
	}
	if n := m.cluster.Node(i.Primary); n != nil && m.rpc(n.Name) != "" {
		if n.Offline {
			return "", rsOffline
		}
		return "", rsNoData
	}
	return "", rsNormal
}

// instanceStatus implements hs:Query/Instance.hs determineInstanceStatus.
func (m *Master) instanceStatus(i *Instance) string {
	if n := m.cluster.Node(i.Primary); n != nil && n.Offline {
		return "ERROR_nodeoffline"
	}
	node, status := m.seen(i)
	switch {
	case status != rsNormal:
		return "ERROR_nodedown"
	case node != "" && node != i.Primary:
		return "ERROR_wrongnode"
	case node != "" && i.AdminState == AdminUp:
		return "running"
	case node != "":
		return "ERROR_up"
	case i.AdminState == AdminUp:
		return "ERROR_down"
	case i.AdminState == AdminOffline:
		return "ADMIN_offline"
	}
	return "ADMIN_down"
}

// whileRunning makes a getter of what only a running instance has.
func whileRunning(get func(*Instance) any) func(*Master, *Instance) cell {
	return func(m *Master, i *Instance) cell {
		node, status := m.seen(i)
		switch {
		case status != rsNormal:
			return cell{status, nil}
		case node == "":
			return cell{rsUnavail, nil}
		}
		return normal(get(i))
	}
}
