package main

import (
	"bytes"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// mainFields are the columns on a narrow terminal. The other fields are told in
// words below each line.
var mainFields = []string{"instance", "state", "reason", "from_node", "to_nodes"}

// screenOf is the table of instances that status shows to people.
type screenOf struct {
	t        terminal
	plan     *repair.Plan
	views    []report.View
	now      time.Time
	headings bool // the views are in the order of urgency
}

// write writes the table for people: all fields in columns if there is room, else the
// main ones with the others in words below.
func (s screenOf) write(w io.Writer) {
	if len(s.views) == 0 {
		return
	}
	all := statusFields(s.now)
	fields, _ := selectFields(all, usualFields, "")
	if s.t.columns == 0 {
		writeRows(w, s.t, layoutFlags{}, fields, s.views)
		return
	}
	s.shorten()
	const leastWhy = 30
	var b bytes.Buffer
	writeRows(&b, terminal{}, layoutFlags{}, fields[:len(fields)-1], s.views) // all but why
	left := 0
	for _, line := range strings.Split(b.String(), "\n") {
		if n := shownWidth(line); n > left {
			left = n
		}
	}
	if left+1+leastWhy <= s.t.columns {
		writeFoldedRows(w, s.t, fields, s.views, s.heading)
		return
	}
	main, _ := selectFields(all, mainFields, "")
	s.writeNarrow(w, main)
}

// shorten leaves the domains out that all names have.
func (s *screenOf) shorten() {
	instance, node := shortInstances(s.t, s.plan.Snapshot), shortNodes(s.t, s.plan.Snapshot)
	views := append([]report.View(nil), s.views...)
	for k := range views {
		v := &views[k]
		v.Instance, v.From = instance(v.Instance), node(v.From)
		v.To = append([]string(nil), v.To...)
		for n := range v.To {
			v.To[n] = node(v.To[n])
		}
	}
	s.views = views
}

// heading returns the line before the first instance of each urgency.
func (s screenOf) heading(k int) string {
	u := urgencyOf(s.views[k])
	if !s.headings || k > 0 && urgencyOf(s.views[k-1]) == u {
		return ""
	}
	n := 0
	for _, v := range s.views {
		if urgencyOf(v) == u {
			n++
		}
	}
	return s.t.paint(bold, u.heading(n, k > 0)+":") + "\n"
}

// writeNarrow writes the main fields in columns, and the others in words below. Where a
// name is too long for its column the rest of its line is on the next.
func (s screenOf) writeNarrow(w io.Writer, main []field[report.View]) {
	const mostNode = 16
	for k := range main[3:] {
		value := main[3+k].value
		main[3+k].value = func(v report.View) string { return cut(value(v), mostNode) }
	}
	var b, others bytes.Buffer
	writeRows(&others, terminal{}, layoutFlags{}, main[1:], s.views)
	room := s.t.columns
	for _, line := range strings.Split(others.String(), "\n") {
		if n := s.t.columns - shownWidth(line) - 1; n < room {
			room = n
		}
	}
	name := main[0].value
	main[0].value = func(v report.View) string {
		if len(name(v)) > room {
			return "\x00"
		}
		return name(v)
	}
	writeRows(&b, s.t, layoutFlags{}, main, s.views)
	for n, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		if n > 0 {
			fmt.Fprint(w, s.heading(n-1))
		}
		if strings.HasPrefix(line, "\x00") {
			fmt.Fprintln(w, name(s.views[n-1]))
			line = " " + line[1:]
		}
		fmt.Fprintln(w, line)
		if n == 0 {
			continue
		}
		if text := inWords(s.views[n-1], s.now); text != "" {
			writeFolded(w, "    ", "    ", text, s.t.columns-4)
		}
	}
}

// inWords returns the fields that are not among the main ones, in words, the reason
// first.
func inWords(v report.View, now time.Time) string {
	var parts []string
	if text := why(v); text != "" && (v.Reason != repair.ReasonReady || v.Need == nil) {
		if v.Policy.Until != 0 && v.Reason == repair.ReasonSuspended {
			text += " until " + clockTime(v.Policy.Until)
		}
		parts = append(parts, strings.TrimRight(text, " .;:,"))
	}
	if v.Need != nil {
		parts = append(parts, "needs "+strings.Join(v.Need.Steps, ", "))
	}
	if v.Repair != nil {
		text := fmt.Sprintf("repair %s %s, %s", v.Repair.Type, v.Repair.ID, report.Age(v.Repair.Since, now))
		if jobs := jobStates(v.Repair); jobs != "" {
			text += ", jobs " + jobs
		}
		if v.Repair.Waiting > 0 {
			text += fmt.Sprintf(", %d more waiting", v.Repair.Waiting)
		}
		parts = append(parts, text)
	}
	switch v.Reason {
	case repair.ReasonSuspended, repair.ReasonNoPermission, repair.ReasonTooWeak, repair.ReasonHealthy, repair.ReasonNoRepair:
	default:
		parts = append(parts, "policy "+v.Policy.Short())
	}
	return strings.Join(parts, "; ")
}

// clockTime formats a Unix time in seconds for people.
func clockTime(unix int64) string { return time.Unix(unix, 0).Format("2006-01-02 15:04") }

// writeSummary writes the unreadable tags, a line for each state with its reasons,
// and a last line with the number of instances in each state.
func writeSummary(w io.Writer, t terminal, plan *repair.Plan) {
	writeUnreadable(w, t, plan)
	reasons := make(map[repair.State]map[string]int)
	for _, d := range plan.Decisions {
		if reasons[d.State] == nil {
			reasons[d.State] = make(map[string]int)
		}
		reasons[d.State][string(d.Reason)]++
	}
	for _, s := range repair.States {
		if n := len(reasons[s]); n > 1 || n == 1 && s != repair.StateHealthy {
			writeFolded(w, "", "  ", fmt.Sprintf("%s: %s", t.paint(stateColour(s), string(s)), byCount(reasons[s])), t.columns)
		}
	}
	writeTotal(w, t, plan)
}

// writeUnreadable writes the tags that cannot be read.
func writeUnreadable(w io.Writer, t terminal, plan *repair.Plan) {
	for _, g := range groupBadTags(allBadTags(plan)) {
		for _, line := range g.lines(linesEach) {
			writeFolded(w, "", "  ", "unreadable tag on "+line, t.columns)
		}
	}
}

// writeTotal writes how many instances there are in each state.
func writeTotal(w io.Writer, t terminal, plan *repair.Plan) {
	text, _ := counted(plan)
	writeFolded(w, "", "  ", text, t.columns)
}

// byCount lists words with their counts, the largest first.
func byCount(m map[string]int) string {
	var words []string
	for word := range m {
		words = append(words, word)
	}
	sort.Slice(words, func(a, b int) bool {
		if m[words[a]] != m[words[b]] {
			return m[words[a]] > m[words[b]]
		}
		return words[a] < words[b]
	})
	for k, word := range words {
		words[k] = fmt.Sprintf("%d %s", m[word], word)
	}
	return strings.Join(words, ", ")
}

// writeStatus prints the states of the instances after a pass.
func (e *env) writeStatus(plan *repair.Plan, set settings) {
	writeCluster(e.stdout, e.screen, plan.Snapshot, e.passTimes(set).text(e.now()))
	views := report.Notable(plan)
	_ = sortViews(views, byUrgency, nil)
	screenOf{e.screen, plan, views, e.now(), true}.write(e.stdout)
	writeSummary(e.stdout, e.screen, plan)
}
