package plugin

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

// What came of a job, from its result in exactly the form Ganeti gives. A row's
// last three columns are the outcome, whether it may have ended halfway, and
// whether a reinstall chain had begun.
func TestOutcome(t *testing.T) {
	const preceding = "Preceding opcode failed"
	inLuxid := func(id luxi.JobID, step Step, text string) luxi.JobInfo {
		info := job(id, step, "i", luxi.JobError)
		for k := range info.Ops {
			info.Ops[k].Result.Err = &luxi.Error{Message: text}
		}
		return info
	}
	withDelay := func(info luxi.JobInfo, status luxi.JobStatus) luxi.JobInfo {
		info.Ops = append([]luxi.JobOp{{ID: "OP_TEST_DELAY", Status: status}}, info.Ops...)
		return info
	}
	wordless := job(1, StepFailover, "i", luxi.JobError)
	strange := job(1, StepFailover, "i", "postponed")
	empty := luxi.JobInfo{ID: 1, Known: true, Status: luxi.JobError}

	for _, row := range []struct {
		name      string
		job       luxi.JobInfo
		want      Outcome
		badly     bool
		beganHere bool
	}{
		{"succeeded", done(1, StepFailover), OutcomeSuccess, false, false},
		{"chain succeeded", done(1, StepReinstall), OutcomeSuccess, false, false},
		{"queued", job(1, StepFailover, "i", luxi.JobQueued), OutcomeUnfinished, false, false},
		{"waiting", job(1, StepFailover, "i", luxi.JobWaiting), OutcomeUnfinished, false, false},
		{"running", job(1, StepFailover, "i", luxi.JobRunning), OutcomeUnfinished, false, false},
		{"canceling", job(1, StepFailover, "i", luxi.JobCanceling), OutcomeUnfinished, false, false},
		{"S7 purged", purged(1), OutcomeUnknown, false, false},
		{"a status nobody knows", strange, OutcomeUnfinished, false, false},
		{"S7 canceled", canceled(1, StepFailover), OutcomeCanceled, true, false},
		{"S7 chain canceled before it began", canceled(1, StepReinstall), OutcomeCanceled, true, false},

		{"C2 not released", expired(1, StepFailover), OutcomeExpired, false, false},
		{"C2 chain not released", expired(1, StepReinstall), OutcomeExpired, false, false},
		{"C2 its gate failed", failedAt(1, StepFailover, 0, "OpExecError", "Dependency job 4 finished with status 'error', not one of 'canceled' as required", ""), OutcomeExpired, false, false},
		{"C2 its gate was purged", failedAt(1, StepFailover, 0, "OpExecError", "Dependency error: Job 4 not found", ""), OutcomeExpired, false, false},
		{"an error text that begins alike", failedAt(1, StepFailover, 0, "OpExecError", "Dependency of disk 0 on a missing volume", ""), OutcomeFailed, true, false},

		{"S8 memory of the target", failedAt(1, StepFailover, 0, "OpPrereqError", "Not enough memory on node n2 for migrating instance i: needed 256 MiB, available 0 MiB", luxi.ECodeNoRes), OutcomeNoRoom, false, false},
		{"S8 hail relocates nowhere", failedAt(1, StepReplaceDisks, 0, "OpPrereqError", "Can't compute nodes using iallocator 'hail': Request failed: Can't find any good node: Node n1 failed: FailMem; Node n2 failed: FailDisk;", luxi.ECodeNoRes), OutcomeNoRoom, false, false},
		{"S8 hail allocates nowhere", failedAt(1, StepReinstall, 0, "OpPrereqError", "Can't compute nodes using iallocator 'hail': Request failed: Group default (preferred): No valid allocation solutions, failure reasons: FailMem: 5", luxi.ECodeNoRes), OutcomeNoRoom, false, false},
		{"S8 for the moment", failedAt(1, StepMigrate, 0, "OpPrereqError", "Can't compute nodes", luxi.ECodeTempNoRes), OutcomeNoRoom, false, false},
		{"S8 target drained", failedAt(1, StepFailover, 0, "OpPrereqError", "Can't use drained node n2", luxi.ECodeState), OutcomeNoRoom, false, false},
		{"S8 allocator without an answer", failedAt(1, StepMigrate, 0, "OpExecError", "Can't get data for node n3: Error 7: Failed to connect to n3 port 1811 after 0 ms: Couldn't connect to server", ""), OutcomeNoRoom, false, false},
		{"S8 no instance list", failedAt(1, StepMigrate, 0, "OpExecError", "Can't get node instance info from node n3: Error 7: Failed to connect", ""), OutcomeNoRoom, false, false},
		{"S8 allocator missing", failedAt(1, StepMigrate, 0, "OpExecError", "Failure while running the iallocator script: iallocator module 'x' not found in the search path", ""), OutcomeNoRoom, false, false},
		{"S8 allocator babbles", failedAt(1, StepMigrate, 0, "OpExecError", "Can't parse iallocator results: missing key 'success'", ""), OutcomeNoRoom, false, false},
		{"S8 harep's delay came first", withDelay(noRoomFor(1, StepReplaceDisks), luxi.JobSuccess), OutcomeNoRoom, false, false},

		{"S7 offline secondary", failedAt(1, StepFailover, 0, "OpPrereqError", "Can't get data from node n2: Node is marked offline", luxi.ECodeEnviron), OutcomeFailed, true, false},
		{"S7 wrong state", failedAt(1, StepMigrate, 0, "OpPrereqError", "Can't migrate, please use failover: Instance i is not running", luxi.ECodeState), OutcomeFailed, true, false},
		{"S7 other instance", failedAt(1, StepFailover, 0, "OpPrereqError", "The instances UUID 'a' does not match the expected UUID 'b' for instance 'i'. Maybe the instance changed since you submitted this job.", luxi.ECodeNotUnique), OutcomeFailed, true, false},
		{"S7 degraded", failedAt(1, StepMigrate, 0, "OpExecError", "Disk 0 is degraded or not fully synchronized on target node, aborting migration", ""), OutcomeFailed, true, false},
		{"S7 disk space ran out on the node", failedAt(1, StepReplaceDisks, 0, "OpExecError", "Can't create block device <LogicalVolume(/dev/xenvg/x, visible as /dev/, size=1024m)> on node n2 for instance i: not enough free space", ""), OutcomeFailed, true, false},
		{"S7 prerequisite without code", failedAt(1, StepFailover, 0, "OpPrereqError", "Instance mixes internal and external mirroring. This is not currently supported.", ""), OutcomeFailed, true, false},
		{"S7 process died", inLuxid(1, StepFailover, "detected death of job 1"), OutcomeFailed, true, false},
		{"S7 failed without a word", wordless, OutcomeFailed, true, false},
		{"S7 failed without an opcode", empty, OutcomeFailed, true, false},

		{"S7 chain refused", failedAt(1, StepReinstall, 0, "OpPrereqError", "Instance 'i' is marked to be up, cannot recreate disks", luxi.ECodeState), OutcomeFailed, true, false},
		{"S7 chain broke while it made disks", failedAt(1, StepReinstall, 0, "OpExecError", "Can't create block device", ""), OutcomeFailed, true, true},
		{"S7 chain's process died", inLuxid(1, StepReinstall, "detected death of job 1"), OutcomeFailed, true, true},
		{"S6 chain broke after its first opcode", failedAt(1, StepReinstall, 1, "OpExecError", "Could not shutdown instance 'i'", ""), OutcomeFailed, true, true},
		{"S6 installation failed", failedAt(1, StepReinstall, 2, "OpExecError", "Could not install OS for instance i on node n2: OS create script failed", ""), OutcomeFailed, true, true},
		{"S6 harep's chain", failedAt(1, "harep", 1, "OpPrereqError", "Instance 'i' is marked to be up, cannot reinstall", luxi.ECodeState), OutcomeFailed, true, true},
		{"S6 no memory to start what was reinstalled", failedAt(1, StepReinstall, 3, "OpPrereqError", "Not enough memory on node n2 for starting instance i: needed 256 MiB, available 0 MiB", luxi.ECodeNoRes), OutcomeFailed, true, true},
		{"S7 chain refused after harep's delay", withDelay(failedAt(1, StepReinstall, 0, "OpPrereqError", "Instance 'i' is marked to be up, cannot recreate disks", luxi.ECodeState), luxi.JobSuccess), OutcomeFailed, true, false},
		{"S7 only harep's delay failed", withDelay(failedAt(1, StepReinstall, 0, "OpExecError", preceding, ""), luxi.JobError), OutcomeFailed, true, false},
	} {
		f := NewJobFact(row.job)
		if f.Outcome != row.want || f.endedBadly() != row.badly || f.beganChain() != row.beganHere {
			t.Errorf("%s: %s, ended badly %v, chain began %v; want %s, %v, %v", row.name, f.Outcome, f.endedBadly(), f.beganChain(), row.want, row.badly, row.beganHere)
		}
		if (f.Detail == "") != (row.want == OutcomeSuccess || row.want == OutcomeUnfinished) {
			t.Errorf("%s: %s, and the detail is %q", row.name, f.Outcome, f.Detail)
		}
	}
}

// A chain that was canceled while it ran had begun.
func TestOutcomeCanceledChain(t *testing.T) {
	j := canceled(1, StepReinstall)
	j.Ops[0].Status, j.Ops[0].Result.Err = luxi.JobSuccess, nil
	if f := NewJobFact(j); f.Outcome != OutcomeCanceled || !f.beganChain() {
		t.Errorf("%s, began %v", f.Outcome, f.beganChain())
	}
}

// The detail is Ganeti's own words, of the opcode that failed and not of those
// that went down with it, in one line and not too long.
func TestOutcomeDetail(t *testing.T) {
	if got := NewJobFact(failedAt(1, StepReinstall, 2, "OpExecError", "OS create\n  script failed", "")).Detail; got != "OS create script failed" {
		t.Errorf("detail %q", got)
	}
	long := "Could not start: " + strings.Repeat("blah ", 100) + "no such device"
	got := NewJobFact(failedAt(1, StepFailover, 0, "OpExecError", long, "")).Detail
	if len(got) > maxDetail || !strings.HasPrefix(got, "Could not start: ") || !strings.HasSuffix(got, "no such device") || !strings.Contains(got, " ... ") {
		t.Errorf("%d characters: %q", len(got), got)
	}
	exact := strings.Repeat("x", maxDetail)
	if got := shorten(exact); got != exact {
		t.Errorf("%d characters were cut to %q", maxDetail, got)
	}
}

// T11: the step is told by the opcodes, whoever submitted them.
func TestStepOf(t *testing.T) {
	for step, want := range map[Step]Step{
		StepReplaceDisks: StepReplaceDisks, StepMigrate: StepMigrate, StepFailover: StepFailover, StepReinstall: StepReinstall,
		"harep": StepReinstall, "delay": "", "tags": "",
	} {
		if got := NewJobFact(done(1, step)).Step; got != want {
			t.Errorf("%s: step %q, want %q", step, got, want)
		}
	}
	delayed := done(1, StepReplaceDisks)
	delayed.Ops = append([]luxi.JobOp{{ID: "OP_TEST_DELAY", Status: luxi.JobSuccess}}, delayed.Ops...)
	if got := NewJobFact(delayed).Step; got != StepReplaceDisks {
		t.Errorf("harep's delayed job: step %q", got)
	}
	reinstall := done(1, StepReinstall)
	reinstall.Ops = reinstall.Ops[2:3]
	if got := NewJobFact(reinstall).Step; got != StepReinstall {
		t.Errorf("REINSTALL alone: step %q", got)
	}
	if got := NewJobFact(purged(1)).Step; got != "" {
		t.Errorf("unknown job: step %q", got)
	}
}
