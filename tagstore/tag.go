package tagstore

import (
	"strconv"
	"strings"

	"ganeti-autorepair/luxi"
)

// Prefix begins every tag of auto-repair.
const Prefix = "ganeti:watcher:autorepair:"

// MaxLength is the longest tag Ganeti accepts, in characters
// (lib/_constants.py MAX_TAG_LEN).
const MaxLength = 128

// jobRoom is what a pending tag must have left for the number of one job, and
// resultHead the length of the longest result tag without id and jobs.
const (
	jobRoom    = 10
	resultHead = len(Prefix + "result:fix-storage::1700000000:success:")
)

// Suspend is a tag that holds all repairs of its object and of what is below it.
type Suspend struct {
	Until int64  // Unix time in seconds at which it ends; 0 if it never does
	Tag   string // the tag as it stands in the configuration
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
	Type Type         // what the repair may do at most
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

// Malformed is a tag below Prefix that does not read as any of the five kinds,
// or stands where it means nothing (T10).
type Malformed struct {
	Tag  string
	Why  string // what is wrong, in words
	Kind string // what it seems meant to be: "suspend", "pending", "result" or "type"
}

// Tags are the auto-repair tags of one object, sorted by kind, in the order of
// the configuration.
type Tags struct {
	Enables   []Enable
	Suspends  []Suspend
	Pendings  []Pending
	Results   []Result
	Malformed []Malformed
}

// Parse reads the tags of an object of the given kind; tags without Prefix are
// not ours and are left out. It cannot fail: what it does not understand is in
// Malformed.
func Parse(kind luxi.TagKind, tags []string) Tags {
	var t Tags
	for _, tag := range tags {
		if strings.HasPrefix(tag, Prefix) {
			t.add(kind, tag)
		}
	}
	return t
}

func (t *Tags) add(kind luxi.TagKind, tag string) {
	body := strings.TrimPrefix(tag, Prefix)
	word, rest := body, ""
	hasRest := false
	if i := strings.IndexByte(body, ':'); i >= 0 {
		word, rest, hasRest = body[:i], body[i+1:], true
	}
	bad := func(kind, why string) {
		t.Malformed = append(t.Malformed, Malformed{Tag: tag, Why: why, Kind: kind})
	}
	switch word {
	case "suspend":
		if rest == "" {
			t.Suspends = append(t.Suspends, Suspend{Tag: tag})
			return
		}
		// A time of 0 has passed long ago; it must not read as "forever".
		until, err := parseSeconds(rest)
		if err != "" {
			bad(word, "suspend time "+err)
			return
		}
		if until == 0 {
			until = 1
		}
		t.Suspends = append(t.Suspends, Suspend{Until: until, Tag: tag})
	case "pending", "result":
		if kind != luxi.TagInstance {
			bad(word, word+" means something on instances only")
			return
		}
		if why := t.addRecord(word, rest, tag); why != "" {
			bad(word, why)
		}
	default:
		typ, ok := ParseType(word)
		if !ok || hasRest {
			bad("type", "not a repair type; the types are fix-storage, migrate, failover, reinstall")
			return
		}
		t.Enables = append(t.Enables, Enable{Type: typ, Tag: tag})
	}
}

// addRecord reads what is behind "pending:" or "result:" and returns what is
// wrong with it, if anything.
func (t *Tags) addRecord(word, rest, tag string) string {
	parts := strings.Split(rest, ":")
	want := 4
	if word == "result" {
		want = 5
	}
	if len(parts) != want {
		return word + " needs " + strconv.Itoa(want) + " parts, has " + strconv.Itoa(len(parts))
	}
	typ, ok := ParseType(parts[0])
	if !ok {
		return "unknown repair type"
	}
	id := parts[1]
	if id == "" {
		return "empty repair id"
	}
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' {
			// luxid started in the C locale cannot write such a tag back, nor a
			// reason trail that names it.
			return "repair id holds characters outside ASCII"
		}
	}
	when, bad := parseSeconds(parts[2])
	if bad != "" {
		return "time " + bad
	}
	jobs, bad := parseJobs(parts[want-1])
	if bad != "" {
		return bad
	}
	if word == "pending" {
		if len(tag)-len(parts[3])+jobRoom > MaxLength || resultHead+len(id) > MaxLength {
			// It could be begun but never named or ended.
			return "repair id is so long that no tag has room for the repair's jobs or its result"
		}
		t.Pendings = append(t.Pendings, Pending{Type: typ, ID: id, Time: when, Jobs: jobs, Tag: tag})
		return ""
	}
	outcome, ok := ParseOutcome(parts[3])
	if !ok {
		return "unknown result; the results are success, failure, enoperm"
	}
	t.Results = append(t.Results, Result{Type: typ, ID: id, Time: when, Outcome: outcome, Jobs: jobs, Tag: tag})
	return ""
}

func parseSeconds(s string) (int64, string) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, "is not a Unix time in seconds"
	}
	return int64(n), ""
}

func parseJobs(s string) ([]luxi.JobID, string) {
	if s == "" {
		return nil, ""
	}
	var jobs []luxi.JobID
	for _, word := range strings.Split(s, "+") {
		n, err := strconv.ParseUint(word, 10, 63)
		if err != nil || n == 0 {
			return nil, "job list holds something that is not a job id"
		}
		jobs = append(jobs, luxi.JobID(n))
	}
	return jobs, ""
}
