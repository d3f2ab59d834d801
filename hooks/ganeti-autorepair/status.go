package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"ganeti-autorepair/plugin"
)

// statusCmd is "ganeti-autorepair status".
type statusCmd struct {
	JSON bool `name:"json" help:"Write JSON instead of a table."`
	All  bool `help:"Show healthy instances, too."`
}

// Run shows what is thought of the instances. It changes nothing.
func (cmd *statusCmd) Run(ctx context.Context, e *env) error {
	set, err := e.settings()
	if err != nil {
		return err
	}
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.PassTimeout)
	defer cancel()
	plan, err := pass.Read(ctx, true)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return writeStatusJSON(e.stdout, plan, cmd.All)
	}
	writeTable(e.stdout, plan, e.now(), cmd.All)
	return nil
}

// statusJSON is what "status --json" writes.
type statusJSON struct {
	Version   int             `json:"version"`
	Time      int64           `json:"time"` // Unix time in seconds
	Cluster   string          `json:"cluster"`
	Instances []plugin.View   `json:"instances"`
	Counts    map[string]int  `json:"counts"` // instances by state
	Bad       []plugin.BadTag `json:"unreadable_tags"`
}

func writeStatusJSON(w io.Writer, plan *plugin.Plan, all bool) error {
	s := statusJSON{
		Version: 1, Time: plan.Snapshot.Time.Unix(), Cluster: plan.Snapshot.Cluster.Name,
		Instances: []plugin.View{}, Counts: map[string]int{}, Bad: append([]plugin.BadTag{}, plan.BadTags()...),
	}
	for _, v := range plan.Views() {
		s.Counts[string(v.State)]++
		if all || !v.Plain() {
			s.Instances = append(s.Instances, v)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

func writeStatus(w io.Writer, plan *plugin.Plan, now time.Time) { writeTable(w, plan, now, false) }

// writeTable writes a line per instance that is not plainly healthy, with a
// second one for what it needs to be told in words, and a count per state.
func writeTable(w io.Writer, plan *plugin.Plan, now time.Time, all bool) {
	counts := make(map[plugin.State]int)
	var table strings.Builder
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "Instance\tState\tReason\tPolicy\tRepair")
	rows := 0
	for _, v := range plan.Views() {
		counts[v.State]++
		if !all && v.Plain() {
			continue
		}
		rows++
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", v.Instance, v.State, v.Reason, v.Policy.Short(), repairShort(v, now))
	}
	tw.Flush()
	if rows > 0 {
		for _, line := range strings.Split(strings.TrimRight(table.String(), "\n"), "\n") {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
	for _, b := range plan.BadTags() {
		fmt.Fprintf(w, "unreadable tag on %s: %s: %s\n", b.Object, b.Tag, b.Why)
	}
	for _, v := range plan.Views() {
		if (all || !v.Plain()) && v.Detail != "" && v.Reason != plugin.ReasonReady {
			fmt.Fprintf(w, "%s: %s\n", v.Instance, v.Detail)
		}
		for _, f := range v.Failures {
			fmt.Fprintf(w, "%s: after a look: gnt-instance remove-tags %s %s\n", v.Instance, v.Instance, f)
		}
		for _, b := range v.Bad {
			fmt.Fprintf(w, "%s: unreadable tag %s: %s\n", v.Instance, b.Tag, b.Why)
		}
	}
	fmt.Fprintf(w, "%d instances", len(plan.Decisions))
	for _, s := range []plugin.State{plugin.StateHealthy, plugin.StateSuspended, plugin.StateNeedsRepair, plugin.StatePending, plugin.StateFailed} {
		if counts[s] > 0 {
			fmt.Fprintf(w, ", %d %s", counts[s], s)
		}
	}
	fmt.Fprintln(w)
}

// repairShort is an open repair, or else the needed one, in a few words.
func repairShort(v plugin.View, now time.Time) string {
	if v.Repair != nil {
		var jobs []string
		for _, j := range v.Repair.Jobs {
			jobs = append(jobs, fmt.Sprintf("%d:%s", j.ID, j.Status))
		}
		word := fmt.Sprintf("%s %s %s", v.Repair.Type, v.Repair.ID, plugin.Age(v.Repair.Since, now))
		if len(jobs) > 0 {
			word += " jobs " + strings.Join(jobs, ",")
		}
		return word
	}
	if v.Need != nil {
		return strings.Join(v.Need.Steps, ", ")
	}
	return "-"
}

// writeDryRun writes what a pass would do, opcodes included.
func writeDryRun(w io.Writer, plan *plugin.Plan, pass *plugin.Pass) error {
	list, err := plan.Intentions(pass)
	if err != nil {
		return err
	}
	for _, n := range list {
		fmt.Fprintf(w, "%s: %s\n", n.Instance, n.Why)
		if n.Probe {
			fmt.Fprintln(w, "  only if a dry run of the first opcode finds room:")
		}
		for _, node := range n.Fence {
			fmt.Fprintf(w, "  only if this succeeds: %s %s %s\n", pass.Settings.Fence, node, n.Instance)
		}
		for _, op := range n.OpCodes {
			fmt.Fprintf(w, "  submit  %s\n", op)
		}
		for _, tag := range n.Add {
			fmt.Fprintf(w, "  add     %s\n", tag)
		}
		for _, tag := range n.Remove {
			fmt.Fprintf(w, "  remove  %s\n", tag)
		}
	}
	writeStatus(w, plan, plan.Snapshot.Time)
	return nil
}
