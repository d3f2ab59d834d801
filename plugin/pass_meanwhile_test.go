package plugin

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// T5, P12: a request that its author takes back while the pass is about to write
// its tag anew is not carried out, and the new tag goes again.
func TestRequestWithdrawnMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c"+fourNodes+"instance i nodes=node2 template=plain "+tags("pending:reinstall:x:5:"))
	r.m.Edit(broken("node2:offline"))
	r.at("SubmitManyJobs", 2, func() { r.m.Edit(func(c *luxitest.Cluster) { c.Instance("i").Tags = nil }) })
	report := r.pass()
	r.m.OnCall(nil)
	r.quiet()
	r.wantRepairs("")
	r.wantTags("i", "")
	if len(report.Released) != 0 || len(r.log.said("the request was withdrawn")) != 1 {
		t.Errorf("released %+v", report.Released)
	}
}

// The same where another tag that was to go is the one that is gone: the request
// stands, and is carried out.
func TestRequestStandsMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c"+fourNodes+"instance i nodes=node2 template=rbd "+tags("pending:failover:x:5: suspend:7"))
	r.m.Edit(broken("node2:offline"))
	r.at("SubmitManyJobs", 2, func() {
		r.m.Edit(func(c *luxitest.Cluster) { c.Instance("i").Tags = withPrefix("pending:failover:x:5:") })
	})
	r.pass()
	r.m.OnCall(nil)
	r.repaired()
	r.wantRepairs("FAILOVER(i) success")
}

// C2, P12: a pass that dies before it released anything leaves no permission behind
// that outlasts the policy's.
func TestKilledThenWithdrawn(t *testing.T) {
	for _, policy := range []string{"", "failover", "reinstall"} {
		r := newRig(t, "cluster c "+tags("reinstall")+fourNodes+"instance i nodes=node2 template=plain")
		r.m.Edit(broken("node2:offline"))
		r.faultAt(freshLook, 2, func() luxitest.Fault { return luxitest.DieBefore() })
		if _, err := r.tryPass(); err == nil || r.tags("i") == "" {
			t.Fatalf("policy %q: %v, tags %q", policy, err, r.tags("i"))
		}
		r.m.OnCall(nil)
		r.quiet()
		r.wantRepairs("")
		r.m.Edit(func(c *luxitest.Cluster) { c.Tags = withPrefix(policy) })
		r.repaired()
		want := ""
		if policy == "reinstall" {
			want = "RECREATE_DISKS(i) success"
		}
		if got := r.repairJobs(); got != want && !(want != "" && strings.HasPrefix(got, "RECREATE_DISKS")) {
			t.Errorf("policy %q: repairs %q, want %q", policy, got, want)
		}
		if got := r.tags("i"); strings.Contains(got, "pending") || (policy == "") != (got == "") {
			t.Errorf("policy %q: tags %q", policy, got)
		}
	}
}

// P10, P12: whether the chain ends with a start is what the administrator wishes
// when it is released, not when it was planned.
func TestAdminStateChangesMeanwhile(t *testing.T) {
	for _, row := range [][2]string{{"down", "up"}, {"up", "down"}} {
		r := newRig(t, "cluster c "+tags("reinstall")+fourNodes+"instance i nodes=node2 template=plain state="+row[0])
		r.m.Edit(broken("node2:offline"))
		r.at(freshLook, 2, func() {
			r.m.Edit(func(c *luxitest.Cluster) { c.Instance("i").AdminState, c.Instance("i").RunsOn = row[1], nil })
		})
		if report := r.pass(); len(report.Released) != 0 {
			t.Errorf("%v: released %+v", row, report.Released)
		}
		r.m.OnCall(nil)
		r.repaired()
		r.wantResult("i", "reinstall", "success", 1)
		if i := r.instance("i"); i.AdminState != row[1] || i.Running() != (row[1] == "up") {
			t.Errorf("%v: it is %s, runs %v", row, i.AdminState, i.Running())
		}
	}
}

// P12: the job of somebody who typed a short name, or moves all that is on a node,
// is seen.
func TestBusyByOtherNames(t *testing.T) {
	i := &Instance{UUID: "u", Name: "web1.example.com", PlaceKnown: true, Primary: "b.example.com", Secondaries: []string{"c.example.com"}}
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
		s := &Snapshot{Running: []luxi.JobInfo{{ID: 7, Known: true, Status: luxi.JobQueued, Ops: []luxi.JobOp{op}}}}
		if _, busy := s.busyJob(i, nil); busy != row.busy {
			t.Errorf("%s %s=%s: busy %v", row.op, row.param, row.value, busy)
		}
	}
}

// The same on a master: the administrator's job comes first, and ours not at all.
func TestShortNameQueued(t *testing.T) {
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance web1.example.com nodes=node2,node3 template=drbd state=down\ninstance a.x nodes=node1")
	r.m.Edit(broken("node2:offline"))
	hanging := r.hang("a.x")
	if _, err := r.newPass().Client.SubmitJob(background, []luxi.OpCode{&luxi.InstanceFailover{Common: luxi.Common{Depends: []luxi.Depend{{Job: luxi.JobID(hanging)}}}, InstanceName: "web1"}}); err != nil {
		t.Fatal(err)
	}
	r.m.OnOpcode(nil)
	if report := r.pass(); len(report.Released) != 0 || report.Plan.Decisions[1].Reason != ReasonBusy {
		t.Errorf("released %+v, %+v", report.Released, report.Plan.Decisions[1])
	}
	r.m.Continue(hanging)
	r.quiet()
	if p := r.instance("web1.example.com").Primary; p != "node3" {
		t.Errorf("it is on %s", p)
	}
}

// S6, S7: a chain whose first opcode has run is not given up, although it waits
// for the lock that the next one needs.
func TestEndRepairsMidChain(t *testing.T) {
	r := newRig(t, "cluster c "+tags("reinstall")+fourNodes+"instance i nodes=node2 template=plain")
	r.m.Edit(broken("node2:offline"))
	r.m.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_TAGS_SET" && len(op.Reason) <= 1 {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	report := r.pass()
	p := r.newPass()
	id, err := p.Client.SubmitJob(background, []luxi.OpCode{&luxi.TagsSet{Kind: luxi.TagInstance, Name: "i", Tags: []string{"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	chain := int64(report.Released[0].Job)
	for n := 0; r.m.Job(chain).Ops[0].Status != "success"; n++ {
		if r.m.Advance(time.Second / 2); n == 200 {
			t.Fatal("its first opcode does not end")
		}
	}
	if s := r.m.Job(chain).Status; s != "waiting" {
		t.Fatalf("the chain is %s", s)
	}
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: parsedTags(r.instance("i").Tags)}
	if ids, err := p.EndRepairs(background, o, false); err == nil || !strings.Contains(err.Error(), "has begun") {
		t.Errorf("%v, %v", ids, err)
	}
	r.m.OnOpcode(nil)
	r.m.Continue(int64(id))
	r.repaired()
	if got := r.tags("i"); !strings.HasPrefix(got, "x result:reinstall:r1:") || !strings.Contains(got, ":success:") {
		t.Errorf("tags %s", got)
	}
}

// P10: memory that a failover in the same pass, or under way, is going to take of
// the secondary node is not given to a reinstallation.
func TestRoomPromisedToFailover(t *testing.T) {
	r := newRig(t, "cluster c "+tags("reinstall")+"\nnode node1 master mem=300\nnode node2 mem=4096\nnode node3 mem=1500\nnode node4 mem=900\ninstance d nodes=node2,node3 template=drbd mem=1000\ninstance p nodes=node2 template=plain mem=800")
	r.m.Edit(broken("node2:offline"))
	r.repaired()
	r.wantResult("p", "reinstall", "success", 1)
	if p := r.instance("p").Primary; p != "node4" {
		t.Errorf("it is on %s", p)
	}
}

// S8: what finds no room, pass after pass, keeps nothing else from being tested.
func TestEveryProbeGetsATurn(t *testing.T) {
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance a mem=256 nodes=node2 template=rbd\ninstance b mem=256 nodes=node2 template=rbd\ninstance d mem=256 nodes=node2 template=rbd")
	r.set.MaxRunning = 1
	r.m.Edit(broken("node2:offline"))
	r.m.Edit(crowd(true))
	for n := 0; n < 3; n++ {
		r.pass()
		r.quiet()
	}
	r.m.Edit(func(c *luxitest.Cluster) { c.Instance("a").Memory, c.Instance("b").Memory = 100000, 100000 })
	r.m.Edit(crowd(false))
	for n := 0; r.instance("d").Primary == "node2"; n++ {
		if r.pass(); n == 40 {
			t.Fatal("the one that has room has not been tested in 40 passes")
		}
		r.quiet()
	}
}

// C5, S8: a dry run that luxid is slow to cancel holds no other instance up.
func TestProbeCanceledSlowly(t *testing.T) {
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance a mem=256 nodes=node2 template=rbd\ninstance b mem=256 nodes=node2 template=rbd")
	r.set.PassTimeout = 3 * time.Second
	r.m.Edit(broken("node2:offline"))
	r.m.Edit(crowd(true))
	r.pass()
	r.quiet()
	r.m.Edit(crowd(false))
	r.m.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" && op.Text("instance_name") == "b" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	canceled := 0
	r.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "CancelJob" {
			if canceled++; canceled == 1 {
				return luxitest.Hang()
			}
		}
		return luxitest.Pass()
	})
	report, err := r.tryPass()
	r.m.OnCall(nil)
	if err != nil || len(report.Released) != 1 || report.Released[0].Instance != "a" {
		t.Errorf("%v, released %+v", err, report.Released)
	}
	for _, j := range r.m.Jobs() {
		if j.End.IsZero() {
			r.m.Continue(j.ID)
		}
	}
}

// C5: an answer that lists no instance does not cost a request its tag.
func TestEmptyFreshLook(t *testing.T) {
	r := newRig(t, "cluster c"+fourNodes+"instance i nodes=node2 template=rbd "+tags("pending:failover:x:5:"))
	r.m.Edit(broken("node2:offline"))
	looks, done := 0, false
	var fields []string
	for _, f := range placeFields {
		fields = append(fields, `{"name":"`+f+`","title":"x","kind":"text","doc":""}`)
	}
	r.m.OnCall(func(c luxitest.Call) luxitest.Fault {
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
	r.m.OnCall(nil)
	r.quiet()
	r.repaired()
	r.wantRepairs("FAILOVER(i) success")
}
