package tagstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

const twoInstances = `
cluster c tags=keep
group g
node n1
node n2
instance a nodes=n1 tags=keep,old
instance b nodes=n2
instance c nodes=n2
`

// desk is a simulated master and a writer of tags.
type desk struct {
	t *testing.T
	m *luxitest.Master
	w *tagstore.Writer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	m, err := luxitest.New(luxitest.MustParse(twoInstances), luxitest.Options{Clock: luxitest.VirtualClock(time.Unix(1700000000, 0))})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ts") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	c := luxi.New(m.Socket(), luxi.Options{Now: m.Now})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", m.LogText())
		}
		c.Close()
		m.Close()
		os.RemoveAll(dir)
	})
	return &desk{t, m, &tagstore.Writer{Client: c, Source: "tester", Now: m.Now}}
}

// write submits changes and waits for all; the fates come in order of index.
func (d *desk) write(changes ...tagstore.Change) []tagstore.Written {
	d.t.Helper()
	b, err := d.w.Submit(context.Background(), changes)
	if err != nil {
		d.t.Fatal(err)
	}
	var all []tagstore.Written
	for b.Unfinished() > 0 {
		more, err := b.Next(context.Background())
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, more...)
	}
	if more, err := b.Next(context.Background()); len(more) > 0 || err != nil {
		d.t.Errorf("after the last: %v, %v", more, err)
	}
	sort.Slice(all, func(x, y int) bool { return all[x].Index < all[y].Index })
	for k, w := range all {
		if w.Index != k {
			d.t.Fatalf("the fates of %d changes: %+v", len(changes), all)
		}
	}
	if len(all) != len(changes) {
		d.t.Fatalf("%d fates of %d changes", len(all), len(changes))
	}
	return all
}

func (d *desk) tags(instance string) string {
	return strings.Join(d.m.Snapshot().Instance(instance).Tags, " ")
}

func (d *desk) wantTags(instance, want string) {
	d.t.Helper()
	if got := d.tags(instance); got != want {
		d.t.Errorf("%s has the tags %q, want %q", instance, got, want)
	}
}

// opcodes renders all jobs there were.
func (d *desk) opcodes() string {
	var jobs []string
	for _, j := range d.m.Jobs() {
		var ops []string
		for _, op := range j.Ops {
			ops = append(ops, strings.TrimPrefix(op.ID, "OP_")+"("+op.Text("kind")+" "+op.Text("name")+")")
		}
		jobs = append(jobs, strings.Join(ops, "+"))
	}
	return strings.Join(jobs, ", ")
}

func onInstance(name string, add, remove []string) tagstore.Change {
	return tagstore.Change{Kind: luxi.TagInstance, Name: name, Add: add, Remove: remove, Why: "tags x"}
}

func list(tags ...string) []string { return tags }

// All kinds of objects and of changes; each costs the opcodes it says (C4).
func TestWrite(t *testing.T) {
	d := newDesk(t)
	changes := []tagstore.Change{
		onInstance("a", list("new"), list("old")),
		onInstance("b", list("one", "two", "three"), nil),
		{Kind: luxi.TagCluster, Remove: list("keep"), Why: "tags suspend"},
		{Kind: luxi.TagGroup, Name: "g", Add: list("grouped"), Why: "tags y"},
		onInstance("a", nil, nil),
	}
	for _, w := range d.write(changes...) {
		if w.Err != nil {
			t.Errorf("change %d: %v", w.Index, w.Err)
		}
		if (w.Job == 0) != changes[w.Index].Empty() {
			t.Errorf("change %d: job %d", w.Index, w.Job)
		}
	}
	d.wantTags("a", "keep new")
	d.wantTags("b", "one two three")
	c := d.m.Snapshot()
	if len(c.Tags) != 0 || strings.Join(c.Group("g").Tags, " ") != "grouped" {
		t.Errorf("cluster %q, group %q", c.Tags, c.Group("g").Tags)
	}
	want := "TAGS_SET(instance a)+TAGS_DEL(instance a), TAGS_SET(instance b), TAGS_DEL(cluster ), TAGS_SET(nodegroup g)"
	if got := d.opcodes(); got != want {
		t.Errorf("jobs %s, want %s", got, want)
	}
	for k, n := range []int{2, 1, 1, 1, 0} {
		if got := changes[k].OpCodes(); got != n || changes[k].Empty() != (n == 0) {
			t.Errorf("change %d says it costs %d opcodes, want %d", k, got, n)
		}
	}
}

// The reason trail of every opcode says who asked for it and why, and it goes ahead of ordinary jobs.
func TestWriteTrail(t *testing.T) {
	d := newDesk(t)
	d.write(onInstance("a", list("new"), list("old")))
	for _, op := range d.m.Jobs()[0].Ops {
		if r := op.Reason[0]; r.Source != "tester" || r.Text != "tags x" || r.Time != int64(1700000000)*1e9 {
			t.Errorf("%s has the reason %+v", op.ID, r)
		}
		if op.Priority != luxi.PriorityHigh {
			t.Errorf("%s has priority %d", op.ID, op.Priority)
		}
	}
}

// S15, S18: what a person says is in the queue even where no tag changes.
func TestWriteNote(t *testing.T) {
	d := newDesk(t)
	note := tagstore.Change{Kind: luxi.TagInstance, Name: "a", Why: "ack 7", Note: true}
	also := tagstore.Change{Kind: luxi.TagInstance, Name: "b", Remove: list("missing"), Why: "ack 8", Note: true}
	if note.Empty() || note.OpCodes() != 1 || also.OpCodes() != 1 {
		t.Errorf("empty %v, %d and %d opcodes", note.Empty(), note.OpCodes(), also.OpCodes())
	}
	got := d.write(note, also)
	if got[0].Err != nil || got[0].Job == 0 || !errors.Is(got[1].Err, luxi.ErrUnknownEntity) {
		t.Errorf("%+v", got)
	}
	if op := d.m.Job(int64(got[0].Job)).Ops[0]; op.ID != "OP_TAGS_SET" || op.Reason[0].Text != "ack 7" || op.Text("name") != "a" {
		t.Errorf("%+v", op)
	}
	d.wantTags("a", "keep old")
	d.wantEffects(0, 0)
}

// T6, T7: the new tag is there before the old one goes; nobody ever sees neither.
func TestWriteAddsFirst(t *testing.T) {
	d := newDesk(t)
	d.write(onInstance("a", list("new"), list("old")))
	log := d.m.LogText(luxitest.LogEffect)
	added, removed := strings.Index(log, "tag new added"), strings.Index(log, "tag old removed")
	if added < 0 || removed < 0 || added > removed {
		t.Errorf("the log says\n%s", log)
	}
	if n := len(d.m.Jobs()); n != 1 {
		t.Errorf("%d jobs for one change, want 1", n)
	}
}

// C5: what is wrong with one change is an error of that change, and the others are
// made all the same.
func TestWriteOneBad(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, row := range []struct {
		name      string
		bad       tagstore.Change
		want      string // part of the error
		submitted bool
	}{
		{"129 characters", onInstance("a", list(long), nil), "has 129 characters, allowed are 1 to 128", false},
		{"129 characters to remove", onInstance("a", nil, list(long)), "has 129 characters", false},
		{"empty tag", onInstance("a", list("good", ""), nil), "has 0 characters", false},
		{"non-ASCII tag", onInstance("a", list("\u00e4"), nil), "outside ASCII", false},
		{"not even UTF-8", onInstance("a", list("\xff"), nil), "outside ASCII", false},
		{"non-ASCII tag to remove", onInstance("a", nil, list("\u00e4")), "outside ASCII", false},
		{"non-ASCII name", onInstance("\u00e4", list("good"), nil), "outside ASCII", false},
		{"non-ASCII reason", tagstore.Change{Kind: luxi.TagInstance, Name: "a", Add: list("good"), Why: "tags \u00e4"}, "outside ASCII", false},
		{"characters Ganeti refuses", onInstance("a", list("not good"), nil), "invalid characters", true},
		{"object gone", onInstance("nobody", list("good"), nil), "'nobody' not known", true},
		{"tag gone", onInstance("a", nil, list("old", "missing")), "'missing' not found", true},
	} {
		for perJob := 1; perJob < 4; perJob++ {
			t.Run(fmt.Sprintf("%s, %d in a job", row.name, perJob), func(t *testing.T) {
				d := newDesk(t)
				d.w.PerJob = perJob
				got := d.write(onInstance("b", list("first"), nil), row.bad, onInstance("b", list("last"), nil))
				if got[0].Err != nil || got[2].Err != nil {
					t.Errorf("the good changes: %v, %v", got[0].Err, got[2].Err)
				}
				if got[1].Err == nil || !strings.Contains(got[1].Err.Error(), row.want) {
					t.Errorf("the bad change: %v, want it to say %q", got[1].Err, row.want)
				}
				if (got[1].Job != 0) != row.submitted {
					t.Errorf("the bad change has job %d", got[1].Job)
				}
				d.wantTags("b", "first last")
				d.wantTags("a", "keep old")
			})
		}
	}
}

// An object that is gone can be distinguished from other errors.
func TestWriteObjectGone(t *testing.T) {
	d := newDesk(t)
	got := d.write(onInstance("nobody", list("x"), nil), onInstance("a", nil, list("missing")), onInstance("a", list("bad tag"), nil))
	for k, want := range []bool{true, true, false} {
		if errors.Is(got[k].Err, luxi.ErrUnknownEntity) != want {
			t.Errorf("change %d: %v, unknown entity: want %v", k, got[k].Err, want)
		}
	}
}

// A change may be made in part: the new tag is there, the old one was not.
func TestWriteInPart(t *testing.T) {
	d := newDesk(t)
	got := d.write(onInstance("a", list("new"), list("missing")))
	if !errors.Is(got[0].Err, luxi.ErrUnknownEntity) {
		t.Errorf("%v", got[0].Err)
	}
	d.wantTags("a", "keep old new")
}

// Changes of one object are made one after the other, in order.
func TestWriteInOrder(t *testing.T) {
	d := newDesk(t)
	for _, w := range d.write(onInstance("a", list("x"), nil), onInstance("a", list("y"), list("x")), onInstance("a", list("z"), list("y"))) {
		if w.Err != nil {
			t.Errorf("change %d: %v", w.Index, w.Err)
		}
	}
	d.wantTags("a", "keep old z")
}

// A drained queue takes nothing, and that is known; an answer that was lost
// leaves it open.
func TestSubmitFails(t *testing.T) {
	d := newDesk(t)
	d.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = true })
	_, err := d.w.Submit(context.Background(), []tagstore.Change{onInstance("a", list("x"), nil)})
	if !errors.Is(err, luxi.ErrQueueDrained) || luxi.OutcomeUnknown(err) {
		t.Errorf("drained: %v", err)
	}
	d.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = false })
	d.m.OnCall(func(luxitest.Call) luxitest.Fault { return luxitest.DieAfter() })
	if _, err = d.w.Submit(context.Background(), []tagstore.Change{onInstance("a", list("x"), nil)}); !luxi.OutcomeUnknown(err) {
		t.Errorf("answer lost: %v", err)
	}
	d.m.OnCall(nil)
	d.m.RunUntilQuiet()
	d.wantTags("a", "keep old x")
}

// A drained queue or a dead luxid does not matter to what changes nothing.
func TestSubmitNothing(t *testing.T) {
	d := newDesk(t)
	d.m.StopLuxid()
	got := d.write(tagstore.Change{Kind: luxi.TagCluster}, onInstance("a", list("\u00e4"), nil))
	if got[0].Err != nil || got[1].Err == nil {
		t.Errorf("%+v", got)
	}
}

// Tag jobs that are archived while they are waited for have still ended; of one
// that is purged nobody knows.
func TestWriteArchived(t *testing.T) {
	d := newDesk(t)
	d.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "WaitForJobChange" {
			d.m.RunUntilQuiet()
			d.m.ArchiveJobs(0)
			d.m.Purge(2)
		}
		return luxitest.Pass()
	})
	got := d.write(onInstance("a", list("x"), nil), onInstance("b", list("x"), nil))
	if got[0].Err != nil {
		t.Error(got[0].Err)
	}
	if got[1].Err == nil || !strings.Contains(got[1].Err.Error(), "no longer known") {
		t.Errorf("%v", got[1].Err)
	}
}
