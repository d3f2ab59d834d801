package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// runUntil runs the program with a context that ends when the n-th call of a
// method arrives.
func (b *bed) runUntil(method string, n int, args ...string) (code int, stderr string) {
	b.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	count := 0
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == method {
			if count++; count == n {
				stop()
			}
		}
		return luxitest.Pass()
	})
	var out, err bytes.Buffer
	code = realMain(ctx, args, b.env(&out, &err))
	b.m.OnCall(nil)
	return code, err.String()
}

// A signal ends a pass in one line; what it had not released expires, no stamp
// is left, and the next pass goes on.
func TestStoppedBySignal(t *testing.T) {
	b := newBed(t, badNode)
	code, stderr := b.runUntil("WaitForJobChange", 1, "run", "--from-watcher")
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "error: stopped by a signal, the next pass goes on: ") {
		t.Errorf("%d: %s", code, stderr)
	}
	if lock, err := takeLock(newPaths(b.getenv).state()); err != nil {
		t.Error(err)
	} else {
		if s, ok, _ := lock.state.readStamp(); ok {
			t.Errorf("a stamp is left: %+v", s)
		}
		lock.release()
	}
	b.m.RunUntilQuiet()
	if p := b.m.Snapshot().Instance("web1").Primary; p != "node2" {
		t.Errorf("web1 was moved to %s", p)
	}
	b.want(0, 0, "", "run", "--from-watcher")
	b.m.RunUntilQuiet()
	if p := b.m.Snapshot().Instance("web1").Primary; p == "node2" {
		t.Error("web1 was not moved")
	}
}

// Several problems are told one by one, and counted.
func TestSeveralProblems(t *testing.T) {
	b := newBed(t, badNode)
	b.fails("web1", "web2")
	code, _, stderr := b.run("run", "--from-watcher")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != 1 || len(lines) != 3 ||
		!strings.HasPrefix(lines[0], "ganeti-autorepair: problem: web1: repair web1 failed: job 1: it broke") ||
		!strings.HasPrefix(lines[1], "ganeti-autorepair: problem: web2: repair web2 failed: job 2: it broke") ||
		lines[2] != "ganeti-autorepair: error: 2 problems need a look" {
		t.Errorf("%d:\n%s", code, stderr)
	}
	// Afterwards the table tells the command that lifts the failure.
	_, stdout, _ := b.run("status")
	if !strings.Contains(stdout, "; after a look: ganeti-autorepair ack web1\n") {
		t.Errorf("%s", stdout)
	}
}

// W1: a pause can be ignored, by a person.
func TestIgnorePause(t *testing.T) {
	b := newBed(t, badNode)
	b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = present.Add(time.Hour) })
	if code, _, stderr := b.run("run", "--ignore-pause"); code != 0 || !strings.Contains(stderr, "repair job released") {
		t.Errorf("%d: %s", code, stderr)
	}
}

// An implausible answer ends the pass with one line, and nothing is done.
func TestImplausibleIsTold(t *testing.T) {
	b := newBed(t, badNode)
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "Query" && strings.HasPrefix(string(c.Args), `["group"`) {
			return luxitest.ReplaceReply(`{"success":true,"result":{"fields":[{"name":"uuid","title":"","kind":"text","doc":""},` +
				`{"name":"name","title":"","kind":"text","doc":""},{"name":"tags","title":"","kind":"other","doc":""}],"data":[]}}`)
		}
		return luxitest.Pass()
	})
	b.want(1, 1, "error: implausible answer: the cluster has no node groups", "run", "--from-watcher")
	b.want(1, 1, "error: implausible answer: the cluster has no node groups", "status")
	b.idle("implausible")
}

// run --wait tells of the jobs it waits for, fails with a repair that fails,
// does not wait for what waits for a person or for room, and ends on a signal.
func TestWaitForRepairs(t *testing.T) {
	b := newBed(t, badNode)
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpFails("OpPrereqError", "it broke", "environment_error")
		}
		return luxitest.OpPass()
	})
	code, stdout, stderr := b.run("run", "--wait")
	if code != 1 || strings.Count(stdout, ") ... failed after 0 s: it broke\n") != 3 || !strings.Contains(stdout, "1 failed") || !strings.Contains(stderr, "error: web1: repair ") || !strings.Contains(stderr, "refused 3 times in a row") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	b.want(0, 0, "", "run", "--wait")

	b = newBed(t, strings.ReplaceAll(badNode, "web1 template=sharedfile nodes=node2 state=up mem=512", "web1 template=sharedfile nodes=node2 state=up mem=99999"))
	code, stdout, stderr = b.run("run", "--wait")
	if code != 0 || !strings.Contains(stdout, "1 pending") || !strings.Contains(stdout, "no-room") {
		t.Errorf("without room: %d\n%s%s", code, stdout, stderr)
	}

	b = newBed(t, badNode)
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	if code, stderr := b.runUntil("WaitForJobChange", 9, "run", "--wait"); code != 1 || !strings.Contains(stderr, "waiting for job ") {
		t.Errorf("on a signal: %d: %s", code, stderr)
	}
	for _, j := range b.m.Jobs() {
		b.m.Continue(j.ID)
	}
}

// W3: nothing but a tag is needed, and without any nothing is ever done.
func TestNothingPermitted(t *testing.T) {
	b := newBed(t, strings.NewReplacer(" tags=ganeti:watcher:autorepair:failover", "", " tags=ganeti:watcher:autorepair:suspend", "").Replace(badNode))
	b.want(0, 0, "", "run", "--from-watcher")
	b.idle("nothing is permitted")
	b.m.Edit(func(c *luxitest.Cluster) { c.Tags = []string{"ganeti:watcher:autorepair:failover"} })
	b.m.Advance(15 * time.Minute)
	b.want(0, 0, "", "run", "--from-watcher")
	if len(b.m.Jobs()) == 0 {
		t.Error("the tag on the cluster does nothing")
	}
}

// V6: a dry run takes no lock, leaves no stamp and no log.
func TestDryRunLeavesNothing(t *testing.T) {
	b := newBed(t, badNode)
	before := b.m.Snapshot().Format()
	lock, err := takeLock(newPaths(b.getenv).state())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	if code, _, stderr := b.run("run", "--dry-run"); code != 0 || stderr != "" {
		t.Errorf("beside a pass: %d, %s", code, stderr)
	}
	if s, ok, _ := lock.state.readStamp(); ok {
		t.Errorf("stamp %+v", s)
	}
	if _, err := os.Stat(b.root + "/var/log"); err == nil {
		t.Error("there is a log")
	}
	if after := b.m.Snapshot().Format(); after != before {
		t.Errorf("the cluster is now\n%s", after)
	}
	b.idle("dry run")
}
