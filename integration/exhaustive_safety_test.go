package integration_test

import (
	"fmt"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// A predicate is one demand of the design. It returns what is wrong with a
// decision, or "".
type predicate struct {
	name  string
	check func(m *demand, d repair.Decision) string
}

// The names of what the code under test hands out.
var (
	typeNames = map[tagstore.Type]string{
		tagstore.FixStorage: "fix-storage", tagstore.Migrate: "migrate", tagstore.Failover: "failover", tagstore.Reinstall: "reinstall",
	}
	stepNames = map[repair.Step]string{
		repair.StepReplaceDisks: stepRD, repair.StepMigrate: stepM, repair.StepFailover: stepF, repair.StepReinstall: stepChain,
	}
)

// Conditions that keep everything from happening.

func (m *demand) hasUnreadable() bool {
	for _, c := range m.records.list {
		if c.kind != "unreadable" {
			continue
		}
		// An unreadable type or anything else below the prefix records no repair.
		if len(c.text) >= 6 && (c.text[:6] == "result" || c.text[:6] == "pendin") {
			return true
		}
	}
	return false
}

func (m *demand) hasFailure() bool {
	for _, c := range m.records.list {
		if c.kind == "result" && c.outcome == "failure" {
			return true
		}
	}
	return false
}

func (m *demand) hasUnfinished() bool {
	for _, p := range m.records.open {
		for _, j := range p.jobs {
			if j.unfinished() {
				return true
			}
		}
	}
	return false
}

// isBusy: an unfinished job names the instance, be it somebody else's or one of
// a repair that has its result already.
func (m *demand) isBusy() bool {
	for _, c := range m.records.list {
		for _, j := range c.jobs {
			if c.kind == "pending" && j.unfinished() && !j.stranger() {
				return true
			}
		}
	}
	return m.busy == "by name" || m.busy == "by uuid" || m.busy == "tags"
}

// free: nothing keeps the instance from being looked after.
func (m *demand) free() bool {
	return !m.suspended && !m.hasUnreadable() && !m.hasFailure() && !m.hasUnfinished() && !m.isBusy()
}

func changes(d repair.Decision) bool {
	return d.Start != nil || len(d.Settled) > 0 || len(d.Remove) > 0
}

// safety are the predicates that say what must never happen.
var safety = []predicate{
	{"neverWhileSuspended", func(m *demand, d repair.Decision) string {
		// S2: nothing is submitted or retagged.
		return failIf(m.suspended && changes(d), "acts while suspended")
	}},
	{"unreadableHolds", func(m *demand, d repair.Decision) string {
		// T10: the reader cannot know what was meant.
		return failIf(m.hasUnreadable() && changes(d), "acts beside a record that nobody can read")
	}},
	{"failedUntouched", func(m *demand, d repair.Decision) string {
		// S11: untouched, further pending tags wait. (What a crash left behind is
		// still tidied: leftoversTidied.)
		return failIf(m.hasFailure() && (d.Start != nil || len(d.Settled) > 0), "acts before a person has looked")
	}},
	{"runningLeftAlone", func(m *demand, d repair.Decision) string {
		// S5.
		return failIf(m.hasUnfinished() && changes(d), "acts while jobs of the repair are under way")
	}},
	{"busyHolds", func(m *demand, d repair.Decision) string {
		// C2: what is true now may not be when somebody else's job ends.
		return failIf(m.isBusy() && (d.Start != nil || len(d.Settled) > 0), "acts while somebody else's job names the instance")
	}},
	{"neverAbovePermission", func(m *demand, d repair.Decision) string {
		// T1, S4, S9: a new repair needs permission for all of it, one that was
		// begun or asked for has its own type.
		if d.Start == nil {
			return ""
		}
		if d.Start.New {
			return failIf(!covers(m.permitted, m.need.typ), "begins what no tag permits")
		}
		for _, p := range m.records.open {
			if p.id == d.Start.Repair.ID {
				return failIf(!covers(p.typ, m.stepRisk(stepNames[d.Start.Step])), "goes beyond the repair's type")
			}
		}
		return "continues a repair that does not exist"
	}},
	{"dataDestroyedOnlyWhereNoneIsLeft", func(m *demand, d repair.Decision) string {
		// P5, P8, P9: never where some node could still give the data back.
		if d.Start == nil || d.Start.Step != repair.StepReinstall {
			return ""
		}
		gone := isOffline(m.at.primary)
		switch m.at.template {
		case "drbd":
			gone = gone && isOffline(m.at.secondary)
		case "plain", "file":
		default:
			gone = false
		}
		return failIf(!gone || m.admin == "offline", "destroys data that is not lost")
	}},
	{"movesOnlyFromBadNodes", func(m *demand, d repair.Decision) string {
		// P2, P3, P4, P6, P7: migrate what runs on a drained node; fail over what
		// has no running state left to lose.
		if d.Start == nil {
			return ""
		}
		switch d.Start.Step {
		case repair.StepMigrate:
			return failIf(m.at.primary != "drained" || !runsFor(m.live), "migrates what cannot be migrated")
		case repair.StepFailover:
			ok := isOffline(m.at.primary) || m.at.primary == "drained" && (m.stopped() || m.at.failsOver && runsFor(m.live))
			return failIf(!ok, "fails over what may run")
		case repair.StepReplaceDisks:
			return failIf(m.at.template != "drbd" || !badCondition(m.at.secondary) || isOffline(m.at.primary), "replaces a good secondary, or without a source")
		}
		return ""
	}},
	{"targetIsFit", func(m *demand, d repair.Decision) string {
		// P11: drbd moves to its secondary, whatever Ganeti does not check there.
		if d.Start == nil || m.at.template != "drbd" || d.Start.Step == repair.StepReplaceDisks || d.Start.Step == repair.StepReinstall {
			return ""
		}
		return failIf(!fitForMove(m.at.secondary) || badCondition(m.at.secondary), "moves to an unfit node")
	}},
	{"neverFromHalfACopy", func(m *demand, d repair.Decision) string {
		// S15.
		return failIf(d.Start != nil && d.Start.Step == repair.StepFailover && m.halfCopied(), "fails over to half a copy")
	}},
	{"whereItRuns", func(m *demand, d repair.Decision) string {
		// S16: nothing but a failover to the very node that it was transferred to.
		node, open := m.sentTo()
		if d.Start == nil || !open {
			return ""
		}
		ok := m.reached() && d.Start.Target == node
		return failIf(!ok, "touches what may run elsewhere")
	}},
	{"blockedByItsWord", func(m *demand, d repair.Decision) string {
		// S15, S16, S18, T10: the reason is a stable word.
		if !m.afresh(d) || m.suspended {
			return ""
		}
		_, open := m.sentTo()
		want := d.Reason
		switch {
		case m.need.healthy() && m.withoutSystem():
			want = repair.ReasonNoSystem
		case m.need.healthy() && open:
			want = repair.ReasonWhereabouts
		case m.need.healthy() || m.need.lost || len(m.need.steps) == 0:
		case m.unreadablePolicy():
			want = repair.ReasonUnreadableTag
		case m.need.first() == stepChain && m.admin == "offline" || !covers(m.permitted, m.need.typ):
		case open && !m.reached():
			want = repair.ReasonWhereabouts
		case m.stranded():
			want = repair.ReasonHalfCopy
		}
		return failIf(d.Reason != want, "the reason is "+string(want))
	}},
	{"takesBackWhatIsNotWanted", func(m *demand, d repair.Decision) string {
		// P15: jobs of ours that have not begun, and no others; of several opcodes only
		// while all are queued.
		back := make(map[int64]bool)
		for _, t := range d.TakeBack {
			back[int64(t.Job)] = true
			if t.WhileQueued != (t.Step == repair.StepReinstall) {
				return "may cut a reinstallation in half"
			}
		}
		if m.need.held == heldNoNode {
			return "" // the demands do not tell whether that is a lost target or want of room
		}
		for _, p := range m.records.open {
			for _, j := range p.jobs {
				waits := (j.fate == "queued" || j.fate == "waiting") && trailNames[j.step] != ""
				if want := waits && m.unwanted(p, j); back[j.id] != want {
					return fmt.Sprintf("job %d: taken back %v", j.id, back[j.id])
				}
				delete(back, j.id)
			}
		}
		return failIf(len(back) > 0, "takes back jobs of nobody's")
	}},
	{"neverSecondOpenAction", func(m *demand, d repair.Decision) string {
		// T5: one at a time, and in order of timestamp.
		if d.Start == nil {
			return ""
		}
		for _, p := range m.records.open {
			if p.id == d.Start.Repair.ID && !d.Start.New {
				return failIf(settledAs(d, p.id) != "", "starts a step of a repair that it ends")
			}
			if settledAs(d, p.id) == "" {
				return "starts a step while an earlier repair is open"
			}
		}
		return failIf(!d.Start.New, "continues a repair that does not exist")
	}},
	{"stepsOfRow", func(m *demand, d repair.Decision) string {
		// P1 to P9.
		same := len(d.Need.Steps) == len(m.need.steps) && d.Need.Row == m.need.row
		for k := 0; same && k < len(m.need.steps); k++ {
			same = stepNames[d.Need.Steps[k]] == m.need.steps[k]
		}
		return failIf(!same, fmt.Sprintf("row and steps are %q %v", m.need.row, m.need.steps))
	}},
	{"typeOfRow", func(m *demand, d repair.Decision) string {
		// P1 to P8, S4: the highest type of any step.
		return failIf(typeNames[d.Need.Type] != m.need.typ, "the type of the repair is "+m.need.typ)
	}},
	{"onlyTheNextStep", func(m *demand, d repair.Decision) string {
		// S10, P10, P11, S12: the first step of the row, and only if it can be taken.
		return failIf(d.Start != nil && (!m.need.possible() || stepNames[d.Start.Step] != m.need.first()), "the next step is not "+m.need.first())
	}},
	{"nearestPolicyWins", func(m *demand, d repair.Decision) string {
		// T2, T3, T4, T10.
		p := d.Policy
		ok := p.Suspended == m.suspended && p.Origin == m.origin && (m.suspended || typeNames[p.Type] == m.permitted)
		return failIf(!ok, fmt.Sprintf("the policy is %q suspended=%v from %q", m.permitted, m.suspended, m.origin))
	}},
	{"tagsOfOtherKindsNeverRemoved", func(m *demand, d repair.Decision) string {
		// T9, T10: only what was read, only pending tags and success and enoperm
		// results of the instance itself, each once.
		may := make(map[string]bool, len(m.records.list))
		for _, c := range m.records.list {
			if c.kind == "pending" || c.kind == "result" && c.outcome != "failure" {
				may[c.tag()] = true
			}
		}
		for _, tag := range d.Remove {
			if !may[tag] {
				return "removes " + tag
			}
			may[tag] = false
		}
		return ""
	}},
}

// stepRisk is the type a step needs where the instance is (the design's list of
// types): a failover of what is stopped loses as little as a migration (P2, P6).
func (m *demand) stepRisk(step string) string {
	switch step {
	case stepRD:
		return "fix-storage"
	case stepM:
		return "migrate"
	case stepF:
		if m.at.primary == "drained" && !(m.at.failsOver && runsFor(m.live)) {
			return "migrate"
		}
		return "failover"
	}
	return "reinstall"
}

// unwanted: the need, the step, the target, the admin state or the permission is no
// longer what the job was submitted for (P15). While suspended the permission is not
// asked. The failovers of the table name no node, so none goes where the instance may
// run.
func (m *demand) unwanted(p *openRepair, j pastJob) bool {
	n := m.need
	_, open := m.sentTo()
	switch {
	case m.at.unread || n.lost || n.held == heldLive:
		return false
	case n.healthy() || n.held != "" || n.first() != j.step:
		return true
	case j.step == stepF && m.halfCopied(), open, j.step == stepChain && !m.startsLater():
		return true
	case j.step == stepF && m.admin != "up":
		return true // the failover of what is stopped must not wait (P16)
	}
	return !covers(p.typ, n.next) || !m.suspended && m.policyWithdrawn(p)
}

// unreadablePolicy: the nearest opinion is one that nobody can read (T10).
func (m *demand) unreadablePolicy() bool {
	for k := range m.policy {
		if k == 1 && m.at.primary == "unknown" {
			continue
		}
		known := false
		for _, typ := range typeWords(m.situation, k) {
			if risk(typ) == 0 {
				return true
			}
			known = true
		}
		if known {
			return false
		}
	}
	return false
}

func failIf(wrong bool, why string) string {
	if wrong {
		return why
	}
	return ""
}

// settledAs is the result a decision gives a repair, "" if none.
func settledAs(d repair.Decision, id string) string {
	for _, st := range d.Settled {
		if st.Result.ID == id {
			return string(st.Result.Outcome)
		}
	}
	return ""
}
