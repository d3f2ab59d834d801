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

// part is what is left to do of one change.
type part struct {
	index  int
	change Change
	job    luxi.JobID // the last one that it was in
	alone  bool       // shares no job with others
	// since is when it was found waiting for a lock; zero if it never was.
	since time.Time
}

// target is the object that a change is about. The changes of one target are made
// one after the other, in order.
type target struct {
	kind luxi.TagKind
	name string
}

func (p part) target() target { return target{p.change.Kind, p.change.Name} }

// tagJob is a job with parts of several changes, one after the other.
type tagJob struct {
	id       luxi.JobID
	opcodes  int
	parts    []part // not yet ended
	ended    int    // opcodes of those that have
	statuses []luxi.JobStatus
	canceled bool // it was asked to end
	waited   int  // 1 + ended when it was last found waiting for a lock; 0 if it was not
}

func newTagJob(id luxi.JobID, opcodes int, parts []part) *tagJob {
	j := &tagJob{id: id, opcodes: opcodes, parts: parts}
	for n := range j.parts {
		j.parts[n].job = id
	}
	for n := 0; n < opcodes; n++ {
		j.statuses = append(j.statuses, luxi.JobQueued)
	}
	return j
}

// patience is how long one tag job is waited for before the others are looked at,
// and how long a job that others need the place of may wait for a lock.
const patience = 2 * time.Second

// wait waits for the oldest job, which goes first in the queue, too. It may be
// stuck behind a lock while others go on, so these are looked at now and then.
func (b *Batch) wait(ctx context.Context) error {
	j := b.underWay()[0]
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
			if err := b.collect(ctx); err != nil {
				return err
			}
			b.cancelLockWaiters(ctx, j)
			b.tellIdle(ctx)
			return nil
		case j.moved():
			return b.collect(ctx)
		}
	}
}

// tellIdle tells the caller which jobs nothing happens to.
func (b *Batch) tellIdle(ctx context.Context) {
	if b.w.Idle == nil {
		return
	}
	jobs := make(map[int]luxi.JobID)
	for _, j := range b.underWay() {
		for _, p := range j.parts {
			jobs[p.index] = j.id
		}
	}
	if len(jobs) > 0 {
		b.w.Idle(ctx, jobs)
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

// collect finds out what has ended.
func (b *Batch) collect(ctx context.Context) error {
	all := b.underWay()
	ids := make([]luxi.JobID, len(all))
	for k, j := range all {
		ids[k] = j.id
	}
	infos, err := b.w.Client.QueryJobs(ctx, ids)
	if err != nil {
		return fmt.Errorf("looking up tag jobs: %w", err)
	}
	count := len(b.jobs)
	b.jobs, b.leaving = nil, nil
	for k, j := range all {
		switch {
		case b.settle(j, infos[k]):
		case k < count:
			b.jobs = append(b.jobs, j)
		default:
			b.leaving = append(b.leaving, j)
		}
	}
	return nil
}

// errUnknownJob is the fate of a tag job that left the queue and the archive.
var errUnknownJob = errors.New("the job is no longer known")

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
			b.end(p, j.id, nil)
			j.parts, j.ended = rest, j.ended+made
			continue
		}
		if !info.Status.Final() {
			return false
		}
		b.settleStopped(j, info.Status, ops[made], made)
		return true
	}
	return true
}

// settleStopped settles the parts of a job that has ended with the given opcode,
// the first of its first unfinished part that did not succeed; made opcodes of that
// part did.
func (b *Batch) settleStopped(j *tagJob, status luxi.JobStatus, stopped luxi.JobOp, made int) {
	p, rest := j.parts[0], j.parts[1:]
	err := fmt.Errorf("tag job %d ended as %s", j.id, status)
	if stopped.Result.Err != nil {
		err = fmt.Errorf("tag job %d: %w", j.id, stopped.Result.Err)
	}
	switch {
	case stopped.Status == luxi.JobCanceled && j.canceled:
		p.change = p.change.after(made)
		b.requeueAlone([]part{p})
		b.requeueAlone(rest)
	case stopped.Status == luxi.JobError && stopped.Result.Err != nil && stopped.Result.Err.Class != "":
		// The opcodes behind it did not run; theirs are changes of their own.
		b.fail([]part{p}, j.id, err)
		b.requeueAlone(rest)
	default:
		// Somebody canceled it, or luxid ended it, in which case nobody knows how
		// far it came.
		b.fail(j.parts, j.id, err)
	}
}

// cancel asks for the cancellation of jobs, side by side, because luxid can take
// most of a minute to answer for a job that waits for a lock. It returns those for
// which it said yes.
func (b *Batch) cancel(ctx context.Context, jobs []*tagJob) map[luxi.JobID]bool {
	var mu sync.Mutex
	var wg sync.WaitGroup
	agreed := make(map[luxi.JobID]bool)
	slots := make(chan struct{}, 20) // connections at a time
	for _, j := range jobs {
		j := j
		j.canceled = true
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			if ok, _, err := b.w.Client.CancelJob(ctx, j.id, false); err == nil && ok {
				mu.Lock()
				defer mu.Unlock()
				agreed[j.id] = true
			}
		}()
	}
	wg.Wait()
	return agreed
}
