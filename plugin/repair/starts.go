package repair

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// watcherSource names ganeti-watcher in reason trails (OPCODE_REASON_SRC_WATCHER in
// lib/constants.py).
const watcherSource = "gnt:watcher"

// StartTries are the starts of an instance by ganeti-watcher that failed, in a row since it
// last started or moved (R1).
type StartTries struct {
	Failed int `json:"failed"`
	// Refused is how many of them Ganeti refused, as it would on any node.
	Refused int        `json:"refused,omitempty"`
	Since   int64      `json:"since"`  // Unix time in seconds at which the first of them ended
	Newest  int64      `json:"newest"` // the same of the newest
	Job     luxi.JobID `json:"job"`    // the newest of them
	Name    string     `json:"name"`   // of the instance, as that job had it
	Detail  string     `json:"detail,omitempty"`
}

// startsCount is how long failed starts count. ganeti-watcher tries again eight hours after it
// has given up (RETRY_EXPIRATION in lib/watcher/state.py), so older ones say that it runs no
// more, or tries no more, and that the instance may have been started meanwhile.
const startsCount = 24 * time.Hour

// Current reports whether the starts still count.
func (t StartTries) Current(now time.Time) bool {
	return now.Unix()-t.Newest < int64(startsCount/time.Second)
}

// inWords says what was tried.
func (t StartTries) inWords() string {
	return fmt.Sprintf("ganeti-watcher has tried %d times to start it, at last by job %d: %s", t.Failed, t.Job, t.Detail)
}

// CountStarts takes a job that has ended into account: tries are by instance UUID, and the
// map is changed.
func CountStarts(tries map[string]StartTries, job luxi.JobInfo) {
	for _, op := range job.Ops {
		uuid := op.Param("instance_uuid")
		if uuid == "" || op.DryRun() {
			continue
		}
		switch op.ID {
		case luxi.OpInstanceStartup:
			if op.Status == luxi.JobSuccess {
				delete(tries, uuid)
			} else if e := op.Result.Err; op.Status == luxi.JobError && e != nil && fromWatcher(op) {
				t := tries[uuid]
				if job.ID <= t.Job {
					continue // it was counted before
				}
				if t.Failed == 0 {
					t.Since = job.Ended.Unix()
				}
				t.Failed, t.Newest, t.Job, t.Name, t.Detail = t.Failed+1, job.Ended.Unix(), job.ID, op.Param("instance_name"), Shorten(e.Message)
				if e.Class == "OpPrereqError" && e.Code != luxi.ECodeEnviron && !noRoom(e) {
					t.Refused++
				}
				tries[uuid] = t
			}
		case luxi.OpInstanceReboot, luxi.OpInstanceFailover, luxi.OpInstanceMigrate, luxi.OpInstanceMove, luxi.OpInstanceReinstall, luxi.OpInstanceRecreateDisks:
			if op.Status == luxi.JobSuccess {
				delete(tries, uuid)
			}
		}
	}
}

func fromWatcher(op luxi.JobOp) bool {
	for _, r := range op.Reason {
		if r.Source == watcherSource {
			return true
		}
	}
	return false
}

// gaveUp returns the starts of the instance that failed, if they are as many as
// ganeti-watcher makes.
func (s *Snapshot) gaveUp(i *Instance) (StartTries, bool) {
	t := s.Disks.Starts[i.UUID]
	return t, s.Disks.Relocate && s.Disks.RestartTries > 0 && t.Failed >= s.Disks.RestartTries
}

// NotStarted says what ganeti-watcher has tried with an instance that it has given up, or
// returns "" (R1). Where the live status is not known, its starts alone tell.
func (s *Snapshot) NotStarted(i *Instance) string {
	t, known := s.Disks.Starts[i.UUID]
	switch {
	case !known || s.Disks.RestartTries == 0 || t.Failed < s.Disks.RestartTries,
		i.AdminState != "up" || i.Live != nil && i.Live.Status != "ERROR_down":
		return ""
	}
	return t.inWords()
}

// diagnoseStart says what an instance needs that lives on good nodes, and that
// ganeti-watcher has tried to start in vain (R1). Only one with mirrored disks can start
// elsewhere.
func diagnoseStart(s *Snapshot, i *Instance) Need {
	tries, gaveUp := s.gaveUp(i)
	if !gaveUp || i.AdminState != "up" || i.Template != "drbd" && !externallyMirrored(i.Template) {
		return Need{}
	}
	need := Need{Row: RowRelocate, Type: tagstore.Failover}
	what := tries.inWords()
	switch {
	case i.Live == nil, strings.HasPrefix(i.Live.Status, "ERROR_node"):
		need.Blocked, need.Detail = ReasonNoLiveStatus, what+"; whether it runs is not known"
	case i.Live.Status != "ERROR_down":
		return Need{}
	case tries.Failed-tries.Refused < s.Disks.RestartTries:
		need.Blocked, need.Detail = ReasonCannotStart, what+"; it would be refused on any node"
	default:
		need.Steps, need.Detail = []Step{StepFailover}, what
	}
	return need
}

// GivenUp reports whether the instance does not run on its primary node, as far as that
// told, and ganeti-watcher has given up to start it there.
func GivenUp(s *Snapshot, i *Instance) bool {
	return i.Live != nil && i.Live.Status == "ERROR_down" && Diagnose(s, i).Row == RowRelocate
}

// relocations returns why instances that ganeti-watcher has given up are not moved, by the
// UUID of the node group: where they are many, something else is wrong (R2).
func relocations(s *Snapshot, decisions []Decision, most int) map[string]string {
	count := make(map[string]int)
	for _, d := range decisions {
		if d.Need.Row == RowRelocate && len(d.Need.Steps) > 0 {
			count[s.GroupID(d.Instance)]++
		}
	}
	why := make(map[string]string)
	for uuid, n := range count {
		if most > 0 && n > most {
			why[uuid] = fmt.Sprintf("%d instances of group %s cannot be started, more than %d (max_relocations): something else than their nodes is wrong", n, s.Groups[uuid].Name, most)
		}
	}
	return why
}
