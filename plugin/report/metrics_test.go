package report_test

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// O7: the metrics count what tags and decisions say.
func TestWriteMetrics(t *testing.T) {
	s := repairtest.Snapshot("m off:offline a",
		repairtest.Instance("a", "rbd", "off", "pending:failover:x:500: result:failover:w:1:success:"),
		repairtest.Instance("b", "rbd", "off", "pending:migrate:y:300: result:failover:v:1:enoperm:"),
		repairtest.Instance("c", "rbd", "off", "pending:failover:z:400: frob"),
		repairtest.Instance("d", "rbd", "off", "result:failover:u:1:failure:"),
		repairtest.Instance("e", "rbd", "a", ""),
	)
	p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "k" })
	var b strings.Builder
	if err := report.WriteMetrics(&b, p, report.PassFacts{Began: repairtest.Present, Took: 1500 * time.Millisecond, Success: true, Released: 3, Version: "a\"b"}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`build_info{version="a\"b"} 1`,
		`last_pass_duration_seconds 1.5`,
		`last_pass_success 1`,
		`last_pass_jobs_submitted 3`,
		`last_complete_pass_timestamp_seconds 0`,
		`instances{state="failed"} 1`,
		`instances{state="healthy"} 1`,
		`instances_by_reason{reason="failed"} 1`,
		`pending_repairs{type="failover"} 2`,
		`pending_repairs{type="migrate"} 1`,
		`pending_repairs{type="reinstall"} 0`,
		`oldest_pending_timestamp_seconds 300`,
		`result_tags{result="success"} 1`,
		`result_tags{result="enoperm"} 1`,
		`result_tags{result="failure"} 1`,
		`unreadable_tags 1`,
	} {
		if !strings.Contains(b.String(), "\nganeti_autorepair_"+line+"\n") {
			t.Errorf("no %s in\n%s", line, b.String())
		}
	}
}
