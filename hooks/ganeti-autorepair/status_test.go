package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// three is a cluster with long names and something to tell of each instance.
const three = `
	cluster c tags=ganeti:watcher:autorepair:failover
	group rack1
	node node1.example.com mem=8192 disk=100000 master
	node node2.example.com mem=8192 disk=100000 offline
	node node3.example.com mem=8192 disk=100000
	node node4.example.com mem=8192 disk=100000
	instance db1.example.com template=drbd nodes=node3.example.com,node2.example.com mem=512 disk=1000 tags=ganeti:watcher:autorepair:result:failover:x7k2m9qa:1699990000:failure:11+14
	instance mail.example.com template=plain nodes=node2.example.com mem=512 disk=1000
	instance web1.example.com template=sharedfile nodes=node2.example.com mem=512
`

// many is a cluster of n instances, one in five on bad nodes.
func many(n int) string {
	var b strings.Builder
	b.WriteString("cluster c tags=ganeti:watcher:autorepair:migrate\ngroup rack1\ngroup rack2 tags=ganeti:watcher:autorepair:failover\n")
	for k := 1; k <= 20; k++ {
		flag := map[int]string{1: " master", 7: " offline", 8: " drained", 14: " offline", 15: " offline"}[k]
		fmt.Fprintf(&b, "node node%02d group=rack%d mem=1000000 disk=10000000%s\n", k, 1+k/11, flag)
	}
	for k := 0; k < n; k++ {
		template, nodes := "sharedfile", fmt.Sprintf("node%02d", 1+k%20)
		switch k % 3 {
		case 0:
			second := 1 + (k+1)%20
			if (k+1)%20 == 10 || (k+1)%20 == 0 {
				second = 1 + (k+20-1)%20
			}
			template, nodes = "drbd", fmt.Sprintf("%s,node%02d", nodes, second)
		case 1:
			template = "plain"
		}
		tags := map[int]string{13: " tags=ganeti:watcher:autorepair:suspend", 14: " tags=ganeti:watcher:autorepair:reinstall", 26: " tags=ganeti:watcher:autorepair:result:failover:old:1600000000:failure:6"}[k%40]
		fmt.Fprintf(&b, "instance vm%04d template=%s nodes=%s mem=128 disk=1000%s\n", k, template, nodes, tags)
	}
	return b.String()
}

// condensed keeps the beginning and the end of a long text.
func condensed(text string) string {
	const keep = 12
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) <= 5*keep {
		return text
	}
	var out []string
	out = append(out, lines[:keep]...)
	out = append(out, fmt.Sprintf("... %d lines ...", len(lines)-2*keep))
	return strings.Join(append(out, lines[len(lines)-keep:]...), "\n") + "\n"
}

// screens runs a command as people at terminals of 80 and 200 columns see it,
// and compares with golden files NAME-80.txt and NAME-200.txt.
func (b *bed) screens(name string, args ...string) {
	b.t.Helper()
	for _, columns := range []int{80, 200} {
		b.screen = terminal{columns: columns, rows: 50}
		code, stdout, stderr := b.run(args...)
		if code != 0 {
			b.t.Errorf("%v: %d, %s", args, code, stderr)
		}
		for n, line := range strings.Split(stdout, "\n") {
			if len(line) > columns && !strings.Contains(line, "submit  {") && !strings.HasPrefix(line, "    gnt-") {
				b.t.Errorf("%v: line %d has %d columns, the terminal %d:\n%s", args, n+1, len(line), columns, line)
			}
		}
		golden(b.t, fmt.Sprintf("%s-%d.txt", name, columns), condensed(stdout))
	}
	b.screen = terminal{}
}

// underway is the cluster three after a pass: one repair runs, one waits for a
// person, one is not permitted.
func underway(t *testing.T) *bed {
	b := newBed(t, three)
	b.host = "node1"
	b.want(0, 0, "", "run", "--from-watcher")
	return b
}

// O5: the table with 3 and 3,000 instances, at 80 and 200 columns.
func TestStatusScreens(t *testing.T) {
	b := underway(t)
	b.screens("status-3", "status")
	b.screens("status-one", "status", "web1")
	b = newBed(t, many(3000))
	b.screens("status-3000", "status")
	b.idle("looking")
}

// O5: the layout for scripts: fields, separators, headings, in the manner of gnt-*.
// Without a terminal a line is an instance.
func TestStatusForScripts(t *testing.T) {
	b := underway(t)
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"-o", "instance,state"}, "Instance         State\ndb1.example.com  failed\nmail.example.com needs-repair\nweb1.example.com pending\n"},
		{[]string{"--no-headers", "--separator=:", "-o", "instance,reason,repair.jobs", "--all"}, "db1.example.com:failed:\nmail.example.com:too-weak:\nweb1.example.com:jobs-running:3:running\n"},
		{[]string{"--no-headers", "-o", "repair.id,age,instance", "web1"}, "id2 0s web1.example.com\n"},
		{[]string{"--no-headers", "--separator=|", "-o", "+blocked_by,command", "db1"},
			"db1.example.com|failed|failed|node2.example.com||failover (cluster)|replace-disks||||repair x7k2m9qa failed; after a look: ganeti-autorepair ack db1.example.com|failure result|ganeti-autorepair ack db1.example.com\n"},
	} {
		code, stdout, stderr := b.run(append([]string{"status"}, row.args...)...)
		if code != 0 || stdout != row.want {
			t.Errorf("%v: %d %s\ngot\n%s\nwant\n%s", row.args, code, stderr, stdout, row.want)
		}
	}
	_, stdout, _ := b.run("status")
	if n := strings.Count(stdout, "\n"); n != 1+1+3+3+1 || strings.Contains(stdout, "\x1b") {
		t.Errorf("%d lines\n%s", n, stdout)
	}
	b.want(2, 2, `unknown field "frob"`, "status", "-o", "frob")
	b.want(2, 2, "--json goes with none of", "status", "--json", "--no-headers")
	b.want(1, 2, `there is no instance "web"`, "status", "web")
	code, stdout, _ := b.run("list-fields")
	if code != 0 {
		t.Error(code)
	}
	golden(t, "list-fields.txt", stdout)
	if _, stdout, _ := b.run("list-fields", "--no-headers", "--separator=:", "age"); stdout != "age:Age:Age of the pending repair\n" {
		t.Error(stdout)
	}
	b.want(2, 2, `unknown field "x"`, "list-fields", "x")
}

// Colour is for terminals that have it, and changes nothing else.
func TestColour(t *testing.T) {
	b := underway(t)
	b.screen = terminal{columns: 80, rows: 50}
	_, plain, _ := b.run("status")
	b.screen.colour = true
	_, painted, _ := b.run("status")
	if !strings.Contains(painted, "\x1b[31mfailed\x1b[0m") || !strings.Contains(painted, "\x1b[33mpending\x1b[0m") {
		t.Errorf("%q", painted)
	}
	for _, c := range []string{red, green, yellow, cyan, bold, "0"} {
		painted = strings.ReplaceAll(painted, "\x1b["+c+"m", "")
	}
	if painted != plain {
		t.Errorf("without its colours\n%s\nwant\n%s", painted, plain)
	}
	getenv := func(term, no string) func(string) string {
		return func(name string) string { return map[string]string{"TERM": term, "NO_COLOR": no}[name] }
	}
	var b2 bytes.Buffer
	if got := terminalOf(&b2, getenv("xterm", "")); got != (terminal{}) {
		t.Errorf("a buffer is %+v", got)
	}
	if f, err := os.Open(os.DevNull); err == nil {
		if got := terminalOf(f, getenv("xterm", "")); got != (terminal{}) {
			t.Errorf("/dev/null is %+v", got)
		}
		f.Close()
	}
	columns := func(name string) string { return map[string]string{"COLUMNS": "77", "TERM": "xterm"}[name] }
	if got := terminalOf(&b2, columns); got != (terminal{columns: 77}) {
		t.Errorf("a buffer with COLUMNS is %+v", got)
	}
}

// --watch shows it anew until it is interrupted, and trouble in between does not
// end it.
func TestWatch(t *testing.T) {
	b := underway(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	looks := 0
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method != "QueryClusterInfo" {
			return luxitest.Pass()
		}
		switch looks++; looks {
		case 2:
			return luxitest.ReplaceReply(`{"success":false,"result":["GenericError",["busy"]]}`)
		case 3:
			stop()
		}
		return luxitest.Pass()
	})
	var out, err bytes.Buffer
	e := b.env(&out, &err)
	e.screen = terminal{columns: 80, rows: 8}
	begin := time.Now()
	code := realMain(ctx, []string{"status", "--watch", "--every=1s"}, e)
	if code != 0 || err.Len() != 0 || strings.Count(out.String(), "\x1b[H\x1b[2J") != 2 || !strings.Contains(out.String(), "error: reading the cluster: GenericError: busy") {
		t.Errorf("%d after %s: %s\n%q", code, time.Since(begin), err.String(), out.String())
	}
	if first := strings.Split(out.String(), "\x1b[2J")[1]; strings.Count(first, "\n") > 8 || !strings.Contains(first, "3 instances") {
		t.Errorf("more than a screen of 8 lines:\n%s", first)
	}
	b.m.OnCall(nil)
	b.host = "node3"
	b.want(11, 2, "not the master", "status", "--watch")
	b.host = "node1"
	b.want(2, 2, "--watch goes with neither", "status", "--watch", "--snapshot=x")
	b.want(2, 2, "is not a time like", "status", "--watch", "--every=1")
}

// O6: what scripts read is what the schema says.
func TestStatusSchema(t *testing.T) {
	for _, b := range []*bed{underway(t), newBed(t, many(200)), newBed(t, "node node1 tags=x\ninstance i nodes=node1 tags=ganeti:watcher:autorepair:frob")} {
		_, stdout, _ := b.run("status", "--all", "--json")
		validate(t, "status.json", stdout)
	}
}

// The program looks only at the master.
func TestLookingOnAnotherNode(t *testing.T) {
	b := newBed(t, badNode)
	b.host = "node3"
	b.want(11, 2, "not the master: the master is node1, this is node3", "status")
}

// V6: what-if, before somebody pulls the plug.
func TestAssume(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, " offline", ""))
	_, stdout, _ := b.run("run", "--dry-run")
	if !strings.HasPrefix(stdout, "no step of a repair\n") {
		t.Errorf("a healthy cluster:\n%s", stdout)
	}
	for flag, ops := range map[string]string{"--assume-offline=node2": "OP_INSTANCE_FAILOVER", "--assume-drained=node2": "OP_INSTANCE_MIGRATE"} {
		copies := 1
		if ops == "OP_INSTANCE_FAILOVER" {
			copies = 0 // only once the others are back (P20)
		}
		b.m.Edit(func(c *luxitest.Cluster) {
			for _, i := range c.Instances {
				i.Tags = []string{"ganeti:watcher:autorepair:failover"}
			}
		})
		b.ids = 0
		_, stdout, _ := b.run("run", "--dry-run", "--json", flag)
		validate(t, "dry-run.json", stdout)
		if strings.Count(stdout, ops) != 2 || strings.Count(stdout, "OP_INSTANCE_REPLACE_DISKS") != copies {
			t.Errorf("%s:\n%s", flag, stdout)
		}
		// The same from a file, without the cluster.
		file := filepath.Join(b.root, "saved")
		b.want(0, 0, "", "status", "--save", file)
		b.ids = 0
		b.m.StopLuxid()
		_, again, stderr := b.run("run", "--dry-run", "--json", "--snapshot", file, flag)
		if again != stdout {
			t.Errorf("%s from a file: %s\n%s\nbut from the cluster\n%s", flag, stderr, again, stdout)
		}
		if err := b.m.StartLuxid(); err != nil {
			t.Fatal(err)
		}
	}
	b.want(1, 1, `there is no node "node9"`, "run", "--dry-run", "--assume-offline=node9")
	b.want(1, 1, "node node1 is the master, which cannot be drained", "run", "--dry-run", "--assume-drained=node1")
	b.want(2, 2, "go with --dry-run only", "run", "--assume-drained=node2")
	b.want(2, 2, "--save goes with neither", "run", "--dry-run", "--assume-drained=node2", "--save=x")
	b.idle("assuming")
}

// The screens of a dry run.
func TestDryRunScreens(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(three, " offline", ""))
	b.screens("dry-run", "run", "--dry-run", "--assume-offline=node2")
	b.screens("dry-run-opcodes", "run", "--dry-run", "--opcodes", "--assume-offline=node2")
	b = newBed(t, many(3000))
	b.host = "node01"
	b.write("/var/lib/ganeti/ssconf_master_node", "node01\n")
	b.screens("dry-run-3000", "run", "--dry-run", "--assume-drained=node02")
}

// run --wait: what a person sees meanwhile, on standard error; what scripts read
// at the end, on standard output.
func TestWaitScreens(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(steered, "cluster c", "cluster c tags=ganeti:watcher:autorepair:failover"))
	b.screen = terminal{columns: 80, rows: 24}
	code, stdout, stderr := b.run("run", "--wait")
	if code != 0 {
		t.Errorf("%d: %s", code, stderr)
	}
	golden(t, "wait-stdout-80.txt", stdout)
	golden(t, "wait-stderr.txt", stderr)
}

// On a terminal each job that is under way has one line, which goes when the job ends.
func TestWaitOnTerminal(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(three, "template=plain nodes=node2", "template=rbd nodes=node2"))
	var out, err bytes.Buffer
	e := b.env(&out, &err)
	e.progress, e.messages = true, terminal{columns: 80, rows: 24}
	if code := realMain(context.Background(), []string{"run", "--wait"}, e); code != 0 {
		t.Errorf("%d: %s", code, err.String())
	}
	var screen, most []string
	for _, text := range strings.SplitAfter(err.String(), "\n") {
		for strings.HasPrefix(text, "\x1b[") {
			var up int
			fmt.Sscanf(text, "\x1b[%dA", &up)
			screen, text = screen[:len(screen)-up], text[strings.Index(text, "\x1b[J")+3:]
		}
		if text != "" {
			screen = append(screen, text)
		}
		if len(screen) > len(most) {
			most = append([]string(nil), screen...)
		}
		if len(text) > 80 && strings.Contains(text, " ... ") {
			t.Errorf("%d columns: %s", len(text), text)
		}
	}
	if len(screen) != 1 || len(most) != 3 || !strings.HasPrefix(most[1], "mail.example.com: failing over to node1.example.com (job 3) ... 0 s: ") || !strings.HasPrefix(most[2], "web1.example.com: failing over (job 5) ... 0 s in the queue") {
		t.Errorf("at most %q, in the end %q", most, screen)
	}
	for _, name := range []string{"web1", "mail"} {
		if !strings.Contains(out.String(), name+".example.com: failing over to node") || strings.Count(out.String(), " ... done in ") != 2 {
			t.Errorf("%s is not told\n%s", name, out.String())
		}
	}
}
