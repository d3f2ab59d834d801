package tagstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
)

// Change is a change of the tags of one object: the tags to add are added
// first, then the tags to remove are removed, so that no reader ever sees
// neither (T6, T7). What is only old goes before that, so that a crash in
// between leaves nothing that nobody would ever tidy (T9).
type Change struct {
	Kind   luxi.TagKind
	Name   string // the object's name, empty for the cluster; Ganeti takes no UUID here
	Before []string
	Add    []string
	Remove []string
	Why    string // text of the reason trail, ASCII
}

// Empty reports whether the change changes nothing.
func (c Change) Empty() bool { return len(c.Before) == 0 && len(c.Add) == 0 && len(c.Remove) == 0 }

// OpCodes returns the number of opcodes, each a write of the whole
// configuration, that the change costs.
func (c Change) OpCodes() int {
	n := 0
	if len(c.Before) > 0 {
		n++
	}
	if len(c.Add) > 0 {
		n++
	}
	if len(c.Remove) > 0 {
		n++
	}
	return n
}

// Writer writes tags, through jobs of its own: Ganeti knows no other way.
type Writer struct {
	Client *luxi.Client
	Source string           // the reason trail's source: the program's name
	Now    func() time.Time // clock for reason trails
	// Window is how many of a batch's jobs are in the queue at a time. They go
	// ahead of other jobs, so more of them than the configuration can be written
	// by would only keep others out of the queue's slots. 0 is no bound.
	Window int
}

// Written is the fate of one change.
type Written struct {
	Index int        // of the change in the list given to Submit
	Job   luxi.JobID // 0 if no job could be submitted
	// Err is nil if the change is in the configuration. A change that failed
	// may be there in part: the tags were added, but not the old ones removed.
	Err error
}

// Batch is a number of changes under way.
type Batch struct {
	w       *Writer
	changes []Change
	todo    []int              // indexes of changes not yet submitted
	done    []Written          // not yet fetched by Next
	waiting map[luxi.JobID]int // job -> index of its change
	order   []luxi.JobID
	err     error // of a later submission, for the next Next
}

// priority is that of all tag jobs: they are short, and a repair waits for
// them, so they go ahead of jobs of normal priority.
const priority = -10

// Submit submits one job for each change, at once or, where the Writer has a
// Window, as those before them end. A change that cannot be submitted is
// reported by Next like one that failed. An error means that nothing is known to
// have been submitted; where luxi.OutcomeUnknown holds for it, tags may still be
// written.
func (w *Writer) Submit(ctx context.Context, changes []Change) (*Batch, error) {
	b := &Batch{w: w, changes: changes, waiting: make(map[luxi.JobID]int)}
	for i, c := range changes {
		if c.Empty() {
			b.done = append(b.done, Written{Index: i})
		} else if err := c.check(); err != nil {
			b.done = append(b.done, Written{Index: i, Err: err})
		} else {
			b.todo = append(b.todo, i)
		}
	}
	if err := b.fill(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// fill submits as many changes as the window has room for, in one call.
func (b *Batch) fill(ctx context.Context) error {
	n := len(b.todo)
	if room := b.w.Window - len(b.waiting); b.w.Window > 0 && n > room {
		n = room
	}
	if n <= 0 {
		return nil
	}
	index := b.todo[:n]
	b.todo = b.todo[n:]
	var jobs [][]luxi.OpCode
	for _, i := range index {
		jobs = append(jobs, b.w.opcodes(b.changes[i]))
	}
	submitted, err := b.w.Client.SubmitManyJobs(ctx, jobs)
	if err != nil {
		err = fmt.Errorf("submitting tag jobs: %w", err)
		for _, i := range index {
			b.done = append(b.done, Written{Index: i, Err: err})
		}
		return err
	}
	for k, s := range submitted {
		if s.Err != nil {
			b.done = append(b.done, Written{Index: index[k], Err: fmt.Errorf("submitting tag job: %w", s.Err)})
			continue
		}
		b.waiting[s.ID] = index[k]
		b.order = append(b.order, s.ID)
	}
	return nil
}

// check refuses what luxid would refuse for the whole call, so that one bad
// object affects that object alone (C5).
func (c Change) check() error {
	all := append(append(append([]string(nil), c.Before...), c.Add...), c.Remove...)
	for _, tag := range all {
		if tag == "" || len(tag) > MaxLength {
			return fmt.Errorf("tag %q has %d characters, allowed are 1 to %d", tag, len(tag), MaxLength)
		}
	}
	for _, s := range append(all, c.Name, c.Why) {
		if strings.IndexFunc(s, func(r rune) bool { return r > '~' }) >= 0 {
			return fmt.Errorf("%q holds characters outside ASCII, which luxid cannot write", s)
		}
	}
	return nil
}

func (w *Writer) opcodes(c Change) []luxi.OpCode {
	common := luxi.Common{
		Reason:   []luxi.ReasonEntry{{Source: w.Source, Text: c.Why, Time: w.Now()}},
		Priority: priority,
	}
	var ops []luxi.OpCode
	if len(c.Before) > 0 {
		ops = append(ops, &luxi.TagsDel{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Before})
	}
	if len(c.Add) > 0 {
		ops = append(ops, &luxi.TagsSet{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Add})
	}
	if len(c.Remove) > 0 {
		ops = append(ops, &luxi.TagsDel{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Remove})
	}
	return ops
}

// Unfinished is the number of changes that Next has not returned yet.
func (b *Batch) Unfinished() int { return len(b.todo) + len(b.waiting) + len(b.done) }

// Next waits until at least one more change has ended and returns all that
// have. It returns nothing when all were returned before. After an error, that
// of the context included, the rest can be given up with Abandon.
func (b *Batch) Next(ctx context.Context) ([]Written, error) {
	if b.err != nil {
		return nil, b.err
	}
	done, err := b.next(ctx)
	if err == nil {
		// While the caller deals with these, others are on their way.
		b.err = b.fill(ctx)
	}
	return done, err
}

func (b *Batch) next(ctx context.Context) ([]Written, error) {
	if len(b.done) > 0 {
		done := b.done
		b.done = nil
		return done, nil
	}
	if len(b.waiting) == 0 {
		return nil, nil
	}
	// The oldest goes first in the queue, too, so it is the one to wait for;
	// but it may be stuck behind a lock while others end.
	for id, status := b.oldest(), luxi.JobQueued; ; {
		var err error
		status, err = b.w.Client.WaitForJobChange(ctx, id, status, patience)
		if err != nil && !errors.Is(err, luxi.ErrJobLost) {
			return nil, fmt.Errorf("waiting for tag job %d: %w", id, err)
		}
		if done, err := b.collect(ctx); err != nil || len(done) > 0 {
			return done, err
		}
	}
}

// patience is how long one tag job is waited for before the others are looked at.
const patience = 2 * time.Second

func (b *Batch) oldest() luxi.JobID {
	for _, id := range b.order {
		if _, ok := b.waiting[id]; ok {
			return id
		}
	}
	return 0
}

// collect fetches what has ended.
func (b *Batch) collect(ctx context.Context) ([]Written, error) {
	var ids []luxi.JobID
	for _, id := range b.order {
		if _, ok := b.waiting[id]; ok {
			ids = append(ids, id)
		}
	}
	infos, err := b.w.Client.QueryJobs(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("looking up tag jobs: %w", err)
	}
	var done []Written
	for _, info := range infos {
		if info.Known && !info.Status.Final() {
			continue
		}
		done = append(done, Written{Index: b.waiting[info.ID], Job: info.ID, Err: jobError(info)})
		delete(b.waiting, info.ID)
	}
	return done, nil
}

// errUnknownJob is the fate of a tag job that left the queue and the archive.
var errUnknownJob = errors.New("the job is no longer known")

// ErrGivenUp is the fate of a tag job that did not run in time and was canceled.
var ErrGivenUp = errors.New("given up, it did not run in time")

// errNotSubmitted is the fate of a change whose turn did not come.
var errNotSubmitted = fmt.Errorf("no tag job was submitted: %w", ErrGivenUp)

func jobError(info luxi.JobInfo) error {
	if !info.Known {
		return fmt.Errorf("tag job %d: %w", info.ID, errUnknownJob)
	}
	if info.Status == luxi.JobSuccess {
		return nil
	}
	for _, op := range info.Ops {
		if op.Status != luxi.JobSuccess && op.Result.Err != nil {
			return fmt.Errorf("tag job %d: %w", info.ID, op.Result.Err)
		}
	}
	return fmt.Errorf("tag job %d ended as %s", info.ID, info.Status)
}

// Abandon cancels what has not ended, so that no tag job strikes later (C3),
// and returns the fate of all that Next has not returned. A job that is
// already running cannot be canceled; it is returned with an error that says so.
func (b *Batch) Abandon(ctx context.Context) []Written {
	done := b.done
	for _, i := range b.todo {
		done = append(done, Written{Index: i, Err: errNotSubmitted})
	}
	b.done, b.todo = nil, nil
	canceled := b.cancel(ctx)
	if ended, err := b.collect(ctx); err == nil {
		for _, e := range ended {
			if e.Err != nil && canceled[e.Job] {
				e.Err = fmt.Errorf("tag job %d: %w", e.Job, ErrGivenUp)
			}
			done = append(done, e)
		}
	}
	for id, i := range b.waiting {
		err := fmt.Errorf("tag job %d is still under way", id)
		if canceled[id] {
			err = fmt.Errorf("tag job %d: %w", id, ErrGivenUp)
		}
		done = append(done, Written{Index: i, Job: id, Err: err})
	}
	b.waiting = make(map[luxi.JobID]int)
	return done
}

// cancel asks for the cancellation of all that waits, side by side, because
// luxid can take most of a minute to answer for a job that waits for a lock. It
// returns those for which it said yes.
func (b *Batch) cancel(ctx context.Context) map[luxi.JobID]bool {
	var mu sync.Mutex
	var wg sync.WaitGroup
	canceled := make(map[luxi.JobID]bool)
	slots := make(chan struct{}, 20) // connections at a time
	for id := range b.waiting {
		id := id
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			if ok, _, err := b.w.Client.CancelJob(ctx, id, false); err == nil && ok {
				mu.Lock()
				canceled[id] = true
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return canceled
}
