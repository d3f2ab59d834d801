package judge

import (
	"strings"
	"time"
)

// life is what the tags have told of a repair.
type life struct {
	open    int     // pending tags
	jobs    []int64 // that its tags have named
	results int     // that it has
	ended   bool    // it had a result once
	taken   bool    // a person has removed its last pending tag
}

// ledger follows all tags and judges what the program wrote and removed.
func (v *verdict) ledger() {
	lives := make(map[[2]string]*life) // by instance and id
	get := func(name, id string) *life {
		key := [2]string{name, id}
		if lives[key] == nil {
			lives[key] = &life{}
		}
		return lives[key]
	}
	for _, i := range v.First.Instances {
		for _, tag := range i.Tags {
			if r, ok := ReadRecord(tag); ok {
				get(i.Name, r.ID).added(r)
			}
		}
	}
	for _, change := range v.Tags {
		if change.Renamed != "" {
			for key, l := range lives {
				if key[0] == change.Object {
					delete(lives, key)
					lives[[2]string{change.Renamed, key[1]}] = l
				}
			}
			continue
		}
		if change.Object == "cluster" || strings.HasPrefix(change.Object, "group:") {
			v.policyChange(change)
			continue
		}
		r, ok := ReadRecord(change.Tag)
		switch {
		case !ok:
			v.policyChange(change)
		case change.Added:
			l := get(change.Object, r.ID)
			if change.Ours {
				v.wrote(change, r, l)
			}
			l.added(r)
			if change.Ours {
				v.concluded(change, r, l)
			}
		default:
			v.removed(change, r, get(change.Object, r.ID))
		}
	}
}

func (l *life) added(r Record) {
	l.jobs = append(l.jobs, r.Jobs...)
	if r.Outcome == "" {
		l.open++
		l.taken = false
	} else {
		l.results++
		l.ended = true
	}
}

// policyChange judges a change of a tag that records no repair: the program removes
// suspensions that have ended, and no other (T4).
func (v *verdict) policyChange(change Change) {
	if !change.Ours || !strings.HasPrefix(change.Tag, Prefix) {
		return
	}
	switch {
	case change.Added:
		v.wrong("T7", "the program added %s to %s", change.Tag, change.Object)
	case !endedSuspension(change.Tag, v.latestClock(change.Time).Unix()):
		v.wrong("T4", "the program removed %s from %s", change.Tag, change.Object)
	}
}

// wrote judges a record that the program is adding, before it counts.
func (v *verdict) wrote(change Change, r Record, l *life) {
	switch {
	case r.Outcome == "" && l.results > 0:
		v.wrong("T6", "%s was added to %s, and the repair had its result", change.Tag, change.Object)
	case r.Outcome != "" && l.results > 0:
		v.wrong("T7", "%s is a second result of the repair", change.Tag)
	case r.Outcome != "" && r.Outcome != "enoperm" && l.open == 0 && len(l.jobs) == 0 && !v.Own(r.ID):
		v.wrong("T7", "%s was added to %s, and the repair never was pending", change.Tag, change.Object)
	}
}

// concluded judges a result that the program has added.
func (v *verdict) concluded(change Change, r Record, l *life) {
	switch r.Outcome {
	case "failure":
		v.failure(change, l)
	case "success":
		v.success(change, r)
	}
	for _, id := range r.Jobs {
		j := v.jobs[id]
		switch {
		case r.Outcome == "" || j == nil || j.Purged:
		case v.stranger(j, change.Object):
			v.wrong("S14", "%s names job %d, which is not of this repair", change.Tag, id)
		case !j.Began() && !(j.Status == "error" && j.Ops[0].refused()):
			v.wrong("S13", "%s names job %d, which never began", change.Tag, id)
		}
	}
}

// failure wants a job of the repair to have failed (S7): one that had begun and was
// not refused, or as many equal refusals as there may be tries (S13), or one that
// nobody knows any more. Jobs of others are none (S14).
func (v *verdict) failure(change Change, l *life) {
	c := v.at(change.Time)
	refusals, last, demand := 0, "", "S7"
	for _, id := range l.jobs {
		j := v.jobs[id]
		switch {
		case j == nil && v.beyond(id, change.Time):
			demand = "S14"
		case j == nil || j.Purged:
			return
		case v.stranger(j, change.Object):
			demand = "S14"
		case j.Status == "success" && (j.row() == "D3" || j.row() == "D4"):
			return // the disks were not verified, or were not well (D6)
		case j.Status == "success":
			refusals = 0
		case j.Began() && !j.refused():
			return
		case j.Began() && !j.noRoom():
			if j.failure() != last {
				refusals = 0
			}
			refusals, last, demand = refusals+1, j.failure(), "S13"
		default:
			demand = "S13"
		}
	}
	if refusals == 0 || refusals < c.Settings.MaxAttempts {
		v.wrong(demand, "%s was added to %s, and no job of the repair failed", change.Tag, change.Object)
	}
}

// beyond reports whether the number is above those of all jobs received by the time.
func (v *verdict) beyond(id int64, t time.Time) bool {
	for k := range v.Jobs {
		if v.Jobs[k].ID >= id && !v.Jobs[k].Received.After(t) {
			return false
		}
	}
	return true
}

// stranger reports whether the job is not one for the instance of that name, whoever
// submitted it (S14).
func (v *verdict) stranger(j *Job, name string) bool {
	uuids := make(map[string]bool)
	for _, c := range append([]*Cluster{v.First, v.Last}, clusters(v.Moments)...) {
		for _, i := range c.Instances {
			if i.Name == name {
				uuids[i.UUID] = true
			}
		}
	}
	for k := range j.Ops {
		op := &j.Ops[k]
		if op.Text("instance_name") == name || uuids[op.Text("instance_uuid")] || op.Text("node_name") != "" || op.Text("group_name") != "" {
			return false
		}
	}
	return true
}

func clusters(moments []Moment) []*Cluster {
	var list []*Cluster
	for k := range moments {
		list = append(list, moments[k].Cluster)
	}
	return list
}

// latestClock returns the latest time that the program's clock has shown up to a
// time. The clock may have been put back since a tag job was submitted.
func (v *verdict) latestClock(t time.Time) time.Time {
	latest, last := v.First.Clock, v.First
	for k := range v.Moments {
		c := v.Moments[k].Cluster
		if c.Time.After(t) {
			continue
		}
		if shown := c.Time.Add(last.Clock.Sub(last.Time)); shown.After(latest) {
			latest = shown
		}
		last = c
	}
	if shown := t.Add(last.Clock.Sub(last.Time)); shown.After(latest) {
		latest = shown
	}
	return latest
}

// at returns the cluster at the last moment up to a time.
func (v *verdict) at(t time.Time) *Cluster {
	last := v.First
	for k := range v.Moments {
		if c := v.Moments[k].Cluster; !c.Time.After(t) {
			last = c
		}
	}
	return last
}

// success wants no doubt to be left (S15, S16, S18), as far as the queue or its archive
// still tells of it.
func (v *verdict) success(change Change, r Record) {
	c := v.at(change.Time)
	for _, i := range c.Instances {
		if i.Name != change.Object {
			continue
		}
		if unmade, _ := v.unmade(i, change.Time); unmade {
			v.wrong("S18", "%s was added to %s, which has no system", change.Tag, i.Name)
		}
		if target, open := v.whereabouts(i, change.Time); open {
			v.wrong("S16", "%s was added to %s, which may run on %s", change.Tag, i.Name, target)
		}
		if j := v.halfCopy(i, change.Time); j != nil && j.Repair() == r.ID {
			v.wrong("S15", "%s was added to %s, of which %s may hold half a copy", change.Tag, i.Name, i.Secondary)
		}
	}
}

// removed judges a record that went.
func (v *verdict) removed(change Change, r Record, l *life) {
	if r.Outcome != "" {
		l.results--
		if change.Ours && r.Outcome == "failure" {
			v.wrong("S11", "the program removed %s from %s", change.Tag, change.Object)
		}
		return
	}
	l.open--
	switch {
	case l.open > 0 || l.ended:
		return
	case !change.Ours:
		l.taken = true
		return
	}
	for _, id := range l.jobs {
		if j := v.jobs[id]; j != nil && !j.Began() {
			continue
		}
		v.wrong("S1", "%s was removed from %s, and the repair, whose job %d began, has no result", change.Tag, change.Object, id)
		return
	}
	switch {
	case l.taken:
	case v.Own(r.ID) && !v.seenPending(change, r.ID): // let go unreleased by the pass that began it
	case v.Own(r.ID):
		v.wrong("P22", "%s was removed from %s, and the repair has no result", change.Tag, change.Object)
	default:
		v.wrong("S1", "%s was removed from %s, and the repair has no result", change.Tag, change.Object)
	}
}

// seenPending reports whether the repair was pending when a pass began before the
// change.
func (v *verdict) seenPending(change Change, id string) bool {
	for _, m := range v.Moments {
		if m.Kind != PassBegins || m.Cluster.Time.After(change.Time) {
			continue
		}
		for _, i := range m.Cluster.Instances {
			for _, p := range recordsOf(i.Tags).pending {
				if i.Name == change.Object && p.ID == id {
					return true
				}
			}
		}
	}
	return false
}
