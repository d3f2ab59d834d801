//go:build cluster

package integration_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// disksCluster has what a virtual cluster cannot: mirrored, local and remote block devices.
const disksCluster = `
cluster cluster
group default
node n1 mem=4096 disk=100000
node n2 mem=4096 disk=100000
node n3 mem=4096 disk=100000
node n4 mem=4096 disk=100000
instance db1 template=drbd nodes=n1,n2 mem=16 disk=16
instance db2 template=drbd nodes=n2,n3 mem=16 disk=16 state=down
instance db3 template=drbd nodes=n3,n1 mem=16 disk=16 hypervisor=kvm
instance pl1 template=plain nodes=n1 mem=16 disk=16
instance pl2 template=plain nodes=n2 mem=16 disk=16 state=down
instance rb1 template=rbd nodes=n1 mem=16 disk=16
instance rb2 template=ext nodes=n3 mem=16 disk=16 state=down
group masters policy=unallocable
node node1 group=masters not-vm-capable mem=0 disk=0 master
`

// What the simulated master says of drbd, plain and remote disks is what a real one does over simulated nodes.
func TestConformanceOfDisks(t *testing.T) {
	w := newSimWorld(t, disksCluster)
	w.maybe = func(incident string) bool { return strings.Contains(incident, " overwritten by an installation ") } // the scripts reinstall
	real := &side{t: t, name: "real", socket: w.Socket()}
	release := real.release()
	cluster := luxitest.MustParse(disksCluster)
	cluster.SoftwareVersion = release
	simulated := simulatedSide(t, cluster)
	playBoth(t, release, real, simulated, []scriptPart{
		{"healthy", scriptDisksHealthy}, {"drained", scriptDisksDrained}, {"offline", scriptDisksOffline}, {"chain", scriptDisksChain},
	})
}

const newSecondary = `"mode":"replace_new_secondary"`

func scriptDisksHealthy(s *side) {
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("db1"), `"target_node":"n3"`))
	s.run(op("INSTANCE_FAILOVER", on("db1"), `"iallocator":"hail"`))
	s.run(op("INSTANCE_MIGRATE", on("db1"), `"target_node":"n2"`))
	s.run(op("INSTANCE_MIGRATE", on("db2")))
	s.run(op("INSTANCE_MIGRATE", on("db1"), `"dry_run":true`))
	s.run(op("INSTANCE_MIGRATE", on("db1")))
	s.run(op("INSTANCE_FAILOVER", on("db2")))
	s.instances()
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n1"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n2"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n4","iallocator":"hail"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n4","dry_run":true`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n4"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db2"), newSecondary, `"remote_node":"n4"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("pl1"), newSecondary, `"remote_node":"n4"`))
	s.run(op("INSTANCE_FAILOVER", on("pl1"), `"target_node":"n4"`))
	s.run(op("INSTANCE_MIGRATE", on("pl1")))
	s.run(op("INSTANCE_FAILOVER", on("rb1"), `"target_node":"n4"`))
	s.run(op("INSTANCE_MIGRATE", on("rb1"), `"target_node":"n1"`))
	s.run(op("INSTANCE_FAILOVER", on("rb2"), `"target_node":"n4"`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("db1")))
	s.run(op("INSTANCE_REINSTALL", on("db1")))
	s.run(op("INSTANCE_REINSTALL", on("db2")))
	s.run(op("INSTANCE_REINSTALL", on("rb2")))
	s.instances()
}

func scriptDisksDrained(s *side) {
	s.node("n4", `"drained":true`)
	s.run(op("INSTANCE_FAILOVER", on("db1")))
	s.run(op("INSTANCE_MIGRATE", on("db1")))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n4"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db2"), newSecondary, `"remote_node":"n1"`))
	s.run(op("INSTANCE_FAILOVER", on("rb2"), `"target_node":"n3"`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("pl2"), `"nodes":["n4"],"dry_run":true`))
	s.node("n3", `"drained":true`)
	s.run(op("INSTANCE_MIGRATE", on("db3")))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db3"), newSecondary, `"remote_node":"n2"`))
	s.instances()
	s.node("n3", `"drained":false`)
	s.node("n4", `"drained":false`)
}

func scriptDisksOffline(s *side) {
	s.instances()
	s.node("n2", `"offline":true`)
	s.instances()
	s.run(op("INSTANCE_MIGRATE", on("db1")))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n3"`))
	s.run(op("INSTANCE_FAILOVER", on("db1"), `"dry_run":true`))
	s.run(op("INSTANCE_FAILOVER", on("db1")))
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("db1")))
	s.run(op("INSTANCE_MIGRATE", on("db3")))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db1"), newSecondary, `"remote_node":"n3"`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db3"), newSecondary, `"remote_node":"n4"`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("pl2")))
	s.instances()
}

// scriptDisksChain reinstalls what was on n2, and then what has lost both of its nodes.
func scriptDisksChain(s *side) {
	chain := func(name, nodes string, up bool) []string {
		ops := []string{
			op("INSTANCE_RECREATE_DISKS", on(name), `"nodes":[`+nodes+`]`), op("INSTANCE_SHUTDOWN", on(name)), op("INSTANCE_REINSTALL", on(name)),
		}
		if up {
			ops = append(ops, op("INSTANCE_STARTUP", on(name)))
		}
		return ops
	}
	s.run(chain("pl2", `"n3"`, false)...)
	s.instances()
	s.node("n3", `"offline":true`)
	s.node("n4", `"offline":true`)
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("db3")))
	s.run(op("INSTANCE_REPLACE_DISKS", on("db3"), newSecondary, `"remote_node":"n1"`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("db3"), `"nodes":["n1"]`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("db3")))
	s.node("n2", `"offline":false`)
	s.run(chain("db3", `"n1","n2"`, true)...)
	s.run(op("INSTANCE_MIGRATE", on("db3")))
	s.instances()
}
