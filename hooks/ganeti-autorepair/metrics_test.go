package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
)

const promFile = "/var/lib/prometheus/node-exporter/autorepair.prom"

func newMeasured(t *testing.T, cluster string) (*bed, func() string) {
	b := newBed(t, cluster)
	b.write("/etc/ganeti/autorepair.toml", "metrics_file = \""+promFile+"\"\n")
	b.write(filepath.Dir(promFile)+"/other.prom", "")
	return b, func() string {
		data, err := os.ReadFile(filepath.Join(b.root, promFile))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(data)
	}
}

// O7: the metrics of a bad day. "make check" has promtool look at the file.
func TestMetrics(t *testing.T) {
	b, metrics := newMeasured(t, exampleClusters["bad-day"])
	b.write("/etc/ganeti/autorepair.toml", "metrics_file = \""+promFile+"\"\nrehearsal_metrics = true\n")
	if code, _, stderr := b.run("run", "--from-watcher"); code != 0 {
		t.Fatal(stderr)
	}
	b.m.Advance(20 * time.Second)
	b.run("run")
	golden(t, "metrics.prom", strings.Replace(metrics(), `version="`+version+`"`, `version="VERSION"`, 1))
	// Nothing is left beside it for the collector to read.
	entries, err := os.ReadDir(filepath.Join(b.root, filepath.Dir(promFile)))
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := os.Stat(filepath.Join(b.root, promFile)); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
}

// A pass that fails says so, and when the last one was that did not; a node that
// is no longer the master removes what it wrote.
func TestMetricsOfFailedPasses(t *testing.T) {
	b, metrics := newMeasured(t, badNode)
	b.write("/var/lib/ganeti/ssconf_cluster_name", "cluster\n")
	has := func(what string, parts ...string) {
		t.Helper()
		text := metrics()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %q in\n%s", what, part, text)
			}
		}
	}
	b.want(0, 0, "", "run", "--from-watcher")
	has("a pass", "ganeti_autorepair_last_pass_success{cluster=\"cluster\"} 1\n", "ganeti_autorepair_last_pass_jobs_submitted{cluster=\"cluster\"} 1\n", `ganeti_autorepair_instances{cluster="cluster",state="pending"} 1`)
	b.m.Advance(time.Hour)
	b.m.StopLuxid()
	b.want(1, 1, "ganeti-query", "run", "--from-watcher")
	has("luxid down", "ganeti_autorepair_last_pass_success{cluster=\"cluster\"} 0\n", "ganeti_autorepair_last_complete_pass_timestamp_seconds{cluster=\"cluster\"} 1700000000\n", "ganeti_autorepair_last_pass_timestamp_seconds{cluster=\"cluster\"} 1700003")
	if strings.Contains(metrics(), "ganeti_autorepair_instances") {
		t.Errorf("tells of instances that it could not read:\n%s", metrics())
	}
	if err := b.m.StartLuxid(); err != nil {
		t.Fatal(err)
	}
	// A failed repair is no success, although the pass was complete.
	b.fails("web2")
	b.want(1, 1, "web2: repair web2 failed", "run", "--from-watcher")
	has("a failure", "ganeti_autorepair_last_pass_success{cluster=\"cluster\"} 0\n", `ganeti_autorepair_instances{cluster="cluster",state="failed"} 1`)
	before := metrics()
	b.want(0, 0, "", "run", "--from-watcher")
	if metrics() != before {
		t.Error("written although no pass was due")
	}
	b.host = "node3"
	b.want(0, 0, "", "run", "--from-watcher")
	if metrics() != "" {
		t.Error("metrics are left on a node that is not the master")
	}
	// Also where luxid alone knows it.
	b.host = "node1"
	b.m.Advance(time.Hour)
	b.run("run", "--from-watcher")
	if metrics() == "" {
		t.Fatal("no metrics")
	}
	if err := b.m.MasterFailover("node3"); err != nil {
		t.Fatal(err)
	}
	b.m.Advance(time.Hour)
	b.want(0, 0, "", "run", "--from-watcher")
	if metrics() != "" {
		t.Error("metrics are left after a failover of the master")
	}
}

// A place that cannot be written is no reason not to repair.
func TestMetricsCannotBeWritten(t *testing.T) {
	b := newBed(t, badNode)
	b.write("/etc/ganeti/autorepair.toml", "metrics_file = \"/no/such/place.prom\"\n")
	b.want(0, 1, "warning: no metrics: ", "run", "--from-watcher")
	if len(b.m.Jobs()) == 0 {
		t.Error("nothing was done")
	}
}

// Every reason for which a person must do something has an alert.
func TestEveryPersonIsAlerted(t *testing.T) {
	rules, err := os.ReadFile("../../examples/autorepair.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range repair.ReasonTable() {
		if !info.Person || info.Valve != "" || info.Reason == repair.ReasonFailed || info.Reason == repair.ReasonUnreadableTag {
			continue // these have alerts of their own
		}
		if !regexp.MustCompile(`[|"]` + string(info.Reason) + `[|"]`).Match(rules) {
			t.Errorf("no alert for %s", info.Reason)
		}
	}
}

// The alert rules and the dashboard ask for metrics and labels that there are.
func TestExamplesUseMetrics(t *testing.T) {
	data, err := os.ReadFile("testdata/metrics.prom")
	if err != nil {
		t.Fatal(err)
	}
	known := string(data)
	series := regexp.MustCompile(`ganeti_autorepair_[a-z_]+`)
	label := regexp.MustCompile(`(?:state|reason|valve|type|result|outcome)=~?\\?"([a-z_|-]+)\\?"`)
	for _, name := range []string{"autorepair.rules.yml", "autorepair.rules.test.yml", "grafana-dashboard.json"} {
		text, err := os.ReadFile(filepath.Join("../../examples", name))
		if err != nil {
			t.Fatal(err)
		}
		used := series.FindAllString(string(text), -1)
		if len(used) < 5 {
			t.Errorf("%s uses %d metrics", name, len(used))
		}
		for _, s := range used {
			if !strings.Contains(known, "# TYPE "+s+" ") {
				t.Errorf("%s: there is no %s", name, s)
			}
		}
		for _, m := range label.FindAllStringSubmatch(string(text), -1) {
			for _, value := range strings.Split(m[1], "|") {
				if !strings.Contains(known, `="`+value+`"`) {
					t.Errorf("%s: there is no label %s", name, value)
				}
			}
		}
	}
}
