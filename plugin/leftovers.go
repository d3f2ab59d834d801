package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// leftoverWait bounds the time that a pass spends on ending what a dead one left
// behind. What has not ended by then is seen as unfinished and left alone.
const leftoverWait = 15 * time.Second

// settleLeftovers ends what an earlier pass that died left in the queue. As no
// other pass runs, all of it is ours to end: hold jobs, so that what they hold
// expires at once, and tag jobs and dry runs that have not run yet (C2, C3).
func (p *Pass) settleLeftovers(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, leftoverWait)
	defer cancel()
	err := p.endLeftovers(short)
	if short.Err() == context.DeadlineExceeded && ctx.Err() == nil {
		return nil
	}
	return err
}

func (p *Pass) endLeftovers(ctx context.Context) error {
	running, err := p.Client.ListJobs(ctx, luxi.UnfinishedJobs(), false)
	if err != nil {
		return fmt.Errorf("reading the job queue: %w", err)
	}
	gates := make(map[luxi.JobID]bool)
	var wait []luxi.JobID
	for _, job := range running {
		m, ours := markOf(job)
		if !ours {
			continue
		}
		switch m.Kind {
		case markHold:
			if err := p.expire(ctx, job.ID); err != nil {
				return err
			}
			p.Log.Info("ended the hold job of an earlier pass", "job", int64(job.ID))
		case markGate:
			gates[job.ID] = true
		case markTags, markProbe:
			if _, _, err := p.Client.CancelJob(ctx, job.ID, false); err != nil {
				return fmt.Errorf("canceling job %d of an earlier pass: %w", job.ID, err)
			}
			p.Log.Info("canceled a job of an earlier pass", "job", int64(job.ID), "for", m.text())
			wait = append(wait, job.ID)
		}
	}
	for _, job := range running {
		if m, ours := markOf(job); ours && m.Kind == markRepair && heldBy(job, gates) {
			wait = append(wait, job.ID)
		}
	}
	for _, id := range wait {
		if _, err := p.Client.WaitForJob(ctx, id); err != nil && !asLuxi(err, new(*luxi.Error)) {
			return fmt.Errorf("waiting for job %d of an earlier pass: %w", id, err)
		}
	}
	return nil
}

// heldBy reports whether the job waits behind one of the gates.
func heldBy(job luxi.JobInfo, gates map[luxi.JobID]bool) bool {
	for _, id := range dependencies(job) {
		if gates[id] {
			return true
		}
	}
	return false
}

func asLuxi(err error, e **luxi.Error) bool { return errors.As(err, e) }
