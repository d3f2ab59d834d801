package main

import (
	"flag"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// killEvery is how many calls apart the program is killed while it marks a node; the nightly
// check tries each.
var killEvery = flag.Int("kill.every", 6, "kill the program at each n-th call while it marks a node")

// readyToMark is a night in which the next pass marks node2.
func readyToMark(t *testing.T, settings string) *night {
	n := fencedNight(t, settings)
	n.dies("node2")
	n.untilSilent("node2")
	n.later(5 * time.Minute)
	n.m.Advance(5 * time.Minute)
	return n
}

// K6: the program is killed at any call of the pass that marks a node. Nothing is marked
// later without a fence of that pass, nothing is moved without a fence or the tag that says
// there was one, and in the end all is done.
func TestKilledWhileMarking(t *testing.T) {
	for from, last := range []luxitest.Fault{luxitest.DieBefore(), luxitest.DieAfter()} {
		for k, killed := from, true; killed; k += *killEvery {
			n := readyToMark(t, markSettings)
			var calls atomic.Int64
			n.m.OnCall(func(luxitest.Call) luxitest.Fault {
				switch call := calls.Add(1); {
				case call <= int64(k):
					return luxitest.Pass()
				case call == int64(k)+1:
					return last
				}
				return luxitest.DieBefore()
			})
			n.run("run", "--from-watcher")
			killed = calls.Load() > int64(k)
			n.m.OnCall(nil)
			fences := n.opcodes("OP_OOB_COMMAND")
			offline, tags := n.offline("node2"), n.tagsOf("node2")
			// What it has left ends by itself.
			n.m.Advance(3 * time.Minute)
			n.m.RunUntilQuiet()
			if n.offline("node2") && n.opcodes("OP_OOB_COMMAND") < 2 {
				t.Fatalf("killed at call %d: marked without a fence", k)
			}
			if n.offline("node2") && !offline && strings.Contains(tags, "fenced:") {
				t.Errorf("killed at call %d: the tag came before the mark", k)
			}
			marked := n.offline("node2")
			n.later(40 * time.Minute)
			if !n.offline("node2") {
				t.Fatalf("killed at call %d: not marked in the end: %s\n%s", k, n.memory("node2").WhyNotMarked, strings.Join(n.log(), "\n"))
			}
			again := n.opcodes("OP_OOB_COMMAND") - fences
			if again < 2 && !(marked && strings.Contains(tags, "fenced:")) {
				// The tag may have been written by a job that the kill did not stop.
				if !marked || !strings.Contains(n.tagsOf("node2"), "fenced:") {
					t.Errorf("killed at call %d, marked: %v, tags %q: the fence was asked by %d jobs more", k, marked, tags, again)
				}
			}
			for _, i := range n.m.Snapshot().Instances {
				if i.Primary == "node2" {
					t.Errorf("killed at call %d: %s is left on it", k, i.Name)
				}
			}
			if incidents := n.m.Incidents(); len(incidents) != 0 {
				t.Errorf("killed at call %d: %v", k, incidents)
			}
			if told := strings.Join(lines(t, n.told), "\n"); strings.Count(told, "node-marked node=node2") != 1 {
				t.Errorf("killed at call %d: that it is marked is not told once:\n%s", k, told)
			}
		}
	}
}

// K6: what happens between two steps of the marking ends it, whatever the fence has said.
func TestMeanwhileMarking(t *testing.T) {
	submits := func(c luxitest.Call, what string) bool {
		return strings.HasPrefix(c.Method, "Submit") && strings.Contains(string(c.Args), what)
	}
	held := func(c luxitest.Call) bool { return submits(c, "OP_NODE_SET_PARAMS") }
	powerStatus := func(c luxitest.Call) bool { return submits(c, "power-status") }
	tag := func(tag string) func(*luxitest.Cluster) {
		return func(c *luxitest.Cluster) { c.Tags = append(c.Tags, tag) }
	}
	for _, row := range []struct {
		what    string
		at      func(luxitest.Call) bool
		happens func(*luxitest.Cluster)
		reason  string
	}{
		{"nothing", held, func(*luxitest.Cluster) {}, ""},
		{"the fence lies", powerStatus, func(c *luxitest.Cluster) {
			c.Node("node2").OOB = luxitest.OOBDeceives
			c.Node("node2").PoweredOff = true
			c.Node("node2").Dead = false
		}, "answers"},
		{"it answers before the release", held, func(c *luxitest.Cluster) { c.Node("node2").Dead = false }, "answers"},
		{"suspended", held, tag("ganeti:watcher:autorepair:suspend"), "suspended"},
		{"permission withdrawn", held, func(c *luxitest.Cluster) { c.Tags = []string{"ganeti:watcher:autorepair:failover"} }, "no-permission"},
		{"paused", held, func(c *luxitest.Cluster) { c.WatcherPause = time.Unix(1<<33, 0) }, "not-marked"},
		{"drained queue", held, func(c *luxitest.Cluster) { c.QueueDrained = true }, "not-marked"},
		{"another node dies", held, func(c *luxitest.Cluster) { c.Node("node3").Dead = true }, "many-silent"},
		{"the master is cut off", held, func(c *luxitest.Cluster) {
			for _, name := range []string{"node3", "node4", "node5"} {
				c.Node(name).Dead = true
			}
		}, "cut-off"},
		{"marked by a person", held, func(c *luxitest.Cluster) { c.Node("node2").Offline = true }, "not-marked"},
	} {
		n := readyToMark(t, markSettings)
		done := false
		n.m.OnCall(func(c luxitest.Call) luxitest.Fault {
			if !done && row.at(c) {
				done = true
				n.m.Edit(row.happens)
			}
			return luxitest.Pass()
		})
		n.run("run", "--from-watcher")
		n.m.OnCall(nil)
		if !done {
			t.Fatalf("%s: did not happen", row.what)
		}
		if got := string(n.memory("node2").NotMarked); got != row.reason {
			t.Errorf("%s: not marked because of %q, want %q: %s", row.what, got, row.reason, n.memory("node2").WhyNotMarked)
		}
		if row.what == "the fence lies" && n.opcodes("OP_NODE_SET_PARAMS") != 0 {
			t.Errorf("%s: a job that marks it was submitted", row.what)
		}
		n.m.Advance(3 * time.Minute)
		n.m.RunUntilQuiet()
		marked := n.offline("node2") && row.what != "marked by a person"
		if marked != (row.reason == "") || strings.Contains(n.tagsOf("node2"), "fenced:") != (row.reason == "") {
			t.Errorf("%s: marked: %v, tags %q", row.what, marked, n.tagsOf("node2"))
		}
	}
}

// K6: a job that has a lock which the marking needs is named, and not even the fence is asked;
// a master candidate needs the locks of all nodes.
func TestMarkingBehindAJob(t *testing.T) {
	for _, row := range []struct {
		dead, busy string
		marked     bool
	}{{"node2", "node4", true}, {"node5", "node4", false}, {"node2", "node2", false}} {
		n := fencedNight(t, markSettings)
		n.dies(row.dead)
		n.untilSilent(row.dead)
		n.later(5 * time.Minute)
		n.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
			if op.ID == "OP_NODE_SET_PARAMS" && strings.Contains(op.Text("node_name"), row.busy) {
				return luxitest.OpHangs()
			}
			return luxitest.OpPass()
		})
		n.submit(`{"OP_ID":"OP_NODE_SET_PARAMS","reason":[],"node_name":"` + row.busy + `","vm_capable":true}`)
		n.m.Advance(5 * time.Minute)
		n.run("run", "--from-watcher")
		if n.offline(row.dead) != row.marked || (n.opcodes("OP_OOB_COMMAND") > 0) != row.marked {
			t.Errorf("%s, while %s has a job: marked: %v, fence asked by %d jobs", row.dead, row.busy, n.offline(row.dead), n.opcodes("OP_OOB_COMMAND"))
		}
		if m := n.memory(row.dead); !row.marked && (m.NotMarked != "not-marked" || !strings.Contains(m.WhyNotMarked, "job ")) {
			t.Errorf("%s, while %s has a job: %s: %s", row.dead, row.busy, m.NotMarked, m.WhyNotMarked)
		}
	}
}

// K6, P15: the program is killed after the release, and the job waits for a lock that somebody
// took right then. The next pass takes it back: it would mark the node when nobody knows any
// more how it is.
func TestMarkingThatWaitsIsTakenBack(t *testing.T) {
	n := readyToMark(t, markSettings)
	n.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_NODE_SET_PARAMS" && op.Params["vm_capable"] != nil {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	other, killed := int64(0), false
	n.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if killed {
			return luxitest.DieBefore()
		}
		if c.Method == "CancelJob" && n.opcodes("OP_NODE_SET_PARAMS") == 1 && other == 0 {
			other = n.submit(`{"OP_ID":"OP_NODE_SET_PARAMS","reason":[],"node_name":"node2","vm_capable":true}`)
			n.m.Advance(time.Second)
			killed = true
			return luxitest.DieAfter()
		}
		return luxitest.Pass()
	})
	n.run("run", "--from-watcher")
	n.m.OnCall(nil)
	if other == 0 {
		t.Fatal("nothing was released")
	}
	n.m.Advance(5 * time.Minute)
	n.lives("node2") // it is back when the next pass looks
	n.run("run", "--from-watcher")
	n.m.OnOpcode(nil)
	n.m.Continue(other)
	n.m.RunUntilQuiet()
	if n.offline("node2") {
		t.Error("a job of a pass that died has marked the node later")
	}
}
