package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// marker returns what marks silent nodes offline; nil where the setting does not say so.
func (e *env) marker(set settings, pass *plugin.Pass) *plugin.Marker {
	if set.deadNodes != deadNodesOffline {
		return nil
	}
	return &plugin.Marker{Pass: pass, Hostname: e.paths.hostname, Within: askWithin(set)}
}

// askWithin is how long nodes may take to say whether they answer: all together, and then
// each on its own, a quarter of a pass.
func askWithin(set settings) time.Duration { return set.engine.PassTimeout/4 - time.Second }

// markOffline marks a node that does not answer, if that is permitted and certain (K6), and
// notes why the others are not marked.
func (r *runner) markOffline(ctx context.Context, pass *plugin.Pass, o *repair.Observed, answers map[string]repair.NodeAnswer) plugin.Marked {
	m := r.env.marker(r.set, pass)
	if m == nil || !o.Silent.Any() {
		return plugin.Marked{}
	}
	m.KnownJob = o.Verified.UpTo
	ctx, cancel := context.WithTimeout(ctx, r.set.engine.PassTimeout)
	defer cancel()
	did, err := r.markUnder(ctx, m, o, answers)
	if err != nil {
		r.log.Warn("silent nodes are left to the next pass", "error", oneLine(err.Error()))
	}
	return did
}

// markUnder does that with what passes remember of silent nodes in a form in which a node is
// not marked again at once, whenever the program dies.
func (r *runner) markUnder(ctx context.Context, m *plugin.Marker, o *repair.Observed, answers map[string]repair.NodeAnswer) (plugin.Marked, error) {
	w, err := m.Watch(ctx, o.Silent, answers)
	if err != nil {
		return plugin.Marked{}, err
	}
	meanwhile, is := o.Silent.WhileMarking(w.Markings())
	if is {
		if err := keepSilentNodes(r.env.paths.state(), meanwhile); err != nil {
			return plugin.Marked{}, err
		}
	}
	did, err := m.Run(ctx, w)
	switch {
	case err != nil:
		o.Silent = meanwhile // nobody knows how far it came
	case did.Node != "":
		o.Silent = o.Silent.Without(did.Node)
	}
	return did, err
}

// tellMarked logs which node was marked and why others are not, and keeps events for it: of
// the latter only where that is another reason than before.
func (r *runner) tellMarked(plan *repair.Plan, did plugin.Marked, changed []repair.Marking) {
	if did.Node != "" {
		r.event(plan, event{
			Event: eventNodeMarked, Node: did.Node, Jobs: fmt.Sprint(int64(did.Job)),
			Why: "it did not answer, was fenced, and is marked offline; permitted by " + did.Origin,
		})
	}
	for _, m := range changed {
		if m.May() {
			continue
		}
		if m.Reason.NeedsPerson() {
			r.event(plan, event{Event: eventNodeNotMarked, Node: m.Node.Name, Reason: string(m.Reason), Why: m.Detail})
		}
		r.log.Info("node is not marked offline", "node", m.Node.Name, "reason", string(m.Reason), "why", oneLine(m.Detail))
	}
}

// markingView is what a pass would do about a silent node, as a dry run tells it.
type markingView struct {
	Node        string `json:"node"`
	Reason      string `json:"not_marked,omitempty"` // why it would not be marked; missing if it would
	Why         string `json:"why,omitempty"`
	PermittedBy string `json:"permitted_by,omitempty"`
	Fence       string `json:"fence,omitempty"`

	OpCodes []json.RawMessage `json:"opcodes,omitempty"`
}

// marking asks the nodes as a pass would, and returns what it would do about those that are
// silent (K5). It submits nothing and remembers nothing.
func (cmd *runCmd) marking(ctx context.Context, e *env, l *looked) ([]markingView, error) {
	pass := e.pass(l.set, nil)
	defer pass.Client.Close()
	m := e.marker(l.set, pass)
	if m == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.set.engine.PassTimeout)
	defer cancel()
	memory := readFindingsMemory(e.paths.state())
	o, err := e.observe(ctx, m.Client, &memory, false)
	if err != nil {
		return nil, err
	}
	_, told, err := e.askSilent(ctx, m.Client, l.set, e.silentNodes(l.set), &o)
	if err != nil {
		return nil, err
	}
	w, err := m.Watch(ctx, o.Silent, told.Answers)
	if err != nil {
		return nil, err
	}
	var list []markingView
	for _, is := range w.Markings() {
		v := markingView{Node: is.Node.Name, Reason: string(is.Reason), Why: is.Detail, PermittedBy: is.PermittedBy.Origin}
		if is.May() {
			use, err := read.ReadNodeUse(ctx, m.Client, is.Node)
			if err != nil {
				return nil, err
			}
			v.Fence = l.set.engine.Fence
			for _, op := range repair.MarkOps(is.Node, use.Candidate, e.now()) {
				raw, err := luxi.MarshalOp(op)
				if err != nil {
					return nil, err
				}
				v.OpCodes = append(v.OpCodes, raw)
			}
		}
		list = append(list, v)
	}
	return list, nil
}

// writeMarkings tells what a pass would do about silent nodes.
func (cmd *runCmd) writeMarkings(e *env, list []markingView) {
	for _, v := range list {
		line := v.Node + ": "
		if v.Reason != "" {
			line += "silent, not marked offline (" + v.Reason + "): " + v.Why
		} else {
			line += "fenced by " + v.Fence + " and, if it is silent still, marked offline; permitted by " + v.PermittedBy
		}
		writeFolded(e.stdout, "", "  ", line, e.screen.columns)
		if cmd.OpCodes {
			for _, op := range v.OpCodes {
				fmt.Fprintf(e.stdout, "  submit  %s\n", op)
			}
		}
	}
}
