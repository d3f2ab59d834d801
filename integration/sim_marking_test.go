//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/tagstore"
)

// watcherEvery is how far apart the runs of ganeti-watcher are that cron starts.
const watcherEvery = 5 * time.Minute

// silentMemory is where the program on the master remembers the nodes that are silent.
func (w *simWorld) silentMemory() string {
	return w.Root(w.Master()) + "/var/run/ganeti-autorepair/silent-nodes"
}

// silentTags are the tags of a node that say since when it is silent.
func (w *simWorld) silentTags(node string) (tags []string, times []int64) {
	w.t.Helper()
	all, err := w.Tags(w.ctx, "node", node)
	w.must(err)
	for _, tag := range all {
		if rest := strings.TrimPrefix(tag, tagstore.Prefix+"silent:"); rest != tag {
			sec, err := strconv.ParseInt(rest, 10, 64)
			w.must(err)
			tags, times = append(tags, tag), append(times, sec)
		}
	}
	return tags, times
}

// timePasses makes all that the program and the watcher have left with a time in it older:
// what they would find so much later. Nobody waits for that.
func (w *simWorld) timePasses(d time.Duration, nodes ...string) {
	w.t.Helper()
	if data, err := w.ReadFile(w.silentMemory()); err == nil {
		var memory map[string]interface{}
		w.must(json.Unmarshal(data, &memory))
		silent, _ := memory["nodes"].(map[string]interface{})
		for _, n := range silent {
			for _, key := range []string{"since", "looked_at"} {
				of := n.(map[string]interface{})
				if sec, is := of[key].(float64); is {
					of[key] = int64(sec) - int64(d.Seconds())
				}
			}
		}
		data, err = json.Marshal(memory)
		w.must(err)
		w.must(w.WriteFile(w.silentMemory(), data, 0o600))
	}
	status := w.HostPath(w.Root(w.Master()) + "/var/run/ganeti/instance-status")
	if info, err := os.Stat(status); err == nil {
		w.must(os.Chtimes(status, info.ModTime().Add(-d), info.ModTime().Add(-d)))
	}
	for _, node := range nodes {
		for k, sec := range w.silentTimes(node) {
			tags, _ := w.silentTags(node)
			w.must(w.RemoveTags(w.ctx, "node", node, tags[k]))
			w.must(w.AddTags(w.ctx, "node", node, fmt.Sprintf("%ssilent:%d", tagstore.Prefix, sec-int64(d.Seconds()))))
		}
	}
}

func (w *simWorld) silentTimes(node string) []int64 {
	w.t.Helper()
	_, times := w.silentTags(node)
	return times
}

// nightRun is a run of ganeti-watcher as cron starts it, five minutes after the last, with
// its pass, and the end of all jobs.
func (w *simWorld) nightRun(silent string) {
	w.t.Helper()
	if !w.isOffline(silent) {
		w.timePasses(watcherEvery, silent)
	}
	w.must(w.RemoveFile(w.Root(w.Master()) + "/var/run/ganeti-autorepair/last-pass"))
	w.watcher()
	w.jobsEnd()
}

func (w *simWorld) isOffline(node string) (offline bool) {
	w.t.Helper()
	w.must(w.NodeField(w.ctx, node, "offline", &offline))
	return offline
}

// nodeView is what "nodes --json" says of a node.
type nodeView struct {
	Node, State, Command string
	NotMarked            string `json:"not_marked"`
	WhyNotMarked         string `json:"why_not_marked"`
}

func (w *simWorld) nodeView(node string) nodeView {
	w.t.Helper()
	var s struct{ Nodes []nodeView }
	w.must(json.Unmarshal([]byte(w.command(0, "", "nodes", "--all", "--json")), &s))
	for _, n := range s.Nodes {
		if n.Node == node {
			return n
		}
	}
	w.t.Fatalf("nodes does not show %s", node)
	return nodeView{}
}

// fenceCommand installs a fence that writes down what it is asked, and then runs a shell
// command. It returns its path, and a function that returns what it was asked.
func (w *simWorld) fenceCommand(then string) (path string, asked func() string) {
	w.t.Helper()
	path = w.Root(w.Master()) + "/srv/fence"
	w.must(w.RemoveFile(path + ".asked"))
	w.must(w.WriteFile(path, []byte("#!/bin/sh\necho \"$@\" >>"+path+".asked\n"+then+"\n"), 0o755))
	return path, func() string {
		w.t.Helper()
		data, err := w.ReadFile(path + ".asked")
		if err != nil {
			return ""
		}
		return strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "; ")
	}
}

// K5, K6: by night a node of a real master dies without a word. It is fenced, marked offline
// and vouched for, and its instances run elsewhere: all of that in dead_after, which are two
// passes, and three passes more, after the last run of the watcher that it answered. The fence
// is asked once, as the tag stands for it when the instances follow.
//
// A node that has only lost its network runs its instances on: nothing may be started
// elsewhere before the out-of-band program has switched it off. A fence of the
// administrator's own finds the node dead.
func TestNodeIsMarkedOffline(t *testing.T) {
	for _, row := range []struct{ name, fence, lost string }{
		{"command", "command", "power"},
		{"oob", "oob", "network"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default tags=ganeti:watcher:autorepair:node-offline
node a oob=works
node b oob=works
node c oob=works
node d oob=works
instance web nodes=c,a template=drbd
instance db nodes=b,c template=drbd
instance shared nodes=c template=rbd
instance local nodes=d template=plain
`)
			asked := func() string { return "" }
			fence := "oob"
			if row.fence == "command" {
				fence, asked = w.fenceCommand("")
			}
			w.settings(fmt.Sprintf("%sdead_nodes = \"offline\"\nfence = %q\n", testSettings, fence))
			w.nightRun("c")
			if row.lost == "power" {
				w.sim.PowerOff("c")
			} else {
				w.sim.Unplug("c")
				// What web wrote after it lost its mirror is only on the disk of c. Whoever
				// marks such a node offline gives that up.
				w.maybe = func(incident string) bool {
					return strings.HasPrefix(incident, "web starts on a from a copy that lacks writes, c has a better one")
				}
			}
			const most = 2 + 3 // dead_after, and three passes
			start, marked, done := w.since(), 0, 0
			for pass := 1; pass <= most && done == 0; pass++ {
				w.nightRun("c")
				switch {
				case !w.isOffline("c"):
					if on := w.sim.RunsOn("shared"); row.lost == "network" && (len(on) != 1 || on[0] != "c") {
						t.Fatalf("pass %d: shared runs on %v, and c is not marked", pass, on)
					}
				case marked == 0:
					marked = pass
				}
				if w.primary("web") != "c" && w.primary("shared") != "c" {
					done = pass
				}
			}
			t.Logf("marked in pass %d, and the instances are elsewhere after pass %d", marked, done)
			if marked != 4 || done == 0 {
				r := w.run(w.Master(), program, "nodes")
				t.Fatalf("marked in pass %d, want 4, one that finds the hint, and three looks; elsewhere after pass %d, at most %d\n%s%s", marked, done, most, r.stdout, r.stderr)
			}
			w.wantSteps(start, "web", "FAILOVER")
			w.wantSteps(start, "shared", "FAILOVER")
			w.wantWhere("web", "a", "a")
			w.wantWhere("local", "d", "d")
			if row.lost == "network" && w.sim.Powered("c") {
				t.Error("c is still on")
			}
			if row.fence == "command" {
				if got := asked(); got != "c db shared web" && got != "c shared web" {
					t.Errorf("the fence was asked %q", got)
				}
			} else if n := len(w.ourJobs(start, "probe fence")); n != 2 {
				t.Errorf("the fence had %d jobs, want power-off and power-status", n)
			}
			w.wantNodeMarks("c", 2) // silent and fenced
			// Copies are made anew; after that nobody brings c back but a person.
			w.settle(5)
			w.wantResult("web", tagstore.Failover, tagstore.Success, 2)
			w.wantResult("db", tagstore.FixStorage, tagstore.Success, 1)
			w.must(w.sim.PowerOn("c"))
			w.nightRun("c")
			if !w.isOffline("c") {
				t.Error("c was marked online")
			}
			w.wantNodeMarks("c", 2)
			if row.fence == "oob" {
				w.oob("power-on", "c")
			}
			w.must(w.Online(w.ctx, "c"))
			w.pass()
			w.jobsEnd()
			w.pass()
			w.wantNodeMarks("c", 0)
			for name, node := range map[string]string{"web": "a", "shared": w.primary("shared")} {
				w.wantWhere(name, node, node)
			}
		})
	}
}

// oobTells is a shell command that gives the out-of-band program a command for the node that
// a fence is asked about.
func oobTells(command string) string { return simcluster.OOBProgram + " " + command + ` "$1"` }
