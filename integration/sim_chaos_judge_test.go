//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// quiesce lets everything come to rest: nothing dies any more, nothing is
// suspended.
func (c *chaos) quiesce() {
	c.jobsEnd()
	for _, name := range c.names {
		if len(c.tags(name).Suspends) > 0 {
			c.disallow(name, "suspend")
		}
	}
	c.observe()
	for n := 0; n < 12; n++ {
		c.passAnyhow()
		c.jobsEnd()
		if !c.anythingToDo() || c.stuck() {
			return
		}
	}
	c.t.Errorf("repairs are still open:\n%s", c.run(c.Master(), program, "status").stdout)
}

// stuck says whether all that is open is held for a reason that only people can
// change.
func (c *chaos) stuck() bool {
	for _, i := range c.status().Instances {
		open := i.State == "pending" || i.Reason == "ready" || i.Reason == "busy" || i.Reason == "unsettled"
		if open && !heldForGood[i.Reason] {
			return false
		}
	}
	return true
}

var heldForGood = map[string]bool{"no-repair": true, "no-room": true, "admin-offline": true, "no-target": true}

// judge compares what happened with what may happen.
func (c *chaos) judge() {
	types, tagged := c.tagsOfRepairs()
	begun := c.begun(0)
	total := 0
	for name, jobs := range begun {
		chains := map[string]int{}
		for k, job := range jobs {
			total++
			id := repairID(job)
			typ, known := types[id]
			r := c.roundOf(job.ID)
			if !known {
				c.t.Errorf("%s: job %d belongs to repair %q, of which no tag was ever written", name, job.ID, id)
				continue
			}
			if r.may[name].suspended {
				c.t.Errorf("%s: job %d (%s) was begun while suspended", name, job.ID, opcodes(job))
			}
			if need := stepType(job, r, name); !typ.Permits(need) {
				c.t.Errorf("%s: job %d (%s) takes %s, its repair is of type %s", name, job.ID, opcodes(job), need, typ)
			}
			if p := c.roundOf(tagged[id]).may[name]; !c.byHand[id] && !p.typ.Permits(typ) {
				c.t.Errorf("%s: repair %s of type %s began while %s was permitted", name, id, typ, p.typ)
			}
			if k > 0 && (jobs[k-1].Ended.IsZero() || jobs[k-1].Ended.After(job.Started)) {
				c.t.Errorf("%s: job %d began before job %d had ended", name, job.ID, jobs[k-1].ID)
			}
			if strings.HasPrefix(opcodes(job), "RECREATE") {
				if chains[id]++; chains[id] > 1 && !jobs[k-1].Started.IsZero() && !neverChanged(jobs[k-1]) {
					c.t.Errorf("%s: repair %s reinstalls a second time", name, id)
				}
				for _, node := range r.place[name] {
					if r.bad[node] != "offline" {
						c.t.Errorf("%s: job %d destroys its disks while node %s is %q", name, job.ID, node, r.bad[node])
					}
				}
			}
		}
	}
	c.t.Logf("%d repair jobs of %d repairs began", total, len(types))
	if total < len(c.rounds)/4 {
		c.t.Errorf("only %d repair jobs began in %d rounds", total, len(c.rounds))
	}
	c.nothingLeft()
}

// roundOf returns the round in which a job was submitted.
func (c *chaos) roundOf(id luxi.JobID) chaosRound {
	last := c.rounds[0]
	for _, r := range c.rounds {
		if r.first < id {
			last = r
		}
	}
	return last
}

// neverChanged says whether a chain ended in the checks of its first opcode.
func neverChanged(job luxi.JobInfo) bool {
	e := job.Ops[0].Result.Err
	return e != nil && e.Class == "OpPrereqError"
}

// repairID is the id of the repair in a job's reason trail.
func repairID(job luxi.JobInfo) string {
	for _, r := range job.Ops[0].Reason {
		if words := strings.Fields(r.Text); r.Source == "ganeti-autorepair" && len(words) > 1 && words[0] == "repair" {
			return words[1]
		}
	}
	return ""
}

// stepType is the type of repair that a job's step takes, by where its instance
// was.
func stepType(job luxi.JobInfo, r chaosRound, name string) tagstore.Type {
	switch job.Ops[0].ID {
	case "OP_INSTANCE_REPLACE_DISKS":
		return tagstore.FixStorage
	case "OP_INSTANCE_MIGRATE":
		return tagstore.Migrate
	case "OP_INSTANCE_FAILOVER":
		if r.bad[r.place[name][0]] == "drained" {
			return tagstore.Migrate
		}
		return tagstore.Failover
	}
	return tagstore.Reinstall
}

// tagsOfRepairs are the types of all repairs of which a pending tag was ever
// written, and the jobs that wrote the first, by id.
func (c *chaos) tagsOfRepairs() (map[string]tagstore.Type, map[string]luxi.JobID) {
	types, first := make(map[string]tagstore.Type), make(map[string]luxi.JobID)
	for _, job := range c.queue() {
		for _, op := range job.Ops {
			var tags []string
			if op.ID != "OP_TAGS_SET" || json.Unmarshal(op.Params["tags"], &tags) != nil {
				continue
			}
			for _, p := range tagstore.Parse(luxi.TagInstance, tags).Pendings {
				if _, known := types[p.ID]; !known {
					types[p.ID], first[p.ID] = p.Type, job.ID
				}
			}
		}
	}
	return types, first
}

// nothingLeft checks what is there at the end.
func (c *chaos) nothingLeft() {
	for _, job := range c.queue() {
		if !job.Status.Final() {
			c.t.Errorf("job %d (%v) was left %s", job.ID, job.Summary, job.Status)
		}
	}
	for _, i := range c.status().Instances {
		if i.State == "pending" && !heldForGood[i.Reason] {
			c.t.Errorf("%s is pending: %s", i.Instance, i.Reason)
		}
		tags := c.tags(i.Instance)
		ids := make(map[string]int)
		for _, p := range tags.Pendings {
			ids[p.ID]++
		}
		for _, r := range tags.Results {
			ids[r.ID]++
		}
		for id, n := range ids {
			if n != 1 {
				c.t.Errorf("%s has %d tags of repair %s", i.Instance, n, id)
			}
		}
	}
}

// maybe: after a killed job a mirror may be incomplete, and the next loss of
// the other half is more than a repair can mend.
func (c *chaos) maybe(incident string) bool {
	name, _, _ := strings.Cut(incident, " ")
	return c.killed[name] && !strings.Contains(incident, "runs on")
}
