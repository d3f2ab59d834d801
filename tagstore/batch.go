package tagstore

import (
	"context"
	"errors"
	"fmt"
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

// Batch is a number of changes under way. Of the changes of one target only one at
// a time is in todo, locked or a job; the others are behind it, in order.
type Batch struct {
	w       *Writer
	left    int               // changes that were not returned yet
	todo    []part            // not yet submitted
	locked  []part            // that waited for a lock in vain; they come after todo
	behind  map[target][]part // those whose turn has not come; a key for each target with a change that has not ended
	jobs    []*tagJob         // under way, oldest first
	leaving []*tagJob         // under way, asked to end because they waited for a lock
	done    []Written         // not yet fetched by Next
	aside   bool              // changes that wait for locks are left aside, see SetAside
	unsent  []part            // those whose submission failed
	err     error             // of that submission
}

// Errors of changes that were not made in time, for errors.Is.
var (
	// ErrGivenUp is the fate of a change whose job did not run in time.
	ErrGivenUp = errors.New("given up, it did not run in time")
	// ErrLocked is the fate of a change that waited for a lock for longer than the
	// Writer's LockWait.
	ErrLocked = fmt.Errorf("somebody else's job has the lock of the object: %w", ErrGivenUp)

	errNotSubmitted = fmt.Errorf("no tag job was submitted: %w", ErrGivenUp)
)

// Submit submits the changes, as many as the Writer's Window and PerJob let, and
// the others as those before them end. A change that cannot be submitted is
// reported by Next like one that failed. An error means that nothing is known to
// have been submitted; where luxi.OutcomeUnknown holds for it, tags may still be
// written.
func (w *Writer) Submit(ctx context.Context, changes []Change) (*Batch, error) {
	b := &Batch{w: w, left: len(changes), behind: make(map[target][]part)}
	for i, c := range changes {
		p := part{index: i, change: c}
		if c.Empty() {
			b.done = append(b.done, Written{Index: i})
		} else if err := c.check(); err != nil {
			b.done = append(b.done, Written{Index: i, Err: err})
		} else if queue, busy := b.behind[p.target()]; busy {
			b.behind[p.target()] = append(queue, p)
		} else {
			b.behind[p.target()] = nil
			b.todo = append(b.todo, p)
		}
	}
	if b.fill(ctx); b.err != nil {
		return nil, b.err
	}
	return b, nil
}

// Unfinished returns the number of changes that Next has not returned yet.
func (b *Batch) Unfinished() int { return b.left }

// end notes the fate of a change and has the next one of its target done.
func (b *Batch) end(p part, job luxi.JobID, err error) {
	b.done = append(b.done, Written{Index: p.index, Job: job, Err: err})
	queue := b.behind[p.target()]
	if len(queue) == 0 {
		delete(b.behind, p.target())
		return
	}
	b.behind[p.target()] = queue[1:]
	b.todo = append(b.todo, queue[0])
}

func (b *Batch) fail(parts []part, job luxi.JobID, err error) {
	for _, p := range parts {
		b.end(p, job, err)
	}
}

// fetch returns the fates that were not returned yet.
func (b *Batch) fetch() []Written {
	done := b.done
	b.done, b.left = nil, b.left-len(done)
	return done
}

// underWay lists the jobs that have not ended: those that count for the window,
// then those that are leaving.
func (b *Batch) underWay() []*tagJob {
	return append(append([]*tagJob(nil), b.jobs...), b.leaving...)
}

// SetAside says whether changes that wait for locks are left aside: then they have no
// job in the queue once all others have ended, and Next does not wait for them (C6).
func (b *Batch) SetAside(on bool) { b.aside = on }

// shared reports whether a job that is leaving has more changes than the one that waits
// for a lock: the others follow when it has left.
func (b *Batch) shared() bool {
	for _, j := range b.leaving {
		if len(j.parts) > 1 {
			return true
		}
	}
	return false
}

// Next waits until at least one more change has ended and returns all that
// have. It returns nothing when all were returned before, or when all that are left
// are left aside. After an error, that of the context included, the rest can be given
// up with Abandon.
func (b *Batch) Next(ctx context.Context) ([]Written, error) {
	for {
		b.giveUpLocked()
		if b.err == nil {
			// While the caller deals with what has ended, others are on their way.
			b.fill(ctx)
		}
		switch {
		case len(b.done) > 0:
			return b.fetch(), nil
		case b.err != nil:
			return nil, b.err
		case len(b.jobs) == 0 && (len(b.leaving) == 0 || b.aside && len(b.todo) == 0 && !b.shared()):
			return nil, nil
		}
		if err := b.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// fill submits as many jobs as there are places for, in one call. After an error
// nothing more is submitted.
func (b *Batch) fill(ctx context.Context) {
	var groups [][]part
	var jobs [][]luxi.OpCode
	for places := b.places(); places > 0; places-- {
		group := b.nextGroup()
		if len(group) == 0 {
			break
		}
		var ops []luxi.OpCode
		for _, p := range group {
			ops = append(ops, b.w.Job(p.change)...)
		}
		groups, jobs = append(groups, group), append(jobs, ops)
	}
	if len(jobs) == 0 {
		return
	}
	ctx, cancel := outlasting(ctx, b.w.Grace)
	submitted, err := b.w.Client.SubmitManyJobs(ctx, jobs)
	cancel()
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
		b.jobs = append(b.jobs, newTagJob(s.ID, len(jobs[k]), groups[k]))
	}
}

// outlasting returns a context that ends that long after the given one, or with cancel,
// which must be called. One that has ended already is not outlasted.
func outlasting(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	if grace <= 0 || ctx.Err() != nil {
		return context.WithCancel(ctx)
	}
	longer, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-longer.Done():
			return
		case <-ctx.Done():
		}
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-longer.Done():
		case <-t.C:
			cancel()
		}
	}()
	return longer, cancel
}

// places returns how many more jobs may be in the queue. Jobs that are leaving
// take no place in the window, so that others go on, but there are never more of
// them than the window has places: until they have left each takes a slot of the
// queue (lib/mcpu.py: a job sees only between its attempts to get a lock that it
// was canceled).
func (b *Batch) places() int {
	if b.w.Window <= 0 {
		return len(b.todo) + len(b.locked)
	}
	places := b.w.Window - len(b.jobs)
	if room := 2*b.w.Window - len(b.jobs) - len(b.leaving); room < places {
		places = room
	}
	return places
}

// nextGroup takes the changes that share the next job off the lists: up to PerJob
// of those that are not yet submitted, else one of those that waited for a lock.
func (b *Batch) nextGroup() []part {
	if len(b.todo) == 0 {
		if b.aside {
			return nil
		}
		n := least(1, len(b.locked))
		group := b.locked[:n:n]
		b.locked = b.locked[n:]
		return group
	}
	n := 1
	for n < len(b.todo) && n < b.w.PerJob && !b.todo[0].alone && !b.todo[n].alone {
		n++
	}
	group := b.todo[:n:n]
	b.todo = b.todo[n:]
	return group
}

// requeueAlone puts parts back, to be done by jobs of their own: those that waited
// for a lock after all others.
func (b *Batch) requeueAlone(parts []part) {
	for _, p := range parts {
		p.alone = true
		if p.since.IsZero() {
			b.todo = append(b.todo, p)
		} else {
			b.locked = append(b.locked, p)
		}
	}
}

// Abandon cancels what has not ended, so that no tag job runs later (C3),
// and returns the fate of all that Next has not returned. A job that is
// already running cannot be canceled; it is returned with an error that says so.
func (b *Batch) Abandon(ctx context.Context) []Written {
	b.fail(b.unsent, 0, b.err)
	b.unsent = nil
	agreed := b.cancel(ctx, b.underWay())
	_ = b.collect(ctx)
	for _, j := range b.underWay() {
		err := fmt.Errorf("tag job %d is still under way", j.id)
		if agreed[j.id] {
			err = fmt.Errorf("tag job %d: %w", j.id, ErrGivenUp)
		}
		b.fail(j.parts, j.id, err)
	}
	b.jobs, b.leaving = nil, nil
	b.todo, b.locked = append(b.todo, b.locked...), nil
	for len(b.todo) > 0 { // an end adds the next change of the same target
		p := b.todo[0]
		b.todo = b.todo[1:]
		err := errNotSubmitted
		if p.job != 0 {
			err = fmt.Errorf("tag job %d: %w", p.job, ErrGivenUp)
		}
		b.end(p, p.job, err)
	}
	return b.fetch()
}
