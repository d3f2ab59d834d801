package luxi

import (
	"encoding/json"
	"fmt"
	"time"
)

// ReasonEntry is one step of an opcode's reason trail: who asked for the
// operation, why and when (doc/design-reason-trail.rst). Jobs that an opcode
// submits inherit its trail, and luxid adds an entry of its own to every
// opcode, so that a trail is a way to find one's jobs again.
//
// On the wire it is [source, text, nanoseconds since 1970], and a JSON round
// trip keeps the nanoseconds exactly.
type ReasonEntry struct {
	// Source says which program speaks, for example gnt:client:gnt-instance.
	Source string
	// Text is the reason, of any length. The form "rate-limit:N:LABEL" is
	// taken by the job scheduler as a limit of N running jobs with that text.
	Text string
	// Time is when. A submission replaces the zero time by the client's clock.
	Time time.Time
}

// ReasonUser is the source of what a person gave as the reason
// (OPCODE_REASON_SRC_USER in lib/_constants.py).
const ReasonUser = "gnt:user"

// MarshalJSON returns the triple that Ganeti uses. A time that does not fit
// into 64 bits of nanoseconds (before 1678 or after 2262, so also the zero
// time) is an error.
func (r ReasonEntry) MarshalJSON() ([]byte, error) {
	ns := r.Time.UnixNano()
	if !time.Unix(0, ns).Equal(r.Time) {
		return nil, fmt.Errorf("reason: %v cannot be written as nanoseconds", r.Time)
	}
	return json.Marshal([]any{r.Source, r.Text, ns})
}

// UnmarshalJSON reads the triple that Ganeti uses. The time is in UTC.
func (r *ReasonEntry) UnmarshalJSON(b []byte) error {
	var triple [3]json.RawMessage
	if err := decode(b, &triple); err != nil {
		return fmt.Errorf("reason: %w", err)
	}
	var e ReasonEntry
	if err := decode(triple[0], &e.Source); err != nil {
		return fmt.Errorf("reason: source: %w", err)
	}
	if err := decode(triple[1], &e.Text); err != nil {
		return fmt.Errorf("reason: text: %w", err)
	}
	var ns int64
	if err := decode(triple[2], &ns); err != nil {
		return fmt.Errorf("reason: time: %w", err)
	}
	e.Time = time.Unix(0, ns).UTC()
	*r = e
	return nil
}

// parseTrail reads the reason trail of a job. Any program may have written it: an
// entry that is not [text, text, anything] is left out, and a time that is no whole
// number of nanoseconds is taken for 0, the beginning of 1970.
func parseTrail(raw json.RawMessage) []ReasonEntry {
	var list []json.RawMessage
	if decode(raw, &list) != nil {
		return nil
	}
	trail := make([]ReasonEntry, 0, len(list))
	for _, raw := range list {
		var triple [3]json.RawMessage
		var e ReasonEntry
		if decode(raw, &triple) != nil || decode(triple[0], &e.Source) != nil || decode(triple[1], &e.Text) != nil {
			continue
		}
		var ns int64
		if decode(triple[2], &ns) != nil {
			ns = 0
		}
		e.Time = time.Unix(0, ns).UTC()
		trail = append(trail, e)
	}
	return trail
}
