//go:build cluster

package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

// side is one of the two masters that are compared: it carries out a script and keeps what was observed.
type side struct {
	t      *testing.T
	name   string
	socket string
	conn   net.Conn
	r      *bufio.Reader
	base   int64             // the last job id before the script: ids are told relative to it
	names  map[string]string // what UUIDs are shown as
	seen   []observation

	// What no LUXI call can do.
	dead, alive func(node string)           // the node daemon
	crash       func(node, instance string) // the instance's process
	lose        func(instance string)       // the files of an instance
	interrupt   func(socket string)         // an interruptible OP_TEST_DELAY that waits there
	controls    controls                    // what happens to simulated nodes
}

type observation struct{ what, value string }

func (s *side) note(what, value string) {
	s.seen = append(s.seen, observation{s.normal(what), s.normal(canonical(value))})
}

// canonical renders JSON in one way; what is not JSON stays as it is.
func canonical(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(plainNumbers(v)) != nil {
		return text
	}
	return strings.TrimSpace(b.String())
}

// plainNumbers writes 1.0e-2 as 0.01.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return f
		}
	case []any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

func (s *side) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf(s.name+": "+format, args...)
}

// connect makes a new connection.
func (s *side) connect() {
	s.t.Helper()
	if s.conn != nil {
		s.conn.Close()
	}
	c, err := net.Dial("unix", s.socket)
	if err != nil {
		s.fatalf("%v", err)
	}
	s.conn, s.r = c, bufio.NewReader(c)
}

// raw sends a request and returns the answer; closed tells that luxid closes the connection, answered or not.
func (s *side) raw(request string) (answer map[string]json.RawMessage, closed bool) {
	s.t.Helper()
	if err := luxi.WriteFrame(s.conn, []byte(request)); err != nil {
		s.connect()
		if err := luxi.WriteFrame(s.conn, []byte(request)); err != nil {
			s.fatalf("%v", err)
		}
	}
	// A handler that dies leaves its connection to Haskell's garbage collector: it is closed now or never.
	_ = s.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	if strings.Contains(request, `"SetDrainFlag"`) || strings.Contains(request, "-99999999") {
		_ = s.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	}
	b, err := luxi.ReadFrame(s.r, 1<<30)
	if err != nil {
		s.connect()
		return nil, true
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		s.fatalf("answer %s: %v", b, err)
	}
	if string(answer["success"]) == "false" && len(answer["result"]) > 0 && answer["result"][0] == '"' {
		_ = s.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		_, err := s.r.ReadByte()
		ne, timeout := err.(net.Error)
		closed = err != nil && !(timeout && ne.Timeout())
		s.connect()
	}
	return answer, closed
}

// call makes a call and returns the result, with "error" before it if it is one.
func (s *side) call(method, args string) string {
	s.t.Helper()
	a, closed := s.raw(`{"method":"` + method + `","args":` + args + `}`)
	switch {
	case a == nil:
		return "no answer"
	case string(a["success"]) == "true":
		return string(a["result"])
	case a["result"][0] == '"':
		if !strings.HasPrefix(string(a["result"]), `"Failed to parse request: `) {
			return "error " + string(a["result"])
		}
		return fmt.Sprintf("does not parse; closed %v", closed)
	}
	return "error " + string(a["result"])
}

// observe notes the result of a call.
func (s *side) observe(method, args string) {
	s.t.Helper()
	s.note(method+" "+args, s.call(method, args))
}

// query returns the answer to a query.
func (s *side) query(what, fields, filter string) (defs []map[string]string, rows [][][2]json.RawMessage, problem string) {
	s.t.Helper()
	result := s.call("Query", `["`+what+`",`+fields+`,`+filter+`]`)
	var answer struct {
		Fields []map[string]string
		Data   [][][2]json.RawMessage
	}
	if err := json.Unmarshal([]byte(result), &answer); err != nil {
		return nil, nil, result
	}
	return answer.Fields, answer.Data, ""
}

// table notes the rows of a query, one line each; a status other than 0 is shown.
func (s *side) table(what, fields, filter string) {
	s.t.Helper()
	_, rows, problem := s.query(what, fields, filter)
	value := problem
	for _, row := range rows {
		var cells []string
		for _, c := range row {
			if string(c[0]) == "0" {
				cells = append(cells, sortedList(string(c[1])))
			} else {
				cells = append(cells, string(c[0])+":"+string(c[1]))
			}
		}
		value += "\n    " + strings.Join(cells, " ")
	}
	s.note("Query "+what+" "+fields+" "+filter, value)
}

// sortedList puts lists of strings in order: tags have none.
func sortedList(raw string) string {
	var list []string
	if json.Unmarshal([]byte(raw), &list) != nil || list == nil {
		return raw
	}
	sort.Strings(list)
	b, err := json.Marshal(list)
	if err != nil {
		return raw
	}
	return string(b)
}

// learn finds out the UUIDs and the last job id.
func (s *side) learn() {
	s.t.Helper()
	s.names = make(map[string]string)
	for _, what := range []string{"node", "group", "instance"} {
		_, rows, problem := s.query(what, `["uuid","name"]`, "null")
		if problem != "" {
			s.fatalf("%s", problem)
		}
		for _, r := range rows {
			var uuid, name string
			_ = json.Unmarshal(r[0][1], &uuid)
			_ = json.Unmarshal(r[1][1], &name)
			s.names[uuid] = "uuid-of-" + name
		}
	}
	var info struct{ UUID string }
	if err := json.Unmarshal([]byte(s.call("QueryClusterInfo", "[]")), &info); err != nil {
		s.fatalf("%v", err)
	}
	s.names[info.UUID] = "uuid-of-the-cluster"
	s.base = s.submit() // an empty job
}

// release is the version of Ganeti, such as "3.0.2".
func (s *side) release() string {
	s.t.Helper()
	s.connect()
	defer s.conn.Close()
	var info struct {
		Release string `json:"software_version"`
	}
	if err := json.Unmarshal([]byte(s.call("QueryClusterInfo", "[]")), &info); err != nil {
		s.fatalf("%v", err)
	}
	return info.Release
}

// id turns a relative job id into a real one.
func (s *side) id(relative int64) string { return strconv.FormatInt(s.base+relative, 10) }

// unknownJob is the id of a job that there never is.
const unknownJob = 999999

var (
	jobInText  = regexp.MustCompile(`\b([Jj]ob[ =-])(\d+)`)
	rpcError   = regexp.MustCompile(`Error \d+: [^"\\]*`)
	mebibytes  = regexp.MustCompile(`available -?\d+ MiB`)
	timeInText = regexp.MustCompile(`\[1\d{9}, ?\d+\]|\b1\d{18}\b|\b1\d{9}\.\d+`)
	pidInText  = regexp.MustCompile(`with pid \d+`)
	devicePath = regexp.MustCompile(`(/dev/[^" :]+|drbd0)([":])`)
	spawnedJob = regexp.MustCompile(`(\[true,)(\d+)`)
	dependency = regexp.MustCompile(`("depends":\[\[)(\d+)`)
	quotedOps  = regexp.MustCompile(`(Cannot convert value|expecting string but got) '.*`)
)

// normal replaces what cannot be the same on both sides.
func (s *side) normal(text string) string {
	for uuid, name := range s.names {
		text = strings.ReplaceAll(text, uuid, name)
	}
	for _, r := range []*regexp.Regexp{jobInText, dependency, spawnedJob} {
		r := r
		text = r.ReplaceAllStringFunc(text, func(m string) string {
			parts := r.FindStringSubmatch(m)
			n, _ := strconv.ParseInt(parts[2], 10, 64)
			if n == unknownJob {
				return m
			}
			return parts[1] + "#" + strconv.FormatInt(n-s.base, 10)
		})
	}
	text = quotedOps.ReplaceAllString(text, "$1 ...")
	text = rpcError.ReplaceAllString(text, "RPC ERROR")
	text = mebibytes.ReplaceAllString(text, "available N MiB")
	text = devicePath.ReplaceAllString(text, "DEVICE$2")
	text = pidInText.ReplaceAllString(text, "with pid P")
	return timeInText.ReplaceAllString(text, "TIME")
}

// submit submits a job and returns its id.
func (s *side) submit(ops ...string) int64 {
	s.t.Helper()
	result := s.call("SubmitJob", `[[`+strings.Join(ops, ",")+`]]`)
	id, err := strconv.ParseInt(result, 10, 64)
	if err != nil {
		s.fatalf("submit %s: %s", ops, result)
	}
	return id
}

// wait waits for the end of a job.
func (s *side) wait(id int64) {
	s.t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	status := "null"
	for time.Now().Before(deadline) {
		result := s.call("WaitForJobChange", fmt.Sprintf(`[%d,["status"],[%s],1000,30]`, id, status))
		var answer [2]json.RawMessage
		var now []string
		if json.Unmarshal([]byte(result), &answer) != nil || json.Unmarshal(answer[0], &now) != nil || len(now) != 1 {
			s.fatalf("wait for job %d: %s", id, result)
		}
		switch now[0] {
		case "success", "error", "canceled":
			return
		}
		status = `"` + now[0] + `"`
	}
	s.fatalf("job %d does not end", id)
}

// waitFor waits until a job has the status.
func (s *side) waitFor(id int64, status string) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	now := "null"
	for time.Now().Before(deadline) {
		result := s.call("WaitForJobChange", fmt.Sprintf(`[%d,["status"],[%s],1000,5]`, id, now))
		if strings.HasPrefix(result, `[["`+status+`"]`) {
			return
		}
		var answer [2][]json.RawMessage
		if json.Unmarshal([]byte(result), &answer) != nil || len(answer[0]) != 1 {
			s.fatalf("wait for job %d: %s", id, result)
		}
		now = string(answer[0][0])
	}
	s.fatalf("job %d does not become %s", id, status)
}

// delaySocket is where an interruptible OP_TEST_DELAY says that it listens (Ganeti's cmdlib/test.py).
var delaySocket = regexp.MustCompile(`"delay-test",\["([^"]+)"\]`)

// end has a lasting delay end now. On the simulator nothing has to be done: its time passes while somebody waits.
func (s *side) end(id int64) {
	s.t.Helper()
	if s.interrupt == nil {
		return
	}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		result := s.call("WaitForJobChange", fmt.Sprintf(`[%d,["oplog"],null,1000,1]`, id))
		if found := delaySocket.FindStringSubmatch(result); found != nil {
			s.interrupt(found[1])
			return
		}
	}
	s.fatalf("job %d says nowhere where it can be interrupted", id)
}

// outcome returns the status of a job and the statuses and results of its opcodes.
func (s *side) outcome(id int64) string {
	s.t.Helper()
	return s.call("QueryJobs", fmt.Sprintf(`[[%d],["status","opstatus","opresult","summary"]]`, id))
}

// run submits a job, waits for its end and notes its outcome.
func (s *side) run(ops ...string) int64 {
	s.t.Helper()
	id := s.submit(ops...)
	s.wait(id)
	s.note("job "+strings.Join(ops, ", "), s.outcome(id))
	return id
}

// quietly runs a job that has to succeed.
func (s *side) quietly(ops ...string) {
	s.t.Helper()
	id := s.submit(ops...)
	s.wait(id)
	if o := s.outcome(id); !strings.HasPrefix(o, `[["success"`) {
		s.fatalf("%s: %s", ops, o)
	}
}

// node sets flags of a node.
func (s *side) node(name, flags string) {
	s.t.Helper()
	s.quietly(op("NODE_SET_PARAMS", `"node_name":"`+name+`","auto_promote":true`, flags))
}

// chatter are the log lines that the simulator does not imitate: the steps of an execution.
var chatter = regexp.MustCompile(`never matches`)

// log notes the texts of the log of a job.
func (s *side) log(id int64) {
	s.t.Helper()
	result := s.call("QueryJobs", fmt.Sprintf(`[[%d],["oplog"]]`, id))
	var rows [][][][][4]json.RawMessage
	if err := json.Unmarshal([]byte(result), &rows); err != nil {
		s.fatalf("%s: %v", result, err)
	}
	var lines []string
	for _, op := range rows[0][0] {
		for _, l := range op {
			if !chatter.Match(l[3]) {
				lines = append(lines, string(l[2])+" "+string(l[3]))
			}
		}
	}
	s.note("log of the job", strings.Join(lines, "\n    "))
}

// instances notes the state of all instances.
func (s *side) instances() {
	s.t.Helper()
	s.table("instance", `["name","pnode","snodes","admin_state","admin_up","disk_template","status","oper_state","oper_ram","disks_active"]`, "null")
}

// op renders an opcode with an empty reason trail.
func op(id string, params ...string) string {
	return `{"OP_ID":"OP_` + id + `","reason":[]` + strings.Join(append([]string{""}, params...), ",") + `}`
}

// on is the parameter that names the instance.
func on(name string) string { return `"instance_name":"` + name + `"` }
