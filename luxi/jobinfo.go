package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// JobInfo is what the job queue holds about one job.
type JobInfo struct {
	ID JobID // ID is the job's number.
	// Known is false if the queue holds no file for this id: it was never
	// given to a job, or the job was purged (ganeti-cleaner deletes archived
	// jobs after 21 days). All other fields are then empty.
	Known    bool
	Status   JobStatus // Status is that of the whole job.
	Archived bool      // Archived reports whether the job is in the archive.
	// Summary has one line for each opcode, for example
	// INSTANCE_FAILOVER(instance1).
	Summary []string
	Ops     []JobOp // Ops are the opcodes, in the order they run in.
	// Received, Started and Ended are in UTC with microseconds, and zero for
	// what has not happened yet.
	Received, Started, Ended time.Time
}

// Begun reports whether one of the job's opcodes has begun. As long as none has, the
// job has changed nothing. Started does not answer this: it is when the job's process
// began, which it also does for a job that then waits for locks, or that fails
// because a job it depends on did not end as required (_MarkWaitlock and
// _CheckDependencies in lib/jqueue/__init__.py).
func (j JobInfo) Begun() bool {
	for _, op := range j.Ops {
		if op.Begun() {
			return true
		}
	}
	return false
}

// Dependencies returns the numbers of the jobs that have to end before this one
// starts, each once, in the order in which the opcodes name them. luxid has turned
// relative numbers into those of jobs.
func (j JobInfo) Dependencies() []JobID {
	var ids []JobID
	seen := make(map[JobID]bool)
	for _, op := range j.Ops {
		for _, d := range op.Depends() {
			if !seen[d.Job] {
				seen[d.Job] = true
				ids = append(ids, d.Job)
			}
		}
	}
	return ids
}

// jobFields returns the fields decodeJob needs, in its order. The last one is
// left out where archived jobs are not wanted, as asking for it is what makes
// luxid list them (wantArchived in src/Ganeti/Query/Job.hs).
func jobFields() []string {
	return []string{"id", "status", "summary", "ops", "opstatus", "opresult",
		"received_ts", "start_ts", "end_ts", "opexec", "archived"}
}

// QueryJobs looks jobs up by number, in the live queue and in the archive. The
// result has every number asked for exactly once, in the order of first
// mention; those the queue does not know have Known false. Without ids nothing
// is asked (on the wire that would mean all jobs).
func (c *Client) QueryJobs(ctx context.Context, ids []JobID) ([]JobInfo, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ids, err := distinct(ids)
	if err != nil {
		return nil, err
	}
	place := make(map[JobID]int, len(ids))
	eqs := make([]Filter, len(ids))
	for i, id := range ids {
		place[id] = i
		eqs[i] = Eq("id", id)
	}
	jobs := make([]JobInfo, len(eqs))
	// Only "|" and "=" on id make luxid look into the archive, and answer for
	// jobs that do not exist.
	err = c.query(ctx, ResJob, jobFields(), Or(eqs...), func(t *Table) error {
		if len(t.Rows) != len(jobs) {
			return &ProtocolError{Method: "Query", Problem: fmt.Sprintf("%d rows for %d jobs", len(t.Rows), len(jobs))}
		}
		for _, row := range t.Rows {
			job, err := decodeJob(row)
			if err != nil {
				return &ProtocolError{Method: "Query", Problem: err.Error()}
			}
			i, asked := place[job.ID]
			if !asked || jobs[i].ID != 0 {
				return &ProtocolError{Method: "Query", Problem: fmt.Sprintf("job %d was not asked for, or comes twice", job.ID)}
			}
			jobs[i] = job
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// ListJobs returns the jobs that match filter, in order of their numbers: those
// in the live queue, and with archived those in the archive too, which is costly
// without a bound by From. A filter of nothing but Eq on "id" is a look-up instead
// and always finds both; see QueryJobs for that.
//
// A job that is archived while luxid walks through the queue may come with
// Known false.
func (c *Client) ListJobs(ctx context.Context, filter Filter, archived bool) ([]JobInfo, error) {
	fields := jobFields()
	if !archived && !namesJobs(filter) {
		fields = fields[:len(fields)-1]
	}
	var jobs []JobInfo
	err := c.query(ctx, ResJob, fields, filter, func(t *Table) error {
		jobs = make([]JobInfo, 0, len(t.Rows))
		place := make(map[JobID]int, len(t.Rows))
		for _, row := range t.Rows {
			job, err := decodeJob(row)
			if err != nil {
				return &ProtocolError{Method: "Query", Problem: err.Error()}
			}
			// A job that moves to the archive between the listings of the two
			// directories comes twice.
			if i, dup := place[job.ID]; dup {
				if !jobs[i].Known {
					jobs[i] = job
				}
				continue
			}
			place[job.ID] = len(jobs)
			jobs = append(jobs, job)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// namesJobs reports whether luxid takes the filter for a list of job numbers
// (requestedNames in src/Ganeti/Query/Filter.hs). It then looks into the archive
// whatever the fields, so the one that tells where a job was found may be asked
// for.
func namesJobs(f Filter) bool {
	switch {
	case len(f) == 3 && f[0] == "=":
		return f[1] == "id"
	case len(f) > 1 && f[0] == "|":
		for _, operand := range f[1:] {
			if o, ok := operand.(Filter); !ok || !namesJobs(o) {
				return false
			}
		}
		return true
	}
	return false
}

// UnfinishedJobs is a filter for ListJobs: the jobs that have not ended.
func UnfinishedJobs() Filter {
	return AnyOf("status", string(JobQueued), string(JobWaiting), string(JobCanceling), string(JobRunning))
}

// decodeJob decodes a row of a query for jobFields, with or without the last.
func decodeJob(row []Cell) (JobInfo, error) {
	var job JobInfo
	fields := jobFields()
	if row[0].Status != StatusNormal {
		return job, fmt.Errorf("job without an id: %s", row[0].Status)
	}
	if err := decodeJobID(row[0].Value, &job.ID); err != nil {
		return job, err
	}
	bad := func(field string, err error) (JobInfo, error) {
		return JobInfo{}, fmt.Errorf("job %d: %s: %w", job.ID, field, err)
	}
	if row[1].Status == StatusUnavailable {
		// luxid echoes the number of a job it has no file for, and nothing
		// else (maybeJob in src/Ganeti/Query/Job.hs).
		for i, cell := range row[1:] {
			if cell.Status != StatusUnavailable {
				return bad(fields[1+i], fmt.Errorf("a value for a job without status"))
			}
		}
		return job, nil
	}
	job.Known = true
	var ops, results []json.RawMessage
	var statuses []JobStatus
	for i, dst := range []any{&job.Status, &job.Summary, &ops, &statuses, &results} {
		if err := scanCell(row[1+i], dst); err != nil {
			return bad(fields[1+i], err)
		}
	}
	for i, dst := range []*time.Time{&job.Received, &job.Started, &job.Ended} {
		if err := decodeTime(row[6+i], dst); err != nil {
			return bad(fields[6+i], err)
		}
	}
	var begun []*[2]int64
	if err := scanCell(row[9], &begun); err != nil {
		return bad(fields[9], err)
	}
	if len(row) == len(fields) {
		if err := scanCell(row[10], &job.Archived); err != nil {
			return bad(fields[10], err)
		}
	}
	if !job.Status.known() {
		return bad("status", fmt.Errorf("unknown status %q", string(job.Status)))
	}
	if len(job.Summary) != len(ops) || len(statuses) != len(ops) || len(results) != len(ops) || len(begun) != len(ops) {
		return bad("ops", fmt.Errorf("%d opcodes with %d summaries, %d statuses, %d results and %d times of execution",
			len(ops), len(job.Summary), len(statuses), len(results), len(begun)))
	}
	job.Ops = make([]JobOp, len(ops))
	for i := range ops {
		op, err := decodeJobOp(ops[i], statuses[i], results[i], begun[i])
		if err != nil {
			return bad(fmt.Sprintf("opcode %d", i), err)
		}
		job.Ops[i] = op
	}
	return job, nil
}

// decodeTime decodes [seconds, microseconds]. A cell without a value is the zero time.
func decodeTime(c Cell, dst *time.Time) error {
	if c.Status == StatusUnavailable || c.Status == StatusNoData {
		return nil
	}
	var pair [2]int64
	if err := scanCell(c, &pair); err != nil {
		return err
	}
	t, err := jobTime(pair)
	if err == nil {
		*dst = t
	}
	return err
}

// jobTime returns the time that a job's file has as [seconds, microseconds].
func jobTime(pair [2]int64) (time.Time, error) {
	if pair[1] < 0 || pair[1] >= 1e6 {
		return time.Time{}, fmt.Errorf("%d microseconds", pair[1])
	}
	return time.Unix(pair[0], pair[1]*1000).UTC(), nil
}
