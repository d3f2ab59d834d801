//go:build cluster

package integration_test

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// people are what people do between two passes: one job for all of it, which does
// not fail, as nobody else changes what it changes.
type people struct {
	*chaos
	s   sight
	ops []vcluster.Opcode
}

func (p *people) tag(op, object string, words ...string) {
	kind, name := kindOf(object)
	var tags []string
	for _, word := range words {
		tags = append(tags, tagstore.Prefix+word)
	}
	o := vcluster.Opcode{"OP_ID": op, "kind": kind, "name": name, "tags": tags}
	if kind == "cluster" {
		o["name"] = nil
	}
	p.ops = append(p.ops, o)
	rest := p.s.tags[object][:0:0]
	for _, tag := range p.s.tags[object] {
		gone := false
		for _, t := range tags {
			gone = gone || t == tag
		}
		if !gone {
			rest = append(rest, tag)
		}
	}
	if op == "OP_TAGS_SET" {
		rest = append(rest, tags...)
	}
	p.s.tags[object] = rest
}

// words are the tags of an object that begin as told, without the prefix.
func (p *people) words(object, begin string) []string {
	var list []string
	for _, tag := range p.s.tags[object] {
		if word := strings.TrimPrefix(tag, tagstore.Prefix); strings.HasPrefix(word, begin) {
			list = append(list, word)
		}
	}
	return list
}

func (p *people) flag(node, flag string, value bool) {
	p.ops = append(p.ops, vcluster.Opcode{"OP_ID": "OP_NODE_SET_PARAMS", "node_name": node, "force": true, "auto_promote": true, flag: value})
}

func (p *people) do() {
	if len(p.ops) > 0 {
		_, err := p.RunJobs(p.ctx, p.ops)
		p.must(err)
	}
}

func (c *chaos) people() *people {
	s, err := c.look()
	c.must(err)
	return &people{chaos: c, s: s}
}

// begin gives every instance a policy, some by way of the cluster.
func (c *chaos) begin() {
	p := c.people()
	p.tag("OP_TAGS_SET", "cluster", tagstore.Reinstall.String())
	for _, name := range c.names {
		p.setPolicy(name)
	}
	p.do()
	c.observe()
}

// events are some things that people, machines or time do.
func (c *chaos) events() {
	p := c.people()
	var back []string
	for k := 1 + c.rng.Intn(3); k >= 0; k-- {
		name := c.names[c.rng.Intn(len(c.names))]
		above := []string{"group:default", "group:side", "cluster"}[c.rng.Intn(3)]
		switch c.rng.Intn(14) {
		case 0, 1, 2, 3:
			p.nodeFails()
		case 4, 5, 6:
			back = append(back, p.nodeReturns()...)
		case 7:
			p.setPolicy(name)
		case 8:
			p.setPolicy(above)
		case 9:
			p.suspendOrResume(name)
		case 10:
			p.suspendOrResume(above)
		case 11:
			p.acknowledge(name)
		case 12:
			p.ask(name)
		case 13:
			p.room()
		}
	}
	// Nothing else would happen for as long as everything is suspended.
	for _, object := range []string{"group:default", "group:side", "cluster"} {
		if len(p.words(object, "suspend")) > 0 && c.rng.Intn(3) == 0 {
			p.resume(object)
		}
	}
	p.do()
	c.watcherDuties(p.s, back)
	if c.rng.Intn(6) == 0 {
		c.giveUp(c.names[c.rng.Intn(len(c.names))])
	}
}

// nodeFails marks a good node, as long as enough are left in its group.
func (p *people) nodeFails() {
	var good []string
	bad := map[string]int{}
	for node, group := range p.groups {
		if p.s.bad[node] == "" {
			good = append(good, node)
		} else {
			bad[group]++
		}
	}
	sort.Strings(good)
	node := good[p.rng.Intn(len(good))]
	if bad[p.groups[node]] >= 2 || p.groups[node] == "side" && bad["side"] >= 1 {
		return
	}
	for _, op := range p.ops {
		if op["node_name"] == node {
			return // it has just returned, and has to be on for that to be told
		}
	}
	p.fails(node, []string{"offline", "drained"}[p.rng.Intn(2)])
}

func (p *people) fails(node, what string) {
	if what == "offline" {
		p.sim.PowerOff(node)
	}
	p.flag(node, what, true)
	p.s.bad[node] = what
}

// nodeReturns makes a bad node good, sometimes as a new machine. Nodes that are
// off and have the two halves of a mirror return together: which of these is the
// newer cannot be told as long as one of them is off. It returns those that were.
func (p *people) nodeReturns() []string {
	var nodes []string
	for node := range p.s.bad {
		nodes = append(nodes, node)
	}
	if len(nodes) == 0 {
		return nil
	}
	sort.Strings(nodes)
	node := nodes[p.rng.Intn(len(nodes))]
	if p.s.bad[node] == "drained" {
		p.flag(node, "drained", false)
		delete(p.s.bad, node)
		return nil
	}
	back, holds := []string{node}, false
	for _, name := range p.names {
		place := p.s.place[name]
		for k, other := range place {
			if other != node {
				continue
			}
			holds = true
			if len(place) > 1 && p.s.bad[place[1-k]] == "offline" && !contains(back, place[1-k]) {
				back = append(back, place[1-k])
			}
		}
	}
	for _, node := range back {
		if p.rng.Intn(2) == 0 && !holds {
			p.must(p.sim.Replace(node))
		} else {
			p.must(p.sim.PowerOn(node))
		}
		p.flag(node, "offline", false)
		delete(p.s.bad, node)
	}
	return back
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// watcherDuties is what ganeti-watcher does once nodes are back: it starts what
// should run there and lets mirrors catch up. These jobs may fail.
func (c *chaos) watcherDuties(s sight, back []string) {
	for _, node := range back {
		for _, name := range c.names {
			for k, on := range s.place[name] {
				if on != node {
					continue
				}
				op := vcluster.Opcode{"OP_ID": "OP_INSTANCE_ACTIVATE_DISKS", "instance_name": name}
				if k == 0 && !chaosDown[name] {
					op["OP_ID"] = "OP_INSTANCE_STARTUP"
				}
				ids, err := c.Submit(c.ctx, []vcluster.Opcode{op})
				c.must(err)
				_, err = c.WaitJob(c.ctx, ids[0])
				c.must(err)
			}
		}
	}
}

// setPolicy gives an object a random policy.
func (p *people) setPolicy(object string) {
	for _, typ := range []tagstore.Type{tagstore.FixStorage, tagstore.Migrate, tagstore.Failover, tagstore.Reinstall} {
		if old := p.words(object, typ.String()); len(old) > 0 {
			p.tag("OP_TAGS_DEL", object, old...)
		}
	}
	likely := []tagstore.Type{
		tagstore.None, tagstore.FixStorage, tagstore.Migrate, tagstore.Failover, tagstore.Failover,
		tagstore.Reinstall, tagstore.Reinstall, tagstore.Reinstall,
	}
	if typ := likely[p.rng.Intn(len(likely))]; typ != tagstore.None {
		p.tag("OP_TAGS_SET", object, typ.String())
	}
}

// suspendOrResume suspends for ever or for some seconds, or ends the former.
func (p *people) suspendOrResume(object string) {
	switch {
	case p.resume(object):
	case p.rng.Intn(2) == 0:
		p.tag("OP_TAGS_SET", object, "suspend")
	default:
		p.tag("OP_TAGS_SET", object, fmt.Sprintf("suspend:%d", time.Now().Unix()+int64(p.rng.Intn(20))))
	}
}

// resume ends what would last for ever; what ends by itself is the program's to
// remove (T4).
func (p *people) resume(object string) bool {
	for _, word := range p.words(object, "suspend") {
		if word == "suspend" {
			p.tag("OP_TAGS_DEL", object, word)
			return true
		}
	}
	return false
}

// acknowledge removes failures. Where a mirror may be half a copy, that is mended
// first, and the job that says so archived, as the program asks for.
func (p *people) acknowledge(name string) {
	var failures []string
	for _, r := range tagstore.Parse(luxi.TagInstance, p.s.tags[name]).Results {
		if r.Outcome == tagstore.Failure {
			failures = append(failures, strings.TrimPrefix(r.Tag, tagstore.Prefix))
		}
	}
	if len(failures) > 0 && p.mended(name) {
		p.tag("OP_TAGS_DEL", name, failures...)
	}
}

// mended makes an instance's mirror whole, if it may not be.
func (c *chaos) mended(name string) bool {
	half := c.halfCopies(name)
	if len(half) == 0 {
		return true
	}
	ids, err := c.Submit(c.ctx, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_ACTIVATE_DISKS", "instance_name": name, "wait_for_sync": true}})
	c.must(err)
	job, err := c.WaitJob(c.ctx, ids[0])
	c.must(err)
	if job.Status != "success" {
		return false
	}
	for _, id := range half {
		c.archiveJob(id)
	}
	return true
}

// halfCopies are the replace-disks jobs in the queue that may have left an instance
// half a copy: they got beyond their checks and did not succeed, and none has since.
func (c *chaos) halfCopies(name string) []luxi.JobID {
	jobs, err := c.luxi.ListJobs(c.ctx, luxi.Filter{"=[]", "summary", "INSTANCE_REPLACE_DISKS(" + name + ")"}, false)
	c.must(err)
	var half []luxi.JobID
	for _, job := range jobs {
		e := job.Ops[0].Result.Err
		switch {
		case job.Status == luxi.JobSuccess:
			half = nil
		case job.Status.Final() && (e == nil || e.Class != "OpPrereqError" && !strings.HasPrefix(e.Message, "Dependency ")):
			half = append(half, job.ID)
		}
	}
	return half
}

// ask asks for a repair by hand.
func (p *people) ask(name string) {
	p.hand++
	typ := tagstore.Type(1 + p.rng.Intn(3))
	p.tag("OP_TAGS_SET", name, fmt.Sprintf("pending:%s:hand%d:%d:", typ, p.hand, 1700000000+p.rng.Intn(1000)))
}

// giveUp removes the pending tags of an instance, which may be others by then, so
// that the job fails.
func (c *chaos) giveUp(name string) {
	p := c.people()
	if open := p.words(name, "pending:"); len(open) > 0 {
		p.tag("OP_TAGS_DEL", name, open...)
		ids, err := c.Submit(c.ctx, p.ops)
		c.must(err)
		_, err = c.WaitJob(c.ctx, ids[0])
		c.must(err)
	}
}

// room lets the memory of some nodes become scarce, or of all nodes ample.
func (p *people) room() {
	ample := p.rng.Intn(2) == 0
	for n := 0; n < 3 || ample && n < 8; n++ {
		node := []string{"n1", "n2", "n3", "n4", "n5", "m1", "m2", "m3"}[n]
		if ample {
			p.sim.SetMemory(node, chaosMemory)
		} else {
			p.sim.SetMemory([]string{"n4", "n5", "m3"}[n], chaosScarce)
		}
	}
}
