//go:build cluster

package integration_test

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// tagOp is a change of tags that was carried out.
type tagOp struct {
	job         luxi.JobID
	began, done time.Time // it had its locks between the two
	ours        bool
	set         bool
	object      string
	tags        []string
}

// life is what the tags have told of a repair.
type life struct {
	instance string
	typ      tagstore.Type
	first    luxi.JobID // the job that wrote its first pending tag
	byHand   bool       // a person asked for it
	open     int        // pending tags
	results  int
	removed  bool // a person took its last pending tag away
}

// ledger is the history of all tags by what the jobs of the queue and its archive
// did to them, in the order in which they did it. Nothing in it is the program's
// own word.
type ledger struct {
	*chaos
	lives  map[string]*life
	tags   map[string]map[string]bool // by object
	named  map[luxi.JobID]time.Time   // when a pending tag that names a job had been written
	ops    []tagOp
	counts map[tagstore.Outcome]int
}

// tagOps reads them from the queue. luxid tells when an opcode had its locks.
func (c *chaos) tagOps() []tagOp {
	rows, err := c.Query(c.ctx, "job", []string{"id", "ops", "opstatus", "opexec", "opend", "archived"}, nil)
	c.must(err)
	var list []tagOp
	for _, row := range rows {
		var ops []struct {
			ID     string          `json:"OP_ID"`
			Kind   string          `json:"kind"`
			Name   string          `json:"name"`
			Tags   []string        `json:"tags"`
			Reason [][]interface{} `json:"reason"`
		}
		var status []string
		var began, done [][]int64
		c.must(unpackRow(row[1:], &ops, &status))
		id, err := strconv.ParseInt(strings.Trim(string(row[0]), `"`), 10, 64)
		c.must(err)
		if !strings.HasPrefix(ops[0].ID, "OP_TAGS_") {
			// People's jobs mix them with others.
			mixed := false
			for _, op := range ops {
				mixed = mixed || strings.HasPrefix(op.ID, "OP_TAGS_")
			}
			if !mixed {
				continue
			}
		}
		c.must(unpackRow(row[3:], &began, &done))
		for k, op := range ops {
			if status[k] != "success" || !strings.HasPrefix(op.ID, "OP_TAGS_") {
				continue
			}
			o := tagOp{job: luxi.JobID(id), set: op.ID == "OP_TAGS_SET", object: op.Name, tags: op.Tags}
			switch op.Kind {
			case "cluster":
				o.object = "cluster"
			case "nodegroup":
				o.object = "group:" + op.Name
			}
			for _, r := range op.Reason {
				o.ours = o.ours || len(r) > 0 && r[0] == "ganeti-autorepair"
			}
			o.began, o.done = stamp(began[k]), stamp(done[k])
			list = append(list, o)
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].began.Before(list[b].began) })
	return list
}

func stamp(pair []int64) time.Time {
	if len(pair) != 2 {
		return time.Time{}
	}
	return time.Unix(pair[0], pair[1]*1000).UTC()
}

// readLedger goes through the history of tags and tells what is wrong with it: a
// repair that lost its pending tag before it had a result, or came back after; a
// result or suspension that the program may not remove (T4, T6, T7, T9, S11).
func (c *chaos) readLedger() *ledger {
	l := &ledger{
		chaos: c, lives: map[string]*life{}, tags: map[string]map[string]bool{}, named: map[luxi.JobID]time.Time{},
		ops: c.tagOps(), counts: map[tagstore.Outcome]int{},
	}
	for _, op := range l.ops {
		have := l.tags[op.object]
		if have == nil {
			have = map[string]bool{}
			l.tags[op.object] = have
		}
		for _, tag := range op.tags {
			if op.set && !have[tag] {
				have[tag] = true
				l.added(op, tag)
			} else if !op.set && have[tag] {
				delete(have, tag)
				l.gone(op, tag)
			}
		}
	}
	return l
}

func (l *ledger) life(op tagOp, id string) *life {
	r := l.lives[id]
	if r == nil {
		r = &life{instance: op.object, first: op.job, byHand: !op.ours}
		l.lives[id] = r
	}
	return r
}

func (l *ledger) added(op tagOp, tag string) {
	if strings.HasPrefix(op.object, "group:") || op.object == "cluster" {
		return // policy alone
	}
	t := tagstore.Parse(luxi.TagInstance, []string{tag})
	for _, p := range t.Pendings {
		r := l.life(op, p.ID)
		if r.typ == tagstore.None {
			r.typ = p.Type
		}
		r.open++
		r.removed = false
		if r.results > 0 {
			l.wrong(op.object, "job %d made repair %s pending again, which had its result", op.job, p.ID)
		}
		for _, job := range p.Jobs {
			if l.named[job].IsZero() {
				l.named[job] = op.done
			}
		}
	}
	for _, res := range t.Results {
		r := l.life(op, res.ID)
		if r.results++; r.results > 1 {
			l.wrong(op.object, "job %d wrote a second result of repair %s", op.job, res.ID)
		}
		if r.typ == tagstore.None && res.Outcome != tagstore.Enoperm {
			l.wrong(op.object, "job %d wrote a result of repair %s, which never was pending", op.job, res.ID)
		}
		l.counts[res.Outcome]++
	}
}

func (l *ledger) gone(op tagOp, tag string) {
	t := tagstore.Parse(luxi.TagInstance, []string{tag})
	for _, p := range t.Pendings {
		r := l.lives[p.ID]
		if r.open--; r.open > 0 || r.results > 0 {
			continue
		}
		if r.removed = !op.ours; op.ours {
			l.wrong(op.object, "job %d removed the last pending tag of repair %s before it had a result", op.job, p.ID)
		}
	}
	if !op.ours {
		return
	}
	for _, res := range t.Results {
		if res.Outcome == tagstore.Failure {
			l.wrong(op.object, "job %d removed the failure of repair %s", op.job, res.ID)
		}
	}
	for _, s := range t.Suspends {
		if s.Forever() || s.Until > op.began.Unix() {
			l.wrong(op.object, "job %d removed the suspension %s at %d", op.job, tag, op.began.Unix())
		}
	}
	for _, e := range t.Enables {
		l.wrong(op.object, "job %d removed the policy %s", op.job, e.Tag)
	}
}

// ended requires that every repair that was ever pending has ended in a result,
// unless a person did away with it; and that the ledger and the configuration agree.
func (l *ledger) ended() {
	for id, r := range l.lives {
		if r.results == 0 && !r.removed {
			l.wrong(r.instance, "repair %s of type %s, pending since job %d, never had a result", id, r.typ, r.first)
		}
	}
	s, err := l.look()
	l.must(err)
	for object, tags := range s.tags {
		want := l.tags[object]
		for _, tag := range tags {
			if strings.HasPrefix(tag, tagstore.Prefix) && !want[tag] {
				l.wrong(object, "the queue does not tell where tag %s comes from", tag)
			}
		}
		if len(want) != len(tags) {
			l.wrong(object, "it has %d tags, by the queue it should have %d", len(tags), len(want))
		}
	}
}

// wrong notes that something is wrong with an object.
func (c *chaos) wrong(object, format string, args ...interface{}) {
	c.t.Helper()
	c.found[object] = true
	c.t.Errorf(object+": "+format, args...)
}

// history tells all that the queue holds of an instance.
func (c *chaos) history(name string) {
	var b strings.Builder
	for _, job := range c.queue() {
		for k, op := range job.Ops {
			about := op.Param("instance_name") == name || op.Param("name") == name
			if node := op.Param("node_name"); node != "" {
				about = true
			}
			if !about {
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
