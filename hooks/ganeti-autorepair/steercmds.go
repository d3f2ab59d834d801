package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/plugin"
	"ganeti-autorepair/tagstore"
)

// policyCmd is "ganeti-autorepair policy".
type policyCmd struct {
	Args      []string `arg:"" optional:"" name:"object" help:"Objects: cluster, group:NAME, node:NAME (its instances), or names of instances; then a type to permit from now on (fix-storage, migrate, failover, reinstall), or none to leave it to the next object."`
	NoHeaders bool     `help:"Leave the headings out."`
	Separator string   `placeholder:"STRING" help:"Put this between fields instead of aligning them."`
	steerFlags
}

// Run shows policies, or sets them.
func (cmd *policyCmd) Run(ctx context.Context, e *env) error {
	words, typ, set := cmd.Args, tagstore.None, false
	if n := len(words); n > 0 {
		last := words[n-1]
		if t, ok := tagstore.ParseType(last); ok || last == "none" {
			words, typ, set = words[:n-1], t, true
		}
	}
	if !set {
		return cmd.show(ctx, e, words)
	}
	c, _, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	dir, objects, err := cmd.resolve(ctx, c, words)
	if err != nil {
		return err
	}
	now := e.now().Unix()
	var deeds []deed
	for _, o := range objects {
		d := deed{object: o, change: o.SetPolicy(typ), done: "permitted up to " + typ.String()}
		if typ == tagstore.None {
			d.done = "without a policy of its own"
			without := o
			without.Tags.Enables = nil
			d.note = "what counts for it now: " + policyText(dir.Policy(without, now))
		} else if p := dir.Policy(o, now); p.Suspended {
			d.note = fmt.Sprintf("it is suspended by %s: ganeti-autorepair resume %s", p.Origin, plugin.ObjectWord(p.Origin))
			if p.Origin != o.String() {
				// The nearest object with an opinion wins (T3).
				d.note = "this lifts the suspension of " + p.Origin + " here"
			}
		}
		deeds = append(deeds, d)
	}
	return cmd.carryOut(ctx, e, c, "policy", deeds)
}

// show shows the policies of objects, or of all that have one.
func (cmd *policyCmd) show(ctx context.Context, e *env, words []string) error {
	if err := e.onMaster(); err != nil {
		return err
	}
	c := e.client()
	defer c.Close()
	var dir *plugin.Directory
	var objects []tagstore.Object
	var err error
	now := e.now().Unix()
	if len(words) == 0 && !cmd.given() {
		if dir, err = plugin.ReadDirectory(ctx, c, nil); err == nil {
			objects = withOpinion(dir, now)
		}
	} else {
		dir, objects, err = cmd.resolve(ctx, c, words)
	}
	if err != nil {
		var h *hintError
		if len(words) > 1 && errors.As(err, &h) {
			// Most likely a type that was mistyped.
			h.err = fmt.Errorf("%w; the types are fix-storage, migrate, failover, reinstall, and none", h.err)
		}
		return err
	}
	if len(objects) == 0 {
		e.note("no object has a policy: nothing is ever repaired")
		e.note("hint: ganeti-autorepair policy cluster fix-storage")
		return nil
	}
	type row struct {
		object tagstore.Object
		p      tagstore.Policy
	}
	var rows []row
	for _, o := range objects {
		rows = append(rows, row{o, dir.Policy(o, now)})
	}
	fields := []field[row]{
		{title: "Object", value: func(r row) string { return word(r.object) }},
		{title: "Policy", value: func(r row) string {
			p := r.p
			p.Origin = ""
			return policyText(p)
		}},
		{title: "From", value: func(r row) string {
			if r.p.Origin == r.object.String() {
				return "itself"
			}
			return plugin.ObjectWord(r.p.Origin)
		}},
		{title: "Tag", value: func(r row) string { return r.p.Tag }},
	}
	if e.screen.columns > 0 && e.screen.columns < 120 {
		fields = fields[:3]
	}
	writeRows(e.stdout, e.screen, tableFlags{NoHeaders: cmd.NoHeaders, Separator: cmd.Separator}, fields, rows)
	return nil
}

// suspendCmd is "ganeti-autorepair suspend".
type suspendCmd struct {
	Objects []string `arg:"" optional:"" name:"object" help:"Objects: cluster, group:NAME, node:NAME (its instances), or names of instances."`
	For     span     `xor:"end" placeholder:"TIME" help:"How long, for example 4h or 2d (default: until it is resumed)."`
	Until   string   `xor:"end" placeholder:"TIME" help:"Until when, for example 18:30 or \"2030-01-31 18:30\"."`
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
	return cmd.each(ctx, e, "suspend", cmd.Objects, func(dir *plugin.Directory, o tagstore.Object) deed {
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

// someWords lists objects, not too many.
func someWords(list []tagstore.Object) string {
	const most = 8
	var words []string
	for k, o := range list {
		if k == most {
			return strings.Join(words, " ") + fmt.Sprintf(" and %d more", len(list)-most)
		}
		words = append(words, word(o))
	}
	return strings.Join(words, " ")
}

// each does a deed for each object.
func (f steerFlags) each(ctx context.Context, e *env, command string, words []string, do func(*plugin.Directory, tagstore.Object) deed) error {
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

// resumeCmd is "ganeti-autorepair resume".
type resumeCmd struct {
	Objects []string `arg:"" optional:"" name:"object" help:"Objects: cluster, group:NAME, node:NAME (its instances), or names of instances."`
	steerFlags
}

// Run ends suspensions.
func (cmd *resumeCmd) Run(ctx context.Context, e *env) error {
	return cmd.each(ctx, e, "resume", cmd.Objects, func(dir *plugin.Directory, o tagstore.Object) deed {
		d := deed{object: o, change: o.Resume(), done: "no longer suspended by a tag of its own", note: suspendedStill(dir, o, e.now().Unix())}
		if d.change.Empty() {
			d.done = "not suspended by a tag of its own"
		}
		return d
	})
}

// repairCmd is "ganeti-autorepair repair".
type repairCmd struct {
	Args []string `arg:"" name:"instance" help:"Names of instances, or node:NAME for those on a node; then what the repair may do: fix-storage, migrate, failover, reinstall."`
	steerFlags
}

// Run asks for repairs once, whatever the policy.
func (cmd *repairCmd) Run(ctx context.Context, e *env) error {
	last := len(cmd.Args) - 1
	typ, ok := tagstore.ParseType(cmd.Args[last])
	if !ok {
		return usage(fmt.Errorf("%q is not a type of repair: fix-storage, migrate, failover, reinstall", cmd.Args[last]))
	}
	c, set, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	_, objects, err := cmd.resolve(ctx, c, cmd.Args[:last])
	if err != nil {
		return err
	}
	if err := instancesOnly(objects); err != nil {
		return err
	}
	views, err := e.views(ctx, set)
	if err != nil {
		return err
	}
	var deeds []deed
	for _, o := range objects {
		p := tagstore.Pending{Type: typ, ID: e.newID(), Time: e.now().Unix()}
		change, open := o.Request(p)
		d := deed{object: o, change: change, done: fmt.Sprintf("to be repaired once, %s at most, as repair %s", typ, p.ID)}
		if open != nil {
			d.done = fmt.Sprintf("already to be repaired, as repair %s of type %s", open.ID, open.Type)
		}
		if v, ok := views[o.Name]; ok {
			d.note = requestNote(v, typ)
		}
		deeds = append(deeds, d)
	}
	return cmd.carryOut(ctx, e, c, "repair", deeds)
}

// requestNote says what will keep a repair that is asked for from helping.
func requestNote(v plugin.View, typ tagstore.Type) string {
	switch {
	case v.State == plugin.StateFailed:
		return "it waits until a failure has been looked at: " + v.Command
	case v.Policy.Suspended:
		return "it waits: suspended by " + v.Policy.Origin + ": ganeti-autorepair resume " + plugin.ObjectWord(v.Policy.Origin)
	case v.Reason == plugin.ReasonUnreadableTag:
		return "it waits until a tag that cannot be read is gone: " + v.Command
	case v.Need == nil && v.State == plugin.StateHealthy:
		return "it is healthy: the next pass will say so and do nothing"
	case v.Need == nil:
		return v.Detail
	}
	if need, ok := tagstore.ParseType(v.Need.Type); ok && !typ.Permits(need) {
		return "the whole repair takes " + v.Need.Type + "; this one goes as far as it may"
	}
	return ""
}

// views are those of all instances, by name.
func (e *env) views(ctx context.Context, set plugin.Settings) (map[string]plugin.View, error) {
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.PassTimeout)
	defer cancel()
	plan, err := pass.Look(ctx, plugin.Assumption{})
	if err != nil {
		return nil, err
	}
	views := make(map[string]plugin.View)
	for _, v := range plan.Views() {
		views[v.Instance] = v
	}
	return views, nil
}

// ackCmd is "ganeti-autorepair ack".
type ackCmd struct {
	Instances []string `arg:"" optional:"" name:"instance" help:"Names of instances, or node:NAME for those on a node."`
	steerFlags
}

// Run clears failures that somebody has looked at.
func (cmd *ackCmd) Run(ctx context.Context, e *env) error {
	return cmd.each(ctx, e, "ack", cmd.Instances, func(_ *plugin.Directory, o tagstore.Object) deed {
		if err := instancesOnly([]tagstore.Object{o}); err != nil {
			return deed{object: o, err: err}
		}
		d := deed{object: o, change: o.Acknowledge(), done: "cleared of its failure"}
		if n := len(d.change.Remove); n > 1 {
			d.done = fmt.Sprintf("cleared of its %d failures", n)
		}
		if d.change.Empty() {
			d.done = "without a failure"
		}
		return d
	})
}

// cancelCmd is "ganeti-autorepair cancel".
type cancelCmd struct {
	Instances []string `arg:"" optional:"" name:"instance" help:"Names of instances, or node:NAME for those on a node."`
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
		lock, err := e.waitForLock(ctx, set.PassTimeout)
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
	pass := &plugin.Pass{Client: c, Settings: set, Now: e.now}
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

// waitForLock takes the lock of passes; one that runs ends within its bound.
func (e *env) waitForLock(ctx context.Context, bound time.Duration) (*passLock, error) {
	end := time.Now().Add(bound + 10*time.Second)
	for told := false; ; {
		lock, err := takeLock(e.paths.lock())
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		if time.Now().After(end) {
			return nil, err
		}
		if !told {
			e.note("waiting for the pass that runs")
			told = true
		}
		if !sleep(ctx, time.Second/4) {
			return nil, ctx.Err()
		}
	}
}
