package plugin

import (
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// P16: a released job of several opcodes that is still queued is taken back only where
// the queue has no slot for it. Where it has, a busy luxid may be starting the job's
// process, and to cancel it then would cut a reinstallation between two opcodes.
func TestTakeBackWaiting(t *testing.T) {
	for _, row := range []struct {
		name    string
		slots   string
		several bool
		want    luxi.JobStatus
	}{
		{"several opcodes, a slot is free", "5", true, luxi.JobQueued},
		{"several opcodes, no slot is free", "1", true, luxi.JobCanceled},
		{"one opcode, a slot is free", "5", false, luxi.JobCanceled},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c max-running-jobs="+row.slots+simtest.FourNodes+"instance i nodes=node1")
			p := r.newPass()
			defer p.Client.Close()
			r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
				if op.ID == "OP_TAGS_SET" {
					return luxitest.OpHangs()
				}
				return luxitest.OpPass()
			})
			blocker, err := p.Client.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.TagsSet{Kind: luxi.TagInstance, Name: "i", Tags: []string{"x"}}})
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; r.Master.Job(int64(blocker)).Status != "running"; n++ {
				if r.Master.Advance(time.Second / 2); n == 200 {
					t.Fatal("the first job does not begin")
				}
			}
			// A dependency keeps the job queued, as a busy luxid would.
			wait := luxi.Common{Depends: []luxi.Depend{{Job: blocker, On: []luxi.JobStatus{luxi.JobSuccess}}}}
			ops := []luxi.OpCode{&luxi.InstanceShutdown{Common: wait, InstanceName: "i"}}
			if row.several {
				ops = append(ops, &luxi.InstanceStartup{InstanceName: "i"})
			}
			job, err := p.Client.SubmitJob(simtest.Background, ops)
			if err != nil {
				t.Fatal(err)
			}
			a := &act{Pass: p, report: &Report{Outcomes: make(map[string]Outcome)}, plan: &repair.Plan{Snapshot: &repair.Snapshot{Cluster: repair.Cluster{Slots: int(row.slots[0] - '0')}}}, end: time.Now().Add(time.Minute), reserve: time.Minute}
			task := &task{held: heldJob{Job: job}, action: repair.Action{
				Object:   tagstore.Object{Kind: luxi.TagInstance, Name: "i"},
				Decision: repair.Decision{Instance: &repair.Instance{Name: "i"}},
				Job:      &repair.Job{OpCodes: ops},
			}}
			a.atOnce = append(a.atOnce, task)
			a.takeBackWaiting(simtest.Background)
			if got := r.Master.Job(int64(job)).Status; string(got) != string(row.want) {
				t.Errorf("the job is %s, want %s", got, row.want)
			}
		})
	}
}
