package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// rig is a simulated master on a real socket, and passes over it. Its clock is
// virtual: time passes while somebody waits for a job, and nothing sleeps.
type base struct {
	t   *testing.T
	m   *luxitest.Master
	log *journal
}

// rig is a simulated master, and passes over it.
type rig struct {
	*base
	set   Settings
	ids   int
	fence Fence
}

func newRig(t *testing.T, cluster string, adjust ...func(*luxitest.Options)) *rig {
	t.Helper()
	return &rig{base: newBase(t, cluster, adjust...), set: DefaultSettings()}
}

// newBase starts a simulated master, which ends with the test.
func newBase(t *testing.T, cluster string, adjust ...func(*luxitest.Options)) *base {
	t.Helper()
	opts := luxitest.Options{Clock: luxitest.VirtualClock(present)}
	for _, a := range adjust {
		a(&opts)
	}
	c, err := luxitest.Parse(cluster)
	if err != nil {
		t.Fatal(err)
	}
	m, err := luxitest.New(c, opts)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ar") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	r := &base{t: t, m: m, log: &journal{}}
	t.Cleanup(func() {
		r.checkHistory()
		if t.Failed() {
			t.Logf("what the passes said:\n%s\nwhat the master saw:\n%s", r.log, m.LogText())
		}
		m.Close()
		os.RemoveAll(dir)
	})
	return r
}

// tags makes the tags of an object in the text form of a cluster.
func tags(bodies string) string { return "tags=" + strings.Join(withPrefix(bodies), ",") }

// newPass makes a pass; ids are r1, r2, ... in order.
func (r *rig) newPass() *Pass {
	return &Pass{Client: r.client(), Settings: r.set, Now: r.m.Now, Log: r.log, Fence: r.fence, NewID: func() string {
		r.ids++
		return fmt.Sprintf("r%d", r.ids)
	}}
}

// tryPass does a pass that may fail.
func (r *rig) tryPass() (*Report, error) {
	r.t.Helper()
	p := r.newPass()
	defer p.Client.Close()
	report, err := p.Run(background)
	r.m.Now() // takes the master's lock: what hooks wrote is seen from here on
	return report, err
}

// pass does a pass that must not fail.
func (r *rig) pass() *Report {
	r.t.Helper()
	report, err := r.tryPass()
	if err != nil {
		r.t.Fatalf("pass: %v", err)
	}
	return report
}

// quiet lets time pass until no job is left, and five minutes more.
func (r *base) quiet() {
	r.t.Helper()
	if !r.m.RunUntilQuiet() {
		r.t.Fatal("some job never ends")
	}
	r.m.Advance(5 * time.Minute)
}

// repaired does passes until nothing is pending.
func (r *rig) repaired() {
	r.t.Helper()
	r.until(func(report *Report) bool { return report.Pending == 0 })
}

// until does passes, each followed by the ends of all jobs, until done says so.
func (r *rig) until(done func(*Report) bool) {
	r.t.Helper()
	for n := 0; n < 12; n++ {
		report := r.pass()
		r.quiet()
		if done(report) {
			return
		}
	}
	r.t.Fatal("repairs do not come to an end")
}

func (r *base) instance(name string) *luxitest.Instance {
	r.t.Helper()
	i := r.m.Snapshot().Instance(name)
	if i == nil {
		r.t.Fatalf("there is no instance %s", name)
	}
	return i
}

// tags returns the bodies of the instance's tags.
func (r *base) tags(name string) string { return cutAll(r.instance(name).Tags) }

func (r *base) wantTags(name, want string) {
	r.t.Helper()
	if got := r.tags(name); got != want {
		r.t.Errorf("%s has the tags %q, want %q", name, got, want)
	}
}

// repairJobs renders the repair jobs that began, in order of their ids:
// "FAILOVER(i) success", dry runs left out.
func (r *base) repairJobs() string {
	var list []string
	for _, j := range r.m.Jobs() {
		if kind, _ := trailOf(j); kind != markRepair || !j.Started() {
			continue
		}
		var ops []string
		for _, op := range j.Ops {
			ops = append(ops, strings.TrimPrefix(op.ID, "OP_INSTANCE_"))
		}
		list = append(list, fmt.Sprintf("%s(%s) %s", strings.Join(ops, "+"), j.Ops[0].Text("instance_name"), j.Status))
	}
	return strings.Join(list, ", ")
}

func (r *base) wantRepairs(want string) {
	r.t.Helper()
	if got := r.repairJobs(); got != want {
		r.t.Errorf("repair jobs %q, want %q", got, want)
	}
}

// count is the number of jobs of a kind, whatever became of them.
func (r *base) count(kind string) int {
	n := 0
	for _, j := range r.m.Jobs() {
		if k, _ := trailOf(j); k == kind {
			n++
		}
	}
	return n
}

// tagOpcodes is the number of opcodes that wrote tags of the instance.
func (r *base) tagOpcodes(name string) int {
	n := 0
	for _, j := range r.m.Jobs() {
		for _, op := range j.Ops {
			if strings.HasPrefix(op.ID, "OP_TAGS_") && op.Text("kind") == "instance" && op.Text("name") == name && !op.Exec.IsZero() {
				n++
			}
		}
	}
	return n
}

// trailOf reads our mark from a job's reason trail: the kind and the rest.
func trailOf(j luxitest.Job) (kind, rest string) {
	for _, op := range j.Ops {
		for _, e := range op.Reason {
			if e.Source == Source && !strings.HasPrefix(e.Text, "rate-limit:") {
				kind, rest, _ = strings.Cut(e.Text, " ")
				return kind, rest
			}
		}
	}
	return "", ""
}

// checkHistory checks what holds whatever happens, at the end of every test
// with a rig. C1: when a repair job began, a pending tag that names it had been
// written before. P12: it was released by the cancellation of its gate, and
// nothing else. P11: no opcode may do more than it was meant to.
func (r *base) checkHistory() {
	named := make(map[int64]bool)
	released := make(map[int64]bool)
	begun := make(map[int64]bool)
	for _, e := range r.m.Log() {
		var id int64
		switch e.Kind {
		case luxitest.LogEffect:
			if at := strings.Index(e.Text, tagstore.Prefix+"pending:"); at >= 0 && strings.HasSuffix(e.Text, " added") {
				tag := strings.TrimSuffix(e.Text[at:], " added")
				for _, p := range tagstore.Parse(luxi.TagInstance, []string{tag}).Pendings {
					for _, id := range p.Jobs {
						named[int64(id)] = true
					}
				}
			}
		case luxitest.LogQueue:
			if n, _ := fmt.Sscanf(e.Text, "job %d dequeued", &id); n == 1 {
				released[id] = true
			}
		case luxitest.LogStart:
			if n, _ := fmt.Sscanf(e.Text, "job %d:", &id); n != 1 || begun[id] {
				continue
			}
			begun[id] = true
			j := r.m.Job(id)
			if kind, rest := trailOf(j); kind == markRepair {
				if !named[id] {
					r.t.Errorf("C1: job %d, repair %s, began before any pending tag named it", id, rest)
				}
				if gate := gateOf(j); !released[gate] {
					r.t.Errorf("P12: job %d, repair %s, began although its gate, job %d, was not canceled in the queue", id, rest, gate)
				}
			}
		}
	}
	for _, j := range r.m.Jobs() {
		for _, op := range j.Ops {
			for _, never := range []string{"allow_failover", "ignore_consistency", "force", "ignore_ipolicy"} {
				if on, _ := op.Params[never].(bool); on {
					r.t.Errorf("P11: job %d: %s sets %s", j.ID, op.ID, never)
				}
			}
		}
	}
}

// gateOf is the job that a repair job depends on, by what the queue says of it;
// the simulator does not show dependencies, but gates directly precede.
func gateOf(j luxitest.Job) int64 { return j.ID - 1 }

// journal keeps what a pass says.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (l *journal) Info(msg string, args ...any) { l.add("", msg, args) }
func (l *journal) Warn(msg string, args ...any) { l.add("warning: ", msg, args) }

func (l *journal) add(level, msg string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := 0; k+1 < len(args); k += 2 {
		msg += fmt.Sprintf(" %v=%v", args[k], args[k+1])
	}
	l.lines = append(l.lines, level+msg)
}

func (l *journal) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// said returns the lines that contain a text.
func (l *journal) said(part string) []string {
	var found []string
	for _, line := range strings.Split(l.String(), "\n") {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}

var background = context.Background()

func parsedTags(list []string) tagstore.Tags { return tagstore.Parse(luxi.TagInstance, list) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// at calls a function when the n-th call of a method from now on arrives,
// before it is handled.
func (r *base) at(method string, n int, do func()) {
	r.faultAt(method, n, func() luxitest.Fault { do(); return luxitest.Pass() })
}

func (r *base) faultAt(method string, n int, fault func() luxitest.Fault) {
	var mu sync.Mutex // what is given up is canceled side by side
	count := 0
	r.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method != method {
			return luxitest.Pass()
		}
		mu.Lock()
		count++
		now := count == n
		mu.Unlock()
		if now {
			return fault()
		}
		return luxitest.Pass()
	})
	r.t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if count < n {
			r.t.Errorf("there were %d calls of %s, the test is about the one of number %d", count, method, n)
		}
	})
}

// client makes a client of the simulated master, which is closed with the test.
func (r *base) client() *luxi.Client {
	c := luxi.New(r.m.Socket(), luxi.Options{Now: r.m.Now})
	r.t.Cleanup(func() { c.Close() })
	return c
}
