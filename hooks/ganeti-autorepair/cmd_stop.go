package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/tagstore"
)

// stopCmd is "ganeti-autorepair stop".
type stopCmd struct {
	For span `placeholder:"TIME" help:"How long, for example 2h or 1d (default: until it is resumed)."`
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
	if err := cmd.tellRunning(ctx, e, c); err != nil {
		return err
	}
	return failed
}

// tellRunning lists the repair jobs that go on, and how each could be stopped.
func (cmd *stopCmd) tellRunning(ctx context.Context, e *env, c *luxi.Client) error {
	jobs, err := unfinishedJobs(ctx, c)
	if err != nil {
		return err
	}
	begun := 0
	for _, j := range jobs {
		switch {
		case j.begun:
			begun++
			fmt.Fprintf(e.stdout, "%s: %s has begun and goes on to its end\n", j.instance, j)
		case !cmd.DryRun:
			fmt.Fprintf(e.stdout, "%s: %s could not be taken back yet; to try again: ganeti-autorepair stop\n", j.instance, j)
		}
	}
	if begun > 0 {
		fmt.Fprintf(e.stdout, "%s\n", goesOn(begun))
		e.note("hint: to end one at once, half done: gnt-job cancel --kill --yes-do-it JOB")
	}
	return nil
}

// goesOn counts jobs that run on: "1 job goes on".
func goesOn(n int) string {
	if n == 1 {
		return "1 job goes on"
	}
	return countOf(n, "job") + " go on"
}

// suspendAll suspends the cluster, and every object that permits repairs itself and so
// would not be suspended by the cluster. It returns what it could not suspend as
// failed, as the jobs are to be taken back all the same.
func (cmd *stopCmd) suspendAll(ctx context.Context, e *env, c *luxi.Client) (failed, err error) {
	dir, err := read.ReadDirectory(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	until, added := int64(0), false
	if cmd.For != 0 {
		until = e.now().Add(time.Duration(cmd.For)).Unix()
	}
	var actions []tagAction
	for _, o := range append([]tagstore.Object{dir.Cluster}, permitting(dir)...) {
		change, longer := o.Stop(until)
		a := tagAction{object: o, change: change, done: suspendedUntil(until), would: "would be " + suspendedUntil(until)}
		if longer != nil {
			a.unchanged = "already " + suspendedUntil(longer.Until)
		}
		added = added || longer == nil
		actions = append(actions, a)
	}
	failed = cmd.carryOut(ctx, e, c, "stop", actions)
	if ctx.Err() != nil {
		return nil, failed
	}
	if added && !cmd.DryRun {
		e.note("hint: to let repairs go on: ganeti-autorepair resume --all")
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
