package luxi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

// calls are all the calls of a Client, each with a check of what it returns
// without an error.
var calls = []struct {
	name string
	call func(ctx context.Context, c *luxi.Client) (problem string, err error)
}{
	{"Call", func(ctx context.Context, c *luxi.Client) (string, error) {
		var v any
		return "", c.Call(ctx, "M", nil, &v)
	}},
	{"Call into a struct", func(ctx context.Context, c *luxi.Client) (string, error) {
		var v struct {
			A []string       `json:"a"`
			B map[string]int `json:"b"`
			C [2]*bool       `json:"c"`
		}
		return "", c.Call(ctx, "M", nil, &v)
	}},
	{"Query", func(ctx context.Context, c *luxi.Client) (string, error) {
		table, err := c.Query(ctx, luxi.ResInstance, []string{"a", "b"}, nil)
		if err != nil {
			return "", err
		}
		return checkTable(table, 2), nil
	}},
	{"QueryJobs", func(ctx context.Context, c *luxi.Client) (string, error) {
		jobs, err := c.QueryJobs(ctx, []luxi.JobID{7, 9})
		if err == nil && (len(jobs) != 2 || jobs[0].ID != 7 || jobs[1].ID != 9) {
			return fmt.Sprintf("not the jobs asked for: %+v", jobs), nil
		}
		return checkJobs(jobs), err
	}},
	{"ListJobs", func(ctx context.Context, c *luxi.Client) (string, error) {
		jobs, err := c.ListJobs(ctx, nil, false)
		return checkJobs(jobs), err
	}},
	{"ListJobs, archived", func(ctx context.Context, c *luxi.Client) (string, error) {
		jobs, err := c.ListJobs(ctx, nil, true)
		return checkJobs(jobs), err
	}},
	{"QueryClusterInfo", func(ctx context.Context, c *luxi.Client) (string, error) {
		info, err := c.QueryClusterInfo(ctx)
		if err == nil && (info.Name == "" || info.UUID == "" || info.Master == "" || info.Tags == nil) {
			return fmt.Sprintf("incomplete: %+v", info), nil
		}
		return "", err
	}},
	{"QueryConfigValues", func(ctx context.Context, c *luxi.Client) (string, error) {
		_, err := c.QueryConfigValues(ctx)
		return "", err
	}},
	{"QueryTags", func(ctx context.Context, c *luxi.Client) (string, error) {
		tags, err := c.QueryTags(ctx, luxi.TagNode, "n")
		if err == nil && tags == nil {
			return "no list", nil
		}
		return "", err
	}},
	{"SubmitJob", func(ctx context.Context, c *luxi.Client) (string, error) {
		id, err := c.SubmitJob(ctx, delays(1)[0])
		if (err == nil) != (id > 0) {
			return fmt.Sprintf("id %d with error %v", id, err), err
		}
		return "", err
	}},
	{"SubmitManyJobs", func(ctx context.Context, c *luxi.Client) (string, error) {
		got, err := c.SubmitManyJobs(ctx, delays(2))
		if err == nil && len(got) != 2 || err != nil && got != nil {
			return fmt.Sprintf("%d results for 2 jobs, error %v", len(got), err), nil
		}
		for _, s := range got {
			if (s.Err == nil) != (s.ID > 0) {
				return fmt.Sprintf("result %+v", s), nil
			}
		}
		return "", err
	}},
	{"WaitForJobChange", func(ctx context.Context, c *luxi.Client) (string, error) {
		status, err := c.WaitForJobChange(ctx, 1, luxi.JobQueued, 0)
		if err == nil && !knownStatus(status) {
			return fmt.Sprintf("status %q", status), nil
		}
		return "", err
	}},
	{"CancelJob", func(ctx context.Context, c *luxi.Client) (string, error) {
		_, _, err := c.CancelJob(ctx, 1, false)
		return "", err
	}},
	{"ArchiveJob", func(ctx context.Context, c *luxi.Client) (string, error) {
		_, err := c.ArchiveJob(ctx, 1)
		return "", err
	}},
	{"SetDrainFlag", func(ctx context.Context, c *luxi.Client) (string, error) {
		return "", c.SetDrainFlag(ctx, true)
	}},
	{"JobLog", func(ctx context.Context, c *luxi.Client) (string, error) {
		logs, err := c.JobLog(ctx, 7, 9)
		if err == nil && (len(logs) != 2 || logs[0].ID != 7 || logs[1].ID != 9) || err != nil && logs != nil {
			return fmt.Sprintf("not the jobs asked for: %+v", logs), nil
		}
		for _, log := range logs {
			for _, op := range log.Ops {
				if op.Err != nil && op.Lines != nil || log.Known != knownStatus(log.Status) {
					return fmt.Sprintf("%+v", log), nil
				}
			}
		}
		return "", err
	}},
	{"QueryProgress", func(ctx context.Context, c *luxi.Client) (string, error) {
		list, err := c.QueryProgress(ctx, []luxi.JobID{7, 9})
		if err == nil && (len(list) != 2 || list[0].ID != 7 || list[1].ID != 9) || err != nil && list != nil {
			return fmt.Sprintf("not the jobs asked for: %+v", list), nil
		}
		return "", err
	}},
	{"DelaySocket", func(ctx context.Context, c *luxi.Client) (string, error) {
		status, socket, err := c.DelaySocket(ctx, 7)
		if errors.Is(err, luxi.ErrJobLost) {
			err = nil
		} else if err == nil && !knownStatus(status) {
			return fmt.Sprintf("status %q, socket %q", status, socket), nil
		}
		return "", err
	}},
	{"FindJobs", func(ctx context.Context, c *luxi.Client) (string, error) {
		jobs, err := c.FindJobs(ctx, 7, "OP_X")
		return checkJobs(jobs), err
	}},
	{"NewestJob", func(ctx context.Context, c *luxi.Client) (string, error) {
		id, err := c.NewestJob(ctx, 7)
		if err == nil && id < 6 {
			return fmt.Sprintf("job %d", id), nil
		}
		return "", err
	}},
	{"FirstJobSince", func(ctx context.Context, c *luxi.Client) (string, error) {
		id, err := c.FirstJobSince(ctx, time.Unix(5, 0), 7)
		if err == nil && (id < 1 || id > 8) {
			return fmt.Sprintf("job %d", id), nil
		}
		return "", err
	}},
	{"QueryFilterRules", func(ctx context.Context, c *luxi.Client) (string, error) {
		rules, err := c.QueryFilterRules(ctx)
		for _, r := range rules {
			r.Match(luxi.FilterSubject{})
		}
		return "", err
	}},
	{"WaitForOpcodes", func(ctx context.Context, c *luxi.Client) (string, error) {
		statuses, err := c.WaitForOpcodes(ctx, 1, nil, 0)
		for _, s := range statuses {
			if !knownStatus(s) {
				return fmt.Sprintf("status %q", s), nil
			}
		}
		return "", err
	}},
}

func knownStatus(s luxi.JobStatus) bool {
	switch s {
	case luxi.JobQueued, luxi.JobWaiting, luxi.JobCanceling, luxi.JobRunning:
		return true
	}
	return s.Final()
}

func checkTable(t *luxi.Table, columns int) string {
	if len(t.Fields) != columns {
		return fmt.Sprintf("%d fields", len(t.Fields))
	}
	for _, row := range t.Rows {
		if len(row) != columns {
			return fmt.Sprintf("row of %d cells", len(row))
		}
		for _, cell := range row {
			if cell.Status < luxi.StatusNormal || cell.Status > luxi.StatusOffline ||
				(cell.Status == luxi.StatusNormal) != (cell.Value != nil) || cell.Value != nil && !json.Valid(cell.Value) {
				return fmt.Sprintf("cell %d %q", cell.Status, cell.Value)
			}
		}
	}
	return ""
}

func checkJobs(jobs []luxi.JobInfo) string {
	seen := map[luxi.JobID]bool{}
	for _, j := range jobs {
		if j.ID <= 0 || seen[j.ID] || j.Known != knownStatus(j.Status) || j.Known == (j.Ops == nil) || len(j.Summary) != len(j.Ops) {
			return fmt.Sprintf("job %+v", j)
		}
		seen[j.ID] = true
		for _, op := range j.Ops {
			failed := op.Status == luxi.JobError || op.Status == luxi.JobCanceled
			if !knownStatus(op.Status) || !json.Valid(op.Result.Raw) || op.Result.Err != nil && !failed || op.Params == nil {
				return fmt.Sprintf("job %d, opcode %+v", j.ID, op)
			}
			for _, r := range op.Reason {
				if b, err := json.Marshal(r); err != nil {
					return fmt.Sprintf("reason %s, %v", b, err)
				}
			}
		}
	}
	return ""
}

// fuzzServer answers every request with the same bytes, which a fuzz target
// sets, and hangs up.
type fuzzServer struct {
	*server
	mu    sync.Mutex
	reply string
}

func newFuzzServer(f *testing.F) *fuzzServer {
	fs := new(fuzzServer)
	s, err := newServer(func(r *request) {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		r.raw(fs.reply)
		r.hangUp()
	})
	if err != nil {
		f.Fatal(err)
	}
	fs.server = s
	f.Cleanup(s.stop)
	return fs
}

func (fs *fuzzServer) set(reply string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.reply = reply
	fs.server.mu.Lock()
	defer fs.server.mu.Unlock()
	fs.requests = nil
}

// FuzzReply gives the same bytes to every call as the answer. A call must
// return one of the documented errors or a well-formed value.
func FuzzReply(f *testing.F) {
	success := func(result string) { f.Add([]byte(`{"success":true,"result":` + result + "}\x03")) }
	f.Add([]byte(""))
	f.Add([]byte("\x03"))
	f.Add([]byte(`{"success":false,"result":"Failed to parse request: x"}` + "\x03"))
	f.Add([]byte(`{"success":false,"result":["OpPrereqError",["x","unknown_entity"]]}` + "\x03"))
	f.Add([]byte(`{"success":true,"result":tr`))
	success(strings.Repeat("[", 12000) + strings.Repeat("]", 12000))
	success(`5`)
	success(`true`)
	success(`["a","b"]`)
	success(`[true,"text"]`)
	success(`[[true,5],[false,"x"]]`)
	success(`[["running"],[]]`)
	success(`["c","m",false,1700000000]`)
	success(`{"name":"c","uuid":"u","master":"m","tags":[],"max_running_jobs":20}`)
	success(`{"fields":` + columns("a", "b") + `,"data":[[[0,1],[3,null]]]}`)
	success(jobTable(true, mutate(-1, ""), unknownRow(9)))
	fs := newFuzzServer(f)
	f.Fuzz(func(t *testing.T, reply []byte) {
		fs.set(string(reply))
		c := luxi.New(fs.path, luxi.Options{MaxReply: 1 << 20})
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, call := range calls {
			problem, err := call.call(ctx, c)
			if problem != "" {
				t.Errorf("%s: %s", call.name, problem)
			}
			checkErrorKind(t, call.name, err)
		}
	})
}

// checkErrorKind fails the test unless err is nil or of a documented kind.
func checkErrorKind(t *testing.T, call string, err error) {
	if err == nil {
		return
	}
	var refused *luxi.Error
	var op *luxi.OpError
	var proto *luxi.ProtocolError
	switch {
	case errors.As(err, &refused), errors.As(err, &proto), errors.Is(err, luxi.ErrJobLost):
	case errors.As(err, &op):
		if !op.Sent {
			t.Errorf("%s: not sent: %v", call, err)
		}
	default:
		t.Errorf("%s: %T %v", call, err, err)
	}
	if err.Error() == "" {
		t.Errorf("%s: an error without text", call)
	}
}

// FuzzJobResult varies the opcodes, statuses and results of one job.
func FuzzJobResult(f *testing.F) {
	f.Add(`{"OP_ID":"OP_X","reason":[["s","t",1700000000123456789]]}`, "error", `["OpExecError",["x"]]`)
	f.Add(`{"OP_ID":"OP_X","reason":null}`, "canceled", `"Job canceled by request"`)
	f.Add(`{"OP_ID":"OP_X"}`, "success", `["OpExecError",["x"]]`)
	f.Add(`{"OP_ID":"OP_X"},{"OP_ID":"OP_Y"}`, "error", `["OpPrereqError",["x","wrong_state"]]`)
	f.Add(`null`, "queued", `null`)
	f.Add(`{"OP_ID":"OP_X","reason":[["s","t",1e400]]}`, "error", `["HooksAbort",[[["n","h","o"]]]]`)
	fs := newFuzzServer(f)
	f.Fuzz(func(t *testing.T, op, status, result string) {
		quoted, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprintf(`[[0,7],[0,%s],[0,["X"]],[0,[%s]],[0,[%s]],[0,[%s]],[0,[1,2]],[3,null],[3,null],[0,true]]`, quoted, op, quoted, result)
		fs.set(`{"success":true,"result":` + jobTable(true, row) + "}\x03")
		c := luxi.New(fs.path, luxi.Options{})
		defer c.Close()
		jobs, err := c.QueryJobs(context.Background(), []luxi.JobID{7})
		checkErrorKind(t, "QueryJobs", err)
		if err != nil {
			if jobs != nil {
				t.Errorf("error %v with %+v", err, jobs)
			}
			return
		}
		if problem := checkJobs(jobs); problem != "" {
			t.Error(problem)
		}
		got := jobs[0].Ops[0]
		failed := got.Status == luxi.JobError || got.Status == luxi.JobCanceled
		var text string
		if failed && result != "null" && json.Unmarshal([]byte(result), &text) == nil && (got.Result.Err == nil || got.Result.Err.Message != text) {
			t.Errorf("the text %q became %+v", text, got.Result.Err)
		}
	})
}
