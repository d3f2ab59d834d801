package integration_test

import (
	"sort"
	"strings"

	"ganeti-autorepair/integration/judge"
)

// The oracle: what the design demands, stated anew. Nothing here calls the code
// under test; it reads situations only. The table of repairs is that of the judge.

// demand is what the design says about one situation.
type demand struct {
	*situation
	need      need
	suspended bool   // T3, T4
	permitted string // T1, T2: the strongest type permitted; "" if none is
	origin    string // of the two, "" if no object has an opinion
}

func demandOf(r *situation) *demand {
	m := &demand{situation: r, need: needOf(r)}
	m.suspended, m.permitted, m.origin = nearestOpinion(r)
	return m
}

// risk orders types (T1); "" is the absence of one.
func risk(typ string) int { return judge.Risk(typ) }

// covers says that a permission of one type covers another (T1).
func covers(permission, typ string) bool {
	return risk(permission) > 0 && risk(permission) >= risk(typ)
}

// nearestOpinion: the nearest object with an opinion wins; within an object a
// suspension that has not passed beats types, and of types the least destructive
// counts. An unreadable suspension has no known end, and where a type cannot be
// read nothing is permitted (T2, T3, T4, T10).
func nearestOpinion(r *situation) (suspended bool, permitted, origin string) {
	for k, object := range []string{"instance " + theName, "group near", "cluster"} {
		if k == 1 && (r.at.primary == "unknown") {
			continue // no node, no group
		}
		for _, word := range r.hush[k] {
			switch word {
			case "expired", "just over", "long over":
			default:
				return true, "", object
			}
		}
		for _, typ := range typeWords(r, k) {
			if risk(typ) == 0 {
				return false, "", object
			}
		}
		least := ""
		for _, typ := range r.policy[k] {
			if risk(typ) > 0 && (least == "" || risk(typ) < risk(least)) {
				least = typ
			}
		}
		if least != "" {
			return false, least, object
		}
	}
	return false, "", ""
}

// typeWords lists what stands in the place of a type on an object.
func typeWords(r *situation, object int) []string {
	words := r.policy[object]
	if object != 0 {
		return words
	}
	words = append([]string(nil), words...)
	for _, c := range r.records.list {
		if word, _, _ := strings.Cut(c.text, ":"); c.kind == "unreadable" && word != "pending" && word != "result" {
			words = append(words, c.text)
		}
	}
	return words
}

// need is a row of the table of repairs, and what keeps its first step back.
type need struct {
	row   string // "" for an instance on good nodes, or on nodes nobody knows
	steps []string
	typ   string // the highest type of all steps
	next  string // the type of the first step
	held  string // why the first step cannot be taken whatever the permission
	lost  bool   // where it lives cannot be told
}

func (n need) healthy() bool  { return n.row == "" && !n.lost }
func (n need) possible() bool { return len(n.steps) > 0 && n.held == "" }

func (n need) first() string {
	if len(n.steps) == 0 {
		return ""
	}
	return n.steps[0]
}

func badCondition(c string) bool { return isOffline(c) || c == "drained" }
func isOffline(c string) bool    { return c == "offline" || c == "both" }

// fitForMove: the copy is on the secondary, whatever its node group (P11).
func fitForMove(sec string) bool { return sec != "incapable" }

// stopped: nothing runs that could be lost. What its user shut down is stopped once
// Ganeti has marked it down (S17).
func (r *situation) stopped() bool {
	switch r.live {
	case "ADMIN_down", "ADMIN_offline", "ERROR_down":
		return true
	case "USER_down":
		return r.admin == "down"
	}
	return false
}

func runsFor(live string) bool { return live == "running" || live == "ERROR_up" }

// Why a first step cannot be taken, beside what the judge says.
const (
	heldNoNode = "its node group has no other usable node"
	heldLive   = "its live status does not say whether it runs" // the judge's words
)

// needOf asks the judge for the row of the table (P1 to P11, P18, S17).
func needOf(r *situation) need {
	at := r.at
	switch {
	case at.unread || at.coming:
		return need{}
	case at.primary == "unknown" || at.secondary == "unknown":
		return need{lost: true}
	case at.template == "drbd" && at.secondary == "" && !badCondition(at.primary):
		return need{lost: true} // C5: nothing is concluded from what was not told
	}
	node := func(condition string) judge.Node {
		return judge.Node{
			Group: "near", Offline: isOffline(condition), Drained: condition == "drained" || condition == "both", NotVMCapable: condition == "incapable",
		}
	}
	c := &judge.Cluster{Nodes: map[string]judge.Node{"pri": node(at.primary), "sec": node(at.secondary)}}
	i := &judge.Instance{Template: at.template, Admin: r.admin, Status: r.live, Primary: "pri", NoMigration: at.failsOver}
	if at.secondary != "" {
		i.Secondary = "sec"
	}
	n := judge.NeedOf(c, i)
	need := need{row: n.Row, steps: n.Steps, typ: n.Type, next: n.Type, held: n.Held}
	// V2, P21: where the group has no other usable nodes, nothing new is made.
	wanted := 0
	switch first := need.first(); {
	case first == stepRD:
		need.next, wanted = "fix-storage", 1
	case first == stepChain && at.secondary != "":
		wanted = 2
	case first != "" && at.secondary == "":
		wanted = 1
	}
	if need.held == "" && wanted > 2-at.gone {
		need.held = heldNoNode
	}
	return need
}

// openRepair is an open repair: all pending tags of one id without a result (T6).
type openRepair struct {
	typ, id string
	time    int64
	jobs    []pastJob // each once, in the order of submission, without strangers (S14)
	tags    []string  // all copies
}

// openRepairs lists the open repairs in order of timestamp (T5, T6).
func openRepairs(list []record) []*openRepair {
	ended := make(map[string]bool)
	for _, c := range list {
		if c.kind == "result" {
			ended[c.id] = true
		}
	}
	var open []*openRepair
	known := make(map[string]*openRepair)
	for _, c := range list {
		if c.kind != "pending" || ended[c.id] {
			continue
		}
		p := known[c.id]
		if p == nil {
			p = &openRepair{typ: c.typ, id: c.id, time: c.time}
			known[c.id] = p
			open = append(open, p)
		}
		if risk(c.typ) < risk(p.typ) {
			p.typ = c.typ // the side of caution
		}
		p.tags = append(p.tags, c.tag())
		for _, j := range c.jobs {
			if !hasJob(p.jobs, j.id) && !j.stranger() {
				p.jobs = append(p.jobs, j)
			}
		}
		sort.Slice(p.jobs, func(a, b int) bool { return p.jobs[a].id < p.jobs[b].id })
	}
	sort.SliceStable(open, func(a, b int) bool { return open[a].time < open[b].time })
	return open
}

func hasJob(jobs []pastJob, id int64) bool {
	for _, j := range jobs {
		if j.id == id {
			return true
		}
	}
	return false
}

// What the fates of jobs mean.

// stranger: a job of another instance, or a number that the queue has not reached (S14).
func (j pastJob) stranger() bool { return j.step == stepStranger || j.fate == "above" }

func (j pastJob) unfinished() bool {
	switch j.fate {
	case "queued", "waiting", "canceling", "running":
		return true
	}
	return false
}

func (j pastJob) foundNoRoom() bool {
	switch j.fate {
	case "no room", "no room now", "no answer", "target drained", "old no room":
		return true
	}
	return false
}

// refused: its checks refused it, and it changed nothing (S13).
func (j pastJob) refused() bool { return j.fate == "refused" || j.fate == "refused anew" }

// withdrawn: canceled before it began (S13).
func (j pastJob) withdrawn() bool { return j.fate == "canceled" || j.fate == "canceled now" }

// failed: it may have changed something, and not all that it should.
func (j pastJob) failed() bool {
	switch j.fate {
	case "failed", "elsewhere", "copied", "failed later", "refused later":
		return true
	}
	return false
}

// done: it did all that it was to do, even if its very end was an error (P19).
func (j pastJob) done() bool { return j.fate == "success" || j.fate == "copied" }

// cut: canceled after it began (S7).
func (j pastJob) cut() bool     { return j.fate == "canceled later" }
func (j pastJob) unknown() bool { return j.fate == "purged" || j.fate == "never heard of" }

// halfReinstalled: a chain that ended after its first opcode, or while that one
// was at work, has changed the instance and is not complete (S6, S7).
func (j pastJob) halfReinstalled() bool {
	return j.step == stepChain && (j.failed() || j.cut())
}

// changedNothing: neither an attempt nor a failure (S8, S13, C2).
func (j pastJob) changedNothing() bool {
	return j.foundNoRoom() || j.refused() || j.withdrawn() || j.fate == "expired"
}

// kept are the jobs that stay in the tags: those that changed nothing leave them, but
// for the refusals that count (S7, S13).
func (p *openRepair) kept() []pastJob {
	counted := make(map[int64]bool)
	for _, j := range p.refusals() {
		counted[j.id] = true
	}
	var list []pastJob
	for _, j := range p.jobs {
		if counted[j.id] || !j.changedNothing() {
			list = append(list, j)
		}
	}
	return list
}

// refusals are the newest jobs in a row that were refused in the same words. What never
// began lies between them without meaning.
func (p *openRepair) refusals() []pastJob {
	var list []pastJob
	for k := len(p.jobs) - 1; k >= 0; k-- {
		j := p.jobs[k]
		switch {
		case j.fate == "expired" || j.withdrawn():
			continue
		case !j.refused() || len(list) > 0 && (j.fate != list[0].fate || j.step != list[0].step):
			return list
		}
		list = append(list, j)
	}
	return list
}

// last is the last job that was released, lastChange the last that may have changed
// anything; each is empty if there is none.
func (p *openRepair) last() pastJob {
	for k := len(p.jobs) - 1; k >= 0; k-- {
		if p.jobs[k].fate != "expired" {
			return p.jobs[k]
		}
	}
	return pastJob{}
}

func (p *openRepair) lastChange() pastJob {
	for k := len(p.jobs) - 1; k >= 0; k-- {
		if !p.jobs[k].changedNothing() {
			return p.jobs[k]
		}
	}
	return pastJob{}
}

// onlyCopied: what nobody knows of the repair can only have been a replace-disks (S7).
func (p *openRepair) onlyCopied() bool {
	moved := p.typ == "fix-storage"
	for _, j := range p.jobs {
		moved = moved || j.fate == "success" && (j.step == stepF || j.step == stepM)
	}
	return moved
}

// restsOnPolicy: a pass began the repair, which its id tells, and nothing of it has
// changed anything yet (P22). Version 0.1.0 gave requests ids of the same form as what
// it began, so only what destroys data needs the policy there.
func (p *openRepair) restsOnPolicy(n need) bool {
	for _, j := range p.jobs {
		if !j.changedNothing() && j.fate != "queued" && j.fate != "waiting" && j.fate != "canceling" {
			return false
		}
	}
	return p.id == byPolicyID || p.id == oldID && len(p.jobs) == 0 && n.typ == "reinstall"
}

// The ids that tell of a repair who began it.
const (
	byPolicyID = "p-aaaabbbb"
	oldID      = "aaaabbbb"
)

// attempts counts the tries of a step that failed since anything succeeded: what
// changed nothing is no attempt (S8, S13, C2).
func (p *openRepair) attempts(step string) int {
	n := 0
	for _, j := range p.jobs {
		switch {
		case j.done():
			n = 0
		case j.failed() && j.step == step:
			n++
		}
	}
	return n
}
