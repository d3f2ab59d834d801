package plugin

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// EndRepairs cancels the jobs of an instance's open repairs, so that their
// pending tags can be removed: held ones that a pass which died left behind,
// and those that are queued or wait for locks. The caller holds the lock of
// passes, so that none adds to them meanwhile. It returns the jobs that it
// canceled or, if dry, would cancel.
//
// A job that runs cannot be canceled. It is an error, and nothing is changed:
// the pending tag stays, as the record of what goes on.
//
// A gate is never canceled: that would release the job behind it.
func (p *Pass) EndRepairs(ctx context.Context, o tagstore.Object, dry bool) ([]luxi.JobID, error) {
	running, err := p.Client.ListJobs(ctx, luxi.UnfinishedJobs(), false)
	if err != nil {
		return nil, fmt.Errorf("reading the job queue: %w", err)
	}
	var cancel []luxi.JobID
	for _, job := range running {
		if !concerns(job, o) {
			continue
		}
		if job.Status == luxi.JobCanceling || began(job, o) {
			return nil, fmt.Errorf("job %d (%s) has begun and cannot be canceled; its repair stays pending until it ends", job.ID, strings.Join(job.Summary, ", "))
		}
		cancel = append(cancel, job.ID)
	}
	if dry {
		return cancel, nil
	}
	for _, id := range cancel {
		_, why, err := p.Client.CancelJob(ctx, id, false)
		if err != nil {
			return nil, fmt.Errorf("canceling job %d: %w", id, err)
		}
		infos, err := p.Client.QueryJobs(ctx, []luxi.JobID{id})
		if err != nil {
			return nil, fmt.Errorf("looking up job %d: %w", id, err)
		}
		// What luxid says is not all: a job that waited for locks may have run to its
		// end while it was asked to stop.
		if infos[0].Known && (began(infos[0], o) || infos[0].Status != luxi.JobCanceled && NewJobFact(infos[0]).Outcome != OutcomeExpired) {
			return nil, fmt.Errorf("job %d is %s and was not canceled (%s); its repair stays pending, for the next pass to settle", id, infos[0].Status, strings.TrimSpace(why))
		}
	}
	return cancel, nil
}

// began reports whether any opcode of the job that is about the object has run, or
// does. A job as a whole is waiting again where a later opcode of it waits for
// locks, and a reinstallation that is canceled there is left half done. What a tag
// job has done for other instances does not matter.
func began(job luxi.JobInfo, o tagstore.Object) bool {
	for _, op := range job.Ops {
		if about(op, o) && (op.Status == luxi.JobRunning || op.Status == luxi.JobSuccess) {
			return true
		}
	}
	return false
}

// about reports whether the opcode names the instance or changes its tags.
func about(op luxi.JobOp, o tagstore.Object) bool {
	return means(op.Param("instance_name"), o.Name) || changesTags(op, o)
}

func changesTags(op luxi.JobOp, o tagstore.Object) bool {
	return op.Param("kind") == string(luxi.TagInstance) && op.Param("name") == o.Name
}

// concerns reports whether a job belongs to an open repair of the instance: its
// opcodes name the instance, and one of its pending tags names the job or our
// mark is on it. A tag alone proves nothing: anyone may have written it, with
// the number of any job.
func concerns(job luxi.JobInfo, o tagstore.Object) bool {
	_, ours := markOf(job)
	for _, op := range job.Ops {
		switch {
		case means(op.Param("instance_name"), o.Name) && (ours || named(o, job.ID)):
			return true
		case changesTags(op, o) && ours && !op.Status.Final():
			return true // a change of tags that a pass began
		}
	}
	return false
}

// named reports whether a pending tag of the instance names the job.
func named(o tagstore.Object, job luxi.JobID) bool {
	for _, p := range o.Tags.Pendings {
		for _, id := range p.Jobs {
			if id == job {
				return true
			}
		}
	}
	return false
}

// SteerMark is the text of the reason trail of tag jobs that a person asked for.
func SteerMark(command string) string { return "steer " + command }
