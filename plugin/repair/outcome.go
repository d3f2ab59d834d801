package repair

import (
	"strings"

	"ganeti-autorepair/luxi"
)

// JobFact is a job of a repair with what came of it.
type JobFact struct {
	Info    luxi.JobInfo
	Outcome Outcome
	Step    Step   // the step it was to take, read from its opcodes; empty if unknown
	Detail  string // the error that ended it, in Ganeti's words
	Code    string // the code of that error (ECODE_* in lib/errors.py); empty if it has none
	// Log is what the job's log tells. It is read of the jobs that began to move or to
	// copy an instance and did not succeed; nil of others.
	Log *LogFact
}

// LogFact is what the log of a job tells of a step that did not succeed.
type LogFact struct {
	// Copied says that a replace-disks copied all disks and had only the old ones left
	// to remove.
	Copied bool
	// Target is the node that a replace-disks makes the new secondary, or that a
	// migration transfers to; empty if the log does not tell.
	Target string
	// Transferred says that a migration had begun to transfer the instance, or that its
	// log cannot be read.
	Transferred bool
	// FoundOn is the only node on which the cleanup after a migration found the instance;
	// empty if it did not come to that.
	FoundOn string
}

// Outcome is what came of a job, as far as the repair is concerned.
type Outcome string

// The outcomes of jobs.
const (
	OutcomeUnfinished Outcome = "unfinished"
	OutcomeSuccess    Outcome = "success"
	OutcomeFailed     Outcome = "failed"
	OutcomeNoRoom     Outcome = "no-room"   // not enough resources, or nobody could tell (S8)
	OutcomeRefused    Outcome = "refused"   // its checks refused it (S13)
	OutcomeWithdrawn  Outcome = "withdrawn" // canceled before it began, or rejected by a job filter (S13)
	OutcomeCanceled   Outcome = "canceled"  // canceled after it began
	OutcomeExpired    Outcome = "expired"   // held and never released: it never began (C2)
	OutcomeUnknown    Outcome = "unknown"   // purged, or never existed (S7)
)

// ChangedNothing reports whether a job with this outcome left everything as it was, so
// that it is neither an attempt nor a failure (S13).
func (o Outcome) ChangedNothing() bool {
	switch o {
	case OutcomeNoRoom, OutcomeRefused, OutcomeWithdrawn, OutcomeExpired:
		return true
	}
	return false
}

// NewJobFact reads a job of a repair.
func NewJobFact(info luxi.JobInfo) *JobFact {
	f := &JobFact{Info: info, Step: stepOf(info)}
	f.Outcome, f.Detail = outcomeOf(info)
	f.Detail = Shorten(f.Detail)
	for _, op := range info.Ops {
		if e := op.Result.Err; e != nil && f.Code == "" {
			f.Code = e.Code
		}
	}
	return f
}

// WithLog returns the fact with what the job's log tells.
func (f *JobFact) WithLog(log LogFact) *JobFact {
	g := *f
	g.Log = &log
	return &g
}

// InstanceName returns the name that the job has of its instance; empty if it has none.
func (f *JobFact) InstanceName() string {
	for _, op := range f.Info.Ops {
		if name := op.Param("instance_name"); name != "" {
			return name
		}
	}
	return ""
}

// WantsLog reports whether the job's log tells more of what came of it than its
// status does.
func (f *JobFact) WantsLog() bool {
	return f.endedBadly() && (f.Step.rebuilds() || f.Step == StepMigrate)
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
		case luxi.OpInstanceReplaceDisks:
			if op.Param("mode") == string(luxi.ReplaceOnPrimary) {
				return StepReplaceOnPrimary
			}
			return StepReplaceDisks
		case luxi.OpInstanceMigrate:
			return StepMigrate
		case luxi.OpInstanceFailover:
			return StepFailover
		case luxi.OpInstanceRecreateDisks, luxi.OpInstanceReinstall:
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
		if begun(info) {
			return OutcomeCanceled, "the job was canceled after it had begun"
		}
		return OutcomeWithdrawn, "the job was canceled before it began"
	case luxi.JobError:
	default:
		if !info.Status.Final() {
			return OutcomeUnfinished, ""
		}
		return OutcomeUnknown, "the job has the unknown status " + string(info.Status)
	}
	first := true
	for _, op := range info.Ops {
		if op.Status == luxi.JobSuccess {
			first = first && preparesOnly(op)
			continue
		}
		if op.ID == luxi.OpTestDelay {
			continue // what comes after it did not run
		}
		e := op.Result.Err
		if e == nil {
			return OutcomeFailed, "opcode " + op.ID + " ended without an error text"
		}
		switch {
		case neverBegan(e.Message):
			return OutcomeExpired, e.Message
		case first && noRoom(e):
			// Later in a job, as for the start of a reinstalled instance, it is a
			// failure halfway.
			return OutcomeNoRoom, e.Message
		case first && refuses(e):
			return OutcomeRefused, e.Message
		}
		return OutcomeFailed, e.Message
	}
	return OutcomeFailed, "the job failed without a failed opcode"
}

// begun reports whether any opcode of the job that does something has begun.
func begun(info luxi.JobInfo) bool {
	for _, op := range info.Ops {
		if op.Begun() && !preparesOnly(op) {
			return true
		}
	}
	return false
}

// preparesOnly reports whether the opcode changes nothing that matters to a repair:
// the delay that may precede the opcodes of harep's jobs (its option --job-delay), and
// the activation of disks before a failover (P19).
func preparesOnly(op luxi.JobOp) bool {
	return op.ID == luxi.OpTestDelay || op.ID == luxi.OpInstanceActivateDisks
}

// refuses recognizes the error of an opcode whose checks refused it, so that it changed
// nothing. One error of this class comes from the end of a replace-disks, of a running
// instance whose disks are marked inactive (ShutdownInstanceDisks in
// lib/cmdlib/instance_storage.py).
func refuses(e *luxi.Error) bool {
	if strings.Contains(e.Message, "cannot shutdown disks") {
		return false
	}
	return e.Class == "OpPrereqError" || e.Message == "Preceding opcode failed"
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

// allocatorCannotRead reports whether the allocator could not read what some node has told.
// hail chooses no place for anybody then: a node that is online and has lost its volume
// group tells no size of it (_GetVgInfo in lib/backend.py).
func (f *JobFact) allocatorCannotRead() bool {
	for _, op := range f.Info.Ops {
		if e := op.Result.Err; e != nil && strings.Contains(e.Message, "iallocator") && strings.Contains(e.Message, "invalid data for node") {
			return true
		}
	}
	return false
}

// endedBadly reports whether the job may have ended halfway.
func (f *JobFact) endedBadly() bool {
	return f.Outcome == OutcomeFailed || f.Outcome == OutcomeCanceled
}

// BeganChain reports whether a reinstall chain that did not succeed may have
// changed anything.
func (f *JobFact) BeganChain() bool { return f.Step == StepReinstall && f.endedBadly() }

// Begun reports whether the job has begun: any opcode that does something runs or has
// ended. Before that it waits for its turn, for locks or for other jobs (P15).
func (f *JobFact) Begun() bool { return f.Info.Known && begun(f.Info) }

// Succeeded reports whether the job did all that it was to do. A replace-disks of a
// running instance whose disks are marked inactive fails at its very end although it
// copied all disks (P19).
func (f *JobFact) Succeeded() bool {
	return f.Outcome == OutcomeSuccess || f.Step.rebuilds() && f.Log != nil && f.Log.Copied
}
