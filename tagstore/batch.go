package tagstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
)

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
	w      *Writer
	todo   []part    // not yet submitted
	jobs   []*tagJob // under way, oldest first
	done   []Written // not yet fetched by Next
	unsent []part    // those whose submission failed
	err    error     // of that submission
}

// part is what is left to do of one change.
type part struct {
	index  int
	change Change
	job    luxi.JobID // the last that it was in
	alone  bool       // shares no job with others
}

// tagJob is a job with parts of several changes, one after the other.
type tagJob struct {
	id       luxi.JobID
	opcodes  int
	parts    []part // not yet ended
	ended    int    // opcodes of those that have
	statuses []luxi.JobStatus
	canceled bool // it was asked to end
}

// Submit submits the changes, as many as the Writer's Window and PerJob let, and
// the others as those before them end. A change that cannot be submitted is
// reported by Next like one that failed. An error means that nothing is known to
// have been submitted; where luxi.OutcomeUnknown holds for it, tags may still be
// written.
func (w *Writer) Submit(ctx context.Context, changes []Change) (*Batch, error) {
	b := &Batch{w: w}
	for i, c := range changes {
		if c.Empty() {
			b.done = append(b.done, Written{Index: i})
		} else if err := c.check(); err != nil {
			b.done = append(b.done, Written{Index: i, Err: err})
		} else {
			b.todo = append(b.todo, part{index: i, change: c})
		}
	}
	if b.fill(ctx); b.err != nil {
		return nil, b.err
	}
	return b, nil
}

// fill submits as many jobs as the window has room for, in one call. After an
// error nothing more is submitted.
func (b *Batch) fill(ctx context.Context) {
	var groups [][]part
	var jobs [][]luxi.OpCode
	for len(b.todo) > 0 && (b.w.Window <= 0 || len(b.jobs)+len(groups) < b.w.Window) {
		group := b.take()
		var ops []luxi.OpCode
		for _, p := range group {
			ops = append(ops, b.w.opcodes(p.change)...)
		}
		groups, jobs = append(groups, group), append(jobs, ops)
	}
	if len(jobs) == 0 {
		return
	}
	submitted, err := b.w.Client.SubmitManyJobs(ctx, jobs)
	if err != nil {
		b.err = fmt.Errorf("submitting tag jobs: %w", err)
		for _, group := range groups {
			b.unsent = append(b.unsent, group...)
		}
		return
	}
	for k, s := range submitted {
		if s.Err != nil {
			b.fail(groups[k], 0, fmt.Errorf("submitting tag job: %w", s.Err))
			continue
		}
		j := &tagJob{id: s.ID, opcodes: len(jobs[k]), parts: groups[k]}
		for n := range j.parts {
			j.parts[n].job = s.ID
		}
		for range jobs[k] {
			j.statuses = append(j.statuses, luxi.JobQueued)
		}
		b.jobs = append(b.jobs, j)
	}
}

// take takes what shares the next job from the list of what is to do.
func (b *Batch) take() []part {
	n := 1
	for n < len(b.todo) && n < b.w.PerJob && !b.todo[0].alone && !b.todo[n].alone {
		n++
	}
	group := b.todo[:n:n]
	b.todo = b.todo[n:]
	return group
}

func (b *Batch) fail(parts []part, job luxi.JobID, err error) {
	for _, p := range parts {
		b.done = append(b.done, Written{Index: p.index, Job: job, Err: err})
	}
}

// again has parts done by jobs of their own.
func (b *Batch) again(parts []part) {
	for _, p := range parts {
		p.alone = true
		b.todo = append(b.todo, p)
	}
}

// Unfinished is the number of changes that Next has not returned yet.
func (b *Batch) Unfinished() int {
	n := len(b.todo) + len(b.unsent) + len(b.done)
	for _, j := range b.jobs {
		n += len(j.parts)
	}
	return n
}

// Next waits until at least one more change has ended and returns all that
// have. It returns nothing when all were returned before. After an error, that
// of the context included, the rest can be given up with Abandon.
func (b *Batch) Next(ctx context.Context) ([]Written, error) {
	for {
		if b.err == nil {
			// While the caller deals with what has ended, others are on their way.
			b.fill(ctx)
		}
		switch {
		case len(b.done) > 0:
			done := b.done
			b.done = nil
			return done, nil
		case b.err != nil:
			return nil, b.err
		case len(b.jobs) == 0:
			return nil, nil
		}
		if err := b.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// patience is how long one tag job is waited for before the others are looked at,
// and how long one that others share may wait for a lock.
const patience = 2 * time.Second

// wait waits for the oldest job, as it goes first in the queue, too; but it may be
// stuck behind a lock while others go on, so these are looked at now and then.
func (b *Batch) wait(ctx context.Context) error {
	j := b.jobs[0]
	for {
		now, err := b.w.Client.WaitForOpcodes(ctx, j.id, j.statuses, patience)
		switch {
		case errors.Is(err, luxi.ErrJobLost):
			return b.collect(ctx)
		case err != nil:
			return fmt.Errorf("waiting for tag job %d: %w", j.id, err)
		}
		before := j.statuses
		j.statuses = now
		switch {
		case reflect.DeepEqual(now, before):
			b.split(ctx, j)
			return b.collect(ctx)
		case j.moved():
			return b.collect(ctx)
		}
	}
}

// moved reports whether the first of the job's parts has ended, or the job has.
func (j *tagJob) moved() bool {
	for k := j.ended; k < len(j.statuses) && k < j.ended+j.parts[0].change.OpCodes(); k++ {
		if j.statuses[k] != luxi.JobSuccess {
			return j.statuses[k].Final()
		}
	}
	return true
}

// split ends a job that waits for a lock, so that those who share it can go on by
// themselves once it has ended: then it is known what it has done. That it makes no
// progress does not say so: in a large cluster each opcode takes seconds. luxid can
// take most of a minute to answer, which is not waited for.
func (b *Batch) split(ctx context.Context, j *tagJob) {
	if len(j.parts) < 2 || j.canceled {
		return
	}
	if waits, err := b.w.Client.WaitsForLock(ctx, j.id); err != nil || !waits {
		return
	}
	j.canceled = true
	short, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	_, _, _ = b.w.Client.CancelJob(short, j.id, false)
}

// collect finds out what has ended.
func (b *Batch) collect(ctx context.Context) error {
	ids := make([]luxi.JobID, len(b.jobs))
	for k, j := range b.jobs {
		ids[k] = j.id
	}
	infos, err := b.w.Client.QueryJobs(ctx, ids)
	if err != nil {
		return fmt.Errorf("looking up tag jobs: %w", err)
	}
	var left []*tagJob
	for k, j := range b.jobs {
		if !b.settle(j, infos[k]) {
			left = append(left, j)
		}
	}
	b.jobs = left
	return nil
}

// errUnknownJob is the fate of a tag job that left the queue and the archive.
var errUnknownJob = errors.New("the job is no longer known")

// ErrGivenUp is the fate of a tag job that did not run in time and was canceled.
var ErrGivenUp = errors.New("given up, it did not run in time")

// settle notes which parts of the job have ended, and reports whether the job has.
func (b *Batch) settle(j *tagJob, info luxi.JobInfo) bool {
	switch {
	case !info.Known:
		b.fail(j.parts, j.id, fmt.Errorf("tag job %d: %w", j.id, errUnknownJob))
		return true
	case len(info.Ops) != j.opcodes:
		b.fail(j.parts, j.id, fmt.Errorf("tag job %d has %d opcodes, submitted were %d", j.id, len(info.Ops), j.opcodes))
		return true
	}
	for len(j.parts) > 0 {
		p, rest := j.parts[0], j.parts[1:]
		ops := info.Ops[j.ended : j.ended+p.change.OpCodes()]
		made := 0
		for made < len(ops) && ops[made].Status == luxi.JobSuccess {
			made++
		}
		if made == len(ops) {
			b.done = append(b.done, Written{Index: p.index, Job: j.id})
			j.parts, j.ended = rest, j.ended+made
			continue
		}
		if !info.Status.Final() {
			return false
		}
		stopped := ops[made]
		err := fmt.Errorf("tag job %d ended as %s", j.id, info.Status)
		if stopped.Result.Err != nil {
			err = fmt.Errorf("tag job %d: %w", j.id, stopped.Result.Err)
		}
		switch {
		case stopped.Status == luxi.JobCanceled && j.canceled:
			p.change = p.change.after(made)
			b.again([]part{p})
			b.again(rest)
		case stopped.Status == luxi.JobError && stopped.Result.Err != nil && stopped.Result.Err.Class != "":
			// The opcodes behind it did not run; theirs are changes of their own.
			b.fail([]part{p}, j.id, err)
			b.again(rest)
		default:
			// Somebody canceled it, or luxid ended it, of which it is not known how
			// far it came.
			b.fail(j.parts, j.id, err)
		}
		return true
	}
	return true
}

// errNotSubmitted is the fate of a change whose turn did not come.
var errNotSubmitted = fmt.Errorf("no tag job was submitted: %w", ErrGivenUp)

// Abandon cancels what has not ended, so that no tag job strikes later (C3),
// and returns the fate of all that Next has not returned. A job that is
// already running cannot be canceled; it is returned with an error that says so.
func (b *Batch) Abandon(ctx context.Context) []Written {
	b.fail(b.unsent, 0, b.err)
	b.unsent = nil
	told := b.cancel(ctx)
	_ = b.collect(ctx)
	for _, j := range b.jobs {
		err := fmt.Errorf("tag job %d is still under way", j.id)
		if told[j.id] {
			err = fmt.Errorf("tag job %d: %w", j.id, ErrGivenUp)
		}
		b.fail(j.parts, j.id, err)
	}
	b.jobs = nil
	for _, p := range b.todo {
		err := errNotSubmitted
		if p.job != 0 {
			err = fmt.Errorf("tag job %d: %w", p.job, ErrGivenUp)
		}
		b.fail([]part{p}, p.job, err)
	}
	b.todo = nil
	done := b.done
	b.done = nil
	return done
}

// cancel asks for the cancellation of all that waits, side by side, because
// luxid can take most of a minute to answer for a job that waits for a lock. It
// returns those for which it said yes.
func (b *Batch) cancel(ctx context.Context) map[luxi.JobID]bool {
	var mu sync.Mutex
	var wg sync.WaitGroup
	told := make(map[luxi.JobID]bool)
	slots := make(chan struct{}, 20) // connections at a time
	for _, j := range b.jobs {
		j := j
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			if ok, _, err := b.w.Client.CancelJob(ctx, j.id, false); err == nil && ok {
				mu.Lock()
				defer mu.Unlock()
				told[j.id], j.canceled = true, true
			}
		}()
	}
	wg.Wait()
	return told
}
