package luxitest

import (
	"strings"
	"testing"
	"time"
)

// after runs one job on a cluster of four nodes and one instance i, and tells status, the result of the opcode that
// failed if one did, and where and how the instance is then.
func after(t *testing.T, nodes, inst string, ops ...string) (outcome, state string, m *Master) {
	t.Helper()
	text := ""
	for _, n := range strings.Split(nodes, ",") {
		text += "node " + n + "\n"
	}
	m = begin(t, text+"instance i "+inst)
	status, results := dial(t, m).do(m, ops...)
	outcome = status
	for _, r := range results {
		if r != "null" {
			outcome = r
			break
		}
	}
	i := m.Snapshot().Instance("i")
	state = strings.Join(i.Nodes(), ",") + " " + i.AdminState
	if len(i.RunsOn) > 0 {
		state += " on " + strings.Join(i.RunsOn, ",")
	}
	if i.Data.Generation != 1 {
		state += " DATA: " + strings.Join(i.Data.History, ", ")
	}
	return outcome, state, m
}

const (
	failover   = "INSTANCE_FAILOVER"
	migrate    = "INSTANCE_MIGRATE"
	replaceOp  = "INSTANCE_REPLACE_DISKS"
	recreateOp = "INSTANCE_RECREATE_DISKS"
)

func TestSingleOpcodes(t *testing.T) {
	newSecondary := `"mode":"replace_new_secondary","iallocator":"hail"`
	for _, c := range []struct{ name, nodes, inst, op, params, outcome, state string }{
		// Moves of drbd instances.
		{"drbd failover", "a,b offline dead,c,d", "template=drbd nodes=b,c", failover, "", success, "c,b up on c"},
		{"drbd failover, node only flagged", "a,b offline,c,d", "template=drbd nodes=b,c", failover, "", success, "c,b up on b,c"},
		{"drbd failover of a stopped one", "a,b offline dead,c", "template=drbd nodes=b,c state=down", failover, "", success, "c,b down"},
		{"drbd failover, dead not offline", "a,b dead,c,d", "template=drbd nodes=b,c", failover, "",
			`["OpExecError",["Disk 0 is degraded on target node, aborting failover"]]`, "b,c up"},
		{"drbd failover, secondary drained", "a,b offline dead,c drained,d", "template=drbd nodes=b,c", failover, "",
			`["OpPrereqError",["Can't use drained node c","wrong_state"]]`, "b,c up"},
		{"drbd failover, secondary offline", "a,b,c offline,d", "template=drbd nodes=b,c", failover, "",
			`["OpPrereqError",["Can't get data from node c: Node is marked offline","environment_error"]]`, "b,c up on b"},
		{"drbd failover of a stopped one onto an offline node", "a,b,c offline,d", "template=drbd nodes=b,c state=down", failover, "",
			success, "c,b down"},
		{"drbd failover with a target", "a,b,c,d", "template=drbd nodes=b,c", failover, `"target_node":"d"`,
			`["OpPrereqError",["Instances with disk types drbd cannot be failed over to arbitrary nodes` +
				` (neither an iallocator nor a target node can be passed)","wrong_input"]]`, "b,c up on b"},
		{"drbd failover with its secondary as target", "a,b,c,d", "template=drbd nodes=b,c", failover, `"target_node":"c"`, success, "c,b up on c"},
		{"drbd migrate", "a,b drained,c,d", "template=drbd nodes=b,c", migrate, "", success, "c,b up on c"},
		{"drbd migrate, stale replica", "a,b drained,c,d", "template=drbd nodes=b,c data=b", migrate, "",
			`["OpExecError",["Disk 0 is degraded or not fully synchronized on target node, aborting migration"]]`, "b,c up on b"},
		{"drbd failover to a stale replica", "a,b offline dead,c,d", "template=drbd nodes=b,c data=b", failover, "",
			success, "c,b up on c DATA: failover to an unsynchronised replica on c"},
		{"drbd memory", "a,b offline dead,c mem=100,d", "template=drbd nodes=b,c", failover, "",
			`["OpPrereqError",["Not enough memory on node c for migrating instance i: needed 128 MiB, available 100 MiB","insufficient_resources"]]`,
			"b,c up"},

		// New secondaries.
		{"replace drained", "a mem=5000,b,c drained,d", "template=drbd nodes=b,c", replaceOp, newSecondary, success, "b,a up on b"},
		{"replace offline", "a,b,c offline dead,d mem=5000", "template=drbd nodes=b,c", replaceOp, newSecondary, success, "b,d up on b"},
		{"replace of a stopped one", "a drained,b drained,c offline dead,d", "template=drbd nodes=b,c state=down", replaceOp, newSecondary,
			success, "b,d down"},
		{"replace, primary offline", "a,b offline dead,c drained,d", "template=drbd nodes=b,c", replaceOp, newSecondary,
			`["OpPrereqError",["Can't use offline node: b","wrong_state"]]`, "b,c up"},
		{"replace without disk", "a disk=1000,b,c drained,d disk=10", "template=drbd nodes=b,c", replaceOp, newSecondary,
			`["OpPrereqError",["Can't compute nodes using iallocator 'hail': Request failed: Can't find any good node:` +
				`  Node a failed: FailDisk; Node d failed: FailDisk;","insufficient_resources"]]`, "b,c up on b"},
		{"replace with nobody left", "a drained,b,c drained,d offline", "template=drbd nodes=b,c", replaceOp, newSecondary,
			`["OpPrereqError",["Can't compute nodes using iallocator 'hail': Request failed: Can't find any good node: ","insufficient_resources"]]`,
			"b,c up on b"},
		{"replace with a dead node around", "a dead,b,c drained,d", "template=drbd nodes=b,c", replaceOp, newSecondary,
			`["OpExecError",["Can't get data for node a: Error 7: Failed to connect to a port 1811 after 0 ms: Couldn't connect to server"]]`,
			"b,c up on b"},
		{"replace by a drained node", "a drained,b,c drained,d", "template=drbd nodes=b,c", replaceOp,
			`"mode":"replace_new_secondary","remote_node":"a"`, `["OpPrereqError",["Can't use drained node a","wrong_state"]]`, "b,c up on b"},
		{"replace by its primary", "a,b,c,d", "template=drbd nodes=b,c", replaceOp, `"mode":"replace_new_secondary","remote_node":"b"`,
			`["OpPrereqError",["The specified node is the primary node of the instance","wrong_input"]]`, "b,c up on b"},
		{"replace of sharedfile", "a,b,c,d", "template=sharedfile nodes=b", replaceOp, newSecondary,
			`["OpPrereqError",["The instance has a strange layout, expected one secondary but found 0","internal_error"]]`, "b up on b"},

		// Shared storage.
		{"rbd failover, allocator", "a,b offline dead,c mem=5000,d", "template=rbd nodes=b", failover, "", success, "c up on c"},
		{"rbd failover, no room", "a mem=128,b offline dead,c drained,d mem=100", "template=rbd nodes=b", failover, "",
			`["OpPrereqError",["Can't compute nodes using iallocator 'hail': Request failed: Can't find any good node:` +
				`  Node a failed: FailMem; Node d failed: FailMem;","insufficient_resources"]]`, "b up"},
		{"rbd failover onto a node that is not vm_capable", "a not-vm-capable,b offline dead", "template=rbd nodes=b", failover,
			`"target_node":"a"`, success, "a up on a"},
		{"ext migrate", "a,b drained,c offline,d drained", "template=ext nodes=b", migrate, "", success, "a up on a"},
		{"ext migrate, offline", "a,b offline,c,d", "template=ext nodes=b", migrate, `"target_node":"c"`,
			`["OpPrereqError",["Can't migrate, please use failover: Node is marked offline","wrong_state"]]`, "b up on b"},
		{"plain failover", "a,b offline dead,c,d", "template=plain nodes=b", failover, "",
			`["OpPrereqError",["Instance's disk layout 'plain' does not allow failovers","wrong_state"]]`, "b up"},
		{"mixed failover", "a,b offline dead,c,d", "template=mixed nodes=b", failover, "",
			`["OpPrereqError",["Instance mixes internal and external mirroring. This is not currently supported."]]`, "b up"},

		// New disks.
		{"recreate plain", "a,b offline dead,c mem=5000,d", "template=plain nodes=b", recreateOp, `"iallocator":"hail"`,
			success, "c up DATA: disks recreated on c"},
		{"recreate drbd", "a mem=6000,b offline dead,c offline dead,d", "template=drbd nodes=b,c", recreateOp, `"iallocator":"."`,
			success, "a,d up DATA: disks recreated on a,d"},
		{"recreate on given nodes", "a,b offline dead,c offline dead,d", "template=drbd nodes=b,c", recreateOp, `"nodes":["d","a"]`,
			success, "d,a up DATA: disks recreated on d,a"},
		{"recreate up, drained", "a,b drained,c,d", "template=plain nodes=b", recreateOp, `"iallocator":"hail"`,
			`["OpPrereqError",["Instance 'i' is marked to be up, cannot recreate disks","wrong_state"]]`, "b up on b"},
		{"recreate down, drained: intact data is lost", "a,b drained,c drained,d drained", "template=plain nodes=b state=down", recreateOp,
			`"iallocator":"hail"`, success, "a down DATA: disks recreated on a"},
		{"recreate shared data that exists", "a,b offline dead,c,d", "template=sharedfile nodes=b", recreateOp, `"nodes":["c"]`,
			`["OpExecError",["Can't create block device <sharedfile(i, size=1024m)> on node c for instance i:` +
				` Can't create block device: File already exists: [Errno 17]"]]`, "c up"},
		{"recreate shared data that is gone", "a,b offline dead,c,d", "template=sharedfile nodes=b data=none", recreateOp, `"nodes":["c"]`,
			success, "c up DATA: disks recreated on c"},
		{"recreate without room", "a mem=100,b offline dead,c disk=100,d drained", "template=plain nodes=b", recreateOp, `"iallocator":"hail"`,
			`["OpPrereqError",["Can't compute nodes using iallocator 'hail': Request failed: Group default (preferred):` +
				` No valid allocation solutions, failure reasons: FailDisk: 1, FailMem: 1","insufficient_resources"]]`, "b up"},
		{"recreate on nothing", "a drained,b offline dead", "template=plain nodes=b", recreateOp, `"iallocator":"hail"`,
			`["OpPrereqError",["Can't compute nodes using iallocator 'hail': Request failed: Group default: error No online nodes",` +
				`"insufficient_resources"]]`, "b up"},
		{"recreate on a full node", "a disk=100,b offline dead,c,d", "template=plain nodes=b", recreateOp, `"nodes":["a"]`,
			`["OpExecError",["Can't create block device <plain(i, size=1024m)> on node a for instance i: not enough free space"]]`, "a up"},
		{"recreate too few nodes", "a,b offline dead,c,d", "template=drbd nodes=b,c", recreateOp, `"nodes":["a"]`,
			`["OpPrereqError",["Instance i currently has 2 nodes, but 1 replacement nodes were specified","wrong_input"]]`, "b,c up"},
		{"reinstall with a bad OS", "a,b,c,d", "template=plain nodes=b state=down os=failing", "INSTANCE_REINSTALL", "",
			`["OpExecError",["Could not install OS for instance 'i' on node 'b': OS create script failed (exited with exit code 1),` +
				` last lines in the log file:\n"]]`, "b down DATA: reinstall failed"},
		{"start without disks", "a,b,c,d", "template=plain nodes=b state=down data=none", "INSTANCE_STARTUP", "",
			`["OpExecError",["Disk consistency error"]]`, "b up"},
	} {
		params := []string{instance("i")}
		if c.params != "" {
			params = append(params, c.params)
		}
		outcome, state, _ := after(t, c.nodes, c.inst, op(c.op, params...))
		want(t, c.name, outcome, c.outcome)
		want(t, c.name, state, c.state)
	}
}

func chain(place string) []string {
	return []string{
		op("INSTANCE_RECREATE_DISKS", instance("i"), place), op("INSTANCE_SHUTDOWN", instance("i")),
		op("INSTANCE_REINSTALL", instance("i")), op("INSTANCE_STARTUP", instance("i")),
	}
}

func TestReinstallChain(t *testing.T) {
	outcome, state, _ := after(t, "a,b offline dead,c", "template=plain nodes=b", chain(`"nodes":["c"]`)...)
	want(t, "chain", outcome+": "+state, "success: c up on c DATA: disks recreated on c, reinstalled")
	outcome, state, _ = after(t, "a drained,b offline dead,c mem=100", "template=plain nodes=b", chain(`"iallocator":"hail"`)...)
	wantPart(t, "no room", outcome, `"insufficient_resources"`)
	want(t, "no room", state, "b up")
	outcome, state, _ = after(t, "a,b offline dead,c", "template=plain nodes=b",
		op("INSTANCE_RECREATE_DISKS", instance("i"), `"nodes":["c"]`), op("INSTANCE_REINSTALL", instance("i")))
	want(t, "without a shutdown", outcome, `["OpPrereqError",["Instance 'i' is marked to be up, cannot reinstall","wrong_state"]]`)
	want(t, "without a shutdown", state, "c up DATA: disks recreated on c")
}

// A second group attracts the allocator, whose choice then dies on an assertion: the nodes have changed by then.
func TestMultiGroupDefect(t *testing.T) {
	m := begin(t, `
		group one
		group two
		node a group=one
		node b group=one offline dead
		node c group=two mem=9000
		instance i template=plain nodes=b`)
	status, results := dial(t, m).do(m, op("INSTANCE_RECREATE_DISKS", instance("i"), `"iallocator":"hail"`))
	want(t, "result", status+" "+results[0], `error ["OpExecError",[""]]`)
	want(t, "primary", m.Snapshot().Instance("i").Primary, "c")
}

func TestFailN1(t *testing.T) {
	text := `
		node a
		node b offline dead
		node c
		node d
		instance i template=plain nodes=b
		instance j template=drbd nodes=c,b`
	m := begin(t, text, func(o *Options) { o.FailN1 = true })
	ask := op("INSTANCE_RECREATE_DISKS", instance("i"), `"iallocator":"hail"`, `"dry_run":true`)
	_, results := dial(t, m).do(m, ask)
	wantPart(t, "refused", results[0], "FailN1: 1")
	m.Edit(func(c *Cluster) { c.NoCapacityChecks = true })
	status, _ := dial(t, m).do(m, ask)
	want(t, "relaxed", status, success)
}

func TestDryRunChangesNothing(t *testing.T) {
	_, state, m := after(t, "a,b offline dead,c drained", "template=rbd nodes=b", op(failover, instance("i"), `"dry_run":true`))
	want(t, "state", state, "b up")
	want(t, "log", strings.Join(m.Job(1).Ops[0].Log, "; "), " - INFO: Selected nodes for instance i via iallocator hail: a;"+
		"  - INFO: dry-run mode requested, not actually executing the operation")
}

func TestInstanceIdentity(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	uuid := m.Snapshot().Instance("b").UUID
	_, results := w.do(m, op("INSTANCE_STARTUP", instance("a"), `"instance_uuid":"`+uuid+`"`))
	wantPart(t, "other instance", results[0], `"resource_not_unique"`)
	m.Edit(func(c *Cluster) {
		c.RemoveInstance("b")
		c.Instances = append(c.Instances, &Instance{Name: "b", Primary: "node1", Template: Diskless})
	})
	if again := m.Snapshot().Instance("b").UUID; again == uuid {
		t.Error("a new instance of an old name has the old UUID")
	}
	_, results = w.do(m, op("INSTANCE_STARTUP", instance("b"), `"instance_uuid":"`+uuid+`"`))
	wantPart(t, "reused name", results[0], `"resource_not_unique"`)
}

func TestNoAllocator(t *testing.T) {
	m := begin(t, "cluster c iallocator=\n"+strings.TrimPrefix(small, "\ncluster c"))
	_, results := dial(t, m).do(m, op(failover, instance("a")))
	wantPart(t, "result", results[0], `"No iallocator or node given and no cluster-wide default iallocator found`)
}

// Jobs with an allocator wait for each other's node locks while tag jobs on other instances go on.
func TestAllocatorJobsRunOneAfterTheOther(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op(failover, instance("a")))
	w.submit(op(failover, instance("b")))
	w.submit(op("TAGS_SET", `"kind":"instance","name":"b","tags":["x"]`))
	m.Advance(time.Second)
	want(t, "the second holds its instance meanwhile", w.rows("job", `["status"]`, "null"), `"running"; "waiting"; "waiting"`)
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"success"; "success"; "success"`)
}

func TestNodeFlags(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	node := func(flags string) string {
		return op("NODE_SET_PARAMS", `"node_name":"node2"`, `"auto_promote":true`, flags)
	}
	w.do(m, node(`"drained":true`))
	w.do(m, node(`"offline":true`))
	want(t, "offline replaces drained", w.rows("node", `["offline","drained","role"]`, `["=","name","node2"]`), `true false "O"`)
	m.Edit(func(c *Cluster) { c.Node("node2").Dead = true })
	_, results := w.do(m, node(`"offline":false`))
	wantPart(t, "a dead node stays offline", results[0], `"wrong_state"`)
	_, results = w.do(m, op("NODE_SET_PARAMS", `"node_name":"node1","offline":true`))
	wantPart(t, "the master", results[0], `"wrong_input"`)
}
