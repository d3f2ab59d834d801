package plugin

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

// A saved snapshot gives the same plan as what it was saved from, for every sort
// of instance and every outcome of jobs.
func TestSavedPlansTheSame(t *testing.T) {
	p := exhibition()
	placer := &Placer{rooms: map[string][]Room{}, demands: map[string]Demand{}}
	var b bytes.Buffer
	if err := NewSaved(p.Snapshot, placer, DefaultSettings()).Write(&b); err != nil {
		t.Fatal(err)
	}
	saved, err := ReadSaved(&b)
	if err != nil {
		t.Fatal(err)
	}
	id := func() string { return "k3v9x2ab" }
	again, err := saved.Plan(Assumption{}, DefaultSettings(), id)
	if err != nil {
		t.Fatal(err)
	}
	want, got := viewsText(t, planWith(p.Snapshot, placer, DefaultSettings(), id)), viewsText(t, again)
	if got != want {
		t.Errorf("from the file\n%s\nbut it was\n%s", got, want)
	}
}

func viewsText(t *testing.T, p *Plan) string {
	t.Helper()
	b, err := json.MarshalIndent(Views(p), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// S7, S8: what came of a job is told from a file as it was from the queue.
func TestSavedOutcomes(t *testing.T) {
	jobs := []luxi.JobInfo{
		done(1, StepFailover), failed(2, StepMigrate), noRoomFor(3, StepFailover), expired(4, StepFailover), canceled(5, StepFailover), purged(6),
		job(7, StepReinstall, "i", luxi.JobRunning), failedAt(8, StepReinstall, 2, "OpExecError", "OS create script failed (exited with exit code 1), last lines in the log file:\nSECRET", ""),
		failedAt(9, StepReinstall, 0, "OpPrereqError", "no", luxi.ECodeState), failedAt(10, "harep", 0, "OpExecError", "Can't get data for node x", ""),
	}
	s := withJobs(snapshot("a b:offline"), jobs...)
	saved := NewSaved(s, &Placer{}, DefaultSettings())
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
		if got == nil || got.Outcome != want.Outcome || got.Step != want.Step || got.beganChain() != want.beganChain() {
			t.Errorf("job %d: %+v, want %+v", id, got, want)
		}
	}
	if len(again.Running) != len(s.Running) {
		t.Errorf("%d unfinished jobs, want %d", len(again.Running), len(s.Running))
	}
}

// An assumption is as strict as Ganeti: one flag excludes the other, the master
// has none.
func TestAssumption(t *testing.T) {
	s := snapshot("m a:drained b:offline")
	if err := (Assumption{Offline: []string{"a"}, Drained: []string{"b"}}).apply(s); err != nil {
		t.Fatal(err)
	}
	if a, b := s.Nodes["a"], s.Nodes["b"]; !a.Offline || a.Drained || b.Offline || !b.Drained {
		t.Errorf("%+v, %+v", a, b)
	}
	for _, a := range []Assumption{{Offline: []string{"m"}}, {Drained: []string{"m"}}, {Offline: []string{"x"}}} {
		if err := a.apply(s); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
}
