package main

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// unfinishedJob is a repair job that was released and has not ended.
type unfinishedJob struct {
	job      luxi.JobID
	instance string
	repair   string
	step     repair.Step
	begun    bool
}

func (j unfinishedJob) String() string {
	return fmt.Sprintf("job %d (%s of repair %s)", int64(j.job), j.step, j.repair)
}

// unfinishedJobs lists the repair jobs that were released and have not ended, in the
// order of the queue. Those that a pass holds are not among them: it asks once more
// before it releases them. Those that somebody has canceled are on their way out.
func unfinishedJobs(ctx context.Context, c *luxi.Client) ([]unfinishedJob, error) {
	running, err := read.UnfinishedJobs(ctx, c)
	if err != nil {
		return nil, err
	}
	gates := make(map[luxi.JobID]bool)
	for _, job := range running {
		if m, ours := repair.MarkOf(job); ours && m.Kind == repair.MarkGate {
			gates[job.ID] = true
		}
	}
	var list []unfinishedJob
	for _, job := range running {
		m, ours := repair.MarkOf(job)
		if !ours || m.Kind != repair.MarkRepair || job.Status == luxi.JobCanceling || repair.WaitsFor(job, gates) || len(job.Ops) == 0 {
			continue
		}
		list = append(list, unfinishedJob{job: job.ID, instance: job.Ops[0].Param("instance_name"), repair: m.ID, step: m.Step, begun: repair.NewJobFact(job).Begun()})
	}
	return list, nil
}
