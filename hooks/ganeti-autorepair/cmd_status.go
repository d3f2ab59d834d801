package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// statusCmd is "ganeti-autorepair status".
type statusCmd struct {
	Instances []string `arg:"" optional:"" name:"instance" help:"Only these instances, healthy or not; node:NAME for those on a node."`
	All       bool     `help:"Show healthy instances, too."`
	Sort      string   `placeholder:"FIELD" help:"Order by a field, or by urgency (default: urgency; for programs the name)."`
	Watch     bool     `help:"Show it again and again, until it is interrupted."`
	Every     span     `default:"5s" placeholder:"TIME" help:"Time between two looks with --watch (default: 5s)."`
	jsonFlag
	tableFlags
	lookFlags
	selectFlags
}

// Run shows the states of the instances. It changes nothing.
func (cmd *statusCmd) Run(ctx context.Context, e *env) error {
	if cmd.JSON && cmd.scripted() {
		return usage(fmt.Errorf("--json goes with none of -o, --no-headers and --separator"))
	}
	if cmd.Watch && (cmd.Snapshot != "" || cmd.Save != "") {
		return usage(fmt.Errorf("--watch goes with neither --snapshot nor --save"))
	}
	if cmd.selectFlags.given() && cmd.Snapshot != "" {
		return usage(fmt.Errorf("--filter, --tag, --os and --template ask the cluster; they do not go with --snapshot"))
	}
	if _, err := selectFields(statusFields(e.now()), usualFields, cmd.Output); err != nil {
		return err
	}
	if cmd.Sort == "" && !cmd.JSON && !cmd.scripted() {
		cmd.Sort = byUrgency
	}
	if err := sortViews(nil, cmd.Sort, statusFields(e.now())); err != nil {
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
			// luxid may be busy for a moment. Try again at the next look.
			fmt.Fprintf(&b, "ganeti-autorepair: error: %s\n", oneLine(err.Error()))
		}
		if f, isFile := e.stdout.(*os.File); isFile {
			e.screen = terminalOf(f, e.getenv) // its size may have changed
		}
		if e.redraw(b.String()) != nil {
			return nil // nobody looks any more
		}
		if !sleep(ctx, time.Duration(cmd.Every)) {
			return nil
		}
	}
}

// redraw replaces the last text on the screen. A terminal gets as many lines as
// fit, the last ones in any case, as the summary is there.
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
	l, err := cmd.look(ctx, e, repair.Assumption{})
	if err != nil {
		return err
	}
	views, err := cmd.views(ctx, e, l)
	if err != nil {
		return err
	}
	now := l.plan.Snapshot.Time
	fields := statusFields(now)
	if err := sortViews(views, cmd.Sort, fields); err != nil {
		return err
	}
	switch {
	case cmd.JSON:
		var findings []repair.Finding
		if cmd.Snapshot == "" && cmd.Save == "" {
			c := e.client()
			defer c.Close()
			if findings, err = e.findings(ctx, c, l.set); err != nil {
				return err
			}
			findings = append([]repair.Finding{}, findings...)
		}
		return writeStatusJSON(w, l, views, findings)
	case cmd.scripted():
		if fields, err = selectFields(fields, usualFields, cmd.Output); err != nil {
			return err
		}
		writeRows(w, e.screen, cmd.layoutFlags, fields, views)
		return nil
	}
	passes := "snapshot of " + clockTime(now.Unix())
	if cmd.Snapshot == "" {
		passes = l.passes.text(now)
	}
	writeCluster(w, e.screen, l.plan.Snapshot, passes)
	for _, line := range silenceLines(e.screen, l.plan.Snapshot) {
		writeFolded(w, "", "  ", line, e.screen.columns)
	}
	for _, line := range signLines(l.plan) {
		writeFolded(w, "", "  ", line, e.screen.columns)
	}
	screenOf{e.screen, l.plan, views, now, cmd.Sort == byUrgency && len(cmd.Instances) == 0}.write(w)
	writeSummary(w, e.screen, l.plan)
	if text := idle(l.plan); text != "" {
		writeFolded(w, "", "  ", text, e.screen.columns)
	}
	for _, text := range l.noPass {
		writeFolded(w, "", "  ", text, e.screen.columns)
	}
	for _, n := range l.unwritable {
		writeFolded(w, "", "  ", fmt.Sprintf("%s cannot be written, passes go on without it: %s", n.What, n), e.screen.columns)
	}
	return nil
}

// views returns the views of the instances to show: those that are named; or else those
// that are not plainly healthy, or all, of those that are selected.
func (cmd *statusCmd) views(ctx context.Context, e *env, l *looked) ([]report.View, error) {
	if len(cmd.Instances) > 0 && cmd.selectFlags.given() {
		return nil, usage(fmt.Errorf("%s is named beside --filter, --tag, --os or --template; give one or the other", cmd.Instances[0]))
	}
	if len(cmd.Instances) > 0 {
		return chosenViews(report.Views(l.plan), cmd.Instances)
	}
	views := report.Notable(l.plan)
	if cmd.All {
		views = report.Views(l.plan)
	}
	if !cmd.selectFlags.given() {
		return views, nil
	}
	c := e.client()
	defer c.Close()
	_, objects, err := cmd.resolve(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, o := range objects {
		names[o.Name] = true
	}
	var some []report.View
	for _, v := range views {
		if names[v.Instance] {
			some = append(some, v)
		}
	}
	return some, nil
}

// idle returns why no instance would be repaired, whatever breaks; "" if some would
// be.
func idle(p *repair.Plan) string {
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

// chosenViews returns the views of the named instances, and of those on nodes that are
// named as node:NAME.
func chosenViews(views []report.View, words []string) ([]report.View, error) {
	var names, nodes []string
	for _, v := range views {
		names = append(names, v.Instance)
		nodes = append(append(nodes, v.Primary), v.Second...)
	}
	nodes = sortedSet(nodes)
	chosen := make(map[string]bool)
	for _, word := range words {
		name, isNode := word, strings.HasPrefix(word, "node:")
		known := names
		if isNode {
			name, known = strings.TrimPrefix(word, "node:"), nodes
		}
		full, err := matchName(known, name)
		if err != nil && isNode {
			err = &hintError{code: exitFailed, err: fmt.Errorf("no instance lives on a node %q", name), hint: "gnt-node list"}
		}
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			if !isNode && v.Instance == full || isNode && (v.Primary == full || contains(v.Second, full)) {
				chosen[v.Instance] = true
			}
		}
	}
	var list []report.View
	for _, v := range views {
		if chosen[v.Instance] {
			list = append(list, v)
		}
	}
	return list, nil
}

// sortedSet returns each of the names once, in order.
func sortedSet(names []string) []string {
	var list []string
	for name := range setOf(names) {
		list = append(list, name)
	}
	repair.NiceSort(list)
	return list
}

func contains(list []string, name string) bool { return setOf(list)[name] }

// statusJSON is the output of "status --json".
type statusJSON struct {
	Version   int            `json:"version"`
	Time      int64          `json:"time"` // Unix time in seconds
	Cluster   string         `json:"cluster"`
	Instances []report.View  `json:"instances"`
	Counts    map[string]int `json:"counts"` // all instances, by state
	report.ClusterView
	passTimes
	NoPass     []string        `json:"no_pass"` // why no pass acts now, in sentences
	Bad        []report.BadTag `json:"unreadable_tags"`
	Unwritable []unwritable    `json:"unwritable"` // by passes
	// Findings are advice about the cluster; missing in snapshots, which do not tell.
	Findings *[]repair.Finding `json:"findings,omitempty"` // nil if nobody knows
	// Silent are the nodes that do not answer, and CutOff says that they are so many that the
	// master may be cut off; missing in snapshots, and where passes do not look.
	Silent *[]string `json:"silent_nodes,omitempty"`
	CutOff *bool     `json:"cut_off,omitempty"`
}

func writeStatusJSON(w io.Writer, l *looked, views []report.View, findings []repair.Finding) error {
	plan := l.plan
	s := statusJSON{
		Version: jsonVersion, Time: plan.Snapshot.Time.Unix(), Cluster: plan.Snapshot.Cluster.Name,
		Instances: append([]report.View{}, views...), Counts: map[string]int{}, Bad: append([]report.BadTag{}, report.BadTags(plan)...),
		Unwritable: append([]unwritable{}, l.unwritable...), ClusterView: report.ClusterOf(plan.Snapshot), passTimes: l.passes,
		NoPass: append([]string{}, l.noPass...),
	}
	for _, d := range plan.Decisions {
		s.Counts[string(d.State)]++
	}
	if findings != nil {
		s.Findings = &findings
		if l.set.deadNodes != deadNodesOff {
			s.Silent, s.CutOff = &s.ClusterView.Silent, &s.ClusterView.CutOff
		}
	}
	return writeJSON(w, s)
}
