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

	filters     []*filterRule
	filterCount int // how many UUIDs of rules were made up
}

// enqueue puts a job into the queue. The id is allocated already.
func (m *Master) enqueue(id int64, ops []*opcode) {
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
	m.wake()
}

// reasonSource implements hs:OpCodes.hs opReasonSrcID.
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

// schedule hands jobs over for execution: hs:JQScheduler.hs scheduleSomeJobs.
func (m *Master) schedule() {
	if m.down {
		return
	}
	m.reject()
	var candidates []*job
	slots := m.cluster.MaxRunningJobs
	for _, j := range m.sortedJobs() {
		if j.slot {
			slots--
		} else if j.enqueued() && m.eligible(j) {
			candidates = append(candidates, j)
		}
	}
	sort.SliceStable(candidates, func(a, b int) bool { return candidates[a].priority() < candidates[b].priority() })
	for _, j := range m.filtered(m.rateLimited(candidates)) {
		if slots <= 0 {
			return
		}
		slots--
		m.launch(j)
	}
}

// reject cancels the queued jobs that a filter rule rejects (cancelRejectedJobs).
func (m *Master) reject() {
	for _, j := range m.sortedJobs() {
		if !j.enqueued() {
			continue
		}
		if r := m.applies(j); r != nil && r.Action == FilterReject {
			m.dequeue(j)
			m.note(LogQueue, "job %d rejected by filter %s", j.id, r.UUID)
		}
	}
}

// dequeue cancels a job that was not handed over. Its opcodes keep their null results (hs:JQueue.hs cancelQueuedJob).
func (m *Master) dequeue(j *job) {
	for _, op := range j.ops {
		op.status, op.end = canceled, m.now
	}
	j.end = m.now
	m.wake()
}

// rateLimited returns the jobs for which all buckets named in their reason trails have room (reasonRateLimit).
func (m *Master) rateLimited(candidates []*job) []*job {
	used := make(map[string]int)
	for _, j := range m.jobs {
		if j.slot {
			for _, b := range j.rateLimits() {
				used[b.key]++
			}
		}
	}
	var fit []*job
	for _, j := range candidates {
		limits, fits := j.rateLimits(), true
		for _, b := range limits {
			fits = fits && used[b.key] < b.limit
		}
		if fits {
			for _, b := range limits {
				used[b.key]++
			}
			fit = append(fit, j)
		}
	}
	return fit
}

// filtered returns the jobs that the filter rules let through (jobFiltering).
func (m *Master) filtered(candidates []*job) []*job {
	if len(m.filters) == 0 {
		return candidates
	}
	used := make(map[*filterRule]int)
	for _, j := range m.jobs {
		if j.slot {
			used[m.applies(j)]++
		}
	}
	var fit []*job
	for _, j := range candidates {
		r := m.applies(j)
		if r != nil {
			switch r.Action {
			case FilterPause, FilterReject:
				continue
			case FilterRateLimit:
				if used[r] >= r.Limit {
					continue
				}
				used[r]++
			}
		}
		fit = append(fit, j)
	}
	return fit
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
