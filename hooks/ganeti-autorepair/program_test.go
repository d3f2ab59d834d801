package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// present is the time of the simulated master at the beginning.
var present = time.Unix(1700000000, 0).UTC()

// bed is a simulated master and a place for the program's files.
type bed struct {
	t    *testing.T
	m    *luxitest.Master
	root string
	host string

	screen terminal
	ids    int
	kinds  []tagstore.IDKind // of these ids
	bounds eventBounds
	tty    *fakeTTY // nil if nobody can be asked
	pause  func()   // in place of waiting; nil to wait
}

// fakeTTY is a terminal on which somebody has typed an answer already.
type fakeTTY struct {
	io.Reader
	asked strings.Builder
}

func (t *fakeTTY) Write(p []byte) (int, error) { return t.asked.Write(p) }
func (t *fakeTTY) Close() error                { return nil }

const badNode = `
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 offline
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance web1 template=sharedfile nodes=node2 state=up mem=512 tags=ganeti:watcher:autorepair:failover
	instance web2 template=sharedfile nodes=node2 state=up mem=512
	instance db1 template=drbd nodes=node3,node2 state=up mem=512 tags=ganeti:watcher:autorepair:suspend
	instance fine template=sharedfile nodes=node3 state=up mem=512
`

func newBed(t *testing.T, cluster string) *bed {
	t.Helper()
	c, err := luxitest.Parse(cluster)
	if err != nil {
		t.Fatal(err)
	}
	m, err := luxitest.New(c, luxitest.Options{Clock: luxitest.VirtualClock(present)})
	if err != nil {
		t.Fatal(err)
	}
	// Short, for the socket.
	root, err := os.MkdirTemp("", "ar")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, m: m, root: root, host: "node1", bounds: eventBounds{one: oneEventTime, all: allEventsTime}}
	t.Cleanup(func() {
		m.Close()
		os.RemoveAll(root)
	})
	socket := newPaths(b.getenv).socket()
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("/var/lib/ganeti/ssconf_master_node", "node1\n")
	if err := m.Start(socket); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) getenv(name string) string {
	return map[string]string{"GANETI_ROOTDIR": b.root, "GANETI_HOSTNAME": b.host}[name]
}

func (b *bed) write(path, text string) {
	b.t.Helper()
	path = filepath.Join(b.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// run runs the program and returns its exit code and output.
func (b *bed) run(args ...string) (code int, stdout, stderr string) {
	b.t.Helper()
	var out, err bytes.Buffer
	code = realMain(context.Background(), args, b.env(&out, &err))
	return code, out.String(), err.String()
}

// env is the world that the program sees; repairs have the ids id1, id2, ...
func (b *bed) env(out, err io.Writer) *env {
	tty := func() (io.ReadWriteCloser, error) {
		if b.tty == nil {
			return nil, os.ErrNotExist
		}
		return b.tty, nil
	}
	e := &env{stdout: out, stderr: err, getenv: b.getenv, now: b.m.Now, screen: b.screen, eventBounds: b.bounds, tty: tty, newID: func(kind tagstore.IDKind) string {
		b.kinds = append(b.kinds, kind)
		b.ids++
		return fmt.Sprintf("id%d", b.ids)
	}}
	if b.pause != nil {
		e.pause = func(ctx context.Context, d time.Duration) bool {
			b.m.Advance(d)
			b.pause()
			return ctx.Err() == nil
		}
	}
	return e
}

// want runs the program and checks its exit code, and that its standard error
// has exactly the given number of lines, the first of which holds the text.
func (b *bed) want(code, lines int, text string, args ...string) {
	b.t.Helper()
	got, _, stderr := b.run(args...)
	if got != code || strings.Count(stderr, "\n") != lines || !strings.Contains(stderr, text) {
		b.t.Errorf("%v: exit code %d, want %d; %d lines wanted with %q, got:\n%s", args, got, code, lines, text, stderr)
	}
}

// idle checks that no job was submitted.
func (b *bed) idle(what string) {
	b.t.Helper()
	if jobs := b.m.Jobs(); len(jobs) != 0 {
		b.t.Errorf("%s: %d jobs were submitted", what, len(jobs))
	}
}

// W1: when the hook does nothing, and what a person is told then.
func TestWhenNothingIsDone(t *testing.T) {
	b := newBed(t, badNode)
	b.host = "node3"
	b.want(0, 0, "", "run", "--from-watcher")
	b.want(11, 2, "not the master: the master is node1, this is node3", "run")
	// The master's socket does not make another node the master.
	socket := newPaths(b.getenv).socket()
	b.want(0, 0, "", "-L", socket, "run", "--from-watcher")
	b.want(11, 2, "not the master", "-L", socket, "run")
	b.want(11, 2, "not the master", "-L", socket, "run", "--dry-run")
	b.host = "node1"
	b.idle("not the master")

	hence := b.m.Now().Add(time.Hour)
	b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = hence })
	b.want(0, 0, "", "run", "--from-watcher")
	b.want(0, 1, "nothing done: the watcher is paused until", "run")
	b.idle("paused")
	b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = time.Time{} })

	b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = true })
	b.want(0, 0, "", "run", "--from-watcher")
	b.want(0, 1, "nothing done: the job queue is drained", "run")
	b.idle("drained queue")
	b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = false })

	lock, err := takeLock(newPaths(b.getenv).state())
	if err != nil {
		t.Fatal(err)
	}
	b.want(0, 0, "", "run", "--from-watcher")
	b.want(1, 1, "another pass is running", "run")
	if err := lock.state.writeStamp(stamp{Time: b.m.Now(), Busy: true}); err != nil {
		t.Fatal(err)
	}
	lock.release()
	b.want(0, 0, "", "run", "--from-watcher")
	b.idle("too early")

	b.write("/etc/ganeti/autorepair.toml", "\nintervall = \"15m\"\n")
	b.want(2, 1, "/etc/ganeti/autorepair.toml:2: intervall: unknown key", "run", "--from-watcher")
	b.want(2, 2, "/etc/ganeti/autorepair.toml:2: intervall: unknown key", "status")
	b.want(2, 2, "no such file", "-c", filepath.Join(b.root, "none.toml"), "run")
	b.idle("bad settings")
	b.write("/etc/ganeti/autorepair.toml", "")

	// By hand the interval does not matter.
	if code, stdout, stderr := b.run("run"); code != 0 || !strings.Contains(stdout, "web1") || !strings.Contains(stderr, "repair job released") {
		t.Errorf("run: %d\n%s%s", code, stdout, stderr)
	}
	if len(b.m.Jobs()) == 0 {
		t.Error("the pass submitted nothing")
	}
}

// Without luxid a pass fails in one line, and the next is due at once.
func TestLuxidDown(t *testing.T) {
	b := newBed(t, badNode)
	b.m.StopLuxid()
	b.want(1, 1, "ganeti-query", "run", "--from-watcher")
	b.want(1, 2, "ganeti-query", "run")
	b.want(1, 2, "ganeti-query", "status")
	if err := b.m.RestartLuxid(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := b.run("run", "--from-watcher"); code != 0 || len(b.m.Jobs()) == 0 {
		t.Errorf("after the restart: %d, %s", code, stderr)
	}
}

// A node on which Ganeti is not set up is left in peace.
func TestNoGaneti(t *testing.T) {
	b := newBed(t, badNode)
	if err := os.RemoveAll(filepath.Join(b.root, "var/lib/ganeti")); err != nil {
		t.Fatal(err)
	}
	b.want(0, 0, "", "run", "--from-watcher")
	b.want(11, 2, "Ganeti is not set up here", "run")
}

// Wrong usage is status 2, one line and a hint.
func TestUsage(t *testing.T) {
	b := newBed(t, badNode)
	b.want(2, 2, "ganeti-autorepair: hint: ganeti-autorepair --help", "frobnicate")
	for _, args := range [][]string{{"run", "--frob"}, {"run", "extra"}, {"status", "-L"}} {
		b.want(2, 2, "ganeti-autorepair: hint: ganeti-autorepair "+args[0]+" --help", args...)
	}
	b.want(2, 2, "exclude each other", "run", "--dry-run", "--wait")
	b.want(2, 1, "--from-watcher goes with neither", "run", "--from-watcher", "--wait")
	if code, stdout, _ := b.run("--version"); code != 0 || stdout != "ganeti-autorepair "+version+"\n" {
		t.Errorf("--version: %d, %q", code, stdout)
	}
	b.idle("wrong usage")
}

// golden compares text with a file below testdata, and looks at how wide it is.
func golden(t *testing.T, name, got string) {
	t.Helper()
	goldenfile.Want(t, name, got)
	for n, line := range strings.Split(got, "\n") {
		if len(line) > 80 && !strings.Contains(line, "submit  {") && !strings.HasPrefix(line, "    gnt-") && (strings.HasPrefix(name, "help") || strings.HasSuffix(name, "-80.txt")) {
			t.Errorf("%s:%d: %d columns", name, n+1, len(line))
		}
	}
}

// O6: what users see: the help texts, the JSON.
func TestScreens(t *testing.T) {
	b := newBed(t, badNode)
	for name, args := range map[string][]string{
		"help.txt":        {"--help"},
		"help-run.txt":    {"run", "--help"},
		"help-status.txt": {"status", "--help"},
		"status.json":     {"status", "--json"},
	} {
		code, stdout, stderr := b.run(args...)
		if code != 0 || stderr != "" {
			t.Errorf("%v: %d, %s", args, code, stderr)
		}
		for _, i := range b.m.Snapshot().Instances {
			stdout = strings.ReplaceAll(stdout, i.UUID, "UUID")
		}
		golden(t, name, stdout)
	}
	b.idle("looking")
}

// V6: the dry run says in a line for each instance what would be done, with --opcodes
// the tags and opcodes, and changes nothing.
func TestDryRun(t *testing.T) {
	b := newBed(t, badNode)
	code, stdout, stderr := b.run("run", "--dry-run")
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "web1: failover node2 -> a node chosen by hail\n-") || strings.Contains(stdout, "{") {
		t.Errorf("%d, %s\n%s", code, stderr, stdout)
	}
	for _, part := range []string{"\n1 step: 1 failover\n1 restart; data lost: none\n", "\nno step, no-permission: web2\n", "\nno step, suspended: db1\n"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("no %q in\n%s", part, stdout)
		}
	}
	code, stdout, stderr = b.run("run", "--dry-run", "--opcodes")
	if code != 0 || stderr != "" {
		t.Errorf("%d, %s", code, stderr)
	}
	for _, part := range []string{`submit  {"OP_ID":"OP_INSTANCE_FAILOVER"`, `"instance_uuid":"`, "add     ganeti:watcher:autorepair:pending:failover:", ":JOB\n"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("no %q in\n%s", part, stdout)
		}
	}
	b.idle("dry run")
}

// The whole way: two passes repair what may be repaired, the log tells of it,
// and the stamp makes the hook wait (W1).
func TestFromNeedToResult(t *testing.T) {
	b := newBed(t, badNode)
	b.want(0, 0, "", "run", "--from-watcher")
	b.m.RunUntilQuiet()
	jobs := len(b.m.Jobs())
	b.m.Advance(time.Minute)
	b.want(0, 0, "", "run", "--from-watcher")
	if n := len(b.m.Jobs()); n != jobs {
		t.Errorf("the hook acted although its interval is not over: %d jobs more", n-jobs)
	}
	b.m.Advance(4 * time.Minute)
	b.want(0, 0, "", "run", "--from-watcher")
	var status statusJSON
	_, stdout, _ := b.run("status", "--json", "--all")
	if err := json.Unmarshal([]byte(stdout), &status); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, v := range status.Instances {
		got[v.Instance] = string(v.State) + " " + string(v.Reason)
	}
	for name, want := range map[string]string{"web1": "healthy healthy", "web2": "needs-repair no-permission", "db1": "suspended suspended", "fine": "healthy healthy"} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	log, err := os.ReadFile(filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`msg="repair job released" instance=web1`, "step=failover", `msg="repair ended" instance=web1`, "result=success"} {
		if !strings.Contains(string(log), part) {
			t.Errorf("no %q in the log:\n%s", part, log)
		}
	}
	// Two for what was done, two for what was then thought of the others.
	if n := strings.Count(string(log), "\n"); n != 4 {
		t.Errorf("%d lines in the log, want one per change:\n%s", n, log)
	}
	// With nothing pending the long interval counts again.
	jobs = len(b.m.Jobs())
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Instance("web2").Tags = append(c.Instance("web2").Tags, "ganeti:watcher:autorepair:failover")
	})
	b.m.Advance(14 * time.Minute)
	b.want(0, 0, "", "run", "--from-watcher")
	if n := len(b.m.Jobs()); n != jobs {
		t.Error("the hook acted before the long interval was over")
	}
	b.m.Advance(time.Minute)
	b.want(0, 0, "", "run", "--from-watcher")
	if n := len(b.m.Jobs()); n == jobs {
		t.Error("the hook did not act after the long interval")
	}
}

// run --wait goes on until the repairs have ended.
func TestWait(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, ":suspend", ":failover"))
	code, stdout, stderr := b.run("run", "--wait")
	if code != 0 || !strings.Contains(stdout, "4 instances, 3 healthy, 1 needs-repair") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
}

// fails gives instances a pending repair, with their name as its id, whose job has
// failed and is not tried again.
func (b *bed) fails(names ...string) {
	b.t.Helper()
	b.write("/etc/ganeti/autorepair.toml", "max_attempts = 1\nmetrics_file = \""+promFile+"\"\n")
	b.write(filepath.Dir(promFile)+"/other.prom", "")
	b.m.OnOpcode(func(luxitest.Opcode, luxitest.Job) luxitest.OpFault {
		return luxitest.OpFails("OpExecError", "it broke")
	})
	tags := make(map[string]string)
	for _, name := range names {
		job := b.submit(`{"OP_ID":"OP_INSTANCE_FAILOVER","reason":[],"instance_name":"` + name + `","iallocator":"."}`)
		tags[name] = fmt.Sprintf("ganeti:watcher:autorepair:pending:failover:%s:1600000000:%d", name, job)
	}
	b.m.RunUntilQuiet()
	b.m.OnOpcode(nil)
	b.m.Edit(func(c *luxitest.Cluster) {
		for name, tag := range tags {
			c.Instance(name).Tags = []string{tag}
		}
	})
}

// A failed repair is status 1 in the pass that finds it, and said once.
func TestFailureIsTold(t *testing.T) {
	b := newBed(t, badNode)
	b.fails("web2")
	b.want(1, 1, "web2: repair web2 failed: job 1: it broke", "run", "--from-watcher")
	b.m.RunUntilQuiet()
	b.m.Advance(20 * time.Minute)
	b.want(0, 0, "", "run", "--from-watcher")
}

// submit submits a job of one opcode, given as luxid takes it.
func (b *bed) submit(op string) int64 {
	b.t.Helper()
	c := luxi.New(b.m.Socket(), luxi.Options{})
	defer c.Close()
	var id int64
	if err := c.Call(context.Background(), "SubmitJob", []any{[]json.RawMessage{json.RawMessage(op)}}, &id); err != nil {
		b.t.Fatal(err)
	}
	return id
}
