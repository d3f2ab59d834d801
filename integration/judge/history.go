package judge

import (
	"fmt"
	"time"
)

// History is what a master shows of a run.
type History struct {
	First, Last *Cluster
	Moments     []Moment // in order
	Tags        []Change // in order
	Jobs        []Job    // in order of their ids
	Incidents   []Incident
	// Own reports whether a repair's id was made by the program.
	Own func(id string) bool
}

// Moment is something that happened, with the cluster as it was just before.
type Moment struct {
	Kind    Kind
	Job, Op int64  // of what has to do with a job
	Node    string // of a fence
	Newest  int64  // the newest job of the queue; 0 if that is not known
	Cluster *Cluster
}

// Kind says what happened.
type Kind string

// The kinds of moments.
const (
	PassBegins Kind = "pass begins"
	PassEnds   Kind = "pass ends" // without an error, and nothing disturbed it
	PassFails  Kind = "pass fails"
	Released   Kind = "released" // the program lets the job go
	Begins     Kind = "begins"   // the opcode number Op of the job has its locks
	Looks      Kind = "looks"    // the same, of a job of the program that looks at disks
	TakenBack  Kind = "taken back"
	Canceled   Kind = "canceled" // by a person
	Fenced     Kind = "fenced"   // the fence of a node holds
)

// Change is a tag that was added to an object or removed from it.
type Change struct {
	Time   time.Time
	Object string // the name of an instance; "group:NAME" and "cluster" for others
	Tag    string
	Added  bool
	Ours   bool // by a job of the program
	// Renamed is the instance's new name, where that is what changed.
	Renamed string
}

// Incident is something that happened to an instance and must not.
type Incident struct {
	Kind IncidentKind
	UUID string
	Job  int64 // the job that did it, 0 for none
	Text string
}

// IncidentKind sorts incidents.
type IncidentKind string

// The kinds of incidents.
const (
	RunsTwice IncidentKind = "runs twice"
	StaleCopy IncidentKind = "stale copy" // started from a copy that lacks writes which an online node has
	Destroyed IncidentKind = "destroyed"  // data that was on an online node
)

// Finding is something that must not be.
type Finding struct {
	Demand string // "P15"
	Text   string
}

func (f Finding) String() string { return f.Demand + ": " + f.Text }

// verdict collects what is wrong with a history.
type verdict struct {
	*History
	jobs     map[int64]*Job
	released map[int64]int // index of the moment
	passes   []span        // those that nothing disturbed
	open     span          // the pass under way
	inPass   bool
	last     int64          // the job that the pass under way released last
	cut      map[int64]bool // jobs that a pass released last before it died
	begun    map[int64]bool
	given    map[string]bool       // by the instance's UUID: it was failed over to a copy that lacks what an offline node has
	running  map[string]int64      // by the instance's UUID: the repair job that began last
	fenced   map[string]bool       // nodes, in the pass under way or the last one
	marks    []int64               // jobs that mark nodes offline, released in that pass
	dead     map[string]deadPasses // nodes
	others   map[string]bool       // by the instance's UUID: what it lacks others have thrown away
	list     []Finding
	seen     map[string]bool
}

// span is a pass, by the indices of its first and last moment.
type span struct{ begin, end int }

// Judge returns what is wrong with a history.
func Judge(h *History) []Finding {
	v := &verdict{
		History: h, jobs: make(map[int64]*Job), released: make(map[int64]int), begun: make(map[int64]bool), cut: make(map[int64]bool),
		running: make(map[string]int64), given: make(map[string]bool), others: make(map[string]bool), seen: make(map[string]bool),
		fenced: make(map[string]bool), dead: make(map[string]deadPasses),
	}
	for k := range h.Jobs {
		v.jobs[h.Jobs[k].ID] = &h.Jobs[k]
	}
	for k := range h.Moments {
		v.moment(k, &h.Moments[k])
	}
	for k := range h.Jobs {
		v.opcodes(&h.Jobs[k])
		v.marking(&h.Jobs[k])
		if h.Jobs[k].Kind() == "repair" {
			v.neverOnGoodNodes(&h.Jobs[k])
		}
		v.rejected(&h.Jobs[k])
	}
	for k := range h.Incidents {
		v.incident(&h.Incidents[k])
	}
	v.quiet()
	v.lostData()
	v.ledger()
	return v.list
}

// wrong notes a finding, once.
func (v *verdict) wrong(demand, format string, args ...any) {
	f := Finding{demand, fmt.Sprintf(format, args...)}
	if !v.seen[f.String()] {
		v.seen[f.String()] = true
		v.list = append(v.list, f)
	}
}

func (v *verdict) moment(k int, m *Moment) {
	j := v.jobs[m.Job]
	switch m.Kind {
	case PassBegins:
		v.open, v.inPass, v.last = span{begin: k}, true, 0
		v.fenced, v.marks = make(map[string]bool), nil
		v.countDead(m.Cluster)
	case PassEnds:
		v.open.end, v.inPass = k, false
		v.passes = append(v.passes, v.open)
		v.passEnded(v.open)
	case PassFails:
		v.inPass = false
		v.cut[v.last] = true
	case Released:
		if j != nil {
			v.released[j.ID], v.last = k, j.ID
		}
		switch {
		case j != nil && j.Kind() == "offline":
			v.releaseMarking(m, j)
		case j != nil:
			v.release(m, j)
		}
	case Begins:
		switch {
		case j != nil && j.Kind() == "repair":
			v.begin(k, m, j)
		case j != nil && j.Kind() == "offline":
			v.beginMarking(m, j)
		}
	case Fenced:
		v.fenced[m.Node] = true
	case TakenBack:
		if j != nil && j.Kind() == "repair" {
			v.takenBack(m, j)
		}
	}
}

// opcodes looks at what a job's opcodes may do (P11, P18).
func (v *verdict) opcodes(j *Job) {
	kind := j.Kind()
	if kind != "repair" && kind != "probe" {
		return
	}
	for k := range j.Ops {
		op := &j.Ops[k]
		for _, never := range []string{"allow_failover", "ignore_consistency", "ignore_ipolicy", "early_release", "ignore_failures"} {
			if op.flag(never) {
				v.wrong("P11", "job %d: %s sets %s", j.ID, op.ID, never)
			}
		}
		if op.flag("force") && op.ID != "OP_INSTANCE_STARTUP" {
			v.wrong("P11", "job %d: %s sets force", j.ID, op.ID)
		}
		if op.Text("instance_name") != "" && op.Text("instance_uuid") == "" {
			v.wrong("P11", "job %d: %s has no UUID", j.ID, op.ID)
		}
		if op.ID == "OP_INSTANCE_MIGRATE" && op.Params["allow_runtime_changes"] != false {
			v.wrong("P18", "job %d: %s allows runtime changes", j.ID, op.ID)
		}
	}
}

// rejected looks for a repair job that nobody canceled and that is canceled: a filter
// has rejected it (C7).
func (v *verdict) rejected(j *Job) {
	if j.Kind() != "repair" || j.Status != "canceled" || j.Began() {
		return
	}
	for _, m := range v.Moments {
		if m.Job == j.ID && (m.Kind == TakenBack || m.Kind == Canceled) {
			return
		}
	}
	v.wrong("C7", "job %d, %s of %s, was submitted, and nobody canceled it", j.ID, j.Step(), j.Instance())
}

// lostData looks for data that is no longer what it was although nothing was
// reinstalled.
func (v *verdict) lostData() {
	reinstalled := make(map[string]bool)
	for k := range v.Jobs {
		for _, op := range v.Jobs[k].Ops {
			// What people fail over they may bring to a copy that is not whole.
			byPeople := op.ID == "OP_INSTANCE_FAILOVER" && v.Jobs[k].Kind() == ""
			if (op.ID == "OP_INSTANCE_RECREATE_DISKS" || byPeople) && !op.Began.IsZero() {
				reinstalled[op.Text("instance_uuid")] = true
			}
		}
	}
	for _, i := range v.Last.Instances {
		if i.Truth && i.Generation > 1 && !reinstalled[i.UUID] && !v.given[i.UUID] && !v.others[i.UUID] && !v.lied(i.UUID) {
			v.wrong("S15", "the data of %s was replaced, and it was not reinstalled", i.Name)
		}
	}
}
