package luxitest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const rack = `
cluster c candidate-pool=2
group one
group two
node n1 group=one oob=works
node n2 group=one oob=works
node n3 group=one oob=fails regular
node n4 group=two oob=lies regular
node n5 group=two oob=deceives regular
node n6 group=two oob=hangs regular
node n7 group=two regular
instance db template=drbd nodes=n2,n3
instance web template=rbd nodes=n2
instance local template=plain nodes=n4
`

func onNode(name string) string { return `"node_name":"` + name + `"` }

// What becomes of a node when it is switched off by a program that works, fails, lies or hangs (V5, K3).
func TestOob(t *testing.T) {
	for _, c := range []struct{ node, off, status, dead string }{
		{"n2", `[0,null]`, `[0,{"powered":false}]`, "true"},
		{"n3", `[2,null]`, `[2,null]`, "false"},
		{"n4", `[0,null]`, `[0,{"powered":true}]`, "false"},
		{"n5", `[0,null]`, `[0,{"powered":false}]`, "false"},
		{"n6", `[2,null]`, `[2,null]`, "false"},
		{"n7", `[3,null]`, `[3,null]`, "false"},
	} {
		t.Run(c.node, func(t *testing.T) {
			m := begin(t, rack)
			w := dial(t, m)
			m.Advance(time.Hour)
			oob := func(command string) string {
				return op("OOB_COMMAND", `"node_names":["`+c.node+`"],"ignore_status":true,"timeout":30,"command":"`+command+`"`)
			}
			began := m.Now()
			status, r := w.do(m, oob("power-off"))
			want(t, "power-off", status+" "+r[0], `success [[[0,"`+c.node+`"],`+c.off+`]]`)
			if took := m.Now().Sub(began); (took >= 30*time.Second) != (c.node == "n6") {
				t.Errorf("power-off took %v", took)
			}
			_, r = w.do(m, oob("power-status"))
			want(t, "power-status", r[0], `[[[0,"`+c.node+`"],`+c.status+`]]`)
			want(t, "the machine is off", fmt.Sprint(m.Snapshot().Node(c.node).Dead), c.dead)
			if changed := c.off == `[0,null]`; m.Snapshot().Node(c.node).MTime.IsZero() == changed {
				t.Errorf("mtime is %v", m.Snapshot().Node(c.node).MTime)
			}
		})
	}
}

func TestOobChecks(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	_, r := w.do(m, op("OOB_COMMAND", `"node_names":["n2"],"command":"power-off"`))
	want(t, "an online node", r[0], `["OpPrereqError",["Cannot power off node n2 because it is not marked offline","wrong_state"]]`)
	_, r = w.do(m, op("OOB_COMMAND", `"node_names":["n1"],"command":"power-off","ignore_status":true`))
	wantPart(t, "the master", r[0], "Operating on the master node n1 is not allowed for power-off")
	_, r = w.do(m, op("OOB_COMMAND", `"command":"power-status"`))
	want(t, "no names mean all nodes", fmt.Sprint(strings.Count(r[0], "[0,\"n")), "7")
	w.submit(op("TEST_DELAY", `"duration":50,"on_master":false,"on_nodes":["n2"]`))
	id := w.submit(op("OOB_COMMAND", `"node_names":["n2"],"command":"power-status"`))
	m.Advance(10 * time.Second)
	want(t, "it takes the node's lock", m.Job(id).Status, "waiting")
	w.do(m, op("NODE_SET_PARAMS", onNode("n2"), `"offline":true,"auto_promote":true`), op("OOB_COMMAND", `"node_names":["n2"],"command":"power-off"`))
	_, r = w.do(m, op("NODE_SET_PARAMS", onNode("n2"), `"offline":false`))
	wantPart(t, "back to service while it is off", r[0], "Node n2 needs to be turned on before its offline status can be reset")
	want(t, "powered", w.rows("node", `["name","powered"]`, `["|",["=","name","n2"],["=","name","n7"]]`), `"n2" false; "n7" [3,null]`)
	w.do(m, op("OOB_COMMAND", `"node_names":["n2"],"command":"power-on"`))
	status, _ := w.do(m, op("NODE_SET_PARAMS", onNode("n2"), `"offline":false`))
	want(t, "switched on", status, "success")
}

// A master candidate goes only with a successor (K6).
func TestCandidates(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	roles := func() string {
		return w.rows("node", `["role"]`, `["|",["=","name","n1"],["=","name","n2"],["=","name","n3"]]`)
	}
	want(t, "roles", roles(), `"M"; "C"; "R"`)
	_, r := w.do(m, op("NODE_SET_PARAMS", onNode("n2"), `"offline":true`))
	wantPart(t, "without promotion", r[0], "Not enough master candidates, please pass auto promote option")
	_, r = w.do(m, op("NODE_SET_PARAMS", onNode("n2"), `"offline":true,"auto_promote":true`))
	want(t, "with promotion", r[0], `[["master_candidate","False"],["offline","True"]]`)
	want(t, "roles", roles(), `"M"; "O"; "C"`)
	_, r = w.do(m, op("NODE_SET_PARAMS", onNode("n2"), `"offline":false`))
	want(t, "back, the pool is full", r[0], `[["offline","False"]]`)
	want(t, "roles", roles(), `"M"; "R"; "C"`)
	_, r = w.do(m, op("NODE_SET_PARAMS", onNode("n4"), `"offline":true`))
	want(t, "a regular node", r[0], `[["offline","True"]]`)
}

// Promotion locks all nodes and their resources, and so waits for a replace-disks that has given up its node locks.
func TestPromotionWaitsForResources(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	rd := w.submit(op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n1"`))
	m.Advance(20 * time.Second)
	tag := w.submit(op("TAGS_SET", `"kind":"node","name":"n3","tags":["x"]`))
	promoting := w.submit(op("NODE_SET_PARAMS", onNode("n2"), `"drained":true,"auto_promote":true`))
	m.Advance(10 * time.Second)
	want(t, "replace-disks, tag, promotion", m.Job(rd).Status+" "+m.Job(tag).Status+" "+m.Job(promoting).Status, "running success waiting")
	want(t, "locks", w.rows("lock", `["name","mode","owner"]`, `["=~","name","node-res/.lockset"]`), `"node-res/[lockset]" null []`)
	m.RunUntilQuiet()
	want(t, "in the end", m.Job(rd).Status+" "+m.Job(promoting).Status, "success success")
}

// An allocator's failover keeps the locks of all node resources until it ends, those of nodes until it has chosen.
func TestAllocatorLocks(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	w.submit(op("INSTANCE_FAILOVER", instance("web")))
	m.Advance(4 * time.Second)
	want(t, "locks", w.rows("lock", `["name","mode","owner"]`, `["|",["=~","name","lockset"],["=~","name","^instance"]]`),
		`"cluster/[lockset]" null []; "instance/[lockset]" null []; "instance/web" "exclusive" ["1"]; "node-res/[lockset]" "exclusive" ["1"]; "node/[lockset]" null []`)
	other := w.submit(op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n1"`))
	m.Advance(3 * time.Second)
	want(t, "another repair", m.Job(other).Status, "waiting")
}

func TestReadd(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	m.Edit(func(c *Cluster) { c.Node("n2").Offline, c.Node("n2").Dead = true, true })
	readd := op("NODE_ADD", onNode("n2"), `"readd":true`)
	_, r := w.do(m, readd)
	want(t, "dead", r[0], `["OpPrereqError",["Node not reachable by ping","environment_error"]]`)
	m.Edit(func(c *Cluster) { c.Node("n2").Dead = false })
	delaying := w.submit(op("TEST_DELAY", `"duration":50,"on_master":false`))
	id := w.submit(readd)
	m.Advance(10 * time.Second)
	want(t, "it runs alone", m.Job(id).Status, "waiting")
	m.RunUntilQuiet()
	want(t, "job", m.Job(id).Status+" "+m.Job(delaying).Status, "success success")
	want(t, "node", w.rows("node", `["offline","role"]`, `["=","name","n2"]`), `false "C"`)
	_, r = w.do(m, op("NODE_ADD", onNode("n9")))
	wantPart(t, "a new node", r[0], "luxitest: NODE_ADD is simulated for nodes that are readded only")
	_, r = w.do(m, op("NODE_REMOVE", onNode("n3")))
	wantPart(t, "removal of a node in use", r[0], "Instance db is still running on the node")
	status, _ := w.do(m, op("NODE_REMOVE", onNode("n7")))
	want(t, "removal", status+" "+w.rows("node", `["name"]`, `["=~","name","7"]`), "success ")
}

// Evacuations submit jobs of their own, which inherit the reason trail (P17).
func TestEvacuate(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	trail := strings.Replace(op("NODE_EVACUATE", onNode("n2"), `"mode":"primary-only"`), `"reason":[]`, `"reason":[["me","why",1]]`, 1)
	status, r := w.do(m, trail)
	want(t, "primaries", status+" "+r[0], `success {"jobs":[[true,2],[true,3]]}`)
	m.RunUntilQuiet()
	want(t, "jobs", m.Job(2).Ops[0].Summary+" "+m.Job(2).Status+" "+m.Job(3).Ops[0].Summary+" "+m.Job(3).Status,
		"INSTANCE_MIGRATE(db) success INSTANCE_MIGRATE(web) success")
	var sources []string
	for _, reason := range m.Job(3).Ops[0].Reason {
		sources = append(sources, reason.Source)
	}
	want(t, "trail", strings.Join(sources, " "), "me gnt:opcode:node_evacuate gnt:opcode:instance_migrate")
	want(t, "comment", fmt.Sprint(m.Job(3).Ops[0].Params["comment"], " ", m.Job(3).Ops[0].Params["allow_failover"]), "Submitted by OP_NODE_EVACUATE true")
	want(t, "moved", fmt.Sprint(m.Snapshot().Instance("db").Primary, m.Snapshot().Instance("web").Primary != "n2"), "n3true")
	_, r = w.do(m, op("NODE_EVACUATE", onNode("n2"), `"mode":"secondary-only"`))
	m.RunUntilQuiet()
	want(t, "secondaries", r[0]+" "+m.Snapshot().Instance("db").Secondaries[0], `{"jobs":[[true,5]]} n1`)
	_, r = w.do(m, op("NODE_EVACUATE", onNode("n4"), `"mode":"primary-only"`))
	want(t, "local disks", r[0], `["OpExecError",["Unable to evacuate instances local (Instances of type plain cannot be relocated)"]]`)
	_, r = w.do(m, op("NODE_EVACUATE", onNode("n2"), `"mode":"all"`))
	wantPart(t, "all", r[0], "it is not possible to evacuate all instances at once")
	status, r = w.do(m, op("NODE_MIGRATE", onNode("n3")))
	want(t, "migrate", status+" "+r[0], `success {"jobs":[[true,9]]}`)
}

func TestGroupOpcodes(t *testing.T) {
	m := begin(t, rack)
	w := dial(t, m)
	_, r := w.do(m, op("GROUP_ASSIGN_NODES", `"group_name":"two","nodes":["n2"]`))
	want(t, "split", r[0], `["OpExecError",["The following instances get split by this change and --force was not given: db"]]`)
	status, _ := w.do(m, op("GROUP_ASSIGN_NODES", `"group_name":"two","nodes":["n2"],"force":true`))
	want(t, "forced", status+" "+m.Snapshot().Node("n2").Group, "success two")
	_, r = w.do(m, op("GROUP_EVACUATE", `"group_name":"one","target_groups":["one"]`))
	wantPart(t, "evacuate to itself", r[0], "can not be used as a target group")
	_, r = w.do(m, op("GROUP_EVACUATE", `"group_name":"two"`))
	want(t, "evacuate", r[0], `["OpExecError",["luxitest: moves between groups are not simulated"]]`)
}

// Opcodes that change nodes can be made to hang, with their locks (P17).
func TestNodeOpcodesHang(t *testing.T) {
	for _, c := range []struct{ opcode, lock string }{
		{op("NODE_SET_PARAMS", onNode("n3"), `"drained":true`), "node/"},
		{op("NODE_ADD", onNode("n3"), `"readd":true`), "cluster/BGL"},
		{op("NODE_REMOVE", onNode("n7")), "cluster/BGL"},
		{op("OOB_COMMAND", `"node_names":["n3"],"command":"power-status"`), "node/"},
		{op("NODE_EVACUATE", onNode("n3"), `"mode":"secondary-only"`), "instance/db"},
		{op("NODE_MIGRATE", onNode("n3")), "node/"},
		{op("GROUP_EVACUATE", `"group_name":"one"`), "instance/db"},
		{op("GROUP_ASSIGN_NODES", `"group_name":"two","nodes":["n3"],"force":true`), "nodegroup/"},
	} {
		m := begin(t, rack)
		m.OnOpcode(func(_ Opcode, j Job) OpFault {
			if j.ID == 1 {
				return OpHangs()
			}
			return OpPass()
		})
		w := dial(t, m)
		id := w.submit(c.opcode)
		m.Advance(time.Hour)
		if j := m.Job(id); j.Status != "running" || !strings.Contains(w.rows("lock", `["name"]`, `["!",["?","mode"]]`)+w.rows("lock", `["name","owner"]`, "null"), c.lock) {
			t.Errorf("%s: %s, locks %s", c.opcode, j.Status, w.rows("lock", `["name","owner"]`, "null"))
		}
		m.Continue(id)
		if !m.RunUntilQuiet() {
			t.Errorf("%s does not end", c.opcode)
		}
	}
}
