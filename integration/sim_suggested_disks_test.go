//go:build cluster

package integration_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/plugin/repair"
)

// O3, O4, D10: what is suggested about broken disks is accepted by Ganeti while it is
// suggested: for each reason, on a good node, a drained and an offline one.
func TestAdviceOnDisksCanBeTyped(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node na
node nb
node nc
node nd
node ne
node nf
node ng
node nh
instance stored1 nodes=na,nb template=drbd mem=16 disk=16
instance stored2 nodes=nc,nb template=drbd mem=16 disk=16
instance gone1 nodes=nb,nc template=drbd mem=16 disk=16
instance gone2 nodes=nb,na template=drbd mem=16 disk=16
instance split nodes=ne,nf template=drbd mem=16 disk=16
instance resync nodes=nf,ng template=drbd mem=16 disk=16
instance both nodes=ng,nh template=drbd mem=16 disk=16
instance local nodes=nh template=plain mem=16 disk=16
instance mended nodes=nd,na template=drbd mem=16 disk=16
instance stale nodes=nd,ne template=drbd mem=16 disk=16
instance well nodes=na,nc template=drbd mem=16 disk=16
`)
	w.maybe = func(incident string) bool { return strings.Contains(incident, "without any disk") } // both
	settings := testSettings + w.tellsEvents()
	w.settings(settings)
	y := w.newTypist(map[string]string{
		string(repair.FindingBrokenDisks):    "gnt-instance info",
		string(repair.ReasonDisksUnknown):    "gnt-instance info",
		string(repair.ReasonResyncing):       "gnt-instance info",
		string(repair.ReasonDisconnected):    "gnt-instance info",
		string(repair.ReasonDisksBroken):     "gnt-instance info",
		string(repair.ReasonDiskMissing):     "gnt-instance info",
		string(repair.ReasonSettling):        "gnt-cluster verify-disks",
		string(repair.ReasonFlapping):        "ganeti-autorepair repair",
		string(repair.ReasonStaleCopy):       "ganeti-autorepair repair",
		string(repair.ReasonNodeStorage):     "gnt-node modify --drained=yes",
		string(repair.ReasonDisklessPrimary): "gnt-instance replace-disks -p",
		"check":                              "gnt-instance info",
		"status":                             "ganeti-autorepair check -v",
		"events":                             "gnt-instance info",
		"nodes: lost":                        "ganeti-autorepair",
	}, "n[a-h]", "stored\\d", "gone\\d", "split", "resync", "both", "local", "mended", "stale", "well")
	y.before["gnt-node add --readd nd"] = func() { w.must(w.sim.PowerOn("nd")) }
	// The pool has no other place for a candidate that is let go.
	w.typed("gnt-cluster modify --candidate-pool-size=3", "gnt-node modify --master-capable=yes na", "gnt-node modify --master-capable=yes nb", "gnt-node modify --master-capable=yes nc")

	w.sim.PowerOff("nb")
	w.sim.LoseVolumeGroup("nb", nodesim.VolumeGroup)
	w.must(w.sim.PowerOn("nb"))
	w.sim.LoseVolumes("ng", "both")
	w.sim.LoseVolumes("nh", "both")
	w.sim.LoseVolumes("nh", "local")
	w.sim.LoseVolumes("nd", "mended")
	w.sim.SplitBrain("split")
	w.sim.DetachDisks("nf", "resync")
	w.sim.StickSync("resync", true)
	lift := w.sim.Inject(nodesim.Fault{Node: "nf", Call: "blockdev_assemble", Instance: "resync", After: true, Fail: "it took too long"})
	w.watched(1)
	lift()
	w.watched(1)
	y.all() // by default it is told
	w.settings(settings + "disks = \"repair\"\ndisk_grace = \"5m\"\n")
	w.pass() // looks
	y.all("gnt-node modify", "gnt-cluster verify-disks", "gnt-instance failover", "gnt-instance replace-disks")
	w.jobsEnd()
	w.pass()
	w.jobsEnd()
	y.all("gnt-node modify", "gnt-instance failover")
	nextSecond()
	w.watcher()
	w.pass()
	w.sim.LoseVolumes("nd", "mended")
	w.watched(2)
	w.pass()
	w.jobsEnd()
	w.sim.LoseVolumes("ne", "stale")
	w.watched(1)
	w.lostPower("nd")
	y.all()
	for n := 0; n < 2; n++ {
		w.pass()
		w.jobsEnd()
	}
	y.all()
	y.wantTyped()
}
