package main

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
)

// runCmd is "ganeti-autorepair run".
type runCmd struct {
	FromWatcher bool `help:"Run as the watcher's hook: quiet, and only when a pass is due."`
	DryRun      bool `short:"n" help:"Say what a pass would do, opcodes included, and change nothing."`
	Wait        bool `short:"w" help:"Wait for the repairs to end, pass after pass."`
	IgnorePause bool `help:"Run although the watcher is paused."`
	dryRunFlags
}

// Run does one pass, or as many as it takes with --wait.
func (cmd *runCmd) Run(ctx context.Context, e *env) error {
	if cmd.FromWatcher && (cmd.DryRun || cmd.Wait) {
		return usage(errors.New("--from-watcher goes with neither --dry-run nor --wait"))
	}
	if cmd.DryRun && cmd.Wait {
		return usage(errors.New("--dry-run and --wait exclude each other"))
	}
	if cmd.DryRun {
		return cmd.dryRun(ctx, e)
	}
	if cmd.given() {
		return usage(errors.New("--assume-offline, --assume-drained, --json, --snapshot and --save go with --dry-run only"))
	}
	set, err := e.settings()
	if err != nil {
		return err
	}
	// A node that is not the master has no socket; its own files tell sooner.
	if err := e.onMaster(); err != nil {
		e.removeMetrics(set)
		if cmd.FromWatcher {
			return nil
		}
		return err
	}
	r := &runner{cmd: cmd, env: e, set: set}
	file, closeLog := e.openLog(set.Log, set.LogFormat)
	defer closeLog()
	r.log = both{file, console{w: e.stderr, now: e.now}}
	if cmd.FromWatcher {
		r.log = file
	}
	if cmd.Wait {
		return r.waitForAll(ctx)
	}
	_, err = r.onePass(ctx)
	r.tellEvents(ctx)
	return r.judge(err)
}

func notMaster(err error) error {
	return &hintError{code: exitNotMaster, err: err, hint: "gnt-cluster getmaster"}
}

// settings reads the settings file of this run.
func (e *env) settings() (plugin.Settings, error) {
	path, must := e.paths.settings(), false
	if e.cli.Config != "" {
		path, must = e.cli.Config, true
	}
	set, err := readSettings(path, must)
	if err != nil {
		return set, &hintError{code: exitUsage, err: err, hint: "man ganeti-autorepair.toml"}
	}
	return set, nil
}

func (e *env) client() *luxi.Client {
	socket := e.cli.Luxi
	if socket == "" {
		socket = e.paths.socket()
	}
	return luxi.New(socket, luxi.Options{Now: e.now})
}

// runner does passes.
type runner struct {
	cmd *runCmd
	env *env
	set plugin.Settings
	log plugin.Logger

	heard  ear     // what the pass said of repairs that ended
	events []event // that nobody was told of yet
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

// onePass does one pass under the lock.
func (r *runner) onePass(ctx context.Context) (*plugin.Report, error) {
	lock, err := takeLock(r.env.paths.lock())
	if err != nil {
		return nil, err
	}
	defer lock.release()
	now := r.env.now()
	if last, ok := lock.last(); r.cmd.FromWatcher && ok && !last.due(now, r.set.Interval, r.set.BusyInterval) {
		return nil, errTooEarly
	}
	pass := r.env.pass(r.set, both{r.log, &r.heard})
	defer pass.Client.Close()
	facts := plugin.PassFacts{Began: now}
	if last, ok := lock.last(); ok {
		facts.LastSuccess = last.Time
	}
	report, err := (*plugin.Report)(nil), r.preflight(ctx, pass.Client)
	if nothingToDo(err) {
		return nil, err
	}
	if err == nil {
		report, err = pass.Run(ctx)
	}
	facts.Took = r.env.now().Sub(now)
	if err != nil {
		r.env.writeMetrics(r.set, nil, facts)
		if report != nil {
			r.passEvents(report) // of what it did before
		}
		return report, passError(ctx, err)
	}
	if err := lock.record(stamp{Time: now, Busy: report.Pending > 0 || report.OutOfTime}); err != nil {
		r.env.note("warning: %s", err)
	}
	facts.LastSuccess, facts.Success, facts.Released = now, len(report.Problems) == 0, len(report.Released)
	r.env.writeMetrics(r.set, report.Plan, facts)
	if report.OutOfTime {
		r.log.Warn("out of time, the next pass goes on")
	}
	r.remember(report)
	if !r.cmd.FromWatcher && !r.cmd.Wait {
		r.env.writeStatus(report.Plan)
	}
	switch n := len(report.Problems); {
	case n == 0:
		return report, nil
	case n == 1:
		return report, errors.New(report.Problems[0])
	default:
		// The watcher's log gets what is told of a failed hook, and nothing else.
		for _, p := range report.Problems {
			r.env.note("problem: %s", oneLine(p))
		}
		return report, fmt.Errorf("%d problems need a look", n)
	}
}

func (r *runner) preflight(ctx context.Context, c *luxi.Client) error {
	short, cancel := context.WithTimeout(ctx, r.set.PassTimeout/6)
	defer cancel()
	return plugin.Preflight(short, c, r.env.paths.hostname, r.env.now(), r.cmd.IgnorePause)
}

// pass makes a pass for this environment.
func (e *env) pass(set plugin.Settings, log plugin.Logger) *plugin.Pass {
	return &plugin.Pass{Client: e.client(), Settings: set, Now: e.now, NewID: e.newID, Log: log}
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
