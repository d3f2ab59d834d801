//go:build cluster

package integration_test

import (
	"encoding/json"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// C7: where a rule for jobs rejects or pauses the delays that hold our jobs, or the repair
// itself, nothing is submitted, and status says why. Without the rule the repair is done,
// its tag written before its job begins.
func TestFilteredJobs(t *testing.T) {
	w := newRepairWorld(t, "cluster failover", "node2 dead", "web sharedfile node2")
	for _, row := range []struct{ predicate, action string }{
		{`["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]]`, "REJECT"},
		{`["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]]`, "PAUSE"},
		{`["opcode", ["=", "OP_ID", "OP_INSTANCE_FAILOVER"]]`, "REJECT"},
	} {
		r := w.run(w.Master(), "gnt-filter", "add", "--predicates=["+row.predicate+"]", "--action="+row.action)
		if r.code != 0 {
			t.Fatalf("gnt-filter add: %+v", r)
		}
		start := w.since()
		w.pass()
		w.pass()
		if got := w.since(); got != start {
			t.Errorf("%+v: jobs up to %d were submitted", row, got)
		}
		w.untouched("web", "node2")
		w.wantReason("web", "needs-repair", "filtered")
		rules, err := w.Query(w.ctx, "filter", []string{"uuid"}, nil)
		w.must(err)
		for _, rule := range rules {
			var uuid string
			w.must(json.Unmarshal(rule[0], &uuid))
			if r := w.run(w.Master(), "gnt-filter", "delete", uuid); r.code != 0 {
				t.Fatalf("gnt-filter delete: %+v", r)
			}
		}
	}
	start := w.since()
	w.settle(3)
	var id luxi.JobID
	if r := w.wantResult("web", tagstore.Failover, tagstore.Success, 1); len(r.Jobs) == 1 {
		id = r.Jobs[0]
	}
	w.namedBeforeStart(start, "web", id)
}
