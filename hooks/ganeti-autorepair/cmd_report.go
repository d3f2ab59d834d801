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
	past, err := cmd.past(ctx, e, l)
	if err != nil {
		return err
	}
	page := report.Page{Plan: l.plan, Version: version, Zone: time.Local, Repairs: pageRepairs(past)}
	if page.Rehearsals, err = cmd.rehearsals(ctx, e); err != nil {
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

// rehearsals rehearses the loss of every node.
func (cmd *reportCmd) rehearsals(ctx context.Context, e *env) ([]repair.Rehearsal, error) {
	r, err := (&rehearseCmd{snapshotFlag: cmd.snapshotFlag}).read(ctx, e)
	if err != nil {
		return nil, err
	}
	return r.rehearser.Nodes(allNodes(r.snapshot)), nil
}

// past reads the repairs of the timeline, from the snapshot or from tags and the job queue.
func (cmd *reportCmd) past(ctx context.Context, e *env, l *looked) ([]read.PastRepair, error) {
	since := e.now().Add(-time.Duration(cmd.Since))
	if cmd.Snapshot != "" {
		return read.OfInstance(l.past, "", since), nil
	}
	c := e.client()
	defer c.Close()
	return read.ReadHistory(ctx, c, "", since)
}

// pageRepairs are repairs as the page shows them.
func pageRepairs(past []read.PastRepair) []report.PageRepair {
	var list []report.PageRepair
	for _, p := range past {
		r := report.PageRepair{Instance: p.Instance, ID: p.ID, Type: p.Type, Outcome: p.Outcome, Began: p.Began, Ended: p.Ended}
		for _, j := range p.Jobs {
			r.Jobs = append(r.Jobs, report.PageJob{ID: j.ID, Step: string(j.Step), Status: j.Status, Began: j.Began, Ended: j.Ended})
		}
		list = append(list, r)
	}
	return list
}
