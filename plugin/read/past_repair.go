package read

import (
	"fmt"
	"time"

	"ganeti-autorepair/plugin/repair"
)

// PastRepair is a repair as tags and the job queue tell of it.
type PastRepair struct {
	Instance string    `json:"instance"`
	ID       string    `json:"id"`
	Type     string    `json:"type,omitempty"`  // missing if no tag of it is left
	Began    int64     `json:"began,omitempty"` // Unix time in seconds
	Ended    int64     `json:"ended,omitempty"` // the same; missing if it has not, or nothing tells
	Outcome  string    `json:"outcome"`         // success, failure, enoperm; pending; given-up; unknown
	Why      string    `json:"why,omitempty"`   // of a failure, or where the last job of a pending one failed: its error, and how often it was tried
	Jobs     []PastJob `json:"jobs"`
}

// PastJob is a job of a past repair. Its times are missing if it did not begin
// or end, or is no longer in the archive; its nodes if nothing tells of them.
type PastJob struct {
	ID     int64       `json:"id"`
	Step   repair.Step `json:"step,omitempty"`
	From   string      `json:"from_node,omitempty"`
	To     []string    `json:"to_nodes,omitempty"`
	Status string      `json:"status"`
	Began  int64       `json:"began,omitempty"`
	Ended  int64       `json:"ended,omitempty"`
	Error  string      `json:"error,omitempty"`
}

// Outcomes of past repairs beside those that result tags have.
const (
	PastPending = "pending"  // not ended yet
	PastGivenUp = "given-up" // its pending tag was removed without a result
	PastUnknown = "unknown"  // no tag of it is left anywhere
)

// OfInstance returns the repairs of one instance, if it is named, that have something
// since a time, if there is one.
func OfInstance(list []PastRepair, instance string, since time.Time) []PastRepair {
	some := []PastRepair{}
	for _, p := range list {
		if (instance == "" || p.Instance == instance) && (since.IsZero() || p.Outcome == PastPending || p.last() >= since.Unix()) {
			some = append(some, p)
		}
	}
	return some
}

// last returns when something last happened to the repair, a Unix time in seconds.
func (p PastRepair) last() int64 {
	last := p.Ended
	if p.Began > last {
		last = p.Began
	}
	for _, j := range p.Jobs {
		if j.Ended > last {
			last = j.Ended
		}
	}
	return last
}

// failure tells the error of the last known job that has one, and how many jobs took the same
// step in vain: "job 14: it broke; tried 3 times".
func (p PastRepair) failure() string {
	for k := len(p.Jobs) - 1; k >= 0; k-- {
		last := p.Jobs[k]
		if last.Error == "" || last.Status == "unknown" {
			continue
		}
		text, tries := fmt.Sprintf("job %d: %s", last.ID, last.Error), 0
		for _, j := range p.Jobs {
			if j.Step == last.Step && j.Error != "" && j.Status != "unknown" {
				tries++
			}
		}
		if tries > 1 {
			text += fmt.Sprintf("; tried %d times", tries)
		}
		return text
	}
	return ""
}
