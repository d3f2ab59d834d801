//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/integration/nodesim"
)

// K1, K2, A1: on a real master a node loses its power and nobody marks it offline. What the
// real watcher leaves of it is the hint, the next pass asks that node alone, and tells of it
// with commands that Ganeti accepts. Nothing changes the node or moves an instance before a
// person has marked it offline.
func TestSilentNodes(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
node d
instance web nodes=a,b template=drbd
instance db nodes=c,a template=drbd
instance shared nodes=c template=rbd
instance local nodes=d template=plain
`)
	root := w.Root(w.Master())
	told := root + "/srv/told"
	w.must(w.WriteFile(told, nil, 0o644))
	w.must(w.WriteFile(root+"/etc/ganeti/autorepair.d/tell", []byte("#!/bin/sh\necho \"$AUTOREPAIR_EVENT $AUTOREPAIR_NODE: $AUTOREPAIR_WHY\" >>"+told+"\n"), 0o755))
	w.settings(testSettings + "event_dir = \"/etc/ganeti/autorepair.d\"\n")
	state := func(node string) string {
		t.Helper()
		var s struct {
			Nodes []struct{ Node, State, Command string }
		}
		w.must(json.Unmarshal([]byte(w.command(0, "", "nodes", "--all", "--json")), &s))
		for _, n := range s.Nodes {
			if n.Node == node {
				return n.State + " " + n.Command
			}
		}
		return "missing"
	}
	var mu sync.Mutex
	asked := make(map[string]bool) // by passes; the watcher asks all nodes for their bootid
	pass := func() {
		t.Helper()
		w.sim.OnCall(func(c nodesim.Call) {
			mu.Lock()
			defer mu.Unlock()
			asked[c.Node] = asked[c.Node] || c.Name == "node_info"
		})
		w.pass()
		w.sim.OnCall(nil)
	}
	w.watcher()
	pass()
	for _, node := range []string{"a", "b", "c", "d"} {
		if got := state(node); got != "ok " {
			t.Errorf("%s is %s", node, got)
		}
	}
	w.sim.PowerOff("c")
	pass()
	if got := state("c"); got != "ok " {
		t.Errorf("before the watcher has run c is %s", got)
	}
	start := w.since()
	w.watcher()
	pass()
	const command = "gnt-node modify --offline=yes --auto-promote c"
	if got := state("c"); got != "silent "+command {
		t.Errorf("c is %s", got)
	}
	if r := w.run(w.Master(), program, "check"); r.code != 1 || !strings.Contains(r.stdout, "silent nodes: c does not answer (since ") {
		t.Errorf("check: %d %s%s", r.code, r.stdout, r.stderr)
	}
	w.command(0, "c does not answer (", "status")
	w.command(0, "silent for ", "nodes")
	events, err := w.ReadFile(told)
	w.must(err)
	if want := "node-silent c: c does not answer: is it dead? then switch it off and mark it offline: " + command + "\n"; string(events) != want {
		t.Errorf("events\n%swant\n%s", events, want)
	}
	pass()
	if again, err := w.ReadFile(told); err != nil || string(again) != string(events) {
		t.Errorf("told again: %v\n%s", err, again)
	}
	if asked["a"] || asked["b"] || asked["d"] {
		t.Errorf("passes have asked nodes of which there was no hint: %v", asked)
	}
	var offline bool
	w.must(w.NodeField(w.ctx, "c", "offline", &offline))
	if offline {
		t.Error("it was marked offline")
	}
	w.wantSteps(start, "db", "")
	w.wantSteps(start, "shared", "")
	w.wantWhere("local", "d", "d")

	// A node that has lost only its network is silent while its instance runs, and answers
	// again.
	w.sim.Unplug("d")
	w.watcher()
	w.pass()
	if got := state("d"); !strings.HasPrefix(got, "silent ") {
		t.Errorf("without its network d is %s; the watcher says %v", got, w.instanceStatus())
	}
	if on := w.sim.RunsOn("local"); len(on) != 1 || on[0] != "d" {
		t.Errorf("local runs on %v", on)
	}
	w.must(w.sim.Plug("d"))
	w.pass()
	if got := state("d"); got != "ok " {
		t.Errorf("with its network d is %s", got)
	}

	// The person does what was told.
	w.typed(command)
	w.pass()
	w.jobsEnd()
	w.pass()
	w.wantSteps(start, "db", "FAILOVER")
	w.wantSteps(start, "shared", "FAILOVER")
	if got := state("c"); strings.HasPrefix(got, "silent") {
		t.Errorf("marked offline it is %s", got)
	}
}
