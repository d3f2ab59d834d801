package integration_test

import (
	"sort"
	"strings"
	"testing"
	"time"
)

// mostFailures is how many rows that fail are printed.
const mostFailures = 10

// TestEveryDecision goes through the table of situations and holds each decision
// against each demand of the design.
func TestEveryDecision(t *testing.T) {
	var all []predicate
	all = append(append(append(all, safety...), progress...), keeping...)
	begun := time.Now()
	rows, failures := 0, 0
	failing := make(map[string]int)
	everySituation(func(r *situation) {
		rows++
		m := demandOf(r)
		s, i := r.snapshot()
		d := r.decideOn(s, i)
		var wrong []string
		for _, p := range all {
			if why := p.check(m, d); why != "" {
				failing[p.name]++
				if failures < mostFailures {
					wrong = append(wrong, p.name+": "+why)
				}
			}
		}
		// Deciding twice about one snapshot must not differ: a decision depends on
		// nothing else, and changes nothing in it. A part of the rows shows that,
		// in a period that is none of any dimension's.
		if rows%13 == 0 && failures < mostFailures {
			if again := show(r.decideOn(s, i)); again != show(d) {
				failing["deterministic"]++
				wrong = append(wrong, "deterministic: the second time "+again)
			}
		}
		if len(wrong) > 0 {
			failures++
			t.Errorf("%s\n   decision: %s\n   %s", r, show(d), strings.Join(wrong, "\n   "))
		}
	})
	var names []string
	for name := range failing {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t.Errorf("%s fails for %d of %d situations", name, failing[name], rows)
	}
	t.Logf("%d situations, %d demands, %v", rows, len(all), time.Since(begun).Round(time.Millisecond))
	if rows < 100000 {
		t.Errorf("the table has %d rows only", rows)
	}
}

// A suspension that has passed counts as absent from that moment (T4): with it
// or without it, the decision is the same. The tag itself is removed by the pass.
func TestExpiredSuspensionCountsAsAbsent(t *testing.T) {
	over := func(words []string) []string {
		var rest []string
		for _, w := range words {
			if w != "expired" && w != "just over" && w != "long over" {
				rest = append(rest, w)
			}
		}
		return rest
	}
	n, failures := 0, 0
	everySituation(func(r *situation) {
		without := *r
		same := true
		for k := range r.hush {
			without.hush[k] = over(r.hush[k])
			same = same && len(without.hush[k]) == len(r.hush[k])
		}
		if same || failures >= mostFailures {
			return
		}
		n++
		if with, gone := show(r.decide()), show(without.decide()); with != gone {
			failures++
			t.Errorf("%s\n   decision: %s\n   without:  %s", r, with, gone)
		}
	})
	if n < 1000 {
		t.Errorf("%d situations only", n)
	}
}
