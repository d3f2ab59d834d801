package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// What passes do about nodes that are not offline and do not answer, the setting dead_nodes
// (K4).
const (
	deadNodesOff    = "off"    // nobody looks for them
	deadNodesReport = "report" // they are told of

	// deadNodesOffline says that one that was switched off for certain is marked offline (K5).
	deadNodesOffline = "offline"
)

// silentFile is the name of the file with the nodes that are silent. Losing it makes them
// silent since the next look.
const silentFile = "silent-nodes"

// silentNodes returns the nodes that were silent at the last look; none where passes do not
// look.
func (e *env) silentNodes(set settings) repair.SilentNodes {
	var silent repair.SilentNodes
	data, err := os.ReadFile(e.paths.state().file(silentFile))
	if set.deadNodes == deadNodesOff || err != nil || json.Unmarshal(data, &silent) != nil {
		return repair.SilentNodes{}
	}
	return silent
}

// keepSilentNodes remembers the nodes that are silent, or were some days ago. Where there
// are none, there is no file.
func keepSilentNodes(state stateDir, silent repair.SilentNodes) error {
	if !silent.Any() && len(silent.Answered) == 0 {
		if err := os.Remove(state.file(silentFile)); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(silent)
	if err != nil {
		return err
	}
	return replaceFile(state.file(silentFile), data, 0o600)
}

// notLooked remembers, when a pass begins, that it has not looked: if it fails, ends early or
// dies before it does, those in which the nodes were silent are no longer in a row (K5).
// Where that cannot be written, looks count for half an hour.
func (e *env) notLooked(before repair.SilentNodes) {
	for _, n := range before.Nodes {
		if n.Looks > 0 {
			_ = keepSilentNodes(e.paths.state(), before.NotLooked())
			return
		}
	}
}

// lookForSilence asks the nodes that a hint names, or that were silent before, whether they
// answer, and adds the silent ones to what was observed (K1, K2). Where no hint names a node
// it asks nobody. Where luxid gives no answer, all is taken to be as it was. It returns the
// answers, too.
func (r *runner) lookForSilence(ctx context.Context, c *luxi.Client, before repair.SilentNodes, o *repair.Observed) (repair.SilenceNews, map[string]repair.NodeAnswer) {
	news, told, err := r.env.askSilent(ctx, c, r.set, before, o)
	if err != nil {
		r.log.Warn("silent nodes not looked for", "error", oneLine(err.Error()))
		return repair.SilenceNews{}, nil
	}
	for _, n := range o.Roles {
		if why := told.Why[n.Name]; why != "" {
			r.log.Warn("answer not understood", "node", n.Name, "why", why)
		}
	}
	return news, told.Answers
}

// askSilent does that for lookForSilence, and tells nothing. Where nodes are marked offline
// all are asked at once when one is hinted at: those that answer decide, too (K5).
func (e *env) askSilent(ctx context.Context, c *luxi.Client, set settings, before repair.SilentNodes, o *repair.Observed) (repair.SilenceNews, read.NodeAnswers, error) {
	o.Silent = before.NotLooked()
	var told read.NodeAnswers
	if set.deadNodes == deadNodesOff {
		return repair.SilenceNews{}, told, nil
	}
	// Asked within, all together and then each on its own, a node has half of that.
	ctx, cancel := context.WithTimeout(ctx, set.engine.PassTimeout/2)
	defer cancel()
	var primaries map[string]string
	var err error
	if len(o.DownInstances()) > 0 {
		primaries, err = read.Primaries(ctx, c)
	}
	nodes := o.NodesToAsk(primaries, before)
	if set.deadNodes == deadNodesOffline {
		nodes = o.AndAllOthers(nodes)
	}
	if err == nil && len(nodes) > 0 {
		told, err = read.WhoAnswers(ctx, c, askWithin(set), nodes)
	}
	if err != nil {
		return repair.SilenceNews{}, told, err
	}
	var news repair.SilenceNews
	o.Silent, news = o.Silence(before, told.Answers)
	if set.deadNodes != deadNodesOffline {
		o.Silent.Answered = nil // there are no tags of nodes
	}
	return news, told, nil
}

// tellSilence logs what is new of silent nodes, and keeps an event for it. The plan has
// them.
func (r *runner) tellSilence(plan *repair.Plan, news repair.SilenceNews) {
	silent := make(map[string]bool)
	for _, name := range news.Silent {
		silent[name] = true
	}
	views, many := report.Silences(plan.Snapshot), len(news.Silent) > linesEach
	if many {
		r.log.Warn("nodes are silent", "nodes", len(news.Silent), "among_them", among(news.Silent))
	}
	for _, v := range views {
		if !silent[v.Node] && !(v.CutOff && news.CutOff) {
			continue
		}
		switch {
		case v.CutOff:
			r.log.Warn("nodes are silent", "why", v.Text(v.Node, ""), "command", v.Command)
		case !many:
			r.log.Warn("node is silent", "node", v.Node, "why", v.Text(v.Node, ""), "command", v.Command)
		}
		r.event(plan, event{Event: eventNodeSilent, Node: v.Node, Why: v.Text(v.Node, "") + ": " + v.Command})
	}
	for _, name := range news.Marked {
		const why = "it did not answer, the pass that was to mark it offline was interrupted, and it is marked offline"
		r.log.Warn("node marked offline", "node", name, "why", why)
		r.event(plan, event{Event: eventNodeMarked, Node: name, Why: why})
	}
	for _, name := range news.Back {
		r.log.Info("node answers again", "node", name)
	}
}

// silence tells which nodes are silent, as the last pass found them.
func (c *checkup) silence(set settings, plan *repair.Plan) {
	views := report.Silences(plan.Snapshot)
	var names []string
	for _, v := range views {
		names = append(names, v.Node+" (since "+clockTime(v.Since)+")")
	}
	switch {
	case len(views) > 3:
		c.advise(levelWarning, "silent nodes", "ganeti-autorepair nodes", "%d do not answer: %s", len(names), someNames(names))
	case len(views) > 0:
		for _, v := range views {
			c.advise(levelWarning, "silent nodes", v.Command, "%s", v.Text(v.Node, "since "+clockTime(v.Since)))
		}
	case set.deadNodes == deadNodesOff:
		c.add(levelOK, "silent nodes", "are not looked for")
	default:
		c.add(levelOK, "silent nodes", "none was found")
	}
}

// silenceLines tells of the nodes that are silent, in lines of status.
func silenceLines(t terminal, s *repair.Snapshot) []string {
	short := shortNodes(t, s)
	var lines []string
	views := report.Silences(s)
	for k, v := range views {
		if k == 3 && len(views) > 4 {
			return append(lines, fmt.Sprintf("%d more nodes do not answer: ganeti-autorepair nodes", len(views)-k))
		}
		lines = append(lines, v.Text(short(v.Node), report.Age(v.Since, s.Time))+": "+v.Command)
	}
	return lines
}
