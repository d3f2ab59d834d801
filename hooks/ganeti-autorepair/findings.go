package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
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
func (e *env) findings(ctx context.Context, c *luxi.Client, set settings) ([]repair.Finding, error) {
	m := readFindingsMemory(e.paths.state())
	o, err := e.observe(ctx, c, &m, false)
	if err != nil {
		return nil, err
	}
	if set.engine.Disks != repair.WatchOff {
		if o.Inactive, err = read.ReadInactive(ctx, c); err != nil {
			return nil, err
		}
	}
	o.Silent = e.silentNodes(set)
	return m.findings(o, set.engine), nil
}

// diskFacts returns what is known of disks on good nodes before anything is read of the
// cluster: what the last pass knew, and the watcher's instance-status file.
func (e *env) diskFacts(set settings) repair.DiskFacts {
	o := repair.Observed{Now: e.now(), Verified: readFindingsMemory(e.paths.state()).Verified}
	e.readInstanceStatus(&o)
	return o.DiskFacts(set.engine)
}

// observe reads what findings are made from, and goes on from a memory. With jobs it looks
// through those that are newer than what is remembered; the memory knows them then.
func (e *env) observe(ctx context.Context, c *luxi.Client, m *findingsMemory, jobs bool) (repair.Observed, error) {
	o := repair.Observed{Now: e.now(), Verified: m.Verified}
	if err := read.ReadRoles(ctx, c, &o); err != nil {
		return o, err
	}
	if jobs {
		var err error
		if m.Verified, err = read.ReadVerifications(ctx, c, o.Groups, o.Now, m.Verified); err != nil {
			return o, err
		}
	}
	o.Verified = m.Verified
	e.readInstanceStatus(&o)
	var err error
	o.Unused, err = read.UnusedGroups(ctx, c, o.Unverified())
	return o, err
}

// findings returns the findings of what was observed, and remembers since when each is
// there.
func (m *findingsMemory) findings(o repair.Observed, set repair.Settings) []repair.Finding {
	list := repair.Findings(o, set)
	since := make(map[string]int64)
	for k := range list {
		f := &list[k]
		if first := m.Since[f.Key()]; first != 0 && (f.Since == 0 || first < f.Since) {
			f.Since = first
		}
		since[f.Key()] = f.Since
	}
	m.Since = since
	return list
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

// observation is what a pass was told beside the configuration, before it began.
type observation struct {
	repair.Observed
	memory findingsMemory
	silent repair.SilentNodes // as the last pass found them
	err    error              // why it is not known; what is remembered is there all the same
}

// observeFirst observes, before a pass, what decides about disks on good nodes and what a
// person should know. Where it cannot be had, the pass does without.
func (r *runner) observeFirst(ctx context.Context, c *luxi.Client) observation {
	short, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout/6)
	defer cancel()
	o := observation{memory: readFindingsMemory(r.env.paths.state())}
	o.Observed, o.err = r.env.observe(short, c, &o.memory, true)
	return o
}

// lookAround looks, after a pass, for what a person should know beside repairs: findings
// and silent nodes, in nodes as they are after a pass that has acted. It tells of them, remembers what the next pass needs, and returns the
// findings, nil where they are not known, and the plan with the silent nodes. All that is advice: where it cannot be had,
// the pass is what it is without. That it cannot be remembered is told only where all else
// was kept, as one line is enough; silent nodes are not told of then, as each pass would
// tell them anew (W8).
//
// A silent node is marked offline last of all, where that is set (K6).
func (r *runner) lookAround(ctx context.Context, pass *plugin.Pass, o observation, plan *repair.Plan, acted, kept bool) ([]repair.Finding, *repair.Plan) {
	c := pass.Client
	if o.err != nil {
		r.log.Warn("findings not looked for", "error", oneLine(o.err.Error()))
		return nil, plan.WithSilence(r.env.silentNodes(r.set))
	}
	state := r.env.paths.state()
	if acted || r.env.now().Sub(o.Now) > time.Second { // else they are as before the pass
		if err := read.ReadRoles(ctx, c, &o.Observed); err != nil {
			r.log.Warn("findings not looked for", "error", oneLine(err.Error()))
			return nil, plan.WithSilence(r.env.silentNodes(r.set))
		}
	}
	news, answers := r.lookForSilence(ctx, c, o.silent, &o.Observed)
	marked := r.markOffline(ctx, pass, &o.Observed, answers)
	changed := o.Silent.NoteMarkings(marked.Markings)
	before := o.memory.Since
	o.Inactive = plan.Snapshot.Disks.Inactive()
	list := append([]repair.Finding{}, o.memory.findings(o.Observed, r.set.engine)...)
	o.memory.Verified.NoteMended(plan.Snapshot)
	plan = plan.WithSilence(o.Silent)
	silentErr := keepSilentNodes(state, o.Silent)
	if silentErr == nil {
		r.tellSilence(plan, news)
		r.tellMarked(plan, marked, changed)
	}
	err := o.memory.write(state)
	if err == nil {
		r.tellSigns(plan, list, before)
		err = silentErr
	}
	if err != nil && kept {
		r.env.note("warning: not kept: findings: %s", err)
	}
	return list, plan
}

// tellSigns logs the signs of broken disks, and of instances that ganeti-watcher has given
// up, that were not there before, and keeps an event for each.
func (r *runner) tellSigns(plan *repair.Plan, list []repair.Finding, before map[string]int64) {
	// Of those on a node whose storage is gone, the pass has told with the node.
	onLostStorage := make(map[string]bool)
	for _, i := range plan.Snapshot.Instances {
		if node, _ := plan.Snapshot.StorageGone(i); node != "" {
			onLostStorage["instance "+i.Name] = true
		}
	}
	var fresh []repair.Finding
	for _, f := range list {
		_, known := before[f.Key()]
		if !known && f.AboutInstance() && !onLostStorage[f.Object] {
			fresh = append(fresh, f)
		}
	}
	for k, f := range fresh {
		name := strings.TrimPrefix(f.Object, "instance ")
		if k < linesEach {
			r.log.Warn(signInWords[f.Word], "instance", name, "why", f.Detail, "command", f.Command)
		}
		r.event(plan, event{Event: eventSign, Instance: name, Reason: string(f.Word), Why: f.Detail + ": " + f.Command})
	}
	if more := len(fresh) - linesEach; more > 0 {
		r.log.Warn("more instances with such signs", "instances", more)
	}
}

// advice tells the findings: with --verbose, as nothing that auto-repair does depends on
// them. What may run twice is a warning.
func (c *checkup) advice(ctx context.Context, client *luxi.Client, set settings) {
	list, err := c.env.findings(ctx, client, set)
	if err != nil {
		c.fail(levelWarning, "findings", err)
		return
	}
	for _, f := range list {
		l := levelOK
		if f.Word == repair.FindingWrongNode || f.AboutInstance() {
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
