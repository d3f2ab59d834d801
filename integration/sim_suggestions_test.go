//go:build cluster

package integration_test

import (
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"time"
)

// suggestion is a command that the program suggests, and for which reason, finding or place.
type suggestion struct{ why, command string }

// inText finds commands in texts: behind a colon, "see" or "or", up to the end of a phrase.
var inText = regexp.MustCompile(`(?:: |\bsee |\bor )((?:gnt-[a-z]+|hbal|ganeti-autorepair) .*?)(?:, |; |\)|$)`)

// suggestions collects all that status, check, nodes, explain and the events suggest, for
// these reasons, findings and places.
func (w *simWorld) suggestions(about map[string]bool) []suggestion {
	w.t.Helper()
	var list []suggestion
	all := make(map[string]bool)
	keep := func(why, command string) {
		all[command] = true
		if about[why] {
			list = append(list, suggestion{why, command})
		}
	}
	text := func(why, text string) {
		for _, command := range commandsIn(text) {
			keep(why, command)
		}
	}
	add := func(why, command, detail string) {
		if command != "" {
			keep(why, command)
		}
		text(why, ": "+detail)
	}
	var s struct {
		Instances []struct{ Instance, Reason, Command, Why string }
		Findings  []struct{ Finding, Command, Why string }
	}
	w.must(json.Unmarshal([]byte(w.command(0, "", "status", "--all", "--json")), &s))
	for _, f := range s.Findings {
		add(f.Finding, f.Command, f.Why)
	}
	for _, i := range s.Instances {
		add(i.Reason, i.Command, i.Why)
		if !about[i.Reason] {
			continue
		}
		var e struct {
			Remedies []struct{ Command string } `json:"would_change_it"`
		}
		w.must(json.Unmarshal([]byte(w.command(0, "", "explain", "--json", i.Instance)), &e))
		for _, r := range e.Remedies {
			add(i.Reason, r.Command, "")
		}
		text(i.Reason, w.command(0, "", "explain", i.Instance))
	}
	var left struct {
		Nodes []struct {
			State, Command, Missing string
			Instances               []struct{ Reason, Command, Why string }
		}
	}
	w.must(json.Unmarshal([]byte(w.command(0, "", "nodes", "--all", "--json")), &left))
	for _, n := range left.Nodes {
		add("nodes: "+n.State, n.Command, n.Missing)
		for _, i := range n.Instances {
			add(i.Reason, i.Command, i.Why)
		}
	}
	text("status", w.command(0, "", "status"))
	text("check", w.run(w.Master(), program, "check", "-v").stdout)
	if told, err := w.ReadFile(w.Root(w.Master()) + "/srv/told"); err == nil {
		for _, command := range commandsIn(string(told)) {
			if all[command] { // events tell of what was
				keep("events", command)
			}
		}
	}
	return list
}

// commandsIn returns the commands in a text.
func commandsIn(text string) (list []string) {
	for _, line := range strings.Split(text, "\n") {
		line = strings.ReplaceAll(line, "gnt-cluster verify was not run", "") // no command
		for _, m := range inText.FindAllStringSubmatch(line, -1) {
			list = append(list, strings.TrimSuffix(m[1], "."))
		}
	}
	return list
}

// tellsEvents returns the setting that has events written down, for suggestions.
func (w *simWorld) tellsEvents() string {
	w.t.Helper()
	told := w.Root(w.Master()) + "/srv/told"
	w.must(w.WriteFile(told, nil, 0o644))
	w.must(w.WriteFile(w.Root(w.Master())+"/etc/ganeti/autorepair.d/tell", []byte("#!/bin/sh\necho \"$AUTOREPAIR_EVENT: $AUTOREPAIR_WHY\" >>"+told+"\n"), 0o755))
	return "event_dir = \"/etc/ganeti/autorepair.d\"\n"
}

// looking are the beginnings of commands that change nothing.
var looking = regexp.MustCompile(`^(gnt-\w+ (info|list|volumes|verify|getmaster|watcher info)\b|hbal|tail|ganeti-autorepair (explain|status|nodes|check|run --dry-run))`)

// typist types what is suggested, each kind of command once for each reason.
type typist struct {
	*simWorld
	names  *regexp.Regexp // of nodes and instances, and numbers of jobs
	typed  map[suggestion]bool
	before map[string]func() // what a person does before a command that begins so
	want   map[string]string // for each reason, finding and place how a command begins that has to be typed
}

// newTypist returns one for a cluster with these nodes and instances.
func (w *simWorld) newTypist(want map[string]string, names ...string) *typist {
	return &typist{
		simWorld: w, names: regexp.MustCompile(`(^| |:)(` + strings.Join(names, "|") + `|\d+)\b`), typed: make(map[suggestion]bool),
		before: make(map[string]func()), want: want,
	}
}

// all types all that is suggested now, other than what begins like one of those given,
// first what changes nothing. Before each command that changes something it is looked
// whether that is still suggested: typing one may end the state in which another was.
func (w *typist) all(leave ...string) {
	w.t.Helper()
	about := make(map[string]bool)
	for why := range w.want {
		about[why] = true
	}
	for {
		var next *suggestion
		list := w.suggestions(about)
		sort.SliceStable(list, func(a, b int) bool { return wideness(list[a].command) < wideness(list[b].command) })
		for _, s := range list {
			s := s
			if w.typed[w.kind(s)] || begins(s.command, leave) {
				continue
			}
			if !looking.MatchString(s.command) {
				next = &s
				break
			}
			w.once(s)
		}
		if next == nil {
			return
		}
		w.once(*next)
	}
}

// wideness says how much a command changes: an instance, a node, or more.
func wideness(command string) int {
	switch {
	case looking.MatchString(command):
		return 0
	case strings.HasPrefix(command, "gnt-job "):
		return 1
	case strings.HasPrefix(command, "ganeti-autorepair repair"), strings.HasPrefix(command, "ganeti-autorepair ack"):
		return 2
	case strings.HasPrefix(command, "gnt-instance "):
		return 3
	case strings.HasPrefix(command, "ganeti-autorepair run"):
		return 6
	case strings.HasPrefix(command, "gnt-node "), strings.HasPrefix(command, "gnt-cluster "), strings.Contains(command, "group:"):
		return 5
	}
	return 4
}

func begins(command string, with []string) bool {
	for _, beginning := range with {
		if strings.HasPrefix(command, beginning) {
			return true
		}
	}
	return false
}

// kind is the suggestion without the names in it.
func (w *typist) kind(s suggestion) suggestion {
	return suggestion{s.why, w.names.ReplaceAllString(s.command, "${1}X")}
}

func (w *typist) once(s suggestion) {
	w.t.Helper()
	w.typed[w.kind(s)] = true
	for beginning, do := range w.before {
		if strings.HasPrefix(s.command, beginning) {
			do()
		}
	}
	began := time.Now()
	w.simWorld.typed(s.command)
	w.t.Logf("%-18s %s (%v)", s.why, s.command, time.Since(began).Round(100*time.Millisecond))
}

// wantTyped wants that all was typed that has to be.
func (w *typist) wantTyped() {
	w.t.Helper()
	for why, beginning := range w.want {
		found := false
		for s := range w.typed {
			found = found || s.why == why && strings.HasPrefix(s.command, beginning)
		}
		if !found {
			w.t.Errorf("%s: no command was typed that begins with %q", why, beginning)
		}
	}
}
