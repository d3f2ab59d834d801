package luxitest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Call is a LUXI call as a fault hook sees it, before it is handled.
type Call struct {
	N       int    // 1 for the first call the master ever received
	MethodN int    // 1 for the first call of this method
	Method  string // "" if the request was not understood
	Args    json.RawMessage
}

// Fault says what becomes of a call.
type Fault struct {
	kind    faultKind
	payload []byte
	cut     int
	delay   time.Duration
}

type faultKind int

const (
	faultNone faultKind = iota
	faultDieBefore
	faultDieAfter
	faultCut
	faultReply   // answer without handling
	faultReplace // handle, answer something else
	faultHang
	faultIgnore
)

var faultNames = map[faultKind]string{
	faultDieBefore: "connection closed before handling", faultDieAfter: "connection closed after handling",
	faultCut: "reply cut", faultReply: "answered without handling", faultReplace: "reply replaced", faultHang: "no reply", faultIgnore: "not handled, no reply",
}

// Pass handles the call as usual.
func Pass() Fault { return Fault{} }

// DieBefore closes the connection without handling the request.
func DieBefore() Fault { return Fault{kind: faultDieBefore} }

// DieAfter handles the request and closes the connection instead of replying.
func DieAfter() Fault { return Fault{kind: faultDieAfter} }

// CutReply handles the request, sends the first n bytes of the reply and closes the connection.
func CutReply(n int) Fault { return Fault{kind: faultCut, cut: n} }

// Reply answers with the given payload without handling the request. The payload need not be JSON.
func Reply(payload string) Fault { return Fault{kind: faultReply, payload: []byte(payload)} }

// ReplaceReply handles the request and answers with the given payload.
func ReplaceReply(payload string) Fault { return Fault{kind: faultReplace, payload: []byte(payload)} }

// FailWith answers with an error of luxid without handling the request, for example
// FailWith("OpPrereqError", "text", "wrong_state").
func FailWith(class string, args ...any) Fault {
	if args == nil {
		args = []any{}
	}
	payload, err := json.Marshal(map[string]any{"success": false, "result": []any{class, args}})
	if err != nil {
		panic(fmt.Sprintf("luxitest: FailWith: %v", err))
	}
	return Fault{kind: faultReply, payload: payload}
}

// Hang handles the request and never replies; the connection stays open.
func Hang() Fault { return Fault{kind: faultHang} }

// Ignore does not handle the request and never replies; the connection stays open.
func Ignore() Fault { return Fault{kind: faultIgnore} }

// After lets simulated time pass before the fault, or with Pass before the call, takes effect.
func (f Fault) After(d time.Duration) Fault {
	f.delay = d
	return f
}

// OnCall sets the hook that decides the fate of each call; nil removes it. The hook is called without any lock held,
// so it may use the Master's methods.
func (m *Master) OnCall(hook func(Call) Fault) {
	m.lock()
	defer m.unlock()
	m.onCall = hook
}

// OpFault says what becomes of an opcode.
type OpFault struct {
	kind  opFaultKind
	at    FaultPoint
	class string
	args  []string
}

// FaultPoint is a moment in the execution of an opcode.
type FaultPoint string

// The points at which a fault can strike. An opcode that does not get to the point of its fault fails with an error that
// says so.
const (
	// AtChecks is in place of the opcode's checks: it has its locks, and nothing is changed.
	AtChecks FaultPoint = ""
	// AtExec is before the change of the configuration, when the opcode has passed its checks: a failover has stopped the
	// instance, a replace-disks is about to make the new disks, a migration has prepared its target.
	AtExec FaultPoint = "exec"
	// AtTransfer is in INSTANCE_MIGRATE, when the transfer has begun and the job's log says so. A job that fails here
	// aborts the transfer, one that dies here does not.
	AtTransfer FaultPoint = "transfer"
	// AtMoved is in INSTANCE_MIGRATE, when the instance runs on the target and the configuration still names the source.
	AtMoved FaultPoint = "moved"
	// AtConfig is after the change of the configuration: a failover has moved the instance but not started it,
	// RECREATE_DISKS has moved it but not made disks, the new secondary of a replace-disks is not in sync.
	AtConfig FaultPoint = "config"
)

// Points lists the names of the points but for AtChecks.
func Points() []FaultPoint { return []FaultPoint{AtExec, AtTransfer, AtMoved, AtConfig} }

type opFaultKind int

const (
	opPass opFaultKind = iota
	opFail
	opHang
	opLose
)

// OpPass runs the opcode as usual.
func OpPass() OpFault { return OpFault{} }

// OpFails makes the opcode fail in place of its checks: nothing is changed. OpFails("OpPrereqError", text, code) is a
// failed prerequisite, OpFails("OpExecError", text) anything else.
func OpFails(class string, args ...string) OpFault {
	return OpFault{kind: opFail, class: class, args: args}
}

// OpHangs makes the opcode stand still, locks held, until Continue is called for its job.
func OpHangs() OpFault { return OpFault{kind: opHang} }

// OpLosesProcess kills the job's process once the opcode has its locks.
func OpLosesProcess() OpFault { return OpFault{kind: opLose} }

// At moves a fault from the opcode's checks to another point.
func (f OpFault) At(p FaultPoint) OpFault {
	f.at = p
	return f
}

// Late is At(AtConfig).
func (f OpFault) Late() OpFault { return f.At(AtConfig) }

func (f OpFault) error() *opError { return &opError{f.class, f.args} }

// OnOpcode sets the hook that decides the fate of each opcode once it has its locks; nil removes it. The hook must not
// call methods of the Master.
func (m *Master) OnOpcode(hook func(Opcode, Job) OpFault) {
	m.lock()
	defer m.unlock()
	m.onOp = hook
}

// OnBegin sets the hook that sees each opcode when it has its locks and begins, before anything is checked or changed,
// with a copy of the cluster as it is then; nil removes it. The hook must not call methods of the Master.
func (m *Master) OnBegin(hook func(Opcode, Job, *Cluster)) {
	m.lock()
	defer m.unlock()
	m.onBegin = hook
}

func (m *Master) opFault(j *job, op *queuedOp) OpFault {
	if m.onOp == nil {
		return OpFault{}
	}
	return m.onOp(op.view(), j.view())
}

// interrupted carries out faults that stop the process. It reports false if there is nothing of that kind to do.
func (m *Master) interrupted(j *job, f OpFault, resume func()) bool {
	switch f.kind {
	case opHang:
		m.note(LogFault, "job %d hangs", j.id)
		j.hang = resume
		return true
	case opLose:
		m.note(LogFault, "job %d loses its process", j.id)
		m.die(j, m.opts.DeathDetection)
		return true
	}
	return false
}

// Continue lets a hanging opcode of the job go on. It reports whether there was one.
func (m *Master) Continue(id int64) bool {
	m.lock()
	defer m.unlock()
	j := m.jobs[id]
	if j == nil || j.hang == nil || !j.alive {
		return false
	}
	resume := j.hang
	j.hang = nil
	resume()
	return true
}
