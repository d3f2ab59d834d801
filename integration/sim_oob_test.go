//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/tagstore"
)

// oob runs OOB_COMMAND for a node and returns the status and payload of its row.
func (w *simWorld) oob(command, node string) string {
	w.t.Helper()
	return w.oobFor(60, command, node)
}

func (w *simWorld) oobFor(timeout int, command, node string) string {
	w.t.Helper()
	j := w.does(vcluster.Opcode{
		"OP_ID": "OP_OOB_COMMAND", "node_names": []string{node}, "command": command, "timeout": timeout,
		"ignore_status": true, "power_delay": 0.0,
	})
	var rows [][2][2]json.RawMessage
	w.must(json.Unmarshal(j.OpResult[0], &rows))
	if len(rows) != 1 || string(rows[0][0][1]) != fmt.Sprintf("%q", node) {
		w.t.Fatalf("%s %s: %s", command, node, j.OpResult[0])
	}
	return fmt.Sprintf("%s %s", rows[0][1][0], rows[0][1][1])
}

// Out-of-band programs that work, fail, lie, deceive and hang, and what Ganeti makes
// of them: the job is always a success. Only power-status tells whether the node is
// off, and where the program deceives not even that (K3, V5).
func TestOOB(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node good oob=works
node bad oob=fails
node liar oob=lies
node fraud oob=deceives
node deaf oob=hangs
node none
instance web nodes=good template=rbd
`)
	const on, off, done, failed = `0 {"powered":true}`, `0 {"powered":false}`, "0 null", "2 null"
	for _, row := range []struct {
		node, before, command, after string
		powered                      bool
	}{
		{"good", on, done, off, false},
		{"bad", failed, failed, failed, true},
		{"liar", on, done, on, true},
		{"fraud", on, done, off, true},
		{"none", "3 null", "3 null", "3 null", true},
	} {
		for _, step := range []struct{ command, want string }{{"power-status", row.before}, {"power-off", row.command}, {"power-status", row.after}} {
			if got := w.oob(step.command, row.node); got != step.want {
				t.Errorf("%s %s: %s, want %s", step.command, row.node, got, step.want)
			}
		}
		if got := w.sim.Powered(row.node); got != row.powered {
			t.Errorf("%s: powered is %v", row.node, got)
		}
	}
	if on := w.sim.RunsOn("web"); len(on) != 0 {
		t.Errorf("web runs on %v", on)
	}
	// Ganeti ends a program that hangs.
	if got := w.oobFor(1, "power-off", "deaf"); got != failed || !w.sim.Powered("deaf") {
		t.Errorf("power-off deaf: %s, powered is %v", got, w.sim.Powered("deaf"))
	}
	w.sim.SetOOB("deaf", nodesim.OOBWorks)
	if got := w.oob("power-off", "deaf"); got != done || w.sim.Powered("deaf") {
		t.Errorf("power-off deaf: %s, powered is %v", got, w.sim.Powered("deaf"))
	}
	// Without ignore_status a node has to be marked offline.
	j := w.job(vcluster.Opcode{"OP_ID": "OP_OOB_COMMAND", "node_names": []string{"liar"}, "command": "power-off"})
	if err := j.Err(); err == nil || j.Status != "error" {
		t.Errorf("power-off of an online node: %v", err)
	}
	// A node that was switched off has to be switched on before it is online again.
	w.must(w.Offline(w.ctx, "good"))
	w.refuses("needs to be turned on", vcluster.Opcode{"OP_ID": "OP_NODE_SET_PARAMS", "node_name": "good", "offline": false})
	if got := w.oob("power-on", "good"); got != done || !w.sim.Powered("good") {
		t.Errorf("power-on good: %s", got)
	}
	w.must(w.Online(w.ctx, "good"))
	// The program can be given to the whole cluster, too.
	w.must(w.cluster.ConfigureOOB(w.ctx))
	w.sim.SetOOB("none", nodesim.OOBLies)
	if got := w.oob("power-status", "none"); got != on {
		t.Errorf("power-status none: %s", got)
	}
}

// V5, T12: the out-of-band program of a dead node fails, so that the fence does not hold.
// A person vouches for the node, and its instances are failed over. What the person said
// goes once the node is back.
func TestVouch(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node bad oob=fails
node none
instance web nodes=bad template=rbd mem=16 disk=16
`)
	w.settings(testSettings + "fence = \"oob\"\n")
	w.lostPower("bad")
	after := w.since()
	w.pass()
	w.jobsEnd()
	w.wantSteps(after, "web", "")
	w.wantReason("web", "needs-repair", "not-fenced")
	w.command(1, "gnt-node modify --offline=yes --auto-promote none", "vouch", "--yes", "none")
	w.command(0, "vouched for", "vouch", "--yes", "bad")
	w.settle(3)
	w.wantSteps(after, "web", "FAILOVER")
	w.wantNodeMarks("bad", 1)
	w.back("bad")
	w.pass()
	w.jobsEnd()
	w.wantNodeMarks("bad", 0)
}

// V5, K3, O: nodes that are marked offline and still run their instances. Where the
// out-of-band program works the node is switched off and its instance failed over; where
// it fails, lies, hangs or is missing nothing is started elsewhere, and status, explain and
// check say why until the next pass. When it works everywhere, the repairs go on.
func TestFenceByOOB(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node works oob=works
node fails oob=fails
node lies oob=lies
node hangs oob=hangs
node none
node spare mem=65536
instance on-works nodes=works template=rbd
instance on-fails nodes=fails template=rbd
instance on-lies nodes=lies template=rbd
instance on-hangs nodes=hangs template=rbd
instance on-none nodes=none template=rbd
`)
	w.settings(testSettings + "fence = \"oob\"\npass_timeout = \"2m\"\n")
	kinds := []string{"works", "fails", "lies", "hangs", "none"}
	for _, node := range kinds {
		w.must(w.Offline(w.ctx, node))
	}
	start := w.since()
	w.pass()
	w.jobsEnd()
	w.wantSteps(start, "on-works", "FAILOVER")
	w.wantWhere("on-works", "spare", "spare")
	if w.sim.Powered("works") {
		t.Error("works is still on")
	}
	check := w.run(w.Master(), program, "check")
	for _, node := range kinds[1:] {
		name := "on-" + node
		w.wantSteps(start, name, "")
		w.wantWhere(name, node, node)
		w.wantReason(name, "needs-repair", "not-fenced")
		w.command(0, "The fence failed", "explain", name)
		if check.code == 0 || !strings.Contains(check.stdout, "not-fenced") || !strings.Contains(check.stdout, name) {
			t.Errorf("check does not tell of %s: %+v", name, check)
		}
	}
	for _, node := range kinds[1:4] {
		w.sim.SetOOB(node, nodesim.OOBWorks)
	}
	w.sim.PowerOff("none")
	w.command(0, "vouched for", "vouch", "--yes", "none")
	w.settle(3)
	for _, node := range kinds {
		name := "on-" + node
		w.wantSteps(start, name, "FAILOVER")
		w.wantResult(name, tagstore.Failover, tagstore.Success, 1)
		w.wantWhere(name, "spare", "spare")
	}
}

// wantNodeMarks checks how many tags of auto-repair a node has.
func (w *simWorld) wantNodeMarks(node string, want int) {
	w.t.Helper()
	rows, err := w.Query(w.ctx, "node", []string{"tags"}, []interface{}{"=", "name", node})
	w.must(err)
	var tags []string
	w.must(json.Unmarshal(rows[0][0], &tags))
	got := 0
	for _, tag := range tags {
		if strings.HasPrefix(tag, tagstore.Prefix) {
			got++
		}
	}
	if got != want {
		w.t.Errorf("node %s has the tags %v, want %d of auto-repair", node, tags, want)
	}
}
