package tagstore

import "ganeti-autorepair/luxi"

// Prefix begins every tag of auto-repair.
const Prefix = "ganeti:watcher:autorepair:"

// MaxLength is the longest tag Ganeti accepts, in characters
// (lib/_constants.py MAX_TAG_LEN).
const MaxLength = 128

// The keywords of the tag language beside the names of the types.
const (
	wordSuspend     = "suspend"
	wordPending     = "pending"
	wordResult      = "result"
	wordNodeOffline = "node-offline"
	wordFenced      = "fenced"
	wordSilent      = "silent"
)

// Suspend is a tag that suspends all repairs of its object and of the objects
// below it.
type Suspend struct {
	Until int64  // Unix time in seconds at which it ends; 0 if it never does
	Tag   string // the tag as it stands in the configuration
	// ByStop says that the tag is spelled as the command stop does, see StopTag.
	ByStop bool
}

// Forever reports whether the suspension has no end of its own.
func (s Suspend) Forever() bool { return s.Until == 0 }

// Expired reports whether the suspension's time has passed at now (Unix
// seconds). From that moment it counts as absent and is removed (T4).
func (s Suspend) Expired(now int64) bool { return !s.Forever() && s.Until <= now }

// Enable is a tag that permits repairs up to a type.
type Enable struct {
	Type Type
	Tag  string
}

// Pending is a tag that says that a repair is under way or waits for resources.
type Pending struct {
	Type Type         // the strongest step that the repair may take
	ID   string       // the repair's id, the same from the first step to the last
	Time int64        // Unix time in seconds at which the repair began
	Jobs []luxi.JobID // the repair's jobs, oldest first
	Tag  string       // the tag as it stands in the configuration; empty for a tag that is yet to be written
}

// Result is a tag that says how a repair ended.
type Result struct {
	Type    Type
	ID      string
	Time    int64 // Unix time in seconds at which it was complete
	Outcome Outcome
	Jobs    []luxi.JobID
	Tag     string
}

// Malformed is a tag below Prefix that cannot be read, or stands on an object
// where it means nothing (T10, T12).
type Malformed struct {
	Tag string
	Why string // what is wrong, in words
	// Kind is the kind of tag that it seems to be: "suspend", "pending",
	// "result", "node-offline", "fenced", "silent", or "type" for any other word.
	Kind string
	// Effect is what the tag does to its object until a person has looked at it.
	Effect Effect
	// Suggest is the whole tag that was probably meant; empty if none is near.
	Suggest string
}

// Effect is what a malformed tag does to the object that has it (T10).
type Effect int

// The effects of malformed tags.
const (
	Nothing  Effect = iota // it means nothing where it stands
	Forbids                // the object permits no repair, and nor do the objects above it
	Suspends               // it suspends the object, without an end
	Blocks                 // no repair of the instance begins or goes on
)

// Tags are the auto-repair tags of one object, sorted by kind, in the order of
// the configuration.
type Tags struct {
	Enables     []Enable
	Suspends    []Suspend
	Pendings    []Pending
	Results     []Result
	NodeOffline []string // tags that permit marking nodes offline, on groups and the cluster (K5)
	Fenced      []Mark   // on nodes (V5)
	Silent      []Mark   // on nodes (K2)
	Malformed   []Malformed

	sorted *sortedRecords // what Parse found out; nil in a Tags made by hand
}

// List returns all tags as they stand in the configuration, kind by kind.
func (t Tags) List() []string {
	var list []string
	for _, x := range t.Enables {
		list = append(list, x.Tag)
	}
	for _, x := range t.Suspends {
		list = append(list, x.Tag)
	}
	for _, x := range t.Pendings {
		list = append(list, x.Tag)
	}
	for _, x := range t.Results {
		list = append(list, x.Tag)
	}
	list = append(list, t.NodeOffline...)
	list = append(list, t.NodeMarks()...)
	for _, x := range t.Malformed {
		list = append(list, x.Tag)
	}
	return list
}
