package luxitest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

// epoch is when the virtual clocks of these tests begin.
var epoch = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// begin starts a master with a virtual clock for the cluster in the text form.
func begin(t *testing.T, text string, adjust ...func(*Options)) *Master {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Clock: VirtualClock(epoch)}
	for _, a := range adjust {
		a(&opts)
	}
	m, err := New(c, opts)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lt") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", m.LogText())
		}
		m.Close()
		os.RemoveAll(dir)
	})
	return m
}

// wire is a connection that speaks raw LUXI.
type wire struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, m *Master) *wire {
	t.Helper()
	c, err := net.Dial("unix", m.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &wire{t, c, bufio.NewReader(c)}
}

type reply struct {
	Success bool
	Result  json.RawMessage
}

// try sends a raw request and returns the reply, or the error that ended the connection.
func (w *wire) try(request string) (reply, error) {
	w.t.Helper()
	var r reply
	if err := luxi.WriteFrame(w.c, []byte(request)); err != nil {
		return r, err
	}
	b, err := luxi.ReadFrame(w.r, 1<<28)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		w.t.Fatalf("reply %s: %v", b, err)
	}
	return r, nil
}

// call sends a call and returns the result, with ! in front if it is an error.
func (w *wire) call(method string, args string) string {
	w.t.Helper()
	r, err := w.try(`{"method":"` + method + `","args":` + args + `}`)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, args, err)
	}
	if !r.Success {
		return "!" + string(r.Result)
	}
	return string(r.Result)
}

// rows queries and returns the data, cells with a status other than 0 as they are.
func (w *wire) rows(what, fields, filter string) string {
	w.t.Helper()
	raw := w.call("Query", `["`+what+`",`+fields+`,`+filter+`]`)
	var answer struct{ Data [][][2]json.RawMessage }
	if err := json.Unmarshal([]byte(raw), &answer); err != nil {
		return raw
	}
	var lines []string
	for _, row := range answer.Data {
		var cells []string
		for _, c := range row {
			if string(c[0]) == "0" {
				cells = append(cells, string(c[1]))
			} else {
				cells = append(cells, fmt.Sprintf("[%s,%s]", c[0], c[1]))
			}
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "; ")
}

// op renders an opcode with an empty reason trail.
func op(id string, params ...string) string {
	return `{"OP_ID":"OP_` + id + `","reason":[]` + strings.Join(append([]string{""}, params...), ",") + `}`
}

func instance(name string) string { return `"instance_name":"` + name + `"` }

// submit submits one job and returns its id.
func (w *wire) submit(ops ...string) int64 {
	w.t.Helper()
	raw := w.call("SubmitJob", `[[`+strings.Join(ops, ",")+`]]`)
	var id int64
	if err := json.Unmarshal([]byte(raw), &id); err != nil {
		w.t.Fatalf("submit: %s", raw)
	}
	return id
}

// do submits one job and lets everything finish. It returns the job's status and results.
func (w *wire) do(m *Master, ops ...string) (string, []string) {
	w.t.Helper()
	id := w.submit(ops...)
	m.RunUntilQuiet()
	j := m.Job(id)
	var results []string
	for _, op := range j.Ops {
		results = append(results, string(op.Result))
	}
	return j.Status, results
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func wantPart(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s:\n got %s\nwant ...%s...", what, got, part)
	}
}
