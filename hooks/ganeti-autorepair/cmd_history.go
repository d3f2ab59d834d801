package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/report"
)

// historyCmd is "ganeti-autorepair history".
type historyCmd struct {
	Instance string `arg:"" optional:"" help:"Only this instance."`
	Since    span   `placeholder:"TIME" help:"Only repairs since this long ago, for example 7d."`
	jsonFlag
	layoutFlags
	snapshotFlag
}

// historyJSON is the output of "history --json".
type historyJSON struct {
	Version int               `json:"version"`
	Time    int64             `json:"time"` // Unix time in seconds
	Repairs []read.PastRepair `json:"repairs"`
}

// Run lists repairs, past and present. It changes nothing.
func (cmd *historyCmd) Run(ctx context.Context, e *env) error {
	list, err := cmd.read(ctx, e)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return writeJSON(e.stdout, historyJSON{Version: jsonVersion, Time: e.now().Unix(), Repairs: list})
	}
	if len(list) == 0 {
		e.note("neither tags nor the job queue and its archive tell of any repair")
		return nil
	}
	fields := historyFields(e.now())
	if cmd.NoHeaders || cmd.Separator != "" || e.screen.columns == 0 {
		writeRows(e.stdout, e.screen, cmd.layoutFlags, fields, list)
		return nil
	}
	writeFoldedRows(e.stdout, e.screen, fields, list, nil)
	return nil
}

// read reads the repairs, from the cluster or from a snapshot.
func (cmd *historyCmd) read(ctx context.Context, e *env) ([]read.PastRepair, error) {
	if cmd.Snapshot != "" {
		saved, s, err := cmd.open(e)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, i := range s.Instances {
			names = append(names, i.Name)
		}
		return read.OfInstance(pastOf(saved, s), cmd.fullName(names), cmd.since(e)), nil
	}
	if err := e.onMaster(); err != nil {
		return nil, err
	}
	c := e.client()
	defer c.Close()
	var names []string
	if cmd.Instance != "" {
		d, err := read.ReadDirectory(ctx, c, nil)
		if err != nil {
			return nil, err
		}
		for _, l := range d.Instances {
			names = append(names, l.Name)
		}
	}
	return read.ReadHistory(ctx, c, cmd.fullName(names), cmd.since(e))
}

// fullName returns the whole name of the instance. Jobs of one that was removed may still
// be in the archive.
func (cmd *historyCmd) fullName(known []string) string {
	if full, err := matchName(known, cmd.Instance); err == nil {
		return full
	}
	return cmd.Instance
}

// since returns the time since which repairs are listed; zero for all.
func (cmd *historyCmd) since(e *env) time.Time {
	if cmd.Since == 0 {
		return time.Time{}
	}
	return e.now().Add(-time.Duration(cmd.Since))
}

func historyFields(now time.Time) []field[read.PastRepair] {
	type P = read.PastRepair
	return []field[P]{
		{title: "Began", value: func(p P) string {
			if p.Began == 0 {
				return ""
			}
			return clockTime(p.Began)
		}},
		{title: "Instance", value: func(p P) string { return p.Instance }},
		{title: "Repair", value: func(p P) string { return p.ID }},
		{title: "Type", value: func(p P) string { return p.Type }},
		{title: "Result", value: func(p P) string { return p.Outcome }, colour: func(p P) string {
			return map[string]string{"success": green, "failure": red, read.PastPending: yellow}[p.Outcome]
		}},
		{title: "Took", right: true, value: func(p P) string {
			switch {
			case p.Began == 0:
				return ""
			case p.Ended != 0:
				return report.Age(p.Began, time.Unix(p.Ended, 0))
			case p.Outcome == read.PastPending:
				return report.Age(p.Began, now)
			}
			return ""
		}},
		{title: "Jobs", value: func(p P) string {
			var words []string
			for _, j := range p.Jobs {
				word := fmt.Sprintf("%d", j.ID)
				if j.Step != "" {
					word += " " + string(j.Step)
				}
				if j.From != "" || len(j.To) > 0 {
					word += fmt.Sprintf(" %s -> %s", known(j.From), known(strings.Join(j.To, "+")))
				}
				word += " " + j.Status
				if j.Began != 0 && j.Ended != 0 {
					word += " " + report.Age(j.Began, time.Unix(j.Ended, 0))
				}
				words = append(words, word)
			}
			text := strings.Join(words, ", ")
			if p.Why != "" {
				text += "; " + p.Why
			}
			return text
		}},
	}
}

// known returns the name of a node, "?" if nobody knows it.
func known(node string) string {
	if node == "" {
		return "?"
	}
	return node
}
