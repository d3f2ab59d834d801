package main

import (
	"context"
	"time"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/tagstore"
)

// suspendCmd is "ganeti-autorepair suspend".
type suspendCmd struct {
	objectArgs
	For   span   `xor:"end" placeholder:"TIME" help:"How long, for example 4h or 2d (default: until it is resumed)."`
	Until string `xor:"end" placeholder:"TIME" help:"Until when, for example 18:30 or \"2030-01-31 18:30\"."`
	steerFlags
}

// Run suspends repairs.
func (cmd *suspendCmd) Run(ctx context.Context, e *env) error {
	until, done := int64(0), "suspended until it is resumed"
	now := e.now()
	switch {
	case cmd.For != 0:
		until = now.Add(time.Duration(cmd.For)).Unix()
	case cmd.Until != "":
		at, err := parseMoment(cmd.Until, now)
		if err != nil {
			return usage(err)
		}
		until = at.Unix()
	}
	if until != 0 {
		done = "suspended until " + clockTime(until)
	}
	return cmd.each(ctx, e, "suspend", cmd.Objects, func(dir *read.Directory, o tagstore.Object) deed {
		change, longer := o.Suspend(until)
		d := deed{object: o, change: change, done: done}
		if longer != nil {
			d.done = "already suspended until it is resumed"
			if longer.Until != 0 {
				d.done = "already suspended until " + clockTime(longer.Until)
			}
		}
		if apart := dir.Apart(o, now.Unix()); len(apart) > 0 {
			d.note = "not held by this, as they have a policy of their own: " + someWords(apart)
		}
		return d
	})
}
