package tagstore

import (
	"strconv"
	"strings"

	"ganeti-autorepair/luxi"
)

// jobRoom is how many characters a pending tag must have left for the number of
// one job, and resultHead the length of the longest result tag without id and jobs.
const (
	jobRoom    = 10
	resultHead = len(Prefix + "result:fix-storage::1700000000:success:")
)

// Reasons why a tag is malformed that are given in more than one place.
const (
	whyNotType = "not a repair type; the types are fix-storage, migrate, failover, reinstall"
	whyNotTag  = "not a tag of auto-repair"
)

// Parse reads the tags of an object of the given kind and leaves out those
// without Prefix. It cannot fail: what it does not understand is in Malformed.
func Parse(kind luxi.TagKind, tags []string) Tags {
	var t Tags
	for _, tag := range tags {
		if strings.HasPrefix(tag, Prefix) {
			t.add(kind, tag)
		}
	}
	t.sorted = t.sortRecords()
	return t
}

// add reads one tag that begins with Prefix.
func (t *Tags) add(kind luxi.TagKind, tag string) {
	if why := t.read(kind, tag); why != "" {
		t.Malformed = append(t.Malformed, malformed(kind, tag, why))
	}
}

// read adds a tag to the list of its kind, or returns what is wrong with it.
func (t *Tags) read(kind luxi.TagKind, tag string) (why string) {
	word, rest, more := strings.Cut(strings.TrimPrefix(tag, Prefix), ":")
	if kind == luxi.TagNode {
		return t.addOnNode(word, rest, more, tag)
	}
	switch word {
	case wordSuspend:
		return t.addSuspend(rest, tag)
	case wordPending, wordResult:
		if kind != luxi.TagInstance {
			return word + " means something on instances only"
		}
		return t.addRecord(word, rest, tag)
	case wordNodeOffline:
		switch {
		case kind != luxi.TagGroup && kind != luxi.TagCluster:
			return word + " means something on node groups and the cluster only"
		case more:
			return "nothing may follow " + word
		}
		t.NodeOffline = append(t.NodeOffline, tag)
		return ""
	case wordFenced, wordSilent:
		return word + " means something on nodes only"
	}
	typ, ok := ParseType(word)
	if !ok || more {
		return whyNotType
	}
	t.Enables = append(t.Enables, Enable{Type: typ, Tag: tag})
	return ""
}

// malformed describes a tag that could not be read for the given reason.
func malformed(kind luxi.TagKind, tag, why string) Malformed {
	body := strings.TrimPrefix(tag, Prefix)
	m := Malformed{Tag: tag, Why: why, Kind: kindOf(kind, body)}
	if why == whyNotType && m.Kind != "type" {
		m.Why = "looks like a misspelt " + m.Kind
	}
	m.Suggest = suggestion(kind, m.Kind, body)
	switch {
	case kind == luxi.TagNode, kind == luxi.TagNetwork:
	case m.Kind == wordSuspend:
		m.Effect = Suspends
	case m.Kind != wordPending && m.Kind != wordResult:
		m.Effect = Forbids
	case kind == luxi.TagInstance:
		m.Effect = Blocks
	}
	return m
}

// The add functions read what follows the keyword and return what is wrong with
// it, or nothing if the tag was added.

func (t *Tags) addSuspend(rest, tag string) (why string) {
	if rest == "" {
		t.Suspends = append(t.Suspends, Suspend{Tag: tag, ByStop: strings.HasSuffix(tag, ":")})
		return ""
	}
	until, bad := parseSeconds(rest)
	if bad != "" {
		return "suspend time " + bad
	}
	if until == 0 {
		// That time has passed long ago; it must not read as "forever".
		until = 1
	}
	t.Suspends = append(t.Suspends, Suspend{Until: until, Tag: tag, ByStop: until > 1 && rest[0] == '0'})
	return ""
}

func (t *Tags) addRecord(word, rest, tag string) (why string) {
	parts := strings.Split(rest, ":")
	want := 4
	if word == wordResult {
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
	if bad := checkID(id); bad != "" {
		return bad
	}
	when, bad := parseSeconds(parts[2])
	if bad != "" {
		return "time " + bad
	}
	jobs, bad := parseJobs(parts[want-1])
	if bad != "" {
		return bad
	}
	if word == wordPending {
		if len(tag)-len(parts[3])+jobRoom > MaxLength || resultHead+len(id) > MaxLength {
			// Such a repair could be begun but never named or ended.
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

// checkID returns what is wrong with a repair id.
func checkID(id string) (why string) {
	if id == "" {
		return "empty repair id"
	}
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' {
			// luxid started in the C locale cannot write such a tag back, nor a
			// reason trail that names it.
			return "repair id has characters outside ASCII"
		}
	}
	return ""
}

func parseSeconds(s string) (seconds int64, why string) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, "is not a Unix time in seconds"
	}
	return int64(n), ""
}

func parseJobs(s string) (jobs []luxi.JobID, why string) {
	if s == "" {
		return nil, ""
	}
	for _, word := range strings.Split(s, "+") {
		n, err := strconv.ParseUint(word, 10, 63)
		if err != nil || n == 0 {
			return nil, "job list has something that is not a job id"
		}
		jobs = append(jobs, luxi.JobID(n))
	}
	return jobs, ""
}
