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

// metricsPath is where the metrics go, empty if nowhere.
func (e *env) metricsPath(set settings) string {
	if set.metricsFile == "" {
		return ""
	}
	return e.paths.in(set.metricsFile)
}

// writeMetrics writes the metrics beside their place and renames them there:
// the collector may read at any time, and reads no file with another ending.
// Trouble is no reason not to repair.
func (e *env) writeMetrics(set settings, plan *repair.Plan, facts report.PassFacts) {
	path := e.metricsPath(set)
	if path == "" {
		return
	}
	facts.Version = version
	var text bytes.Buffer
	err := report.WriteMetrics(&text, plan, facts)
	if err == nil {
		err = replaceFile(path, text.Bytes(), 0o644)
	}
	if err != nil {
		e.note("warning: no metrics: %s", err)
	}
}

// removeMetrics removes the metrics of the time when this node was the master:
// they would go on telling of a cluster that another node looks after.
func (e *env) removeMetrics(set settings) {
	path := e.metricsPath(set)
	if path == "" {
		return
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.note("warning: %s", fmt.Errorf("metrics: %w", err))
	}
}
