package plugin

import (
	"context"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// lookAtDisks submits the jobs that take a closer look at disks, for the next pass to read
// (D2). Nobody waits for them. Where they cannot be submitted, a later pass tries again.
func (a *act) lookAtDisks(ctx context.Context) {
	wanted := a.plan.LooksWanted()
	if len(wanted) == 0 {
		return
	}
	jobs := repair.LookOpCodes(wanted, a.Now())
	submitted, err := a.Client.SubmitManyJobs(ctx, jobs)
	if err != nil {
		a.Log.Warn("disks not looked at", "instances", len(wanted), "error", err.Error())
		return
	}
	for k, job := range submitted {
		if job.Err != nil {
			a.Log.Warn("disks not looked at", "error", job.Err.Error())
			continue
		}
		if look, ok := jobs[k][0].(*luxi.InstanceQueryData); ok {
			a.report.Looks = append(a.report.Looks, job.ID)
			a.Log.Info("looking at disks", "instances", len(look.Instances), "job", int64(job.ID))
		}
	}
}
