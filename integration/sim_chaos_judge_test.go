//go:build cluster

package integration_test

import (
	"regexp"
	"strconv"
	"strings"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/tagstore"
)

// quiesce lets everything come to rest, in two acts. First nothing is suspended any
// more and there is room, and what is permitted has to be done; then all nodes
// return, and nothing may be left open.
func (c *chaos) quiesce() {
	c.jobsEnd()
	p := c.people()
	for object := range p.s.tags {
		if words := p.words(object, "suspend"); len(words) > 0 {
			p.tag("OP_TAGS_DEL", object, words...)
		}
	}
	p.do()
	for node := range c.groups {
		c.sim.SetMemory(node, chaosMemory)
	}
	c.untilQuiet()
	c.report(judge.Owed(c.history()))

	p = c.people()
	var back []string
	for node, what := range p.s.bad {
		if what == "offline" {
			c.must(c.sim.PowerOn(node))
			back = append(back, node)
		}
		p.flag(node, what, false)
	}
	p.do()
	c.watcherDuties(p.s, back)
	c.untilQuiet()
	// Behind a failure further repairs wait, and after it comes what it held up.
	for _, name := range c.names {
		p := c.people()
		if len(p.words(name, "pending:")) > 0 {
			p.acknowledge(name)
			p.do()
		}
	}
	c.untilQuiet()
}

// untilQuiet does passes until one submits nothing.
func (c *chaos) untilQuiet() {
	for n := 0; n < 15; n++ {
		before, err := c.newest()
		c.must(err)
		if r := c.pass(nil); r.code != 0 && !(r.code == 1 && onlyFailures(r.stderr)) {
			c.t.Errorf("an undisturbed pass ended with %d: %s", r.code, r.stderr)
		}
		c.jobsEnd()
		after, err := c.newest()
		c.must(err)
		if after == before {
			return
		}
	}
	c.t.Error("passes go on and on")
}

// onlyFailures reports whether all that a pass complains of are repairs that ended
// as failures: a node that comes back with its old volumes, say, cannot be given the
// same ones again. Whether they had to end so is for the judge.
func onlyFailures(stderr string) bool {
	for _, line := range strings.Split(stderr, "\n") {
		if strings.Contains(line, ": error: ") && !repairFailed.MatchString(line) {
			return false
		}
	}
	return repairFailed.MatchString(stderr)
}

var repairFailed = regexp.MustCompile(`: error: \S+: repair \S+ failed: `)

// report notes the findings that count.
func (c *chaos) report(found []judge.Finding) {
	for _, f := range found {
		if judge.Unmended[f.Demand] {
			c.t.Logf("known: %s", f)
			continue
		}
		object := "cluster"
		for _, name := range c.names {
			if strings.Contains(f.Text+" ", " "+name+" ") || strings.Contains(f.Text, " "+name+",") || strings.HasPrefix(f.Text, name+" ") {
				object = name
			}
		}
		c.wrong(object, "%s", f)
	}
}

// judge compares what happened with what may happen.
func (c *chaos) judge() {
	h := c.history()
	c.report(judge.Judge(h))
	began := 0
	for k := range h.Jobs {
		if j := &h.Jobs[k]; j.Kind() == "repair" && j.Began() {
			began++
		}
		if h.Jobs[k].Ended.IsZero() {
			c.t.Errorf("job %d was left %s", h.Jobs[k].ID, h.Jobs[k].Status)
		}
	}
	outcomes := make(map[string]int)
	for _, change := range h.Tags {
		if r, ok := judge.ReadRecord(change.Tag); ok && change.Added && r.Outcome != "" {
			outcomes[r.Outcome]++
		}
	}
	c.t.Logf("%d repair jobs began; results: %v", began, outcomes)
	if began < *chaosRounds/4 {
		c.t.Errorf("only %d repair jobs began in %d rounds", began, *chaosRounds)
	}
	for _, i := range h.Last.Instances {
		for _, tag := range i.Tags {
			if strings.HasPrefix(tag, judge.Prefix+"pending:") {
				c.wrong(i.Name, "all nodes are good, and it has the tag %s", tag)
			}
		}
	}
	for name := range c.found {
		c.tell(name)
	}
}

// wrong notes that something is wrong with an object.
func (c *chaos) wrong(object, format string, args ...interface{}) {
	c.t.Helper()
	c.found[object] = true
	c.t.Errorf(object+": "+format, args...)
}

// tell tells all that the queue holds of an instance.
func (c *chaos) tell(name string) {
	var b strings.Builder
	for _, job := range c.queue() {
		for k, op := range job.Ops {
			if op.Param("instance_name") != name && op.Param("name") != name && op.Param("node_name") == "" {
				continue
			}
			what := op.ID
			for _, key := range []string{"tags", "node_name", "offline", "drained", "remote_node", "target_node"} {
				if v := string(op.Params[key]); v != "" && v != "null" {
					what += " " + key + "=" + v
				}
			}
			b.WriteString(job.Started.Format("15:04:05.00 ") + strings.Join([]string{
				strconv.Itoa(int(job.ID)), strings.Join(ourWords(job), " "), string(op.Status), what}, " "))
			if e := job.Ops[k].Result.Err; e != nil {
				b.WriteString(": " + e.Message)
			}
			b.WriteString("\n")
		}
	}
	c.t.Logf("history of %s:\n%s", name, strings.ReplaceAll(b.String(), tagstore.Prefix, "..."))
}
