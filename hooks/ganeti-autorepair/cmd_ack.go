package main

import (
	"context"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/tagstore"
)

// ackCmd is "ganeti-autorepair ack".
type ackCmd struct {
	instanceArgs
	steerFlags
}

// Run clears failures that somebody has looked at.
func (cmd *ackCmd) Run(ctx context.Context, e *env) error {
	return cmd.each(ctx, e, "ack", cmd.Instances, func(_ *read.Directory, o tagstore.Object) tagAction {
		if err := instancesOnly([]tagstore.Object{o}); err != nil {
			return tagAction{object: o, err: err}
		}
		a := tagAction{object: o, change: o.Acknowledge(), unchanged: "has no failure"}
		failures := countOf(len(a.change.Remove), "failure")
		a.done, a.would = failures+" cleared", failures+" would be cleared"
		return a
	})
}
