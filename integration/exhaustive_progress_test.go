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
		if j.failed() || j.canceled() {
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
// is there.
func (p *openRepair) replicaDoubtful() bool {
	doubtful := false
	for _, j := range p.jobs {
		switch {
		case j.fate == "success":
			doubtful = false
		case j.step == stepRD && (j.fate == "failed" || j.fate == "failed later" || j.fate == "refused later" || j.fate == "canceled later"):
			doubtful = true
		}
	}
	return doubtful
}

func (m *demand) liveKnown() bool { return m.live != "" && !strings.HasPrefix(m.live, "ERROR_node") }

func (m *demand) liveAgrees() bool {
	return m.admin == "up" && m.live == "running" || m.admin == "down" && m.live == "ADMIN_down" || m.admin == "offline" && m.live == "ADMIN_offline"
}

// goesOn: the last job of the repair does not end it (S7, S8).
func (m *demand) goesOn(p *openRepair) bool {
	last := p.last()
	if p.replicaDoubtful() && m.need.first() == stepF {
		return false
	}
	return !last.canceled() && !last.unknown() && (!last.failed() || m.safeAfter(last))
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
		return m.need.healthy() && !p.endedBadly()
	}),
	// S6: after a fault, good nodes and a live status that agrees.
	eachOf("successWithProof", "success", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && p.endedBadly() && !p.halfReinstalled() && !p.replicaDoubtful() && m.liveAgrees()
	}),
	// S6, S7: data is never left to a replica that may not be whole.
	eachOf("doubtfulReplicaIsFailure", "failure", func(m *demand, p *openRepair) bool {
		return p.replicaDoubtful() && (m.need.healthy() || m.need.first() == stepF && !m.need.lost)
	}),
	// S6: after a fault, and it does not run as it should.
	eachOf("noSuccessAgainstLiveStatus", "failure", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && p.endedBadly() && m.liveKnown() && !m.liveAgrees()
	}),
	// S6, C5: nothing is concluded from an answer that did not come.
	eachOf("noVerdictWithoutLiveStatus", "open", func(m *demand, p *openRepair) bool {
		return m.need.healthy() && p.endedBadly() && !p.halfReinstalled() && !p.replicaDoubtful() && !m.liveKnown()
	}),
	// S6, S7: wherever the instance lives by now.
	eachOf("halfReinstalledIsFailure", "failure", func(m *demand, p *openRepair) bool {
		return !m.need.lost && p.halfReinstalled() && (m.need.healthy() || p.last().halfReinstalled())
	}),
	// S7: by a person, who should be asked.
	eachOf("canceledIsFailure", "failure", func(m *demand, p *openRepair) bool {
		return !m.need.healthy() && !m.need.lost && p.last().canceled()
	}),
	// S7: ended with unknown outcome; healthy is healthyPendingBecomesSuccess.
	eachOf("unknownJobRule", "failure", func(m *demand, p *openRepair) bool {
		return !m.need.healthy() && !m.need.lost && p.last().unknown()
	}),
	// S7.
	eachOf("retryOnlyWhereSafe", "failure", func(m *demand, p *openRepair) bool {
		return !m.need.healthy() && !m.need.lost && p.last().failed() && !m.safeAfter(p.last())
	}),
	// S12, P9, P10, P11: a repair already pending stays so.
	eachOf("heldStaysPending", "open", func(m *demand, p *openRepair) bool {
		return m.need.held != "" && m.goesOn(p)
	}),
	// C5: its place cannot be told.
	eachOf("lostStaysPending", "open", func(m *demand, _ *openRepair) bool { return m.need.lost }),
	// S9.
	eachOf("tooWeakRepairEnds", "enoperm", func(m *demand, p *openRepair) bool {
		return m.need.possible() && m.goesOn(p) && !covers(p.typ, m.need.next)
	}),
	// S7: never more than max_attempts.
	eachOf("attemptsBound", "failure", func(m *demand, p *openRepair) bool {
		return m.advances(p) && p.attempts(m.need.first()) >= m.maxAttempts
	}),
	// S7: and not fewer either, whatever found no room or expired in between.
	eachOf("retriedUpToTheBound", "step", func(m *demand, p *openRepair) bool {
		return m.advances(p) && p.last().failed() && p.attempts(m.need.first()) < m.maxAttempts
	}),
	// S8: no room is no attempt and no end.
	eachOf("noRoomStaysPending", "step", func(m *demand, p *openRepair) bool {
		return m.advances(p) && p.last().foundNoRoom() && p.attempts(m.need.first()) < m.maxAttempts
	}),
	// S10, T5: the next step, or the first of one asked for by hand, whatever the
	// policy; a job that was let go unreleased counts as none (C2).
	eachOf("nextStepFollows", "step", func(m *demand, p *openRepair) bool {
		return m.advances(p) && (p.last().fate == "" || p.last().fate == "success") && p.attempts(m.need.first()) < m.maxAttempts
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
	{"oneIdFromFirstToLast", func(m *demand, d repair.Decision) string {
		// T5, T6, S10: id, type and timestamp stay, and all jobs that began.
		if d.Start == nil || d.Start.New {
			return ""
		}
		for _, p := range m.records.open {
			s := d.Start.Repair
			if p.id == s.ID {
				ok := s.Time == p.time && typeNames[s.Type] == p.typ && sameJobs(s.Jobs, p.begun()) && sameTags(d.Start.Old, p.tags)
				return failIf(!ok, "changes what must stay")
			}
		}
		return "changes the id"
	}},
}

// advances: the repair's next step is possible and within its type.
func (m *demand) advances(p *openRepair) bool {
	return m.need.possible() && m.goesOn(p) && covers(p.typ, m.need.next)
}

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
