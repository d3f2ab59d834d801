package scenario

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/integration/record"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// Jobs that others submit or cancel.

// submit submits a job of one opcode, with that source in its reason trail.
func (w *World) submit(source, op string, params map[string]any) error {
	params["OP_ID"] = "OP_" + op
	params["reason"] = []any{[]any{source, "by hand", w.Master.Now().UnixNano()}}
	var id int64
	return w.asPerson(func() error {
		return w.client.Call(context.Background(), "SubmitJob", []any{[]any{params}}, &id)
	})
}

// asPerson makes a call that is none of the pass's, even if one is under way.
func (w *World) asPerson(call func() error) error {
	set := func(on bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.person = on
	}
	set(true)
	defer set(false)
	return call()
}

// admin submits a job as people do: "admin OPCODE NAME KEY=VALUE ...".
func (w *World) admin(args []string) error {
	op, name := args[0], args[1]
	params := make(map[string]any)
	kind, _, _ := strings.Cut(op, "_")
	switch kind {
	case "INSTANCE", "NODE", "GROUP":
		params[strings.ToLower(kind)+"_name"] = name
	case "TAGS":
		params["kind"], params["name"], params["tags"] = "instance", name, []string{"colour:blue"}
	case "OOB":
		params["node_names"] = []string{name}
	default:
		return fmt.Errorf("nobody submits that")
	}
	if op == "INSTANCE_REPLACE_DISKS" {
		params["mode"], params["iallocator"] = luxi.ReplaceNewSecondary, "."
	}
	for _, word := range args[2:] {
		key, text, _ := strings.Cut(word, "=")
		params[key] = value(text)
		if key == "remote_node" || key == "target_node" || key == "mode" && text != string(luxi.ReplaceNewSecondary) {
			delete(params, "iallocator")
		}
	}
	return w.submit("gnt:user", op, params)
}

// value is a parameter as it is written in an event.
func value(text string) any {
	switch text {
	case "yes":
		return true
	case "no":
		return false
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}

// watcher does what ganeti-watcher does: it archives jobs that ended six hours ago,
// and starts what should run on a node that is not offline.
func (w *World) watcher() error {
	w.Master.ArchiveJobs(6 * time.Hour)
	c := w.Master.Snapshot()
	for _, i := range c.Instances {
		if record.Status(c, i) == "ERROR_down" {
			if err := w.submit("gnt:watcher", "INSTANCE_STARTUP", map[string]any{"instance_name": i.Name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// cancel cancels the newest unfinished repair job of the instance, or the gate in
// front of it.
func (w *World) cancel(args []string) error {
	jobs := w.Master.Jobs()
	for k := len(jobs) - 1; k >= 0; k-- {
		j := jobs[k]
		if kind, _ := MarkOf(j); kind != "repair" || !j.End.IsZero() || j.Ops[0].Text("instance_name") != args[0] {
			continue
		}
		id := j.ID
		if len(args) > 1 {
			if id = w.gateOf(j); id == 0 {
				return fmt.Errorf("it has no gate")
			}
		}
		w.record.Moment(judge.Canceled, id)
		return w.asPerson(func() error {
			ok, text, err := w.client.CancelJob(context.Background(), luxi.JobID(id), false)
			w.say("  job %d canceled: %v %s", id, ok, text)
			return err
		})
	}
	return fmt.Errorf("it has no unfinished repair job")
}

// gateOf is the unfinished gate in front of a repair job, 0 if there is none.
func (w *World) gateOf(j luxitest.Job) int64 {
	for _, op := range j.Ops {
		for _, d := range op.Depends {
			if g := w.Master.Job(d.Job); g.End.IsZero() {
				return g.ID
			}
		}
	}
	return 0
}

// filter writes a rule for jobs, or removes all.
func (w *World) filter(args []string) error {
	if args[0] != "none" {
		action, most, _ := strings.Cut(args[0], ":")
		limit, _ := strconv.Atoi(most) // none is 0
		w.filters = append(w.filters, w.Master.ReplaceFilter(luxitest.FilterRule{Action: action, Limit: limit, Predicates: args[1:]}))
		return nil
	}
	for _, uuid := range w.filters {
		w.Master.DeleteFilter(uuid)
	}
	w.filters = nil
	return nil
}
