package plugin

import (
	"context"
	"fmt"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// tidy submits the job that deactivates the disks of an instance whose repair has failed
// for good (P19). It comes after the result, which is written once, so that no other
// pass does the same; a pass that dies in between leaves the disks active.
func (a *act) tidy(ctx context.Context, action repair.Action) {
	name, id := action.Object.Name, action.Repair()
	why, err := a.mayTidy(ctx, action.Decision)
	if err != nil {
		a.problem(name, err)
		return
	}
	if why != "" {
		a.Log.Info("disks stay active", "instance", name, "repair", id, "why", why)
		return
	}
	job, err := a.Client.SubmitJob(ctx, action.Tidies)
	if err != nil {
		a.problem(name, fmt.Errorf("deactivating its disks: %w", err))
		return
	}
	a.Log.Info("disks are deactivated", "instance", name, "repair", id, "job", int64(job))
}

// mayTidy looks afresh at the instance and says why its disks must stay as they are, ""
// if they need not. Ganeti itself refuses to take them from an instance that runs
// (LUInstanceDeactivateDisks).
func (a *act) mayTidy(ctx context.Context, was repair.Decision) (string, error) {
	reader := &read.Reader{Client: a.Client, Now: a.Now, Before: a.plan.Snapshot}
	fresh, err := reader.ReadOnly(ctx, []string{was.Instance.UUID})
	if err != nil {
		return "", fmt.Errorf("looking afresh: %w", err)
	}
	i := fresh.Instance(was.Instance.UUID)
	switch {
	case i == nil || i.Name != was.Instance.Name:
		return "the instance is gone", nil
	case i.AdminState == "up":
		return "it is admin up now", nil
	case i.Primary != was.Instance.Primary:
		return "it was moved", nil
	}
	now := repair.Decide(fresh, i, a.Settings, a.NewID)
	if now.Policy.Suspended {
		return "it is suspended", nil
	}
	if job, busy := fresh.BusyJob(i, nil); busy {
		return fmt.Sprintf("job %d has it", job.ID), nil
	}
	return "", nil
}
