package main

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/report"
)

// runner does passes.
type runner struct {
	cmd *runCmd
	env *env
	set settings
	log plugin.Logger

	heard  ear     // what the pass said of repairs that ended
	events []event // that nobody was told of yet
}

// onePass does one pass under the lock.
func (r *runner) onePass(ctx context.Context) (*plugin.Report, error) {
	lock, err := takeLock(r.env.paths.lock())
	if err != nil {
		return nil, err
	}
	defer lock.release()
	now := r.env.now()
	if last, ok := lock.last(); r.cmd.FromWatcher && ok && !last.due(now, r.set.interval, r.set.busyInterval) {
		return nil, errTooEarly
	}
	pass := r.env.pass(r.set, both{r.log, &r.heard})
	defer pass.Client.Close()
	facts := report.PassFacts{Began: now}
	if last, ok := lock.last(); ok {
		facts.LastSuccess = last.Time
	}
	did, err := (*plugin.Report)(nil), r.preflight(ctx, pass.Client)
	if nothingToDo(err) {
		return nil, err
	}
	if err == nil {
		did, err = pass.Run(ctx)
	}
	facts.Took = r.env.now().Sub(now)
	if err != nil {
		r.env.writeMetrics(r.set, nil, facts)
		if did != nil {
			r.passEvents(did) // of what it did before
		}
		return did, passError(ctx, err)
	}
	if err := lock.record(stamp{Time: now, Busy: did.Pending > 0 || did.OutOfTime}); err != nil {
		r.env.note("warning: %s", err)
	}
	facts.LastSuccess, facts.Success, facts.Released = now, len(did.Problems) == 0, len(did.Released)
	r.env.writeMetrics(r.set, did.PlanAfter(), facts)
	if did.OutOfTime {
		r.log.Warn("out of time, the next pass goes on")
	}
	r.remember(did)
	if !r.cmd.FromWatcher && !r.cmd.Wait {
		r.env.writeStatus(did.PlanAfter())
	}
	switch n := len(did.Problems); {
	case n == 0:
		return did, nil
	case n == 1:
		return did, errors.New(did.Problems[0])
	default:
		// The watcher's log gets what is told of a failed hook, and nothing else.
		for _, p := range did.Problems {
			r.env.note("problem: %s", oneLine(p))
		}
		return did, fmt.Errorf("%d problems need a look", n)
	}
}

func (r *runner) preflight(ctx context.Context, c *luxi.Client) error {
	short, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout/6)
	defer cancel()
	return plugin.Preflight(short, c, r.env.paths.hostname, r.env.now(), r.cmd.IgnorePause)
}

// nothingToDo reports whether a pass is rightly not done at all.
func nothingToDo(err error) bool {
	var paused *plugin.PausedError
	return errors.Is(err, plugin.ErrNotMaster) || errors.Is(err, plugin.ErrQueueDrained) || errors.As(err, &paused)
}

// errTooEarly says that no pass is due yet.
var errTooEarly = errors.New("too early")

// judge turns what a pass ended with into what the program ends with. The
// watcher is not bothered with what is not a failure.
func (r *runner) judge(err error) error {
	var paused *plugin.PausedError
	switch {
	case err == nil || errors.Is(err, errTooEarly):
		return nil
	case errors.Is(err, plugin.ErrNotMaster):
		r.env.removeMetrics(r.set)
		if r.cmd.FromWatcher {
			return nil
		}
		return notMaster(err)
	case errors.As(err, &paused), errors.Is(err, plugin.ErrQueueDrained):
		if !r.cmd.FromWatcher {
			r.env.note("nothing done: %s", err)
		}
		return nil
	case errors.Is(err, errLocked):
		if r.cmd.FromWatcher {
			return nil
		}
		return err
	}
	return err
}

// passError says in one line why a pass ended before its end.
func passError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stopped by a signal, the next pass goes on: %w", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the pass took too long and ended early, the next one goes on: %w", err)
	}
	return err
}
