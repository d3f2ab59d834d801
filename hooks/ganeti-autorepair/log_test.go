package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a person sees while a pass runs: the instance first, then what is done,
// then the rest.
func TestConsole(t *testing.T) {
	var b bytes.Buffer
	c := console{w: &b, now: time.Now}
	c.Info("repair job released", "instance", "web1", "step", "failover", "job", int64(5), "empty", "")
	c.Warn("failed", "object", "web1", "error", "no such \"thing\" at all")
	c.Info("nothing more")
	c.Info("odd", "left")
	want := "web1: repair job released step=failover job=5\n" +
		"warning: failed object=web1: no such \"thing\" at all\n" +
		"nothing more\n" +
		"odd\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// A log that cannot be written is no reason not to repair.
func TestLogCannotBeWritten(t *testing.T) {
	for name, prepare := range map[string]func(*bed){
		"a file in place of its directory": func(b *bed) { b.write("/var/log/ganeti-autorepair", "") },
		"a directory in its place": func(b *bed) {
			if err := os.MkdirAll(filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log"), 0o755); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		b := newBed(t, badNode)
		prepare(b)
		b.want(0, 1, "warning: no log:", "run", "--from-watcher")
		if len(b.m.Jobs()) == 0 {
			t.Errorf("%s: nothing was done", name)
		}
	}
}

// Settings may name another log, or none; it is below the root directory.
func TestLogElsewhere(t *testing.T) {
	b := newBed(t, badNode)
	b.write("/etc/ganeti/autorepair.toml", "log = \"/var/log/other/file.log\"\n")
	b.want(0, 0, "", "run", "--from-watcher")
	data, err := os.ReadFile(filepath.Join(b.root, "/var/log/other/file.log"))
	if err != nil || !strings.Contains(string(data), "repair job released") {
		t.Errorf("%q, %v", data, err)
	}
	b = newBed(t, badNode)
	b.write("/etc/ganeti/autorepair.toml", "log = \"\"\n")
	b.want(0, 0, "", "run", "--from-watcher")
	if _, err := os.Stat(filepath.Join(b.root, "/var/log")); err == nil {
		t.Error("there is a log")
	}
}

// T10: unreadable tags are reported with object and text, in the log and to a
// person.
func TestUnreadableTagsAreReported(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, "group default", "group default tags=ganeti:watcher:autorepair:failovr")+
		"\ninstance odd nodes=node3 tags=ganeti:watcher:autorepair:pending:x")
	_, stdout, stderr := b.run("run")
	for _, text := range []string{"ganeti:watcher:autorepair:failovr", "ganeti:watcher:autorepair:pending:x"} {
		if !strings.Contains(stderr, "warning: unreadable tag") || !strings.Contains(stderr, text) {
			t.Errorf("nothing about %s in\n%s", text, stderr)
		}
		if !strings.Contains(stdout, text) {
			t.Errorf("nothing about %s in the table\n%s", text, stdout)
		}
	}
	data, err := os.ReadFile(filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log"))
	if err != nil || !strings.Contains(string(data), `object="group default"`) || !strings.Contains(string(data), `object="instance odd"`) {
		t.Errorf("%v, %s", err, data)
	}
	if !strings.Contains(string(data), "did_you_mean=ganeti:watcher:autorepair:failover") || !strings.Contains(stdout, "did you mean ganeti:watcher:autorepair:failover?") {
		t.Errorf("no suggestion in\n%s%s", data, stdout)
	}
	_, stdout, _ = b.run("status", "--json")
	for _, text := range []string{`"object": "group default"`, `"object": "instance odd"`, `"did_you_mean": "ganeti:watcher:autorepair:failover"`} {
		if !strings.Contains(stdout, text) {
			t.Errorf("no %s in\n%s", text, stdout)
		}
	}
}
