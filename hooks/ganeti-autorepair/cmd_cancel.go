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

// Run gives pending repairs up: their jobs that have not begun, then their tags.
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
	var deeds []deed
	for _, o := range objects {
		d := deed{object: o, change: o.GiveUp(), done: "without a pending repair"}
		jobs, err := pass.EndRepairs(ctx, o, cmd.DryRun)
		d.err = err
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !d.change.Empty() && len(jobs) > 0 {
			word := "jobs"
			if len(jobs) == 1 {
				word = "job"
			}
			d.done += fmt.Sprintf(" (%d %s canceled)", len(jobs), word)
		}
		if p := dir.Policy(o, e.now().Unix()); p.Type != tagstore.None && !d.change.Empty() {
			d.note = fmt.Sprintf("the next pass may begin a new one, as %s permits %s; to prevent it: ganeti-autorepair suspend %s", p.Origin, p.Type, word(o))
		}
		deeds = append(deeds, d)
	}
	return cmd.carryOut(ctx, e, c, "cancel", deeds)
}
