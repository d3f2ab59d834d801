package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// findingsFile is the name of the file with what findings need from pass to pass. Losing
// it costs a look through the jobs of a week, and since when findings are there.
const findingsFile = "findings"

// findingsMemory is what findings need from pass to pass.
type findingsMemory struct {
	Verified repair.Verifications `json:"verified"`
	Since    map[string]int64     `json:"since"` // Unix time in seconds at which a finding was seen first, by its key
}

func readFindingsMemory(state stateDir) findingsMemory {
	var m findingsMemory
	data, err := os.ReadFile(state.file(findingsFile))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return findingsMemory{}
	}
	return m
}

func (m findingsMemory) write(state stateDir) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return replaceFile(state.file(findingsFile), data, 0o600)
}

// findings returns what a person should know of the cluster beside repairs (A1), from
// the configuration, the watcher's instance-status file, and what the last pass knew of
// jobs that verify. It looks through no jobs.
func (e *env) findings(ctx context.Context, c *luxi.Client) ([]repair.Finding, error) {
	list, _, err := e.findingsFrom(ctx, c, readFindingsMemory(e.paths.state()), false)
	return list, err
}

// findingsFrom is findings that goes on from a memory. With jobs it looks through those
// that are newer than what is remembered; the memory that it returns knows them.
func (e *env) findingsFrom(ctx context.Context, c *luxi.Client, m findingsMemory, jobs bool) ([]repair.Finding, findingsMemory, error) {
	o := repair.Observed{Now: e.now()}
	if err := read.ReadRoles(ctx, c, &o); err != nil {
		return nil, m, err
	}
	if jobs {
		var err error
		if m.Verified, err = read.ReadVerifications(ctx, c, o.Groups, o.Now, m.Verified); err != nil {
			return nil, m, err
		}
	}
	o.Verified = m.Verified
	e.readInstanceStatus(&o)
	list := repair.Findings(o)
	since := make(map[string]int64)
	for k := range list {
		f := &list[k]
		if first := m.Since[f.Key()]; first != 0 && (f.Since == 0 || first < f.Since) {
			f.Since = first
		}
		since[f.Key()] = f.Since
	}
	m.Since = since
	return list, m, nil
}

// readInstanceStatus reads the file that ganeti-watcher writes in each of its runs: lines
// of "NAME STATUS" (py:watcher/__init__.py). Where it cannot be read nothing is concluded.
func (e *env) readInstanceStatus(o *repair.Observed) {
	path := e.paths.in("/var/run/ganeti/instance-status")
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	o.StatusTime, o.Status = info.ModTime(), make(map[string]string)
	for _, line := range strings.Split(string(data), "\n") {
		if name, status, ok := strings.Cut(line, " "); ok {
			o.Status[name] = strings.TrimSpace(status)
		}
	}
}

// findingsOfPass returns the findings after a pass and remembers what the next one needs.
// They are advice: where they cannot be had, the pass is what it is without them. That they
// cannot be remembered is told only where all else was kept: one line is enough (W8).
func (r *runner) findingsOfPass(ctx context.Context, c *luxi.Client, kept bool) []repair.Finding {
	ctx, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout/6)
	defer cancel()
	state := r.env.paths.state()
	list, after, err := r.env.findingsFrom(ctx, c, readFindingsMemory(state), true)
	if err != nil {
		r.log.Warn("findings not looked for", "error", oneLine(err.Error()))
		return nil
	}
	if err := after.write(state); err != nil && kept {
		r.env.note("warning: not kept: findings: %s", err)
	}
	return list
}

// advice tells the findings: with --verbose, as nothing that auto-repair does depends on
// them. What may run twice is a warning.
func (c *checkup) advice(ctx context.Context, client *luxi.Client) {
	list, err := c.env.findings(ctx, client)
	if err != nil {
		c.fail(levelWarning, "findings", err)
		return
	}
	for _, f := range list {
		l := levelOK
		if f.Word == repair.FindingWrongNode {
			l = levelWarning
		}
		since := ""
		if f.Since != 0 {
			since = " (since " + clockTime(f.Since) + ")"
		}
		c.advise(l, string(f.Word), f.Command, "%s: %s%s", strings.TrimPrefix(f.Object, "instance "), f.Detail, since)
	}
	if len(list) == 0 {
		c.add(levelOK, "findings", "none")
	}
}
