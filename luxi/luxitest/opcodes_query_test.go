package luxitest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What a group's disks look like in each state that facts about real clusters are known of (D1).
func TestVerifyDisks(t *testing.T) {
	n2 := madeUpUUID("node n2", 0)
	lost := fmt.Sprintf(`{"db":[["%s","xenvg/UUID.disk0_data"],["%s","xenvg/UUID.disk0_meta"]]}`, n2, n2)
	for _, c := range []struct{ name, db, node, want string }{
		{"well", "", "", `[{},[],{}]`},
		{"secondary volume lost", "data=n1", "", `[{},["db"],` + lost + `]`},
		{"secondary volume lost under its device", "data=n1 failed=n2", "", `[{},["db"],` + lost + `]`},
		{"secondary diskless", "failed=n2", "", `[{},["db"],{}]`},
		{"primary diskless", "failed=n1", "", `[{},["db"],{}]`},
		{"split brain", "lacks=n1,n2", "", `[{},["db"],{}]`},
		{"a copy that is written", "partial=n2", "", `[{},[],{}]`},
		{"disks inactive", "data=n1 disks-inactive", "", `[{},[],{}]`},
		{"stopped", "state=down", "", `[{},[],{}]`},
		{"secondary offline", "", "offline", `[{"` + n2 + `":"Node is marked offline"},[],` + lost + `]`},
		{"secondary dead", "", "dead", `[{"` + n2 + `":"Error 7: Failed to connect to n2 port 1811 after 0 ms: Couldn't connect to server"},[],` + lost + `]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := begin(t, "node n1\nnode n2 "+c.node+"\ninstance db template=drbd nodes=n1,n2 "+c.db)
			_, r := dial(t, m).do(m, op("GROUP_VERIFY_DISKS", `"group_name":"default"`))
			want(t, "result", strings.ReplaceAll(r[0], m.Snapshot().Instance("db").UUID, "UUID"), c.want)
		})
	}
}

// The closer look at an instance's disks (D2). p and s are [sync percent, seconds, is_degraded, ldisk_status].
func TestQueryData(t *testing.T) {
	for _, c := range []struct{ name, db, node, params, state, disk, children string }{
		{"well", "", "", "", `"up"`, "[null null false 1] [null null false 1]", "true true"},
		{"static", "", "", `,"static":true`, "null", "null null", "false false"},
		{"secondary volume lost", "data=n1", "", "", `"up"`, "[null null true 1] null", "true false"},
		{"secondary volume lost under its device", "data=n1 failed=n2", "", "", `"up"`, "[null null false 1] [null null true 4]", "true false"},
		{"secondary diskless", "failed=n2", "", "", `"up"`, "[null null false 1] [null null true 4]", "true true"},
		{"primary diskless", "failed=n1", "", "", `"up"`, "[null null true 4] [null null false 1]", "true true"},
		{"disconnected", "lacks=n1,n2", "", "", `"up"`, "[null null true 1] [null null true 1]", "true true"},
		{"a copy that is written", "partial=n2", "", "", `"up"`, "[50 60 true 1] [50 60 true 2]", "true true"},
		{"stopped", "state=down", "", "", `"down"`, "null null", "true true"},
		{"secondary offline", "", "offline", "", `"up"`, "[null null true 1] null", "true false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "node n1\nnode n2 " + c.node + "\ninstance db template=drbd nodes=n1,n2 vg=xenvg " + c.db
			if c.node == "offline" {
				text += "\ncut n1 n2"
			}
			m := begin(t, text)
			_, r := dial(t, m).do(m, op("INSTANCE_QUERY_DATA", `"instances":["db"]`+c.params))
			var data map[string]struct {
				State json.RawMessage `json:"run_state"`
				Disks []struct {
					PStatus  []json.RawMessage `json:"pstatus"`
					SStatus  []json.RawMessage `json:"sstatus"`
					Children []struct {
						PStatus []json.RawMessage `json:"pstatus"`
						SStatus []json.RawMessage `json:"sstatus"`
						ID      []string          `json:"logical_id"`
					}
				}
			}
			if err := json.Unmarshal([]byte(r[0]), &data); err != nil || len(data["db"].Disks) != 1 {
				t.Fatalf("%s: %v", r[0], err)
			}
			shown := func(status []json.RawMessage) string {
				if status == nil {
					return "null"
				}
				return fmt.Sprintf("%s", status[3:])
			}
			d := data["db"].Disks[0]
			want(t, "state", string(data["db"].State), c.state)
			want(t, "disk", shown(d.PStatus)+" "+shown(d.SStatus), c.disk)
			want(t, "children", fmt.Sprint(d.Children[0].PStatus != nil, d.Children[0].SStatus != nil), c.children)
			want(t, "volume group", d.Children[0].ID[0], "xenvg")
		})
	}
	m := begin(t, "node n1\nnode n2 dead\ninstance db template=drbd nodes=n1,n2")
	_, r := dial(t, m).do(m, op("INSTANCE_QUERY_DATA", `"instances":["db"]`))
	wantPart(t, "a dead node", r[0], `"OpExecError",["Can't compute disk status for db: Error 7`)
}

// A node that lacks the operating system of an instance cannot have it installed (P10).
func TestOperatingSystems(t *testing.T) {
	m := begin(t, "node n1 os=noop,deb\nnode n2 os=noop\nnode n3\ninstance a template=plain nodes=n1 state=down os=deb+v1\ninstance b template=plain nodes=n2 state=down os=deb")
	w := dial(t, m)
	status, _ := w.do(m, op("INSTANCE_REINSTALL", instance("a")))
	want(t, "where it is", status, "success")
	_, r := w.do(m, op("INSTANCE_REINSTALL", instance("b")))
	want(t, "where it is not", r[0], `["OpExecError",["OS Parameters validation failed on node n2: Directory for OS deb not found in search path"]]`)
	_, r = w.do(m, op("OS_DIAGNOSE", `"output_fields":["name","valid"]`))
	want(t, "all", r[0], `[["deb",false],["noop",true]]`)
	_, r = w.do(m, op("OS_DIAGNOSE", `"output_fields":["name"]`))
	want(t, "valid ones", r[0], `[["noop"]]`)
	_, r = w.do(m, op("OS_DIAGNOSE", `"output_fields":["node_status","valid"],"names":["deb"]`))
	wantPart(t, "by node", r[0], fmt.Sprintf(`%q:[]`, madeUpUUID("node n2", 0)))
	wantPart(t, "by node", r[0], fmt.Sprintf(`%q:[["/srv/ganeti/os/deb",true,"",[],[],[20],true]]`, madeUpUUID("node n3", 0)))
	_, r = w.do(m, op("OS_DIAGNOSE", `"output_fields":["name"],"names":["none"]`))
	wantPart(t, "unknown", r[0], "Some items were removed")
}

// Room is counted in the volume group of the disk, or in whole physical volumes (P10).
func TestVolumeGroups(t *testing.T) {
	m := begin(t, `
cluster c
group default
node n1 disk=1000 vg=fast:500
node n2 disk=1000 vg=fast:90
node n3 disk=1000
node n4 disk=1000 pvs=4 exclusive-storage
node n5 disk=1000 no-vg
instance a template=plain nodes=n1 vg=fast disk=100 state=down data=none
instance b template=plain nodes=n4 disk=300 state=down
instance c template=plain nodes=n1 disk=300 state=down data=none
`)
	w := dial(t, m)
	_, r := w.do(m, op("NODE_QUERY_STORAGE", `"storage_type":"lvm-vg","nodes":["n1","n3","n5"],"output_fields":["node","name","free"]`))
	for _, row := range []string{`["n1","fast",500]`, `["n1","xenvg",1000]`, `["n3","xenvg",1000]`} {
		wantPart(t, "storage", r[0], row)
	}
	want(t, "rows", fmt.Sprint(strings.Count(r[0], "vg")+strings.Count(r[0], "fast")), "3")
	m.Edit(func(c *Cluster) { c.Node("n1").Offline = true })
	for node, problem := range map[string]string{
		"n2": "not enough free space", "n3": "Can't compute PV info for vg fast",
	} {
		_, r = w.do(m, op("INSTANCE_RECREATE_DISKS", instance("a"), `"nodes":["`+node+`"]`))
		wantPart(t, "on "+node, r[0], problem)
		m.Edit(func(c *Cluster) { c.Instance("a").Primary = "n1" })
	}
	// b has two of four volumes, as each holds less than a fourth of the disk.
	want(t, "spindles", w.rows("node", `["spfree","sptotal"]`, `["=","name","n4"]`), "2 4")
	want(t, "spindles elsewhere", w.rows("node", `["spfree"]`, `["=","name","n3"]`), "[2,null]")
	_, r = w.do(m, op("INSTANCE_RECREATE_DISKS", instance("c"), `"nodes":["n4"]`))
	want(t, "the last two", r[0], "null")
	m.Edit(func(c *Cluster) { c.Instance("c").Primary, c.Instance("a").VG = "n1", "" })
	_, r = w.do(m, op("INSTANCE_RECREATE_DISKS", instance("a"), `"nodes":["n4"]`))
	wantPart(t, "one more", r[0], "Not enough empty PVs (spindles) to create a disk of 100 MB: 0 available, 1 needed")
}

// Instances that share an exclusion tag are kept apart by the allocator, and by nothing else (P10).
func TestExclusionTags(t *testing.T) {
	m := begin(t, `
cluster c tags=htools:iextags:service
group default
node n1
node n2
node n3 mem=3000
instance a template=rbd nodes=n1 tags=service:web
instance b template=rbd nodes=n2 tags=service:web
`)
	w := dial(t, m)
	status, _ := w.do(m, op("INSTANCE_FAILOVER", instance("a")))
	want(t, "away from the other", status+" "+m.Snapshot().Instance("a").Primary, "success n3")
	m.Edit(func(c *Cluster) { c.Node("n1").Drained = true })
	_, r := w.do(m, op("INSTANCE_FAILOVER", instance("a")))
	wantPart(t, "nowhere else", r[0], "Node n2 failed: FailTags")
	status, _ = w.do(m, op("INSTANCE_FAILOVER", instance("a"), `"target_node":"n2"`))
	want(t, "by name", status, "success")
}

// The tags and the time of modification of nodes (T12, V5).
func TestNodeTags(t *testing.T) {
	m := begin(t, "node n1\nnode n2 tags=a")
	w := dial(t, m)
	before := w.rows("node", `["mtime"]`, `["=","name","n2"]`)
	m.RunUntilQuiet()
	w.do(m, op("TAGS_SET", `"kind":"node","name":"n2","tags":["ganeti:watcher:autorepair:fenced:1"]`))
	want(t, "tags", w.rows("node", `["tags"]`, `["=","name","n2"]`), `["a","ganeti:watcher:autorepair:fenced:1"]`)
	want(t, "the call", w.call("QueryTags", `["node","n2"]`), `["a","ganeti:watcher:autorepair:fenced:1"]`)
	after := w.rows("node", `["mtime"]`, `["=","name","n2"]`)
	if before == after {
		t.Errorf("a new tag leaves mtime at %s", after)
	}
	m.Edit(func(c *Cluster) { c.Node("n2").Memory++ })
	want(t, "what is no configuration", w.rows("node", `["mtime"]`, `["=","name","n2"]`), after)
	m.Advance(1e9)
	m.Edit(func(c *Cluster) { c.Node("n2").Offline = true })
	if w.rows("node", `["mtime"]`, `["=","name","n2"]`) == after {
		t.Error("an edit of the node's flags leaves mtime as it was")
	}
	w.do(m, op("TAGS_DEL", `"kind":"node","name":"n2","tags":["a"]`))
	want(t, "removed", w.rows("node", `["tags"]`, `["=","name","n2"]`), `["ganeti:watcher:autorepair:fenced:1"]`)
}
