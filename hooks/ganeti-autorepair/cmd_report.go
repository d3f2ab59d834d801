package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// reportCmd is "ganeti-autorepair report".
type reportCmd struct {
	File  string `arg:"" help:"File to write, or - for standard output."`
	Since span   `default:"7d" placeholder:"TIME" help:"Show repairs since this long ago (default: 7d)."`
	lookFlags
}

// Run writes a page for browsers that shows the cluster and its repairs. It changes
// nothing else.
func (cmd *reportCmd) Run(ctx context.Context, e *env) error {
	l, err := cmd.look(ctx, e, repair.Assumption{})
	if err != nil {
		return err
	}
	page := report.Page{Plan: l.plan, Version: version, Zone: time.Local}
	if cmd.Snapshot != "" {
		page.Repairs = knownRepairs(l.plan)
	} else if page.Repairs, err = cmd.pastRepairs(ctx, e); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := page.Write(&text); err != nil {
		return err
	}
	if cmd.File == "-" {
		_, err := e.stdout.Write(text.Bytes())
		return err
	}
	path, err := filepath.Abs(cmd.File)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", cmd.File)
	}
	if err := replaceFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// pastRepairs reads the repairs of the timeline from tags and the job queue.
func (cmd *reportCmd) pastRepairs(ctx context.Context, e *env) ([]report.PageRepair, error) {
	c := e.client()
	defer c.Close()
	past, err := read.ReadHistory(ctx, c, "", e.now().Add(-time.Duration(cmd.Since)))
	if err != nil {
		return nil, err
	}
	var list []report.PageRepair
	for _, p := range past {
		r := report.PageRepair{Instance: p.Instance, ID: p.ID, Type: p.Type, Outcome: p.Outcome, Began: p.Began, Ended: p.Ended}
		for _, j := range p.Jobs {
			r.Jobs = append(r.Jobs, report.PageJob{ID: j.ID, Step: string(j.Step), Status: j.Status, Began: j.Began, Ended: j.Ended})
		}
		list = append(list, r)
	}
	return list, nil
}

// knownRepairs lists the repairs that a plan knows of: a snapshot has the pending ones
// with their jobs, and of others how they ended.
func knownRepairs(plan *repair.Plan) []report.PageRepair {
	var list []report.PageRepair
	for _, d := range plan.Decisions {
		records := d.Instance.Tags.Records()
		for _, r := range records.Repairs {
			p := report.PageRepair{Instance: d.Instance.Name, ID: r.ID, Type: r.Type.String(), Outcome: read.PastPending, Began: r.Time}
			for _, id := range r.Jobs {
				f := plan.Snapshot.Jobs[id]
				if f == nil || !f.Info.Known {
					continue
				}
				j := report.PageJob{ID: int64(id), Step: string(f.Step), Status: string(f.Info.Status), Began: unixOf(f.Info.Started), Ended: unixOf(f.Info.Ended)}
				p.Jobs = append(p.Jobs, j)
			}
			list = append(list, p)
		}
		for _, r := range records.Results {
			list = append(list, report.PageRepair{Instance: d.Instance.Name, ID: r.ID, Type: r.Type.String(), Outcome: string(r.Outcome), Began: r.Time, Ended: r.Time})
		}
	}
	return list
}

// unixOf is a time in Unix seconds; 0 if it has not come.
func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
