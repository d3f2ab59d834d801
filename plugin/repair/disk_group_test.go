package repair_test

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// D1: only the verifications of its own group are a sign of an instance: one that was moved to
// another group, or removed, stays in the last list of a group that is verified no more.
func TestSignsOfTheOwnGroup(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "fix-storage")
	s := repairtest.Snapshot("m a b c old@rack2", web)
	var g repair.VerifiedGroup
	g = g.WithDisks(verification(s.Time, 1, 8, "web")).WithDisks(verification(s.Time, 2, 3, "web"))
	o := repair.Observed{Now: s.Time, Verified: repair.Verifications{Groups: map[string]repair.VerifiedGroup{"rack2-uuid": g}}}
	set := repair.DefaultSettings()
	set.Disks = repair.WatchRepair
	s.Disks = o.DiskFacts(set)
	if d := decide(s, web); d.State != repair.StateHealthy {
		t.Errorf("listed by a group that it has left: %s", d.WhyNot())
	}
	o.Verified.Groups = map[string]repair.VerifiedGroup{"rack1-uuid": g}
	s.Disks = o.DiskFacts(set)
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown {
		t.Errorf("listed by its own group: %s", d.WhyNot())
	}
	web.Secondaries = []string{"old"}
	o.Verified.Groups = map[string]repair.VerifiedGroup{"rack2-uuid": g}
	s.Disks = o.DiskFacts(set)
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown {
		t.Errorf("listed by the group of its secondary node: %s", d.WhyNot())
	}
	o.Verified.Groups = map[string]repair.VerifiedGroup{"rack1-uuid": g}
	if len(o.DiskSigns(set)) != 1 {
		t.Error("a group with instances gives no sign")
	}
	o.Unused = map[string]bool{"rack1-uuid": true}
	if len(o.DiskSigns(set)) != 0 {
		t.Error("a group without instances gives a sign")
	}
}

// settlingRepair is a repair whose job has made a disk anew, and a verification after it.
func settlingRepair() (*repair.Snapshot, *repair.Instance, repair.DiskVerification) {
	s, web := signed("", repair.DisksSecondaryLost, 20)
	s.Disks.Signs = nil
	pendingJob(web, "fix-storage")
	job := forRow(repair.StepReplaceDisks, repair.RowRebuild)
	job.Status, job.Ops[0].Status, job.Ended = luxi.JobSuccess, luxi.JobSuccess, s.Time.Add(-10*60e9)
	s = repairtest.WithJobs(s, job)
	v := verification(s.Time, 9, 5)
	s.Disks.Newest = map[string]repair.DiskVerification{s.Nodes["a"].Group: v}
	return s, web, v
}

// D6, S16: a verification from the future, before the clock was set back, proves nothing, and
// what may run on another node is not called mended.
func TestSettlingProvesNothingMore(t *testing.T) {
	s, web, v := settlingRepair()
	if d := decide(s, web); len(d.Settled) != 1 || d.Settled[0].Result.Outcome != "success" {
		t.Fatalf("%s", d.WhyNot())
	}
	v.Begun, v.Ended = s.Time.Unix()+3600, s.Time.Unix()+3605
	s.Disks.Newest[s.Nodes["a"].Group] = v
	if d := decide(s, web); d.Reason != repair.ReasonSettling {
		t.Errorf("verified in the future: %s", d.WhyNot())
	}
	s, web, _ = settlingRepair()
	s.Past.Transfers = map[string]repair.Transfer{web.UUID: {Job: repair.NewJobFact(repairtest.Failed(7, repair.StepMigrate)), Target: "b"}}
	if d := decide(s, web); d.Reason != repair.ReasonWhereabouts || len(d.Settled) != 0 {
		t.Errorf("may run elsewhere: %s", d.WhyNot())
	}
}
