package repair_test

import (
	"encoding/json"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// S16: a cleanup that fails after it has found the instance settles where it runs, if the
// configuration says the same.
func TestPastFoundOn(t *testing.T) {
	i := repairtest.Instance("i", "drbd", "b a", "")
	migrate := func(id luxi.JobID, log repair.LogFact) *repair.JobFact {
		job := repairtest.Failed(id, repair.StepMigrate)
		job.Ops[0].Params["instance_uuid"] = repairtest.Text(i.UUID)
		return repair.NewJobFact(job).WithLog(log)
	}
	lost := migrate(3, repair.LogFact{Transferred: true, Target: "b"})
	for _, row := range []struct {
		name string
		jobs []*repair.JobFact
		open bool
	}{
		{"lost", []*repair.JobFact{lost}, true},
		{"found on its primary node", []*repair.JobFact{lost, migrate(4, repair.LogFact{FoundOn: "b"})}, false},
		{"found elsewhere", []*repair.JobFact{lost, migrate(4, repair.LogFact{FoundOn: "a"})}, true},
		{"not found", []*repair.JobFact{lost, migrate(4, repair.LogFact{})}, true},
		{"found before", []*repair.JobFact{lost, migrate(2, repair.LogFact{FoundOn: "b"})}, true},
		{"lost again", []*repair.JobFact{lost, migrate(4, repair.LogFact{FoundOn: "b"}), migrate(5, repair.LogFact{Transferred: true, Target: "a"})}, true},
	} {
		if _, open := repair.NewPast(row.jobs, nil).Transfer(i); open != row.open {
			t.Errorf("%s: open %v, want %v", row.name, open, row.open)
		}
	}
}

// S18: a reinstallation that was cut off leaves no system if it had moved the instance,
// whatever its opcodes say of the disks; one that was refused, or cut off before it moved
// the instance, leaves it as it was.
func TestPastChains(t *testing.T) {
	i := repairtest.Instance("i", "plain", "new", "")
	chain := func(job luxi.JobInfo) *repair.JobFact {
		for k := range job.Ops {
			job.Ops[k].Params["instance_uuid"] = repairtest.Text(i.UUID)
		}
		job.Ops[0].Params["nodes"] = json.RawMessage(`["new"]`)
		return repair.NewJobFact(job)
	}
	at := func(id luxi.JobID, opcode int) *repair.JobFact {
		return chain(repairtest.FailedAt(id, repair.StepReinstall, opcode, "OpExecError", "detected death of job", ""))
	}
	refused := chain(repairtest.FailedAt(3, repair.StepReinstall, 0, "OpPrereqError", "not now", "wrong_state"))
	old := repairtest.Instance("i", "plain", "old", "")
	for _, row := range []struct {
		name   string
		i      *repair.Instance
		jobs   []*repair.JobFact
		broken bool
	}{
		{"died while it made disks", i, []*repair.JobFact{at(3, 0)}, true},
		{"died before it moved the instance", old, []*repair.JobFact{at(3, 0)}, false},
		{"died after that", i, []*repair.JobFact{at(3, 2)}, true},
		{"died after that, and was moved", old, []*repair.JobFact{at(3, 2)}, true},
		{"had none, and another one died before it moved it", old, []*repair.JobFact{at(3, 2), at(4, 0)}, true},
		{"two died before they moved it", old, []*repair.JobFact{at(3, 0), at(4, 0)}, false},
		{"refused", i, []*repair.JobFact{refused}, false},
		{"another one succeeded", i, []*repair.JobFact{at(3, 0), chain(repairtest.Done(4, repair.StepReinstall))}, false},
	} {
		if _, broken := repair.NewPast(row.jobs, nil).Chain(row.i); broken != row.broken {
			t.Errorf("%s: broken %v, want %v", row.name, broken, row.broken)
		}
	}
}

// S15: what has made all disks of the primary node anew has read whole ones of the secondary.
func TestPastHalfCopies(t *testing.T) {
	i := repairtest.Instance("i", "drbd", "a b", "")
	replaced := func(job luxi.JobInfo, mode, disks string) *repair.JobFact {
		params := job.Ops[0].Params
		params["instance_uuid"], params["mode"] = repairtest.Text(i.UUID), repairtest.Text(mode)
		if disks != "" {
			params["disks"] = json.RawMessage(disks)
		}
		return repair.NewJobFact(job)
	}
	half := replaced(repairtest.Failed(3, repair.StepReplaceDisks), "replace_on_secondary", "")
	for _, row := range []struct {
		name string
		jobs []*repair.JobFact
		half bool
	}{
		{"failed", []*repair.JobFact{half}, true},
		{"made anew since", []*repair.JobFact{half, replaced(repairtest.Done(4, repair.StepReplaceDisks), "replace_on_secondary", "")}, false},
		{"read since", []*repair.JobFact{half, replaced(repairtest.Done(4, repair.StepReplaceDisks), "replace_on_primary", "[]")}, false},
		{"read in part since", []*repair.JobFact{half, replaced(repairtest.Done(4, repair.StepReplaceDisks), "replace_on_primary", "[1]")}, true},
		{"not read to the end", []*repair.JobFact{half, replaced(repairtest.Failed(4, repair.StepReplaceDisks), "replace_on_primary", "")}, true},
		{"only written to the primary", []*repair.JobFact{replaced(repairtest.Failed(4, repair.StepReplaceDisks), "replace_on_primary", "")}, false},
	} {
		if _, half := repair.NewPast(row.jobs, nil).HalfCopies[i.UUID]; half != row.half {
			t.Errorf("%s: %v, want %v", row.name, half, row.half)
		}
	}
}
