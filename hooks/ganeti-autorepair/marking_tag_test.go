package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// K5, C5: a job of somebody else's has a node that has just become silent, so that its tag
// cannot be written. That is told, with the job, and keeps no other node from being marked.
func TestSilentTagBehindAJob(t *testing.T) {
	n := fencedNight(t, markSettings+"max_silent = 2\npass_timeout = \"10s\"\n")
	n.m.Edit(func(c *luxitest.Cluster) {
		c.Groups = append(c.Groups, &luxitest.Group{Name: "far", UUID: "far-uuid"})
		c.Node("node4").Group, c.Node("node5").Group = "far", "far"
	})
	n.dies("node2")
	n.untilSilent("node2")
	n.later(5 * time.Minute)
	n.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_NODE_SET_PARAMS" && strings.Contains(op.Text("node_name"), "node4") {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	n.dies("node4")
	job := n.submit(`{"OP_ID":"OP_NODE_SET_PARAMS","reason":[],"node_name":"node4","vm_capable":true}`)
	n.m.Advance(5 * time.Minute)
	n.run("run", "--from-watcher")
	if !n.offline("node2") {
		t.Errorf("node2 is not marked, as node4 has a job: %+v\n%s", n.memory("node2"), strings.Join(n.log(), "\n"))
	}
	m := n.memory("node4")
	if m.NotMarked != "too-soon" || !strings.Contains(m.WhyNotMarked, fmt.Sprintf("job %d has it", job)) {
		t.Errorf("node4: %s: %s", m.NotMarked, m.WhyNotMarked)
	}
	if strings.Contains(n.tagsOf("node4"), "silent:") {
		t.Errorf("node4 has the tags %q", n.tagsOf("node4"))
	}
}
