package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// P15: right before a job is canceled it is looked at afresh: what has begun by then is
// left alone, and so is a job of several opcodes that is more than queued, as it may be
// cut between two of them.
func TestCancelUnbegun(t *testing.T) {
	ops := func() []luxi.OpCode {
		return []luxi.OpCode{&luxi.InstanceShutdown{InstanceName: "i"}, &luxi.InstanceStartup{InstanceName: "i"}}
	}
	for _, row := range []struct {
		name        string
		locked      bool // before the job comes; else between its opcodes
		whileQueued bool
		want        string // the error; empty if the job is canceled
	}{
		{name: "waits for a lock", locked: true},
		{name: "waits for a lock, several opcodes", locked: true, whileQueued: true, want: "may be canceled only while all of it is queued"},
		{name: "waits for a lock between its opcodes", want: "has begun"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node1")
			p := r.newPass()
			defer p.Client.Close()
			r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
				if op.ID == "OP_TAGS_SET" {
					return luxitest.OpHangs()
				}
				return luxitest.OpPass()
			})
			submit := func(ops ...luxi.OpCode) luxi.JobID {
				id, err := p.Client.SubmitJob(simtest.Background, ops)
				if err != nil {
					t.Fatal(err)
				}
				return id
			}
			lock := func() luxi.JobID {
				return submit(&luxi.TagsSet{Kind: luxi.TagInstance, Name: "i", Tags: []string{"x"}})
			}
			var blocker, job luxi.JobID
			if row.locked {
				blocker = lock()
				r.Master.Advance(time.Second)
				job = submit(ops()...)
			} else {
				job = submit(ops()...)
				blocker = lock()
			}
			waits := func() bool {
				j := r.Master.Job(int64(job))
				return j.Status == "waiting" && (j.Ops[0].Status == "success") != row.locked
			}
			for n := 0; !waits(); n++ {
				if r.Master.Advance(time.Second / 2); n == 200 {
					t.Fatalf("the job is %s", r.Master.Job(int64(job)).Status)
				}
			}
			action := repair.Action{
				Object:    tagstore.Object{Kind: luxi.TagInstance, Name: "i"},
				Decision:  repair.Decision{Instance: &repair.Instance{Name: "i"}},
				TakesBack: &repair.TakeBack{Job: job, WhileQueued: row.whileQueued},
			}
			_, err := p.cancelUnbegun(simtest.Background, action)
			switch {
			case row.want == "" && err != nil:
				t.Error(err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("%v, want %q", err, row.want)
			}
			r.Master.Continue(int64(blocker))
			r.Quiet()
			want := map[bool]string{true: "canceled", false: "success"}[row.want == ""]
			if got := r.Master.Job(int64(job)).Status; string(got) != want {
				t.Errorf("the job ended as %s, want %s", got, want)
			}
		})
	}
}
