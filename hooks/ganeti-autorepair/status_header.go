package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// The part of status that tells of the cluster as a whole.

// passTimes are when the last pass began, and when the next one is due: Unix times in
// seconds, 0 if nobody knows.
type passTimes struct {
	Last int64 `json:"last_pass,omitempty"`
	Next int64 `json:"next_pass_due,omitempty"`
}

// passTimes reads when passes are, as far as this node remembers.
func (e *env) passTimes(set settings) passTimes {
	s, found, err := e.lastPass(set)
	if err != nil || !found {
		return passTimes{}
	}
	interval := set.interval
	if s.Busy {
		interval = set.busyInterval
	}
	return passTimes{Last: s.Time.Unix(), Next: s.Time.Add(interval).Unix()}
}

// text tells of the passes: "last pass 2m ago, next due in 3m".
func (p passTimes) text(now time.Time) string {
	if p.Last == 0 {
		return "when the last pass was is not known"
	}
	return fmt.Sprintf("last pass %s ago, next %s", report.Age(p.Last, now), p.due(now))
}

// sentence tells the same in a sentence.
func (p passTimes) sentence(now time.Time) string {
	return fmt.Sprintf("The last pass was %s ago, the next is %s.", report.Age(p.Last, now), p.due(now))
}

func (p passTimes) due(now time.Time) string {
	if left := time.Unix(p.Next, 0).Sub(now); left > 0 {
		return "due in " + report.Age(now.Add(-left).Unix(), now)
	}
	return "due"
}

// writeCluster writes the nodes that are not good, what is known of passes, and what is
// suspended: "6 nodes: offline n3 n5, drained n4 · last pass 2m ago, next due in 3m".
func writeCluster(w io.Writer, t terminal, s *repair.Snapshot, passes string) {
	c := report.ClusterOf(s)
	short := shortNodes(t, s)
	nodes := countOf(c.Nodes, "node")
	var bad []string
	for _, sort := range []struct {
		word  string
		names []string
	}{{"offline", c.Offline}, {"drained", c.Drained}, {"silent", c.Silent}} {
		if len(sort.names) > 0 {
			bad = append(bad, t.paint(red, sort.word)+" "+fewNodes(sort.names, short))
		}
	}
	if len(bad) == 0 {
		bad = []string{"none offline or drained"}
	}
	parts := []string{nodes + ": " + strings.Join(bad, ", ")}
	if passes != "" {
		parts = append(parts, passes)
	}
	for _, v := range c.Suspended {
		text := v.Object + " suspended"
		if v.Until != 0 {
			text += " until " + clockTime(v.Until)
		}
		parts = append(parts, t.paint(cyan, text))
	}
	// Broken between the parts, if it has to be.
	line, begin := parts[0], ""
	for _, part := range parts[1:] {
		if t.columns > 0 && shownWidth(line+" · "+part) > t.columns-2 {
			writeFolded(w, begin, "  ", line, t.columns-len(begin))
			line, begin = part, "  "
			continue
		}
		line += " · " + part
	}
	writeFolded(w, begin, "  ", line, t.columns-len(begin))
}

// fewNodes joins the first names and counts the others.
func fewNodes(names []string, short func(string) string) string {
	const most = 12
	var list []string
	for k, name := range names {
		if k == most {
			return strings.Join(list, " ") + fmt.Sprintf(" and %d more", len(names)-most)
		}
		list = append(list, short(name))
	}
	return strings.Join(list, " ")
}

// shortNodes returns how the names of nodes are shown: on a screen without the domain
// that all of them have.
func shortNodes(t terminal, s *repair.Snapshot) func(string) string {
	var names []string
	for name := range s.Nodes {
		names = append(names, name)
	}
	return withoutDomain(t, names)
}

// shortInstances is shortNodes for instances.
func shortInstances(t terminal, s *repair.Snapshot) func(string) string {
	var names []string
	for _, i := range s.Instances {
		names = append(names, i.Name)
	}
	return withoutDomain(t, names)
}

// withoutDomain returns a function that takes the domain from names, if all of them have
// the same. Programs get whole names.
func withoutDomain(t terminal, names []string) func(string) string {
	domain := ""
	for k, name := range names {
		_, rest, _ := strings.Cut(name, ".")
		if t.columns == 0 || rest == "" || k > 0 && rest != domain {
			return func(name string) string { return name }
		}
		domain = rest
	}
	return func(name string) string { return strings.TrimSuffix(name, "."+domain) }
}
