package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// leftoverWait bounds the time that a pass spends on ending what a dead one left
// behind. What has not ended by then is seen as unfinished and left alone.
const leftoverWait = 15 * time.Second

// settleLeftovers ends what an earlier pass that died left in the queue. As no
// other pass runs, all of it is ours to end: hold jobs, so that what they hold
// expires at once, and tag jobs and dry runs that have not run yet (C2, C3). It
// returns the unfinished jobs, nil if something was ended or tried to, as these
// are others now.
func (p *Pass) settleLeftovers(ctx context.Context) ([]luxi.JobInfo, error) {
	short, cancel := context.WithTimeout(ctx, leftoverWait)
	defer cancel()
	running, err := read.UnfinishedJobs(short, p.Client)
	ended := false
	if err == nil {
		ended, err = p.endLeftovers(short, running)
	}
	switch {
	case short.Err() == context.DeadlineExceeded && ctx.Err() == nil:
		return nil, nil
	case err != nil || ended:
		return nil, err
	}
	return running, nil
}

// endLeftovers tells whether there was anything to end.
func (p *Pass) endLeftovers(ctx context.Context, unfinished []luxi.JobInfo) (bool, error) {
	holds := 0
	gates := make(map[luxi.JobID]bool)
	var wait []luxi.JobID
	for _, job := range unfinished {
		m, ours := repair.MarkOf(job)
		if !ours {
			continue
		}
		switch m.Kind {
		case repair.MarkHold:
			if err := p.expire(ctx, job.ID); err != nil {
				return true, err
			}
			holds++
			p.Log.Info("ended the hold job of an earlier pass", "job", int64(job.ID))
		case repair.MarkGate:
			gates[job.ID] = true
		case repair.MarkTags, repair.MarkProbe, repair.MarkOffline:
			if m == repair.LookMark || m == repair.RoomMark && running(job) {
				continue // it changes nothing; a look is for a later pass to read, and what runs cannot be stopped, for minutes where a node hangs
			}
			if _, _, err := p.Client.CancelJob(ctx, job.ID, false); err != nil {
				return true, fmt.Errorf("canceling job %d of an earlier pass: %w", job.ID, err)
			}
			p.Log.Info("canceled a job of an earlier pass", "job", int64(job.ID), "for", m.Text())
			wait = append(wait, job.ID)
		}
	}
	for _, job := range unfinished {
		if m, ours := repair.MarkOf(job); ours && m.Kind == repair.MarkRepair && repair.WaitsFor(job, gates) {
			wait = append(wait, job.ID)
		}
	}
	for _, id := range wait {
		if _, err := p.Client.WaitForJob(ctx, id); err != nil && !errors.As(err, new(*luxi.Error)) {
			return true, fmt.Errorf("waiting for job %d of an earlier pass: %w", id, err)
		}
	}
	return holds > 0 || len(wait) > 0, nil
}

// running reports whether an opcode of the job runs.
func running(job luxi.JobInfo) bool {
	for _, op := range job.Ops {
		if op.Status == luxi.JobRunning {
			return true
		}
	}
	return false
}
