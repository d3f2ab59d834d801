package luxitest

import (
	"fmt"
	"strings"
	"testing"
)

const pair = `
node n1
node n2
node n3
instance db template=drbd nodes=n1,n2
`

const newSecondary = `"mode":"replace_new_secondary"`

// incidents renders the incidents so far.
func incidents(m *Master) string {
	var list []string
	for _, i := range m.Incidents() {
		list = append(list, i.String())
	}
	return strings.Join(list, "; ")
}

// A copy that replication does not reach lacks writes, and has them once the two ends are connected again.
func TestCut(t *testing.T) {
	m := begin(t, pair)
	lacks := func() string {
		db := m.Snapshot().Instance("db")
		return fmt.Sprint(db.Lacks("n1"), db.Lacks("n2"), db.Better("n2"))
	}
	want(t, "connected", lacks(), "false false []")
	m.Cut("n2", "n1")
	want(t, "cut", lacks(), "false true [n1]")
	m.Mend("n1", "n2")
	want(t, "mended", lacks(), "false false []")
	m.Edit(func(c *Cluster) { c.Node("n2").Dead = true })
	want(t, "secondary lost", lacks(), "false true [n1]")
	m.Edit(func(c *Cluster) { c.Node("n2").Dead = false })
	want(t, "secondary back", lacks(), "false false []")
	// What does not run writes nothing.
	m.Edit(func(c *Cluster) { c.Instance("db").AdminState, c.Instance("db").RunsOn = AdminDown, nil })
	m.Cut("n1", "n2")
	want(t, "stopped and cut", lacks(), "false false []")
	want(t, "incidents", incidents(m), "")
}

// Ganeti compares the copies before a failover only while disks are active (P19).
func TestFailoverComparesCopies(t *testing.T) {
	m := begin(t, pair)
	w := dial(t, m)
	m.Cut("n1", "n2")
	degraded := `["OpExecError",["Disk 0 is degraded on target node, aborting failover"]]`
	_, r := w.do(m, op("INSTANCE_FAILOVER", instance("db")))
	want(t, "failover of what runs", r[0], degraded)
	_, r = w.do(m, op("INSTANCE_MIGRATE", instance("db")))
	want(t, "migration", r[0], `["OpExecError",["Disk 0 is degraded or not fully synchronized on target node, aborting migration"]]`)
	w.do(m, op("INSTANCE_SHUTDOWN", instance("db")))
	_, r = w.do(m, op("INSTANCE_ACTIVATE_DISKS", instance("db")), op("INSTANCE_FAILOVER", instance("db")))
	want(t, "with active disks", r[1], degraded)
	want(t, "afterwards", w.rows("instance", `["pnode","disks_active","status"]`, `null`), `"n1" true "ADMIN_down"`)
	_, r = w.do(m, op("INSTANCE_ACTIVATE_DISKS", instance("db"), `"wait_for_sync":true`), op("INSTANCE_FAILOVER", instance("db")))
	want(t, "waiting for the mirror", r[0], `["OpExecError",["Some disks of the instance are degraded!"]]`)
	want(t, "afterwards", w.rows("instance", `["pnode","disks_active"]`, `null`), `"n1" false`)
	m.Mend("n1", "n2")
	status, _ := w.do(m, op("INSTANCE_ACTIVATE_DISKS", instance("db"), `"wait_for_sync":true`), op("INSTANCE_FAILOVER", instance("db")))
	want(t, "mended", status, "success")
	want(t, "afterwards", w.rows("instance", `["pnode","disks_active"]`, `null`), `"n2" false`)
	want(t, "incidents", incidents(m), "")
}

// A stopped instance goes over to a copy that lacks writes, even from an online node; starting it there and replacing
// its disks destroys what the other copy has.
func TestStaleCopy(t *testing.T) {
	m := begin(t, pair)
	w := dial(t, m)
	m.Cut("n1", "n2")
	status, _ := w.do(m, op("INSTANCE_SHUTDOWN", instance("db")), op("INSTANCE_FAILOVER", instance("db")))
	want(t, "failover of what is stopped", status, "success")
	want(t, "before the start", incidents(m), "")
	before := m.Snapshot()
	status, _ = w.do(m, op("INSTANCE_STARTUP", instance("db")))
	want(t, "start", status, "success")
	want(t, "start", incidents(m), "stale-start: db starts on n2 from a copy that lacks writes which n1 has (job 2)")
	db := m.Snapshot().Instance("db")
	want(t, "data", fmt.Sprint(db.Data.Generation, db.Better("n1"), db.Better("n2")), "2 [n2] [n1]")
	w.do(m, op("INSTANCE_SHUTDOWN", instance("db")), op("INSTANCE_STARTUP", instance("db")))
	want(t, "told once", fmt.Sprint(len(m.Incidents())), "1")
	status, _ = w.do(m, op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n3"`))
	want(t, "replace disks", status, "success")
	want(t, "replace disks", incidents(m)[len("stale-start: db starts on n2 from a copy that lacks writes which n1 has (job 2); "):],
		"destroyed: db loses the only copy with all writes: replace-disks removes it from n1 (job 4)")

	// Without a start: the replacement alone destroys it.
	m, err := New(before, Options{Clock: VirtualClock(epoch)})
	if err != nil {
		t.Fatal(err)
	}
	if db := m.Snapshot().Instance("db"); !db.Lacks("n2") || db.Lacks("n1") {
		t.Errorf("a master made from a snapshot knows nothing of the copies: %+v", db.Data)
	}
}

// From an offline node a degraded target is ignored; that is no incident, as the better copy is out of reach.
func TestFailoverFromOfflineNode(t *testing.T) {
	m := begin(t, pair)
	w := dial(t, m)
	m.Cut("n1", "n2")
	m.Edit(func(c *Cluster) { c.Node("n1").Offline, c.Node("n1").Dead = true, true })
	id := w.submit(op("INSTANCE_FAILOVER", instance("db")))
	m.RunUntilQuiet()
	want(t, "status", m.Job(id).Status, "success")
	wantPart(t, "log", strings.Join(m.Job(id).Ops[0].Log, "\n"), "Node n1 is offline, ignoring degraded disk 0 on target node n2")
	want(t, "incidents", incidents(m), "")
	want(t, "contents", fmt.Sprint(m.Snapshot().Instance("db").Data.Generation), "2")
	// The two have diverged: when n1 is back they do not connect.
	m.Edit(func(c *Cluster) { c.Node("n1").Offline, c.Node("n1").Dead = false, false })
	m.Mend("n1", "n2")
	_, r := w.do(m, op("INSTANCE_MIGRATE", instance("db")))
	wantPart(t, "split brain", r[0], "degraded or not fully synchronized")
}

func TestDisksActive(t *testing.T) {
	for _, c := range []struct {
		name, cluster, op string
		fault             OpFault
		status, active    string
	}{
		{"start", "state=down", op("INSTANCE_STARTUP", instance("db")), OpPass(), "success", "true"},
		{"start that fails", "state=down", op("INSTANCE_STARTUP", instance("db")), OpFails("OpExecError", "no").Late(), "error", "false"},
		{"start without the volumes of the mirror", "state=down data=n1", op("INSTANCE_STARTUP", instance("db")), OpPass(), "success", "true"},
		{"start without its own volumes", "state=down data=n2", op("INSTANCE_STARTUP", instance("db")), OpPass(), "success", "true"},
		{"start without any volumes", "state=down data=none", op("INSTANCE_STARTUP", instance("db")), OpPass(), "error", "false"},
		{"start without the mirror's node", "state=down #dead", op("INSTANCE_STARTUP", instance("db")), OpPass(), "error", "false"},
		{"forced start without the mirror's node", "state=down #dead", op("INSTANCE_STARTUP", instance("db"), `"force":true`), OpPass(), "success", "true"},
		{"start of what runs", "disks-inactive", op("INSTANCE_STARTUP", instance("db")), OpPass(), "success", "true"},
		{"shutdown", "", op("INSTANCE_SHUTDOWN", instance("db")), OpPass(), "success", "false"},
		{"activate", "state=down", op("INSTANCE_ACTIVATE_DISKS", instance("db")), OpPass(), "success", "true"},
		{"activation that fails under what runs", "#dead", op("INSTANCE_ACTIVATE_DISKS", instance("db")), OpPass(), "error", "false"},
		{"deactivate", "state=down disks-active", op("INSTANCE_DEACTIVATE_DISKS", instance("db")), OpPass(), "success", "false"},
		{"deactivate under what runs", "", op("INSTANCE_DEACTIVATE_DISKS", instance("db")), OpPass(), "error", "true"},
		{"failover", "", op("INSTANCE_FAILOVER", instance("db")), OpPass(), "success", "true"},
		{"failover of what is stopped", "state=down disks-active", op("INSTANCE_FAILOVER", instance("db")), OpPass(), "success", "false"},
		{"failover whose start fails", "", op("INSTANCE_FAILOVER", instance("db")), OpFails("OpExecError", "no").Late(), "error", "false"},
		{"migration", "", op("INSTANCE_MIGRATE", instance("db")), OpPass(), "success", "true"},
		{"replace disks of what is stopped", "state=down", op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n3"`), OpPass(), "success", "false"},
		{"reinstall", "state=down", op("INSTANCE_REINSTALL", instance("db")), OpPass(), "success", "false"},
		{"offline", "state=down disks-active", op("INSTANCE_SET_PARAMS", instance("db"), `"offline":true`), OpPass(), "success", "false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := begin(t, strings.TrimSpace(pair)+" "+c.cluster)
			m.OnOpcode(func(Opcode, Job) OpFault { return c.fault })
			m.Edit(func(d *Cluster) { d.Node("n2").Dead = strings.HasSuffix(c.cluster, "#dead") })
			w := dial(t, m)
			status, results := w.do(m, c.op)
			if got := w.rows("instance", `["disks_active"]`, "null"); status != c.status || got != c.active {
				t.Errorf("%s %s, disks_active %s; want %s, %s", status, results, got, c.status, c.active)
			}
		})
	}
}

// disks_active of what was shut down while its node was offline stays as it was, and Edit lets it follow the admin
// state.
func TestDisksActiveByHand(t *testing.T) {
	m := begin(t, pair)
	w := dial(t, m)
	m.Edit(func(c *Cluster) { c.Node("n1").Offline = true })
	w.do(m, op("INSTANCE_SHUTDOWN", instance("db"), `"ignore_offline_nodes":true`))
	want(t, "shut down", w.rows("instance", `["admin_state","disks_active"]`, "null"), `"down" true`)
	m.Edit(func(c *Cluster) { c.Instance("db").AdminState = AdminUp })
	m.Edit(func(c *Cluster) { c.Instance("db").AdminState = AdminDown })
	want(t, "edited", w.rows("instance", `["admin_state","disks_active"]`, "null"), `"down" false`)
}

// A replace-disks of what runs with inactive disks does all it should, and then fails (P19).
func TestReplaceDisksMarkedInactive(t *testing.T) {
	m := begin(t, strings.TrimSpace(pair)+" disks-inactive")
	w := dial(t, m)
	id := w.submit(op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n3"`))
	m.RunUntilQuiet()
	j := m.Job(id)
	want(t, "result", string(j.Ops[0].Result),
		`["OpPrereqError",["Instance 'db' is marked to be up, cannot shutdown disks","wrong_state"]]`)
	wantPart(t, "log", strings.Join(j.Ops[0].Log, "\n"), "STEP 6/6 Removing old storage\n - INFO: Remove logical volumes for 0")
	want(t, "instance", w.rows("instance", `["pnode","snodes","disks_active","status"]`, "null"), `"n1" ["n3"] true "running"`)
	want(t, "copies", strings.Join(m.Snapshot().Instance("db").Data.On, ","), "n1,n3")
}

// A replace-disks that fails before it has changed the configuration leaves the old mirror whole; later, the new
// secondary is incomplete and the old copy lacks what was written since (S15).
func TestReplaceDisksFails(t *testing.T) {
	for _, c := range []struct {
		point                  FaultPoint
		secondary, on, partial string
		failover, oldCopyLacks string
	}{
		{AtChecks, "n2", "n1,n2", "", "1", "false"},
		{AtExec, "n2", "n1,n2", "", "1", "false"},
		{AtConfig, "n3", "n1,n2", "n3", "2", "true"},
	} {
		t.Run("at "+string(c.point), func(t *testing.T) {
			m := begin(t, pair)
			m.OnOpcode(func(o Opcode, _ Job) OpFault {
				if o.ID == "OP_INSTANCE_REPLACE_DISKS" {
					return OpFails("OpExecError", "no").At(c.point)
				}
				return OpPass()
			})
			w := dial(t, m)
			status, _ := w.do(m, op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n3"`))
			want(t, "status", status, "error")
			db := m.Snapshot().Instance("db")
			want(t, "secondary", db.Secondaries[0], c.secondary)
			want(t, "complete copies", strings.Join(db.Data.On, ","), c.on)
			want(t, "incomplete copies", strings.Join(db.Data.Partial, ","), c.partial)
			want(t, "the old copy lacks writes", fmt.Sprint(db.Lacks("n2")), c.oldCopyLacks)
			m.Edit(func(c *Cluster) { c.Node("n1").Offline, c.Node("n1").Dead = true, true })
			w.do(m, op("INSTANCE_FAILOVER", instance("db")))
			want(t, "generation after a failover", fmt.Sprint(m.Snapshot().Instance("db").Data.Generation), c.failover)
		})
	}
}

// What is stopped goes to an incomplete copy from an online node as well, and is whole there as long as the complete one
// can be reached.
func TestFailoverToIncompleteCopy(t *testing.T) {
	for _, c := range []struct{ name, generation, started string }{{"connected", "1", "success"}, {"cut", "2", "success"}} {
		t.Run(c.name, func(t *testing.T) {
			m := begin(t, strings.TrimSpace(pair)+" state=down partial=n2")
			if c.name == "cut" {
				m.Cut("n1", "n2")
			}
			w := dial(t, m)
			status, _ := w.do(m, op("INSTANCE_FAILOVER", instance("db")))
			want(t, "failover", status, "success")
			status, _ = w.do(m, op("INSTANCE_STARTUP", instance("db")))
			want(t, "start", status, c.started)
			want(t, "generation", fmt.Sprint(m.Snapshot().Instance("db").Data.Generation), c.generation)
		})
	}
}

// A new secondary cannot be made where volumes of the instance are left: they are named alike on all nodes.
func TestReplaceDisksMeetsOrphans(t *testing.T) {
	m := begin(t, strings.TrimSpace(pair)+" data=n1,n2,n3")
	_, r := dial(t, m).do(m, op("INSTANCE_REPLACE_DISKS", instance("db"), newSecondary, `"remote_node":"n3"`))
	wantPart(t, "result", r[0], "already exists in volume group")
}

// The other modes of replace-disks want both devices to be there (D4).
func TestReplaceDisksInPlace(t *testing.T) {
	for _, c := range []struct{ name, cluster, mode, status, result string }{
		{"auto, nothing faulty", "", "replace_auto", "success", "null"},
		{"auto, mirror lost", "data=n1", "replace_auto", "error", `["OpPrereqError",["Please run activate-disks on instance db first","wrong_state"]]`},
		{"auto, primary diskless", "failed=n1", "replace_auto", "success", "null"},
		{"primary diskless", "failed=n1", "replace_on_primary", "success", "null"},
		{"mirror lost and activated", "data=n1 failed=n2", "replace_on_secondary", "success", "null"},
		{"mirror lost", "data=n1", "replace_on_secondary", "error", `["OpExecError",["Can't find disk/0 on node n2: disk not found` +
			`\nDisks seem to be not properly activated. Try running activate-disks on the instance before using replace-disks."]]`},
		{"diverged", "lacks=n1,n2", "replace_on_secondary", "error", `["OpExecError",["Node n1 has degraded storage, unsafe to replace disks for instance db"]]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := begin(t, strings.TrimSpace(pair)+" "+c.cluster)
			status, r := dial(t, m).do(m, op("INSTANCE_REPLACE_DISKS", instance("db"), `"mode":"`+c.mode+`"`))
			want(t, "status", status, c.status)
			want(t, "result", r[0], c.result)
			if db := m.Snapshot().Instance("db"); status == "success" && (len(db.Data.Failed) > 0 || len(db.Data.On) != 2 || db.Data.Generation != 1 || !db.Running()) {
				t.Errorf("afterwards: %+v", db)
			}
		})
	}
}

// A fault that an opcode never comes to is no silent success.
func TestFaultPointOfAnotherOpcode(t *testing.T) {
	m := begin(t, pair)
	m.OnOpcode(func(Opcode, Job) OpFault { return OpHangs().At(AtTransfer) })
	_, r := dial(t, m).do(m, op("INSTANCE_FAILOVER", instance("db")))
	want(t, "result", r[0], `["OpExecError",["luxitest: OP_INSTANCE_FAILOVER has no point \"transfer\" where a fault could strike"]]`)
}
