package tagstore

import (
	"strconv"
	"strings"

	"ganeti-autorepair/luxi"
)

// EnableTag returns the tag that permits repairs up to type t.
func EnableTag(t Type) string { return Prefix + t.String() }

// SuspendTag returns the tag that suspends repairs until a Unix time in
// seconds, or forever if until is 0.
func SuspendTag(until int64) string {
	if until == 0 {
		return Prefix + wordSuspend
	}
	return Prefix + wordSuspend + ":" + strconv.FormatInt(until, 10)
}

// StopTag returns the tag by which everything is stopped until a Unix time in seconds,
// or forever if until is 0. It says the same as that of SuspendTag (T3), and is spelled
// otherwise: nobody else puts nothing behind the colon, or a zero before the seconds.
// So what was stopped can be told from what was suspended before, and be undone.
func StopTag(until int64) string {
	if until == 0 {
		return Prefix + wordSuspend + ":"
	}
	return Prefix + wordSuspend + ":0" + strconv.FormatInt(until, 10)
}

// FencedTag returns the node tag by which a person or a fence that succeeded
// vouches at a Unix time in seconds that the node runs nothing (V5).
func FencedTag(at int64) string { return Prefix + wordFenced + ":" + strconv.FormatInt(at, 10) }

// SilentTag returns the node tag that says since when, in Unix seconds, the node
// does not answer (K2).
func SilentTag(since int64) string { return Prefix + wordSilent + ":" + strconv.FormatInt(since, 10) }

// NodeOfflineTag is the tag that permits marking nodes offline (K5).
const NodeOfflineTag = Prefix + wordNodeOffline

// Format returns the tag for the repair. dropped is the number of jobs, the
// oldest ones, that had to be left out because a tag has no more room (T8).
func (p Pending) Format() (tag string, dropped int) {
	return fit(Prefix+"pending:"+p.Type.String()+":"+p.ID+":"+strconv.FormatInt(p.Time, 10)+":", p.Jobs)
}

// Format returns the tag for the result. dropped is the number of jobs, the
// oldest ones, that had to be left out because a tag has no more room (T8).
func (r Result) Format() (tag string, dropped int) {
	return fit(Prefix+"result:"+r.Type.String()+":"+r.ID+":"+strconv.FormatInt(r.Time, 10)+":"+string(r.Outcome)+":", r.Jobs)
}

// fit appends as many of the newest jobs to head as a tag can hold.
func fit(head string, jobs []luxi.JobID) (tag string, dropped int) {
	room, first := MaxLength-len(head), len(jobs)
	words := make([]string, len(jobs))
	for k := len(jobs) - 1; k >= 0; k-- {
		words[k] = strconv.FormatInt(int64(jobs[k]), 10)
		if room -= len(words[k]); room < 0 {
			break
		}
		first, room = k, room-1 // for the plus sign
	}
	// A foreign id of extreme length leaves head too long. Ganeti refuses the tag
	// with a clear error, which is reported for this instance.
	return head + strings.Join(words[first:], "+"), first
}

// JobList lists jobs as tags do: "5+7".
func JobList(jobs []luxi.JobID) string {
	words := make([]string, len(jobs))
	for k, id := range jobs {
		words[k] = strconv.FormatInt(int64(id), 10)
	}
	return strings.Join(words, "+")
}
