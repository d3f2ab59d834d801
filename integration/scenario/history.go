package scenario

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Broken checks what holds whatever happens, and returns what does not.
//
// C1: when a repair job begins, a pending tag that names it has been written.
// P12: it was released by the cancellation of its gate. C2: no instance has two
// repair jobs at a time. P11: no opcode may do more than it is meant to. Data is
// replaced by a reinstallation alone.
func (w *World) Broken() []string {
	named, released, begun := make(map[int64]bool), make(map[int64]bool), make(map[int64]bool)
	open := make(map[string]int64) // instance -> its repair job under way
	for _, e := range w.Master.Log() {
		var id int64
		switch e.Kind {
		case luxitest.LogEffect:
			at := strings.Index(e.Text, tagstore.Prefix+"pending:")
			if at < 0 || !strings.HasSuffix(e.Text, " added") {
				continue
			}
			tag := strings.TrimSuffix(e.Text[at:], " added")
			for _, p := range tagstore.Parse(luxi.TagInstance, []string{tag}).Pendings {
				for _, id := range p.Jobs {
					named[int64(id)] = true
				}
			}
		case luxitest.LogQueue:
			if n, _ := fmt.Sscanf(e.Text, "job %d dequeued", &id); n == 1 {
				released[id] = true
			}
		case luxitest.LogEnd:
			if n, _ := fmt.Sscanf(e.Text, "job %d:", &id); n == 1 {
				for name, job := range open {
					if job == id {
						delete(open, name)
					}
				}
			}
		case luxitest.LogStart:
			if n, _ := fmt.Sscanf(e.Text, "job %d:", &id); n != 1 || begun[id] {
				continue
			}
			begun[id] = true
			j := w.Master.Job(id)
			if kind, _ := MarkOf(j); kind != "repair" {
				continue
			}
			name := j.Ops[0].Text("instance_name")
			if !named[id] {
				w.wrong("C1: job %d began before any pending tag named it", id)
			}
			if !released[id-1] {
				w.wrong("P12: job %d began although its gate was not canceled", id)
			}
			if open[name] != 0 {
				w.wrong("C2: job %d began while job %d of %s was under way", id, open[name], name)
			}
			open[name] = id
		}
	}
	reinstalled := make(map[string]bool)
	for _, j := range w.Master.Jobs() {
		for _, op := range j.Ops {
			for _, never := range []string{"allow_failover", "ignore_consistency", "force", "ignore_ipolicy"} {
				if on, _ := op.Params[never].(bool); on && op.ID != "OP_INSTANCE_STARTUP" {
					w.wrong("P11: job %d: %s sets %s", j.ID, op.ID, never)
				}
			}
			if kind, _ := MarkOf(j); kind == "repair" && op.Text("instance_uuid") == "" {
				w.wrong("P11: job %d: %s has no UUID", j.ID, op.ID)
			}
			if op.ID == "OP_INSTANCE_RECREATE_DISKS" && !op.Exec.IsZero() {
				reinstalled[op.Text("instance_uuid")] = true
			}
		}
	}
	c := w.Master.Snapshot()
	for _, i := range c.Instances {
		if i.Data.Generation > 1 && !reinstalled[i.UUID] {
			w.wrong("the data of %s was replaced: %s", i.Name, strings.Join(i.Data.History, ", "))
		}
	}
	w.checkRepairs()
	return w.broken
}

// MarkOf reads our mark from a job's reason trail: the kind and the rest.
func MarkOf(j luxitest.Job) (kind, rest string) {
	for _, op := range j.Ops {
		for _, e := range op.Reason {
			if e.Source == repair.Source && !strings.HasPrefix(e.Text, "rate-limit:") {
				kind, rest, _ = strings.Cut(e.Text, " ")
				return kind, rest
			}
		}
	}
	return "", ""
}
