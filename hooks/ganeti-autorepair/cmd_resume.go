package main

import (
	"context"
	"fmt"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// resumeCmd is "ganeti-autorepair resume".
type resumeCmd struct {
	objectArgs
	steerFlags
}

// Run ends suspensions.
func (cmd *resumeCmd) Run(ctx context.Context, e *env) error {
	return cmd.each(ctx, e, "resume", cmd.Objects, func(dir *read.Directory, o tagstore.Object) tagAction {
		return tagAction{
			object: o, change: o.Resume(), done: "no longer suspended by a tag of its own", would: "would no longer be suspended by a tag of its own",
			unchanged: "not suspended by a tag of its own", note: stillSuspended(dir, o, e.now().Unix()),
		}
	})
}

// stillSuspended says which farther object suspends one that has no suspension of
// its own any more; "" if none does.
func stillSuspended(d *read.Directory, o tagstore.Object, now int64) string {
	without := o.After(o.Resume())
	p := d.Policy(without, now)
	if !p.Suspended {
		return ""
	}
	return fmt.Sprintf("it is still suspended by %s: ganeti-autorepair resume %s", p.Origin, report.ObjectWord(p.Origin))
}
