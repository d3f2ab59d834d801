package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/tagstore"
)

// statusCmd is "ganeti-autorepair status".
type statusCmd struct {
	Instances []string `arg:"" optional:"" name:"instance" help:"Only these instances, healthy or not."`
	All       bool     `help:"Show healthy instances, too."`
	JSON      bool     `name:"json" help:"Write JSON instead of a table."`
	Watch     bool     `help:"Show it again and again, until it is interrupted."`
	Every     span     `default:"5s" placeholder:"TIME" help:"Time between two looks with --watch (default: 5s)."`
	tableFlags
	lookFlags
}

// Run shows what is thought of the instances. It changes nothing.
func (cmd *statusCmd) Run(ctx context.Context, e *env) error {
	if cmd.JSON && cmd.scripted() {
		return usage(fmt.Errorf("--json goes with none of -o, --no-headers and --separator"))
	}
	if cmd.Watch && (cmd.Snapshot != "" || cmd.Save != "") {
		return usage(fmt.Errorf("--watch goes with neither --snapshot nor --save"))
	}
	if _, err := selectFields(statusFields(e.now()), usualFields, cmd.Output); err != nil {
		return err
	}
	if !cmd.Watch {
		return cmd.once(ctx, e, e.stdout)
	}
	for {
		var b bytes.Buffer
		if err := cmd.once(ctx, e, &b); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var h *hintError
			if errors.As(err, &h) && h.code != exitFailed {
				return err // wrong usage, or not the master
			}
			// The master may be busy for a moment; the next look tells.
			fmt.Fprintf(&b, "ganeti-autorepair: error: %s\n", oneLine(err.Error()))
		}
		if e.redraw(b.String()) != nil {
			return nil // nobody looks any more
		}
		if !sleep(ctx, time.Duration(cmd.Every)) {
			return nil
		}
	}
}

// redraw shows a text in place of the last one: on a terminal as much of it as
// fits, the end in any case, as the summary is there.
func (e *env) redraw(text string) error {
	t := e.screen
	if t.rows == 0 {
		_, err := fmt.Fprint(e.stdout, text, "\n")
		return err
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if most := t.rows - 1; len(lines) > most && most > 3 {
		end := 6 // lines that are always shown
		if end > most/2 {
			end = most / 2
		}
		head := most - end - 1
		left := len(lines) - head - end
		lines = append(append(append([]string(nil), lines[:head]...), fmt.Sprintf("... %d lines more ...", left)), lines[len(lines)-end:]...)
	}
	_, err := fmt.Fprint(e.stdout, "\x1b[H\x1b[2J", strings.Join(lines, "\n"), "\n")
	return err
}

func (cmd *statusCmd) once(ctx context.Context, e *env, w io.Writer) error {
	l, err := cmd.look(ctx, e, plugin.Assumption{})
	if err != nil {
		return err
	}
	views := l.plan.Notable()
	if cmd.All || len(cmd.Instances) > 0 {
		views = l.plan.Views()
	}
	if len(cmd.Instances) > 0 {
		if views, err = chosenViews(views, cmd.Instances); err != nil {
			return err
		}
	}
	now := l.plan.Snapshot.Time
	switch {
	case cmd.JSON:
		return writeStatusJSON(w, l.plan, views)
	case cmd.scripted():
		fields, err := selectFields(statusFields(now), usualFields, cmd.Output)
		if err != nil {
			return err
		}
		writeRows(w, e.screen, cmd.tableFlags, fields, views)
		return nil
	}
	writeViews(w, e.screen, views, now)
	writeSummary(w, e.screen, l.plan)
	if text := idle(l.plan); text != "" {
		writeFolded(w, "", "  ", text, e.screen.columns)
	}
	for _, text := range l.holds {
		writeFolded(w, "", "  ", text, e.screen.columns)
	}
	return nil
}

// idle says why nothing will be repaired anywhere, whatever breaks; it is empty
// where something may be.
func idle(p *plugin.Plan) string {
	now := p.Snapshot.Time.Unix()
	for _, d := range p.Decisions {
		if d.Policy.Type != tagstore.None || d.Repair != nil {
			return ""
		}
	}
	for _, g := range p.Snapshot.Groups {
		if tagstore.EffectivePolicy(now, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags}).Type != tagstore.None {
			return ""
		}
	}
	switch c := tagstore.EffectivePolicy(now, tagstore.Object{Kind: luxi.TagCluster, Tags: p.Snapshot.Cluster.Tags}); {
	case c.Suspended:
		return "the cluster is suspended: ganeti-autorepair resume cluster"
	case c.Type == tagstore.None:
		return "no tag permits any repair: ganeti-autorepair policy cluster fix-storage"
	}
	return ""
}

// chosenViews are those of the instances that were named.
func chosenViews(views []plugin.View, names []string) ([]plugin.View, error) {
	var list []plugin.View
	var known []string
	for _, v := range views {
		known = append(known, v.Instance)
	}
	for _, name := range names {
		full, err := matchName(known, name)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			if v.Instance == full {
				list = append(list, v)
			}
		}
	}
	return list, nil
}

// matchName finds a name as Ganeti does: the name itself, or the only one that
// begins with it and a dot.
func matchName(known []string, name string) (string, error) {
	var found []string
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k, nil
		}
		if strings.HasPrefix(strings.ToLower(k), strings.ToLower(name)+".") {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		return "", &hintError{code: exitFailed, err: fmt.Errorf("there is no instance %q", name), hint: "gnt-instance list"}
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q is short for %s and %s", name, found[0], found[1])
}

// mainFields are those that narrow terminals show in columns; what the others
// hold is told in words below each line.
var mainFields = []string{"instance", "state", "reason", "policy"}

// writeViews writes the table for people: all fields side by side where there is
// room, else the main ones with the others folded below.
func writeViews(w io.Writer, t terminal, views []plugin.View, now time.Time) {
	if len(views) == 0 {
		return
	}
	all := statusFields(now)
	fields, _ := selectFields(all, usualFields, "")
	if t.columns == 0 {
		writeRows(w, t, tableFlags{}, fields, views)
		return
	}
	const leastWhy = 30
	var b bytes.Buffer
	beside := fields[:len(fields)-1] // Why is the last
	writeRows(&b, terminal{}, tableFlags{}, beside, views)
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
	policy.value = func(v plugin.View) string {
		v.Policy.Until = 0 // told in words
		return v.Policy.Short()
	}
	b.Reset()
	writeRows(&b, t, tableFlags{}, main, views)
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

// writeFolded writes text behind a beginning, and what does not fit further on.
func writeFolded(w io.Writer, begin, further, text string, width int) {
	if width > 2 && begin == "" {
		width -= len(further) // further on it is set in
	}
	for k, part := range wrap(text, width) {
		if k > 0 {
			begin = further
		}
		fmt.Fprintln(w, strings.TrimRight(begin+part, " "))
	}
}

// inWords tells what the main fields do not.
func inWords(v plugin.View, now time.Time) string {
	var parts []string
	if v.Repair != nil {
		text := fmt.Sprintf("repair %s %s, %s", v.Repair.Type, v.Repair.ID, plugin.Age(v.Repair.Since, now))
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
	if text := why(v); text != "" && (v.Reason != plugin.ReasonReady || v.Need == nil) {
		if v.Policy.Until != 0 && v.Reason == plugin.ReasonSuspended {
			text += " until " + clockTime(v.Policy.Until)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// clockTime is a Unix time in seconds for people.
func clockTime(unix int64) string { return time.Unix(unix, 0).Format("2006-01-02 15:04") }

// writeSummary writes a line per state with the reasons in it, and a last one
// for everything.
func writeSummary(w io.Writer, t terminal, plan *plugin.Plan) {
	for _, b := range plan.BadTags() {
		writeFolded(w, "", "  ", fmt.Sprintf("unreadable tag on %s: %s: %s", b.Object, b.Tag, b.Why), t.columns)
	}
	states := make(map[plugin.State]int)
	reasons := make(map[plugin.State]map[string]int)
	for _, d := range plan.Decisions {
		states[d.State]++
		if reasons[d.State] == nil {
			reasons[d.State] = make(map[string]int)
		}
		reasons[d.State][string(d.Reason)]++
	}
	for _, v := range plan.Notable() {
		for _, b := range v.Bad {
			writeFolded(w, "", "  ", fmt.Sprintf("%s: unreadable tag %s: %s", v.Instance, b.Tag, b.Why), t.columns)
		}
	}
	total := fmt.Sprintf("%d instances", len(plan.Decisions))
	for _, s := range plugin.States {
		if states[s] == 0 {
			continue
		}
		total += fmt.Sprintf(", %d %s", states[s], s)
		if s != plugin.StateHealthy || len(reasons[s]) > 1 {
			writeFolded(w, "", "  ", fmt.Sprintf("%s: %s", t.paint(stateColour(s), string(s)), counted(reasons[s])), t.columns)
		}
	}
	writeFolded(w, "", "  ", total, t.columns)
}

// counted is a list of counts by word, the most first.
func counted(m map[string]int) string {
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

// writeStatus writes what a pass leaves behind.
func (e *env) writeStatus(plan *plugin.Plan) {
	writeViews(e.stdout, e.screen, plan.Notable(), e.now())
	writeSummary(e.stdout, e.screen, plan)
}
