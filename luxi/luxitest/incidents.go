package luxitest

import (
	"fmt"
	"strings"
	"time"
)

// IncidentKind sorts incidents.
type IncidentKind string

// The kinds of incidents.
const (
	RunsTwice  IncidentKind = "runs-twice"  // an instance runs on two nodes
	StaleStart IncidentKind = "stale-start" // it starts from a copy that lacks writes, and a better one is on an online node
	Destroyed  IncidentKind = "destroyed"   // data that was on an online node is destroyed, or the last copy of it removed
	NoDisk     IncidentKind = "no-disk"     // a running instance loses its disk
)

// Incident is something that must never happen to an instance, whoever caused it. Online is a node that answers and is
// not marked offline.
type Incident struct {
	At       time.Time
	Kind     IncidentKind
	Instance string
	UUID     string
	Node     string // where it happened
	Job      int64  // the job that did it, 0 if it was none
	Text     string
}

func (i Incident) String() string {
	by := ""
	if i.Job != 0 {
		by = fmt.Sprintf(" (job %d)", i.Job)
	}
	return fmt.Sprintf("%s: %s %s%s", i.Kind, i.Instance, i.Text, by)
}

// Incidents returns all incidents so far, in order.
func (m *Master) Incidents() []Incident {
	m.lock()
	defer m.unlock()
	return append([]Incident(nil), m.incidents...)
}

func (m *Master) incident(kind IncidentKind, i *Instance, node, format string, args ...any) {
	n := Incident{At: m.now, Kind: kind, Instance: i.Name, UUID: i.UUID, Node: node, Job: m.currentJob, Text: fmt.Sprintf(format, args...)}
	m.incidents = append(m.incidents, n)
	m.note(LogIncident, "%s", n)
}

// runs makes the instance run on a node.
func (m *Master) runs(i *Instance, node string) {
	if contains(i.RunsOn, node) {
		return
	}
	i.RunsOn = append(clone(i.RunsOn), node)
	if len(i.RunsOn) > 1 {
		m.incident(RunsTwice, i, node, "runs on %s", strings.Join(i.RunsOn, " and on "))
	}
}
