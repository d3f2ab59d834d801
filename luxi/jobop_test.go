package luxi_test

import (
	"reflect"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestJobOpParams(t *testing.T) {
	op := luxi.JobOp{Params: params(
		"name", `"i1"`, "nodes", `["n1","n2"]`, "none", `[]`, "flag", `true`, "no", `false`, "null", `null`, "number", `1`,
		"mixed", `["n1",2]`, "holes", `["n1",null]`, "object", `{}`,
	)}
	for name, want := range map[string]string{"name": "i1", "nodes": "", "null": "", "number": "", "absent": "", "flag": ""} {
		if got := op.Param(name); got != want {
			t.Errorf("Param(%s) = %q", name, got)
		}
	}
	for name, want := range map[string][]string{"nodes": {"n1", "n2"}, "none": {}, "name": nil, "mixed": nil, "holes": nil, "null": nil, "absent": nil, "object": nil} {
		if got := op.ParamList(name); !reflect.DeepEqual(got, want) {
			t.Errorf("ParamList(%s) = %#v, want %#v", name, got, want)
		}
	}
	for name, want := range map[string]bool{"flag": true, "no": false, "null": false, "number": false, "absent": false, "name": false} {
		if got := op.ParamBool(name); got != want {
			t.Errorf("ParamBool(%s) = %t", name, got)
		}
	}
	for value, want := range map[string]bool{`true`: true, `false`: false, `null`: false, `"true"`: false} {
		if got := (luxi.JobOp{Params: params("dry_run", value)}).DryRun(); got != want {
			t.Errorf("dry_run %s: %t", value, got)
		}
	}
	if (luxi.JobOp{}).DryRun() {
		t.Error("an opcode without parameters is a dry run")
	}
}

// P15: what counts as begun. The start time of the job does not tell: it has one
// while it waits for locks, and when a dependency failed.
func TestBegun(t *testing.T) {
	at := time.Unix(1700000000, 0)
	op := func(status luxi.JobStatus, exec time.Time) luxi.JobOp {
		return luxi.JobOp{Status: status, ExecStart: exec}
	}
	for _, tt := range []struct {
		what string
		ops  []luxi.JobOp
		want bool
	}{
		{"empty", nil, false},
		{"queued", []luxi.JobOp{op(luxi.JobQueued, time.Time{}), op(luxi.JobQueued, time.Time{})}, false},
		{"waits for locks", []luxi.JobOp{op(luxi.JobWaiting, time.Time{})}, false},
		{"waits for more locks, having begun", []luxi.JobOp{op(luxi.JobWaiting, at)}, true},
		{"runs", []luxi.JobOp{op(luxi.JobRunning, at), op(luxi.JobQueued, time.Time{})}, true},
		{"waits for the locks of its second opcode", []luxi.JobOp{op(luxi.JobSuccess, at), op(luxi.JobWaiting, time.Time{})}, true},
		{"canceled in the queue or while it waited", []luxi.JobOp{op(luxi.JobCanceled, time.Time{}), op(luxi.JobCanceled, time.Time{})}, false},
		{"canceled between two opcodes", []luxi.JobOp{op(luxi.JobSuccess, at), op(luxi.JobCanceled, time.Time{})}, true},
		{"expired: its dependency ended otherwise", []luxi.JobOp{op(luxi.JobError, time.Time{}), op(luxi.JobError, time.Time{})}, false},
		{"refused in its checks", []luxi.JobOp{op(luxi.JobError, at), op(luxi.JobError, time.Time{})}, true},
		{"being canceled", []luxi.JobOp{op(luxi.JobCanceling, time.Time{})}, false},
	} {
		job := luxi.JobInfo{Known: true, Started: at, Ops: tt.ops}
		if job.Begun() != tt.want {
			t.Errorf("%s: %t", tt.what, !tt.want)
		}
	}
}

func TestDependencies(t *testing.T) {
	job := luxi.JobInfo{Ops: []luxi.JobOp{
		{Params: params("depends", `[[12,["canceled"]],[11,[]],["x",[]],[13,["success"],1]]`)},
		{Params: params("depends", `null`)},
		{Params: params()},
		{Params: params("depends", `[[11,[]],[14,["success","error"]]]`)},
		{Params: params("depends", `"x"`)},
	}}
	if got := job.Dependencies(); !reflect.DeepEqual(got, []luxi.JobID{12, 11, 14}) {
		t.Errorf("got %v", got)
	}
	want := []luxi.Depend{{Job: 11, On: []luxi.JobStatus{}}, {Job: 14, On: []luxi.JobStatus{luxi.JobSuccess, luxi.JobError}}}
	if got := job.Ops[3].Depends(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (luxi.JobInfo{}).Dependencies(); got != nil {
		t.Errorf("no opcodes: %v", got)
	}
}

// W6, C5: what another program, or another Ganeti, has left in a job is skipped.
func TestOddOpcodes(t *testing.T) {
	epoch := time.Unix(0, 0).UTC()
	for _, tt := range []struct {
		op     string
		id     string
		reason []luxi.ReasonEntry
	}{
		{`null`, "", nil}, {`"X"`, "", nil}, {`{}`, "", nil}, {`{"OP_ID":null}`, "", nil}, {`{"OP_ID":1}`, "", nil},
		{`{"op_id":"OP_X"}`, "", nil},
		{`{"OP_ID":"OP_X","reason":"x"}`, "OP_X", nil},
		{`{"OP_ID":"OP_X","reason":{}}`, "OP_X", nil},
		{`{"OP_ID":"OP_X","reason":[null,["s","t"],["s",1,2],[1,"t",2],["a","b",3],"x",[]]}`, "OP_X",
			[]luxi.ReasonEntry{{Source: "a", Text: "b", Time: time.Unix(0, 3).UTC()}}},
		{`{"OP_ID":"OP_X","reason":[["a","b",1.5],["c","d","3"],["e","f",null],["g","h",9223372036854775808],["i","j",9223372036854775807]]}`, "OP_X",
			[]luxi.ReasonEntry{{Source: "a", Text: "b", Time: epoch}, {Source: "c", Text: "d", Time: epoch}, {Source: "e", Text: "f", Time: epoch}, {Source: "g", Text: "h", Time: epoch},
				{Source: "i", Text: "j", Time: time.Unix(0, 1<<63-1).UTC()}}},
	} {
		_, c := serve(t, luxi.Options{}, answerOK(jobTable(true, mutate(3, `[0,[`+tt.op+`]]`))))
		jobs, err := c.QueryJobs(bg, []luxi.JobID{7})
		if err != nil {
			t.Errorf("%s: %v", tt.op, err)
			continue
		}
		op := jobs[0].Ops[0]
		if op.ID != tt.id || !reflect.DeepEqual(op.Reason, tt.reason) || op.Status != luxi.JobError || op.Params == nil || op.Param("x") != "" {
			t.Errorf("%s: %+v", tt.op, op)
		}
	}
}
