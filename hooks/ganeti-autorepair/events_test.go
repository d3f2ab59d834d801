package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// told makes an event directory with programs by name, and returns the file that
// they write to.
func (b *bed) told(programs map[string]string) string {
	b.t.Helper()
	out := filepath.Join(b.root, "told")
	b.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\n")
	for name, text := range programs {
		b.write("/events/"+name, "#!/bin/sh\n"+strings.ReplaceAll(text, "OUT", out)+"\n")
		if err := os.Chmod(filepath.Join(b.root, "events", name), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	return out
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

// A repair that began, one that ended, one that a valve blocks, and a node without
// instances are told once each, with the facts in the environment and on standard input.
func TestEvents(t *testing.T) {
	b := newBed(t, badNode)
	out := b.told(map[string]string{
		"10-env":      `echo "$AUTOREPAIR_EVENT $AUTOREPAIR_CLUSTER $AUTOREPAIR_INSTANCE $AUTOREPAIR_REPAIR $AUTOREPAIR_TYPE $AUTOREPAIR_STEP $AUTOREPAIR_JOBS $AUTOREPAIR_RESULT $AUTOREPAIR_VALVE" >>OUT`,
		"20-json":     `cat >>OUT.json`,
		"30-dead":     `cat >/dev/null; exit 3`,
		"notrun.sh":   `echo never >>OUT`,
		"40-unread":   `exit 0`,
		"50-writable": `echo never >>OUT`,
		"60-plain":    `echo never >>OUT`,
	})
	os.Chmod(filepath.Join(b.root, "events/50-writable"), 0o777)
	os.Chmod(filepath.Join(b.root, "events/60-plain"), 0o644)
	text := strings.Join(b.nextPass(), "\n")
	if !strings.Contains(text, `msg="event program failed" program=`) || !strings.Contains(text, `30-dead event=repair-started instance=web1 error="exit 3"`) ||
		!strings.Contains(text, "others than its owner can write") {
		t.Errorf("log:\n%s", text)
	}
	b.nextPass()
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Node("node3").Drained, c.Node("node4").Drained = true, true
		c.Instance("web2").Tags = []string{"ganeti:watcher:autorepair:failover"}
	})
	b.nextPass()
	b.nextPass()
	want := []string{
		"repair-started cluster web1 id1 failover failover 3  ",
		"repair-ended cluster web1 id1 failover  3 success ",
		"repair-blocked cluster web2  failover    max_unhealthy_nodes",
		"node-empty cluster       ", // node4, which nothing lives on
	}
	if got := lines(t, out); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got := lines(t, out+".json")
	if len(got) != 4 {
		t.Fatalf("%q", got)
	}
	for _, line := range got {
		validate(t, "event.json", line)
	}
	var v event
	if err := json.Unmarshal([]byte(got[0]), &v); err != nil || v.Instance != "web1" || v.Jobs != "3" || v.Time == 0 {
		t.Errorf("%v: %s", err, got[0])
	}
}

// C3: no event program stops or delays a pass: its work, its stamp and its exit
// code are the same, and its lock is released meanwhile.
func TestEventProgramsCannotStopAPass(t *testing.T) {
	b := newBed(t, badNode)
	out := b.told(map[string]string{
		"1-hangs":  `echo begun >>OUT; sleep 1000 & sleep 1000`,
		"2-killer": `kill -9 $$`,
		"3-noisy":  `yes x | head -c 1000000; exit 1`,
		"4-closes": `exec <&-; exit 0`,
	})
	b.bounds = eventBounds{one: 300 * time.Millisecond, all: 10 * time.Second}
	b.want(0, 0, "", "run", "--from-watcher")
	text := strings.Join(b.log(), "\n")
	for _, part := range []string{"1-hangs event=repair-started instance=web1 error=\"killed, as it did not end in time\"", "2-killer", "3-noisy"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if len(text) > 5000 {
		t.Errorf("%d bytes of log", len(text))
	}
	if got := lines(t, out); len(got) != 1 {
		t.Errorf("%q", got)
	}
	lock, err := takeLock(newPaths(b.getenv).state())
	if err != nil {
		t.Fatal(err)
	}
	if s, ok, _ := lock.state.readStamp(); !ok || !s.Busy {
		t.Errorf("stamp %+v, %v", s, ok)
	}
	lock.release()
	// All together they have a bound, too.
	b.m.RunUntilQuiet()
	b.m.Advance(5 * time.Minute)
	b.bounds = eventBounds{one: time.Minute, all: 300 * time.Millisecond}
	b.want(0, 0, "", "run", "--from-watcher")
	if text := strings.Join(b.log(), "\n"); !strings.Contains(text, `msg="event programs take too long" events_not_told=1`) {
		t.Errorf("log:\n%s", text)
	}
}

// A directory that is missing, or that others could write, is told, and the pass
// is as it is without.
func TestNoEventDirectory(t *testing.T) {
	for what, prepare := range map[string]func(*bed){
		"no such file or directory": func(b *bed) { b.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\n") },
		"others than its owner can write ": func(b *bed) {
			b.told(map[string]string{"x": "echo never >>OUT"})
			os.Chmod(filepath.Join(b.root, "events"), 0o777)
		},
	} {
		b := newBed(t, badNode)
		prepare(b)
		b.want(0, 0, "", "run", "--from-watcher")
		if text := strings.Join(b.log(), "\n"); !strings.Contains(text, `msg="no event is told"`) || !strings.Contains(text, what) {
			t.Errorf("%s:\n%s", what, text)
		}
		if got := lines(t, filepath.Join(b.root, "told")); got != nil {
			t.Errorf("%q", got)
		}
		b.m.RunUntilQuiet()
		if p := b.m.Snapshot().Instance("web1").Primary; p == "node2" {
			t.Error("web1 was not repaired")
		}
	}
}

// What a pass did before it failed is told, too: here luxid dies over a dry run
// for an instance that found no room, after the other's result was written.
func TestEventsOfAFailedPass(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, "web2 template=sharedfile nodes=node2 state=up mem=512", "web2 template=sharedfile nodes=node2 state=up mem=99999 tags=ganeti:watcher:autorepair:failover"))
	out := b.told(map[string]string{"x": `echo "$AUTOREPAIR_EVENT $AUTOREPAIR_INSTANCE $AUTOREPAIR_RESULT" >>OUT`})
	b.want(0, 0, "", "run", "--from-watcher")
	b.m.RunUntilQuiet()
	b.m.Advance(5 * time.Minute)
	submissions := 0
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "SubmitManyJobs" {
			if submissions++; submissions == 2 {
				return luxitest.DieBefore()
			}
		}
		return luxitest.Pass()
	})
	code, _, stderr := b.run("run", "--from-watcher")
	b.m.OnCall(nil)
	if code != 1 || strings.Count(stderr, "\n") != 1 || submissions != 2 {
		t.Errorf("%d, %d submissions: %s", code, submissions, stderr)
	}
	if got := strings.Join(lines(t, out), "\n"); got != "repair-started web1 \nrepair-started web2 \nrepair-ended web1 success" {
		t.Errorf("told:\n%s", got)
	}
}
