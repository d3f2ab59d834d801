package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/qlang"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// nodesCmd is "ganeti-autorepair nodes".
type nodesCmd struct {
	Nodes   []string `arg:"" optional:"" name:"node" help:"Only these nodes, ok or not."`
	All     bool     `help:"Show nodes that are ok, too."`
	Filter  string   `short:"F" placeholder:"FILTER" help:"Nodes that match a filter, as in gnt-node list -F."`
	Output  string   `short:"o" placeholder:"COLUMN,..." help:"Columns to show, separated by commas; with a leading + beside the usual ones."`
	Wait    bool     `short:"w" help:"Wait until all of the nodes are empty; ends with 3 if one is stuck, with 4 at the timeout."`
	Timeout span     `placeholder:"TIME" help:"With --wait: wait no longer than this (default: for ever)."`
	Every   span     `default:"5s" placeholder:"TIME" help:"Time between two looks with --wait (default: 5s)."`
	jsonFlag
	layoutFlags
	lookFlags
}

// nodesJSON is the output of "nodes --json".
type nodesJSON struct {
	Version int               `json:"version"`
	Time    int64             `json:"time"` // Unix time in seconds
	Cluster string            `json:"cluster"`
	Nodes   []report.NodeView `json:"nodes"`
	Counts  map[string]int    `json:"counts"`  // all nodes, by state
	NoPass  []string          `json:"no_pass"` // why no pass acts now, in sentences
}

// Run shows the states of the nodes, or waits until they are empty. It changes nothing.
func (cmd *nodesCmd) Run(ctx context.Context, e *env) error {
	if err := cmd.check(); err != nil {
		return err
	}
	if cmd.Wait {
		return (&nodeWait{cmd: cmd, env: e}).run(ctx)
	}
	l, err := cmd.look(ctx, e, repair.Assumption{})
	if err != nil {
		return err
	}
	views, err := cmd.views(ctx, e, l.plan)
	if err != nil {
		return err
	}
	switch {
	case cmd.JSON:
		return writeNodesJSON(e.stdout, l, views)
	case cmd.scripted():
		fields, err := selectFields(nodeFields(), usualNodeFields, cmd.Output)
		if err != nil {
			return err
		}
		writeRows(e.stdout, e.screen, cmd.layoutFlags, fields, views)
		return nil
	}
	writeNodes(e.stdout, e.screen, l, views)
	return nil
}

// scripted reports whether the table is laid out for programs.
func (cmd *nodesCmd) scripted() bool { return tableFlags{cmd.layoutFlags, cmd.Output}.scripted() }

// check returns an error if the flags do not go together.
func (cmd *nodesCmd) check() error {
	switch {
	case cmd.JSON && cmd.scripted():
		return usage(errors.New("--json goes with none of -o, --no-headers and --separator"))
	case len(cmd.Nodes) > 0 && cmd.Filter != "":
		return usage(fmt.Errorf("%s is named beside --filter; give one or the other", cmd.Nodes[0]))
	case cmd.Filter != "" && cmd.Snapshot != "":
		return usage(errors.New("--filter asks the cluster; it does not go with --snapshot"))
	case !cmd.Wait && cmd.Timeout != 0:
		return usage(errors.New("--timeout goes with --wait only"))
	case cmd.Wait && (cmd.JSON || cmd.scripted() || cmd.All || cmd.Filter != "" || cmd.Snapshot != "" || cmd.Save != ""):
		return usage(errors.New("with --wait go names of nodes, --timeout and --every only"))
	case cmd.Wait && len(cmd.Nodes) == 0:
		return usage(errors.New("--wait takes the names of the nodes to wait for"))
	}
	_, err := selectFields(nodeFields(), usualNodeFields, cmd.Output)
	return err
}

// views returns the views of the nodes to show: those that are named or selected; or
// else those that are not ok, or all.
func (cmd *nodesCmd) views(ctx context.Context, e *env, plan *repair.Plan) ([]report.NodeView, error) {
	all := report.Nodes(plan)
	sort.SliceStable(all, func(a, b int) bool { return repair.NiceLess(all[a].Node, all[b].Node) })
	chosen := func(v report.NodeView) bool { return cmd.All || v.State != repair.NodeUsual }
	switch {
	case len(cmd.Nodes) > 0:
		names, err := namedNodes(plan.Snapshot, cmd.Nodes)
		if err != nil {
			return nil, err
		}
		chosen = func(v report.NodeView) bool { return contains(names, v.Node) }
	case cmd.Filter != "":
		names, err := cmd.selected(ctx, e)
		if err != nil {
			return nil, err
		}
		any := chosen
		chosen = func(v report.NodeView) bool { return names[v.Node] && any(v) }
	}
	views := []report.NodeView{}
	for _, v := range all {
		if chosen(v) {
			views = append(views, v)
		}
	}
	return views, nil
}

// selected returns the names of the nodes that match the filter.
func (cmd *nodesCmd) selected(ctx context.Context, e *env) (map[string]bool, error) {
	filter, err := qlang.Parse(cmd.Filter)
	if err != nil {
		return nil, &hintError{code: exitUsage, err: err, hint: "man 7 ganeti"}
	}
	c := e.client()
	defer c.Close()
	t, err := read.Query(ctx, c, luxi.ResNode, []string{"name"}, luxi.And(filter))
	var refused *luxi.Error
	if errors.As(err, &refused) && refused.Class == "ParameterError" {
		return nil, &hintError{code: exitFailed, err: err, hint: "gnt-node list-fields"}
	}
	if err != nil {
		return nil, fmt.Errorf("reading nodes: %w", err)
	}
	names := make(map[string]bool)
	for row := range t.Rows {
		var name string
		if err := t.Scan(row, &name); err != nil {
			return nil, fmt.Errorf("reading nodes: %w", err)
		}
		names[name] = true
	}
	return names, nil
}

// namedNodes returns the whole names of the nodes that the words name, each once.
func namedNodes(s *repair.Snapshot, words []string) ([]string, error) {
	var known []string
	for _, n := range s.SortedNodes() {
		known = append(known, n.Name)
	}
	var names []string
	for _, word := range words {
		name, err := matchName(known, strings.TrimPrefix(word, "node:"))
		var unknown *hintError
		switch {
		case errors.As(err, &unknown):
			return nil, &hintError{code: exitFailed, err: fmt.Errorf("there is no node %q", word), hint: "gnt-node list"}
		case err != nil:
			return nil, err // it is short for several
		}
		if !contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// usualNodeFields are what nodes shows without -o.
var usualNodeFields = []string{"node", "state", "primaries", "secondaries", "pending", "blocked", "missing"}

// nodeFields are the columns of "nodes -o". They have the names of the same things in the
// JSON, where instances and jobs are told by their names and numbers.
func nodeFields() []field[report.NodeView] {
	type V = report.NodeView
	number := func(get func(V) int) func(V) string { return func(v V) string { return strconv.Itoa(get(v)) } }
	return []field[V]{
		{name: "node", title: "Node", doc: "Name of the node", value: func(v V) string { return v.Node }},
		{name: "uuid", title: "UUID", doc: "UUID of the node", value: func(v V) string { return v.UUID }},
		{name: "node_group", title: "Group", doc: "Node group of the node", value: func(v V) string { return v.Group }},
		{name: "state", title: "State", doc: "State: lost, silent, stuck, leaving, empty, ok",
			value: func(v V) string { return string(v.State) }, colour: func(v V) string { return nodeColour(v.State) }},
		{name: "silent_since", title: "SilentSince", doc: "Since when it does not answer", value: func(v V) string {
			if v.SilentSince == 0 {
				return ""
			}
			return clockTime(v.SilentSince)
		}},
		{name: "not_marked", title: "NotMarked", doc: "Why a pass did not mark it offline", value: func(v V) string { return string(v.NotMarked) }},
		{name: "why_not_marked", title: "Why", doc: "The same in words", value: func(v V) string { return v.WhyNotMarked }},
		{name: "offline", title: "Offline", doc: "Whether the node is marked offline", value: func(v V) string { return strconv.FormatBool(v.Offline) }},
		{name: "drained", title: "Drained", doc: "Whether the node is marked drained", value: func(v V) string { return strconv.FormatBool(v.Drained) }},
		{name: "primaries", title: "Pri", doc: "Instances that have it as primary node", right: true, value: number(func(v V) int { return v.Primaries })},
		{name: "secondaries", title: "Sec", doc: "Instances that have it as secondary node", right: true, value: number(func(v V) int { return v.Secondaries })},
		{name: "pending", title: "Pending", doc: "Of these, those that leave it without anybody's doing", right: true, value: number(func(v V) int { return v.Pending })},
		{name: "blocked", title: "Blocked", doc: "Of these, those that do not", right: true, value: number(func(v V) int { return v.Blocked })},
		{name: "missing", title: "Missing", doc: "What is missing until it is empty, in words", value: func(v V) string { return v.Missing }},
		{name: "command", title: "Command", doc: "What a person could type", value: func(v V) string { return v.Command }},
		{name: "instances", title: "Instances", doc: "Instances that are left on it", value: func(v V) string {
			var names []string
			for _, i := range v.Instances {
				names = append(names, i.Instance)
			}
			return strings.Join(names, ",")
		}},
		{name: "jobs", title: "Jobs", doc: "Unfinished jobs that have it, or may have it", value: func(v V) string {
			var ids []string
			for _, j := range v.Jobs {
				ids = append(ids, strconv.FormatInt(j.ID, 10))
			}
			return strings.Join(ids, ",")
		}},
	}
}

func nodeColour(s repair.NodeState) string {
	switch s {
	case repair.NodeLost, repair.NodeSilent, repair.NodeStuck:
		return red
	case repair.NodeLeaving:
		return yellow
	case repair.NodeEmpty, repair.NodeUsual:
		return green
	}
	return ""
}

// writeNodes writes the table for people: what is urgent first, and how many nodes there
// are in each state.
func writeNodes(w io.Writer, t terminal, l *looked, views []report.NodeView) {
	s := l.plan.Snapshot
	instance, node := shortInstances(t, s), shortNodes(t, s)
	urgency := make(map[repair.NodeState]int)
	for k, state := range repair.NodeStates {
		urgency[state] = k
	}
	sort.SliceStable(views, func(a, b int) bool { return urgency[views[a].State] < urgency[views[b].State] })
	for k := range views {
		v := &views[k]
		v.Missing = v.Advice(instance, strings.Replace(v.Command, " node:"+v.Node, " node:"+node(v.Node), 1))
		v.Node = node(v.Node)
	}
	fields, _ := selectFields(nodeFields(), usualNodeFields, "")
	switch {
	case len(views) == 0:
	case t.columns == 0:
		writeRows(w, t, layoutFlags{}, fields, views)
	default:
		writeFoldedRows(w, t, fields, views, nil)
	}
	writeFolded(w, "", "  ", nodesInWords(countNodes(l.plan)), t.columns)
	for _, text := range l.noPass {
		writeFolded(w, "", "  ", text, t.columns)
	}
}

// countNodes counts all nodes by state.
func countNodes(plan *repair.Plan) map[string]int {
	counts := make(map[string]int)
	for _, n := range repair.NodeStatusesOf(plan) {
		counts[string(n.State)]++
	}
	return counts
}

// nodesInWords tells how many nodes there are in each state: "6 nodes, 1 stuck, 5 ok".
func nodesInWords(counts map[string]int) string {
	all := 0
	var parts []string
	for _, state := range repair.NodeStates {
		if n := counts[string(state)]; n > 0 {
			all += n
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(append([]string{countOf(all, "node")}, parts...), ", ")
}

func writeNodesJSON(w io.Writer, l *looked, views []report.NodeView) error {
	return writeJSON(w, nodesJSON{
		Version: jsonVersion, Time: l.plan.Snapshot.Time.Unix(), Cluster: l.plan.Snapshot.Cluster.Name,
		Nodes: views, Counts: countNodes(l.plan), NoPass: append([]string{}, l.noPass...),
	})
}
