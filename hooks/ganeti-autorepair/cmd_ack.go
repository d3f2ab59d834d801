package main

import (
	"context"
	"fmt"

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
	return cmd.each(ctx, e, "ack", cmd.Instances, func(_ *read.Directory, o tagstore.Object) deed {
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
