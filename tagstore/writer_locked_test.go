package tagstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// crowdedDesk is a desk with six instances, l0 to l5, that jobs of somebody else
// have the locks of, and as many others, f0 to f29.
func crowdedDesk(t *testing.T) (d *desk, owners []int64) {
	t.Helper()
	d = newDesk(t)
	d.m.Edit(func(c *luxitest.Cluster) {
		for k := 0; k < 36; k++ {
			name := fmt.Sprintf("f%d", k-6)
			if k < 6 {
				name = fmt.Sprintf("l%d", k)
			}
			i := *c.Instance("b")
			i.Name, i.UUID, i.Tags = name, "", []string{"old"}
			c.Instances = append(c.Instances, &i)
		}
	})
	for k := 0; k < 6; k++ {
		owners = append(owners, d.occupy(fmt.Sprintf("l%d", k)))
	}
	return d, owners
}

// peak is the highest of numbers that calls on several connections note.
type peak struct {
	mu sync.Mutex
	n  int
}

func (p *peak) note(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > p.n {
		p.n = n
	}
}

func (p *peak) value() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// unheard has each cancellation reach its job, but not the answer the client, or
// another answer. Of a job that waits for a lock it can take most of a minute, which
// a virtual clock would let pass for everybody. It returns the most jobs beside those
// of somebody else that were ever in the queue.
func (d *desk) unheard(owners int, answer ...luxitest.Fault) (most *peak) {
	most = new(peak)
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		most.note(d.unfinished() - owners)
		if c.Method != "CancelJob" {
			return luxitest.Pass()
		}
		var args []json.RawMessage
		var id int64
		if json.Unmarshal(c.Args, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &id) != nil {
			d.t.Errorf("canceled: %s", c.Args)
		}
		d.m.TellToCancel(id)
		return append(answer, luxitest.DieBefore())[0]
	})
	return most
}

// crowdedChanges are a change of each locked instance, then one of each other.
func crowdedChanges() []tagstore.Change {
	var list []tagstore.Change
	for k := 0; k < 6; k++ {
		list = append(list, onInstance(fmt.Sprintf("l%d", k), []string{"new"}, []string{"old"}))
	}
	for k := 0; k < 30; k++ {
		list = append(list, onInstance(fmt.Sprintf("f%d", k), []string{"new"}, []string{"old"}))
	}
	return list
}

// untilLeft calls Next until only so many changes are left, and returns how long
// that took by the master's clock.
func (d *desk) untilLeft(b *tagstore.Batch, left int) time.Duration {
	d.t.Helper()
	began := d.m.Now()
	for b.Unfinished() > left {
		if got := d.next(b); strings.Contains(got, "failed") || strings.Contains(got, "given up") {
			d.t.Fatalf("ended: %s", got)
		}
	}
	return d.m.Now().Sub(began)
}

// C6, C5: six instances whose locks somebody else's jobs have cost the others
// neither time nor places, whatever the window, and are written when the locks are
// free. No opcode is carried out twice.
func TestLockedCostNothing(t *testing.T) {
	for _, row := range []struct{ window, perJob int }{{5, 10}, {5, 1}, {2, 10}, {1, 1}, {1, 10}, {0, 10}, {0, 1}, {3, 4}} {
		t.Run(fmt.Sprintf("window %d, %d in a job", row.window, row.perJob), func(t *testing.T) {
			d, owners := crowdedDesk(t)
			d.w.Window, d.w.PerJob = row.window, row.perJob
			most := d.unheard(len(owners))
			b := d.submit(crowdedChanges()...)
			took := d.untilLeft(b, 6)
			if row.window >= 5 && took > 20*time.Second {
				t.Errorf("the others took %v", took)
			}
			for k := 0; k < 30; k++ {
				d.wantTags(fmt.Sprintf("f%d", k), "new")
			}
			if row.window > 0 && most.value() > 2*row.window {
				t.Errorf("%d jobs at a time", most.value())
			}
			for _, h := range owners {
				d.m.Continue(h)
			}
			d.untilLeft(b, 0)
			for k := 0; k < 6; k++ {
				d.wantTags(fmt.Sprintf("l%d", k), "new")
			}
			d.wantEffects(36, 36)
		})
	}
}

// C6: a change that waits for a lock for longer than it may fails for that reason,
// and does not strike later (C3).
func TestLockWait(t *testing.T) {
	d, owners := crowdedDesk(t)
	d.w.Window, d.w.PerJob, d.w.LockWait = 5, 10, 10*time.Second
	d.unheard(len(owners))
	b := d.submit(crowdedChanges()...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	began := d.m.Now()
	fates := make(map[int]error)
	for b.Unfinished() > 0 {
		done, err := b.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range done {
			fates[w.Index] = w.Err
		}
	}
	if took := d.m.Now().Sub(began); took > 40*time.Second {
		t.Errorf("it took %v", took)
	}
	for k := 0; k < 36; k++ {
		if locked := errors.Is(fates[k], tagstore.ErrLocked); locked != (k < 6) || locked != errors.Is(fates[k], tagstore.ErrGivenUp) {
			t.Errorf("change %d: %v", k, fates[k])
		}
	}
	if n := d.unfinished(); n != len(owners) {
		t.Errorf("%d jobs are left, %d of them hold locks", n, len(owners))
	}
	for _, h := range owners {
		d.m.Continue(h)
	}
	d.m.RunUntilQuiet()
	for k := 0; k < 6; k++ {
		d.wantTags(fmt.Sprintf("l%d", k), "old")
	}
	d.wantEffects(30, 30)
}

// C6: changes that wait for locks can be left aside: what has to be done meanwhile does
// not wait for them, no job of theirs is in the queue, and they are made later.
func TestLockedAside(t *testing.T) {
	for _, free := range []bool{true, false} {
		d, owners := crowdedDesk(t)
		d.w.Window, d.w.PerJob = 5, 10
		d.unheard(len(owners))
		b := d.submit(crowdedChanges()...)
		b.SetAside(true)
		began := d.m.Now()
		for d.next(b) != "" {
		}
		if took := d.m.Now().Sub(began); b.Unfinished() != 6 || took > 20*time.Second {
			t.Errorf("after %v %d are left", took, b.Unfinished())
		}
		d.m.Advance(10 * time.Second)
		if n := d.unfinished(); n != len(owners) {
			t.Errorf("%d jobs are left, %d of them hold locks", n, len(owners))
		}
		if free {
			for _, h := range owners {
				d.m.Continue(h)
			}
			b.SetAside(false)
			d.untilLeft(b, 0)
			d.wantEffects(36, 36)
			continue
		}
		for _, w := range b.Abandon(context.Background()) {
			if !errors.Is(w.Err, tagstore.ErrGivenUp) {
				t.Errorf("change %d: %v", w.Index, w.Err)
			}
		}
		d.wantEffects(30, 30)
	}
}

// C6: changes that share a job with one that waits for a lock are not left aside with
// it, though no other job is under way: they follow when that job has left.
func TestLockedAsideWithOthers(t *testing.T) {
	d, owners := crowdedDesk(t)
	d.w.Window, d.w.PerJob = 5, 10
	d.unheard(len(owners))
	changes := crowdedChanges()
	b := d.submit(changes[0], changes[1], changes[6], changes[7])
	b.SetAside(true)
	for d.next(b) != "" {
	}
	if b.Unfinished() != 2 {
		t.Errorf("%d are left, want those that are locked", b.Unfinished())
	}
	for k, want := range []string{"old", "new"} {
		for n := 0; n < 2; n++ {
			d.wantTags(fmt.Sprintf("%c%d", "lf"[k], n), want)
		}
	}
}

// C6: where luxid does not hear that jobs are to end, or refuses, the others go on
// all the same, and never more jobs are in the queue than twice
// the window has places.
func TestLockedCannotBeCanceled(t *testing.T) {
	for name, fault := range map[string]luxitest.Fault{
		"not heard":   luxitest.DieBefore(),
		"answered no": luxitest.Reply(`{"success":true,"result":[false,"no"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			d, owners := crowdedDesk(t)
			d.w.Window, d.w.PerJob = 5, 1
			var most peak
			d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
				most.note(d.unfinished() - len(owners))
				if c.Method == "CancelJob" {
					return fault
				}
				return luxitest.Pass()
			})
			b := d.submit(crowdedChanges()...)
			if took := d.untilLeft(b, 6); took > 20*time.Second {
				t.Errorf("the others took %v", took)
			}
			if most.value() > 10 {
				t.Errorf("%d jobs at a time", most.value())
			}
			for _, h := range owners {
				d.m.Continue(h)
			}
			d.untilLeft(b, 0)
			d.wantEffects(36, 36)
		})
	}
}

// C5: changes of one object are made in order also where it was locked.
func TestLockedInOrder(t *testing.T) {
	for _, row := range []struct{ window, perJob int }{{1, 1}, {2, 1}, {5, 1}, {2, 2}, {1, 10}, {0, 1}, {0, 10}, {3, 3}} {
		t.Run(fmt.Sprintf("window %d, %d in a job", row.window, row.perJob), func(t *testing.T) {
			d := newDesk(t)
			d.w.Window, d.w.PerJob = row.window, row.perJob
			owner := d.occupy("a")
			d.unheard(1)
			b := d.submit(
				onInstance("a", list("x1"), list("old")), onInstance("b", list("y1"), nil),
				onInstance("a", list("x2"), list("x1")), onInstance("b", list("y2"), list("y1")),
				onInstance("a", list("x3"), list("x2")), onInstance("b", list("y3"), list("y2")),
			)
			d.untilLeft(b, 3)
			d.wantTags("a", "keep old")
			d.wantTags("b", "y3")
			d.m.Continue(owner)
			d.untilLeft(b, 0)
			d.wantTags("a", "keep x3")
			d.wantEffects(6, 5)
		})
	}
}

// C3: what waits for a lock when the batch is given up, and what waited for one
// before, does not strike later.
func TestLockedAbandoned(t *testing.T) {
	for _, window := range []int{1, 2, 5} {
		d, owners := crowdedDesk(t)
		d.w.Window, d.w.PerJob = window, 1
		d.unheard(len(owners))
		b := d.submit(crowdedChanges()...)
		d.untilLeft(b, 6)
		d.unheard(len(owners), luxitest.Reply(`{"success":true,"result":[true,"canceled"]}`))
		got := fates(b.Abandon(context.Background()))
		if got != "0 given up, 1 given up, 2 given up, 3 given up, 4 given up, 5 given up" || b.Unfinished() != 0 {
			t.Errorf("window %d: %s, %d unfinished", window, got, b.Unfinished())
		}
		d.m.Advance(80 * time.Second) // then each job has seen that it was canceled
		for _, h := range owners {
			d.m.Continue(h)
		}
		d.m.RunUntilQuiet()
		d.wantEffects(30, 30)
	}
}

// C6: one job that waits alone is left where it is: nobody wants its place.
func TestLockedAlone(t *testing.T) {
	d := newDesk(t)
	d.w.Window, d.w.PerJob = 1, 10
	owner := d.occupy("a")
	b := d.submit(onInstance("a", list("x"), nil))
	waits := 0
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "CancelJob" {
			t.Error("it was canceled")
		}
		if c.Method == "WaitForJobChange" {
			if waits++; waits == 20 {
				d.m.Continue(owner)
			}
		}
		return luxitest.Pass()
	})
	d.untilLeft(b, 0)
	d.wantTags("a", "keep old x")
	tags := 0
	for _, j := range d.m.Jobs() {
		if j.Ops[0].ID == "OP_TAGS_SET" {
			tags++
		}
	}
	if tags != 1 {
		t.Errorf("%d jobs for one change", tags)
	}
}

// C6: everything is locked for a while, as by a job that verifies the disks of a
// group: few jobs are submitted in vain.
func TestAllLocked(t *testing.T) {
	d, owners := crowdedDesk(t)
	d.w.Window, d.w.PerJob = 5, 10
	before := len(d.m.Jobs())
	b := d.submit(crowdedChanges()[:6]...)
	waits := 0
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if waits++; waits == 60 {
			for _, h := range owners {
				d.m.Continue(h)
			}
		}
		return luxitest.Pass()
	})
	d.untilLeft(b, 0)
	// One that all share, one for each of the others, one for each that waited.
	if jobs := len(d.m.Jobs()) - before; jobs > 1+6+6 {
		t.Errorf("%d jobs", jobs)
	}
	d.wantEffects(6, 6)
}
