package main

import (
	"regexp"
	"time"

	"ganeti-autorepair/plugin/repair"
)

// settings are the settings of the file: those of the engine, and those that only
// the program needs.
type settings struct {
	engine repair.Settings

	interval     time.Duration // least time between the starts of two passes (W1)
	busyInterval time.Duration // the same while repairs are pending (W1)
	log          string        // log file; "" is none
	logFormat    string        // of the log file: "text" or "json"
	metricsFile  string        // for Prometheus' text-file collector; "" is none
	eventDir     string        // directory of programs to run on events; "" is none
	// rehearsalMetrics says that each pass rehearses the loss of every node for the
	// metrics (N3).
	rehearsalMetrics bool
	deadNodes        string // what passes do about nodes that do not answer (K4)
}

// defaultSettings returns the settings of an empty settings file.
func defaultSettings() settings {
	return settings{
		engine:       repair.DefaultSettings(),
		interval:     15 * time.Minute,
		busyInterval: 4 * time.Minute,
		log:          "/var/log/ganeti-autorepair/ganeti-autorepair.log",
		logFormat:    "text",
		deadNodes:    deadNodesReport,
	}
}

// setting is one key of the settings file.
type setting struct {
	key     string
	allowed string // in words, for errors
	set     func(*settings, any) bool
}

// refusal returns what a value must be instead.
func (k setting) refusal(v any) string {
	if k.key == "max_unhealthy_nodes" && (v == any(int64(0)) || v == any("0")) {
		return `"100%" if there is to be no bound, or "0%" if one bad node is to block the repairs of its group; 0 could mean both`
	}
	return k.allowed
}

var settingsTable = []setting{
	{"interval", `a time like "15m", from "1s" to "24h"`, duration(time.Second, 24*time.Hour, func(s *settings) *time.Duration { return &s.interval })},
	{"busy_interval", `a time like "4m", from "1s" to "24h"`, duration(time.Second, 24*time.Hour, func(s *settings) *time.Duration { return &s.busyInterval })},
	{"pass_timeout", `a time like "60s", from "10s" to "10m"`, duration(10*time.Second, 10*time.Minute, func(s *settings) *time.Duration { return &s.engine.PassTimeout })},
	{"iallocator", `the name of an allocator, or "" for the cluster's default`, text(`^[a-zA-Z0-9_.-]*$`, func(s *settings) *string { return &s.engine.IAllocator })},
	{"max_running", "a whole number from 0 (no bound) to 1000", number(0, 1000, func(s *settings) *int { return &s.engine.MaxRunning })},
	{"max_copying", "a whole number from 0 (no bound) to 1000", number(0, 1000, func(s *settings) *int { return &s.engine.MaxCopying })},
	{"replace_disks_after", `a time like "10m", from "0s" to "168h"`, duration(0, 168*time.Hour, func(s *settings) *time.Duration { return &s.engine.ReplaceDisksAfter })},
	{"max_new_per_pass", "a whole number from 0 (no bound) to 100000", number(0, 100000, func(s *settings) *int { return &s.engine.MaxNew })},
	{"max_unhealthy_nodes", `a share like "50%", a number of nodes like "2", or a whole number of percent from 1 to 100 (no bound)`, setShare},
	{"max_attempts", "a whole number from 1 to 10", number(1, 10, func(s *settings) *int { return &s.engine.MaxAttempts })},
	{"results_kept", "a whole number from 0 to 100", number(0, 100, func(s *settings) *int { return &s.engine.ResultsKept })},
	{"fence", `"none", "oob", or the absolute path of a command`, text(`^(none|oob|/[^\x00]*)$`, func(s *settings) *string { return &s.engine.Fence })},
	{"disks", `"off", "report" or "repair"`, text(`^(off|report|repair)$`, func(s *settings) *string { return &s.engine.Disks })},
	{"disk_grace", `a time like "20m", from "5m" to "2h"`, duration(5*time.Minute, 2*time.Hour, func(s *settings) *time.Duration { return &s.engine.DiskGrace })},
	{"repeat_after", `a time like "24h", from "1h" to "720h"`, duration(time.Hour, 720*time.Hour, func(s *settings) *time.Duration { return &s.engine.RepeatAfter })},
	{"relocate", `"off", "report" or "repair"`, text(`^(off|report|repair)$`, func(s *settings) *string { return &s.engine.Relocate })},
	{"restart_tries", "a whole number from 0 (never) to 100", number(0, 100, func(s *settings) *int { return &s.engine.RestartTries })},
	{"max_relocations", "a whole number from 0 (no bound) to 1000", number(0, 1000, func(s *settings) *int { return &s.engine.MaxRelocations })},
	{"dead_nodes", `"off", "report" or "offline"`, setDeadNodes},
	{"dead_after", `a time like "10m", from "5m" to "24h"`, duration(5*time.Minute, 24*time.Hour, func(s *settings) *time.Duration { return &s.engine.Marking.After })},
	{"max_silent", "a whole number from 1 to 1000", number(1, 1000, func(s *settings) *int { return &s.engine.Marking.MaxSilent })},
	{"log", `the absolute path of a file, or "" for none`, text(`^(/[^\x00]*)?$`, func(s *settings) *string { return &s.log })},
	{"log_format", `"text" or "json"`, text(`^(text|json)$`, func(s *settings) *string { return &s.logFormat })},
	{"metrics_file", `the absolute path of a file that ends in .prom, or "" for none`, text(`^(/[^\x00]*\.prom)?$`, func(s *settings) *string { return &s.metricsFile })},
	{"rehearsal_metrics", "true or false", boolean(func(s *settings) *bool { return &s.rehearsalMetrics })},
	{"event_dir", `the absolute path of a directory, or "" for none`, text(`^(/[^\x00]*)?$`, func(s *settings) *string { return &s.eventDir })},
}

// setShare reads a bound on bad nodes. A bare 0 is refused, as a number of nodes, too:
// elsewhere it means that there is no bound (V2).
func setShare(s *settings, v any) bool {
	switch v := v.(type) {
	case int64:
		s.engine.MaxUnhealthy = repair.Share{Percent: int(v)}
		return v >= 1 && v <= 100
	case string:
		share, err := repair.ParseShare(v)
		s.engine.MaxUnhealthy = share
		return err == nil && v != "0"
	}
	return false
}

// setDeadNodes reads what is done about nodes that do not answer.
func setDeadNodes(s *settings, v any) bool {
	ok := text(`^(off|report|offline)$`, func(s *settings) *string { return &s.deadNodes })(s, v)
	s.engine.Marking.On = s.deadNodes == deadNodesOffline
	return ok
}

func duration(min, max time.Duration, at func(*settings) *time.Duration) func(*settings, any) bool {
	return func(s *settings, v any) bool {
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

func number(min, max int64, at func(*settings) *int) func(*settings, any) bool {
	return func(s *settings, v any) bool {
		n, ok := v.(int64)
		if !ok || n < min || n > max {
			return false
		}
		*at(s) = int(n)
		return true
	}
}

func boolean(at func(*settings) *bool) func(*settings, any) bool {
	return func(s *settings, v any) bool {
		b, ok := v.(bool)
		*at(s) = b
		return ok
	}
}

func text(pattern string, at func(*settings) *string) func(*settings, any) bool {
	re := regexp.MustCompile(pattern)
	return func(s *settings, v any) bool {
		word, ok := v.(string)
		if !ok || !re.MatchString(word) {
			return false
		}
		*at(s) = word
		return true
	}
}
