package read

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// UnfinishedJobs lists what the queue has not done yet; not nil without an error.
func UnfinishedJobs(ctx context.Context, c *luxi.Client) ([]luxi.JobInfo, error) {
	running, err := c.ListJobs(ctx, luxi.UnfinishedJobs(), false)
	if err != nil {
		return nil, fmt.Errorf("reading the job queue: %w", err)
	}
	return running, nil
}

// readHalf looks in the queue for what may have left half a copy of the instances
// that a failover comes next for: a replace-disks that began and did not succeed,
// whoever submitted it. One that did since, or a migration, which looks whether the
// copy is whole, makes up for it.
func (r *Reader) readHalf(ctx context.Context, s *repair.Snapshot) error {
	uuids := make(map[string]string) // by the job's summary
	var filters []luxi.Filter
	for _, i := range s.Instances {
		if need := repair.Diagnose(s, i); i.Template == "drbd" && len(need.Steps) > 0 && need.Steps[0] == repair.StepFailover {
			for _, op := range []string{"INSTANCE_REPLACE_DISKS", "INSTANCE_MIGRATE"} {
				summary := op + "(" + i.Name + ")"
				uuids[summary] = i.UUID
				filters = append(filters, luxi.Contains("summary", summary))
			}
		}
	}
	if len(filters) == 0 {
		return nil
	}
	jobs, err := r.Client.ListJobs(ctx, luxi.Or(filters...), false)
	if err != nil {
		return fmt.Errorf("looking for replace-disks: %w", err)
	}
	s.Half = make(map[string]*repair.JobFact)
	for _, job := range jobs {
		f := repair.NewJobFact(job)
		for _, summary := range job.Summary {
			switch uuid, asked := uuids[summary]; {
			case !asked:
			case f.Outcome == repair.OutcomeSuccess:
				delete(s.Half, uuid)
			case f.Step == repair.StepReplaceDisks && f.EndedBadly() && !f.Refused():
				s.Half[uuid] = f
			}
		}
	}
	return nil
}

// readJobs looks up the jobs that open repairs name.
func (r *Reader) readJobs(ctx context.Context, s *repair.Snapshot) error {
	var ids []luxi.JobID
	asked := make(map[luxi.JobID]bool)
	for _, i := range s.Instances {
		for _, repair := range i.Tags.Records().Repairs {
			for _, id := range repair.Jobs {
				if !asked[id] {
					asked[id] = true
					ids = append(ids, id)
				}
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	infos, err := r.Client.QueryJobs(ctx, ids)
	if err != nil {
		return fmt.Errorf("looking up jobs: %w", err)
	}
	for _, info := range infos {
		s.Jobs[info.ID] = repair.NewJobFact(info)
	}
	return nil
}
