package repair

import (
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// What jobs are about: everything that asks whether a job concerns an instance or a node
// asks here.

// SameNode reports whether a host's name is that of a node. Nodes are known by
// their full names; a host may know itself by the first label alone.
func SameNode(hostname, node string) bool {
	if strings.Contains(hostname, ".") {
		return strings.EqualFold(hostname, node)
	}
	label, _, _ := strings.Cut(node, ".")
	return hostname != "" && (strings.EqualFold(hostname, label) || strings.EqualFold(hostname, node))
}

// BusyJob returns an unfinished job, other than the given ones, that concerns the
// instance: whoever submitted it, what is true now may not be when it ends.
func (s *Snapshot) BusyJob(i *Instance, except map[luxi.JobID]bool) (luxi.JobInfo, bool) {
	for _, job := range s.Unfinished {
		if !except[job.ID] && s.concerns(job, i) {
			return job, true
		}
	}
	return luxi.JobInfo{}, false
}

// concerns reports whether an opcode of the job names the instance or changes one of
// its nodes.
func (s *Snapshot) concerns(job luxi.JobInfo, i *Instance) bool {
	for _, op := range job.Ops {
		if namesInstance(op, i) || s.changesNodeOf(op, i) {
			return true
		}
	}
	return false
}

// concernedBy reports whether the job acts on the instance, by any of its names, or on a
// node of it, whatever became of it (S14).
func (s *Snapshot) concernedBy(job luxi.JobInfo, i *Instance) bool {
	for _, op := range job.Ops {
		if op.Param("instance_uuid") == i.UUID || luxi.MatchesName(op.Param("instance_name"), i.Name) || s.changesNodeOf(op, i) {
			return true
		}
	}
	return len(job.Ops) == 0
}

// NamedInJobs returns a function that tells whether an unfinished job names an
// instance. Jobs that only change tags do not count.
func (s *Snapshot) NamedInJobs() func(*Instance) bool {
	uuids, typed := make(map[string]bool), make(map[string]bool)
	for _, job := range s.Unfinished {
		for _, op := range job.Ops {
			uuids[op.Param("instance_uuid")] = true
			typed[op.Param("instance_name")] = true
		}
	}
	return func(i *Instance) bool {
		for name := range typed {
			if luxi.MatchesName(name, i.Name) {
				return true
			}
		}
		return uuids[i.UUID]
	}
}

// changesTags reports whether the opcode changes the tags of an instance.
func changesTags(op luxi.JobOp) bool {
	return (op.ID == luxi.OpTagsSet || op.ID == luxi.OpTagsDel) && op.Param("kind") == string(luxi.TagInstance)
}

// namesInstance reports whether an opcode names the instance. One that has changed its
// tags is done with it, whatever else its job does for others.
func namesInstance(op luxi.JobOp, i *Instance) bool {
	if changesTags(op) {
		return !op.Status.Final() && luxi.MatchesName(op.Param("name"), i.Name)
	}
	return op.Param("instance_uuid") == i.UUID || luxi.MatchesName(op.Param("instance_name"), i.Name)
}

// changesNodeOf reports whether an opcode changes a node of the instance, or moves what
// is there by jobs that it is yet to submit (P17).
func (s *Snapshot) changesNodeOf(op luxi.JobOp, i *Instance) bool {
	if op.ID == luxi.OpGroupEvacuate {
		return s.inGroup(i, op.Param("group_uuid"), op.Param("group_name"))
	}
	for _, typed := range changedNodes(op) {
		for _, node := range i.Nodes() {
			if luxi.MatchesName(typed, node) {
				return true
			}
		}
	}
	// An empty list means every node (lib/cmdlib/misc.py LUOobCommand).
	return op.ID == luxi.OpOobCommand && len(op.ParamList("node_names")) == 0
}

// changedNodes returns the nodes, as they were typed, that the opcode changes.
func changedNodes(op luxi.JobOp) []string {
	switch op.ID {
	case luxi.OpNodeSetParams, luxi.OpNodeAdd, luxi.OpNodeRemove, luxi.OpNodeEvacuate, luxi.OpNodeMigrate:
		return []string{op.Param("node_name")}
	case luxi.OpOobCommand:
		return op.ParamList("node_names")
	case luxi.OpGroupAssignNodes:
		return op.ParamList("nodes")
	}
	return nil
}

// inGroup reports whether a node of the instance is in the node group.
func (s *Snapshot) inGroup(i *Instance, uuid, name string) bool {
	for _, node := range i.Nodes() {
		n := s.Nodes[node]
		if n == nil {
			continue
		}
		if n.Group == uuid {
			return true
		}
		if g := s.Groups[n.Group]; g != nil && luxi.MatchesName(name, g.Name) {
			return true
		}
	}
	return false
}

// JobOfRepair reports whether a job belongs to an open repair of the instance: its
// opcodes name the instance, and one of its pending tags names the job or our
// mark is on it. A tag alone proves nothing: anyone may have written it, with
// the number of any job.
func JobOfRepair(job luxi.JobInfo, o tagstore.Object) bool {
	_, ours := MarkOf(job)
	for _, op := range job.Ops {
		switch {
		case changesTags(op):
			if op.Param("name") == o.Name && ours && !op.Status.Final() {
				return true // a change of tags that a pass began
			}
		case luxi.MatchesName(op.Param("instance_name"), o.Name) && (ours || namedInTag(o, job.ID)):
			return true
		}
	}
	return false
}

// BegunFor reports whether any opcode of the job that names the instance or changes its
// tags has run, or does. A job as a whole is waiting again where a later opcode of it
// waits for locks, and a reinstallation that is canceled there is left half done. What a
// tag job has done for other instances does not matter.
func BegunFor(job luxi.JobInfo, o tagstore.Object) bool {
	for _, op := range job.Ops {
		about := luxi.MatchesName(op.Param("instance_name"), o.Name) || changesTags(op) && op.Param("name") == o.Name
		if about && (op.Status == luxi.JobRunning || op.Status == luxi.JobSuccess) {
			return true
		}
	}
	return false
}

// namedInTag reports whether a pending tag of the instance names the job.
func namedInTag(o tagstore.Object, job luxi.JobID) bool {
	for _, p := range o.Tags.Pendings {
		for _, id := range p.Jobs {
			if id == job {
				return true
			}
		}
	}
	return false
}
