package judge

import (
	"regexp"
	"time"
)

// What the jobs of an instance, whoever submitted them, have left behind (S15, S16,
// S18). Jobs are told by the instance's UUID, archived ones included.

// before calls visit with the opcodes of the instance that had begun by the time, in
// order of their beginning, as jobs of one instance follow each other.
func (v *verdict) before(i *Instance, t time.Time, visit func(j *Job, op *Op)) {
	for k := range v.Jobs {
		j := &v.Jobs[k]
		for n := range j.Ops {
			op := &j.Ops[n]
			if op.Text("instance_uuid") == i.UUID && !op.Began.IsZero() && !op.Began.After(t) && !op.flag("dry_run") {
				visit(j, op)
			}
		}
	}
}

// unfinished reports whether the opcode has not ended by the time.
func (op *Op) unfinished(t time.Time) bool { return op.Ended.IsZero() || op.Ended.After(t) }

var newSecondary = regexp.MustCompile(`^ - INFO: Selected new secondary for instance '[^']*': (\S+)`)

// target returns the node to which an opcode brings its instance, or its secondary,
// "" if it does not tell.
func (op *Op) target() string {
	for _, line := range op.Log {
		if m := newSecondary.FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	if name := op.Text("remote_node"); name != "" {
		return name
	}
	return op.Text("target_node")
}

// halfCopy returns the replace-disks that was writing the copy on the instance's
// secondary node and did not end well, nil if there is none (S15).
func (v *verdict) halfCopy(i *Instance, t time.Time) *Job {
	half := ""
	var by *Job
	v.before(i, t, func(j *Job, op *Op) {
		if op.unfinished(t) {
			return
		}
		switch op.ID {
		case "OP_INSTANCE_REPLACE_DISKS":
			switch target := op.target(); {
			case op.Text("mode") == "replace_on_primary" && op.someDisks(): // of the other disks nothing is known
			case op.Status == "success", op.onlyDisksLeft():
				half = ""
			case op.refused(), j.Purged: // of what is purged nobody can know
			case op.Text("mode") == "replace_on_primary": // the copy on the secondary is the other one
			case target != "":
				half, by = target, j
			default:
				half, by = i.Secondary, j
			}
		case "OP_INSTANCE_MIGRATE", "OP_INSTANCE_RECREATE_DISKS":
			if op.Status == "success" {
				half = ""
			}
		case "OP_INSTANCE_ACTIVATE_DISKS":
			if op.Status == "success" && op.flag("wait_for_sync") {
				half = ""
			}
		}
	})
	if half == "" || half != i.Secondary {
		return nil
	}
	return by
}

// someDisks reports whether the opcode names disks that it is about.
func (op *Op) someDisks() bool {
	switch disks := op.Params["disks"].(type) {
	case []int64:
		return len(disks) > 0
	case []any:
		return len(disks) > 0
	}
	return false
}

var (
	migrating = regexp.MustCompile(`\* migrating instance to (\S+)`)
	foundOn   = regexp.MustCompile(`\* instance (?:running on secondary|confirmed to be running on its primary) node \((\S+?)\)`)
)

// whereabouts returns the node on which the instance may run after a migration that
// had begun to transfer it and has not ended well; open is false once that is settled
// (S16).
func (v *verdict) whereabouts(i *Instance, t time.Time) (target string, open bool) {
	v.before(i, t, func(j *Job, op *Op) {
		if op.unfinished(t) || j.Purged {
			return
		}
		switch op.ID {
		case "OP_INSTANCE_MIGRATE":
			if op.Status == "success" {
				open = false
				return
			}
			for _, line := range op.Log {
				if m := migrating.FindStringSubmatch(line); m != nil {
					target, open = m[1], true
				}
				// A cleanup that fails after that has corrected the primary node.
				if m := foundOn.FindStringSubmatch(line); m != nil && open {
					open = m[1] != i.Primary
				}
			}
		case "OP_INSTANCE_FAILOVER":
			if op.Status == "success" {
				open = false
			}
		}
	})
	return target, open
}

// unmade reports whether a chain has left the instance without a system: it failed
// after its first opcode, and no reinstallation has succeeded since (S18). start says
// that the chain would have started it.
func (v *verdict) unmade(i *Instance, t time.Time) (unmade, start bool) {
	v.before(i, t, func(j *Job, op *Op) {
		switch {
		case j.Purged: // nobody can know of it
		case op.ID == "OP_INSTANCE_RECREATE_DISKS" && op.Status != "success" && !onAny(i, op.List("nodes")):
			// It moves the instance before it makes disks.
		case op.ID == "OP_INSTANCE_RECREATE_DISKS" && j.has("OP_INSTANCE_REINSTALL") && !op.refused() && !op.unfinished(t):
			unmade, start = true, start || j.has("OP_INSTANCE_STARTUP")
		case op.ID == "OP_INSTANCE_REINSTALL" && op.Status == "success" && !op.unfinished(t):
			unmade = false
		case op.ID == "OP_INSTANCE_STARTUP" && op.Status == "success":
			start = false
		}
	})
	return unmade, start && unmade
}

func onAny(i *Instance, nodes []string) bool {
	for _, name := range i.nodes() {
		if contains(nodes, name) {
			return true
		}
	}
	return false
}

// wasUp reports whether a chain that failed has left the instance down that was up.
func (v *verdict) wasUp(i *Instance, t time.Time) bool {
	_, start := v.unmade(i, t)
	return start
}

// stale judges a failover that begins by what is true of the copies (P19): it must not
// go to one that lacks writes while an online node holds a better one.
func (v *verdict) stale(m *Moment, j *Job) {
	c, op := m.Cluster, &j.Ops[m.Op]
	i := c.ByUUID(j.uuid())
	if op.ID != "OP_INSTANCE_FAILOVER" || i == nil || !i.Truth || i.Secondary == "" || contains(i.Whole, i.Secondary) {
		return
	}
	n := c.Nodes[i.Primary]
	switch {
	case n.Offline:
		v.given[i.UUID] = true // what only the lost node had is given up
	case i.running() || i.DisksActive || j.has("OP_INSTANCE_ACTIVATE_DISKS"): // Ganeti compares the copies
	case contains(i.Whole, i.Primary) && !n.Dead:
		v.wrong("P19", "job %d fails %s over to node %s, whose copy lacks what online node %s holds", j.ID, i.Name, i.Secondary, i.Primary)
	}
}

// incident judges what happened to an instance, if a job of the program did it.
func (v *verdict) incident(n *Incident) {
	j := v.jobs[n.Job]
	if j == nil || j.Kind() != "repair" {
		v.others[n.UUID] = v.others[n.UUID] || n.Kind != RunsTwice
		return
	}
	at, released := v.released[j.ID]
	switch {
	case n.Kind == Destroyed && v.splitAway(j):
		v.others[n.UUID] = true
	case n.Kind == Destroyed && v.ownNodesOffline(j):
		// What is left on a node that the instance had before nobody can know of.
	case n.Kind == RunsTwice && v.ranElsewhere(j) && !v.lied(n.UUID):
		v.wrong("S16", "job %d: %s", j.ID, n.Text)
	case n.Kind == StaleCopy && j.Step() == stepM && !v.couldKnow(j):
	case n.Kind == StaleCopy && !v.given[n.UUID]:
		v.wrong("P19", "job %d: %s", j.ID, n.Text)
	case n.Kind == Destroyed && !v.lied(n.UUID) && (!released || j.First().Sub(v.Moments[at].Cluster.Time) > atOnce):
		v.wrong("P16", "job %d: %s", j.ID, n.Text)
	}
}

// ownNodesOffline reports whether all nodes of the job's instance were offline when the job
// began.
func (v *verdict) ownNodesOffline(j *Job) bool {
	for _, m := range v.Moments {
		if m.Kind != Begins || m.Job != j.ID {
			continue
		}
		i := m.Cluster.ByUUID(j.uuid())
		if i == nil {
			return false
		}
		for _, name := range i.nodes() {
			if !m.Cluster.Nodes[name].Offline {
				return false
			}
		}
		return true
	}
	return false
}

// ranElsewhere reports whether the job's instance ran on another node than its primary
// one when the job began; else somebody has started it meanwhile.
func (v *verdict) ranElsewhere(j *Job) bool {
	for _, m := range v.Moments {
		if m.Kind != Begins || m.Job != j.ID {
			continue
		}
		if i := m.Cluster.ByUUID(j.uuid()); i != nil && (len(i.RunsOn) > 1 || len(i.RunsOn) == 1 && i.RunsOn[0] != i.Primary) {
			return true
		}
	}
	return false
}

// lied reports whether the instance ever ran on a node that was marked offline: then
// it is the administrator's fault where it runs.
func (v *verdict) lied(uuid string) bool {
	for _, m := range v.Moments {
		i := m.Cluster.ByUUID(uuid)
		if i == nil {
			continue
		}
		for _, name := range i.RunsOn {
			if m.Cluster.Nodes[name].Offline {
				return true
			}
		}
	}
	return false
}
