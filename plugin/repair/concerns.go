package repair

import (
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Began reports whether any opcode of the job that is about the object has run, or
// does. A job as a whole is waiting again where a later opcode of it waits for
// locks, and a reinstallation that is canceled there is left half done. What a tag
// job has done for other instances does not matter.
func Began(job luxi.JobInfo, o tagstore.Object) bool {
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

// Concerns reports whether a job belongs to an open repair of the instance: its
// opcodes name the instance, and one of its pending tags names the job or our
// mark is on it. A tag alone proves nothing: anyone may have written it, with
// the number of any job.
func Concerns(job luxi.JobInfo, o tagstore.Object) bool {
	_, ours := MarkOf(job)
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

// SameNode reports whether a host's name is that of a node. Nodes are known by
// their full names; a host may know itself by the first label alone.
func SameNode(hostname, node string) bool {
	if hostname == "" || node == "" {
		return false
	}
	if strings.EqualFold(hostname, node) {
		return true
	}
	label := node
	if dot := strings.IndexByte(node, '.'); dot > 0 {
		label = node[:dot]
	}
	return !strings.Contains(hostname, ".") && strings.EqualFold(hostname, label)
}

// BusyJob returns an unfinished job, other than the given ones, that names the
// instance, or one of its nodes to move what is there: whoever submitted it, what
// is true now may not be when it ends.
func (s *Snapshot) BusyJob(i *Instance, except map[luxi.JobID]bool) (luxi.JobInfo, bool) {
	for _, job := range s.Running {
		if except[job.ID] {
			continue
		}
		for _, op := range job.Ops {
			if names(op, i) || movesFrom(op, i) {
				return job, true
			}
		}
	}
	return luxi.JobInfo{}, false
}

// InJobs returns a function that tells whether an unfinished job names an instance,
// as names does, but for the jobs that only change its tags.
func (s *Snapshot) InJobs() func(*Instance) bool {
	uuids, typed := make(map[string]bool), make(map[string]bool)
	for _, job := range s.Running {
		for _, op := range job.Ops {
			uuids[op.Param("instance_uuid")] = true
			typed[op.Param("instance_name")] = true
		}
	}
	return func(i *Instance) bool {
		for name := range typed {
			if means(name, i.Name) {
				return true
			}
		}
		return uuids[i.UUID]
	}
}

// names reports whether an opcode names the instance. One that has changed its tags
// is done with it, whatever else its job does for others.
func names(op luxi.JobOp, i *Instance) bool {
	if op.ID == "OP_TAGS_SET" || op.ID == "OP_TAGS_DEL" {
		return !op.Status.Final() && op.Param("kind") == string(luxi.TagInstance) && means(op.Param("name"), i.Name)
	}
	return op.Param("instance_uuid") == i.UUID || means(op.Param("instance_name"), i.Name)
}

// movesFrom reports whether an opcode moves what is on one of the instance's nodes:
// the jobs that it submits for instances are yet to come.
func movesFrom(op luxi.JobOp, i *Instance) bool {
	if op.ID != "OP_NODE_EVACUATE" && op.ID != "OP_NODE_MIGRATE" {
		return false
	}
	for _, node := range i.Nodes() {
		if means(op.Param("node_name"), node) {
			return true
		}
	}
	return false
}

// means reports whether a name as somebody typed it is that of an object: Ganeti
// takes the first labels of a name for the whole, in capitals or not, and what a
// job that has not begun is about stands as it was typed (lib/utils/text.py
// MatchNameComponent).
func means(typed, name string) bool {
	n := len(typed)
	return n > 0 && n <= len(name) && strings.EqualFold(typed, name[:n]) && (n == len(name) || name[n] == '.')
}
