package luxitest

import "time"

// jobRow is a row in a query for jobs; the job is nil if there is none with that id.
type jobRow struct {
	id  int64
	job *job
}

// encoded is a log entry as [serial, [sec, usec], type, text].
func (l logLine) encoded() any { return []any{l.serial, timestamp(l.at), "message", l.text} }

func timestamp(t time.Time) []int64 { return []int64{t.Unix(), int64(t.Nanosecond() / 1000)} }

func maybeTime(t time.Time) cell {
	if t.IsZero() {
		return cell{rsUnavail, nil}
	}
	return normal(timestamp(t))
}

// ofJob makes a getter that has no value for unknown jobs.
func ofJob(get func(*job) cell) func(*Master, jobRow) cell {
	return func(_ *Master, r jobRow) cell {
		if r.job == nil {
			return cell{rsUnavail, nil}
		}
		return get(r.job)
	}
}

// ofOps makes a getter of a list with one element per opcode.
func ofOps(get func(*queuedOp) any) func(*Master, jobRow) cell {
	return ofJob(func(j *job) cell {
		list := []any{}
		for _, op := range j.ops {
			list = append(list, get(op))
		}
		return normal(list)
	})
}

func opTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}

// jobFields follow hs:Query/Job.hs.
var jobFields = mapFields([]fieldDef[jobRow]{
	{name: "id", title: "ID", kind: "number", doc: "Job ID", get: func(_ *Master, r jobRow) cell { return normal(r.id) }},
	{name: "status", title: "Status", kind: "text", doc: "Job status",
		get: ofJob(func(j *job) cell { return normal(j.status()) })},
	{name: "priority", title: "Priority", kind: "number", doc: "Current job priority (19 to -20)",
		get: ofJob(func(j *job) cell { return normal(j.priority()) })},
	{name: "archived", title: "Archived", kind: "bool", doc: "Whether job is archived",
		get: ofJob(func(j *job) cell { return normal(j.archived) })},
	{name: "ops", title: "OpCodes", kind: "other", doc: "List of all opcodes",
		get: ofOps(func(op *queuedOp) any { return op.input() })},
	{name: "opresult", title: "OpCode_result", kind: "other", doc: "List of opcodes results",
		get: ofOps(func(op *queuedOp) any { return op.result })},
	{name: "opstatus", title: "OpCode_status", kind: "other", doc: "List of opcodes status",
		get: ofOps(func(op *queuedOp) any { return op.status })},
	{name: "oplog", title: "OpCode_log", kind: "other", doc: "List of opcode output logs",
		get: ofOps(func(op *queuedOp) any {
			lines := []any{}
			for _, l := range op.log {
				lines = append(lines, l.encoded())
			}
			return lines
		})},
	{name: "opstart", title: "OpCode_start", kind: "other", doc: "List of opcode start timestamps (before acquiring locks)",
		get: ofOps(func(op *queuedOp) any { return opTime(op.start) })},
	{name: "opexec", title: "OpCode_exec", kind: "other", doc: "List of opcode execution start timestamps (after acquiring locks)",
		get: ofOps(func(op *queuedOp) any { return opTime(op.exec) })},
	{name: "opend", title: "OpCode_end", kind: "other", doc: "List of opcode execution end timestamps",
		get: ofOps(func(op *queuedOp) any { return opTime(op.end) })},
	{name: "oppriority", title: "OpCode_prio", kind: "other", doc: "List of opcode priorities",
		get: ofOps(func(op *queuedOp) any { return op.priority })},
	{name: "summary", title: "Summary", kind: "other", doc: "List of per-opcode summaries",
		get: ofOps(func(op *queuedOp) any { return op.summary() })},
	{name: "received_ts", title: "Received", kind: "other", timestamp: true,
		doc: "Timestamp of when job was received (tuple containing seconds and microseconds)",
		get: ofJob(func(j *job) cell { return maybeTime(j.received) })},
	{name: "start_ts", title: "Start", kind: "other", timestamp: true,
		doc: "Timestamp of job start (tuple containing seconds and microseconds)",
		get: ofJob(func(j *job) cell { return maybeTime(j.start) })},
	{name: "end_ts", title: "End", kind: "other", timestamp: true,
		doc: "Timestamp of job end (tuple containing seconds and microseconds)",
		get: ofJob(func(j *job) cell { return maybeTime(j.end) })},
})

// lockFields follow hs:Query/Locks.hs.
var lockFields = mapFields([]fieldDef[lockInfo]{
	{name: "name", title: "Name", kind: "other", doc: "Lock name", get: func(_ *Master, l lockInfo) cell { return normal(l.name) }},
	{name: "mode", title: "Mode", kind: "other", doc: "Mode in which the lock is currently acquired (exclusive or shared)",
		get: func(_ *Master, l lockInfo) cell { return normal(l.mode) }},
	{name: "owner", title: "Owner", kind: "other", doc: "Current lock owner(s)",
		get: func(_ *Master, l lockInfo) cell {
			owners := []string{}
			for _, id := range l.owners {
				owners = append(owners, itoa(id))
			}
			return normal(owners)
		}},
	{name: "pending", title: "Pending", kind: "other", doc: "Jobs waiting for the lock",
		get: func(_ *Master, l lockInfo) cell {
			pending := []any{}
			for _, p := range l.pending {
				pending = append(pending, []any{p[0], []string{itoa(p[1].(int64))}})
			}
			return normal(pending)
		}},
})
