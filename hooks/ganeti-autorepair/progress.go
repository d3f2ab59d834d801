package main

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// progressPatience bounds the wait for a change of the first job, before all are
// queried again.
const progressPatience = 2 * time.Second

// watched is a repair job that follow waits for.
type watched struct {
	id       luxi.JobID
	instance string
	step     string
	status   luxi.JobStatus // as told last
	op       int            // opcodes that had begun
	serial   int            // of the last line of its log that was told
	since    time.Time      // when it began, or else was first looked at
}

// follow waits for jobs to end. It prints their progress on standard error, opcode
// by opcode, with the lines of their logs, the instance and the time since each
// began; and on standard output a line for each job that has ended.
func (r *runner) follow(ctx context.Context, jobs []*watched) error {
	c := r.env.client()
	defer c.Close()
	for len(jobs) > 0 {
		var ids []luxi.JobID
		for _, j := range jobs {
			ids = append(ids, j.id)
		}
		list, err := c.QueryProgress(ctx, ids)
		if err != nil {
			return fmt.Errorf("waiting for job %d: %w", ids[0], err)
		}
		var left []*watched
		for k, p := range list {
			if j := jobs[k]; !r.tell(j, p) {
				left = append(left, j)
			}
		}
		if jobs = left; len(jobs) == 0 {
			return nil
		}
		_, err = c.WaitForJobChange(ctx, jobs[0].id, jobs[0].status, progressPatience)
		if err != nil && !isLost(err) {
			return fmt.Errorf("waiting for job %d: %w", jobs[0].id, err)
		}
	}
	return nil
}

// tell prints what is new about a job, and reports whether it has ended.
func (r *runner) tell(j *watched, p luxi.JobProgress) bool {
	now := r.env.now()
	if j.since.IsZero() {
		j.since = now
	}
	if !p.Known {
		fmt.Fprintf(r.env.stdout, "job %d: unknown\n", j.id)
		return true
	}
	if !p.Started.IsZero() && j.status != luxi.JobRunning {
		j.since = p.Started
	}
	say := func(at time.Time, format string, args ...any) {
		elapsed := at.Sub(j.since)
		if elapsed < 0 {
			elapsed = 0
		}
		fmt.Fprintf(r.env.stderr, "%5s  %s job %d: %s\n", elapsed.Truncate(time.Second), j.instance, j.id, fmt.Sprintf(format, args...))
	}
	begun, current := 0, ""
	for k, s := range p.Ops {
		if s != luxi.JobQueued && k < len(p.Summary) {
			begun, current = k+1, p.Summary[k]
		}
	}
	if (p.Status != j.status || begun != j.op) && !p.Status.Final() {
		text := string(p.Status)
		if len(p.Ops) > 1 && current != "" {
			text += fmt.Sprintf(", opcode %d of %d", begun, len(p.Ops))
		}
		if current != "" {
			text += ", " + current
		}
		say(now, "%s (%s)", j.step, text)
	}
	j.status, j.op = p.Status, begun
	for _, l := range p.Log {
		if l.Serial > j.serial {
			j.serial = l.Serial
			say(l.Time, "%s", oneLine(l.Text))
		}
	}
	if !p.Status.Final() {
		return false
	}
	fmt.Fprintf(r.env.stdout, "job %d: %s\n", j.id, p.Status)
	return true
}
