package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// LogLine is a line that an opcode wrote to its job's log.
type LogLine struct {
	Serial int       // Serial grows from line to line within a job, from 1.
	Time   time.Time // Time is when it was written, in UTC.
	Type   string    // Type is message, or what else the opcode says (lib/_constants.py ELOG_*).
	Text   string    // Text is the line; JSON if it is not a string.
}

// JobProgress is how a job stands.
type JobProgress struct {
	ID     JobID
	Known  bool      // Known is false for a job the queue no longer has.
	Status JobStatus // Status is that of the whole job.
	// Ops are the statuses of its opcodes, in order, and Summary what they do.
	Ops     []JobStatus
	Summary []string
	Started time.Time // Started is zero for a job that has not begun.
	Log     []LogLine // Log has the lines of all opcodes, in order.
}

// QueryProgress reads how jobs stand, with all that they have written to their
// logs. The result has every id exactly once, in the order given.
func (c *Client) QueryProgress(ctx context.Context, ids []JobID) ([]JobProgress, error) {
	const method = "QueryJobs"
	if len(ids) == 0 {
		return nil, nil // on the wire that would mean all jobs
	}
	fields := []string{"id", "status", "opstatus", "summary", "start_ts", "oplog"}
	var list []JobProgress
	err := c.call(ctx, method, []any{ids, fields}, 0, func(raw json.RawMessage) error {
		var rows [][6]json.RawMessage
		if err := decode(raw, &rows); err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		if len(rows) != len(ids) {
			return &ProtocolError{Method: method, Problem: fmt.Sprintf("%d rows for %d jobs", len(rows), len(ids))}
		}
		for k, row := range rows {
			p, err := parseProgress(row)
			if err == nil && p.ID != ids[k] {
				err = fmt.Errorf("job %d where %d is due", p.ID, ids[k])
			}
			if err != nil {
				return &ProtocolError{Method: method, Problem: err.Error()}
			}
			list = append(list, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func parseProgress(row [6]json.RawMessage) (JobProgress, error) {
	var p JobProgress
	if err := decodeJobID(row[0], &p.ID); err != nil {
		return p, err
	}
	if string(row[1]) == "null" {
		return p, nil
	}
	p.Known = true
	var start *[2]int64
	var log [][]json.RawMessage
	for k, dst := range []any{&p.Status, &p.Ops, &p.Summary, &start, &log} {
		if err := decode(row[k+1], dst); err != nil {
			return p, fmt.Errorf("job %d: %w", p.ID, err)
		}
	}
	if start != nil {
		p.Started = time.Unix(start[0], start[1]*1000).UTC()
	}
	for _, lines := range log {
		for _, raw := range lines {
			line, err := parseLogLine(raw)
			if err != nil {
				return p, fmt.Errorf("job %d: log: %w", p.ID, err)
			}
			p.Log = append(p.Log, line)
		}
	}
	return p, nil
}

// parseLogLine decodes [serial, [seconds, microseconds], type, text].
func parseLogLine(raw json.RawMessage) (LogLine, error) {
	var parts [4]json.RawMessage
	var l LogLine
	var at [2]int64
	if err := decode(raw, &parts); err != nil {
		return l, err
	}
	if err := decode(parts[0], &l.Serial); err != nil {
		return l, err
	}
	if err := decode(parts[1], &at); err != nil {
		return l, err
	}
	if err := decode(parts[2], &l.Type); err != nil {
		return l, err
	}
	l.Time = time.Unix(at[0], at[1]*1000).UTC()
	if decode(parts[3], &l.Text) != nil {
		l.Text = string(parts[3])
	}
	return l, nil
}
