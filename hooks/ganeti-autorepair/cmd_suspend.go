package main

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
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
	c, _, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	dir, objects, err := cmd.resolve(ctx, c, cmd.Objects)
	if err != nil {
		return err
	}
	var actions []tagAction
	for _, o := range objects {
		actions = append(actions, suspendAction(dir, o, until, now.Unix()))
	}
	failed := cmd.carryOut(ctx, e, c, "suspend", actions)
	if ctx.Err() == nil {
		e.noteLater(cmd.selectFlags, dir, objects, "suspended", "ganeti-autorepair suspend %s")
		err = tellGoingOn(ctx, e, c, dir, objects)
	}
	if failed != nil {
		return failed
	}
	return err
}

// suspendAction suspends one object.
func suspendAction(dir *read.Directory, o tagstore.Object, until, now int64) tagAction {
	change, longer := o.Suspend(until)
	a := tagAction{object: o, change: change, done: suspendedUntil(until), would: "would be " + suspendedUntil(until)}
	if longer != nil {
		a.unchanged = "already " + suspendedUntil(longer.Until)
	}
	if apart := dir.Apart(o, now); len(apart) > 0 {
		a.note = "these go on, as they have a policy of their own: " + someWords(apart)
	}
	return a
}

// tellGoingOn tells which repair jobs of suspended instances go on, as they were
// released before, and what takes back those that have not begun.
func tellGoingOn(ctx context.Context, e *env, c *luxi.Client, dir *read.Directory, objects []tagstore.Object) error {
	jobs, err := unfinishedJobs(ctx, c)
	if err != nil {
		return err
	}
	var concerned []unfinishedJob
	unbegun := 0
	for _, j := range jobs {
		if !dir.Covers(objects, j.instance) {
			continue
		}
		concerned = append(concerned, j)
		if !j.begun {
			unbegun++
		}
	}
	if len(concerned) > linesEach {
		fmt.Fprintf(e.stdout, "%s, %d of which have not begun\n", goesOn(len(concerned)), unbegun)
		if unbegun > 0 {
			e.note("hint: to take those back, of all instances: ganeti-autorepair stop")
		}
		return nil
	}
	for _, j := range concerned {
		if j.begun {
			fmt.Fprintf(e.stdout, "%s: %s has begun and goes on to its end\n", j.instance, j)
		} else {
			fmt.Fprintf(e.stdout, "%s: %s goes on when its turn comes; to take it back: ganeti-autorepair cancel %s\n", j.instance, j, j.instance)
		}
	}
	return nil
}

// suspendedUntil says until when something is suspended; 0 is for ever.
func suspendedUntil(unix int64) string {
	if unix == 0 {
		return "suspended until it is resumed"
	}
	return "suspended until " + clockTime(unix)
}
