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
	now, until := e.now(), int64(0)
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
	return cmd.each(ctx, e, "suspend", cmd.Objects, func(dir *read.Directory, o tagstore.Object) tagAction {
		change, longer := o.Suspend(until)
		a := tagAction{object: o, change: change, done: suspendedUntil(until), would: "would be " + suspendedUntil(until)}
		if longer != nil {
			a.unchanged = "already " + suspendedUntil(longer.Until)
		}
		if apart := dir.Apart(o, now.Unix()); len(apart) > 0 {
			a.note = "these go on, as they have a policy of their own: " + someWords(apart)
		}
		return a
	})
}

// suspendedUntil says until when something is suspended; 0 is for ever.
func suspendedUntil(unix int64) string {
	if unix == 0 {
		return "suspended until it is resumed"
	}
	return "suspended until " + clockTime(unix)
}
