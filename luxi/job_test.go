package luxi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

var bg = context.Background()

func delays(n int) [][]luxi.OpCode {
	jobs := make([][]luxi.OpCode, n)
	for i := range jobs {
		jobs[i] = []luxi.OpCode{&luxi.TestDelay{Duration: float64(i)}}
	}
	return jobs
}

func TestSubmitJob(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK("4711"))
	id, err := c.SubmitJob(bg, []luxi.OpCode{
		&luxi.TagsSet{Kind: luxi.TagNode, Name: "n", Tags: []string{"t"}},
		&luxi.InstanceStartup{InstanceName: "i"},
	})
	if id != 4711 || err != nil {
		t.Errorf("got %d, %v", id, err)
	}
	want := `{"method":"SubmitJob","args":[[{"OP_ID":"OP_TAGS_SET","kind":"node","name":"n","reason":[],"tags":["t"]},` +
		`{"OP_ID":"OP_INSTANCE_STARTUP","instance_name":"i","reason":[]}]]}`
	if got, _ := s.seen(); len(got) != 1 || got[0] != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestSubmitManyJobs(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`[[true,5],[false,"disk full"],[true,7]]`))
	got, err := c.SubmitManyJobs(bg, delays(3))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0] != (luxi.Submitted{ID: 5}) || got[2] != (luxi.Submitted{ID: 7}) {
		t.Errorf("got %+v", got)
	}
	var refused *luxi.Error
	if got[1].ID != 0 || !errors.As(got[1].Err, &refused) || refused.Class != "" || refused.Message != "disk full" {
		t.Errorf("the failed job: %+v", got[1])
	}
	want := `{"method":"SubmitManyJobs","args":[[[{"OP_ID":"OP_TEST_DELAY","duration":0,"on_master":false,"reason":[]}],` +
		`[{"OP_ID":"OP_TEST_DELAY","duration":1,"on_master":false,"reason":[]}],` +
		`[{"OP_ID":"OP_TEST_DELAY","duration":2,"on_master":false,"reason":[]}]]]}`
	if got, _ := s.seen(); len(got) != 1 || got[0] != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestSubmitNothing(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`[]`))
	if got, err := c.SubmitManyJobs(bg, nil); len(got) != 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, _ := s.seen(); len(got) != 0 {
		t.Errorf("sent %s", got)
	}
}

// TestShapes: an answer of the wrong shape is a ProtocolError of every call,
// comes without a value, and costs the connection.
func TestShapes(t *testing.T) {
	info := `"name":"c","uuid":"u","master":"m","tags":[]`
	for _, tt := range []struct {
		name    string
		call    func(c *luxi.Client) (any, error) // the value nil if it is the zero value
		results []string
	}{
		{"SubmitJob", func(c *luxi.Client) (any, error) {
			id, err := c.SubmitJob(bg, delays(1)[0])
			return nonzero(id), err
		}, []string{`null`, `"5"`, `0`, `-1`, `1.5`, `[5]`, `true`, `99999999999999999999`}},
		{"SubmitManyJobs", func(c *luxi.Client) (any, error) {
			got, err := c.SubmitManyJobs(bg, delays(2))
			return nonzero(got), err
		}, []string{
			`null`, `[]`, `{}`, `[[true,1]]`, `[[true,1],[true,2],[true,3]]`, `[[true,1],null]`, `[[true,1],[]]`, `[[true,1],[true]]`,
			`[[true,1],[true,null]]`, `[[true,1],[true,0]]`, `[[true,1],[true,"2"]]`, `[[true,1],[null,2]]`, `[[true,1],[false,null]]`,
			`[[true,1],[false,2]]`, `[[true,1],[true,2,3]]`, `[[true,1],[true,1]]`, `[1,2]`,
		}},
		{"WaitForJobChange", func(c *luxi.Client) (any, error) {
			got, err := c.WaitForJobChange(bg, 1, "", 0)
			return nonzero(got), err
		}, []string{
			`null`, `"nochange"`, `[]`, `[["success"]]`, `[["success"],[],1]`, `[[],[]]`, `[["success","x"],[]]`, `[null,[]]`,
			`[["success"],null]`, `[["done"],[]]`, `[[""],[]]`, `[[5],[]]`, `["success",[]]`,
		}},
		{"WaitForJobChange", func(c *luxi.Client) (any, error) {
			got, err := c.WaitForOpcodes(bg, 1, nil, 0)
			return nonzero(len(got)), err
		}, []string{
			`null`, `"nochange"`, `[]`, `[["success"],[]]`, `[[["success"]]]`, `[[[null]],[]]`, `[[["done"]],[]]`, `[[["success",5]],[]]`,
			`[[{"0":"success"}],[]]`, `[[["success"],["success"]],[]]`, `[null,[]]`, `[[["success"]],null]`,
		}},
		{"CancelJob", func(c *luxi.Client) (any, error) {
			done, text, err := c.CancelJob(bg, 1, false)
			return nonzero(fmt.Sprint(done, text)[len("false"):]), err
		}, []string{`null`, `[]`, `[true]`, `[true,null]`, `[null,"x"]`, `[true,"x",1]`, `["true","x"]`, `true`}},
		{"ArchiveJob", func(c *luxi.Client) (any, error) {
			done, err := c.ArchiveJob(bg, 1)
			return nonzero(done), err
		}, []string{`null`, `1`, `"true"`, `[true]`}},
		{"SetDrainFlag", func(c *luxi.Client) (any, error) {
			return nil, c.SetDrainFlag(bg, true)
		}, []string{`null`, `1`, `"true"`}},
		{"QueryTags", func(c *luxi.Client) (any, error) {
			tags, err := c.QueryTags(bg, luxi.TagInstance, "i")
			return nonzero(tags), err
		}, []string{`null`, `{}`, `"t"`, `["t",null]`, `["t",1]`}},
		{"QueryConfigValues", func(c *luxi.Client) (any, error) {
			v, err := c.QueryConfigValues(bg)
			return nonzero(v), err
		}, []string{
			`null`, `[]`, `["c","m",false]`, `["c","m",false,null,null]`, `[null,"m",false,null]`, `["c",null,false,null]`,
			`["c","m",null,null]`, `["c","m",0,null]`, `["c","m",false,"1"]`, `["c","m",false,1e300]`, `["c","m",false,-1e300]`,
		}},
		{"QueryClusterInfo", func(c *luxi.Client) (any, error) {
			v, err := c.QueryClusterInfo(bg)
			return nonzero(v), err
		}, []string{
			`null`, `[]`, `{}`, `{"name":"c","uuid":"u","master":"m"}`, `{"name":"c","uuid":"u","tags":[]}`,
			`{"name":"c","master":"m","tags":[]}`, `{"uuid":"u","master":"m","tags":[]}`,
			`{"name":null,"uuid":"u","master":"m","tags":[]}`, `{"name":"","uuid":"u","master":"m","tags":[]}`,
			`{"name":"c","uuid":"u","master":"m","tags":null}`, `{"name":"c","uuid":"u","master":"m","tags":[null]}`,
			`{` + info + `,"max_running_jobs":"20"}`, `{` + info + `,"enabled_hypervisors":"xen"}`,
			`{` + info + `,"enabled_hypervisors":[null]}`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, result := range tt.results {
				s, c := serve(t, luxi.Options{}, answerOK(result))
				v, err := tt.call(c)
				var proto *luxi.ProtocolError
				if !errors.As(err, &proto) || proto.Method != tt.name || v != nil {
					t.Errorf("%s: %v, %v", result, v, err)
				}
				s.awaitOpen(0)
			}
		})
	}
}

// nonzero returns v, or nil if it is the zero value of its type.
func nonzero(v any) any {
	if reflect.ValueOf(v).IsZero() {
		return nil
	}
	return v
}

func TestWaitForJobChange(t *testing.T) {
	for _, tt := range []struct {
		prev    luxi.JobStatus
		timeout time.Duration
		want    string
	}{
		{"", 0, `[5,["status"],null,2147483647,0]`},
		{"", -time.Minute, `[5,["status"],null,2147483647,0]`},
		{luxi.JobQueued, time.Millisecond, `[5,["status"],["queued"],2147483647,1]`},
		{luxi.JobQueued, 30 * time.Second, `[5,["status"],["queued"],2147483647,30]`},
		{luxi.JobQueued, time.Hour, `[5,["status"],["queued"],2147483647,89]`},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(`[["waiting"],[[1,[1,2],"message","text"]]]`))
		got, err := c.WaitForJobChange(bg, 5, tt.prev, tt.timeout)
		if err != nil || got != luxi.JobWaiting {
			t.Errorf("got %q, %v", got, err)
		}
		sent, _ := s.seen()
		if want := `{"method":"WaitForJobChange","args":` + tt.want + `}`; sent[0] != want {
			t.Errorf("sent %s, want %s", sent[0], want)
		}
	}
}

func TestWaitForOpcodes(t *testing.T) {
	for _, tt := range []struct {
		prev []luxi.JobStatus
		want string
	}{
		{nil, `[5,["opstatus"],null,2147483647,2]`},
		{[]luxi.JobStatus{luxi.JobQueued, luxi.JobQueued}, `[5,["opstatus"],[["queued","queued"]],2147483647,2]`},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(`[[["success","waiting"]],[]]`))
		got, err := c.WaitForOpcodes(bg, 5, tt.prev, 2*time.Second)
		if err != nil || len(got) != 2 || got[0] != luxi.JobSuccess || got[1] != luxi.JobWaiting {
			t.Errorf("got %q, %v", got, err)
		}
		sent, _ := s.seen()
		if want := `{"method":"WaitForJobChange","args":` + tt.want + `}`; sent[0] != want {
			t.Errorf("sent %s, want %s", sent[0], want)
		}
	}
	_, c := serve(t, luxi.Options{}, answerOK(`[[null],[]]`))
	if _, err := c.WaitForOpcodes(bg, 5, nil, 0); !errors.Is(err, luxi.ErrJobLost) {
		t.Errorf("of a job whose file has gone: %v", err)
	}
}

func TestStartEligible(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`[]`))
	if err := c.StartEligible(bg); err != nil {
		t.Error(err)
	}
	sent, _ := s.seen()
	if want := `{"method":"SubmitManyJobs","args":[[]]}`; sent[0] != want {
		t.Errorf("sent %s, want %s", sent[0], want)
	}
	_, c = serve(t, luxi.Options{}, answerOK(`[[true,1]]`))
	if err := c.StartEligible(bg); err == nil {
		t.Error("a job that nobody submitted is no error")
	}
}

func TestWaitForJob(t *testing.T) {
	lost := `["JobLost",["Can't load job file"]]`
	for _, tt := range []struct {
		name    string
		changes []string // answers to WaitForJobChange; one starting with [" is an error
		row     string   // answer to Query
		want    luxi.JobStatus
		err     error
	}{
		{"ended before", []string{`[["error"],[]]`}, "", luxi.JobError, nil},
		{"all the way", []string{`[["queued"],[]]`, `[["waiting"],[]]`, `[["waiting"],[]]`, `[["running"],[]]`, `[["success"],[]]`}, "", luxi.JobSuccess, nil},
		{"canceled", []string{`[["canceling"],[]]`, `[["canceled"],[]]`}, "", luxi.JobCanceled, nil},
		{"archived before", []string{lost}, jobRow(5, "success", true), luxi.JobSuccess, nil},
		{"archived meanwhile", []string{`[["running"],[]]`, lost}, jobRow(5, "canceled", true), luxi.JobCanceled, nil},
		{"its file vanished", []string{`[["running"],[]]`, `[[null],[]]`}, jobRow(5, "error", true), luxi.JobError, nil},
		{"unknown", []string{lost}, unknownRow(5), "", luxi.ErrJobLost},
		{"lost, but not ended", []string{lost}, jobRow(5, "running", false), "", luxi.ErrJobLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			s, c := serve(t, luxi.Options{}, func(r *request) {
				if r.Method == "Query" {
					r.ok(jobTable(true, tt.row))
					return
				}
				n++
				if a := tt.changes[n-1]; a == lost {
					r.fail(a)
				} else {
					r.ok(a)
				}
			})
			got, err := c.WaitForJob(bg, 5)
			if got != tt.want || !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) {
				t.Errorf("got %q, %v", got, err)
			}
			sent, _ := s.seen()
			for i, prev := 0, "null"; i < len(tt.changes); i++ {
				if want := `[5,["status"],` + prev + `,2147483647,89]`; !strings.Contains(sent[i], want) {
					t.Errorf("request %d is %s, want %s", i, sent[i], want)
				}
				prev = strings.TrimSuffix(strings.TrimPrefix(tt.changes[i], "["), ",[]]")
			}
		})
	}
}

func TestWaitForJobErrors(t *testing.T) {
	s, c := serve(t, luxi.Options{}, func(r *request) {
		switch string(r.Args[0]) {
		case "1":
			r.hangUp()
		case "2": // nothing
		case "3":
			if r.Method == "Query" {
				r.hangUp()
			}
			r.fail(`["JobLost",["x"]]`)
		}
	})
	if _, err := c.WaitForJob(bg, 1); !asOp(t, err).Sent {
		t.Errorf("luxid goes away: %v", err)
	}
	ctx, cancel := context.WithCancel(bg)
	result := make(chan error)
	go func() {
		_, err := c.WaitForJob(ctx, 2)
		result <- err
	}()
	s.awaitRequests(2)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	s, c = serve(t, luxi.Options{}, func(r *request) {
		if r.Method == "Query" {
			r.hangUp()
			return
		}
		r.fail(`["JobLost",["x"]]`)
	})
	if _, err := c.WaitForJob(bg, 3); !asOp(t, err).Sent || asOp(t, err).Op != "Query" {
		t.Errorf("luxid goes away in between: %v", err)
	}
	if sent, _ := s.seen(); len(sent) != 2 {
		t.Errorf("sent %q", sent)
	}
}

func TestCancelJob(t *testing.T) {
	for _, kill := range []bool{false, true} {
		s, c := serve(t, luxi.Options{}, answerOK(`[true,"Dequeued job 5"]`))
		done, text, err := c.CancelJob(bg, 5, kill)
		if !done || text != "Dequeued job 5" || err != nil {
			t.Errorf("got %t, %q, %v", done, text, err)
		}
		want := fmt.Sprintf(`{"method":"CancelJob","args":[5,%t]}`, kill)
		if sent, _ := s.seen(); sent[0] != want {
			t.Errorf("sent %s, want %s", sent[0], want)
		}
	}
	// P15: a call that is cut short by the caller says that it may have done its work.
	s, c := serve(t, luxi.Options{}, func(*request) {})
	ctx, cancel := context.WithCancel(bg)
	go func() {
		s.awaitRequests(1)
		cancel()
	}()
	if done, _, err := c.CancelJob(ctx, 5, false); done || !errors.Is(err, context.Canceled) || !luxi.OutcomeUnknown(err) {
		t.Errorf("cut short: %t, %v", done, err)
	}
	s.awaitOpen(0) // nobody reads the answer to this request as that to another
	if _, _, err := c.CancelJob(ctx, 5, false); !errors.Is(err, context.Canceled) || luxi.OutcomeUnknown(err) {
		t.Errorf("not sent at all: %v", err)
	}
	_, c = serve(t, luxi.Options{}, answerOK(`[false,"Job 5 is no longer in the queue"]`))
	if done, text, err := c.CancelJob(bg, 5, false); done || text == "" || err != nil {
		t.Errorf("got %t, %q, %v", done, text, err)
	}
}

func TestArchiveJob(t *testing.T) {
	for _, want := range []bool{false, true} {
		s, c := serve(t, luxi.Options{}, answerOK(fmt.Sprint(want)))
		if got, err := c.ArchiveJob(bg, 5); got != want || err != nil {
			t.Errorf("got %t, %v", got, err)
		}
		if sent, _ := s.seen(); sent[0] != `{"method":"ArchiveJob","args":[5]}` {
			t.Errorf("sent %s", sent[0])
		}
	}
}

// jobTable returns the result of a job query with these rows.
func jobTable(archived bool, rows ...string) string {
	names := []string{"id", "status", "summary", "ops", "opstatus", "opresult", "received_ts", "start_ts", "end_ts", "opexec"}
	if archived {
		names = append(names, "archived")
	}
	return `{"fields":` + columns(names...) + `,"data":[` + strings.Join(rows, ",") + `]}`
}

// jobRow returns a row with one opcode in the job's status.
func jobRow(id int, status string, archived bool) string {
	return fmt.Sprintf(`[[0,%d],[0,%q],[0,["X"]],[0,[{"OP_ID":"OP_X","reason":[]}]],[0,[%q]],[0,[null]],[0,[1,2]],[3,null],[3,null],[0,[null]],[0,%t]]`,
		id, status, status, archived)
}

// unknownRow returns the row of a job luxid does not know.
func unknownRow(id int) string {
	return fmt.Sprintf(`[[0,%d]`, id) + strings.Repeat(`,[3,null]`, 10) + `]`
}

type jsonRaw = json.RawMessage

func raw(s string) json.RawMessage { return json.RawMessage(s) }
