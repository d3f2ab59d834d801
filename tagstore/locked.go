package tagstore

import (
	"context"
	"time"
)

// A tag job needs the lock of its object, which somebody else's job may have for
// hours. Such a change costs the others neither time nor a place in the window (C5,
// C6): its job is canceled as soon as another change could have its place, and the
// change gets a job again when all others have theirs.

// cancelWait is how long luxid's answer to a cancellation is waited for.
const cancelWait = time.Second

// cancelLockWaiters cancels the tag jobs that wait for a lock if other changes share
// the job or could use its place. Nothing has happened to
// the job idle for as long as the patience lasts; other jobs have to be found waiting
// twice, without any progress in between. That a job makes no progress does not say
// that it waits for a lock: in a large cluster each opcode takes seconds.
func (b *Batch) cancelLockWaiters(ctx context.Context, idle *tagJob) {
	if !b.hindered() {
		return
	}
	waiters, err := b.w.Client.LockWaiters(ctx)
	if err != nil {
		return // the next look will show it
	}
	var stay, leave []*tagJob
	for _, j := range b.jobs {
		p, waits, twice := &j.parts[0], waiters[j.id], j.waited == 1+j.ended
		j.waited = 0
		if waits {
			j.waited = 1 + j.ended
			if p.since.IsZero() && (j == idle || twice) {
				p.since = b.w.Now()
			}
		}
		if waits && !p.since.IsZero() && (len(j.parts) > 1 || len(b.todo) > 0 || b.aside || b.late(*p)) {
			leave = append(leave, j)
		} else {
			stay = append(stay, j)
		}
	}
	b.jobs, b.leaving = stay, append(b.leaving, leave...)
	short, stop := context.WithTimeout(ctx, cancelWait)
	defer stop()
	b.cancel(short, leave)
}

// hindered reports whether a job that waits for a lock would be in anybody's way.
func (b *Batch) hindered() bool {
	if len(b.todo) > 0 || b.w.LockWait > 0 || b.aside {
		return true
	}
	for _, j := range b.jobs {
		if len(j.parts) > 1 {
			return true
		}
	}
	return false
}

// giveUpLocked gives up the changes that wait for a lock for too long and have no
// job that is under way.
func (b *Batch) giveUpLocked() {
	var left []part
	for _, p := range b.locked {
		if b.late(p) {
			b.end(p, p.job, ErrLocked)
		} else {
			left = append(left, p)
		}
	}
	b.locked = left
}

// late reports whether a change waits for a lock for longer than it may.
func (b *Batch) late(p part) bool {
	return b.w.LockWait > 0 && !p.since.IsZero() && b.w.Now().Sub(p.since) >= b.w.LockWait
}
