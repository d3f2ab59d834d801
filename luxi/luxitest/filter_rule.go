package luxitest

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// The actions of filter rules (hs:Objects.hs FilterAction).
const (
	FilterAccept    = "ACCEPT"
	FilterContinue  = "CONTINUE"
	FilterPause     = "PAUSE"
	FilterReject    = "REJECT"
	FilterRateLimit = "RATE_LIMIT"
)

// FilterRule is a rule of the scheduler for jobs (gnt-filter, doc/design-optables.rst). The first rule of all whose
// predicates match a job, and whose action is not FilterContinue, decides about it.
type FilterRule struct {
	UUID     string // made up if empty
	Priority int    // rules of lower numbers come first, then older ones
	// Predicates are JSON, such as `["opcode",["=","OP_ID","OP_TEST_DELAY"]]`; without any the rule matches every job.
	Predicates []string
	Action     string
	Limit      int // of FilterRateLimit: so many jobs run at a time
	Reason     []Reason
	Watermark  int64 // the id of the last job when the rule was written
}

// filterRule is a rule that was understood.
type filterRule struct {
	FilterRule
	predicates []predicate
}

// predicate is one condition of a rule (hs:Objects.hs FilterPredicate).
type predicate struct {
	kind string // "jobid", "opcode" or "reason"
	expr *filter
}

// action is the rule's action as JSON has it.
func (r *filterRule) action() any {
	if r.Action == FilterRateLimit {
		return []any{r.Action, r.Limit}
	}
	return r.Action
}

// ReplaceFilter writes a filter rule, a new one if it has no UUID or one that is not known, and returns its UUID. It
// panics if the rule is none.
func (m *Master) ReplaceFilter(r FilterRule) string {
	m.lock()
	defer m.unlock()
	rule := &filterRule{FilterRule: r}
	switch r.Action {
	case FilterAccept, FilterContinue, FilterPause, FilterReject:
	case FilterRateLimit:
		if r.Limit < 1 {
			panic("luxitest: ReplaceFilter: a rate limit is a positive number")
		}
	default:
		panic("luxitest: ReplaceFilter: unknown action " + r.Action)
	}
	for _, p := range r.Predicates {
		parsed, err := parsePredicate(json.RawMessage(p))
		if err != nil {
			panic("luxitest: ReplaceFilter: " + err.Error())
		}
		rule.predicates = append(rule.predicates, parsed)
	}
	return m.replaceFilter(rule)
}

// DeleteFilter removes a filter rule. It reports whether there was one.
func (m *Master) DeleteFilter(uuid string) bool {
	m.lock()
	defer m.unlock()
	return m.deleteFilter(uuid)
}

func (m *Master) replaceFilter(r *filterRule) string {
	if r.UUID == "" {
		m.filterCount++
		r.UUID = madeUpUUID("filter", m.filterCount)
	}
	m.remove(r.UUID)
	r.Watermark = m.serial
	r.Reason = append(append([]Reason{}, r.Reason...), Reason{"luxid", "", m.now.UnixNano() / 1000 * 1000})
	m.filters = append(m.filters, r)
	m.note(LogQueue, "filter %s: %s", r.UUID, strings.Trim(shown(r.action()), `"`))
	m.schedule() // hs:JQScheduler.hs configChangeNeedsRescheduling
	m.wake()
	return r.UUID
}

func (m *Master) deleteFilter(uuid string) bool {
	if !m.remove(uuid) {
		return false
	}
	m.note(LogQueue, "filter %s deleted", uuid)
	m.schedule()
	m.wake()
	return true
}

func (m *Master) remove(uuid string) bool {
	for k, r := range m.filters {
		if r.UUID == uuid {
			m.filters = append(m.filters[:k:k], m.filters[k+1:]...)
			return true
		}
	}
	return false
}

// parsePredicate reads one condition. Their names are case-sensitive.
func parsePredicate(raw json.RawMessage) (predicate, error) {
	var parts []json.RawMessage
	if err := strictly(raw, &parts); err != nil || len(parts) == 0 {
		return predicate{}, unparsable("malformed FilterPredicate: must be a list with the first entry being a string describing the predicate type")
	}
	kind, err := text(parts[0])
	if err != nil || len(parts) != 2 || !contains([]string{"jobid", "opcode", "reason"}, kind.(string)) {
		return predicate{}, unparsable("malformed FilterPredicate: bad parameter list for '%v' predicate", kind)
	}
	expr, err := parseFilter(parts[1])
	return predicate{kind.(string), expr}, err
}

// applies returns the rule that decides about the job, nil if none does (hs:JQScheduler/Filtering.hs applyingFilter).
func (m *Master) applies(j *job) *filterRule {
	rules := append([]*filterRule(nil), m.filters...)
	sort.SliceStable(rules, func(a, b int) bool {
		x, y := rules[a], rules[b]
		if x.Priority != y.Priority {
			return x.Priority < y.Priority
		}
		if x.Watermark != y.Watermark {
			return x.Watermark < y.Watermark
		}
		return x.UUID < y.UUID
	})
	for _, r := range rules {
		if r.Action != FilterContinue && r.matches(j) {
			return r
		}
	}
	return nil
}

func (r *filterRule) matches(j *job) bool {
	for _, p := range r.predicates {
		if !p.matches(j, r.Watermark) {
			return false
		}
	}
	return true
}

// matches implements matchPredicate. What cannot be compared makes the predicate false, whatever stands around it.
func (p predicate) matches(j *job, watermark int64) bool {
	switch p.kind {
	case "jobid":
		return p.compares(func(field string, f *filter) (any, *filter) {
			if field != "id" {
				return nil, f
			}
			if f.num == nil && f.text == "watermark" {
				g, _ := parseLeaf(f.op, json.RawMessage(`"id"`), json.RawMessage(itoa(watermark)))
				f = g
			}
			return j.id, f
		})
	case "reason":
		for _, op := range j.ops {
			for _, r := range op.reason {
				if p.compares(func(field string, f *filter) (any, *filter) {
					return map[string]any{"source": r.Source, "reason": r.Text, "timestamp": r.Time}[field], f
				}) {
					return true
				}
			}
		}
		return false
	}
	for _, op := range j.ops {
		if p.matchesOpcode(op.plain()) {
			return true
		}
	}
	return false
}

// compares evaluates an expression that knows comparisons only (evaluateFilterComparator).
func (p predicate) compares(get func(string, *filter) (any, *filter)) bool {
	ok, err := p.expr.evaluate(func(f *filter) (bool, error) {
		if !contains([]string{"=", "<", "<=", ">", ">="}, f.op) {
			return false, fmt.Errorf("not a comparison")
		}
		value, g := get(f.field, f)
		if s, isText := value.(string); isText && g.num == nil {
			return ordered(g.op, strings.Compare(s, g.text)), nil
		}
		r, isNumber := rational(value)
		if !isNumber || g.num == nil {
			return false, fmt.Errorf("no comparison")
		}
		return ordered(g.op, r.Cmp(ratOf(g.num))), nil
	})
	return ok && err == nil
}

// plain is the opcode without what all opcodes have, as JSON.
func (op *opcode) plain() map[string]any {
	in := map[string]any{"OP_ID": op.id}
	for k, v := range op.params {
		if v != nil && k != "dry_run" && k != "comment" && k != "debug_level" {
			in[k] = v
		}
	}
	raw, err := marshal(in)
	if err != nil {
		return in
	}
	var plain map[string]any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if d.Decode(&plain) != nil {
		return in
	}
	return plain
}

// matchesOpcode evaluates the expression on an opcode (evaluateFilterJSON). A field that it does not have makes it
// false.
func (p predicate) matchesOpcode(op map[string]any) bool {
	for _, field := range p.expr.fields() {
		if _, ok := accessDotted(op, field); !ok {
			return false
		}
	}
	ok, err := p.expr.evaluate(func(f *filter) (bool, error) {
		value, _ := accessDotted(op, f.field)
		switch f.op {
		case "=", "<", "<=", ">", ">=":
			return ordered(f.op, compareJSON(value, f)), nil
		}
		return f.compare(value, false)
	})
	return ok && err == nil
}

// accessDotted finds "a.b.c" in nested objects.
func accessDotted(object map[string]any, field string) (any, bool) {
	var value any = object
	for _, key := range strings.Split(field, ".") {
		o, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = o[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

// compareJSON compares a value with that of a filter as Haskell compares JSValues: kinds have an order.
func compareJSON(value any, f *filter) int {
	rank := func(v any) int {
		switch v.(type) {
		case nil:
			return 0
		case bool:
			return 1
		case json.Number:
			return 2
		case string:
			return 3
		case []any:
			return 4
		}
		return 5
	}
	want := 3
	if f.num != nil {
		want = 2
	}
	if have := rank(value); have != want {
		return have - want
	}
	if s, ok := value.(string); ok {
		return strings.Compare(s, f.text)
	}
	r, ok := ratOfNumber(value.(json.Number))
	if !ok {
		return 1
	}
	return r.Cmp(ratOf(f.num))
}
