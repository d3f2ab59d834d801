package repair

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// SteerMark is the text of the reason trail of tag jobs that a person asked for.
func SteerMark(command string) string { return "steer " + command }

// HeldBy reports whether the job waits behind one of the gates.
func HeldBy(job luxi.JobInfo, gates map[luxi.JobID]bool) bool {
	for _, id := range Dependencies(job) {
		if gates[id] {
			return true
		}
	}
	return false
}

// Source names the program in the reason trail of every job it submits. The
// text behind it says for what; both are stable, so that administrators can
// match them with gnt-filter and gnt-job list (P13):
//
//	repair ID STEP    a repair job
//	probe ID STEP     a dry run that tests for room
//	probe storage     a question to nodes for their free storage
//	tags ID           a change of an instance's tags
//	tags suspend      the removal of suspend tags whose time has passed
//	hold              the job that bounds how long repair jobs are held
//	gate ID STEP      the job whose cancellation releases a repair job
//	steer COMMAND     a change of tags that a person asked for
//
// The first job of a repair that no request stands for has a further entry,
// "permitted by policy".
const Source = "ganeti-autorepair"

// kinds of jobs in the reason trail.
const (
	MarkRepair = "repair"
	MarkProbe  = "probe"
	MarkTags   = "tags"
	MarkHold   = "hold"
	MarkGate   = "gate"
)

// Mark is what the reason trail says of one of our jobs.
type Mark struct {
	Kind string
	ID   string // of the repair
	Step Step
	// Policy marks the first job of a repair that is begun on the policy's
	// permission.
	Policy bool
}

// PolicyMark is what the trail of such a job says of that.
const PolicyMark = "permitted by policy"

func (m Mark) Text() string {
	return strings.TrimSpace(m.Kind + " " + m.ID + " " + string(m.Step))
}

// Trail is the reason trail of an opcode. Repair jobs carry a further entry
// that has the scheduler run at most limit of them at a time
// (src/Ganeti/JQScheduler/ReasonRateLimiting.hs).
func Trail(m Mark, limit int, now time.Time) []luxi.ReasonEntry {
	t := []luxi.ReasonEntry{{Source: Source, Text: m.Text(), Time: now}}
	if m.Kind == MarkRepair && m.Policy {
		t = append(t, luxi.ReasonEntry{Source: Source, Text: PolicyMark, Time: now})
	}
	if m.Kind == MarkRepair && limit > 0 {
		t = append(t, luxi.ReasonEntry{Source: Source, Text: fmt.Sprintf("rate-limit:%d:%s", limit, Source), Time: now})
	}
	return t
}

// MarkOf reads the mark of a job, if it is one of ours.
func MarkOf(job luxi.JobInfo) (Mark, bool) {
	for _, op := range job.Ops {
		for _, r := range op.Reason {
			if r.Source != Source {
				continue
			}
			words := strings.Fields(r.Text)
			if len(words) == 0 {
				continue
			}
			switch words[0] {
			case MarkRepair, MarkProbe, MarkTags, MarkHold, MarkGate:
			default:
				continue
			}
			m := Mark{Kind: words[0]}
			if len(words) > 1 {
				m.ID = words[1]
			}
			if len(words) > 2 {
				m.Step = Step(words[2])
			}
			return m, true
		}
	}
	return Mark{}, false
}

// neverReleased reports whether the jobs are those of a repair that a pass began on
// the policy's permission, and all of them expired.
func neverReleased(jobs []*JobFact) bool {
	policy := false
	for _, f := range jobs {
		if f.Outcome != OutcomeExpired {
			return false
		}
		policy = policy || BegunByPolicy(f.Info)
	}
	return policy
}

func BegunByPolicy(job luxi.JobInfo) bool {
	for _, op := range job.Ops {
		for _, r := range op.Reason {
			if r.Source == Source && r.Text == PolicyMark {
				return true
			}
		}
	}
	return false
}

// Dependencies lists the jobs that a job waits for.
func Dependencies(job luxi.JobInfo) []luxi.JobID {
	var ids []luxi.JobID
	for _, op := range job.Ops {
		var depends [][]json.RawMessage
		if json.Unmarshal(op.Params["depends"], &depends) != nil {
			continue
		}
		for _, d := range depends {
			var id luxi.JobID
			if len(d) > 0 && json.Unmarshal(d[0], &id) == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}
