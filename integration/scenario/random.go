package scenario

import (
	"fmt"
	"math/rand"
	"strings"
)

// Random makes a scenario of random events: a cluster, people who do what they
// like, faults, and passes in between; and in the end the faults stop. The same
// seed makes the same scenario.
func Random(seed int64) *Scenario {
	r := &dice{rand.New(rand.NewSource(seed))}
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	say("Seed %d\ndemands: C2\nends: -\n-- cluster --", seed)
	nodes, instances := r.cluster(say)
	say("-- events --")
	if r.one(3) {
		say("settings max_attempts=%d", 1+r.Intn(3))
	}
	if r.one(4) {
		say("settings max_new_per_pass=1")
	}
	if r.one(3) {
		say("settings max_running=%d", r.Intn(3))
	}
	if !r.one(4) {
		say("settings max_unhealthy_nodes=100")
	}
	// Nodes other than the master's, which stays good.
	say("%s %s%s", r.pick("offline", "offline", "drain"), nodes[1+r.Intn(len(nodes)-1)], r.pick("", "", " lives"))
	if r.one(3) {
		say("%s %s", r.pick("offline", "drain"), nodes[1+r.Intn(len(nodes)-1)])
	}
	for n := 3 + r.Intn(6); n > 0; n-- {
		for k := r.Intn(3); k > 0; k-- {
			r.person(say, nodes, instances)
		}
		if r.one(2) {
			r.trouble(say, instances)
		}
		say("pass")
		if !r.one(4) {
			say(r.pick("quiet", "quiet", "wait 2s", "wait 20s", "wait 2m"))
		}
	}
	// The faults stop, and the clock is right again. First all comes to rest with the
	// valves and the room there is, then without anything in the way.
	say("calm\nclock 0s\nquiet\nrepair\nplenty\nwait 30m\nsettle\nrepair\n-- log --")
	s, err := Parse(text.String())
	if err != nil {
		panic("scenario: " + err.Error())
	}
	return s
}

// Text is the scenario as a file, without its log.
func (s *Scenario) Text() string { return s.head }

type dice struct{ *rand.Rand }

// one is true once in n times.
func (r *dice) one(n int) bool { return r.Intn(n) == 0 }

func (r *dice) pick(list ...string) string { return list[r.Intn(len(list))] }

// types are permissions, the middle ones more often.
func (r *dice) permission() string {
	return r.pick("fix-storage", "migrate", "failover", "failover", "reinstall", "reinstall", "reinstall", "reinstall")
}

func (r *dice) cluster(say func(string, ...any)) (nodes, instances []string) {
	allocator := ""
	if r.one(5) {
		allocator = " iallocator="
	}
	slots := ""
	if r.one(6) {
		slots = fmt.Sprintf(" max-running-jobs=%d", 2+r.Intn(4))
	}
	tags := " tags=" + r.permission()
	if r.one(8) {
		tags += ",suspend:NOW+" + r.pick("5", "300", "1500")
	}
	say("cluster c%s%s%s", allocator, slots, tags)
	groups := 1 + r.Intn(2)
	for g := 0; g < groups; g++ {
		tags := ""
		if r.one(5) {
			tags = " tags=" + r.pick("suspend", "failover", "reinstall", "fix-storage", "suspend:NOW+400", "migrat")
		}
		say("group g%d%s", g, tags)
	}
	count := 3 + r.Intn(3)
	for n := 1; n <= count; n++ {
		say("node n%d group=g%d mem=%s", n, n%groups, r.pick("4096", "2048", "700"))
		nodes = append(nodes, fmt.Sprintf("n%d", n))
	}
	for k := 1 + r.Intn(4); k > 0; k-- {
		name := fmt.Sprintf("i%d", k)
		template := r.pick("drbd", "drbd", "rbd", "rbd", "plain", "file", "diskless", "sharedfile", "ext")
		at := 1 + r.Intn(count-1)
		on := nodes[at]
		if template == "drbd" {
			// The next node of the same group, or any.
			second := (at + groups) % count
			if second == at {
				second = (at + 1) % count
			}
			on += "," + nodes[second]
		}
		tags := ""
		if r.one(3) {
			tags = " tags=" + r.pick("suspend", "failover", "reinstall", "suspend:NOW+100", "pending:failover:x:NOW-5:", "pending:reinstall:y:NOW-5:", "pending:migrate:z:NOW-9:,pending:failover:w:NOW-3:",
				"result:failover:v:NOW-9:failure:", "result:failover:u:NOW-9:success:7", "pending:failover:q", "suspend:never")
		}
		say("instance %s template=%s nodes=%s state=%s mem=%s%s", name, template, on, r.pick("up", "up", "up", "down", "offline"), r.pick("128", "512"), tags)
		instances = append(instances, name)
	}
	return nodes, instances
}

// person does something that administrators do.
func (r *dice) person(say func(string, ...any), nodes, instances []string) {
	node, instance := nodes[1+r.Intn(len(nodes)-1)], r.pick(instances...)
	switch r.Intn(16) {
	case 0, 1, 2:
		say("offline %s%s", node, r.pick("", "", " lives"))
	case 3, 4:
		say("drain %s", node)
	case 5, 6:
		say("online %s", node)
	case 7:
		say("try tag instance %s %s", instance, r.pick("suspend", "suspend:NOW+900", "failover", "reinstall", "pending:failover:hand:NOW:", "pending:reinstall:hand2:NOW+1:", "result:migrate:hand3:NOW:failure:"))
	case 8:
		say("try untag instance %s %s", instance, r.pick("suspend", "failover", "result", "pending", "reinstall"))
	case 9:
		say("try %s cluster %s", r.pick("tag", "untag"), r.pick("suspend", "failover", "reinstall"))
	case 10:
		say("try %s %s", r.pick("stop", "start", "crash"), instance)
	case 11:
		say("try cancel %s", instance)
	case 12:
		say(r.pick("archive", "purge"))
	case 13:
		say("try admin %s %s", r.pick("INSTANCE_STARTUP", "INSTANCE_SHUTDOWN", "TAGS_SET"), instance)
	case 14:
		if r.one(3) {
			say("try remove %s", instance)
		} else {
			say("try rename %s %s", instance, "r"+instance)
		}
	case 15:
		say("clock %s", r.pick("10m", "-10m", "0s"))
	}
}

// trouble is a fault in the next pass, or in an opcode.
func (r *dice) trouble(say func(string, ...any), instances []string) {
	method := r.pick("SubmitManyJobs", "SubmitManyJobs", "CancelJob", "WaitForJobChange", "Query", "QueryClusterInfo")
	n := 1 + r.Intn(2)
	switch r.Intn(8) {
	case 0, 1:
		say("maybe killed %s %d %s", method, n, r.pick("before", "after"))
	case 2, 3:
		say("maybe fault %s %d %s", method, n, r.pick("before", "after", "cut", "refused"))
	case 4, 5:
		code, late := r.pick("exec", "insufficient_resources", "wrong_state"), ""
		if code == "exec" {
			late = r.pick("", " late") // prerequisites do not fail later
		}
		say("fail %s %s %s%s%s", r.pick("INSTANCE_FAILOVER", "INSTANCE_MIGRATE", "INSTANCE_REPLACE_DISKS", "INSTANCE_RECREATE_DISKS", "INSTANCE_REINSTALL", "INSTANCE_STARTUP", "TAGS_SET", "TAGS_DEL"),
			r.pick(instances...), code, late, r.pick("", " 2 times"))
	case 6:
		say("lose %s %s", r.pick("INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS", "INSTANCE_REINSTALL", "TAGS_SET"), r.pick(instances...))
	case 7:
		// Not between the fresh look and the releases that follow it: the design
		// knows of that race and leaves it.
		method := r.pick("SubmitManyJobs", "WaitForJobChange", "QueryClusterInfo")
		say("maybe during %s %d %s", method, n, r.pick("luxid restart", "kill-hold", "tag cluster suspend:NOW+600", "try untag cluster failover",
			"try crash "+r.pick(instances...), "try tag instance "+r.pick(instances...)+" suspend:NOW+700", "online n2", "offline n3", "drain n3"))
	}
}
