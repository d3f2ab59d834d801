package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin"
)

// W2: every key can be set, and what is left out has its default.
func TestSettings(t *testing.T) {
	got, err := parseSettings("f", `
interval = "30m"
busy_interval = "90s"
pass_timeout = "2m"
iallocator = "my-hail"
max_running = 3
max_new_per_pass = 7
max_unhealthy_nodes = 100
max_attempts = 1
results_kept = 0
fence = "/usr/local/sbin/fence"
log = ""
log_format = "json"
metrics_file = "/m.prom"
event_dir = "/d"
`)
	want := plugin.Settings{
		Interval: 30 * time.Minute, BusyInterval: 90 * time.Second, PassTimeout: 2 * time.Minute,
		IAllocator: "my-hail", MaxRunning: 3, MaxNew: 7, MaxUnhealthy: 100, MaxAttempts: 1, ResultsKept: 0, Fence: "/usr/local/sbin/fence", Log: "",
		LogFormat: "json", MetricsFile: "/m.prom", EventDir: "/d",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if n := reflect.TypeOf(want).NumField(); n != len(settingsTable) {
		t.Errorf("%d settings, but the file has %d keys", n, len(settingsTable))
	}
	if got, err := parseSettings("f", "# nothing\n"); err != nil || got != plugin.DefaultSettings() {
		t.Errorf("an empty file gives %+v, %v", got, err)
	}
}

// W2: an error names the file, the line, the key and what is allowed.
func TestBadSettings(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"unknown key", "interval = \"15m\"\n\nmax_runing = 3\n", "f:3: max_runing: unknown key; known are interval, busy_interval,"},
		{"unknown table", "interval = \"15m\"\n[limits]\nmax_running = 3\n", "f:2: limits: unknown key;"},
		{"quoted key", "\"inter val\" = 1\n", "f:1: inter val: unknown key;"},
		{"wrong type", "max_running = \"3\"\n", "f:1: max_running: must be a whole number from 0 (no bound) to 1000"},
		{"number for a time", "# x\ninterval = 15\n", `f:2: interval: must be a time like "15m", from "1s" to "24h"`},
		{"no time", "interval = \"soon\"\n", "f:1: interval: must be a time"},
		{"time too short", "pass_timeout = \"1s\"\n", `f:1: pass_timeout: must be a time like "60s", from "10s" to "10m"`},
		{"too large", "max_unhealthy_nodes = 101\n", "f:1: max_unhealthy_nodes: must be a whole number of percent from 0 to 100"},
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
	if got, err := readSettings(path, false); err != nil || got != plugin.DefaultSettings() {
		t.Errorf("no file: %+v, %v", got, err)
	}
	if _, err := readSettings(path, true); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file, asked for: %v", err)
	}
	if err := os.WriteFile(path, []byte("max_running = 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readSettings(path, true); err != nil || got.MaxRunning != 4 {
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
		if s.Interval < time.Second || s.PassTimeout < 10*time.Second || s.MaxAttempts < 1 || s.MaxUnhealthy > 100 {
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
