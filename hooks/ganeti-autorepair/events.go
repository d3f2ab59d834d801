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
)

// Events are told to the programs in a directory of people's own (event_dir):
// the facts as environment variables, and as JSON on standard input. They are
// run after the pass, when its lock is free and its stamp written, so that none
// of them can stop or hold up a pass; and each only for a time.

// The kinds of events.
const (
	eventStarted = "repair-started" // its first job was released
	eventEnded   = "repair-ended"   // its result is written
	eventBlocked = "repair-blocked" // a valve keeps it from beginning
)

// event is something that programs are told of.
type event struct {
	Version  int    `json:"version"`
	Event    string `json:"event"`
	Time     int64  `json:"time"` // Unix time in seconds
	Cluster  string `json:"cluster"`
	Instance string `json:"instance"`
	Repair   string `json:"repair,omitempty"` // id
	Type     string `json:"type,omitempty"`
	Step     string `json:"step,omitempty"`
	Jobs     string `json:"jobs,omitempty"` // ids, joined with +
	Result   string `json:"result,omitempty"`
	Valve    string `json:"valve,omitempty"` // the setting that blocks it
	Why      string `json:"why,omitempty"`
}

// environment is the event as environment variables.
func (v event) environment() []string {
	var list []string
	for _, pair := range [][2]string{
		{"EVENT", v.Event}, {"TIME", fmt.Sprint(v.Time)}, {"CLUSTER", v.Cluster}, {"INSTANCE", v.Instance}, {"REPAIR", v.Repair}, {"TYPE", v.Type},
		{"STEP", v.Step}, {"JOBS", v.Jobs}, {"RESULT", v.Result}, {"VALVE", v.Valve}, {"WHY", v.Why},
	} {
		list = append(list, "AUTOREPAIR_"+pair[0]+"="+strings.ReplaceAll(pair[1], "\x00", ""))
	}
	return list
}

// The bounds of event programs: one for each run, one for all runs after a pass.
const (
	oneEventTime  = 10 * time.Second
	allEventsTime = 30 * time.Second
	eventNameRule = `^[a-zA-Z0-9_-]+$`
)

// eventBounds are the bounds in force.
type eventBounds struct{ one, all time.Duration }

// event notes an event for when the pass is over.
func (r *runner) event(report *plugin.Report, v event) {
	if r.set.eventDir == "" {
		return
	}
	v.Version, v.Time, v.Cluster = jsonVersion, r.env.now().Unix(), report.Plan.Snapshot.Cluster.Name
	r.events = append(r.events, v)
}

// passEvents notes the repairs that the pass began and ended, and what a valve
// blocks now that it did not block before.
func (r *runner) passEvents(did *plugin.Report, changed []reasonChange) {
	for _, c := range changed {
		if v, blocked := blockedEvent(c.v); blocked {
			r.event(did, v)
		}
	}
	for _, v := range didEvents(did) {
		r.event(did, v)
	}
}

// tellEvents runs the programs, each once for each event, in order, as long as
// the time allows. Whatever they do is logged at most.
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
				r.log.Warn("event program failed", "program", path, "event", v.Event, "instance", v.Instance, "error", oneLine(err.Error()))
			}
		}
	}
}

// eventPrograms lists the programs of a directory, by the rules that Ganeti has
// for its own hooks (lib/utils/process.py RunParts), and those that are not run
// because others than root could have written them.
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
