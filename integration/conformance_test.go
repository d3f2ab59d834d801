//go:build cluster

// The conformance test lets a real master and the simulated one (luxi/luxitest) carry out the same long list of calls and
// compares their answers. What differs is a defect of the simulator.

package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi/luxitest"
)

// errorText matches a result of the error form; the text is replaced where it cannot be compared.
var errorText = regexp.MustCompile(`\["(Op\w+Error)",\["(?:[^"\\]|\\.)*"((?:,"\w+")?\]\])`)

// bigMemory is more than any machine that runs this has to offer (gnt-cluster init was told to allow 32768).
const bigMemory = 32700

const conformanceCluster = `
cluster cluster
node node1 mem=16384 disk=100000
node node2 mem=16384 disk=100000
node node3 mem=16384 disk=100000
instance d1 template=diskless nodes=node2 mem=16
instance d2 template=diskless nodes=node3 mem=16 state=down
instance d3 template=diskless nodes=node3 mem=32700 state=down
instance f1 template=file nodes=node2 mem=16 disk=16
instance f2 template=file nodes=node3 mem=16 disk=16 state=down
instance s1 template=sharedfile nodes=node2 mem=16 disk=16
instance s2 template=sharedfile nodes=node3 mem=16 disk=16 state=down
`

func TestConformance(t *testing.T)       { conforms(t, callsScript) }
func TestConformanceOfJobs(t *testing.T) { conforms(t, jobsScript) }
func TestConformanceOfLoss(t *testing.T) { conforms(t, lossScript) }

// conforms plays a script on a real cluster like conformanceCluster and a simulated one.
func conforms(t *testing.T, script []scriptPart) {
	t.Parallel()
	if err := vcluster.Available(); err != nil {
		t.Fatal(err)
	}
	real := realSide(t)
	release := real.release()
	cluster := luxitest.MustParse(conformanceCluster)
	cluster.SoftwareVersion = release
	cluster.EnabledTemplates = []string{luxitest.Diskless, luxitest.File, luxitest.SharedFile}
	simulated := simulatedSide(t, cluster)
	playBoth(t, release, real, simulated, script)
}

// playBoth plays the parts of a script on both sides, and compares what each sees.
func playBoth(t *testing.T, release string, real, simulated *side, script []scriptPart) {
	for _, s := range []*side{real, simulated} {
		s.connect()
		defer s.conn.Close()
		s.learn()
	}
	for _, part := range script {
		part := part
		t.Run(part.name, func(t *testing.T) {
			began := time.Now()
			for _, s := range []*side{real, simulated} {
				s.t, s.seen = t, nil
				part.do(s)
			}
			compareSides(t, release, real, simulated)
			t.Logf("%d observations in %v", len(real.seen), time.Since(began).Round(time.Millisecond))
		})
	}
}

// testDelay is the summary of OP_TEST_DELAY. The simulator writes its duration as Ganeti 3.0 does; later releases count
// nanoseconds.
var testDelay = regexp.MustCompile(`"TEST_DELAY\([^)]*\)"`)

func compareSides(t *testing.T, release string, real, simulated *side) {
	shown := func(value string) string { return value }
	if !strings.HasPrefix(release, "3.0.") {
		shown = func(value string) string { return testDelay.ReplaceAllString(value, `"TEST_DELAY"`) }
	}
	for k, r := range real.seen {
		if k >= len(simulated.seen) {
			t.Fatalf("the simulator ends before: %s", r.what)
		}
		s := simulated.seen[k]
		if shown(r.value) != shown(s.value) {
			t.Errorf("%s\n  real      %s\n  simulated %s", r.what, r.value, s.value)
		}
	}
	if len(simulated.seen) > len(real.seen) {
		t.Errorf("the simulator has more: %s", simulated.seen[len(real.seen)].what)
	}
}

// realSide starts a real cluster like conformanceCluster.
func realSide(t *testing.T) *side {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c, err := vcluster.Start(ctx, vcluster.Options{CandidatePool: 10}) // Ganeti's default
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := c.AddInstances(ctx,
		vcluster.InstanceSpec{Name: "d1", Node: "node2"},
		vcluster.InstanceSpec{Name: "d2", Node: "node3", Stopped: true},
		vcluster.InstanceSpec{Name: "d3", Node: "node3", Stopped: true, Memory: bigMemory},
		vcluster.InstanceSpec{Name: "f1", Template: vcluster.File, Node: "node2"},
		vcluster.InstanceSpec{Name: "f2", Template: vcluster.File, Node: "node3", Stopped: true},
		vcluster.InstanceSpec{Name: "s1", Template: vcluster.SharedFile, Node: "node2"},
		vcluster.InstanceSpec{Name: "s2", Template: vcluster.SharedFile, Node: "node3", Stopped: true},
	); err != nil {
		t.Fatal(err)
	}
	s := &side{t: t, name: "real", socket: c.Socket()}
	do := func(what string, f func(context.Context) error) {
		s.t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := f(ctx); err != nil {
			s.fatalf("%s: %v", what, err)
		}
	}
	s.dead = func(node string) {
		do("stop noded", func(ctx context.Context) error { return c.NodeDead(ctx, node) })
	}
	s.alive = func(node string) {
		do("start noded", func(ctx context.Context) error { return c.NodeAlive(ctx, node) })
	}
	s.lose = func(name string) {
		do("lose files", func(ctx context.Context) error {
			_, err := c.Run(ctx, "node1", "bash", "-c", "rm -r $GANETI_ROOTDIR/srv/ganeti/file-storage/"+name)
			return err
		})
	}
	s.crash = func(node, name string) {
		do("crash instance", func(context.Context) error { return c.CrashInstance(node, name) })
	}
	s.interrupt = func(socket string) {
		do("interrupt a delay", func(ctx context.Context) error {
			_, err := c.Run(ctx, "node1", "python3", "-c", `import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(b"x")`, socket)
			return err
		})
	}
	return s
}

// simulatedSide starts the simulator with a cluster.
func simulatedSide(t *testing.T, cluster *luxitest.Cluster) *side {
	m, err := luxitest.New(cluster, luxitest.Options{Clock: luxitest.VirtualClock(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "conf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	running := make(map[string][]string) // what runs on nodes whose daemon is stopped
	s := &side{t: t, name: "simulated", socket: m.Socket()}
	s.dead = func(node string) {
		for _, i := range m.Snapshot().Instances {
			if len(i.RunsOn) == 1 && i.RunsOn[0] == node {
				running[node] = append(running[node], i.Name)
			}
		}
		m.Edit(func(c *luxitest.Cluster) { c.Node(node).Dead = true })
	}
	s.alive = func(node string) {
		m.Edit(func(c *luxitest.Cluster) {
			c.Node(node).Dead = false
			for _, name := range running[node] {
				c.Instance(name).RunsOn = append(c.Instance(name).RunsOn, node)
			}
		})
		delete(running, node)
	}
	s.lose = func(name string) {
		m.Edit(func(c *luxitest.Cluster) { c.Instance(name).Data.On = nil })
	}
	s.crash = func(node, name string) {
		m.Edit(func(c *luxitest.Cluster) { c.Instance(name).RunsOn = nil })
	}
	s.controls = simulatedControls(m, s)
	return s
}
