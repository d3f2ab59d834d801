//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/tagstore"
)

// P10: instances that exclude each other by their tags (htools:iextags) are reinstalled
// on different nodes: away from those that are there, and from those that are reinstalled
// with them. Without that all would go to the node with the most memory. When there is
// no node left that one of them may share, it waits.
func TestReinstalledApart(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall,htools:iextags:service
group default
node dead
node dead2
node big mem=65536
node next mem=32768
node third mem=16384
node here mem=131072
instance dns1 nodes=here template=plain tags=service:dns
instance dns2 nodes=dead template=plain tags=service:dns
instance dns3 nodes=dead template=plain tags=service:dns
instance dns4 nodes=dead,dead2 template=drbd tags=service:dns
instance dns5 nodes=dead template=plain tags=service:dns
instance web nodes=dead template=plain tags=service:web
instance free nodes=dead template=plain tags=other:dns
`)
	w.settings(testSettings + "pass_timeout = \"5m\"\n")
	w.lostPower("dead", "dead2")
	start := w.since()
	for n := 0; n < 4; n++ {
		w.pass()
		w.jobsEnd()
	}
	nodes, waits := make(map[string]string), ""
	for _, name := range []string{"dns1", "dns2", "dns3", "dns4", "dns5"} {
		node := w.primary(name)
		if node == "dead" {
			if waits != "" {
				t.Errorf("both %s and %s wait", waits, name)
			}
			waits = name
			continue
		}
		if other := nodes[node]; other != "" {
			t.Errorf("%s and %s are both on %s", other, name, node)
		}
		nodes[node] = name
	}
	for _, name := range []string{"web", "free"} {
		if node := w.primary(name); node != "here" {
			t.Errorf("%s is on %s, want the node with the most memory", name, node)
		}
	}
	if len(nodes) != 4 || waits == "" {
		t.Fatalf("by node: %v, waiting: %q", nodes, waits)
	}
	w.wantReason(waits, "pending", "no-room")
	w.wantSteps(start, waits, "")
	w.does(vcluster.Opcode{"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": "dns1", "ignore_failures": false})
	w.settle(4)
	if node := w.primary(waits); node != "here" {
		t.Errorf("%s is on %s, want here, where there is none of its kind any more", waits, node)
	}
	for _, name := range []string{"dns2", "dns3", "dns4", "dns5", "web", "free"} {
		w.wantResult(name, tagstore.Reinstall, tagstore.Success, 1)
		w.wantSteps(start, name, chainUp)
	}
}
