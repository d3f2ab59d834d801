package judge

import (
	"regexp"
	"strconv"
	"strings"
)

// Prefix begins every tag of auto-repair.
const Prefix = "ganeti:watcher:autorepair:"

// Record is a tag that records a repair.
type Record struct {
	Type, ID string
	Outcome  string // "success", "failure" or "enoperm" of a result; "" of a pending tag
	Time     int64
	Jobs     []int64
}

var recordTag = regexp.MustCompile(`^(?:pending|result):(fix-storage|migrate|failover|reinstall):([^:]+):(\d+):(?:(success|failure|enoperm):)?([\d+]*)$`)

// ReadRecord reads a tag that records a repair. It reports false for any other tag,
// an unreadable record included.
func ReadRecord(tag string) (Record, bool) {
	body := strings.TrimPrefix(tag, Prefix)
	m := recordTag.FindStringSubmatch(body)
	if m == nil || body == tag || strings.HasPrefix(body, "result:") != (m[4] != "") {
		return Record{}, false
	}
	r := Record{Type: m[1], ID: m[2], Outcome: m[4]}
	r.Time, _ = strconv.ParseInt(m[3], 10, 64)
	for _, text := range strings.FieldsFunc(m[5], func(c rune) bool { return c == '+' }) {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			r.Jobs = append(r.Jobs, id)
		}
	}
	return r, true
}

func (r Record) names(job int64) bool {
	for _, id := range r.Jobs {
		if id == job {
			return true
		}
	}
	return false
}

// records are the tags of an instance that record repairs.
type records struct {
	pending, results []Record
	failed           bool   // there is a failure result
	unreadable       string // a record that nobody can read
}

func recordsOf(tags []string) records {
	var r records
	for _, tag := range tags {
		rec, ok := ReadRecord(tag)
		word, _, _ := strings.Cut(strings.TrimPrefix(tag, Prefix), ":")
		switch {
		case !strings.HasPrefix(tag, Prefix):
		case ok && rec.Outcome == "":
			r.pending = append(r.pending, rec)
		case ok:
			r.results = append(r.results, rec)
			r.failed = r.failed || rec.Outcome == "failure"
		case word == "pending" || word == "result":
			r.unreadable = tag
		}
	}
	return r
}

// Risk orders the types of repairs; it is 0 for what is no type.
func Risk(typ string) int {
	return map[string]int{"fix-storage": 1, "migrate": 2, "failover": 3, "reinstall": 4}[typ]
}

// Opinion is what the nearest object with an opinion says of an instance.
type Opinion struct {
	Suspended bool
	Type      string // the strongest type permitted, "" if none is
	Misspelt  string // the tag in which nobody can read a type
}

// PolicyOf returns the opinion of the instance's tags, or else of those of its
// primary node's group, or else of the cluster's (T2, T3, T4, T10).
func PolicyOf(c *Cluster, i *Instance) Opinion {
	for _, tags := range [][]string{i.Tags, c.Groups[c.Nodes[i.Primary].Group], c.Tags} {
		var o Opinion
		for _, tag := range tags {
			body := strings.TrimPrefix(tag, Prefix)
			word, rest, colon := strings.Cut(body, ":")
			switch {
			case body == tag:
			case word == "suspend":
				until, err := strconv.ParseInt(rest, 10, 64)
				o.Suspended = o.Suspended || err != nil || until > c.Clock.Unix()
			case looksLikeSuspend(word):
				o.Suspended = true
			case colon || word == "pending" || word == "result" || word == "node-offline":
			case Risk(word) == 0:
				o.Misspelt = tag
			case o.Type == "" || Risk(word) < Risk(o.Type):
				o.Type = word
			}
		}
		switch {
		case o.Suspended:
			return Opinion{Suspended: true}
		case o.Misspelt != "":
			return Opinion{Misspelt: o.Misspelt}
		case o.Type != "":
			return o
		}
	}
	return Opinion{}
}

// looksLikeSuspend recognizes suspensions that somebody misspelt.
func looksLikeSuspend(word string) bool { return strings.HasPrefix(strings.ToLower(word), "susp") }

// endedSuspension reports whether the tag is a suspension whose time has passed.
func endedSuspension(tag string, now int64) bool {
	until, err := strconv.ParseInt(strings.TrimPrefix(tag, Prefix+"suspend:"), 10, 64)
	return err == nil && until <= now
}
