package judge

import (
	"fmt"
	"time"
)

// passEnded judges a pass that ended without an error and that nothing disturbed.
func (v *verdict) passEnded(p span) {
	begin, end := v.Moments[p.begin].Cluster, v.Moments[p.end].Cluster
	if took := end.Time.Sub(begin.Time); took > 2*time.Minute && (!begin.Settings.Marking.On || took > 4*time.Minute) {
		v.wrong("C6", "a pass takes %v", took)
	}
	v.unwritten(begin, end)
	v.behindCopies(begin, end)
	v.order(p)
}

// unwritten looks for what the pass should have written although other work was
// there: results of repairs that had ended, and the ends of suspensions (C6). An
// instance that anybody's job has is left alone.
func (v *verdict) unwritten(begin, end *Cluster) {
	if v.noSlot(end) {
		return // no job that writes tags could run
	}
	for _, object := range append([]string{"cluster"}, sorted(groupNames(begin))...) {
		for _, tag := range end.objectTags(object) {
			if endedSuspension(tag, begin.Clock.Unix()) && contains(begin.objectTags(object), tag) {
				v.wrong("C6", "a whole pass has left %s on %s", tag, object)
			}
		}
	}
	for _, i := range end.Instances {
		was := begin.ByUUID(i.UUID)
		if was == nil || was.Name != i.Name || v.busy(was, begin.Time, end.Time) {
			continue
		}
		for _, tag := range i.Tags {
			if !contains(was.Tags, tag) {
				continue
			}
			if endedSuspension(tag, begin.Clock.Unix()) {
				v.wrong("C6", "a whole pass has left %s on %s", tag, i.Name)
			}
			r, ok := ReadRecord(tag)
			if ok && r.Outcome == "" && v.done(begin, was) && v.done(end, i) {
				v.wrong("C6", "a whole pass has left %s on %s, which is healthy", tag, i.Name)
			}
		}
	}
}

// done reports whether the pending tags of the instance are plainly to become
// success: it lives on good nodes, runs as it should, and no doubt is left.
func (v *verdict) done(c *Cluster, i *Instance) bool {
	r := recordsOf(i.Tags)
	if PolicyOf(c, i).Suspended || r.failed || r.unreadable != "" || !NeedOf(c, i).Healthy() || v.mending(i) || c.Settings.MendsDisks && !v.longWell(i.UUID) || v.halfCopy(i, c.Time) != nil {
		return false
	}
	if _, open := v.whereabouts(i, c.Time); open {
		return false
	}
	if unmade, _ := v.unmade(i, c.Time); unmade {
		return false
	}
	return i.Status == map[string]string{"up": "running", "down": "ADMIN_down", "offline": "ADMIN_offline"}[i.Admin]
}

// noSlot reports whether other jobs than those that write tags have all slots of the queue.
func (v *verdict) noSlot(c *Cluster) bool {
	n := 0
	for k := range v.Jobs {
		if j := &v.Jobs[k]; j.waited(c.Time) && !j.endedBy(c.Time) && j.Kind() != "tags" {
			n++
		}
	}
	return c.Slots > 0 && n >= c.Slots
}

// busy reports whether any job that was unfinished in the meantime has the instance,
// or a node of it.
func (v *verdict) busy(i *Instance, from, to time.Time) bool {
	for k := range v.Jobs {
		j := &v.Jobs[k]
		if j.Received.After(to) || j.endedBy(from.Add(-1)) || j.Kind() == "hold" || j.Kind() == "gate" || j.Kind() == "tags" {
			continue
		}
		for n := range j.Ops {
			op := &j.Ops[n]
			if op.ID == "OP_GROUP_VERIFY_DISKS" {
				return true // it takes the locks of all instances of the group before it waits for those of nodes
			}
			if op.Text("instance_uuid") == i.UUID || op.Text("instance_name") == i.Name || op.Text("name") == i.Name || contains(i.nodes(), op.Text("node_name")) {
				return true
			}
		}
	}
	return false
}

// behindCopies looks for failovers of what is down that wait for replace-disks and
// migrations of the program: for a limit that these fill, or, if they had begun before
// the pass, for the locks of all nodes that an allocator takes (P20).
func (v *verdict) behindCopies(begin, c *Cluster) {
	copying := make(map[string][]int64) // by limit
	var all []*Job
	moving := 0 // memory of what is on its way to nodes that allocators choose
	for k := range v.Jobs {
		j := &v.Jobs[k]
		_, released := v.released[j.ID]
		if i := c.ByUUID(j.uuid()); i != nil && released && !j.endedBy(c.Time) && j.stepOp().Text("iallocator") != "" && (j.Step() == stepM || j.Step() == stepF) {
			moving += i.Memory
		}
		if j.Kind() == "repair" && (j.Step() == stepRD || j.Step() == stepM) && j.beganBy(c.Time) && !j.endedBy(c.Time) {
			all = append(all, j)
			for _, limit := range j.limits() {
				copying[limit] = append(copying[limit], j.ID)
			}
		}
	}
	for id := range v.released {
		j := v.jobs[id]
		i := c.ByUUID(j.uuid())
		if j.Step() != stepF || i == nil || i.Admin != "up" || j.beganBy(c.Time) || j.endedBy(c.Time) {
			continue
		}
		for _, limit := range j.limits() {
			var most int
			if n, _ := fmt.Sscanf(limit, "rate-limit:%d:", &most); n == 1 && len(copying[limit]) >= most {
				v.wrong("P20", "job %d, which brings %s back, waits for jobs %v by the limit %s", id, i.Name, copying[limit], limit)
			}
		}
		for _, o := range all {
			if o.beganBy(begin.Time) && i.Secondary == "" && j.stepOp().Text("iallocator") != "" && c.freeOf(i, o, moving) {
				v.wrong("P20", "job %d, which brings %s back, takes the locks of all nodes, and job %d has some", id, i.Name, o.ID)
			}
		}
	}
}

// freeOf reports whether the group of the instance has a node of which the job has no lock,
// and that has the memory for it and for all that is moving, in MiB, itself among them.
func (c *Cluster) freeOf(i *Instance, o *Job, moving int) bool {
	for name, n := range c.Nodes {
		if n.fit() && !n.Dead && n.Memory >= moving && n.Group == c.Nodes[i.Primary].Group && !contains(o.nodes(c), name) {
			return true
		}
	}
	return false
}

// order wants the failovers of what is down to be released before what only copies
// or moves (V4, P20), but for those that had no room before.
func (v *verdict) order(p span) {
	var copying *Job
	for _, m := range v.Moments[p.begin:p.end] {
		j := v.jobs[m.Job]
		if m.Kind != Released || j == nil {
			continue
		}
		i := m.Cluster.ByUUID(j.uuid())
		switch {
		case i == nil:
		case j.Step() == stepRD || j.Step() == stepM:
			copying = j
		case copying != nil && j.Step() == stepF && i.Admin == "up" && m.Cluster.Nodes[i.Primary].Offline && !v.probed(j):
			v.wrong("V4", "job %d, which brings %s back, is released after job %d", j.ID, i.Name, copying.ID)
		}
	}
}

// probed reports whether the repair of the job was tested for room.
func (v *verdict) probed(j *Job) bool {
	for k := range v.Jobs {
		if o := &v.Jobs[k]; o.Kind() == "probe" && o.Repair() == j.Repair() {
			return true
		}
	}
	return false
}

// mostWhileWaiting is how many jobs a repair that waits may leave in the list in a
// day (P21).
const mostWhileWaiting = 50

// quiet counts the jobs of repairs that wait.
func (v *verdict) quiet() {
	times := make(map[string][]time.Time) // when jobs of a repair were submitted since one began
	for k := range v.Jobs {
		j := &v.Jobs[k]
		kind, id := j.mark()
		switch {
		case kind == "repair" && j.Began():
			times[id] = nil
		case kind != "" && id != "" && id != "suspend":
			list := append(times[id], j.Received)
			times[id] = list
			if n := len(list) - 1 - mostWhileWaiting; n >= 0 && list[len(list)-1].Sub(list[n]) < 24*time.Hour {
				v.wrong("P21", "repair %s waits, and more than %d jobs of it were submitted in a day", id, mostWhileWaiting)
			}
		}
	}
}

func groupNames(c *Cluster) map[string]bool {
	set := make(map[string]bool)
	for name := range c.Groups {
		set["group:"+name] = true
	}
	return set
}

// objectTags returns the tags of the cluster, a group or an instance.
func (c *Cluster) objectTags(object string) []string {
	if object == "cluster" {
		return c.Tags
	}
	return c.Groups[object[len("group:"):]]
}
