package plugin

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// twoInNeed are two instances of which something is wrong with the first.
func twoInNeed(t *testing.T, firstTags string) *rig {
	t.Helper()
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd "+firstTags+"\ninstance ok nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	return r
}

// T8, T10, C5: a foreign id that leaves no room for a job or for the result holds
// its instance, and it alone: the repair could be begun but never ended. The tag
// is told of and stays until a person looks.
func TestIDWithoutRoom(t *testing.T) {
	id := strings.Repeat("i", 64)
	r := twoInNeed(t, simtest.Tags("pending:failover:"+id+":1600000000:"))
	report := r.pass()
	if len(report.Problems) != 0 {
		t.Errorf("problems %q", report.Problems)
	}
	d := report.Decisions()[0]
	if d.Reason != repair.ReasonUnreadableTag || !strings.Contains(d.Detail, "so long that no tag has room") {
		t.Errorf("it is told as %s %s: %s", d.State, d.Reason, d.Detail)
	}
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(ok) success")
	r.WantTags("i", "pending:failover:"+id+":1600000000:")
}

// T8: the longest id for which there is room is repaired like any other, with job
// numbers of ten digits.
func TestLongestID(t *testing.T) {
	id := strings.Repeat("i", 57)
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd "+simtest.Tags("pending:failover:"+id+":1600000000:"),
		func(o *luxitest.Options) { o.FirstJob = 1000000000 })
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.repaired()
	r.WantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
	if results := repairtest.ParsedTags(r.Instance("i").Tags).Results; len(results) != 1 || results[0].ID != id || results[0].Outcome != "success" {
		t.Errorf("tags %s", r.Tags("i"))
	}
}

// S7, T8: where a tag has no room for all tries, fewer are made, or the count
// would never be full. Job numbers are long here, as ids of others can be.
func TestTriesWithoutRoom(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd",
		func(o *luxitest.Options) { o.FirstJob = 100000000000000001 })
	r.set.MaxAttempts = 10
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpFails("OpExecError", "it broke")
		}
		return luxitest.OpPass()
	})
	r.repaired()
	r.WantRepairs("FAILOVER(i) error, FAILOVER(i) error, FAILOVER(i) error")
	r.wantResult("i", "failover", "failure", 3)
	if said := r.Log.Said("no room to count more"); len(said) != 1 {
		t.Errorf("said %q", said)
	}
}

// T6: a pending tag set by hand with the id of a repair that has ended goes like
// the leftover of a crash, but not without a word.
func TestEndedRepairAskedForAgain(t *testing.T) {
	r := twoInNeed(t, simtest.Tags("result:failover:again:1600000000:success:7 pending:failover:again:1700000000:"))
	r.repaired()
	r.WantRepairs("FAILOVER(i) success, FAILOVER(ok) success") // on the policy's permission
	if said := r.Log.Said("repair again has ended"); len(said) != 1 || !strings.Contains(said[0], "takes another id") || !strings.Contains(said[0], "instance=i") {
		t.Errorf("said %q", said)
	}
}

// T8: where the list of jobs no longer fits the oldest go, the log says so, and
// the repair goes on to its end.
func TestJobsWithoutRoom(t *testing.T) {
	const id = "6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a"
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd "+simtest.Tags("pending:migrate:"+id+":1600000000:"),
		func(o *luxitest.Options) { o.FirstJob = 100000000000000001 })
	r.Master.Edit(simtest.Broken("node2:drained node3:drained"))
	r.repaired()
	r.WantRepairs("REPLACE_DISKS(i) success, MIGRATE(i) success, REPLACE_DISKS(i) success")
	results := repairtest.ParsedTags(r.Instance("i").Tags).Results
	if len(results) != 1 || len(results[0].Jobs) != 1 {
		t.Fatalf("tags %s", r.Tags("i"))
	}
	var last int64
	for _, j := range r.Master.Jobs() {
		if kind, _ := simtest.TrailOf(j); kind == repair.MarkRepair {
			last = j.ID
		}
	}
	if int64(results[0].Jobs[0]) != last {
		t.Errorf("the result names job %d, want the newest, %d", results[0].Jobs[0], last)
	}
	if said := r.Log.Said("tag has no room for all jobs"); len(said) == 0 || !strings.Contains(said[0], "left_out=1") {
		t.Errorf("said %q", said)
	}
}

// C5: a job that luxid could not write is a problem of its instance alone; what
// was submitted with it expires where it cannot be released. Nothing is lost.
func TestSubmittedInPart(t *testing.T) {
	for _, row := range []struct {
		name, answers string // to the submission of hold, gate, job, gate, job
		released      int
		problems      int
	}{
		{"the repair job", `[[true,1],[true,2],[false,"disk full"],[true,4],[true,5]]`, 1, 1},
		{"its gate", `[[true,1],[false,"disk full"],[true,3],[true,4],[true,5]]`, 1, 1},
		{"the hold job", `[[false,"disk full"],[true,2],[true,3],[true,4],[true,5]]`, 0, 2},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := twoInNeed(t, "")
			r.FaultAt("SubmitManyJobs", 1, func() luxitest.Fault {
				return luxitest.ReplaceReply(`{"success":true,"result":` + row.answers + `}`)
			})
			report := r.pass()
			r.Master.OnCall(nil)
			if len(report.Released) != row.released || len(report.Problems) != row.problems || !strings.Contains(report.Problems[0], "i: submitting failover: disk full") {
				t.Errorf("%+v", report)
			}
			r.WantTags("i", "")
			r.Quiet()
			r.repaired()
			if n := strings.Count(r.RepairJobs(), "FAILOVER(i) success"); n != 1 {
				t.Errorf("repair jobs %s", r.RepairJobs())
			}
			r.wantResult("i", "failover", "success", 1)
			r.wantResult("ok", "failover", "success", 1)
		})
	}
}

// C5: an answer that is no answer to the submission leaves its outcome open:
// nothing is released by this pass, and the next one does the repairs once.
func TestSubmissionWithoutSense(t *testing.T) {
	for name, payload := range map[string]string{
		"too few":      `{"success":true,"result":[[true,1]]}`,
		"one id twice": `{"success":true,"result":[[true,1],[true,2],[true,3],[true,4],[true,3]]}`,
		"no ids":       `{"success":true,"result":[[true,0],[true,0],[true,0],[true,0],[true,0]]}`,
		"a refusal":    `{"success":false,"result":["GenericError",["Queue drained"]]}`,
	} {
		payload := payload
		t.Run(name, func(t *testing.T) {
			r := twoInNeed(t, "")
			r.FaultAt("SubmitManyJobs", 1, func() luxitest.Fault { return luxitest.ReplaceReply(payload) })
			if report, err := r.tryPass(); err == nil || len(report.Released) != 0 {
				t.Errorf("%+v, %v", report, err)
			}
			r.Master.OnCall(nil)
			r.repaired()
			r.WantRepairs("FAILOVER(i) success, FAILOVER(ok) success")
		})
	}
}

// T10, C5: what cannot be read holds its object alone.
func TestUnreadableTags(t *testing.T) {
	r := twoInNeed(t, simtest.Tags("pending:failover:x:soon:"))
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.Tags = append(c.Tags, repairtest.WithPrefix("pending:x result:y")...)
	})
	r.pass()
	r.Quiet()
	did := r.pass()
	r.WantRepairs("FAILOVER(ok) success")
	r.WantTags("i", "pending:failover:x:soon:")
	if got := repairtest.CutAll(r.Master.Snapshot().Tags); got != "failover pending:x result:y" {
		t.Errorf("cluster tags %s", got)
	}
	if bad := report.BadTags(did.Plan); len(bad) != 2 {
		t.Errorf("%+v", bad)
	}
}
