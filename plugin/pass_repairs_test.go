package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// P1 to P8, S4, S6, S10, C1, C4: from need to result. Each repair has one id and
// one time from its first step to its result, costs at most three tag opcodes
// for its first step and two for each further one, and leaves the data as it was
// unless it is a reinstallation.
func TestRepairs(t *testing.T) {
	for _, row := range []struct {
		name     string
		instance string // text form, without the name
		nodes    string // what is broken
		policy   string
		jobs     string // repair jobs that began
		passes   int    // until nothing is pending
		where    string // nodes in the end; ? stands for any
		kind     string // type in the tags
	}{
		{"P1 secondary offline", "nodes=node2,node3 template=drbd", "node3:offline", "fix-storage",
			"REPLACE_DISKS(i) success", 2, "node2 node4", "fix-storage"},
		{"P1 secondary drained", "nodes=node2,node3 template=drbd", "node3:drained", "reinstall",
			"REPLACE_DISKS(i) success", 2, "node2 node4", "fix-storage"},
		{"P2 running", "nodes=node2,node3 template=drbd", "node2:drained", "migrate",
			"MIGRATE(i) success, REPLACE_DISKS(i) success", 3, "node3 node4", "migrate"},
		{"P2 stopped", "nodes=node2,node3 template=drbd state=down", "node2:drained", "migrate",
			"ACTIVATE_DISKS+FAILOVER(i) success, REPLACE_DISKS(i) success", 3, "node3 node4", "migrate"},
		{"P3 both drained", "nodes=node2,node3 template=drbd", "node2:drained node3:drained", "migrate",
			"REPLACE_DISKS(i) success, MIGRATE(i) success, REPLACE_DISKS(i) success", 4, "node4 node1", "migrate"},
		{"P3 drained and offline, stopped", "nodes=node2,node3 template=drbd state=down", "node2:drained node3:offline", "failover",
			"REPLACE_DISKS(i) success, ACTIVATE_DISKS+FAILOVER(i) success, REPLACE_DISKS(i) success", 4, "node4 node1", "migrate"},
		{"P4", "nodes=node2,node3 template=drbd", "node2:offline", "failover",
			"FAILOVER(i) success, REPLACE_DISKS(i) success", 3, "node3 node4", "failover"},
		{"P4 stopped", "nodes=node2,node3 template=drbd state=down", "node2:offline", "reinstall",
			"FAILOVER(i) success, REPLACE_DISKS(i) success", 3, "node3 node4", "failover"},
		{"P4 admin offline", "nodes=node2,node3 template=drbd state=offline", "node2:offline", "failover",
			"FAILOVER(i) success, REPLACE_DISKS(i) success", 3, "node3 node4", "failover"},
		{"P5", "nodes=node2,node3 template=drbd", "node2:offline node3:offline", "reinstall",
			"RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success", 2, "node4 node1", "reinstall"},
		{"P6 diskless", "nodes=node2", "node2:drained", "migrate", "MIGRATE(i) success", 2, "node4", "migrate"},
		{"P6 rbd", "nodes=node2 template=rbd", "node2:drained", "failover", "MIGRATE(i) success", 2, "node4", "migrate"},
		{"P6 stopped", "nodes=node2 template=sharedfile state=down", "node2:drained", "migrate", "FAILOVER(i) success", 2, "node4", "migrate"},
		{"P6 should run, but does not", "nodes=node2 template=gluster stopped", "node2:drained", "migrate", "FAILOVER(i) success", 2, "node4", "migrate"},
		{"P7 ext", "nodes=node2 template=ext", "node2:offline", "failover", "FAILOVER(i) success", 2, "node4", "failover"},
		{"P7 blockdev, stopped", "nodes=node2 template=blockdev state=down", "node2:offline", "failover", "FAILOVER(i) success", 2, "node4", "failover"},
		{"P8 plain", "nodes=node2 template=plain", "node2:offline", "reinstall",
			"RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success", 2, "node4", "reinstall"},
		{"P8 file, stopped", "nodes=node2 template=file state=down", "node2:offline", "reinstall",
			"RECREATE_DISKS+SHUTDOWN+REINSTALL(i) success", 2, "node4", "reinstall"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags(row.policy)+simtest.FourNodes+"instance i "+row.instance+"\ninstance other nodes=node1 template=rbd")
			r.Master.Edit(simtest.Broken(row.nodes))
			before := r.Instance("i")
			began := r.Master.Now()
			passes := 0
			for pending := 1; pending > 0 && passes < 9; passes++ {
				pending = r.pass().Pending
				if p := r.Instance("i").Tags; pending > 0 {
					r.wantOneRepair(p, row.kind, began.Unix())
				}
				r.Quiet()
			}
			if passes != row.passes {
				t.Errorf("%d passes until nothing is pending, want %d", passes, row.passes)
			}
			r.WantRepairs(row.jobs)
			i := r.Instance("i")
			if got := strings.Join(i.Nodes(), " "); got != row.where {
				t.Errorf("it is on %s, want %s", got, row.where)
			}
			if i.AdminState != before.AdminState || i.Running() != (i.AdminState == "up") {
				t.Errorf("admin state %s, runs on %v", i.AdminState, i.RunsOn)
			}
			reinstalled := row.kind == "reinstall"
			if (i.Data.Generation == 1) == reinstalled || i.Data.Reinstalls > 1 || (i.Data.Reinstalls == 1) != reinstalled {
				t.Errorf("data %+v", i.Data)
			}
			r.wantResult("i", row.kind, "success", strings.Count(row.jobs, "success"))
			steps := strings.Count(row.jobs, "(i)")
			if n, max := r.TagOpcodes("i"), 3+2*(steps-1); n > max {
				t.Errorf("C4: %d tag opcodes for %d steps, at most %d are wanted", n, steps, max)
			}
			if n := r.Count(repair.MarkTags); n != steps+1 {
				t.Errorf("%d tag jobs for %d steps", n, steps)
			}
			r.WantTags("other", "")
			// S1: nothing more is done to it.
			jobs := len(r.Master.Jobs())
			if report := r.pass(); report.Written != 0 || len(r.Master.Jobs()) != jobs || report.Pending != 0 {
				t.Errorf("a pass over a healthy cluster does %+v", report)
			}
		})
	}
}

// wantOneRepair checks that exactly one tag is there, of the first repair.
func (r *rig) wantOneRepair(list []string, kind string, began int64) {
	r.T.Helper()
	prefix := "pending:" + kind + ":r1:" + simtest.Itoa(began) + ":"
	if got := repairtest.CutAll(list); len(list) != 1 || !strings.HasPrefix(got, prefix) {
		r.T.Errorf("between passes the tags are %q, want one %s...", got, prefix)
	}
}

// wantResult checks that the only tag is a result that names all repair jobs
// that began.
func (r *rig) wantResult(name, kind, outcome string, count int) {
	r.T.Helper()
	records := repairtest.ParsedTags(r.Instance(name).Tags).Records()
	if len(records.Results) != 1 || len(r.Instance(name).Tags) != 1 {
		r.T.Errorf("%s has the tags %q, want one result", name, r.Tags(name))
		return
	}
	res := records.Results[0]
	if res.Type.String() != kind || string(res.Outcome) != outcome || len(res.Jobs) != count {
		r.T.Errorf("%s: %s, want %s:...:%s with %d jobs", name, repairtest.Cut(res.Tag), kind, outcome, count)
	}
	for _, id := range res.Jobs {
		j := r.Master.Job(int64(id))
		if kind, rest := simtest.TrailOf(j); kind != repair.MarkRepair || !j.Started() || !strings.HasPrefix(rest, res.ID+" ") {
			r.T.Errorf("%s: %s names job %d, which is %q %q", name, repairtest.Cut(res.Tag), id, kind, rest)
		}
	}
}

// P9, S12: nothing is done, and no tag is written.
func TestNoRepair(t *testing.T) {
	for _, row := range []struct{ name, instance, nodes string }{
		{"plain on a drained node", "nodes=node2 template=plain", "node2:drained"},
		{"stopped file on a drained node", "nodes=node2 template=file state=down", "node2:drained"},
		{"drbd offline and drained", "nodes=node2,node3 template=drbd", "node2:offline node3:drained"},
		{"mixed disks", "nodes=node2 template=mixed", "node2:offline"},
		{"P10 admin offline", "nodes=node2 template=plain state=offline", "node2:offline"},
		{"forthcoming", "nodes=node2 template=plain forthcoming", "node2:offline"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i "+row.instance)
			r.Master.Edit(simtest.Broken(row.nodes))
			for n := 0; n < 3; n++ {
				if report := r.pass(); report.Pending != 0 || report.Written != 0 || len(report.Problems) != 0 {
					t.Errorf("pass %d: %+v", n, report)
				}
			}
			if n := len(r.Master.Jobs()); n != 0 {
				t.Errorf("%d jobs", n)
			}
		})
	}
}

// C4, T9: from need to result a one-step repair costs three tag opcodes, even
// where an older result has to go.
func TestThreeTagOpcodes(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd "+simtest.Tags("result:migrate:old:5:success:3"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.repaired()
	r.wantResult("i", "failover", "success", 1)
	if n := r.TagOpcodes("i"); n > 3 {
		t.Errorf("%d tag opcodes, want at most 3", n)
	}
}

// T5, S9: a repair asked for by hand is done whatever the policy says; a weaker
// one is answered with enoperm, once.
func TestAskedForByHand(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+
		"instance i nodes=node2 template=rbd "+simtest.Tags("pending:failover:byhand:1600000000:")+
		"\ninstance weak nodes=node2 template=rbd "+simtest.Tags("pending:migrate:weak:1600000000:")+
		"\ninstance fine nodes=node1 template=rbd "+simtest.Tags("pending:reinstall:fine:1600000000:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	for _, d := range r.pass().Decisions() {
		if d.Instance.Name == "fine" && (d.State != repair.StateHealthy || d.Reason != repair.ReasonHealthy || d.Detail != "") {
			t.Errorf("after its result is written it is %s %s, %q", d.State, d.Reason, d.Detail)
		}
	}
	r.WantTags("weak", "result:migrate:weak:1700000000:enoperm:")
	r.WantTags("fine", "result:reinstall:fine:1700000000:success:")
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	if got := r.Tags("i"); !strings.HasPrefix(got, "result:failover:byhand:") || !strings.Contains(got, ":success:") {
		t.Errorf("i: %s", got)
	}
	r.WantTags("weak", "result:migrate:weak:1700000000:enoperm:")
}

// S3: a permission that is too weak is told once and not once per pass.
func TestToldOnce(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("migrate")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	for n := 0; n < 3; n++ {
		r.pass()
		r.WantTags("i", "result:failover:r1:1700000000:enoperm:")
		r.Quiet()
	}
	if n := r.TagOpcodes("i"); n != 1 {
		t.Errorf("%d tag opcodes, want 1", n)
	}
	r.WantRepairs("")
}

// S7, S11: a step that fails is tried three times, once per pass, and then
// waits for a person.
func TestThreeAttempts(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpFails("OpPrereqError", "it broke", "environment_error")
		}
		return luxitest.OpPass()
	})
	for n := 1; n <= 3; n++ {
		r.pass()
		r.Quiet()
		if got := strings.Count(r.RepairJobs(), "FAILOVER(i) error"); got != n {
			t.Errorf("after pass %d: %d attempts", n, got)
		}
	}
	report := r.pass()
	r.wantResult("i", "failover", "failure", 3)
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "it broke") || !strings.Contains(report.Problems[0], "refused 3 times in a row") {
		t.Errorf("problems %q", report.Problems)
	}
	r.Master.OnOpcode(nil)
	if again := r.pass(); len(again.Problems) != 0 || again.Written != 0 {
		t.Errorf("the failure is dealt with again: %+v", again)
	}
	// A person removes the tag, and the policy acts again.
	r.Master.Edit(func(c *luxitest.Cluster) { c.Instance("i").Tags = nil })
	r.repaired()
	r.wantResult("i", "failover", "success", 1)
}

// S6, S7: a failover that moved the instance and then failed is not tried
// again, nor taken for a success because the instance now lives on good nodes.
func TestMovedButNotStarted(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpFails("OpExecError", "Could not start instance").Late()
		}
		return luxitest.OpPass()
	})
	r.pass()
	r.Quiet()
	r.pass()
	r.wantResult("i", "failover", "failure", 1)
	r.WantRepairs("FAILOVER(i) error")
}

// S6: a reinstall chain that fails after its first opcode is a failure for good.
func TestChainFails(t *testing.T) {
	for _, at := range []string{"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_STARTUP"} {
		at := at
		t.Run(at, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i nodes=node2 template=plain")
			r.Master.Edit(simtest.Broken("node2:offline"))
			r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
				switch {
				case op.ID != at:
					return luxitest.OpPass()
				case at == "OP_INSTANCE_STARTUP":
					return luxitest.OpFails("OpPrereqError", "Not enough memory on node node4 for starting instance i: needed 128 MiB, available 0 MiB", "insufficient_resources")
				}
				return luxitest.OpFails("OpExecError", "it broke").Late()
			})
			r.pass()
			r.Quiet()
			for n := 0; n < 2; n++ {
				r.pass()
				r.Quiet()
			}
			r.wantResult("i", "reinstall", "failure", 1)
			r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) error")
		})
	}
}

// S13: what a person cancels before it begins changed nothing: it is tried again, but no
// sooner than an interval later, and how to stop it is said.
func TestCanceledByAPerson(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance other nodes=node1 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	// Somebody's job has the locks of all nodes, so that the failover waits.
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.Text("instance_name") == "other" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	c := r.newPass().Client
	hanging, err := c.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceMigrate{InstanceName: "other"}})
	if err != nil {
		t.Fatal(err)
	}
	r.Master.Advance(time.Second)
	report := r.pass()
	r.Master.Advance(time.Second)
	if ok, why, err := c.CancelJob(simtest.Background, report.Released[0].Job, false); !ok || err != nil {
		t.Fatal(ok, why, err)
	}
	r.Master.OnOpcode(nil)
	r.Master.Continue(int64(hanging))
	r.Quiet()
	if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonCanceled || !strings.Contains(d.Detail, "ganeti-autorepair suspend i") {
		t.Errorf("%s: %s", d.Reason, d.Detail)
	}
	r.WantRepairs("")
	r.Master.Advance(r.set.Interval)
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	r.wantResult("i", "failover", "success", 1)
}

// T11: a repair that harep began is brought to its end under its own id.
func TestHarepContinued(t *testing.T) {
	const id = "6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a"
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd "+simtest.Tags("pending:failover:"+id+":1600000000:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.repaired()
	r.wantResult("i", "failover", "success", 2)
	if got := r.Tags("i"); !strings.HasPrefix(got, "result:failover:"+id+":") {
		t.Errorf("tags %s", got)
	}
}
