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
	if err := report.WriteMetrics(&b, p, report.PassFacts{Began: repairtest.Present, Took: 1500 * time.Millisecond, Success: true, Released: 3, Version: "a\"b", Cluster: "c.example.com"}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`build_info{cluster="c.example.com",version="a\"b"} 1`,
		`last_pass_duration_seconds{cluster="c.example.com"} 1.5`,
		`last_pass_success{cluster="c.example.com"} 1`,
		`last_pass_jobs_submitted{cluster="c.example.com"} 3`,
		`last_complete_pass_timestamp_seconds{cluster="c.example.com"} 0`,
		`instances{cluster="c.example.com",state="failed"} 1`,
		`instances{cluster="c.example.com",state="healthy"} 1`,
		`instances_by_reason{cluster="c.example.com",reason="failed"} 1`,
		`pending_repairs{cluster="c.example.com",type="failover"} 2`,
		`pending_repairs{cluster="c.example.com",type="migrate"} 1`,
		`pending_repairs{cluster="c.example.com",type="reinstall"} 0`,
		`oldest_pending_timestamp_seconds{cluster="c.example.com"} 300`,
		`result_tags{cluster="c.example.com",result="success"} 1`,
		`result_tags{cluster="c.example.com",result="enoperm"} 1`,
		`result_tags{cluster="c.example.com",result="failure"} 1`,
		`unreadable_tags{cluster="c.example.com"} 1`,
	} {
		if !strings.Contains(b.String(), "\nganeti_autorepair_"+line+"\n") {
			t.Errorf("no %s in\n%s", line, b.String())
		}
	}
}
