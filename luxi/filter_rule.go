package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
)

// FilterAction is what a filter rule does with the jobs that it matches.
type FilterAction string

// The actions of filter rules (FilterAction in src/Ganeti/Objects.hs).
const (
	FilterAccept    FilterAction = "ACCEPT"     // FilterAccept: no further rule counts
	FilterContinue  FilterAction = "CONTINUE"   // FilterContinue: the rule changes nothing
	FilterPause     FilterAction = "PAUSE"      // FilterPause: the job stays queued
	FilterReject    FilterAction = "REJECT"     // FilterReject: the job is canceled
	FilterRateLimit FilterAction = "RATE_LIMIT" // FilterRateLimit: so many run at a time
)

// FilterRule is a rule of the job scheduler (gnt-filter, doc/design-optables.rst). It
// applies to queued jobs, whenever they were submitted. Its JSON is fit for being
// kept.
type FilterRule struct {
	UUID     string `json:"uuid"`
	Priority int    `json:"priority"` // Priority decides which rule counts first: that of the lowest number.
	// Watermark is the number that the newest job had when the rule was made.
	Watermark JobID `json:"watermark"`
	// Predicates are the conditions, all of which a job must meet, as Ganeti writes
	// them.
	Predicates json.RawMessage `json:"predicates"`
	Action     FilterAction    `json:"action"`
	Limit      int             `json:"limit,omitempty"` // Limit is that of FilterRateLimit.
	Reason     []ReasonEntry   `json:"reason_trail"`    // Reason is who made the rule, and why.
}

// QueryFilterRules returns the filter rules in the order in which the scheduler
// looks at them (filterRuleOrder in src/Ganeti/Objects.hs).
func (c *Client) QueryFilterRules(ctx context.Context) ([]FilterRule, error) {
	fields := []string{"uuid", "priority", "watermark", "predicates", "action", "reason_trail"}
	var rules []FilterRule
	err := c.query(ctx, ResFilter, fields, nil, func(t *Table) error {
		rules = make([]FilterRule, len(t.Rows))
		for row := range t.Rows {
			r := &rules[row]
			var action, trail json.RawMessage
			err := t.Scan(row, &r.UUID, &r.Priority, &r.Watermark, &r.Predicates, &action, &trail)
			if err == nil {
				err = r.setAction(action)
			}
			if err != nil {
				return &ProtocolError{Method: "Query", Problem: err.Error()}
			}
			r.Reason = parseTrail(trail)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(rules, func(a, b int) bool {
		x, y := rules[a], rules[b]
		switch {
		case x.Priority != y.Priority:
			return x.Priority < y.Priority
		case x.Watermark != y.Watermark:
			return x.Watermark < y.Watermark
		}
		return x.UUID < y.UUID
	})
	return rules, nil
}

// setAction decodes the name of an action, or ["RATE_LIMIT", number].
func (r *FilterRule) setAction(raw json.RawMessage) error {
	if decode(raw, &r.Action) == nil {
		return nil
	}
	if err := scanList(raw, &r.Action, &r.Limit); err != nil {
		return fmt.Errorf("action: %w", err)
	}
	return nil
}

// FilterSubject is a job as filter rules see it.
type FilterSubject struct {
	ops []filterOp
	// reasons are those of all opcodes.
	reasons []filterReason
	// The job's number is at least least, and at most most.
	least, most JobID
}

// filterOp is an opcode without the parameters that all opcodes have.
type filterOp struct {
	params map[string]json.RawMessage
	// complete is true if there are no other parameters. luxid adds defaults to an
	// opcode when it is submitted.
	complete bool
}

// filterReason is an entry of a reason trail.
type filterReason struct {
	source, text string
	// more is true if text is only the beginning of the entry's text.
	more bool
	// time is in nanoseconds, if it is known.
	time  int64
	timed bool
}

// maxJobID is more than any job's number.
const maxJobID = JobID(1<<63 - 1)

// commonParams are parameters that every opcode has and that filter rules do not see
// (metaOpCodeL in opCodesOf, src/Ganeti/JQScheduler/Filtering.hs).
var commonParams = []string{"debug_level", "dry_run", "priority", "depends", "comment", "reason"}

// SubjectOfJob returns a job of the queue as filter rules see it.
func SubjectOfJob(job JobInfo) FilterSubject {
	s := FilterSubject{least: job.ID, most: job.ID}
	for _, op := range job.Ops {
		if op.ID == "" {
			continue // luxid does not know the opcode, and so no rule does
		}
		params := make(map[string]json.RawMessage, len(op.Params)+1)
		for name, v := range op.Params {
			params[name] = v
		}
		params["OP_ID"], _ = json.Marshal(op.ID)
		s.addOp(params, true)
		for _, r := range op.Reason {
			s.reasons = append(s.reasons, filterReason{source: r.Source, text: r.Text, time: r.Time.UnixNano(), timed: true})
		}
	}
	return s
}

// SubjectOfOps returns a job that is about to be submitted as filter rules will see
// it. after is the number of a job that was submitted before, 0 if none is known.
// The error is an *OpCodeError, for a job that cannot be submitted.
func SubjectOfOps(ops []OpCode, after JobID) (FilterSubject, error) {
	s := FilterSubject{least: after + 1, most: maxJobID}
	for i, op := range ops {
		encoded, oe := marshalOp(op, timeOfSubject)
		if oe != nil {
			oe.Op = i
			return FilterSubject{}, oe
		}
		params, err := object(encoded)
		if err != nil {
			return FilterSubject{}, err
		}
		for name, v := range params {
			if string(v) == "null" {
				delete(params, name) // whether luxid keeps it is not known
			}
		}
		s.addOp(params, false)
		for _, r := range op.Header().Reason {
			s.reasons = append(s.reasons, filterReason{source: r.Source, text: r.Text, time: r.Time.UnixNano(), timed: !r.Time.IsZero()})
		}
		// luxid's own entry (extendOpCodeReasonTrail in src/Ganeti/JQueue.hs).
		s.reasons = append(s.reasons, filterReason{source: opReasonSource(op.OpID()), text: "job=", more: true})
	}
	return s, nil
}

func (s *FilterSubject) addOp(params map[string]json.RawMessage, complete bool) {
	for _, name := range commonParams {
		delete(params, name)
	}
	s.ops = append(s.ops, filterOp{params: params, complete: complete})
}

// Match is whether a rule matches a job.
type Match int

// The answers of FilterRule.Match.
const (
	MatchNo    Match = iota // MatchNo: it does not
	MatchMaybe              // MatchMaybe: it may, or may not
	MatchYes                // MatchYes: it does
)

// Match returns whether the rule matches the job. The answer is MatchMaybe where a
// predicate has a form that is not known here, uses a regular expression that
// Ganeti and Go may read differently, or depends on what luxid alone knows: the
// number of a job that is not submitted yet, or parameters that luxid adds to it.
func (r FilterRule) Match(job FilterSubject) Match {
	predicates, err := elements(nil, r.Predicates)
	if err != nil {
		return MatchMaybe
	}
	if job.most == maxJobID && job.least <= r.Watermark {
		job.least = r.Watermark + 1 // a job yet to come is newer than the rule
	}
	match := MatchYes
	for _, raw := range predicates {
		switch o := job.predicate(raw, r.Watermark); {
		case o&isTrue == 0:
			return MatchNo
		case o != isTrue:
			match = MatchMaybe
		}
	}
	return match
}

// StoppingRule returns the rule that keeps a job from running, for as long as it is
// queued: the first one that pauses or rejects it and is not overruled by one before
// it. A rule that may match counts as matching if it stops the job, and as not
// matching if it lets the job pass. A job under a rate limit is not stopped. The
// rules must be in the order of QueryFilterRules.
func StoppingRule(rules []FilterRule, job FilterSubject) (FilterRule, bool) {
	for _, r := range rules {
		match := r.Match(job)
		switch r.Action {
		case FilterContinue:
		case FilterAccept, FilterRateLimit:
			if match == MatchYes {
				return FilterRule{}, false
			}
		default:
			if match != MatchNo {
				return r, true
			}
		}
	}
	return FilterRule{}, false
}

// LimitingRule returns the rule that limits how many jobs like the given one run at a time,
// and whether there is one: the first that applies to it. One that may match does not
// count. The rules must be in the order of QueryFilterRules.
func LimitingRule(rules []FilterRule, job FilterSubject) (FilterRule, bool) {
	for _, r := range rules {
		if r.Action != FilterContinue && r.Match(job) == MatchYes {
			return r, r.Action == FilterRateLimit
		}
	}
	return FilterRule{}, false
}
