//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/tagstore"
)

// What Query does not tell about places for a reinstallation, jobs do: operating
// systems, free space per volume group, and the groups of disks. With exclusive
// storage whole physical volumes are counted (P10).
func TestPlaces(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
group whole exclusive-storage
node dead vg=fast:100000
node a disk=50000 vg=fast:20000 os=noop
node b disk=50000 os=debian
node c group=whole disk=51500 pvs=5
node d group=whole disk=51500 pvs=5
instance web nodes=dead template=plain vg=fast disk=30000 state=down
instance big nodes=c template=plain disk=20000
`)
	// Operating systems by node. Those that not every node has are told only if the
	// field "valid" is asked for (LUOsDiagnose._BuildFilter in lib/cmdlib/operating_system.py).
	diagnose := func(fields ...string) [][]json.RawMessage {
		t.Helper()
		j := w.does(vcluster.Opcode{"OP_ID": "OP_OS_DIAGNOSE", "names": []string{}, "output_fields": fields})
		var rows [][]json.RawMessage
		w.must(json.Unmarshal(j.OpResult[0], &rows))
		return rows
	}
	if rows := diagnose("name", "node_status"); len(rows) != 0 {
		t.Errorf("without valid: %s", rows)
	}
	var uuid string
	w.must(w.NodeField(w.ctx, "a", "uuid", &uuid))
	has := make(map[string]bool)
	for _, row := range diagnose("name", "node_status", "valid") {
		var name string
		var nodes map[string][]json.RawMessage
		w.must(unpackRow(row[:2], &name, &nodes))
		has[name] = len(nodes[uuid]) > 0
	}
	if fmt.Sprint(has) != "map[debian:false failing:false noop:true]" {
		t.Errorf("systems of a: %v", has)
	}

	// Free space by volume group.
	j := w.does(vcluster.Opcode{"OP_ID": "OP_NODE_QUERY_STORAGE", "nodes": []string{"a", "b"}, "storage_type": "lvm-vg", "output_fields": []string{"node", "name", "free"}})
	if got := string(j.OpResult[0]); got != `[["a","fast",20000],["a","xenvg",50000],["b","xenvg",50000]]` {
		t.Errorf("storage: %s", got)
	}

	// The group of a disk, without asking its dead node.
	w.lostPower("dead")
	j = w.does(vcluster.Opcode{"OP_ID": "OP_INSTANCE_QUERY_DATA", "instances": []string{"web"}, "static": true, "use_locking": true})
	var data map[string]struct {
		Disks []struct {
			LogicalID []string `json:"logical_id"`
		} `json:"disks"`
	}
	w.must(json.Unmarshal(j.OpResult[0], &data))
	if got := data["web"].Disks[0].LogicalID[0]; got != "fast" {
		t.Errorf("the disk of web is in %s", got)
	}

	// Exclusive storage: free physical volumes.
	free := func(node string) string {
		rows, err := w.Query(w.ctx, "node", []string{"spfree", "sptotal", "dfree"}, []interface{}{"=", "name", node})
		w.must(err)
		return fmt.Sprintf("%s", rows[0])
	}
	if got := free("c"); got != "[3 5 30000]" {
		t.Errorf("c: %s", got)
	}
	if got := free("d"); got != "[5 5 50000]" {
		t.Errorf("d: %s", got)
	}
	if got := free("a"); got != "[0 0 50000]" {
		t.Errorf("a: %s", got)
	}

	// A node without room in the disk's group, or without the group, or without the
	// system, is no place; Ganeti finds out after it has changed the instance's node.
	recreate := func(node string) vcluster.Opcode {
		return instanceOp("INSTANCE_RECREATE_DISKS", "web", vcluster.Opcode{"nodes": []string{node}})
	}
	w.refuses("not enough free space: required 30000, available 20000", recreate("a"))
	if p := w.primary("web"); p != "a" {
		t.Errorf("web has the primary node %s", p)
	}
	w.refuses("Can't compute PV info for vg fast", recreate("b"))
	w.sim.SetVolumeGroup("b", "fast", 40000)
	w.does(recreate("b"))
	w.refuses("OS noop not found", instanceOp("INSTANCE_REINSTALL", "web"))
	w.sim.SetSystems("b", "noop")
	w.does(instanceOp("INSTANCE_REINSTALL", "web"))
	w.wantContent("web", "installed")
}

// A reinstallation goes where it can end: to room in its own volume group, to its
// operating system, away from what it shall not be together with, and with exclusive
// storage to as many whole physical volumes as its disk takes. What fits nowhere waits
// and is moved nowhere (P10).
func TestReinstalledWhereItEnds(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall,htools:iextags:service
group default
group whole exclusive-storage
node dead vg=fast:100000 mem=16000
node roomy mem=16000 vg=fast:20000 os=noop
node foreign mem=8000 vg=fast:90000 os=debian
node right vg=fast:40000 os=noop
node lost group=whole disk=41200 pvs=4
node full group=whole disk=41200 pvs=4 mem=8000
node whole group=whole disk=41200 pvs=4
instance here nodes=roomy template=rbd tags=service:x
instance takes nodes=full template=plain disk=25000
instance fast nodes=dead template=plain vg=fast disk=30000
instance alone nodes=dead template=plain tags=service:x
instance web nodes=dead template=plain
instance etch nodes=dead template=plain os=etch
instance large nodes=dead template=plain vg=fast disk=50000
instance exclusive nodes=lost template=plain disk=18000
`)
	w.settings(testSettings + "pass_timeout = \"3m\"\n")
	w.lostPower("dead", "lost")
	start := w.since()
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	for name, node := range map[string]string{"fast": "right", "alone": "right", "web": "roomy", "exclusive": "whole"} {
		w.wantResult(name, tagstore.Reinstall, tagstore.Success, 1)
		w.wantSteps(start, name, chainUp)
		w.wantContent(name, "installed")
		if p := w.primary(name); p != node {
			t.Errorf("%s is on %s, want %s", name, p, node)
		}
	}
	for _, name := range []string{"etch", "large"} {
		w.wantReason(name, "pending", "no-room")
		w.wantSteps(start, name, "")
		if p := w.primary(name); p != "dead" {
			t.Errorf("%s is on %s", name, p)
		}
	}
}

// Hypervisors that cannot migrate have no migration mode, so that Ganeti fails with
// a KeyError; told the mode it is they who refuse, when the disks are open on both
// nodes. The instance stays where it is. An instance with always_failover is failed over by a
// migration (P18).
func TestMovesThatAreNoMigrations(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
instance lxc nodes=a template=rbd hypervisor=lxc
instance chroot nodes=a,b template=drbd hypervisor=chroot
instance always nodes=a,b template=drbd hypervisor=kvm always-failover
`)
	live := vcluster.Opcode{"mode": "live"}
	w.refuses("'migration_mode'", migrate("lxc", vcluster.Opcode{"target_node": "b"}))
	w.refuses("Migration is not supported by the LXC hypervisor", migrate("lxc", live, vcluster.Opcode{"target_node": "b"}))
	w.wantWhere("lxc", "a", "a")
	w.refuses("'migration_mode'", migrate("chroot"))
	w.refuses("Migration not supported by the chroot hypervisor", migrate("chroot", live))
	w.wantWhere("chroot", "a", "a")
	w.wantCopies("chroot", "disk/0 on a: original", "disk/0 on b: original")
	w.does(migrate("always"))
	w.wantWhere("always", "b", "b")
	if n := w.sim.Count("instance_start", "always"); n != 1 {
		t.Errorf("always was started %d times", n)
	}
}
