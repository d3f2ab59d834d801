package repair

import (
	"sort"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

const (
	// leastBetweenLooks is how far apart two looks are at least that count as two: passes
	// done by hand, one right after the other, are one.
	leastBetweenLooks = time.Minute
	// MostBetweenLooks is how far apart they are at most that count as in a row. A clock that
	// jumped may make them farther, and so may a pause in which nobody looked.
	MostBetweenLooks = 30 * time.Minute
)

// looked returns what is remembered of a node after a look with the given answer: only a
// node that luxid could not have its answer from was silent in that look. One that hangs may
// be slow, and of one whose answer is not understood nothing is known.
func (n SilentNode) looked(answer NodeAnswer, now time.Time) SilentNode {
	gap := now.Sub(time.Unix(n.LookedAt, 0))
	switch {
	case answer != AnswerMissing:
		n.Looks = 0
	case n.Looks == 0 || gap < 0 || gap > MostBetweenLooks:
		n.Looks = 1
	case gap < leastBetweenLooks:
		return n
	default:
		n.Looks++
	}
	n.LookedAt = now.Unix()
	return n
}

// AndAllOthers returns the names of all nodes to ask where some are to be asked: the others
// that are not offline, too, as those that answer decide whether one that does not may be
// marked. The master is asked only where it is among those.
func (o Observed) AndAllOthers(nodes []string) []string {
	if len(nodes) == 0 {
		return nil
	}
	names := make(map[string]bool)
	for _, name := range nodes {
		names[name] = true
	}
	var all []string
	for _, n := range o.Roles {
		if names[n.Name] || !n.Offline && !n.Master {
			all = append(all, n.Name)
		}
	}
	sort.Strings(all)
	return all
}

// NotLooked returns the silent nodes after a pass that could not look: the passes in which
// they were silent are no longer in a row.
func (s SilentNodes) NotLooked() SilentNodes {
	after := s
	after.Nodes = make(map[string]SilentNode, len(s.Nodes))
	for uuid, n := range s.Nodes {
		n.Looks = 0
		after.Nodes[uuid] = n
	}
	return after
}

// WhileMarking returns the silent nodes as they are to be remembered while a pass marks one
// of them, and whether it is about to: of that one no look counts any more. A program that
// dies then, and a person who has the node back before the next pass, must not leave looks
// with which it would be marked again at once.
func (s SilentNodes) WhileMarking(list []Marking) (after SilentNodes, is bool) {
	after = s
	after.Nodes = make(map[string]SilentNode, len(s.Nodes))
	for uuid, n := range s.Nodes {
		after.Nodes[uuid] = n
	}
	for _, m := range list {
		if n, known := after.Nodes[m.Node.UUID]; known && m.May() {
			n.Looks, n.Marking, is = 0, true, true
			after.Nodes[m.Node.UUID] = n
		}
	}
	return after, is
}

// Without returns the silent nodes without the one that was marked, by name.
func (s SilentNodes) Without(name string) SilentNodes {
	after := s
	after.Nodes = make(map[string]SilentNode, len(s.Nodes))
	for uuid, n := range s.Nodes {
		if n.Name != name {
			after.Nodes[uuid] = n
		}
	}
	return after
}

// NoteMarkings notes why silent nodes are not marked, and returns those for which that is
// another reason than before.
func (s SilentNodes) NoteMarkings(list []Marking) (changed []Marking) {
	for _, m := range list {
		n, is := s.Nodes[m.Node.UUID]
		if !is {
			continue
		}
		if n.NotMarked != m.Reason {
			changed = append(changed, m)
		}
		n.NotMarked, n.WhyNotMarked = m.Reason, m.Detail
		s.Nodes[m.Node.UUID] = n
	}
	return changed
}

// SilentTags returns the changes that write since when nodes are silent, once for each
// (T12, K2). A tag from the future, which a clock that jumped has left, is written anew, and
// so is one that is older than the last time the node was fenced, or answered.
// Where the master may be cut off nothing is written about single nodes.
func (w Watch) SilentTags() []tagstore.Change {
	if w.Silent.CutOff {
		return nil
	}
	now := w.Snapshot.Time.Unix()
	var list []tagstore.Change
	for _, n := range w.Snapshot.SortedNodes() {
		_, is := w.Silent.silent(n.UUID)
		since, tagged := w.Silent.sinceByTag(n)
		if !is || n.Offline || w.Answers[n.Name] != AnswerMissing || tagged && since <= now {
			continue
		}
		c := tagstore.Change{Kind: luxi.TagNode, Name: n.Name, Add: []string{tagstore.SilentTag(now)}, Why: Mark{Kind: MarkTags, ID: "node"}.Text()}
		// What else there is tells of the future, or of another time that it was silent.
		for _, tag := range n.Tags.NodeMarks() {
			if tag != c.Add[0] {
				c.Remove = append(c.Remove, tag)
			}
		}
		list = append(list, c)
	}
	return list
}
