package read

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// pastJobs is how many of the newest jobs are looked through, archived ones included, for
// what they left behind. luxid reads the file of each, in 0.1 to 0.2 ms.
const pastJobs = 20000

// readSuspects lists the instances that a failed job of the live queue may have left
// otherwise than the configuration says: those whose reinstallation failed halfway, or
// that may have been migrated. ganeti-watcher archives jobs after six hours, which settles
// nothing (S15), so those that the pass before found are looked at again.
func (r *Reader) readSuspects(ctx context.Context, s *repair.Snapshot) error {
	jobs, err := r.Client.ListJobs(ctx, luxi.Eq("status", string(luxi.JobError)), false)
	if err != nil {
		return fmt.Errorf("reading the failed jobs: %w", err)
	}
	s.Suspects = make(map[string]luxi.JobID)
	for uuid, job := range r.Suspects {
		s.Suspects[uuid] = job
	}
	for _, job := range jobs {
		f := repair.NewJobFact(job)
		if !f.BeganChain() && !(f.Step == repair.StepMigrate && f.WantsLog()) {
			continue
		}
		for _, op := range job.Ops {
			uuid := op.Param("instance_uuid")
			if older, known := s.Suspects[uuid]; uuid != "" && (!known || job.ID < older) {
				s.Suspects[uuid] = job.ID
			}
		}
	}
	return nil
}

// readPast finds out what earlier jobs left behind of the instances that are to be moved,
// reinstalled or called healthy (S15, S16, S18). Where nothing is to be done nothing is
// asked.
func (r *Reader) readPast(ctx context.Context, s *repair.Snapshot) error {
	if r.Before != nil {
		s.PastJobs, s.Said, s.PastUpTo = r.Before.PastJobs, r.Before.Said, r.Before.PastUpTo
	}
	concerned, from := 0, luxi.JobID(0)
	for _, i := range s.Instances {
		suspect, suspected := s.Suspects[i.UUID]
		switch {
		case r.PastOfAll || repair.NeedsPast(s, i):
			concerned++
		case suspected && (from == 0 || suspect < from):
			from = suspect
		}
	}
	if concerned == 0 && from == 0 {
		return nil
	}
	newest, err := r.Client.NewestJob(ctx, s.PastUpTo+1)
	if err != nil {
		return fmt.Errorf("looking for the newest job: %w", err)
	}
	first := s.PastUpTo + 1
	if newest-first >= pastJobs {
		first = newest - pastJobs + 1
	}
	if concerned == 0 && from > first {
		first = from // nothing before the failed job matters
	}
	if newest >= first {
		if err := r.readPastJobs(ctx, s, first); err != nil {
			return err
		}
	}
	s.PastUpTo = newest
	s.Past = repair.NewPast(s.PastJobs, s.Said)
	return nil
}

// readPastJobs reads the jobs from a number on that may have left something behind, and
// what people said about them.
func (r *Reader) readPastJobs(ctx context.Context, s *repair.Snapshot, first luxi.JobID) error {
	jobs, err := r.Client.FindJobs(ctx, first, luxi.OpInstanceReplaceDisks, luxi.OpInstanceMigrate, luxi.OpInstanceFailover, luxi.OpInstanceRecreateDisks, luxi.OpInstanceReinstall)
	if err != nil {
		return fmt.Errorf("looking for earlier jobs: %w", err)
	}
	facts := make([]*repair.JobFact, len(jobs))
	oldest := luxi.JobID(0)
	for k, job := range jobs {
		facts[k] = repair.NewJobFact(job)
		if f := facts[k]; oldest == 0 && (f.WantsLog() || f.BeganChain()) {
			oldest = job.ID
		}
	}
	if facts, err = r.withLogs(ctx, facts); err != nil {
		return err
	}
	s.PastJobs = append(append([]*repair.JobFact(nil), s.PastJobs...), facts...)
	if oldest == 0 && len(s.Said) == 0 && len(repair.NewPast(s.PastJobs, nil).HalfCopies) == 0 {
		return nil
	}
	if oldest == 0 || len(s.PastJobs) > len(facts) {
		oldest = first
	}
	said, err := r.Client.FindJobs(ctx, oldest, luxi.OpTagsSet, luxi.OpTagsDel)
	if err != nil {
		return fmt.Errorf("looking for acknowledgements: %w", err)
	}
	for _, job := range said {
		if a, ok := repair.AcknowledgementOf(job); ok {
			s.Said = append(append([]repair.Acknowledgement(nil), s.Said...), a)
		}
	}
	return nil
}

// withLogs returns the facts with what the logs of the jobs tell, where that matters.
func (r *Reader) withLogs(ctx context.Context, facts []*repair.JobFact) ([]*repair.JobFact, error) {
	var ids []luxi.JobID
	at := make(map[luxi.JobID]int)
	for k, f := range facts {
		if f.WantsLog() {
			ids, at[f.Info.ID] = append(ids, f.Info.ID), k
		}
	}
	if len(ids) == 0 {
		return facts, nil
	}
	logs, err := r.Client.JobLog(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("reading the logs of jobs: %w", err)
	}
	facts = append([]*repair.JobFact(nil), facts...)
	for _, log := range logs {
		k := at[log.ID]
		facts[k] = facts[k].WithLog(logFact(log, facts[k].Info))
	}
	return facts, nil
}

// logFact reads what the log of a job tells. One that is gone tells nothing.
func logFact(log luxi.JobLog, info luxi.JobInfo) repair.LogFact {
	var f repair.LogFact
	for k, op := range info.Ops {
		if k >= len(log.Ops) {
			f.Transferred = f.Transferred || op.ID == luxi.OpInstanceMigrate && op.Begun()
			continue
		}
		lines := log.Ops[k]
		switch op.ID {
		case luxi.OpInstanceReplaceDisks:
			f.Copied = f.Copied || lines.ReplaceDisksFinished()
		case luxi.OpInstanceMigrate:
			f.Transferred = f.Transferred || lines.MigrationBegan()
			f.FoundOn = lines.FoundOn()
		}
		if node := lines.TargetNode(); node != "" {
			f.Target = strings.TrimSpace(node)
		}
	}
	return f
}
