package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// dryRunFlags are the flags of "run" that need --dry-run.
type dryRunFlags struct {
	AssumeOffline []string `placeholder:"NODE" help:"With --dry-run: as if these nodes were offline."`
	AssumeDrained []string `placeholder:"NODE" help:"With --dry-run: as if these nodes were drained."`
	JSON          bool     `name:"json" help:"With --dry-run: write JSON."`
	lookFlags
}

func (f dryRunFlags) assumption() repair.Assumption {
	return repair.Assumption{Offline: f.AssumeOffline, Drained: f.AssumeDrained}
}

// given reports whether any of the flags is set.
func (f dryRunFlags) given() bool {
	return !f.assumption().Empty() || f.JSON || f.Snapshot != "" || f.Save != ""
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
	Counts  map[string]int      `json:"counts"` // instances by state
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
	list, err := report.Actions(l.plan)
	if err != nil {
		return err
	}
	if cmd.JSON {
		s := dryRunJSON{
			Version: jsonVersion, Time: l.plan.Snapshot.Time.Unix(), Cluster: l.plan.Snapshot.Cluster.Name,
			Offline: assume.Offline, Drained: assume.Drained, Blocked: blocked,
			Actions: list, Counts: map[string]int{},
		}
		for _, d := range l.plan.Decisions {
			s.Counts[string(d.State)]++
		}
		return writeJSON(e.stdout, s)
	}
	if blocked != "" {
		e.note("a pass would do nothing now: %s", blocked)
	}
	writeActions(e.stdout, e.screen, l.set.engine.Fence, list)
	e.writeStatus(l.plan)
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

func writeActions(w io.Writer, t terminal, fence string, list []report.ActionView) {
	for _, n := range list {
		writeFolded(w, "", "  ", t.paint(bold, n.Instance)+": "+n.Why, t.columns)
		if n.Probe {
			fmt.Fprintln(w, "  only if a dry run of the first opcode finds room:")
		}
		for _, node := range n.Fence {
			if fence == fenceOOB {
				fmt.Fprintf(w, "  only if its oob_program switches %s off\n", node)
				continue
			}
			fmt.Fprintf(w, "  only if this succeeds: %s %s %s\n", fence, node, n.Instance)
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
	if len(list) > 0 {
		fmt.Fprintln(w, strings.Repeat("-", 20))
	}
}
