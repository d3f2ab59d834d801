package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
)

// waitForAll does passes until no repair has anything more to do now: each pass
// is followed by a wait for the jobs it left running. Repairs that wait for
// room or for a person are not waited for.
func (r *runner) waitForAll(ctx context.Context) error {
	var failed error
	for {
		report, err := r.onePass(ctx)
		if errors.Is(err, errLocked) {
			// The watcher's pass; it is bounded in time.
			if !sleep(ctx, time.Second) {
				return ctx.Err()
			}
			continue
		}
		if report == nil {
			return r.judge(err)
		}
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			failed = err
		}
		jobs := unfinished(report)
		if len(jobs) == 0 {
			r.env.writeStatus(report.Plan)
			return failed
		}
		if err := r.waitForJobs(ctx, jobs); err != nil {
			return err
		}
	}
}

// unfinished lists the repair jobs that a pass left running.
func unfinished(report *plugin.Report) []luxi.JobID {
	var ids []luxi.JobID
	for _, rel := range report.Released {
		ids = append(ids, rel.Job)
	}
	for _, v := range report.Plan.Views() {
		if v.Repair == nil {
			continue
		}
		for _, j := range v.Repair.Jobs {
			if j.Outcome == string(plugin.OutcomeUnfinished) {
				ids = append(ids, luxi.JobID(j.ID))
			}
		}
	}
	return ids
}

func (r *runner) waitForJobs(ctx context.Context, ids []luxi.JobID) error {
	c := r.env.client()
	defer c.Close()
	for _, id := range ids {
		status, err := c.WaitForJob(ctx, id)
		var lost *luxi.Error
		if err != nil && !errors.As(err, &lost) {
			return fmt.Errorf("waiting for job %d: %w", id, err)
		}
		fmt.Fprintf(r.env.stdout, "job %d: %s\n", id, status)
	}
	return nil
}

// sleep waits, or returns false when the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
