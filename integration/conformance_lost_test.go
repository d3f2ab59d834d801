//go:build cluster

package integration_test

import (
	"fmt"
	"testing"
)

const lostCluster = `
cluster cluster
group default
node n1 mem=4096 disk=100000
node n2 mem=4096 disk=100000
node n3 mem=4096 disk=100000
node n4 mem=80 disk=100000
instance db1 template=drbd nodes=n1,n2 mem=16 disk=16 hypervisor=kvm
instance db2 template=drbd nodes=n1,n2 mem=16 disk=16
instance rb1 template=rbd nodes=n1 mem=16 disk=16 hypervisor=kvm
instance rb2 template=rbd nodes=n1 mem=16 disk=16
instance rb3 template=rbd nodes=n1 mem=16 disk=16 always-failover
instance rb4 template=rbd nodes=n1 mem=100 minmem=50 disk=16 hypervisor=kvm
group masters policy=unallocable
node node1 group=masters not-vm-capable mem=0 disk=0 master
`

// Migrations that fail, lose their last call, are cleaned up, or become something else (S16, P18).
func TestConformanceOfLostMigrations(t *testing.T) {
	playSim(t, lostCluster, scriptPart{"logs", scriptMigrationLogs}, scriptPart{"lost", scriptLostMigrations})
}

const toN2 = `"target_node":"n2"`

func scriptMigrationLogs(s *side) {
	s.log(s.run(op("INSTANCE_MIGRATE", on("rb1"), toN2)))
	s.log(s.run(op("INSTANCE_MIGRATE", on("db2"))))
	s.log(s.run(op("INSTANCE_FAILOVER", on("rb2"), toN2)))
	s.log(s.run(op("INSTANCE_MIGRATE", on("rb3"), toN2)))
	s.log(s.run(op("INSTANCE_MIGRATE", on("rb4"), `"target_node":"n4","allow_runtime_changes":false`)))
	s.control("fail-accept", "db1")
	s.log(s.run(op("INSTANCE_MIGRATE", on("db1"))))
	s.control("heal")
	s.log(s.run(op("INSTANCE_MIGRATE", on("rb1"), toN2, `"cleanup":true`)))
	s.instances()
	s.log(s.run(op("INSTANCE_MIGRATE", on("rb1"), `"target_node":"n1"`)))
	s.instances()
}

func scriptLostMigrations(s *side) {
	for _, name := range []string{"rb1", "db1"} {
		target := []string{on(name)}
		if name == "rb1" {
			target = append(target, toN2)
		}
		s.control("lose-migrations", name)
		s.log(s.run(op("INSTANCE_MIGRATE", target...)))
		s.control("heal")
		s.instances()
		s.run(op("INSTANCE_MIGRATE", target...))
		s.log(s.run(op("INSTANCE_MIGRATE", append(target, `"cleanup":true`)...)))
		s.instances()
	}
	// Once more, without the cleanup: a failover to where it runs starts nothing, and drbd refuses to let go.
	for _, name := range []string{"rb4", "db2"} {
		target := []string{on(name)}
		if name == "rb4" {
			target = append(target, toN2)
		}
		s.control("lose-migrations", name)
		s.note("lost again", s.class(s.submit(op("INSTANCE_MIGRATE", target...))))
		s.control("heal")
		s.instances()
		s.log(s.run(op("INSTANCE_FAILOVER", target...)))
		s.instances()
	}
}

// The rules of the scheduler for jobs (C7).
func TestConformanceOfFilters(t *testing.T) {
	playSim(t, lostCluster, scriptPart{"rules", func(s *side) {
		const first, second = "00000000-1111-4222-8333-444444444444", "55555555-1111-4222-8333-444444444444"
		s.next()
		s.observe("QueryFilters", `[[],["uuid"]]`)
		s.observe("ReplaceFilter", `["`+first+`",3,[["opcode",["&",["=","OP_ID","OP_TEST_DELAY"],["?","on_master"]]]],"PAUSE",[["me","why",7]]]`)
		s.table("filter", `["uuid","priority","predicates","action"]`, "null")
		s.table("filter", `["uuid"]`, `["=","uuid","`+second+`"]`)
		s.observe("QueryFilters", `[["`+first+`"],["priority","action"]]`)
		s.observe("Query", `["filter",["uuid"],["=","name","x"]]`)
		s.observe("DeleteFilter", `["`+second+`"]`)
		s.observe("ReplaceFilter", `["x",0,[],"PAUSE",[]]`)
		paused := s.submit(op("TEST_DELAY", `"duration":0.01`))
		free := s.submit(op("TEST_DELAY", `"duration":0.01,"on_master":false`))
		s.wait(free)
		s.note("paused", s.outcome(paused))
		s.observe("ReplaceFilter", `["`+second+`",1,[["jobid",["<=","id","watermark"]]],"ACCEPT",[]]`)
		s.wait(paused)
		s.note("accepted", s.outcome(paused))
		s.observe("ReplaceFilter", `["`+first+`",0,[["reason",["=","source","me"]]],"REJECT",[]]`)
		rejected := s.submit(`{"OP_ID":"OP_TEST_DELAY","duration":0.01,"reason":[["me","x",1]]}`)
		follows := s.submit(op("TEST_DELAY", `"duration":0.01,"on_master":false`, fmt.Sprintf(`"depends":[[%d,["canceled"]]]`, rejected)))
		s.wait(rejected)
		s.wait(follows)
		s.note("rejected", s.outcome(rejected))
		s.note("what waited for it", s.outcome(follows))
		s.observe("ReplaceFilter", `["`+first+`",0,[["opcode",["=","colour","x"]]],"REJECT",[]]`)
		s.run(op("TEST_DELAY", `"duration":0.01,"on_master":false`))
		s.observe("ReplaceFilter", `["`+first+`",0,[],["RATE_LIMIT",1],[]]`)
		s.observe("DeleteFilter", `["`+second+`"]`)
		one, two := s.submit(op("TEST_DELAY", `"duration":3,"on_master":false`)), s.submit(op("TEST_DELAY", `"duration":3,"on_master":false`))
		s.waitFor(one, "running")
		s.note("one at a time", s.call("QueryJobs", fmt.Sprintf(`[[%d],["status"]]`, two)))
		s.wait(two)
		s.observe("ReplaceFilter", `["`+second+`",0,[],"CONTINUE",[]]`)
		s.table("filter", `["uuid","action"]`, `["=","priority",0]`)
		s.observe("DeleteFilter", `["`+first+`"]`)
		s.observe("DeleteFilter", `["`+second+`"]`)
		for _, args := range []string{`[null,-1,[],"PAUSE",[]]`, `[null,0,[],"pause",[]]`, `[null,0,[],["RATE_LIMIT",0],[]]`} {
			s.observe("ReplaceFilter", args)
		}
	}})
}
