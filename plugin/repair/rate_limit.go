package repair

import (
	"fmt"

	"ganeti-autorepair/luxi"
)

// rateLimits counts the jobs that luxid runs under rules with a rate limit (gnt-filter).
// What must not wait is not submitted where none of a rule's slots is free (P16): it would be
// taken back, and submitted again by each pass.
type rateLimits struct {
	s     *Snapshot
	taken map[string]int // slots of a rule, by its UUID: of jobs that run, and of the plan
}

func newRateLimits(s *Snapshot) *rateLimits {
	l := &rateLimits{s: s, taken: make(map[string]int)}
	if len(s.Rules) == 0 {
		return l
	}
	for _, job := range s.Unfinished {
		if job.Status == luxi.JobQueued {
			continue
		}
		if rule, limited := luxi.LimitingRule(s.Rules, luxi.SubjectOfJob(job)); limited {
			l.taken[rule.UUID]++
		}
	}
	return l
}

// rule returns the rule that limits how many jobs like that run, and whether there is one.
func (l *rateLimits) rule(ops []luxi.OpCode) (luxi.FilterRule, bool) {
	if len(l.s.Rules) == 0 {
		return luxi.FilterRule{}, false
	}
	subject, err := luxi.SubjectOfOps(ops, l.s.NewestJob)
	if err != nil {
		return luxi.FilterRule{}, false // filtered tells
	}
	return luxi.LimitingRule(l.s.Rules, subject)
}

// blocks says why the job of the action, which must not wait, would wait, or "".
func (l *rateLimits) blocks(a Action) string {
	if !MustNotWait(a.Decision) {
		return ""
	}
	rule, limited := l.rule(a.Job.OpCodes)
	if !limited {
		return ""
	}
	taken := l.taken[rule.UUID]
	if other, same := l.rule(DelayOps(Mark{Kind: MarkHold}, 1, nil, l.s.Time)); same && other.UUID == rule.UUID {
		taken++ // the hold job runs all the while
	}
	if taken < rule.Limit {
		return ""
	}
	return fmt.Sprintf("filter rule %s (RATE_LIMIT %d) has no slot free for it", rule.UUID, rule.Limit)
}

// add takes a step of the plan into account.
func (l *rateLimits) add(a Action) {
	if rule, limited := l.rule(a.Job.OpCodes); limited {
		l.taken[rule.UUID]++
	}
}
