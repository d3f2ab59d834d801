package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// RehearsalOutcome is what becomes of an instance in a rehearsal.
type RehearsalOutcome string

// What may become of an instance. The first five say that the first step of its repair is
// not taken, or that its data are lost.
const (
	RehearsedReinstalled  RehearsalOutcome = "reinstalled" // with new, empty disks: its data are lost
	RehearsedNotPermitted RehearsalOutcome = "not-permitted"
	RehearsedNoRoom       RehearsalOutcome = "no-room"
	RehearsedBlocked      RehearsalOutcome = "blocked"   // by a suspension, a valve, or what a person has to settle
	RehearsedNoRepair     RehearsalOutcome = "no-repair" // none exists for it (P9)
	RehearsedRestarted    RehearsalOutcome = "restarted" // on another node, with its data
	RehearsedMoved        RehearsalOutcome = "moved"     // migrated, or brought to another node while it is stopped
	RehearsedCopied       RehearsalOutcome = "copied"    // it runs on, and has a second copy of its disks again
)

// RehearsalOutcomes lists what may become of an instance, the worst first.
var RehearsalOutcomes = []RehearsalOutcome{
	RehearsedReinstalled, RehearsedNotPermitted, RehearsedNoRoom, RehearsedBlocked, RehearsedNoRepair,
	RehearsedRestarted, RehearsedMoved, RehearsedCopied,
}

// badness orders what becomes of instances, the worst first.
func (b RehearsalOutcome) badness() int {
	for k, other := range RehearsalOutcomes {
		if other == b {
			return k
		}
	}
	return len(RehearsalOutcomes)
}

// RehearsedInstance is what would become of one instance.
type RehearsedInstance struct {
	Instance *Instance        // as it is
	Outcome  RehearsalOutcome // at worst
	AtBest   RehearsalOutcome // otherwise only where an allocator's choice decides
	Steps    []Step           // that succeed, at worst
	Down     bool             // at worst: it should be up, and its primary node is offline
	OneCopy  bool             // at worst: it has lost the second copy of its disks and gets none
	Stays    bool             // at worst: the node is still one of its nodes
	Reason   Reason           // why it does not come further, at worst
	Detail   string           // the reason in words

	better *RehearsedInstance // at best, where that differs; nil if it does not
}

// Certain reports whether it does not depend on the choice of an allocator.
func (f RehearsedInstance) Certain() bool { return f.better == nil }

// Span is a number of instances of which only bounds are known.
type Span struct {
	AtLeast int `json:"at_least"`
	AtMost  int `json:"at_most"`
}

// Rehearsal is what would become of the instances of a node.
type Rehearsal struct {
	Node     *Node                     // as it is
	Each     []RehearsedInstance       // of its instances, in the order of the snapshot
	Outcomes map[RehearsalOutcome]Span // how many instances each has
	Down     Span                      // instances that should be up and stay down
	OneCopy  Span                      // instances that have lost the second copy of their disks and get none
	Stays    Span                      // instances that still have the node as one of theirs
}

// Rehearser tells what would become of instances if a node died, or was drained: it plans
// as passes would, takes for granted that every job succeeds for which there is room, and
// plans again until nothing changes. It never changes the snapshot.
type Rehearser struct {
	s          *Snapshot // as it is when all unfinished jobs have ended without an effect
	set        Settings
	placer     *Placer
	drained    bool
	on         map[string][]*Instance // by node
	needRepair []*Instance            // of which a pass would take a step anyway
	stopped    map[string]int64       // MiB, by node, of instances that are up and do not run
}

// mostRounds bounds how many passes are rehearsed. A repair has three steps at most, and
// what must not wait gives way to others for a pass or two.
const mostRounds = 12

// NewRehearser returns a rehearser of nodes that die, or are drained. The placer has to
// know the room of all nodes.
//
// Limits on how much is done at a time do not count, as they only delay (V1, V3, V7).
// Unfinished jobs count as jobs that never began; what they are going to take counts as
// taken.
func NewRehearser(s *Snapshot, placer *Placer, set Settings, drained bool) *Rehearser {
	set.MaxRunning, set.MaxCopying, set.MaxNew, set.ReplaceDisksAfter, set.Interval = 0, 0, 0, 0, 0
	quiet := *s
	quiet.Unfinished, quiet.Targets, quiet.RoomTests = nil, nil, nil
	if quiet.Cluster.Slots > 1 {
		quiet.Cluster.Slots = 0
	}
	quiet.Jobs = make(map[luxi.JobID]*JobFact, len(s.Jobs))
	for id, f := range s.Jobs {
		if f.Outcome == OutcomeUnfinished {
			never := *f
			never.Outcome = OutcomeExpired
			f = &never
		}
		quiet.Jobs[id] = f
	}
	r := &Rehearser{s: &quiet, set: set, placer: placer, drained: drained, on: make(map[string][]*Instance), stopped: make(map[string]int64)}
	ids := newIDs{}
	for _, i := range quiet.Instances {
		if !i.PlaceKnown || i.Forthcoming {
			continue
		}
		for _, name := range i.Nodes() {
			r.on[name] = append(r.on[name], i)
		}
		if i.AdminState == "up" && i.Live != nil && i.Live.Status != "running" {
			r.stopped[i.Primary] += placer.Demands[i.UUID].Memory
		}
		if d := Decide(&quiet, i, set, ids.next); d.Start != nil {
			r.needRepair = append(r.needRepair, i)
		}
	}
	return r
}

// Node rehearses the loss of a node.
func (r *Rehearser) Node(name string) Rehearsal {
	n := r.s.Nodes[name]
	h := Rehearsal{Node: n, Outcomes: make(map[RehearsalOutcome]Span, len(RehearsalOutcomes))}
	if len(r.on[name]) == 0 {
		return h
	}
	worst := r.run(name, true)
	best := worst
	if worst.uncertain {
		best = r.run(name, false)
	}
	for _, i := range r.on[name] {
		f := worst.result(i, name)
		f.AtBest = f.Outcome
		if b := best.result(i, name); worst.uncertain && (b.Outcome.badness() != f.Outcome.badness() || b.OneCopy != f.OneCopy) {
			if b.Outcome.badness() < f.Outcome.badness() {
				f, b = b, f
			}
			f.AtBest, f.better = b.Outcome, &b
		}
		h.Each = append(h.Each, f)
	}
	h.count()
	bound(&h, worst, best)
	return h
}

// count sums up what becomes of the instances.
func (h *Rehearsal) count() {
	add := func(s *Span, worst, best bool) {
		if worst && best {
			s.AtLeast++
		}
		if worst || best {
			s.AtMost++
		}
	}
	for _, f := range h.Each {
		b := f
		if f.better != nil {
			b = *f.better
		}
		for _, what := range RehearsalOutcomes {
			span := h.Outcomes[what]
			add(&span, f.Outcome == what, b.Outcome == what)
			if span != (Span{}) {
				h.Outcomes[what] = span
			}
		}
		add(&h.Down, f.Down, b.Down)
		add(&h.OneCopy, f.OneCopy, b.OneCopy)
		add(&h.Stays, f.Stays, b.Stays)
	}
}

// Instances returns how many instances the node has.
func (h Rehearsal) Instances() int { return len(h.Each) }

// Harm reports whether the loss of the node may lose data, or leave instances down that
// should be up.
func (h Rehearsal) Harm() bool {
	return h.Outcomes[RehearsedReinstalled].AtMost > 0 || h.Down.AtMost > 0
}

// Nodes rehearses the loss of each of the nodes.
func (r *Rehearser) Nodes(names []string) []Rehearsal {
	list := make([]Rehearsal, 0, len(names))
	for _, name := range names {
		list = append(list, r.Node(name))
	}
	return list
}

// newIDs makes ids of repairs that nobody will see.
type newIDs struct{ n int }

func (ids *newIDs) next() string {
	const letters = "abcdefghjkmnpqrstuvwxyz"
	id, n := []byte("p-aaaaaaaa"), ids.n
	for k := len(id) - 1; n > 0; k, n = k-1, n/len(letters) {
		id[k] = letters[n%len(letters)]
	}
	ids.n++
	return string(id)
}

// lost returns the snapshot in which the node is offline, or drained, and which holds
// copies of those instances alone that are on it, or compete with them for room.
func (r *Rehearser) lost(name string) *Snapshot {
	s := *r.s
	s.Nodes = make(map[string]*Node, len(r.s.Nodes))
	for k, n := range r.s.Nodes {
		s.Nodes[k] = n
	}
	n := *r.s.Nodes[name]
	n.Unused = false
	if r.drained {
		n.Drained = !n.Offline
	} else {
		n.Offline, n.Drained = true, false
	}
	s.Nodes[name] = &n
	s.Jobs = make(map[luxi.JobID]*JobFact)
	s.Instances = nil
	groups, have := make(map[string]bool), make(map[*Instance]bool)
	add := func(i *Instance) {
		if have[i] {
			return
		}
		have[i] = true
		for _, node := range i.Nodes() {
			if n := s.Nodes[node]; n != nil {
				groups[n.Group] = true
			}
		}
		own := *i
		if r.drained {
			own.Live = assumedLive(i)
		}
		s.Instances = append(s.Instances, &own)
		for _, p := range i.Tags.Pendings {
			for _, id := range p.Jobs {
				if f := r.s.Jobs[id]; f != nil {
					s.Jobs[id] = f
				}
			}
		}
	}
	for _, i := range r.on[name] {
		add(i)
	}
	for _, i := range r.needRepair {
		for _, node := range i.Nodes() {
			if n := s.Nodes[node]; n != nil && groups[n.Group] {
				add(i)
				break
			}
		}
	}
	return &s
}

// assumedLive returns the live status of an instance, and where its node did not say what
// it should be.
func assumedLive(i *Instance) *Live {
	if i.Live != nil {
		return i.Live
	}
	switch i.AdminState {
	case "up":
		return &Live{Status: "running"}
	case "down":
		return &Live{Status: "ADMIN_down"}
	}
	return &Live{Status: "ADMIN_offline"}
}

// run rehearses the loss of a node once: at worst the allocator chooses such nodes that
// others have no room, at best such that all have.
func (r *Rehearser) run(name string, worst bool) *rehearsalRun {
	run := &rehearsalRun{
		r: r, s: r.lost(name), node: name, worst: worst, nextJob: r.s.NewestJob + 1,
		ends: make(map[string]*instanceEnd), chosen: make(map[string]bool), asked: make(map[askClass]*ask),
	}
	run.placer = r.placer.without(name, run.s.Instances)
	for id := range r.s.Jobs {
		if id >= run.nextJob {
			run.nextJob = id + 1
		}
	}
	for _, i := range run.s.Instances {
		run.ends[i.UUID] = &instanceEnd{instance: i}
	}
	for round := 0; round < mostRounds && len(run.s.Instances) > 0; round++ {
		if !run.pass() {
			break
		}
		run.s.Time = run.s.Time.Add(time.Second)
	}
	for _, e := range run.ends {
		// Where nodes are chosen here, room that others may take is left alone.
		run.uncertain = run.uncertain || e.decision.Reason == ReasonNoRoom && e.noRoom == "" && len(run.placer.open)+len(run.choices) > 0
	}
	return run
}

// without returns a placer that does not know the node, nor what unfinished jobs take for
// the instances. It shares with the other all that is only read.
func (p *Placer) without(node string, instances []*Instance) *Placer {
	own := make(map[string]bool, len(instances))
	for _, i := range instances {
		own[i.UUID] = true
	}
	c := *p
	c.Strict, c.expected, c.held, c.open = false, false, nil, nil
	c.named = make(map[string][]Claim)
	for _, claim := range p.open {
		if claim.Instance == nil || !own[claim.Instance.UUID] {
			c.open = append(c.open, claim)
		}
	}
	for name, claims := range p.named {
		for _, claim := range claims {
			if claim.Instance == nil || !own[claim.Instance.UUID] {
				c.named[name] = append(c.named[name], claim)
			}
		}
	}
	c.Rooms = make(map[string][]Room, len(p.Rooms))
	for group, rooms := range p.Rooms {
		for k := range rooms {
			if rooms[k].Node == node {
				rooms = append(append([]Room(nil), rooms[:k]...), rooms[k+1:]...)
				break
			}
		}
		c.Rooms[group] = rooms
	}
	return &c
}

// trial returns a placer for one plan, which shares with the other all that is only read.
func (p *Placer) trial() *Placer {
	c := *p
	c.open = p.open[:len(p.open):len(p.open)]
	c.named = make(map[string][]Claim, len(p.named))
	for name, claims := range p.named {
		c.named[name] = claims[:len(claims):len(claims)]
	}
	return &c
}

// String returns the instance with what becomes of it: "web1: no-room or restarted".
func (f RehearsedInstance) String() string {
	if f.Outcome == f.AtBest {
		return fmt.Sprintf("%s: %s", f.Instance.Name, f.Outcome)
	}
	return fmt.Sprintf("%s: %s or %s", f.Instance.Name, f.Outcome, f.AtBest)
}
