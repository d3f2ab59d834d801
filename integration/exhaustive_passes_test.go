package integration_test

import (
	"testing"

	"ganeti-autorepair/plugin/repair"
)

// after is what is recorded once a decision is carried out: results and the
// pending tag added, what is to go gone. The step's job, if one is given, is
// named by the pending tag; without one the repair waits for room (S4).
func (r *situation) after(d repair.Decision, job ...pastJob) *recordSet {
	gone := make(map[string]bool)
	for _, tag := range d.Remove {
		gone[tag] = true
	}
	if d.Start != nil {
		for _, tag := range d.Start.Old {
			gone[tag] = true
		}
	}
	known := make(map[int64]pastJob)
	var list []record
	for _, c := range r.records.list {
		for _, j := range c.jobs {
			known[j.id] = j
		}
		if !gone[c.tag()] {
			list = append(list, c)
		}
	}
	for _, st := range d.Settled {
		c := record{kind: "result", typ: typeNames[st.Result.Type], id: st.Result.ID, time: st.Result.Time, outcome: string(st.Result.Outcome)}
		for _, id := range st.Result.Jobs {
			c.jobs = append(c.jobs, known[int64(id)])
		}
		list = append(list, c)
	}
	if d.Start != nil {
		p := d.Start.Repair
		c := record{kind: "pending", typ: typeNames[p.Type], id: p.ID, time: p.Time}
		for _, id := range p.Jobs {
			c.jobs = append(c.jobs, known[int64(id)])
		}
		c.jobs = append(c.jobs, job...)
		list = append(list, c)
	}
	return recorded(list...)
}

// What a pass writes is read by the next one as what it is. Where nothing is
// started, the tags come to rest: no result is written pass for pass (S3), and
// nothing is removed that was only just written. Where a step is started, the
// repair is one and the same in the next pass: it waits for the job it names
// (S5, C1), or, where no job could be submitted, is the first to be tried (S4).
func TestDecisionsComeToRest(t *testing.T) {
	n, rows, failures := 0, 0, 0
	fail := func(r *situation, first, then repair.Decision, why string) {
		failures++
		t.Errorf("%s\n   decision: %s\n   then:     %s\n   %s", r, show(first), show(then), why)
	}
	everySituation(func(r *situation) {
		// A part of the table is enough for what concerns all decisions alike, in
		// a period that is none of any dimension's.
		rows++
		if rows%11 != 0 || failures >= mostFailures {
			return
		}
		d := r.decide()
		if !changes(d) {
			return
		}
		n++
		next := *r
		if d.Start != nil {
			next.records = r.after(d, pastJob{id: 8000, step: stepNames[d.Start.Step], fate: "queued"})
			if then := next.decide(); changes(then) || then.Repair == nil || then.Repair.ID != d.Start.Repair.ID {
				fail(r, d, then, "does not wait for the job it has submitted")
			}
			next.records = r.after(d)
			then := next.decide()
			if p := next.records.open[0]; p.id == oldID && demandOf(&next).policyWithdrawn(p) {
				// Without jobs nothing tells that such a repair was asked for (P22).
				if settledAs(then, p.id) != "enoperm" {
					fail(r, d, then, "goes on without the permission")
				}
				return
			}
			if then.Start == nil || then.Start.New || then.Start.Step != d.Start.Step || then.Start.Repair.ID != d.Start.Repair.ID || len(then.Settled) > 0 {
				fail(r, d, then, "does not go on with the repair it has recorded")
			}
			return
		}
		told := make(map[string]int)
		then := d
		for pass := 1; changes(then) && pass <= 4; pass++ {
			for _, st := range then.Settled {
				told[string(st.Result.Outcome)+typeNames[st.Result.Type]]++
			}
			next.records = next.after(then)
			then = next.decide()
		}
		if changes(then) {
			fail(r, d, then, "passes do not come to rest")
		}
		if typ := needOf(r).typ; told["enoperm"+typ] > 1 {
			fail(r, d, then, "tells more than once that the permission is too weak")
		}
	})
	if n < 1000 {
		t.Errorf("%d situations only", n)
	}
}
