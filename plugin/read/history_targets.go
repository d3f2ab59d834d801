package read

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
)

// readTargets reads from the logs of jobs which nodes they brought their instances to,
// where their opcodes do not tell.
func (h *history) readTargets(ctx context.Context, c *luxi.Client) error {
	var ids []luxi.JobID
	for _, p := range h.repairs {
		for id, j := range p.jobs {
			if j.Began != 0 && j.Step != "" && len(j.To) == 0 {
				ids = append(ids, id)
			}
		}
	}
	to := make(map[luxi.JobID]string)
	for len(ids) > 0 {
		n := len(ids)
		if n > historyChunk {
			n = historyChunk
		}
		logs, err := c.JobLog(ctx, ids[:n]...)
		if err != nil {
			return fmt.Errorf("reading the logs of jobs: %w", err)
		}
		for _, l := range logs {
			for _, op := range l.Ops {
				if node := targetIn(op); node != "" {
					to[l.ID] = node
				}
			}
		}
		ids = ids[n:]
	}
	for _, p := range h.repairs {
		for id, j := range p.jobs {
			if node := to[id]; node != "" {
				j.To = []string{node}
				p.jobs[id] = j
			}
		}
	}
	return nil
}

// targetIn returns the node that the log of an opcode says it brought the instance to;
// empty if it does not (_ExecFailover and _RunAllocator in
// lib/cmdlib/instance_migration.py).
func targetIn(l luxi.OpLog) string {
	if node := l.TargetNode(); node != "" {
		return node
	}
	for _, line := range l.Lines {
		text := line.Text
		if at := strings.Index(text, " on the target node "); at >= 0 {
			return strings.TrimSpace(text[at+len(" on the target node "):])
		}
		if strings.Contains(text, "Selected nodes for instance ") {
			return strings.TrimSpace(text[strings.LastIndex(text, ": ")+2:])
		}
	}
	return ""
}
