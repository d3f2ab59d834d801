package simcluster

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi/luxitest"
)

// object is an object of Ganeti's configuration.
type object = map[string]interface{}

// generated is a description in the forms that Ganeti and nodesim read.
type generated struct {
	config     object
	ssconf     map[string]string // by name, without "ssconf_"
	nodes      []nodesim.NodeSpec
	placements []nodesim.Placement
}

// generator builds a generated.
type generator struct {
	generated
	cluster object
	desc    *luxitest.Cluster
	real    map[string]bool
	uuids   map[string]string // of nodes and groups, by kind and name
	minors  map[string]int    // next one, by node
	port    int
}

// generate returns a configuration with the described nodes and instances. The base
// is the configuration of a fresh cluster, of which the real nodes keep their entries.
func generate(base []byte, real []string, desc *luxitest.Cluster) (*generated, error) {
	g := &generator{desc: desc, real: make(map[string]bool), uuids: make(map[string]string), minors: make(map[string]int), port: firstPort}
	if err := json.Unmarshal(base, &g.config); err != nil {
		return nil, fmt.Errorf("config.data: %w", err)
	}
	for _, name := range real {
		g.real[name] = true
	}
	g.cluster = g.config["cluster"].(object)
	for uuid, n := range g.config["nodes"].(object) {
		g.uuids["node "+n.(object)["name"].(string)] = uuid
	}
	g.groups()
	if err := g.allNodes(); err != nil {
		return nil, err
	}
	if err := g.instances(); err != nil {
		return nil, err
	}
	g.parameters()
	g.ssconfFiles()
	return &g.generated, nil
}

const firstPort = 11000

// uuid returns the UUID of the object of that kind and name, and makes one up if it
// has none. The same name always gets the same UUID.
func (g *generator) uuid(kind, name string) string {
	key := kind + " " + name
	if u := g.uuids[key]; u != "" {
		return u
	}
	h := fmt.Sprintf("%x", sha256.Sum256([]byte(key)))
	u := h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
	g.uuids[key] = u
	return u
}

func tagList(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return tags
}

// born is the time at which all objects were made.
const born = 1700000000.0

func stamped(uuid string, tags []string, o object) object {
	o["uuid"], o["tags"], o["ctime"], o["mtime"], o["serial_no"] = uuid, tagList(tags), born, born, 1
	return o
}

func (g *generator) groups() {
	groups := make(object)
	for _, group := range g.desc.Groups {
		u := g.uuid("group", group.Name)
		params := object{}
		if group.ExclusiveStorage {
			params["exclusive_storage"] = true
		}
		groups[u] = stamped(u, group.Tags, object{
			"name": group.Name, "members": []string{}, "ndparams": params, "alloc_policy": group.AllocPolicy,
			"ipolicy": object{}, "diskparams": object{}, "networks": object{},
		})
	}
	g.config["nodegroups"] = groups
}

func (g *generator) allNodes() error {
	nodes := g.config["nodes"].(object)
	for n, node := range g.desc.Nodes {
		group := node.Group
		if group == "" {
			group = g.desc.Groups[0].Name
		}
		u := g.uuid("node", node.Name)
		if g.real[node.Name] {
			entry := nodes[u].(object)
			entry["group"], entry["vm_capable"], entry["tags"] = g.uuid("group", group), !node.NotVMCapable, tagList(node.Tags)
			continue
		}
		a := address(n)
		nodes[u] = stamped(u, node.Tags, object{
			"name": node.Name, "primary_ip": a, "secondary_ip": a, "master_candidate": false, "master_capable": false,
			"offline": node.Offline, "drained": node.Drained, "group": g.uuid("group", group), "vm_capable": !node.NotVMCapable,
			"ndparams": nodeParams(node), "powered": !node.PoweredOff,
		})
		if !node.MTime.IsZero() {
			nodes[u].(object)["mtime"] = float64(node.MTime.Unix())
		}
		g.nodes = append(g.nodes, nodesim.NodeSpec{
			Name: node.Name, UUID: u, Address: a, Memory: node.Memory, CPUs: node.CPUs,
			Storage: node.Storage, FileStorage: node.FileStorage, VolumeGroups: node.VGs, WithoutGroup: node.NoVG, Physical: node.PVs,
			Systems: node.OSes, Offline: node.Offline,
		})
	}
	for name := range g.real {
		if g.desc.Node(name) == nil {
			return fmt.Errorf("the description lacks the real node %s", name)
		}
	}
	return nil
}

// nodeParams returns the node parameters (ndparams) that are set on the node itself.
func nodeParams(node *luxitest.Node) object {
	params := object{}
	if node.ExclusiveStorage {
		params["exclusive_storage"] = true
	}
	if node.OOB != luxitest.OOBNone {
		params["oob_program"] = OOBProgram
	}
	return params
}

// exclusive reports whether a node has exclusive storage.
func (g *generator) exclusive(name string) bool {
	node := g.desc.Node(name)
	group := g.desc.Group(node.Group)
	if group == nil {
		group = g.desc.Groups[0]
	}
	return g.desc.ExclusiveStorage || group.ExclusiveStorage || node.ExclusiveStorage
}

// hypervisors lists those that are enabled: fake, kvm and what instances use.
func (g *generator) hypervisors() []string {
	names := []string{"fake", "kvm"}
	for _, i := range g.desc.Instances {
		known := i.Hypervisor == ""
		for _, name := range names {
			known = known || name == i.Hypervisor
		}
		if !known {
			names = append(names, i.Hypervisor)
		}
	}
	return names
}

// parameters sets the parameters of the cluster.
func (g *generator) parameters() {
	c := g.cluster
	// The first template decides of which storage a node's free disk space is. All
	// templates are enabled; the description says which come first.
	names := append([]string{}, g.desc.EnabledTemplates...)
	for _, name := range []string{"drbd", "plain", "file", "diskless", "sharedfile", "gluster", "rbd", "ext", "blockdev"} {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if !known {
			names = append(names, name)
		}
	}
	c["enabled_disk_templates"] = names
	c["ipolicy"].(object)["disk-templates"] = names
	c["enabled_hypervisors"] = g.hypervisors()
	if g.desc.ExclusiveStorage {
		c["ndparams"].(object)["exclusive_storage"] = true
	}
	// Virtual processors are not limited.
	c["ipolicy"].(object)["vcpu-ratio"] = 1000
	c["volume_group_name"] = nodesim.VolumeGroup
	c["drbd_usermode_helper"] = "/bin/true"
	c["candidate_pool_size"] = len(g.real)
	c["tags"] = tagList(g.desc.Tags)
	c["default_iallocator"] = g.desc.DefaultIAllocator
	if g.desc.NoCapacityChecks {
		c["default_iallocator_params"] = object{"no-capacity-checks": nil}
	}
	if g.desc.MaxRunningJobs > 0 {
		c["max_running_jobs"] = g.desc.MaxRunningJobs
	}
	if g.port > firstPort {
		c["highest_used_port"] = g.port - 1
	}
	c["tcpudp_port_pool"] = []int{}
	g.config["filters"] = object{}
}

func (g *generator) ssconfFiles() {
	s := make(map[string]string)
	line := func(file, format string, args ...interface{}) {
		s[file] += fmt.Sprintf(format+"\n", args...)
	}
	nodes := g.config["nodes"].(object)
	var names []string
	byName := make(map[string]object)
	for _, n := range nodes {
		node := n.(object)
		names = append(names, node["name"].(string))
		byName[node["name"].(string)] = node
	}
	sort.Strings(names)
	for _, file := range []string{"instance_list", "offline_nodes", "online_nodes", "cluster_tags"} {
		s[file] = ""
	}
	for _, name := range names {
		n := byName[name]
		line("node_list", "%s", name)
		line("node_primary_ips", "%s %s", name, n["primary_ip"])
		line("node_secondary_ips", "%s %s", name, n["secondary_ip"])
		vmCapable := "False"
		if n["vm_capable"].(bool) {
			vmCapable = "True"
		}
		line("node_vm_capable", "%s=%s", name, vmCapable)
		line("ssh_ports", "%s=22", name)
		if n["offline"].(bool) {
			line("offline_nodes", "%s", name)
		} else {
			line("online_nodes", "%s", name)
		}
	}
	for _, i := range g.desc.Instances {
		line("instance_list", "%s", i.Name)
	}
	for _, group := range g.desc.Groups {
		line("nodegroups", "%s %s", g.uuid("group", group.Name), group.Name)
	}
	for _, name := range g.hypervisors() {
		line("hypervisor_list", "%s", name)
	}
	for _, tag := range g.desc.Tags {
		line("cluster_tags", "%s", tag)
	}
	for name := range s {
		s[name] = strings.TrimSuffix(s[name], "\n")
	}
	g.ssconf = s
}
