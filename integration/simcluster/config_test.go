package simcluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi/luxitest"
)

const baseConfig = `{
"version": 3000000,
"cluster": {"ipolicy": {}, "ndparams": {}, "file_storage_dir": "/f", "shared_file_storage_dir": "/s", "gluster_storage_dir": "/g"},
"nodes": {"uuid-master": {"name": "node1", "primary_ip": "192.0.2.10", "secondary_ip": "192.0.2.10", "offline": false}}}`

// from generates a cluster from a description and returns it with its configuration
// as Ganeti reads it.
func from(t *testing.T, text string) (*generated, map[string]interface{}) {
	t.Helper()
	desc, err := luxitest.Parse(text + "\ngroup masters policy=unallocable\nnode node1 group=masters not-vm-capable mem=0 disk=0 master\n")
	if err != nil {
		t.Fatal(err)
	}
	made, err := generate([]byte(baseConfig), []string{"node1"}, desc)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(made.config)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]interface{}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	return made, config
}

// named returns the object of that name, without what all have.
func named(config map[string]interface{}, kind, name string, keys ...string) string {
	for _, o := range config[kind].(map[string]interface{}) {
		object := o.(map[string]interface{})
		if object["name"] != name && object["iv_name"] != name {
			continue
		}
		var words []string
		for _, key := range keys {
			data, _ := json.Marshal(object[key])
			words = append(words, key+"="+string(data))
		}
		return strings.Join(words, " ")
	}
	return "none"
}

// What a description says of nodes and instances stands in the configuration and is
// told to the simulator.
func TestGenerate(t *testing.T) {
	made, config := from(t, `
cluster cluster
group default
group whole exclusive-storage
node a vg=fast:5000 os=debian cpus=4 oob=lies powered-off mtime=1700000123
node b no-vg os=none offline
node c group=whole disk=10300 pvs=10
instance web nodes=a template=plain vg=fast always-failover minmem=64 mem=256 vcpus=2 usedmem=100 hypervisor=lxc
instance db nodes=a,b template=drbd state=down disks-active lacks=b
instance big nodes=c template=plain disk=2500
`)
	for _, row := range []struct{ kind, name, want string }{
		{"nodes", "a", `ndparams={"oob_program":"/srv/sim/oob"} powered=false mtime=1700000123 offline=false`},
		{"nodes", "b", `ndparams={} powered=true mtime=1700000000 offline=true`},
		{"nodegroups", "whole", `ndparams={"exclusive_storage":true}`},
		{"nodegroups", "default", `ndparams={}`},
		{"instances", "web", `beparams={"always_failover":true,"maxmem":256,"minmem":64,"vcpus":2} disks_active=true hypervisor="lxc"`},
		{"instances", "db", `beparams={"maxmem":128,"minmem":128,"vcpus":1} disks_active=true hypervisor="fake"`},
	} {
		var keys []string
		for _, word := range strings.Fields(row.want) {
			key, _, _ := strings.Cut(word, "=")
			keys = append(keys, key)
		}
		if got := named(config, row.kind, row.name, keys...); got != row.want {
			t.Errorf("%s %s: %s, want %s", row.kind, row.name, got, row.want)
		}
	}
	var groups, spindles []string
	for _, d := range config["disks"].(map[string]interface{}) {
		disk := d.(map[string]interface{})
		if disk["dev_type"] != "plain" {
			continue
		}
		group := disk["logical_id"].([]interface{})[0].(string)
		groups = append(groups, group)
		spindles = append(spindles, fmt.Sprint(group, " ", disk["spindles"]))
	}
	if got := strings.Join(spindles, ", "); len(groups) != 2 || !strings.Contains(got, "fast <nil>") || !strings.Contains(got, "xenvg 3") {
		t.Errorf("plain disks %s", got)
	}
	if got := fmt.Sprint(config["cluster"].(map[string]interface{})["enabled_hypervisors"]); got != "[fake kvm lxc]" {
		t.Errorf("hypervisors %s", got)
	}

	nodes := make(map[string]nodesim.NodeSpec)
	for _, n := range made.nodes {
		nodes[n.Name] = n
	}
	if n := nodes["a"]; n.VolumeGroups["fast"] != 5000 || fmt.Sprint(n.Systems) != "[debian]" || n.CPUs != 4 || n.WithoutGroup || n.Offline {
		t.Errorf("a is %+v", n)
	}
	if n := nodes["b"]; !n.WithoutGroup || n.Systems == nil || len(n.Systems) != 0 || !n.Offline {
		t.Errorf("b is %+v", n)
	}
	if n := nodes["c"]; n.Physical != 10 || n.Systems != nil {
		t.Errorf("c is %+v", n)
	}
	places := make(map[string]nodesim.Placement)
	for _, p := range made.placements {
		places[p.Instance] = p
	}
	if p := places["web"]; p.Memory != 100 || fmt.Sprint(p.RunsOn) != "[a]" || fmt.Sprint(p.Data) != "[a]" {
		t.Errorf("web is placed %+v", p)
	}
	if p := places["db"]; fmt.Sprint(p.Lacks, p.Data, p.RunsOn) != "[b] [a b] []" {
		t.Errorf("db is placed %+v", p)
	}
}
