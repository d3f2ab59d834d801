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
func fitForMove(sec string) bool { return sec != "incapable" }
func stoppedFor(live string) bool {
	return live == "ADMIN_down" || live == "ADMIN_offline" || live == "ERROR_down"
}
func runsFor(live string) bool { return live == "running" || live == "ERROR_up" }

// needOf asks the judge for the row of the table (P1 to P11).
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
	node := func(condition, group string) judge.Node {
		return judge.Node{
			Group: group, Offline: isOffline(condition), Drained: condition == "drained" || condition == "both", NotVMCapable: condition == "incapable",
		}
	}
	c := &judge.Cluster{Nodes: map[string]judge.Node{"pri": node(at.primary, "near"), "sec": node(at.secondary, "near")}}
	i := &judge.Instance{Template: at.template, Admin: r.admin, Status: r.live, Primary: "pri"}
	if at.secondary != "" {
		i.Secondary = "sec"
	}
	n := judge.NeedOf(c, i)
	need := need{row: n.Row, steps: n.Steps, typ: n.Type, next: n.Type, held: n.Held}
	switch {
	case need.first() == stepRD:
		need.next = "fix-storage"
	case at.secondary == "far" && need.first() != stepChain && len(need.steps) > 0 && judge.Unmended["P11"]:
		need.held = "its secondary node is in another group"
	}
	if r.live == "USER_down" && r.admin == "down" && judge.Unmended["S17"] && (n.Row == "P2" || n.Row == "P3" || n.Row == "P6") {
		need.steps = append([]string(nil), n.Steps...)
		for k, step := range need.steps {
			if step == stepF {
				need.steps[k] = stepM
			}
		}
		if n.Row != "P3" {
			need.held = "its live status does not say whether it runs"
		}
	}
	return need
}

// openRepair is an open repair: all pending tags of one id without a result (T6).
type openRepair struct {
	typ, id string
	time    int64
	jobs    []pastJob // each once, in the order of submission
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
			if !hasJob(p.jobs, j.id) {
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
func (j pastJob) unfinished() bool {
	switch j.fate {
	case "queued", "waiting", "canceling", "running":
		return true
	}
	return false
}

func (j pastJob) foundNoRoom() bool {
	switch j.fate {
	case "no room", "no room now", "no answer", "target drained":
		return true
	}
	return false
}

func (j pastJob) failed() bool {
	switch j.fate {
	case "failed", "refused", "failed later", "refused later":
		return true
	}
	return false
}

func (j pastJob) canceled() bool { return j.fate == "canceled" || j.fate == "canceled later" }
func (j pastJob) unknown() bool  { return j.fate == "purged" || j.fate == "never heard of" }

// halfReinstalled: a chain that ended after its first opcode, or while that one
// was at work, has changed the instance and is not complete (S6, S7).
func (j pastJob) halfReinstalled() bool {
	if j.step != stepChain {
		return false
	}
	switch j.fate {
	case "failed", "failed later", "refused later", "canceled later":
		return true
	}
	return false
}

// begun are the jobs that really began: what expired unreleased is no attempt
// and no failure (C2).
func (p *openRepair) begun() []pastJob {
	var list []pastJob
	for _, j := range p.jobs {
		if j.fate != "expired" {
			list = append(list, j)
		}
	}
	return list
}

func (p *openRepair) last() pastJob {
	if list := p.begun(); len(list) > 0 {
		return list[len(list)-1]
	}
	return pastJob{}
}

// attempts counts the tries of a step that failed since anything succeeded: no
// room is no attempt (S8), nor is what expired (C2).
func (p *openRepair) attempts(step string) int {
	n := 0
	for _, j := range p.jobs {
		switch {
		case j.fate == "success":
			n = 0
		case j.failed() && j.step == step:
			n++
		}
	}
	return n
}
