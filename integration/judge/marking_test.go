package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// markTale is a run in which node d, dead for three passes, is fenced and marked offline by
// job 12 in the last of them. Its moments: the passes begin, the fence holds, the job is
// released and begins, the pass ends.
func markTale() *History {
	first := &Cluster{
		Master: "m", Tags: []string{Prefix + "node-offline"}, Groups: map[string][]string{"g": nil, "h": nil}, Nodes: map[string]Node{"m": {Group: "g"}},
		Instances: []*Instance{{Name: "web", UUID: "web-uuid", Primary: "d", Admin: "up"}},
		Settings:  Settings{Marking: Marking{On: true, After: 10 * time.Minute, MaxSilent: 1, MostPercent: 50}},
	}
	for _, name := range []string{"a", "b", "d"} {
		first.Nodes[name] = Node{Group: "g"}
	}
	first.Nodes["x"] = Node{Group: "h"}
	d := first.Nodes["d"]
	d.Dead, d.Tags = true, []string{fmt.Sprintf("%ssilent:%d", Prefix, start.Unix())}
	first.Nodes["d"] = d
	h := &History{First: first.copy(0), Own: func(string) bool { return true }}
	add := func(kind Kind, second int) {
		m := Moment{Kind: kind, Cluster: first.copy(second)}
		switch kind {
		case Fenced:
			m.Node = "d"
		case Released, Begins:
			m.Job = 12
		}
		h.Moments = append(h.Moments, m)
	}
	for _, second := range []int{0, 300} {
		add(PassBegins, second)
		add(PassEnds, second+1)
	}
	add(PassBegins, 600)
	add(Fenced, 601)
	add(Released, 602)
	add(Begins, 603)
	add(PassEnds, 604)
	h.Last = first.copy(605)
	h.Jobs = []Job{{ID: 12, Status: "success", Received: start.Add(601 * time.Second), Ended: start.Add(604 * time.Second), Ops: []Op{{
		ID: "OP_NODE_SET_PARAMS", Status: "success", Began: start.Add(603 * time.Second), Ended: start.Add(604 * time.Second),
		Params: map[string]any{"node_name": "d", "offline": true, "drained": nil, "force": false}, Reason: ours("offline d"),
	}}}}
	return h
}

// The moments of markTale.
const (
	lastPass = 4
	holds    = 5
	letGo    = 6
	itBegins = 7
)

// node changes a node in the clusters of the moments from k on.
func (h *History) node(k int, name string, change func(*Node)) {
	for ; k < len(h.Moments); k++ {
		n := h.Moments[k].Cluster.Nodes[name]
		change(&n)
		h.Moments[k].Cluster.Nodes[name] = n
	}
}

func (h *History) clusters(change func(*Cluster)) {
	for k := range h.Moments {
		change(h.Moments[k].Cluster)
	}
}

func (h *History) without(k int) { h.Moments = append(h.Moments[:k:k], h.Moments[k+1:]...) }

// TestMarking: the judge finds what is wrong with a marking, and nothing wrong with one that
// is as it has to be (K3 to K7).
func TestMarking(t *testing.T) {
	dead := func(n *Node) { n.Dead = true }
	lives := func(n *Node) { n.Dead = false }
	settings := func(h *History, change func(*Marking)) {
		h.clusters(func(c *Cluster) { change(&c.Settings.Marking) })
	}
	for _, row := range []struct {
		what   string
		change func(*History)
		want   string // part of the only finding; "" for none
	}{
		{"as it has to be", func(*History) {}, ""},
		{"permitted by its group", func(h *History) {
			h.clusters(func(c *Cluster) { c.Tags, c.Groups = nil, map[string][]string{"g": {Prefix + "node-offline"}} })
		}, ""},
		{"dead_nodes is report", func(h *History) { settings(h, func(m *Marking) { m.On = false }) }, "K4: job 12, which marks d offline, is released although the settings"},
		{"no tag", func(h *History) { h.clusters(func(c *Cluster) { c.Tags = []string{Prefix + "reinstall"} }) }, "K5: job 12, which marks d offline, is released although no tag permits it"},
		{"suspended", func(h *History) {
			h.Moments[letGo].Cluster.Tags = []string{Prefix + "node-offline", Prefix + "suspend"}
		}, "K5: job 12, which marks d offline, is released although it is suspended"},
		{"its group is suspended", func(h *History) {
			h.Moments[letGo].Cluster.Groups = map[string][]string{"g": {Prefix + "suspend"}}
		}, "although it is suspended"},
		{"a suspension that has ended", func(h *History) {
			c := h.Moments[letGo].Cluster
			c.Tags = append(c.Tags[:1:1], fmt.Sprintf("%ssuspend:%d", Prefix, start.Unix()))
		}, ""},
		{"the master", func(h *History) { h.clusters(func(c *Cluster) { c.Master = "d" }) }, "K7: job 12, which marks d offline, is released although it is the master"},
		{"paused", func(h *History) { h.Moments[letGo].Cluster.Paused = true }, "K7: job 12, which marks d offline, is released although the watcher is paused"},
		{"not fenced", func(h *History) { h.without(holds) }, "K6: job 12, which marks d offline, is released although no fence"},
		{"another one fenced", func(h *History) { h.Moments[holds].Node = "a" }, "although no fence of this pass has held"},
		{"fenced in the pass before", func(h *History) {
			h.Moments[holds], h.Moments[lastPass] = h.Moments[lastPass], h.Moments[holds]
		}, "although no fence of this pass has held"},
		{"it answers", func(h *History) { h.node(holds, "d", lives) }, "K6: job 12, which marks d offline, is released although it answers"},
		{"it answers right after the release", func(h *History) { h.node(itBegins, "d", lives) }, ""},
		{"it begins late, and answers", func(h *History) {
			h.node(itBegins, "d", lives)
			h.Moments[itBegins].Cluster = h.Moments[itBegins].Cluster.copy(700)
		}, "K6: job 12, which marks d offline, begins although it answers"},
		{"it begins in a later pass", func(h *History) {
			begins := h.Moments[itBegins]
			h.without(itBegins)
			begins.Cluster = begins.Cluster.copy(901)
			h.Moments = append(h.Moments, Moment{Kind: PassBegins, Cluster: begins.Cluster.copy(900)}, begins)
		}, "K6: job 12, which marks d offline, begins, and the pass that fenced it has ended"},
		{"not released", func(h *History) { h.without(letGo) }, "C7: job 12, which marks d offline, begins, and the program has not released it"},
		{"two passes", func(h *History) { h.Moments = h.Moments[2:] }, "K5: job 12, which marks d offline, is released although it was not dead in 3 passes"},
		{"passes one right after the other", func(h *History) {
			h.Moments[2].Cluster, h.Moments[3].Cluster = h.Moments[2].Cluster.copy(30), h.Moments[3].Cluster.copy(31)
		}, "although it was not dead in 3 passes"},
		{"it was back meanwhile", func(h *History) {
			n := h.Moments[2].Cluster.Nodes["d"]
			n.Dead = false
			h.Moments[2].Cluster.Nodes["d"] = n
		}, "although it was not dead in 3 passes"},
		{"dead_after", func(h *History) { settings(h, func(m *Marking) { m.After = 11 * time.Minute }) }, "K5: job 12, which marks d offline, is released although it has no tag"},
		{"no tag of the node", func(h *History) { h.node(0, "d", func(n *Node) { n.Tags = nil }) }, "although it has no tag"},
		{"half of the others are dead", func(h *History) {
			settings(h, func(m *Marking) { m.MaxSilent = 9 })
			h.clusters(func(c *Cluster) { c.Nodes["y"] = Node{Group: "h"} })
			h.node(0, "x", dead)
			h.node(0, "y", dead)
		}, "K5: job 12, which marks d offline, is released although 2 of 4 others are alive"},
		{"only one other", func(h *History) { h.clusters(func(c *Cluster) { delete(c.Nodes, "a"); delete(c.Nodes, "x") }) }, "although 1 of 1 others are alive"},
		{"another of its group", func(h *History) {
			settings(h, func(m *Marking) { m.MaxSilent = 9 })
			h.clusters(func(c *Cluster) { c.Nodes["y"] = Node{Group: "h"} })
			h.node(0, "a", dead)
		}, "although node a of its group is dead"},
		{"another of the cluster", func(h *History) { h.node(0, "x", dead) }, "although 1 other nodes are dead"},
		{"V2", func(h *History) { settings(h, func(m *Marking) { m.MostPercent = 24 }) }, "although too many nodes of its group"},
		{"V2 in nodes", func(h *History) { settings(h, func(m *Marking) { m.MostPercent, m.MostNodes = 0, 1 }) }, ""},
		{"a candidate without another", func(h *History) { h.node(0, "d", func(n *Node) { n.Candidate = true }) }, "although auto_promote"},
		{"a second one in the pass", func(h *History) {
			h.Jobs = append(h.Jobs, Job{ID: 13, Ops: []Op{{ID: "OP_NODE_SET_PARAMS", Params: map[string]any{"node_name": "d", "offline": true}, Reason: ours("offline d")}}})
			h.Moments = append(h.Moments[:itBegins:itBegins], append([]Moment{{Kind: Released, Job: 13, Cluster: h.Moments[letGo].Cluster}}, h.Moments[itBegins:]...)...)
		}, "K7: job 13 marks d offline in the pass of job 12"},
		{"it brings a node back", func(h *History) { h.Jobs[0].Ops[0].Params["offline"] = false }, "K7: job 12 changes node d and does not just mark it"},
		{"a repair changes a node", func(h *History) {
			h.Jobs = append(h.Jobs, Job{ID: 13, Ops: []Op{{ID: "OP_NODE_SET_PARAMS", Params: map[string]any{"node_name": "a", "offline": true}, Reason: ours("tidy own1")}}})
		}, "K7: job 13 changes node a"},
		{"a person changes a node", func(h *History) {
			h.Jobs = append(h.Jobs, Job{ID: 13, Ops: []Op{{ID: "OP_NODE_SET_PARAMS", Params: map[string]any{"node_name": "a", "offline": false}}}})
		}, ""},
		{"it forces", func(h *History) { h.Jobs[0].Ops[0].Params["force"] = true }, "K6: job 12 sets force of node d"},
		{"power-cycle", func(h *History) {
			h.Jobs = append(h.Jobs, Job{ID: 13, Ops: []Op{{ID: "OP_OOB_COMMAND", Params: map[string]any{"node_names": []string{"d"}, "command": "power-cycle"}, Reason: ours("probe fence")}}})
		}, "K7: job 13: power-cycle"},
		{"every node is switched off", func(h *History) {
			h.Jobs = append(h.Jobs, Job{ID: 13, Ops: []Op{{ID: "OP_OOB_COMMAND", Params: map[string]any{"node_names": []string{}, "command": "power-off"}, Reason: ours("probe fence")}}})
		}, "K3: job 13"},
	} {
		h := markTale()
		row.change(h)
		var found []string
		for _, f := range Judge(h) {
			found = append(found, f.String())
		}
		switch got := strings.Join(found, "\n"); {
		case row.want == "" && got != "":
			t.Errorf("%s: found %s", row.what, got)
		case row.want != "" && (len(found) != 1 || !strings.Contains(got, row.want)):
			t.Errorf("%s: found %q, want %q alone", row.what, got, row.want)
		}
	}
}
