package luxi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result string
		want   luxi.Error // without Args
		args   []string
		text   string
		is     error
	}{
		{
			"class and message", `["GenericError",["no such thing"]]`,
			luxi.Error{Class: "GenericError", Message: "no such thing"},
			[]string{`"no such thing"`}, "GenericError: no such thing", nil,
		}, {
			"with a code", `["OpPrereqError",["Instance 'x' not known","unknown_entity"]]`,
			luxi.Error{Class: "OpPrereqError", Message: "Instance 'x' not known", Code: luxi.ECodeNoEnt},
			[]string{`"Instance 'x' not known"`, `"unknown_entity"`},
			"OpPrereqError: Instance 'x' not known (unknown_entity)", luxi.ErrUnknownEntity,
		}, {
			"without its code", `["OpPrereqError",["negative"]]`,
			luxi.Error{Class: "OpPrereqError", Message: "negative"},
			[]string{`"negative"`}, "OpPrereqError: negative", nil,
		}, {
			"code that is none", `["ResolverError",["host","unknown_entity"]]`,
			luxi.Error{Class: "ResolverError", Message: "host"},
			[]string{`"host"`, `"unknown_entity"`}, "ResolverError: host", nil,
		}, {
			"no arguments", `["JobQueueFull",[]]`,
			luxi.Error{Class: "JobQueueFull"}, []string{}, "JobQueueFull", nil,
		}, {
			"structured argument", `["HooksAbort",[[["node1","10-x","out"]]]]`,
			luxi.Error{Class: "HooksAbort", Message: `[["node1","10-x","out"]]`},
			[]string{`[["node1","10-x","out"]]`}, `HooksAbort: [["node1","10-x","out"]]`, nil,
		}, {
			"plain string", `"Failed to parse request: key 'reason' not found"`,
			luxi.Error{Message: "Failed to parse request: key 'reason' not found"},
			nil, "Failed to parse request: key 'reason' not found", nil,
		}, {
			"empty string", `""`, luxi.Error{}, nil, "unspecified error", nil,
		}, {
			"dependency that ended otherwise", `["OpExecError",["Dependency job 17 finished with status 'success', not one of 'canceled' as required"]]`,
			luxi.Error{Class: "OpExecError", Message: "Dependency job 17 finished with status 'success', not one of 'canceled' as required"},
			[]string{`"Dependency job 17 finished with status 'success', not one of 'canceled' as required"`},
			"OpExecError: Dependency job 17 finished with status 'success', not one of 'canceled' as required", luxi.ErrDependency,
		}, {
			"dependency that does not exist", `["OpExecError",["Dependency error: Job 9 not found"]]`,
			luxi.Error{Class: "OpExecError", Message: "Dependency error: Job 9 not found"},
			[]string{`"Dependency error: Job 9 not found"`}, "OpExecError: Dependency error: Job 9 not found", luxi.ErrDependency,
		}, {
			"a plain string about a dependency", `"Dependency job 17"`,
			luxi.Error{Message: "Dependency job 17"}, nil, "Dependency job 17", nil,
		}, {
			"preceding opcode", `["OpExecError",["Preceding opcode failed"]]`,
			luxi.Error{Class: "OpExecError", Message: "Preceding opcode failed"},
			[]string{`"Preceding opcode failed"`}, "OpExecError: Preceding opcode failed", luxi.ErrPreceding,
		}, {
			"drained", `["GenericError",["Queue drained"]]`,
			luxi.Error{Class: "GenericError", Message: "Queue drained"},
			[]string{`"Queue drained"`}, "GenericError: Queue drained", luxi.ErrQueueDrained,
		}, {
			"drained, old master", `["JobQueueDrainError",["Job queue is drained"]]`,
			luxi.Error{Class: "JobQueueDrainError", Message: "Job queue is drained"},
			[]string{`"Job queue is drained"`}, "JobQueueDrainError: Job queue is drained", luxi.ErrQueueDrained,
		}, {
			"job lost", `["JobLost",["Can't load job file"]]`,
			luxi.Error{Class: "JobLost", Message: "Can't load job file"},
			[]string{`"Can't load job file"`}, "JobLost: Can't load job file", luxi.ErrJobLost,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c := serve(t, luxi.Options{}, func(r *request) { r.fail(tt.result) })
			err := c.Call(context.Background(), "M", nil, nil)
			var got *luxi.Error
			if !errors.As(err, &got) {
				t.Fatalf("error is %T %v, want *Error", err, err)
			}
			var args []string
			if got.Args != nil {
				args = []string{}
			}
			for _, a := range got.Args {
				args = append(args, string(a))
			}
			if got.Class != tt.want.Class || got.Message != tt.want.Message || got.Code != tt.want.Code || !reflect.DeepEqual(args, tt.args) {
				t.Errorf("got %#v with arguments %q", got, args)
			}
			if err.Error() != tt.text {
				t.Errorf("text %q, want %q", err.Error(), tt.text)
			}
			for _, sentinel := range []error{luxi.ErrQueueDrained, luxi.ErrJobLost, luxi.ErrUnknownEntity, luxi.ErrDependency, luxi.ErrPreceding} {
				if got := errors.Is(err, sentinel); got != (sentinel == tt.is) {
					t.Errorf("errors.Is(%q) is %t", sentinel, got)
				}
			}
			if luxi.OutcomeUnknown(err) {
				t.Error("a refusal leaves nothing unknown")
			}
		})
	}
}

// TestBadReplies: what is not an answer is a ProtocolError, whatever the call.
func TestBadReplies(t *testing.T) {
	for _, reply := range []string{
		"",
		"nonsense",
		"null",
		"[]",
		`"text"`,
		"{}",
		`{"success":true}`,
		`{"result":1}`,
		`{"success":null,"result":1}`,
		`{"success":"true","result":1}`,
		`{"success":1,"result":1}`,
		`{"Success":true,"Result":1}`,
		`{"success":true,"result":1} x`,
		`{"success":true,"result":1`,
		`{"success":true,"result":}`,
		`{"success":false}`,
		`{"success":false,"result":null}`,
		`{"success":false,"result":1}`,
		`{"success":false,"result":{}}`,
		`{"success":false,"result":[]}`,
		`{"success":false,"result":["Class"]}`,
		`{"success":false,"result":["Class",null]}`,
		`{"success":false,"result":["Class","message"]}`,
		`{"success":false,"result":["Class",[],[]]}`,
		`{"success":false,"result":[null,[]]}`,
		`{"success":false,"result":["",["message"]]}`,
		`{"success":false,"result":[1,["message"]]}`,
	} {
		s, c := serve(t, luxi.Options{}, func(r *request) { r.raw(reply + "\x03") })
		err := c.Call(context.Background(), "M", nil, nil)
		var proto *luxi.ProtocolError
		if !errors.As(err, &proto) || proto.Method != "M" || proto.Problem == "" || !luxi.OutcomeUnknown(err) {
			t.Errorf("%q: %T %v", reply, err, err)
		}
		s.awaitOpen(0) // dropped
	}
}

func TestOutcomeUnknown(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("x"), false},
		{context.Canceled, false},
		{&luxi.Error{Class: "GenericError"}, false},
		{&luxi.OpError{Err: io.EOF}, false},
		{&luxi.OpError{Err: io.EOF, Sent: true}, true},
		{fmt.Errorf("submitting: %w", &luxi.OpError{Err: io.EOF, Sent: true}), true},
		{&luxi.ProtocolError{}, true},
		{fmt.Errorf("submitting: %w", &luxi.ProtocolError{}), true},
		{&luxi.OpCodeError{}, false},
		{&luxi.FieldError{}, false},
	} {
		if got := luxi.OutcomeUnknown(tt.err); got != tt.want {
			t.Errorf("%#v: %t", tt.err, got)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want []string
	}{
		{&luxi.OpError{Op: "dial", Socket: "/s", Err: io.EOF}, []string{"dial", "/s", "EOF"}},
		{&luxi.OpError{Op: "SubmitJob", Socket: "/s", Err: io.EOF, Sent: true}, []string{"SubmitJob", "/s", "EOF", "after the request was sent"}},
		{&luxi.ProtocolError{Method: "Query", Problem: "no rows"}, []string{"Query", "no rows"}},
		{&luxi.OpCodeError{Job: 1, Op: 2, OpID: "OP_X", Field: "reason[0].text", Problem: "bad"}, []string{"job 1", "opcode 2", "OP_X", "reason[0].text", "bad"}},
		{&luxi.FieldError{Resource: luxi.ResNode, Field: "mfree", Row: 3, Status: luxi.StatusOffline, Err: io.EOF}, []string{"node", "mfree", "row 3", "offline"}},
		{&luxi.FieldError{Resource: luxi.ResNode, Field: "mfree", Row: 3, Err: io.EOF}, []string{"row 3", "EOF"}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(tt.err.Error(), want) {
				t.Errorf("%q lacks %q", tt.err, want)
			}
		}
	}
	if cause := errors.Unwrap(&luxi.OpError{Err: io.EOF}); cause != io.EOF {
		t.Errorf("OpError unwraps to %v", cause)
	}
}
