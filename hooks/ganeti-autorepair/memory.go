package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// memory is what the last pass thought of what is not plainly healthy. It is no
// state: only the log and the event programs use it, so as to tell of changes
// alone.
type memory struct {
	Instances map[string]thought `json:"instances"`       // by UUID
	Bad       []string           `json:"unreadable_tags"` // object and tag
	Groups    []string           `json:"held_groups"`     // why no repair begins there
}

// thought is what was thought of one instance.
type thought struct {
	Name   string        `json:"name"`
	Reason repair.Reason `json:"reason"`
}

// change is an instance that is thought of otherwise than by the last pass.
type change struct {
	v   report.View
	was repair.Reason
}

// readMemory reads the memory. One that is not there, or cannot be read, is
// empty.
func readMemory(path string) memory {
	var m memory
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &m) != nil {
		return memory{}
	}
	return m
}

func (m memory) write(path string) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// linesEach is how many instances that changed in the same way are told one by
// one; more are told together.
const linesEach = 20

// remember logs what is thought otherwise than by the last pass, a line per
// change, and many changes of one kind in one line. What the pass did has been
// told by itself.
func (r *runner) remember(did *plugin.Report) {
	path := r.env.paths.memory()
	old, now := readMemory(path), memory{Instances: map[string]thought{}}
	after := did.PlanAfter()
	bad := report.BadTags(after)
	groups := make(map[string]bool)
	var changed []change
	for _, d := range after.Decisions {
		t, known := old.Instances[d.Instance.UUID]
		if d.Plain() && !known {
			continue
		}
		v := report.ViewOf(after, d)
		bad = append(bad, v.Bad...)
		if v.Reason == repair.ReasonMaxUnhealthy || v.Reason == repair.ReasonOneSlot {
			groups[v.Detail] = true
		}
		was := repair.ReasonHealthy
		if known {
			was = t.Reason
		}
		if v.Reason != repair.ReasonHealthy {
			now.Instances[v.UUID] = thought{v.Instance, v.Reason}
		}
		if was == v.Reason {
			continue
		}
		c := change{v, was}
		r.heldEvent(did, c)
		if !d.Changes() {
			changed = append(changed, c)
		}
	}
	for why := range groups {
		now.Groups = append(now.Groups, why)
	}
	sort.Strings(now.Groups)
	for _, why := range now.Groups {
		if !contains(old.Groups, why) {
			r.log.Warn("no repair begins", "why", why)
		}
	}
	r.logChanges(changed)
	for _, b := range bad {
		key := b.Object + " " + b.Tag
		now.Bad = append(now.Bad, key)
		if !contains(old.Bad, key) {
			r.log.Warn("unreadable tag", "object", b.Object, "tag", b.Tag, "why", b.Why)
		}
	}
	if err := now.write(path); err != nil {
		r.env.note("warning: the log will repeat itself: %s", err)
	}
	r.passEvents(did)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// logChanges logs changes of reasons.
func (r *runner) logChanges(changed []change) {
	kinds := make(map[[2]repair.Reason][]report.View)
	var order [][2]repair.Reason
	for _, c := range changed {
		kind := [2]repair.Reason{c.was, c.v.Reason}
		if kinds[kind] == nil {
			order = append(order, kind)
		}
		kinds[kind] = append(kinds[kind], c.v)
	}
	for _, kind := range order {
		views := kinds[kind]
		if len(views) <= linesEach {
			for _, v := range views {
				args := []any{"instance", v.Instance, "was", string(kind[0]), "reason", string(kind[1])}
				if v.Detail != "" {
					args = append(args, "why", v.Detail)
				}
				if v.Repair != nil {
					args = append(args, "repair", v.Repair.ID)
				}
				r.log.Info("reason changed", args...)
			}
			continue
		}
		var names []string
		for _, v := range views[:5] {
			names = append(names, v.Instance)
		}
		r.log.Info("reason changed", "instances", len(views), "was", string(kind[0]), "reason", string(kind[1]), "among_them", strings.Join(names, " "))
	}
}
