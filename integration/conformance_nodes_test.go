//go:build cluster

package integration_test

import (
	"sort"
	"strings"
	"testing"
)

const nodesCluster = `
cluster cluster candidate-pool=1
group default
group other
node n1 not-master-capable mem=4096 disk=100000
node n2 not-master-capable mem=4096 disk=100000
node n3 not-master-capable mem=4096 disk=100000
node n4 group=other not-master-capable mem=4096 disk=100000
node n5 group=other not-master-capable mem=4096 disk=100000
instance db1 template=drbd nodes=n1,n2 mem=16 disk=16
instance db2 template=drbd nodes=n2,n1 mem=16 disk=16
instance rb1 template=rbd nodes=n4 mem=16 disk=16
instance pl1 template=plain nodes=n3 mem=16 disk=16
group masters policy=unallocable
node node1 group=masters not-vm-capable mem=0 disk=0 master
`

// Opcodes that change nodes and groups, and those that submit jobs of their own (P17, K3).
func TestConformanceOfNodes(t *testing.T) {
	playSim(t, nodesCluster, scriptPart{"flags", scriptNodeFlags}, scriptPart{"jobs", scriptNodeJobs})
}

func (s *side) roles() {
	s.t.Helper()
	s.table("node", `["name","role","offline","drained","master_candidate","master_capable","vm_capable","powered","group"]`, "null")
}

func scriptNodeFlags(s *side) {
	set := func(name string, flags string) string { return op("NODE_SET_PARAMS", `"node_name":"`+name+`"`, flags) }
	s.roles()
	s.log(s.run(set("n3", `"drained":true`)))
	s.log(s.run(set("n3", `"drained":false`)))
	s.log(s.run(set("n3", `"offline":false`)))
	s.run(set("n3", `"offline":true`))
	s.run(set("n3", `"offline":true,"drained":true`))
	s.run(set("n3", `"powered":false`))
	s.run(set("n3", `"drained":true`))
	s.run(set("n3", `"offline":true`))
	s.log(s.run(set("n3", `"offline":false`)))
	s.run(set("n1", `"vm_capable":false`))
	s.run(set("node1", `"offline":true`))
	s.run(set("n5", `"vm_capable":true`))
	s.roles()
	s.run(op("OOB_COMMAND", `"node_names":["n3"],"command":"power-status"`))
	s.run(op("OOB_COMMAND", `"node_names":["n3"],"command":"power-off"`))
	s.run(op("OOB_COMMAND", `"node_names":["node1"],"command":"power-off","ignore_status":true`))
	s.run(op("OOB_COMMAND", `"node_names":["nobody"],"command":"power-off"`))
	s.run(op("NODE_REMOVE", `"node_name":"n3"`))
	s.run(op("NODE_REMOVE", `"node_name":"node1"`))
	s.run(op("NODE_REMOVE", `"node_name":"nobody"`))
	s.run(op("GROUP_ASSIGN_NODES", `"group_name":"other","nodes":["n1"]`))
	s.log(s.run(op("GROUP_ASSIGN_NODES", `"group_name":"other","nodes":["n2"],"force":true`)))
	s.log(s.run(op("GROUP_ASSIGN_NODES", `"group_name":"default","nodes":["n2"]`)))
	s.run(op("GROUP_ASSIGN_NODES", `"group_name":"nowhere","nodes":["n2"]`))
	s.run(op("TAGS_SET", `"kind":"node","name":"n2","tags":["b","a"]`))
	s.table("node", `["name","tags"]`, `["=","name","n2"]`)
	s.run(op("TAGS_DEL", `"kind":"node","name":"n2","tags":["a","b"]`))
}

func scriptNodeJobs(s *side) {
	evacuate := func(name, mode string, more ...string) string {
		return op("NODE_EVACUATE", append([]string{`"node_name":"` + name + `"`, `"mode":"` + mode + `"`}, more...)...)
	}
	s.run(evacuate("n1", "all"))
	s.run(evacuate("n1", "primary-only", `"remote_node":"n3"`))
	s.log(s.run(evacuate("n3", "primary-only")))
	s.log(s.run(evacuate("n3", "secondary-only")))
	s.log(s.spawned(evacuate("n1", "primary-only")))
	s.instances()
	s.log(s.spawned(evacuate("n1", "secondary-only", `"remote_node":"n3"`)))
	s.instances()
	s.log(s.spawned(evacuate("n4", "primary-only")))
	s.instances()
	s.spawned(op("NODE_MIGRATE", `"node_name":"n5","target_node":"n4"`))
	s.instances()
	s.run(op("GROUP_EVACUATE", `"group_name":"other","target_groups":["other"]`))
	s.run(op("GROUP_EVACUATE", `"group_name":"nowhere"`))
	s.verifyDisks()
	s.run(op("GROUP_VERIFY_DISKS", `"group_name":"nowhere"`))
	s.look("db1", "rb1", "pl1")
	s.run(op("INSTANCE_QUERY_DATA", `"instances":["nobody"]`))
}

// spawned runs a job that submits others, and waits for these as well.
func (s *side) spawned(opcode string) int64 {
	s.t.Helper()
	id := s.run(opcode)
	last := s.submit() // an empty job: all that have lower ids are of the script
	var outcomes []string
	for n := id + 1; n < last; n++ {
		s.wait(n)
		outcomes = append(outcomes, s.outcome(n))
	}
	sort.Strings(outcomes) // Python's sets have no order
	s.note("spawned", strings.Join(outcomes, "\n    "))
	return id
}
