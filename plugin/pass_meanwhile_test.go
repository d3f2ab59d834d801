package plugin

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// T5, P12: a request that its author takes back while the pass is about to write
// its tag anew is not carried out, and the new tag goes again.
func TestRequestWithdrawnMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2 template=plain "+simtest.Tags("pending:reinstall:x:5:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.At("SubmitManyJobs", 2, func() { r.Master.Edit(func(c *luxitest.Cluster) { c.Instance("i").Tags = nil }) })
	report := r.pass()
	r.Master.OnCall(nil)
	r.Quiet()
	r.WantRepairs("")
	r.WantTags("i", "")
	if len(report.Released) != 0 || len(r.Log.Said("the request was withdrawn")) != 1 {
		t.Errorf("released %+v", report.Released)
	}
}

// The same where another tag that was to go is the one that is gone: the request
// stands, and is carried out.
func TestRequestStandsMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2 template=rbd "+simtest.Tags("pending:failover:x:5: suspend:7"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.At("SubmitManyJobs", 2, func() {
		r.Master.Edit(func(c *luxitest.Cluster) { c.Instance("i").Tags = repairtest.WithPrefix("pending:failover:x:5:") })
	})
	r.pass()
	r.Master.OnCall(nil)
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
}

// C2, P12: a pass that dies before it released anything leaves no permission behind
// that outlasts the policy's.
func TestKilledThenWithdrawn(t *testing.T) {
	for _, policy := range []string{"", "failover", "reinstall"} {
		r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i nodes=node2 template=plain")
		r.newID = func() string { return "p-abcdefgh" }
		r.Master.Edit(simtest.Broken("node2:offline"))
		r.FaultAt(freshLook, 2, func() luxitest.Fault { return luxitest.DieBefore() })
		if _, err := r.tryPass(); err == nil || r.Tags("i") == "" {
			t.Fatalf("policy %q: %v, tags %q", policy, err, r.Tags("i"))
		}
		r.Master.OnCall(nil)
		r.Quiet()
		r.WantRepairs("")
		r.Master.Edit(func(c *luxitest.Cluster) { c.Tags = repairtest.WithPrefix(policy) })
		r.repaired()
		want := ""
		if policy == "reinstall" {
			want = "RECREATE_DISKS(i) success"
		}
		if got := r.RepairJobs(); got != want && !(want != "" && strings.HasPrefix(got, "RECREATE_DISKS")) {
			t.Errorf("policy %q: repairs %q, want %q", policy, got, want)
		}
		if got := r.Tags("i"); strings.Contains(got, "pending") || policy != "reinstall" && !strings.HasSuffix(got, ":enoperm:") {
			t.Errorf("policy %q: tags %q", policy, got)
		}
	}
}

// P10, P12: whether the chain ends with a start is what the administrator wishes
// when it is released, not when it was planned.
func TestAdminStateChangesMeanwhile(t *testing.T) {
	for _, row := range [][2]string{{"down", "up"}, {"up", "down"}} {
		r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i nodes=node2 template=plain state="+row[0])
		r.Master.Edit(simtest.Broken("node2:offline"))
		r.At(freshLook, 2, func() {
			r.Master.Edit(func(c *luxitest.Cluster) { c.Instance("i").AdminState, c.Instance("i").RunsOn = row[1], nil })
		})
		if report := r.pass(); len(report.Released) != 0 {
			t.Errorf("%v: released %+v", row, report.Released)
		}
		r.Master.OnCall(nil)
		r.repaired()
		r.wantResult("i", "reinstall", "success", 1)
		if i := r.Instance("i"); i.AdminState != row[1] || i.Running() != (row[1] == "up") {
			t.Errorf("%v: it is %s, runs %v", row, i.AdminState, i.Running())
		}
	}
}

// P12: the job of somebody who typed a short name, or moves all that is on a node,
// is seen.
func TestBusyByOtherNames(t *testing.T) {
	i := &repair.Instance{UUID: "u", Name: "web1.example.com", PlaceKnown: true, Primary: "b.example.com", Secondaries: []string{"c.example.com"}}
	for _, row := range []struct {
		op, param, value string
		busy             bool
	}{
		{"OP_INSTANCE_FAILOVER", "instance_name", "web1.example.com", true},
		{"OP_INSTANCE_FAILOVER", "instance_name", "web1", true},
		{"OP_INSTANCE_FAILOVER", "instance_name", "WEB1.example", true},
		{"OP_INSTANCE_FAILOVER", "instance_name", "web", false},
		{"OP_INSTANCE_FAILOVER", "instance_name", "web1.example.com.org", false},
		{"OP_INSTANCE_FAILOVER", "instance_name", "", false},
		{"OP_INSTANCE_FAILOVER", "instance_uuid", "u", true},
		{"OP_TAGS_SET", "name", "web1", false}, // of a node, maybe
		{"OP_NODE_EVACUATE", "node_name", "b", true},
		{"OP_NODE_MIGRATE", "node_name", "c.example.com", true},
		{"OP_NODE_EVACUATE", "node_name", "d", false},
		{"OP_NODE_MODIFY_STORAGE", "node_name", "b", false},
	} {
		value, _ := json.Marshal(row.value)
		op := luxi.JobOp{ID: row.op, Params: map[string]json.RawMessage{row.param: value}}
		s := &repair.Snapshot{Unfinished: []luxi.JobInfo{{ID: 7, Known: true, Status: luxi.JobQueued, Ops: []luxi.JobOp{op}}}}
		if _, busy := s.BusyJob(i, nil); busy != row.busy {
			t.Errorf("%s %s=%s: busy %v", row.op, row.param, row.value, busy)
		}
	}
}

// The same on a master: the administrator's job comes first, and ours not at all.
func TestShortNameQueued(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance web1.example.com nodes=node2,node3 template=drbd state=down\ninstance a.x nodes=node1")
	r.Master.Edit(simtest.Broken("node2:offline"))
	hanging := r.hang("a.x")
	if _, err := r.newPass().Client.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceFailover{Common: luxi.Common{Depends: []luxi.Depend{{Job: luxi.JobID(hanging)}}}, InstanceName: "web1"}}); err != nil {
		t.Fatal(err)
	}
	r.Master.OnOpcode(nil)
	if report := r.pass(); len(report.Released) != 0 || report.Decisions()[1].Reason != repair.ReasonBusy {
		t.Errorf("released %+v, %+v", report.Released, report.Decisions()[1])
	}
	r.Master.Continue(hanging)
	r.Quiet()
	if p := r.Instance("web1.example.com").Primary; p != "node3" {
		t.Errorf("it is on %s", p)
	}
}

// S6, S7: a chain whose first opcode has run is not given up, although it waits
// for the lock that the next one needs.
func TestEndRepairsMidChain(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i nodes=node2 template=plain")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_TAGS_SET" && len(op.Reason) <= 1 {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	report := r.pass()
	p := r.newPass()
	id, err := p.Client.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.TagsSet{Kind: luxi.TagInstance, Name: "i", Tags: []string{"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	chain := int64(report.Released[0].Job)
	for n := 0; r.Master.Job(chain).Ops[0].Status != "success"; n++ {
		if r.Master.Advance(time.Second / 2); n == 200 {
			t.Fatal("its first opcode does not end")
		}
	}
	if s := r.Master.Job(chain).Status; s != "waiting" {
		t.Fatalf("the chain is %s", s)
	}
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: repairtest.ParsedTags(r.Instance("i").Tags)}
	if ids, err := p.EndRepairs(simtest.Background, o, false); err == nil || !strings.Contains(err.Error(), "has begun") {
		t.Errorf("%v, %v", ids, err)
	}
	r.Master.OnOpcode(nil)
	r.Master.Continue(int64(id))
	r.repaired()
	if got := r.Tags("i"); !strings.HasPrefix(got, "x result:reinstall:r1:") || !strings.Contains(got, ":success:") {
		t.Errorf("tags %s", got)
	}
}

// P10: memory that a failover in the same pass, or under way, is going to take of
// the secondary node is not given to a reinstallation.
func TestRoomPromisedToFailover(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+"\nnode node1 master mem=300\nnode node2 mem=4096\nnode node3 mem=1500\nnode node4 mem=900\ninstance d nodes=node2,node3 template=drbd mem=1000\ninstance p nodes=node2 template=plain mem=800")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.repaired()
	r.wantResult("p", "reinstall", "success", 1)
	if p := r.Instance("p").Primary; p != "node4" {
		t.Errorf("it is on %s", p)
	}
}

// S8: what finds no room, pass after pass, keeps nothing else from being tested.
func TestEveryProbeGetsATurn(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance a mem=256 nodes=node2 template=rbd\ninstance b mem=256 nodes=node2 template=rbd\ninstance d mem=256 nodes=node2 template=rbd")
	r.set.MaxRunning = 1
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.Edit(crowd(true))
	for n := 0; n < 3; n++ {
		r.pass()
		r.Quiet()
	}
	r.Master.Edit(func(c *luxitest.Cluster) { c.Instance("a").Memory, c.Instance("b").Memory = 100000, 100000 })
	r.Master.Edit(crowd(false))
	for n := 0; r.Instance("d").Primary == "node2"; n++ {
		if r.pass(); n == 40 {
			t.Fatal("the one that has room has not been tested in 40 passes")
		}
		r.Quiet()
	}
}

// C5, S8: a dry run that luxid is slow to cancel holds no other instance up.
func TestProbeCanceledSlowly(t *testing.T) {
	t.Parallel() // it waits for real time to pass
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance a mem=256 nodes=node2 template=rbd\ninstance b mem=256 nodes=node2 template=rbd")
	r.set.PassTimeout = 8 * time.Second
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.Edit(crowd(true))
	r.pass()
	r.Quiet()
	r.Master.Edit(crowd(false))
	r.Master.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" && op.Text("instance_name") == "b" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	canceled := 0
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "CancelJob" {
			if canceled++; canceled == 1 {
				return luxitest.Hang()
			}
		}
		return luxitest.Pass()
	})
	report, err := r.tryPass()
	r.Master.OnCall(nil)
	if err != nil || len(report.Released) != 1 || report.Released[0].Instance != "a" {
		t.Errorf("%v, released %+v", err, report.Released)
	}
	for _, j := range r.Master.Jobs() {
		if j.End.IsZero() {
			r.Master.Continue(j.ID)
		}
	}
}

// C5: an answer that lists no instance does not cost a request its tag.
func TestEmptyFreshLook(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2 template=rbd "+simtest.Tags("pending:failover:x:5:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	looks, done := 0, false
	var fields []string
	for _, f := range read.PlaceFields {
		fields = append(fields, `{"name":"`+f+`","title":"x","kind":"text","doc":""}`)
	}
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == freshLook {
			looks++
		}
		if looks == 2 && !done && c.Method == "Query" && strings.Contains(string(c.Args), `"instance"`) {
			done = true
			return luxitest.Reply(`{"success":true,"result":{"fields":[` + strings.Join(fields, ",") + `],"data":[]}}`)
		}
		return luxitest.Pass()
	})
	if report := r.pass(); !done || len(report.Released) != 0 {
		t.Errorf("released %+v", report.Released)
	}
	r.Master.OnCall(nil)
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
}
