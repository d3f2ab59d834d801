package repair_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// What came of a job, from its result in exactly the form Ganeti gives. A row's
// last columns are the outcome, and whether a reinstall chain had begun.
func TestOutcome(t *testing.T) {
	const preceding = "Preceding opcode failed"
	inLuxid := func(id luxi.JobID, step repair.Step, text string) luxi.JobInfo {
		info := repairtest.Job(id, step, "i", luxi.JobError)
		for k := range info.Ops {
			info.Ops[k].Result.Err = &luxi.Error{Message: text}
		}
		return info
	}
	withDelay := func(info luxi.JobInfo, status luxi.JobStatus) luxi.JobInfo {
		info.Ops = append([]luxi.JobOp{{ID: "OP_TEST_DELAY", Status: status}}, info.Ops...)
		return info
	}
	wordless := repairtest.Job(1, repair.StepFailover, "i", luxi.JobError)
	strange := repairtest.Job(1, repair.StepFailover, "i", "postponed")
	empty := luxi.JobInfo{ID: 1, Known: true, Status: luxi.JobError}

	for _, row := range []struct {
		name      string
		job       luxi.JobInfo
		want      repair.Outcome
		beganHere bool
	}{
		{"succeeded", repairtest.Done(1, repair.StepFailover), repair.OutcomeSuccess, false},
		{"chain succeeded", repairtest.Done(1, repair.StepReinstall), repair.OutcomeSuccess, false},
		{"queued", repairtest.Job(1, repair.StepFailover, "i", luxi.JobQueued), repair.OutcomeUnfinished, false},
		{"waiting", repairtest.Job(1, repair.StepFailover, "i", luxi.JobWaiting), repair.OutcomeUnfinished, false},
		{"running", repairtest.Job(1, repair.StepFailover, "i", luxi.JobRunning), repair.OutcomeUnfinished, false},
		{"canceling", repairtest.Job(1, repair.StepFailover, "i", luxi.JobCanceling), repair.OutcomeUnfinished, false},
		{"S7 purged", repairtest.Purged(1), repair.OutcomeUnknown, false},
		{"a status nobody knows", strange, repair.OutcomeUnfinished, false},
		{"S7 canceled", repairtest.Canceled(1, repair.StepFailover), repair.OutcomeCanceled, false},
		{"S13 chain canceled before it began", repairtest.Withdrawn(1, repair.StepReinstall), repair.OutcomeWithdrawn, false},

		{"C2 not released", repairtest.Expired(1, repair.StepFailover), repair.OutcomeExpired, false},
		{"C2 chain not released", repairtest.Expired(1, repair.StepReinstall), repair.OutcomeExpired, false},
		{"C2 its gate failed", repairtest.FailedAt(1, repair.StepFailover, 0, "OpExecError", "Dependency job 4 finished with status 'error', not one of 'canceled' as required", ""), repair.OutcomeExpired, false},
		{"C2 its gate was purged", repairtest.FailedAt(1, repair.StepFailover, 0, "OpExecError", "Dependency error: Job 4 not found", ""), repair.OutcomeExpired, false},
		{"an error text that begins alike", repairtest.FailedAt(1, repair.StepFailover, 0, "OpExecError", "Dependency of disk 0 on a missing volume", ""), repair.OutcomeFailed, false},

		{"S8 memory of the target", repairtest.FailedAt(1, repair.StepFailover, 0, "OpPrereqError", "Not enough memory on node n2 for migrating instance i: needed 256 MiB, available 0 MiB", luxi.ECodeNoRes), repair.OutcomeNoRoom, false},
		{"S8 hail relocates nowhere", repairtest.FailedAt(1, repair.StepReplaceDisks, 0, "OpPrereqError", "Can't compute nodes using iallocator 'hail': Request failed: Can't find any good node: Node n1 failed: FailMem; Node n2 failed: FailDisk;", luxi.ECodeNoRes), repair.OutcomeNoRoom, false},
		{"S8 hail allocates nowhere", repairtest.FailedAt(1, repair.StepReinstall, 0, "OpPrereqError", "Can't compute nodes using iallocator 'hail': Request failed: Group default (preferred): No valid allocation solutions, failure reasons: FailMem: 5", luxi.ECodeNoRes), repair.OutcomeNoRoom, false},
		{"S8 for the moment", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpPrereqError", "Can't compute nodes", luxi.ECodeTempNoRes), repair.OutcomeNoRoom, false},
		{"S8 target drained", repairtest.FailedAt(1, repair.StepFailover, 0, "OpPrereqError", "Can't use drained node n2", luxi.ECodeState), repair.OutcomeNoRoom, false},
		{"S8 allocator without an answer", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpExecError", "Can't get data for node n3: Error 7: Failed to connect to n3 port 1811 after 0 ms: Couldn't connect to server", ""), repair.OutcomeNoRoom, false},
		{"S8 no instance list", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpExecError", "Can't get node instance info from node n3: Error 7: Failed to connect", ""), repair.OutcomeNoRoom, false},
		{"S8 allocator missing", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpExecError", "Failure while running the iallocator script: iallocator module 'x' not found in the search path", ""), repair.OutcomeNoRoom, false},
		{"S8 allocator babbles", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpExecError", "Can't parse iallocator results: missing key 'success'", ""), repair.OutcomeNoRoom, false},
		{"S8 harep's delay came first", withDelay(repairtest.NoRoomFor(1, repair.StepReplaceDisks), luxi.JobSuccess), repair.OutcomeNoRoom, false},

		{"S7 offline secondary", repairtest.FailedAt(1, repair.StepFailover, 0, "OpPrereqError", "Can't get data from node n2: Node is marked offline", luxi.ECodeEnviron), repair.OutcomeRefused, false},
		{"S7 wrong state", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpPrereqError", "Can't migrate, please use failover: Instance i is not running", luxi.ECodeState), repair.OutcomeRefused, false},
		{"S7 other instance", repairtest.FailedAt(1, repair.StepFailover, 0, "OpPrereqError", "The instances UUID 'a' does not match the expected UUID 'b' for instance 'i'. Maybe the instance changed since you submitted this job.", luxi.ECodeNotUnique), repair.OutcomeRefused, false},
		{"S7 degraded", repairtest.FailedAt(1, repair.StepMigrate, 0, "OpExecError", "Disk 0 is degraded or not fully synchronized on target node, aborting migration", ""), repair.OutcomeFailed, false},
		{"S7 disk space ran out on the node", repairtest.FailedAt(1, repair.StepReplaceDisks, 0, "OpExecError", "Can't create block device <LogicalVolume(/dev/xenvg/x, visible as /dev/, size=1024m)> on node n2 for instance i: not enough free space", ""), repair.OutcomeFailed, false},
		{"S7 prerequisite without code", repairtest.FailedAt(1, repair.StepFailover, 0, "OpPrereqError", "Instance mixes internal and external mirroring. This is not currently supported.", ""), repair.OutcomeRefused, false},
		{"S7 process died", inLuxid(1, repair.StepFailover, "detected death of job 1"), repair.OutcomeFailed, false},
		{"S7 failed without a word", wordless, repair.OutcomeFailed, false},
		{"S7 failed without an opcode", empty, repair.OutcomeFailed, false},

		{"S7 chain refused", repairtest.FailedAt(1, repair.StepReinstall, 0, "OpPrereqError", "Instance 'i' is marked to be up, cannot recreate disks", luxi.ECodeState), repair.OutcomeRefused, false},
		{"S7 chain broke while it made disks", repairtest.FailedAt(1, repair.StepReinstall, 0, "OpExecError", "Can't create block device", ""), repair.OutcomeFailed, true},
		{"S7 chain's process died", inLuxid(1, repair.StepReinstall, "detected death of job 1"), repair.OutcomeFailed, true},
		{"S6 chain broke after its first opcode", repairtest.FailedAt(1, repair.StepReinstall, 1, "OpExecError", "Could not shutdown instance 'i'", ""), repair.OutcomeFailed, true},
		{"S6 installation failed", repairtest.FailedAt(1, repair.StepReinstall, 2, "OpExecError", "Could not install OS for instance i on node n2: OS create script failed", ""), repair.OutcomeFailed, true},
		{"S6 harep's chain", repairtest.FailedAt(1, "harep", 1, "OpPrereqError", "Instance 'i' is marked to be up, cannot reinstall", luxi.ECodeState), repair.OutcomeFailed, true},
		{"S6 no memory to start what was reinstalled", repairtest.FailedAt(1, repair.StepReinstall, 3, "OpPrereqError", "Not enough memory on node n2 for starting instance i: needed 256 MiB, available 0 MiB", luxi.ECodeNoRes), repair.OutcomeFailed, true},
		{"S7 chain refused after harep's delay", withDelay(repairtest.FailedAt(1, repair.StepReinstall, 0, "OpPrereqError", "Instance 'i' is marked to be up, cannot recreate disks", luxi.ECodeState), luxi.JobSuccess), repair.OutcomeRefused, false},
		{"S7 only harep's delay failed", withDelay(repairtest.FailedAt(1, repair.StepReinstall, 0, "OpExecError", preceding, ""), luxi.JobError), repair.OutcomeRefused, false},
	} {
		f := repair.NewJobFact(row.job)
		if f.Outcome != row.want || f.BeganChain() != row.beganHere {
			t.Errorf("%s: %s, chain began %v; want %s, %v", row.name, f.Outcome, f.BeganChain(), row.want, row.beganHere)
		}
		if (f.Detail == "") != (row.want == repair.OutcomeSuccess || row.want == repair.OutcomeUnfinished) {
			t.Errorf("%s: %s, and the detail is %q", row.name, f.Outcome, f.Detail)
		}
	}
}

// A chain that was canceled while it ran had begun.
func TestOutcomeCanceledChain(t *testing.T) {
	j := repairtest.Canceled(1, repair.StepReinstall)
	j.Ops[0].Status, j.Ops[0].Result.Err = luxi.JobSuccess, nil
	if f := repair.NewJobFact(j); f.Outcome != repair.OutcomeCanceled || !f.BeganChain() {
		t.Errorf("%s, began %v", f.Outcome, f.BeganChain())
	}
}

// The detail is Ganeti's own words, of the opcode that failed and not of those
// that went down with it, in one line and not too long.
func TestOutcomeDetail(t *testing.T) {
	if got := repair.NewJobFact(repairtest.FailedAt(1, repair.StepReinstall, 2, "OpExecError", "OS create\n  script failed", "")).Detail; got != "OS create script failed" {
		t.Errorf("detail %q", got)
	}
	long := "Could not start: " + strings.Repeat("blah ", 100) + "no such device"
	got := repair.NewJobFact(repairtest.FailedAt(1, repair.StepFailover, 0, "OpExecError", long, "")).Detail
	if len(got) > repair.MaxDetail || !strings.HasPrefix(got, "Could not start: ") || !strings.HasSuffix(got, "no such device") || !strings.Contains(got, " ... ") {
		t.Errorf("%d characters: %q", len(got), got)
	}
	exact := strings.Repeat("x", repair.MaxDetail)
	if got := repair.Shorten(exact); got != exact {
		t.Errorf("%d characters were cut to %q", repair.MaxDetail, got)
	}
}

// T11: the step is told by the opcodes, whoever submitted them.
func TestStepOf(t *testing.T) {
	for step, want := range map[repair.Step]repair.Step{
		repair.StepReplaceDisks: repair.StepReplaceDisks, repair.StepMigrate: repair.StepMigrate, repair.StepFailover: repair.StepFailover, repair.StepReinstall: repair.StepReinstall,
		"harep": repair.StepReinstall, "delay": "", "tags": "",
	} {
		if got := repair.NewJobFact(repairtest.Done(1, step)).Step; got != want {
			t.Errorf("%s: step %q, want %q", step, got, want)
		}
	}
	delayed := repairtest.Done(1, repair.StepReplaceDisks)
	delayed.Ops = append([]luxi.JobOp{{ID: "OP_TEST_DELAY", Status: luxi.JobSuccess}}, delayed.Ops...)
	if got := repair.NewJobFact(delayed).Step; got != repair.StepReplaceDisks {
		t.Errorf("harep's delayed job: step %q", got)
	}
	reinstall := repairtest.Done(1, repair.StepReinstall)
	reinstall.Ops = reinstall.Ops[2:3]
	if got := repair.NewJobFact(reinstall).Step; got != repair.StepReinstall {
		t.Errorf("REINSTALL alone: step %q", got)
	}
	if got := repair.NewJobFact(repairtest.Purged(1)).Step; got != "" {
		t.Errorf("unknown job: step %q", got)
	}
}
