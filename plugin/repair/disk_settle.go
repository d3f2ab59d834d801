package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/tagstore"
)

// settlingLasts is how long a repair of disks waits for a verification of them (D6).
const settlingLasts = time.Hour

// settleDisks deals with a repair whose last job has rebuilt a disk: a verification that
// began after that job ended has to say that all is well (D6). One that does not may have
// been too early: ganeti-watcher activates disks that it lists. It reports whether it has
// decided about the repair, and whether that is settled.
func (x *decider) settleDisks(r *tagstore.Repair, jobs []*JobFact) (decided, settled bool) {
	last := lastChange(jobs)
	if last == nil || !last.Succeeded() || !rebuilds(last) || x.d.Need.Row != "" && !x.d.Need.OnGoodNodes() {
		return false, false
	}
	ended := last.Info.Ended
	v, known := x.s.Disks.Newest[x.s.GroupID(x.i)]
	known = known && v.Begun <= x.s.Time.Unix() // the clock may have been set back since
	verified := known && v.Begun > ended.Unix()
	listed := verified && v.lists(x.i.Name)
	late := x.s.Time.Sub(ended) > settlingLasts
	switch {
	case verified && !listed && x.reachedBy(v) && x.incomplete():
		return true, false // where it runs is not known, or its system is missing (S16, S18)
	case verified && !listed && x.reachedBy(v):
		x.settle(r, jobs, tagstore.Success, fmt.Sprintf("job %d has verified its disks", v.Job))
		return true, true
	case late && listed:
		return true, x.fail(r, fmt.Sprintf("job %d succeeded, and job %d, which verified the disks after it, lists them all the same", last.Info.ID, v.Job))
	case late:
		return true, x.fail(r, fmt.Sprintf("job %d succeeded, and nothing has verified the disks in the hour after it", last.Info.ID))
	}
	detail := fmt.Sprintf("job %d succeeded; the next verification of disks has to say that all is well", last.Info.ID)
	if listed {
		detail = fmt.Sprintf("job %d succeeded, and job %d, which verified the disks after it, lists them all the same; one within an hour of the repair has to say that all is well", last.Info.ID, v.Job)
	}
	x.conclude(StatePending, ReasonSettling, detail)
	return true, false
}

// onlyReported returns why a repair of broken disks that was asked for by hand, or that passes
// had begun and that never came to anything, is refused: the settings let such disks be told
// of only (D10). It returns "" where it is not, or nothing tells that disks are broken.
func (x *decider) onlyReported(r *tagstore.Repair, jobs []*JobFact) string {
	kind := tagstore.KindOfID(r.ID)
	wanted := kind == tagstore.AskedFor || kind == tagstore.Foreign
	for _, f := range jobs {
		wanted = wanted || rebuilds(f)
	}
	if x.s.Disks.Repair || r.Type != tagstore.FixStorage || !wanted || lastChange(jobs) != nil {
		return ""
	}
	if sign := x.s.SignOf(x.i); sign != "" {
		return sign + "; that is only told of, as the setting disks is not \"repair\""
	}
	return ""
}

// reachedBy reports whether the verification reached all nodes of the instance: what it does
// not list is well only then.
func (x *decider) reachedBy(v DiskVerification) bool {
	for _, name := range x.i.Nodes() {
		if n := x.s.Nodes[name]; n == nil || contains(v.Unreached, n.UUID) {
			return false
		}
	}
	return true
}

// rebuilds reports whether the job is one of ours for a broken disk on good nodes.
func rebuilds(f *JobFact) bool {
	row := RowMark(f.Info)
	return row == RowRebuild || row == RowPrimary
}

// flapsWithin returns why an open repair that policy began, for a node that was lost, and that
// has come to what policy would not begin again yet on good nodes, has to wait (D7); "" if it
// has not. What it has mended itself does not count.
func (x *decider) flapsWithin(r *tagstore.Repair) string {
	if !x.d.Need.OnGoodNodes() || tagstore.KindOfID(r.ID) != tagstore.ByPolicy || x.askedFor() {
		return ""
	}
	return x.flapping(r.ID)
}

// flapping returns why an instance on good nodes is not repaired again by policy, or "":
// the last such repair, but for the given one, is not long ago (D7). Its jobs tell, and where
// the queue does not know these any more its newest result.
func (x *decider) flapping(but string) string {
	last, what := int64(0), "job"
	for id, ended := range x.s.Past.Mended[x.i.UUID] {
		if id != but && ended > last {
			last = ended
		}
	}
	for _, r := range x.records.Results {
		unknown := len(r.Jobs) > 0
		for _, id := range r.Jobs {
			for _, f := range x.s.PastJobs {
				unknown = unknown && f.Info.ID != id
			}
		}
		if unknown && r.Time > last && r.Outcome != tagstore.Enoperm {
			last, what = r.Time, "result"
		}
	}
	if last == 0 || x.s.Time.Sub(time.Unix(last, 0)) >= x.set.RepeatAfter {
		return ""
	}
	return fmt.Sprintf("its last repair, by its %s, was at %s, and policy allows no other one within %s (repeat_after)", what, time.Unix(last, 0).UTC().Format("2006-01-02 15:04:05 MST"), x.set.RepeatAfter)
}
