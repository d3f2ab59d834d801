package main

import (
	"context"
	"errors"
)

// runCmd is "ganeti-autorepair run".
type runCmd struct {
	FromWatcher bool `help:"Run as the watcher's hook: quiet, and only when a pass is due."`
	DryRun      bool `short:"n" help:"Show what a pass would do, and change nothing."`
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
		return usage(errors.New("--assume-offline, --assume-drained, --opcodes, --json, --snapshot and --save go with --dry-run only"))
	}
	set, err := e.settings()
	if err != nil {
		return err
	}
	// Ask the node's own files first: only the master has a socket.
	if err := e.onMaster(); err != nil {
		e.removeMetrics(set)
		if cmd.FromWatcher {
			return nil
		}
		return err
	}
	r := &runner{cmd: cmd, env: e, set: set}
	file, closeLog := e.openLog(set.log, set.logFormat)
	defer closeLog()
	people := console{w: e.stderr, now: e.now}
	if cmd.Wait {
		people.silent = toldByWait
	}
	r.log = both{file, people}
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
