package luxitest

import (
	"strings"
	"testing"
	"time"
)

const movables = `
node n1 mem=1000
node n2 mem=1000
node n3 mem=1000
instance db template=drbd nodes=n1,n2 mem=100
instance other template=plain nodes=n2 mem=100
instance web template=rbd nodes=n1 mem=100
`

// failing makes every opcode of that name fail at a point.
func failing(m *Master, name string, f OpFault) {
	m.OnOpcode(func(o Opcode, _ Job) OpFault {
		if o.ID == "OP_"+name {
			return f
		}
		return OpPass()
	})
}

func logOf(m *Master, id int64) string { return strings.Join(m.Job(id).Ops[0].Log, "\n") }

// The log of a migration is that of a real one.
func TestMigrationLog(t *testing.T) {
	m := begin(t, movables)
	w := dial(t, m)
	id := w.submit(op("INSTANCE_MIGRATE", instance("web"), `"target_node":"n2"`))
	m.RunUntilQuiet()
	want(t, "rbd", logOf(m, id), `Migrating instance web
* checking disk consistency between source and target
* closing instance disks on node n2
* opening instance disks on node n1 in shared mode
* opening instance disks on node n2 in shared mode
* preparing n2 to accept the instance
* migrating instance to n2
* starting memory transfer
* memory transfer complete
* closing instance disks on node n1
* opening instance disks on node n2 in exclusive mode
* unmapping instance's disks None from n1
* done`)
	id = w.submit(op("INSTANCE_MIGRATE", instance("db")))
	m.RunUntilQuiet()
	want(t, "drbd", logOf(m, id), `Migrating instance db
* checking disk consistency between source and target
* closing instance disks on node n2
* changing into standalone mode
* changing disks into dual-master mode
* wait until resync is done
* opening instance disks on node n1 in shared mode
* opening instance disks on node n2 in shared mode
* preparing n2 to accept the instance
* migrating instance to n2
* starting memory transfer
* memory transfer complete
* closing instance disks on node n1
* wait until resync is done
* changing into standalone mode
* changing disks into single-master mode
* wait until resync is done
* done`)
	var logged bool
	for _, row := range strings.Split(w.rows("job", `["id","oplog"]`, `["=","id",1]`), "; ") {
		logged = logged || strings.Contains(row, `"message","* migrating instance to n2"`)
	}
	if !logged {
		t.Error("a query for the job does not show its log")
	}
}

// Where a migration fails decides where the instance is afterwards, and what the log says of it (S16).
func TestMigrationFails(t *testing.T) {
	for _, c := range []struct {
		point         FaultPoint
		died          bool
		primary, runs string
		began         bool
		status        string
	}{
		{AtChecks, false, "n1", "n1", false, "running"},
		{AtExec, false, "n1", "n1", false, "running"},
		{AtTransfer, false, "n1", "n1", true, "running"},
		{AtTransfer, true, "n1", "n2", true, "ERROR_wrongnode"},
		{AtMoved, false, "n1", "n2", true, "ERROR_wrongnode"},
		{AtMoved, true, "n1", "n2", true, "ERROR_wrongnode"},
		{AtConfig, false, "n2", "n2", true, "running"},
	} {
		name := "at " + string(c.point)
		if c.died {
			name += ", process lost"
		}
		for _, instanceName := range []string{"web", "db"} {
			t.Run(name+", "+instanceName, func(t *testing.T) {
				m := begin(t, movables)
				f := OpFails("OpExecError", "Could not finalize instance migration: n1: no").At(c.point)
				if c.died {
					f = OpLosesProcess().At(c.point)
				}
				failing(m, "INSTANCE_MIGRATE", f)
				w := dial(t, m)
				params := []string{instance(instanceName)}
				if instanceName == "web" {
					params = append(params, `"target_node":"n2"`)
				}
				id := w.submit(op("INSTANCE_MIGRATE", params...))
				m.RunUntilQuiet()
				m.Advance(time.Minute) // a transfer that was not aborted ends meanwhile
				want(t, "job", m.Job(id).Status, "error")
				i := m.Snapshot().Instance(instanceName)
				want(t, "primary", i.Primary, c.primary)
				want(t, "runs on", strings.Join(i.RunsOn, ","), c.runs)
				alone := c.status
				if alone == "ERROR_wrongnode" {
					alone = "ERROR_down" // only the primary node is asked
				}
				want(t, "status", w.rows("instance", `["status"]`, `["=","name","`+instanceName+`"]`), `"`+alone+`"`)
				want(t, "status where others are on the target", w.rows("instance", `["status"]`, `["|",["=","name","`+instanceName+`"],["=","name","other"]]`),
					`"`+c.status+`"; "running"`)
				if began := strings.Contains(logOf(m, id), "* migrating instance to n2"); began != c.began {
					t.Errorf("the log says that the transfer began: %v, want %v:\n%s", began, c.began, logOf(m, id))
				}
				want(t, "incidents", incidents(m), "")
			})
		}
	}
}

// lost makes a migration of the instance lose its last call.
func lost(t *testing.T, text, name string) (*Master, *wire) {
	t.Helper()
	m := begin(t, text)
	failing(m, "INSTANCE_MIGRATE", OpFails("OpExecError", "Could not finalize instance migration: n1: no").At(AtMoved))
	w := dial(t, m)
	params := []string{instance(name)}
	if m.Snapshot().Instance(name).Template == RBD {
		params = append(params, `"target_node":"n2"`)
	}
	w.do(m, op("INSTANCE_MIGRATE", params...))
	m.OnOpcode(nil)
	return m, w
}

// A migration with cleanup finds out where the instance is and settles it (S16).
func TestMigrationCleanup(t *testing.T) {
	for _, c := range []struct{ name, target string }{{"db", ""}, {"web", `"target_node":"n2"`}, {"web", `"target_node":"n3"`}} {
		t.Run(c.name+" "+c.target, func(t *testing.T) {
			m, w := lost(t, movables, c.name)
			params := []string{instance(c.name), `"cleanup":true`}
			if c.target != "" {
				params = append(params, c.target)
			}
			status, r := w.do(m, op("INSTANCE_MIGRATE", params...))
			if i := m.Snapshot().Instance(c.name); status != "success" || i.Primary != "n2" || !i.Running() || len(i.RunsOn) != 1 {
				t.Errorf("%s %s: %+v", status, r, i)
			}
		})
	}
	m := begin(t, movables)
	w := dial(t, m)
	status, _ := w.do(m, op("INSTANCE_MIGRATE", instance("db"), `"cleanup":true`))
	want(t, "nothing to clean up", status+" "+m.Snapshot().Instance("db").Primary, "success n1")
	m.Edit(func(c *Cluster) { c.Instance("db").RunsOn = nil })
	_, r := w.do(m, op("INSTANCE_MIGRATE", instance("db"), `"cleanup":true`))
	wantPart(t, "runs nowhere", r[0], "Instance does not seem to be running at all")
	m.Edit(func(c *Cluster) { c.Node("n3").Dead = true })
	_, r = w.do(m, op("INSTANCE_MIGRATE", instance("db"), `"cleanup":true`))
	wantPart(t, "a node does not answer", r[0], "Can't contact node n3")
}

// With a source that is offline the configuration is corrected, and the job fails all the same where drbd is told to
// disconnect on both nodes.
func TestMigrationCleanupWithoutSource(t *testing.T) {
	m, w := lost(t, movables, "db")
	m.Edit(func(c *Cluster) { c.Node("n1").Offline, c.Node("n1").Dead = true, true })
	_, r := w.do(m, op("INSTANCE_MIGRATE", instance("db"), `"cleanup":true`))
	want(t, "result", r[0], `["OpExecError",["Cannot disconnect disks node n1: Node is marked offline"]]`)
	want(t, "primary", m.Snapshot().Instance("db").Primary, "n2")
}

// A failover to the very node where the instance runs starts nothing; one to another node makes it run twice (S16).
func TestFailoverAfterLostMigration(t *testing.T) {
	m, w := lost(t, movables, "web")
	m.Edit(func(c *Cluster) { c.Node("n1").Offline, c.Node("n1").Dead = true, true })
	status, _ := w.do(m, op("INSTANCE_FAILOVER", instance("web"), `"target_node":"n2"`))
	want(t, "to where it runs", status+" "+strings.Join(m.Snapshot().Instance("web").RunsOn, ","), "success n2")
	want(t, "incidents", incidents(m), "")

	m, w = lost(t, movables, "web")
	w.do(m, op("INSTANCE_FAILOVER", instance("web"), `"target_node":"n3"`))
	want(t, "elsewhere", incidents(m), "runs-twice: web runs on n2 and on n3 (job 2)")

	m, w = lost(t, movables, "web")
	w.do(m, op("INSTANCE_STARTUP", instance("web")))
	want(t, "started where the configuration has it", incidents(m), "runs-twice: web runs on n2 and on n1 (job 2)")

	// The disks of what runs on the secondary cannot be shut down.
	m, w = lost(t, movables, "db")
	_, r := w.do(m, op("INSTANCE_FAILOVER", instance("db")))
	want(t, "drbd", r[0], `["OpExecError",["Can't shut down the instance's disks"]]`)
	want(t, "drbd", incidents(m), "")
}

// What turns a migration into something else, or keeps it from succeeding (P18).
func TestWhatMigratesNot(t *testing.T) {
	for _, c := range []struct{ name, text, params, result, log, runs string }{
		{"always_failover", "always-failover", "", "null", "Instance configured to always failover; fallback to failover", "n2"},
		{"a hypervisor that cannot", "hypervisor=chroot", "",
			`["OpExecError",["Could not migrate instance web: Failed to migrate instance: Migration not supported by the chroot hypervisor"]]`,
			"* migrating instance to n2\nMigration failed, aborting", "n1"},
		{"containers", "hypervisor=lxc", "",
			`["OpExecError",["Could not migrate instance web: Failed to migrate instance: Migration is not supported by the LXC hypervisor"]]`,
			"Migration failed, aborting", "n1"},
		{"too little memory", "minmem=50", `,"allow_runtime_changes":false`,
			`["OpExecError",["Memory ballooning not allowed and not enough free memory to fit instance web on target node n2 (have 60MB, need 100MB)"]]`,
			"* checking disk consistency between source and target", "n1"},
		{"ballooning", "minmem=50", `,"allow_runtime_changes":true`, "null", "* setting instance memory to 60", "n2"},
		{"far too little memory", "", "",
			`["OpPrereqError",["Not enough memory on node n2 for migrating instance web: needed 100 MiB, available 60 MiB","insufficient_resources"]]`, "", "n1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			full := "instance big nodes=n2 mem=840"
			if c.name == "always_failover" || strings.HasPrefix(c.text, "hypervisor") {
				full = ""
			}
			m := begin(t, strings.TrimSpace(movables)+" "+c.text+"\n"+full)
			w := dial(t, m)
			id := w.submit(op("INSTANCE_MIGRATE", instance("web"), `"target_node":"n2"`+c.params))
			m.RunUntilQuiet()
			want(t, "result", string(m.Job(id).Ops[0].Result), c.result)
			wantPart(t, "log", logOf(m, id), c.log)
			want(t, "runs on", strings.Join(m.Snapshot().Instance("web").RunsOn, ","), c.runs)
			if c.name == "ballooning" {
				want(t, "memory", w.rows("instance", `["be/maxmem","be/minmem","oper_ram"]`, `["=","name","web"]`), "100 50 60")
			}
		})
	}
	m := begin(t, strings.TrimSpace(movables)+" always-failover vcpus=3 hypervisor=xen-pvm")
	want(t, "fields", dial(t, m).rows("instance", `["be/always_failover","be/vcpus","hypervisor","oper_vcpus"]`, `["=","name","web"]`), `true 3 "xen-pvm" 3`)
}

// A primary that has lost its disk passes all checks of a migration and then has no storage at all.
func TestMigrationOfDisklessPrimary(t *testing.T) {
	m := begin(t, pair[:len(pair)-1]+" failed=n1")
	w := dial(t, m)
	id := w.submit(op("INSTANCE_MIGRATE", instance("db")))
	if m.RunUntilQuiet() {
		t.Error("the migration ended")
	}
	want(t, "job", m.Job(id).Status, "running")
	want(t, "incidents", incidents(m), "no-disk: db loses all its storage on n1, which has no disk of its own (job 1)")
}
