package luxi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"time"
	"unicode/utf8"
)

// OpCode is one step of a job (lib/opcodes.py, src/Ganeti/OpCodes.hs). The
// types of this package that implement it are structs which embed Common; a
// program may add opcodes of its own in the same way, with the parameters as
// fields whose JSON names are Ganeti's:
//
//	type NodeEvacuate struct {
//		luxi.Common
//		NodeName string `json:"node_name"`
//		Mode     string `json:"mode"`
//	}
//
//	func (*NodeEvacuate) OpID() string { return "OP_NODE_EVACUATE" }
//
// luxid is strict: a key it does not know, a missing one, or a value of the
// wrong type fails the whole request. Keys that are optional may be left out.
type OpCode interface {
	// OpID returns the OP_ID, for example OP_INSTANCE_STARTUP.
	OpID() string
	// Header returns the parameters that every opcode has.
	Header() *Common
}

// Common are the parameters that every opcode has.
type Common struct {
	// Reason is the reason trail so far; it may be empty.
	Reason []ReasonEntry `json:"reason"`
	// Depends lists jobs that must have ended before this opcode's job starts.
	Depends []Depend `json:"depends,omitempty"`
	// Priority is one of the three that may be submitted: PriorityLow,
	// PriorityNormal or PriorityHigh.
	Priority int `json:"priority,omitempty"`
	// DryRun makes the opcode stop after its checks, including the choice of
	// nodes by an allocator, and succeed without changing anything.
	DryRun bool `json:"dry_run,omitempty"`
	// Comment is free text kept with the opcode.
	Comment string `json:"comment,omitempty"`
}

// Header returns c itself, which gives every struct that embeds Common the
// method of the interface OpCode.
func (c *Common) Header() *Common { return c }

// The priorities a job may be submitted with (OP_PRIO_SUBMIT_VALID in
// lib/constants.py).
const (
	PriorityLow    = 10  // PriorityLow: after all others
	PriorityNormal = 0   // PriorityNormal: the default
	PriorityHigh   = -10 // PriorityHigh: before all others
)

// Depend makes a job wait for another one. The waiting job stays queued and
// holds no lock and no place among the running jobs.
type Depend struct {
	// Job is the job to wait for. A negative number counts back from the
	// waiting job itself: -1 is the job before it in the same SubmitManyJobs.
	Job JobID
	// On lists the final statuses that let the waiting job run; none means
	// any. If Job ends otherwise, the waiting job fails without having started
	// (or is canceled, if Job was).
	On []JobStatus
}

// MarshalJSON returns the pair that Ganeti uses.
func (d Depend) MarshalJSON() ([]byte, error) {
	on := d.On
	if on == nil {
		on = []JobStatus{} // null is refused here
	}
	return json.Marshal([]any{d.Job, on})
}

// UnmarshalJSON reads the pair that Ganeti uses.
func (d *Depend) UnmarshalJSON(b []byte) error {
	var pair [2]json.RawMessage
	if err := decode(b, &pair); err != nil {
		return fmt.Errorf("depends: %w", err)
	}
	var out Depend
	if err := decode(pair[0], &out.Job); err != nil {
		return fmt.Errorf("depends: job: %w", err)
	}
	if err := decode(pair[1], &out.On); err != nil {
		return fmt.Errorf("depends: statuses: %w", err)
	}
	*d = out
	return nil
}

// OpCodeError is an opcode that was not sent because luxid would refuse it, or
// worse. Nothing of the call was sent.
type OpCodeError struct {
	Job     int    // Job is the number of the job in SubmitManyJobs, from 0.
	Op      int    // Op is the number of the opcode in its job, from 0.
	OpID    string // OpID is the opcode's OP_ID, if it has one.
	Field   string // Field is the parameter concerned, for example reason[0].text.
	Problem string // Problem says what is wrong with it.
}

// Error returns the place and the problem.
func (e *OpCodeError) Error() string {
	s := fmt.Sprintf("luxi: job %d, opcode %d", e.Job, e.Op)
	if e.OpID != "" {
		s += " (" + e.OpID + ")"
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Problem
}

// MarshalOp returns the JSON object that luxid expects for op: its OP_ID and
// all parameters side by side. The reason trail is always present, since
// luxid demands it even when empty.
//
// An *OpCodeError reports what must not be sent: text that is not ASCII
// (luxid runs in the C locale when the watcher or gnt-cluster started it, and
// then cannot write the job file), a priority other than the three allowed, a
// reason without a time, or an empty list that Ganeti would take for all objects.
func MarshalOp(op OpCode) ([]byte, error) {
	b, oe := marshalOp(op, time.Time{})
	if oe != nil {
		return nil, oe
	}
	return b, nil
}

// fixer is implemented by opcodes with parameters that are not fields of the struct.
type fixer interface {
	fix(params map[string]json.RawMessage)
}

// checker is implemented by opcodes that must not be sent with some parameters.
type checker interface {
	// check returns a parameter and what is wrong with it; the latter is empty if
	// nothing is.
	check() (field, problem string)
}

// marshalOp is MarshalOp with the time to give to reasons that have none.
func marshalOp(op OpCode, now time.Time) ([]byte, *OpCodeError) {
	if v := reflect.ValueOf(op); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, &OpCodeError{Problem: "opcode is nil"}
	}
	bad := func(field, problem string) ([]byte, *OpCodeError) {
		return nil, &OpCodeError{OpID: op.OpID(), Field: field, Problem: problem}
	}
	head := op.Header()
	switch head.Priority {
	case PriorityLow, PriorityNormal, PriorityHigh:
	default:
		return bad("priority", fmt.Sprintf("%d is none of -10, 0 and 10", head.Priority))
	}
	for i, d := range head.Depends {
		if d.Job == 0 {
			return bad(fmt.Sprintf("depends[%d]", i), "there is no job 0")
		}
	}
	if c, ok := op.(checker); ok {
		if field, problem := c.check(); problem != "" {
			return bad(field, problem)
		}
	}
	trail := make([]ReasonEntry, len(head.Reason))
	for i, r := range head.Reason {
		if r.Time.IsZero() {
			r.Time = now
		}
		trail[i] = r
		if _, err := r.MarshalJSON(); err != nil {
			return bad(fmt.Sprintf("reason[%d].time", i), "not a time that can be sent")
		}
	}
	params, err := opParams(op, trail)
	if err != nil {
		return bad("", err.Error())
	}
	if field := firstNonASCII(params); field != "" {
		return bad(field, "text is not ASCII")
	}
	b, err := json.Marshal(params)
	if err != nil {
		return bad("", err.Error())
	}
	return b, nil
}

// opParams returns op as a JSON object, with trail as its reason. The caller's
// opcode is left as it is: another goroutine may be sending it too.
func opParams(op OpCode, trail []ReasonEntry) (map[string]json.RawMessage, error) {
	v := reflect.ValueOf(op)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("%T is not a pointer to a struct", op)
	}
	twin := reflect.New(v.Type().Elem())
	twin.Elem().Set(v.Elem())
	copied, ok := twin.Interface().(OpCode)
	if !ok || copied.Header() == op.Header() {
		return nil, fmt.Errorf("%T does not embed Common by value", op)
	}
	copied.Header().Reason = trail
	b, err := json.Marshal(copied)
	if err != nil {
		return nil, err
	}
	params, err := object(b)
	if err != nil {
		return nil, fmt.Errorf("%T is not encoded as an object: %w", op, err)
	}
	if f, ok := op.(fixer); ok {
		f.fix(params)
	}
	if params["OP_ID"], err = json.Marshal(op.OpID()); err != nil {
		return nil, err
	}
	return params, nil
}

// firstNonASCII returns the path of the first parameter, in alphabetical
// order, in which text other than ASCII occurs, or the empty string.
func firstNonASCII(params map[string]json.RawMessage) string {
	keys := make([]string, 0, len(params))
	for k := range params {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if !isASCII(k) {
			return k
		}
		var v any
		if json.Unmarshal(params[k], &v) != nil {
			return k
		}
		if path, found := nonASCII(k, v); found {
			return path
		}
	}
	return ""
}

// nonASCII looks for text other than ASCII in the decoded JSON value v.
func nonASCII(path string, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return path, !isASCII(v)
	case []any:
		for i, e := range v {
			if p, found := nonASCII(fmt.Sprintf("%s[%d]", path, i), e); found {
				return p, true
			}
		}
	case map[string]any:
		for k, e := range v {
			if !isASCII(k) {
				return path, true
			}
			if p, found := nonASCII(path+"."+k, e); found {
				return p, true
			}
		}
	}
	return "", false
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// encodeJob returns the opcodes of the job with the given number within its
// call, ready to be sent. A relative dependency must stay within the call: one
// that reaches further back names whatever job has that number, and the handler
// of SubmitManyJobs crashes when the number is not positive.
func encodeJob(job int, ops []OpCode, now time.Time) ([]json.RawMessage, error) {
	if len(ops) == 0 {
		// luxid takes it, as a job that has succeeded.
		return nil, &OpCodeError{Job: job, Problem: "a job without opcodes"}
	}
	out := make([]json.RawMessage, len(ops))
	for i, op := range ops {
		b, oe := marshalOp(op, now)
		if oe != nil {
			oe.Job, oe.Op = job, i
			return nil, oe
		}
		for k, d := range op.Header().Depends {
			if d.Job < -JobID(job) {
				return nil, &OpCodeError{Job: job, Op: i, OpID: op.OpID(), Field: fmt.Sprintf("depends[%d]", k),
					Problem: fmt.Sprintf("relative job %d is not in this call", d.Job)}
			}
		}
		out[i] = b
	}
	return out, nil
}
