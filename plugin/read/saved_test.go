package read_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// A saved snapshot gives the same plan as what it was saved from, for every sort
// of instance and every outcome of jobs.
func TestSavedPlansTheSame(t *testing.T) {
	p := repairtest.Exhibition()
	placer := &repair.Placer{Rooms: map[string][]repair.Room{}, Demands: map[string]repair.Demand{}}
	var b bytes.Buffer
	if err := read.NewSaved(p.Snapshot, placer, repair.DefaultSettings()).Write(&b); err != nil {
		t.Fatal(err)
	}
	saved, err := read.ReadSaved(&b)
	if err != nil {
		t.Fatal(err)
	}
	id := func() string { return "k3v9x2ab" }
	again, err := saved.Plan(repair.Assumption{}, repair.DefaultSettings(), id)
	if err != nil {
		t.Fatal(err)
	}
	want, got := viewsText(t, repair.NewPlan(p.Snapshot, placer, repair.DefaultSettings(), id)), viewsText(t, again)
	if got != want {
		t.Errorf("from the file\n%s\nbut it was\n%s", got, want)
	}
}

func viewsText(t *testing.T, p *repair.Plan) string {
	t.Helper()
	b, err := json.MarshalIndent(report.Views(p), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// S7, S8: what came of a job is told from a file as it was from the queue.
func TestSavedOutcomes(t *testing.T) {
	jobs := []luxi.JobInfo{
		repairtest.Done(1, repair.StepFailover), repairtest.Failed(2, repair.StepMigrate), repairtest.NoRoomFor(3, repair.StepFailover), repairtest.Expired(4, repair.StepFailover), repairtest.Canceled(5, repair.StepFailover), repairtest.Purged(6),
		repairtest.Job(7, repair.StepReinstall, "i", luxi.JobRunning), repairtest.FailedAt(8, repair.StepReinstall, 2, "OpExecError", "OS create script failed (exited with exit code 1), last lines in the log file:\nSECRET", ""),
		repairtest.FailedAt(9, repair.StepReinstall, 0, "OpPrereqError", "no", luxi.ECodeState), repairtest.FailedAt(10, "harep", 0, "OpExecError", "Can't get data for node x", ""),
	}
	s := repairtest.WithJobs(repairtest.Snapshot("a b:offline"), jobs...)
	saved := read.NewSaved(s, &repair.Placer{}, repair.DefaultSettings())
	var b bytes.Buffer
	if err := saved.Write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "SECRET") {
		t.Errorf("the log of a script is in\n%s", b.String())
	}
	again, err := saved.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range s.Jobs {
		got := again.Jobs[id]
		if got == nil || got.Outcome != want.Outcome || got.Step != want.Step || got.BeganChain() != want.BeganChain() {
			t.Errorf("job %d: %+v, want %+v", id, got, want)
		}
	}
	if len(again.Unfinished) != len(s.Unfinished) {
		t.Errorf("%d unfinished jobs, want %d", len(again.Unfinished), len(s.Unfinished))
	}
}
