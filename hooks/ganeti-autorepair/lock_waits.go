package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/report"
)

// lockWaits tells a person whose locks the tag jobs of a command wait for.
type lockWaits struct {
	env    *env
	client *luxi.Client
	told   map[string]bool // lines, each of which is told once
}

// tell says of each job that waits for a lock who has it. The jobs are given with the
// objects whose tags they change. What cannot be found out is not told.
func (w *lockWaits) tell(ctx context.Context, jobs map[luxi.JobID]string) {
	locks, err := w.client.QueryLocks(ctx)
	if err != nil {
		return
	}
	holders := make(map[luxi.JobID][]luxi.JobID)
	var asked []luxi.JobID
	for _, l := range locks {
		for _, waiter := range l.Waiters {
			if _, ours := jobs[waiter]; ours {
				holders[waiter] = holdersOf(locks, l)
				asked = append(asked, holders[waiter]...)
			}
		}
	}
	known := make(map[luxi.JobID]luxi.JobInfo)
	if len(asked) > 0 {
		infos, err := w.client.QueryJobs(ctx, asked)
		if err != nil {
			return
		}
		for _, info := range infos {
			known[info.ID] = info
		}
	}
	var lines []string
	for waiter, list := range holders {
		var words []string
		for _, id := range list {
			words = append(words, w.job(known[id], id))
		}
		if len(words) > 0 {
			lines = append(lines, jobs[waiter]+": waiting for "+strings.Join(words, " and "))
		}
	}
	sort.Strings(lines)
	for _, line := range lines {
		// The age of a job is no news.
		key, _, _ := strings.Cut(line, "(")
		if w.told[key] || len(w.told) >= linesEach {
			continue
		}
		w.told[key] = true
		if w.env.progress {
			fmt.Fprint(w.env.stderr, "\r\x1b[K")
		}
		w.env.note("%s", line)
	}
}

// holdersOf returns the jobs that have a lock, or else those that have all locks of its
// level.
func holdersOf(locks []luxi.Lock, l luxi.Lock) []luxi.JobID {
	if len(l.Holders) > 0 {
		return l.Holders
	}
	for _, all := range locks {
		if all.Level == l.Level && all.Object == luxi.LockAll {
			return all.Holders
		}
	}
	return nil
}

// job describes a job: "job 47 (INSTANCE_MIGRATE, 12m)".
func (w *lockWaits) job(info luxi.JobInfo, id luxi.JobID) string {
	if !info.Known || len(info.Summary) == 0 {
		return fmt.Sprintf("job %d", id)
	}
	what, _, _ := strings.Cut(info.Summary[0], "(")
	if n := len(info.Summary); n > 1 {
		what += fmt.Sprintf(" and %d more", n-1)
	}
	since := info.Started
	if since.IsZero() {
		since = info.Received
	}
	return fmt.Sprintf("job %d (%s, %s)", id, what, report.Age(since.Unix(), w.env.now()))
}
