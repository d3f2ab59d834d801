package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// runner does passes.
type runner struct {
	cmd *runCmd
	env *env
	set settings
	log plugin.Logger

	began  time.Time // the pass
	events []event   // that nobody was told of yet
	drawn  int       // lines of progress on the terminal
}

// onePass does one pass under the lock.
func (r *runner) onePass(ctx context.Context) (*plugin.Report, error) {
	state := r.env.paths.state()
	lock, err := takeLock(state)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	r.began = r.env.now()
	pass := r.env.pass(r.set, r.log)
	defer pass.Client.Close()
	last, found, _ := r.env.lastPass(r.set)
	if r.cmd.FromWatcher && found && !r.due(ctx, pass.Client, last) {
		return nil, errTooEarly
	}
	silent := r.env.silentNodes(r.set)
	r.env.notLooked(silent)
	var seen observation
	facts := report.PassFacts{Began: r.began, LastSuccess: last.Time}
	did, err := (*plugin.Report)(nil), r.preflight(ctx, pass.Client)
	switch {
	case errors.Is(err, plugin.ErrQueueDrained):
		return nil, r.takeBackOnly(ctx, pass, err)
	case nothingToDo(err):
		return nil, err
	case err == nil:
		seen = r.observeFirst(ctx, pass.Client)
		seen.silent = silent
		pass.Disks = seen.DiskFacts(r.set.engine)
		did, err = pass.Run(ctx)
	}
	facts.Took = r.env.now().Sub(r.began)
	if err != nil {
		r.env.writeMetrics(r.set, nil, facts)
		if did != nil {
			r.keepJobs(did)
			r.passEvents(did, changes{}) // of what it did before
		}
		return did, passError(ctx, err)
	}
	if did.OutOfTime {
		r.log.Warn("out of time, the next pass goes on")
	}
	// First of all what the next pass needs: what follows only tells.
	kept := r.keep(did)
	facts.Rehearsals = r.rehearse(ctx, pass)
	facts.LastSuccess, facts.Success, facts.Released = r.began, len(did.Problems) == 0, len(did.Released)
	findings, plan := r.lookAround(ctx, pass, seen, did.PlanAfter(), len(did.Plan.Actions) > 0, kept)
	facts.Findings = findings
	r.env.writeMetrics(r.set, plan, facts)
	if !r.cmd.FromWatcher && !r.cmd.Wait {
		r.env.writeStatus(plan, r.set)
	}
	return did, r.problems(did)
}

// rehearse rehearses the loss of every node for the metrics, if that is set. An error does
// not stop the pass.
func (r *runner) rehearse(ctx context.Context, pass *plugin.Pass) []repair.Rehearsal {
	if !r.set.rehearsalMetrics || r.set.metricsFile == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout/2)
	defer cancel()
	rehearser, s, err := pass.Rehearser(ctx, false)
	if err != nil {
		r.env.note("warning: nothing rehearsed: %s", oneLine(err.Error()))
		return nil
	}
	return rehearser.Nodes(allNodes(s))
}

// takeBackOnly lets a pass take back what is no longer wanted, which is all that can
// be done while the queue is drained: what is queued still runs then, and can still be
// canceled (P15). It returns why the pass did no more.
func (r *runner) takeBackOnly(ctx context.Context, pass *plugin.Pass, why error) error {
	pass.QueueDrained = true
	did, err := pass.Run(ctx)
	if did != nil {
		r.keepJobs(did)
	}
	if err != nil {
		return passError(ctx, err)
	}
	return why
}

// keepJobs writes down what the next pass has to know of jobs, of a pass that ended early.
// Where that cannot be, what this one took back counts as canceled by a person (S13).
func (r *runner) keepJobs(did *plugin.Report) { _ = jobsOf(did).write(r.env.paths.state()) }

// due reports whether a pass is due after the last one: because of the time, or
// because the flags of a node differ from those that it found (W7).
func (r *runner) due(ctx context.Context, c *luxi.Client, last stamp) bool {
	if last.due(r.env.now(), r.set.interval, r.set.busyInterval) {
		return true
	}
	short, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout/6)
	defer cancel()
	flags, err := readNodeFlags(short, c)
	return err == nil && flags.differ(r.env.paths.state())
}

// keep writes down what the next pass has to know of this one, and tells what has
// changed since the last. Where the reasons cannot be written, changes are not
// told: the next pass would find them again, and tell them with every pass (W8). keep
// reports whether all was written.
func (r *runner) keep(did *plugin.Report) bool {
	state := r.env.paths.state()
	now, changed := readLastReasons(state).compare(did.PlanAfter())
	var lost []string
	var why error
	for _, k := range []struct {
		what string
		err  error
	}{
		{"stamp", state.writeStamp(r.stampOf(did))},
		{"node flags", flagsOf(did.Plan.Snapshot).write(state)},
		{"tests for room", writeRoomTests(state, did.RoomTests)},
		{"earlier jobs", jobsOf(did).write(state)},
		{"reasons", now.write(state)},
	} {
		if k.err != nil {
			lost, why = append(lost, k.what), k.err
		}
	}
	if len(lost) > 0 {
		r.env.note("warning: not kept: %s: %s", strings.Join(lost, ", "), why)
		if lost[len(lost)-1] == "reasons" {
			changed = changes{}
		}
	}
	r.logChanges(did.Plan, changed)
	r.passEvents(did, changed)
	return len(lost) == 0
}

// problems returns an error if something went wrong that a person should look at.
func (r *runner) problems(did *plugin.Report) error {
	switch n := len(did.Problems); n {
	case 0:
		return nil
	case 1:
		return errors.New(did.Problems[0])
	default:
		// ganeti-watcher logs the output of a failed hook.
		for _, p := range did.Problems {
			r.env.note("problem: %s", oneLine(p))
		}
		return fmt.Errorf("%d problems need a look", n)
	}
}

func (r *runner) preflight(ctx context.Context, c *luxi.Client) error {
	short, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout/6)
	defer cancel()
	return plugin.Preflight(short, c, r.env.paths.hostname, r.env.now(), r.cmd.IgnorePause)
}

// nothingToDo reports whether an error says that no pass is to be done now. That is
// no failure.
func nothingToDo(err error) bool {
	var paused *plugin.PausedError
	return errors.Is(err, plugin.ErrNotMaster) || errors.Is(err, plugin.ErrQueueDrained) || errors.As(err, &paused)
}

// errTooEarly says that no pass is due yet.
var errTooEarly = errors.New("too early")

// judge turns the error of a pass into that of the program. To the watcher only
// failures are errors.
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

// passError adds in one line why a pass ended early.
func passError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stopped by a signal, the next pass goes on: %w", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the pass took too long and ended early, the next one goes on: %w", err)
	}
	return err
}
