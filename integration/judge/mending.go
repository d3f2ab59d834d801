package judge

import "time"

// What the history tells of repairs on good nodes: what the program could have seen when
// it decided (D2), how often it repaired before (D4, D7, R2), and how often ganeti-watcher
// had tried (R1).

// seenFor is how long a closer look tells how disks are, and how long what it led to may
// take to be released.
const seenFor = 32 * time.Minute

// fitsLook reports whether the disks of the instance were such as the job mends when the
// program last looked at them before the job was released. What changed since it could not
// know.
func (v *verdict) fitsLook(c *Cluster, i *Instance, j *Job) bool {
	if row := j.row(); row != "D3" && row != "D4" || !NeedOf(c, i).Healthy() {
		return false
	}
	at, clock := c.Time, c.Clock // the age of a look is told by the program's clock
	if k, released := v.released[j.ID]; released {
		at, clock = v.Moments[k].Cluster.Time, v.Moments[k].Cluster.Clock
	}
	for k := len(v.Moments) - 1; k >= 0; k-- {
		m := &v.Moments[k]
		if m.Kind != Looks || m.Cluster.Time.After(at) {
			continue
		}
		was := m.Cluster.ByUUID(i.UUID)
		if was == nil || !contains(v.jobs[m.Job].Ops[m.Op].List("instances"), was.Name) {
			continue
		}
		_, why := onGoodNodes(m.Cluster, was, j)
		return why == "" && clock.Sub(m.Cluster.Time) <= seenFor && was.Primary == i.Primary && was.Secondary == i.Secondary
	}
	return false
}

// releaseOnGoodNodes judges the release of a job for an instance on good nodes by what
// went before it.
func (v *verdict) releaseOnGoodNodes(m *Moment, j *Job) {
	row, c := j.row(), m.Cluster
	i := c.ByUUID(j.uuid())
	if row == "" || i == nil {
		return
	}
	for k := range v.Jobs {
		o := &v.Jobs[k]
		if o.ID == j.ID || o.row() == "" || o.uuid() != j.uuid() || o.Purged || !o.beganBy(c.Time) || !o.endedBy(c.Time) {
			continue
		}
		same := o.Repair() == j.Repair()
		switch since := c.Clock.Sub(o.Ended); {
		case same && row != "D3" && o.row() == row && o.Status == "error" && !o.refused() && !o.noRoom():
			v.wrong(map[string]string{"D4": "D4", "R1": "R2"}[row], "job %d tries again for %s what job %d did not bring about", j.ID, i.Name, o.ID)
		case !same && v.byPolicy(j.Repair()) && !v.asked(i, "fix-storage") && since < c.Settings.RepeatAfter:
			v.wrong("D7", "job %d, %s of %s, is released %v after job %d had repaired it", j.ID, j.Step(), i.Name, since, o.ID)
		}
	}
	if row != "R1" {
		return
	}
	if tries := v.watcherTries(i, c.Time); c.Settings.RestartTries == 0 || tries < c.Settings.RestartTries {
		v.wrong("R1", "job %d moves %s, which ganeti-watcher has tried %d times to start", j.ID, i.Name, tries)
	}
	if !shared(i.Template) && i.Template != "drbd" {
		v.wrong("R1", "job %d moves %s, which is not mirrored", j.ID, i.Name)
	}
	if n := v.movedBy(m, i); v.byPolicy(j.Repair()) && c.Settings.MaxRelocations > 0 && n > c.Settings.MaxRelocations {
		v.wrong("R2", "job %d moves %s, and a pass has moved %d instances of its group", j.ID, i.Name, n)
	}
}

// movedBy counts the relocations of the instance's group, by policy, that the pass under
// way has released up to the moment.
func (v *verdict) movedBy(m *Moment, i *Instance) int {
	n := 0
	for id, at := range v.released {
		o := v.jobs[id]
		other := m.Cluster.ByUUID(o.uuid())
		if at < v.open.begin || o.row() != "R1" || other == nil || !v.byPolicy(o.Repair()) {
			continue
		}
		if m.Cluster.Nodes[other.Primary].Group == m.Cluster.Nodes[i.Primary].Group {
			n++
		}
	}
	return n
}

// watcherTries counts the starts by ganeti-watcher that failed, but for those that Ganeti
// refused, since the instance last started or moved.
func (v *verdict) watcherTries(i *Instance, t time.Time) int {
	n := 0
	for k := range v.Jobs {
		j := &v.Jobs[k]
		for o := range j.Ops {
			op := &j.Ops[o]
			if op.Text("instance_uuid") != i.UUID || op.unfinished(t) || op.flag("dry_run") {
				continue
			}
			switch op.ID {
			case "OP_INSTANCE_STARTUP":
				switch {
				case op.Status == "success":
					n = 0
				case op.Status == "error" && op.by("gnt:watcher") && (op.Class != "OpPrereqError" || j.noRoom()):
					n++
				}
			case "OP_INSTANCE_FAILOVER", "OP_INSTANCE_MIGRATE", "OP_INSTANCE_MOVE", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_RECREATE_DISKS":
				if op.Status == "success" {
					n = 0
				}
			}
		}
	}
	return n
}

// by reports whether the reason trail names the source.
func (op *Op) by(source string) bool {
	for _, r := range op.Reason {
		if r[0] == source {
			return true
		}
	}
	return false
}

// neverOnGoodNodes looks at what the opcodes of a repair job must never be (D10).
func (v *verdict) neverOnGoodNodes(j *Job) {
	row := j.row()
	for k := range j.Ops {
		op := &j.Ops[k]
		switch mode := op.Text("mode"); {
		case op.ID == "OP_INSTANCE_REPLACE_DISKS" && mode != "replace_new_secondary" && mode != "replace_on_primary":
			v.wrong("D10", "job %d replaces disks in the mode %s", j.ID, mode)
		case op.ID == "OP_INSTANCE_REPLACE_DISKS" && (mode == "replace_on_primary") != (row == "D4"):
			v.wrong("D10", "job %d replaces disks in the mode %s for row %s", j.ID, mode, row)
		case op.ID == "OP_INSTANCE_RECREATE_DISKS" && row != "":
			v.wrong("D10", "job %d makes blank disks for row %s", j.ID, row)
		case op.ID == "OP_INSTANCE_STARTUP" && row != "":
			v.wrong("R3", "job %d starts an instance for row %s", j.ID, row)
		}
	}
	if row != "" && j.Step() == "" {
		v.wrong("D10", "job %d takes no step for row %s", j.ID, row)
	}
}

// beginOnGoodNodes judges a job that begins to make a copy anew: whatever it was released
// for, the copy that it throws away must not be the only good one, nor one side of a split
// brain (D10).
func (v *verdict) beginOnGoodNodes(m *Moment, j *Job) {
	i, op := m.Cluster.ByUUID(j.uuid()), j.stepOp()
	if row := j.row(); row != "D3" && row != "D4" || i == nil || !i.Truth || v.fitsLook(m.Cluster, i, j) {
		return
	}
	goes, stays := i.Secondary, i.Primary
	if op.Text("mode") == "replace_on_primary" {
		goes, stays = stays, goes
	}
	switch {
	case i.Split:
		v.wrong("D10", "job %d begins on %s, the copies of which have diverged", j.ID, i.Name)
	case contains(i.Whole, goes) && !contains(i.Whole, stays):
		v.wrong("D10", "job %d makes the copy of %s on %s anew, and the one on %s is not whole", j.ID, i.Name, goes, stays)
	}
}

// Unwell lists the instances on good nodes of which a program that mends disks, or that
// moves what does not start, has to say that something is wrong, by UUID, and what.
func Unwell(h *History) map[string]string {
	v := &verdict{History: h}
	c, list := h.Last, make(map[string]string)
	for _, i := range c.Instances {
		if !NeedOf(c, i).Healthy() || !i.Truth {
			continue
		}
		switch {
		case c.Settings.MendsDisks && i.lacksDisks() && c.verified(i):
			list[i.UUID] = i.Name + ", whose disks are not as they should be"
		case v.gaveUp(c, i):
			list[i.UUID] = i.Name + ", which ganeti-watcher has given up"
		}
	}
	return list
}

// gaveUp reports whether ganeti-watcher has tried in vain to start the instance, which is to
// be moved then, or to be told of (R1).
func (v *verdict) gaveUp(c *Cluster, i *Instance) bool {
	mirrored := shared(i.Template) || i.Template == "drbd"
	return c.Settings.Relocates && c.Settings.RestartTries > 0 && i.Status == "ERROR_down" && mirrored && v.watcherTries(i, c.Time) >= c.Settings.RestartTries
}

// verified reports whether ganeti-watcher's verifications look at the disks of the
// instance, or its instance-status file shows that it runs though they do not.
func (c *Cluster) verified(i *Instance) bool {
	for _, name := range i.nodes() {
		if c.Nodes[name].Dead {
			return false
		}
	}
	return i.DisksActive || i.Template == "drbd" && i.Status == "running"
}

// lacksDisks reports whether a node of the instance lacks its disk, or its copies have
// diverged.
func (i *Instance) lacksDisks() bool {
	switch {
	case i.Template == "drbd":
		return len(i.Faulty) > 0 || i.Split
	case i.Template == "plain":
		return len(i.Whole) == 0
	}
	return false
}

// mendable returns the row by which the instance is to be mended, "" if only a person can
// do anything or nothing is wrong. One whose node has lost the disks of most of its
// instances is for a person (D8).
func (c *Cluster) mendable(i *Instance) string {
	if !c.Settings.MendsDisks || i.Template != "drbd" || !i.Truth || i.Split || !i.running() || !c.verified(i) || len(i.Faulty) != 1 || c.storageGone(i.Faulty[0]) {
		return ""
	}
	switch bad := i.Faulty[0]; {
	case bad == i.Secondary && contains(i.Whole, i.Primary):
		return "D3"
	case bad == i.Primary && contains(i.Whole, i.Secondary):
		return "D4"
	}
	return ""
}

// forPerson reports whether only a person can do anything about the disks of the instance,
// wherever it lives: it is not migrated without its primary's disk (P19), and not failed
// over to a node that has lost its copy (D9).
func (c *Cluster) forPerson(i *Instance, need Need) bool {
	switch {
	case need.first() == stepM && i.Template == "drbd":
		return contains(i.Faulty, i.Primary) || i.Split
	case !c.Settings.MendsDisks:
		return false
	case need.Healthy() && i.Template == "drbd" && len(i.RunsOn) > 1:
		return true // its copies diverge
	case need.Healthy():
		return i.lacksDisks() && c.mendable(i) == ""
	}
	return need.Row == "P4" && contains(i.Faulty, i.Secondary)
}

// storageGone reports whether more than half of the mirrored instances of a node, and at
// least four, have lost their disks there.
func (c *Cluster) storageGone(name string) bool {
	bad, all := 0, 0
	for _, i := range c.Instances {
		if i.Template == "drbd" && contains(i.nodes(), name) {
			all++
			if contains(i.Faulty, name) {
				bad++
			}
		}
	}
	return bad >= 4 && 2*bad > all
}

// asked reports whether somebody asks for a repair of the type by a pending tag.
func (v *verdict) asked(i *Instance, typ string) bool {
	for _, p := range recordsOf(i.Tags).pending {
		if !v.byPolicy(p.ID) && Risk(p.Type) >= Risk(typ) {
			return true
		}
	}
	return false
}

// repairedLately reports whether a repair on good nodes of the instance is so new that
// policy allows no other one (D7).
func (v *verdict) repairedLately(c *Cluster, i *Instance) bool {
	for k := range v.Jobs {
		if j := &v.Jobs[k]; j.row() != "" && j.uuid() == i.UUID && j.Began() && c.Clock.Sub(j.Ended) < c.Settings.RepeatAfter {
			return true
		}
	}
	for _, r := range recordsOf(i.Tags).results {
		if r.Outcome != "enoperm" && len(r.Jobs) > 0 && !v.knowsAny(i, r.Jobs) && c.Clock.Sub(time.Unix(r.Time, 0)) < c.Settings.RepeatAfter {
			return true // its jobs are purged, so the result alone tells
		}
	}
	return false
}

// knowsAny reports whether the queue or its archive knows any of the jobs as one of the
// instance.
func (v *verdict) knowsAny(i *Instance, ids []int64) bool {
	for k := range v.Jobs {
		for _, id := range ids {
			if j := &v.Jobs[k]; j.ID == id && !j.Purged && j.uuid() == i.UUID {
				return true
			}
		}
	}
	return false
}

// longWell reports whether the instance was well in the last passes, wherever it lives, so
// that the program can know it: a look at its disks takes two of them.
func (v *verdict) longWell(uuid string) bool {
	if len(v.passes) < 3 {
		return false
	}
	for _, m := range v.Moments[v.passes[len(v.passes)-3].begin : v.open.end+1] {
		if i := m.Cluster.ByUUID(uuid); i != nil && i.Truth && (!NeedOf(m.Cluster, i).Healthy() || i.lacksDisks() || i.Template == "plain" && i.Admin == "up" && i.Status != "running" || !i.DisksActive && i.Template == "drbd" && i.Admin == "up") {
			return false
		}
	}
	return true
}

// couldKnow reports whether a verification or a look had begun after the primary node lost
// the disk of the job's instance, and ended before the job was released.
func (v *verdict) couldKnow(j *Job) bool {
	released, known := v.released[j.ID]
	if !known {
		return true
	}
	var lost time.Time // when it was first seen as lost, of the last time that it was
	for _, m := range v.Moments[:released+1] {
		i := m.Cluster.ByUUID(j.uuid())
		switch {
		case i == nil:
		case !contains(i.Faulty, i.Primary):
			lost = time.Time{}
		case lost.IsZero():
			lost = m.Cluster.Time
		}
	}
	at, name, active := v.Moments[released].Cluster.Time, "", false
	if i := v.Moments[released].Cluster.ByUUID(j.uuid()); i != nil {
		name, active = i.Name, i.DisksActive
	}
	for k := range v.Jobs {
		for _, op := range v.Jobs[k].Ops {
			// Verifications leave out what is marked inactive.
			verifies := op.ID == "OP_GROUP_VERIFY_DISKS" && active || op.ID == "OP_INSTANCE_QUERY_DATA" && contains(op.List("instances"), name)
			if verifies && op.Status == "success" && !lost.IsZero() && !op.Began.Before(lost) && !op.Ended.After(at) {
				return true
			}
		}
	}
	return false
}

// splitAway reports whether the job takes an instance, the copies of which have diverged,
// off a bad node: the table of repairs does not ask how its disks are.
func (v *verdict) splitAway(j *Job) bool {
	for _, m := range v.Moments {
		if i := m.Cluster.ByUUID(j.uuid()); m.Kind == Begins && m.Job == j.ID && i != nil {
			return i.Split && j.Step() == stepRD && j.row() == ""
		}
	}
	return false
}
