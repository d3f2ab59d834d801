package scenario

import (
	"fmt"
	"math/rand"
	"strings"
)

// Nights makes a scenario of random nights: nodes die and come back, people suspend, pause
// and mark nodes themselves, jobs of others have nodes, the clock jumps, fences fail, and
// the program dies, while passes mark nodes offline that do not answer. In the end all is
// well again, and one node, n2, dies for good. The same seed makes the same scenario.
func Nights(seed int64) *Scenario {
	n := &night{teller: &teller{dice: &dice{rand.New(rand.NewSource(seed))}}}
	n.say("Nights %d\ndemands: K5 K6 K7\nends: -\n-- cluster --", seed)
	n.world()
	n.say("-- events --\nsettings dead_nodes=offline dead_after=%s max_silent=%d\nfence", n.pick("5m", "10m", "10m", "20m"), 1+n.Intn(3))
	n.say("settings max_unhealthy_nodes=%s", n.pick("50", "100", "30"))
	n.say("die %s\nverify-disks", n.pick(n.nodes...))
	for k := 5 + n.Intn(8); k > 0; k-- {
		if n.one(3) {
			n.dies()
		}
		for k := n.Intn(5) - 2; k > 0; k-- {
			n.happens()
		}
		if n.one(3) {
			n.disturbs()
		}
		n.say("pass\nwait %s", n.pick("5m", "5m", "5m", "5m", "30s", "40m"))
	}
	n.say("calm\nclock 0s\npause -1m\nqueue undrain\nfence\nsettings max_unhealthy_nodes=100\nonline %s", strings.Join(n.nodes, " "))
	for _, object := range []string{"cluster", "group g0", "group g1"} {
		n.say("try untag %s suspend", object)
	}
	n.say("wait 40m\nverify-disks\npasses 2 5m\ntry tag cluster node-offline\ncreate last n2\ndie n2\nverify-disks\npasses 5 5m\nrepair\n-- log --")
	s, err := Parse(n.text.String())
	if err != nil {
		panic("scenario: " + err.Error())
	}
	return s
}

// night makes up such a scenario.
type night struct {
	*teller
	made int // instances that were made on the way
}

// world makes up a cluster in which other nodes are left to tell of one that is silent.
func (n *night) world() {
	n.say("cluster c tags=%s", n.pick("failover,node-offline", "failover,node-offline", "failover,node-offline", "failover", "node-offline", "failover,node-offline,suspend"))
	groups := 1 + n.Intn(2)
	for g := 0; g < groups; g++ {
		n.say("group g%d%s", g, n.pick("", "", " tags=node-offline", " tags=failover", " tags=suspend"))
	}
	for k := 1; k <= 5+n.Intn(3); k++ {
		name := fmt.Sprintf("n%d", k)
		n.say("node %s group=g%d%s", name, k%groups, n.pick("", " regular"))
		if k > 1 {
			n.nodes = append(n.nodes, name)
		}
	}
	for k, node := range n.nodes {
		if k == 0 || n.one(2) {
			n.say("instance i%d template=rbd nodes=%s state=%s", k, node, n.pick("up", "up", "down"))
		}
	}
}

// dies lets a node die when all others answer, so that one of the next passes marks it
// offline, if that is permitted; something happens in that pass.
func (n *night) dies() {
	node := n.pick(n.nodes...)
	n.say("revive %s\nonline %s\ndie %s\ntry create new%d %s\ntry verify-disks\npasses %d 5m", strings.Join(n.nodes, " "), node, node, n.made, node, 2+n.Intn(3))
	n.made++
	if !n.one(4) {
		n.disturbs()
	}
	n.say("pass\nwait 5m\npass")
}

// happens is what happens between two passes.
func (n *night) happens() {
	node := n.pick(n.nodes...)
	switch n.Intn(16) {
	case 0, 1, 2:
		n.say("die %s\ntry verify-disks\npasses %d 5m", node, n.Intn(4))
	case 3, 4:
		n.say("revive %s", node)
	case 5:
		n.say("%s %s", n.pick("offline", "drain", "online"), node)
	case 6:
		n.say("try %s %s suspend", n.pick("tag", "untag"), n.pick("cluster", "group g0", "group g1"))
	case 7:
		n.say("try %s %s node-offline", n.pick("tag", "tag", "untag"), n.pick("cluster", "group g0", "group g1"))
	case 8:
		n.say("fence%s", n.pick("", " "+node))
	case 9:
		n.say("clock %s", n.pick("0s", "0s", "7m", "2h", "-10m"))
	case 10:
		n.say("pause %s", n.pick("6m", "-1m"))
	case 11:
		n.say("hang NODE_SET_PARAMS %s\ntry admin NODE_SET_PARAMS %s vm_capable=yes\nwait 10s", node, node)
	case 12:
		n.say("continue")
	case 13:
		n.say("luxid restart")
	case 14:
		n.say("queue %s", n.pick("drain", "undrain", "undrain"))
	case 15:
		n.say("archive")
	}
}

// disturbs is what happens in the next pass, none of it between the last look and the
// release that follows it.
func (n *night) disturbs() {
	method, at := n.pick("SubmitManyJobs", "CancelJob", "WaitForJobChange", "Query", "QueryClusterInfo"), 1+n.Intn(3)
	if method == "Query" {
		at = 1 + n.Intn(40)
	}
	switch n.Intn(4) {
	case 0:
		n.say("maybe killed %s %d %s", method, at, n.pick("before", "after"))
	case 1:
		n.say("maybe fault %s %d %s", method, at, n.pick("before", "after", "cut", "refused"))
	default:
		n.say("maybe during SubmitManyJobs %d %s", at, n.pick("tag cluster suspend", "try untag cluster node-offline", "pause 10m", "revive "+n.pick(n.nodes...), "luxid restart", "kill-hold", "queue drain",
			"offline "+n.pick(n.nodes...)))
	}
}
