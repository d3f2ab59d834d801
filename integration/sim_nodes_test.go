//go:build cluster

package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
)

// A node that only lost its network comes back with all that ran there. What was
// failed over meanwhile runs twice, and a readd changes nothing about that: Ganeti
// starts and stops nothing.
func TestNodeComesBack(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance moved nodes=a,b template=drbd
instance shared nodes=a template=rbd
instance stays nodes=a template=plain
`)
	w.maybe = func(incident string) bool { return !strings.HasPrefix(incident, "stays ") }
	w.sim.Unplug("a")
	w.must(w.Offline(w.ctx, "a"))
	w.does(instanceOp("INSTANCE_FAILOVER", "moved"))
	w.does(instanceOp("INSTANCE_FAILOVER", "shared", vcluster.Opcode{"target_node": "b"}))
	w.wantIncidents("moved", nodesim.RunsTwice, nodesim.StaleStart)
	w.wantIncidents("shared", nodesim.RunsTwice)
	for _, i := range w.sim.Incidents() {
		if i.Online {
			t.Errorf("%+v: a was offline then", i)
		}
	}
	// It cannot be readded before it answers.
	if r := w.run(w.Master(), "gnt-node", "add", "--readd", "a"); r.code == 0 || !strings.Contains(r.stderr, "didn't answer queries") {
		t.Errorf("readd of a node that is unplugged: %d %s", r.code, r.stderr)
	}
	w.must(w.sim.Plug("a"))
	if r := w.run(w.Master(), "gnt-node", "add", "--readd", "a"); r.code != 0 {
		t.Fatalf("readd: %d %s%s", r.code, r.stdout, r.stderr)
	}
	var offline bool
	w.must(w.NodeField(w.ctx, "a", "offline", &offline))
	if offline {
		t.Error("a is offline after its readd")
	}
	for name, runs := range map[string]string{"moved": "[a b]", "shared": "[a b]", "stays": "[a]"} {
		if on := w.sim.RunsOn(name); fmt.Sprint(on) != runs {
			t.Errorf("%s runs on %v, want %s", name, on, runs)
		}
	}
	// Both ends of the mirror were written to.
	w.wantCopies("moved", "disk/0 on a: original, lacks writes of b", "disk/0 on b: original, lacks writes of a")
	// A node that was switched off and on has lost what ran there.
	w.sim.PowerOff("a")
	w.must(w.sim.PowerOn("a"))
	w.wantWhere("moved", "b", "b")
	w.wantWhere("shared", "b", "b")
	w.does(instanceOp("INSTANCE_STARTUP", "stays"))
}

// What a chain of jobs destroys while a node is back with the data is an incident;
// while it is off it is none.
func TestDestroyedData(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
instance web nodes=a template=plain state=down
instance db nodes=a template=plain state=down
`)
	w.maybe = func(incident string) bool { return strings.Contains(incident, " db ") }
	chain := func(name string) []vcluster.Opcode {
		return []vcluster.Opcode{
			instanceOp("INSTANCE_RECREATE_DISKS", name, vcluster.Opcode{"nodes": []string{"b"}}),
			instanceOp("INSTANCE_REINSTALL", name),
		}
	}
	w.lostPower("a")
	w.does(chain("web")...)
	w.wantIncidents("web")
	w.back("a")
	w.does(chain("db")...)
	w.wantIncidents("db", nodesim.Destroyed, nodesim.Destroyed)
	for _, i := range w.sim.Incidents() {
		if !i.Online || i.Other != "a" || i.Node != "b" {
			t.Errorf("incident %+v", i)
		}
	}
}
