package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// O: what a pass met and no tag shows, here a tag that could not be written, is told by
// everything that looks until the next pass; nothing says that the instance is ready.
func TestWhatThePassMetIsTold(t *testing.T) {
	b := newBed(t, badNode)
	b.screen.columns = 300
	out := b.told(map[string]string{"10-env": `[ -z "$AUTOREPAIR_REASON" ] || echo "$AUTOREPAIR_EVENT $AUTOREPAIR_INSTANCE $AUTOREPAIR_REASON $AUTOREPAIR_WHY" >>OUT`})
	b.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\nmetrics_file = \"/metrics.prom\"\n")
	broken := true
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if broken && op.ID == "OP_TAGS_SET" {
			return luxitest.OpFails("OpExecError", "no room on the disk", "")
		}
		return luxitest.OpPass()
	})
	if code, _, stderr := b.run("run", "--from-watcher"); code != 1 || !strings.Contains(stderr, "no room on the disk") {
		t.Errorf("%d: %s", code, stderr)
	}
	told := func(want bool) {
		t.Helper()
		for _, args := range [][]string{{"status"}, {"status", "--json"}, {"explain", "web1"}, {"explain", "web1", "--json"}, {"check", "-v"}} {
			_, stdout, stderr := b.run(args...)
			if got := strings.Contains(stdout, "not-begun") && strings.Contains(stdout, "no room on the disk"); got != want {
				t.Errorf("%v tells of it: %v\n%s%s", args, got, stdout, stderr)
			}
			if args[0] != "check" && want && (strings.Contains(stdout, "ready") || strings.Contains(stdout, "The next pass submits")) {
				t.Errorf("%v says that it is ready\n%s", args, stdout)
			}
		}
	}
	b.m.RunUntilQuiet() // what was held expires
	told(true)
	if text := strings.Join(lines(t, filepath.Join(b.root, "metrics.prom")), "\n"); !strings.Contains(text, `,reason="not-begun"} 1`) {
		t.Errorf("metrics:\n%s", text)
	}
	got := lines(t, out)
	if len(got) != 1 || !strings.HasPrefix(got[0], "repair-blocked web1 not-begun its tags were not written: ") {
		t.Errorf("events: %q", got)
	}
	broken = false
	b.run("run")
	told(false)
	if got := lines(t, out); len(got) != 1 {
		t.Errorf("events: %q", got)
	}
}

// A failed repair is told with the error of its job, and with how often it was tried, in
// status, explain, history and the event, and by a snapshot as well.
func TestWhyARepairFailed(t *testing.T) {
	b := newBed(t, badNode)
	b.screen.columns = 300
	out := b.told(map[string]string{"10-env": `[ "$AUTOREPAIR_EVENT" != repair-ended ] || echo "$AUTOREPAIR_WHY" >>OUT`})
	b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" {
			return luxitest.OpFails("OpExecError", "it broke", "")
		}
		return luxitest.OpPass()
	})
	b.run("run", "--wait")
	b.m.ArchiveJobs(0)
	file := filepath.Join(b.root, "saved")
	b.want(0, 0, "", "status", "--save", file)
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"explain", "web1"}, {"status", "--snapshot", file}} {
		_, stdout, stderr := b.run(args...)
		if !strings.Contains(stdout, "(failover): it broke; tried 3 times") {
			t.Errorf("%v:\n%s%s", args, stdout, stderr)
		}
	}
	var h historyJSON
	_, stdout, _ := b.run("history", "--json")
	if err := json.Unmarshal([]byte(stdout), &h); err != nil || len(h.Repairs) != 1 || len(h.Repairs[0].Jobs) != 3 || h.Repairs[0].Jobs[2].Error != "it broke" {
		t.Errorf("%v\n%s", err, stdout)
	}
	if got := strings.Join(lines(t, out), "|"); !strings.HasSuffix(got, ": it broke; tried 3 of 3 times") {
		t.Errorf("event: %s", got)
	}
}
