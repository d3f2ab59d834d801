package main

import (
	"context"
	"fmt"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// repairCmd is "ganeti-autorepair repair".
type repairCmd struct {
	Args []string `arg:"" name:"instance" help:"${instances}; then what the repair may do: ${types}."`
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
		p := tagstore.Pending{Type: typ, ID: e.newID(tagstore.AskedFor), Time: e.now().Unix()}
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
func requestNote(v report.View, typ tagstore.Type) string {
	switch {
	case v.State == repair.StateFailed:
		return "it waits until a failure has been looked at: " + v.Command
	case v.Policy.Suspended:
		return "it waits: suspended by " + v.Policy.Origin + ": ganeti-autorepair resume " + report.ObjectWord(v.Policy.Origin)
	case v.Reason == repair.ReasonUnreadableTag:
		return "it waits until a tag that cannot be read is gone: " + v.Command
	case v.Need == nil && v.State == repair.StateHealthy:
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
func (e *env) views(ctx context.Context, set settings) (map[string]report.View, error) {
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.engine.PassTimeout)
	defer cancel()
	plan, err := pass.Look(ctx, repair.Assumption{})
	if err != nil {
		return nil, err
	}
	views := make(map[string]report.View)
	for _, v := range report.Views(plan) {
		views[v.Instance] = v
	}
	return views, nil
}
