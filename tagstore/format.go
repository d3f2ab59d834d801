package tagstore

import (
	"strconv"
	"strings"

	"ganeti-autorepair/luxi"
)

// EnableTag returns the tag that permits repairs up to type t.
func EnableTag(t Type) string { return Prefix + t.String() }

// SuspendTag returns the tag that suspends repairs until a Unix time in
// seconds, or for ever if until is 0.
func SuspendTag(until int64) string {
	if until == 0 {
		return Prefix + "suspend"
	}
	return Prefix + "suspend:" + strconv.FormatInt(until, 10)
}

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
func fit(head string, jobs []luxi.JobID) (string, int) {
	for drop := 0; drop <= len(jobs); drop++ {
		words := make([]string, 0, len(jobs)-drop)
		for _, id := range jobs[drop:] {
			words = append(words, strconv.FormatInt(int64(id), 10))
		}
		if tag := head + strings.Join(words, "+"); len(tag) <= MaxLength {
			return tag, drop
		}
	}
	// A foreign id of extreme length; Ganeti will refuse the tag with a clear
	// error, which is reported for this instance.
	return head, len(jobs)
}
