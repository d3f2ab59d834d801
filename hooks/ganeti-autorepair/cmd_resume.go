package main

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// resumeCmd is "ganeti-autorepair resume".
type resumeCmd struct {
	All bool `help:"Undo what stop has suspended, wherever that was, and nothing else."`
	objectArgs
	steerFlags
}

// Run ends suspensions.
func (cmd *resumeCmd) Run(ctx context.Context, e *env) error {
	if cmd.All {
		return cmd.undoStop(ctx, e)
	}
	return cmd.each(ctx, e, "resume", cmd.Objects, func(dir *read.Directory, o tagstore.Object) tagAction {
		return tagAction{
			object: o, change: o.Resume(), done: "no longer suspended by a tag of its own", would: "would no longer be suspended by a tag of its own",
			unchanged: "not suspended by a tag of its own", note: stillSuspended(dir, o.After(o.Resume()), e.now().Unix()),
		}
	})
}

// stillSuspended says which object suspends one that was resumed; "" if none does.
func stillSuspended(d *read.Directory, o tagstore.Object, now int64) string {
	p := d.Policy(o, now)
	if !p.Suspended {
		return ""
	}
	return fmt.Sprintf("it is still suspended by %s: ganeti-autorepair resume %s", p.Origin, report.ObjectWord(p.Origin))
}

// undoStop removes the suspensions of stop. Those that people have made stay, so that
// all is as it was before.
func (cmd *resumeCmd) undoStop(ctx context.Context, e *env) error {
	if cmd.given() || len(cmd.Objects) > 0 {
		return usage(errors.New("--all goes with no object: it undoes stop everywhere"))
	}
	c, _, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	dir, err := read.ReadDirectory(ctx, c, nil)
	if err != nil {
		return err
	}
	all := append([]tagstore.Object{dir.Cluster}, dir.Groups...)
	for _, i := range dir.Instances {
		all = append(all, i.Object)
	}
	now := e.now().Unix()
	after := make(map[string]tagstore.Object)
	for _, o := range all {
		after[o.String()] = o.After(o.Unstop())
	}
	then := dir.With(func(o tagstore.Object) tagstore.Object { return after[o.String()] })
	var actions []tagAction
	for _, o := range all {
		change := o.Unstop()
		if change.Empty() {
			continue
		}
		actions = append(actions, tagAction{
			object: o, change: change, done: "no longer stopped", would: "would no longer be stopped",
			note: stillSuspended(then, after[o.String()], now),
		})
	}
	if len(actions) == 0 {
		e.note("nothing is stopped by stop; suspensions of other kinds are shown by: ganeti-autorepair policy")
		return nil
	}
	return cmd.carryOut(ctx, e, c, "resume", actions)
}
