//go:build cluster

package integration_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/plugin/repair"
)

// findingsAge makes what the program remembers of jobs that verify older.
func (w *simWorld) findingsAge(d time.Duration) {
	w.t.Helper()
	path := w.Root(w.Master()) + "/var/run/ganeti-autorepair/findings"
	data, err := w.ReadFile(path)
	w.must(err)
	var memory struct {
		Verified repair.Verifications `json:"verified"`
		Since    map[string]int64     `json:"since"`
	}
	w.must(json.Unmarshal(data, &memory))
	memory.Verified.Since -= int64(d.Seconds())
	for uuid, v := range memory.Verified.Groups {
		if v.Ended != 0 {
			v.Ended -= int64(d.Seconds())
		}
		if v.DisksEnded != 0 {
			v.DisksEnded -= int64(d.Seconds())
		}
		memory.Verified.Groups[uuid] = v
	}
	data, err = json.Marshal(memory)
	w.must(err)
	w.must(w.WriteFile(path, data, os.FileMode(0o600)))
}

// O3, O4, A1: what is suggested about instances that the watcher gave up, and about what
// verifications have found, is accepted by Ganeti while it is suggested.
func TestAdviceOnStartsAndFindingsCanBeTyped(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node na
node nb
node nc
group second
node nd group=second
node ne group=second
instance moved nodes=na,nb template=drbd mem=16 disk=16
instance refused nodes=na,nb template=drbd mem=16 disk=16
instance copied nodes=na,nb template=drbd mem=16 disk=16
instance well nodes=nb template=rbd mem=16 disk=16
instance astray nodes=na template=rbd mem=16 disk=16
instance many1 nodes=nd,ne template=drbd mem=16 disk=16
instance many2 nodes=nd,ne template=drbd mem=16 disk=16
instance many3 nodes=ne,nd template=drbd mem=16 disk=16
instance many4 nodes=nd,ne template=drbd mem=16 disk=16
`)
	y := w.newTypist(map[string]string{
		string(repair.FindingNotStarted):       "gnt-job info",
		string(repair.ReasonCannotStart):       "gnt-instance start",
		string(repair.ReasonManyDown):          "gnt-instance list",
		string(repair.ReasonFlapping):          "ganeti-autorepair repair",
		string(repair.FindingWrongNode):        "gnt-cluster verify",
		string(repair.FindingNotN1):            "hbal",
		string(repair.FindingOrphanVolume):     "gnt-node volumes",
		string(repair.FindingDisksNotVerified): "gnt-cluster watcher info",
		string(repair.FindingNotVerified):      "gnt-cluster verify --node-group",
		"check":                                "gnt-job info",
		"status":                               "ganeti-autorepair check -v",
		"events":                               "gnt-job info",
	}, "n[a-e]", "moved", "refused", "copied", "astray", "well", "many\\d", "default", "second")
	settings := testSettings + w.tellsEvents() + "restart_tries = 2\n"
	w.settings(settings)

	// A volume of a copy that was replaced, and too little memory for a failover. (Of an
	// instance that is not in the configuration this verification dies in Ganeti 3.0.)
	w.lostPower("nb")
	w.does(instanceOp("INSTANCE_REPLACE_DISKS", "copied", vcluster.Opcode{"mode": "replace_new_secondary", "remote_node": "nc"}))
	w.back("nb")
	w.sim.SetMemory("nc", 8)

	w.sim.CrashInstance("moved")
	w.sim.CrashInstance("astray")
	w.sim.RunOutside("nb", "astray")
	lift := w.sim.Inject(nodesim.Fault{Node: "na", Call: "instance_start", Fail: "no KVM here"})
	for _, name := range []string{"many1", "many2", "many3", "many4"} {
		w.sim.CrashInstance(name)
		w.sim.Inject(nodesim.Fault{Call: "instance_start", Instance: name, Fail: "no"})
	}
	w.watched(2)
	w.does(instanceOp("INSTANCE_SHUTDOWN", "refused"))
	w.typed("gnt-instance modify --offline refused")
	for n := 0; n < 2; n++ {
		w.refuses("is marked to be offline", instanceOp("INSTANCE_STARTUP", "refused", vcluster.Opcode{"reason": [][]interface{}{{watcherSource, "Restarting instance refused", time.Now().UnixNano()}}}))
	}
	w.typed("gnt-instance modify --online refused")
	w.refuses("no KVM here", instanceOp("INSTANCE_STARTUP", "refused")) // marks it up
	w.watched(1)
	w.typed("gnt-cluster verify")
	w.pass()
	y.all("gnt-instance start")

	w.settings(settings + "relocate = \"repair\"\n")
	w.pass()
	w.jobsEnd()
	w.pass()
	lift()
	y.all()
	lift = w.sim.Inject(nodesim.Fault{Node: "nb", Call: "instance_start", Instance: "moved", Fail: "nor here"})
	w.sim.CrashInstance("moved")
	w.watched(3)
	w.pass()
	lift()
	y.all()
	w.findingsAge(8 * 24 * time.Hour)
	y.all()
	y.wantTyped()
}
