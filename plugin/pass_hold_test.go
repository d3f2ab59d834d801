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
)

// C1: when all takes so long that the jobs have expired, none is released, and
// the next pass goes on with the same repair.
func TestExpiredMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd")
	r.m.Edit(broken("node2:offline"))
	r.faultAt(freshLook, 2, func() luxitest.Fault { return luxitest.Pass().After(5 * time.Minute) })
	r.pass()
	r.m.OnCall(nil)
	r.wantRepairs("")
	r.repaired()
	r.wantRepairs("FAILOVER(i) success")
	r.wantResult("i", "failover", "success", 1)
	if got := r.tags("i"); !strings.HasPrefix(got, "result:failover:r1:") {
		t.Errorf("tags %s", got)
	}
}

// What a pass did not release does not linger, nor does its hold job: both end
// with the pass, and not when the time they were given is over.
func TestHoldEndsWithThePass(t *testing.T) {
	for _, suspended := range []bool{false, true} {
		r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd")
		r.m.Edit(broken("node2:offline"))
		r.at(freshLook, 2, func() {
			if suspended {
				r.m.Edit(tagInstance("suspend"))
			}
		})
		r.pass()
		r.m.OnCall(nil)
		r.m.Advance(3 * time.Second)
		if s := r.status(markHold); s == "running" || s == "queued" || s == "waiting" {
			t.Errorf("suspended %v: the hold job is %s", suspended, s)
		}
		if s := r.status(markRepair); s != map[bool]string{true: "error", false: "running"}[suspended] {
			t.Errorf("suspended %v: the repair job is %s", suspended, s)
		}
	}
}

// C1: a hold job that never got a slot is canceled at the end of the pass, and
// that releases nothing.
func TestHoldCanceledBeforeItStarts(t *testing.T) {
	r := newRig(t, "cluster c max-running-jobs=2 "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd\ninstance a nodes=node1\ninstance b nodes=node1")
	r.m.Edit(broken("node2:offline"))
	hanging := []int64{r.hang("a"), r.hang("b")}
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	r.at("WaitForJobChange", 3, cancel)
	if _, err := r.newPass().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	r.m.OnCall(nil)
	r.m.OnOpcode(nil)
	if n := r.count(markHold); n != 1 {
		t.Errorf("%d hold jobs", n)
	}
	for _, id := range hanging {
		r.m.Continue(id)
	}
	r.quiet()
	r.wantRepairs("")
	r.wantTags("i", "")
	r.repaired()
	r.wantRepairs("FAILOVER(i) success")
}

// hang begins a job that holds the lock of the instance until it is continued.
func (r *rig) hang(name string) int64 {
	r.t.Helper()
	r.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_SHUTDOWN" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	id, err := r.newPass().Client.SubmitJob(background, []luxi.OpCode{&luxi.InstanceShutdown{InstanceName: name}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.m.Advance(time.Second)
	return int64(id)
}

// lockBeforeTags has somebody begin to work on the instance right before its tag is
// written, by a job that hangs and whose number is known then. Once another repair
// is released, or after many waits without that, it is over.
func (r *rig) lockBeforeTags(name string, over func()) (hanging *int64) {
	hanging = new(int64)
	submits, waits, released := 0, 0, false
	r.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch c.Method {
		case "SubmitManyJobs":
			if submits++; submits == 2 {
				*hanging = r.hang(name)
			}
		case "CancelJob":
			var args []any
			_ = json.Unmarshal(c.Args, &args)
			kind, _ := trailOf(r.m.Job(int64(args[0].(float64))))
			released = released || kind == markGate
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
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd\ninstance ok nodes=node2 template=rbd")
	r.m.Edit(broken("node2:offline"))
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	hanging := r.lockBeforeTags("i", cancel)
	if _, err := r.newPass().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	r.m.OnCall(nil)
	r.m.OnOpcode(nil)
	for _, j := range r.m.Jobs() {
		if kind, _ := trailOf(j); kind == markTags && j.Status != "success" && j.Status != "canceled" {
			t.Errorf("tag job %d is left %s", j.ID, j.Status)
		}
	}
	r.m.Continue(*hanging)
	r.quiet()
	r.wantRepairs("FAILOVER(ok) success")
	r.wantTags("i", "")
	r.repaired()
	r.wantRepairs("FAILOVER(ok) success, FAILOVER(i) success")
}
