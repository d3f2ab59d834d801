package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// S18: a reinstallation that failed after its first opcode leaves an instance without a
// system, whatever is done about its failure, until a person says that its system is
// there; S15 likewise for what "ack" says of a half copy.
func TestAckIntact(t *testing.T) {
	b := newBed(t, `
	cluster c tags=ganeti:watcher:autorepair:reinstall
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 offline
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance p template=plain nodes=node2 mem=512 disk=1000
	instance q template=plain nodes=node3 mem=512 disk=1000
`)
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_REINSTALL" {
			return luxitest.OpFails("OpExecError", "the script failed")
		}
		return luxitest.OpPass()
	})
	pass := func() {
		b.m.RunUntilQuiet()
		b.m.Advance(15 * time.Minute)
		b.run("run", "--from-watcher")
	}
	pass()
	pass()
	state := func() string {
		t.Helper()
		_, stdout, _ := b.run("status", "--no-headers", "--separator=:", "-o", "instance,state,reason", "--all", "p")
		return strings.TrimSpace(stdout)
	}
	if got := state(); got != "p:failed:failed" {
		t.Fatalf("after the failure: %s", got)
	}
	want := func(code int, said string, args ...string) {
		t.Helper()
		got, stdout, stderr := b.run(args...)
		if got != code || !strings.Contains(stdout+stderr, said) {
			t.Errorf("%v: %d, want %d and %q:\n%s%s", args, got, code, said, stdout, stderr)
		}
	}
	want(1, "no reinstallation of it is known that failed halfway", "ack", "--intact", "q")
	want(0, "1 failure cleared\np: note: its reinstallation failed halfway; once its system is there: ganeti-autorepair ack --intact p", "ack", "p")
	if got := state(); !strings.Contains(got, "no-system") {
		t.Errorf("after ack: %s", got)
	}
	// ganeti-watcher archives jobs after six hours.
	for n := 0; n < 2; n++ {
		b.m.ArchiveJobs(0)
		pass()
		if got := state(); !strings.Contains(got, "no-system") {
			t.Errorf("once its job is archived: %s", got)
		}
	}
	jobs := len(b.m.Jobs())
	want(0, "would be acknowledged", "ack", "--intact", "--dry-run", "p")
	if n := len(b.m.Jobs()); n != jobs {
		t.Errorf("a dry run submitted %d jobs", n-jobs)
	}
	want(0, "p: its system counts as there\n", "ack", "--intact", "p")
	for _, op := range b.m.Job(int64(jobs + 1)).Ops {
		if r := op.Reason[0]; r.Source != "ganeti-autorepair" || r.Text != fmt.Sprintf("ack %s intact", b.m.Snapshot().Instance("p").UUID) {
			t.Errorf("reason %+v", r)
		}
	}
	if got := state(); strings.Contains(got, "no-system") {
		t.Errorf("after ack --intact: %s", got)
	}
	want(1, "no reinstallation of it is known that failed halfway", "ack", "--intact", "p")
	pass()
	if list := readJobMemory(newPaths(b.getenv).state()).Suspects; len(list) != 0 {
		t.Errorf("remembered of what is well: %v", list)
	}
}
