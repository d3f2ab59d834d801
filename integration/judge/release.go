package judge

import (
	"fmt"
)

// delicate reports whether the job destroys data, or is a failover of what is
// stopped, of which Ganeti checks little (P16).
func delicate(c *Cluster, j *Job) bool {
	i := c.ByUUID(j.uuid())
	return j.Step() == stepChain || j.Step() == stepF && i != nil && i.Admin != "up"
}

// release judges a job that the program lets go.
func (v *verdict) release(m *Moment, j *Job) {
	for _, o := range v.objections(m.Cluster, j) {
		v.wrong(o.demand, "job %d, %s of %s, is released although %s", j.ID, j.Step(), j.Instance(), o.why)
	}
	v.releaseOnGoodNodes(m, j)
	for _, earlier := range v.Moments[:v.released[j.ID]] {
		o := v.jobs[earlier.Job]
		if earlier.Kind != Canceled || o == nil || o.Status != "canceled" || o.Began() || o.Kind() != "repair" || o.Repair() != j.Repair() || o.Step() != j.Step() {
			continue
		}
		if !isNamed(earlier.Cluster, o) {
			continue // a pass died before it wrote the tag: nothing tells of the job
		}
		if v.succeededBetween(o, j) {
			continue // it is another need by now
		}
		// The program knows its own clock, and the time that the master has noted.
		if since := m.Cluster.Clock.Sub(earlier.Cluster.Time); since < m.Cluster.Settings.Interval {
			v.wrong("S13", "job %d, %s of %s, is released %v after a person has canceled job %d", j.ID, j.Step(), j.Instance(), since, o.ID)
		}
	}
	if delicate(m.Cluster, j) {
		if why := v.inTheWay(m, j); why != "" {
			v.wrong("P16", "job %d, %s of %s, is released although %s", j.ID, j.Step(), j.Instance(), why)
		}
	}
}

// succeededBetween reports whether a job of the same repair, with a number between those of
// the two, has succeeded.
func (v *verdict) succeededBetween(a, b *Job) bool {
	for k := range v.Jobs {
		j := &v.Jobs[k]
		if j.ID > a.ID && j.ID < b.ID && j.Kind() == "repair" && j.Repair() == b.Repair() && j.Status == "success" {
			return true
		}
	}
	return false
}

// inTheWay says what is known to keep a job from beginning at once: its limits are
// reached, or an unfinished job that changes something has the instance or its nodes.
// Jobs that this pass has let go do not count.
func (v *verdict) inTheWay(m *Moment, j *Job) string {
	i := m.Cluster.ByUUID(j.uuid())
	if i == nil {
		return ""
	}
	nodes := append(i.nodes(), j.stepOp().List("nodes")...)
	for _, limit := range j.limits() {
		var most, running int
		if n, _ := fmt.Sscanf(limit, "rate-limit:%d:", &most); n != 1 {
			continue
		}
		for other := range v.released {
			if o := v.jobs[other]; o != j && !o.endedBy(m.Cluster.Time) && contains(o.limits(), limit) {
				running++
			}
		}
		if running >= most {
			return fmt.Sprintf("%d jobs share its limit %s", running, limit)
		}
	}
	for k := range v.Jobs {
		o := &v.Jobs[k]
		if o == j || o.Received.After(m.Cluster.Time) || m.Newest != 0 && o.ID > m.Newest || o.endedBy(m.Cluster.Time) || !o.changes() {
			continue
		}
		if at, released := v.released[o.ID]; o.Kind() != "" && (o.Kind() != "repair" || !released || v.inPass && at > v.open.begin) {
			continue
		}
		if o.uuid() == i.UUID || o.Instance() == i.Name {
			return fmt.Sprintf("job %d has the instance", o.ID)
		}
		for _, name := range o.nodes(m.Cluster) {
			if contains(nodes, name) {
				return fmt.Sprintf("job %d has node %s", o.ID, name)
			}
		}
	}
	return ""
}

// isNamed reports whether a pending tag of the job's instance names it.
func isNamed(c *Cluster, j *Job) bool {
	i := c.ByUUID(j.uuid())
	if i == nil {
		return false
	}
	for _, p := range recordsOf(i.Tags).pending {
		if p.names(j.ID) {
			return true
		}
	}
	return false
}

// takes reports whether the instance's node group has another node that may take it.
func (c *Cluster) takes(i *Instance) bool {
	for name, n := range c.Nodes {
		if n.fit() && n.Group == c.Nodes[i.Primary].Group && !contains(i.nodes(), name) {
			return true
		}
	}
	return false
}

// changes reports whether the job does more than to look or to wait.
func (j *Job) changes() bool {
	for k := range j.Ops {
		switch op := &j.Ops[k]; op.ID {
		case "OP_TEST_DELAY", "OP_NODE_QUERY_STORAGE", "OP_INSTANCE_QUERY_DATA", "OP_OS_DIAGNOSE", "OP_GROUP_VERIFY_DISKS", "OP_CLUSTER_VERIFY_GROUP", "OP_TAGS_SET", "OP_TAGS_DEL":
		default:
			if !op.flag("dry_run") {
				return true
			}
		}
	}
	return false
}

// locksNodes are the opcodes of instances that take the locks of their nodes.
var locksNodes = map[string]bool{
	"OP_INSTANCE_FAILOVER": true, "OP_INSTANCE_MIGRATE": true, "OP_INSTANCE_REPLACE_DISKS": true, "OP_INSTANCE_RECREATE_DISKS": true,
	"OP_INSTANCE_ACTIVATE_DISKS": true, "OP_INSTANCE_DEACTIVATE_DISKS": true, "OP_INSTANCE_MOVE": true, "OP_INSTANCE_REMOVE": true,
}

// nodes lists the nodes of which the job has the locks, or will have.
func (j *Job) nodes(c *Cluster) []string {
	var list []string
	for k := range j.Ops {
		op := &j.Ops[k]
		if !op.Ended.IsZero() && !op.Ended.After(c.Time) {
			continue // its locks are free
		}
		for _, key := range []string{"target_node", "remote_node", "node_name"} {
			if name := op.Text(key); name != "" {
				list = append(list, name)
			}
		}
		list = append(append(list, op.List("nodes")...), op.List("node_names")...)
		if name := op.target(); name != "" {
			list = append(list, name)
		}
		if i := c.ByUUID(op.Text("instance_uuid")); i != nil && locksNodes[op.ID] {
			list = append(list, i.nodes()...)
		}
	}
	return list
}
