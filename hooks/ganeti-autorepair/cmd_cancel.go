package main

import (
	"context"
	"fmt"

	"ganeti-autorepair/plugin"
	"ganeti-autorepair/tagstore"
)

// cancelCmd is "ganeti-autorepair cancel".
type cancelCmd struct {
	instanceArgs
	steerFlags
}

// Run cancels pending repairs: their jobs that have not begun, then their tags.
func (cmd *cancelCmd) Run(ctx context.Context, e *env) error {
	c, set, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if !cmd.DryRun {
		lock, err := e.waitForLock(ctx, set.engine.PassTimeout)
		if err != nil {
			return err
		}
		defer lock.release()
	}
	// Read under the lock: no pass adds a job or a tag from here on.
	dir, objects, err := cmd.resolve(ctx, c, cmd.Instances)
	if err != nil {
		return err
	}
	if err := instancesOnly(objects); err != nil {
		return err
	}
	pass := &plugin.Pass{Client: c, Settings: set.engine, Now: e.now}
	var actions []tagAction
	for _, o := range objects {
		a := tagAction{object: o, change: o.GiveUp(), unchanged: "has no pending repair"}
		jobs, err := pass.EndRepairs(ctx, o, cmd.DryRun)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.err = err
		repairs := countOf(len(a.change.Remove), "pending repair")
		a.done, a.would = repairs+" canceled", repairs+" would be canceled"
		if len(jobs) > 0 {
			a.done, a.would = a.done+", with "+countOf(len(jobs), "job"), a.would+", with "+countOf(len(jobs), "job")
		}
		if p := dir.Policy(o, e.now().Unix()); p.Type != tagstore.None && !a.change.Empty() {
			a.note = fmt.Sprintf("the next pass may begin a new repair, as %s permits %s; to prevent it: ganeti-autorepair suspend %s", p.Origin, p.Type, word(o))
		}
		actions = append(actions, a)
	}
	return cmd.carryOut(ctx, e, c, "cancel", actions)
}
