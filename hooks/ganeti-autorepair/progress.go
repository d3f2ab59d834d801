package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

const (
	// progressPatience bounds the wait for a change of the first job, before all are
	// queried again.
	progressPatience = 2 * time.Second
	// progressEvery is how often a job that goes on is told of where no terminal shows
	// how it gets on.
	progressEvery = 5 * time.Minute
)

// watched is a repair job that follow waits for.
type watched struct {
	id       luxi.JobID
	instance string
	step     repair.Step
	to       []string // the nodes that it brings the instance to, as far as they are known

	status luxi.JobStatus // as told last
	since  time.Time      // when it began, or else was first looked at
	told   time.Time      // when it was told of last
	last   string         // the last line of its log
}

// String tells what the job does: "web1: failing over to node4 (job 38)".
func (j *watched) String() string {
	return fmt.Sprintf("%s: %s (job %d)", j.instance, report.Doing(j.step, j.to), j.id)
}

// follow waits for jobs to end. On a terminal standard error has a line for each that
// is under way, elsewhere a line when one begins and now and then one in between.
// Standard output gets a line for each job that has ended.
func (r *runner) follow(ctx context.Context, jobs []*watched) error {
	c := r.env.client()
	defer c.Close()
	for len(jobs) > 0 {
		var ids []luxi.JobID
		for _, j := range jobs {
			ids = append(ids, j.id)
		}
		list, err := c.QueryProgress(ctx, ids)
		if err != nil {
			return fmt.Errorf("waiting for job %d: %w", ids[0], err)
		}
		r.clearProgress()
		var left []*watched
		for k, p := range list {
			j := jobs[k]
			if !r.takeIn(j, p) {
				left = append(left, j)
				continue
			}
			end, err := r.ended(ctx, c, j, p)
			if err != nil {
				return fmt.Errorf("waiting for job %d: %w", j.id, err)
			}
			writeFolded(r.env.stdout, "", "  ", fmt.Sprintf("%s ... %s", j, end), r.env.screen.columns)
		}
		if jobs = left; len(jobs) == 0 {
			return nil
		}
		r.drawProgress(jobs)
		_, err = c.WaitForJobChange(ctx, jobs[0].id, jobs[0].status, progressPatience)
		if err != nil && !isLost(err) {
			return fmt.Errorf("waiting for job %d: %w", jobs[0].id, err)
		}
	}
	return nil
}

// takeIn takes note of how a job stands, tells of it where no terminal shows that, and
// reports whether the job has ended.
func (r *runner) takeIn(j *watched, p luxi.JobProgress) bool {
	now := r.env.now()
	if j.since.IsZero() {
		j.since = now
	}
	if !p.Started.IsZero() {
		j.since = p.Started
	}
	for _, l := range p.Log {
		j.last = oneLine(l.Text)
		if node := chosenNode(j.last); node != "" {
			j.to = []string{node}
		}
	}
	changed := p.Status != j.status
	j.status = p.Status
	switch {
	case !p.Known || p.Status.Final():
		return true
	case r.env.progress:
	case changed:
		j.told = now
		fmt.Fprintf(r.env.stderr, "%s ...%s\n", j, waitsFor(p.Status))
	case now.Sub(j.told) >= progressEvery:
		j.told = now
		fmt.Fprintf(r.env.stderr, "%s ... %s%s\n", j, r.soFar(j), j.lastLine())
	}
	return false
}

// soFar tells how long a job has been going on, or waiting.
func (r *runner) soFar(j *watched) string {
	return inWordsShort(r.env.now().Sub(j.since)) + waitsFor(j.status)
}

// lastLine is what the job wrote to its log last, behind a colon.
func (j *watched) lastLine() string {
	if j.last == "" || j.status != luxi.JobRunning {
		return ""
	}
	return ": " + j.last
}

// waitsFor tells what a job that has not begun waits for.
func waitsFor(s luxi.JobStatus) string {
	switch s {
	case luxi.JobQueued:
		return " in the queue"
	case luxi.JobWaiting:
		return " waits for locks"
	case luxi.JobCanceling:
		return " is being canceled"
	}
	return ""
}

// chosenNode returns the node that an allocator has chosen, where a line of a job's log
// tells that (_RunAllocator in lib/cmdlib/instance_migration.py and instance_storage.py).
func chosenNode(line string) string {
	if !strings.Contains(line, "Selected new secondary for instance ") && !strings.Contains(line, "Selected nodes for instance ") {
		return ""
	}
	node := line[strings.LastIndex(line, ": ")+2:]
	if strings.ContainsAny(node, " ,") {
		return ""
	}
	return node
}

// ended tells how a job ended: "done in 11 s".
func (r *runner) ended(ctx context.Context, c *luxi.Client, j *watched, p luxi.JobProgress) (string, error) {
	took := inWordsShort(r.env.now().Sub(j.since))
	switch {
	case !p.Known:
		return "the queue does not know it any more", nil
	case p.Status == luxi.JobSuccess:
		return "done in " + took, nil
	}
	infos, err := c.QueryJobs(ctx, []luxi.JobID{j.id})
	if err != nil {
		return "", err
	}
	text := "failed after " + took
	if p.Status == luxi.JobCanceled {
		text = "canceled after " + took
	}
	if detail := repair.NewJobFact(infos[0]).Detail; detail != "" {
		text += ": " + detail
	}
	return text, nil
}

// drawProgress shows a line for each job on the terminal, as many as fit.
func (r *runner) drawProgress(jobs []*watched) {
	t := r.env.messages
	if !r.env.progress {
		return
	}
	most := len(jobs)
	if t.rows > 3 && most > t.rows-2 {
		most = t.rows - 3
	}
	for _, j := range jobs[:most] {
		// How long it has been going on is to be seen whatever the names.
		soFar := " ... " + r.soFar(j)
		text := cut(j.String(), t.columns-1-len(soFar)) + soFar
		fmt.Fprintln(r.env.stderr, cut(text+j.lastLine(), t.columns-1))
	}
	r.drawn = most
	if left := len(jobs) - most; left > 0 {
		fmt.Fprintf(r.env.stderr, "... and %d jobs more\n", left)
		r.drawn++
	}
}

// clearProgress takes the lines of drawProgress away.
func (r *runner) clearProgress() {
	if r.drawn > 0 {
		fmt.Fprintf(r.env.stderr, "\x1b[%dA\r\x1b[J", r.drawn)
	}
	r.drawn = 0
}

// inWordsShort tells how long something took: "11 s", "2 min 5 s", "1 h 12 min".
func inWordsShort(d time.Duration) string {
	s := int(d.Seconds())
	switch {
	case s < 0:
		return "0 s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
}

// cut shortens a text to a number of characters; 0 and less mean all of it.
func cut(text string, width int) string {
	runes := []rune(text)
	if width <= 3 || len(runes) <= width {
		return text
	}
	return string(runes[:width-3]) + "..."
}
