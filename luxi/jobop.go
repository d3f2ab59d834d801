package luxi

import (
	"encoding/json"
	"fmt"
	"time"
)

// JobOp is one opcode of a job.
type JobOp struct {
	// ID is the OP_ID, for example OpInstanceFailover. It is empty for an opcode
	// that luxid does not understand either, as in the archived job of an older
	// Ganeti.
	ID string
	// Params are the other parameters but for the reason trail. luxid has
	// completed them with defaults; once the opcode has started, names and
	// UUIDs of its instance and nodes are filled in too.
	Params map[string]json.RawMessage
	// Reason is the trail, including the entry luxid adds. Entries of another
	// form than Ganeti's are left out.
	Reason []ReasonEntry
	Status JobStatus // Status is that of this opcode alone.
	// ExecStart is when the opcode had its locks and began, with the checks that
	// can refuse it (NotifyStart in lib/jqueue/__init__.py); zero if it has not.
	ExecStart time.Time
	Result    OpResult // Result is what it returned or how it failed.
}

// OpResult is the result of an opcode.
type OpResult struct {
	// Raw is the JSON value, null for an opcode that has not ended and for
	// most that succeeded.
	Raw json.RawMessage
	// Err is how the opcode failed or why it was canceled. It has no class if
	// luxid ended the job itself. It is nil unless the status is JobError or
	// JobCanceled, and for an opcode canceled in the queue, to which luxid
	// gives no result (cancelOpCode in src/Ganeti/JQueue.hs).
	Err *Error
}

// Param returns the parameter of that name if it is a string, and the empty
// string if it is absent or anything else.
func (o JobOp) Param(name string) string {
	var s string
	if raw, ok := o.Params[name]; !ok || decode(raw, &s) != nil {
		return ""
	}
	return s
}

// ParamList returns the parameter of that name if it is a list of strings, such as
// nodes, node_names or instances, and nil if it is absent or anything else.
func (o JobOp) ParamList(name string) []string {
	var list []string
	if raw, ok := o.Params[name]; !ok || decode(raw, &list) != nil {
		return nil
	}
	return list
}

// ParamBool returns the parameter of that name if it is a boolean, and false if it
// is absent or anything else.
func (o JobOp) ParamBool(name string) bool {
	var b bool
	if raw, ok := o.Params[name]; !ok || decode(raw, &b) != nil {
		return false
	}
	return b
}

// DryRun reports whether the opcode only checks what it would do.
func (o JobOp) DryRun() bool { return o.ParamBool("dry_run") }

// Depends returns the jobs that have to end before this opcode's job starts.
func (o JobOp) Depends() []Depend {
	var list []json.RawMessage
	if raw, ok := o.Params["depends"]; !ok || decode(raw, &list) != nil {
		return nil
	}
	var depends []Depend
	for _, raw := range list {
		var d Depend
		if decode(raw, &d) == nil {
			depends = append(depends, d)
		}
	}
	return depends
}

// Begun reports whether the opcode has begun: it had its locks, and its checks, at
// least, have run. One that was canceled before, that waits for locks, whose job
// waits for another one, or that comes after a failed opcode has not. An opcode
// that begins anew with more locks is waiting once more, but had begun (NotifyRetry
// in lib/jqueue/__init__.py).
func (o JobOp) Begun() bool {
	return o.Status == JobRunning || o.Status == JobSuccess || !o.ExecStart.IsZero()
}

// decodeJobOp puts together one opcode of a job. luxid shows an opcode that it does
// not understand as it is in the job's file (InvalidOpCode in src/Ganeti/JQueue.hs),
// so that it may have any form.
func decodeJobOp(raw json.RawMessage, status JobStatus, result json.RawMessage, begun *[2]int64) (JobOp, error) {
	op := JobOp{Status: status, Result: OpResult{Raw: result}}
	if !status.known() {
		return JobOp{}, fmt.Errorf("unknown status %q", string(status))
	}
	if status == JobError || status == JobCanceled {
		op.Result.Err = parseError(result)
	}
	if begun != nil {
		var err error
		if op.ExecStart, err = jobTime(*begun); err != nil {
			return JobOp{}, fmt.Errorf("time of execution: %w", err)
		}
	}
	params, err := object(raw)
	if err != nil {
		params = make(map[string]json.RawMessage)
	}
	if decode(params["OP_ID"], &op.ID) != nil {
		op.ID = ""
	}
	op.Reason = parseTrail(params["reason"])
	delete(params, "OP_ID")
	delete(params, "reason")
	op.Params = params
	return op, nil
}
