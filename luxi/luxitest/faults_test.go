package luxitest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

const submitDelay = `{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[],"duration":5}]]}`

// faulty makes one fault happen to the first SubmitJob.
func faulty(m *Master, f Fault) {
	m.OnCall(func(c Call) Fault {
		if c.Method == "SubmitJob" && c.MethodN == 1 {
			return f
		}
		return Pass()
	})
}

func TestCallFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault    Fault
		answered bool
		result   string
		jobs     int
	}{
		"die before": {DieBefore(), false, "", 0},
		"die after":  {DieAfter(), false, "", 1},
		"cut":        {CutReply(5), false, "", 1},
		"error":      {FailWith("GenericError", "no"), true, `["GenericError",["no"]]`, 0},
		"reply":      {Reply(`{"success":true,"result":99}`), true, "99", 0},
		"replace":    {ReplaceReply(`{"success":true,"result":"?"}`), true, `"?"`, 1},
		"delayed":    {Pass().After(time.Minute), true, "1", 1},
	} {
		m := begin(t, small)
		faulty(m, c.fault)
		r, err := dial(t, m).try(submitDelay)
		if (err == nil) != c.answered {
			t.Errorf("%s: answered %v", name, err)
		}
		want(t, name, string(r.Result), c.result)
		if n := len(m.Jobs()); n != c.jobs {
			t.Errorf("%s: %d jobs", name, n)
		}
		if c.fault.delay > 0 && m.Now() != epoch.Add(c.fault.delay) {
			t.Errorf("%s: it is %v", name, m.Now())
		}
	}
}

func TestHangingCallEndsWithTheConnection(t *testing.T) {
	m := begin(t, small)
	faulty(m, Hang())
	w := dial(t, m)
	if _, err := w.c.Write([]byte(submitDelay + "\x03")); err != nil {
		t.Fatal(err)
	}
	m.lock()
	for len(m.jobs) == 0 {
		changed := m.changed
		m.unlock()
		<-changed
		m.lock()
	}
	m.unlock()
	m.StopLuxid()
	if _, err := w.r.ReadByte(); err == nil {
		t.Error("there was a reply")
	}
}

func TestIgnoredCallIsNotHandled(t *testing.T) {
	m := begin(t, small)
	client := luxi.New(m.Socket(), luxi.Options{})
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	m.OnCall(func(Call) Fault { cancel(); return Ignore() })
	if _, err := client.SubmitJob(ctx, []luxi.OpCode{&luxi.TestDelay{Duration: 1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	want(t, "jobs", fmt.Sprint(len(m.Jobs())), "0")
}

func TestRequestsThatDoNotParseCloseTheConnection(t *testing.T) {
	for _, request := range []string{
		`nonsense`, `{"method":"Query"}`, `{"args":[]}`, `{"method":"NoSuchCall","args":[]}`, `{"method":"Query","args":["job",[]]}`,
		`{"method":"Query","args":["planet",["name"],null]}`, `{"method":"Query","args":["node",["name"],["~","name","x"]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","duration":1}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[]}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_NO_SUCH","reason":[]}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[],"duration":"1"}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[],"duration":1,"unknown":1}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[],"duration":1,"priority":5}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[["a","b"]],"duration":1}]]}`,
		`{"method":"SubmitJob","args":[[{"OP_ID":"OP_TEST_DELAY","reason":[],"duration":1,"depends":[[1,["running"]]]}]]}`,
		`{"method":"SubmitManyJobs","args":[[[{"OP_ID":"OP_TEST_DELAY","reason":[],"duration":1}],[{"OP_ID":"OP_TEST_DELAY","duration":1}]]]}`,
	} {
		m := begin(t, small)
		w := dial(t, m)
		r, err := w.try(request)
		if err != nil || r.Success || !strings.HasPrefix(string(r.Result), `"Failed to parse request: `) {
			t.Errorf("%s: %v %s", request, err, r.Result)
		}
		if _, err := w.r.ReadByte(); err == nil {
			t.Errorf("%s: the connection stays open", request)
		}
		if len(m.Jobs()) != 0 {
			t.Errorf("%s: a job was made", request)
		}
	}
}

// A job that is not ASCII cannot be written; the others of the call can.
func TestNonASCIIJobs(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	bad := op("TEST_DELAY", `"duration":5,"comment":"ä"`)
	wantPart(t, "one", w.call("SubmitJob", `[[`+bad+`]]`), `!["GenericError",["Failed to write `)
	many := w.call("SubmitManyJobs", `[[[`+bad+`],[`+op("TEST_DELAY", `"duration":5`)+`]]]`)
	wantPart(t, "many", many, `[[false,"Failed to write `)
	wantPart(t, "many", many, `,[true,3]]`)
	if n := len(m.Jobs()); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

func TestOpcodeFaults(t *testing.T) {
	failover := op("INSTANCE_FAILOVER", instance("a"))
	for name, c := range map[string]struct {
		fault   OpFault
		result  string
		primary string
	}{
		"at once":   {OpFails("OpPrereqError", "no room", codeNoRes), `["OpPrereqError",["no room","insufficient_resources"]]`, "node2"},
		"late":      {OpFails("OpExecError", "boom").Late(), `["OpExecError",["boom"]]`, "node1"},
		"lost":      {OpLosesProcess(), `"detected death of job 1"`, "node2"},
		"lost late": {OpLosesProcess().Late(), `"detected death of job 1"`, "node1"},
	} {
		m := begin(t, small)
		m.OnOpcode(func(op Opcode, j Job) OpFault { return c.fault })
		status, results := dial(t, m).do(m, failover)
		want(t, name, status+" "+results[0], "error "+c.result)
		a := m.Snapshot().Instance("a")
		want(t, name, a.Primary, c.primary)
		if c.primary == "node1" && a.Running() {
			t.Errorf("%s: it runs", name)
		}
	}
}

func TestOnBegin(t *testing.T) {
	m := begin(t, small)
	var seen []string
	m.OnBegin(func(op Opcode, j Job, c *Cluster) {
		depends := ""
		for _, d := range op.Depends {
			depends += fmt.Sprint(" after ", d.Job, d.On)
		}
		seen = append(seen, fmt.Sprint(j.ID, " ", op.Summary, " on ", c.Instance("a").Primary, depends))
		c.Instance("a").Primary = "node3" // a copy
	})
	w := dial(t, m)
	w.submit(op("INSTANCE_FAILOVER", instance("a")))
	w.submit(op("TEST_DELAY", `"duration":5,"depends":[[1,["success"]]]`))
	m.RunUntilQuiet()
	want(t, "seen", strings.Join(seen, "; "), "1 INSTANCE_FAILOVER(a) on node2; 2 TEST_DELAY(5.0) on node1 after 1 [success]")
}

func TestHangingOpcodeHoldsItsLocks(t *testing.T) {
	m := begin(t, small)
	m.OnOpcode(func(op Opcode, j Job) OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return OpHangs()
		}
		return OpPass()
	})
	w := dial(t, m)
	w.submit(op("INSTANCE_FAILOVER", instance("a")))
	w.submit(op("TAGS_SET", `"kind":"instance","name":"a","tags":["x"]`))
	if m.RunUntilQuiet() {
		t.Error("a hanging job is never quiet")
	}
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"running"; "waiting"`)
	if !m.Continue(1) || m.Continue(1) {
		t.Error("Continue works once")
	}
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"success"; "success"`)
}

func TestDial(t *testing.T) {
	m := begin(t, small)
	client := luxi.New(m.Socket(), luxi.Options{Dial: m.Dial})
	defer client.Close()
	call := func() error {
		_, err := client.ListJobs(context.Background(), nil, false)
		return err
	}
	if err := call(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		stop func()
		want error
	}{{m.StopLuxid, syscall.ENOENT}, {m.CrashLuxid, syscall.ECONNREFUSED}} {
		c.stop()
		by, _ := m.Dial(context.Background())
		_, plain := net.Dial("unix", m.Socket())
		if err := call(); by != nil || !errors.Is(err, c.want) || !errors.Is(plain, c.want) {
			t.Errorf("%v, want %v, by the socket %v", err, c.want, plain)
		}
		if err := m.StartLuxid(); err != nil {
			t.Fatal(err)
		}
		if err := call(); err != nil {
			t.Error(err)
		}
	}
}

func TestRestartOfLuxid(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":5`))
	w.submit(op("TEST_DELAY", `"duration":5`, `"depends":[[1,[]]]`))
	m.Advance(time.Second)
	m.StopLuxid()
	if _, err := net.Dial("unix", m.Socket()); err == nil {
		t.Error("a stopped luxid accepts connections")
	}
	if _, err := w.r.ReadByte(); err == nil {
		t.Error("the connection survives")
	}
	if err := m.StartLuxid(); err != nil {
		t.Fatal(err)
	}
	m.Advance(10 * time.Second)
	w = dial(t, m)
	want(t, "the new luxid has not noticed yet", w.rows("job", `["status"]`, "null"), `"success"; "queued"`)
	m.Advance(time.Minute)
	want(t, "now it has", w.rows("job", `["status"]`, "null"), `"success"; "success"`)
	m.CrashLuxid()
	if _, err := net.Dial("unix", m.Socket()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("after a crash: %v", err)
	}
}

func TestMasterFailover(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":500`))
	w.submit(op("TEST_DELAY", `"duration":5,"depends":[[1,["error"]]]`))
	m.Advance(time.Second)
	if err := m.MasterFailover("node3"); err != nil {
		t.Fatal(err)
	}
	w = dial(t, m)
	want(t, "master", w.call("QueryConfigValues", `[["master_node"]]`), `["node3"]`)
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"error"; "success"`)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	m := begin(t, small, func(o *Options) { o.IdleTimeout = 180 * time.Second })
	w := dial(t, m)
	w.call("QueryClusterInfo", `[]`)
	m.Advance(179 * time.Second)
	w.call("QueryClusterInfo", `[]`)
	m.Advance(180 * time.Second)
	if _, err := w.r.ReadByte(); err == nil {
		t.Error("the connection is open after 180 s")
	}
}

// A run under the real clock: time passes by itself.
func TestRealClock(t *testing.T) {
	m := begin(t, small, func(o *Options) {
		o.Clock, o.IdleTimeout = FastClock(200), time.Hour // a busy machine pauses for long by the fast clock
	})
	w := dial(t, m)
	w.submit(op("INSTANCE_FAILOVER", instance("a")))
	for status := ""; status != `[["success"],[]]`; {
		status = w.call("WaitForJobChange", `[1,["status"],["running"],99,60]`)
	}
	if d := m.Now().Sub(m.epoch); d < 10*time.Second {
		t.Errorf("it took %v", d)
	}
	w.submit(op("TEST_DELAY", `"duration":2`))
	if !m.RunUntilQuiet() || m.Job(2).Status != success {
		t.Error("RunUntilQuiet did not wait")
	}
}

func TestProxy(t *testing.T) {
	m := begin(t, small)
	path := filepath.Join(filepath.Dir(m.Socket()), "p")
	var mu sync.Mutex
	var trace []string
	action := map[string]Action{}
	note := func(key string) {
		mu.Lock()
		defer mu.Unlock()
		trace = append(trace, key)
	}
	p, err := NewProxy(path, m.Socket(), func(s Stage, x Exchange) Action {
		key := map[Stage]string{AtRequest: "request ", AtReply: "reply "}[s] + x.Method
		note(key)
		mu.Lock()
		defer mu.Unlock()
		a := action[key]
		a.After = func() { note("after " + key) }
		return a
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	connect := func() *wire {
		w := dial(t, m)
		w.c.Close()
		if w.c, err = net.Dial("unix", path); err != nil {
			t.Fatal(err)
		}
		w.r.Reset(w.c)
		return w
	}
	w := connect()
	want(t, "passes", w.call("QueryConfigValues", `[["master_node"]]`), `["node1"]`)
	w.call("QueryTags", `["cluster",""]`)
	mu.Lock()
	want(t, "trace", strings.Join(trace[:4], ", "),
		"request QueryConfigValues, after request QueryConfigValues, reply QueryConfigValues, after reply QueryConfigValues")
	mu.Unlock()
	set := func(key string, a Action) {
		mu.Lock()
		defer mu.Unlock()
		action[key] = a
	}

	set("request SubmitJob", Action{Drop: true})
	if _, err := connect().try(submitDelay); err == nil || len(m.Jobs()) != 0 {
		t.Error("a dropped request is handled or answered")
	}
	set("request SubmitJob", Action{Cut: true})
	if _, err := connect().try(submitDelay); err == nil || len(m.Jobs()) != 0 {
		t.Error("a cut request is handled or answered")
	}
	set("request SubmitJob", Action{})
	set("reply SubmitJob", Action{Drop: true})
	if _, err := connect().try(submitDelay); err == nil || len(m.Jobs()) != 1 {
		t.Error("a dropped reply arrives, or the request was not handled")
	}
	set("reply SubmitJob", Action{Cut: true})
	if _, err := connect().try(submitDelay); err == nil || len(m.Jobs()) != 2 {
		t.Error("a cut reply arrives, or the request was not handled")
	}
	set("reply SubmitJob", Action{Replace: []byte(`{"success":true,"result":5}`)})
	if r, err := connect().try(submitDelay); err != nil || string(r.Result) != "5" {
		t.Errorf("replaced reply: %v %s", err, r.Result)
	}
	if n := p.Requests(); n != 7 {
		t.Errorf("%d requests", n)
	}
}

// A client learns that luxid was restarted when its call is over, not while the call
// is still being dealt with: what it does next would come before or after that, as
// luck has it.
func TestRestartIsToldWhenTheCallIsOver(t *testing.T) {
	m := begin(t, small)
	m.OnCall(func(Call) Fault {
		if err := m.RestartLuxid(); err != nil {
			t.Error(err)
		}
		m.lock()
		defer m.unlock()
		for c := range m.conns {
			if err := c.SetDeadline(time.Time{}); !c.dropped || err != nil {
				t.Errorf("dropped %v, closed already: %v", c.dropped, err)
			}
		}
		return Pass()
	})
	if _, err := dial(t, m).try(submitDelay); err == nil {
		t.Error("an answer although the connection was dropped")
	}
	if jobs := len(m.Jobs()); jobs != 1 {
		t.Errorf("there are %d jobs", jobs)
	}
}
