//go:build cluster

package integration_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// This file shows which broken disks are left to the watcher, and which to a person (D5,
// D8, D10).

// mendsDisks are settings with which broken disks are mended at once.
const mendsDisks = testSettings + "disks = \"repair\"\ndisk_grace = \"5m\"\n"

// noRepairs wants that the program has submitted no repair since, and that each job of its
// own is one that only looks, or changes tags.
func (w *simWorld) noRepairs(names ...string) {
	w.t.Helper()
	for _, job := range w.ourJobs(0, "repair") {
		w.t.Errorf("job %d: %s", job.ID, opcodes(job))
	}
	for _, name := range names {
		if r := w.tags(name); len(r.Pendings)+len(r.Results) != 0 {
			w.t.Errorf("%s has the records %+v", name, r)
		}
	}
}

// wantReasons checks the reason that each instance has.
func (w *simWorld) wantReasons(want map[string]repair.Reason) {
	w.t.Helper()
	got := w.reasons()
	for name, reason := range want {
		if got[name] != string(reason) {
			w.t.Errorf("%s: %s, want %s", name, got[name], reason)
		}
	}
}

// D8: a node comes back from a reboot without its volume group. None of its mirrored
// instances is repaired, although each on its own would be; all are told with the node and
// the way out. Once that is gone, by draining the node, they are repaired.
func TestNodeStorageIsGone(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node a
node b
node c
node d
instance s1 nodes=a,b template=drbd mem=16 disk=16
instance s2 nodes=c,b template=drbd mem=16 disk=16
instance s3 nodes=a,b template=drbd mem=16 disk=16
instance p1 nodes=b,c template=drbd mem=16 disk=16
instance p2 nodes=b,a template=drbd mem=16 disk=16
instance local nodes=b template=plain mem=16 disk=16
instance other nodes=c,d template=drbd mem=16 disk=16
instance one nodes=d,a template=drbd mem=16 disk=16
`)
	w.settings(mendsDisks)
	w.sim.PowerOff("b")
	w.sim.LoseVolumeGroup("b", nodesim.VolumeGroup)
	w.must(w.sim.PowerOn("b"))
	w.sim.LoseVolumes("a", "one") // one instance of a node is no node without storage
	w.watched(2)
	w.pass()
	w.jobsEnd()
	names := []string{"s1", "s2", "s3", "p1", "p2"}
	want := map[string]repair.Reason{"other": repair.ReasonHealthy}
	for _, name := range names {
		want[name] = repair.ReasonNodeStorage
	}
	w.wantReasons(want)
	w.noRepairs(names...)
	const gone = "5 of 5 mirrored instances have lost their disks on b: its storage is gone"
	for _, name := range names {
		w.command(0, gone, "explain", name)
		w.command(0, "gnt-node modify --drained=yes --auto-promote b", "explain", name)
	}
	w.command(0, gone, "status")
	if r := w.run(w.Master(), program, "check"); r.code != 1 || !strings.Contains(r.stdout, "node-storage: the storage of b is gone: 5 instances: p1, p2, s1, s2, s3") {
		t.Errorf("check: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if r := w.run(w.Master(), program, "check", "-v"); !strings.Contains(r.stdout, "gnt-node modify --drained=yes --auto-promote b") {
		t.Errorf("check -v: %s%s", r.stdout, r.stderr)
	}

	// What has lost its copy on another node is mended all the same, although hail chooses no
	// place as long as a node that is not offline has no volume group.
	for n := 0; n < 2; n++ {
		w.pass()
		w.jobsEnd()
	}
	w.verifiedResults("one")
	for _, name := range names {
		w.wantSteps(0, name, "")
	}
	w.wantReasons(want)
	w.wantSteps(0, "one", refusedByHail)
	w.wantResult("one", tagstore.FixStorage, tagstore.Success, 1)
	if p, s := w.place("one"); p != "d" || s == "a" || s == "b" {
		t.Errorf("one is on %s and %s", p, s)
	}

	// The way out. What runs there without its disk cannot be migrated; a person restarts it
	// where its data are.
	w.typed("gnt-node modify --drained=yes --auto-promote b")
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	w.wantReasons(map[string]repair.Reason{"p1": repair.ReasonDisklessPrimary, "p2": repair.ReasonDisklessPrimary})
	for _, name := range []string{"p1", "p2"} {
		w.wantSteps(0, name, "")
		w.command(0, "or, where the volume group is gone: gnt-instance failover "+name, "explain", name)
		w.does(instanceOp("INSTANCE_FAILOVER", name))
	}
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	for _, name := range names {
		w.wantSteps(0, name, refusedByHail)
		w.wantResult(name, tagstore.FixStorage, tagstore.Success, 1)
		w.wantContent(name, nodesim.Original)
		p, s := w.place(name)
		if p == "b" || s == "b" {
			t.Errorf("%s is on %s and %s", name, p, s)
		}
		w.wantWhere(name, p, p)
	}
}

// refusedByHail are the jobs of a repair that hail had no place for, and that had one here.
const refusedByHail = "REPLACE_DISKS, REPLACE_DISKS"

// D5, D10: what only a person may mend, or heals by itself, is told with what it is and with
// a command; nothing is done about it, whatever is permitted. What a reboot leaves is the
// watcher's to activate.
func TestDisksForPersons(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall
group default
node a
node b
node c
node d
node e
node f
node g
node h
instance split nodes=a,b template=drbd mem=16 disk=16
instance resync nodes=b,c template=drbd mem=16 disk=16
instance rebooted nodes=c,d template=drbd mem=16 disk=16
instance last nodes=e,f template=drbd mem=16 disk=16
instance both nodes=g,h template=drbd mem=16 disk=16
instance local nodes=h template=plain mem=16 disk=16
instance cut nodes=a,g template=drbd mem=16 disk=16
instance well nodes=b,h template=drbd mem=16 disk=16
`)
	w.maybe = func(incident string) bool { return strings.Contains(incident, "without any disk") } // last and both
	w.settings(mendsDisks)
	w.sim.SplitBrain("split")
	w.sim.PowerOff("d")
	w.must(w.sim.PowerOn("d"))
	w.sim.Cut("e", "f")
	w.sim.LoseVolumes("e", "last")
	w.sim.LoseVolumes("g", "both")
	w.sim.LoseVolumes("h", "both")
	w.sim.LoseVolumes("h", "local")
	w.sim.Cut("a", "g")
	// The watcher's activation of this one fails after the copying began, so that its disks
	// are marked inactive, and it is looked at.
	w.sim.DetachDisks("c", "resync")
	w.sim.StickSync("resync", true)
	lift := w.sim.Inject(nodesim.Fault{Node: "c", Call: "blockdev_assemble", Instance: "resync", After: true, Fail: "it took too long"})
	if got := w.diskStatus("rebooted"); got != "T,1 / null" {
		t.Errorf("rebooted, before the watcher ran: %s", got)
	}
	w.watched(1)
	if got := w.diskStatus("rebooted"); got != "F,1 / F,1" {
		t.Errorf("rebooted, after the watcher ran: %s", got)
	}
	w.wantDisksActive("resync", false)
	lift()
	w.watched(1)
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	for name, want := range map[string]string{
		"resync": "T,1 / T,2", "rebooted": "F,1 / F,1", "cut": "T,1 / T,1",
		"last": "T,4 / T,1, no volume 0 on the primary, no volume 1 on the primary",
		"both": "T,4 / T,4, no volume 0 on the primary, no volume 0 on the secondary, no volume 1 on the primary, no volume 1 on the secondary",
	} {
		if got := w.diskStatus(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	// Ganeti 3.1 says of a side that stands alone that its disk is faulty.
	if got := w.diskStatus("split"); !strings.HasPrefix(got, "T,") || !strings.Contains(got, " / T,") || strings.Contains(got, "no volume") {
		t.Errorf("split: %s", got)
	}
	w.wantReasons(map[string]repair.Reason{
		"split": repair.ReasonDisconnected, "resync": repair.ReasonResyncing, "last": repair.ReasonDisksBroken, "both": repair.ReasonDisksBroken,
		"local": repair.ReasonDiskMissing, "rebooted": repair.ReasonHealthy, "cut": repair.ReasonHealthy, "well": repair.ReasonHealthy,
	})
	for name, why := range map[string]string{
		"split":  "the copies of disk 0 on a and b are not connected, either may have what the other lacks",
		"resync": "disk 0 is being copied",
		"last":   "disk 0 lost on e; the last copy, on f, is not connected or not complete",
		"both":   "disk 0 broken, and neither g nor h has a copy of all disks",
		"local":  "disk 0 is missing on h",
	} {
		w.command(0, why, "explain", name)
		w.command(0, "gnt-instance info "+name, "explain", name)
		w.command(0, why, "status", "-o", "instance,why")
	}
	all := []string{"split", "resync", "rebooted", "last", "both", "local", "cut", "well"}
	w.noRepairs(all...)
	w.watched(1)
	w.jobsEnd()
	w.noRepairs(all...)
	w.wantContent("split", nodesim.Original)
	w.wantCopies("last", "disk/0 on f: original")
}
