package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// MarkOps returns the opcodes of the job that marks a node offline. A master candidate is only
// let go where another node takes its place (LUNodeSetParams in lib/cmdlib/node.py).
func MarkOps(node *Node, candidate bool, now time.Time) []luxi.OpCode {
	yes := true
	return []luxi.OpCode{&luxi.NodeSetParams{
		Common:   luxi.Common{Reason: Trail(MarkOfOffline(node.Name), Limit{}, now)},
		NodeName: node.Name, NodeUUID: node.UUID, Offline: &yes, AutoPromote: candidate,
	}}
}

// MarkOfOffline is the mark of that job.
func MarkOfOffline(node string) Mark { return Mark{Kind: MarkOffline, ID: node} }

// LockedFor returns a job that has a lock which the marking of the node waits for: that of
// the node itself, or, for a master candidate, of any node, as those of all are taken then.
func LockedFor(locks []luxi.Lock, node *Node, candidate bool) (luxi.JobID, bool) {
	for _, l := range locks {
		if l.Level != "node" && l.Level != "node-res" || len(l.Holders) == 0 {
			continue
		}
		if candidate || l.Object == node.UUID || l.Object == luxi.LockAll {
			return l.Holders[0], true
		}
	}
	return 0, false
}

// MarkFiltered returns why a job filter would keep the job that marks a node, or what holds
// it, from running, "" if none would (C7).
func MarkFiltered(rules []luxi.FilterRule, newest luxi.JobID, node string, ops []luxi.OpCode, now time.Time) string {
	if len(rules) == 0 {
		return ""
	}
	gate := MarkOfOffline(node)
	gate.Kind = MarkGate
	for _, job := range [][]luxi.OpCode{DelayOps(Mark{Kind: MarkHold}, 1, nil, now), DelayOps(gate, GateSeconds, nil, now), ops} {
		if why := JobFiltered(rules, newest, job); why != "" {
			return why
		}
	}
	return ""
}

// JobFiltered returns why a job filter would keep a job from running, "" if none would.
func JobFiltered(rules []luxi.FilterRule, newest luxi.JobID, job []luxi.OpCode) string {
	subject, err := luxi.SubjectOfOps(job, newest)
	if err != nil {
		return err.Error()
	}
	if rule, stops := luxi.StoppingRule(rules, subject); stops {
		return fmt.Sprintf("filter rule %s (%s) would stop job %s", rule.UUID, rule.Action, job[0].OpID())
	}
	return ""
}
