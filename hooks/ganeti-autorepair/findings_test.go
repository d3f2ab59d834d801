package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
)

// found runs "status --json" and returns its findings by key.
func (b *bed) found() map[string]repair.Finding {
	b.t.Helper()
	_, stdout, stderr := b.run("status", "--json")
	validate(b.t, "status.json", stdout)
	var s statusJSON
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || s.Findings == nil {
		b.t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	list := make(map[string]repair.Finding)
	for _, f := range *s.Findings {
		list[f.Key()] = f
	}
	return list
}

// A1, A2: findings come from the configuration, the watcher's file, and the newest job that
// verified each group, archived or not; they are told by status, check -v and the metrics,
// and nothing is done about them: no job is submitted.
func TestFindings(t *testing.T) {
	b, metrics := newMeasured(t, strings.Replace(calm, "cluster c ", "cluster c candidate-pool=3 ", 1))
	b.write("/etc/ganeti/hooks/watcher/ganeti-autorepair", "#!/bin/sh\n")
	os.Chmod(newPaths(b.getenv).hook(), 0o755)
	b.nextPass()
	b.nextPass() // a cluster that is new is not yet missed to be verified
	if len(b.found()) != 0 {
		t.Errorf("of what is well: %v", b.found())
	}
	if text := metrics(); strings.Count(text, "ganeti_autorepair_findings{") != len(repair.FindingWords) || strings.Contains(text, "ganeti_autorepair_findings{cluster=\"c\",finding=\"not-n1\"} 1") {
		t.Errorf("metrics:\n%s", text)
	}
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Complaints = []string{
			"ERROR: node node3: not enough memory to accomodate instance failovers should node node2 fail (512MiB needed, 0MiB available)",
			"WARNING:ENODEORPHANLV:node:node3:volume xenvg/old.disk0 is unknown",
		}
		c.Node("node2").Regular, c.Node("node3").Regular = true, true
	})
	verify := b.submit(`{"OP_ID":"OP_CLUSTER_VERIFY_GROUP","reason":[],"group_name":"default"}`)
	b.m.RunUntilQuiet()
	ended := b.m.Now()
	b.m.Advance(time.Second)
	b.m.ArchiveJobs(0)
	file := filepath.Join(b.root, "/var/run/ganeti/instance-status")
	b.write("/var/run/ganeti/instance-status", "web1 ERROR_wrongnode\nweb2 running\n")
	written := b.m.Now()
	os.Chtimes(file, written, written)
	if got := b.found(); got["not-n1 node node3"].Word != "" {
		t.Error("a command that looks has looked through jobs")
	}
	b.nextPass()
	os.Chtimes(file, b.m.Now(), b.m.Now()) // as the watcher does
	b.nextPass()
	os.Chtimes(file, b.m.Now(), b.m.Now())
	got := b.found()
	for key, since := range map[string]time.Time{
		"wrong-node instance web1": written, "few-candidates cluster": written, "not-n1 node node3": ended, "orphan-volume node node3": ended,
	} {
		f, is := got[key]
		late := f.Since - since.Unix() // the first pass that could see it came 15 minutes later
		if !is || f.Command == "" || late < 0 || late > 15*60 {
			t.Errorf("%s: %+v, since %d", key, f, since.Unix())
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
	for _, word := range []string{"wrong-node", "few-candidates", "not-n1", "orphan-volume"} {
		if !strings.Contains(metrics(), "ganeti_autorepair_findings{cluster=\"c\",finding=\""+word+"\"} 1\n") {
			t.Errorf("no %s in\n%s", word, metrics())
		}
	}
	code, stdout, _ := b.run("check", "-v")
	if code != 1 || !strings.HasPrefix(stdout, "AUTOREPAIR WARNING - wrong-node: web1: it runs on another node than its primary one, and may run twice (since ") {
		t.Errorf("%d: %s", code, stdout)
	}
	if !strings.Contains(stdout, "OK: not-n1: node node3: not enough memory to accomodate") || !strings.Contains(stdout, ": gnt-node modify --master-candidate=yes node2\n") {
		t.Errorf("%s", stdout)
	}
	for _, j := range b.m.Jobs() {
		if j.ID > verify {
			t.Errorf("job %d was submitted", j.ID)
		}
	}
	// A newer verification, by its number in the queue, takes the place of the last.
	b.m.Edit(func(c *luxitest.Cluster) { c.Complaints = nil })
	b.submit(`{"OP_ID":"OP_CLUSTER_VERIFY_GROUP","reason":[],"group_name":"default","error_codes":true}`)
	b.nextPass()
	if got := b.found(); got["not-n1 node node3"].Word != "" {
		t.Errorf("%v", got)
	}
	// After a week nobody has verified again.
	b.m.Advance(8 * 24 * time.Hour)
	b.nextPass()
	if got := b.found(); got["not-verified group default"].Command != "gnt-cluster verify --node-group=default" {
		t.Errorf("%v", got)
	}
}

// A1: the watcher's GROUP_VERIFY_DISKS, of which there was one, is missed after an hour;
// one that has not ended is looked at once it has.
func TestDisksNotVerified(t *testing.T) {
	b := newBed(t, calm)
	b.m.Edit(func(c *luxitest.Cluster) {
		for _, n := range c.Nodes {
			n.Regular = false
		}
	})
	b.submit(`{"OP_ID":"OP_GROUP_VERIFY_DISKS","reason":[],"group_name":"default"}`)
	b.run("run", "--from-watcher") // while it is unfinished
	b.m.RunUntilQuiet()
	b.m.ArchiveJobs(0)
	const key = "disks-not-verified group default"
	for k := 0; k < 3; k++ {
		b.nextPass()
		if f, is := b.found()[key]; is {
			t.Errorf("after %d passes: %+v", k+1, f)
		}
	}
	b.nextPass()
	b.nextPass()
	if _, is := b.found()[key]; !is {
		t.Error("not missed")
	}
	b.submit(`{"OP_ID":"OP_GROUP_VERIFY_DISKS","reason":[],"group_name":"default"}`)
	b.nextPass()
	if f, is := b.found()[key]; is {
		t.Errorf("%+v", f)
	}
}

// A snapshot does not tell what findings are made from, and where luxid refuses the
// questions a pass is what it is without them. The metrics do not say then that there is
// none.
func TestNoFindings(t *testing.T) {
	b, metrics := newMeasured(t, badNode)
	_, stdout, _ := b.run("status", "--json", "--snapshot", "../../examples/bad-day.json")
	if strings.Contains(stdout, `"findings"`) {
		t.Error("a snapshot has findings")
	}
	released := false
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		released = released || c.Method == "SubmitManyJobs"
		if released && strings.Contains(string(c.Args), "master_capable") {
			return luxitest.FailWith("OpPrereqError", "no")
		}
		return luxitest.Pass()
	})
	b.want(0, 0, "", "run", "--from-watcher")
	if text := strings.Join(b.log(), "\n"); !strings.Contains(text, `msg="findings not looked for"`) || !strings.Contains(text, "repair job released") {
		t.Errorf("log:\n%s", text)
	}
	const series = "ganeti_autorepair_findings{"
	if text := metrics(); strings.Contains(text, series) || !strings.Contains(text, "ganeti_autorepair_instances{") {
		t.Errorf("metrics:\n%s", text)
	}
	b.m.OnCall(nil)
	b.nextPass()
	if text := metrics(); !strings.Contains(text, series) {
		t.Errorf("metrics of the next pass:\n%s", text)
	}
}
