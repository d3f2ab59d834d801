package luxitest

import "fmt"

func ofNode(get func(*Node) any) func(*Master, *Node) cell {
	return func(_ *Master, n *Node) cell { return normal(get(n)) }
}

// liveNode makes a getter of what only the node itself knows.
func liveNode(get func(*Master, *Node) any) func(*Master, *Node) cell {
	return func(m *Master, n *Node) cell {
		switch {
		case n.Offline:
			return cell{rsOffline, nil}
		case m.rpc(n.Name) != "":
			return cell{rsNoData, nil}
		}
		return normal(get(m, n))
	}
}

// instancesOf lists the names of the instances that have the node as primary or as secondary.
func (m *Master) instancesOf(node string, primary bool) []string {
	var names []string
	for _, i := range m.cluster.Instances {
		if primary && i.Primary == node || !primary && contains(i.Secondaries, node) {
			names = append(names, i.Name)
		}
	}
	return niceSorted(names)
}

// role implements hs:Config.hs getNodeRole.
func (m *Master) role(n *Node) string {
	switch {
	case n.Name == m.cluster.Master:
		return "M"
	case n.Drained:
		return "D"
	case n.Offline:
		return "O"
	case n.candidate():
		return "C"
	}
	return "R"
}

// spindleField makes a getter of a number of physical volumes, which only nodes with exclusive storage tell.
func spindleField(choose func(free, total int) int) func(*Master, *Node) cell {
	get := liveNode(func(m *Master, n *Node) any { return choose(m.cluster.spindles(n)) })
	return func(m *Master, n *Node) cell {
		if c := get(m, n); c.status != rsNormal || m.cluster.exclusive(n) {
			return c
		}
		return cell{rsNoData, nil}
	}
}

// nodeFields follow hs:Query/Node.hs.
var nodeFields = mapFields([]fieldDef[*Node]{
	{name: "name", title: "Node", kind: "text", doc: "Node name", hostname: true, get: ofNode(func(n *Node) any { return n.Name })},
	{name: "uuid", title: "UUID", kind: "text", doc: "Node UUID", get: ofNode(func(n *Node) any { return n.UUID })},
	{name: "offline", title: "Offline", kind: "bool", doc: "Whether node is marked offline",
		get: ofNode(func(n *Node) any { return n.Offline })},
	{name: "drained", title: "Drained", kind: "bool", doc: "Whether node is drained",
		get: ofNode(func(n *Node) any { return n.Drained })},
	{name: "vm_capable", title: "VMCapable", kind: "bool", doc: "Whether node can host instances",
		get: ofNode(func(n *Node) any { return !n.NotVMCapable })},
	{name: "master_candidate", title: "MasterC", kind: "bool", doc: "Whether node is a master candidate",
		get: ofNode(func(n *Node) any { return n.candidate() })},
	{name: "master_capable", title: "MasterCapable", kind: "bool", doc: "Whether node can become a master candidate",
		get: ofNode(func(n *Node) any { return !n.NotMasterCapable })},
	{name: "master", title: "IsMaster", kind: "bool", doc: "Whether node is master",
		get: func(m *Master, n *Node) cell { return normal(n.Name == m.cluster.Master) }},
	{name: "role", title: "Role", kind: "text",
		doc: `Node role; "M" for master, "C" for master candidate, "R" for regular, "D" for drained, "O" for offline`,
		get: func(m *Master, n *Node) cell { return normal(m.role(n)) }},
	{name: "group", title: "Group", kind: "text", doc: "Node group", get: ofNode(func(n *Node) any { return n.Group })},
	{name: "group.uuid", title: "GroupUUID", kind: "text", doc: "UUID of node group",
		get: func(m *Master, n *Node) cell { return normal(nodeGroupUUID(m, n)) }},
	{name: "tags", title: "Tags", kind: "other", doc: "Tags", get: ofNode(func(n *Node) any { return shownTags(n.Tags) })},
	{name: "powered", title: "Powered", kind: "bool", doc: "Whether node is thought to be powered on",
		get: func(_ *Master, n *Node) cell {
			if n.OOB == OOBNone {
				return cell{rsUnavail, nil}
			}
			return normal(!n.PoweredOff)
		}},
	{name: "pinst_list", title: "PriInstances", kind: "other", doc: "List of instances with this node as primary",
		get: func(m *Master, n *Node) cell { return normal(m.instancesOf(n.Name, true)) }},
	{name: "sinst_list", title: "SecInstances", kind: "other", doc: "List of instances with this node as secondary",
		get: func(m *Master, n *Node) cell { return normal(m.instancesOf(n.Name, false)) }},
	{name: "pinst_cnt", title: "Pinst", kind: "number", doc: "Number of instances with this node as primary",
		get: func(m *Master, n *Node) cell { return normal(len(m.instancesOf(n.Name, true))) }},
	{name: "sinst_cnt", title: "Sinst", kind: "number", doc: "Number of instances with this node as secondary",
		get: func(m *Master, n *Node) cell { return normal(len(m.instancesOf(n.Name, false))) }},
	{name: "ndp/exclusive_storage", title: "ExclusiveStorage", kind: "bool", doc: "The \"exclusive_storage\" node parameter",
		get: func(m *Master, n *Node) cell { return normal(m.cluster.exclusive(n)) }},
	{name: "ctime", title: "CTime", kind: "timestamp", doc: "Creation timestamp", get: epochTime[*Node]},
	{name: "mtime", title: "MTime", kind: "timestamp", doc: "Modification timestamp",
		get: func(m *Master, n *Node) cell {
			if n.MTime.IsZero() {
				return epochTime(m, n)
			}
			return normal(secondsOf(n.MTime))
		}},
	{name: "serial_no", title: "SerialNo", kind: "number", doc: "Node object serial number, incremented on each modification",
		get: ofNode(func(*Node) any { return 1 })},

	{name: "mfree", title: "MFree", kind: "unit", doc: "Memory available for instance allocations",
		get: liveNode(func(m *Master, n *Node) any { return m.cluster.freeMemory(n) })},
	{name: "mtotal", title: "MTotal", kind: "unit", doc: "Total amount of memory of physical machine",
		get: liveNode(func(_ *Master, n *Node) any { return n.Memory })},
	{name: "mnode", title: "MNode", kind: "unit", doc: "Amount of memory used by node (dom0 for Xen)",
		get: liveNode(func(*Master, *Node) any { return 0 })},
	{name: "dfree", title: "DFree", kind: "unit", doc: "Available storage space on storage unit",
		get: liveNode(func(m *Master, n *Node) any { return m.cluster.freeStorage(n, m.cluster.reportedStorage()) })},
	{name: "dtotal", title: "DTotal", kind: "unit", doc: "Total storage space on storage unit for instance disk allocation",
		get: liveNode(func(m *Master, n *Node) any { return n.mainUnit(m.cluster.reportedStorage()).size })},
	{name: "ctotal", title: "CTotal", kind: "number", doc: "Number of logical processors",
		get: liveNode(func(_ *Master, n *Node) any { return n.cpus() })},
	{name: "cnodes", title: "CNodes", kind: "number", doc: "Number of NUMA domains on node (if exported by hypervisor)",
		get: liveNode(func(*Master, *Node) any { return 1 })},
	{name: "csockets", title: "CSockets", kind: "number", doc: "Number of physical CPU sockets (if exported by hypervisor)",
		get: liveNode(func(*Master, *Node) any { return 1 })},
	{name: "cnos", title: "CNOs", kind: "number", doc: "Number of logical processors used by the node OS (dom0 for Xen)",
		get: liveNode(func(*Master, *Node) any { return 1 })},
	{name: "spfree", title: "SpFree", kind: "number", doc: "Available spindles in volume group (exclusive storage only)",
		get: spindleField(func(free, _ int) int { return free })},
	{name: "sptotal", title: "SpTotal", kind: "number", doc: "Total spindles in volume group (exclusive storage only)",
		get: spindleField(func(_, total int) int { return total })},
	{name: "bootid", title: "BootID", kind: "text",
		doc: "Random UUID renewed for each system reboot, can be used for detecting reboots by tracking changes",
		get: liveNode(func(_ *Master, n *Node) any { return madeUpUUID("boot "+n.Name, 0) })},
})

// groupFields follow hs:Query/Group.hs.
var groupFields = mapFields([]fieldDef[*Group]{
	{name: "name", title: "Group", kind: "text", doc: "Group name",
		get: func(_ *Master, g *Group) cell { return normal(g.Name) }},
	{name: "uuid", title: "UUID", kind: "text", doc: "Group UUID", get: func(_ *Master, g *Group) cell { return normal(g.UUID) }},
	{name: "alloc_policy", title: "AllocPolicy", kind: "text", doc: "Allocation policy for group",
		get: func(_ *Master, g *Group) cell { return normal(g.AllocPolicy) }},
	{name: "tags", title: "Tags", kind: "other", doc: "Tags", get: func(_ *Master, g *Group) cell { return normal(shownTags(g.Tags)) }},
	{name: "node_list", title: "NodeList", kind: "other", doc: "List of nodes",
		get: func(m *Master, g *Group) cell { return normal(niceSorted(m.groupNodes(g.Name))) }},
	{name: "node_cnt", title: "Nodes", kind: "number", doc: "Number of nodes",
		get: func(m *Master, g *Group) cell { return normal(len(m.groupNodes(g.Name))) }},
	{name: "pinst_list", title: "InstanceList", kind: "other", doc: "List of primary instances",
		get: func(m *Master, g *Group) cell { return normal(m.groupInstances(g.Name)) }},
	{name: "pinst_cnt", title: "Instances", kind: "number", doc: "Number of primary instances",
		get: func(m *Master, g *Group) cell { return normal(len(m.groupInstances(g.Name))) }},
	{name: "ctime", title: "CTime", kind: "timestamp", doc: "Creation timestamp", get: epochTime[*Group]},
	{name: "mtime", title: "MTime", kind: "timestamp", doc: "Modification timestamp", get: epochTime[*Group]},
	{name: "serial_no", title: "SerialNo", kind: "number", doc: "Group object serial number, incremented on each modification",
		get: func(*Master, *Group) cell { return normal(1) }},
})

func (m *Master) groupInstances(group string) []string {
	var names []string
	for _, i := range m.cluster.Instances {
		if n := m.cluster.Node(i.Primary); n != nil && n.Group == group {
			names = append(names, i.Name)
		}
	}
	return niceSorted(names)
}

// versionNumber is a release as Ganeti's protocols number it: 3010000 for "3.1.0" (lib/constants.py).
func versionNumber(release string) int {
	var major, minor int
	_, _ = fmt.Sscanf(release, "%d.%d", &major, &minor)
	return major*1000000 + minor*10000
}

// enabledHypervisors lists fake and those of the instances.
func (c *Cluster) enabledHypervisors() []string {
	list := []string{"fake"}
	for _, i := range c.Instances {
		list = with(list, i.Hypervisor)
	}
	return list
}

// clusterInfo is QueryClusterInfo, of whose 55 keys those without a meaning here are left out.
func (m *Master) clusterInfo() any {
	c := m.cluster
	params := map[string]any{}
	if c.NoCapacityChecks {
		params["no-capacity-checks"] = nil
	}
	created := float64(m.epoch.UnixNano()/1000) / 1e6
	return map[string]any{
		"name": c.Name, "uuid": c.UUID, "master": c.Master, "tags": shownTags(c.Tags),
		"software_version": c.SoftwareVersion, "protocol_version": versionNumber(c.SoftwareVersion), "config_version": versionNumber(c.SoftwareVersion),
		"os_api_version": 20, "export_version": 0, "vcs_version": "(ganeti) version v" + c.SoftwareVersion,
		"architecture": []string{"64bits", "x86_64"}, "default_hypervisor": "fake", "enabled_hypervisors": c.enabledHypervisors(),
		"enabled_disk_templates": c.EnabledTemplates, "default_iallocator": c.DefaultIAllocator,
		"default_iallocator_params": params, "max_running_jobs": c.MaxRunningJobs, "max_tracked_jobs": 25,
		"candidate_pool_size": c.CandidatePool, "maintain_node_health": false, "prealloc_wipe_disks": c.WipesDisks,
		"volume_group_name": volumeGroup, "mac_prefix": "aa:00:00", "master_netdev": "lo", "master_netmask": 32,
		"ctime": created, "mtime": created,
	}
}
