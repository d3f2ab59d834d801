package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// K5: a node was silent, answered, and a job had it so long that its tag could not be taken
// away. When it is silent again that tag does not count.
func TestSilentTagOfAnotherTime(t *testing.T) {
	n := fencedNight(t, markSettings+"dead_after = \"30m\"\n")
	n.dies("node2")
	n.untilSilent("node2")
	n.later(5 * time.Minute)
	n.lives("node2")
	n.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_NODE_SET_PARAMS" && op.Params["vm_capable"] != nil {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	job := n.submit(`{"OP_ID":"OP_NODE_SET_PARAMS","reason":[],"node_name":"node2","vm_capable":true}`)
	n.later(30 * time.Minute)
	if tags := n.tagsOf("node2"); strings.Count(tags, "silent:") != 1 {
		t.Fatalf("node2 has the tags %q, with a job that has it", tags)
	}
	n.dies("node2")
	n.m.Continue(job)
	n.untilSilent("node2")
	n.later(20 * time.Minute)
	if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != 0 {
		t.Fatalf("node2 is marked after less than dead_after, tags %q", n.tagsOf("node2"))
	}
	n.later(20 * time.Minute)
	if !n.offline("node2") {
		t.Errorf("node2 is not marked: %+v, tags %q", n.memory("node2"), n.tagsOf("node2"))
	}
}

// C7: a job filter that would pause the writing of the tag is named at once, and nothing is
// submitted that waits for it.
func TestSilentTagBehindAFilter(t *testing.T) {
	n := fencedNight(t, markSettings)
	rule := n.m.ReplaceFilter(luxitest.FilterRule{Action: luxitest.FilterPause, Predicates: []string{`["opcode",["=","OP_ID","OP_TAGS_SET"]]`}})
	n.dies("node2")
	n.untilSilent("node2")
	m := n.memory("node2")
	if m.NotMarked != "too-soon" || !strings.Contains(m.WhyNotMarked, "filter rule "+rule) {
		t.Errorf("node2: %s: %s", m.NotMarked, m.WhyNotMarked)
	}
	if got := n.opcodes("OP_TAGS_SET"); got != 0 {
		t.Errorf("%d jobs were to write its tag", got)
	}
	n.later(time.Hour)
	if n.offline("node2") || n.opcodes("OP_OOB_COMMAND") != 0 {
		t.Error("marked without a tag that says since when it is silent")
	}
}

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
