package repair

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// MarkSettings are the settings for marking nodes offline (K4, K5).
type MarkSettings struct {
	On        bool          // dead_nodes is "offline"
	After     time.Duration // how long a node is silent before it is marked: dead_after
	MaxSilent int           // most silent nodes of the cluster with which one is marked: max_silent
}

// DefaultMarkSettings returns the settings of an empty settings file.
func DefaultMarkSettings() MarkSettings { return MarkSettings{After: 10 * time.Minute, MaxSilent: 1} }

const (
	// marksAfter is in how many passes in a row a node was silent before it is marked.
	marksAfter = 3
	// leastAnswers is how many other nodes have to answer in the look with which a node is
	// marked, however few there are.
	leastAnswers = 2
)

// MarkReason is a stable word for why a silent node is not marked offline. Scripts may rely
// on the words.
type MarkReason string

// The reasons, in the order in which they are looked for: the first that holds is told.
const (
	MarkOff          MarkReason = "off"            // dead_nodes is not "offline"
	MarkMaster       MarkReason = "master"         // it is the master
	MarkNoFence      MarkReason = "no-fence"       // fence is "none"
	MarkSuspended    MarkReason = "suspended"      // its group or the cluster is
	MarkUnreadable   MarkReason = "unreadable-tag" // of its group or the cluster
	MarkNoPermission MarkReason = "no-permission"  // there is no tag node-offline
	MarkCutOff       MarkReason = "cut-off"        // too few of the others have answered
	MarkManySilent   MarkReason = "many-silent"    // it is not the only one
	MarkMaxUnhealthy MarkReason = "max-unhealthy"  // V2 would not hold any more
	MarkTooSoon      MarkReason = "too-soon"       // dead_after, or the passes in a row
	MarkNotNow       MarkReason = "one-per-pass"   // another node is marked in this pass
	// What only acting finds out.
	MarkNotFenced  MarkReason = "not-fenced" // the fence did not hold
	MarkIsFiltered MarkReason = "filtered"   // a job filter would stop the job
	MarkAnswers    MarkReason = "answers"    // it answered after it was fenced
	MarkNotMarked  MarkReason = "not-marked" // a job of others stands in the way, or the job failed
)

// MarkReasons are all reasons, in the order in which users see them.
var MarkReasons = []MarkReason{
	MarkOff, MarkMaster, MarkNoFence, MarkSuspended, MarkUnreadable, MarkNoPermission, MarkCutOff, MarkManySilent, MarkMaxUnhealthy, MarkTooSoon, MarkNotNow,
	MarkNotFenced, MarkIsFiltered, MarkAnswers, MarkNotMarked,
}

// NeedsPerson reports whether the node was to be marked and what was met is for a person to
// look at.
func (r MarkReason) NeedsPerson() bool {
	return r == MarkNotFenced || r == MarkIsFiltered || r == MarkAnswers || r == MarkNotMarked
}

// Watch is all that marking is decided from (K5).
type Watch struct {
	Snapshot *Snapshot             // the cluster, its groups and nodes, read after the look; instances do not matter
	Silent   SilentNodes           // as after the look
	Answers  map[string]NodeAnswer // of this very look, by name
	Settings Settings
}

// Marking is what follows for one silent node.
type Marking struct {
	Node   *Node
	Reason MarkReason // why it is not marked; empty if it may be
	Detail string     // the same in words
	// PermittedBy is what permits it, if something does.
	PermittedBy tagstore.OfflinePolicy
}

// May reports whether the node may be marked.
func (m Marking) May() bool { return m.Node != nil && m.Reason == "" }

// Markings decides about each silent node whether it may be marked offline now, by name. At
// most one of them may (K5, K7). Nothing is concluded from what is not known: a node of which
// it is not known whether it answers counts as silent where that forbids, and is none that
// answers.
func (w Watch) Markings() []Marking {
	var list []Marking
	for _, n := range w.Snapshot.SortedNodes() {
		if _, is := w.Silent.silent(n.UUID); !is || n.Offline {
			continue
		}
		m := w.marking(n)
		if m.May() && anyMay(list) {
			m.Reason, m.Detail = MarkNotNow, "a pass marks one node, and this one is the next"
		}
		list = append(list, m)
	}
	return list
}

func anyMay(list []Marking) bool {
	for _, m := range list {
		if m.May() {
			return true
		}
	}
	return false
}

// marking decides about a node that is silent.
func (w Watch) marking(n *Node) Marking {
	m := Marking{Node: n}
	m.PermittedBy = w.policy(n)
	for _, guard := range []func(Marking) (MarkReason, string){
		w.switchedOn, w.notMaster, w.fenced, w.permitted, w.looked, w.othersAnswer, w.onlySilent, w.groupHolds, w.longSilent,
	} {
		if m.Reason, m.Detail = guard(m); m.Reason != "" {
			break
		}
	}
	return m
}

// policy returns whether the node's group or the cluster, the nearest with an opinion,
// permits marking it.
func (w Watch) policy(n *Node) tagstore.OfflinePolicy {
	var objects []tagstore.Object
	if g := w.Snapshot.Groups[n.Group]; g != nil {
		objects = append(objects, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
	objects = append(objects, tagstore.Object{Kind: luxi.TagCluster, Tags: w.Snapshot.Cluster.Tags})
	return tagstore.EffectiveOfflinePolicy(w.Snapshot.Time.Unix(), objects...)
}

func (w Watch) switchedOn(Marking) (MarkReason, string) {
	if !w.Settings.Marking.On {
		return MarkOff, `dead_nodes is not "offline"`
	}
	return "", ""
}

func (w Watch) notMaster(m Marking) (MarkReason, string) {
	if m.Node.Name == w.Snapshot.Cluster.Master {
		return MarkMaster, "it is the master, which no pass marks"
	}
	return "", ""
}

func (w Watch) fenced(Marking) (MarkReason, string) {
	if !w.Settings.Fenced() {
		return MarkNoFence, `nothing could switch it off for certain (fence is "none")`
	}
	return "", ""
}

func (w Watch) permitted(m Marking) (MarkReason, string) {
	switch p := m.PermittedBy; {
	case p.Suspended:
		return MarkSuspended, "suspended by a tag of " + p.Origin + ": " + p.Tag
	case p.Unreadable:
		return MarkUnreadable, "a tag of " + p.Origin + " cannot be read: " + p.Tag
	case !p.Permitted:
		return MarkNoPermission, "neither its group nor the cluster has the tag " + tagstore.NodeOfflineTag
	}
	return "", ""
}

// longSilent asks for dead_after by the tag of the node, which outlives this master, and for
// passes in a row, which a clock that jumps does not make.
func (w Watch) longSilent(m Marking) (MarkReason, string) {
	now := w.Snapshot.Time
	since, tagged := w.Silent.sinceByTag(m.Node)
	looks := w.Silent.Nodes[m.Node.UUID].Looks
	switch {
	case w.Answers[m.Node.Name] != AnswerMissing:
		return MarkTooSoon, "in this look it is not known whether it answers"
	case !tagged || since > now.Unix():
		return MarkTooSoon, "since when it is silent is written to a tag of it only now"
	case now.Sub(time.Unix(since, 0)) < w.Settings.Marking.After:
		return MarkTooSoon, fmt.Sprintf("it is silent since %s, not for %s (dead_after)", time.Unix(since, 0).UTC().Format("15:04:05 MST"), shortDuration(w.Settings.Marking.After))
	case looks < marksAfter:
		return MarkTooSoon, fmt.Sprintf("it was silent in %d of %d passes in a row", looks, marksAfter)
	}
	return "", ""
}

// looked asks that luxid has said of nodes whether they answer: where it failed, nothing is
// known, and least of all that the master is cut off.
func (w Watch) looked(Marking) (MarkReason, string) {
	if len(w.Answers) == 0 {
		return MarkTooSoon, "luxid has not said in this look which nodes answer"
	}
	return "", ""
}

// othersAnswer asks for more than half of the other nodes, and for two: else it may be the
// master that is cut off.
func (w Watch) othersAnswer(m Marking) (MarkReason, string) {
	answered, others := 0, 0
	for _, n := range w.Snapshot.Nodes {
		if n.Offline || n.Name == m.Node.Name || n.Name == w.Snapshot.Cluster.Master {
			continue
		}
		others++
		if w.Answers[n.Name] == AnswerGiven {
			answered++
		}
	}
	if answered < leastAnswers || 2*answered <= others {
		return MarkCutOff, fmt.Sprintf("%d of %d other nodes answer, so that the master itself may be cut off; it takes more than half of them, and %d", answered, others, leastAnswers)
	}
	return "", ""
}

// onlySilent asks that no other node of the group may be silent, and that not more nodes of
// the cluster may be than max_silent.
func (w Watch) onlySilent(m Marking) (MarkReason, string) {
	var all, group []string
	for _, n := range w.Snapshot.SortedNodes() {
		if !w.maySilent(n) {
			continue
		}
		all = append(all, n.Name)
		if n.Group == m.Node.Group && n != m.Node {
			group = append(group, n.Name)
		}
	}
	switch {
	case len(group) > 0:
		return MarkManySilent, "it is not the only silent node of its group: " + strings.Join(group, ", ")
	case len(all) > w.Settings.Marking.MaxSilent:
		return MarkManySilent, fmt.Sprintf("%d nodes are silent, more than %d (max_silent): %s", len(all), w.Settings.Marking.MaxSilent, strings.Join(all, ", "))
	}
	return "", ""
}

// maySilent reports whether the node, which is not offline, is silent, or may be. The master
// may be silent only if it is known to be: it is asked only where a hint names it.
func (w Watch) maySilent(n *Node) bool {
	_, before := w.Silent.Nodes[n.UUID]
	switch {
	case n.Offline:
		return false
	case n.Name == w.Snapshot.Cluster.Master:
		return before
	}
	return before || w.Answers[n.Name] != AnswerGiven
}

// groupHolds asks that V2 holds with the node as a bad one, too: else no repair would begin
// in the group once it is marked.
func (w Watch) groupHolds(m Marking) (MarkReason, string) {
	s := *w.Snapshot
	s.Nodes = make(map[string]*Node, len(w.Snapshot.Nodes))
	for name, n := range w.Snapshot.Nodes {
		if name == m.Node.Name {
			marked := *n
			marked.Offline = true
			n = &marked
		}
		s.Nodes[name] = n
	}
	if why, unhealthy := unhealthyGroups(&s, w.Settings.MaxUnhealthy)[m.Node.Group]; unhealthy {
		return MarkMaxUnhealthy, "with it " + why
	}
	return "", ""
}

// shortDuration writes a duration as the settings file has it: "10m", not "10m0s".
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
