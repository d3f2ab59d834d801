package judge

import (
	"fmt"
	"strings"
)

// Owed lists what a program that nothing stands in the way of would have done by the
// end of the history.
func Owed(h *History) []Finding {
	v := &verdict{History: h}
	c := h.Last
	var list []Finding
	owes := func(demand, format string, args ...any) {
		list = append(list, Finding{demand, fmt.Sprintf(format, args...)})
	}
	for _, object := range append([]string{"cluster"}, sorted(groupNames(c))...) {
		for _, tag := range c.objectTags(object) {
			if endedSuspension(tag, c.Clock.Unix()) {
				owes("T4", "%s still has %s, whose time has passed", object, tag)
			}
		}
	}
	for name, n := range c.Nodes {
		for _, tag := range n.Tags {
			word, _, _ := strings.Cut(strings.TrimPrefix(tag, Prefix), ":")
			if !n.Offline && !n.Dead && strings.HasPrefix(tag, Prefix) && (word == "fenced" || word == "silent") {
				owes("T12", "node %s is back and still has %s", name, tag)
			}
		}
	}
	for _, i := range c.Instances {
		for _, tag := range i.Tags {
			if endedSuspension(tag, c.Clock.Unix()) {
				owes("T4", "%s still has %s, whose time has passed", i.Name, tag)
			}
		}
		policy, r, need := PolicyOf(c, i), recordsOf(i.Tags), NeedOf(c, i)
		if policy.Suspended || r.unreadable != "" || r.failed || need.Held != "" || v.doubtful(i, need) {
			continue
		}
		mendable := c.mendable(i)
		if c.forPerson(i, need) {
			continue
		}
		for _, p := range r.pending {
			if need.Healthy() && mendable != "" && v.byPolicy(p.ID) && v.repairedLately(c, i) {
				continue // what is left to do policy would not begin again yet (D7)
			}
			owes(v.owing(c, i, need, "S6"), "%s still is pending with repair %s", i.Name, p.ID)
		}
		switch {
		case need.Healthy() && mendable != "":
			if Risk(policy.Type) >= Risk("fix-storage") && policy.Type != "" && !v.repairedLately(c, i) {
				owes(mendable, "the disk of %s on %s is lost, the other copy is whole, and %s is permitted", i.Name, i.Faulty[0], policy.Type)
			}
		case need.Healthy():
			if r.has("enoperm", "") && !v.gaveUp(c, i) {
				owes("T13", "%s is healthy, and a result still tells that it may not be repaired", i.Name)
			}
		case policy.Type == "":
		case Risk(policy.Type) >= Risk(need.Type):
			owes(v.owing(c, i, need, "S4"), "%s needs a repair of type %s, and %s is permitted", i.Name, need.Type, policy.Type)
		case !r.has("enoperm", need.Type):
			owes(v.owing(c, i, need, "S3"), "%s needs a repair of type %s, %s alone is permitted, and no result says so", i.Name, need.Type, policy.Type)
		}
	}
	return list
}

// doubtful reports whether only a person can settle what a job has left behind.
func (v *verdict) doubtful(i *Instance, need Need) bool {
	t := v.Last.Time
	if _, open := v.whereabouts(i, t); open {
		return true
	}
	if unmade, _ := v.unmade(i, t); unmade {
		return need.Healthy()
	}
	return need.first() == stepF && v.halfCopy(i, t) != nil
}

// owing names the demand by which a repair is owed if that is a more special one: a
// move to a secondary in another group (P11), one after a replace-disks that left the
// old mirror whole (S15), and one beside a misspelt type (T10).
func (v *verdict) owing(c *Cluster, i *Instance, need Need, demand string) string {
	if PolicyOf(c, i).Misspelt != "" {
		return "T10"
	}
	moves := i.Secondary != "" && (need.first() == stepM || need.first() == stepF)
	if moves && c.Nodes[i.Primary].Group != c.Nodes[i.Secondary].Group {
		return "P11"
	}
	failed := false
	v.before(i, c.Time, func(_ *Job, op *Op) {
		failed = failed || op.ID == "OP_INSTANCE_REPLACE_DISKS" && op.Status != "success"
	})
	if moves && failed {
		return "S15"
	}
	return demand
}

// has reports whether there is a result with that outcome, and of that type if one is
// given.
func (r records) has(outcome, typ string) bool {
	for _, rec := range r.results {
		if rec.Outcome == outcome && (typ == "" || rec.Type == typ) {
			return true
		}
	}
	return false
}
