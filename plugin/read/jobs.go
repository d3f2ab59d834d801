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
	if infos, err = r.withStrangers(ctx, s, infos); err != nil {
		return err
	}
	facts := make([]*repair.JobFact, len(infos))
	for k, info := range infos {
		facts[k] = repair.NewJobFact(info)
	}
	if facts, err = r.withLogs(ctx, facts); err != nil {
		return err
	}
	for _, f := range facts {
		s.Jobs[f.Info.ID] = f
	}
	return nil
}

// readFailures looks up the jobs of repairs that failed, which tell people why. No
// decision rests on them, so a pass does without.
func (r *Reader) readFailures(ctx context.Context, s *repair.Snapshot) error {
	var ids []luxi.JobID
	for _, i := range s.Instances {
		for _, failure := range i.Tags.Records().Failures {
			for _, id := range failure.Jobs {
				if s.Jobs[id] == nil {
					ids = append(ids, id)
				}
			}
		}
	}
	infos, err := fetch(ctx, r.Client, ids)
	if err != nil {
		return err
	}
	for _, info := range infos {
		s.Jobs[info.ID] = repair.NewJobFact(info)
	}
	return nil
}

// withStrangers returns the jobs as they are once it is known whether the queue had given
// out the numbers that it does not know: one that it had not is a stranger's, whichever
// job gets it meanwhile (S14).
func (r *Reader) withStrangers(ctx context.Context, s *repair.Snapshot, infos []luxi.JobInfo) ([]luxi.JobInfo, error) {
	var ids []luxi.JobID
	highest := luxi.JobID(0)
	for _, info := range infos {
		ids = append(ids, info.ID)
		if !info.Known && info.ID > highest {
			highest = info.ID
		}
	}
	if highest == 0 {
		return infos, nil
	}
	if err := r.readNewest(ctx, s, highest); err != nil {
		return nil, err
	}
	infos, err := r.Client.QueryJobs(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("looking up jobs: %w", err)
	}
	return infos, nil
}

// readNewest finds out which numbers the queue has given out. Where the newest job is
// older than the one that it does not know, only a new job tells.
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
		newest-- // its own number had not been given out
	}
	s.NewestJob, s.NewestKnown = newest, true
	return nil
}

// readTargets reads from the logs of unfinished jobs which nodes allocators have chosen
// for them: they hold these (P20).
func (r *Reader) readTargets(ctx context.Context, s *repair.Snapshot) error {
	var ids []luxi.JobID
	for _, job := range s.Unfinished {
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
