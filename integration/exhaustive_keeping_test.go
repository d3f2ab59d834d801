package integration_test

import (
	"sort"

	"ganeti-autorepair/plugin/repair"
)

// keeping are the predicates about the beginning of repairs and about the
// records of those that end.
var keeping = []predicate{
	{"permittedNeedBegins", func(m *demand, d repair.Decision) string {
		// S4, and S9's "then afresh in the same pass".
		want := m.afresh(d) && !m.need.healthy() && m.need.possible() && covers(m.permitted, m.need.typ) && !m.stranded()
		begins := d.Start != nil && d.Start.New
		return failIf(begins != want, "begins a repair when it should not, or the reverse")
	}},
	{"newRepairIsNew", func(m *demand, d repair.Decision) string {
		// T5, T8, S4: an id of its own, the type of the row, the present, no jobs.
		if d.Start == nil || !d.Start.New {
			return ""
		}
		p := d.Start.Repair
		ok := p.ID == freshID+"1" && typeNames[p.Type] == m.need.typ && p.Time == nowSeconds && len(p.Jobs) == 0 && len(d.Start.Old) == 0
		return failIf(!ok, "the new repair is not what it should be")
	}},
	{"enopermOnce", func(m *demand, d repair.Decision) string {
		// S3: one result where the permission is too weak for the whole repair,
		// not again where it stands already, and none without any permission, or
		// where there is no repair. After a success it is another need (T13).
		toldAt, succeededAt := int64(-1), int64(-1)
		for _, c := range m.records.list {
			switch {
			case c.kind != "result":
			case c.outcome == "enoperm" && c.typ == m.need.typ && c.time > toldAt:
				toldAt = c.time
			case c.outcome == "success" && c.time > succeededAt:
				succeededAt = c.time
			}
		}
		told := toldAt >= 0 && succeededAt <= toldAt
		reported := m.need.row == "P9" || m.need.first() == stepChain && m.admin == "offline" || m.need.lost
		// Where another result is written anyway that is enough for this pass (T9).
		ended := 0
		for _, st := range d.Settled {
			if m.isOpen(st.Result.ID) {
				ended++
			}
		}
		want := ended == 0 && m.afresh(d) && !m.need.healthy() && !reported && m.permitted != "" && !covers(m.permitted, m.need.typ) && !told
		n := 0
		for _, st := range d.Settled {
			if m.isOpen(st.Result.ID) {
				continue
			}
			n++
			res := st.Result
			if string(res.Outcome) != "enoperm" || typeNames[res.Type] != m.need.typ || res.ID != freshID+"1" || len(res.Jobs) > 0 {
				return "writes a result of nothing"
			}
		}
		return failIf(want && n != 1 || !want && n != 0, "tells that the permission is too weak when it should not, or the reverse")
	}},
	{"settledCompletely", func(m *demand, d repair.Decision) string {
		// T6, T7: each result once, at the present, with the jobs of its repair and
		// its type, and all pending copies go with it; those of open repairs stay.
		removed := make(map[string]bool, len(d.Remove))
		for _, tag := range d.Remove {
			removed[tag] = true
		}
		seen := make(map[string]bool, len(d.Settled))
		for _, st := range d.Settled {
			if seen[st.Result.ID] || st.Result.Time != nowSeconds {
				return "result " + st.Result.ID + " is written twice or not now"
			}
			seen[st.Result.ID] = true
		}
		for _, p := range m.records.open {
			for _, tag := range p.tags {
				if removed[tag] != seen[p.id] {
					return "pending tags of " + p.id + " go without a result, or stay beside it"
				}
			}
			for _, st := range d.Settled {
				jobs := p.kept()
				if m.broken() && m.policyWithdrawn(p) {
					jobs = nil // P22
				}
				if st.Result.ID == p.id && (typeNames[st.Result.Type] != p.typ || !sameJobs(st.Result.Jobs, jobs)) {
					return "the result of " + p.id + " does not tell what was done"
				}
			}
		}
		return ""
	}},
	{"leftoversTidied", func(m *demand, d repair.Decision) string {
		// T6: a pending tag beside its own result goes as soon as the instance may
		// be touched; and no such result goes before it, which would bring the
		// repair back to life.
		removed := make(map[string]bool, len(d.Remove))
		for _, tag := range d.Remove {
			removed[tag] = true
		}
		for _, c := range m.records.list {
			if c.kind != "pending" || m.isOpen(c.id) {
				continue
			}
			if m.free() && !removed[c.tag()] {
				return "pending tag of " + c.id + " stays beside its result"
			}
			for _, res := range m.records.list {
				if res.kind == "result" && res.id == c.id && removed[res.tag()] && !removed[c.tag()] {
					return "repair " + c.id + " comes back to life"
				}
			}
		}
		return ""
	}},
	{"resultsKept", func(m *demand, d repair.Decision) string {
		// T9: when something newer is written, or was by a pass that died halfway
		// (T6), all but the newest N success and enoperm results go, the oldest
		// first; otherwise none does. T13: what was not permitted is over once the
		// instance is healthy; but not before the pending tags of that id.
		var old []record
		for _, c := range m.records.list {
			if c.kind == "result" && c.outcome != "failure" {
				old = append(old, c)
			}
		}
		sort.Slice(old, func(a, b int) bool { return old[a].time < old[b].time })
		written := 0
		for _, st := range d.Settled {
			if string(st.Result.Outcome) != "failure" {
				written++
			}
		}
		goes := 0
		switch {
		case len(d.Settled) > 0 || d.Start != nil && d.Start.New:
			goes = len(old) + written - m.kept
		case m.leftover(d):
			goes = m.leftBehind(old)
		}
		for k, c := range old {
			found := false
			for _, tag := range d.Remove {
				found = found || tag == c.tag()
			}
			over := c.outcome == "enoperm" && m.afresh(d) && m.need.healthy() && m.whole() && !m.pendingOf(c.id)
			if found != (k < goes || over) {
				return "keeps or drops the wrong results"
			}
		}
		return ""
	}},
	{"stateOfTheDesign", func(m *demand, d repair.Decision) string {
		// S1 to S12: the state an instance is in once its results are written. A
		// repair that begins is pending only when its tag is (S4).
		want := repair.StateNeedsRepair
		c := m.considered(d)
		switch {
		case m.suspended:
			if m.need.healthy() && len(m.records.open) == 0 {
				return "" // there is nothing to suspend
			}
			want = repair.StateSuspended
		case m.hasUnreadable():
			return ""
		case m.hasFailure(), len(c) > 0 && settledAs(d, c[len(c)-1].id) == "failure":
			want = repair.StateFailed
		case d.Start != nil && !d.Start.New, len(c) > 0 && settledAs(d, c[len(c)-1].id) == "", len(m.records.open) > 0 && !m.free():
			want = repair.StatePending
		case m.need.healthy() && m.whole():
			want = repair.StateHealthy
		}
		return failIf(d.State != want, "the state is "+string(want))
	}},
}

// pendingOf: there is a pending tag with the id.
func (m *demand) pendingOf(id string) bool {
	for _, c := range m.records.list {
		if c.kind == "pending" && c.id == id {
			return true
		}
	}
	return false
}

func (m *demand) isOpen(id string) bool {
	for _, p := range m.records.open {
		if p.id == id {
			return true
		}
	}
	return false
}

// leftover: the decision removes a pending tag that stands beside its own result.
func (m *demand) leftover(d repair.Decision) bool {
	for _, c := range m.records.list {
		if c.kind != "pending" || m.isOpen(c.id) {
			continue
		}
		for _, tag := range d.Remove {
			if tag == c.tag() {
				return true
			}
		}
	}
	return false
}

// leftBehind is how many old results the pass that wrote the newest would have
// removed: all but the newest N, and none that was written with the newest.
func (m *demand) leftBehind(old []record) int {
	newest := int64(0)
	for _, c := range m.records.list {
		if c.kind == "result" && c.time > newest {
			newest = c.time
		}
	}
	before := 0
	for _, c := range old {
		if c.time < newest {
			before++
		}
	}
	if goes := len(old) - m.kept; goes < before {
		return goes
	}
	return before
}
