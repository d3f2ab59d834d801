package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// metricsPath returns the path of the metrics file; "" if there is none.
func (e *env) metricsPath(set settings) string {
	if set.metricsFile == "" {
		return ""
	}
	return e.paths.in(set.metricsFile)
}

// writeMetrics writes the metrics to a temporary file and renames it: the collector
// may read at any time, and reads no file with another ending. An error does not
// stop the pass.
func (e *env) writeMetrics(set settings, plan *repair.Plan, facts report.PassFacts) {
	path := e.metricsPath(set)
	if path == "" {
		return
	}
	facts.Version, facts.Cluster = version, e.paths.clusterName()
	if plan != nil {
		facts.Cluster = plan.Snapshot.Cluster.Name
	}
	var text bytes.Buffer
	err := report.WriteMetrics(&text, plan, facts)
	if err == nil {
		err = replaceFile(path, text.Bytes(), 0o644)
	}
	if err != nil {
		e.note("warning: no metrics: %s", err)
	}
}

// removeMetrics removes the metrics that this node wrote when it was the master.
func (e *env) removeMetrics(set settings) {
	path := e.metricsPath(set)
	if path == "" {
		return
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.note("warning: %s", fmt.Errorf("metrics: %w", err))
	}
}
