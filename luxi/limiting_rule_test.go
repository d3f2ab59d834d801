package luxi_test

import (
	"encoding/json"
	"testing"

	"ganeti-autorepair/luxi"
)

// The first rule that applies decides whether a rate limit does (P16).
func TestLimitingRule(t *testing.T) {
	failovers := json.RawMessage(`[["opcode",["=","OP_ID","OP_INSTANCE_FAILOVER"]]]`)
	limit := luxi.FilterRule{UUID: "limit", Action: luxi.FilterRateLimit, Limit: 1, Predicates: failovers}
	accept := luxi.FilterRule{UUID: "accept", Action: luxi.FilterAccept, Predicates: failovers}
	next := luxi.FilterRule{UUID: "next", Action: luxi.FilterContinue, Predicates: failovers}
	failover := luxi.SubjectOfJob(luxi.JobInfo{ID: 1, Ops: []luxi.JobOp{{ID: luxi.OpInstanceFailover, Params: map[string]json.RawMessage{"OP_ID": json.RawMessage(`"OP_INSTANCE_FAILOVER"`)}}}})
	migration := luxi.SubjectOfJob(luxi.JobInfo{ID: 1, Ops: []luxi.JobOp{{ID: luxi.OpInstanceMigrate, Params: map[string]json.RawMessage{"OP_ID": json.RawMessage(`"OP_INSTANCE_MIGRATE"`)}}}})
	for _, c := range []struct {
		rules []luxi.FilterRule
		job   luxi.FilterSubject
		want  string
	}{
		{nil, failover, ""},
		{[]luxi.FilterRule{limit}, failover, "limit"},
		{[]luxi.FilterRule{limit}, migration, ""},
		{[]luxi.FilterRule{accept, limit}, failover, ""},
		{[]luxi.FilterRule{next, limit}, failover, "limit"},
	} {
		rule, limited := luxi.LimitingRule(c.rules, c.job)
		if got := rule.UUID; limited != (c.want != "") || limited && got != c.want {
			t.Errorf("%v: rule %s, limited %v, want %q", c.rules, got, limited, c.want)
		}
	}
}
