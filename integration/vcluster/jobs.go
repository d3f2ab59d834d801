package vcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Opcode is an opcode of a job: OP_ID, such as "OP_TEST_DELAY", and its
// parameters. An empty reason trail is added if there is none.
type Opcode map[string]interface{}

// Job is what is known of a job.
type Job struct {
	ID       int
	Status   string // "queued", "waiting", "canceling", "running", "success", "error", "canceled"
	Summary  []string
	OpStatus []string
	OpResult []json.RawMessage
	Ops      []json.RawMessage
}

// Final says whether the job has ended.
func (j Job) Final() bool {
	return j.Status == "success" || j.Status == "error" || j.Status == "canceled"
}

// Err returns nil if the job succeeded, else an error with its results.
func (j Job) Err() error {
	if j.Status == "success" {
		return nil
	}
	results := make([]string, len(j.OpResult))
	for i := range results {
		results[i] = string(j.OpResult[i])
	}
	return fmt.Errorf("vcluster: job %d (%s): %s: %s", j.ID, strings.Join(j.Summary, ", "), j.Status, strings.Join(results, "; "))
}

var jobFields = []string{"id", "status", "summary", "opstatus", "opresult", "ops"}

// Submit submits jobs and returns their ids.
func (c *Cluster) Submit(ctx context.Context, jobs ...[]Opcode) ([]int, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	for _, ops := range jobs {
		for _, op := range ops {
			if op["reason"] == nil {
				op["reason"] = []interface{}{}
			}
		}
	}
	result, err := c.Call(ctx, "SubmitManyJobs", jobs)
	if err != nil {
		return nil, err
	}
	var rows [][2]json.RawMessage
	if err := json.Unmarshal(result, &rows); err != nil {
		return nil, fmt.Errorf("vcluster: submit jobs: %w", err)
	}
	ids := make([]int, len(rows))
	for i, row := range rows {
		if string(row[0]) != "true" {
			return nil, fmt.Errorf("vcluster: submit jobs: %s", row[1])
		}
		if err := json.Unmarshal(row[1], &ids[i]); err != nil {
			return nil, fmt.Errorf("vcluster: submit jobs: %w", err)
		}
	}
	return ids, nil
}

// RunJobs submits jobs, waits for the end of all and returns them; the error is
// that of the first that did not succeed.
func (c *Cluster) RunJobs(ctx context.Context, jobs ...[]Opcode) ([]Job, error) {
	ids, err := c.Submit(ctx, jobs...)
	if err != nil {
		return nil, err
	}
	ended := make([]Job, len(ids))
	for i, id := range ids {
		if ended[i], err = c.WaitJob(ctx, id); err != nil {
			return nil, err
		}
	}
	for _, j := range ended {
		if err := j.Err(); err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// runJob runs a single job.
func (c *Cluster) runJob(ctx context.Context, ops ...Opcode) error {
	_, err := c.RunJobs(ctx, ops)
	return err
}

// Jobs returns all jobs that are not archived, by id.
func (c *Cluster) Jobs(ctx context.Context) ([]Job, error) {
	rows, err := c.Query(ctx, "job", jobFields, nil)
	if err != nil {
		return nil, err
	}
	jobs := make([]Job, len(rows))
	for i, row := range rows {
		if jobs[i], err = newJob(row); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// JobInfo returns a job, archived or not.
func (c *Cluster) JobInfo(ctx context.Context, id int) (Job, error) {
	rows, err := c.Query(ctx, "job", jobFields, []interface{}{"=", "id", id})
	if err != nil {
		return Job{}, err
	}
	// Ganeti has a row of nulls for an unknown id.
	if len(rows) != 1 || string(rows[0][1]) == "null" {
		return Job{}, fmt.Errorf("vcluster: no job %d", id)
	}
	return newJob(rows[0])
}

func newJob(row []json.RawMessage) (Job, error) {
	var j Job
	err := unpack(row, &j.ID, &j.Status, &j.Summary, &j.OpStatus, &j.OpResult, &j.Ops)
	return j, err
}

// WaitJob waits for the end of a job, whatever that is, and returns it.
func (c *Cluster) WaitJob(ctx context.Context, id int) (Job, error) {
	for {
		j, err := c.JobInfo(ctx, id)
		if err != nil || j.Final() {
			return j, err
		}
		// Answers when the status is another one, when there are log messages
		// after that one, or after the timeout.
		const allMessages, timeout = 1 << 30, 10 // seconds
		if _, err := c.Call(ctx, "WaitForJobChange", id, []string{"status"}, []string{j.Status}, allMessages, timeout); err != nil {
			return j, err
		}
	}
}

// WaitJobsDone waits until all jobs have ended, including those that begin
// meanwhile.
func (c *Cluster) WaitJobsDone(ctx context.Context) error {
	for {
		jobs, err := c.Jobs(ctx)
		if err != nil {
			return err
		}
		done := true
		for _, j := range jobs {
			if !j.Final() {
				done = false
				if _, err := c.WaitJob(ctx, j.ID); err != nil {
					return err
				}
			}
		}
		if done {
			return nil
		}
	}
}

// until calls try until it succeeds; the error is try's last if that does not
// happen within a time that is enough for a slow and busy machine.
func until(ctx context.Context, what string, try func(context.Context) error) error {
	const (
		enough = 10 * time.Minute
		pause  = 20 * time.Millisecond
	)
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("vcluster: wait for %s: %w (%v)", what, ctx.Err(), err)
		case <-tick.C:
		}
	}
}
