package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// C1: when all takes so long that the jobs have expired, none is released, and
// the next pass goes on with the same repair.
func TestExpiredMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.FaultAt(freshLook, 2, func() luxitest.Fault { return luxitest.Pass().After(5 * time.Minute) })
	r.pass()
	r.Master.OnCall(nil)
	r.WantRepairs("")
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	r.wantResult("i", "failover", "success", 1)
	if got := r.Tags("i"); !strings.HasPrefix(got, "result:failover:r1:") {
		t.Errorf("tags %s", got)
	}
}

// What a pass did not release does not linger, nor does its hold job: both end
// with the pass, and not when the time they were given is over.
func TestHoldEndsWithThePass(t *testing.T) {
	for _, suspended := range []bool{false, true} {
		r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
		r.Master.Edit(simtest.Broken("node2:offline"))
		r.At(freshLook, 2, func() {
			if suspended {
				r.Master.Edit(simtest.TagInstance("suspend"))
			}
		})
		r.pass()
		r.Master.OnCall(nil)
		r.Master.Advance(3 * time.Second)
		if s := r.status(repair.MarkHold); s == "running" || s == "queued" || s == "waiting" {
			t.Errorf("suspended %v: the hold job is %s", suspended, s)
		}
		if s := r.status(repair.MarkRepair); s != map[bool]string{true: "error", false: "running"}[suspended] {
			t.Errorf("suspended %v: the repair job is %s", suspended, s)
		}
	}
}

// C1: a hold job that never got a slot is canceled at the end of the pass, and
// that releases nothing.
func TestHoldCanceledBeforeItStarts(t *testing.T) {
	r := newRig(t, "cluster c max-running-jobs=2 "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance a nodes=node1\ninstance b nodes=node1")
	r.Master.Edit(simtest.Broken("node2:offline"))
	hanging := []int64{r.hang("a"), r.hang("b")}
	ctx, cancel := context.WithCancel(simtest.Background)
	defer cancel()
	r.At("WaitForJobChange", 3, cancel)
	if _, err := r.newPass().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	r.Master.OnCall(nil)
	r.Master.OnOpcode(nil)
	if n := r.Count(repair.MarkHold); n != 1 {
		t.Errorf("%d hold jobs", n)
	}
	for _, id := range hanging {
		r.Master.Continue(id)
	}
	r.Quiet()
	r.WantRepairs("")
	r.WantTags("i", "")
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
}

// hang begins a job that holds the lock of the instance until it is continued.
func (r *rig) hang(name string) int64 {
	r.T.Helper()
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_SHUTDOWN" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	id, err := r.newPass().Client.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceShutdown{InstanceName: name}})
	if err != nil {
		r.T.Fatal(err)
	}
	r.Master.Advance(time.Second)
	return int64(id)
}

// lockBeforeTags has somebody begin to work on the instance right before its tag is
// written, by a job that hangs and whose number is known then. Once another repair
// is released, or after many waits without that, it is over.
func (r *rig) lockBeforeTags(name string, over func()) (hanging *int64) {
	hanging = new(int64)
	submits, waits, released := 0, 0, false
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch c.Method {
		case "SubmitManyJobs":
			if submits++; submits == 2 {
				*hanging = r.hang(name)
			}
		case "CancelJob":
			var args []any
			_ = json.Unmarshal(c.Args, &args)
			kind, _ := simtest.TrailOf(r.Master.Job(int64(args[0].(float64))))
			released = released || kind == repair.MarkGate
		case "WaitForJobChange":
			if waits++; released || waits == 20 {
				over()
			}
		}
		return luxitest.Pass()
	})
	return hanging
}

// C3: a tag job that cannot run for the lock of its instance is canceled when
// the pass ends; the repair of another instance is released all the same, and
// the held one expires.
func TestTagJobCannotRun(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance ok nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	ctx, cancel := context.WithCancel(simtest.Background)
	defer cancel()
	hanging := r.lockBeforeTags("i", cancel)
	if _, err := r.newPass().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	r.Master.OnCall(nil)
	r.Master.OnOpcode(nil)
	for _, j := range r.Master.Jobs() {
		if kind, _ := simtest.TrailOf(j); kind == repair.MarkTags && j.Status != "success" && j.Status != "canceled" {
			t.Errorf("tag job %d is left %s", j.ID, j.Status)
		}
	}
	r.Master.Continue(*hanging)
	r.Quiet()
	r.WantRepairs("FAILOVER(ok) success")
	r.WantTags("i", "")
	r.repaired()
	r.WantRepairs("FAILOVER(ok) success, FAILOVER(i) success")
}
