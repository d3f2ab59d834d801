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
	facts := make([]*repair.JobFact, len(infos))
	unknown := luxi.JobID(0)
	for k, info := range infos {
		facts[k] = repair.NewJobFact(info)
		if !info.Known && info.ID > unknown {
			unknown = info.ID
		}
	}
	if facts, err = r.withLogs(ctx, facts); err != nil {
		return err
	}
	for _, f := range facts {
		s.Jobs[f.Info.ID] = f
	}
	if unknown == 0 {
		return nil
	}
	return r.readNewest(ctx, s, unknown)
}

// readNewest finds out whether the queue has ever given out a number that it does not
// know: one that it has not is a stranger's (S14). Where the newest job is older than
// that, only a new job tells.
func (r *Reader) readNewest(ctx context.Context, s *repair.Snapshot, unknown luxi.JobID) error {
	if r.Before != nil && r.Before.NewestKnown {
		s.NewestJob, s.NewestKnown = r.Before.NewestJob, true
		return nil
	}
	newest, err := r.Client.NewestJob(ctx, 1)
	if err != nil {
		return fmt.Errorf("looking for the newest job: %w", err)
	}
	if newest < unknown {
		if r.NewJob == nil {
			return nil
		}
		if newest, err = r.NewJob(ctx); err != nil {
			return err
		}
	}
	s.NewestJob, s.NewestKnown = newest, true
	return nil
}

// readTargets reads from the logs of unfinished jobs which nodes allocators have chosen
// for them: they hold these (P20).
func (r *Reader) readTargets(ctx context.Context, s *repair.Snapshot) error {
	var ids []luxi.JobID
	for _, job := range s.Running {
		for _, op := range job.Ops {
			moves := op.ID == luxi.OpInstanceReplaceDisks || op.ID == luxi.OpInstanceMigrate || op.ID == luxi.OpInstanceFailover
			if moves && op.Status == luxi.JobRunning && op.Param("iallocator") != "" {
				ids = append(ids, job.ID)
			}
		}
	}
	if len(ids) == 0 || len(s.BrokenNodes()) == 0 {
		return nil
	}
	logs, err := r.Client.JobLog(ctx, ids...)
	if err != nil {
		return fmt.Errorf("reading the logs of jobs: %w", err)
	}
	s.Targets = make(map[luxi.JobID]string)
	for _, log := range logs {
		for _, op := range log.Ops {
			if node := op.TargetNode(); node != "" {
				s.Targets[log.ID] = node
			}
		}
	}
	return nil
}
