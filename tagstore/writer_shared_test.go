package tagstore_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// next is one call of Next: the indexes of what has ended, with "!" where it failed.
func (d *desk) next(b *tagstore.Batch) string {
	d.t.Helper()
	// The virtual clock never stops where something never ends.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done, err := b.Next(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	return fates(done)
}

func fates(done []tagstore.Written) string {
	sort.Slice(done, func(x, y int) bool { return done[x].Index < done[y].Index })
	var words []string
	for _, w := range done {
		word := fmt.Sprint(w.Index)
		switch {
		case errors.Is(w.Err, tagstore.ErrGivenUp):
			word += " given up"
		case w.Err != nil:
			word += " failed"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func (d *desk) submit(changes ...tagstore.Change) *tagstore.Batch {
	d.t.Helper()
	b, err := d.w.Submit(context.Background(), changes)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// wantEffects counts how often tags were added and removed in truth.
func (d *desk) wantEffects(added, removed int) {
	d.t.Helper()
	log := d.m.LogText(luxitest.LogEffect)
	if a, r := strings.Count(log, " added"), strings.Count(log, " removed"); a != added || r != removed {
		d.t.Errorf("%d tags added, %d removed, want %d and %d", a, r, added, removed)
	}
}

// C4: as many changes as may share a job, and no more; each is returned as soon as
// its own opcodes have ended, while the job still works for the others.
func TestShared(t *testing.T) {
	d := newDesk(t)
	d.w.PerJob = 3
	b := d.submit(
		onInstance("a", list("t0"), list("old")), onInstance("b", list("t1"), nil), onInstance("c", list("t2"), nil),
		tagstore.Change{Kind: luxi.TagCluster, Add: list("t3"), Why: "x"})
	if got, want := d.opcodes(), "TAGS_SET(instance a)+TAGS_DEL(instance a)+TAGS_SET(instance b)+TAGS_SET(instance c), TAGS_SET(cluster )"; got != want {
		t.Errorf("jobs %s, want %s", got, want)
	}
	if got := d.next(b); !strings.HasPrefix(got, "0") || strings.Contains(got, "2") {
		t.Errorf("first %q has ended, want 0", got)
	}
	if s := d.m.Job(1).Status; s != "running" && s != "waiting" {
		t.Errorf("the job is %s by then", s)
	}
	for b.Unfinished() > 0 {
		if got := d.next(b); strings.Contains(got, "failed") {
			t.Error(got)
		}
	}
	d.wantTags("a", "keep t0")
	d.wantTags("b", "t1")
	d.wantTags("c", "t2")
}

// C5: a change that waits for a lock is split off from those that share its job,
// and no part of any of them is made twice.
func TestSharedWithALockedObject(t *testing.T) {
	d := newDesk(t)
	d.w.PerJob = 10
	owner := d.occupy("a")
	b := d.submit(onInstance("b", list("t0"), nil), onInstance("a", list("t1"), list("old")), onInstance("b", list("t2"), nil), onInstance("b", list("t3"), list("t2")))
	if got := d.next(b); got != "0" {
		t.Errorf("first %q", got)
	}
	began := d.m.Now()
	for b.Unfinished() > 1 {
		if got := d.next(b); got != "2" && got != "3" && got != "2, 3" {
			t.Errorf("then %q", got)
		}
	}
	if took := d.m.Now().Sub(began); took > 15*time.Second {
		t.Errorf("the others waited for %v", took)
	}
	d.wantTags("b", "t0 t3")
	d.wantTags("a", "keep old")
	d.m.Continue(owner)
	if got := d.next(b); got != "1" || b.Unfinished() != 0 {
		t.Errorf("the locked one: %q", got)
	}
	d.wantTags("a", "keep t1")
	d.wantEffects(4, 2)
}

// C5: the same where somebody takes the lock between the opcodes of one change:
// what it has done already is not done again.
func TestSharedLockedHalfway(t *testing.T) {
	d := newDesk(t)
	d.w.PerJob = 10
	var owner int64
	d.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		switch {
		case op.ID == "OP_INSTANCE_SHUTDOWN":
			return luxitest.OpHangs()
		case op.ID == "OP_TAGS_DEL" && owner == 0:
			owner = -1
		}
		return luxitest.OpPass()
	})
	d.m.OnCall(func(luxitest.Call) luxitest.Fault {
		if owner == -1 { // the first opcode has the lock, this is the next to get it
			owner = 0
			id, err := luxi.New(d.m.Socket(), luxi.Options{}).SubmitJob(context.Background(), []luxi.OpCode{&luxi.InstanceShutdown{InstanceName: "a"}})
			if err != nil {
				t.Error(err)
			}
			d.m.OnCall(nil)
			owner = int64(id)
		}
		return luxitest.Pass()
	})
	b := d.submit(tagstore.Change{Kind: luxi.TagInstance, Name: "a", Before: list("old"), Add: list("t0"), Why: "x"}, onInstance("b", list("t1"), nil))
	if got := d.next(b); got != "1" {
		t.Errorf("first %q", got)
	}
	d.wantTags("a", "keep")
	d.m.Continue(owner)
	if got := d.next(b); got != "0" || b.Unfinished() != 0 {
		t.Errorf("then %q", got)
	}
	d.wantTags("a", "keep t0")
	d.wantEffects(2, 1)
}

// C3, C5: where the shared job cannot be canceled, or luxid does not say whether
// it will, nothing is submitted a second time: what it does is waited for.
func TestSharedCannotBeSplit(t *testing.T) {
	for name, fault := range map[string]luxitest.Fault{
		"not heard":   luxitest.DieBefore(),
		"no answer":   luxitest.DieAfter(),
		"answered no": luxitest.Reply(`{"success":true,"result":[false,"no"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.w.PerJob = 10
			owner := d.occupy("a")
			cancels := 0
			d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
				if c.Method != "CancelJob" {
					return luxitest.Pass()
				}
				if cancels++; cancels == 1 {
					d.m.Continue(owner)
				}
				return fault
			})
			b := d.submit(onInstance("a", list("t0"), list("old")), onInstance("b", list("t1"), nil))
			var all []string
			for b.Unfinished() > 0 {
				all = append(all, d.next(b))
			}
			if got := strings.Join(all, ", "); got != "0, 1" && got != "1, 0" {
				t.Errorf("ended: %s", got)
			}
			d.wantTags("a", "keep t0")
			d.wantTags("b", "t1")
			d.wantEffects(2, 1)
			if cancels != 1 {
				t.Errorf("%d cancellations", cancels)
			}
		})
	}
}

// C2: of a job whose process was killed nobody knows how far it came, and one that
// somebody canceled is not wanted: neither is submitted again.
func TestSharedEnded(t *testing.T) {
	d := newDesk(t)
	d.w.PerJob = 10
	d.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.Text("name") == "a" {
			return luxitest.OpLosesProcess()
		}
		return luxitest.OpPass()
	})
	b := d.submit(onInstance("b", list("t0"), nil), onInstance("a", list("t1"), nil), onInstance("c", list("t2"), nil))
	if got := d.next(b); got != "0" {
		t.Errorf("first %q", got)
	}
	if got := d.next(b); got != "1 failed, 2 failed" || b.Unfinished() != 0 {
		t.Errorf("then %q", got)
	}
	d.m.OnOpcode(nil)
	owner := d.occupy("a")
	b = d.submit(onInstance("a", list("t3"), nil), onInstance("b", list("t4"), nil))
	d.m.Advance(time.Second)
	if ok, why, err := d.w.Client.CancelJob(context.Background(), 3, false); !ok || err != nil {
		t.Fatal(why, err)
	}
	if got := d.next(b); got != "0 failed, 1 failed" || b.Unfinished() != 0 {
		t.Errorf("canceled: %q", got)
	}
	d.m.Continue(owner)
	if n := len(d.m.Jobs()); n != 3 {
		t.Errorf("%d jobs", n)
	}
	d.wantTags("a", "keep old")
	d.wantTags("b", "t0")
}

// C3: what a shared job has done when it is given up is returned as done, and the rest
// does not strike later.
func TestSharedAbandoned(t *testing.T) {
	d := newDesk(t)
	d.w.PerJob = 3
	d.w.Window = 1
	owner := d.occupy("a")
	b := d.submit(onInstance("b", list("t0"), nil), onInstance("a", list("t1"), nil), onInstance("b", list("t2"), nil), onInstance("b", list("t3"), nil))
	d.m.Advance(2 * time.Second)
	if got := fates(b.Abandon(context.Background())); got != "0, 1 given up, 2 given up, 3 given up" || b.Unfinished() != 0 {
		t.Errorf("%s", got)
	}
	d.m.Continue(owner)
	d.m.RunUntilQuiet()
	d.wantTags("a", "keep old")
	d.wantTags("b", "t0")
}

// C5: an answer about another job than the one submitted settles nothing as done.
func TestSharedAnsweredWrongly(t *testing.T) {
	d := newDesk(t)
	d.w.PerJob = 10
	b := d.submit(onInstance("a", list("t0"), nil), onInstance("b", list("t1"), nil))
	d.m.RunUntilQuiet()
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "Query" {
			return luxitest.Reply(`{"success":true,"result":{"data":[[[0,1],[0,"success"],[0,["TAGS_SET"]],[0,[{"OP_ID":"OP_TAGS_SET"}]],[0,["success"]],[0,[null]],[0,[1,2]],[0,[1,2]],[0,[1,2]],[0,[[1,2]]],[0,false]]],"fields":[` +
				`{"name":"id","title":"ID","kind":"number","doc":"d"},{"name":"status","title":"S","kind":"text","doc":"d"},{"name":"summary","title":"S","kind":"other","doc":"d"},` +
				`{"name":"ops","title":"O","kind":"other","doc":"d"},{"name":"opstatus","title":"O","kind":"other","doc":"d"},{"name":"opresult","title":"O","kind":"other","doc":"d"},` +
				`{"name":"received_ts","title":"R","kind":"other","doc":"d"},{"name":"start_ts","title":"S","kind":"other","doc":"d"},{"name":"end_ts","title":"E","kind":"other","doc":"d"},{"name":"opexec","title":"O","kind":"other","doc":"d"},{"name":"archived","title":"A","kind":"bool","doc":"d"}]}}`)
		}
		return luxitest.Pass()
	})
	done, err := b.Next(context.Background())
	if err != nil || fates(done) != "0 failed, 1 failed" || !strings.Contains(done[0].Err.Error(), "has 1 opcodes, submitted were 2") {
		t.Errorf("%v, %v", done, err)
	}
}
