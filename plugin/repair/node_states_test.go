package repair_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// nodeJob is a job of one opcode with the given parameters, in JSON.
func nodeJob(op string, status luxi.JobStatus, params string) luxi.JobInfo {
	info := luxi.JobInfo{ID: 70, Known: true, Status: status, Summary: []string{strings.TrimPrefix(op, "OP_")}}
	o := luxi.JobOp{ID: op, Status: status}
	if err := json.Unmarshal([]byte(params), &o.Params); err != nil {
		panic(err)
	}
	info.Ops = append(info.Ops, o)
	return info
}

// from gives a job the trail of a repair that takes its instance from a node.
func from(node string, job luxi.JobInfo) luxi.JobInfo {
	for k := range job.Ops {
		job.Ops[k].Reason = append(job.Ops[k].Reason, luxi.ReasonEntry{Source: repair.Source, Text: repair.FromText(node)})
	}
	return job
}

// N1: the state of a node, and what counts as left. "x" is the node that is looked at, a
// and b are good nodes of its group, far one of another.
func TestNodeStates(t *testing.T) {
	in := repairtest.Instance
	const running, queued = luxi.JobRunning, luxi.JobQueued
	for _, row := range []struct {
		what, flag string
		instances  []*repair.Instance
		jobs       []luxi.JobInfo
		want       string // state, then pending+blocked, then jobs
	}{
		{"a good node", "", []*repair.Instance{in("i", "rbd", "x", "")}, nil, "ok 0+0"},
		{"drained and free", ":drained", []*repair.Instance{in("i", "drbd", "a b", "")}, nil, "empty 0+0"},
		{"offline and free", ":offline", nil, nil, "empty 0+0"},
		{"a primary that migrates", ":drained", []*repair.Instance{in("i", "rbd", "x", "migrate")}, nil, "leaving 1+0"},
		{"a secondary that is replaced", ":drained", []*repair.Instance{in("i", "drbd", "a x", "fix-storage")}, nil, "leaving 1+0"},
		{"nothing is permitted", ":drained", []*repair.Instance{in("i", "rbd", "x", "")}, nil, "stuck 0+1"},
		{"too little is permitted", ":drained", []*repair.Instance{in("i", "rbd", "x", "fix-storage")}, nil, "stuck 0+1"},
		{"plain disks", ":drained", []*repair.Instance{in("i", "plain", "x", "reinstall")}, nil, "stuck 0+1"},
		{"suspended", ":drained", []*repair.Instance{in("i", "rbd", "x", "suspend:1700009999 pending:migrate:k:1600000000:")}, nil, "stuck 0+1"},
		{"failed", ":drained", []*repair.Instance{in("i", "rbd", "x", "migrate result:migrate:k:1600000000:failure:")}, nil, "stuck 0+1"},
		{"no room, as the last test said", ":drained", []*repair.Instance{in("i", "rbd", "x", "pending:migrate:k:1600000000:12")},
			[]luxi.JobInfo{repairtest.NoRoomFor(12, repair.StepMigrate)}, "stuck 0+1"},
		{"some go on", ":drained", []*repair.Instance{in("i", "rbd", "x", "migrate"), in("j", "rbd", "x", "")}, nil, "leaving 1+1"},
		{"lost, some go on", ":offline", []*repair.Instance{in("i", "rbd", "x", "failover"), in("j", "plain", "x", "failover")}, nil, "lost 1+1"},
		{"lost, and all are blocked", ":offline", []*repair.Instance{in("i", "rbd", "x", "")}, nil, "lost 0+1"},
		{"somebody's job has what is blocked", ":drained", []*repair.Instance{in("i", "rbd", "x", "suspend")},
			[]luxi.JobInfo{repairtest.Job(70, repair.StepMigrate, "i", running)}, "leaving 1+0 70"},
		{"a reservation has nothing there", ":drained", []*repair.Instance{{UUID: "i-uuid", Name: "i", PlaceKnown: true, Primary: "x", Template: "drbd", Forthcoming: true}}, nil, "empty 0+0"},

		// An instance has left in the configuration while its job still has the node.
		{"our job removes the old copy", ":drained", []*repair.Instance{in("i", "drbd", "a b", "pending:fix-storage:k:1600000000:70")},
			[]luxi.JobInfo{from("x", repairtest.Job(70, repair.StepReplaceDisks, "i", running))}, "leaving 0+0 70"},
		{"our job has to do with other nodes", ":drained", []*repair.Instance{in("i", "drbd", "a b", "pending:fix-storage:k:1600000000:70")},
			[]luxi.JobInfo{from("b", repairtest.Job(70, repair.StepReplaceDisks, "i", running))}, "empty 0+0"},
		{"somebody's job may remove the old copy", ":offline", []*repair.Instance{in("i", "drbd", "a b", "")},
			[]luxi.JobInfo{repairtest.Job(70, repair.StepReplaceDisks, "i", running)}, "leaving 0+0 70"},
		{"somebody's job waits, and i is elsewhere", ":drained", []*repair.Instance{in("i", "drbd", "a b", "")},
			[]luxi.JobInfo{repairtest.Job(70, repair.StepReplaceDisks, "i", queued)}, "empty 0+0"},
		{"somebody's job in another group", ":drained", []*repair.Instance{in("i", "rbd", "far", "")},
			[]luxi.JobInfo{repairtest.Job(70, repair.StepMigrate, "i", running)}, "empty 0+0"},
		{"somebody's job moves it between its two nodes", ":drained", []*repair.Instance{in("i", "drbd", "a b", "")},
			[]luxi.JobInfo{repairtest.Job(70, repair.StepMigrate, "i", running)}, "empty 0+0"},
		{"somebody's job may move it from there", ":drained", []*repair.Instance{in("i", "rbd", "a", "")},
			[]luxi.JobInfo{repairtest.Job(70, repair.StepMigrate, "i", running)}, "leaving 0+0 70"},
		{"a job is to bring something there", ":drained", []*repair.Instance{in("i", "rbd", "a", "")},
			[]luxi.JobInfo{nodeJob(luxi.OpInstanceMigrate, queued, `{"instance_name":"i","target_node":"x"}`)}, "leaving 0+0 70"},
		{"an instance is being made", ":drained", nil,
			[]luxi.JobInfo{nodeJob(luxi.OpInstanceCreate, running, `{"instance_name":"new","iallocator":"hail"}`)}, "leaving 0+0 70"},
		{"an instance is being made on nodes that are named", ":drained", nil,
			[]luxi.JobInfo{nodeJob(luxi.OpInstanceCreate, running, `{"instance_name":"new","pnode":"a","snode":"b"}`)}, "empty 0+0"},
		{"disks are being made plain", ":drained", []*repair.Instance{in("i", "plain", "a", "")},
			[]luxi.JobInfo{nodeJob(luxi.OpInstanceSetParams, running, `{"instance_name":"i","disk_template":"plain"}`)}, "leaving 0+0 70"},
		{"an instance is being changed", ":drained", []*repair.Instance{in("i", "plain", "a", "")},
			[]luxi.JobInfo{nodeJob(luxi.OpInstanceSetParams, running, `{"instance_name":"i","beparams":{"vcpus":2}}`)}, "empty 0+0"},
		{"the node is being changed", ":drained", nil, []luxi.JobInfo{nodeJob(luxi.OpNodeSetParams, queued, `{"node_name":"x"}`)}, "leaving 0+0 70"},
		{"its group is being emptied", ":drained", nil, []luxi.JobInfo{nodeJob(luxi.OpGroupEvacuate, queued, `{"group_name":"rack1"}`)}, "leaving 0+0 70"},
		{"another node is being changed", ":drained", nil, []luxi.JobInfo{nodeJob(luxi.OpNodeSetParams, queued, `{"node_name":"a"}`)}, "empty 0+0"},
		{"jobs that change nothing there", ":drained", nil, []luxi.JobInfo{nodeJob(luxi.OpNodeQueryStorage, queued, `{"nodes":["x"]}`)}, "empty 0+0"},
		{"a tag of the node is written", ":drained", nil, []luxi.JobInfo{nodeJob(luxi.OpTagsSet, queued, `{"kind":"node","name":"x"}`)}, "empty 0+0"},
		{"a job whose part there is over", ":drained", nil, []luxi.JobInfo{nodeJob(luxi.OpNodeSetParams, luxi.JobSuccess, `{"node_name":"x"}`)}, "empty 0+0"},
	} {
		s := repairtest.WithJobs(repairtest.Snapshot("a x"+row.flag+" b c d far@rack2", row.instances...), row.jobs...)
		s.Unfinished = nil
		for _, job := range row.jobs { // as unfinished, whatever became of their opcodes
			if job.ID == 70 {
				s.Unfinished = append(s.Unfinished, job)
			}
		}
		s.NoteUnusedNodes()
		p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "p-k3v9x2ab" })
		got := ""
		for _, n := range repair.NodeStatusesOf(p) {
			if n.Node.Name != "x" {
				if n.State != repair.NodeUsual {
					t.Errorf("%s: %s is %s", row.what, n.Node.Name, n.State)
				}
				continue
			}
			if n.State == repair.NodeUsual {
				n.Left = nil
			}
			got = fmt.Sprintf("%s %d+%d", n.State, n.Pending(), len(n.Left)-n.Pending())
			for _, job := range n.Jobs {
				got += fmt.Sprintf(" %d", job.ID)
			}
			if want := len(n.Left) > 0 && n.Pending() == 0; n.AllBlocked() != want {
				t.Errorf("%s: all blocked: %v", row.what, n.AllBlocked())
			}
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.what, got, row.want)
		}
	}
}

// N1: what is not known is not empty: a node that may have an instance which is not in
// the snapshot, as one that was made a moment ago.
func TestNodeThatMayHaveMore(t *testing.T) {
	s := repairtest.Snapshot("a x:drained b")
	p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "k" })
	for _, n := range repair.NodeStatusesOf(p) {
		if n.Node.Name == "x" && n.State != repair.NodeLeaving {
			t.Errorf("%s", n.State)
		}
	}
}

// N1: a reason with which passes go on is none that waits for a person, and none with
// which the manual sends people to make room or to look at a node.
func TestReasonsThatGoOn(t *testing.T) {
	var got []string
	for _, info := range repair.ReasonTable() {
		if info.Reason.GoesOn() {
			got = append(got, string(info.Reason))
		}
	}
	if want := "unsettled ready retry jobs-running busy max-new not-begun canceled no-slot copies-later disks-unknown resyncing settling"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", strings.Join(got, " "), want)
	}
}
