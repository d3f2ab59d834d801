package main

import (
	"context"
	"fmt"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// explainCmd is "ganeti-autorepair explain".
type explainCmd struct {
	Instance string `arg:"" help:"Name of the instance."`
	jsonFlag
	lookFlags
}

// explainJSON is the output of "explain --json".
type explainJSON struct {
	Version int    `json:"version"`
	Time    int64  `json:"time"` // Unix time in seconds
	Cluster string `json:"cluster"`
	report.Explanation
}

// Run explains the state of one instance and what the next pass does about it. It
// changes nothing.
func (cmd *explainCmd) Run(ctx context.Context, e *env) error {
	l, err := cmd.look(ctx, e, repair.Assumption{})
	if err != nil {
		return err
	}
	var names []string
	for _, d := range l.plan.Decisions {
		names = append(names, d.Instance.Name)
	}
	name, err := matchName(names, cmd.Instance)
	if err != nil {
		return err
	}
	for _, d := range l.plan.Decisions {
		if d.Instance.Name != name {
			continue
		}
		x := report.Explain(l.plan, d, l.pass.Settings)
		x.Blocks = append(x.Blocks, l.noPass...)
		if l.passes.Last != 0 {
			x.Facts = append(x.Facts, l.passes.sentence(e.now()))
		}
		if cmd.JSON {
			return writeJSON(e.stdout, explainJSON{
				Version: jsonVersion, Time: l.plan.Snapshot.Time.Unix(), Cluster: l.plan.Snapshot.Cluster.Name, Explanation: x,
			})
		}
		e.writeExplanation(x)
	}
	return nil
}

func (e *env) writeExplanation(x report.Explanation) {
	t, w := e.screen, e.stdout
	state := t.paint(stateColour(x.State), string(x.State))
	fmt.Fprintf(w, "%s: %s (%s)\n", t.paint(bold, x.Instance), state, x.Reason)
	writeFolded(w, "  ", "  ", x.Verdict, t.columns-2)
	part := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s\n", t.paint(bold, title))
		for _, l := range lines {
			writeFolded(w, "  ", "    ", l, t.columns-4)
		}
	}
	part("What was read", x.Facts)
	var lines []string
	for _, tag := range x.Tags {
		lines = append(lines, fmt.Sprintf("%s: %s: %s.", tag.Object, tag.Tag, tag.Meaning))
	}
	part("Tags", lines)
	part("Permission", x.Permission)
	part("Diagnosis", x.Diagnosis)
	lines = nil
	for k, s := range x.Steps {
		word := "permitted"
		if !s.Permitted {
			word = "not permitted"
		}
		lines = append(lines, fmt.Sprintf("%d. %s; takes %s: %s.", k+1, s.What, s.Type, word))
	}
	part("Steps from here", lines)
	part("What blocks it", x.Blocks)
	part("Earlier repairs", x.Results)
	if len(x.Remedies) > 0 {
		fmt.Fprintf(w, "\n%s\n", t.paint(bold, "What would change it"))
		for _, r := range x.Remedies {
			fmt.Fprintf(w, "  %s:\n    %s\n", r.What, r.Command)
		}
	}
}
