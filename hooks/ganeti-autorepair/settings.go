package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"ganeti-autorepair/plugin"
)

// setting is one key of the settings file.
type setting struct {
	key     string
	allowed string // in words, for errors
	set     func(*plugin.Settings, any) bool
}

var settingsTable = []setting{
	{"interval", `a time like "15m", from "1s" to "24h"`, duration(time.Second, 24*time.Hour, func(s *plugin.Settings) *time.Duration { return &s.Interval })},
	{"busy_interval", `a time like "4m", from "1s" to "24h"`, duration(time.Second, 24*time.Hour, func(s *plugin.Settings) *time.Duration { return &s.BusyInterval })},
	{"pass_timeout", `a time like "60s", from "10s" to "10m"`, duration(10*time.Second, 10*time.Minute, func(s *plugin.Settings) *time.Duration { return &s.PassTimeout })},
	{"iallocator", `the name of an allocator, or "" for the cluster's default`, text(`^[a-zA-Z0-9_.-]*$`, func(s *plugin.Settings) *string { return &s.IAllocator })},
	{"max_running", "a whole number from 0 (no bound) to 1000", number(0, 1000, func(s *plugin.Settings) *int { return &s.MaxRunning })},
	{"max_new_per_pass", "a whole number from 0 (no bound) to 100000", number(0, 100000, func(s *plugin.Settings) *int { return &s.MaxNew })},
	{"max_unhealthy_nodes", "a whole number of percent from 0 to 100 (no bound)", number(0, 100, func(s *plugin.Settings) *int { return &s.MaxUnhealthy })},
	{"max_attempts", "a whole number from 1 to 10", number(1, 10, func(s *plugin.Settings) *int { return &s.MaxAttempts })},
	{"results_kept", "a whole number from 0 to 100", number(0, 100, func(s *plugin.Settings) *int { return &s.ResultsKept })},
	{"fence", `"none", or the absolute path of a command`, text(`^(none|/[^\x00]*)$`, func(s *plugin.Settings) *string { return &s.Fence })},
	{"log", `the absolute path of a file, or "" for none`, text(`^(/[^\x00]*)?$`, func(s *plugin.Settings) *string { return &s.Log })},
	{"log_format", `"text" or "json"`, text(`^(text|json)$`, func(s *plugin.Settings) *string { return &s.LogFormat })},
	{"metrics_file", `the absolute path of a file that ends in .prom, or "" for none`, text(`^(/[^\x00]*\.prom)?$`, func(s *plugin.Settings) *string { return &s.MetricsFile })},
	{"event_dir", `the absolute path of a directory, or "" for none`, text(`^(/[^\x00]*)?$`, func(s *plugin.Settings) *string { return &s.EventDir })},
}

func duration(min, max time.Duration, at func(*plugin.Settings) *time.Duration) func(*plugin.Settings, any) bool {
	return func(s *plugin.Settings, v any) bool {
		word, ok := v.(string)
		if !ok {
			return false
		}
		d, err := time.ParseDuration(word)
		if err != nil || d < min || d > max {
			return false
		}
		*at(s) = d
		return true
	}
}

func number(min, max int64, at func(*plugin.Settings) *int) func(*plugin.Settings, any) bool {
	return func(s *plugin.Settings, v any) bool {
		n, ok := v.(int64)
		if !ok || n < min || n > max {
			return false
		}
		*at(s) = int(n)
		return true
	}
}

func text(pattern string, at func(*plugin.Settings) *string) func(*plugin.Settings, any) bool {
	re := regexp.MustCompile(pattern)
	return func(s *plugin.Settings, v any) bool {
		word, ok := v.(string)
		if !ok || !re.MatchString(word) {
			return false
		}
		*at(s) = word
		return true
	}
}

// readSettings reads the settings file. One that does not exist is empty,
// unless it was asked for by name. Every error names the file, the line, the
// key and what is allowed (W2).
func readSettings(path string, mustExist bool) (plugin.Settings, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		return plugin.DefaultSettings(), nil
	}
	if err != nil {
		return plugin.Settings{}, fmt.Errorf("settings: %w", err)
	}
	return parseSettings(path, string(data))
}

// tomlHead is what the decoder puts before the text of an error.
var tomlHead = regexp.MustCompile(`^toml: line \d+( \(last key "[^"]*"\))?: `)

func parseSettings(path, data string) (plugin.Settings, error) {
	s := plugin.DefaultSettings()
	var values map[string]any
	if _, err := toml.Decode(data, &values); err != nil {
		var bad toml.ParseError
		if errors.As(err, &bad) {
			// Some of its errors have their text in the error alone.
			text := bad.Message
			if text == "" {
				text = tomlHead.ReplaceAllString(bad.Error(), "")
			}
			return s, fmt.Errorf("%s:%d: %s", path, bad.Position.Line, strings.TrimSuffix(text, "."))
		}
		return s, fmt.Errorf("%s: %s", path, err)
	}
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(a, b int) bool { return lineOf(data, keys[a]) < lineOf(data, keys[b]) })
	for _, key := range keys {
		known := settingFor(key)
		if known == nil {
			return s, fmt.Errorf("%s:%d: %s: unknown key; known are %s", path, lineOf(data, key), key, knownKeys())
		}
		if !known.set(&s, values[key]) {
			return s, fmt.Errorf("%s:%d: %s: must be %s", path, lineOf(data, key), key, known.allowed)
		}
	}
	return s, nil
}

func settingFor(key string) *setting {
	for k := range settingsTable {
		if settingsTable[k].key == key {
			return &settingsTable[k]
		}
	}
	return nil
}

func knownKeys() string {
	var keys []string
	for _, s := range settingsTable {
		keys = append(keys, s.key)
	}
	return strings.Join(keys, ", ")
}

// lineOf finds the line on which a top-level key or table begins; the decoder
// does not tell.
func lineOf(data, key string) int {
	name := regexp.QuoteMeta(key)
	re := regexp.MustCompile(`^\s*(\[\[?\s*)?(` + name + `|"` + name + `"|'` + name + `')\s*[]=.]`)
	for n, line := range strings.Split(data, "\n") {
		if re.MatchString(line) {
			return n + 1
		}
	}
	return 1
}
