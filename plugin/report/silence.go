package report

import (
	"fmt"

	"ganeti-autorepair/plugin/repair"
)

// SilenceView tells of a node that does not answer, or of a master that may be cut off from
// the others.
type SilenceView struct {
	Node    string // "" if it tells of several nodes
	Since   int64  // Unix time in seconds
	What    string // "does not answer"
	Ask     string // what a person has to find out
	Command string // what a person could type about it
	CutOff  bool   // the master may be cut off
	// NotMarked is why a pass did not mark the node offline, in words; empty where nodes are
	// not marked, and where the view tells of several.
	NotMarked string
}

// Text tells it in words, with the name of the node as it is to be shown, and with the time
// if there is one: "node4 does not answer (12m): is it dead? ..."
func (v SilenceView) Text(node, when string) string {
	text := v.What
	if !v.CutOff {
		text = node + " " + text
	}
	if when != "" {
		text += " (" + when + ")"
	}
	if v.NotMarked != "" {
		text += ", " + v.NotMarked
	}
	return text + ": " + v.Ask
}

// Silences returns a view for each silent node, by name. Where more than half of the other
// nodes are silent these share one: it is more likely then that the master is cut off than
// that all of them are dead.
func Silences(s *repair.Snapshot) []SilenceView {
	var list []SilenceView
	nodes := s.SilentNodes()
	silent, others, cutOff := s.CutOff()
	if cutOff {
		v := SilenceView{CutOff: true, What: cutOffWords(silent, others), Ask: "is this node cut off? see which of them answer", Command: "gnt-node list -o name,role,bootid"}
		for _, n := range nodes {
			if n.Name != s.Cluster.Master && (v.Since == 0 || n.SilentSince < v.Since) {
				v.Since = n.SilentSince
			}
		}
		list = append(list, v)
	}
	for _, n := range nodes {
		switch {
		case n.Name == s.Cluster.Master:
			list = append(list, SilenceView{
				Node: n.Name, Since: n.SilentSince, What: "does not answer itself", Ask: "look at the log of its node daemon",
				Command: "tail /var/log/ganeti/node-daemon.log",
			})
		case cutOff && others == 1:
			// There is nobody else to tell which of the two it is.
			list[0].Node, list[0].Command = n.Name, repair.OfflineCommand(n.Name)
			list[0].Ask = "is this node cut off? or is " + n.Name + " dead? then switch it off and mark it offline"
		case !cutOff:
			list = append(list, SilenceView{
				Node: n.Name, Since: n.SilentSince, What: "does not answer", Ask: "is it dead? then switch it off and mark it offline",
				Command: repair.OfflineCommand(n.Name),
			})
			if n.NotMarked != "" {
				list[len(list)-1].NotMarked = notMarked(string(n.NotMarked), n.WhyNotMarked)
			}
		}
	}
	return list
}

// notMarked tells why a pass did not mark a silent node offline.
func notMarked(reason, why string) string {
	return "not marked offline yet (" + reason + ": " + why + ")"
}

// cutOffWords tells how many nodes do not answer: "5 of 6 other nodes do not answer".
func cutOffWords(silent, others int) string {
	verb := "do"
	if silent == 1 {
		verb = "does"
	}
	return fmt.Sprintf("%d of %d other nodes %s not answer", silent, others, verb)
}

// SilentNode is a node of an instance that does not answer, as explain tells it.
type SilentNode struct {
	Node         string            `json:"node"`
	Since        int64             `json:"silent_since"`         // Unix time in seconds
	NotMarked    repair.MarkReason `json:"not_marked,omitempty"` // why the last pass did not mark it offline
	WhyNotMarked string            `json:"why_not_marked,omitempty"`
	Command      string            `json:"command"` // what a person could type about it
}

// silentAmong returns those of the nodes that do not answer, and what is told of them, in the
// words of nodes and status.
func silentAmong(s *repair.Snapshot, names []string) (nodes []SilentNode, views []SilenceView) {
	silent := make(map[string]bool)
	for _, name := range names {
		if n := s.Nodes[name]; n != nil && n.SilentSince != 0 {
			silent[name] = true
		}
	}
	if len(silent) == 0 {
		return nil, nil
	}
	for _, v := range Silences(s) {
		told := false
		for _, name := range names {
			if !silent[name] || name != v.Node && !(v.CutOff && name != s.Cluster.Master) {
				continue
			}
			n := s.Nodes[name]
			nodes = append(nodes, SilentNode{Node: name, Since: n.SilentSince, NotMarked: n.NotMarked, WhyNotMarked: n.WhyNotMarked, Command: v.Command})
			told = true
		}
		if told {
			views = append(views, v)
		}
	}
	return nodes, views
}
