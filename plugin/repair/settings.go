package repair

import (
	"time"
)

// NoFence is the setting that takes the administrator's flag for the promise.
const NoFence = "none"

// Settings steer the engine. Defaults are in DefaultSettings.
type Settings struct {
	Interval     time.Duration // least time between the starts of two passes (W1)
	BusyInterval time.Duration // the same while repairs are pending (W1)
	PassTimeout  time.Duration // bound on a whole pass (C3)
	IAllocator   string        // allocator for new places; "" is the cluster's default
	MaxRunning   int           // most repair jobs under way at a time; 0 is no bound (V1)
	MaxNew       int           // most repairs begun in one pass; 0 is no bound (V3)
	MaxUnhealthy int           // percent of a group's nodes; above it no repair is begun there; 100 is no bound (V2)
	MaxAttempts  int           // most tries of one step, the first included (S7)
	ResultsKept  int           // success and enoperm results kept per instance (T9)
	Fence        string        // command that must succeed before an instance of an offline node is touched; NoFence is none (V5)
	Log          string        // log file; "" is standard error alone
	LogFormat    string        // of the log file: "text" or "json"
	MetricsFile  string        // for Prometheus' text-file collector; "" is none
	EventDir     string        // directory of programs to run on events; "" is none
}

// DefaultSettings returns the settings of an empty settings file.
func DefaultSettings() Settings {
	return Settings{
		Interval:     15 * time.Minute,
		BusyInterval: 4 * time.Minute,
		PassTimeout:  60 * time.Second,
		MaxRunning:   10,
		MaxNew:       0,
		MaxUnhealthy: 50,
		MaxAttempts:  3,
		ResultsKept:  1,
		Fence:        NoFence,
		Log:          "/var/log/ganeti-autorepair/ganeti-autorepair.log",
		LogFormat:    "text",
	}
}
