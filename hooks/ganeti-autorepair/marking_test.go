package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
)

const nightWithFence = `
	cluster c tags=ganeti:watcher:autorepair:failover,ganeti:watcher:autorepair:node-offline candidate-pool=2
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 regular
	node node3 mem=8192 disk=100000 regular
	node node4 mem=8192 disk=100000 regular
	node node5 mem=8192 disk=100000
	instance db1 template=drbd nodes=node2,node3 mem=512 disks-active
	instance web1 template=sharedfile nodes=node2 mem=512
	instance web2 template=plain nodes=node3 mem=512
	instance web5 template=sharedfile nodes=node5 mem=512
`

const markSettings = "dead_nodes = \"offline\"\nfence = \"oob\"\n"

// fencedNight is a night in which every node has an out-of-band program that works.
func fencedNight(t *testing.T, settings string) *night {
	n := newNight(t, nightWithFence, settings)
	n.m.Edit(func(c *luxitest.Cluster) {
		for _, node := range c.Nodes {
			node.OOB = luxitest.OOBWorks
		}
	})
	return n
}

func (n *night) offline(name string) bool { return n.m.Snapshot().Node(name).Offline }

func (n *night) tagsOf(name string) string { return strings.Join(n.m.Snapshot().Node(name).Tags, " ") }

// opcodes counts the opcodes of a kind that were submitted.
func (n *night) opcodes(id string) int {
	count := 0
	for _, j := range n.m.Jobs() {
		for _, op := range j.Ops {
			if op.ID == id {
				count++
			}
		}
	}
	return count
}

// K5, K6: by night a node dies without a word. After ten minutes it is fenced and marked
// offline, and its instances run elsewhere after the next run of the watcher, without anybody
// asking the fence again. When it is back, its tags go; it is not marked online.
func TestNodeIsMarkedOffline(t *testing.T) {
	for _, row := range []struct{ node, promote string }{{"node2", ""}, {"node5", `"auto_promote":true`}} {
		n := fencedNight(t, markSettings)
		n.dies(row.node)
		n.untilSilent(row.node)
		log := n.later(5 * time.Minute)
		if n.offline(row.node) || n.opcodes("OP_OOB_COMMAND") != 0 {
			t.Fatalf("%s: marked at once:\n%s", row.node, log)
		}
		if tags := n.tagsOf(row.node); strings.Count(tags, "silent:") != 1 {
			t.Errorf("%s has the tags %q", row.node, tags)
		}
		log = n.later(5 * time.Minute)
		if !n.offline(row.node) {
			t.Fatalf("%s is not marked:\n%s", row.node, log)
		}
		n.has("log", log, `msg="fence succeeded" node=`+row.node, `msg="node marked offline" node=`+row.node, `permitted_by=cluster`)
		if tags := n.tagsOf(row.node); strings.Count(tags, "silent:") != 1 || strings.Count(tags, "fenced:") != 1 {
			t.Errorf("%s has the tags %q", row.node, tags)
		}
		promoted := false
		for _, node := range n.m.Snapshot().Nodes {
			promoted = promoted || !node.Regular && !node.Offline && node.Name != "node1" && node.Name != "node5"
		}
		if promoted != (row.promote != "") {
			t.Errorf("%s: a candidate was promoted: %v", row.node, promoted)
		}
		n.later(20 * time.Minute)
		for _, i := range n.m.Snapshot().Instances {
			if i.Primary == row.node {
				t.Errorf("%s still has %s on it", row.node, i.Name)
			}
		}
		if got := n.opcodes("OP_OOB_COMMAND"); got != 2 {
			t.Errorf("%s: the fence had %d jobs", row.node, got)
		}
		told := strings.Join(lines(t, n.told), "\n")
		n.has("events", told, "node-silent node="+row.node, "node-marked node="+row.node+" it did not answer, was fenced, and is marked offline; permitted by cluster")
		for _, line := range lines(t, n.told+".json") {
			validate(t, "event.json", line)
		}
		if strings.Contains(told, "node-not-marked") {
			t.Errorf("events:\n%s", told)
		}
		n.lives(row.node)
		n.m.Edit(func(c *luxitest.Cluster) { c.Node(row.node).PoweredOff = false })
		n.later(time.Hour)
		if !n.offline(row.node) {
			t.Errorf("%s was marked online", row.node)
		}
		n.m.Edit(func(c *luxitest.Cluster) { c.Node(row.node).Offline = false })
		n.later(time.Hour)
		if tags := n.tagsOf(row.node); tags != "" {
			t.Errorf("once %s is back it has the tags %q", row.node, tags)
		}
	}
}

// K5 to K7: what must not be: each row lacks one thing, and no node is marked offline, nor
// fenced where that could have been known before.
func TestNodeIsNotMarkedOffline(t *testing.T) {
	dies := func(names ...string) func(*night) { return func(n *night) { n.dies(names...) } }
	cluster := func(edit func(*luxitest.Cluster)) func(*night) {
		return func(n *night) { n.m.Edit(edit); n.dies("node2") }
	}
	for _, row := range []struct {
		what, settings string
		happens        func(*night)
		fenced         bool   // the fence is asked
		reason         string // of node2
	}{
		{"report only", "dead_nodes = \"report\"\nfence = \"oob\"\n", dies("node2"), false, ""},
		{"no fence", "dead_nodes = \"offline\"\n", dies("node2"), false, "no-fence"},
		{"dead_after", markSettings + "dead_after = \"2h\"\n", dies("node2"), false, "too-soon"},
		{"no permission", markSettings, cluster(func(c *luxitest.Cluster) { c.Tags = []string{"ganeti:watcher:autorepair:failover"} }), false, "no-permission"},
		{"group suspended", markSettings, cluster(func(c *luxitest.Cluster) { c.Groups[0].Tags = []string{"ganeti:watcher:autorepair:suspend"} }), false, "suspended"},
		{"cluster suspended", markSettings, cluster(func(c *luxitest.Cluster) { c.Tags = append(c.Tags, "ganeti:watcher:autorepair:suspend") }), false, "suspended"},
		{"two in the group", markSettings + "max_silent = 5\n", dies("node2", "node3"), false, "many-silent"},
		{"the master is cut off", markSettings, dies("node2", "node3", "node4"), false, "cut-off"},
		{"the valve of bad nodes", markSettings + "max_unhealthy_nodes = \"10%\"\n", dies("node2"), false, "max-unhealthy"},
		{"the watcher is paused", markSettings, func(n *night) {
			until := n.m.Now().Add(24 * time.Hour)
			n.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = until })
			n.dies("node2")
		}, false, ""},
		{"the queue is drained", markSettings, cluster(func(c *luxitest.Cluster) { c.QueueDrained = true }), false, ""},
		{"the fence fails", markSettings, cluster(func(c *luxitest.Cluster) { c.Node("node2").OOB = luxitest.OOBFails }), true, "not-fenced"},
		{"no program", markSettings, cluster(func(c *luxitest.Cluster) { c.Node("node2").OOB = luxitest.OOBNone }), true, "not-fenced"},
	} {
		n := fencedNight(t, row.settings)
		row.happens(n)
		paused := row.what == "the watcher is paused" || row.what == "the queue is drained"
		for k := 0; k < 12; k++ {
			n.m.Advance(5 * time.Minute)
			n.want(0, 0, "", "run", "--from-watcher")
			if !paused {
				n.watcher()
			}
		}
		for _, node := range n.m.Snapshot().Nodes {
			if node.Offline {
				t.Errorf("%s: %s is marked offline", row.what, node.Name)
			}
		}
		if asked := n.opcodes("OP_OOB_COMMAND") > 0; asked != row.fenced {
			t.Errorf("%s: the fence was asked: %v", row.what, asked)
		}
		if got := string(n.memory("node2").NotMarked); got != row.reason {
			t.Errorf("%s: not marked because of %q, want %q: %s", row.what, got, row.reason, n.memory("node2").WhyNotMarked)
		}
		told := strings.Join(lines(t, n.told), "\n")
		if got := strings.Count(told, "node-not-marked"); got != map[bool]int{true: 1}[row.fenced] {
			t.Errorf("%s: events\n%s", row.what, told)
		}
	}
}

// K7: a pass that ignores the pause of the watcher marks nothing all the same, and one that
// only looks says what would be done and does nothing.
func TestMarkingIsForPasses(t *testing.T) {
	n := fencedNight(t, markSettings)
	n.dies("node2")
	n.untilSilent("node2")
	n.later(5 * time.Minute)
	n.m.Advance(5 * time.Minute)
	pause := func(until time.Time) { n.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = until }) }
	jobs := len(n.m.Jobs())
	for _, args := range [][]string{{"nodes"}, {"status"}, {"check"}, {"explain", "web1"}, {"status", "--json"}} {
		n.run(args...)
	}
	_, stdout, _ := n.run("run", "--dry-run", "--opcodes")
	n.has("dry run", stdout, "node2: fenced by oob and, if it is silent still, marked offline; permitted by cluster", `"OP_ID":"OP_NODE_SET_PARAMS"`, `"offline":true`)
	_, stdout, _ = n.run("run", "--dry-run", "--json")
	validate(t, "dry-run.json", stdout)
	n.has("dry run", stdout, `"silent_nodes"`)
	if len(n.m.Jobs()) != jobs || n.offline("node2") {
		t.Error("a command that only looks has submitted jobs")
	}
	pause(n.m.Now().Add(time.Hour))
	n.run("run", "--ignore-pause")
	if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != 0 {
		t.Error("marked while the watcher is paused")
	}
	pause(time.Time{})
	n.m.Advance(5 * time.Minute)
	n.run("run")
	if !n.offline("node2") {
		t.Error("not marked by hand")
	}
}

// K5: a slow node, a node that comes and goes, and a clock that jumps mark nothing before the
// node was silent in three looks in a row, and for dead_after.
func TestSlowFlappingAndClocks(t *testing.T) {
	n := fencedNight(t, markSettings)
	for k := 0; k < 6; k++ { // it answers every third time
		n.dies("node2")
		n.untilSilent("node2")
		n.later(5 * time.Minute)
		n.lives("node2")
		n.later(5 * time.Minute)
	}
	if n.opcodes("OP_OOB_COMMAND") != 0 {
		t.Error("a node that comes and goes was fenced")
	}
	if tags := n.tagsOf("node2"); tags != "" {
		t.Errorf("a node that answers has the tags %q", tags)
	}
	n.dies("node2")
	n.untilSilent("node2")
	n.m.Advance(6 * time.Hour) // the clock jumps
	n.later(5 * time.Minute)
	if n.opcodes("OP_OOB_COMMAND") != 0 {
		t.Errorf("fenced after a jump of the clock: %+v", n.memory("node2"))
	}
	n.later(10 * time.Minute)
	if !n.offline("node2") {
		t.Errorf("not marked three looks after the jump: %+v", n.memory("node2"))
	}
}

// untilSilent lets the watcher run until a pass finds the node silent.
func (n *night) untilSilent(name string) {
	n.t.Helper()
	for k := 0; n.memory(name).Looks == 0; k++ {
		if k == 5 {
			n.t.Fatalf("%s is not silent", name)
		}
		n.later(5 * time.Minute)
	}
}

// memory returns what is remembered of a node.
func (n *night) memory(name string) (node repair.SilentNode) {
	data, err := os.ReadFile(newPaths(n.getenv).state().file(silentFile))
	if os.IsNotExist(err) {
		return node
	}
	n.must(err)
	var silent repair.SilentNodes
	n.must(json.Unmarshal(data, &silent))
	for _, of := range silent.Nodes {
		if of.Name == name {
			node = of
		}
	}
	return node
}

// K5: passes done by hand, one right after the other, are one look.
func TestPassesByHandAreOneLook(t *testing.T) {
	n := fencedNight(t, markSettings)
	n.dies("node2")
	n.untilSilent("node2")
	for k := 0; k < 5; k++ {
		n.run("run")
	}
	if got := n.memory("node2").Looks; got > 2 {
		t.Errorf("%d looks", got)
	}
}

// K6: the fence of an administrator's own is told the node and all of its instances, once.
func TestFenceCommandForMarking(t *testing.T) {
	n := fencedNight(t, "")
	out := filepath.Join(n.root, "fenced")
	n.write("/fence", "#!/bin/sh\necho \"$@\" >>"+out+"\n")
	n.must(os.Chmod(filepath.Join(n.root, "fence"), 0o755))
	n.write("/etc/ganeti/autorepair.toml", fmt.Sprintf("dead_nodes = \"offline\"\nfence = %q\n", filepath.Join(n.root, "fence")))
	n.dies("node2")
	n.later(40 * time.Minute)
	if got := strings.Join(lines(t, out), "|"); got != "node2 db1 web1" {
		t.Errorf("the fence was asked for %q", got)
	}
	if !n.offline("node2") {
		t.Error("not marked")
	}
}
