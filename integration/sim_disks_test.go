//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
)

// This file shows what Ganeti itself does with broken disks and cut replication, as
// the demands D1 to D10 and P19 take it for granted.

// instanceOp returns an opcode on an instance: instanceOp("INSTANCE_FAILOVER", "web").
func instanceOp(id, name string, more ...vcluster.Opcode) vcluster.Opcode {
	op := vcluster.Opcode{"OP_ID": "OP_" + id, "instance_name": name}
	for _, m := range more {
		for key, value := range m {
			op[key] = value
		}
	}
	return op
}

// replaceDisks returns an opcode that replaces all disks of an instance.
func replaceDisks(name, mode string, more ...vcluster.Opcode) vcluster.Opcode {
	return instanceOp("INSTANCE_REPLACE_DISKS", name, append(more, vcluster.Opcode{"mode": mode, "disks": []int{}})...)
}

// job runs a job and returns it, however it ended.
func (w *simWorld) job(ops ...vcluster.Opcode) vcluster.Job {
	w.t.Helper()
	ids, err := w.Submit(w.ctx, ops)
	w.must(err)
	j, err := w.WaitJob(w.ctx, ids[0])
	w.must(err)
	return j
}

// does runs a job that must succeed.
func (w *simWorld) does(ops ...vcluster.Opcode) vcluster.Job {
	w.t.Helper()
	j := w.job(ops...)
	w.must(j.Err())
	return j
}

// refuses runs a job that must fail with an error that contains the text.
func (w *simWorld) refuses(text string, ops ...vcluster.Opcode) vcluster.Job {
	w.t.Helper()
	j := w.job(ops...)
	if err := j.Err(); err == nil || !strings.Contains(err.Error(), text) {
		w.t.Errorf("job %d %v ended with %v, want an error with %q", j.ID, j.Summary, err, text)
	}
	return j
}

// wantDisksActive wants what the configuration says of an instance's disks.
func (w *simWorld) wantDisksActive(name string, want bool) {
	w.t.Helper()
	var got bool
	w.must(w.InstanceField(w.ctx, name, "disks_active", &got))
	if got != want {
		w.t.Errorf("%s: disks_active is %v", name, got)
	}
}

// wantCopies wants what is known of the copies of an instance's disks.
func (w *simWorld) wantCopies(name string, want ...string) {
	w.t.Helper()
	var got []string
	for _, c := range w.sim.Copies(name) {
		got = append(got, c.String())
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		w.t.Errorf("%s: copies %q, want %q", name, got, want)
	}
}

// wantIncidents wants the kinds of what has happened to an instance.
func (w *simWorld) wantIncidents(name string, want ...nodesim.Kind) {
	w.t.Helper()
	var got []nodesim.Kind
	for _, i := range w.sim.Incidents() {
		if i.Instance == name {
			got = append(got, i.Kind)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: incidents %v, want %v", name, got, want)
	}
}

// verifyDisks is the result of GROUP_VERIFY_DISKS in names: instances to activate,
// and the nodes on which volumes of an instance are missing.
func (w *simWorld) verifyDisks(group string) (activate []string, missing map[string][]string) {
	w.t.Helper()
	j := w.does(vcluster.Opcode{"OP_ID": "OP_GROUP_VERIFY_DISKS", "group_name": group})
	var parts []json.RawMessage
	w.must(json.Unmarshal(j.OpResult[0], &parts))
	var volumes map[string][][2]string
	w.must(unpackRow(parts[1:], &activate, &volumes))
	names := make(map[string]string)
	rows, err := w.Query(w.ctx, "node", []string{"uuid", "name"}, nil)
	w.must(err)
	for _, row := range rows {
		var uuid, name string
		w.must(unpackRow(row, &uuid, &name))
		names[uuid] = name
	}
	missing = make(map[string][]string)
	for instance, list := range volumes {
		for _, v := range list {
			missing[instance] = append(missing[instance], names[v[0]])
		}
	}
	sort.Strings(activate)
	return activate, missing
}

// diskStatus is what INSTANCE_QUERY_DATA tells of an instance's first disk on its
// primary and secondary node: is_degraded and ldisk_status, or null; and which of its
// volumes are there.
func (w *simWorld) diskStatus(name string) string {
	w.t.Helper()
	j := w.does(vcluster.Opcode{"OP_ID": "OP_INSTANCE_QUERY_DATA", "instances": []string{name}, "static": false, "use_locking": true})
	type status []interface{}
	var result map[string]struct {
		Disks []struct {
			PStatus  status `json:"pstatus"`
			SStatus  status `json:"sstatus"`
			Children []struct {
				PStatus status `json:"pstatus"`
				SStatus status `json:"sstatus"`
			} `json:"children"`
		} `json:"disks"`
	}
	w.must(json.Unmarshal(j.OpResult[0], &result))
	d := result[name].Disks[0]
	word := func(s status) string {
		if s == nil {
			return "null"
		}
		return strings.ToUpper(fmt.Sprint(s[5])[:1]) + fmt.Sprintf(",%v", s[6])
	}
	text := word(d.PStatus) + " / " + word(d.SStatus)
	for k, c := range d.Children {
		if c.PStatus == nil {
			text += fmt.Sprintf(", no volume %d on the primary", k)
		}
		if c.SStatus == nil {
			text += fmt.Sprintf(", no volume %d on the secondary", k)
		}
	}
	return text
}

// standAloneIsFaulty reports whether nodes call the local disk of a drbd device that
// stands alone faulty whatever its data, as they do since Ganeti 3.1.
func (w *simWorld) standAloneIsFaulty() bool { return w.cluster.Version >= 3010000 }

// standAlone is the diskStatus of a disk that has good data on both sides, which stand
// alone.
func (w *simWorld) standAlone() string {
	if w.standAloneIsFaulty() {
		return "T,4 / T,4"
	}
	return "T,1 / T,1"
}

// A failover of what is stopped goes to whatever is on the secondary, from an online
// node, too; replace-disks then removes the newest copy. Ganeti compares the copies
// only while disks are active, and waits for them only if it is told to (P19).
func TestFailoverWithCutReplication(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance stopped nodes=a,b template=drbd
instance crashed nodes=a,b template=drbd
instance lost nodes=a,b template=drbd
instance waits nodes=a,b template=drbd
`)
	w.maybe = func(string) bool { return true } // that is what it is about
	w.sim.Cut("a", "b")
	for _, name := range []string{"stopped", "lost", "waits"} {
		w.does(instanceOp("INSTANCE_SHUTDOWN", name))
		w.wantCopies(name, "disk/0 on a: original", "disk/0 on b: original, lacks writes of a")
	}
	failover := func(name string) vcluster.Opcode { return instanceOp("INSTANCE_FAILOVER", name) }
	activate := func(name string, wait bool) vcluster.Opcode {
		return instanceOp("INSTANCE_ACTIVATE_DISKS", name, vcluster.Opcode{"wait_for_sync": wait})
	}

	// Activated with a wait it is refused, and marked inactive; without one Ganeti
	// compares the copies and refuses as well.
	w.refuses("Some disks of the instance are degraded", activate("waits", true), failover("waits"))
	w.wantDisksActive("waits", false)
	w.refuses("Disk 0 is degraded on target node", activate("waits", false), failover("waits"))
	w.wantDisksActive("waits", true)

	// Not activated it goes to the stale copy, and starts from it.
	w.does(failover("stopped"))
	w.wantIncidents("stopped")
	w.does(instanceOp("INSTANCE_STARTUP", "stopped"))
	w.wantIncidents("stopped", nodesim.StaleStart)
	for _, i := range w.sim.Incidents() {
		if !i.Online || i.Node != "b" || i.Other != "a" {
			t.Errorf("incident %+v", i)
		}
	}
	w.wantCopies("stopped", "disk/0 on a: original, lacks writes of b", "disk/0 on b: original, lacks writes of a")

	// So does what should run and does not, as its disks are not active.
	w.sim.CrashInstance("crashed")
	lift := w.sim.Inject(nodesim.Fault{Call: "instance_start", Instance: "crashed", Fail: "no"})
	w.refuses("Could not start instance", instanceOp("INSTANCE_STARTUP", "crashed"))
	lift()
	w.wantDisksActive("crashed", false)
	w.does(failover("crashed"))
	w.wantIncidents("crashed", nodesim.StaleStart)

	// The next replace-disks takes the newest copy from the online node.
	w.does(failover("lost"))
	w.does(replaceDisks("lost", "replace_new_secondary", vcluster.Opcode{"remote_node": "c"}))
	w.wantIncidents("lost", nodesim.Destroyed)
	w.wantCopies("lost", "disk/0 on b: original", "disk/0 on c: original")

	// With the connection back it waits for the copy and goes.
	w.sim.Mend("a", "b")
	w.does(activate("waits", true), failover("waits"))
	w.wantIncidents("waits")
	w.wantCopies("waits", "disk/0 on a: original", "disk/0 on b: original")
	// Where both were written to nothing is mended.
	w.does(activate("stopped", false))
	w.wantCopies("stopped", "disk/0 on a: original, lacks writes of b", "disk/0 on b: original, lacks writes of a")
}

// What Ganeti tells of broken disks, and what mends them (D1-D5, D10).
func TestBrokenDisks(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance well nodes=a,b template=drbd
instance gone nodes=a,b template=drbd
instance absent nodes=a,c template=drbd
instance broken nodes=a,b template=drbd
instance primary nodes=a,b template=drbd hypervisor=kvm
instance cut nodes=b,c template=drbd
instance split nodes=a,b template=drbd
instance inactive nodes=a,b template=drbd
instance local nodes=b template=plain
`)
	w.sim.LoseVolumes("b", "gone")
	w.sim.BreakDisks("b", "broken")
	w.sim.BreakDisks("a", "primary")
	w.sim.SplitBrain("split")
	w.sim.Cut("b", "c")
	w.sim.LoseVolumes("b", "local")
	w.must(w.sim.Replace("c")) // its volumes are gone, and its devices not set up

	for name, want := range map[string]string{
		"well":    "F,1 / F,1",
		"gone":    "F,1 / T,4, no volume 0 on the secondary, no volume 1 on the secondary",
		"absent":  "T,1 / null, no volume 0 on the secondary, no volume 1 on the secondary",
		"broken":  "F,1 / T,4",
		"primary": "T,4 / F,1",
		"cut":     "T,1 / null, no volume 0 on the secondary, no volume 1 on the secondary",
		"split":   w.standAlone(),
		"local":   "null / null",
	} {
		if got := w.diskStatus(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	activate, missing := w.verifyDisks("default")
	if got, want := fmt.Sprint(activate), "[absent broken cut gone primary split]"; got != want {
		t.Errorf("to activate: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(missing), "map[absent:[c c] cut:[c c] gone:[b b] local:[b]]"; got != want {
		t.Errorf("missing: %s, want %s", got, want)
	}

	// A failed activation marks the disks of what runs inactive, and nobody looks at
	// them any more (D1).
	lift := w.sim.Inject(nodesim.Fault{Call: "blockdev_assemble", Node: "b", Instance: "inactive", Fail: "no"})
	w.refuses("Cannot activate block devices", instanceOp("INSTANCE_ACTIVATE_DISKS", "inactive"))
	lift()
	w.wantDisksActive("inactive", false)
	w.sim.LoseVolumes("b", "inactive")
	activate, missing = w.verifyDisks("default")
	if strings.Contains(fmt.Sprint(activate, missing), "inactive") {
		t.Errorf("inactive is listed: %v %v", activate, missing)
	}
	// A new secondary is made, and the job fails all the same (P19).
	w.refuses("is marked to be up, cannot shutdown disks", replaceDisks("inactive", "replace_new_secondary", vcluster.Opcode{"remote_node": "c"}))
	w.wantDisksActive("inactive", true)
	w.wantCopies("inactive", "disk/0 on a: original", "disk/0 on c: original")

	// What is not set up cannot be replaced where it is. Activated it is there without
	// a disk, and can (since 2.16).
	w.refuses("disk not found", replaceDisks("absent", "replace_on_secondary"))
	w.refuses("Please run activate-disks", replaceDisks("absent", "replace_auto"))
	w.does(instanceOp("INSTANCE_ACTIVATE_DISKS", "absent"))
	if got, want := w.diskStatus("absent"), "F,1 / T,4, no volume 0 on the secondary, no volume 1 on the secondary"; got != want {
		t.Errorf("absent after activation: %s, want %s", got, want)
	}
	w.does(replaceDisks("absent", "replace_on_secondary"))
	w.wantCopies("absent", "disk/0 on a: original", "disk/0 on c: original")

	// A primary without a disk is not migrated, and gets a new one where it is (D4, P19).
	w.refuses("can't shutdown network", instanceOp("INSTANCE_MIGRATE", "primary"))
	w.does(replaceDisks("primary", "replace_on_primary"))
	if got := w.diskStatus("primary"); got != "F,1 / F,1" {
		t.Errorf("primary after replace_on_primary: %s", got)
	}
	w.wantCopies("primary", "disk/0 on a: original", "disk/0 on b: original")

	for _, name := range []string{"gone", "broken"} {
		w.does(replaceDisks(name, "replace_new_secondary", vcluster.Opcode{"remote_node": "c"}))
		w.wantCopies(name, "disk/0 on a: original", "disk/0 on c: original")
	}
	// Activation does nothing for a split brain, but the primary node waits afterwards.
	// Replace-disks throws one side away, which since 3.1 Ganeti refuses before that.
	replace := replaceDisks("split", "replace_new_secondary", vcluster.Opcode{"remote_node": "c"})
	after := "T,1 / T,1"
	if w.standAloneIsFaulty() {
		w.refuses("degraded storage, unsafe to replace disks", replace)
		after = "T,1 / T,4"
	}
	w.does(instanceOp("INSTANCE_ACTIVATE_DISKS", "split"))
	if got := w.diskStatus("split"); got != after {
		t.Errorf("split after activation: %s", got)
	}
	w.does(replace)
	w.wantIncidents("split", nodesim.Destroyed)
	w.maybe = func(incident string) bool { return strings.Contains(incident, " split ") }
	for _, name := range []string{"gone", "absent", "broken", "primary", "inactive"} {
		if on := w.sim.RunsOn(name); len(on) != 1 {
			t.Errorf("%s runs on %v", name, on)
		}
	}
}
