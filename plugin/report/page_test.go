package report_test

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// page is the page of a snapshot.
func page(t *testing.T, s *repair.Snapshot, repairs ...report.PageRepair) string {
	t.Helper()
	p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "k" })
	var b strings.Builder
	if err := (report.Page{Plan: p, Repairs: repairs, Version: "1", Zone: time.UTC}).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever things are called, they are text in the page, and the page needs nothing from
// elsewhere.
func TestPageEscapes(t *testing.T) {
	evil := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title><script>`, `javascript:alert(1)`, "{{.}}"}
	for _, name := range evil {
		s := repairtest.Snapshot("m off:offline", repairtest.Instance(name, "plain", "off", "pending:failover:x:5:"), repairtest.Instance("fine", "rbd", "m", ""))
		s.Cluster.Name = name
		s.Nodes["off"].Name = name
		s.Instances[0].Primary = name
		for _, g := range s.Groups {
			g.Name = name
		}
		got := page(t, s, report.PageRepair{Instance: name, ID: name, Type: name, Outcome: name, Began: repairtest.Present.Unix() - 60, Jobs: []report.PageJob{{ID: 1, Step: name, Status: name, Began: repairtest.Present.Unix() - 30}}})
		for _, bad := range []string{"<script", "<img", "onmouseover='", "</title><script"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s: the page has %s", name, bad)
			}
		}
		if strings.Count(got, "</title>") != 2 || strings.Count(got, "<li ") != strings.Count(got, "</li>") {
			t.Errorf("%s: the page is broken", name)
		}
	}
	for _, outside := range []string{"http:", "https:", "src=", "href=", "url(", "@import", "<script"} {
		if got := page(t, repairtest.Snapshot("m")); strings.Contains(got, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

// The page has the cluster, its groups, nodes and instances with their reasons, what waits
// for a person on top, and the repairs at their times.
func TestPage(t *testing.T) {
	s := repairtest.Snapshot("m off:offline d:drained@rack2",
		repairtest.Instance("lost", "rbd", "off", ""),
		repairtest.Instance("broken", "rbd", "off", "result:failover:u:1:failure:"),
		repairtest.Instance("kept", "plain", "d", ""),
		repairtest.Instance("well", "rbd", "m", ""))
	now := repairtest.Present.Unix()
	got := page(t, s,
		report.PageRepair{Instance: "old", ID: "a", Type: "failover", Outcome: "success", Began: now - 1000, Ended: now - 500, Jobs: []report.PageJob{{ID: 7, Step: "failover", Status: "success", Began: now - 800, Ended: now - 600}}},
		report.PageRepair{Instance: "lost", ID: "b", Type: "failover", Outcome: "pending", Began: now - 100, Jobs: []report.PageJob{{ID: 8, Status: "queued"}}},
		report.PageRepair{Instance: "gone", ID: "c", Outcome: "unknown"}) // nothing tells when
	for _, want := range []string{
		"<h1>cluster</h1>", "<strong>1</strong> failed", "<strong>1</strong> healthy",
		`<span class="name">failed</span> <span class="quiet">1</span>`, "<code>ganeti-autorepair ack broken</code>",
		"<h3>rack1 <small>nothing is permitted</small></h3>", `<div class="node offline">`, `<div class="node drained">`,
		`title="needs-repair, no-permission: `, `title="healthy">well<`,
		`<rect class="waiting" x="0" y="5" width="500" height="4">`, `<rect class="success" x="200" y="0" width="200" height="14"><title>job 7 failover: success, 3m</title>`,
		"</code>: pending, 1m <span class=\"quiet\">· job 8: queued</span>",
		`<rect class="waiting" x="900" y="5" width="100" height="4">`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Index(got, "What waits for a person") > strings.Index(got, "<h2>The cluster") || strings.Contains(got, "gone") {
		t.Error(got)
	}
}
