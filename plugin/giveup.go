package plugin

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// EndRepairs cancels the jobs of an instance's open repairs, so that their
// pending tags can be removed: held ones that a pass which died left behind,
// and those that are queued or wait for locks. The caller holds the lock of
// passes, so that none adds to them meanwhile. It returns the jobs that it
// canceled or, if dry, would cancel.
//
// A job that runs cannot be canceled. It is an error, and nothing is changed:
// the pending tag stays, as the record of what goes on.
//
// A gate is never canceled: that would release the job behind it.
func (p *Pass) EndRepairs(ctx context.Context, o tagstore.Object, dry bool) ([]luxi.JobID, error) {
	running, err := p.Client.ListJobs(ctx, luxi.UnfinishedJobs(), false)
	if err != nil {
		return nil, fmt.Errorf("reading the job queue: %w", err)
	}
	var cancel []luxi.JobID
	for _, job := range running {
		if !repair.JobOfRepair(job, o) {
			continue
		}
		if job.Status == luxi.JobCanceling || repair.BegunFor(job, o) {
			return nil, fmt.Errorf("job %d (%s) has begun and cannot be canceled; its repair stays pending until it ends", job.ID, strings.Join(job.Summary, ", "))
		}
		cancel = append(cancel, job.ID)
	}
	if dry {
		return cancel, nil
	}
	for _, id := range cancel {
		_, why, err := p.Client.CancelJob(ctx, id, false)
		if err != nil {
			return nil, fmt.Errorf("canceling job %d: %w", id, err)
		}
		infos, err := p.Client.QueryJobs(ctx, []luxi.JobID{id})
		if err != nil {
			return nil, fmt.Errorf("looking up job %d: %w", id, err)
		}
		// What luxid says is not all: a job that waited for locks may have run to its
		// end while it was asked to stop.
		if infos[0].Known && (repair.BegunFor(infos[0], o) || infos[0].Status != luxi.JobCanceled && repair.NewJobFact(infos[0]).Outcome != repair.OutcomeExpired) {
			return nil, fmt.Errorf("job %d is %s and was not canceled (%s); its repair stays pending, for the next pass to settle", id, infos[0].Status, strings.TrimSpace(why))
		}
	}
	return cancel, nil
}
