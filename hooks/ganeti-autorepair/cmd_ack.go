package main

import (
	"context"
	"errors"
	"fmt"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// ackCmd is "ganeti-autorepair ack".
type ackCmd struct {
	Intact bool `help:"Say that the system of the instance is there, after a reinstallation that failed halfway."`
	instanceArgs
	steerFlags
}

// Run clears failures that were looked at. What a person says of an instance by that is
// kept in the reason trail of the job: that its copies are whole (S15), or with --intact
// that its system is there (S18).
func (cmd *ackCmd) Run(ctx context.Context, e *env) error {
	c, set, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	_, objects, err := cmd.resolve(ctx, c, cmd.Instances)
	if err != nil {
		return err
	}
	plan, err := e.planNow(ctx, set)
	if err != nil {
		return err
	}
	uuids := make(map[string]string)
	for _, i := range plan.Snapshot.Instances {
		uuids[i.Name] = i.UUID
	}
	var actions []tagAction
	for _, o := range objects {
		actions = append(actions, cmd.action(o, uuids[o.Name], plan.Snapshot.Past))
	}
	return cmd.carryOut(ctx, e, c, "ack", actions)
}

// action clears the failures of one instance.
func (cmd *ackCmd) action(o tagstore.Object, uuid string, past repair.Past) tagAction {
	if err := instancesOnly([]tagstore.Object{o}); err != nil {
		return tagAction{object: o, err: err}
	}
	_, broken := past.Chains[uuid]
	_, half := past.HalfCopies[uuid]
	if cmd.Intact && !broken {
		return tagAction{object: o, err: errors.New("no reinstallation of it is known that failed halfway; without --intact its failures are cleared")}
	}
	a := tagAction{object: o, change: o.Acknowledge(), unchanged: "has no failure"}
	mark := repair.AckMark(uuid, cmd.Intact)
	a.change.Why = mark.Text()
	failures := countOf(len(a.change.Remove), "failure")
	a.done, a.would = failures+" cleared", failures+" would be cleared"
	if cmd.Intact || half {
		said := "its system counts as there"
		if !cmd.Intact {
			said = "its copies count as whole"
		}
		if a.change.Empty() {
			a.done, a.would = said, "would be acknowledged"
		} else {
			a.done = fmt.Sprintf("%s, %s", a.done, said)
		}
		a.change.Note = true
	}
	if broken && !cmd.Intact {
		a.note = "its reinstallation failed halfway; once its system is there: ganeti-autorepair ack --intact " + o.Name
	}
	return a
}
