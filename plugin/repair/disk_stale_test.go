package repair_test

import (
	"fmt"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// D9: what a look has said of the surviving copy holds however long ago the primary node was
// lost: nobody makes that copy whole meanwhile.
func TestStaleCopyHoldsOn(t *testing.T) {
	for _, condition := range []repair.DiskCondition{repair.DisksSecondaryLost, repair.DisksBroken} {
		for _, minutes := range []int{5, 45, 600} {
			s, web := signed("failover", condition, minutes)
			look := s.Disks.Looks[web.UUID]
			look.Lost = []string{"b"}
			s.Disks.Looks[web.UUID] = look
			s.Nodes["a"].Offline = true
			s.Disks.Signs = nil
			if d := decide(s, web); d.Reason != repair.ReasonStaleCopy || d.Start != nil {
				t.Errorf("%s %d minutes ago: %s", condition, minutes, d.WhyNot())
			}
		}
	}
}

// D9: a verification that cannot ask the primary node, as that is offline, does not list a copy
// whose volumes are there and are not in use: it is no better for that.
func TestDisklessCopyIsStale(t *testing.T) {
	for _, diskless := range []bool{true, false} {
		s, web := signed("failover", repair.DisksSecondaryLost, 20)
		look := s.Disks.Looks[web.UUID]
		if look.Lost = []string{"b"}; diskless {
			look.Diskless = []string{"b"}
		}
		s.Disks.Looks[web.UUID] = look
		on := true
		web.DisksActive, s.Nodes["a"].Offline, s.Disks.Signs, s.Disks.Fresh = &on, true, nil, nil
		v := verification(s.Time, 9, 5)
		v.Unreached = []string{s.Nodes["a"].UUID}
		s.Disks.Newest = map[string]repair.DiskVerification{s.Nodes["a"].Group: v}
		if d := decide(s, web); (d.Reason == repair.ReasonStaleCopy) != diskless {
			t.Errorf("diskless %v: %s", diskless, d.WhyNot())
		}
	}
}

// D9: once a verification that reached both nodes does not list it, a copy that drbd did not
// use is mended, also after the primary node is lost.
func TestMendedLooks(t *testing.T) {
	for what, c := range map[string]struct {
		minutes   int // before now
		unreached string
		inactive  bool
		listed    []string
		want      bool
	}{
		"mended":              {minutes: 5, want: true},
		"before the look":     {minutes: 25},
		"primary not asked":   {minutes: 5, unreached: "a"},
		"secondary not asked": {minutes: 5, unreached: "b"},
		"another not asked":   {minutes: 5, unreached: "c", want: true},
		"inactive disks":      {minutes: 5, inactive: true},
		"listed":              {minutes: 5, listed: []string{"web"}},
	} {
		s, web := signed("failover", repair.DisksSecondaryLost, 20)
		look := s.Disks.Looks[web.UUID]
		look.Lost, look.Diskless = []string{"b"}, []string{"b"}
		s.Disks.Looks[web.UUID] = look
		active := !c.inactive
		v := verification(s.Time, 9, c.minutes, c.listed...)
		if c.unreached != "" {
			v.Unreached = []string{s.Nodes[c.unreached].UUID}
		}
		web.DisksActive, s.Disks.Signs, s.Disks.Newest = &active, nil, map[string]repair.DiskVerification{s.Nodes["a"].Group: v}
		repair.Verifications{Looks: s.Disks.Looks}.NoteMended(s)
		if look := s.Disks.Looks[web.UUID]; (look.Lost == nil) != c.want {
			t.Errorf("%s: %+v", what, look)
		}
		s.Nodes["a"].Offline, s.Disks.Fresh = true, nil
		v.Unreached = []string{s.Nodes["a"].UUID}
		s.Disks.Newest[s.Nodes["a"].Group] = v
		if d := decide(s, web); c.listed == nil && (d.Reason == repair.ReasonStaleCopy) == c.want {
			t.Errorf("%s, once its primary node is offline: %s", what, d.WhyNot())
		}
	}
}

// P19: what was last seen to run without its primary's disk is looked at again before a
// migration, however old that look is, and though no verification lists it by its new name.
func TestDisklessPrimaryIsNotForgotten(t *testing.T) {
	for minutes, want := range map[int]repair.Reason{5: repair.ReasonDisklessPrimary, 45: repair.ReasonDisksUnknown} {
		s, web := signed("migrate", repair.DisksPrimaryDiskless, minutes)
		s.Nodes["a"].Drained = true
		s.Disks.Signs = nil
		if d := decide(s, web); d.Reason != want || d.Start != nil {
			t.Errorf("%d minutes after the look: %s", minutes, d.WhyNot())
		}
	}
}

// P19: a verification that did not reach the primary node says nothing of its disks.
func TestUnseenPrimaryIsLookedAtBeforeAMigration(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "migrate")
	s := repairtest.Snapshot("m a:drained b c", web)
	v := verification(s.Time, 9, 5)
	s.Disks.Newest = map[string]repair.DiskVerification{s.Nodes["a"].Group: v}
	if d := decide(s, web); d.Start == nil {
		t.Errorf("%s", d.WhyNot())
	}
	v.Unreached = []string{s.Nodes["a"].UUID}
	s.Disks.Newest[s.Nodes["a"].Group] = v
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || !d.Need.Look || d.Start != nil {
		t.Errorf("not reached: %s", d.WhyNot())
	}
}

// D7: a repair that policy began for a lost node does not go on to what policy would not begin
// again yet, on good nodes; one that somebody asked for does.
func TestFlappingWithinARepair(t *testing.T) {
	for _, row := range []struct {
		id, mendedBy string
		want         repair.Reason
	}{
		{"p-aaaaaaaa", "p-bbbbbbbb", repair.ReasonFlapping},
		{"p-aaaaaaaa", "p-aaaaaaaa", repair.ReasonReady},
		{"q-aaaaaaaa", "p-bbbbbbbb", repair.ReasonReady},
	} {
		s, web := signed("", repair.DisksSecondaryLost, 5)
		web.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:failover:" + row.id + ":1600000000:5", "ganeti:watcher:autorepair:failover"})
		s.Past.Mended = map[string]map[string]int64{web.UUID: {row.mendedBy: s.Time.Unix() - 3600}}
		job := repairtest.For("web", repairtest.Job(5, repair.StepFailover, "web", luxi.JobSuccess))
		s = repairtest.WithJobs(s, job)
		if d := decide(s, web); d.Reason != row.want {
			t.Errorf("%s, mended by %s: %s", row.id, row.mendedBy, d.WhyNot())
		}
	}
}

// S15: a repair whose replace-disks left half a copy, and whose migration waits for disks of
// which no look can tell what is wrong, ends, instead of waiting for ever.
func TestMigrationToHalfACopyEnds(t *testing.T) {
	for _, condition := range []repair.DiskCondition{repair.DisksUnclear, repair.DisksWell} {
		s, web := signed("migrate", condition, 5)
		s.Nodes["a"].Drained = true
		pendingJob(web, "migrate")
		job := repairtest.For("web", repairtest.Failed(5, repair.StepReplaceDisks))
		s = repairtest.WithJobs(s, job)
		if d := decide(s, web); (d.State == repair.StateFailed) != (condition == repair.DisksUnclear) {
			t.Errorf("%s: %s: %s", condition, d.State, d.WhyNot())
		}
	}
}

// P15, D9: the failover to an incomplete copy that somebody asked for is not taken back for
// what was known when it was asked for.
func TestAskedForStaleCopyIsNotTakenBack(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "")
	pendingJob(web, "failover")
	s := repairtest.WithJobs(repairtest.Snapshot("m a:offline b c", web), forRow(repair.StepFailover, ""))
	s.Disks = repair.DiskFacts{Repair: true, Lost: map[string][]string{"web": {s.Nodes["b"].UUID}}}
	if d := decide(s, web); len(d.TakeBack) != 0 {
		t.Errorf("taken back: %+v", d.TakeBack)
	}
	// What began by policy has no such word of anybody, and what version 0.1.0 began may have.
	for _, id := range []string{"p-aaaaaaaa", "aaaaaaaa"} {
		web.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:failover:" + id + ":1600000000:5", "ganeti:watcher:autorepair:failover"})
		if d := decide(s, web); len(d.TakeBack) != 1 {
			t.Errorf("%s, and not taken back: %s", id, d.WhyNot())
		}
	}
}

// P19: what runs with inactive disks is looked at before a migration whatever the setting
// disks says, and what a look cannot tell is not migrated.
func TestInactiveDisksAreLookedAtBeforeAMigration(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "migrate")
	s := repairtest.Snapshot("m a:drained b c", web)
	off := false
	web.DisksActive = &off
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || !d.Need.Look || d.Start != nil {
		t.Errorf("%s", d.WhyNot())
	}
	look := repair.DiskLook{Begun: s.Time.Unix() - 60, Primary: "a", Secondary: "b", Condition: repair.DisksUnclear}
	s.Disks.Looks = map[string]repair.DiskLook{web.UUID: look}
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || d.Start != nil {
		t.Errorf("unclear: %s", d.WhyNot())
	}
	look.Condition = repair.DisksWell
	s.Disks.Looks[web.UUID] = look
	if d := decide(s, web); d.Start == nil || d.Start.Step != repair.StepMigrate {
		t.Errorf("well: %s", d.WhyNot())
	}
}

// P11, P21: where the node group has no node that could take it, nothing is begun, as for the
// rows of bad nodes.
func TestOnGoodNodesWithoutATarget(t *testing.T) {
	s, web := signed("fix-storage", repair.DisksSecondaryLost, 5)
	s.Nodes["c"].VMCapable, s.Nodes["m"].VMCapable = false, false
	if d := decide(s, web); d.Reason != repair.ReasonNoTarget || d.Start != nil {
		t.Errorf("a new copy: %s", d.WhyNot())
	}
	s = gaveUp(1, "rbd", "up", "ERROR_down")
	i := s.Instances[0]
	for name, n := range s.Nodes {
		n.VMCapable = name == i.Primary
	}
	if d := decide(s, i); d.Reason != repair.ReasonNoTarget || d.Start != nil {
		t.Errorf("shared storage: %s", d.WhyNot())
	}
	s = gaveUp(1, "drbd", "up", "ERROR_down")
	i = s.Instances[0]
	s.Nodes[i.Secondaries[0]].VMCapable = false
	if d := decide(s, i); d.Reason != repair.ReasonNoTarget || d.Start != nil {
		t.Errorf("mirrored: %s", d.WhyNot())
	}
}

// D2, C5: an unreachable node fails the whole look, so the instances that have a disk there
// do not keep others from being looked at.
func TestLooksApartFromSilentNodes(t *testing.T) {
	var list []*repair.Instance
	signs := make(map[string]repair.DiskSign)
	for k, nodes := range []string{"a b", "b c", "a c", "c a"} {
		i := repairtest.Instance(fmt.Sprintf("i%d", k), "drbd", nodes, "fix-storage")
		list, signs[i.Name] = append(list, i), repair.DiskSign{Newest: 1, Verified: 2}
	}
	s := repairtest.Snapshot("m a b c", list...)
	s.Disks = repair.DiskFacts{Repair: true, Signs: signs, Newest: map[string]repair.DiskVerification{s.Nodes["b"].Group: {Ended: s.Time.Unix() - 120, Unreached: []string{s.Nodes["b"].UUID}}}}
	p := repair.NewPlan(s, &repair.Placer{}, repair.DefaultSettings(), func() string { return "p-aaaaaaaa" })
	got := ""
	for _, i := range p.LooksWanted() {
		got += i.Name + " "
	}
	if got != "i2 i3 " {
		t.Errorf("looked at: %s", got)
	}
}

// D8: a fresh look at the instances of a wave alone does not know all that a node has.
func TestStorageGoneInAPartOfTheCluster(t *testing.T) {
	var list []*repair.Instance
	for n := 0; n < 12; n++ {
		list = append(list, repairtest.Instance(fmt.Sprintf("i%d", n), "drbd", "a b", "fix-storage"))
	}
	s := repairtest.Snapshot("m a b c", list...)
	s.Disks = repair.DiskFacts{Repair: true, Signs: map[string]repair.DiskSign{}, Lost: map[string][]string{}, Looks: map[string]repair.DiskLook{}}
	for _, i := range list[:4] {
		s.Disks.Signs[i.Name] = repair.DiskSign{Newest: s.Time.Unix() - 600, Verified: 2}
		s.Disks.Lost[i.Name] = []string{s.Nodes["b"].UUID}
		s.Disks.Looks[i.UUID] = repair.DiskLook{Begun: s.Time.Unix() - 60, Primary: "a", Secondary: "b", Condition: repair.DisksSecondaryLost}
	}
	if d := decide(s, list[0]); d.Start == nil {
		t.Fatalf("%s", d.WhyNot())
	}
	part := *s
	part.Instances, part.Whole = list[:4], s
	if d := decide(&part, list[0]); d.Start == nil {
		t.Errorf("in a part: %s", d.WhyNot())
	}
}

// D9: a copy that the watcher has mended since the look is no stale one: a later verification
// that reached it does not list the instance. What is marked inactive no verification lists.
func TestStaleCopyIsMended(t *testing.T) {
	on, off := true, false
	for _, c := range []struct {
		what  string
		alter func(v *repair.DiskVerification, web *repair.Instance)
		stale bool
	}{
		{"verified since", func(*repair.DiskVerification, *repair.Instance) {}, false},
		{"listed", func(v *repair.DiskVerification, _ *repair.Instance) { v.Listed = []string{"web"} }, true},
		{"verified before", func(v *repair.DiskVerification, _ *repair.Instance) { v.Begun -= 3600 }, true},
		{"not reached", func(v *repair.DiskVerification, _ *repair.Instance) { v.Unreached = []string{"b-uuid"} }, true},
		{"inactive", func(_ *repair.DiskVerification, web *repair.Instance) { web.DisksActive = &off }, true},
		{"perhaps inactive", func(_ *repair.DiskVerification, web *repair.Instance) { web.DisksActive = nil }, true},
	} {
		s, web := signed("failover", repair.DisksBroken, 45)
		look := s.Disks.Looks[web.UUID]
		look.Lost = []string{"b"}
		s.Disks.Looks[web.UUID] = look
		s.Nodes["a"].Offline, s.Disks.Signs, web.DisksActive = true, nil, &on
		v := repair.DiskVerification{Job: 9, Begun: s.Time.Unix() - 600, Ended: s.Time.Unix() - 595}
		c.alter(&v, web)
		s.Disks.Newest = map[string]repair.DiskVerification{s.Nodes["b"].Group: v}
		if d := decide(s, web); (d.Reason == repair.ReasonStaleCopy) != c.stale || (d.Start == nil) != c.stale {
			t.Errorf("%s: %s", c.what, d.WhyNot())
		}
	}
}

// D4, D9: what changes the numbers of disks outdates a look, as it names disks by number; a
// copy that was lost is lost until a job has made it anew.
func TestOutdateLooksByOtherJobs(t *testing.T) {
	for _, c := range []struct {
		op, mode string
		lost     bool
	}{
		{luxi.OpInstanceSetParams, "", true}, {luxi.OpInstanceGrowDisk, "", true},
		{luxi.OpInstanceReplaceDisks, "replace_on_primary", true}, {luxi.OpInstanceReplaceDisks, "replace_on_secondary", false},
		{luxi.OpInstanceMigrate, "", false},
	} {
		job := started(9, c.op, "gnt:client:gnt-instance", "")
		job.Ops[0].Params["mode"] = repairtest.Text(c.mode)
		job.Ended = time.Unix(200, 0)
		looks := map[string]repair.DiskLook{"web-uuid": {Begun: 100, Lost: []string{"b"}}}
		repair.OutdateLooks(looks, job)
		if look := looks["web-uuid"]; !look.Outdated || len(look.Lost) == 1 != c.lost {
			t.Errorf("%s %s: %+v", c.op, c.mode, look)
		}
	}
}

// D8: what verifications and looks have found on a node is added up.
func TestStorageGoneMayBeByBoth(t *testing.T) {
	f := repair.DiskFacts{Signs: map[string]repair.DiskSign{"i0": {}}, Lost: map[string][]string{"i0": {"b-uuid"}, "i1": {"b-uuid"}}, Looks: map[string]repair.DiskLook{
		"i2-uuid": {Condition: repair.DisksSecondaryLost, Secondary: "b"}, "i3-uuid": {Condition: repair.DisksPrimaryDiskless, Primary: "b"},
	}}
	if !f.StorageGoneMayBe() {
		t.Error("two and two are not four")
	}
	delete(f.Looks, "i3-uuid")
	if f.StorageGoneMayBe() {
		t.Error("three are four")
	}
}

// P19, D4: a disk that was made anew for a running instance with inactive disks is whole, though
// its job ends with an error: it waits for a verification, and is no failure.
func TestReplacedOnPrimaryWithInactiveDisks(t *testing.T) {
	s, web := signed("", repair.DisksPrimaryDiskless, 5)
	pendingJob(web, "fix-storage")
	job := forRow(repair.StepReplaceDisks, repair.RowPrimary)
	job.Status, job.Started, job.Ended = luxi.JobError, s.Time.Add(-10*time.Minute), s.Time.Add(-time.Minute)
	op := &job.Ops[0]
	op.Status, op.Params["mode"] = luxi.JobError, repairtest.Text("replace_on_primary")
	op.Result.Err = &luxi.Error{Class: "OpPrereqError", Message: "Instance 'web' is marked to be up, cannot shutdown disks", Code: luxi.ECodeState}
	f := repair.NewJobFact(job)
	if !f.WantsLog() {
		t.Error("its log is not read")
	}
	for copied, want := range map[bool]repair.Reason{true: repair.ReasonSettling, false: repair.ReasonFailed} {
		s.Jobs[job.ID] = f.WithLog(repair.LogFact{Copied: copied})
		if d := decide(s, web); d.Reason != want {
			t.Errorf("copied %v: %s", copied, d.WhyNot())
		}
	}
}
