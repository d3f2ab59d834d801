package luxitest

import (
	"fmt"
	"strings"
	"time"
)

// proceed turns to the job's next opcode (py:jqueue/__init__.py _JobProcessor).
func (m *Master) proceed(j *job) {
	var op *queuedOp
	for _, o := range j.ops {
		if !isFinal(o.status) {
			op = o
			break
		}
	}
	if op == nil {
		m.finish(j)
		return
	}
	if op.status == canceling {
		m.finishCanceled(j)
		return
	}
	if op.status == queued {
		op.status, op.start = waiting, m.now
		if j.start.IsZero() {
			j.start = m.now
		}
		m.complete(op)
		m.wake()
	}
	for _, d := range op.depends {
		switch verdict, why := m.dependencyState(j, d); verdict {
		case depWait:
			m.parked = append(m.parked, j)
			return
		case depCancel:
			m.finishCanceled(j)
			return
		case depFail:
			m.endOp(j, op, &opError{"OpExecError", []string{why}}, nil)
			return
		}
	}
	m.attempt(j, op, 0)
}

// lockAttempts are the times after which a job that waits for locks gives up those it has, checks whether it was canceled,
// and begins anew; the last repeats (py:mcpu.py LockAttemptTimeoutStrategy, without its random part).
var lockAttempts = []time.Duration{
	5 * time.Second, 7946 * time.Millisecond, 14182 * time.Millisecond, 29252 * time.Millisecond, 72307 * time.Millisecond, 75 * time.Second,
}

// attempt makes the opcode ready and begins to take its locks.
func (m *Master) attempt(j *job, op *queuedOp, n int) {
	exec, err := m.prepare(op)
	if err != nil {
		m.endOp(j, op, err, nil)
		return
	}
	j.attempt++
	this := j.attempt
	m.lockLevel(j, op, exec, levelInstance)
	if j.attempt != this {
		return // it has them
	}
	if n == len(lockAttempts) {
		n--
	}
	m.retry(lockAttempts[n], func() {
		if j.attempt != this || !j.alive {
			return
		}
		m.locks.forget(j.id)
		m.release(j)
		if j.cancel {
			m.finishCanceled(j)
			return
		}
		m.attempt(j, op, n+1)
	})
}

// complete adds the parameters that the job's process adds to an opcode when it starts.
func (m *Master) complete(op *queuedOp) {
	if op.params["debug_level"] == nil {
		op.params["debug_level"] = int64(0)
	}
}

// The verdicts on a dependency: py:jqueue/__init__.py _JobDependencyManager.CheckAndRegister.
const (
	depGo = iota
	depWait
	depCancel
	depFail
)

func (m *Master) dependencyState(j *job, d depend) (int, string) {
	if d.job == j.id {
		return depFail, "Job can't depend on itself"
	}
	other := m.jobs[d.job]
	if other == nil || other.purged {
		return depFail, fmt.Sprintf("Dependency error: Job %d not found", d.job)
	}
	status := other.status()
	switch {
	case !isFinal(status):
		return depWait, ""
	case status == canceled && !contains(d.on, canceled):
		return depCancel, ""
	case len(d.on) == 0 || contains(d.on, status):
		return depGo, ""
	}
	return depFail, fmt.Sprintf("Dependency job %d finished with status '%s', not one of '%s' as required",
		d.job, status, strings.Join(d.on, ", "))
}

// lockLevel takes the opcode's locks, level by level, and then begins.
func (m *Master) lockLevel(j *job, op *queuedOp, exec *execution, level int) {
	if level == levels {
		m.begin(j, op, exec)
		return
	}
	var want lockSet
	if exec.locks != nil {
		want = exec.locks(level)
	}
	if level == levelInstance {
		if want == nil {
			want = lockSet{}
		}
		want["cluster/BGL"] = exec.alone
	}
	if len(want) == 0 {
		m.lockLevel(j, op, exec, level+1)
		return
	}
	m.acquire(j, want, func() { m.lockLevel(j, op, exec, level+1) })
}

// begin runs an opcode that has its locks (py:mcpu.py _ExecLU).
func (m *Master) begin(j *job, op *queuedOp, exec *execution) {
	j.attempt++
	op.status, op.exec = running, m.now
	m.note(LogStart, "job %d: %s", j.id, op.summary())
	m.wake()
	if m.onBegin != nil {
		m.onBegin(op.view(), j.view(), m.cluster.Clone())
	}
	fault := m.opFault(j, op)
	if fault.kind == opFail && fault.at == AtChecks {
		m.endOp(j, op, fault.error(), nil)
		return
	}
	if fault.at == AtChecks && m.interrupted(j, fault, func() { m.check(j, op, exec, OpFault{}) }) {
		return
	}
	m.check(j, op, exec, fault)
}

// check runs the opcode's checks (CheckPrereq), and then the opcode.
func (m *Master) check(j *job, op *queuedOp, exec *execution, fault OpFault) {
	exec.log = func(format string, args ...any) { m.opLog(j, op, format, args...) }
	exec.narrow = func(level string, keep map[string]bool) { m.narrow(j, level, keep) }
	if exec.check != nil {
		if err := exec.check(exec); err != nil {
			m.endOp(j, op, err, nil)
			return
		}
	}
	if op.dryRun {
		exec.info("dry-run mode requested, not actually executing the operation")
		m.endOp(j, op, nil, nil)
		return
	}
	if fault.kind != opPass && !exec.has(fault.at) {
		m.note(LogFault, "job %d: %s has no point %q", j.id, op.id, fault.at)
		m.endOp(j, op, execError("luxitest: %s has no point %q where a fault could strike", op.id, fault.at), nil)
		return
	}
	if fault.at == AtExec && !exec.reaches(AtExec) {
		m.strike(j, op, exec, -1, fault)
		return
	}
	m.run(j, op, exec, 0, fault)
}

// run executes the opcode's steps from the given one on.
func (m *Master) run(j *job, op *queuedOp, exec *execution, index int, fault OpFault) {
	if index == len(exec.steps) {
		m.endExec(j, op, exec, nil)
		return
	}
	s := exec.steps[index]
	m.later(j, s.after, func() {
		m.currentJob = j.id
		err := s.do(exec)
		m.cluster.replicate()
		m.currentJob = 0
		if err != nil {
			m.endExec(j, op, exec, err)
			return
		}
		m.wake()
		switch {
		case exec.hangs:
			exec.hangs = false
			m.interrupted(j, OpHangs(), func() { m.run(j, op, exec, index+1, fault) })
		case s.point != "" && s.point == fault.at:
			m.strike(j, op, exec, index, fault)
		default:
			m.run(j, op, exec, index+1, fault)
		}
	})
}

// strike carries out a fault after the step of that index.
func (m *Master) strike(j *job, op *queuedOp, exec *execution, index int, fault OpFault) {
	if fault.kind == opFail {
		m.endExec(j, op, exec, fault.error())
		return
	}
	next := func() { m.run(j, op, exec, index+1, OpFault{}) }
	if !m.interrupted(j, fault, next) {
		next()
	}
}

// endExec ends the execution of an opcode.
func (m *Master) endExec(j *job, op *queuedOp, exec *execution, err *opError) {
	m.currentJob = j.id
	if err != nil && exec.failed != nil {
		exec.failed(err)
	}
	if exec.finally != nil {
		err = exec.finally(exec, err)
	}
	m.cluster.replicate()
	m.currentJob = 0
	m.endOp(j, op, err, exec.result)
}

// endOp records the opcode's end and turns to the next one.
func (m *Master) endOp(j *job, op *queuedOp, err *opError, result any) {
	op.end = m.now
	if err == nil {
		op.status, op.result = success, result
	} else {
		op.status, op.result = failed, err.encoded()
		for _, o := range j.ops {
			if !isFinal(o.status) {
				o.status = failed // without an end: MarkUnfinishedOps
				o.result = (&opError{"OpExecError", []string{"Preceding opcode failed"}}).encoded()
			}
		}
	}
	m.release(j)
	m.wake()
	if j.cancel && err == nil { // it was informed while an opcode ran: the rest is canceled
		for _, o := range j.ops {
			if !isFinal(o.status) {
				o.status, o.result = canceled, "Job canceled by request"
			}
		}
	}
	m.proceed(j)
}

func (m *Master) finishCanceled(j *job) {
	first := true
	for _, o := range j.ops {
		if !isFinal(o.status) {
			o.status, o.result = canceled, "Job canceled by request"
			if first {
				o.end, first = m.now, false
			}
		}
	}
	j.attempt++
	m.locks.forget(j.id)
	m.release(j)
	m.finish(j)
}

// finish ends the job's process.
func (m *Master) finish(j *job) {
	j.alive = false
	j.end = m.now
	m.note(LogEnd, "job %d: %s%s", j.id, j.status(), j.failure())
	m.wake()
	if j.inherited {
		m.after(m.opts.RestartNotice, func() { m.freeSlot(j) })
	} else {
		m.freeSlot(j)
	}
	parked := m.parked
	m.parked = nil
	for _, p := range parked {
		if p.alive {
			m.proceed(p)
		}
	}
}

// freeSlot frees the job's slot, once luxid knows that the job has ended.
func (m *Master) freeSlot(j *job) {
	j.slot = false
	m.schedule()
}

// failure describes the first failed opcode for the log.
func (j *job) failure() string {
	for k, op := range j.ops {
		if op.status == failed {
			return fmt.Sprintf(" in opcode %d: %v", k, op.result)
		}
	}
	return ""
}

func (m *Master) opLog(j *job, op *queuedOp, format string, args ...any) {
	j.logSerial++
	op.log = append(op.log, logLine{j.logSerial, m.now, fmt.Sprintf(format, args...)})
	m.wake()
}

// die kills the job's process. The job keeps its locks until luxid notices.
func (m *Master) die(j *job, notice time.Duration) {
	j.alive = false
	j.run++
	m.locks.forget(j.id)
	m.after(notice, func() { m.noticeDeath(j) })
}

// noticeDeath makes every opcode of a job whose process died an error, even one that succeeded (hs:JQScheduler.hs
// checkForDeath).
func (m *Master) noticeDeath(j *job) {
	if m.down {
		m.after(time.Second, func() { m.noticeDeath(j) })
		return
	}
	text := fmt.Sprintf("detected death of job %d", j.id)
	if !j.final() {
		for _, op := range j.ops {
			op.status, op.end, op.result = failed, m.now, text
			op.reason = append(op.reason, Reason{"gnt:daemon:luxid:deathdetection", text, m.now.UnixNano()})
		}
	}
	m.release(j)
	m.finish(j)
}
