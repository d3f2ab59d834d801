package luxitest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Options adjust a Master; the zero value is a master on the machine's clock.
type Options struct {
	Clock Clock
	// FirstJob is the id of the first job, 1 if zero. A large number makes job lists in tags long.
	FirstJob int64
	// Durations overrides how long an opcode runs, by opcode name without "OP_" ("INSTANCE_FAILOVER").
	Durations map[string]time.Duration
	// ProcessStart is the time from a job's selection to its first opcode (0.2 s if zero).
	ProcessStart time.Duration
	// DeathDetection is how long luxid takes to notice that a job's process is gone (55 s if zero).
	DeathDetection time.Duration
	// RestartNotice is how long a luxid that was restarted takes to notice the end of a job that its
	// predecessor started (60 s if zero); the real one looks every 307 s.
	RestartNotice time.Duration
	// CallTime is the simulated time that each call takes under a virtual clock; normally none.
	CallTime time.Duration
	// IdleTimeout closes connections on which nothing was asked for that long. Zero means luxid's 180 s under a
	// real clock and never under a virtual one.
	IdleTimeout time.Duration
	// FailN1 makes allocations for drbd and plain instances fail as hail's do while a drbd instance of the
	// group has lost a node, unless the cluster has NoCapacityChecks.
	FailN1 bool
}

// LogEntry is one thing that could be observed from outside, at a moment of simulated time.
type LogEntry struct {
	At   time.Time
	Kind LogKind
	Text string
}

// LogKind sorts log entries, so that a golden file can hold those it cares for.
type LogKind string

// The kinds of log entries.
const (
	LogCall   LogKind = "call"   // a LUXI call was received
	LogFault  LogKind = "fault"  // a fault was injected
	LogSubmit LogKind = "submit" // a job entered the queue
	LogStart  LogKind = "start"  // an opcode got its locks and began
	LogEffect LogKind = "effect" // the cluster changed
	LogEnd    LogKind = "end"    // a job became final
	LogQueue  LogKind = "queue"  // a job was canceled, archived, purged, killed
	LogTest   LogKind = "test"   // the test did something: Edit, RestartLuxid, ...
	// LogIncident is something that must never happen, see Incident.
	LogIncident LogKind = "incident"
)

// Master is a simulated Ganeti master: its configuration, its job queue and, between Start and Close, its LUXI
// socket. All methods may be called at any time from any goroutine, except from within a hook of OnOpcode.
type Master struct {
	opts Options

	mu sync.Mutex
	timeline
	cluster *Cluster
	queue
	locks      lockTable
	log        []LogEntry
	changed    chan struct{} // closed and replaced whenever a job changes
	onCall     func(Call) Fault
	onOp       func(Opcode, Job) OpFault
	onBegin    func(Opcode, Job, *Cluster)
	currentJob int64 // the job whose opcode is executed, 0 for none
	incidents  []Incident
	asked      map[string]bool // nodes that the present query asks
	calls      int
	byName     map[string]int // calls per method

	server
}

// New returns a master for a copy of the cluster. It fails if the cluster is not consistent.
func New(cluster *Cluster, opts Options) (*Master, error) {
	setDuration(&opts.ProcessStart, 200*time.Millisecond)
	setDuration(&opts.DeathDetection, 55*time.Second)
	setDuration(&opts.RestartNotice, 60*time.Second)
	if !opts.Clock.virtual {
		setDuration(&opts.IdleTimeout, 180*time.Second)
	}
	c := cluster.Clone()
	if err := c.settle(); err != nil {
		return nil, fmt.Errorf("luxitest: %w", err)
	}
	c.replicate()
	m := &Master{
		opts:     opts,
		timeline: newTimeline(opts.Clock),
		cluster:  c,
		changed:  make(chan struct{}),
		byName:   make(map[string]int),
	}
	m.queue.jobs = make(map[int64]*job)
	m.queue.serial = opts.FirstJob - 1
	if opts.FirstJob == 0 {
		m.queue.serial = 0
	}
	return m, nil
}

func setDuration(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// lock takes the mutex and, under a real clock, lets happen what is due.
func (m *Master) lock() {
	m.mu.Lock()
	m.catchUp()
}

func (m *Master) unlock() { m.mu.Unlock() }

// Now returns the simulated time.
func (m *Master) Now() time.Time {
	m.lock()
	defer m.unlock()
	return m.now
}

// Advance lets a virtual clock run for d, and everything happen that falls into that time.
func (m *Master) Advance(d time.Duration) {
	m.lock()
	defer m.unlock()
	m.advance(d)
}

func (m *Master) advance(d time.Duration) {
	if m.clock.virtual {
		m.runUntil(m.now.Add(d))
		m.closeIdle()
	}
}

// RunUntilQuiet lets time pass until every job is final. It reports false if some job never will be, because it
// hangs or waits for one that hangs.
func (m *Master) RunUntilQuiet() bool {
	m.lock()
	defer m.unlock()
	for stuck := 0; m.unfinished() > 0; {
		at, ok := m.future.next()
		if stuck++; m.future.work > 0 {
			stuck = 0
		}
		if !ok || stuck > 2*m.unfinished() {
			return false
		}
		if m.clock.virtual {
			m.runUntil(at)
			continue
		}
		pause := m.real(at.Sub(m.now))
		m.unlock()
		time.Sleep(pause)
		m.lock()
	}
	m.closeIdle()
	return true
}

// Edit changes the cluster atomically behind the master's back, as an administrator's command, an accident or an
// opcode not simulated would. It panics if the result is not a possible cluster.
func (m *Master) Edit(change func(*Cluster)) {
	m.lock()
	defer m.unlock()
	before := m.cluster.Clone()
	change(m.cluster)
	m.cluster.followEdit(before, m.now)
	if err := m.cluster.settle(); err != nil {
		panic("luxitest: Edit: " + err.Error())
	}
	m.afterEdit(before)
	for _, line := range differences(before, m.cluster) {
		m.note(LogTest, "edit: %s", line)
	}
	m.wake()
}

// differences lists the lines of the text form that an edit added or removed, without the times of modification.
func differences(before, after *Cluster) []string {
	after = after.Clone()
	for _, c := range []*Cluster{before, after} {
		for _, n := range c.Nodes {
			n.MTime = time.Time{}
		}
	}
	old, now := strings.Split(before.Format(), "\n"), strings.Split(after.Format(), "\n")
	var lines []string
	for _, l := range old {
		if !contains(now, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range now {
		if !contains(old, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return lines
}

// Snapshot returns a copy of the cluster as it is now.
func (m *Master) Snapshot() *Cluster {
	m.lock()
	defer m.unlock()
	return m.cluster.Clone()
}

// Log returns everything observable so far, in order.
func (m *Master) Log() []LogEntry {
	m.lock()
	defer m.unlock()
	return append([]LogEntry(nil), m.log...)
}

// LogText renders the log, or the entries of the given kinds, one per line, with times relative to the master's
// creation: a form for golden files.
func (m *Master) LogText(kinds ...LogKind) string {
	var b strings.Builder
	for _, e := range m.Log() {
		wanted := len(kinds) == 0
		for _, k := range kinds {
			wanted = wanted || k == e.Kind
		}
		if wanted {
			fmt.Fprintf(&b, "%9.3f %-6s %s\n", e.At.Sub(m.epoch).Seconds(), e.Kind, e.Text)
		}
	}
	return b.String()
}

// Note adds a line of the test's own to the log.
func (m *Master) Note(format string, args ...any) {
	m.lock()
	defer m.unlock()
	m.note(LogTest, format, args...)
}

func (m *Master) note(kind LogKind, format string, args ...any) {
	m.log = append(m.log, LogEntry{At: m.now, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// wake tells everyone who waits for a change to look again.
func (m *Master) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}
