package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// tagAction is a change of the tags of one object, and how a person is told of it.
// The texts go on where the name of the object stands: "web1: ".
type tagAction struct {
	object    tagstore.Object
	change    tagstore.Change
	done      string // after the change
	would     string // in a dry run
	unchanged string // if the change is empty
	note      string // what the person should know beside
	err       error  // why it cannot be done
}

// batchSize is how many tag jobs are submitted in one call: few enough to show
// progress, many enough not to wait for each.
const batchSize = 40

// submitGrace is how long a signal waits for the answer to a submission, without which
// tag jobs would be left that nobody knows of.
const submitGrace = 10 * time.Second

// manyActions is the number of actions above which a terminal shows progress in
// place of a line for each.
const manyActions = 20

// carryOut writes the tags of all actions, tells of each, and ends with a count if
// there are several. What cannot be written in time is given up: no tag job is left
// behind that would change tags later.
func (f writeFlags) carryOut(ctx context.Context, e *env, c *luxi.Client, command string, actions []tagAction) error {
	r := &tagRun{env: e, total: len(actions), quiet: e.progress && len(actions) > manyActions, dryRun: f.DryRun}
	var todo []*tagAction
	for k := range actions {
		a := &actions[k]
		if a.change.Why == "" {
			a.change.Why = repair.SteerMark(command)
		}
		if !r.without(a) {
			todo = append(todo, a)
		}
	}
	bound, cancel := context.WithTimeout(ctx, time.Duration(f.Timeout))
	defer cancel()
	r.write(bound, &tagstore.Writer{Client: c, Source: repair.Source, User: string(f.Reason), Now: e.now, Grace: submitGrace}, todo)
	r.count()
	e.logSteered(command, string(f.Reason), r.done)
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped by a signal; the rest is not written")
	case r.failed == 1 && r.total == 1:
		return errFailed
	case r.failed > 0:
		return fmt.Errorf("%d of %d failed", r.failed, r.total)
	}
	return nil
}

// tagRun carries out the actions of one command and counts how they ended.
type tagRun struct {
	env    *env
	total  int
	quiet  bool // failures alone are told one by one
	dryRun bool

	changed, unchanged, failed int
	done                       []*tagAction // whose tags were written
}

func (r *tagRun) tell(a *tagAction, text string) {
	if !r.quiet {
		fmt.Fprintf(r.env.stdout, "%s: %s\n", word(a.object), text)
	}
}

func (r *tagRun) fail(a *tagAction, err error) {
	r.failed++
	r.env.note("error: %s: %s", word(a.object), oneLine(err.Error()))
}

// without settles an action for which no tag has to be written, and reports whether
// it is such an action.
func (r *tagRun) without(a *tagAction) bool {
	switch {
	case a.err != nil:
		r.fail(a, a.err)
		return true
	case a.change.Empty():
		r.unchanged++
		r.tell(a, a.unchanged)
	case r.dryRun:
		r.changed++
		r.tell(a, a.would)
		for _, tag := range a.change.Add {
			fmt.Fprintf(r.env.stdout, "  add     %s\n", tag)
		}
		for _, tag := range a.change.Remove {
			fmt.Fprintf(r.env.stdout, "  remove  %s\n", tag)
		}
	default:
		return false
	}
	r.tellNote(a)
	return true
}

func (r *tagRun) tellNote(a *tagAction) {
	if a.note != "" {
		r.tell(a, "note: "+a.note)
	}
}

// write writes the tags of the actions, batch by batch.
func (r *tagRun) write(ctx context.Context, writer *tagstore.Writer, todo []*tagAction) {
	for len(todo) > 0 {
		batch := todo
		if len(batch) > batchSize {
			batch = batch[:batchSize]
		}
		todo = todo[len(batch):]
		if ctx.Err() != nil {
			for _, a := range batch {
				r.fail(a, errors.New("not begun, there was no time left"))
			}
			continue
		}
		r.writeBatch(ctx, writer, batch)
		r.progress()
	}
	if r.env.progress && r.total > 1 {
		fmt.Fprint(r.env.stderr, "\r\x1b[K")
	}
}

// progress shows on a terminal how many actions have ended.
func (r *tagRun) progress() {
	if r.env.progress && r.total > 1 {
		fmt.Fprintf(r.env.stderr, "\r\x1b[K%d of %d", r.changed+r.unchanged+r.failed, r.total)
	}
}

// count tells how many actions ended in which way, if there are several.
func (r *tagRun) count() {
	if r.total < 2 {
		return
	}
	changed := "changed"
	if r.dryRun {
		changed = "would be changed"
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{r.changed, changed}, {r.unchanged, "unchanged"}, {r.failed, "failed"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	fmt.Fprintln(r.env.stdout, strings.Join(parts, ", "))
}

// writeBatch writes the tags of some actions, and waits for their jobs.
func (r *tagRun) writeBatch(ctx context.Context, writer *tagstore.Writer, batch []*tagAction) {
	changes := make([]tagstore.Change, len(batch))
	for k, a := range batch {
		changes[k] = a.change
	}
	waits := lockWaits{env: r.env, client: writer.Client, told: make(map[string]bool)}
	writer.Idle = func(ctx context.Context, jobs map[int]luxi.JobID) {
		names := make(map[luxi.JobID]string)
		for k, job := range jobs {
			names[job] = word(batch[k].object)
		}
		waits.tell(ctx, names)
	}
	b, err := writer.Submit(ctx, changes)
	if err != nil {
		if luxi.OutcomeUnknown(err) {
			err = fmt.Errorf("%w; whether the tag was written is not known", err)
		}
		for _, a := range batch {
			r.fail(a, err)
		}
		return
	}
	for b.Unfinished() > 0 {
		written, err := b.Next(ctx)
		if err != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				r.env.note("stopping: the tag jobs that wait are canceled")
			}
			clean, cancel := context.WithTimeout(context.Background(), time.Minute)
			written = b.Abandon(clean)
			cancel()
		}
		for _, w := range written {
			r.written(batch[w.Index], w.Err)
		}
		if err != nil {
			return
		}
	}
}

// written takes note of an action whose tag job has ended.
func (r *tagRun) written(a *tagAction, err error) {
	if err != nil {
		r.fail(a, err)
		return
	}
	r.changed++
	r.done = append(r.done, a)
	r.tell(a, a.done)
	r.tellNote(a)
}

// countOf counts things: "1 job", "2 jobs".
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
