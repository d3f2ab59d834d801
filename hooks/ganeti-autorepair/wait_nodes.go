package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// nodeWait waits until nodes are empty (N2). It looks again and again and runs no pass:
// these are the watcher's.
type nodeWait struct {
	cmd   *nodesCmd
	env   *env
	began time.Time
	told  map[string]string // what was told of each node last
	drawn runner            // for the lines on the terminal
	// unsure is in how many looks in a row a node seemed stuck, but did not say of an
	// instance whether it runs.
	unsure map[string]int
}

// surelyStuck is the number of these looks after which the node is stuck.
const surelyStuck = 3

// run waits. It returns an error with the exit code for a node that is stuck, or for the
// end of the time.
func (w *nodeWait) run(ctx context.Context) error {
	w.began, w.told = w.env.now(), make(map[string]string)
	w.unsure = make(map[string]int)
	w.drawn.env = w.env
	defer w.drawn.clearProgress()
	var passes string // why none acts, as told last
	for {
		l, err := w.cmd.look(ctx, w.env, repair.Assumption{})
		var fatal *hintError
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted; the nodes are as they are")
		case errors.As(err, &fatal):
			return err // wrong settings, or not the master
		case err != nil:
			// luxid may be busy, or start anew. Look again.
			w.tell("", "looks again: "+oneLine(err.Error()))
		default:
			w.told[""] = ""
			if text := strings.Join(l.noPass, " "); text != passes {
				passes = text
				w.note(text)
			}
			done, err := w.judge(l.plan)
			if done || err != nil {
				return err
			}
		}
		if limit := time.Duration(w.cmd.Timeout); limit > 0 && w.env.now().Sub(w.began) >= limit {
			return &hintError{code: exitTimeout, err: fmt.Errorf("not empty after %s: %s", inWordsShort(limit), w.left()), hint: "ganeti-autorepair nodes " + strings.Join(w.cmd.Nodes, " ")}
		}
		if !w.env.sleep(ctx, time.Duration(w.cmd.Every)) {
			return errors.New("interrupted; the nodes are as they are")
		}
	}
}

// judge tells how the nodes are, and reports whether all of them are empty. It returns an
// error for one that will not become so.
func (w *nodeWait) judge(plan *repair.Plan) (done bool, err error) {
	names, err := namedNodes(plan.Snapshot, w.cmd.Nodes)
	if err != nil {
		return false, err
	}
	views := make(map[string]report.NodeView)
	for _, v := range report.Nodes(plan) {
		views[v.Node] = v
	}
	short := shortInstances(w.env.messages, plan.Snapshot)
	done = true
	w.drawn.clearProgress()
	for _, name := range names {
		v := views[name]
		if !v.Offline && !v.Drained {
			return false, nothingLeaves(v, plan.Snapshot.Cluster.Master)
		}
		w.tell(name, nodeLine(v, short))
		done = done && v.State == repair.NodeEmpty
	}
	for _, name := range names {
		if v := views[name]; w.isStuck(v) {
			return false, &hintError{code: exitStuck, err: fmt.Errorf("%s is stuck: %s", name, v.Missing), hint: v.Command}
		}
	}
	if done {
		for _, name := range names {
			fmt.Fprintf(w.env.stdout, "%s: empty, safe to switch off\n", name)
		}
		return true, nil
	}
	w.draw(names)
	return false, nil
}

// isStuck reports whether all is blocked that is left on a node. One look in which it was
// too slow to say what runs does not tell that.
func (w *nodeWait) isStuck(v report.NodeView) bool {
	w.unsure[v.Node]++
	if !v.AllBlocked() {
		w.unsure[v.Node] = 0
		return false
	}
	for _, i := range v.Instances {
		if i.Reason == repair.ReasonNoLiveStatus {
			return w.unsure[v.Node] >= surelyStuck
		}
	}
	return true
}

// nothingLeaves is the error for a node that is neither drained nor offline. Draining one
// that does not answer would help nobody.
func nothingLeaves(v report.NodeView, master string) error {
	if v.State == repair.NodeSilent {
		return &hintError{code: exitFailed, err: fmt.Errorf("%s is neither drained nor offline, so nothing leaves it: %s", v.Node, v.Missing), hint: v.Command}
	}
	return &hintError{code: exitFailed, err: fmt.Errorf("%s is neither drained nor offline, so nothing leaves it", v.Node), hint: repair.DrainCommand(v.Node, master)}
}

// nodeLine tells the state of a node in a line: "leaving, 2 primaries, 1 secondary; goes on:
// 3 ready (web1, web2, db1)".
func nodeLine(v report.NodeView, short func(string) string) string {
	text := string(v.State)
	if v.State == repair.NodeEmpty {
		return text
	}
	if n := v.Primaries; n == 1 {
		text += ", 1 primary"
	} else if n > 1 {
		text += fmt.Sprintf(", %d primaries", n)
	}
	if n := v.Secondaries; n == 1 {
		text += ", 1 secondary"
	} else if n > 1 {
		text += fmt.Sprintf(", %d secondaries", n)
	}
	return text + "; " + v.Lasting(short)
}

// tell tells something of a node where no terminal shows it, if it has changed. The node
// without a name is the master.
func (w *nodeWait) tell(node, text string) {
	was := w.told[node]
	w.told[node] = text
	if w.env.progress && node != "" || was == text {
		return
	}
	if node == "" {
		w.note(text)
		return
	}
	fmt.Fprintf(w.env.stderr, "%s: %s\n", node, text)
}

func (w *nodeWait) note(text string) {
	w.drawn.clearProgress()
	if text != "" {
		w.env.note("note: %s", text)
	}
}

// draw shows a line for each node on the terminal, as many as fit.
func (w *nodeWait) draw(names []string) {
	t := w.env.messages
	if !w.env.progress {
		return
	}
	for k, name := range names {
		if t.rows > 3 && k == t.rows-2 {
			break
		}
		text := fmt.Sprintf("%s: %s", name, w.told[name])
		fmt.Fprintln(w.env.stderr, cut(inWordsShort(w.env.now().Sub(w.began))+"  "+text, t.columns-1))
		w.drawn.drawn++
	}
}

// left lists the nodes that were not empty when they were looked at last.
func (w *nodeWait) left() string {
	var parts []string
	for _, word := range w.cmd.Nodes {
		for node, text := range w.told {
			if node != "" && luxi.MatchesName(strings.TrimPrefix(word, "node:"), node) && text != string(repair.NodeEmpty) {
				parts = append(parts, node+": "+text)
			}
		}
	}
	if len(parts) == 0 {
		return "the cluster could not be looked at"
	}
	return strings.Join(parts, "; ")
}
