package plugin

import (
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func fixed() time.Time { return present }

// jobOf is a job with the given reason trail, behind the entries that luxid
// and others add.
func jobOf(entries ...luxi.ReasonEntry) luxi.JobInfo {
	before := luxi.ReasonEntry{Source: "gnt:user", Text: "repair nothing", Time: present}
	after := luxi.ReasonEntry{Source: "gnt:opcode:test_delay", Text: "job=5;index=0", Time: present}
	return luxi.JobInfo{ID: 5, Known: true, Ops: []luxi.JobOp{
		{ID: "OP_TEST_DELAY"},
		{ID: "OP_TEST_DELAY", Reason: append(append([]luxi.ReasonEntry{before}, entries...), after)},
	}}
}

// P13: what is written to the reason trail, and that it is read back as what it
// was (C2).
func TestTrail(t *testing.T) {
	for _, row := range []struct {
		m    mark
		want string
	}{
		{mark{Kind: markRepair, ID: "k3v9x2ab", Step: StepFailover}, "repair k3v9x2ab failover"},
		{mark{Kind: markRepair, ID: "6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a", Step: StepReinstall}, "repair 6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a reinstall"},
		{mark{Kind: markProbe, ID: "x", Step: StepReplaceDisks}, "probe x replace-disks"},
		{mark{Kind: markGate, ID: "x", Step: StepMigrate}, "gate x migrate"},
		{mark{Kind: markTags, ID: "x"}, "tags x"},
		{mark{Kind: markTags, ID: "suspend"}, "tags suspend"},
		{mark{Kind: markHold}, "hold"},
	} {
		for _, limit := range []int{0, 10} {
			entries := trail(row.m, limit, present)
			if e := entries[0]; e.Source != "ganeti-autorepair" || e.Text != row.want || !e.Time.Equal(present) {
				t.Errorf("%+v: %+v, want %q", row.m, e, row.want)
			}
			limited := row.m.Kind == markRepair && limit > 0
			if (len(entries) == 2) != limited || len(entries) > 2 {
				t.Errorf("%+v, limit %d: %+v", row.m, limit, entries)
			}
			if limited && (entries[1].Text != "rate-limit:10:ganeti-autorepair" || entries[1].Source != Source) {
				t.Errorf("%+v", entries[1])
			}
			if got, ours := markOf(jobOf(entries...)); !ours || got != row.m {
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
		{Source: Source, Text: ""},
		{Source: Source, Text: "rate-limit:10:ganeti-autorepair"},
		{Source: Source, Text: "holds"},
		{Source: "harep", Text: "repair x"},
	} {
		if m, ours := markOf(jobOf(e)); ours {
			t.Errorf("%+v is read as %+v", e, m)
		}
	}
	if _, ours := markOf(luxi.JobInfo{ID: 5}); ours {
		t.Error("an unknown job is ours")
	}
	// A mark behind one that says nothing is found.
	m, ours := markOf(jobOf(luxi.ReasonEntry{Source: Source, Text: "rate-limit:1:x"}, luxi.ReasonEntry{Source: Source, Text: "tags x"}))
	if !ours || m.Kind != markTags || m.ID != "x" {
		t.Errorf("%+v, %v", m, ours)
	}
}

func TestDependencies(t *testing.T) {
	j := luxi.JobInfo{Ops: []luxi.JobOp{
		{Params: params("depends", `[[7,["canceled"]],[8,[]]]`)}, {Params: params("depends", `null`)},
		{Params: params("depends", `"odd"`)}, {Params: params("depends", `[[],["x"],[9]]`)}, {},
	}}
	got := dependencies(j)
	if len(got) != 3 || got[0] != 7 || got[1] != 8 || got[2] != 9 {
		t.Errorf("%v", got)
	}
	if !heldBy(j, map[luxi.JobID]bool{8: true}) || heldBy(j, map[luxi.JobID]bool{6: true}) {
		t.Error("heldBy is wrong")
	}
}
