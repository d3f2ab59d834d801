//go:build cluster

package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/tagstore"
)

// silentBefore writes what passes have left of a node that they found silent for a quarter of
// an hour, in two looks, the last one five minutes ago: the next pass decides whether it is
// marked.
func (w *simWorld) silentBefore(nodes ...string) {
	w.t.Helper()
	now := time.Now().Unix()
	silent := make(map[string]interface{})
	for _, node := range nodes {
		var uuid string
		w.must(w.NodeField(w.ctx, node, "uuid", &uuid))
		silent[uuid] = map[string]interface{}{"name": node, "since": now - 900, "told": true, "looks": 2, "looked_at": now - 300}
		w.must(w.AddTags(w.ctx, "node", node, fmt.Sprintf("%ssilent:%d", tagstore.Prefix, now-900)))
	}
	data, err := json.Marshal(map[string]interface{}{"nodes": silent})
	w.must(err)
	w.must(w.WriteFile(w.silentMemory(), data, 0o600))
}

// K5, K7: on a real master a node is dead and the next pass would mark it offline, but for
// one thing. It does not, and says why. In the end nothing is missing any more, and it does.
func TestNodeIsNotMarkedOffline(t *testing.T) {
	const permit = "node-offline"
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default tags=ganeti:watcher:autorepair:node-offline
group far
node a oob=works
node b oob=works
node c oob=works
node d oob=works
node e oob=works group=far
node f oob=works group=far
instance web nodes=c,a template=drbd
instance shared nodes=c template=rbd
instance other nodes=e template=rbd
instance db nodes=b,c template=drbd
`)
	all := []string{"a", "b", "c", "d", "e", "f"}
	command := func(then string) (setting string) { setting, _ = w.fenceCommand(then); return setting }
	for _, row := range []struct {
		what     string
		settings string // beside dead_nodes and fence = "oob"
		fence    func() string
		silent   []string // beside c
		before   func() (after func())
		reason   string
		why      string // part of what is told
		asked    bool   // the fence
	}{
		{what: "no tag", before: func() func() {
			w.disallow("group:default", permit)
			return func() { w.allow("group:default", permit) }
		}, reason: "no-permission", why: "neither its group nor the cluster has the tag ganeti:watcher:autorepair:node-offline"},
		{what: "its group is suspended", before: func() func() {
			w.allow("group:default", "suspend")
			return func() { w.disallow("group:default", "suspend") }
		}, reason: "suspended", why: "suspended by a tag of group default"},
		{what: "no fence", fence: func() string { return "none" }, reason: "no-fence", why: `fence is "none"`},
		{what: "the fence fails", fence: func() string { return command("exit 3") }, reason: "not-fenced", why: "fence failed: ", asked: true},
		{what: "the out-of-band program fails", before: func() func() { return w.oobIs("c", nodesim.OOBFails) }, reason: "not-fenced", why: "the oob_program failed, see gnt-job info ", asked: true},
		{what: "it lies: its job succeeds, and the node is still on", before: func() func() {
			w.must(w.sim.PowerOn("c"))
			w.sim.Unplug("c")
			return w.oobIs("c", nodesim.OOBLies)
		}, reason: "not-fenced", why: "it is still on", asked: true},
		{what: "it answers again once it is fenced", fence: func() string { return command(oobTells("power-on")) }, reason: "answers", why: "does the fence switch off what it says?", asked: true},
		{what: "another node of its group is silent", silent: []string{"d"}, reason: "many-silent", why: "it is not the only silent node of its group: d"},
		{what: "one of another group is silent", silent: []string{"e"}, reason: "many-silent", why: "2 nodes are silent, more than 1 (max_silent): c, e"},
		{what: "all others are silent", silent: []string{"a", "b", "d", "e", "f"}, reason: "cut-off", why: "0 of 5 other nodes answer"},
		{what: "three of the others are silent since now", before: func() func() {
			for _, node := range []string{"d", "e", "f"} {
				w.sim.PowerOff(node)
			}
			return func() {}
		}, reason: "cut-off", why: "2 of 5 other nodes answer"},
		{what: "it is slow", settings: "pass_timeout = \"20s\"\n", before: func() func() {
			w.must(w.sim.PowerOn("c"))
			return w.sim.Inject(nodesim.Fault{Node: "c", Call: "node_info", Hang: true})
		}, reason: "too-soon", why: "in this look it is not known whether it answers"},
		{what: "too many of its group would be bad", settings: "max_unhealthy_nodes = 10\n", reason: "max-unhealthy", why: "with it "},
		{what: "dead_after is longer", settings: "dead_after = \"20m\"\n", reason: "too-soon", why: "not for 20m (dead_after)"},
		{what: "somebody's job has it", before: func() func() {
			lift := w.sim.Inject(nodesim.Fault{Node: "b", Call: "blockdev_find", Hang: true})
			_, err := w.Submit(w.ctx, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_QUERY_DATA", "instances": []string{"db"}, "static": false, "use_locking": true}})
			w.must(err)
			w.waitCall("b", "blockdev_find")
			return lift
		}, reason: "not-marked", why: " has it"},
	} {
		fence := "oob"
		if row.fence != nil {
			fence = row.fence()
		}
		// A setting of the row stands for that of all.
		settings := fmt.Sprintf("dead_nodes = \"offline\"\nfence = %q\n", fence)
		for _, line := range strings.SplitAfter(testSettings, "\n") {
			if key, _, _ := strings.Cut(line, "="); !strings.Contains(row.settings, key) || key == "" {
				settings += line
			}
		}
		w.settings(settings + row.settings)
		silent := append([]string{"c"}, row.silent...)
		for _, node := range silent {
			w.sim.PowerOff(node)
		}
		w.silentBefore(silent...)
		after := func() {}
		if row.before != nil {
			after = row.before()
		}
		start := w.since()
		w.pass()
		for _, node := range append(all, w.Master()) {
			if w.isOffline(node) {
				t.Errorf("%s: %s is marked offline", row.what, node)
			}
		}
		if v := w.nodeView("c"); v.NotMarked != row.reason || !strings.Contains(v.WhyNotMarked, row.why) {
			t.Errorf("%s: not marked because of %q: %s; want %q: %s", row.what, v.NotMarked, v.WhyNotMarked, row.reason, row.why)
		}
		told := w.run(w.Master(), program, "check")
		if want := fmt.Sprintf("not marked offline yet (%s: ", row.reason); row.reason != "cut-off" && !strings.Contains(told.stdout, want) {
			t.Errorf("%s: check does not tell that:\n%s", row.what, told.stdout)
		}
		if n := len(w.ourJobs(start, "offline")); n != 0 {
			t.Errorf("%s: a job that marks it was submitted", row.what)
		}
		if data, _ := w.ReadFile(w.Root(w.Master()) + "/srv/fence.asked"); len(w.ourJobs(start, "probe")) > 0 != (row.asked && fence == "oob") || len(data) > 0 != (row.asked && fence != "oob" && fence != "none") {
			t.Errorf("%s: the fence had %d jobs, and was asked %q", row.what, len(w.ourJobs(start, "probe")), data)
		}
		for _, name := range []string{"web", "shared"} {
			w.wantSteps(start, name, "")
		}

		// As it was: all nodes answer, and nothing is remembered.
		after()
		w.must(w.RemoveFile(w.Root(w.Master()) + "/srv/fence.asked"))
		w.jobsEnd()
		w.asBefore(all)
	}
	if t.Failed() {
		return
	}

	// The master, whose own node daemon has died.
	master := w.Master()
	w.silentBefore(master)
	w.must(w.StopDaemon(w.ctx, master, vcluster.Noded))
	w.settings(testSettings + "dead_nodes = \"offline\"\nfence = \"oob\"\n")
	start := w.since()
	w.pass()
	if v := w.nodeView(master); w.isOffline(master) || v.NotMarked != "master" || len(w.ourJobs(start, "probe")) > 0 {
		t.Errorf("the master: not marked because of %q: %s; the fence had %d jobs", v.NotMarked, v.WhyNotMarked, len(w.ourJobs(start, "probe")))
	}
	w.must(w.StartDaemon(w.ctx, master, vcluster.Noded))
	w.asBefore(all)
	w.wantNodeMarks(master, 0)

	w.settings(testSettings + "dead_nodes = \"offline\"\nfence = \"oob\"\n")
	w.sim.PowerOff("c")
	w.silentBefore("c")
	w.pass()
	if !w.isOffline("c") {
		r := w.run(w.Master(), program, "nodes")
		t.Errorf("nothing is missing, and c is not marked: %s%s", r.stdout, r.stderr)
	}
	for _, node := range []string{"a", "b", "d", "e", "f"} {
		if w.isOffline(node) {
			t.Errorf("%s is marked offline", node)
		}
	}
}

// oobIs makes the out-of-band program of a node behave in some way, and returns what has it
// work again.
func (w *simWorld) oobIs(node string, how nodesim.OOB) (works func()) {
	w.sim.SetOOB(node, how)
	return func() { w.sim.SetOOB(node, nodesim.OOBWorks) }
}

// asBefore switches nodes on, as a person does, and has a pass find that all of them answer.
// What runs on them runs again.
func (w *simWorld) asBefore(nodes []string) {
	w.t.Helper()
	for _, node := range nodes {
		w.oob("power-on", node)
		w.must(w.sim.PowerOn(node))
		if w.isOffline(node) {
			w.must(w.Online(w.ctx, node))
		}
	}
	w.pass()
	w.jobsEnd()
	for _, node := range nodes {
		w.wantNodeMarks(node, 0)
		if v := w.nodeView(node); v.State != "ok" {
			w.t.Errorf("%s is %s", node, v.State)
		}
	}
}

// K6: a master candidate is let go where another node takes its place, which takes the locks
// of all nodes: as long as a job of others has one, nothing is fenced, and the job is named.
// The node daemon of a real candidate has died; the fence says that the node is off.
func TestCandidateIsMarkedOffline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	c, err := simcluster.Start(ctx, vcluster.Options{Nodes: 3, CandidatePool: 2})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	err = c.Load(ctx, `
cluster cluster tags=ganeti:watcher:autorepair:failover,ganeti:watcher:autorepair:node-offline
group default
node a
node b
node c
instance web nodes=a,b template=drbd
`)
	if err != nil {
		t.Fatal(err)
	}
	w := dressSimulated(t, ctx, c)
	roles := func() (candidates string) {
		t.Helper()
		for _, node := range []string{"node1", "node2", "node3"} {
			var is bool
			w.must(w.NodeField(ctx, node, "master_candidate", &is))
			if is {
				candidates += " " + node
			}
		}
		return candidates
	}
	w.typed("gnt-node modify --master-candidate=yes node3", "gnt-cluster modify --candidate-pool-size=2", "gnt-node modify --master-candidate=no node3")
	if got := roles(); got != " node1 node2" {
		t.Fatalf("master candidates are%s", got)
	}
	fence, asked := w.fenceCommand("")
	w.settings(fmt.Sprintf("%sdead_nodes = \"offline\"\nfence = %q\n", testSettings, fence))
	lift := w.sim.Inject(nodesim.Fault{Node: "a", Call: "blockdev_find", Hang: true})
	ids, err := w.Submit(ctx, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_QUERY_DATA", "instances": []string{"web"}, "static": false, "use_locking": true}})
	w.must(err)
	w.waitCall("a", "blockdev_find")
	w.must(w.StopDaemon(ctx, "node2", vcluster.Noded))
	w.silentBefore("node2")
	w.pass()
	if v := w.nodeView("node2"); w.isOffline("node2") || v.NotMarked != "not-marked" || !strings.Contains(v.WhyNotMarked, fmt.Sprintf("job %d has a node", ids[0])) {
		t.Errorf("beside job %d: not marked because of %q: %s", ids[0], v.NotMarked, v.WhyNotMarked)
	}
	if got := asked(); got != "" {
		t.Errorf("beside job %d the fence was asked %q", ids[0], got)
	}
	lift()
	w.jobsEnd()
	w.silentBefore("node2")
	w.pass()
	if !w.isOffline("node2") {
		t.Errorf("not marked: %+v", w.nodeView("node2"))
	}
	if got := asked(); got != "node2" {
		t.Errorf("the fence was asked %q", got)
	}
	if got := roles(); got != " node1 node3" {
		t.Errorf("master candidates are%s", got)
	}
}
