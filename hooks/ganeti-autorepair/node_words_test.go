package main

import (
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// N2: a node that did not say in one look what runs on it is not stuck; one that does not
// say it in three looks is.
func TestWaitForSlowNode(t *testing.T) {
	for _, row := range []struct {
		slow, code int // looks in which it does not answer; exit status
	}{{2, 4}, {3, 3}} {
		b := newBed(t, leaving)
		b.m.Edit(func(c *luxitest.Cluster) {
			c.Instance("db1").Secondaries = []string{"node4"}
			c.Node("node2").Dead = true
		})
		looks := 1
		b.pause = func() {
			if looks++; looks > row.slow {
				b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Dead = false })
			}
		}
		code, _, stderr := b.run("nodes", "--wait", "node2", "--timeout", "1m")
		if code != row.code || !strings.Contains(stderr, "node2: leaving, 1 primary; goes on: 1 ready (web1)") != (row.code == 3) {
			t.Errorf("slow in %d looks: %d after %d looks, want %d\n%s", row.slow, code, looks, row.code, stderr)
		}
	}
}

// N1: what a job has goes on, whatever blocks its repair, and is told as busy.
func TestBusyInstanceOnLeavingNode(t *testing.T) {
	b := newBed(t, leaving)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Instance("web1").Tags = []string{"ganeti:watcher:autorepair:suspend"}
		c.Instance("db1").Secondaries = []string{"node4"}
	})
	b.m.OnOpcode(func(luxitest.Opcode, luxitest.Job) luxitest.OpFault { return luxitest.OpHangs() })
	b.submit(`{"OP_ID":"OP_INSTANCE_MIGRATE","reason":[],"instance_name":"web1","target_node":"node4"}`)
	if _, stdout, _ := b.run("nodes"); !strings.Contains(stdout, "goes on: 1 busy (web1)") {
		t.Error(stdout)
	}
	_, stdout, _ := b.run("nodes", "--json")
	validate(t, "nodes.json", stdout)
	if !strings.Contains(stdout, `"reason": "suspended"`) {
		t.Error(stdout)
	}
}

// K2: the command for a silent node stands behind what it is about, and whoever waits for
// one that is not drained is not sent to drain it.
func TestCommandsForSilentNodes(t *testing.T) {
	n := newNight(t, quietNight+"node node6 mem=8192 disk=100000 drained\n"+
		"instance mail template=sharedfile nodes=node6 mem=512 tags=ganeti:watcher:autorepair:suspend\n", "")
	n.dies("node3", "node6")
	n.watcher()
	n.later(20 * 60e9)
	const dead = "is it dead? then switch it off and mark it offline"
	_, stdout, _ := n.run("nodes")
	n.has("nodes", stdout, dead+": gnt-node modify --offline=yes --auto-promote node6; blocked: 1 suspended (mail)\n",
		dead+": gnt-node modify --offline=yes --auto-promote node3\n")
	code, _, stderr := n.run("nodes", "--wait", "node3")
	if code != 1 {
		t.Errorf("exit status %d", code)
	}
	n.has("nodes --wait", stderr, "node3 is neither drained nor offline, so nothing leaves it: silent for", dead+"\nganeti-autorepair: hint: gnt-node modify --offline=yes --auto-promote node3\n")
	// One that is drained as well is waited for as any other.
	code, _, stderr = n.run("nodes", "--wait", "node6")
	if code != 3 {
		t.Errorf("exit status %d", code)
	}
	n.has("nodes --wait", stderr, "blocked: 1 suspended (mail)\nganeti-autorepair: hint: gnt-node modify --offline=yes --auto-promote node6\n")
}

// N1: a word that is short for several nodes is said to be that.
func TestWordForSeveralNodes(t *testing.T) {
	b := newBed(t, `
	cluster c
	node node1.east.example.com master
	node node1.west.example.com
	instance a template=rbd nodes=node1.east.example.com
`)
	for _, command := range []string{"nodes", "rehearse"} {
		b.want(1, 1, `"node1" is short for node1.east.example.com and node1.west.example.com`, command, "node1")
		b.want(1, 2, `there is no node "node2"`, command, "node2")
	}
}

// N3: nodes are named as in nodes, each once, and the command for more tells of the same.
func TestRehearseNamedNodes(t *testing.T) {
	b := newBed(t, tightNode)
	_, once, _ := b.run("rehearse", "node2")
	if _, stdout, stderr := b.run("rehearse", "node2", "node:node2"); stdout != once {
		t.Errorf("%s%s\nwant\n%s", stdout, stderr, once)
	}
	saved := filepath.Join(b.root, "saved")
	b.run("status", "--save", saved)
	for args, want := range map[string]string{
		"":                                   "ganeti-autorepair rehearse -v node5\n",
		"--drained":                          "ganeti-autorepair rehearse -v --drained node2\n",
		"--snapshot=" + saved:                "ganeti-autorepair rehearse -v --snapshot=" + saved + " node5\n",
		"--snapshot=" + saved + " --drained": "ganeti-autorepair rehearse -v --drained --snapshot=" + saved + " node2\n",
	} {
		_, stdout, stderr := b.run(append([]string{"rehearse"}, strings.Fields(args)...)...)
		if !strings.Contains(stdout, "Which instances, and why: "+want) {
			t.Errorf("rehearse %s:\n%s%s\nno %s", args, stdout, stderr, want)
		}
	}
}

// N3: of nodes that are to be drained those come first on which most would stay, and of the
// master it is said that it cannot be.
func TestRehearseDrainedScreen(t *testing.T) {
	b := newBed(t, tightNode)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Instance("a").Primary, c.Instance("a").RunsOn = "node1", []string{"node1"}
	})
	b.prints(`Node  Inst Stays Blocked NoRepair Moved Copied OneCopy
node5    2     2       1        1     -      -       1
node2    4     1       1        -     2      1       -
node1    1     -       -        -     1      -       -
node3    1     -       -        -     1      -       -
2 of 4 nodes would not get empty: node5, node2.
node1 is the master: it cannot be drained before another node has the role (gnt-cluster master-failover, on that node).
Which instances, and why: ganeti-autorepair rehearse -v --drained node5
`, "rehearse", "--drained")
}

// N3: where the columns do not fit on the terminal, the numbers are told in words, and no
// line is wider than it.
func TestRehearseOnNarrowTerminal(t *testing.T) {
	b := newBed(t, tightNode)
	for _, columns := range []int{50, 63, 64, 80} {
		b.screen = terminal{columns: columns}
		_, stdout, _ := b.run("rehearse")
		for _, line := range strings.Split(stdout, "\n") {
			if len(line) > columns {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
	}
	b.screen = terminal{columns: 50}
	_, stdout, _ := b.run("rehearse")
	if want := `Node  Inst Outcome
node5    2 reinstalled 1, blocked 1, one_copy 1
node2    5 down 1-2, no-room 0-1, blocked 1,
           restarted 2-3, copied 1, one_copy 1
node3    1 restarted 1
2 of 3 nodes may not die: node5, node2.
`; !strings.HasPrefix(stdout, want) {
		t.Errorf("%s\nwant\n%s", stdout, want)
	}
}

// X2: the manual has every word that tags begin with, beside the types.
func TestTagsAreInTheManual(t *testing.T) {
	var words []string
	for _, term := range find(t, manual(t, "ganeti-autorepair.8"), "TAGS").terms {
		if term == "type" {
			continue
		}
		term, _, _ = strings.Cut(term, ",") // "suspend, suspend:seconds"
		word, _, _ := strings.Cut(term, ":")
		words = append(words, word)
	}
	same(t, "TAGS", words, constants(t, "../../tagstore", "word"))
}

// X1: whoever plans or rehearses by a file of version 0.1.0 is told what that does not tell.
func TestSnapshotOfOlderVersion(t *testing.T) {
	b := newBed(t, badNode)
	b.write("/old.json", `{"version": 1, "program": "ganeti-autorepair 0.1.0", "time": 1700000000, "settings": {"max_running": 10, "max_unhealthy_nodes": 100, "max_attempts": 3},
 "cluster": {"name": "c", "uuid": "c", "master": "m", "default_iallocator": "hail", "tags": ["ganeti:watcher:autorepair:failover"], "free_disk_storage": "lvm-vg"},
 "groups": [{"name": "g", "uuid": "g", "tags": []}],
 "nodes": [{"name": "m", "uuid": "m", "group": "g", "offline": false, "drained": false, "vm_capable": true, "free_memory": 500, "free_disk": 500},
  {"name": "off", "uuid": "off", "group": "g", "offline": true, "drained": false, "vm_capable": true},
  {"name": "free", "uuid": "free", "group": "g", "offline": true, "drained": false, "vm_capable": true}],
 "instances": [{"name": "i", "uuid": "i", "primary_node": "off", "secondary_nodes": [], "disk_template": "rbd", "admin_state": "up", "memory": 100, "disk": 400, "tags": []}],
 "jobs": []}`)
	old := filepath.Join(b.root, "old.json")
	for args, want := range map[string]string{
		"nodes":    "free empty",
		"status":   "i ",
		"rehearse": "off",
	} {
		code, stdout, stderr := b.run(args, "--snapshot", old)
		if code != 0 || !strings.Contains(stdout, want) || !strings.Contains(stderr, "was saved by an older version, which did not save: the setting fence") {
			t.Errorf("%s: %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// N2, K2: how long a node is silent is no change that whoever waits for it has to read, minute
// by minute.
func TestWaitForSilentNode(t *testing.T) {
	n := newNight(t, quietNight+"node node6 mem=8192 disk=100000 drained\n"+
		"instance mail template=sharedfile nodes=node6 mem=512 tags=ganeti:watcher:autorepair:suspend\n"+
		"instance busy template=sharedfile nodes=node6 mem=512 tags=ganeti:watcher:autorepair:suspend\n", "")
	n.dies("node6")
	n.watcher()
	n.later(20 * 60e9)
	n.m.OnOpcode(func(luxitest.Opcode, luxitest.Job) luxitest.OpFault { return luxitest.OpHangs() })
	n.submit(`{"OP_ID":"OP_INSTANCE_MIGRATE","reason":[],"instance_name":"busy","target_node":"node4"}`)
	n.pause = func() {}
	code, _, stderr := n.run("nodes", "--wait", "node6", "--timeout", "30m", "--every", "1m")
	const line = "node6: silent, 2 primaries; is it dead? then switch it off and mark it offline; goes on: 1 busy (busy); blocked: 1 suspended (mail)\n"
	if told, _, _ := strings.Cut(stderr, "ganeti-autorepair: error:"); code != 4 || told != line {
		t.Errorf("%d, told\n%s\nwant\n%s", code, told, line)
	}
}

// T12: of a tag that means nothing on a node status and the log say so once, and where it
// belongs; it suspends and permits nothing.
func TestMisplacedTagOfNode(t *testing.T) {
	b := newBed(t, badNode)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Node("node2").Tags = []string{"ganeti:watcher:autorepair:suspend", "ganeti:watcher:autorepair:silent:1"}
	})
	const why = "suspend means nothing on a node; it belongs on the node's group, the cluster, or instances"
	if _, stdout, _ := b.run("status"); strings.Count(stdout, "unreadable tag") != 1 || !strings.Contains(stdout, "unreadable tag on node node2: ganeti:watcher:autorepair:suspend: "+why+"\n") {
		t.Error(stdout)
	}
	_, stdout, _ := b.run("status", "--json")
	validate(t, "status.json", stdout)
	if !strings.Contains(stdout, `"object": "node node2"`) {
		t.Error(stdout)
	}
	log := strings.Join(append(b.nextPass(), b.nextPass()...), "\n")
	if strings.Count(log, "unreadable tag") != 1 || !strings.Contains(log, why) || !strings.Contains(log, "repair job released") {
		t.Errorf("log:\n%s", log)
	}
}
