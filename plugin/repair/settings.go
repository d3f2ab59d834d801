package repair

import (
	"time"
)

// NoFence is the value of fence with which no fence is run: a node that is marked offline
// counts as switched off.
const NoFence = "none"

// Settings are what the engine is told of the settings file.
type Settings struct {
	Interval    time.Duration // least time between the starts of two passes (W1)
	PassTimeout time.Duration // bound on a whole pass (C3)
	IAllocator  string        // allocator for new places; "" is the cluster's default
	MaxRunning  int           // most jobs under way at a time that bring instances back; 0 is no bound (V1, P20)
	MaxCopying  int           // most jobs under way at a time that copy or migrate; 0 is no bound (P20)
	// ReplaceDisksAfter is how long after a repair became pending copying begins (V7).
	ReplaceDisksAfter time.Duration
	MaxNew            int   // most repairs begun in one pass; 0 is no bound (V3)
	MaxUnhealthy      Share // of a group's nodes; above it no repair is begun there (V2)
	MaxAttempts       int   // most tries of one step, the first included (S7)
	ResultsKept       int   // success and enoperm results kept per instance (T9)
	// Fence names the fence that must succeed before an instance of an offline node is
	// touched; "" and NoFence are none (V5).
	Fence string
	// Marking says which nodes that do not answer are marked offline (K5).
	Marking MarkSettings
	// Disks and Relocate say what passes do about broken disks on good nodes, and about
	// instances that ganeti-watcher has given up: WatchOff, WatchReport or WatchRepair.
	Disks, Relocate string
	DiskGrace       time.Duration // how long a sign of broken disks has to last (D1)
	RepeatAfter     time.Duration // how long after a repair on good nodes policy allows no other one (D7)
	RestartTries    int           // failed starts by ganeti-watcher after which it has given up; 0 is never (R1)
	MaxRelocations  int           // most instances of a group that may have been given up for them to be moved; 0 is no bound (R2)
}

// Fenced reports whether there is a fence.
func (s Settings) Fenced() bool { return s.Fence != "" && s.Fence != NoFence }

// DefaultSettings returns the settings of an empty settings file.
func DefaultSettings() Settings {
	return Settings{
		Interval:     15 * time.Minute,
		PassTimeout:  60 * time.Second,
		MaxRunning:   10,
		MaxCopying:   5,
		MaxUnhealthy: Share{Percent: 50},
		MaxAttempts:  3,
		ResultsKept:  1,
		Fence:        NoFence,
		Marking:      DefaultMarkSettings(),

		Disks:          WatchReport,
		Relocate:       WatchReport,
		DiskGrace:      20 * time.Minute,
		RepeatAfter:    24 * time.Hour,
		RestartTries:   5,
		MaxRelocations: 3,
	}
}

// copies reports whether the step copies disks or memory, and so takes long without
// bringing anything back (P20).
func copies(step Step) bool { return step.rebuilds() || step == StepMigrate }

// limitOf returns the limit of the jobs that take a step. What brings an instance back
// never waits behind what copies.
func limitOf(step Step, set Settings) Limit {
	if copies(step) {
		return Limit{Label: Source + "-copying", Jobs: set.MaxCopying}
	}
	return Limit{Label: Source, Jobs: set.MaxRunning}
}
