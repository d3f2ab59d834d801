package luxitest

import (
	"strings"
	"time"
)

// This file holds what a test can do to the job queue.

// Jobs returns all jobs there ever were, by id.
func (m *Master) Jobs() []Job {
	m.lock()
	defer m.unlock()
	var list []Job
	for _, j := range m.sortedJobs() {
		list = append(list, j.view())
	}
	return list
}

// Job returns one job; its ID is zero if there never was one with that id.
func (m *Master) Job(id int64) Job {
	m.lock()
	defer m.unlock()
	if j := m.jobs[id]; j != nil {
		return j.view()
	}
	return Job{}
}

// ArchiveJobs moves the files of all final jobs that ended at least age ago to the archive, as the watcher does after
// six hours.
func (m *Master) ArchiveJobs(age time.Duration) int {
	m.lock()
	defer m.unlock()
	return m.archiveOlder(age)
}

func (m *Master) archiveOlder(age time.Duration) int {
	n := 0
	for _, j := range m.sortedJobs() {
		if j.final() && !j.archived && !j.purged && !j.end.After(m.now.Add(-age)) {
			j.archived = true
			m.note(LogQueue, "job %d archived", j.id)
			n++
		}
	}
	return n
}

// Purge deletes the file of a final job, as ganeti-cleaner does after 21 days. Clients no longer know the job then.
func (m *Master) Purge(id int64) bool {
	m.lock()
	defer m.unlock()
	j := m.jobs[id]
	if j == nil || !j.final() || j.purged {
		return false
	}
	j.archived, j.purged = true, true
	m.note(LogQueue, "job %d purged", id)
	return true
}

// TellToCancel tells a job to end, as CancelJob does, and does not wait until it has: so it is for a client that does
// not wait for the answer.
func (m *Master) TellToCancel(id int64) {
	m.lock()
	defer m.unlock()
	m.cancel(id, false)
}

// KillJobProcess kills the process of a job. luxid notices later (Options.DeathDetection). It reports whether there
// was a process.
func (m *Master) KillJobProcess(id int64) bool {
	m.lock()
	defer m.unlock()
	j := m.jobs[id]
	if j == nil || !j.alive {
		return false
	}
	m.note(LogQueue, "job %d: process killed", id)
	m.die(j, m.opts.DeathDetection)
	return true
}

// cancel is luxid's CancelJob (hs:Query/Server.hs, hs:JQueue.hs cancelJob). It reports whether the call now waits for the
// job to end. A process that was told to cancel its job does so between two attempts to get locks, or after an opcode:
// what gets its locks before that runs.
func (m *Master) cancel(id int64, kill bool) (ok bool, why string, wait bool) {
	j := m.jobs[id]
	switch {
	case j == nil || j.archived || !j.slot && !j.enqueued():
		return false, "Job " + itoa(id) + " not found in queue", false
	case j.enqueued():
		m.dequeue(j)
		m.note(LogQueue, "job %d dequeued", id)
		// Jobs that wait for this one start when luxid next looks for jobs to start.
		return true, "Dequeued job " + itoa(id), false
	case !j.alive:
		return true, "Job " + itoa(id) + " has been already dead", false
	case kill:
		m.note(LogQueue, "job %d: process killed", id)
		m.die(j, 100*time.Millisecond) // constants.LUXID_JOB_DEATH_DELAY
		return true, "SIGKILL send to the process", false
	}
	m.note(LogQueue, "job %d: told to cancel", id)
	j.cancel = true
	for k, p := range m.parked {
		if p == j {
			m.parked = append(m.parked[:k:k], m.parked[k+1:]...)
			m.finishCanceled(j)
			break
		}
	}
	if s := j.status(); s != queued && s != waiting && !isFinal(s) {
		return false, "Job no longer waiting, can't cancel (informed it anyway)", false
	}
	return false, "", true
}

// canceled returns what CancelJob answers once the job has ended, or once the call has waited as long as it may.
func (j *job) canceled() (bool, string) {
	s := j.status()
	switch {
	case s == canceled:
		return true, "Job successfully cancelled"
	case isFinal(s):
		return false, "Job exited before it could have been canceled, status JOB_STATUS_" + strings.ToUpper(s)
	}
	return false, "Job could not be canceled, status JOB_STATUS_" + strings.ToUpper(s)
}

// RestartLuxid stops luxid and starts it again at once. Connections drop and the socket vanishes for a moment; jobs
// that run go on, but the new luxid is slow to notice their ends (Options.RestartNotice).
func (m *Master) RestartLuxid() error {
	m.StopLuxid()
	return m.StartLuxid()
}

// MasterFailover makes another node the master: connections drop, and the processes of all jobs died with the old
// master.
func (m *Master) MasterFailover(node string) error {
	m.StopLuxid()
	m.lock()
	m.cluster.Master = node
	if err := m.cluster.settle(); err != nil {
		panic("luxitest: MasterFailover: " + err.Error())
	}
	m.note(LogTest, "master failover to %s", node)
	for _, j := range m.sortedJobs() {
		if j.alive {
			m.die(j, time.Second)
		}
	}
	m.unlock()
	return m.StartLuxid()
}
