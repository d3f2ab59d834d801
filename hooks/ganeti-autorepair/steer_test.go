package main

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

const steered = `
	cluster c
	group rack1
	group rack2
	node node1.example.com group=rack1 mem=8192 disk=100000 master
	node node2.example.com group=rack1 mem=8192 disk=100000 offline
	node node3.example.com group=rack2 mem=8192 disk=100000
	node node4.example.com group=rack1 mem=8192 disk=100000
	instance db1.example.com template=drbd nodes=node4.example.com,node2.example.com mem=512 disk=1000 os=debian tags=prod
	instance db2.example.com template=drbd nodes=node4.example.com,node1.example.com mem=512 disk=1000 os=debian
	instance web1.example.com template=sharedfile nodes=node2.example.com mem=512 os=debian tags=prod
	instance web2.example.com template=sharedfile nodes=node3.example.com mem=512 os=noop
`

// shown is an object's tags below the prefix, and those of all if it is empty:
// "cluster", "group:rack1", "web1".
func (b *bed) shown(object string) string {
	c := b.m.Snapshot()
	var list []string
	add := func(name string, tags []string) {
		if object != "" && object != name {
			return
		}
		for _, t := range tags {
			if strings.HasPrefix(t, tagstore.Prefix) {
				word := strings.TrimPrefix(t, tagstore.Prefix)
				if object == "" {
					word = name + "=" + word
				}
				list = append(list, word)
			}
		}
	}
	add("cluster", c.Tags)
	for _, g := range c.Groups {
		add("group:"+g.Name, g.Tags)
	}
	for _, i := range c.Instances {
		name, _, _ := strings.Cut(i.Name, ".")
		add(name, i.Tags)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func (b *bed) tag(object, bodies string) {
	b.m.Edit(func(c *luxitest.Cluster) {
		var tags []string
		for _, body := range strings.Fields(bodies) {
			tags = append(tags, tagstore.Prefix+body)
		}
		switch {
		case object == "cluster":
			c.Tags = tags
		case strings.HasPrefix(object, "group:"):
			c.Group(strings.TrimPrefix(object, "group:")).Tags = tags
		default:
			c.Instance(object + ".example.com").Tags = tags
		}
	})
}

// T1, T3, T5, S11: each command writes the tags of the design, tells the new state,
// and changes nothing the second time.
func TestSteer(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	for _, row := range []struct {
		before string // object=bodies, separated by ;
		args   string
		after  string
		out    string // part of what is said
		code   int
	}{
		{"", "policy cluster failover", "cluster=failover", "cluster: permitted up to failover\n", 0},
		{"cluster=failover", "policy cluster failover", "cluster=failover", "cluster: already permitted up to failover\n", 0},
		{"cluster=migrate reinstall", "policy cluster failover", "cluster=failover", "", 0},
		{"group:rack1=failover", "policy group:rack1 none", "", "has no policy of its own any more\ngroup:rack1: note: its policy is then: none\n", 0},
		{"web1=failover;group:rack1=migrate", "policy web1 none", "group:rack1=migrate", "web1.example.com: note: its policy is then: migrate (from group rack1)\n", 0},
		{"", "policy --yes web1 db1.example.com reinstall", "db1=reinstall web1=reinstall", "\n2 changed\n", 0},
		{"cluster=suspend", "policy web1 failover", "cluster=suspend web1=failover", "web1.example.com: note: this lifts the suspension of cluster here\n", 0},
		{"web1=suspend", "policy web1 failover", "web1=failover web1=suspend", "note: it is suspended by instance web1.example.com: ganeti-autorepair resume web1.example.com\n", 0},
		{"", "policy node:node2 migrate", "db1=migrate web1=migrate", "2 changed", 0},
		{"", "policy instance:web1 migrate", "web1=migrate", "", 0},
		{"", "policy --filter os==\"debian\" migrate", "db1=migrate db2=migrate web1=migrate", "3 changed", 0},
		{"", "policy --os debian --template drbd migrate", "db1=migrate db2=migrate", "", 0},
		{"", "policy --tag prod migrate", "db1=migrate web1=migrate", "note: instances tagged prod later are not covered; what would cover them, and all others there: ganeti-autorepair policy group:rack1 migrate\n", 0},
		{"", "policy --template sharedfile --tag prod migrate", "web1=migrate", "note: instances that match later are not covered; what would cover them, and all others there: ganeti-autorepair policy group:rack1 migrate\n", 0},
		{"", "suspend --template sharedfile", "web1=suspend web2=suspend", "note: instances that match later are not suspended; what would cover them, and all others there: ganeti-autorepair suspend cluster\n", 0},
		{"", "policy -F name=*\"web*\" migrate", "web1=migrate web2=migrate", "", 0},
		{"", "policy -F name==\"web1.example.com\" migrate", "web1=migrate", "", 0},
		{"", "policy -F name==\"nobody\" migrate", "", "no instance matches", 1},
		{"", "policy -F name==nobody migrate", "", "filter: at character 7", 2},
		{"", "policy -F nothing==1 migrate", "", "ParameterError", 1},
		{"", "policy migrate", "", "no object is named", 2},
		{"", "policy --os debian web1 migrate", "", "give one or the other", 2},
		{"", "policy nobody migrate", "", "there is no instance \"nobody\"", 1},
		{"", "policy group:nobody migrate", "", "there is no node group \"nobody\"", 1},
		{"", "policy node:nobody migrate", "", "there is no node \"nobody\"", 1},
		{"", "policy rack:nobody migrate", "", "an object is cluster, group:NAME", 2},
		{"", "suspend cluster", "cluster=suspend", "cluster: suspended until it is resumed\n", 0},
		{"web1=failover;group:rack2=migrate", "suspend cluster", "cluster=suspend group:rack2=migrate web1=failover", "cluster: note: these go on, as they have a policy of their own: group:rack2 web1.example.com\n", 0},
		{"web1=failover;web2=failover", "suspend group:rack1", "group:rack1=suspend web1=failover web2=failover", "of their own: web1.example.com\n", 0},
		{"", "suspend web1 --for 4h", "web1=suspend:1700014400", "web1.example.com: suspended until 2023-11-15 02:13\n", 0},
		{"web1=suspend:1700000100", "suspend web1 --for 1d12h", "web1=suspend:1700129600", "", 0},
		{"web1=suspend:1700000100", "suspend web1 --for 1m", "web1=suspend:1700000100", "already suspended until 2023-11-14 22:15\n", 0},
		{"web1=suspend", "suspend web1 --for 4h", "web1=suspend", "already suspended until it is resumed\n", 0},
		{"web1=suspend:1700000100", "suspend web1", "web1=suspend", "", 0},
		{"", "suspend web1 --until 23:00", "web1=suspend:1700002800", "", 0},
		{"", "suspend web1 --until 22:00", "web1=suspend:1700085600", "", 0},
		{"", "suspend web1 --until 2023-12-01", "web1=suspend:1701388800", "", 0},
		{"", "suspend web1 --until 1700000001", "web1=suspend:1700000001", "", 0},
		{"", "suspend web1 --until 1700000000", "", "is past, it is now", 2},
		{"", "suspend web1 --until tomorrow", "", "is not a time like", 2},
		{"", "suspend web1 --for 4", "", "is not a time like 4h", 2},
		{"", "suspend web1 --for 1h --until 23:00", "", "can't be used together", 2},
		{"web1=suspend suspend:1700000100 suspend:soon failover", "resume web1", "web1=failover", "web1.example.com: no longer suspended by a tag of its own\n", 0},
		{"web1=suspend;cluster=suspend", "resume web1", "cluster=suspend", "web1.example.com: note: it is still suspended by cluster: ganeti-autorepair resume cluster\n", 0},
		{"web1=failover", "resume web1", "web1=failover", "not suspended by a tag of its own\n", 0},
		{"", "repair web1 failover", "web1=pending:failover:id1:1700000000:", "web1.example.com: repair id1 requested, up to failover\n", 0},
		{"web1=pending:failover:x:1:", "repair web1 migrate", "web1=pending:failover:x:1:", "repair x, up to failover, is pending already\n", 0},
		{"web1=pending:migrate:x:1:", "repair web1 failover", "web1=pending:failover:id1:1700000000: web1=pending:migrate:x:1:", "", 0},
		{"", "repair web1 migrate", "web1=pending:migrate:id1:1700000000:", "note: the whole repair needs the type failover; this one ends before the step that does\n", 0},
		{"", "repair db2 migrate", "db2=pending:migrate:id1:1700000000:", "note: it is healthy, the next pass ends the repair as a success\n", 0},
		{"web1=result:migrate:x:1:failure:", "repair web1 failover", "web1=pending:failover:id1:1700000000: web1=result:migrate:x:1:failure:", "note: it waits until the failure is cleared: ganeti-autorepair ack web1.example.com\n", 0},
		{"cluster=suspend", "repair web1 failover", "cluster=suspend web1=pending:failover:id1:1700000000:", "note: it waits, as it is suspended by cluster: ganeti-autorepair resume cluster\n", 0},
		{"", "repair node:node2 failover", "db1=pending:failover:id1:1700000000: web1=pending:failover:id2:1700000000:", "2 changed", 0},
		{"", "repair web1", "", "is not a type of repair", 2},
		{"", "repair cluster failover", "", "this is for instances", 2},
		{"", "repair failover", "", "no object is named", 2},
		{"web1=result:migrate:x:1:failure:2 result:migrate:y:1:success:", "ack web1", "web1=result:migrate:y:1:success:", "web1.example.com: 1 failure cleared\n", 0},
		{"web1=result:migrate:x:1:failure:2 result:migrate:y:1:failure:", "ack web1", "", "web1.example.com: 2 failures cleared\n", 0},
		{"", "ack web1", "", "web1.example.com: has no failure\n", 0},
		{"", "ack cluster", "", "this is for instances", 1},
		{"web1=pending:migrate:x:1: pending:migrate:y:1: pending:z", "cancel web1", "web1=pending:z", "web1.example.com: 2 pending repairs canceled\n", 0},
		{"web1=pending:migrate:x:1:;cluster=failover", "cancel web1", "cluster=failover", "note: the next pass may begin a new repair, as cluster permits failover; to prevent it: ganeti-autorepair suspend web1.example.com\n", 0},
		{"", "cancel web1", "", "has no pending repair\n", 0},
		{"", "cancel group:rack1", "", "this is for instances", 2},
	} {
		b := newBed(t, steered)
		for _, part := range strings.Split(row.before, ";") {
			if object, bodies, ok := strings.Cut(part, "="); ok {
				b.tag(object, bodies)
			}
		}
		args := strings.Fields(row.args)
		before := b.shown("")
		code, stdout, stderr := b.run(append(args, "--dry-run")...)
		if got := b.shown(""); got != before {
			t.Errorf("%s --dry-run wrote %q", row.args, got)
		}
		b.idle(row.args + " --dry-run")
		if code != row.code {
			t.Errorf("%s --dry-run: %d\n%s%s", row.args, code, stdout, stderr)
		}
		b.ids = 0
		code, stdout, stderr = b.run(args...)
		if got := b.shown(""); code != row.code || got != row.after || !strings.Contains(stdout+stderr, row.out) {
			t.Errorf("%s on %q: %d, tags %q, want %q, and %q in\n%s%s", row.args, row.before, code, got, row.after, row.out, stdout, stderr)
		}
		for _, j := range b.m.Jobs() {
			for _, op := range j.Ops {
				if r := op.Reason[0]; r.Source != "ganeti-autorepair" || r.Text != "steer "+args[0] && !(args[0] == "ack" && strings.HasPrefix(r.Text, "ack ")) {
					t.Errorf("%s: reason %+v", row.args, r)
				}
			}
		}
	}
}

// Only the master steers, and only while jobs are accepted.
func TestSteerElsewhere(t *testing.T) {
	b := newBed(t, steered)
	for _, args := range [][]string{{"policy", "cluster", "migrate"}, {"policy"}, {"suspend", "cluster"}, {"resume", "cluster"}, {"repair", "web1", "migrate"}, {"ack", "web1"}, {"cancel", "web1"}} {
		b.host = "node3"
		b.want(11, 2, "not the master", args...)
		if len(args) > 1 {
			b.want(11, 2, "not the master", append([]string{"-L", b.m.Socket()}, args...)...)
		}
		b.host = "node1"
		if len(args) > 1 {
			b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = true })
			b.want(1, 1, "the job queue is drained", args...)
			b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = false })
		}
	}
	b.idle("elsewhere")
}

// manyOnNode1 is a cluster of the instances vm00, vm01, ... on node1.
func manyOnNode1(n int) string {
	var text strings.Builder
	text.WriteString("node node1 mem=100000\n")
	for k := 0; k < n; k++ {
		fmt.Fprintf(&text, "instance vm%02d nodes=node1\n", k)
	}
	return text.String()
}

// Many at once: one that fails does not keep the others; the count tells.
func TestSteerMany(t *testing.T) {
	b := newBed(t, manyOnNode1(100))
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.Text("name") == "vm42" {
			return luxitest.OpFails("OpExecError", "it broke")
		}
		return luxitest.OpPass()
	})
	code, stdout, stderr := b.run("suspend", "node:node1")
	if code != 1 || !strings.HasSuffix(stdout, "\n99 changed, 1 failed\n") || strings.Count(stdout, ": suspended until it is resumed\n") != 99 ||
		!strings.Contains(stderr, "error: vm42: tag job 43: OpExecError: it broke\n") || !strings.HasSuffix(stderr, "error: 1 of 100 failed\n") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	// A person sees how far it is, and what fails.
	b.m.OnOpcode(nil)
	var out, err bytes.Buffer
	e := b.env(&out, &err)
	e.progress = true
	code = realMain(context.Background(), []string{"resume", "--filter", `name =* "vm*"`}, e)
	if code != 0 || out.String() != "99 changed, 1 unchanged\n" || !strings.Contains(err.String(), "\r\x1b[K41 of 100\r\x1b[K81 of 100\r\x1b[K100 of 100\r\x1b[K") {
		t.Errorf("%d\n%s%q", code, out.String(), err.String())
	}
}

// C3: a tag job that cannot run for a lock is given up in time, and does not
// strike later.
func TestSteerGivesUp(t *testing.T) {
	b := newBed(t, steered)
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_REBOOT" || op.ID == "OP_INSTANCE_STARTUP" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	id := b.submit(`{"OP_ID":"OP_INSTANCE_STARTUP","reason":[],"instance_name":"web2.example.com"}`)
	b.m.Advance(time.Second)
	// The master's clock is virtual and would run far ahead; so an answer stays
	// out until the time is over.
	waits := 0
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "WaitForJobChange" {
			if waits++; waits == 4 {
				return luxitest.Hang()
			}
		}
		return luxitest.Pass()
	})
	code, stdout, stderr := b.run("suspend", "web2", "db2", "--timeout", "1s")
	b.m.OnCall(nil)
	if code != 1 || !strings.Contains(stdout, "db2.example.com: suspended") || !strings.Contains(stderr, "error: web2.example.com: tag job 2") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	b.m.Continue(id)
	b.m.RunUntilQuiet()
	if got := b.shown(""); got != "db2=suspend" {
		t.Errorf("later: %s", got)
	}
	b.want(2, 2, "a tag job that waits longer", "suspend", "web2", "--timeout", "21m")
}

// A signal ends it in one line more, and what was not written is not written
// later.
func TestSteerStoppedBySignal(t *testing.T) {
	b := newBed(t, steered)
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_STARTUP" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	id := b.submit(`{"OP_ID":"OP_INSTANCE_STARTUP","reason":[],"instance_name":"web2.example.com"}`)
	b.m.Advance(time.Second)
	code, stderr := b.runUntil("WaitForJobChange", 4, "suspend", "web2")
	// Whose lock it waited for was told once.
	if strings.Count(stderr, "waiting for") != 1 || !strings.Contains(stderr, "ganeti-autorepair: web2.example.com: waiting for job 1 (INSTANCE_STARTUP, ") {
		t.Errorf("%s", stderr)
	}
	if code != 1 || !strings.Contains(stderr, "error: web2.example.com: tag job 2") || !strings.Contains(stderr, "error: stopped by a signal; the rest is not written\n") {
		t.Errorf("%d: %s", code, stderr)
	}
	b.m.Continue(id)
	b.m.RunUntilQuiet()
	if got := b.shown(""); got != "" {
		t.Errorf("later: %s", got)
	}
}

// A signal while jobs are submitted does not leave any that nobody knows of.
func TestSignalWhileSubmitting(t *testing.T) {
	b := newBed(t, steered)
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_STARTUP" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	id := b.submit(`{"OP_ID":"OP_INSTANCE_STARTUP","reason":[],"instance_name":"web2.example.com"}`)
	b.m.Advance(time.Second)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "SubmitManyJobs" {
			stop()
			time.Sleep(200 * time.Millisecond) // a call that the signal ends has ended by then; one that it must not waits for its answer
		}
		return luxitest.Pass()
	})
	var out, errs bytes.Buffer
	code := realMain(ctx, []string{"suspend", "web2"}, b.env(&out, &errs))
	b.m.OnCall(nil)
	if code != 1 || strings.Contains(errs.String(), "is not known") || !strings.Contains(errs.String(), "error: web2.example.com: tag job 2: given up") {
		t.Errorf("%d\n%s", code, errs.String())
	}
	b.m.Continue(id)
	b.m.RunUntilQuiet()
	if got := b.shown(""); got != "" {
		t.Errorf("later: %s", got)
	}
}

// C2: canceling a repair whose job is queued cancels the job, too; one that runs
// stays as it is, with its tag.
func TestCancel(t *testing.T) {
	b := newBed(t, strings.Replace(steered, "cluster c", "cluster c tags=ganeti:watcher:autorepair:failover", 1))
	b.want(0, 0, "", "run", "--from-watcher")
	b.m.Advance(time.Second) // begun
	before := b.shown("")
	b.want(1, 1, "has begun and cannot be canceled; its repair stays pending until it ends", "cancel", "web1")
	if got := b.shown(""); got != before {
		t.Errorf("tags were %s, are %s", before, got)
	}

	// Of two only one may run at a time.
	b = newBed(t, strings.Replace(steered, "cluster c", "cluster c tags=ganeti:watcher:autorepair:failover", 1)+
		"instance web3.example.com template=sharedfile nodes=node2.example.com mem=512\n")
	b.write("/etc/ganeti/autorepair.toml", "max_running = 1\n")
	b.want(0, 0, "", "run", "--from-watcher")
	var repair luxitest.Job
	for _, j := range b.m.Jobs() {
		if j.Ops[0].ID == "OP_INSTANCE_FAILOVER" && j.Ops[0].Text("instance_name") == "web3.example.com" {
			repair = j
		}
	}
	if repair.Status != "queued" {
		t.Fatalf("the repair job is %s", repair.Status)
	}
	code, stdout, stderr := b.run("cancel", "web3")
	if code != 0 || !strings.Contains(stdout, "1 pending repair canceled, with 1 job") || strings.Contains(b.shown("web3"), "pending") {
		t.Errorf("%d, %s\n%s%s", code, b.shown("web3"), stdout, stderr)
	}
	if j := b.m.Job(repair.ID); j.Status != "canceled" || j.Started() {
		t.Errorf("the repair job is %s", j.Status)
	}
	b.m.RunUntilQuiet()
	if p := b.m.Snapshot().Instance("web3.example.com").Primary; p != "node2.example.com" {
		t.Errorf("web3 was moved to %s", p)
	}
}

// cancel waits for a pass that runs, and does nothing before it has ended.
func TestCancelWaitsForThePass(t *testing.T) {
	b := newBed(t, steered)
	b.tag("web1", "pending:migrate:x:1:")
	lock, err := takeLock(newPaths(b.getenv).state())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var out bytes.Buffer
	errs := &onText{text: "waiting for the pass that runs", do: stop}
	code := realMain(ctx, []string{"cancel", "web1"}, b.env(&out, errs))
	if code != 1 || b.shown("web1") == "" {
		t.Errorf("%d: %s%s", code, out.String(), errs.String())
	}
	lock.release()
	b.want(0, 0, "", "cancel", "web1")
	if got := b.shown("web1"); got != "" {
		t.Errorf("tags %s", got)
	}
}

// onText is a writer that does something when a text comes.
type onText struct {
	bytes.Buffer
	text string
	do   func()
}

func (w *onText) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.do()
	}
	return n, err
}

// The screens of policies.
func TestPolicyScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	b := newBed(t, steered)
	b.want(0, 2, "no object has a policy", "policy")
	b.tag("cluster", "failover migrate")
	b.tag("group:rack2", "suspend:1700014400")
	b.tag("web1", "reinstall")
	b.tag("db1", "suspend:soon")
	b.screens("policy", "policy")
	b.screens("policy-some", "policy", "web2", "db2", "cluster")
	if _, stdout, _ := b.run("policy", "--no-headers", "--separator=|", "db2"); stdout != "db2.example.com|migrate|cluster|ganeti:watcher:autorepair:migrate\n" {
		t.Error(stdout)
	}
	b.idle("looking")
	b = newBed(t, many(3000))
	b.screens("policy-3000", "policy")
	b.idle("looking")
}
