package plugin

import (
	"strings"
	"testing"

	"ganeti-autorepair/plugin/internal/simtest"
)

// Without an allocator every step is given its node here, and goes well.
func TestWithoutAllocator(t *testing.T) {
	for _, row := range []struct{ name, instance, nodes, jobs, where string }{
		{"P1", "nodes=node2,node3 template=drbd", "node3:offline", "REPLACE_DISKS(i) success", "node2 node4"},
		{"P4", "nodes=node2,node3 template=drbd", "node2:offline", "FAILOVER(i) success, REPLACE_DISKS(i) success", "node3 node4"},
		{"P6", "nodes=node2 template=rbd", "node2:drained", "MIGRATE(i) success", "node4"},
		{"P7", "nodes=node2 template=rbd", "node2:offline", "FAILOVER(i) success", "node4"},
		{"P8", "nodes=node2 template=plain", "node2:offline", "RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success", "node4"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c iallocator= "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i "+row.instance)
			r.Master.Edit(simtest.Broken(row.nodes))
			r.repaired()
			r.WantRepairs(row.jobs)
			if got := strings.Join(r.Instance("i").Nodes(), " "); got != row.where {
				t.Errorf("it is on %s, want %s", got, row.where)
			}
		})
	}
}
