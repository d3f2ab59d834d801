package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// dryRunFlags are the flags of "run" that need --dry-run.
type dryRunFlags struct {
	AssumeOffline []string `placeholder:"NODE" help:"With --dry-run: as if these nodes were offline."`
	AssumeDrained []string `placeholder:"NODE" help:"With --dry-run: as if these nodes were drained."`
	OpCodes       bool     `name:"opcodes" help:"With --dry-run: show the opcodes and tags, too."`
	JSON          bool     `name:"json" help:"With --dry-run: write JSON."`
	lookFlags
}

func (f dryRunFlags) assumption() repair.Assumption {
	return repair.Assumption{Offline: f.AssumeOffline, Drained: f.AssumeDrained}
}

// given reports whether any of the flags is set.
func (f dryRunFlags) given() bool {
	return !f.assumption().Empty() || f.OpCodes || f.JSON || f.Snapshot != "" || f.Save != ""
}

// dryRunJSON is the output of "run --dry-run --json".
type dryRunJSON struct {
	Version int                 `json:"version"`
	Time    int64               `json:"time"` // Unix time in seconds
	Cluster string              `json:"cluster"`
	Offline []string            `json:"assumed_offline,omitempty"`
	Drained []string            `json:"assumed_drained,omitempty"`
	Blocked string              `json:"blocked,omitempty"` // why a pass would do nothing now
	Actions []report.ActionView `json:"actions"`
	Totals  report.Totals       `json:"totals"`
	Silent  []markingView       `json:"silent_nodes,omitempty"` // with dead_nodes = "offline"
	Counts  map[string]int      `json:"counts"`                 // instances by state
}

// dryRun prints the actions of a pass and carries out none.
func (cmd *runCmd) dryRun(ctx context.Context, e *env) error {
	assume := cmd.assumption()
	l, err := cmd.look(ctx, e, assume)
	if err != nil {
		return err
	}
	blocked := ""
	if cmd.Snapshot == "" {
		if blocked, err = cmd.blocked(ctx, e, l); err != nil {
			return err
		}
	}
	list, err := report.Actions(l.plan, l.set.engine)
	if err != nil {
		return err
	}
	var silent []markingView
	if cmd.Snapshot == "" && assume.Empty() {
		if silent, err = cmd.marking(ctx, e, l); err != nil {
			return err
		}
	}
	if cmd.JSON {
		s := dryRunJSON{
			Version: jsonVersion, Time: l.plan.Snapshot.Time.Unix(), Cluster: l.plan.Snapshot.Cluster.Name,
			Offline: assume.Offline, Drained: assume.Drained, Blocked: blocked,
			Actions: list, Totals: report.TotalsOf(list), Silent: silent, Counts: map[string]int{},
		}
		for _, d := range l.plan.Decisions {
			s.Counts[string(d.State)]++
		}
		return writeJSON(e.stdout, s)
	}
	if blocked != "" {
		e.note("a pass would do nothing now: %s", blocked)
	}
	for _, v := range list {
		cmd.writeAction(e, l.set.engine.Fence, v)
	}
	cmd.writeMarkings(e, silent)
	if len(list)+len(silent) > 0 {
		fmt.Fprintln(e.stdout, strings.Repeat("-", 20))
	}
	for _, line := range append(totals(list), withoutStep(l.plan)...) {
		writeFolded(e.stdout, "", "  ", line, e.screen.columns)
	}
	writeUnreadable(e.stdout, e.screen, l.plan)
	writeTotal(e.stdout, e.screen, l.plan)
	return nil
}

// blocked returns why a pass would do nothing now; "" if it would act.
func (cmd *runCmd) blocked(ctx context.Context, e *env, l *looked) (string, error) {
	r := &runner{cmd: cmd, env: e, set: l.set}
	c := e.client()
	defer c.Close()
	err := r.preflight(ctx, c)
	var paused *plugin.PausedError
	switch {
	case errors.As(err, &paused), errors.Is(err, plugin.ErrQueueDrained):
		return err.Error(), nil
	case err != nil:
		return "", r.judge(err)
	}
	return "", nil
}

// writeAction tells an action in one line, and with --opcodes what is submitted and
// written for it.
func (cmd *runCmd) writeAction(e *env, fence string, v report.ActionView) {
	w, colour := e.stdout, ""
	if v.StepView != nil && v.LosesData {
		colour = red
	}
	writeFolded(w, "", "  ", e.screen.paint(bold, v.Instance)+": "+e.screen.paint(colour, v.What), e.screen.columns)
	if !cmd.OpCodes {
		return
	}
	if v.Probe {
		fmt.Fprintln(w, "  only if a dry run of the first opcode finds room:")
	}
	for _, node := range v.Fence {
		if fence == fenceOOB {
			fmt.Fprintf(w, "  only if its oob_program switches %s off\n", node)
			continue
		}
		fmt.Fprintf(w, "  only if this succeeds: %s %s %s\n", fence, node, v.Instance)
	}
	for _, op := range v.OpCodes {
		fmt.Fprintf(w, "  submit  %s\n", op)
	}
	for _, tag := range v.Add {
		fmt.Fprintf(w, "  add     %s\n", tag)
	}
	for _, tag := range v.Remove {
		fmt.Fprintf(w, "  remove  %s\n", tag)
	}
}

// totals tells what the steps of a dry run come to: restarts and losses of data apart.
func totals(list []report.ActionView) []string {
	t := report.TotalsOf(list)
	words, n := make(map[string]int), 0
	for step, count := range t.Steps {
		words[string(step)] = count
		n += count
	}
	if n == 0 {
		return []string{"no step of a repair"}
	}
	text := fmt.Sprintf("%s: %s", countOf(n, "step"), byCount(words))
	switch {
	case t.IfRoom == n:
		text += ", if there is room"
	case t.IfRoom > 0:
		text += fmt.Sprintf(", %d of them if there is room", t.IfRoom)
	}
	lost := "none"
	if t.LosesData > 0 {
		lost = countOf(t.LosesData, "instance")
	}
	return []string{text, fmt.Sprintf("%s; data lost: %s", countOf(t.Restarts, "restart"), lost)}
}

// withoutStep lists the instances that are not well and for which a pass takes no step,
// by reason.
func withoutStep(p *repair.Plan) []string {
	steps := make(map[string]bool)
	for _, a := range p.Actions {
		if a.Job != nil {
			steps[a.Decision.Instance.UUID] = true
		}
	}
	names := make(map[repair.Reason][]string)
	for _, d := range p.Decisions {
		if d.State != repair.StateHealthy && !steps[d.Instance.UUID] {
			names[d.Reason] = append(names[d.Reason], d.Instance.Name)
		}
	}
	var list []string
	for _, info := range repair.ReasonTable() {
		if some := names[info.Reason]; len(some) > 0 {
			list = append(list, fmt.Sprintf("no step, %s: %s", info.Reason, someNames(some)))
		}
	}
	return list
}
