//go:build cluster

package integration_test

import (
	"regexp"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
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
	c.allDone()

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
		c.observe()
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

// allDone requires that every instance whose repair is permitted has been repaired,
// or has a result that says why not, by nothing but node flags, places and tags.
func (c *chaos) allDone() {
	s, err := c.look()
	c.must(err)
	for _, name := range c.names {
		t := tagstore.Parse(luxi.TagInstance, s.tags[name])
		may, _ := c.policy(s, name, time.Now())
		need, next := c.need(s, name)
		failed, told := false, false
		for _, r := range t.Results {
			failed = failed || r.Outcome == tagstore.Failure
			told = told || r.Outcome == tagstore.Enoperm && r.Type == need
		}
		switch {
		case failed: // a person is asked for, and all else waits (S11)
		case len(t.Pendings) == 0 && (s.healthy(name) || may == tagstore.None || next == nil):
		case next == nil && !s.healthy(name): // what was begun has no next step (S12, P9)
		case next["FAILOVER"] && len(c.halfCopies(name)) > 0: // held until somebody has looked
		case c.elsewhere(s, name): // its migration was killed, only people can tell where it belongs
		case len(t.Pendings) > 0:
			c.wrong(name, "%s is still pending, on %v with %v", t.Pendings[0].Tag, s.place[name], s.bad)
		case may.Permits(need):
			c.wrong(name, "not repaired, on %v with %v, which takes %s and has %s", s.place[name], s.bad, need, may)
		case !told:
			c.wrong(name, "no result tells that %s is not enough for %s", may, need)
		}
	}
}

// elsewhere says whether an instance runs, but not where the configuration has it.
func (c *chaos) elsewhere(s sight, name string) bool {
	on := c.sim.RunsOn(name)
	return len(on) > 0 && (len(on) > 1 || on[0] != s.place[name][0])
}

// judge compares what happened with what may happen.
func (c *chaos) judge() {
	l := c.readLedger()
	l.ended()
	total := 0
	for name, jobs := range c.begun(0) {
		total += len(jobs)
		for k, job := range jobs {
			c.judgeJob(l, name, job, jobs[:k])
		}
	}
	repairs := 0
	for _, r := range l.lives {
		if r.typ != tagstore.None {
			repairs++
		}
	}
	c.t.Logf("%d repairs, %d repair jobs began; results: %v", repairs, total, l.counts)
	if total < *chaosRounds/4 {
		c.t.Errorf("only %d repair jobs began in %d rounds", total, *chaosRounds)
	}
	for _, job := range c.queue() {
		if !job.Status.Final() {
			c.t.Errorf("job %d (%v) was left %s", job.ID, job.Summary, job.Status)
		}
	}
	s, err := c.look()
	c.must(err)
	for _, name := range c.names {
		for _, tag := range s.tags[name] {
			if strings.HasPrefix(tag, tagstore.Prefix+"pending:") {
				c.wrong(name, "all nodes are good, and it has the tag %s", tag)
			}
		}
	}
	for name := range c.found {
		c.history(name)
	}
}

// judgeJob judges a repair job that began, and those of its instance before it.
func (c *chaos) judgeJob(l *ledger, name string, job luxi.JobInfo, before []luxi.JobInfo) {
	id := repairID(job)
	r := l.lives[id]
	if r == nil || r.typ == tagstore.None {
		c.wrong(name, "job %d belongs to repair %q, of which no tag was ever written", job.ID, id)
		return
	}
	s := c.sightOf(job.ID)
	step := strings.Fields(opcodes(job))[0]
	if at := l.named[job.ID]; at.IsZero() || at.After(job.Started) {
		c.wrong(name, "job %d began at %v, the tag that names it was written at %v", job.ID, job.Started, at)
	}
	if _, suspended := c.policy(s, name, job.Received); suspended {
		c.wrong(name, "job %d (%s) was begun while suspended", job.ID, step)
	}
	if need := stepType(step, s.bad[s.place[name][0]]); !r.typ.Permits(need) {
		c.wrong(name, "job %d (%s) takes %s, its repair is of type %s", job.ID, step, need, r.typ)
	}
	if may, _ := c.policy(c.sightOf(r.first), name, job.Received); !r.byHand && !may.Permits(r.typ) {
		c.wrong(name, "repair %s of type %s began while %s was permitted", id, r.typ, may)
	}
	if _, next := c.need(s, name); !next[step] {
		c.wrong(name, "job %d (%s) was not needed on %v with %v", job.ID, step, s.place[name], s.bad)
	}
	if len(before) == 0 {
		return
	}
	last := before[len(before)-1]
	if last.Ended.IsZero() || last.Ended.After(job.Started) {
		c.wrong(name, "job %d began before job %d had ended", job.ID, last.ID)
	}
	c.judgeRepeat(s, name, job, before)
}

// judgeRepeat wants a reason for a step that its repair has taken before: after a
// success, that a node has been marked since, or the instance has changed sides; and
// a reinstallation that got beyond its checks is never repeated without that.
func (c *chaos) judgeRepeat(s sight, name string, job luxi.JobInfo, before []luxi.JobInfo) {
	step := strings.Fields(opcodes(job))[0]
	moved := false
	for k := len(before) - 1; k >= 0; k-- {
		earlier := before[k]
		if repairID(earlier) != repairID(job) {
			continue
		}
		if was := strings.Fields(opcodes(earlier))[0]; was != step {
			moved = moved || was == "MIGRATE" || was == "FAILOVER"
			continue
		}
		if earlier.Status != luxi.JobSuccess && (step != "RECREATE_DISKS" || neverChanged(earlier)) {
			continue
		}
		anew := moved && step == "REPLACE_DISKS"
		for _, node := range s.place[name] {
			anew = anew || s.bad[node] != "" && s.fell[node] >= earlier.ID
		}
		if !anew {
			c.wrong(name, "job %d of repair %s does again what job %d (%s) has done", job.ID, repairID(job), earlier.ID, step)
		}
		return
	}
}

// neverChanged says whether a chain ended in the checks of its first opcode.
func neverChanged(job luxi.JobInfo) bool {
	e := job.Ops[0].Result.Err
	return e != nil && e.Class == "OpPrereqError"
}

// repairID is the id of the repair in a job's reason trail.
func repairID(job luxi.JobInfo) string {
	if words := ourWords(job); len(words) > 1 && words[0] == "repair" {
		return words[1]
	}
	return ""
}

// stepType is the type of repair that a step takes where the primary node is in
// that condition.
func stepType(step, primary string) tagstore.Type {
	switch step {
	case "REPLACE_DISKS":
		return tagstore.FixStorage
	case "MIGRATE":
		return tagstore.Migrate
	case "FAILOVER":
		if primary == "drained" {
			return tagstore.Migrate
		}
		return tagstore.Failover
	}
	return tagstore.Reinstall
}
