package repair

import (
	"time"
)

// NoFence is the setting that takes the administrator's flag for the promise.
const NoFence = "none"

// Settings are what the engine is told of the settings file.
type Settings struct {
	Interval     time.Duration // least time between the starts of two passes (W1)
	PassTimeout  time.Duration // bound on a whole pass (C3)
	IAllocator   string        // allocator for new places; "" is the cluster's default
	MaxRunning   int           // most repair jobs under way at a time; 0 is no bound (V1)
	MaxNew       int           // most repairs begun in one pass; 0 is no bound (V3)
	MaxUnhealthy int           // percent of a group's nodes; above it no repair is begun there; 100 is no bound (V2)
	MaxAttempts  int           // most tries of one step, the first included (S7)
	ResultsKept  int           // success and enoperm results kept per instance (T9)
	// Fence names the fence that must succeed before an instance of an offline node is
	// touched; "" and NoFence are none (V5).
	Fence string
}

// Fenced reports whether there is a fence.
func (s Settings) Fenced() bool { return s.Fence != "" && s.Fence != NoFence }

// DefaultSettings returns the settings of an empty settings file.
func DefaultSettings() Settings {
	return Settings{
		Interval:     15 * time.Minute,
		PassTimeout:  60 * time.Second,
		MaxRunning:   10,
		MaxUnhealthy: 50,
		MaxAttempts:  3,
		ResultsKept:  1,
		Fence:        NoFence,
	}
}
