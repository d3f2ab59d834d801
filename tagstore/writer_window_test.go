package tagstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// many are changes of three objects in turn, each adding a tag of its own.
func many(n int) []tagstore.Change {
	var list []tagstore.Change
	for k := 0; k < n; k++ {
		list = append(list, tagstore.Change{Kind: luxi.TagInstance, Name: "abc"[k%3 : k%3+1], Add: []string{fmt.Sprintf("t%d", k)}, Why: "x"})
	}
	return list
}

// unfinished counts the jobs that have not ended.
func (d *desk) unfinished() int {
	n := 0
	for _, j := range d.m.Jobs() {
		if j.End.IsZero() {
			n++
		}
	}
	return n
}

// C4: at most as many jobs as the window has are in the queue at a time, and all
// are written in the end, in order.
func TestWindow(t *testing.T) {
	d := newDesk(t)
	d.w.Window = 2
	var mu sync.Mutex
	most := 0
	d.m.OnCall(func(luxitest.Call) luxitest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if n := d.unfinished(); n > most {
			most = n
		}
		return luxitest.Pass()
	})
	for k, e := range d.write(many(7)...) {
		if e.Index != k || e.Err != nil {
			t.Errorf("change %d: %+v", k, e)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if most != 2 {
		t.Errorf("%d jobs at a time", most)
	}
	if n := len(d.m.Snapshot().Instance("a").Tags); n != 2+3 {
		t.Errorf("%d tags", n)
	}
}

// C3: what the window has not let in yet is given up without having been submitted.
func TestWindowAbandoned(t *testing.T) {
	d := newDesk(t)
	d.w.Window = 2
	ctx := context.Background()
	b, err := d.w.Submit(ctx, many(5))
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	for _, e := range b.Abandon(ctx) {
		if errors.Is(e.Err, tagstore.ErrGivenUp) {
			given++
		}
	}
	if jobs := len(d.m.Jobs()); given < 3 || jobs != 2 || b.Unfinished() != 0 {
		t.Errorf("%d given up, %d jobs, %d unfinished", given, jobs, b.Unfinished())
	}
}

// C2: an error of a later submission is returned by the next Next, and what was not
// submitted by Abandon.
func TestWindowBreaks(t *testing.T) {
	d := newDesk(t)
	d.w.Window = 1
	ctx := context.Background()
	b, err := d.w.Submit(ctx, many(3))
	if err != nil {
		t.Fatal(err)
	}
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "SubmitManyJobs" {
			return luxitest.DieBefore()
		}
		return luxitest.Pass()
	})
	done, err := b.Next(ctx)
	if err != nil || len(done) != 1 || done[0].Err != nil {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := b.Next(ctx); !luxi.OutcomeUnknown(err) {
		t.Errorf("error %v", err)
	}
	rest := b.Abandon(ctx)
	if len(rest) != 2 || rest[0].Err == nil || rest[1].Err == nil {
		t.Errorf("%+v", rest)
	}
}

// T9: what goes before goes before.
func TestBefore(t *testing.T) {
	d := newDesk(t)
	got := d.write(tagstore.Change{Kind: luxi.TagInstance, Name: "a", Before: []string{"old"}, Add: []string{"new"}, Why: "x"})
	if len(got) != 1 || got[0].Err != nil {
		t.Fatalf("%+v", got)
	}
	var ops []string
	for _, op := range d.m.Jobs()[0].Ops {
		ops = append(ops, op.ID)
	}
	if fmt.Sprint(ops) != "[OP_TAGS_DEL OP_TAGS_SET]" || fmt.Sprint(d.m.Snapshot().Instance("a").Tags) != "[keep new]" {
		t.Errorf("%v, tags %v", ops, d.m.Snapshot().Instance("a").Tags)
	}
	if n := (tagstore.Change{Before: []string{"x"}, Add: []string{"y"}, Remove: []string{"z"}}).OpCodes(); n != 3 {
		t.Errorf("%d opcodes", n)
	}
}
