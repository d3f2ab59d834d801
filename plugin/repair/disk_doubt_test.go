package repair_test

import (
	"encoding/json"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// pendingJob gives the instance a pending tag that names job 5.
func pendingJob(i *repair.Instance, typ string) {
	i.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:" + typ + ":r1:1600000000:5"})
}

// forRow is a queued job of ours for the row.
func forRow(step repair.Step, row string) luxi.JobInfo {
	job := repairtest.For("web", repairtest.Job(5, step, "web", luxi.JobQueued))
	for k := range job.Ops {
		job.Ops[k].Reason = []luxi.ReasonEntry{{Source: repair.Source, Text: "repair r1 " + string(step)}, {Source: repair.Source, Text: repair.RowText(row)}}
	}
	return job
}

// P15, D2: a job that waits is taken back once the look that it was submitted for no longer
// tells how the disks are: while the job has the instance, no new one is taken.
func TestTakeBackWithoutALook(t *testing.T) {
	for _, c := range []struct {
		minutes int
		back    bool
	}{{5, false}, {45, true}} {
		s, web := signed("", repair.DisksSecondaryLost, c.minutes)
		pendingJob(web, "fix-storage")
		s = repairtest.WithJobs(s, forRow(repair.StepReplaceDisks, repair.RowRebuild))
		if d := decide(s, web); len(d.TakeBack) == 1 != c.back {
			t.Errorf("%d minutes after the look: taken back %+v: %s", c.minutes, d.TakeBack, d.WhyNot())
		}
	}
}

// P15, P19: a migration that waits is taken back once verifications list its instance: what
// runs without its primary's disk would lose all storage.
func TestTakeBackMigrationOfWhatIsListed(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "migrate")
	web.Live = &repair.Live{Status: "running"}
	pendingJob(web, "migrate")
	s := repairtest.WithJobs(repairtest.Snapshot("m a:drained b c", web), forRow(repair.StepMigrate, ""))
	if d := decide(s, web); len(d.TakeBack) != 0 {
		t.Errorf("taken back %+v", d.TakeBack)
	}
	s.Disks.Fresh = map[string]bool{"web": true}
	if d := decide(s, web); len(d.TakeBack) != 1 {
		t.Errorf("listed, and not taken back: %s", d.WhyNot())
	}
}

// D2: a look tells nothing of a node that was changed since: a node that was offline told
// nothing, and its copies look lost.
func TestLookAtAChangedNode(t *testing.T) {
	s, web := signed("fix-storage", repair.DisksSecondaryLost, 5)
	s.Nodes["b"].Modified = s.Time.Unix() - 120
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || d.Start != nil || !d.Need.Look {
		t.Errorf("%s", d.WhyNot())
	}
	s.Nodes["b"].Modified = s.Time.Unix() - 600
	if d := decide(s, web); d.Start == nil {
		t.Errorf("changed before the look: %s", d.WhyNot())
	}
	// D9: that the primary node was marked offline since does not make its copy whole.
	s, web = signed("failover", repair.DisksSecondaryLost, 5)
	s.Nodes["a"].Offline, s.Nodes["a"].Modified = true, s.Time.Unix()-120
	if d := decide(s, web); d.Reason != repair.ReasonStaleCopy || d.Start != nil {
		t.Errorf("its primary node was lost since: %s", d.WhyNot())
	}
}

// D6: a verification that did not reach a node of the instance does not say that all is well.
func TestSettledByWhatWasReached(t *testing.T) {
	for _, c := range []struct {
		unreached string
		want      repair.State
	}{{"", repair.StateHealthy}, {"c", repair.StateHealthy}, {"b", repair.StatePending}, {"a", repair.StatePending}} {
		web := repairtest.Instance("web", "drbd", "a b", "")
		pendingJob(web, "fix-storage")
		job := forRow(repair.StepReplaceDisks, repair.RowRebuild)
		s := repairtest.Snapshot("m a b c", web)
		job.Status, job.Ended = luxi.JobSuccess, s.Time.Add(-10*time.Minute)
		job.Ops[0].Status = luxi.JobSuccess
		s = repairtest.WithJobs(s, job)
		o := repair.Observed{Now: s.Time, Verified: repair.Verifications{Groups: map[string]repair.VerifiedGroup{}}}
		v := verification(s.Time, 6, 5)
		if c.unreached != "" {
			v.Unreached = []string{s.Nodes[c.unreached].UUID}
		}
		o.Verified.Groups[s.Nodes["a"].Group] = repair.VerifiedGroup{}.WithDisks(v)
		set := repair.DefaultSettings()
		set.Disks = repair.WatchRepair
		s.Disks = o.DiskFacts(set)
		if d := decide(s, web); d.State != c.want {
			t.Errorf("%q not reached: %s, %s", c.unreached, d.State, d.WhyNot())
		}
	}
}

// D1: an instance whose volumes are lost on a node that the newest verification did not
// reach is not well: that one says nothing of it.
func TestSignOnAnUnreachedNode(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var g repair.VerifiedGroup
	for k, minutes := range []int{31, 26, 16, 11, 6, 1} {
		v := verification(now, k+1, minutes)
		switch {
		case minutes > 30:
		case minutes > 5:
			v = verification(now, k+1, minutes, "web")
			v.Lost = map[string][]string{"web": {"b"}}
		default:
			v.Unreached = []string{"b"}
		}
		g = g.WithDisks(v)
	}
	o := repair.Observed{Now: now, Verified: repair.Verifications{Groups: map[string]repair.VerifiedGroup{"g": g}}}
	sign, is := o.DiskSigns(repair.DefaultSettings())["web"]
	if !is || sign.Verified != 4 || len(sign.Lost) != 1 {
		t.Errorf("%v %+v", is, sign)
	}
	o.Roles = []repair.NodeRole{{UUID: "b", Offline: true}}
	if _, is := o.DiskSigns(repair.DefaultSettings())["web"]; is {
		t.Error("the node is offline, and there is a sign")
	}
	o.Roles = nil
	o.Verified.Groups["g"] = g.WithDisks(verification(now, 7, 0))
	if _, is := o.DiskSigns(repair.DefaultSettings())["web"]; is {
		t.Error("reached again and well, and there is a sign")
	}
}

// R1: where the primary node does not answer, whether an instance runs is not known; its
// repair has not ended.
func TestGivenUpOnASilentNode(t *testing.T) {
	for _, status := range []string{"ERROR_nodedown", "ERROR_nodeoffline"} {
		s := gaveUp(1, "drbd", "up", status)
		i := s.Instances[0]
		i.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:failover:r1:1600000000:"})
		if d := decide(s, i); d.Reason != repair.ReasonNoLiveStatus || len(d.Settled) != 0 {
			t.Errorf("%s: %s, %+v", status, d.WhyNot(), d.Settled)
		}
	}
}

// D2: a look is outdated once a job has changed the disks of the instance, or its place,
// after it: nothing is done twice for what a person has mended.
func TestOutdateLooks(t *testing.T) {
	for _, c := range []struct {
		op     string
		status luxi.JobStatus
		ended  int64
		dry    bool
		keep   bool
	}{
		{luxi.OpInstanceReplaceDisks, luxi.JobSuccess, 200, false, false},
		{luxi.OpInstanceFailover, luxi.JobSuccess, 200, false, false},
		{luxi.OpInstanceReplaceDisks, luxi.JobSuccess, 50, false, true},
		{luxi.OpInstanceReplaceDisks, luxi.JobError, 200, false, true},
		{luxi.OpInstanceReplaceDisks, luxi.JobSuccess, 200, true, true},
		{luxi.OpInstanceStartup, luxi.JobSuccess, 200, false, true},
	} {
		job := started(9, c.op, "gnt:client:gnt-instance", "")
		job.Ops[0].Status, job.Ended = c.status, time.Unix(c.ended, 0)
		if c.dry {
			job.Ops[0].Params["dry_run"] = json.RawMessage("true")
		}
		looks := map[string]repair.DiskLook{"web-uuid": {Begun: 100}, "db-uuid": {Begun: 100}}
		repair.OutdateLooks(looks, job)
		if outdated := looks["web-uuid"].Outdated; outdated == c.keep || looks["db-uuid"].Outdated {
			t.Errorf("%+v: outdated %v", c, outdated)
		}
	}
}

// D4, P19: an outdated look lets nothing be done twice, and nothing be migrated: a job may have
// mended one disk of several, and no verification need list the instance.
func TestOutdatedLook(t *testing.T) {
	s, web := signed("fix-storage", repair.DisksPrimaryDiskless, 5)
	look := s.Disks.Looks[web.UUID]
	look.Outdated = true
	s.Disks.Looks[web.UUID] = look
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || d.Start != nil || !d.Need.Look {
		t.Errorf("%s", d.WhyNot())
	}
	s, web = signed("migrate", repair.DisksPrimaryDiskless, 5)
	web.Live = &repair.Live{Status: "running"}
	s.Nodes["a"].Drained, s.Disks.Signs = true, nil
	s.Disks.Looks[web.UUID] = look
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || d.Start != nil || !d.Need.Look {
		t.Errorf("on a drained node: %s", d.WhyNot())
	}
}
