package report

import (
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/plugin/repair"
)

// RehearsalView is what would become of the instances of a node, in the form users and
// scripts see.
type RehearsalView struct {
	Node     string                 `json:"node"`
	Group    string                 `json:"node_group"`
	State    string                 `json:"state"` // "online", "drained" or "offline", as it is
	Master   bool                   `json:"master,omitempty"`
	Count    int                    `json:"instances"`
	Outcomes map[string]repair.Span `json:"outcomes"` // those that no instance has are left out
	Down     repair.Span            `json:"down"`     // instances that should be up and stay down
	OneCopy  repair.Span            `json:"one_copy"` // instances that are left with one copy of their disks
	Stays    repair.Span            `json:"stays"`    // instances that still have the node
	Harm     bool                   `json:"harm"`     // data may be lost, or instances stay down
	Each     []RehearsedView        `json:"each,omitempty"`
}

// RehearsedView is what would become of one instance: at worst, where an allocator's choice
// decides.
type RehearsedView struct {
	Instance string        `json:"instance"`
	UUID     string        `json:"uuid"`
	Primary  string        `json:"primary_node"`
	Second   []string      `json:"secondary_nodes,omitempty"`
	Template string        `json:"disk_template"`
	Outcome  string        `json:"outcome"`
	AtBest   string        `json:"outcome_at_best"`
	Steps    []string      `json:"steps"` // that succeed
	Down     bool          `json:"down,omitempty"`
	OneCopy  bool          `json:"one_copy,omitempty"`
	Stays    bool          `json:"stays,omitempty"`
	Reason   repair.Reason `json:"reason"` // why it comes no further
	Detail   string        `json:"why,omitempty"`
}

// RehearsalViewOf returns the view of a rehearsal, with every instance if each is set.
func RehearsalViewOf(s *repair.Snapshot, h repair.Rehearsal, each bool) RehearsalView {
	v := RehearsalView{
		Node: h.Node.Name, State: nodeState(h.Node), Master: h.Node.Name == s.Cluster.Master, Count: h.Instances(),
		Outcomes: make(map[string]repair.Span), Down: h.Down, OneCopy: h.OneCopy, Stays: h.Stays, Harm: h.Harm(),
	}
	if g := s.Groups[h.Node.Group]; g != nil {
		v.Group = g.Name
	}
	for what, span := range h.Outcomes {
		if span.AtMost > 0 {
			v.Outcomes[string(what)] = span
		}
	}
	if !each {
		return v
	}
	for _, f := range h.Each {
		x := RehearsedView{
			Instance: f.Instance.Name, UUID: f.Instance.UUID, Primary: f.Instance.Primary, Second: f.Instance.Secondaries, Template: f.Instance.Template,
			Outcome: string(f.Outcome), AtBest: string(f.AtBest), Steps: []string{}, Down: f.Down, OneCopy: f.OneCopy, Stays: f.Stays,
			Reason: f.Reason, Detail: f.Detail,
		}
		for _, step := range f.Steps {
			x.Steps = append(x.Steps, string(step))
		}
		v.Each = append(v.Each, x)
	}
	sort.SliceStable(v.Each, func(a, b int) bool { return badness(v.Each[a]) < badness(v.Each[b]) })
	return v
}

// badness orders what becomes of instances, the worst first.
func badness(f RehearsedView) int {
	n := 2 * len(repair.RehearsalOutcomes)
	for k, what := range repair.RehearsalOutcomes {
		if f.Outcome == string(what) {
			n = 2 * k
		}
	}
	if !f.Down && f.Outcome != string(repair.RehearsedReinstalled) {
		n += 2 * len(repair.RehearsalOutcomes)
	}
	if f.OneCopy {
		n--
	}
	return n
}

// nodeState is the state of a node in one word.
func nodeState(n *repair.Node) string {
	switch {
	case n.Offline:
		return "offline"
	case n.Drained:
		return "drained"
	}
	return "online"
}

// InWords says what becomes of the instance: "no-room, stays down; or restarted".
func (f RehearsedView) InWords() string {
	text := f.Outcome
	if f.Outcome == string(repair.RehearsedReinstalled) {
		text += ", data lost"
	}
	if f.Down {
		text += ", stays down"
	}
	if f.OneCopy {
		text += ", one copy left"
	}
	if f.AtBest != f.Outcome {
		text += "; or " + f.AtBest
	}
	if f.Detail != "" && f.Reason != repair.ReasonHealthy && f.Reason != repair.ReasonUnsettled {
		text += ": " + strings.TrimRight(f.Detail, ".")
	}
	return text
}

// WorstFirst puts rehearsals in the order in which people want to see them: where data
// would be lost, where most would stay down, where most would still have the node, and the
// others by name.
func WorstFirst(list []repair.Rehearsal) {
	sort.SliceStable(list, func(a, b int) bool {
		x, y := list[a], list[b]
		for _, n := range [][2]int{
			{x.Outcomes[repair.RehearsedReinstalled].AtMost, y.Outcomes[repair.RehearsedReinstalled].AtMost},
			{x.Down.AtMost, y.Down.AtMost},
			{x.Stays.AtMost, y.Stays.AtMost},
		} {
			if n[0] != n[1] {
				return n[0] > n[1]
			}
		}
		return repair.NiceLess(x.Node.Name, y.Node.Name)
	})
}

// rehearsals writes what would become of the instances of each node that has any and is
// not offline already: of what is bad at most so many, of what is good at least.
func (m metrics) rehearsals(all []repair.Rehearsal) {
	var list []repair.Rehearsal
	for _, h := range all {
		if h.Instances() > 0 && !h.Node.Offline {
			list = append(list, h)
		}
	}
	m.head("rehearsal_instances", "Instances by what would become of them if the node died: restarted, moved and copied at least so many, others at most.")
	for _, h := range list {
		for _, what := range repair.RehearsalOutcomes {
			n := h.Outcomes[what].AtMost
			switch what {
			case repair.RehearsedRestarted, repair.RehearsedMoved, repair.RehearsedCopied:
				n = h.Outcomes[what].AtLeast
			}
			m.labelled("rehearsal_instances", float64(n), "node", h.Node.Name, "outcome", string(what))
		}
	}
	m.head("rehearsal_down_instances", "Instances that should be up and would stay down if the node died, at most.")
	for _, h := range list {
		m.labelled("rehearsal_down_instances", float64(h.Down.AtMost), "node", h.Node.Name)
	}
}

// SpanText returns a number of instances, or the least and the most with the text between
// them; "" if it is none.
func SpanText(s repair.Span, between string) string {
	switch {
	case s.AtMost == 0:
		return ""
	case s.AtLeast == s.AtMost:
		return fmt.Sprint(s.AtMost)
	}
	return fmt.Sprint(s.AtLeast, between, s.AtMost)
}
