//go:build cluster

package vcluster

import (
	"context"
	"errors"
	"sort"
	"strings"
	"testing"
)

func TestStart(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	if n := len(c.Socket()); n > 100 {
		t.Errorf("the socket's path has %d characters", n)
	}
	for _, node := range c.Nodes() {
		var role, group string
		must(t, c.NodeField(ctx, node, "role", &role))
		must(t, c.NodeField(ctx, node, "group", &group))
		equal(t, "group of "+node, group, "default")
		if want := map[bool]string{true: "M", false: "R"}[node == c.Master()]; role != want {
			t.Errorf("role of %s is %s, not %s", node, role, want)
		}
	}
	equal(t, "master", strings.TrimSpace(mustRun(ctx, t, c, "node2", "gnt-cluster", "getmaster")), "node1")

	// Nodes reach each other by ssh.
	out := mustRun(ctx, t, c, "node1", "gnt-cluster", "command", "printenv", "GANETI_HOSTNAME")
	for _, node := range c.Nodes() {
		if !strings.Contains(out, "\n"+node+"\n") {
			t.Errorf("gnt-cluster command did not run on %s: %s", node, out)
		}
	}

	// The only complaint may be one that is due to the kernel.
	out, err := c.Run(ctx, c.Master(), "gnt-cluster", "verify")
	var failed *CommandError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	for _, l := range lines(out) {
		if strings.Contains(l, "ERROR") && !strings.Contains(l, "procfs filesystem") {
			t.Error(l)
		}
	}
	if !strings.Contains(out, "Verifying instance status") {
		t.Errorf("gnt-cluster verify said %q", out)
	}

	// Reaping orphans is the duty of the first process; its own children are that
	// of each daemon, and Ganeti's node daemon may take a while.
	must(t, until(ctx, "end of zombies", func(context.Context) error {
		for _, p := range processes(t, c) {
			if p.state == "Z" && p.parent == "1" {
				return errors.New("zombie " + p.name)
			}
		}
		return nil
	}))
}

func TestInstances(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	must(t, c.AddInstances(ctx,
		InstanceSpec{Name: "one", Node: "node1", Tags: []string{"b", "a:c"}},
		InstanceSpec{Name: "two", Template: File, Node: "node2", Memory: 64, Disk: 32},
		InstanceSpec{Name: "three", Template: SharedFile, Stopped: true}))
	names, err := c.Instances(ctx)
	must(t, err)
	for _, name := range []string{"one", "two", "three"} {
		if k := sort.SearchStrings(names, name); k == len(names) || names[k] != name {
			t.Errorf("instances are %v, %s is missing", names, name)
		}
	}
	for name, want := range map[string]string{"one": "diskless running", "two": "file running", "three": "sharedfile ADMIN_down"} {
		var template string
		must(t, c.InstanceField(ctx, name, "disk_template", &template))
		status, err := c.InstanceStatus(ctx, name)
		must(t, err)
		equal(t, name, template+" "+status, want)
	}
	var sizes []int
	must(t, c.InstanceField(ctx, "two", "disk.sizes", &sizes))
	equal(t, "disks", sizes, []int{32})
	var memory int
	must(t, c.InstanceField(ctx, "two", "be/memory", &memory))
	equal(t, "memory", memory, 64)
	tags, err := c.InstanceTags(ctx, "one")
	must(t, err)
	equal(t, "tags", tags, []string{"a:c", "b"})

	must(t, c.CrashInstance("node2", "two"))
	status, err := c.InstanceStatus(ctx, "two")
	must(t, err)
	equal(t, "status of a crashed instance", status, "ERROR_down")

	err = c.AddInstance(ctx, InstanceSpec{Name: "one"})
	if err == nil || !strings.Contains(err.Error(), "already_exists") {
		t.Errorf("a second instance of the same name: %v", err)
	}
	if _, err := c.InstanceStatus(ctx, "four"); err == nil {
		t.Error("an unknown instance has a status")
	}
}

func TestOperatingSystems(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	before, err := c.OSCalls()
	must(t, err)
	must(t, c.AddInstance(ctx, InstanceSpec{Name: "installed", Template: SharedFile, Node: "node2", Stopped: true}))
	mustRun(ctx, t, c, c.Master(), "gnt-instance", "reinstall", "--force", "installed")
	if err := c.AddInstance(ctx, InstanceSpec{Name: "broken", Template: File, Node: "node3", OS: OSFailing}); err == nil {
		t.Error("the failing operating system was installed")
	}
	calls, err := c.OSCalls()
	must(t, err)
	equal(t, "calls", calls[len(before):], []OSCall{
		{OSNoop, "create", "installed", "node2", false},
		{OSNoop, "create", "installed", "node2", true},
		{OSFailing, "create", "broken", "node3", false},
	})
}

func TestFailover(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	must(t, c.AddInstances(ctx,
		InstanceSpec{Name: "moved", Template: SharedFile, Node: "node2"},
		InstanceSpec{Name: "stays", Node: "node2"}))
	must(t, c.NodeDead(ctx, "node2"))
	status, err := c.InstanceStatus(ctx, "moved")
	must(t, err)
	equal(t, "status on a dead node", status, "ERROR_nodedown")
	must(t, c.PowerOff(ctx, "node2"))
	must(t, c.Offline(ctx, "node2"))
	status, err = c.InstanceStatus(ctx, "moved")
	must(t, err)
	equal(t, "status on an offline node", status, "ERROR_nodeoffline")

	mustRun(ctx, t, c, c.Master(), "gnt-instance", "failover", "--force", "-n", "node3", "moved")
	status, err = c.InstanceStatus(ctx, "moved")
	must(t, err)
	equal(t, "status after failover", status, "running")
	running, err := c.Running("node3")
	must(t, err)
	equal(t, "running on node3", running, []string{"moved"})

	must(t, c.NodeAlive(ctx, "node2"))
	must(t, c.Online(ctx, "node2"))
	running, err = c.Running("node2")
	must(t, err)
	equal(t, "running on node2", running, []string{})
}

func TestNodeFlags(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	role := func(node string) string {
		var r string
		must(t, c.NodeField(ctx, node, "role", &r))
		return r
	}
	must(t, c.Drain(ctx, "node2"))
	equal(t, "role", role("node2"), "D")
	must(t, c.Undrain(ctx, "node2"))
	equal(t, "role", role("node2"), "R")
	must(t, c.Offline(ctx, "node3"))
	equal(t, "role", role("node3"), "O")
	must(t, c.Online(ctx, "node3"))
	equal(t, "role", role("node3"), "R")
}

func TestSideBySide(t *testing.T) {
	ctx := testContext(t)
	first := commonCluster(ctx, t)
	must(t, first.AddInstance(ctx, InstanceSpec{Name: "here"}))
	second, err := Start(ctx, Options{
		Nodes:         2,
		Templates:     []string{Diskless},
		Groups:        map[string]string{"node1": "left", "node2": "right"},
		CandidatePool: 2,
	})
	must(t, err)
	defer second.Close()
	names, err := second.Instances(ctx)
	must(t, err)
	equal(t, "instances of the second cluster", names, []string{})
	for node, want := range map[string]string{"node1": "left", "node2": "right"} {
		var group string
		must(t, second.NodeField(ctx, node, "group", &group))
		equal(t, "group of "+node, group, want)
	}
	var role string
	must(t, second.NodeField(ctx, "node2", "role", &role))
	equal(t, "role of node2", role, "C")
	must(t, second.AddInstance(ctx, InstanceSpec{Name: "here", Node: "node2"}))
	must(t, second.Close())

	status, err := first.InstanceStatus(ctx, "here")
	must(t, err)
	equal(t, "status in the first cluster", status, "running")
}

// TestImage starts a cluster from an image: whatever became of others, it is as if it
// had just been made.
func TestImage(t *testing.T) {
	ctx := testContext(t)
	first := commonCluster(ctx, t)
	must(t, first.AddInstance(ctx, InstanceSpec{Name: "other", Template: File, Node: "node2"}))
	must(t, first.AddTags(ctx, "cluster", "", "a"))

	c, err := theImage(ctx, t).Start(ctx)
	must(t, err)
	defer c.Close()
	names, err := c.Instances(ctx)
	must(t, err)
	equal(t, "instances", names, []string{})
	jobs, err := c.Jobs(ctx)
	must(t, err)
	equal(t, "jobs", jobs, []Job{})
	tags, err := c.Tags(ctx, "cluster", "")
	must(t, err)
	equal(t, "tags", tags, []string{})
	for node, want := range map[string]string{"node1": "M", "node2": "R", "node3": "R"} {
		var role string
		must(t, c.NodeField(ctx, node, "role", &role))
		equal(t, "role of "+node, role, want)
		equal(t, "hooks", mustRun(ctx, t, c, node, "ls", c.hookDir(node)), "")
	}
	must(t, c.AddInstance(ctx, InstanceSpec{Name: "one", Template: File, Node: "node2"}))
	calls, err := c.OSCalls()
	must(t, err)
	equal(t, "calls", calls, []OSCall{{OSNoop, "create", "one", "node2", false}})
}

// TestStartNodes starts a cluster whose master is still without luxid.
func TestStartNodes(t *testing.T) {
	ctx := testContext(t)
	c, err := theImage(ctx, t).StartNodes(ctx)
	must(t, err)
	defer c.Close()
	for daemon, want := range map[string]bool{Noded: true, Wconfd: false, Luxid: false} {
		pid, err := c.DaemonPid(ctx, c.Master(), daemon)
		must(t, err)
		if (pid != 0) != want {
			t.Errorf("%s has the process id %d", daemon, pid)
		}
	}
	must(t, c.StartDaemon(ctx, c.Master(), Wconfd))
	must(t, c.StartDaemon(ctx, c.Master(), Luxid))
	names, err := c.Instances(ctx)
	must(t, err)
	equal(t, "instances", names, []string{})
}

func TestJobs(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	_, err := c.RunJobs(ctx, []Opcode{{"OP_ID": "OP_TEST_DELAY", "duration": 0.01, "on_master": false}}, []Opcode{
		{"OP_ID": "OP_TAGS_DEL", "kind": "node", "name": "node2", "tags": []string{"none"}}})
	if err == nil || !strings.Contains(err.Error(), "TAGS_DEL") {
		t.Errorf("a failed job: %v", err)
	}
	ids, err := c.Submit(ctx, []Opcode{{"OP_ID": "OP_TEST_DELAY", "duration": 1, "on_master": false}})
	must(t, err)
	must(t, c.WaitJobsDone(ctx))
	job, err := c.JobInfo(ctx, ids[0])
	must(t, err)
	equal(t, "status", job.Status, "success")
	if len(job.Summary) != 1 || !strings.HasPrefix(job.Summary[0], "TEST_DELAY(1") { // of s, or ns since Ganeti 3.1
		t.Errorf("summary is %q", job.Summary)
	}
	if _, err := c.JobInfo(ctx, ids[0]+100); err == nil {
		t.Error("an unknown job is known")
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Jobs(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("call with an ended context: %v", err)
	}
}
