package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// oobFence is the fence that has Ganeti's out-of-band program switch a node off, and
// then ask whether it is off (K3). Each node is asked about once.
type oobFence struct {
	client *luxi.Client
	now    func() time.Time

	mu    sync.Mutex
	nodes map[string]*oobAnswer
}

// oobAnswer is what came of asking about one node.
type oobAnswer struct {
	once sync.Once
	err  error
}

// ask makes sure that a node is off. The instances do not matter: none runs there.
func (f *oobFence) ask(ctx context.Context, node string, _ []string) error {
	f.mu.Lock()
	if f.nodes == nil {
		f.nodes = make(map[string]*oobAnswer)
	}
	a := f.nodes[node]
	if a == nil {
		a = new(oobAnswer)
		f.nodes[node] = a
	}
	f.mu.Unlock()
	a.once.Do(func() { a.err = f.switchOff(ctx, node) })
	return a.err
}

// switchOff switches a node off. Only the answer to power-status counts: a job is a
// success also if the program failed, and a program may say that it has switched the
// node off and have done nothing.
func (f *oobFence) switchOff(ctx context.Context, node string) error {
	if _, err := f.run(ctx, node, luxi.OobPowerOff); err != nil {
		return fmt.Errorf("power-off of %s: %w", node, err)
	}
	row, err := f.run(ctx, node, luxi.OobPowerStatus)
	if err != nil {
		return fmt.Errorf("power-status of %s: %w", node, err)
	}
	switch powered, known := row.Powered(); {
	case !known:
		return fmt.Errorf("power-status of %s: the answer is not understood: %s", node, row.Payload)
	case powered:
		return fmt.Errorf("power-status of %s: it is still on", node)
	}
	return nil
}

// oobReserve is the part of the time that is kept for canceling a job, and
// oobCancelTime how long that may take at most.
const (
	oobReserve    = time.Second
	oobCancelTime = 5 * time.Second
)

// run has the out-of-band program of one node do something, and returns the row of
// that node. A job that does not end in time is canceled, so that it does not switch
// a node off later.
func (f *oobFence) run(ctx context.Context, node string, action luxi.OobAction) (luxi.OobRow, error) {
	wait, cancel := ctx, context.CancelFunc(func() {})
	op := &luxi.OobCommand{NodeNames: []string{node}, Command: action, IgnoreStatus: action == luxi.OobPowerOff}
	op.Reason = repair.Trail(repair.Mark{Kind: repair.MarkProbe, ID: "fence"}, repair.Limit{}, f.now())
	if deadline, bounded := ctx.Deadline(); bounded {
		left := time.Until(deadline) - oobReserve
		if left <= 0 {
			return luxi.OobRow{}, errors.New("there was no time left")
		}
		op.Timeout = int(left/time.Second) + 1
		wait, cancel = context.WithTimeout(ctx, left)
	}
	defer cancel()
	id, err := f.client.SubmitJob(wait, []luxi.OpCode{op})
	if err != nil {
		return luxi.OobRow{}, err
	}
	if _, err := f.client.WaitForJob(wait, id); err != nil {
		return luxi.OobRow{}, f.giveUp(id, err)
	}
	infos, err := f.client.QueryJobs(ctx, []luxi.JobID{id})
	if err != nil {
		return luxi.OobRow{}, err
	}
	return oobRow(infos[0], node)
}

// oobRow returns the row of a node in the result of a job, if the program succeeded.
func oobRow(job luxi.JobInfo, node string) (luxi.OobRow, error) {
	if !job.Known || len(job.Ops) != 1 {
		return luxi.OobRow{}, fmt.Errorf("job %d is no longer known", job.ID)
	}
	if job.Status != luxi.JobSuccess {
		why := string(job.Status)
		if err := job.Ops[0].Result.Err; err != nil {
			why = oneLine(err.Error())
		}
		return luxi.OobRow{}, fmt.Errorf("job %d: %s", job.ID, why)
	}
	rows, err := job.Ops[0].OobRows()
	if err != nil {
		return luxi.OobRow{}, err
	}
	if len(rows) != 1 || !luxi.MatchesName(rows[0].Node, node) {
		return luxi.OobRow{}, fmt.Errorf("job %d did not answer for this node alone", job.ID)
	}
	switch rows[0].Status {
	case luxi.StatusNormal:
		return rows[0], nil
	case luxi.StatusUnavailable:
		return luxi.OobRow{}, errors.New("the node has no oob_program")
	}
	return luxi.OobRow{}, fmt.Errorf("the oob_program failed, see gnt-job info %d", job.ID)
}

// giveUp cancels a job that did not end in time, and says what it waited for.
func (f *oobFence) giveUp(id luxi.JobID, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), oobCancelTime)
	defer cancel()
	holders := lockHolders(ctx, f.client, id)
	f.cancel(ctx, id)
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("waiting for job %d: %w", id, err)
	}
	if len(holders) > 0 {
		return fmt.Errorf("job %d waits for a lock that job %s has", id, tagstore.JobList(holders))
	}
	return fmt.Errorf("job %d did not end in time", id)
}

// cancel cancels a job. luxid may refuse that for a job whose process has just
// been started (cancelJob in src/Ganeti/JQueue.hs), so it is tried until it succeeds or
// the job has ended.
func (f *oobFence) cancel(ctx context.Context, id luxi.JobID) {
	for {
		canceled, _, err := f.client.CancelJob(ctx, id, false)
		if canceled || err != nil {
			return // luxid may still be at it
		}
		infos, err := f.client.QueryJobs(ctx, []luxi.JobID{id})
		if err != nil || infos[0].Status.Final() || !sleep(ctx, 200*time.Millisecond) {
			return
		}
	}
}

// lockHolders returns the jobs that have the lock which a job waits for.
func lockHolders(ctx context.Context, c *luxi.Client, id luxi.JobID) []luxi.JobID {
	locks, err := c.QueryLocks(ctx)
	if err != nil {
		return nil // who has it is only told
	}
	for _, l := range locks {
		for _, waiter := range l.Waiters {
			if waiter == id {
				return l.Holders
			}
		}
	}
	return nil
}
