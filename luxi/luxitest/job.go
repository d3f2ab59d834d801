package luxitest

import (
	"encoding/json"
	"time"
)

// Statuses of jobs and opcodes (constants.JOB_STATUS_*).
const (
	queued    = "queued"
	waiting   = "waiting"
	canceling = "canceling"
	running   = "running"
	success   = "success"
	failed    = "error"
	canceled  = "canceled"
)

func isFinal(status string) bool { return status == success || status == failed || status == canceled }

// Job is a job as a test sees it, whatever became of its file.
type Job struct {
	ID       int64
	Status   string
	Archived bool // its file was moved to the archive
	Purged   bool // its file is gone: clients no longer know the job
	Ops      []Opcode
	Received time.Time
	Start    time.Time // zero if no process was ever started for it
	End      time.Time // zero if not final
}

// Started reports whether any opcode of the job got as far as its own checks. A job whose dependency failed was
// handed to a process, so it has a Start, but never Started.
func (j Job) Started() bool {
	for _, op := range j.Ops {
		if !op.Exec.IsZero() {
			return true
		}
	}
	return false
}

// Opcode is an opcode as a test sees it.
type Opcode struct {
	ID       string         // "OP_INSTANCE_FAILOVER"
	Summary  string         // "INSTANCE_FAILOVER(web1)"
	Params   map[string]any // as decoded, with defaults; numbers are json.Number, int64 or float64
	Reason   []Reason
	Depends  []Depend
	Status   string
	Result   json.RawMessage
	Log      []string
	Start    time.Time // when it began to wait for locks
	Exec     time.Time // when it got them
	End      time.Time
	Priority int
}

// Depend is a job that an opcode waits for, and the final statuses that let it go on; none means any.
type Depend struct {
	Job int64
	On  []string
}

// Text returns the string parameter of that name, or "".
func (o Opcode) Text(param string) string {
	s, _ := o.Params[param].(string)
	return s
}

// Reason is one element of a reason trail.
type Reason struct {
	Source, Text string
	Time         int64 // nanoseconds
}

// MarshalJSON renders the triple that Ganeti uses.
func (r Reason) MarshalJSON() ([]byte, error) { return json.Marshal([]any{r.Source, r.Text, r.Time}) }

// job is a job in the queue. Its process exists from the moment it is launched to its end or death.
type job struct {
	id                   int64
	ops                  []*queuedOp
	received, start, end time.Time
	archived, purged     bool
	slot                 bool // handed over for execution: takes one of max_running_jobs
	alive                bool // its process exists
	inherited            bool // started by a luxid before the present one
	cancel               bool // its process was told to cancel the job, and has not come to it
	attempt              int  // number of the present attempt to get locks
	run                  int  // number of the present process's doings; what belongs to another number is void
	logSerial            int
	hang                 func() // continues a hanging opcode
}

// queuedOp is an opcode in a job.
type queuedOp struct {
	*opcode
	status           string
	result           any // marshalled for clients
	log              []logLine
	start, exec, end time.Time
	priority         int
}

type logLine struct {
	serial int
	at     time.Time
	text   string
}

// status implements JQueue.hs calcJobStatus.
func (j *job) status() string {
	status, all := queued, true
	for _, op := range j.ops {
		switch op.status {
		case failed, canceling, canceled:
			return op.status
		case success:
			continue
		case queued:
		default:
			status = op.status
		}
		all = false
	}
	if all {
		return success
	}
	return status
}

func (j *job) final() bool { return isFinal(j.status()) }

// priority implements JQueue.hs calcJobPriority: the most urgent of the opcodes that are not final.
func (j *job) priority() int {
	prio, any := 0, false
	for _, op := range j.ops {
		if !isFinal(op.status) && (!any || op.priority < prio) {
			prio, any = op.priority, true
		}
	}
	return prio
}

// dependencies lists the jobs any opcode depends on (JQueue.hs getJobDependencies).
func (j *job) dependencies() []int64 {
	var ids []int64
	for _, op := range j.ops {
		for _, d := range op.depends {
			ids = append(ids, d.job)
		}
	}
	return ids
}

func (j *job) view() Job {
	v := Job{
		ID: j.id, Status: j.status(), Archived: j.archived, Purged: j.purged,
		Received: j.received, Start: j.start, End: j.end,
	}
	for _, op := range j.ops {
		v.Ops = append(v.Ops, op.view())
	}
	return v
}

func (op *queuedOp) view() Opcode {
	result, _ := marshal(op.result) // built from marshallable values only
	v := Opcode{
		ID: op.id, Summary: op.summary(), Params: make(map[string]any, len(op.params)),
		Reason: append([]Reason(nil), op.reason...), Status: op.status, Result: result,
		Start: op.start, Exec: op.exec, End: op.end, Priority: op.priority,
	}
	for k, p := range op.params {
		v.Params[k] = p
	}
	for _, d := range op.depends {
		v.Depends = append(v.Depends, Depend{d.job, clone(d.on)})
	}
	for _, l := range op.log {
		v.Log = append(v.Log, l.text)
	}
	return v
}

// opError is a failed opcode: the class of the exception and its arguments.
type opError struct {
	class string
	args  []string
}

// encoded is errors.EncodeException.
func (e *opError) encoded() any { return []any{e.class, e.args} }

// The error codes of OpPrereqError (constants.ERRORS_ECODE_*).
const (
	codeNoRes     = "insufficient_resources"
	codeInval     = "wrong_input"
	codeState     = "wrong_state"
	codeNoEnt     = "unknown_entity"
	codeExists    = "already_exists"
	codeNotUnique = "resource_not_unique"
	codeFault     = "internal_error"
	codeEnviron   = "environment_error"
)
