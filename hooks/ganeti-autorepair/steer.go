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

// steerFlags are those of all commands that write tags.
type steerFlags struct {
	DryRun  bool `short:"n" help:"Say which tags would be written, and write none."`
	Timeout span `default:"5m" placeholder:"TIME" help:"Give up what cannot be written in this time, as behind a job that works on the instance (default: 5m)."`
	selectFlags
}

// deed is what a command does to one object.
type deed struct {
	object tagstore.Object
	change tagstore.Change
	done   string // what is so afterwards, and is so already if there is no change
	note   string // what the person should know
	err    error  // why it cannot be done
}

// mostTimeout is how long a tag job is waited for at most. After half an hour
// Ganeti waits for a lock without looking up (LOCK_ATTEMPTS_TIMEOUT in
// lib/_constants.py), and the job can no longer be canceled.
const mostTimeout = 20 * time.Minute

// AfterApply checks the flags.
func (f *steerFlags) AfterApply() error {
	if time.Duration(f.Timeout) > mostTimeout {
		return errors.New("--timeout is at most 20m: a tag job that waits longer for a lock can no longer be canceled")
	}
	return nil
}

// steered connects to the master for a command that writes tags.
func (e *env) steered(ctx context.Context) (*luxi.Client, settings, error) {
	set, err := e.settings()
	if err != nil {
		return nil, set, err
	}
	if err := e.onMaster(); err != nil {
		return nil, set, err
	}
	c := e.client()
	v, err := c.QueryConfigValues(ctx)
	switch {
	case err != nil:
		err = fmt.Errorf("asking for the master: %w", err)
	case !repair.SameNode(e.paths.hostname, v.MasterNode):
		err = notMaster(fmt.Errorf("%w: the master is %s, this is %s", plugin.ErrNotMaster, v.MasterNode, e.paths.hostname))
	case v.Drained:
		err = plugin.ErrQueueDrained
	}
	if err != nil {
		c.Close()
		return nil, set, err
	}
	return c, set, nil
}

// each does a deed for each object.
func (f steerFlags) each(ctx context.Context, e *env, command string, words []string, do func(*read.Directory, tagstore.Object) deed) error {
	c, _, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	dir, objects, err := f.resolve(ctx, c, words)
	if err != nil {
		return err
	}
	var deeds []deed
	for _, o := range objects {
		deeds = append(deeds, do(dir, o))
	}
	return f.carryOut(ctx, e, c, command, deeds)
}

// counts of a command's deeds.
type counts struct{ done, already, failed int }

// batchSize is how many tag jobs are submitted in one call: few enough to show
// progress, many enough not to wait for each.
const batchSize = 40

// carryOut writes the tags of all deeds, tells of each, and ends with a count if
// there are several. What cannot be written in time is given up: no tag job is
// left behind to strike later.
func (f steerFlags) carryOut(ctx context.Context, e *env, c *luxi.Client, command string, deeds []deed) error {
	var n counts
	// One by one on a screen of a few lines; else progress, and what fails.
	quiet := e.progress && len(deeds) > 20
	tell := func(d *deed, text string) {
		if !quiet {
			fmt.Fprintf(e.stdout, "%s: %s\n", word(d.object), text)
		}
	}
	refuse := func(d *deed, err error) {
		n.failed++
		e.note("error: %s: %s", word(d.object), oneLine(err.Error()))
	}
	var todo []*deed
	for k := range deeds {
		d := &deeds[k]
		d.change.Why = repair.SteerMark(command)
		switch {
		case d.err != nil:
			refuse(d, d.err)
		case d.change.Empty():
			n.already++
			tell(d, d.done+", nothing to do")
		case f.DryRun:
			n.done++
			tell(d, "would be "+strings.TrimPrefix(d.done, "to be "))
			for _, tag := range d.change.Add {
				fmt.Fprintf(e.stdout, "  add     %s\n", tag)
			}
			for _, tag := range d.change.Remove {
				fmt.Fprintf(e.stdout, "  remove  %s\n", tag)
			}
		default:
			todo = append(todo, d)
			continue
		}
		if d.err == nil && d.note != "" {
			tell(d, "note: "+d.note)
		}
	}
	bound, cancel := context.WithTimeout(ctx, time.Duration(f.Timeout))
	defer cancel()
	writer := &tagstore.Writer{Client: c, Source: repair.Source, Now: e.now}
	for len(todo) > 0 {
		batch := todo
		if len(batch) > batchSize {
			batch = batch[:batchSize]
		}
		todo = todo[len(batch):]
		if bound.Err() != nil {
			for _, d := range batch {
				refuse(d, errors.New("not begun: time is over"))
			}
			continue
		}
		write(bound, writer, batch, func(d *deed, err error) {
			if err != nil {
				refuse(d, err)
				return
			}
			n.done++
			tell(d, d.done)
			if d.note != "" {
				tell(d, "note: "+d.note)
			}
		})
		if e.progress && len(deeds) > 1 {
			fmt.Fprintf(e.stderr, "\r\x1b[K%d of %d", n.done+n.already+n.failed, len(deeds))
		}
	}
	if e.progress && len(deeds) > 1 {
		fmt.Fprint(e.stderr, "\r\x1b[K")
	}
	if len(deeds) > 1 {
		done := "done"
		if f.DryRun {
			done = "to be done"
		}
		fmt.Fprintf(e.stdout, "%d %s, %d as they were, %d failed\n", n.done, done, n.already, n.failed)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped by a signal; what was not written yet is not written")
	case n.failed == 1 && len(deeds) == 1:
		return errFailed
	case n.failed > 0:
		return fmt.Errorf("%d of %d failed", n.failed, len(deeds))
	}
	return nil
}

// write writes the tags of one batch.
func write(ctx context.Context, writer *tagstore.Writer, batch []*deed, tell func(*deed, error)) {
	changes := make([]tagstore.Change, len(batch))
	for k, d := range batch {
		changes[k] = d.change
	}
	b, err := writer.Submit(ctx, changes)
	if err != nil {
		if luxi.OutcomeUnknown(err) {
			err = fmt.Errorf("%w; whether it is written is not known", err)
		}
		for _, d := range batch {
			tell(d, err)
		}
		return
	}
	for b.Unfinished() > 0 {
		done, err := b.Next(ctx)
		if err != nil {
			clean, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			for _, w := range b.Abandon(clean) {
				tell(batch[w.Index], w.Err)
			}
			return
		}
		for _, w := range done {
			tell(batch[w.Index], w.Err)
		}
	}
}

// policyText is a policy in words, and where it comes from.
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
