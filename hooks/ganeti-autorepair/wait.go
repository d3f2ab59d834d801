package main

import (
	"context"
	"errors"
	"time"

	"ganeti-autorepair/luxi"
)

// toldByWait are the messages of the log that follow and results tell in other words.
var toldByWait = map[string]bool{"repair job released": true, "repair ended": true}

// waitForAll does passes until one leaves no repair job running, and waits for the
// jobs after each. It does not wait for repairs that wait for room or for a person.
func (r *runner) waitForAll(ctx context.Context) error {
	var failed error
	for {
		report, err := r.onePass(ctx)
		r.tellEvents(ctx)
		if errors.Is(err, errLocked) {
			// Another pass runs, which has a limit in time.
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
		for _, line := range results(report) {
			writeFolded(r.env.stdout, "", "  ", line, r.env.screen.columns)
		}
		jobs := underWay(report)
		if len(jobs) == 0 {
			r.env.writeStatus(report.PlanAfter(), r.set)
			return failed
		}
		if err := r.follow(ctx, jobs); err != nil {
			return err
		}
	}
}

func isLost(err error) bool { return errors.Is(err, luxi.ErrJobLost) }

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
