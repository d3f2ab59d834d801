//go:build cluster

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Every test has a cluster of its own, started from an image that all share: three
// real nodes, or a real master for simulated nodes.
var (
	realImage = preparation{prepare: func(ctx context.Context) (starter, error) {
		image, err := vcluster.Prepare(ctx, vcluster.Options{})
		return starter{real: image}, err
	}}
	simImage = preparation{prepare: func(ctx context.Context) (starter, error) {
		image, err := simcluster.Prepare(ctx, vcluster.Options{})
		return starter{sim: image}, err
	}}
)

// starter is an image of one of the two kinds.
type starter struct {
	real *vcluster.Image
	sim  *simcluster.Image
}

// preparation makes an image when it is first asked for one.
type preparation struct {
	prepare func(context.Context) (starter, error)
	once    sync.Once
	starter starter
	err     error
}

func (p *preparation) get(t *testing.T) starter {
	t.Helper()
	p.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), enough)
		defer cancel()
		p.starter, p.err = p.prepare(ctx)
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.starter
}

// enough is a time that even a slow and busy machine does not need for a test: it turns
// a hang into an error.
const enough = 30 * time.Minute

// program is the built program, hook the script that runs it.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "autorepair")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "ganeti-autorepair")
	build := exec.Command("go", "build", "-o", program, "../hooks/ganeti-autorepair")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// world is a real cluster for one test, with the hook installed on every node.
type world struct {
	*vcluster.Cluster
	t    *testing.T
	ctx  context.Context
	luxi *luxi.Client
}

// settings for tests: every pass is due, and a cluster of three nodes may have
// two bad ones.
const testSettings = "interval = \"1s\"\nbusy_interval = \"1s\"\nmax_unhealthy_nodes = 100\n"

// newWorld starts three real nodes, node1 to node3, for one test.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	image := realImage.get(t).real
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	t.Cleanup(cancel)
	c, err := image.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	return dress(t, ctx, c)
}

// closeAtEnd ends a cluster with the test.
func closeAtEnd(t *testing.T, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// dress installs the hook and settings for tests on a cluster.
func dress(t *testing.T, ctx context.Context, c *vcluster.Cluster) *world {
	t.Helper()
	w := &world{Cluster: c, t: t, ctx: ctx, luxi: luxi.New(c.Socket(), luxi.Options{})}
	t.Cleanup(func() { w.luxi.Close() })
	script, err := os.ReadFile("../hooks/watcher/ganeti-autorepair")
	w.must(err)
	script = []byte(strings.ReplaceAll(string(script), "/usr/sbin/ganeti-autorepair", program))
	for _, node := range w.Nodes() {
		w.must(w.InstallHook(ctx, node, "ganeti-autorepair", script))
		w.must(w.RemoveFile(w.Root(node) + "/var/run/ganeti-autorepair/last-pass"))
		w.must(w.RemoveFile(w.Root(node) + "/var/log/ganeti-autorepair/ganeti-autorepair.log"))
		w.must(w.RemoveFile(w.Root(node) + "/var/run/ganeti-autorepair/reasons"))
	}
	w.settings(testSettings)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := w.ReadFile(w.Root(w.Master()) + "/var/log/ganeti-autorepair/ganeti-autorepair.log")
			t.Logf("the log of the program on %s:\n%s", w.Master(), log)
		}
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) settings(text string) {
	w.t.Helper()
	for _, node := range w.Nodes() {
		w.must(w.WriteFile(w.Root(node)+"/etc/ganeti/autorepair.toml", []byte(text), 0o644))
	}
}

// instances creates instances: "web sharedfile node2", with "stopped" or
// "failing" behind it.
func (w *world) instances(specs ...string) {
	w.t.Helper()
	var list []vcluster.InstanceSpec
	var failing []string
	for _, s := range specs {
		f := strings.Fields(s)
		spec := vcluster.InstanceSpec{Name: f[0], Template: f[1], Node: f[2]}
		for _, word := range f[3:] {
			switch word {
			case "stopped":
				spec.Stopped = true
			case "failing": // its operating system can be installed no more
				failing = append(failing, spec.Name)
			default:
				w.t.Fatalf("%q: what is %s?", s, word)
			}
		}
		list = append(list, spec)
	}
	w.must(w.AddInstances(w.ctx, list...))
	for _, name := range failing {
		if r := w.run(w.Master(), "gnt-instance", "modify", "--os-type="+vcluster.OSFailing, name); r.code != 0 {
			w.t.Fatal(r.stderr)
		}
	}
}

// lose deletes the disks of file instances: on a virtual cluster all nodes
// share one directory, so what is on a dead node would still be found.
func (w *world) lose(names ...string) {
	w.t.Helper()
	for _, name := range names {
		for _, node := range w.Nodes() {
			w.must(w.RemoveFile(w.Root(node) + "/srv/ganeti/file-storage/" + name))
		}
	}
}

// allow sets a policy tag, "suspend" ones included: allow("cluster", "failover").
// Objects are "cluster", "group:NAME" or an instance's name.
func (w *world) allow(object string, words ...string) {
	w.t.Helper()
	kind, name := kindOf(object)
	var tags []string
	for _, word := range words {
		tags = append(tags, tagstore.Prefix+word)
	}
	w.must(w.AddTags(w.ctx, kind, name, tags...))
	w.shows(kind, name, tags)
}

// shows waits until luxid, which reads the configuration anew some time after a job has
// ended, shows the tags of an object.
func (w *world) shows(kind, name string, tags []string) {
	w.t.Helper()
	for {
		have, err := w.luxi.QueryTags(w.ctx, luxi.TagKind(kind), name)
		w.must(err)
		missing := false
		for _, tag := range tags {
			missing = missing || !contains(have, tag)
		}
		if !missing {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// disallow removes what allow has set.
func (w *world) disallow(object string, words ...string) {
	w.t.Helper()
	kind, name := kindOf(object)
	var tags []string
	for _, word := range words {
		tags = append(tags, tagstore.Prefix+word)
	}
	w.must(w.RemoveTags(w.ctx, kind, name, tags...))
}

func kindOf(object string) (kind, name string) {
	switch {
	case object == "cluster":
		return "cluster", ""
	case strings.HasPrefix(object, "group:"):
		return "nodegroup", strings.TrimPrefix(object, "group:")
	}
	return "instance", object
}

// ran is how a run of the program, the hook or the watcher ended.
type ran struct {
	code           int
	stdout, stderr string
}

// run runs a command on a node and wants it to start.
func (w *world) run(node string, args ...string) ran {
	w.t.Helper()
	cmd := w.Command(w.ctx, node, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		w.t.Fatal(err)
	}
	return ran{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// hook runs the installed hook on a node as ganeti-watcher does, due or not.
func (w *world) hook(node string) ran {
	w.t.Helper()
	return w.run(node, "env", "LC_ALL=C", w.Root(node)+"/etc/ganeti/hooks/watcher/ganeti-autorepair")
}

// pass makes a pass due, runs it through the hook and wants it to succeed.
func (w *world) pass() {
	w.t.Helper()
	if r := w.passAnyhow(); r.code != 0 {
		w.t.Fatalf("the hook ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

func (w *world) passAnyhow() ran {
	w.t.Helper()
	w.must(w.RemoveFile(w.Root(w.Master()) + "/var/run/ganeti-autorepair/last-pass"))
	return w.hook(w.Master())
}

// watcher runs ganeti-watcher on the master as cron does.
func (w *world) watcher() {
	w.t.Helper()
	if out, err := w.Watcher(w.ctx, w.Master()); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
}

// jobsEnd waits for all jobs.
func (w *world) jobsEnd() {
	w.t.Helper()
	w.must(w.WaitJobsDone(w.ctx))
}

// settle does passes until nothing is left to do: no repair is open, none is
// about to begin, and no job is in the way of one. It fails after the given
// number.
func (w *world) settle(passes int) {
	w.t.Helper()
	for n := 0; n < passes; n++ {
		began := time.Now()
		w.pass()
		passed := time.Now()
		w.jobsEnd()
		w.t.Logf("pass %d took %v, then its jobs %v", n+1, passed.Sub(began).Round(time.Millisecond), time.Since(passed).Round(time.Millisecond))
		if !w.anythingToDo() {
			return
		}
	}
	w.t.Fatalf("repairs are still open after %d passes:\n%s", passes, w.run(w.Master(), program, "status").stdout)
}

func (w *world) anythingToDo() bool {
	w.t.Helper()
	for _, i := range w.status().Instances {
		if i.State == "pending" || i.Reason == "ready" || i.Reason == "busy" || i.Reason == "unsettled" || i.Reason == "not-begun" {
			return true
		}
	}
	return false
}

// tags are an instance's auto-repair tags.
func (w *world) tags(name string) tagstore.Tags {
	w.t.Helper()
	tags, err := w.InstanceTags(w.ctx, name)
	w.must(err)
	return tagstore.Parse(luxi.TagInstance, tags)
}

// result is the only result of an instance, which has no pending repair.
func (w *world) result(name string) tagstore.Result {
	w.t.Helper()
	t := w.tags(name)
	if len(t.Results) != 1 || len(t.Pendings) != 0 {
		w.t.Fatalf("%s: %d results and %d pending repairs, want 1 and 0: %+v", name, len(t.Results), len(t.Pendings), t)
	}
	return t.Results[0]
}

// wantResult checks the only result of an instance, and that it names as many
// jobs.
func (w *world) wantResult(name string, typ tagstore.Type, o tagstore.Outcome, jobs int) tagstore.Result {
	w.t.Helper()
	r := w.result(name)
	if r.Type != typ || r.Outcome != o || len(r.Jobs) != jobs {
		w.t.Errorf("%s: result is %s, want %s %s with %d jobs", name, r.Tag, typ, o, jobs)
	}
	return r
}

// pending is the only pending repair of an instance.
func (w *world) pending(name string) tagstore.Pending {
	w.t.Helper()
	t := w.tags(name)
	if len(t.Pendings) != 1 {
		w.t.Fatalf("%s: %d pending repairs, want 1: %+v", name, len(t.Pendings), t)
	}
	return t.Pendings[0]
}

// untouched wants an instance to have no auto-repair tags and to be where it was.
func (w *world) untouched(name, node string) {
	w.t.Helper()
	if t := w.tags(name); len(t.Pendings)+len(t.Results) > 0 {
		w.t.Errorf("%s has records: %+v", name, t)
	}
	if got := w.primary(name); got != node {
		w.t.Errorf("%s is on %s, want %s", name, got, node)
	}
}

func (w *world) primary(name string) string {
	w.t.Helper()
	var node string
	w.must(w.InstanceField(w.ctx, name, "pnode", &node))
	return node
}

func (w *world) wantStatus(name, status string) {
	w.t.Helper()
	got, err := w.InstanceStatus(w.ctx, name)
	w.must(err)
	if got != status {
		w.t.Errorf("%s: status %s, want %s", name, got, status)
	}
}

// queue is the live job queue, by id.
func (w *world) queue() []luxi.JobInfo {
	w.t.Helper()
	jobs, err := w.luxi.ListJobs(w.ctx, nil, true)
	w.must(err)
	sort.Slice(jobs, func(a, b int) bool { return jobs[a].ID < jobs[b].ID })
	return jobs
}

// since is where the queue stands, for looking at what comes after.
func (w *world) since() luxi.JobID {
	w.t.Helper()
	jobs := w.queue()
	if len(jobs) == 0 {
		return 0
	}
	return jobs[len(jobs)-1].ID
}

// ourJobs are the program's jobs after the given one whose reason trail begins
// with the word: "repair", "tags", "probe", "hold", "gate".
func (w *world) ourJobs(after luxi.JobID, word string) []luxi.JobInfo {
	w.t.Helper()
	var list []luxi.JobInfo
	for _, job := range w.queue() {
		if job.ID <= after {
			continue
		}
		for _, r := range job.Ops[0].Reason {
			if r.Source == "ganeti-autorepair" && strings.HasPrefix(r.Text, word+" ") || r.Source == "ganeti-autorepair" && r.Text == word {
				list = append(list, job)
				break
			}
		}
	}
	return list
}

// begun are the repair jobs after the given one that began, by instance. A held
// job that was never released has a start time, too, that of the process which
// found out that it must not run.
func (w *world) begun(after luxi.JobID) map[string][]luxi.JobInfo {
	w.t.Helper()
	by := make(map[string][]luxi.JobInfo)
	for _, job := range w.ourJobs(after, "repair") {
		e := job.Ops[0].Result.Err
		if !job.Started.IsZero() && (e == nil || !strings.HasPrefix(e.Message, "Dependency ")) {
			name := job.Ops[0].Param("instance_name")
			by[name] = append(by[name], job)
		}
	}
	return by
}

// opcodes names what a job's opcodes are, without "OP_INSTANCE_".
func opcodes(job luxi.JobInfo) string {
	var words []string
	for _, op := range job.Ops {
		words = append(words, strings.TrimPrefix(op.ID, "OP_INSTANCE_"))
	}
	return strings.Join(words, " ")
}
