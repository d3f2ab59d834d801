package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/hooks/internal/outside"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
)

// Programs in the directory event_dir of the administrator are told of events, by
// environment variables and by JSON on standard input. They run after the pass,
// when its stamp is written and its lock released, so that none of them can stop or
// delay a pass, and each for a limited time.

// The kinds of events.
const (
	eventStarted = "repair-started" // its first job was released
	eventEnded   = "repair-ended"   // its result is written
	eventBlocked = "repair-blocked" // a valve, or what the pass met, keeps it from going on

	eventNodeEmpty  = "node-empty"  // a drained or offline node has no instance any more
	eventNodeSilent = "node-silent" // a node that is not offline does not answer
	eventNodeMarked = "node-marked" // such a node was fenced and is marked offline

	eventNodeNotMarked = "node-not-marked" // it was to be, and what the pass met kept it from that

	eventNodeStorage = "node-storage" // most mirrored instances have lost their disks on a node

	eventSign = "instance-sign" // disks of an instance on good nodes seem broken, or ganeti-watcher has given it up
)

// event is an event in the form in which programs get it.
type event struct {
	Version  int    `json:"version"`
	Event    string `json:"event"`
	Time     int64  `json:"time"` // Unix time in seconds
	Cluster  string `json:"cluster"`
	Instance string `json:"instance"`         // empty in events of nodes
	Node     string `json:"node,omitempty"`   // of the events of nodes
	Repair   string `json:"repair,omitempty"` // id
	Type     string `json:"type,omitempty"`
	Step     string `json:"step,omitempty"`
	Jobs     string `json:"jobs,omitempty"` // ids, joined with +
	Result   string `json:"result,omitempty"`
	Reason   string `json:"reason,omitempty"` // for which it is blocked, or the node not marked
	Valve    string `json:"valve,omitempty"`  // the setting that blocks it
	Why      string `json:"why,omitempty"`
}

// environment returns the event as environment variables.
func (v event) environment() []string {
	var list []string
	for _, pair := range [][2]string{
		{"EVENT", v.Event}, {"TIME", fmt.Sprint(v.Time)}, {"CLUSTER", v.Cluster}, {"INSTANCE", v.Instance}, {"NODE", v.Node}, {"REPAIR", v.Repair}, {"TYPE", v.Type},
		{"STEP", v.Step}, {"JOBS", v.Jobs}, {"RESULT", v.Result}, {"REASON", v.Reason}, {"VALVE", v.Valve}, {"WHY", v.Why},
	} {
		list = append(list, "AUTOREPAIR_"+pair[0]+"="+strings.ReplaceAll(pair[1], "\x00", ""))
	}
	return list
}

// The time limits of event programs: of each run, and of all runs after a pass.
const (
	oneEventTime  = 10 * time.Second
	allEventsTime = 30 * time.Second
	eventNameRule = `^[a-zA-Z0-9_-]+$`
)

// eventBounds are the time limits of event programs.
type eventBounds struct{ one, all time.Duration }

// event keeps an event until the pass is over.
func (r *runner) event(plan *repair.Plan, v event) {
	if r.set.eventDir == "" {
		return
	}
	v.Version, v.Time, v.Cluster = jsonVersion, r.env.now().Unix(), plan.Snapshot.Cluster.Name
	r.events = append(r.events, v)
}

// passEvents keeps the events of a pass: what is blocked now and was not before, the
// repairs that it began and ended, and the nodes that are empty now and were not before.
func (r *runner) passEvents(did *plugin.Report, changed changes) {
	for _, c := range changed.reasons {
		if v, blocked := blockedEvent(c.v); blocked {
			r.event(did.Plan, v)
		}
	}
	for _, v := range didEvents(did) {
		r.event(did.Plan, v)
	}
	for _, n := range changed.noStorage {
		why := did.Plan.Snapshot.StorageWords(n.Name) + ": " + repair.DrainCommand(n.Name, did.Plan.Snapshot.Cluster.Master)
		r.event(did.Plan, event{Event: eventNodeStorage, Node: n.Name, Reason: string(repair.ReasonNodeStorage), Why: why})
	}
	for _, n := range changed.emptyNodes {
		r.event(did.Plan, event{Event: eventNodeEmpty, Node: n.Name, Why: "no instance and no unfinished job has it any more"})
	}
}

// tellEvents runs the programs, each once for each event, in order, as long as the
// time allows. Their failures are logged and change nothing else.
func (r *runner) tellEvents(ctx context.Context) {
	events := r.events
	r.events = nil
	if len(events) == 0 {
		return
	}
	programs, skipped, err := eventPrograms(r.env.paths.in(r.set.eventDir))
	if err != nil {
		r.log.Warn("no event is told", "error", err.Error())
		return
	}
	for _, s := range skipped {
		r.log.Warn("event program not run", "why", s)
	}
	if len(programs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.env.eventBounds.all)
	defer cancel()
	for k, v := range events {
		for _, path := range programs {
			if ctx.Err() != nil {
				r.log.Warn("event programs take too long", "events_not_told", len(events)-k)
				return
			}
			if err := runEvent(ctx, path, v, r.env.eventBounds.one); err != nil {
				about := []any{"instance", v.Instance}
				if v.Node != "" {
					about = []any{"node", v.Node}
				}
				r.log.Warn("event program failed", append(append([]any{"program", path, "event", v.Event}, about...), "error", oneLine(err.Error()))...)
			}
		}
	}
}

// eventPrograms lists the programs of a directory, by the rules that Ganeti has for
// its own hooks (lib/utils/process.py RunParts). Programs that others than root
// could have written are skipped.
func eventPrograms(dir string) (programs, skipped []string, err error) {
	if err := outside.CheckDirectory(dir); err != nil {
		return nil, nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	rule := regexp.MustCompile(eventNameRule)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 || !rule.MatchString(entry.Name()) {
			continue
		}
		if err := outside.CheckFile(path); err != nil {
			skipped = append(skipped, err.Error())
			continue
		}
		programs = append(programs, path)
	}
	sort.Strings(programs)
	return programs, skipped, nil
}

// runEvent runs one program for one event.
func runEvent(ctx context.Context, path string, v event, bound time.Duration) error {
	input, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return outside.Program{Path: path, Env: v.environment(), Input: append(input, '\n')}.Run(ctx)
}
