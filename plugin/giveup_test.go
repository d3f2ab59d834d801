package plugin

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// C1, C2: a repair job that a dead pass left held is canceled where it waits;
// its gate never is, which would release it. Held jobs of others stay.
func TestEndRepairsHeld(t *testing.T) {
	r := newRig(t, "cluster c"+fourNodes+"instance i nodes=node2 template=rbd "+tags("pending:failover:x:5:")+"\ninstance other nodes=node2 template=rbd")
	r.m.Edit(broken("node2:offline"))
	p := r.newPass()
	hold := p.Settings.PassTimeout
	i := &Instance{Name: "i", UUID: r.instance("i").UUID}
	other := &Instance{Name: "other", UUID: r.instance("other").UUID}
	var jobs [][]luxi.OpCode
	var marks []mark
	for _, x := range []*Instance{i, other} {
		m := mark{Kind: markRepair, ID: "x" + x.Name, Step: StepFailover}
		jobs = append(jobs, opcodes(StepFailover, x, place{IAllocator: "."}, m, 0, p.Now()))
		marks = append(marks, m)
	}
	_, held, errs, err := p.submitHeld(background, hold, jobs, marks)
	if err != nil || errs[0] != nil || errs[1] != nil {
		t.Fatal(err, errs)
	}
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: parsedTags(r.instance("i").Tags)}
	for _, dry := range []bool{true, false} {
		ids, err := p.EndRepairs(background, o, dry)
		if err != nil || len(ids) != 1 || ids[0] != held[0].Job {
			t.Errorf("dry %v: %v, %v, want job %d alone", dry, ids, err, held[0].Job)
		}
		want := map[bool]string{true: "queued", false: "canceled"}[dry]
		if s := r.m.Job(int64(held[0].Job)).Status; s != want {
			t.Errorf("dry %v: the repair job is %s", dry, s)
		}
	}
	for _, h := range held {
		if s := r.m.Job(int64(h.Gate)).Status; s != "queued" {
			t.Errorf("gate %d is %s", h.Gate, s)
		}
	}
	if s := r.m.Job(int64(held[1].Job)).Status; s != "queued" {
		t.Errorf("the other's job is %s", s)
	}
	r.quiet()
	r.wantRepairs("")
}
