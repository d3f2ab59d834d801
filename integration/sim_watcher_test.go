//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
)

// This file shows what ganeti-watcher does, and leaves behind, on simulated nodes, as
// D1, K1 and R1 take it for granted.

// instanceStatus returns the watcher's instance-status file as a map.
func (w *simWorld) instanceStatus() map[string]string {
	w.t.Helper()
	data, err := w.ReadFile(w.Root(w.Master()) + "/var/run/ganeti/instance-status")
	w.must(err)
	status := make(map[string]string)
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		name, text, _ := strings.Cut(line, " ")
		status[name] = text
	}
	return status
}

// The watcher starts what does not run five times and then gives up; the jobs and
// its log tell. It leaves the disks inactive. Together with an activation of the
// disks a failover brings the instance back (R1, R2).
func TestWatcherGivesUp(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
instance web nodes=a,b template=drbd
`)
	w.must(w.RemoveHook(w.Master(), "ganeti-autorepair"))
	w.sim.Inject(nodesim.Fault{Node: "a", Call: "instance_start", Instance: "web", Fail: "no"})
	w.sim.CrashInstance("web")
	for n := 0; n < 6; n++ {
		w.watcher()
	}
	tries := 0
	for _, job := range w.queue() {
		if len(job.Summary) > 0 && job.Summary[0] == "INSTANCE_STARTUP(web)" {
			tries++
			if job.Status != "error" {
				t.Errorf("job %d ended as %s", job.ID, job.Status)
			}
		}
	}
	log, err := w.ReadFile(w.WatcherLog(w.Master()))
	w.must(err)
	if tries != 5 || !strings.Contains(string(log), "Could not restart instance 'web' after 5 attempts, giving up") {
		t.Errorf("%d tries, and the log says\n%s", tries, log)
	}
	w.wantDisksActive("web", false)
	if got := w.instanceStatus()["web"]; got != "ERROR_down" {
		t.Errorf("its status is %s", got)
	}
	w.does(instanceOp("INSTANCE_ACTIVATE_DISKS", "web", vcluster.Opcode{"wait_for_sync": true}), instanceOp("INSTANCE_FAILOVER", "web"))
	w.wantWhere("web", "b", "b")
	w.wantIncidents("web")
}

// What the watcher leaves of its runs: the archived GROUP_VERIFY_DISKS of each group,
// and a file with the status of each instance. Both tell of a node that is dead and
// not marked offline, and verify-disks calls all its volumes missing (D1, K1).
func TestWatcherLeaves(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance web nodes=a,b template=drbd
instance db nodes=c,a template=drbd
instance local nodes=c template=plain
`)
	w.must(w.RemoveHook(w.Master(), "ganeti-autorepair"))
	verified := func() (result json.RawMessage) {
		t.Helper()
		rows, err := w.Query(w.ctx, "job", []string{"id", "summary", "archived", "opresult", "ops"}, []interface{}{">", "id", 0})
		w.must(err)
		for _, row := range rows {
			var id int
			var summary []string
			var archived bool
			var results, ops []json.RawMessage
			w.must(unpackRow(row, &id, &summary, &archived, &results, &ops))
			if strings.HasPrefix(summary[0], "GROUP_VERIFY_DISKS(") && archived && strings.Contains(string(ops[0]), "gnt:watcher") {
				result = results[0]
			}
		}
		return result
	}
	w.watcher()
	if got := string(verified()); got != "[{},[],{}]" {
		t.Errorf("verify-disks of what is well: %s", got)
	}
	if got := w.instanceStatus(); got["web"] != "running" || got["db"] != "running" || got["local"] != "running" {
		t.Errorf("instance-status %v", got)
	}

	w.sim.PowerOff("c")
	rows, err := w.Query(w.ctx, "node", []string{"bootid"}, []interface{}{"=", "name", "c"})
	w.must(err)
	if string(rows[0][0]) != "null" {
		t.Errorf("bootid of a dead node: %s", rows[0][0])
	}
	w.watcher()
	if got := w.instanceStatus(); got["web"] != "running" || got["db"] != "ERROR_nodedown" || got["local"] != "ERROR_nodedown" {
		t.Errorf("instance-status %v", got)
	}
	var parts []json.RawMessage
	w.must(json.Unmarshal(verified(), &parts))
	var errors map[string]string
	var activate []string
	var missing map[string][][2]string
	w.must(unpackRow(parts, &errors, &activate, &missing))
	var uuid string
	w.must(w.NodeField(w.ctx, "c", "uuid", &uuid))
	if len(errors) != 1 || !strings.Contains(errors[uuid], "Failed to connect") {
		t.Errorf("errors %v, want one of %s", errors, uuid)
	}
	if len(activate) != 0 || len(missing["db"]) != 2 || len(missing["local"]) != 1 || len(missing["web"]) != 0 {
		t.Errorf("to activate %v, missing %v", activate, missing)
	}
	// The details of an instance there cannot be had at all.
	w.refuses("Error checking node c", vcluster.Opcode{"OP_ID": "OP_INSTANCE_QUERY_DATA", "instances": []string{"web", "db"}, "static": false, "use_locking": true})
}
