package luxi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// JobID is the number of a job. Numbers only grow; some are skipped.
type JobID int64

// JobStatus is the state of a job or of one of its opcodes (JOB_STATUS_* and
// OP_STATUS_* in lib/constants.py).
type JobStatus string

// The statuses of jobs and opcodes.
const (
	JobQueued    JobStatus = "queued"    // JobQueued: no process yet
	JobWaiting   JobStatus = "waiting"   // JobWaiting: waits for locks
	JobCanceling JobStatus = "canceling" // JobCanceling: was asked to stop
	JobRunning   JobStatus = "running"   // JobRunning: holds its locks and works
	JobSuccess   JobStatus = "success"   // JobSuccess: all opcodes succeeded (final)
	JobError     JobStatus = "error"     // JobError: an opcode failed (final)
	JobCanceled  JobStatus = "canceled"  // JobCanceled: ended on request (final)
)

// Final reports whether a job in this status has ended.
func (s JobStatus) Final() bool {
	return s == JobSuccess || s == JobError || s == JobCanceled
}

func (s JobStatus) known() bool {
	switch s {
	case JobQueued, JobWaiting, JobCanceling, JobRunning:
		return true
	}
	return s.Final()
}

const (
	// maxJobWait is what luxid cuts the timeout of WaitForJobChange to
	// (LUXI_WFJC_TIMEOUT in lib/constants.py).
	maxJobWait = 89 * time.Second
	// noLog is a log serial no job reaches. With it WaitForJobChange answers
	// to changes of the status only; with null it would answer at once, again
	// and again, for every job that has written a line to its log
	// (computeJobUpdateStatus in src/Ganeti/Query/Server.hs).
	noLog = 1<<31 - 1

	// What these calls may take beyond the usual. A cancellation waits for the
	// job's process to react; archiving waits for it to exit, and twice for
	// a connection to a master candidate; a submission writes every job to
	// all master candidates.
	cancelExtra  = 45 * time.Second
	archiveExtra = 12 * time.Second
	submitExtra  = time.Second
)

// SubmitJob submits one job and returns its number once the job is written to
// the queue. An opcode that luxid would not accept is an *OpCodeError, found
// before anything is sent. For an error for which OutcomeUnknown is true the
// job may exist; any other means that it does not. A drained queue is an Error
// that matches ErrQueueDrained.
func (c *Client) SubmitJob(ctx context.Context, ops []OpCode) (JobID, error) {
	const method = "SubmitJob"
	job, err := encodeJob(0, ops, c.opts.Now())
	if err != nil {
		return 0, err
	}
	var id JobID
	err = c.call(ctx, method, []any{job}, 0, func(raw json.RawMessage) error {
		if err := decodeJobID(raw, &id); err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		return nil
	})
	return id, err
}

// Submitted is what became of one of the jobs of SubmitManyJobs.
type Submitted struct {
	ID JobID // ID is the job's number, 0 if it was not submitted.
	// Err is an *Error without a class if luxid could not write this job, and
	// nil otherwise.
	Err error
}

// SubmitManyJobs submits several jobs, with consecutive numbers, and returns
// one Submitted for each, in order. Every job may fail on its own, so the
// results have to be looked at even if the error is nil; the error is as for
// SubmitJob and concerns all jobs. Without jobs nothing is sent.
func (c *Client) SubmitManyJobs(ctx context.Context, jobs [][]OpCode) ([]Submitted, error) {
	const method = "SubmitManyJobs"
	if len(jobs) == 0 {
		return nil, nil
	}
	now := c.opts.Now()
	encoded := make([][]json.RawMessage, len(jobs))
	for i, ops := range jobs {
		var err error
		if encoded[i], err = encodeJob(i, ops, now); err != nil {
			return nil, err
		}
	}
	var out []Submitted
	extra := time.Duration(len(jobs)) * submitExtra
	err := c.call(ctx, method, []any{encoded}, extra, func(raw json.RawMessage) error {
		got, err := parseSubmitted(raw, len(jobs))
		if err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		out = got
		return nil
	})
	return out, err
}

// StartEligible has luxid look for jobs that it can start. It does so when a job is
// submitted or ends, but not when one is canceled in the queue: what depended on
// that one stays queued until something else happens. What is sent is a submission
// of no jobs.
func (c *Client) StartEligible(ctx context.Context) error {
	const method = "SubmitManyJobs"
	return c.call(ctx, method, []any{[]any{}}, 0, func(raw json.RawMessage) error {
		if _, err := parseSubmitted(raw, 0); err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		return nil
	})
}

// parseSubmitted decodes the list of [true, id] and [false, message].
func parseSubmitted(raw json.RawMessage, jobs int) ([]Submitted, error) {
	var pairs [][2]json.RawMessage
	if err := decode(raw, &pairs); err != nil {
		return nil, err
	}
	if len(pairs) != jobs {
		return nil, fmt.Errorf("%d answers for %d jobs", len(pairs), jobs)
	}
	out := make([]Submitted, jobs)
	seen := make(map[JobID]bool, jobs)
	for i, pair := range pairs {
		var ok bool
		if err := decode(pair[0], &ok); err != nil {
			return nil, fmt.Errorf("job %d: %w", i, err)
		}
		if !ok {
			var text string
			if err := decode(pair[1], &text); err != nil {
				return nil, fmt.Errorf("job %d: message: %w", i, err)
			}
			out[i].Err = &Error{Message: text}
			continue
		}
		if err := decodeJobID(pair[1], &out[i].ID); err != nil {
			return nil, fmt.Errorf("job %d: %w", i, err)
		}
		if seen[out[i].ID] {
			return nil, fmt.Errorf("job id %d was given twice", out[i].ID)
		}
		seen[out[i].ID] = true
	}
	return out, nil
}

// decodeJobID stores the number of an existing job.
func decodeJobID(raw json.RawMessage, id *JobID) error {
	var got JobID
	if err := decode(raw, &got); err != nil {
		return fmt.Errorf("job id: %w", err)
	}
	if got <= 0 {
		return fmt.Errorf("job id %d", got)
	}
	*id = got
	return nil
}

// WaitForJobChange waits until the status of a job differs from prev, which
// may be empty to learn the present one at once, and returns it. After timeout
// it returns the status all the same; for a job that has ended it always
// returns at once. timeout is rounded up to whole seconds and cut to 89 s.
//
// A job that is unknown, purged or archived is an Error that matches
// ErrJobLost.
func (c *Client) WaitForJobChange(ctx context.Context, id JobID, prev JobStatus, timeout time.Duration) (JobStatus, error) {
	var before []JobStatus // null if nothing is known
	if prev != "" {
		before = []JobStatus{prev}
	}
	var status JobStatus
	err := c.waitForJobChange(ctx, id, "status", before, timeout, func(raw json.RawMessage) error {
		return decodeStatus(raw, &status)
	})
	return status, err
}

// WaitForOpcodes waits until the status of one of a job's opcodes differs from
// prev, their statuses in order, and returns them. prev may be nil to learn the
// present ones at once. All else is as for WaitForJobChange.
func (c *Client) WaitForOpcodes(ctx context.Context, id JobID, prev []JobStatus, timeout time.Duration) ([]JobStatus, error) {
	var before [][]JobStatus
	if prev != nil {
		before = [][]JobStatus{prev}
	}
	var statuses []JobStatus
	err := c.waitForJobChange(ctx, id, "opstatus", before, timeout, func(raw json.RawMessage) error {
		var list []json.RawMessage
		if err := decode(raw, &list); err != nil {
			return err
		}
		got := make([]JobStatus, len(list))
		for k := range list {
			if err := decodeStatus(list[k], &got[k]); err != nil {
				return fmt.Errorf("opcode %d: %w", k, err)
			}
		}
		statuses = got
		return nil
	})
	return statuses, err
}

// waitForJobChange waits until a field differs from what it was, and has it parsed.
func (c *Client) waitForJobChange(ctx context.Context, id JobID, field string, before any, timeout time.Duration, parse func(json.RawMessage) error) error {
	const method = "WaitForJobChange"
	if timeout < 0 {
		timeout = 0
	}
	if timeout > maxJobWait {
		timeout = maxJobWait
	}
	seconds := int((timeout + time.Second - 1) / time.Second)
	args := []any{id, []string{field}, before, noLog, seconds}
	return c.call(ctx, method, args, time.Duration(seconds)*time.Second, func(raw json.RawMessage) error {
		value, err := parseJobChange(raw)
		if err == nil && value == nil {
			return fmt.Errorf("luxi: job %d has no %s any more: %w", id, field, ErrJobLost)
		}
		if err == nil {
			err = parse(value)
		}
		if err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		return nil
	})
}

// parseJobChange decodes [[value], [log entries]]. The value is null, and the
// result nil, if the job's file vanished while luxid waited.
func parseJobChange(raw json.RawMessage) (json.RawMessage, error) {
	var pair [2]json.RawMessage
	if err := decode(raw, &pair); err != nil {
		return nil, err
	}
	var values [1]json.RawMessage
	if err := decode(pair[0], &values); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	var logs []json.RawMessage
	if err := decode(pair[1], &logs); err != nil {
		return nil, fmt.Errorf("log entries: %w", err)
	}
	if string(values[0]) == "null" {
		return nil, nil
	}
	return values[0], nil
}

// decodeStatus stores the status of a job or an opcode.
func decodeStatus(raw json.RawMessage, status *JobStatus) error {
	var got JobStatus
	if err := decode(raw, &got); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if !got.known() {
		return fmt.Errorf("unknown job status %q", string(got))
	}
	*status = got
	return nil
}

// WaitForJob waits until a job has ended and returns its final status, also if
// the job was archived meanwhile. It waits as long as ctx allows; a job may
// stay queued for ever. An unknown or purged job is an error that matches
// ErrJobLost. Trouble with the connection, such as a restart of luxid, ends
// the wait with an OpError; calling again is harmless.
func (c *Client) WaitForJob(ctx context.Context, id JobID) (JobStatus, error) {
	var prev JobStatus
	for {
		status, err := c.WaitForJobChange(ctx, id, prev, maxJobWait)
		if errors.Is(err, ErrJobLost) {
			return c.lostJob(ctx, id, err)
		}
		if err != nil {
			return "", err
		}
		if status.Final() {
			return status, nil
		}
		prev = status
	}
}

// lostJob returns the final status of an archived job, or lost if there is
// none.
func (c *Client) lostJob(ctx context.Context, id JobID, lost error) (JobStatus, error) {
	jobs, err := c.QueryJobs(ctx, []JobID{id})
	if err != nil {
		return "", err
	}
	if !jobs[0].Known || !jobs[0].Status.Final() {
		return "", lost
	}
	return jobs[0].Status, nil
}

// CancelJob asks for a job to be canceled (cancelJob in src/Ganeti/JQueue.hs). The
// result is luxid's answer: whether the job has ended or will, and a text that says
// why. How the job ended has to be read from the job.
//
//   - A queued job is canceled at once.
//   - One that waits for locks gives up, for which the call waits up to 44 s.
//   - One whose process is just starting cannot be canceled; the call finds out
//     after 6 s.
//   - Of one that runs, the present opcode goes on, but those behind it are canceled,
//     although the result is false (main in lib/jqueue/exec.py). So a job of several
//     opcodes that must not be cut may only be canceled while it is queued, and
//     may start meanwhile.
//   - With kill the process of a job is killed, which leaves undone what it had not
//     done.
//
// ctx may bound the call: an error for which OutcomeUnknown is true then means that
// luxid has the request, and carries it out all the same.
func (c *Client) CancelJob(ctx context.Context, id JobID, kill bool) (bool, string, error) {
	const method = "CancelJob"
	var done bool
	var text string
	err := c.call(ctx, method, []any{id, kill}, cancelExtra, func(raw json.RawMessage) error {
		var pair [2]json.RawMessage
		err := decode(raw, &pair)
		if err == nil {
			err = decode(pair[0], &done)
		}
		if err == nil {
			err = decode(pair[1], &text)
		}
		if err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		return nil
	})
	if err != nil {
		return false, "", err
	}
	return done, text, nil
}

// ArchiveJob moves a job that has ended to the archive. The result is false
// for a job that has not ended, is archived already, or does not exist. A job
// that was canceled before it started cannot be archived in this way: that is
// an Error of class GenericError (waitUntilJobExited in src/Ganeti/JQueue.hs).
func (c *Client) ArchiveJob(ctx context.Context, id JobID) (bool, error) {
	const method = "ArchiveJob"
	var done bool
	err := c.call(ctx, method, []any{id}, archiveExtra, func(raw json.RawMessage) error {
		if err := decode(raw, &done); err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		return nil
	})
	return done, err
}
