package main

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// P15: stop suspends the cluster and every object with a permission of its own, whether
// it is suspended for a time or not, and then takes back the repair jobs that have not
// begun. What has begun goes on. The hint has the command that undoes it.
func TestStop(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(steered, "cluster c", "cluster c tags=ganeti:watcher:autorepair:failover"))
	b.tag("web2", "migrate suspend:1800000000")
	b.tag("group:rack2", "migrate")
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_STARTUP" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	b.m.Edit(func(c *luxitest.Cluster) { c.MaxRunningJobs = 3 })
	b.want(0, 0, "", "run", "--from-watcher")
	before := b.shown("")
	code, stdout, stderr := b.run("stop", "--dry-run")
	if code != 0 || !strings.Contains(stdout, "cluster: would be suspended until it is resumed") || b.shown("") != before {
		t.Errorf("--dry-run: %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = b.run("stop")
	if code != 0 || !strings.Contains(stderr, "hint: to let repairs go on: ganeti-autorepair resume cluster group:rack2 web2.example.com\n") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	for object, want := range map[string]string{"cluster": "failover suspend", "group:rack2": "migrate suspend", "web2": "migrate suspend"} {
		if got := b.shown(object); got != want {
			t.Errorf("%s: %q, want %q", object, got, want)
		}
	}
	b.m.RunUntilQuiet()
	if strings.Contains(stdout, "web1.example.com: job ") != (b.m.Snapshot().Instance("web1.example.com").Primary == "node2.example.com") {
		t.Errorf("web1 was taken back and moved, or neither:\n%s", stdout)
	}
	if code, stdout, _ := b.run("stop"); code != 0 || !strings.Contains(stdout, "cluster: already suspended until it is resumed\n") || !strings.Contains(stdout, "0 jobs taken back") {
		t.Errorf("again: %d\n%s", code, stdout)
	}
}
