//go:build cluster

package integration_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// simWorld is a real master over simulated nodes for one test.
type simWorld struct {
	*world
	cluster *simcluster.Cluster
	sim     *nodesim.Fleet
	maybe   func(incident string) bool // what the nodes may report for all that; nil for nothing
}

// newSimWorld starts a master over simulated nodes whose cluster is the described one;
// see luxitest.Parse.
func newSimWorld(t *testing.T, text string) *simWorld {
	t.Helper()
	t.Parallel()
	return startSimWorld(t, text)
}

// startSimWorld is newSimWorld for a test that begins anew with another cluster.
func startSimWorld(t *testing.T, text string) *simWorld {
	t.Helper()
	image := simImage.get(t).sim
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	t.Cleanup(cancel)
	c, err := image.Start(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	return dressSimulated(t, ctx, c)
}

// newRepairWorld is newSimWorld with the nodes node2, node3 and node4 and what the lines
// say, which are short forms of those of luxitest.Parse:
//
//	cluster failover        the cluster has the policy "failover"
//	node2 dead              the node is off, and marked offline
//	web sharedfile node2    an instance, with "stopped" or "failing" behind it
func newRepairWorld(t *testing.T, lines ...string) *simWorld {
	t.Helper()
	return newSimWorld(t, describe(t, []string{"node2", "node3", "node4"}, lines))
}

// describe writes a cluster as luxitest.Parse reads it.
func describe(t *testing.T, nodes, lines []string) string {
	t.Helper()
	header, places, instances := "cluster cluster", make(map[string]string), ""
	for _, line := range lines {
		f := strings.Fields(line)
		switch {
		case f[0] == "cluster":
			header += " tags=" + tagstore.Prefix + strings.Join(f[1:], ","+tagstore.Prefix)
		case len(f) == 2 && f[1] == "dead":
			places[f[0]] = " offline dead"
		default:
			instances += fmt.Sprintf("instance %s template=%s nodes=%s mem=16 disk=16", f[0], f[1], f[2])
			for _, word := range f[3:] {
				switch word {
				case "stopped":
					instances += " state=down"
				case "failing": // its operating system cannot be installed
					instances += " os=failing"
				default:
					t.Fatalf("%q: what is %s?", line, word)
				}
			}
			instances += "\n"
		}
	}
	text := header + "\ngroup default\n"
	for _, node := range nodes {
		text += "node " + node + places[node] + "\n"
	}
	return text + instances
}

// dressSimulated installs the hook and settings, and wants no incident on the nodes.
func dressSimulated(t *testing.T, ctx context.Context, c *simcluster.Cluster) *simWorld {
	t.Helper()
	w := &simWorld{world: dress(t, ctx, c.Cluster), cluster: c, sim: c.Sim}
	t.Cleanup(func() {
		for _, i := range w.sim.Incidents() {
			if w.maybe == nil || !w.maybe(i.String()) {
				t.Errorf("on the nodes: %s", i)
			}
		}
		if t.Failed() {
			told := make(map[nodesim.Call]bool)
			for _, call := range w.sim.Calls() {
				if call.Err != "" && !told[call] {
					told[call] = true
					t.Logf("failed call: %+v", call)
				}
			}
		}
	})
	return w
}

// lostPower is what an administrator does about a dead node: its power is gone,
// and it is marked offline.
func (w *simWorld) lostPower(nodes ...string) {
	w.t.Helper()
	for _, node := range nodes {
		w.sim.PowerOff(node)
		w.must(w.Offline(w.ctx, node))
	}
}

// back brings a node back with the volumes it had.
func (w *simWorld) back(node string) {
	w.t.Helper()
	w.must(w.sim.PowerOn(node))
	w.must(w.Online(w.ctx, node))
}

// place returns an instance's primary and secondary nodes.
func (w *simWorld) place(name string) (primary, secondary string) {
	w.t.Helper()
	var snodes []string
	w.must(w.InstanceField(w.ctx, name, "snodes", &snodes))
	return w.primary(name), strings.Join(snodes, ",")
}

// steps are the repair jobs of an instance that began after the given job, as
// opcodes, in order: "FAILOVER, REPLACE_DISKS".
func steps(jobs []luxi.JobInfo) string {
	var list []string
	for _, job := range jobs {
		list = append(list, opcodes(job))
	}
	return strings.Join(list, ", ")
}

// answered leaves out the jobs whose allocator got no answer from a busy node: it is
// asked again, and that is no try (S8).
func answered(jobs []luxi.JobInfo) []luxi.JobInfo {
	var list []luxi.JobInfo
	for _, job := range jobs {
		if len(job.Ops) == 0 || !noAnswer(job.Ops[0].Result.Err) {
			list = append(list, job)
		}
	}
	return list
}

// wantSteps checks which repair jobs of an instance began after the given one.
func (w *simWorld) wantSteps(after luxi.JobID, name, want string) {
	w.t.Helper()
	if got := steps(w.begun(after)[name]); got != want {
		w.t.Errorf("%s: repaired by %q, want %q", name, got, want)
	}
}

// wantContent checks what the instance's disk holds on its primary node.
func (w *simWorld) wantContent(name, want string) {
	w.t.Helper()
	got := w.sim.Content(name, w.primary(name))
	if strings.HasPrefix(got, "installed") {
		got = "installed"
	}
	if got != want {
		w.t.Errorf("%s: its disk holds %q, want %q", name, got, want)
	}
}

// opcodeCount counts opcodes that name an instance.
type opcodeCount struct {
	destroying int // RECREATE_DISKS and REINSTALL
	tags       int // TAGS_SET and TAGS_DEL, each a write of the configuration
}

// opcodeCounts counts the opcodes of the whole queue, whoever submitted them and
// whatever came of them, by instance.
func (w *simWorld) opcodeCounts() map[string]opcodeCount {
	w.t.Helper()
	counts := make(map[string]opcodeCount)
	for _, job := range w.queue() {
		for _, op := range job.Ops {
			name := op.Param("instance_name")
			switch {
			case op.ID == "OP_INSTANCE_RECREATE_DISKS", op.ID == "OP_INSTANCE_REINSTALL":
				c := counts[name]
				c.destroying++
				counts[name] = c
			case strings.HasPrefix(op.ID, "OP_TAGS_") && luxi.TagKind(op.Param("kind")) == luxi.TagInstance:
				name = op.Param("name")
				c := counts[name]
				c.tags++
				counts[name] = c
			}
		}
	}
	return counts
}

// wantRepaired checks the only result of an instance: it names just the repair jobs
// that began, in their order.
func (w *simWorld) wantRepaired(name string, typ tagstore.Type, o tagstore.Outcome, jobs []luxi.JobInfo) {
	w.t.Helper()
	t := w.tags(name)
	if len(t.Results) != 1 || len(t.Pendings) != 0 {
		w.t.Errorf("%s: its records are %+v, want one result", name, t)
		return
	}
	r := t.Results[0]
	same := len(r.Jobs) == len(jobs)
	for k := 0; same && k < len(jobs); k++ {
		same = r.Jobs[k] == jobs[k].ID
	}
	if r.Type != typ || r.Outcome != o || !same {
		var ids []luxi.JobID
		for _, job := range jobs {
			ids = append(ids, job.ID)
		}
		w.t.Errorf("%s: its result is %s, want %s %s with the jobs %v", name, r.Tag, typ, o, ids)
	}
}
