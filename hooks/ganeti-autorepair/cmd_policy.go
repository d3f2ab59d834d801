package main

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// policyCmd is "ganeti-autorepair policy".
type policyCmd struct {
	Args []string `arg:"" optional:"" name:"object" help:"${objects}; then a type to permit from now on (${types}), or none to leave it to the next object."`
	layoutFlags
	yesFlag
	steerFlags
	snapshotFlag
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
	switch {
	case !set:
		return cmd.show(ctx, e, words)
	case cmd.Snapshot != "":
		return usage(errors.New("a saved snapshot cannot be changed: --snapshot goes with no type"))
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
	var actions []tagAction
	for _, o := range objects {
		actions = append(actions, policyAction(dir, o, typ, now))
	}
	if ask := permitsNewDisks(dir, actions, now); ask != "" && !cmd.Yes && !cmd.DryRun {
		if err := e.confirm(ctx, ask); err != nil {
			return err
		}
	}
	err = cmd.carryOut(ctx, e, c, "policy", actions)
	if typ != tagstore.None && ctx.Err() == nil {
		e.noteLater(cmd.selectFlags, dir, objects, "covered", "ganeti-autorepair policy %s "+typ.String())
	}
	return err
}

// policyAction permits repairs of the object up to a type, or removes its policy.
func policyAction(dir *read.Directory, o tagstore.Object, typ tagstore.Type, now int64) tagAction {
	a := tagAction{object: o, change: o.SetPolicy(typ)}
	if typ == tagstore.None {
		a.done, a.would, a.unchanged = "has no policy of its own any more", "would have no policy of its own any more", "has no policy of its own"
		a.note = "its policy is then: " + policyText(dir.Policy(o.After(a.change), now))
		return a
	}
	upTo := "permitted up to " + typ.String()
	a.done, a.would, a.unchanged = upTo, "would be "+upTo, "already "+upTo
	if p := dir.Policy(o, now); p.Suspended && p.Origin == o.String() {
		a.note = fmt.Sprintf("it is suspended by %s: ganeti-autorepair resume %s", p.Origin, report.ObjectWord(p.Origin))
	} else if p.Suspended {
		a.note = "this lifts the suspension of " + p.Origin + " here" // the nearest object with an opinion wins (T3)
	}
	return a
}

// show prints the policies of objects, or of all objects that have one of their
// own.
func (cmd *policyCmd) show(ctx context.Context, e *env, words []string) error {
	dir, objects, err := cmd.shown(ctx, e, words)
	now := e.now().Unix()
	if err != nil {
		var h *hintError
		if len(words) > 1 && errors.As(err, &h) {
			// The last word is probably a misspelt type.
			h.err = fmt.Errorf("%w; the types are %s, and none%s", h.err, helpTexts["types"], didYouMean(words[len(words)-1], append([]string{"none"}, typeWords...)))
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
			return report.ObjectWord(r.p.Origin)
		}},
		{title: "Tag", value: func(r row) string { return r.p.Tag }},
	}
	if e.screen.columns > 0 && e.screen.columns < 120 {
		fields = fields[:3]
	}
	writeRows(e.stdout, e.screen, cmd.layoutFlags, fields, rows)
	return nil
}

// shown returns the objects whose policies are shown: those that are named or selected,
// or all that have one of their own.
func (cmd *policyCmd) shown(ctx context.Context, e *env, words []string) (*read.Directory, []tagstore.Object, error) {
	if cmd.Snapshot != "" {
		if cmd.given() {
			return nil, nil, usage(errors.New("--filter, --tag, --os and --template ask the cluster; they do not go with --snapshot"))
		}
		_, s, err := cmd.open(e)
		if err != nil {
			return nil, nil, err
		}
		dir := read.DirectoryOf(s)
		if len(words) == 0 {
			return dir, withOpinion(dir, e.now().Unix()), nil
		}
		objects, err := allNamed(dir, words)
		return dir, objects, err
	}
	if err := e.onMaster(); err != nil {
		return nil, nil, err
	}
	c := e.client()
	defer c.Close()
	if len(words) > 0 || cmd.given() {
		return cmd.resolve(ctx, c, words)
	}
	dir, err := read.ReadDirectory(ctx, c, nil)
	if err != nil {
		return nil, nil, err
	}
	return dir, withOpinion(dir, e.now().Unix()), nil
}
