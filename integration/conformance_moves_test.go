//go:build cluster

package integration_test

import (
	"regexp"
	"sort"
	"strings"
)

// The instances: d1 s1 f1 run on node2, d2 s2 f2 are stopped on node3; d are diskless, s have shared files, f files.
// d3 is diskless, stopped, and too big for any node. Where an allocator is used all nodes but one are drained, so
// that there is one answer only.

func scriptHealthyMoves(s *side) {
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("nobody")))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"instance_uuid":"`+s.uuid("d2")+`"`))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"nobody"`))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node2"`))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node3","iallocator":"hail"`))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"iallocator":"nohail"`))
	s.log(s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node3","dry_run":true`)))
	s.log(s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node3","instance_uuid":"`+s.uuid("d1")+`"`)))
	s.instances()
	s.log(s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node2","dry_run":true`)))
	s.log(s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node2"`)))
	s.instances()
	s.run(op("INSTANCE_MIGRATE", on("d2"), `"target_node":"node2"`))
	s.log(s.run(op("INSTANCE_FAILOVER", on("d2"), `"target_node":"node2"`)))
	s.log(s.run(op("INSTANCE_MIGRATE", on("d2"), `"target_node":"node3","allow_failover":true`)))
	s.run(op("INSTANCE_FAILOVER", on("d3"), `"target_node":"node2"`))
	s.run(op("INSTANCE_FAILOVER", on("d3"), `"target_node":"node3"`))
	s.note("no node is big enough", s.refusal(op("INSTANCE_FAILOVER", on("d3"))))
	s.run(op("INSTANCE_STARTUP", on("d3")))
	s.run(op("INSTANCE_MIGRATE", on("d3"), `"target_node":"node2"`))
	s.run(op("INSTANCE_FAILOVER", on("s1"), `"target_node":"node3"`))
	s.run(op("INSTANCE_MIGRATE", on("s1"), `"target_node":"node2"`))
	for _, name := range []string{"f1", "f2"} {
		s.run(op("INSTANCE_FAILOVER", on(name), `"target_node":"node1"`))
		s.run(op("INSTANCE_MIGRATE", on(name), `"target_node":"node1"`))
		s.run(op("INSTANCE_FAILOVER", on(name)))
	}
	for _, name := range []string{"d1", "s2", "f2"} {
		s.run(op("INSTANCE_REPLACE_DISKS", on(name), `"mode":"replace_new_secondary"`))
		s.run(op("INSTANCE_REPLACE_DISKS", on(name), `"mode":"replace_new_secondary","iallocator":"hail"`))
		s.run(op("INSTANCE_REPLACE_DISKS", on(name), `"mode":"replace_new_secondary","remote_node":"node1"`))
		s.run(op("INSTANCE_REPLACE_DISKS", on(name), `"mode":"replace_auto","remote_node":"node1"`))
		s.run(op("INSTANCE_REPLACE_DISKS", on(name), `"mode":"replace_on_primary"`))
	}
	s.instances()
}

func scriptState(s *side) {
	s.run(op("INSTANCE_STARTUP", on("d1")))
	s.run(op("INSTANCE_REINSTALL", on("d1")))
	s.run(op("INSTANCE_REINSTALL", on("s1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("d1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("s1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f1"), `"nodes":["node1"]`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"nodes":["node1","node2"]`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"nodes":["nobody"]`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"nodes":["node1"],"iallocator":"hail"`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"disks":[7]`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"disks":[[0,{"size":17}],[0,{}]]`))
	s.note("outcome of in place", s.class(s.submit(op("INSTANCE_RECREATE_DISKS", on("f2")))))
	s.log(s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"nodes":["node2"],"dry_run":true`)))
	s.instances()
	s.log(s.run(op("INSTANCE_SHUTDOWN", on("s1"), `"dry_run":true`)))
	s.log(s.run(op("INSTANCE_SHUTDOWN", on("s1"))))
	s.run(op("INSTANCE_SHUTDOWN", on("s1"), `"timeout":5`))
	s.instances()
	s.run(op("INSTANCE_MIGRATE", on("s1"), `"target_node":"node3"`))
	s.log(s.run(op("INSTANCE_REINSTALL", on("s1"), `"dry_run":true`)))
	s.log(s.run(op("INSTANCE_REINSTALL", on("s1"))))
	s.run(op("INSTANCE_REINSTALL", on("s2"), `"os_type":"noop"`))
	s.log(s.run(op("INSTANCE_STARTUP", on("s1"), `"dry_run":true`)))
	s.log(s.run(op("INSTANCE_STARTUP", on("s1"))))
	s.crash("node2", "d1")
	s.instances()
	s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node3"`))
	s.run(op("INSTANCE_STARTUP", on("d1")))
	s.instances()

	// Admin state offline.
	s.run(op("INSTANCE_SET_PARAMS", on("d1")))
	s.run(op("INSTANCE_SET_PARAMS", on("d1"), `"offline":true`))
	s.run(op("INSTANCE_SET_PARAMS", on("f2"), `"offline":true`))
	s.run(op("INSTANCE_SET_PARAMS", on("f2"), `"offline":true`))
	s.instances()
	s.run(op("INSTANCE_STARTUP", on("f2")))
	s.run(op("INSTANCE_SHUTDOWN", on("f2")))
	s.run(op("INSTANCE_SHUTDOWN", on("f2"), `"force":true`))
	s.run(op("INSTANCE_REINSTALL", on("f2")))
	s.instances()
	s.run(op("INSTANCE_SET_PARAMS", on("f2"), `"offline":false`))
	s.run(op("INSTANCE_SET_PARAMS", on("f2"), `"offline":false`))
	s.instances()
}

// refusal runs a job that an allocator refuses, and tells its outcome without the order of nodes and the counts.
func (s *side) refusal(ops ...string) string {
	id := s.submit(ops...)
	s.wait(id)
	text := s.outcome(id)
	nodes := nodeReasons.FindAllString(text, -1)
	sort.Strings(nodes)
	return failCounts.ReplaceAllString(nodeReasons.ReplaceAllString(text, "NODE"), "$1: N") + strings.Join(nodes, "")
}

var (
	nodeReasons = regexp.MustCompile(` Node \w+ failed: \w+;`)
	failCounts  = regexp.MustCompile(`(Fail\w+): \d+`)
)

// class waits for a job and tells the class and code of each result without its text.
func (s *side) class(id int64) string {
	s.wait(id)
	return errorText.ReplaceAllString(s.outcome(id), `["$1",["..."$2`)
}

func scriptDrained(s *side) {
	s.node("node3", `"drained":true`)
	s.table("node", `["name","offline","drained","role","master_candidate"]`, "null")
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node3"`))
	s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node3"`))
	s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node3","dry_run":true`))
	s.log(s.run(op("INSTANCE_MIGRATE", on("d1"))))
	s.log(s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node2"`)))
	s.log(s.run(op("INSTANCE_FAILOVER", on("s1"), `"iallocator":"."`)))
	s.log(s.run(op("INSTANCE_FAILOVER", on("s1"), `"target_node":"node2"`)))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"nodes":["node3"],"dry_run":true`))
	s.node("node2", `"drained":true`)
	s.instances()
	s.note("nowhere but node1", "")
	s.log(s.run(op("INSTANCE_FAILOVER", on("d2"))))
	s.note("no room", s.class(s.submit(op("INSTANCE_FAILOVER", on("d2"), `"iallocator":"hail"`))))
	s.note("too big", s.class(s.submit(op("INSTANCE_FAILOVER", on("d3")))))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f1"), `"iallocator":"hail"`))
	s.note("recreate", s.refusal(op("INSTANCE_RECREATE_DISKS", on("f2"), `"iallocator":".","dry_run":true`)))
	s.node("node3", `"drained":false`)
	s.node("node3", `"offline":true`)
	s.note("nowhere at all", s.refusal(op("INSTANCE_RECREATE_DISKS", on("f2"), `"iallocator":"hail"`)))
	s.node("node3", `"offline":false`)
	s.node("node3", `"drained":true`)
	s.run(op("INSTANCE_SHUTDOWN", on("f1")))
	s.run(op("INSTANCE_STARTUP", on("f1")))
	s.node("node2", `"drained":false`)
	s.node("node3", `"drained":false`)
	s.run(op("INSTANCE_FAILOVER", on("d2"), `"target_node":"node3"`))
}

func scriptOffline(s *side) {
	s.node("node2", `"offline":true`)
	s.instances()
	s.table("node", `["name","offline","drained","role","mfree"]`, `["?","offline"]`)
	s.table("node", `["name","offline","drained","role","master_candidate","pinst_list"]`, "null")
	s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node3"`))
	s.run(op("INSTANCE_FAILOVER", on("f1"), `"target_node":"node3"`))
	s.run(op("INSTANCE_SHUTDOWN", on("d1")))
	s.run(op("INSTANCE_STARTUP", on("d1")))
	s.run(op("INSTANCE_REINSTALL", on("s1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("s1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("d1"), `"nodes":["node3"]`))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f1"), `"nodes":["node2"]`))
	s.run(op("INSTANCE_REPLACE_DISKS", on("s1"), `"mode":"replace_new_secondary","remote_node":"node3"`))
	s.run(op("TAGS_SET", `"kind":"instance","name":"d1","tags":["x"]`))
	s.run(op("TAGS_DEL", `"kind":"instance","name":"d1","tags":["x"]`))
	s.run(op("INSTANCE_FAILOVER", on("d2"), `"target_node":"node2"`))
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("d2"), `"target_node":"node3"`))
	s.run(op("INSTANCE_FAILOVER", on("s1"), `"target_node":"node2"`))
	s.log(s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node3","dry_run":true`)))
	s.log(s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node3"`)))
	s.log(s.run(op("INSTANCE_MIGRATE", on("s1"), `"target_node":"node3","allow_failover":true`)))
	s.instances()
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node2"`))
	s.run(op("INSTANCE_MIGRATE", on("d1"), `"target_node":"node2"`))
	s.log(s.run(op("INSTANCE_SHUTDOWN", on("f1"), `"ignore_offline_nodes":true`)))
	s.instances()
	s.log(s.run(op("INSTANCE_STARTUP", on("f1"), `"ignore_offline_nodes":true`)))
	s.instances()
}

// scriptChain reinstalls f1, whose node is offline since the last part.
func scriptChain(s *side) {
	chain := func(name, place string, more ...string) []string {
		return append([]string{op("INSTANCE_RECREATE_DISKS", append([]string{on(name), place}, more...)...), op("INSTANCE_SHUTDOWN", on(name)),
			op("INSTANCE_REINSTALL", on(name)), op("INSTANCE_STARTUP", on(name))}, []string{}...)
	}
	s.log(s.run(chain("f1", `"nodes":["node3"]`, `"dry_run":true`)[0]))
	s.node("node3", `"drained":true`)
	s.note("allocator", s.class(s.submit(chain("f1", `"iallocator":"hail"`, `"dry_run":true`)[0])))
	s.node("node3", `"drained":false`)
	s.instances()
	s.lose("f1") // on one machine all nodes share it, and RECREATE_DISKS refuses to overwrite it
	s.log(s.run(chain("f1", `"nodes":["node3"]`)...))
	s.instances()
	s.run(op("INSTANCE_SHUTDOWN", on("f1")))
	s.run(op("INSTANCE_STARTUP", on("f1")))

	// The shared file still exists: the disks cannot be made, and the instance has moved nevertheless.
	s.run(op("INSTANCE_FAILOVER", on("s2"), `"target_node":"node2"`))
	s.note("shared data is there", s.class(s.submit(chain("s2", `"nodes":["node3"]`)...)))
	s.instances()

	// In place, without a place.
	s.run(op("INSTANCE_RECREATE_DISKS", on("f1")))
	s.node("node2", `"offline":false`)
	s.instances()
}

func scriptDead(s *side) {
	s.dead("node2")
	defer s.alive("node2")
	s.quietly(delay("0.01"))
	s.instances()
	s.table("node", `["name","offline","role","mfree"]`, `["=","name","node2"]`)
	s.run(op("INSTANCE_FAILOVER", on("d2"), `"target_node":"node2"`))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"target_node":"node2"`))
	s.run(op("INSTANCE_FAILOVER", on("d1"), `"iallocator":"hail"`))
	s.run(op("INSTANCE_FAILOVER", on("d1")))
	s.run(op("INSTANCE_RECREATE_DISKS", on("f2"), `"iallocator":"hail"`))
	s.instances()
}

func scriptNodes(s *side) {
	s.run(op("NODE_SET_PARAMS", `"node_name":"node1","offline":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node1","drained":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2"`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","offline":true,"drained":true,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"nobody","offline":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node3","vm_capable":false`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","drained":true,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","drained":true,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","offline":true,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","drained":false,"auto_promote":true`))
	s.table("node", `["name","offline","drained","role"]`, "null")
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","drained":true,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","drained":false,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","offline":true,"dry_run":true,"auto_promote":true`))
	s.table("node", `["name","offline","drained","role"]`, "null")
	s.node("node2", `"offline":true`)
	s.dead("node2")
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","offline":false,"auto_promote":true`))
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","drained":true,"auto_promote":true`))
	s.alive("node2")
	s.run(op("NODE_SET_PARAMS", `"node_name":"node2","offline":false,"auto_promote":true`))
	s.table("node", `["name","offline","drained","role","vm_capable"]`, "null")
}

func scriptStorage(s *side) {
	for _, params := range []string{
		// The rows come in the order of the nodes' UUIDs, which differ.
		`"storage_type":"file","nodes":["node3"]`, `"storage_type":"file","nodes":["node2"],"name":null`,
		`"storage_type":"file","nodes":["nobody"]`, `"storage_type":"lvm-vg"`, `"storage_type":"file","dry_run":true`,
	} {
		s.run(op("NODE_QUERY_STORAGE", `"output_fields":["node","type","allocatable"]`, params))
	}
	s.run(op("NODE_QUERY_STORAGE", `"output_fields":["node","colour"],"storage_type":"file"`))
	s.dead("node2")
	s.run(op("NODE_QUERY_STORAGE", `"output_fields":["node"],"storage_type":"file","nodes":["node2"]`))
	s.node("node2", `"offline":true`)
	s.run(op("NODE_QUERY_STORAGE", `"output_fields":["node"],"storage_type":"file","nodes":["node2"]`))
	s.alive("node2")
	s.node("node2", `"offline":false`)
}

func scriptAdmin(s *side) {
	s.instances()
	s.run(op("INSTANCE_RENAME", on("d1"), `"new_name":"d9","name_check":false,"ip_check":false`))
	s.run(op("INSTANCE_RENAME", on("d2"), `"new_name":"d1","name_check":false,"ip_check":false`))
	s.run(op("TAGS_SET", `"kind":"instance","name":"d2","tags":["kept"]`))
	s.run(op("INSTANCE_RENAME", on("d2"), `"new_name":"d8","name_check":false,"ip_check":false`))
	s.run(op("TAGS_SET", `"kind":"instance","name":"d2","tags":["lost"]`))
	s.observe("QueryTags", `["instance","d8"]`)
	s.run(op("INSTANCE_STARTUP", on("d2")))
	s.run(op("INSTANCE_STARTUP", on("d8"), `"instance_uuid":"`+s.uuid("d2")+`"`))
	s.run(op("INSTANCE_REMOVE", on("d8")))
	s.run(op("INSTANCE_REMOVE", on("d8")))
	s.run(op("INSTANCE_REMOVE", on("f2")))
	s.instances()
}
