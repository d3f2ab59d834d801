package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// C1, C2: a repair job that a dead pass left held is canceled where it waits;
// its gate never is, which would release it. Held jobs of others stay.
func TestEndRepairsHeld(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2 template=rbd "+simtest.Tags("pending:failover:x:5:")+"\ninstance other nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	p := r.newPass()
	hold := p.Settings.PassTimeout
	i := &repair.Instance{Name: "i", UUID: r.Instance("i").UUID}
	other := &repair.Instance{Name: "other", UUID: r.Instance("other").UUID}
	var jobs [][]luxi.OpCode
	var marks []repair.Mark
	for _, x := range []*repair.Instance{i, other} {
		m := repair.Mark{Kind: repair.MarkRepair, ID: "x" + x.Name, Step: repair.StepFailover}
		jobs = append(jobs, []luxi.OpCode{&luxi.InstanceFailover{Common: luxi.Common{Reason: repair.Trail(m, repair.Limit{}, p.Now())}, InstanceName: x.Name, InstanceUUID: x.UUID, IAllocator: "."}})
		marks = append(marks, m)
	}
	_, held, errs, err := p.submitHeld(simtest.Background, 0, hold, jobs, marks)
	if err != nil || errs[0] != nil || errs[1] != nil {
		t.Fatal(err, errs)
	}
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: repairtest.ParsedTags(r.Instance("i").Tags)}
	for _, dry := range []bool{true, false} {
		ids, err := p.EndRepairs(simtest.Background, o, dry)
		if err != nil || len(ids) != 1 || ids[0] != held[0].Job {
			t.Errorf("dry %v: %v, %v, want job %d alone", dry, ids, err, held[0].Job)
		}
		want := map[bool]string{true: "queued", false: "canceled"}[dry]
		if s := r.Master.Job(int64(held[0].Job)).Status; s != want {
			t.Errorf("dry %v: the repair job is %s", dry, s)
		}
	}
	for _, h := range held {
		if s := r.Master.Job(int64(h.Gate)).Status; s != "queued" {
			t.Errorf("gate %d is %s", h.Gate, s)
		}
	}
	if s := r.Master.Job(int64(held[1].Job)).Status; s != "queued" {
		t.Errorf("the other's job is %s", s)
	}
	r.Quiet()
	r.WantRepairs("")
}

// A tag that names somebody else's job does not have it canceled; a job of
// another program that works on the instance and that the tag names is one of
// the repair, as is a tag job that a dead pass left behind.
func TestEndRepairsOfOthers(t *testing.T) {
	r := newRig(t, "cluster c max-running-jobs=1"+simtest.FourNodes+"instance i nodes=node1\ninstance other nodes=node1\ninstance a nodes=node1")
	hanging := r.hang("a")
	p := r.newPass()
	submit := func(op luxi.OpCode) luxi.JobID {
		id, err := p.Client.SubmitJob(simtest.Background, []luxi.OpCode{op})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	foreign := submit(&luxi.InstanceShutdown{InstanceName: "other"})
	harep := submit(&luxi.InstanceFailover{InstanceName: "i"})
	busy := submit(&luxi.InstanceStartup{InstanceName: "i"})
	common := luxi.Common{Reason: repair.Trail(repair.Mark{Kind: repair.MarkTags, ID: "x"}, repair.Limit{}, p.Now())}
	left := submit(&luxi.TagsSet{Common: common, Kind: luxi.TagInstance, Name: "i", Tags: repairtest.WithPrefix("pending:migrate:z:1:")})
	steer := submit(&luxi.TagsSet{Common: luxi.Common{Reason: []luxi.ReasonEntry{{Source: repair.Source, Text: repair.SteerMark("suspend"), Time: p.Now()}}}, Kind: luxi.TagInstance, Name: "i", Tags: repairtest.WithPrefix("suspend")})
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: repairtest.ParsedTags(repairtest.WithPrefix("pending:failover:x:5:" + simtest.Itoa(int64(foreign)) + "+" + simtest.Itoa(int64(harep))))}
	ids, err := p.EndRepairs(simtest.Background, o, false)
	if err != nil || len(ids) != 2 || ids[0] != harep || ids[1] != left {
		t.Errorf("%v, %v, want jobs %d and %d", ids, err, harep, left)
	}
	for id, want := range map[luxi.JobID]string{foreign: "queued", harep: "canceled", busy: "queued", left: "canceled", steer: "queued"} {
		if s := r.Master.Job(int64(id)).Status; s != want {
			t.Errorf("job %d is %s, want %s", id, s, want)
		}
	}
	// One that runs is left as it is.
	r.Master.OnOpcode(nil)
	running := tagstore.Object{Kind: luxi.TagInstance, Name: "a", Tags: repairtest.ParsedTags(repairtest.WithPrefix("pending:failover:x:5:" + simtest.Itoa(hanging)))}
	if _, err := p.EndRepairs(simtest.Background, running, false); err == nil || !strings.Contains(err.Error(), "has begun and cannot be canceled") {
		t.Errorf("%v", err)
	}
	r.Master.Continue(hanging)
	r.Master.Advance(time.Second)
}

// C3: a tag job that a dead pass left behind has written the tags of another
// instance and waits for the lock of this one: it is canceled all the same, and does
// not write the tag of a repair that was given up. The one that it has written stays.
func TestEndRepairsSharedTagJob(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node1\ninstance other nodes=node1")
	hanging := r.hang("i")
	p := r.newPass()
	var ops []luxi.OpCode
	for _, name := range []string{"other", "i"} {
		common := luxi.Common{Reason: repair.Trail(repair.Mark{Kind: repair.MarkTags, ID: "x" + name}, repair.Limit{}, p.Now())}
		ops = append(ops, &luxi.TagsSet{Common: common, Kind: luxi.TagInstance, Name: name, Tags: repairtest.WithPrefix("pending:migrate:x" + name + ":1:")})
	}
	id, err := p.Client.SubmitJob(simtest.Background, ops)
	if err != nil {
		t.Fatal(err)
	}
	r.Master.Advance(2 * time.Second)
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i"}
	ids, err := p.EndRepairs(simtest.Background, o, false)
	if err != nil || len(ids) != 1 || ids[0] != id {
		t.Errorf("%v, %v, want job %d", ids, err, id)
	}
	o.Name = "other"
	if ids, err := p.EndRepairs(simtest.Background, o, false); err != nil || len(ids) != 0 {
		t.Errorf("of the other: %v, %v", ids, err)
	}
	r.Master.OnOpcode(nil)
	r.Master.Continue(hanging)
	r.Master.RunUntilQuiet()
	r.WantTags("i", "")
	r.WantTags("other", "pending:migrate:xother:1:")
}

// C5: a tag job that has written the instance's tags, and waits for the lock of
// another one, does not keep the instance's repair from being given up.
func TestEndRepairsWrittenAlready(t *testing.T) {
	r := newRig(t, "cluster c"+simtest.FourNodes+"instance i nodes=node1\ninstance other nodes=node1")
	hanging := r.hang("other")
	p := r.newPass()
	common := luxi.Common{Reason: repair.Trail(repair.Mark{Kind: repair.MarkTags, ID: "x"}, repair.Limit{}, p.Now())}
	id, err := p.Client.SubmitJob(simtest.Background, []luxi.OpCode{
		&luxi.TagsSet{Common: common, Kind: luxi.TagInstance, Name: "i", Tags: repairtest.WithPrefix("pending:migrate:x:1:")},
		&luxi.TagsSet{Common: common, Kind: luxi.TagInstance, Name: "other", Tags: repairtest.WithPrefix("pending:migrate:y:1:")},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Master.Advance(2 * time.Second)
	if ids, err := p.EndRepairs(simtest.Background, tagstore.Object{Kind: luxi.TagInstance, Name: "i"}, false); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	if s := r.Master.Job(int64(id)).Status; s != "waiting" {
		t.Errorf("the tag job is %s", s)
	}
	r.Master.OnOpcode(nil)
	r.Master.Continue(hanging)
	r.Master.RunUntilQuiet()
}
