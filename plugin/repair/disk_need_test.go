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

// verification is one of the disks of group g1 that ended so many minutes ago, and what it
// lists.
func verification(now time.Time, job int, minutes int, listed ...string) repair.DiskVerification {
	ended := now.Add(-time.Duration(minutes) * time.Minute).Unix()
	return repair.DiskVerification{Job: luxi.JobID(job), Begun: ended - 1, Ended: ended, Listed: listed}
}

// D1: a sign has to last for disk_grace, and at least two verifications have to list the
// instance; until then it is ganeti-watcher's to activate the disks.
func TestSignsOfBrokenDisks(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, c := range []struct {
		what string
		list []repair.DiskVerification
		want bool
	}{
		{"listed once", []repair.DiskVerification{verification(now, 1, 1, "web")}, false},
		{"listed twice", []repair.DiskVerification{verification(now, 1, 6, "web"), verification(now, 2, 1, "web")}, true},
		{"well 15 minutes ago", []repair.DiskVerification{verification(now, 1, 16), verification(now, 2, 6, "web"), verification(now, 3, 1, "web")}, false},
		{"well half an hour ago", []repair.DiskVerification{verification(now, 1, 31), verification(now, 2, 6, "web"), verification(now, 3, 1, "web")}, true},
		{"well again", []repair.DiskVerification{verification(now, 1, 11, "web"), verification(now, 2, 6, "web"), verification(now, 3, 1)}, false},
		{"the other one", []repair.DiskVerification{verification(now, 1, 6, "db"), verification(now, 2, 1, "db")}, false},
	} {
		var g repair.VerifiedGroup
		for _, v := range c.list {
			g = g.WithDisks(v)
		}
		o := repair.Observed{Now: now, Verified: repair.Verifications{Groups: map[string]repair.VerifiedGroup{"g": g}}}
		if _, got := o.DiskSigns(repair.DefaultSettings())["web"]; got != c.want {
			t.Errorf("%s: sign %v", c.what, got)
		}
	}
}

// D1: what runs although its disks are marked inactive is a sign as well, by the watcher's
// instance-status file alone, and only while that is new.
func TestRunningWithInactiveDisks(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, c := range []struct {
		status string
		age    time.Duration
		want   bool
	}{{"running", time.Minute, true}, {"ERROR_down", time.Minute, false}, {"running", 2 * time.Hour, false}} {
		o := repair.Observed{Now: now, Inactive: []string{"web"}, Status: map[string]string{"web": c.status}, StatusTime: now.Add(-c.age)}
		if _, got := o.DiskSigns(repair.DefaultSettings())["web"]; got != c.want {
			t.Errorf("%s %s ago: sign %v", c.status, c.age, got)
		}
	}
}

// A verification says nothing of the volumes on nodes that it could not reach, though its
// result has them as lost: what was known before is still the last that is known (D9).
func TestLostVolumesOfUnreachedNodes(t *testing.T) {
	result := luxi.VerifiedDisks{NodeErrors: map[string]string{"b": "no route"}, Lost: map[string][]luxi.LostVolume{
		"web": {{NodeUUID: "b", Volume: "xenvg/x"}}, "db": {{NodeUUID: "a", Volume: "xenvg/y"}},
	}}
	v := repair.NewDiskVerification(luxi.JobInfo{ID: 2}, luxi.JobOp{}, result)
	if got := fmt.Sprint(v.Listed, v.Lost, v.Unreached); got != "[db] map[db:[a]] [b]" {
		t.Errorf("%s", got)
	}
	g := repair.VerifiedGroup{Lost: map[string][]string{"old": {"b"}, "gone": {"a"}}}.WithDisks(v)
	if got := fmt.Sprint(g.Lost); got != "map[db:[a] old:[b]]" {
		t.Errorf("%s", got)
	}
}

// signed returns a snapshot in which web, on good nodes, has a sign of broken disks, with a
// look of that condition so many minutes ago; none if the condition is empty.
func signed(policy string, condition repair.DiskCondition, minutes int) (*repair.Snapshot, *repair.Instance) {
	web := repairtest.Instance("web", "drbd", "a b", policy)
	s := repairtest.Snapshot("m a b c", web)
	s.Disks = repair.DiskFacts{Repair: true, Signs: map[string]repair.DiskSign{"web": {Newest: s.Time.Unix() - 600, Verified: 4}}, Looks: map[string]repair.DiskLook{}}
	if condition != "" {
		s.Disks.Looks[web.UUID] = repair.DiskLook{Begun: s.Time.Unix() - int64(60*minutes), Primary: "a", Secondary: "b", Condition: condition, Disks: []int{1}, Detail: "so it is"}
	}
	return s, web
}

func decide(s *repair.Snapshot, i *repair.Instance) repair.Decision {
	return repair.Decide(s, i, repair.DefaultSettings(), func() string { return "p-aaaaaaaa" })
}

// D2 to D5: what a look found decides what is done, and without one nothing is.
func TestNeedsOfBrokenDisks(t *testing.T) {
	for _, c := range []struct {
		policy    string
		condition repair.DiskCondition
		minutes   int
		want      string // reason and step
		look      bool   // one is wanted
	}{
		{"fix-storage", "", 0, "disks-unknown", true},
		{"", "", 0, "no-permission", false},
		{"fix-storage", repair.DisksSecondaryLost, 5, "ready replace-disks", false},
		{"", repair.DisksSecondaryLost, 5, "no-permission", false},
		{"fix-storage", repair.DisksSecondaryLost, 45, "disks-unknown", true},
		{"fix-storage", repair.DisksPrimaryDiskless, 5, "ready replace-on-primary", false},
		{"fix-storage", repair.DisksSyncing, 5, "resyncing", false},
		{"fix-storage", repair.DisksDisconnected, 5, "disconnected", false},
		{"reinstall", repair.DisksDisconnected, 5, "disconnected", false},
		{"reinstall", repair.DisksBroken, 5, "disks-broken", false},
		{"reinstall", repair.DisksLastCopy, 5, "disks-broken", false},
		{"reinstall", repair.DisksMissing, 5, "disk-missing", false},
		{"reinstall", repair.DisksUnclear, 5, "disks-unknown", false},
		{"fix-storage", repair.DisksDisconnected, 15, "disconnected", true},
		{"fix-storage", repair.DisksWell, 5, "healthy", false},
		{"fix-storage", repair.DisksWell, 15, "disks-unknown", true}, // listed again since
	} {
		s, web := signed(c.policy, c.condition, c.minutes)
		d := decide(s, web)
		got := string(d.Reason)
		if d.Start != nil {
			got += " " + string(d.Start.Step)
		}
		if got != c.want {
			t.Errorf("%q %s %d minutes ago: %s, want %s", c.policy, c.condition, c.minutes, got, c.want)
		}
		p := repair.NewPlan(s, &repair.Placer{}, repair.DefaultSettings(), func() string { return "p-aaaaaaaa" })
		if looks := len(p.LooksWanted()) == 1; looks != c.look {
			t.Errorf("%q %s %d minutes ago: a look is wanted: %v", c.policy, c.condition, c.minutes, looks)
		}
	}
}

// D2: a look at nodes that the instance is no longer on tells nothing.
func TestLookBeforeAMove(t *testing.T) {
	s, web := signed("fix-storage", repair.DisksSecondaryLost, 5)
	web.Secondaries = []string{"c"}
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown {
		t.Errorf("%s", d.WhyNot())
	}
}

// D10: unless disks is "repair", nothing is done, and no look wanted.
func TestDisksOnlyReported(t *testing.T) {
	s, web := signed("reinstall", repair.DisksSecondaryLost, 5)
	s.Disks.Repair = false
	if d := decide(s, web); d.State != repair.StateHealthy || d.Start != nil || d.Need.Look {
		t.Errorf("%s", d.WhyNot())
	}
}

// D1: volumes that were lost on a node which the instance has left since are no need: only
// the next verification tells how its disks are now.
func TestLostWhereItWas(t *testing.T) {
	for _, c := range []struct {
		lost     []string
		inactive bool
		want     repair.Reason
	}{
		{[]string{"c"}, false, repair.ReasonHealthy},
		{[]string{"b", "c"}, false, repair.ReasonDisksUnknown},
		{nil, false, repair.ReasonDisksUnknown},
		{[]string{"c"}, true, repair.ReasonDisksUnknown},
	} {
		s, web := signed("fix-storage", "", 0)
		sign := s.Disks.Signs["web"]
		for _, name := range c.lost {
			sign.Lost = append(sign.Lost, s.Nodes[name].UUID)
		}
		sign.Inactive = c.inactive
		s.Disks.Signs["web"] = sign
		if d := decide(s, web); d.Reason != c.want || d.Need.Look != (c.want == repair.ReasonDisksUnknown) {
			t.Errorf("lost on %v: %s", c.lost, d.WhyNot())
		}
	}
}

// D4: the opcode names the disks that are lost, and is not tried a second time.
func TestReplaceOnPrimary(t *testing.T) {
	s, web := signed("fix-storage", repair.DisksPrimaryDiskless, 5)
	p := repair.NewPlan(s, &repair.Placer{}, repair.DefaultSettings(), func() string { return "p-aaaaaaaa" })
	if len(p.Actions) != 1 || p.Actions[0].Job == nil {
		t.Fatalf("%+v", p.Actions)
	}
	op, ok := p.Actions[0].Job.OpCodes[0].(*luxi.InstanceReplaceDisks)
	if !ok || op.Mode != luxi.ReplaceOnPrimary || fmt.Sprint(op.Disks) != "[1]" || op.RemoteNode+op.IAllocator != "" {
		t.Errorf("%+v", op)
	}
	job := repairtest.For("web", repairtest.Failed(5, repair.StepReplaceDisks))
	job.Ops[0].Params["mode"] = []byte(`"replace_on_primary"`)
	web.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:fix-storage:p-aaaaaaaa:1600000000:5"})
	s = repairtest.WithJobs(s, job)
	if d := decide(s, web); d.State != repair.StateFailed {
		t.Errorf("%s %s", d.State, d.WhyNot())
	}
}

// D7: by policy an instance is not mended again within repeat_after; what was asked for is.
func TestFlapping(t *testing.T) {
	s, web := signed("fix-storage", repair.DisksSecondaryLost, 5)
	s.Past.Mended = map[string]map[string]int64{web.UUID: {"r0": s.Time.Add(-23 * time.Hour).Unix()}}
	if d := decide(s, web); d.Reason != repair.ReasonFlapping || d.Start != nil {
		t.Errorf("%s", d.WhyNot())
	}
	s.Past.Mended[web.UUID]["r0"] = s.Time.Add(-25 * time.Hour).Unix()
	if d := decide(s, web); d.Start == nil {
		t.Errorf("a day later: %s", d.WhyNot())
	}
	s.Past.Mended[web.UUID]["r0"] = s.Time.Unix()
	web.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:fix-storage:r-aaaaaaaa:1600000000:"})
	if d := decide(s, web); d.Start == nil {
		t.Errorf("asked for: %s", d.WhyNot())
	}
}

// D8: where a node has lost the disks of more than half of its mirrored instances, and of
// four at least, none of them is repaired.
func TestStorageOfANodeGone(t *testing.T) {
	for _, c := range []struct {
		lost, all int
		gone      bool
	}{{3, 3, false}, {4, 7, true}, {4, 8, false}, {5, 8, true}} {
		var list []*repair.Instance
		lost := make(map[string][]string)
		for n := 0; n < c.all; n++ {
			i := repairtest.Instance(fmt.Sprintf("i%d", n), "drbd", "a b", "fix-storage")
			list = append(list, i)
		}
		s := repairtest.Snapshot("m a b c", list...)
		for n := 0; n < c.lost; n++ {
			lost[list[n].Name] = []string{s.Nodes["b"].UUID}
		}
		s.Disks = repair.DiskFacts{Repair: true, Signs: map[string]repair.DiskSign{"i0": {Verified: 4}}, Lost: lost}
		if d := decide(s, list[0]); (d.Reason == repair.ReasonNodeStorage) != c.gone || c.gone && d.Start != nil {
			t.Errorf("%d of %d: %s", c.lost, c.all, d.WhyNot())
		}
		if c.lost >= 4 != s.Disks.StorageGoneMayBe() {
			t.Errorf("%d of %d: the places of all are wanted: %v", c.lost, c.all, s.Disks.StorageGoneMayBe())
		}
	}
}

// D9: no failover goes by policy to a copy that was known to be lost before; one that was
// asked for does.
func TestStaleCopy(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "failover")
	s := repairtest.Snapshot("m a:offline b c", web)
	s.Disks = repair.DiskFacts{Repair: true, Lost: map[string][]string{"web": {s.Nodes["b"].UUID}}}
	if d := decide(s, web); d.Reason != repair.ReasonStaleCopy || d.Start != nil {
		t.Errorf("%s", d.WhyNot())
	}
	web.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:failover:r-aaaaaaaa:1600000000:"})
	if d := decide(s, web); d.Start == nil {
		t.Errorf("asked for: %s", d.WhyNot())
	}
	web.Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:failover:p-aaaaaaaa:1600000000:", "ganeti:watcher:autorepair:failover"})
	if d := decide(s, web); d.Reason != repair.ReasonStaleCopy || d.Start != nil {
		t.Errorf("pending by policy: %s", d.WhyNot())
	}
	s.Disks.Lost = nil
	if d := decide(s, web); d.Start == nil {
		t.Errorf("with a copy that is whole: %s", d.WhyNot())
	}
}

// P19: what runs without its disk on a drained primary node is not migrated, and before
// that is known of an instance that verifications list, nothing is.
func TestDisklessPrimary(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "migrate")
	web.Live = &repair.Live{Status: "running"}
	s := repairtest.Snapshot("m a:drained b c", web)
	s.Disks.Fresh = map[string]bool{"web": true}
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || !d.Need.Look || d.Start != nil {
		t.Errorf("%s", d.WhyNot())
	}
	s.Disks.Fresh, s.Disks.Signs = nil, map[string]repair.DiskSign{"web": {Inactive: true}}
	if d := decide(s, web); d.Reason != repair.ReasonDisksUnknown || d.Start != nil {
		t.Errorf("with inactive disks: %s", d.WhyNot())
	}
	look := repair.DiskLook{Begun: s.Time.Unix() - 60, Primary: "a", Secondary: "b", Condition: repair.DisksPrimaryDiskless}
	s.Disks.Looks = map[string]repair.DiskLook{web.UUID: look}
	if d := decide(s, web); d.Reason != repair.ReasonDisklessPrimary || d.Start != nil {
		t.Errorf("%s", d.WhyNot())
	}
	look.Condition = repair.DisksWell
	s.Disks.Looks[web.UUID] = look
	if d := decide(s, web); d.Start == nil || d.Start.Step != repair.StepMigrate {
		t.Errorf("%s", d.WhyNot())
	}
}

// D8: where too few instances have lost disks on a node the others are not gone through, as
// this is asked of each instance of the cluster.
func TestStorageGoneLooksAtNoOthers(t *testing.T) {
	web := repairtest.Instance("web", "drbd", "a b", "")
	s := repairtest.Snapshot("a b", web)
	s.Disks.Lost = map[string][]string{"w": {"b-uuid"}, "x": {"b-uuid"}, "y": {"b-uuid"}}
	s.Instances = []*repair.Instance{nil} // whoever goes through them panics
	if node, _ := s.StorageGone(web); node != "" {
		t.Errorf("the storage of %s is gone", node)
	}
}
