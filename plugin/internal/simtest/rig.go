package simtest

import (
	"context"
	"encoding/json"
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
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// Answer is the payload of an answer to Query with the given rows.
func Answer(fields []string, rows ...[]any) string {
	type definition struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		Kind  string `json:"kind"`
		Doc   string `json:"doc"`
	}
	defs := []definition{}
	for _, f := range fields {
		defs = append(defs, definition{f, f, "other", f})
	}
	data := [][]any{}
	for _, row := range rows {
		cells := []any{}
		for _, v := range row {
			if cell, ok := v.([]any); ok {
				cells = append(cells, cell)
			} else {
				cells = append(cells, []any{0, v})
			}
		}
		data = append(data, cells)
	}
	b, err := json.Marshal(map[string]any{"success": true, "result": map[string]any{"fields": defs, "data": data}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Asked reads what a call of Query asks for.
func Asked(c luxitest.Call) (what string, fields []string) {
	var args []json.RawMessage
	if c.Method != "Query" || json.Unmarshal(c.Args, &args) != nil || len(args) != 3 {
		return "", nil
	}
	_ = json.Unmarshal(args[0], &what)
	_ = json.Unmarshal(args[1], &fields)
	return what, fields
}

func TagInstance(bodies string) func(*luxitest.Cluster) {
	return func(c *luxitest.Cluster) {
		c.Instance("i").Tags = append(c.Instance("i").Tags, repairtest.WithPrefix(bodies)...)
	}
}

// Four nodes are enough for every row; node4 is where new disks go.
const FourNodes = `
node node1 master
node node2
node node3
node node4 mem=8192 disk=20480
`

// Broken marks nodes.
func Broken(marks string) func(*luxitest.Cluster) {
	return func(c *luxitest.Cluster) {
		for _, word := range strings.Fields(marks) {
			name, flag, _ := strings.Cut(word, ":")
			n := c.Node(name)
			n.Offline, n.Drained, n.Dead = flag == "offline", flag == "drained", flag == "offline"
		}
	}
}

func ByName(s *repair.Snapshot, name string) *repair.Instance {
	for _, i := range s.Instances {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// Rig is a simulated master on a real socket, and passes over it. Its clock is
// virtual: time passes while somebody waits for a job, and nothing sleeps.
type Rig struct {
	T      *testing.T
	Master *luxitest.Master
	Log    *journal
}

// newBase starts a simulated master, which ends with the test.
func New(t *testing.T, cluster string, adjust ...func(*luxitest.Options)) *Rig {
	t.Helper()
	opts := luxitest.Options{Clock: luxitest.VirtualClock(repairtest.Present)}
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
	r := &Rig{T: t, Master: m, Log: &journal{}}
	t.Cleanup(func() {
		r.checkHistory()
		if t.Failed() {
			t.Logf("what the passes said:\n%s\nwhat the master saw:\n%s", r.Log, m.LogText())
		}
		m.Close()
		os.RemoveAll(dir)
	})
	return r
}

// Tags makes the tags of an object in the text form of a cluster.
func Tags(bodies string) string { return "tags=" + strings.Join(repairtest.WithPrefix(bodies), ",") }

// Quiet lets time pass until no job is left, and five minutes more.
func (r *Rig) Quiet() {
	r.T.Helper()
	if !r.Master.RunUntilQuiet() {
		r.T.Fatal("some job never ends")
	}
	r.Master.Advance(5 * time.Minute)
}

func (r *Rig) Instance(name string) *luxitest.Instance {
	r.T.Helper()
	i := r.Master.Snapshot().Instance(name)
	if i == nil {
		r.T.Fatalf("there is no instance %s", name)
	}
	return i
}

// Tags returns the bodies of the instance's tags.
func (r *Rig) Tags(name string) string { return repairtest.CutAll(r.Instance(name).Tags) }

func (r *Rig) WantTags(name, want string) {
	r.T.Helper()
	if got := r.Tags(name); got != want {
		r.T.Errorf("%s has the tags %q, want %q", name, got, want)
	}
}

// RepairJobs renders the repair jobs that began, in order of their ids:
// "FAILOVER(i) success", dry runs left out.
func (r *Rig) RepairJobs() string {
	var list []string
	for _, j := range r.Master.Jobs() {
		if kind, _ := TrailOf(j); kind != repair.MarkRepair || !j.Started() {
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

func (r *Rig) WantRepairs(want string) {
	r.T.Helper()
	if got := r.RepairJobs(); got != want {
		r.T.Errorf("repair jobs %q, want %q", got, want)
	}
}

// Count is the number of jobs of a kind, whatever became of them.
func (r *Rig) Count(kind string) int {
	n := 0
	for _, j := range r.Master.Jobs() {
		if k, _ := TrailOf(j); k == kind {
			n++
		}
	}
	return n
}

// TagOpcodes is the number of opcodes that wrote tags of the instance.
func (r *Rig) TagOpcodes(name string) int {
	n := 0
	for _, j := range r.Master.Jobs() {
		for _, op := range j.Ops {
			if strings.HasPrefix(op.ID, "OP_TAGS_") && op.Text("kind") == "instance" && op.Text("name") == name && !op.Exec.IsZero() {
				n++
			}
		}
	}
	return n
}

// TrailOf reads our mark from a job's reason trail: the kind and the rest.
func TrailOf(j luxitest.Job) (kind, rest string) {
	for _, op := range j.Ops {
		for _, e := range op.Reason {
			if e.Source == repair.Source && !strings.HasPrefix(e.Text, "rate-limit:") {
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
func (r *Rig) checkHistory() {
	named := make(map[int64]bool)
	released := make(map[int64]bool)
	begun := make(map[int64]bool)
	for _, e := range r.Master.Log() {
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
			j := r.Master.Job(id)
			if kind, rest := TrailOf(j); kind == repair.MarkRepair {
				if !named[id] {
					r.T.Errorf("C1: job %d, repair %s, began before any pending tag named it", id, rest)
				}
				if gate := gateOf(j); !released[gate] {
					r.T.Errorf("P12: job %d, repair %s, began although its gate, job %d, was not canceled in the queue", id, rest, gate)
				}
			}
		}
	}
	for _, j := range r.Master.Jobs() {
		for _, op := range j.Ops {
			for _, never := range []string{"allow_failover", "ignore_consistency", "force", "ignore_ipolicy"} {
				if on, _ := op.Params[never].(bool); on {
					r.T.Errorf("P11: job %d: %s sets %s", j.ID, op.ID, never)
				}
			}
		}
	}
}

// gateOf is the job that a repair job depends on, by what the queue says of it;
// the simulator does not show dependencies, but gates directly precede.
func gateOf(j luxitest.Job) int64 { return j.ID - 1 }

var Background = context.Background()

func Itoa(n int64) string { return strconv.FormatInt(n, 10) }

// At calls a function when the n-th call of a method from now on arrives,
// before it is handled.
func (r *Rig) At(method string, n int, do func()) {
	r.FaultAt(method, n, func() luxitest.Fault { do(); return luxitest.Pass() })
}

func (r *Rig) FaultAt(method string, n int, fault func() luxitest.Fault) {
	var mu sync.Mutex // what is given up is canceled side by side
	count := 0
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
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
	r.T.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if count < n {
			r.T.Errorf("there were %d calls of %s, the test is about the one of number %d", count, method, n)
		}
	})
}

// Client makes a client of the simulated master, which is closed with the test.
func (r *Rig) Client() *luxi.Client {
	c := luxi.New(r.Master.Socket(), luxi.Options{Now: r.Master.Now, CallTimeout: time.Hour})
	r.T.Cleanup(func() { c.Close() })
	return c
}
