package main

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// stopped is a cluster with a repair that is under way, of web1, and one that waits for
// a slot, of web3.
func stopped(t *testing.T) *bed {
	b := newBed(t, strings.Replace(steered, "cluster c", "cluster c tags=ganeti:watcher:autorepair:failover", 1)+
		"instance web3.example.com template=sharedfile nodes=node2.example.com mem=512\n")
	b.m.Edit(func(c *luxitest.Cluster) { c.Instance("db1.example.com").Secondaries = []string{"node1.example.com"} })
	b.tag("web2", "migrate suspend:1800000000")
	b.tag("db2", "migrate suspend")
	b.tag("group:rack2", "migrate")
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	b.write("/etc/ganeti/autorepair.toml", "max_running = 1\n")
	b.want(0, 0, "", "run", "--from-watcher")
	return b
}

// P15: stop suspends the cluster and every object with a permission of its own, whether
// it is suspended for a time or not, and then takes back the repair jobs that have not
// begun. What has begun goes on, and is told. resume --all undoes that, and nothing else.
func TestStop(t *testing.T) {
	b := stopped(t)
	before := b.shown("")
	code, stdout, stderr := b.run("stop", "--dry-run")
	if code != 0 || !strings.Contains(stdout, "cluster: would be suspended until it is resumed") || !strings.Contains(stdout, "1 job would be taken back") || b.shown("") != before {
		t.Errorf("--dry-run: %d\n%s%s", code, stdout, stderr)
	}
	var running, waiting luxitest.Job
	for _, j := range b.m.Jobs() {
		switch op := j.Ops[0]; {
		case op.ID != "OP_INSTANCE_FAILOVER":
		case op.Text("instance_name") == "web1.example.com":
			running = j
		default:
			waiting = j
		}
	}
	code, stdout, stderr = b.run("stop")
	for _, want := range []string{
		"db2.example.com: already suspended until it is resumed\ncluster: suspended until it is resumed\ngroup:rack2: suspended until it is resumed\nweb2.example.com: suspended until it is resumed\n3 changed, 1 unchanged\n",
		fmt.Sprintf("web3.example.com: job %d (failover of repair id2) taken back\n1 job taken back\n", waiting.ID),
		fmt.Sprintf("web1.example.com: job %d (failover of repair id1) has begun and goes on to its end\n1 job goes on\n", running.ID),
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if code != 0 || !strings.Contains(stderr, "hint: to let repairs go on: ganeti-autorepair resume --all\n") || !strings.Contains(stderr, "gnt-job cancel --kill --yes-do-it JOB\n") {
		t.Errorf("%d\n%s", code, stderr)
	}
	for object, want := range map[string]string{"cluster": "failover suspend:", "group:rack2": "migrate suspend:", "web2": "migrate suspend: suspend:1800000000", "db2": "migrate suspend"} {
		if got := b.shown(object); got != want {
			t.Errorf("%s: %q, want %q", object, got, want)
		}
	}
	b.m.OnOpcode(nil)
	b.m.Continue(running.ID)
	b.m.RunUntilQuiet()
	for name, want := range map[string]bool{"web1": false, "web3": true} {
		if stays := b.m.Snapshot().Instance(name+".example.com").Primary == "node2.example.com"; stays != want {
			t.Errorf("%s stays: %v", name, stays)
		}
	}
	if code, stdout, _ := b.run("stop"); code != 0 || !strings.Contains(stdout, "cluster: already suspended until it is resumed\n") || !strings.Contains(stdout, "0 jobs taken back") {
		t.Errorf("again: %d\n%s", code, stdout)
	}
	if code, stdout, _ := b.run("stop", "--for", "2h"); code != 0 || !strings.Contains(stdout, "4 unchanged") {
		t.Errorf("for a shorter time: %d\n%s", code, stdout)
	}

	// Whoever suspends something meanwhile is not undone.
	b.want(0, 0, "", "suspend", "group:rack2")
	for _, args := range [][]string{{"resume", "--all", "web1"}, {"resume", "--all", "--tag", "x"}} {
		b.want(2, 2, "--all goes with no object", args...)
	}
	code, stdout, stderr = b.run("resume", "--all")
	if code != 0 || stdout != "cluster: no longer stopped\ngroup:rack2: no longer stopped\ngroup:rack2: note: it is still suspended by group rack2: ganeti-autorepair resume group:rack2\n"+
		"web2.example.com: no longer stopped\nweb2.example.com: note: it is still suspended by instance web2.example.com: ganeti-autorepair resume web2.example.com\n3 changed\n" {
		t.Errorf("resume: %d\n%s%s", code, stdout, stderr)
	}
	for object, want := range map[string]string{"cluster": "failover", "group:rack2": "migrate suspend", "web2": "migrate suspend:1800000000", "db2": "migrate suspend"} {
		if got := b.shown(object); got != want {
			t.Errorf("resumed, %s: %q, want %q", object, got, want)
		}
	}
	b.want(0, 1, "nothing is stopped by stop", "resume", "--all")
}

// stop for a time ends by itself, and is undone as one without an end is.
func TestStopForATime(t *testing.T) {
	b := newBed(t, steered)
	b.tag("cluster", "failover suspend:1700000100")
	before := b.shown("")
	code, stdout, stderr := b.run("stop", "--for", "2h")
	if got := b.shown(""); code != 0 || got != "cluster=failover cluster=suspend:01700007200 cluster=suspend:1700000100" {
		t.Errorf("%d, %s\n%s%s", code, got, stdout, stderr)
	}
	if _, stdout, _ := b.run("policy", "cluster"); !strings.Contains(stdout, "suspended until ") {
		t.Error(stdout)
	}
	b.want(0, 0, "", "resume", "--all")
	if got := b.shown(""); got != before {
		t.Errorf("resumed: %s", got)
	}
}

// suspend tells which released jobs go on, and what takes back those that have not
// begun.
func TestSuspendTellsWhatGoesOn(t *testing.T) {
	for _, row := range []struct {
		object string
		lines  []string
	}{
		{"cluster", []string{"web1.example.com: job N (failover of repair id1) has begun and goes on to its end", "web3.example.com: job N (failover of repair id2) goes on when its turn comes; to take it back: ganeti-autorepair cancel web3.example.com"}},
		{"web3", []string{"web3.example.com: job N (failover of repair id2) goes on when its turn comes; to take it back: ganeti-autorepair cancel web3.example.com"}},
		{"group:rack2", nil},
		{"db2", nil},
	} {
		b := stopped(t)
		code, stdout, stderr := b.run("suspend", row.object)
		var got []string
		for _, line := range strings.Split(stdout, "\n") {
			if strings.Contains(line, " job ") {
				words := strings.Fields(line)
				words[2] = "N"
				got = append(got, strings.Join(words, " "))
			}
		}
		if code != 0 || strings.Join(got, "\n") != strings.Join(row.lines, "\n") {
			t.Errorf("suspend %s: %d\n%s%s", row.object, code, stdout, stderr)
		}
	}
}
