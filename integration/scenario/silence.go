package scenario

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// askedFor is how long nodes may take to answer; on a simulated master they take no time.
const askedFor = time.Minute

// markSilent does what the program does after a pass, where dead_nodes is "offline": it asks
// the nodes that a hint names, marks one that may be marked, and remembers the others.
func (w *World) markSilent(ctx context.Context, p *plugin.Pass) error {
	w.marked = false
	if !w.Settings.Marking.On {
		return nil
	}
	o := w.seen
	o.Now = w.now()
	if err := read.ReadRoles(ctx, p.Client, &o); err != nil {
		w.say("  nodes not asked: %s", err)
		return err
	}
	answers, news, err := w.askSilent(ctx, p, &o)
	if err != nil {
		w.say("  nodes not asked: %s", err)
	}
	var did plugin.Marked
	if o.Silent.Any() {
		m := &plugin.Marker{Pass: p, Hostname: w.host, Within: askedFor}
		watch, no := m.Watch(ctx, o.Silent, answers)
		if no == nil {
			w.seen.Silent, _ = o.Silent.WhileMarking(watch.Markings())
			did, no = m.Run(ctx, watch)
		}
		if no != nil {
			// It may have been killed, and remembers nothing then.
			w.say("  marking ended: %s", no)
			return no
		}
	}
	o.Silent.NoteMarkings(did.Markings)
	w.seen.Silent, w.marked = o.Silent.Without(did.Node), did.Node != ""
	for _, node := range news.Back {
		w.say("  %s answers again", node)
	}
	for _, m := range did.Markings {
		if m.Reason != "" {
			w.say("  %s is silent, not marked offline: %s: %s", m.Node.Name, m.Reason, m.Detail)
		}
	}
	return err
}

// askSilent asks them, and notes in what was observed which of them are silent.
func (w *World) askSilent(ctx context.Context, p *plugin.Pass, o *repair.Observed) (map[string]repair.NodeAnswer, repair.SilenceNews, error) {
	before := w.seen.Silent
	o.Silent = before.NotLooked()
	var news repair.SilenceNews
	var primaries map[string]string
	var err error
	if len(o.DownInstances()) > 0 {
		primaries, err = read.Primaries(ctx, p.Client)
	}
	var told read.NodeAnswers
	if nodes := o.AndAllOthers(o.NodesToAsk(primaries, before)); err == nil && len(nodes) > 0 {
		told, err = read.WhoAnswers(ctx, p.Client, askedFor, nodes)
	}
	if err == nil {
		o.Silent, news = o.Silence(before, told.Answers)
	}
	return told.Answers, news, err
}

// awaitsMarking reports whether a later pass marks a silent node, or tries to, or repairs what
// is on the one that this pass has marked.
func (w *World) awaitsMarking() bool {
	if w.marked {
		return true
	}
	for _, n := range w.seen.Silent.Nodes {
		switch n.NotMarked {
		case repair.MarkTooSoon, repair.MarkNotNow, repair.MarkNotMarked, "":
			return true
		}
	}
	return false
}

// fence is the fence of passes. A node for which it holds is off.
func (w *World) fence(_ context.Context, node string, _ []string) error {
	w.mu.Lock()
	refused := w.refuse[node]
	w.mu.Unlock()
	if refused {
		return fmt.Errorf("exit status 1")
	}
	if w.Settings.Marking.On {
		w.Master.Edit(func(c *luxitest.Cluster) {
			if n := c.Node(node); n != nil {
				n.Dead = true
			}
		})
		w.record.Fenced(node)
	}
	return nil
}

// markSetting changes a setting for marking nodes; it reports false if it is none.
func (w *World) markSetting(key, value string) (is bool, err error) {
	set := &w.Settings.Marking
	switch key {
	case "dead_nodes":
		set.On = value == "offline"
	case "dead_after":
		set.After, err = time.ParseDuration(value)
	case "max_silent":
		_, err = fmt.Sscan(value, &set.MaxSilent)
	default:
		return false, nil
	}
	return true, err
}

// markingSettings are the settings for marking as the judge takes them.
func markingSettings(set repair.Settings) judge.Marking {
	m := judge.Marking{On: set.Marking.On && set.Fenced(), After: set.Marking.After, MaxSilent: set.Marking.MaxSilent}
	if set.MaxUnhealthy.InNodes {
		m.MostNodes = set.MaxUnhealthy.Nodes
	} else {
		m.MostPercent = set.MaxUnhealthy.Percent
	}
	return m
}

// watcherStatus is the status of an instance as ganeti-watcher writes it down, where its
// primary node cannot tell one.
func watcherStatus(c *luxitest.Cluster, i *luxitest.Instance, status string) string {
	n := c.Node(i.Primary)
	switch {
	case status != "" || n == nil:
		return status
	case n.Offline:
		return "ERROR_nodeoffline"
	}
	return "ERROR_nodedown"
}

// markedNodes lists the nodes that a job of passes has marked offline, by name: which of
// several comes first depends on which was seen first.
func (w *World) markedNodes() (list []string) {
	for _, j := range w.Master.Jobs() {
		if kind, node := MarkOf(j); kind == "offline" && j.Started() {
			if j.Status != "success" {
				node += "!"
			}
			list = append(list, node)
		}
	}
	sort.Strings(list)
	return list
}

// nodesNow tells how nodes are, for comparing ends: their flags, and whether tags say since
// when they are silent.
func nodesNow(c *luxitest.Cluster) string {
	var list []string
	for _, n := range c.Nodes {
		if n.Offline || n.Drained || strings.Contains(ours(n.Tags), "silent:") {
			list = append(list, fmt.Sprintf("%s offline %v drained %v silent %v", n.Name, n.Offline, n.Drained, strings.Contains(ours(n.Tags), "silent:")))
		}
	}
	return strings.Join(list, ", ")
}
