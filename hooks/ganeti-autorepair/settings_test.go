package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
)

// everySetting is a settings file in which every key has another value than by
// default.
const everySetting = `interval = "30m"
busy_interval = "90s"
pass_timeout = "2m"
iallocator = "my-hail"
max_running = 3
max_copying = 2
replace_disks_after = "10m"
max_new_per_pass = 7
max_unhealthy_nodes = 100
max_attempts = 1
results_kept = 0
fence = "/usr/local/sbin/fence"
log = ""
log_format = "json"
metrics_file = "/m.prom"
event_dir = "/d"
rehearsal_metrics = true
dead_nodes = "offline"
dead_after = "7m"
max_silent = 2
disks = "repair"
disk_grace = "30m"
repeat_after = "48h"
relocate = "repair"
restart_tries = 3
max_relocations = 0
`

// W2: every key can be set, and what is left out has its default.
func TestSettings(t *testing.T) {
	got, err := parseSettings("f", everySetting)
	want := defaultSettings()
	want.interval, want.busyInterval, want.log, want.logFormat, want.metricsFile, want.eventDir = 30*time.Minute, 90*time.Second, "", "json", "/m.prom", "/d"
	want.rehearsalMetrics, want.deadNodes = true, "offline"
	e := &want.engine
	e.PassTimeout, e.IAllocator, e.MaxRunning, e.MaxNew, e.MaxUnhealthy, e.MaxAttempts, e.ResultsKept, e.Fence = 2*time.Minute, "my-hail", 3, 7, repair.Share{Percent: 100}, 1, 0, "/usr/local/sbin/fence"
	e.Marking = repair.MarkSettings{On: true, After: 7 * time.Minute, MaxSilent: 2}
	e.MaxCopying, e.ReplaceDisksAfter = 2, 10*time.Minute
	e.Disks, e.DiskGrace, e.RepeatAfter = "repair", 30*time.Minute, 48*time.Hour
	e.Relocate, e.RestartTries, e.MaxRelocations = "repair", 3, 0
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := parseSettings("f", "# nothing\n"); err != nil || !reflect.DeepEqual(got, defaultSettings()) {
		t.Errorf("an empty file gives %+v, %v", got, err)
	}
	lines := strings.SplitAfter(strings.TrimRight(everySetting, "\n"), "\n")
	if len(lines) != len(settingsTable) {
		t.Errorf("%d settings are tried, there are %d", len(lines), len(settingsTable))
	}
	for _, line := range lines {
		if got, err := parseSettings("f", line); err != nil || reflect.DeepEqual(got, defaultSettings()) {
			t.Errorf("%s: changes nothing: %v", line, err)
		}
	}
}

// W2: an error names the file, the line, the key and what is allowed.
func TestBadSettings(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"unknown key", "interval = \"15m\"\n\nmax_runing = 3\n", "f:3: max_runing: unknown key; did you mean max_running?"},
		{"key with hyphens", "max-new-per-pass = 3\n", "f:1: max-new-per-pass: unknown key; did you mean max_new_per_pass?"},
		{"half a key", "max_unhealthy = 3\n", "f:1: max_unhealthy: unknown key; did you mean max_unhealthy_nodes?"},
		{"unknown table", "interval = \"15m\"\n[limits]\nmax_running = 3\n", "f:2: limits: unknown key; known are interval, busy_interval,"},
		{"quoted key", "\"inter val\" = 1\n", "f:1: inter val: unknown key;"},
		{"wrong type", "max_running = \"3\"\n", "f:1: max_running: must be a whole number from 0 (no bound) to 1000"},
		{"number for a time", "# x\ninterval = 15\n", `f:2: interval: must be a time like "15m", from "1s" to "24h"`},
		{"no time", "interval = \"soon\"\n", "f:1: interval: must be a time"},
		{"time too short", "pass_timeout = \"1s\"\n", `f:1: pass_timeout: must be a time like "60s", from "10s" to "10m"`},
		{"too large", "max_unhealthy_nodes = 101\n", "f:1: max_unhealthy_nodes: must be a share like \"50%\", a number of nodes like \"2\", or a whole number"},
		{"zero unhealthy nodes", "max_unhealthy_nodes = 0\n", `f:1: max_unhealthy_nodes: must be "100%" if there is to be no bound, or "0%" if one bad node is to block the repairs of its group; 0 could mean both`},
		{"zero unhealthy nodes in words", "max_unhealthy_nodes = \"0\"\n", `f:1: max_unhealthy_nodes: must be "100%" if there is to be no bound, or "0%" if one bad node is to block the repairs of its group; 0 could mean both`},
		{"negative", "results_kept = -1\n", "f:1: results_kept: must be a whole number from 0 to 100"},
		{"zero tries", "max_attempts = 0\n", "f:1: max_attempts: must be a whole number from 1 to 10"},
		{"fraction", "max_attempts = 2.5\n", "f:1: max_attempts: must be"},
		{"relative log", "log = \"x.log\"\n", "f:1: log: must be the absolute path of a file"},
		{"list", "iallocator = [\"hail\"]\n", "f:1: iallocator: must be the name of an allocator"},
		{"two of one", "interval = \"1m\"\nmax_running = 1\nmax_running = 2\n", "f:3: "},
		{"no TOML", "interval = \"1m\"\ninterval 15m\n", "f:2: "},
		{"unclosed", "interval = \"1m\n", "f:1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseSettings("f", tt.file)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s...", err, tt.want)
			}
		})
	}
}

// A settings file that does not exist is empty, unless it was asked for.
func TestSettingsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "autorepair.toml")
	if got, err := readSettings(path, false); err != nil || !reflect.DeepEqual(got, defaultSettings()) {
		t.Errorf("no file: %+v, %v", got, err)
	}
	if _, err := readSettings(path, true); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file, asked for: %v", err)
	}
	if err := os.WriteFile(path, []byte("max_running = 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readSettings(path, true); err != nil || got.engine.MaxRunning != 4 {
		t.Errorf("a file: %+v, %v", got, err)
	}
}

// FuzzSettings: whatever the file holds, it is read or refused in one line that
// names the file, and what is read is within its bounds.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"", "interval = \"15m\"", "x = 1", "[a]\nb=1", "interval = 1979-05-27", "log = '/x'", "a.b.c = 1", "\"\" = 1", "max_running = 0x10", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		s, err := parseSettings("file", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") {
				t.Errorf("error %q does not begin with the file", err)
			}
			return
		}
		if s.interval < time.Second || s.engine.PassTimeout < 10*time.Second || s.engine.MaxAttempts < 1 || s.engine.MaxUnhealthy.Percent > 100 {
			t.Errorf("accepted %+v", s)
		}
	})
}

// W2: whatever is wrong with the file's form is told in words, with its line.
func TestSettingsSyntax(t *testing.T) {
	for _, text := range []string{"interval \"x\"\n", "interval =\n", "interval = \"\xff\"\n", "[interval\n", "a = 1\na = 2\n"} {
		_, err := parseSettings("c.toml", text)
		if err == nil {
			t.Errorf("%q is taken", text)
			continue
		}
		if m := regexp.MustCompile(`^c\.toml:\d+: (.+)$`).FindStringSubmatch(err.Error()); m == nil || len(m[1]) < 8 || strings.Contains(m[1], "toml:") {
			t.Errorf("%q: %q", text, err)
		}
	}
}
