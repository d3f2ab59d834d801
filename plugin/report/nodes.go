package report

import (
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// NodeView is the state of one node, in the form users and scripts see.
type NodeView struct {
	Node        string           `json:"node"`
	UUID        string           `json:"uuid"`
	Group       string           `json:"node_group"`
	State       repair.NodeState `json:"state"`
	SilentSince int64            `json:"silent_since,omitempty"` // Unix time in seconds; 0 if it answers, or is not known to be silent
	// NotMarked is why the last pass did not mark it offline, and WhyNotMarked the same in
	// words; empty where nodes are not marked.
	NotMarked    repair.MarkReason `json:"not_marked,omitempty"`
	WhyNotMarked string            `json:"why_not_marked,omitempty"`

	Offline     bool               `json:"offline"`
	Drained     bool               `json:"drained"`
	Primaries   int                `json:"primaries"`   // instances that have it as primary node
	Secondaries int                `json:"secondaries"` // and as a secondary node
	Pending     int                `json:"pending"`     // those that leave it without anybody's doing
	Blocked     int                `json:"blocked"`     // those that do not
	Missing     string             `json:"missing,omitempty"`
	Command     string             `json:"command,omitempty"` // what a person could type about it
	Instances   []LeftInstanceView `json:"instances"`         // that are left on it; none of a node that is ok
	Jobs        []NodeJobView      `json:"jobs"`              // unfinished jobs that have it, or may have it
	silentFor   string             // how long it is silent: "silent for 5m: "
	silence     string             // what to do about that
}

// LeftInstanceView is an instance that a node still has.
type LeftInstanceView struct {
	Instance string        `json:"instance"`
	Role     string        `json:"role"` // "primary" or "secondary"
	State    repair.State  `json:"state"`
	Reason   repair.Reason `json:"reason"`
	Pending  bool          `json:"pending"`
	Detail   string        `json:"why,omitempty"`
	Command  string        `json:"command,omitempty"`
}

// NodeJobView is an unfinished job that has a node, or may have it.
type NodeJobView struct {
	ID      int64          `json:"id"`
	Summary string         `json:"summary"`
	Status  luxi.JobStatus `json:"status"`
}

// Nodes returns the views of all nodes, by name.
func Nodes(p *repair.Plan) []NodeView {
	var list []NodeView
	for _, n := range repair.NodeStatusesOf(p) {
		list = append(list, nodeView(p, n))
	}
	return list
}

func nodeView(p *repair.Plan, n repair.NodeStatus) NodeView {
	v := NodeView{
		Node: n.Node.Name, UUID: n.Node.UUID, State: n.State, Offline: n.Node.Offline, Drained: n.Node.Drained,
		Instances: []LeftInstanceView{}, Jobs: []NodeJobView{}, SilentSince: n.Node.SilentSince,
		NotMarked: n.Node.NotMarked, WhyNotMarked: n.Node.WhyNotMarked,
	}
	if g := p.Snapshot.Groups[n.Node.Group]; g != nil {
		v.Group = g.Name
	}
	for _, l := range n.Left {
		role := "secondary"
		if l.Primary {
			role = "primary"
			v.Primaries++
		} else {
			v.Secondaries++
		}
		if n.Node.Condition() == repair.NodeOK {
			continue
		}
		of := ViewOf(p, l.Decision)
		v.Instances = append(v.Instances, LeftInstanceView{
			Instance: of.Instance, Role: role, State: of.State, Reason: of.Reason, Pending: l.Pending, Detail: of.Detail, Command: of.Command,
		})
		if l.Pending {
			v.Pending++
		} else {
			v.Blocked++
		}
		if !l.Pending {
			v.Command = of.Command
		}
	}
	for _, job := range n.Jobs {
		v.Jobs = append(v.Jobs, NodeJobView{ID: int64(job.ID), Summary: strings.Join(job.Summary, ","), Status: job.Status})
	}
	switch {
	case v.Blocked > 1:
		v.Command = "ganeti-autorepair status node:" + v.Node
	case v.Blocked == 0 && (v.State == repair.NodeLeaving || v.State == repair.NodeLost):
		v.Command = "ganeti-autorepair nodes --wait " + v.Node
	}
	if n.State == repair.NodeSilent {
		v.noteSilence(p.Snapshot)
	}
	v.Missing = v.Words(func(name string) string { return name })
	return v
}

// noteSilence notes what to say of a node that does not answer.
func (v *NodeView) noteSilence(s *repair.Snapshot) {
	for _, of := range Silences(s) {
		if of.Node == v.Node || of.CutOff && v.Node != s.Cluster.Master {
			v.silentFor, v.silence, v.Command = "silent for "+Age(v.SilentSince, s.Time)+": ", "", of.Command
			if of.CutOff {
				v.silence += of.What + ": "
			}
			if v.NotMarked != "" {
				v.silence += notMarked(string(v.NotMarked), v.WhyNotMarked) + ": "
			}
			v.silence += of.Ask
		}
	}
}

// AllBlocked reports whether the node has instances left, and none of them leaves without
// anybody's doing.
func (v NodeView) AllBlocked() bool { return v.Blocked > 0 && v.Pending == 0 }

// Words tells what is missing until the node is free of instances, with the names of
// instances as short gives them: "goes on: 2 ready (db1, db2); blocked: 1 no-permission
// (web2)".
func (v NodeView) Words(short func(string) string) string { return v.Advice(short, "") }

// Lasting is Words without how long it is so, which changes from look to look.
func (v NodeView) Lasting(short func(string) string) string {
	v.silentFor = ""
	return v.Words(short)
}

// Advice is Words with a command behind what it is about.
func (v NodeView) Advice(short func(string) string, command string) string {
	if command != "" {
		command = ": " + command
	}
	switch {
	case v.State == repair.NodeUsual:
		return ""
	case v.State == repair.NodeEmpty:
		return "nothing, it is safe to switch off"
	}
	var parts []string
	if v.silence != "" {
		parts, command = append(parts, v.silentFor+v.silence+command), ""
	}
	if v.Pending > 0 {
		parts = append(parts, "goes on: "+v.byReason(true, short))
	}
	if v.Blocked > 0 {
		parts = append(parts, "blocked: "+v.byReason(false, short)+command)
	}
	switch {
	case len(v.Instances) > 0:
	case len(v.Jobs) > 0:
		parts = append(parts, v.jobWords())
	case v.silence == "":
		return "what is left on it is not known"
	}
	return strings.Join(parts, "; ")
}

// namesEach is how many instances of a reason are named.
const namesEach = 3

// byReason counts the instances that are pending, or those that are not, by reason. What
// is pending although passes do not go on with it is busy: a job has it.
func (v NodeView) byReason(pending bool, short func(string) string) string {
	names := make(map[repair.Reason][]string)
	for _, i := range v.Instances {
		if i.Pending != pending {
			continue
		}
		reason := i.Reason
		if pending && !reason.GoesOn() {
			reason = repair.ReasonBusy
		}
		names[reason] = append(names[reason], short(i.Instance))
	}
	var reasons []repair.Reason
	for r := range names {
		reasons = append(reasons, r)
	}
	sort.Slice(reasons, func(a, b int) bool {
		if x, y := len(names[reasons[a]]), len(names[reasons[b]]); x != y {
			return x > y
		}
		return reasons[a] < reasons[b]
	})
	var parts []string
	for _, r := range reasons {
		list := names[r]
		count := len(list)
		if count > namesEach {
			list = append(list[:namesEach:namesEach], "...")
		}
		parts = append(parts, fmt.Sprintf("%d %s (%s)", count, r, strings.Join(list, ", ")))
	}
	return strings.Join(parts, ", ")
}

// jobWords tells which jobs have the node: "no instance; job 12 (INSTANCE_REPLACE_DISKS)
// may have it still".
func (v NodeView) jobWords() string {
	j := v.Jobs[0]
	what, _, _ := strings.Cut(j.Summary, "(")
	if strings.Contains(j.Summary, ",") {
		what += ", ..."
	}
	text := fmt.Sprintf("job %d (%s)", j.ID, what)
	if more := len(v.Jobs) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return "no instance; " + text + " may have it still"
}
