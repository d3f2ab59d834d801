package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// statusCmd is "ganeti-autorepair status".
type statusCmd struct {
	Instances []string `arg:"" optional:"" name:"instance" help:"Only these instances, healthy or not."`
	All       bool     `help:"Show healthy instances, too."`
	Watch     bool     `help:"Show it again and again, until it is interrupted."`
	Every     span     `default:"5s" placeholder:"TIME" help:"Time between two looks with --watch (default: 5s)."`
	jsonFlag
	tableFlags
	lookFlags
}

// Run shows the states of the instances. It changes nothing.
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
			// luxid may be busy for a moment. Try again at the next look.
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
	views := report.Notable(l.plan)
	if cmd.All || len(cmd.Instances) > 0 {
		views = report.Views(l.plan)
	}
	if len(cmd.Instances) > 0 {
		if views, err = chosenViews(views, cmd.Instances); err != nil {
			return err
		}
	}
	now := l.plan.Snapshot.Time
	switch {
	case cmd.JSON:
		return writeStatusJSON(w, l, views)
	case cmd.scripted():
		fields, err := selectFields(statusFields(now), usualFields, cmd.Output)
		if err != nil {
			return err
		}
		writeRows(w, e.screen, cmd.layoutFlags, fields, views)
		return nil
	}
	writeViews(w, e.screen, views, now)
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

// chosenViews returns the views of the named instances.
func chosenViews(views []report.View, names []string) ([]report.View, error) {
	var list []report.View
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

// statusJSON is the output of "status --json".
type statusJSON struct {
	Version    int             `json:"version"`
	Time       int64           `json:"time"` // Unix time in seconds
	Cluster    string          `json:"cluster"`
	Instances  []report.View   `json:"instances"`
	Counts     map[string]int  `json:"counts"` // instances by state
	Bad        []report.BadTag `json:"unreadable_tags"`
	Unwritable []unwritable    `json:"unwritable"` // by passes
}

func writeStatusJSON(w io.Writer, l *looked, views []report.View) error {
	plan := l.plan
	s := statusJSON{
		Version: jsonVersion, Time: plan.Snapshot.Time.Unix(), Cluster: plan.Snapshot.Cluster.Name,
		Instances: append([]report.View{}, views...), Counts: map[string]int{}, Bad: append([]report.BadTag{}, report.BadTags(plan)...),
		Unwritable: append([]unwritable{}, l.unwritable...),
	}
	for _, d := range plan.Decisions {
		s.Counts[string(d.State)]++
	}
	return writeJSON(w, s)
}
