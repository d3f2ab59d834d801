package tagstore_test

import (
	"context"
	"errors"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// occupy begins a job that has the lock of the instance until it is continued.
func (d *desk) occupy(instance string) int64 {
	d.t.Helper()
	d.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_SHUTDOWN" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	id, err := d.w.Client.SubmitJob(context.Background(), []luxi.OpCode{&luxi.InstanceShutdown{InstanceName: instance}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.m.Advance(time.Second)
	return int64(id)
}

// stuck submits changes for both instances while a job has the lock of a. The
// one for b, though it comes second, is made (C5), the other one waits.
func (d *desk) stuck(a, b tagstore.Change) (batch *tagstore.Batch, owner int64) {
	d.t.Helper()
	owner = d.occupy("a")
	batch, err := d.w.Submit(context.Background(), []tagstore.Change{a, b})
	if err != nil {
		d.t.Fatal(err)
	}
	done, err := batch.Next(context.Background())
	if err != nil || len(done) != 1 || done[0].Index != 1 || done[0].Err != nil || batch.Unfinished() != 1 {
		d.t.Fatalf("the change that can be made: %+v, %v", done, err)
	}
	// The virtual clock lets 89 s pass with each call, to no avail.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	waits := 0
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if waits++; waits == 3 {
			cancel()
		}
		return luxitest.Pass()
	})
	if done, err := batch.Next(ctx); !errors.Is(err, context.Canceled) || len(done) != 0 {
		d.t.Fatalf("the change that cannot be made: %+v, %v", done, err)
	}
	d.m.OnCall(nil)
	return batch, owner
}

// C3: a tag job that cannot run because somebody else's job has the instance's lock is
// canceled, and does not strike when the lock is free.
func TestAbandon(t *testing.T) {
	d := newDesk(t)
	batch, owner := d.stuck(onInstance("a", list("x"), list("old")), onInstance("b", list("x"), nil))
	got := batch.Abandon(context.Background())
	if len(got) != 1 || got[0].Index != 0 || !errors.Is(got[0].Err, tagstore.ErrGivenUp) {
		t.Fatalf("%+v", got)
	}
	if batch.Unfinished() != 0 {
		t.Errorf("%d are unfinished", batch.Unfinished())
	}
	if again := batch.Abandon(context.Background()); len(again) != 0 {
		t.Errorf("returned again: %+v", again)
	}
	if status := d.m.Job(int64(got[0].Job)).Status; status != "canceled" {
		t.Errorf("the tag job is %s", status)
	}
	d.m.Continue(owner)
	if !d.m.RunUntilQuiet() {
		t.Error("the queue does not come to rest")
	}
	d.wantTags("a", "keep old")
	d.wantTags("b", "x")
}

// A tag job that already runs cannot be canceled; that is said, and it may
// still be made.
func TestAbandonRunning(t *testing.T) {
	d := newDesk(t)
	d.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault { return luxitest.OpHangs() })
	batch, err := d.w.Submit(context.Background(), []tagstore.Change{onInstance("a", list("x"), nil)})
	if err != nil {
		t.Fatal(err)
	}
	d.m.Advance(time.Second)
	got := batch.Abandon(context.Background())
	if len(got) != 1 || got[0].Err == nil || errors.Is(got[0].Err, tagstore.ErrGivenUp) || !strings.Contains(got[0].Err.Error(), "still under way") {
		t.Fatalf("%+v", got)
	}
	if batch.Unfinished() != 0 {
		t.Errorf("%d are unfinished", batch.Unfinished())
	}
	d.m.OnOpcode(nil)
	d.m.Continue(int64(got[0].Job))
	d.m.RunUntilQuiet()
	d.wantTags("a", "keep old x")
}

// What ended before it was given up is returned with its own fate.
func TestAbandonEnded(t *testing.T) {
	d := newDesk(t)
	batch, err := d.w.Submit(context.Background(), []tagstore.Change{
		onInstance("a", list("x"), nil), onInstance("b", nil, list("missing")), onInstance("a", list("\u00e4"), nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.m.RunUntilQuiet()
	got := batch.Abandon(context.Background())
	sort.Slice(got, func(x, y int) bool { return got[x].Index < got[y].Index })
	if len(got) != 3 || got[0].Err != nil || !errors.Is(got[1].Err, luxi.ErrUnknownEntity) || got[2].Err == nil {
		t.Errorf("%+v", got)
	}
}

// Where luxid is gone nothing can be canceled, but every change has its fate.
func TestAbandonWithoutLuxid(t *testing.T) {
	d := newDesk(t)
	batch, err := d.w.Submit(context.Background(), []tagstore.Change{onInstance("a", list("x"), nil), onInstance("b", list("x"), nil)})
	if err != nil {
		t.Fatal(err)
	}
	d.m.StopLuxid()
	got := batch.Abandon(context.Background())
	if len(got) != 2 || got[0].Err == nil || got[1].Err == nil || got[0].Index == got[1].Index {
		t.Errorf("%+v", got)
	}
}
