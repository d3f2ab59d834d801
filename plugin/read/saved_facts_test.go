package read_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// savedAndRead writes a snapshot to a file and reads it again.
func savedAndRead(t *testing.T, s *repair.Snapshot, set repair.Settings) (*read.Saved, *repair.Snapshot) {
	t.Helper()
	var b bytes.Buffer
	if err := read.NewSaved(s, &repair.Placer{}, set).Write(&b); err != nil {
		t.Fatal(err)
	}
	saved, err := read.ReadSaved(&b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := saved.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return saved, again
}

// X1: a file has everything that version 0.1.0 did not save and a plan is made from now.
func TestSavedFacts(t *testing.T) {
	s := repairtest.Snapshot("a b:offline c:drained", repairtest.Instance("web", "drbd", "a b", ""))
	s.Cluster.Slots, s.NewestJob, s.NewestKnown = 7, 90, true
	s.Nodes["b"].Tags = tagstore.Parse(luxi.TagNode, []string{"ganeti:watcher:autorepair:fenced:1700000000"})
	s.Nodes["b"].Modified = 1699999000
	active := false
	web := s.Instances[0]
	web.AlwaysFailover, web.Hypervisor, web.DisksActive = true, "lxc", &active
	s.Rules = []luxi.FilterRule{{UUID: "f", Priority: 3, Watermark: 12, Predicates: json.RawMessage(`[["jobid",[">","id",0]]]`), Action: luxi.FilterRateLimit, Limit: 2}}
	migrated := repairtest.Failed(12, repair.StepMigrate)
	migrated.Ops[0].Params["instance_uuid"], _ = json.Marshal(web.UUID)
	s.PastJobs = []*repair.JobFact{repair.NewJobFact(migrated).WithLog(repair.LogFact{Target: "c", Transferred: true})}
	s.TakenBack = map[luxi.JobID]bool{77: true}
	s.Disks = repair.DiskFacts{
		Repair: true, Relocate: true, RestartTries: 5,
		Signs:  map[string]repair.DiskSign{"web": {Since: 1, Newest: 2, Verified: 3, Lost: []string{"b"}}},
		Looks:  map[string]repair.DiskLook{web.UUID: {Job: 4, Begun: 5, Primary: "a", Secondary: "b", Condition: repair.DisksSecondaryLost, Disks: []int{0}, Detail: "lost"}},
		Starts: map[string]repair.StartTries{web.UUID: {Failed: 5, Since: 6, Newest: 8, Job: 7, Name: "web", Detail: "no"}},
	}
	s.Said = []repair.Acknowledgement{{Job: 14, UUID: "other", Intact: true}}
	s.Past = repair.NewPast(s.PastJobs, s.Said)
	mended := repairtest.Done(13, repair.StepReplaceDisks)
	mended.Ops[0].Params["instance_uuid"], mended.Ended = repairtest.Text(web.UUID), time.Unix(1699998000, 0)
	mended.Ops[0].Reason = append(mended.Ops[0].Reason, luxi.ReasonEntry{Source: repair.Source, Text: "row D3"})
	s.PastJobs = append(s.PastJobs, repair.NewJobFact(mended))
	s.Past = repair.NewPast(s.PastJobs, s.Said)
	set := repair.DefaultSettings()
	set.Interval, set.MaxCopying, set.ReplaceDisksAfter, set.Fence = 3*time.Minute, 2, time.Hour, "oob"

	saved, again := savedAndRead(t, s, set)
	var applied repair.Settings
	saved.Apply(&applied)
	applied.PassTimeout, applied.Marking = set.PassTimeout, set.Marking // no plan depends on them
	if !reflect.DeepEqual(applied, set) {
		t.Errorf("settings %+v, want %+v", applied, set)
	}
	if again.Past.Mended[web.UUID][""] != 1699998000 {
		t.Errorf("mended %v", again.Past.Mended)
	}
	if !reflect.DeepEqual(again.Disks, s.Disks) {
		t.Errorf("disks %+v, want %+v", again.Disks, s.Disks)
	}
	got, want := again.Nodes["b"], s.Nodes["b"]
	if !reflect.DeepEqual(got.Tags.List(), want.Tags.List()) || got.Modified != want.Modified {
		t.Errorf("node %+v, want %+v", got, want)
	}
	x := again.Instances[0]
	if !x.AlwaysFailover || x.Hypervisor != "lxc" || x.DisksActive == nil || *x.DisksActive {
		t.Errorf("instance %+v", x)
	}
	if again.Cluster.Slots != 7 || again.NewestJob != 90 || !again.NewestKnown {
		t.Errorf("%d slots, newest job %d, %t", again.Cluster.Slots, again.NewestJob, again.NewestKnown)
	}
	var rule bytes.Buffer // written with indentation
	if len(again.Rules) != 1 || json.Compact(&rule, again.Rules[0].Predicates) != nil {
		t.Fatalf("filters %+v", again.Rules)
	}
	again.Rules[0].Predicates = rule.Bytes()
	if !reflect.DeepEqual(again.Rules, s.Rules) || !reflect.DeepEqual(again.Said, s.Said) {
		t.Errorf("filters %+v, acknowledged %+v", again.Rules, again.Said)
	}
	if len(again.TakenBack) != 1 || !again.TakenBack[77] {
		t.Errorf("taken back: %v", again.TakenBack)
	}
	if moved, is := again.Past.Transfer(x); !is || moved.Target != "c" || moved.Job.Info.ID != 12 {
		t.Errorf("what job 12 left behind: %+v", again.Past.Transfers)
	}
	if unknown := saved.Unknown(); unknown != "" {
		t.Errorf("not known: %s", unknown)
	}
}

// X1: what a file of version 0.1.0 does not have is not known, and told.
func TestSavedByOlderVersion(t *testing.T) {
	saved, err := read.ReadSaved(strings.NewReader(`{"version":1,"groups":[{"name":"g","uuid":"g"}],"nodes":[{"name":"n","group":"g"}],"instances":[{"name":"i","primary_node":"n"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := saved.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if i := s.Instances[0]; i.DisksActive != nil || i.Hypervisor != "" || s.NewestKnown || s.Nodes["n"].Modified != 0 {
		t.Errorf("%+v, newest job known: %t", i, s.NewestKnown)
	}
	set := repair.DefaultSettings()
	saved.Apply(&set)
	if set.MaxCopying != repair.DefaultSettings().MaxCopying || set.Fence != repair.NoFence {
		t.Errorf("settings %+v", set)
	}
	want := "the setting fence, the tags of nodes, whether instances can be migrated, job filters, what earlier jobs left behind"
	if got := saved.Unknown(); got != want {
		t.Errorf("not known: %s\nwant %s", got, want)
	}
}
