package luxi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Refusals and failures that a caller may want to recognize in an Error, with
// errors.Is.
var (
	// ErrQueueDrained matches the refusal of a submission because the job
	// queue is drained (gnt-cluster queue drain). luxid of 2.16 to 3.1 sends a
	// GenericError with the text "Queue drained" (src/Ganeti/Query/Server.hs);
	// the class JobQueueDrainError, which older masters sent, matches too.
	ErrQueueDrained = errors.New("luxi: the job queue is drained")

	// ErrJobLost matches the class JobLost, luxid's answer to a
	// WaitForJobChange on a job that is unknown, purged, or archived. QueryJobs
	// distinguishes these.
	ErrJobLost = errors.New("luxi: no such job in the live queue")

	// ErrUnknownEntity matches every answer with the code ECodeNoEnt: the
	// instance, node, group or other object named in the request does not
	// exist.
	ErrUnknownEntity = errors.New("luxi: no such object")

	// ErrDependency matches the error of an opcode that did not begin because its
	// job depends on one that did not end as required, or does not exist
	// (CheckAndRegister in lib/jqueue/__init__.py).
	ErrDependency = errors.New("luxi: a job it depends on did not end as required")

	// ErrPreceding matches the error of an opcode that did not begin because one
	// before it in the same job failed (_JobProcessor in lib/jqueue/__init__.py).
	ErrPreceding = errors.New("luxi: a preceding opcode failed")
)

// The codes of an OpPrereqError (ERRORS_ECODE_* in lib/constants.py,
// ErrorCode in src/Ganeti/Errors.hs), as found in the field Code of an Error.
const (
	ECodeResolver  = "resolver_error"              // ECodeResolver: name resolution failed
	ECodeNoRes     = "insufficient_resources"      // ECodeNoRes: not enough memory, disk or nodes
	ECodeTempNoRes = "temp_insufficient_resources" // ECodeTempNoRes: the same, for the moment
	ECodeInval     = "wrong_input"                 // ECodeInval: bad parameters, whatever the state
	ECodeState     = "wrong_state"                 // ECodeState: the object's state does not allow it
	ECodeNoEnt     = "unknown_entity"              // ECodeNoEnt: no such object
	ECodeExists    = "already_exists"              // ECodeExists: the object exists already
	ECodeNotUnique = "resource_not_unique"         // ECodeNotUnique: a name or UUID belongs to another object
	ECodeFault     = "internal_error"              // ECodeFault: an inconsistency inside Ganeti
	ECodeEnviron   = "environment_error"           // ECodeEnviron: a node or its software failed
)

// Error is luxid's own answer to a request it did not carry out
// ("success": false), or the error a job's opcode ended with. The request was
// received and refused: nothing is left in doubt, except that a
// SubmitManyJobs reports failures job by job instead.
type Error struct {
	// Class is the name of the exception (src/Ganeti/Errors.hs), for example
	// OpPrereqError, OpExecError, GenericError, TagError, JobLost. It is empty
	// when the answer was a plain string: a request that luxid could not
	// parse, or a job that luxid failed or canceled itself.
	Class string
	// Message is the first argument, as JSON text if that is not a string.
	Message string
	// Code is one of the ECode constants for an OpPrereqError that has one,
	// and empty otherwise.
	Code string
	// Args are all the arguments as they came; none for a plain string.
	Args []json.RawMessage
}

// Error returns class, message and code on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Class != "" {
		b.WriteString(e.Class)
		if e.Message != "" {
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Message)
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if b.Len() == 0 {
		return "unspecified error"
	}
	return b.String()
}

// Is makes errors.Is recognize the errors declared above.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrQueueDrained:
		return e.Class == "JobQueueDrainError" ||
			e.Class == "GenericError" && e.Message == "Queue drained"
	case ErrJobLost:
		return e.Class == "JobLost"
	case ErrUnknownEntity:
		return e.Code == ECodeNoEnt
	case ErrDependency:
		return e.Class == "OpExecError" &&
			(strings.HasPrefix(e.Message, "Dependency job ") || strings.HasPrefix(e.Message, "Dependency error: "))
	case ErrPreceding:
		return e.Class == "OpExecError" && e.Message == "Preceding opcode failed"
	}
	return false
}

// OpError is a failure of the transport: the socket could not be reached, or
// the connection broke, was cut off by the context, or ended without an
// answer.
type OpError struct {
	// Op is "dial", or the LUXI method that was being called.
	Op string
	// Socket is the path of the socket.
	Socket string
	// Sent reports whether any part of the request was written. If so luxid may
	// have received and carried it out, although no answer came: it finishes
	// a request whose client has gone.
	Sent bool
	// Err is the cause, for example ENOENT (luxid is down, or this is not the
	// master node), io.EOF (closed without an answer), io.ErrUnexpectedEOF
	// (inside the answer), context.Canceled, context.DeadlineExceeded (the
	// context's deadline or one of the timeouts in Options), net.ErrClosed
	// (the Client was closed).
	Err error
}

// Error returns what was being done, on which socket, and the cause.
func (e *OpError) Error() string {
	s := fmt.Sprintf("luxi: %s on %s: %v", e.Op, e.Socket, e.Err)
	if e.Sent {
		s += " (after the request was sent)"
	}
	return s
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Timeout reports whether the cause was a timeout, so that an OpError can be
// used where a net.Error is looked for.
func (e *OpError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// ProtocolError is an answer that is not what the protocol promises: not
// JSON, too large, a key missing, rows of the wrong length, null where a value
// is due. It wraps nothing. The connection is dropped, as what follows on it
// cannot be trusted.
type ProtocolError struct {
	Method  string // Method is the LUXI method that was called.
	Problem string // Problem says what is wrong with the answer.
}

// Error returns the method and the problem.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("luxi: bad answer to %s: %s", e.Method, e.Problem)
}

// OutcomeUnknown reports whether a call that changes something may have done
// so although it returned err: the request was at least partly sent and no
// valid answer came back. After a submission the caller must look for its job
// (by the reason trail, say) before it may submit again. It is false for nil,
// for luxid's own refusals, and when the request was never sent.
func OutcomeUnknown(err error) bool {
	var op *OpError
	if errors.As(err, &op) {
		return op.Sent
	}
	var proto *ProtocolError
	return errors.As(err, &proto)
}

// parseError decodes the two forms in which Ganeti writes an error: the pair
// ["Class", [args...]] (EncodeException in lib/errors.py, showJSON of
// GanetiException in src/Ganeti/Errors.hs) and the plain string. It returns
// nil for anything else.
func parseError(raw json.RawMessage) *Error {
	var text string
	if decode(raw, &text) == nil {
		return &Error{Message: text}
	}
	var pair [2]json.RawMessage
	var class string
	var args []json.RawMessage
	if decode(raw, &pair) != nil || decode(pair[0], &class) != nil || class == "" || decode(pair[1], &args) != nil {
		return nil
	}
	e := &Error{Class: class, Args: args}
	if len(args) > 0 {
		if decode(args[0], &e.Message) != nil {
			e.Message = string(args[0])
		}
	}
	// Only this class has a code; the second argument of any other is
	// something else.
	if class == "OpPrereqError" && len(args) > 1 {
		var code string
		if decode(args[1], &code) == nil {
			e.Code = code
		}
	}
	return e
}
