package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/tagstore"
)

// stopCmd is "ganeti-autorepair stop".
type stopCmd struct {
	writeFlags
}

// Run stops all repairs (P15): it suspends the cluster and every object with a
// permission of its own, and takes back all repair jobs that have not begun. The
// suspensions come first, so that a running pass releases nothing more.
func (cmd *stopCmd) Run(ctx context.Context, e *env) error {
	c, set, drained, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var failed error
	if drained {
		e.note("warning: nothing is suspended: %s", plugin.ErrQueueDrained)
	} else if failed, err = cmd.suspendAll(ctx, e, c); err != nil {
		return err
	}
	if !cmd.DryRun {
		lock, err := e.waitForLock(ctx, set.engine.PassTimeout)
		if err != nil {
			return err
		}
		defer lock.release()
	}
	log, end := e.openLog(set.log, set.logFormat)
	defer end()
	pass := e.pass(set, both{log, console{w: e.stderr, now: e.now}})
	defer pass.Client.Close()
	jobs, err := pass.TakeBackAll(ctx, cmd.DryRun)
	if err != nil {
		return err
	}
	word := "taken back"
	if cmd.DryRun {
		word = "would be taken back"
	}
	for _, j := range jobs {
		fmt.Fprintf(e.stdout, "%s: job %d (%s of repair %s) %s\n", j.Instance, int64(j.Job), j.Step, j.Repair, word)
	}
	fmt.Fprintf(e.stdout, "%s %s\n", countOf(len(jobs), "job"), word)
	return failed
}

// suspendAll suspends the cluster, and every object that permits repairs itself and so
// would not be suspended by the cluster. It returns what it could not suspend as
// failed, as the jobs are to be taken back all the same.
func (cmd *stopCmd) suspendAll(ctx context.Context, e *env, c *luxi.Client) (failed, err error) {
	dir, err := read.ReadDirectory(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	var actions []tagAction
	var words []string
	for _, o := range append([]tagstore.Object{dir.Cluster}, permitting(dir)...) {
		change, longer := o.Suspend(0)
		a := tagAction{object: o, change: change, done: suspendedUntil(0), would: "would be " + suspendedUntil(0)}
		if longer != nil {
			a.unchanged = "already " + suspendedUntil(longer.Until)
		} else {
			words = append(words, word(o))
		}
		actions = append(actions, a)
	}
	failed = cmd.carryOut(ctx, e, c, "stop", actions)
	if ctx.Err() != nil {
		return nil, failed
	}
	if len(words) > 0 && !cmd.DryRun {
		e.note("hint: to let repairs go on: ganeti-autorepair resume %s", strings.Join(words, " "))
	}
	if errors.Is(failed, errFailed) {
		failed = fmt.Errorf("the cluster is not suspended")
	}
	return failed, nil
}

// permitting lists the groups and instances that have a permission of their own.
func permitting(dir *read.Directory) []tagstore.Object {
	var list []tagstore.Object
	for _, g := range dir.Groups {
		if len(g.Tags.Enables) > 0 {
			list = append(list, g)
		}
	}
	for _, i := range dir.Instances {
		if len(i.Tags.Enables) > 0 {
			list = append(list, i.Object)
		}
	}
	return list
}
