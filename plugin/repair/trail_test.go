package repair_test

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// jobOf is a job with the given reason trail, behind the entries that luxid
// and others add.
func jobOf(entries ...luxi.ReasonEntry) luxi.JobInfo {
	before := luxi.ReasonEntry{Source: "gnt:user", Text: "repair nothing", Time: repairtest.Present}
	after := luxi.ReasonEntry{Source: "gnt:opcode:test_delay", Text: "job=5;index=0", Time: repairtest.Present}
	return luxi.JobInfo{ID: 5, Known: true, Ops: []luxi.JobOp{
		{ID: "OP_TEST_DELAY"},
		{ID: "OP_TEST_DELAY", Reason: append(append([]luxi.ReasonEntry{before}, entries...), after)},
	}}
}

// P13: what is written to the reason trail, and that it is read back as what it
// was (C2).
func TestTrail(t *testing.T) {
	for _, row := range []struct {
		m    repair.Mark
		want string
	}{
		{repair.Mark{Kind: repair.MarkRepair, ID: "k3v9x2ab", Step: repair.StepFailover}, "repair k3v9x2ab failover"},
		{repair.Mark{Kind: repair.MarkRepair, ID: "6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a", Step: repair.StepReinstall}, "repair 6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a reinstall"},
		{repair.Mark{Kind: repair.MarkProbe, ID: "x", Step: repair.StepReplaceDisks}, "probe x replace-disks"},
		{repair.Mark{Kind: repair.MarkGate, ID: "x", Step: repair.StepMigrate}, "gate x migrate"},
		{repair.Mark{Kind: repair.MarkTags, ID: "x"}, "tags x"},
		{repair.Mark{Kind: repair.MarkTags, ID: "suspend"}, "tags suspend"},
		{repair.Mark{Kind: repair.MarkHold}, "hold"},
	} {
		for _, limit := range []int{0, 10} {
			entries := repair.Trail(row.m, repair.Limit{Label: repair.Source, Jobs: limit}, repairtest.Present)
			if e := entries[0]; e.Source != "ganeti-autorepair" || e.Text != row.want || !e.Time.Equal(repairtest.Present) {
				t.Errorf("%+v: %+v, want %q", row.m, e, row.want)
			}
			limited := row.m.Kind == repair.MarkRepair && limit > 0
			if (len(entries) == 2) != limited || len(entries) > 2 {
				t.Errorf("%+v, limit %d: %+v", row.m, limit, entries)
			}
			if limited && (entries[1].Text != "rate-limit:10:ganeti-autorepair" || entries[1].Source != repair.Source) {
				t.Errorf("%+v", entries[1])
			}
			if got, ours := repair.MarkOf(jobOf(entries...)); !ours || got != row.m {
				t.Errorf("%q is read as %+v, %v", row.want, got, ours)
			}
		}
	}
}

// Jobs of others are not ours, though they speak of us.
func TestMarkOfOthers(t *testing.T) {
	for _, e := range []luxi.ReasonEntry{
		{Source: "gnt:user", Text: "hold"},
		{Source: "gnt:client:gnt-instance", Text: "repair x failover"},
		{Source: "ganeti-autorepair-test", Text: "hold"},
		{Source: repair.Source, Text: ""},
		{Source: repair.Source, Text: "rate-limit:10:ganeti-autorepair"},
		{Source: repair.Source, Text: "holds"},
		{Source: "harep", Text: "repair x"},
	} {
		if m, ours := repair.MarkOf(jobOf(e)); ours {
			t.Errorf("%+v is read as %+v", e, m)
		}
	}
	if _, ours := repair.MarkOf(luxi.JobInfo{ID: 5}); ours {
		t.Error("an unknown job is ours")
	}
	// A mark behind one that says nothing is found.
	m, ours := repair.MarkOf(jobOf(luxi.ReasonEntry{Source: repair.Source, Text: "rate-limit:1:x"}, luxi.ReasonEntry{Source: repair.Source, Text: "tags x"}))
	if !ours || m.Kind != repair.MarkTags || m.ID != "x" {
		t.Errorf("%+v, %v", m, ours)
	}
}

// A job waits for those that any of its opcodes depends on.
func TestWaitsFor(t *testing.T) {
	j := luxi.JobInfo{Ops: []luxi.JobOp{
		{Params: repairtest.Params("depends", `[[7,["canceled"]],[8,[]]]`)}, {Params: repairtest.Params("depends", `null`)}, {},
	}}
	if !repair.WaitsFor(j, map[luxi.JobID]bool{8: true}) || repair.WaitsFor(j, map[luxi.JobID]bool{6: true}) {
		t.Error("it waits for 7 and 8, and for no other")
	}
}
