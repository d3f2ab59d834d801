package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// rehearseCmd is "ganeti-autorepair rehearse".
type rehearseCmd struct {
	Nodes   []string `arg:"" optional:"" name:"node" help:"Only these nodes (default: all that have instances)."`
	Drained bool     `help:"As if the node were drained, instead of dead."`
	Verbose bool     `short:"v" help:"Tell of every instance what would become of it, and why."`
	jsonFlag
	tableFlags
	snapshotFlag
}

// rehearsed is what is rehearsed, and of which cluster.
type rehearsed struct {
	rehearser *repair.Rehearser
	snapshot  *repair.Snapshot
	set       settings
	noPass    []string // why no pass would act now, in sentences
}

// Run tells what would become of the instances of nodes that die, one at a time. It
// changes nothing.
func (cmd *rehearseCmd) Run(ctx context.Context, e *env) error {
	if cmd.JSON && cmd.scripted() {
		return usage(errors.New("--json goes with none of -o, --no-headers and --separator"))
	}
	if cmd.Verbose && cmd.scripted() {
		return usage(errors.New("-v goes with none of -o, --no-headers and --separator; try --json -v"))
	}
	if _, err := selectFields(rehearseFields(), cmd.usual(), cmd.Output); err != nil {
		return err
	}
	r, err := cmd.read(ctx, e)
	if err != nil {
		return err
	}
	names, err := cmd.names(r.snapshot)
	if err != nil {
		return err
	}
	list := r.rehearser.Nodes(names)
	if len(cmd.Nodes) == 0 {
		list = withInstances(list)
	}
	if !cmd.JSON && !cmd.scripted() {
		report.WorstFirst(list)
	}
	var views []report.RehearsalView
	for _, h := range list {
		views = append(views, report.RehearsalViewOf(r.snapshot, h, cmd.Verbose))
	}
	switch {
	case cmd.JSON:
		return cmd.writeJSON(e, r, views)
	case cmd.scripted():
		fields, err := selectFields(rehearseFields(), cmd.usual(), cmd.Output)
		if err != nil {
			return err
		}
		writeRows(e.stdout, e.screen, cmd.layoutFlags, fields, views)
		return nil
	}
	cmd.write(e, r, views)
	return nil
}

// read reads the cluster, or a saved snapshot.
func (cmd *rehearseCmd) read(ctx context.Context, e *env) (*rehearsed, error) {
	if cmd.Snapshot != "" {
		return rehearseSaved(e, cmd.snapshotFlag, cmd.Drained)
	}
	set, err := e.settings()
	if err != nil {
		return nil, err
	}
	if err := e.onMaster(); err != nil {
		return nil, err
	}
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.engine.PassTimeout)
	defer cancel()
	r := &rehearsed{set: set}
	if r.noPass, err = e.noPass(ctx, pass); err != nil {
		return nil, err
	}
	r.rehearser, r.snapshot, err = pass.Rehearser(ctx, cmd.Drained)
	return r, err
}

// rehearseSaved takes what is rehearsed from a saved snapshot, with the settings of its
// time, or else with those of --config.
func rehearseSaved(e *env, f snapshotFlag, drained bool) (*rehearsed, error) {
	saved, _, err := f.open(e)
	if err != nil {
		return nil, err
	}
	f.noteUnknown(e, saved)
	r := &rehearsed{set: defaultSettings()}
	saved.Apply(&r.set.engine)
	if e.cli.Config != "" {
		if r.set, err = e.settings(); err != nil {
			return nil, err
		}
	}
	r.rehearser, r.snapshot, err = saved.Rehearser(r.set.engine, drained)
	return r, err
}

// names returns the full names of the nodes to rehearse.
func (cmd *rehearseCmd) names(s *repair.Snapshot) ([]string, error) {
	if len(cmd.Nodes) == 0 {
		return allNodes(s), nil
	}
	return namedNodes(s, cmd.Nodes)
}

// allNodes returns the names of all nodes, in order.
func allNodes(s *repair.Snapshot) []string {
	var names []string
	for name := range s.Nodes {
		names = append(names, name)
	}
	repair.NiceSort(names)
	return names
}

func withInstances(list []repair.Rehearsal) []repair.Rehearsal {
	var some []repair.Rehearsal
	for _, h := range list {
		if h.Instances() > 0 {
			some = append(some, h)
		}
	}
	return some
}

// usual are the fields that are shown without -o.
func (cmd *rehearseCmd) usual() []string {
	bad := "down"
	if cmd.Drained {
		bad = "stays"
	}
	list := []string{"node", "instances", "outcomes.reinstalled", bad}
	for _, what := range repair.RehearsalOutcomes[1:] {
		list = append(list, "outcomes."+string(what))
	}
	return append(list, "one_copy")
}

// rehearseTitles are the headings of what may become of an instance.
var rehearseTitles = map[repair.RehearsalOutcome]string{
	repair.RehearsedReinstalled: "DataLost", repair.RehearsedNotPermitted: "NoPerm", repair.RehearsedNoRoom: "NoRoom",
	repair.RehearsedBlocked: "Blocked", repair.RehearsedNoRepair: "NoRepair", repair.RehearsedRestarted: "Restart",
	repair.RehearsedMoved: "Moved", repair.RehearsedCopied: "Copied",
}

// rehearseDocs describe them.
var rehearseDocs = map[repair.RehearsalOutcome]string{
	repair.RehearsedReinstalled:  "Instances that would be reinstalled: their data are lost",
	repair.RehearsedNotPermitted: "Instances whose repair is not permitted",
	repair.RehearsedNoRoom:       "Instances for which other nodes have no room",
	repair.RehearsedBlocked:      "Instances whose repair a suspension, a valve or an earlier failure blocks",
	repair.RehearsedNoRepair:     "Instances for which no repair exists",
	repair.RehearsedRestarted:    "Instances that would be restarted on another node",
	repair.RehearsedMoved:        "Instances that would be migrated, or moved while they are stopped",
	repair.RehearsedCopied:       "Instances that run elsewhere and would get a new second copy of their disks",
}

// rehearseFields are the fields of "rehearse -o". Their names are the paths of the same
// things in the JSON. A number of which only bounds are known is written as "3-5".
func rehearseFields() []field[report.RehearsalView] {
	type V = report.RehearsalView
	span := func(name, title, doc string, get func(V) repair.Span) field[V] {
		return field[V]{name: name, title: title, doc: doc, right: true, value: func(v V) string {
			if text := report.SpanText(get(v), "-"); text != "" {
				return text
			}
			return "0"
		}}
	}
	list := []field[V]{
		{name: "node", title: "Node", doc: "Name of the node", value: func(v V) string { return v.Node }, colour: func(v V) string {
			if v.Harm {
				return red
			}
			return ""
		}},
		{name: "node_group", title: "Group", doc: "Node group", value: func(v V) string { return v.Group }},
		{name: "state", title: "State", doc: "State of the node as it is: online, drained, offline", value: func(v V) string { return v.State }},
		{name: "master", title: "Master", doc: "Whether it is the master node", value: func(v V) string { return strconv.FormatBool(v.Master) }},
		{name: "instances", title: "Inst", doc: "Instances that have the node as primary or secondary", right: true, value: func(v V) string { return strconv.Itoa(v.Count) }},
		{name: "harm", title: "Harm", doc: "Whether data may be lost, or instances stay down", value: func(v V) string { return strconv.FormatBool(v.Harm) }},
		span("down", "Down", "Instances that should be up and would stay down", func(v V) repair.Span { return v.Down }),
		span("stays", "Stays", "Instances that would still have the node", func(v V) repair.Span { return v.Stays }),
		span("one_copy", "OneCopy", "Instances that would be left with one copy of their disks", func(v V) repair.Span { return v.OneCopy }),
	}
	for _, what := range repair.RehearsalOutcomes {
		what := what
		list = append(list, span("outcomes."+string(what), rehearseTitles[what], rehearseDocs[what], func(v V) repair.Span { return v.Outcomes[string(what)] }))
	}
	return list
}

// rehearseJSON is the output of "rehearse --json".
type rehearseJSON struct {
	Version int                    `json:"version"`
	Time    int64                  `json:"time"` // Unix time in seconds
	Cluster string                 `json:"cluster"`
	Assumed string                 `json:"assumed"` // of each node: "offline" or "drained"
	Fence   string                 `json:"fence"`   // that would have to succeed first; it is not asked
	NoPass  []string               `json:"no_pass"` // why no pass acts now, in sentences
	Nodes   []report.RehearsalView `json:"nodes"`
}

func (cmd *rehearseCmd) writeJSON(e *env, r *rehearsed, views []report.RehearsalView) error {
	out := rehearseJSON{
		Version: jsonVersion, Time: r.snapshot.Time.Unix(), Cluster: r.snapshot.Cluster.Name, Assumed: "offline", Fence: r.set.engine.Fence,
		NoPass: append([]string{}, r.noPass...), Nodes: append([]report.RehearsalView{}, views...),
	}
	if cmd.Drained {
		out.Assumed = "drained"
	}
	return writeJSON(e.stdout, out)
}

// write writes the table for people, without the columns that have nothing, and what it
// means.
func (cmd *rehearseCmd) write(e *env, r *rehearsed, views []report.RehearsalView) {
	short := shortNodes(e.screen, r.snapshot)
	var fields []field[report.RehearsalView]
	chosen, _ := selectFields(rehearseFields(), cmd.usual(), "")
	for _, f := range chosen {
		value, some := f.value, false
		for _, v := range views {
			some = some || value(v) != "0"
		}
		if f.name == "node" {
			f.value = func(v report.RehearsalView) string { return short(v.Node) }
		} else {
			f.value = func(v report.RehearsalView) string {
				if text := value(v); text != "0" {
					return text
				}
				return ""
			}
		}
		if some {
			fields = append(fields, f)
		}
	}
	if views = withCount(e, short, views); len(views) > 0 {
		writeRehearsals(e.stdout, e.screen, fields, views)
	}
	if cmd.Verbose {
		instance := shortInstances(e.screen, r.snapshot)
		for _, v := range views {
			fmt.Fprintln(e.stdout, e.screen.paint(bold, short(v.Node)+":"))
			for _, f := range v.Each {
				writeFolded(e.stdout, "  ", "    ", instance(f.Instance)+": "+f.InWords(), e.screen.columns-4)
			}
		}
	}
	for _, line := range cmd.summary(r, views, short) {
		writeFolded(e.stdout, "", "  ", line, e.screen.columns)
	}
}

// withCount returns the nodes that have instances, and names the others.
func withCount(e *env, short func(string) string, views []report.RehearsalView) []report.RehearsalView {
	var some []report.RehearsalView
	for _, v := range views {
		if v.Count == 0 {
			fmt.Fprintf(e.stdout, "%s has no instances.\n", short(v.Node))
			continue
		}
		some = append(some, v)
	}
	return some
}

// summary says in sentences what the table means.
func (cmd *rehearseCmd) summary(r *rehearsed, views []report.RehearsalView, short func(string) string) []string {
	if len(views) == 0 && len(cmd.Nodes) > 0 {
		return r.noPass
	}
	if len(views) == 0 {
		return append([]string{"No node has instances."}, r.noPass...)
	}
	var may, bad, gone []string // nodes that may die, that may not, and that are offline already
	open, master := false, ""
	for _, v := range views {
		switch {
		case v.State == "offline" && !cmd.Drained:
		case v.Harm || cmd.Drained && v.Stays.AtMost > 0:
			bad = append(bad, short(v.Node))
		default:
			may = append(may, short(v.Node))
		}
		for _, s := range v.Outcomes {
			open = open || s.AtLeast != s.AtMost
		}
		if v.Master {
			master = short(v.Node)
		}
		if v.State == "offline" {
			gone = append(gone, short(v.Node))
		}
	}
	what, fine, event := "may not die", "no data would be lost, and nothing would stay down", "die"
	if cmd.Drained {
		what, fine, event = "would not get empty", "no instance would stay there", "be drained"
	}
	var list []string
	switch {
	case len(bad)+len(may) == 0:
	case len(bad) == 0 && len(may) == 1:
		list = append(list, fmt.Sprintf("%s may %s: %s.", may[0], event, fine))
	case len(bad) == 0:
		list = append(list, fmt.Sprintf("Any one of these %d nodes may %s: %s.", len(may), event, fine))
	case len(bad)+len(may) == 1:
		list = append(list, fmt.Sprintf("%s %s.", bad[0], what))
	default:
		list = append(list, fmt.Sprintf("%d of %d nodes %s: %s.", len(bad), len(bad)+len(may), what, someNames(bad)))
	}
	if len(gone) > 0 {
		list = append(list, fmt.Sprintf("Offline already: %s. The numbers tell of what is left there.", someNames(gone)))
	}
	if open {
		list = append(list, "3-5 stands for at least 3 and at most 5: an allocator chooses.")
	}
	if r.set.engine.Fenced() && !cmd.Drained {
		list = append(list, fmt.Sprintf("The fence (%s) has to succeed first; it is not asked here.", r.set.engine.Fence))
	}
	switch {
	case master != "" && cmd.Drained:
		list = append(list, fmt.Sprintf("%s is the master: it cannot be drained before another node has the role (gnt-cluster master-failover, on that node).", master))
	case master != "":
		list = append(list, fmt.Sprintf("%s is the master: nothing is repaired before another node has the role (gnt-cluster master-failover, on that node).", master))
	}
	if of := append(bad, gone...); !cmd.Verbose && len(of) > 0 {
		list = append(list, "Which instances, and why: "+cmd.again(of[0]))
	}
	return append(list, r.noPass...)
}

// again is the command that tells of each instance of a node.
func (cmd *rehearseCmd) again(node string) string {
	text := "ganeti-autorepair rehearse -v"
	if cmd.Drained {
		text += " --drained"
	}
	if cmd.Snapshot != "" {
		text += " --snapshot=" + cmd.Snapshot
	}
	return text + " " + node
}

// writeRehearsals writes the table. Where its columns do not fit on the terminal, their
// numbers are told in words: "down 1-2, no-room 0-1, restarted 2".
func writeRehearsals(w io.Writer, t terminal, fields []field[report.RehearsalView], views []report.RehearsalView) {
	var b, plain strings.Builder
	writeRows(&b, t, layoutFlags{}, fields, views)
	writeRows(&plain, terminal{}, layoutFlags{}, fields, views)
	widest := 0
	for _, line := range strings.Split(plain.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > widest {
			widest = n
		}
	}
	if t.columns == 0 || widest <= t.columns {
		io.WriteString(w, b.String())
		return
	}
	counts := field[report.RehearsalView]{title: "Outcome", value: func(v report.RehearsalView) string {
		var parts []string
		for _, f := range fields[2:] {
			if n := f.value(v); n != "" {
				parts = append(parts, strings.TrimPrefix(f.name, "outcomes.")+" "+n)
			}
		}
		return strings.Join(parts, ", ")
	}}
	writeFoldedRows(w, t, []field[report.RehearsalView]{fields[0], fields[1], counts}, views, nil)
}
