package luxitest

import (
	"strings"
	"time"
)

// followEdit changes what goes with an edit and was left alone by it: disks_active follows the admin state, a complete
// copy that somebody put on a node lacks nothing, incomplete ones go with a move, and a node whose configuration changed
// has a new mtime.
func (c *Cluster) followEdit(before *Cluster, now time.Time) {
	for _, i := range c.Instances {
		old := before.instanceByUUID(i.UUID)
		if old == nil {
			i.DisksActive = i.DisksActive || i.AdminState == AdminUp
			continue
		}
		if old.AdminState != i.AdminState && old.DisksActive == i.DisksActive {
			i.DisksActive = i.AdminState == AdminUp
		}
		if !sameSet(old.Nodes(), i.Nodes()) {
			i.Data.Partial = common(i.Data.Partial, i.Nodes()) // who moves an instance by hand leaves nothing behind
		}
		if !sameSet(old.Data.On, i.Data.On) {
			for _, node := range i.Data.On {
				if !contains(old.Data.On, node) {
					i.Data.Failed = without(i.Data.Failed, node)
					i.setWrites(node, i.allWrites())
				}
			}
		}
	}
	for _, n := range c.Nodes {
		old := before.nodeByUUID(n.UUID)
		if old != nil && old.MTime.Equal(n.MTime) && old.configured() != n.configured() {
			n.MTime = now
		}
	}
}

// allWrites is what all copies together have.
func (i *Instance) allWrites() writes {
	var all writes
	for _, w := range i.Data.writes {
		all = all.with(w...)
	}
	return all
}

// configured renders what Ganeti's configuration has of the node.
func (n *Node) configured() string {
	flags := ""
	for _, f := range []bool{n.Offline, n.Drained, n.NotVMCapable, n.NotMasterCapable, n.Regular, n.PoweredOff, n.ExclusiveStorage} {
		flags += map[bool]string{true: "1", false: "0"}[f]
	}
	return strings.Join([]string{n.Name, n.Group, strings.Join(sortedCopy(n.Tags), ","), flags, string(n.OOB)}, " ")
}

func sameSet(a, b []string) bool {
	x, y := sortedCopy(a), sortedCopy(b)
	return strings.Join(x, ",") == strings.Join(y, ",")
}

// afterEdit notes what an edit made happen: copies that lack writes now, instances that run twice.
func (m *Master) afterEdit(before *Cluster) {
	for _, i := range m.cluster.Instances {
		old := before.instanceByUUID(i.UUID)
		if old == nil {
			continue
		}
		for _, node := range i.RunsOn {
			if !contains(old.RunsOn, node) && len(i.RunsOn) == 1 {
				m.started(i, node)
			}
		}
		if len(i.RunsOn) > 1 && len(old.RunsOn) < 2 {
			m.incident(RunsTwice, i, i.RunsOn[1], "runs on %s", strings.Join(i.RunsOn, " and on "))
		}
	}
	m.cluster.replicate()
}
