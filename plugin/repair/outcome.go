package repair

import (
	"strings"

	"ganeti-autorepair/luxi"
)

// Outcome is what came of a repair job, as far as the repair is concerned.
type Outcome string

// The outcomes of jobs.
const (
	OutcomeUnfinished Outcome = "unfinished"
	OutcomeSuccess    Outcome = "success"
	OutcomeFailed     Outcome = "failed"
	OutcomeNoRoom     Outcome = "no-room"  // not enough resources, or nobody could tell (S8); nothing was changed
	OutcomeCanceled   Outcome = "canceled" // by a person, or rejected by a job filter
	OutcomeExpired    Outcome = "expired"  // held and never released: it never began (C2)
	OutcomeUnknown    Outcome = "unknown"  // purged, or never existed (S7)
)

// NewJobFact reads a job of a repair.
func NewJobFact(info luxi.JobInfo) *JobFact {
	f := &JobFact{Info: info, Step: stepOf(info)}
	f.Outcome, f.Detail = outcomeOf(info)
	f.Detail = Shorten(f.Detail)
	return f
}

// MaxDetail bounds an error text of Ganeti's, which can run to many lines; the
// whole is in gnt-job info.
const MaxDetail = 160

// Shorten keeps the beginning and the end of a long text: the end is where
// Ganeti puts the cause.
func Shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= MaxDetail {
		return s
	}
	half := (MaxDetail - 5) / 2
	return s[:half] + " ... " + s[len(s)-half:]
}

// stepOf tells the step from a job's opcodes, so that jobs submitted by other
// programs count as what they are (T11).
func stepOf(info luxi.JobInfo) Step {
	for _, op := range info.Ops {
		switch op.ID {
		case "OP_INSTANCE_REPLACE_DISKS":
			return StepReplaceDisks
		case "OP_INSTANCE_MIGRATE":
			return StepMigrate
		case "OP_INSTANCE_FAILOVER":
			return StepFailover
		case "OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_REINSTALL":
			return StepReinstall
		}
	}
	return ""
}

// outcomeOf classifies a job, with the deciding error in Ganeti's words.
func outcomeOf(info luxi.JobInfo) (Outcome, string) {
	if !info.Known {
		return OutcomeUnknown, "the job is no longer known"
	}
	switch info.Status {
	case luxi.JobSuccess:
		return OutcomeSuccess, ""
	case luxi.JobCanceled:
		return OutcomeCanceled, "the job was canceled"
	case luxi.JobError:
	default:
		if !info.Status.Final() {
			return OutcomeUnfinished, ""
		}
		return OutcomeUnknown, "the job has the unknown status " + string(info.Status)
	}
	began := false
	for _, op := range info.Ops {
		if op.Status == luxi.JobSuccess {
			began = began || op.ID != delayOp
			continue
		}
		e := op.Result.Err
		if e == nil {
			return OutcomeFailed, "opcode " + op.ID + " ended without an error text"
		}
		switch {
		case neverBegan(e.Message):
			return OutcomeExpired, e.Message
		case !began && noRoom(e):
			// Later in a job, as for the start of a reinstalled instance, it is a
			// failure halfway.
			return OutcomeNoRoom, e.Message
		}
		return OutcomeFailed, e.Message
	}
	return OutcomeFailed, "the job failed without a failed opcode"
}

// neverBegan recognizes a job whose dependency ended otherwise than required:
// the held job was not released. Such a job has a start time all the same, that
// of the process that found it out before its first opcode
// (lib/jqueue/__init__.py _JobDependencyManager).
func neverBegan(message string) bool {
	return strings.HasPrefix(message, "Dependency job ") || strings.HasPrefix(message, "Dependency error:")
}

// noRoom recognizes the errors that say that resources are short, or that the
// question could not be answered. All of them are raised before anything is
// changed.
func noRoom(e *luxi.Error) bool {
	switch e.Code {
	case luxi.ECodeNoRes, luxi.ECodeTempNoRes:
		return true
	}
	for _, part := range []string{
		"Can't use drained node",                      // lib/cmdlib/instance_utils.py CheckNodeNotDrained
		"Can't get data for node",                     // lib/masterd/iallocator.py: a node does not answer
		"Can't get node instance info from node",      // the same
		"Failure while running the iallocator script", // the same
		"Can't parse iallocator results",              // the same
	} {
		if strings.Contains(e.Message, part) {
			return true
		}
	}
	return false
}

// EndedBadly reports whether the job may have ended halfway.
func (f *JobFact) EndedBadly() bool {
	return f.Outcome == OutcomeFailed || f.Outcome == OutcomeCanceled
}

// BeganChain reports whether a reinstall chain that did not succeed may have
// changed anything.
func (f *JobFact) BeganChain() bool {
	return f.Step == StepReinstall && f.EndedBadly() && !f.Refused()
}

// Refused reports whether a job that did not succeed ended in the checks of its
// first opcode, or before that, and so changed nothing.
func (f *JobFact) Refused() bool {
	for _, op := range f.Info.Ops {
		if op.ID == delayOp {
			continue
		}
		switch op.Status {
		case luxi.JobSuccess:
			return false
		case luxi.JobError:
			e := op.Result.Err
			return e != nil && (e.Class == "OpPrereqError" || e.Message == "Preceding opcode failed")
		}
		return true
	}
	return true
}

// delayOp may precede the opcodes of harep's jobs (its option --job-delay).
const delayOp = "OP_TEST_DELAY"
