package luxi_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestQueryJobs(t *testing.T) {
	full := `[[0,7],[0,"error"],[0,["INSTANCE_FAILOVER(i1)","TAGS_SET","TEST_DELAY(1)"]],
		[0,[{"OP_ID":"OP_INSTANCE_FAILOVER","instance_name":"i1","priority":0,"debug_level":0,"reason":[["me","because",1700000000123456789],["gnt:opcode:instance_failover","job=7;index=0",1700000000123456790]]},
			{"OP_ID":"OP_TAGS_SET","tags":["a"],"name":null,"reason":null},
			{"OP_ID":"OP_TEST_DELAY"}]],
		[0,["success","error","canceled"]],
		[0,[["OpExecError",["looks like one"]],["OpPrereqError",["no room","insufficient_resources"]],"Job canceled by request"]],
		[0,[1700000000,123456]],[0,[1700000001,0]],[0,[1700000002,999999]],[0,[[1700000001,5],[1700000002,0],null]],[0,true]]`
	s, c := serve(t, luxi.Options{}, answerOK(jobTable(true, unknownRow(9), full, jobRow(8, "running", false))))
	got, err := c.QueryJobs(bg, []luxi.JobID{7, 8, 7, 9})
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := s.seen()
	if want := `{"method":"Query","args":["job",["id","status","summary","ops","opstatus","opresult","received_ts","start_ts","end_ts","opexec","archived"],` +
		`["|",["=","id",7],["=","id",8],["=","id",9]]]}`; sent[0] != want {
		t.Errorf("sent %s, want %s", sent[0], want)
	}
	at := func(sec, usec int64) time.Time { return time.Unix(sec, usec*1000).UTC() }
	want := []luxi.JobInfo{{
		ID: 7, Known: true, Status: luxi.JobError, Archived: true,
		Summary: []string{"INSTANCE_FAILOVER(i1)", "TAGS_SET", "TEST_DELAY(1)"},
		Ops: []luxi.JobOp{
			{
				ID:     "OP_INSTANCE_FAILOVER",
				Params: params("instance_name", `"i1"`, "priority", `0`, "debug_level", `0`),
				Reason: []luxi.ReasonEntry{
					{Source: "me", Text: "because", Time: time.Unix(0, 1700000000123456789).UTC()},
					{Source: "gnt:opcode:instance_failover", Text: "job=7;index=0", Time: time.Unix(0, 1700000000123456790).UTC()},
				},
				Status: luxi.JobSuccess, ExecStart: at(1700000001, 5),
				Result: luxi.OpResult{Raw: raw(`["OpExecError",["looks like one"]]`)},
			}, {
				ID: "OP_TAGS_SET", Params: params("tags", `["a"]`, "name", `null`), Status: luxi.JobError, ExecStart: at(1700000002, 0),
				Result: luxi.OpResult{
					Raw: raw(`["OpPrereqError",["no room","insufficient_resources"]]`),
					Err: &luxi.Error{Class: "OpPrereqError", Message: "no room", Code: luxi.ECodeNoRes, Args: rawList(`"no room"`, `"insufficient_resources"`)},
				},
			}, {
				ID: "OP_TEST_DELAY", Params: params(), Status: luxi.JobCanceled,
				Result: luxi.OpResult{Raw: raw(`"Job canceled by request"`), Err: &luxi.Error{Message: "Job canceled by request"}},
			},
		},
		Received: at(1700000000, 123456), Started: at(1700000001, 0), Ended: at(1700000002, 999999),
	}, {
		ID: 8, Known: true, Status: luxi.JobRunning, Summary: []string{"X"},
		Ops: []luxi.JobOp{{
			ID: "OP_X", Params: params(), Reason: []luxi.ReasonEntry{}, Status: luxi.JobRunning,
			Result: luxi.OpResult{Raw: raw(`null`)},
		}},
		Received: at(1, 2),
	}, {ID: 9}}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d jobs, want %d", len(got), len(want))
	}
	op := got[0].Ops[0]
	if op.Param("instance_name") != "i1" || op.Param("priority") != "" || op.Param("absent") != "" || got[0].Ops[1].Param("name") != "" {
		t.Errorf("Param gives %q, %q, %q", op.Param("instance_name"), op.Param("priority"), op.Param("absent"))
	}
}

func params(kv ...string) map[string]jsonRaw {
	m := map[string]jsonRaw{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = raw(kv[i+1])
	}
	return m
}

func rawList(s ...string) []jsonRaw {
	var out []jsonRaw
	for _, e := range s {
		out = append(out, raw(e))
	}
	return out
}

func TestQueryNoJobs(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(jobTable(true, jobRow(1, "error", false))))
	if got, err := c.QueryJobs(bg, nil); len(got) != 0 || err != nil {
		t.Errorf("no ids: %v, %v", got, err)
	}
	for _, id := range []luxi.JobID{0, -1} {
		if got, err := c.QueryJobs(bg, []luxi.JobID{1, id}); got != nil || err == nil || luxi.OutcomeUnknown(err) {
			t.Errorf("id %d: %v, %v", id, got, err)
		}
	}
	if sent, _ := s.seen(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

// mutate returns the good row with one cell replaced.
func mutate(column int, cell string) string {
	cells := []string{
		`[0,7]`, `[0,"error"]`, `[0,["X"]]`, `[0,[{"OP_ID":"OP_X","reason":[["s","t",1]]}]]`, `[0,["error"]]`, `[0,[null]]`,
		`[0,[1,2]]`, `[0,[1,2]]`, `[0,[1,2]]`, `[0,[[1,2]]]`, `[0,false]`,
	}
	if column >= 0 {
		cells[column] = cell
	}
	return "[" + strings.Join(cells, ",") + "]"
}

// badJobRows are rows that are no job.
func badJobRows() []string {
	var rows []string
	for column, cells := range [][]string{
		{`[3,null]`, `[0,null]`, `[0,"7"]`, `[0,0]`, `[0,-7]`, `[0,7.5]`, `[0,99999999999999999999]`},
		{`[1,null]`, `[2,null]`, `[0,null]`, `[0,"done"]`, `[0,""]`, `[0,1]`, `[3,null]`},
		{`[3,null]`, `[0,null]`, `[0,[]]`, `[0,["X","Y"]]`, `[0,[null]]`, `[0,"X"]`},
		{
			`[3,null]`, `[0,null]`, `[0,[]]`, `[0,{}]`, `[0,[{"OP_ID":"OP_X"},{"OP_ID":"OP_Y"}]]`,
		},
		{`[3,null]`, `[0,null]`, `[0,[]]`, `[0,["error","error"]]`, `[0,[null]]`, `[0,["done"]]`, `[0,[1]]`},
		{`[3,null]`, `[0,null]`, `[0,[]]`, `[0,[null,null]]`, `[0,"x"]`},
		{`[1,null]`, `[4,null]`, `[0,null]`, `[0,[]]`, `[0,[1]]`, `[0,[1,2,3]]`, `[0,[1,null]]`, `[0,[1,-1]]`, `[0,[1,1000000]]`, `[0,1]`, `[0,["1","2"]]`},
		{`[1,null]`, `[0,null]`, `[0,[1]]`},
		{`[1,null]`, `[0,null]`, `[0,[1]]`},
		{`[3,null]`, `[0,null]`, `[0,[]]`, `[0,[null,null]]`, `[0,[1]]`, `[0,[[1]]]`, `[0,[[1,1000000]]]`},
		{`[1,null]`, `[3,null]`, `[0,null]`, `[0,"false"]`, `[0,0]`},
	} {
		for _, cell := range cells {
			rows = append(rows, mutate(column, cell))
		}
	}
	return rows
}

func TestQueryJobsShape(t *testing.T) {
	good := mutate(-1, "")
	_, c := serve(t, luxi.Options{}, answerOK(jobTable(true, good)))
	if _, err := c.QueryJobs(bg, []luxi.JobID{7}); err != nil {
		t.Fatalf("the good row: %v", err)
	}
	tables := []string{
		`null`,
		jobTable(true),
		jobTable(true, good, good),
		jobTable(true, good, jobRow(8, "error", false)),
		jobTable(true, jobRow(8, "error", false)),
		jobTable(true, strings.Replace(good, ",[0,false]]", "]", 1)),
		jobTable(false, strings.Replace(good, ",[0,false]]", "]", 1)),
	}
	for _, row := range badJobRows() {
		tables = append(tables, jobTable(true, row))
	}
	for _, table := range tables {
		s, c := serve(t, luxi.Options{}, answerOK(table))
		got, err := c.QueryJobs(bg, []luxi.JobID{7})
		var proto *luxi.ProtocolError
		if !errors.As(err, &proto) || got != nil {
			t.Errorf("%s: %v, %v", table, got, err)
		}
		s.awaitOpen(0)
	}
	_, c = serve(t, luxi.Options{}, answerOK(jobTable(true, good, good)))
	if got, err := c.QueryJobs(bg, []luxi.JobID{7, 8}); err == nil {
		t.Errorf("a job twice, another one missing: %v", got)
	}
}

func TestListJobs(t *testing.T) {
	live := strings.Replace(mutate(-1, ""), ",[0,false]]", "]", 1)
	for _, tt := range []struct {
		archived bool
		rows     []string
		want     string
		sent     string
	}{
		{false, nil, "", `"start_ts","end_ts","opexec"],["?","x"]]`},
		{false, []string{live}, "7:error", `"start_ts","end_ts","opexec"],["?","x"]]`},
		{true, []string{mutate(-1, ""), jobRow(8, "success", true)}, "7:error 8:success:archived", `"start_ts","end_ts","opexec","archived"],["?","x"]]`},
		{true, []string{jobRow(8, "success", true), jobRow(8, "success", true), unknownRow(9)}, "8:success:archived 9:unknown", `"archived"]`},
		{true, []string{unknownRow(8), jobRow(8, "success", true)}, "8:success:archived", `"archived"]`},
		{true, []string{jobRow(8, "success", true), unknownRow(8)}, "8:success:archived", `"archived"]`},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(jobTable(tt.archived, tt.rows...)))
		jobs, err := c.ListJobs(bg, luxi.IsTrue("x"), tt.archived)
		if err != nil {
			t.Errorf("%s: %v", tt.want, err)
			continue
		}
		var got []string
		for _, j := range jobs {
			s := fmt.Sprintf("%d:%s", j.ID, j.Status)
			if !j.Known {
				s += "unknown"
			}
			if j.Archived {
				s += ":archived"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("got %q, want %s", got, tt.want)
		}
		if sent, _ := s.seen(); !strings.Contains(sent[0], tt.sent) {
			t.Errorf("sent %s, want %s in it", sent[0], tt.sent)
		}
	}
	for _, tt := range []struct {
		filter luxi.Filter
		asked  bool
	}{
		{nil, false},
		{luxi.Or(), false},
		{luxi.Eq("id", 8), true},
		{luxi.Or(luxi.Eq("id", 8), luxi.Or(luxi.Eq("id", 9))), true},
		{luxi.Or(luxi.Eq("id", 8), luxi.Eq("status", "error")), false},
		{luxi.And(luxi.Eq("id", 8)), false},
		{luxi.Gt("id", 8), false},
		{luxi.UnfinishedJobs(), false},
	} {
		// luxid finds archived jobs by their numbers: then it must be asked
		// where they were.
		row := jobRow(8, "success", true)
		if !tt.asked {
			row = live
		}
		s, c := serve(t, luxi.Options{}, answerOK(jobTable(tt.asked, row)))
		jobs, err := c.ListJobs(bg, tt.filter, false)
		sent, _ := s.seen()
		if err != nil || jobs[0].Archived != tt.asked || strings.Contains(sent[0], `"archived"`) != tt.asked {
			t.Errorf("filter %v: %v, %v, sent %s", tt.filter, jobs, err, sent[0])
		}
	}
	for _, row := range badJobRows() {
		_, c := serve(t, luxi.Options{}, answerOK(jobTable(true, row)))
		jobs, err := c.ListJobs(bg, nil, true)
		var proto *luxi.ProtocolError
		if !errors.As(err, &proto) || jobs != nil {
			t.Errorf("%s: %v, %v", row, jobs, err)
		}
	}
}

// TestCanceledInQueue: luxid gives no result to such an opcode.
func TestCanceledInQueue(t *testing.T) {
	_, c := serve(t, luxi.Options{}, answerOK(jobTable(true, jobRow(7, "canceled", false))))
	jobs, err := c.QueryJobs(bg, []luxi.JobID{7})
	if err != nil || jobs[0].Ops[0].Status != luxi.JobCanceled || jobs[0].Ops[0].Result.Err != nil {
		t.Errorf("got %+v, %v", jobs, err)
	}
}

// TestJobTimes: what has not happened yet has no time, whichever of the two
// statuses luxid gives it.
func TestJobTimes(t *testing.T) {
	for _, cell := range []string{`[3,null]`, `[2,null]`} {
		_, c := serve(t, luxi.Options{}, answerOK(jobTable(true, mutate(7, cell))))
		jobs, err := c.QueryJobs(bg, []luxi.JobID{7})
		if err != nil || !jobs[0].Started.IsZero() || jobs[0].Ended.IsZero() {
			t.Errorf("%s: %+v, %v", cell, jobs, err)
		}
	}
}

func TestStatusFinal(t *testing.T) {
	for status, want := range map[luxi.JobStatus]bool{
		luxi.JobQueued: false, luxi.JobWaiting: false, luxi.JobCanceling: false, luxi.JobRunning: false,
		luxi.JobSuccess: true, luxi.JobError: true, luxi.JobCanceled: true, "": false, "done": false,
	} {
		if status.Final() != want {
			t.Errorf("%q: %t", status, !want)
		}
	}
}
