//go:build cluster

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/integration/vcluster"
)

// rolling runs examples/rolling-reboot on the master, and ganeti-watcher again and again
// until it has ended: nothing else moves an instance meanwhile.
func (w *simWorld) rolling(args ...string) ran {
	w.t.Helper()
	dir := w.t.TempDir()
	script, err := os.ReadFile("../examples/rolling-reboot")
	w.must(err)
	path := filepath.Join(dir, "rolling-reboot")
	w.must(os.WriteFile(path, script, 0o755))
	cmd := w.Command(w.ctx, w.Master(), append([]string{"sh", "-c", "PATH=" + filepath.Dir(program) + `:$PATH exec "$@"`, "sh", path}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	w.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for n := 0; ; n++ {
		select {
		case err := <-ended:
			w.t.Logf("%d runs of the watcher; rolling-reboot ended: %v\n%s%s", n, err, stdout.String(), stderr.String())
			return ran{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
		default:
			w.watcher()
		}
	}
}

// nodeOf returns the state that nodes shows of a node.
func (w *simWorld) nodeOf(node string) string {
	w.t.Helper()
	return strings.TrimSpace(w.command(0, "", "nodes", "--no-headers", "-o", "state", node))
}

// N2, N5: three nodes are rebooted one after the other, from the first drain to the last
// undrain. When a node is rebooted nothing is on it, and what ran before runs all the
// time: it is migrated, and only what is stopped is failed over. At the next node, whose
// instance cannot move, the script stops, says why, and reboots nothing.
func TestRollingReboot(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:migrate
group default
node a
node b
node c
node d
instance db nodes=a,b template=drbd mem=16 disk=16
instance old nodes=b,c template=drbd mem=16 disk=16 state=down
instance web1 nodes=a template=rbd mem=16 disk=16
instance web2 nodes=c template=sharedfile mem=16 disk=16
instance local nodes=d template=plain mem=16 disk=16
`)
	boots := func(node string) (id string) {
		t.Helper()
		w.must(w.NodeField(w.ctx, node, "bootid", &id))
		return id
	}
	after := w.since()
	const reboot = "gnt-node list --no-headers --separator=/ -o name,pinst_cnt,sinst_cnt $NODE && gnt-node powercycle --yes $NODE"
	r := w.rolling("-t", "20m", reboot, "a", "b", "c", "d")
	if want := "stopped at d: it is stuck\nrolling-reboot: done: a b c\nrolling-reboot: it is still drained: gnt-node modify --drained=no d\n"; r.code != 1 || !strings.Contains(r.stderr, want) {
		t.Errorf("it ended with %d, want 1 and %q", r.code, want)
	}
	if want := "d is stuck: blocked: 1 no-repair (local)"; !strings.Contains(r.stderr, want) {
		t.Errorf("no %q", want)
	}
	for _, node := range []string{"a", "b", "c"} {
		if want := fmt.Sprintf("%s/0/0\n", node); !strings.Contains(r.stdout, want) || !strings.Contains(r.stdout, node+": done\n") {
			t.Errorf("no %q before the reboot of %s, or it was not done", want, node)
		}
		if got := boots(node); got != "boot-"+node+"-2" {
			t.Errorf("%s was not rebooted once: %s", node, got)
		}
		if got := w.nodeOf(node); got != "ok" {
			t.Errorf("%s is %s", node, got)
		}
	}
	if got := boots("d"); got != "boot-d-1" || w.nodeOf("d") != "stuck" {
		t.Errorf("d: %s, %s", got, w.nodeOf("d"))
	}
	for name, jobs := range w.begun(after) {
		for _, job := range jobs {
			for _, op := range job.Ops {
				stops := op.ID == "OP_INSTANCE_FAILOVER" || op.ID == "OP_INSTANCE_SHUTDOWN"
				if stops && name != "old" {
					t.Errorf("%s was stopped: job %d, %s", name, job.ID, opcodes(job))
				}
			}
		}
	}
	for _, name := range []string{"db", "web1", "web2", "local"} {
		if on := w.sim.RunsOn(name); len(on) != 1 || on[0] != w.primary(name) {
			t.Errorf("%s runs on %v, its primary node is %s", name, on, w.primary(name))
		}
	}
	if on := w.sim.RunsOn("old"); len(on) != 0 {
		t.Errorf("old runs on %v", on)
	}
	w.wantContent("db", "original")
	w.wantContent("old", "original")
	// With what stood in the way gone, it goes on there.
	w.does(vcluster.Opcode{"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": "local", "ignore_failures": false})
	if r := w.rolling(reboot, "d"); r.code != 0 || boots("d") != "boot-d-2" || w.nodeOf("d") != "ok" {
		t.Errorf("d: %d, %s, %s", r.code, boots("d"), w.nodeOf("d"))
	}
}
