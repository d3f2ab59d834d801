package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What permits that data are destroyed is asked about, and done only after a y; --yes
// and --dry-run do not ask, and where no terminal can be asked the exit code is 13.
func TestAsksBeforeNewDisks(t *testing.T) {
	const permits = "This permits new, empty disks where no node that is online has a copy of the data: "
	for _, row := range []struct {
		before, args, answer string
		asked                string // "" if nothing is asked
		after                string // tags, if the answer is y
	}{
		{"", "policy web1 reinstall", "y", permits + "1 instance (web1.example.com) is covered now. Go on? y/[n]: ", "web1=reinstall"},
		{"", "policy web1 reinstall", "Yes", permits + "1 instance (web1.example.com) is covered now. Go on? y/[n]: ", "web1=reinstall"},
		{"", "policy cluster reinstall", "y", permits + "4 instances (db1.example.com, db2.example.com, web1.example.com, web2.example.com) are covered now. Go on? y/[n]: ", "cluster=reinstall"},
		{"web1=failover;group:rack2=suspend", "policy cluster reinstall", "y", permits + "3 instances (db1.example.com, db2.example.com, web2.example.com) are covered now. Go on? y/[n]: ", "cluster=reinstall group:rack2=suspend web1=failover"},
		{"group:rack1=migrate;web2=migrate", "policy cluster reinstall", "y", permits + "no instance is covered now. Go on? y/[n]: ", "cluster=reinstall group:rack1=migrate web2=migrate"},
		// Taking a tag away can permit it, too.
		{"cluster=reinstall;web1=migrate", "policy web1 none", "y", permits + "1 instance (web1.example.com) is covered now. Go on? y/[n]: ", "cluster=reinstall"},
		{"cluster=reinstall", "policy cluster reinstall", "", "", "cluster=reinstall"},
		{"cluster=reinstall", "policy web1 failover", "", "", "cluster=reinstall web1=failover"},
		{"", "policy cluster failover", "", "", "cluster=failover"},
		{"", "repair web1 reinstall", "y", "This requests new, empty disks for web1.example.com where no node that is online has a copy of the data; as things are, they keep their data. Go on? y/[n]: ", "web1=pending:reinstall:id1:1700000000:"},
		{"", "repair node:node5 reinstall", "y", "This requests new, empty disks for file1.example.com where no node that is online has a copy of the data; 1 instance (file1.example.com) is in that state now. Go on? y/[n]: ", "file1=pending:reinstall:id1:1700000000:"},
		{"web1=pending:reinstall:x:1:", "repair web1 reinstall", "", "", "web1=pending:reinstall:x:1:"},
		{"", "repair web1 failover", "", "", "web1=pending:failover:id1:1700000000:"},
	} {
		bed := func() *bed {
			text := steered
			if strings.Contains(row.args, "node5") {
				text += "node node5.example.com group=rack2 mem=8192 disk=100000 offline\ninstance file1.example.com template=file nodes=node5.example.com mem=512 disk=1000\n"
			}
			b := newBed(t, text)
			for _, part := range strings.Split(row.before, ";") {
				if object, bodies, ok := strings.Cut(part, "="); ok {
					b.tag(object, bodies)
				}
			}
			return b
		}
		b := bed()
		before := b.shown("")
		args := strings.Fields(row.args)
		for _, answer := range []string{"n", "", "yikes"} {
			if row.asked == "" {
				break
			}
			b.tty = &fakeTTY{Reader: strings.NewReader(answer + "\n")}
			b.want(13, 1, "error: nothing is done: the answer was not y\n", args...)
			if asked := strings.Join(strings.Fields(b.tty.asked.String()), " ") + " "; asked != row.asked {
				t.Errorf("%s: asked %q", row.args, asked)
			}
			b.tty = nil
			b.want(13, 2, "nothing is done, as there is no terminal to ask on\nganeti-autorepair: hint: the same command with --yes\n", args...)
			b.tty = &fakeTTY{Reader: strings.NewReader("")}
			if code, _, stderr := b.run(append(args, "--dry-run")...); code != 0 || b.tty.asked.Len() > 0 {
				t.Errorf("%s --dry-run: %d %s", row.args, code, stderr)
			}
			b.idle(row.args)
			if got := b.shown(""); got != before {
				t.Errorf("%s, answered %q: tags %q", row.args, answer, got)
			}
		}
		b.ids = 0
		b.tty = &fakeTTY{Reader: strings.NewReader(row.answer + "\n")}
		if code, _, stderr := b.run(args...); code != 0 || b.shown("") != row.after || (b.tty.asked.Len() > 0) != (row.asked != "") {
			t.Errorf("%s, answered %q: %d, tags %q, want %q, asked %q\n%s", row.args, row.answer, code, b.shown(""), row.after, b.tty.asked.String(), stderr)
		}
		b = bed()
		if code, _, stderr := b.run(append(args, "--yes")...); code != 0 || b.shown("") != row.after {
			t.Errorf("%s --yes: %d, tags %q, want %q\n%s", row.args, code, b.shown(""), row.after, stderr)
		}
	}
}

// A signal ends a command that waits for an answer, and nothing is done.
func TestSignalWhileAsking(t *testing.T) {
	b := newBed(t, steered)
	reader, writer := io.Pipe()
	defer writer.Close()
	b.tty = &fakeTTY{Reader: reader}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	var out, errs strings.Builder
	code := realMain(ctx, []string{"policy", "cluster", "reinstall"}, b.env(&out, &errs))
	if code != 1 || !strings.Contains(errs.String(), "error: stopped by a signal; nothing is done\n") || b.shown("") != "" {
		t.Errorf("%d, %q\n%s", code, b.shown(""), errs.String())
	}
}

// What a person gives as the reason stands in the reason trail of every job, as that
// of gnt-* does, and in the log with what was done.
func TestReasonGiven(t *testing.T) {
	for _, args := range [][]string{
		{"policy", "web1", "failover"}, {"suspend", "web1"}, {"resume", "web1"}, {"repair", "web1", "failover"}, {"ack", "web1"}, {"cancel", "web1"},
		{"stop"}, {"vouch", "--yes", "node2"},
	} {
		b := newBed(t, steered)
		b.tag("web1", map[string]string{"resume": "suspend", "ack": "result:failover:x:1:failure:", "cancel": "pending:failover:x:1:"}[args[0]])
		code, stdout, stderr := b.run(append(args, "--reason", "ticket 17: rack 1 is moved")...)
		if code != 0 {
			t.Fatalf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
		for _, j := range b.m.Jobs() {
			for _, op := range j.Ops {
				if n := len(op.Reason); n < 2 || op.Reason[0].Source != "ganeti-autorepair" || op.Reason[1].Source != "gnt:user" || op.Reason[1].Text != "ticket 17: rack 1 is moved" {
					t.Errorf("%v: job %d: %+v", args, j.ID, op.Reason)
				}
			}
		}
		if len(b.m.Jobs()) == 0 {
			t.Errorf("%v: no jobs", args)
		}
		log, err := os.ReadFile(filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log"))
		if err != nil || strings.Count(string(log), "\n") != 1 || !strings.Contains(string(log), "msg=steered command="+args[0]+" object=") || !strings.Contains(string(log), `why="ticket 17: rack 1 is moved"`) {
			t.Errorf("%v: %v\n%s", args, err, log)
		}
		b.want(2, 2, "a reason is ASCII text", append(args, "--reason", "Rückbau")...)
	}
	b := newBed(t, manyOnNode1(100))
	if code, _, stderr := b.run("suspend", "node:node1", "--reason", "x"); code != 0 {
		t.Fatal(stderr)
	}
	log, _ := os.ReadFile(filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log"))
	if strings.Count(string(log), "\n") != 1 || !strings.Contains(string(log), `command=suspend objects=100 among_them="vm00 vm01 vm02 vm03 vm04" did="suspended until it is resumed" why=x`) {
		t.Errorf("%s", log)
	}
}
