package integration_test

import (
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// considered are the open repairs a decision gets to: the first, and each
// behind one that ended without a failure (S9; S1 for healthy instances).
func (m *demand) considered(d repair.Decision) []*openRepair {
	if !m.free() {
		return nil
	}
	for k, p := range m.records.open {
		if as := settledAs(d, p.id); as != "success" && as != "enoperm" {
			return m.records.open[:k+1]
		}
	}
	return m.records.open
}

// afresh: no open repair is left, so policy is asked (S9).
func (m *demand) afresh(d repair.Decision) bool {
	c := m.considered(d)
	if !m.free() || len(c) < len(m.records.open) {
		return false
	}
	return len(c) == 0 || settledAs(d, c[len(c)-1].id) == "success" || settledAs(d, c[len(c)-1].id) == "enoperm"
}

// endedBadly: some job of the repair may have ended halfway.
func (p *openRepair) endedBadly() bool {
	for _, j := range p.jobs {
		if j.failed() || j.cut() {
			return true
		}
	}
	return false
}

// agesAway: a job that left everything as it was is known for a few days more.
func (p *openRepair) agesAway() bool {
	for _, j := range p.jobs {
		if j.fate == "old no room" {
			return true
		}
	}
	return false
}

func (p *openRepair) halfReinstalled() bool {
	for _, j := range p.jobs {
		if j.halfReinstalled() {
			return true
		}
	}
	return false
}

// replicaDoubtful: a replace-disks got beyond its checks and did not succeed, and
// nothing has since. The new secondary is in the configuration before its disks are
// written, and a failover of what is stopped, or from an offline node, takes whatever
// is there. One that wrote to a node which the instance does not have as its secondary
// left the old copy whole (S15).
func (m *demand) replicaDoubtful(p *openRepair) bool {
	doubtful := false
	for _, j := range p.jobs {
		switch {
		case j.done():
			doubtful = false
		case j.step == stepRD && j.fate == "failed":
			doubtful = true
		}
	}
	return doubtful && m.at.secondary != ""
}

func (m *demand) liveKnown() bool { return m.live != "" && !strings.HasPrefix(m.live, "ERROR_node") }

func (m *demand) liveAgrees() bool {
	switch m.admin {
	case "up":
		return m.live == "running"
	case "down":
		return m.live == "ADMIN_down" || m.live == "USER_down" // S17
	}
	return m.live == "ADMIN_offline"
}

// refusedOften: the next step was refused max_attempts times in a row, in the same
// words (S13).
func (m *demand) refusedOften(p *openRepair) bool {
	list := p.refusals()
	return p.last().refused() && len(list) >= m.maxAttempts && list[0].step == m.need.first()
}

// unknownEnds: the last job that may have changed anything is one that nobody knows any
// more, and to take the next step may do harm (S7).
func (m *demand) unknownEnds(p *openRepair) bool {
	return p.lastChange().unknown() && !(m.need.first() == stepRD && p.onlyCopied())
}

// broken: the instance is on a bad node, or has one, and where that is is known.
func (m *demand) broken() bool { return !m.need.healthy() && !m.need.lost }

// looksOn: nothing keeps the pass from looking at the jobs of the repair: it has its
// permission still (P22), and what others did lets its next step be taken (S15, S16).
func (m *demand) looksOn(p *openRepair) bool {
	return m.broken() && !m.policyWithdrawn(p) && !m.heldByPast(p)
}

func (m *demand) policyWithdrawn(p *openRepair) bool {
	return p.restsOnPolicy(m.need) && !covers(m.permitted, m.need.typ)
}

// heldByPast: half a copy that the repair itself left ends it instead.
func (m *demand) heldByPast(p *openRepair) bool {
	if _, open := m.sentTo(); open && !m.reached() {
		return true
	}
	return m.stranded() && !m.replicaDoubtful(p)
}

// goesOn: no job of the repair ends it (S7, S8, S13).
func (m *demand) goesOn(p *openRepair) bool {
	switch last := p.lastChange(); {
	case m.replicaDoubtful(p) && m.need.first() == stepF, m.refusedOften(p), last.cut(), m.unknownEnds(p):
		return false
	default:
		return !last.failed() || m.safeAfter(last)
	}
}

// waits: a person canceled the next step a short time ago, before it began (S13).
func (m *demand) waits(p *openRepair) bool {
	return p.last().fate == "canceled now" && p.last().step == m.need.first()
}

// safeAfter: replace-disks never moves the primary; what moves it may only be
// tried again while it is still on the bad node, and a chain that changed
// anything never (S7). What an alien job did nobody knows.
func (m *demand) safeAfter(last pastJob) bool {
	switch last.step {
	case stepRD:
		return true
	case stepM, stepF, stepChain:
		return badCondition(m.at.primary) && !last.halfReinstalled()
	}
	return false
}

// eachOf makes a predicate of what is demanded of every repair a decision gets
// to, where a condition holds. The outcome is "success", "failure", "enoperm",
// "open" (nothing is done) or "step" (its next step is started).
func eachOf(name, want string, when func(m *demand, p *openRepair) bool) predicate {
	return predicate{name, func(m *demand, d repair.Decision) string {
		for _, p := range m.considered(d) {
			if !when(m, p) {
				continue
			}
			got := settledAs(d, p.id)
			if got == "" {
				got = "open"
				if d.Start != nil && d.Start.Repair.ID == p.id {
					got = "step"
				}
			}
			if got != want {
				return "repair " + p.id + " becomes " + got + ", not " + want
			}
		}
		return ""
	}}
}

// progress are the predicates that say what must happen.
var progress = []predicate{
	// S1, S6: healthy and all jobs done without a fault.
	eachOf("healthyPendingBecomesSuccess", "success", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && m.whole() && !p.endedBadly()
	}),
	// S6: after a fault, good nodes and a live status that agrees.
	eachOf("successWithProof", "success", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && m.whole() && p.endedBadly() && !p.halfReinstalled() && !m.replicaDoubtful(p) && m.liveAgrees()
	}),
	// S6, S7, S15: data is never left to a replica that may not be whole.
	eachOf("doubtfulReplicaIsFailure", "failure", func(m *demand, p *openRepair) bool {
		return m.replicaDoubtful(p) && (m.need.healthy() && m.whole() || m.need.first() == stepF && m.looksOn(p))
	}),
	// S6: after a fault, and it does not run as it should.
	eachOf("noSuccessAgainstLiveStatus", "failure", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && m.whole() && p.endedBadly() && m.liveKnown() && !m.liveAgrees()
	}),
	// S6, C5: nothing is concluded from an answer that did not come.
	eachOf("noVerdictWithoutLiveStatus", "open", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && p.endedBadly() && !p.halfReinstalled() && !m.replicaDoubtful(p) && !m.liveKnown()
	}),
	// S16, S18: nothing is called healthy that may run elsewhere, or has no system.
	eachOf("notWholeStaysPending", "open", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && !m.whole() && !p.halfReinstalled()
	}),
	// S6, S7: wherever the instance lives by now.
	eachOf("halfReinstalledIsFailure", "failure", func(m *demand, p *openRepair) bool {
		return p.halfReinstalled() && (m.need.healthy() || m.looksOn(p) && p.lastChange().halfReinstalled())
	}),
	// P22: what rests on the policy needs it still.
	eachOf("policyWithdrawnEnds", "enoperm", func(m *demand, p *openRepair) bool {
		return m.broken() && m.policyWithdrawn(p)
	}),
	// S15, S16: what others left behind holds it.
	eachOf("pastHolds", "open", func(m *demand, p *openRepair) bool {
		return m.broken() && !m.policyWithdrawn(p) && m.heldByPast(p)
	}),
	// S7: by a person, after it began.
	eachOf("canceledIsFailure", "failure", func(m *demand, p *openRepair) bool {
		return m.looksOn(p) && p.lastChange().cut()
	}),
	// S13: canceled before it began it is tried again later.
	eachOf("canceledWaits", "open", func(m *demand, p *openRepair) bool {
		return m.advances(p) && m.waits(p)
	}),
	// S7: ended with unknown outcome; healthy is healthyPendingBecomesSuccess.
	eachOf("unknownJobRule", "failure", func(m *demand, p *openRepair) bool {
		return m.looksOn(p) && m.unknownEnds(p)
	}),
	// S13.
	eachOf("refusalsBound", "failure", func(m *demand, p *openRepair) bool {
		return m.looksOn(p) && m.refusedOften(p)
	}),
	// S7.
	eachOf("retryOnlyWhereSafe", "failure", func(m *demand, p *openRepair) bool {
		return m.looksOn(p) && p.lastChange().failed() && !m.safeAfter(p.lastChange())
	}),
	// S12, P9, P10, P11: a repair already pending stays so, unless its type would not do.
	eachOf("heldStaysPending", "open", func(m *demand, p *openRepair) bool {
		return m.need.held != "" && m.looksOn(p) && m.goesOn(p) && (len(m.need.steps) == 0 || covers(p.typ, m.need.next))
	}),
	// C5: its place cannot be told.
	eachOf("lostStaysPending", "open", func(m *demand, _ *openRepair) bool { return m.need.lost }),
	// S9.
	eachOf("tooWeakRepairEnds", "enoperm", func(m *demand, p *openRepair) bool {
		return len(m.need.steps) > 0 && m.looksOn(p) && m.goesOn(p) && !covers(p.typ, m.need.next)
	}),
	// S7: never more than max_attempts.
	eachOf("attemptsBound", "failure", func(m *demand, p *openRepair) bool {
		return m.tries(p) && p.attempts(m.need.first()) >= m.maxAttempts
	}),
	// S7: and not fewer either, whatever changed nothing in between.
	eachOf("retriedUpToTheBound", "step", func(m *demand, p *openRepair) bool {
		return m.tries(p) && p.last().failed() && p.attempts(m.need.first()) < m.maxAttempts
	}),
	// S8, S13: what changed nothing is no attempt and no end.
	eachOf("changedNothingStaysPending", "step", func(m *demand, p *openRepair) bool {
		return m.tries(p) && p.last().changedNothing() && p.attempts(m.need.first()) < m.maxAttempts
	}),
	// S10, T5: the next step, or the first of one asked for by hand, whatever the
	// policy; a job that was let go unreleased counts as none (C2).
	eachOf("nextStepFollows", "step", func(m *demand, p *openRepair) bool {
		return m.tries(p) && (p.last().fate == "" || p.last().done()) && p.attempts(m.need.first()) < m.maxAttempts
	}),
	{"onlyNoRoomIsProbed", func(m *demand, d repair.Decision) string {
		// S8: a dry run of the opcode that found no room, and of no other.
		for _, p := range m.considered(d) {
			if d.Start != nil && d.Start.Repair.ID == p.id {
				want := p.last().foundNoRoom() && p.last().step == m.need.first()
				return failIf(d.Start.Probe != want, "tests for room when it should not, or the reverse")
			}
		}
		return failIf(d.Start != nil && d.Start.Probe, "tests for room before the first step")
	}},
	{"attemptsCounted", func(m *demand, d repair.Decision) string {
		// S7, S8, C2: neither no room nor what expired is an attempt.
		for _, p := range m.considered(d) {
			if d.Start != nil && d.Start.Repair.ID == p.id {
				return failIf(d.Start.Tries != p.attempts(m.need.first()), "miscounts the attempts")
			}
		}
		return failIf(d.Start != nil && d.Start.Tries != 0, "counts attempts of a new repair")
	}},
	{"renewedBeforeForgotten", func(m *demand, d repair.Decision) string {
		// S7: what the queue is about to forget leaves the tag, if it changed nothing, of
		// repairs that wait as well.
		var want *openRepair
		for _, p := range m.considered(d) {
			if settledAs(d, p.id) == "" && m.broken() && !m.waits(p) && p.agesAway() {
				want = p
			}
		}
		switch {
		case want == nil || d.Renewed == nil:
			return failIf(want != nil || d.Renewed != nil, "renews the tag when it should not, or the reverse")
		default:
			return failIf(d.Renewed.ID != want.id || d.Renewed.Time != want.time || !sameJobs(d.Renewed.Jobs, want.kept()), "renews the tag with what it should not have")
		}
	}},
	{"oneIdFromFirstToLast", func(m *demand, d repair.Decision) string {
		// T5, T6, S10: id, type and timestamp stay, and all jobs that count.
		if d.Start == nil || d.Start.New {
			return ""
		}
		for _, p := range m.records.open {
			s := d.Start.Repair
			if p.id == s.ID {
				ok := s.Time == p.time && typeNames[s.Type] == p.typ && sameJobs(s.Jobs, p.kept()) && sameTags(d.Start.Old, p.tags)
				return failIf(!ok, "changes what must stay")
			}
		}
		return "changes the id"
	}},
}

// advances: the repair's next step is possible and within its type.
func (m *demand) advances(p *openRepair) bool {
	return m.need.possible() && m.looksOn(p) && m.goesOn(p) && covers(p.typ, m.need.next)
}

// tries: the repair's next step is due.
func (m *demand) tries(p *openRepair) bool { return m.advances(p) && !m.waits(p) }

func sameJobs(ids []luxi.JobID, jobs []pastJob) bool {
	if len(ids) != len(jobs) {
		return false
	}
	for k, id := range ids {
		if int64(id) != jobs[k].id {
			return false
		}
	}
	return true
}

func sameTags(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	have := make(map[string]int, len(a))
	for k := range a {
		have[a[k]]++
		have[b[k]]--
	}
	for _, n := range have {
		if n != 0 {
			return false
		}
	}
	return true
}
