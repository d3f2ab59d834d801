package integration_test

import (
	"sort"
	"strings"
)

// The oracle: what the design demands, stated anew. Nothing here calls the code
// under test; it reads situations only.

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
func risk(typ string) int {
	switch typ {
	case "fix-storage":
		return 1
	case "migrate":
		return 2
	case "failover":
		return 3
	case "reinstall":
		return 4
	}
	return 0
}

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
func fitForMove(sec string) bool { return sec != "incapable" && sec != "far" }
func stoppedFor(live string) bool {
	return live == "ADMIN_down" || live == "ADMIN_offline" || live == "ERROR_down"
}
func runsFor(live string) bool { return live == "running" || live == "ERROR_up" }

// needOf restates P1 to P10 and the first half of P11.
func needOf(r *situation) need {
	at := r.at
	if at.unread || at.coming {
		return need{}
	}
	if at.primary == "unknown" || at.secondary == "unknown" {
		return need{lost: true}
	}
	if at.template == "drbd" && at.secondary == "" && !badCondition(at.primary) {
		return need{lost: true} // C5: nothing is concluded from what was not told
	}
	if !badCondition(at.primary) && !badCondition(at.secondary) {
		return need{}
	}
	// P2, P3, P6: what runs is migrated, what has no running state to lose is
	// failed over, and where that is not known nothing is moved.
	move, moveHeld := stepM, ""
	switch {
	case stoppedFor(r.live):
		move = stepF
	case !runsFor(r.live):
		moveHeld = "live status"
	}
	target := ""
	if !fitForMove(at.secondary) {
		target = "target" // P11
	}
	offlineHeld := ""
	if r.admin == "offline" {
		offlineHeld = "admin offline" // P10
	}
	either := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	switch at.template {
	case "drbd":
		switch {
		case at.secondary == "":
		case !badCondition(at.primary):
			return need{row: "P1", steps: []string{stepRD}, typ: "fix-storage", next: "fix-storage"}
		case at.primary == "drained" && !badCondition(at.secondary):
			return need{row: "P2", steps: []string{move, stepRD}, typ: "migrate", next: "migrate", held: either(target, moveHeld)}
		case at.primary == "drained":
			return need{row: "P3", steps: []string{stepRD, move, stepRD}, typ: "migrate", next: "fix-storage"}
		case !badCondition(at.secondary):
			return need{row: "P4", steps: []string{stepF, stepRD}, typ: "failover", next: "failover", held: target}
		case isOffline(at.secondary):
			return need{row: "P5", steps: []string{stepChain}, typ: "reinstall", next: "reinstall", held: offlineHeld}
		}
	case "diskless", "sharedfile", "gluster", "rbd", "ext", "blockdev":
		switch {
		case at.secondary != "":
		case at.primary == "drained":
			return need{row: "P6", steps: []string{move}, typ: "migrate", next: "migrate", held: moveHeld}
		default:
			return need{row: "P7", steps: []string{stepF}, typ: "failover", next: "failover"}
		}
	case "plain", "file":
		if at.secondary == "" && isOffline(at.primary) {
			return need{row: "P8", steps: []string{stepChain}, typ: "reinstall", next: "reinstall", held: offlineHeld}
		}
	}
	return need{row: "P9", held: "no repair"}
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
