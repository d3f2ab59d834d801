package repair

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// SteerMark is the text of the reason trail of tag jobs that a person asked for.
func SteerMark(command string) string { return "steer " + command }

// WaitsFor reports whether the job waits for one of the given jobs.
func WaitsFor(job luxi.JobInfo, gates map[luxi.JobID]bool) bool {
	for _, id := range job.Dependencies() {
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
//	probe room        a question for what nodes have free, and what instances take
//	probe disks       a closer look at the disks of instances
//	probe queue       a question to the queue for its next number
//	tags ID           a change of an instance's tags
//	tags suspend      the removal of suspend tags whose time has passed
//	hold              the job that bounds how long repair jobs are held
//	gate ID STEP      the job whose cancellation releases a repair job
//	offline NODE      the job that marks a node offline that does not answer
//	tidy ID           the deactivation of disks that a failed repair had activated
//	ack UUID [intact] what a person said of an instance, see Acknowledgement
//	steer COMMAND     a change of tags that a person asked for
//
// A repair job has a further entry with the node that it takes its instance from, "from
// NODE", one for an instance on good nodes another one, "row D3", and the first job of a
// repair that no request stands for another one, "permitted by policy".
const Source = "ganeti-autorepair"

// kinds of jobs in the reason trail.
const (
	MarkRepair = "repair"
	MarkProbe  = "probe"
	MarkTags   = "tags"
	MarkHold   = "hold"
	MarkGate   = "gate"
	MarkAck    = "ack"
	MarkTidy   = "tidy"
	// MarkOffline has the name of a node in the place of the repair.
	MarkOffline = "offline"
)

// Mark is what the reason trail says of one of our jobs.
type Mark struct {
	Kind string
	ID   string // of the repair
	Step Step
	// Policy marks the first job of a repair that is begun on the policy's
	// permission.
	Policy bool
	From   string // the node that the job takes its instance from; empty if not known
	Row    string // of the table of repairs, for an instance on good nodes; else empty
}

// PolicyMark is what the trail of such a job says of that.
const PolicyMark = "permitted by policy"

// fromMark begins the entry of the trail that has the node.
const fromMark = "from "

// FromText is the entry of the trail of a job that takes its instance from a node.
func FromText(node string) string { return fromMark + node }

// Text returns the mark as it stands in the reason trail.
func (m Mark) Text() string {
	return strings.TrimSpace(m.Kind + " " + m.ID + " " + string(m.Step))
}

// Limit bounds how many of our jobs the scheduler runs at a time.
type Limit struct {
	Label string // jobs with the same label count together
	Jobs  int    // 0 is no bound
}

// Trail returns the reason trail of an opcode. Repair jobs carry a further entry
// that has the scheduler run at most so many of them at a time
// (src/Ganeti/JQScheduler/ReasonRateLimiting.hs).
func Trail(m Mark, limit Limit, now time.Time) []luxi.ReasonEntry {
	t := []luxi.ReasonEntry{{Source: Source, Text: m.Text(), Time: now}}
	if m.Kind == MarkRepair && m.Policy {
		t = append(t, luxi.ReasonEntry{Source: Source, Text: PolicyMark, Time: now})
	}
	if m.Kind == MarkRepair && m.From != "" {
		t = append(t, luxi.ReasonEntry{Source: Source, Text: FromText(m.From), Time: now})
	}
	if m.Kind == MarkRepair && m.Row != "" {
		t = append(t, luxi.ReasonEntry{Source: Source, Text: rowMark + m.Row, Time: now})
	}
	if m.Kind == MarkRepair && limit.Jobs > 0 {
		t = append(t, luxi.ReasonEntry{Source: Source, Text: fmt.Sprintf("rate-limit:%d:%s", limit.Jobs, limit.Label), Time: now})
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
			case MarkRepair, MarkProbe, MarkTags, MarkHold, MarkGate, MarkAck, MarkTidy, MarkOffline:
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

// BegunByPolicy reports whether the job is the first one of a repair that a pass began
// on the policy's permission.
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

// rowMark begins the entry of the trail that has the row.
const rowMark = "row "

// RowText is the entry of the trail of a job for an instance on good nodes.
func RowText(row string) string { return rowMark + row }

// RowMark returns the row of the table of repairs that a repair job of ours is for, if its
// instance was on good nodes; else "".
func RowMark(job luxi.JobInfo) string {
	for _, op := range job.Ops {
		for _, r := range op.Reason {
			if row := strings.TrimPrefix(r.Text, rowMark); r.Source == Source && row != r.Text {
				return row
			}
		}
	}
	return ""
}

// FromMark returns the node that a repair job of ours takes its instance from; empty if
// its trail does not tell.
func FromMark(job luxi.JobInfo) string {
	for _, op := range job.Ops {
		for _, r := range op.Reason {
			if node := strings.TrimPrefix(r.Text, fromMark); r.Source == Source && node != r.Text {
				return node
			}
		}
	}
	return ""
}
