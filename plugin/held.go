package plugin

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// Held submission: jobs that wait for a word, and never run without it (C1).
//
// The first submission of a pass carries a hold job, a delay on no node that runs
// for as long as jobs may be held; and each one carries for every repair job a gate
// in front of it: a trivial job that waits for the hold job's end. The repair job
// depends on its gate being canceled. So
//
//   - canceling the gate releases the repair job;
//   - when the hold job ends, the remaining gates run, and the repair jobs
//     behind them end as "error" without having begun.
//
// What is written between submission and release, the pending tag that names
// the job, is therefore in the configuration before the job touches anything;
// and whatever dies in between, an unreleased job expires by itself.

// heldJob is a repair job and the gate that holds it.
type heldJob struct {
	Gate, Job luxi.JobID
}

// anyEnd lists all the ways in which a hold job can end. An empty list would not
// do: it lets a canceled hold job cancel the gates, which would release
// everything they hold (lib/jqueue/__init__.py CheckAndRegister).
var anyEnd = []luxi.JobStatus{luxi.JobSuccess, luxi.JobError, luxi.JobCanceled}

// submitHeld submits jobs that the given hold job holds, or, where that is 0, a new
// one, for the given time. errs has an entry for every job; those with an error
// will never run. The returned error means that none can be released; if the call's
// outcome is unknown they expire.
func (p *Pass) submitHeld(ctx context.Context, holdJob luxi.JobID, hold time.Duration, jobs [][]luxi.OpCode, marks []repair.Mark) (_ luxi.JobID, held []heldJob, errs []error, err error) {
	var all [][]luxi.OpCode
	if holdJob == 0 {
		all = append(all, repair.DelayOps(repair.Mark{Kind: repair.MarkHold}, hold.Seconds(), nil, p.Now()))
	}
	first := len(all)
	for k, ops := range jobs {
		gate := marks[k]
		gate.Kind = repair.MarkGate
		waitFor := holdJob
		if holdJob == 0 {
			waitFor = luxi.JobID(-(2*k + 1)) // counted back from the gate itself
		}
		all = append(all, repair.DelayOps(gate, repair.GateSeconds, []luxi.Depend{{Job: waitFor, On: anyEnd}}, p.Now()))
		ops[0].Header().Depends = []luxi.Depend{{Job: -1, On: []luxi.JobStatus{luxi.JobCanceled}}}
		all = append(all, ops)
	}
	submitted, err := p.Client.SubmitManyJobs(ctx, all)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("submitting repair jobs: %w", err)
	}
	var noHold error
	if holdJob == 0 {
		holdJob, noHold = submitted[0].ID, submitted[0].Err
	}
	held, errs = make([]heldJob, len(jobs)), make([]error, len(jobs))
	for k := range jobs {
		gate, job := submitted[first+2*k], submitted[first+2*k+1]
		held[k] = heldJob{Gate: gate.ID, Job: job.ID}
		switch {
		case noHold != nil:
			// Without it the gate has nothing to wait for, runs, and the job expires.
			errs[k] = noHold
		case gate.Err != nil:
			errs[k] = gate.Err
		case job.Err != nil:
			errs[k] = job.Err
		}
	}
	return holdJob, held, errs, nil
}

// release lets a held job go, by canceling its gate.
func (p *Pass) release(ctx context.Context, h heldJob) error {
	ok, text, err := p.Client.CancelJob(ctx, h.Gate, false)
	if err != nil {
		return fmt.Errorf("releasing job %d: %w", h.Job, err)
	}
	if !ok {
		return fmt.Errorf("releasing job %d: %s", h.Job, text)
	}
	return nil
}

// expire ends a hold job, so that everything it still holds expires at once
// instead of later: gracefully, so that no failed job is left for people to
// wonder about, and where that cannot be, by killing it.
func (p *Pass) expire(ctx context.Context, hold luxi.JobID) error {
	status, socket, err := p.Client.DelaySocket(ctx, hold)
	switch {
	case err != nil:
		return fmt.Errorf("ending hold job %d: %w", hold, err)
	case status.Final():
		return nil
	case socket != "" && luxi.EndDelay(ctx, socket) == nil:
		// When it has ended nothing is held any more, and what was released has had its
		// turn to begin.
		_, _ = p.Client.WaitForJob(ctx, hold)
		return nil
	}
	// One that has not started yet is simply taken out of the queue. Canceling one
	// that has, or whose process is just starting, without killing it, would only
	// wait for it in vain.
	if _, _, err := p.Client.CancelJob(ctx, hold, true); err != nil {
		return fmt.Errorf("ending hold job %d: %w", hold, err)
	}
	_, _ = p.Client.WaitForJob(ctx, hold)
	return nil
}
