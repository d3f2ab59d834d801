package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// DelayOps returns the opcodes of a job that holds others: the hold job of a pass, which
// runs for as long as jobs may be held, or the gate of one repair job, which never does
// anything.
func DelayOps(m Mark, seconds float64, depends []luxi.Depend, now time.Time) []luxi.OpCode {
	return []luxi.OpCode{&luxi.TestDelay{
		Common:   luxi.Common{Reason: Trail(m, Limit{}, now), Depends: depends, Priority: luxi.PriorityHigh},
		Duration: seconds,
		// With on_master the job would hold the master's node lock
		// (lib/cmdlib/test.py).
		OnMaster:      false,
		Interruptible: m.Kind == MarkHold,
	}}
}

// filtered returns why a job filter would keep the jobs of an action from running, ""
// if none would. Where it rejects what holds our jobs it would even release them (C7).
func filtered(s *Snapshot, a Action) string {
	if len(s.Rules) == 0 {
		return ""
	}
	mark := Mark{ID: a.Pending.ID, Step: a.Job.Step}
	hold, gate := Mark{Kind: MarkHold}, mark
	gate.Kind = MarkGate
	for _, ops := range [][]luxi.OpCode{DelayOps(hold, 1, nil, s.Time), DelayOps(gate, GateSeconds, nil, s.Time), a.Job.OpCodes} {
		subject, err := luxi.SubjectOfOps(ops, s.NewestJob)
		if err != nil {
			return err.Error()
		}
		if rule, stops := luxi.StoppingRule(s.Rules, subject); stops {
			return fmt.Sprintf("filter rule %s (%s) would stop job %s", rule.UUID, rule.Action, ops[0].OpID())
		}
	}
	return ""
}

// GateSeconds is the duration of a gate job that was not canceled.
const GateSeconds = 0.01
