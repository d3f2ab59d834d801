package luxitest

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// queue is the job queue: luxid's scheduler (hs:JQScheduler.hs) and the job processes (py:jqueue/__init__.py).
type queue struct {
	serial int64
	jobs   map[int64]*job
	down   bool   // luxid does not run, so nothing is scheduled and no death is noticed
	parked []*job // processes that wait for a dependency
}

// submit puts a job into the queue. The id is allocated already.
func (m *Master) submit(id int64, ops []*opcode) {
	j := &job{id: id, received: m.now}
	var names []string
	for index, op := range ops {
		op.reason = append(append([]Reason(nil), op.reason...), Reason{
			reasonSource(op.id), fmt.Sprintf("job=%d;index=%d", id, index), m.now.UnixNano() / 1000 * 1000,
		})
		j.ops = append(j.ops, &queuedOp{opcode: op, status: queued, priority: op.prio})
		names = append(names, op.summary())
	}
	m.jobs[id] = j
	m.note(LogSubmit, "job %d: %s%s", id, strings.Join(names, ", "), describeDependencies(j))
	if len(ops) == 0 {
		j.end = m.now
	}
	m.schedule()
	m.wake()
}

// reasonSource is hs:OpCodes.hs opReasonSrcID.
func reasonSource(id string) string {
	return "gnt:opcode:" + strings.ToLower(strings.TrimPrefix(id, "OP_"))
}

func describeDependencies(j *job) string {
	var parts []string
	for _, op := range j.ops {
		for _, d := range op.depends {
			on := strings.Join(d.on, " or ")
			if on == "" {
				on = "final"
			}
			parts = append(parts, fmt.Sprintf("%d %s", d.job, on))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (after " + strings.Join(parts, ", ") + ")"
}

func (m *Master) sortedJobs() []*job {
	list := make([]*job, 0, len(m.jobs))
	for _, j := range m.jobs {
		list = append(list, j)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].id < list[b].id })
	return list
}

// enqueued reports whether luxid has the job in its queue and has not handed it over.
func (j *job) enqueued() bool { return !j.slot && !j.final() && len(j.ops) > 0 }

// schedule hands jobs over for execution: hs:JQScheduler.hs selectJobsToRun.
func (m *Master) schedule() {
	if m.down {
		return
	}
	buckets := make(map[string]int)
	slots := m.cluster.MaxRunningJobs
	var candidates []*job
	for _, j := range m.sortedJobs() {
		if j.slot {
			slots--
			for _, b := range j.rateLimits() {
				buckets[b.key]++
			}
		} else if j.enqueued() && m.eligible(j) {
			candidates = append(candidates, j)
		}
	}
	sort.SliceStable(candidates, func(a, b int) bool { return candidates[a].priority() < candidates[b].priority() })
	for _, j := range candidates {
		if slots <= 0 {
			return
		}
		limits := j.rateLimits()
		fits := true
		for _, b := range limits {
			fits = fits && buckets[b.key] < b.limit
		}
		if !fits {
			continue
		}
		for _, b := range limits {
			buckets[b.key]++
		}
		slots--
		m.launch(j)
	}
}

// eligible reports whether nothing the job depends on is still in luxid's queue.
func (m *Master) eligible(j *job) bool {
	for _, id := range j.dependencies() {
		if d := m.jobs[id]; d != nil && (d.slot || d.enqueued()) {
			return false
		}
	}
	return true
}

type rateLimit struct {
	key   string
	limit int
}

// rateLimits lists the ad-hoc rate limits in the job's reason trails: hs:JQScheduler/ReasonRateLimiting.hs.
func (j *job) rateLimits() []rateLimit {
	var limits []rateLimit
	seen := make(map[string]bool)
	for _, op := range j.ops {
		for _, r := range op.reason {
			parts := strings.SplitN(r.Text, ":", 3)
			if len(parts) != 3 || parts[0] != "rate-limit" {
				continue
			}
			n, err := strconv.Atoi(parts[1])
			key := parts[1] + ":" + parts[2]
			if err == nil && n > 0 && !seen[key] {
				seen[key] = true
				limits = append(limits, rateLimit{key, n})
			}
		}
	}
	return limits
}

// launch forks the job's process.
func (m *Master) launch(j *job) {
	j.slot, j.alive = true, true
	m.later(j, m.opts.ProcessStart, func() { m.proceed(j) })
}

// later calls do after d if the job's process still lives then and was not interrupted.
func (m *Master) later(j *job, d time.Duration, do func()) {
	run := j.run
	m.after(d, func() {
		if j.alive && j.run == run {
			do()
		}
	})
}

func (m *Master) unfinished() int {
	n := 0
	for _, j := range m.jobs {
		if !j.final() {
			n++
		}
	}
	return n
}
