package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// writeFlags are the flags of commands that write tags.
type writeFlags struct {
	DryRun  bool `short:"n" help:"Say which tags would be written, and write none."`
	Timeout span `default:"5m" placeholder:"TIME" help:"Give up tags that cannot be written in this time, for example while a job has the instance locked (default: 5m)."`
	reasonFlag
}

// reasonFlag is the flag of all commands that steer.
type reasonFlag struct {
	Reason reasonText `placeholder:"TEXT" help:"Why, for the reason trail of the jobs, as with gnt-*, and for the log."`
}

// reasonText is what a person gives as the reason for a command.
type reasonText string

// UnmarshalText reads the text.
func (t *reasonText) UnmarshalText(text []byte) error {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return errors.New("a reason is ASCII text in one line, as luxid cannot write any other")
		}
	}
	*t = reasonText(strings.TrimSpace(string(text)))
	return nil
}

// steerFlags are the flags of commands that write tags of objects that are named or
// selected.
type steerFlags struct {
	writeFlags
	selectFlags
}

// maxTimeout bounds --timeout. After half an hour Ganeti waits for a lock without
// looking for cancellation (LOCK_ATTEMPTS_TIMEOUT in lib/_constants.py), and the job
// can no longer be canceled.
const maxTimeout = 20 * time.Minute

// AfterApply checks the flags.
func (f *writeFlags) AfterApply() error {
	if time.Duration(f.Timeout) > maxTimeout {
		return errors.New("--timeout is at most 20m: a tag job that waits longer for a lock can no longer be canceled")
	}
	return nil
}

// steered connects to the master for a command that writes tags, which takes a queue
// that accepts jobs.
func (e *env) steered(ctx context.Context) (*luxi.Client, settings, error) {
	c, set, drained, err := e.connect(ctx)
	if err == nil && drained {
		c.Close()
		return nil, set, plugin.ErrQueueDrained
	}
	return c, set, err
}

// connect connects to the master, and tells whether the queue is drained.
func (e *env) connect(ctx context.Context) (c *luxi.Client, set settings, drained bool, err error) {
	if set, err = e.settings(); err != nil {
		return nil, set, false, err
	}
	if err := e.onMaster(); err != nil {
		return nil, set, false, err
	}
	c = e.client()
	v, err := c.QueryConfigValues(ctx)
	switch {
	case err != nil:
		err = fmt.Errorf("asking for the master: %w", err)
	case !repair.SameNode(e.paths.hostname, v.MasterNode):
		err = notMaster(fmt.Errorf("%w: the master is %s, this is %s", plugin.ErrNotMaster, v.MasterNode, e.paths.hostname))
	default:
		return c, set, v.Drained, nil
	}
	c.Close()
	return nil, set, false, err
}

// each makes a tag action for each object that is named or selected, and carries
// them out.
func (f steerFlags) each(ctx context.Context, e *env, command string, words []string, action func(*read.Directory, tagstore.Object) tagAction) error {
	c, _, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	dir, objects, err := f.resolve(ctx, c, words)
	if err != nil {
		return err
	}
	var actions []tagAction
	for _, o := range objects {
		actions = append(actions, action(dir, o))
	}
	return f.carryOut(ctx, e, c, command, actions)
}

// policyText returns a policy in words, with its origin.
func policyText(p tagstore.Policy) string {
	text := p.Type.String()
	if p.Suspended {
		text = "suspended"
		if p.Until != 0 {
			text += " until " + clockTime(p.Until)
		}
	}
	if p.Origin != "" {
		text += " (from " + p.Origin + ")"
	}
	return strings.TrimSpace(text)
}
