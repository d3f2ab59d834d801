package main

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// repairCmd is "ganeti-autorepair repair".
type repairCmd struct {
	Args []string `arg:"" name:"instance" help:"${instances}; then what the repair may do: ${types}."`
	yesFlag
	steerFlags
}

// Run asks for repairs once, whatever the policy.
func (cmd *repairCmd) Run(ctx context.Context, e *env) error {
	last := len(cmd.Args) - 1
	typ, ok := tagstore.ParseType(cmd.Args[last])
	if !ok {
		return usage(fmt.Errorf("%q is not a type of repair: %s%s", cmd.Args[last], helpTexts["types"], didYouMean(cmd.Args[last], typeWords)))
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
	var actions []tagAction
	for _, o := range objects {
		p := tagstore.Pending{Type: typ, ID: e.newID(tagstore.AskedFor), Time: e.now().Unix()}
		change, open := o.Request(p, waitsForWord(views[o.Name]))
		a := tagAction{object: o, change: change, done: fmt.Sprintf("repair %s requested, up to %s", p.ID, typ), would: fmt.Sprintf("a repair would be requested, up to %s", typ)}
		if open != nil {
			a.unchanged = fmt.Sprintf("repair %s, up to %s, is pending already", open.ID, open.Type)
		}
		if v, ok := views[o.Name]; ok {
			if why := onlyReported(v, typ, set); why != "" {
				return errors.New(o.Name + ": " + why)
			}
			a.note = requestNote(v, typ)
		}
		actions = append(actions, a)
	}
	if typ == tagstore.Reinstall && !cmd.Yes && !cmd.DryRun {
		if ask := asksForNewDisks(actions, views); ask != "" {
			if err := e.confirm(ctx, ask); err != nil {
				return err
			}
		}
	}
	return cmd.carryOut(ctx, e, c, "repair", actions)
}

// onlyReported returns why a repair of disks on good nodes cannot be asked for, or "" (D10).
func onlyReported(v report.View, typ tagstore.Type, set settings) string {
	if v.Sign == "" || v.Need != nil || typ != tagstore.FixStorage || set.engine.Disks == repair.WatchRepair {
		return ""
	}
	return v.Sign + "; that is only told of, as disks is \"" + set.engine.Disks + "\" in the settings, not \"repair\""
}

// waitsForWord reports whether somebody has to ask for what a repair is to do, even if policy has
// begun it (D7, D9).
func waitsForWord(v report.View) bool {
	return v.Reason == repair.ReasonFlapping || v.Reason == repair.ReasonStaleCopy
}

// requestNote says what keeps a requested repair from mending the instance; "" if
// nothing does.
func requestNote(v report.View, typ tagstore.Type) string {
	switch {
	case v.State == repair.StateFailed:
		return "it waits until the failure is cleared: " + v.Command
	case v.Policy.Suspended:
		return "it waits, as it is suspended by " + v.Policy.Origin + ": ganeti-autorepair resume " + report.ObjectWord(v.Policy.Origin)
	case v.Reason == repair.ReasonUnreadableTag:
		return "it waits until the tag that cannot be read is removed: " + v.Command
	case v.Need == nil && v.State == repair.StateHealthy:
		return "it is healthy, the next pass ends the repair as a success"
	case v.Need == nil:
		return v.Detail
	}
	if need, ok := tagstore.ParseType(v.Need.Type); ok && !typ.Permits(need) {
		return "the whole repair needs the type " + v.Need.Type + "; this one ends before the step that does"
	}
	return ""
}

// views returns the views of all instances, by name.
func (e *env) views(ctx context.Context, set settings) (map[string]report.View, error) {
	plan, err := e.planNow(ctx, set)
	if err != nil {
		return nil, err
	}
	views := make(map[string]report.View)
	for _, v := range report.Views(plan) {
		views[v.Instance] = v
	}
	return views, nil
}
