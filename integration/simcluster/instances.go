package simcluster

import (
	"fmt"
	"strings"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi/luxitest"
)

// Sizes, in MiB, and the secret of all drbd disks.
const (
	metaSize = 128
	secret   = "0123456789abcdef0123456789abcdef01234567"
)

func (g *generator) instances() error {
	instances, disks := make(object), make(object)
	for k, i := range g.desc.Instances {
		list, err := g.disks(i)
		if err != nil {
			return fmt.Errorf("instance %s: %w", i.Name, err)
		}
		uuids := []string{}
		for _, d := range list {
			uuids = append(uuids, d["uuid"].(string))
			disks[d["uuid"].(string)] = d
		}
		u := i.UUID
		if u == "" || strings.HasPrefix(u, "uuid-") {
			u = g.uuid("instance", i.Name)
		}
		instances[u] = stamped(u, i.Tags, object{
			"name": i.Name, "primary_node": g.uuid("node", i.Primary), "os": i.OS, "hypervisor": i.Hypervisor,
			"hvparams": object{}, "beparams": backendParams(i),
			"osparams": object{}, "osparams_private": object{},
			"admin_state": i.AdminState, "admin_state_source": "admin", "disks_active": i.DisksActive,
			"nics": []object{{
				"mac": fmt.Sprintf("aa:00:00:%02x:%02x:%02x", k>>16&0xff, k>>8&0xff, k&0xff), "uuid": g.uuid("nic", i.Name),
				"ip": fmt.Sprintf("10.%d.%d.%d", k>>16&0xff, k>>8&0xff, k&0xff), "nicparams": object{"mode": "routed"},
			}},
			"disks": uuids,
		})
		p := nodesim.Placement{
			Instance: i.Name, Hypervisor: i.Hypervisor, Memory: or(i.RunningMemory, i.Memory), Nodes: i.Nodes(), RunsOn: i.RunsOn,
			Partial: i.Data.Partial, Failed: i.Data.Failed,
		}
		if len(i.Data.On) != 1 || i.Data.On[0] != luxitest.Everywhere {
			p.Data = append(append([]string{}, i.Data.On...), i.Data.Partial...)
		}
		for _, node := range i.Data.On {
			if i.Lacks(node) {
				p.Lacks = append(p.Lacks, node)
			}
		}
		for _, d := range list {
			p.Disks = append(p.Disks, d)
		}
		g.placements = append(g.placements, p)
	}
	g.config["instances"], g.config["disks"] = instances, disks
	return nil
}

// backendParams returns the backend parameters (beparams) of an instance.
func backendParams(i *luxitest.Instance) object {
	params := object{"minmem": or(i.MinMemory, i.Memory), "maxmem": i.Memory, "vcpus": or(i.VCPUs, 1)}
	if i.AlwaysFailover {
		params["always_failover"] = true
	}
	return params
}

// or returns n, or the standard if n is zero.
func or(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

// disks returns an instance's disks as objects of the configuration.
func (g *generator) disks(i *luxitest.Instance) ([]object, error) {
	switch i.Template {
	case luxitest.Diskless:
		return nil, nil
	case luxitest.Mixed:
		return []object{g.disk(i, luxitest.Plain, 0), g.disk(i, luxitest.SharedFile, 1)}, nil
	case luxitest.DRBD:
		if len(i.Secondaries) != 1 {
			return nil, fmt.Errorf("a drbd instance has one secondary node, not %d", len(i.Secondaries))
		}
	}
	return []object{g.disk(i, i.Template, 0)}, nil
}

func (g *generator) disk(i *luxitest.Instance, template string, index int) object {
	name := fmt.Sprintf("%s.disk%d", i.Name, index)
	u := g.uuid("disk", name)
	d := object{
		"dev_type": template, "children": []object{}, "nodes": []string{}, "iv_name": fmt.Sprintf("disk/%d", index),
		"size": i.DiskSize, "mode": "rw", "params": object{}, "uuid": u, "serial_no": 1, "ctime": born, "mtime": born,
	}
	var nodes []string
	for _, n := range i.Nodes() {
		nodes = append(nodes, g.uuid("node", n))
	}
	group := nodesim.VolumeGroup
	if i.VG != "" {
		group = i.VG
	}
	directory := func(kind string) string { return g.cluster[kind+"_storage_dir"].(string) + "/" + i.Name + "/" + name }
	switch template {
	case luxitest.Plain:
		d["logical_id"], d["nodes"] = []string{group, u + ".disk"}, nodes[:1]
		if g.exclusive(i.Primary) {
			d["spindles"] = g.spindles(i)
		}
	case luxitest.File:
		d["logical_id"], d["nodes"] = []string{"loop", directory("file")}, nodes[:1]
	case luxitest.SharedFile:
		d["logical_id"] = []string{"loop", directory("shared_file")}
	case luxitest.Gluster:
		d["logical_id"] = []string{"loop", directory("gluster")}
	case luxitest.RBD:
		d["logical_id"] = []string{"rbd", u + ".rbd.disk"}
	case luxitest.Ext:
		d["logical_id"], d["params"] = []string{"prov", u + ".ext.disk"}, object{"provider": "prov"}
	case luxitest.BlockDev:
		d["logical_id"] = []string{"manual", "/dev/disk/" + name}
	case luxitest.DRBD:
		minor := func(node string) int {
			g.minors[node]++
			return g.minors[node] - 1
		}
		d["logical_id"] = []interface{}{nodes[0], nodes[1], g.port, minor(nodes[0]), minor(nodes[1]), secret}
		d["nodes"] = nodes
		g.port++
		var children []object
		for _, part := range []struct {
			suffix string
			size   int
		}{{"data", i.DiskSize}, {"meta", metaSize}} {
			children = append(children, object{
				"dev_type": "plain", "logical_id": []string{group, u + ".disk_" + part.suffix}, "size": part.size,
				"children": []object{}, "nodes": nodes, "iv_name": "", "mode": "rw", "params": object{},
				"uuid": g.uuid("disk", name+" "+part.suffix), "serial_no": 1, "ctime": born, "mtime": born,
			})
		}
		d["children"] = children
	}
	return d
}

// spindles returns how many physical volumes an instance's disk takes on its primary
// node.
func (g *generator) spindles(i *luxitest.Instance) int {
	node := g.desc.Node(i.Primary)
	// Ganeti sets a part of each aside (_GetStdPvSize in lib/storage/bdev.py).
	each := node.Storage / or(node.PVs, 1) * 100 / 103
	if each == 0 {
		return 1
	}
	return (i.DiskSize + each - 1) / each
}
