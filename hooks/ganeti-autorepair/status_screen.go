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
var mainFields = []string{"instance", "state", "reason", "policy"}

// writeViews writes the table for people: all fields in columns if there is room,
// else the main ones with the others in words below.
func writeViews(w io.Writer, t terminal, views []report.View, now time.Time) {
	if len(views) == 0 {
		return
	}
	all := statusFields(now)
	fields, _ := selectFields(all, usualFields, "")
	if t.columns == 0 {
		writeRows(w, t, layoutFlags{}, fields, views)
		return
	}
	const leastWhy = 30
	var b bytes.Buffer
	beside := fields[:len(fields)-1] // Why is the last
	writeRows(&b, terminal{}, layoutFlags{}, beside, views)
	left := 0
	for _, line := range strings.Split(b.String(), "\n") {
		if len(line) > left {
			left = len(line)
		}
	}
	if left+1+leastWhy <= t.columns {
		writeFoldedRows(w, t, fields, views)
		return
	}
	main, _ := selectFields(all, mainFields, "")
	policy := &main[len(main)-1]
	policy.value = func(v report.View) string {
		v.Policy.Until = 0 // told in words
		return v.Policy.Short()
	}
	b.Reset()
	writeRows(&b, t, layoutFlags{}, main, views)
	for n, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		fmt.Fprintln(w, line)
		if n == 0 {
			continue
		}
		if text := inWords(views[n-1], now); text != "" {
			writeFolded(w, "    ", "    ", text, t.columns-4)
		}
	}
}

// inWords returns the fields that are not among the main ones, in words.
func inWords(v report.View, now time.Time) string {
	var parts []string
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
	if v.Need != nil {
		parts = append(parts, "needs "+strings.Join(v.Need.Steps, ", "))
	}
	if text := why(v); text != "" && (v.Reason != repair.ReasonReady || v.Need == nil) {
		if v.Policy.Until != 0 && v.Reason == repair.ReasonSuspended {
			text += " until " + clockTime(v.Policy.Until)
		}
		parts = append(parts, text)
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
func (e *env) writeStatus(plan *repair.Plan) {
	writeViews(e.stdout, e.screen, report.Notable(plan), e.now())
	writeSummary(e.stdout, e.screen, plan)
}
