//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/luxi/luxitest"
)

// controls are what a script does to nodes and opcodes behind a master's back, by name, on each side.
type controls map[string]func(args ...string)

// controls act on simulated nodes below a real master.
func (w *simWorld) controls() controls {
	var lifts []func()
	fault := func(f nodesim.Fault) { lifts = append(lifts, w.sim.Inject(f)) }
	return controls{
		"cut":          func(a ...string) { w.sim.Cut(a[0], a[1]) },
		"mend":         func(a ...string) { w.sim.Mend(a[0], a[1]) },
		"stop-daemon":  func(a ...string) { w.sim.StopDaemon(a[0]) },
		"start-daemon": func(a ...string) { w.must(w.sim.StartDaemon(a[0])) },
		"lose-volumes": func(a ...string) { w.sim.LoseVolumes(a[0], a[1]) },
		"break-disks":  func(a ...string) { w.sim.BreakDisks(a[0], a[1]) },
		"split-brain":  func(a ...string) { w.sim.SplitBrain(a[0]) },
		"crash":        func(a ...string) { w.sim.CrashInstance(a[0]) },
		"fail-start":   func(a ...string) { fault(nodesim.Fault{Call: "instance_start", Instance: a[0], Fail: "no"}) },
		"fail-create":  func(a ...string) { fault(nodesim.Fault{Call: "blockdev_create", Instance: a[0], Fail: "no"}) },
		"fail-attach": func(a ...string) {
			fault(nodesim.Fault{Call: "drbd_attach_net", Instance: a[0], Node: a[1], Fail: "no"})
		},
		"fail-accept":     func(a ...string) { fault(nodesim.Fault{Call: "accept_instance", Instance: a[0], Fail: "no"}) },
		"lose-migrations": func(a ...string) { lifts = append(lifts, w.sim.LoseMigrations(a[0])) },
		"heal": func(...string) {
			for _, lift := range lifts {
				lift()
			}
			lifts = nil
		},
	}
}

// simulatedControls do the same to a simulated master.
func simulatedControls(m *luxitest.Master, s *side) controls {
	edit := func(name string, change func(*luxitest.Instance)) {
		m.Edit(func(c *luxitest.Cluster) { change(c.Instance(name)) })
	}
	faults := make(map[string]luxitest.OpFault)
	m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		return faults[op.ID+" "+op.Text("instance_name")]
	})
	failing := func(op string, at luxitest.FaultPoint, text string) func(...string) {
		return func(a ...string) {
			faults["OP_INSTANCE_"+op+" "+a[0]] = luxitest.OpFails("OpExecError", strings.ReplaceAll(text, "NAME", a[0])).At(at)
		}
	}
	return controls{
		"cut":          func(a ...string) { m.Cut(a[0], a[1]) },
		"mend":         func(a ...string) { m.Mend(a[0], a[1]) },
		"stop-daemon":  func(a ...string) { s.dead(a[0]) },
		"start-daemon": func(a ...string) { s.alive(a[0]) },
		"lose-volumes": func(a ...string) {
			edit(a[1], func(i *luxitest.Instance) { i.Data.On, i.Data.Failed = others(i.Data.On, a[0]), []string{a[0]} })
		},
		"break-disks":     func(a ...string) { edit(a[1], func(i *luxitest.Instance) { i.Data.Failed = []string{a[0]} }) },
		"split-brain":     func(a ...string) { edit(a[0], (*luxitest.Instance).Diverge) },
		"crash":           func(a ...string) { edit(a[0], func(i *luxitest.Instance) { i.RunsOn = nil }) },
		"fail-start":      failing("STARTUP", luxitest.AtConfig, "Could not start instance 'NAME': no"),
		"fail-create":     failing("REPLACE_DISKS", luxitest.AtExec, "Can't create block device"),
		"fail-attach":     failing("REPLACE_DISKS", luxitest.AtConfig, "Can't attach drbd disks"),
		"fail-accept":     failing("MIGRATE", luxitest.AtExec, "Could not pre-migrate instance NAME: no"),
		"lose-migrations": failing("MIGRATE", luxitest.AtMoved, "Could not finalize instance migration: n1: the answer was lost"),
		"heal": func(...string) {
			for key := range faults {
				delete(faults, key)
			}
		},
	}
}

func others(list []string, name string) []string {
	var rest []string
	for _, x := range list {
		if x != name {
			rest = append(rest, x)
		}
	}
	return rest
}

// control has something happen behind the master's back.
func (s *side) control(name string, args ...string) {
	s.t.Helper()
	do := s.controls[name]
	if do == nil {
		s.fatalf("no control %s", name)
	}
	do(args...)
}

// playSim plays a script on a real master over simulated nodes and on the simulated master.
func playSim(t *testing.T, text string, script ...scriptPart) {
	w := newSimWorld(t, text)
	w.maybe = func(string) bool { return true } // the scripts do what must not be done
	real := &side{t: t, name: "real", socket: w.Socket(), controls: w.controls()}
	release := real.release()
	cluster := luxitest.MustParse(text)
	cluster.SoftwareVersion = release
	simulated := simulatedSide(t, cluster)
	playBoth(t, release, real, simulated, script)
}

// verifyDisks notes what GROUP_VERIFY_DISKS finds, in names.
func (s *side) verifyDisks() {
	s.t.Helper()
	id := s.submit(op("GROUP_VERIFY_DISKS", `"group_name":"default"`))
	s.wait(id)
	var rows [][1][1][3]json.RawMessage
	raw := s.call("QueryJobs", fmt.Sprintf(`[[%d],["opresult"]]`, id))
	if err := json.Unmarshal([]byte(raw), &rows); err != nil {
		s.fatalf("%s: %v", raw, err)
	}
	var failures map[string]string
	var activate []string
	var volumes map[string][][2]string
	for k, into := range []any{&failures, &activate, &volumes} {
		if err := json.Unmarshal(rows[0][0][0][k], into); err != nil {
			s.fatalf("%s: %v", raw, err)
		}
	}
	var missing []string
	for instance, list := range volumes {
		for _, v := range list {
			missing = append(missing, instance+" on "+v[0])
		}
	}
	sort.Strings(activate)
	sort.Strings(missing)
	s.note("verify disks", fmt.Sprint(failures, activate, missing))
}

// look notes what INSTANCE_QUERY_DATA tells of disks: sync percent, seconds left, is_degraded and ldisk_status on the
// primary and the secondary node, and which volumes are there.
func (s *side) look(names ...string) {
	s.t.Helper()
	for _, name := range names {
		id := s.submit(op("INSTANCE_QUERY_DATA", `"instances":["`+name+`"]`))
		s.wait(id)
		type disk struct {
			PStatus  diskStatus `json:"pstatus"`
			SStatus  diskStatus `json:"sstatus"`
			Children []disk     `json:"children"`
		}
		var rows [][1][1]map[string]struct {
			State json.RawMessage `json:"run_state"`
			Disks []disk          `json:"disks"`
		}
		raw := s.call("QueryJobs", fmt.Sprintf(`[[%d],["opresult"]]`, id))
		if err := json.Unmarshal([]byte(raw), &rows); err != nil || len(rows[0][0][0][name].Disks) != 1 {
			s.note("look at "+name, raw)
			continue
		}
		d := rows[0][0][0][name].Disks[0]
		text := fmt.Sprintf("%s: %s %s", rows[0][0][0][name].State, d.PStatus.tail(), d.SStatus.tail())
		for _, c := range d.Children {
			text += fmt.Sprintf(" child %v %v", c.PStatus != nil, c.SStatus != nil)
		}
		s.note("look at "+name, text)
	}
}

const copiesCluster = `
cluster cluster
group default
node n1 mem=4096 disk=100000
node n2 mem=4096 disk=100000
node n3 mem=4096 disk=100000
node n4 mem=4096 disk=100000
instance db1 template=drbd nodes=n1,n2 mem=16 disk=16
instance db2 template=drbd nodes=n1,n3 mem=16 disk=16
instance db3 template=drbd nodes=n1,n2 mem=16 disk=16 state=down
instance db4 template=drbd nodes=n1,n2 mem=16 disk=16
group masters policy=unallocable
node node1 group=masters not-vm-capable mem=0 disk=0 master
`

// Copies that lack writes, and what failovers and replacements do about them (P19, S15).
func TestConformanceOfCopies(t *testing.T) {
	playSim(t, copiesCluster, scriptPart{"cut", scriptCut}, scriptPart{"inactive", scriptInactive}, scriptPart{"half", scriptHalfCopy})
}

func scriptCut(s *side) {
	failover, migrate := op("INSTANCE_FAILOVER", on("db1")), op("INSTANCE_MIGRATE", on("db1"))
	s.control("cut", "n1", "n2")
	s.log(s.run(failover))
	s.log(s.run(migrate))
	s.run(op("INSTANCE_SHUTDOWN", on("db1")))
	s.instances()
	s.log(s.run(op("INSTANCE_ACTIVATE_DISKS", on("db1"), `"wait_for_sync":true`), failover))
	s.instances()
	s.run(op("INSTANCE_ACTIVATE_DISKS", on("db1")), failover)
	s.instances()
	s.look("db1")
	s.run(op("INSTANCE_DEACTIVATE_DISKS", on("db1")))
	s.run(op("INSTANCE_DEACTIVATE_DISKS", on("db4")))
	s.control("mend", "n1", "n2")
	s.log(s.run(op("INSTANCE_ACTIVATE_DISKS", on("db1"), `"wait_for_sync":true`), failover))
	s.instances()
	s.run(op("INSTANCE_STARTUP", on("db1")))
	s.log(s.run(failover))
	s.instances()
}

// scriptInactive marks the disks of what runs inactive, and lets a start fail.
func scriptInactive(s *side) {
	s.control("stop-daemon", "n3")
	s.run(op("INSTANCE_ACTIVATE_DISKS", on("db2")))
	s.control("start-daemon", "n3")
	s.instances()
	s.log(s.run(op("INSTANCE_REPLACE_DISKS", on("db2"), newSecondary, `"remote_node":"n4"`)))
	s.instances()
	s.control("fail-start", "db3")
	s.note("a start that fails", s.class(s.submit(op("INSTANCE_STARTUP", on("db3")))))
	s.control("heal")
	s.instances()
	s.log(s.run(op("INSTANCE_FAILOVER", on("db3"))))
	s.instances()
	s.run(op("INSTANCE_STARTUP", on("db3"), `"no_remember":true`))
	s.instances()
}

// scriptHalfCopy lets replacements fail before and after they have changed the configuration.
func scriptHalfCopy(s *side) {
	replace := op("INSTANCE_REPLACE_DISKS", on("db4"), newSecondary, `"remote_node":"n3"`)
	s.control("fail-create", "db4")
	s.note("before", s.class(s.submit(replace)))
	s.control("heal")
	s.instances()
	s.look("db4")
	s.run(op("INSTANCE_MIGRATE", on("db4")))
	s.run(op("INSTANCE_MIGRATE", on("db4")))
	s.control("fail-attach", "db4", "n3")
	s.note("after", s.class(s.submit(replace)))
	s.control("heal")
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("db4")))
	s.run(op("INSTANCE_MIGRATE", on("db4")))
	s.instances()
}

// Broken disks, as verify-disks and a closer look tell of them, and what replaces them (D1 to D5).
func TestConformanceOfBrokenDisks(t *testing.T) {
	playSim(t, strings.ReplaceAll(copiesCluster, " state=down", ""), scriptPart{"broken", func(s *side) {
		replace := func(name, mode string, more ...string) string {
			return op("INSTANCE_REPLACE_DISKS", append([]string{on(name), `"mode":"` + mode + `"`}, more...)...)
		}
		s.verifyDisks()
		s.look("db1")
		s.control("lose-volumes", "n2", "db1")
		s.control("break-disks", "n3", "db2")
		s.control("break-disks", "n1", "db3")
		s.control("split-brain", "db4")
		s.verifyDisks()
		s.look("db1", "db2", "db3", "db4")
		s.run(replace("db4", "replace_on_secondary"))
		s.run(replace("db4", "replace_auto"))
		s.log(s.run(replace("db3", "replace_on_primary")))
		s.log(s.run(replace("db1", "replace_on_secondary")))
		s.run(replace("db2", "replace_new_secondary", `"remote_node":"n4"`))
		s.run(op("INSTANCE_ACTIVATE_DISKS", on("db4")))
		s.look("db1", "db2", "db3", "db4")
		s.log(s.run(replace("db4", "replace_new_secondary", `"remote_node":"n3"`)))
		s.verifyDisks()
		s.node("n3", `"offline":true`)
		s.verifyDisks()
		s.look("db4")
		s.node("n3", `"offline":false`)
	}})
}

// tail is a disk's status from the sync percent on.
func (d diskStatus) tail() string {
	if len(d) < 4 {
		return "null"
	}
	return fmt.Sprintf("%s", d[3:])
}

type diskStatus []json.RawMessage
