package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
)

// LogLine is an entry that an opcode wrote to its job's log.
type LogLine struct {
	Serial int       // Serial grows from entry to entry within a job, from 1.
	Time   time.Time // Time is when it was written, in UTC.
	Type   string    // Type is "message", or what else the opcode says (ELOG_* in lib/constants.py).
	Text   string    // Text is the entry; JSON if it is not a string.
}

// logDelay is the type of the entry that names the socket of an interruptible
// TestDelay (ELOG_DELAY_TEST in lib/constants.py).
const logDelay = "delay-test"

// OpLog is the log of one opcode.
type OpLog struct {
	Lines []LogLine // Lines are the entries, in the order in which they were written.
	// Err is why the log could not be read; Lines is empty then.
	Err error
}

// JobLog is the log of a job.
type JobLog struct {
	ID JobID // ID is the job's number.
	// Known is false for a job that the queue no longer has, or never had. All
	// other fields are then empty.
	Known  bool
	Status JobStatus // Status is that of the whole job.
	// Ops are the logs of the opcodes, in the order of JobInfo.Ops.
	Ops []OpLog
}

// JobLog reads the logs of jobs, also of archived ones. The result has every id
// once, in the order of first mention. A log that cannot be read is no error of the call, but
// that of an OpLog.
//
// A log is written to the master's disk as the opcode goes on, but reaches the
// master candidates only when the status of an opcode changes (_AppendFeedback in
// lib/jqueue/__init__.py). After a change of master, the log of a job that ended
// with its process may lack the last entries; see OpResult.
func (c *Client) JobLog(ctx context.Context, ids ...JobID) ([]JobLog, error) {
	var logs []JobLog
	err := c.queryJobRows(ctx, ids, []string{"status", "oplog"}, func(id JobID, row []json.RawMessage) error {
		log := JobLog{ID: id}
		if row != nil {
			log.Known = true
			if err := decodeStatus(row[0], &log.Status); err != nil {
				return err
			}
			log.Ops = parseLogs(row[1])
		}
		logs = append(logs, log)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return logs, nil
}

// queryJobRows calls QueryJobs, which finds archived jobs as well, and has each row
// read, nil for an unknown job. Of an id that is given twice the first one counts.
func (c *Client) queryJobRows(ctx context.Context, ids []JobID, fields []string, read func(JobID, []json.RawMessage) error) error {
	const method = "QueryJobs"
	if len(ids) == 0 {
		return nil // on the wire that would mean all jobs
	}
	ids, err := distinct(ids)
	if err != nil {
		return err
	}
	args := []any{ids, append([]string{"id"}, fields...)}
	return c.call(ctx, method, args, queryTime, func(raw json.RawMessage) error {
		bad := func(err error) error { return &ProtocolError{Method: method, Problem: err.Error()} }
		rows, err := elements(nil, raw)
		if err != nil {
			return bad(err)
		}
		if len(rows) != len(ids) {
			return bad(fmt.Errorf("%d rows for %d jobs", len(rows), len(ids)))
		}
		for k, raw := range rows {
			row, err := elements(nil, raw)
			if err != nil {
				return bad(err)
			}
			if len(row) != len(fields)+1 {
				return bad(fmt.Errorf("row of %d values instead of %d", len(row), len(fields)+1))
			}
			var id JobID
			if err := decodeJobID(row[0], &id); err != nil {
				return bad(err)
			}
			if id != ids[k] {
				return bad(fmt.Errorf("job %d where %d is due", id, ids[k]))
			}
			values := row[1:]
			if string(values[0]) == "null" {
				values = nil
			}
			if err := read(id, values); err != nil {
				return bad(fmt.Errorf("job %d: %w", id, err))
			}
		}
		return nil
	})
}

// distinct returns each of the ids once. All of them must be numbers of jobs.
func distinct(ids []JobID) ([]JobID, error) {
	seen := make(map[JobID]bool, len(ids))
	out := make([]JobID, 0, len(ids))
	for _, id := range ids {
		if id <= 0 {
			return nil, fmt.Errorf("luxi: there is no job %d", id)
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out, nil
}

// parseLogs decodes a job's logs, a list of entries for each opcode.
func parseLogs(raw json.RawMessage) []OpLog {
	ops, err := elements(nil, raw)
	if err != nil {
		return []OpLog{{Err: fmt.Errorf("luxi: log: %w", err)}}
	}
	logs := make([]OpLog, len(ops))
	for k, raw := range ops {
		entries, err := elements(nil, raw)
		lines := make([]LogLine, len(entries))
		for i := 0; err == nil && i < len(entries); i++ {
			lines[i], err = parseLogLine(entries[i])
		}
		if err != nil {
			logs[k].Err = fmt.Errorf("luxi: log of opcode %d: %w", k, err)
		} else if len(lines) > 0 {
			logs[k].Lines = lines
		}
	}
	return logs
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
	var err error
	if l.Time, err = jobTime(at); err != nil {
		return l, err
	}
	if decode(parts[3], &l.Text) != nil {
		l.Text = string(parts[3])
	}
	return l, nil
}

// MigrationBegan reports whether an InstanceMigrate began to transfer the instance,
// by its log. If the opcode did not succeed, the instance may then run on the
// target. It is true if the log cannot be read. An opcode that fails before the
// transfer leaves the instance where it was (_ExecMigration in
// lib/cmdlib/instance_migration.py).
//
// The log of an opcode that luxid ended itself (OpResult.Err without a class) may
// lack this entry after a change of master, see JobLog.
func (l OpLog) MigrationBegan() bool {
	if l.Err != nil {
		return true
	}
	for _, line := range l.Lines {
		if strings.HasPrefix(line.Text, "* migrating instance to ") {
			return true
		}
	}
	return false
}

// ReplaceDisksFinished reports whether an InstanceReplaceDisks replaced all disks and
// made the new copies complete, by its log. The last step is then reached: to remove
// the old storage. With early_release, which Ganeti sets by itself if the old
// secondary node is offline, the last step is the synchronization, which must have
// ended; that the mirror is not degraded is then checked without a line in the log
// (_ExecDrbd8Secondary and WaitForSync in lib/cmdlib/instance_storage.py).
func (l OpLog) ReplaceDisksFinished() bool {
	last := ""
	for _, line := range l.Lines {
		switch {
		case strings.HasPrefix(line.Text, "STEP "):
			last = strings.TrimPrefix(line.Text, "STEP ")
			if last == "6/6 Removing old storage" {
				return true
			}
		case last == "6/6 Sync devices" && strings.HasSuffix(line.Text, "'s disks are in sync"):
			return true
		}
	}
	return false
}

// TargetNode returns the node that the log of an InstanceMigrate says it transfers the
// instance to, or that of an InstanceReplaceDisks says an allocator chose as the new
// secondary; empty if it says neither (_ExecMigration in
// lib/cmdlib/instance_migration.py, TLReplaceDisks._RunAllocator in
// lib/cmdlib/instance_storage.py).
func (l OpLog) TargetNode() string {
	for _, line := range l.Lines {
		if node := strings.TrimPrefix(line.Text, "* migrating instance to "); node != line.Text {
			return strings.TrimSpace(node)
		}
		if strings.Contains(line.Text, "Selected new secondary for instance ") {
			return strings.TrimSpace(line.Text[strings.LastIndex(line.Text, ": ")+2:])
		}
	}
	return ""
}

// FoundOn returns the only node on which the log of an InstanceMigrate with Cleanup says
// that the instance runs, and which the job then made its primary node; empty if the log
// does not say. That may be so although the job failed: with a node offline it ends with
// an error, when all that is left is to disconnect the disks there (_ExecCleanup in
// lib/cmdlib/instance_migration.py).
func (l OpLog) FoundOn() string {
	for _, line := range l.Lines {
		for _, words := range []string{"* instance running on secondary node (", "* instance confirmed to be running on its primary node ("} {
			if rest := strings.TrimPrefix(line.Text, words); rest != line.Text {
				node, _, _ := strings.Cut(rest, ")")
				return strings.TrimSpace(node)
			}
		}
	}
	return ""
}

// DelaySocket returns how an interruptible TestDelay stands, and the path of the
// socket on the master node on which it listens for EndDelay. The path is empty as
// long as it is not in the log. A job that the queue does not have is an error that
// matches ErrJobLost.
func (c *Client) DelaySocket(ctx context.Context, id JobID) (JobStatus, string, error) {
	logs, err := c.JobLog(ctx, id)
	if err != nil {
		return "", "", err
	}
	if !logs[0].Known {
		return "", "", fmt.Errorf("luxi: job %d: %w", id, ErrJobLost)
	}
	for _, op := range logs[0].Ops {
		for _, line := range op.Lines {
			var path []string
			if line.Type == logDelay && decode(json.RawMessage(line.Text), &path) == nil && len(path) == 1 {
				return logs[0].Status, path[0], nil
			}
		}
	}
	return logs[0].Status, "", nil
}

// EndDelay ends an interruptible TestDelay before its time, as a success
// (_InterruptibleDelay in lib/cmdlib/test.py). It may only be called on the master
// node, as root or as the user that the job runs as. It does not wait for the job's
// end. Where the socket cannot be reached, the delay has ended or the error says
// why not.
func EndDelay(ctx context.Context, socket string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("luxi: ending a delay: %w", err)
	}
	// Closing the connection is the signal.
	if err := conn.Close(); err != nil {
		return fmt.Errorf("luxi: ending a delay: %w", err)
	}
	return nil
}

// JobProgress is how a job stands.
type JobProgress struct {
	ID     JobID     // ID is the job's number.
	Known  bool      // Known is false for a job the queue no longer has.
	Status JobStatus // Status is that of the whole job.
	// Ops are the statuses of its opcodes, in order, and Summary what they do.
	Ops     []JobStatus
	Summary []string
	Started time.Time // Started is zero for a job that has no process yet.
	Log     []LogLine // Log has the entries of all opcodes, in order, as far as they can be read.
}

// QueryProgress reads how jobs stand, with all that they have written to their
// logs. The result has every id exactly once, in the order of first mention.
func (c *Client) QueryProgress(ctx context.Context, ids []JobID) ([]JobProgress, error) {
	var list []JobProgress
	fields := []string{"status", "opstatus", "summary", "start_ts", "oplog"}
	err := c.queryJobRows(ctx, ids, fields, func(id JobID, row []json.RawMessage) error {
		p, err := parseProgress(id, row)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func parseProgress(id JobID, row []json.RawMessage) (JobProgress, error) {
	p := JobProgress{ID: id}
	if row == nil {
		return p, nil
	}
	p.Known = true
	var start *[2]int64
	for k, dst := range []any{&p.Status, &p.Ops, &p.Summary, &start} {
		if err := decode(row[k], dst); err != nil {
			return p, err
		}
	}
	if start != nil {
		var err error
		if p.Started, err = jobTime(*start); err != nil {
			return p, err
		}
	}
	for _, op := range parseLogs(row[4]) {
		p.Log = append(p.Log, op.Lines...)
	}
	return p, nil
}
