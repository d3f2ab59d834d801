package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var start = time.Unix(1700000000, 0).UTC()

// The tale of one repair, of which each test changes something: web lives on n2,
// which is offline, and is failed over to n3 by job 12, which gate 11 holds.
type tale struct {
	*History
	passBegins, released, begins, passEnds int // moments
}

const (
	pendingTag = Prefix + "pending:failover:own1:1700000000:12"
	successTag = Prefix + "result:failover:own1:1700000300:success:12"
	failureTag = Prefix + "result:failover:own1:1700000300:failure:12"
)

func newTale() *tale {
	web := &Instance{
		Name: "web", UUID: "web-uuid", Template: "rbd", Admin: "up", Primary: "n2", Status: "",
		Truth: true, Whole: []string{"n1", "n2", "n3", "n4"}, Generation: 1,
	}
	first := &Cluster{
		Time: start, Clock: start, Tags: []string{Prefix + "failover"}, Groups: map[string][]string{"g": nil}, Instances: []*Instance{web},
		Nodes:    map[string]Node{"n1": {Group: "g"}, "n2": {Group: "g", Offline: true, Dead: true}, "n3": {Group: "g"}, "n4": {Group: "g"}},
		Settings: Settings{MaxAttempts: 3, Interval: 15 * time.Minute},
	}
	named := first.copy(1)
	named.Instances[0].Tags = []string{pendingTag}
	last := named.copy(300)
	last.Instances[0].Primary, last.Instances[0].RunsOn, last.Instances[0].Status = "n3", []string{"n3"}, "running"
	last.Instances[0].Tags = []string{successTag}
	h := &History{
		First: first, Last: last, Own: func(id string) bool { return strings.Contains(id, "own") },
		Moments: []Moment{
			{Kind: PassBegins, Cluster: first},
			{Kind: Released, Job: 12, Cluster: named},
			{Kind: PassEnds, Cluster: named.copy(2)},
			{Kind: Begins, Job: 12, Cluster: named.copy(3)},
		},
		Tags: []Change{
			{Time: start.Add(time.Second), Object: "web", Tag: pendingTag, Added: true, Ours: true},
			{Time: start.Add(300 * time.Second), Object: "web", Tag: successTag, Added: true, Ours: true},
			{Time: start.Add(300 * time.Second), Object: "web", Tag: pendingTag, Ours: true},
		},
		Jobs: []Job{
			{ID: 11, Status: "canceled", Received: start, Ended: start, Ops: []Op{{ID: "OP_TEST_DELAY", Status: "canceled", Reason: ours("gate own1 failover")}}},
			repairJob(12, "own1", "OP_INSTANCE_FAILOVER", 3, 13, map[string]any{"target_node": "n3"}),
		},
	}
	return &tale{h, 0, 1, 3, 2}
}

func ours(text string) [][2]string {
	return [][2]string{{"gnt:opcode", "job=12;index=0"}, {source, text}}
}

// repairJob is a job of a repair, which begins and ends at those seconds.
func repairJob(id int64, repair, op string, begins, ends int, params map[string]any) Job {
	p := map[string]any{"instance_name": "web", "instance_uuid": "web-uuid"}
	for k, v := range params {
		p[k] = v
	}
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	return Job{
		ID: id, Status: "success", Received: start, Ended: at(ends),
		Ops: []Op{{ID: op, Status: "success", Began: at(begins), Ended: at(ends), Params: p, Reason: ours("repair " + repair + " step")}},
	}
}

// copy is the cluster at a later second.
func (c *Cluster) copy(second int) *Cluster {
	d := *c
	d.Time = start.Add(time.Duration(second) * time.Second)
	d.Clock = d.Time
	d.Nodes = make(map[string]Node)
	for name, n := range c.Nodes {
		d.Nodes[name] = n
	}
	d.Instances = nil
	for _, i := range c.Instances {
		j := *i
		d.Instances = append(d.Instances, &j)
	}
	return &d
}

// from changes the clusters of the moments from k on.
func (t *tale) from(k int, change func(c *Cluster, web *Instance)) {
	for ; k < len(t.Moments); k++ {
		c := t.Moments[k].Cluster.copy(int(t.Moments[k].Cluster.Time.Sub(start).Seconds()))
		t.Moments[k].Cluster = c
		change(c, c.Instances[0])
	}
}

func (t *tale) online(k int) {
	t.from(k, func(c *Cluster, _ *Instance) { c.Nodes["n2"] = Node{Group: "g"} })
}

// wait puts a pass that nothing disturbs, and that sees the world as it then is,
// between the release and the beginning, which is a quarter of an hour later.
func (t *tale) wait(change func(c *Cluster, web *Instance)) {
	t.from(t.begins, func(c *Cluster, _ *Instance) {
		c.Time = start.Add(15 * time.Minute)
		c.Clock = c.Time
	})
	then := t.Moments[t.begins]
	between := t.Moments[t.passEnds].Cluster.copy(600)
	t.Moments = append(t.Moments[:t.begins:t.begins], Moment{Kind: PassBegins, Cluster: between}, Moment{Kind: PassEnds, Cluster: between.copy(601)}, then)
	t.from(t.begins, change)
	t.begins += 2
	op := &t.Jobs[1].Ops[0]
	op.Began, op.Ended, t.Jobs[1].Ended = start.Add(15*time.Minute), start.Add(16*time.Minute), start.Add(16*time.Minute)
	for k := 1; k < len(t.Tags); k++ {
		t.Tags[k].Time = start.Add(17 * time.Minute)
	}
}

// chain makes the job a reinstallation of a plain instance.
func (t *tale) chain() {
	local := func(c *Cluster, web *Instance) {
		web.Template, web.Whole, web.Tags = "plain", []string{"n2"}, swap(web.Tags, "pending:failover", "pending:reinstall")
		c.Tags = []string{Prefix + "reinstall"}
	}
	t.from(0, local)
	for k := range t.Tags {
		t.Tags[k].Tag = strings.Replace(t.Tags[k].Tag, ":failover:", ":reinstall:", 1)
	}
	first := t.Jobs[1].Ops[0]
	first.ID = "OP_INSTANCE_RECREATE_DISKS"
	first.Params = map[string]any{"instance_name": "web", "instance_uuid": "web-uuid", "nodes": []any{"n3"}}
	t.Jobs[1].Ops = nil
	for _, id := range []string{"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_STARTUP"} {
		op := first
		op.ID = id
		t.Jobs[1].Ops = append(t.Jobs[1].Ops, op)
	}
	last := t.Last.Instances[0]
	last.Template, last.Generation, last.Tags = "plain", 3, []string{strings.Replace(successTag, ":failover:", ":reinstall:", 1)}
}

func swap(tags []string, old, new string) []string {
	var list []string
	for _, tag := range tags {
		list = append(list, strings.Replace(tag, old, new, 1))
	}
	return list
}

// fails has the job end with an error, and the repair as a failure.
func (t *tale) fails(class, message, code string) {
	t.Jobs[1].Status = "error"
	op := &t.Jobs[1].Ops[0]
	op.Status, op.Class, op.Message, op.Code = "error", class, message, code
	t.Tags[1].Tag = failureTag
}

// drbd makes web a mirrored instance on the good node n2 and n3.
func (t *tale) drbd(change func(c *Cluster, web *Instance)) {
	t.from(0, func(c *Cluster, web *Instance) {
		web.Template, web.Secondary, web.Whole = "drbd", "n3", []string{"n2", "n3"}
		change(c, web)
	})
	delete(t.Jobs[1].Ops[0].Params, "target_node")
}

func drained(c *Cluster, web *Instance) {
	c.Nodes["n2"] = Node{Group: "g", Drained: true}
	web.Admin, web.Status = "down", "ADMIN_down"
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *tale)
		want   string // the demands of all findings
	}{
		{"nothing is wrong", func(*tale) {}, ""},
		{"P11: another instance of that name", func(t *tale) { t.from(1, func(_ *Cluster, web *Instance) { web.UUID = "new" }) }, "P11"},
		{"S2: suspended at the release", func(t *tale) {
			t.from(t.released, func(c *Cluster, _ *Instance) { c.Tags = append(c.Tags, Prefix+"suspend") })
		}, "S2"},
		{"S2: suspended after the release", func(t *tale) {
			t.wait(func(c *Cluster, _ *Instance) { c.Tags = append(c.Tags, Prefix+"suspend") })
		}, ""},
		{"T4: the suspension has ended", func(t *tale) {
			t.from(t.released, func(c *Cluster, _ *Instance) { c.Tags = append(c.Tags, Prefix+"suspend:1700000000") })
		}, ""},
		{"S11: beside a failure", func(t *tale) {
			t.from(t.released, func(_ *Cluster, web *Instance) { web.Tags = append(web.Tags, Prefix+"result:migrate:x:5:failure:") })
		}, "S11"},
		{"T10: beside what nobody can read", func(t *tale) {
			t.from(t.released, func(_ *Cluster, web *Instance) { web.Tags = append(web.Tags, Prefix+"pending:migrate:x") })
		}, "T10"},
		{"T10: the type on the instance is misspelt", func(t *tale) {
			t.from(t.released, func(_ *Cluster, web *Instance) { web.Tags = append(web.Tags, Prefix+"Failover") })
		}, "T10"},
		{"T10: a misspelt suspension", func(t *tale) {
			t.from(t.released, func(_ *Cluster, web *Instance) { web.Tags = append(web.Tags, Prefix+"Suspended") })
		}, "S2"},
		{"C1: no tag names the job", func(t *tale) { t.from(t.released, func(_ *Cluster, web *Instance) { web.Tags = nil }) }, "C1"},
		{"T1: the type is too weak", func(t *tale) {
			t.from(t.released, func(_ *Cluster, web *Instance) { web.Tags = swap(web.Tags, "failover", "migrate") })
		}, "T1"},
		{"P22: the policy is withdrawn at the release", func(t *tale) { t.from(t.released, func(c *Cluster, _ *Instance) { c.Tags = nil }) }, "P22"},
		{"P22: it was asked for", func(t *tale) {
			t.Own = func(string) bool { return false }
			t.from(t.released, func(c *Cluster, _ *Instance) { c.Tags = nil })
		}, ""},
		{"P12: released without need", func(t *tale) { t.online(t.released) }, "P12"},
		{"P15: begins without need, but no pass has seen that", func(t *tale) { t.online(t.begins) }, ""},
		{"P15: begins without need after a whole pass", func(t *tale) {
			t.wait(func(c *Cluster, _ *Instance) { c.Nodes["n2"] = Node{Group: "g"} })
		}, "P15"},
		{"P15: the pass was disturbed", func(t *tale) {
			t.wait(func(c *Cluster, _ *Instance) { c.Nodes["n2"] = Node{Group: "g"} })
			t.Moments[t.begins-1].Kind = PassFails
		}, ""},
		{"P15: the pass has told it to end, in vain", func(t *tale) {
			t.wait(func(c *Cluster, _ *Instance) { c.Nodes["n2"] = Node{Group: "g"} })
			between := t.Moments[t.begins-1]
			t.Moments[t.begins-1] = Moment{Kind: TakenBack, Job: 12, Cluster: between.Cluster}
			t.Moments = append(t.Moments[:t.begins:t.begins], between, t.Moments[t.begins])
		}, ""},
		{"P15: its target is lost, and a whole pass leaves it", func(t *tale) {
			t.wait(func(c *Cluster, _ *Instance) { c.Nodes["n3"] = Node{Group: "g", Offline: true} })
		}, "P15"},
		{"P15: its tag is removed, and a whole pass leaves it", func(t *tale) {
			t.wait(func(_ *Cluster, web *Instance) { web.Tags = nil })
		}, "P15"},
		{"P22: the policy is withdrawn, and a whole pass leaves it", func(t *tale) {
			t.wait(func(c *Cluster, _ *Instance) { c.Tags = nil })
		}, "P22"},
		{"P15: cut after it began", func(t *tale) {
			t.Moments = append(t.Moments, Moment{Kind: TakenBack, Job: 12, Cluster: t.Moments[t.begins].Cluster})
			t.fails("", "", "")
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Status = "canceled", "canceled"
		}, "P15"},
		{"P15: taken back although all is as it was", func(t *tale) {
			t.Moments[t.begins].Kind = TakenBack
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Status, t.Jobs[1].Ops[0].Began = "canceled", "canceled", time.Time{}
			t.Tags = t.Tags[:1]
		}, "P15"},
		{"P15: taken back as its need is gone", func(t *tale) {
			t.Moments[t.begins].Kind = TakenBack
			t.online(t.begins)
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Status, t.Jobs[1].Ops[0].Began = "canceled", "canceled", time.Time{}
			t.Tags = t.Tags[:1]
		}, ""},
		{"C7: begins unreleased", func(t *tale) { t.Moments[t.released].Kind = "" }, "C7"},
		{"C7: a filter rejects it", func(t *tale) {
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Status, t.Jobs[1].Ops[0].Began = "canceled", "canceled", time.Time{}
			t.Moments, t.Tags = t.Moments[:t.released], t.Tags[:1]
		}, "C7"},
		{"a chain", func(t *tale) { t.chain() }, ""},
		{"P16: a chain destroys what an online node holds", func(t *tale) {
			t.chain()
			t.Moments[t.begins].Cluster = t.Moments[t.begins].Cluster.copy(60)
			t.online(t.begins)
		}, "P16"},
		{"P16: the node comes back in the instant between", func(t *tale) { t.chain(); t.online(t.begins) }, ""},
		{"P16: data is destroyed", func(t *tale) {
			t.online(t.begins)
			t.Incidents = []Incident{{Destroyed, "web-uuid", 12, "gone"}}
			t.Jobs[1].Ops[0].Began = start.Add(time.Minute)
			t.Jobs[1].Ended = start.Add(time.Minute)
		}, "P16"},
		{"P16: only what a node has that it had left", func(t *tale) {
			t.Incidents = []Incident{{Destroyed, "web-uuid", 12, "gone"}}
			t.Jobs[1].Ops[0].Began = start.Add(time.Minute)
			t.Jobs[1].Ended = start.Add(time.Minute)
		}, ""},
		{"P16: data is destroyed by somebody's job", func(t *tale) { t.Incidents = []Incident{{Destroyed, "web-uuid", 4, "gone"}} }, ""},
		{"P19: started from a stale copy", func(t *tale) { t.Incidents = []Incident{{StaleCopy, "web-uuid", 12, "old"}} }, "P19"},
		{"P16: the limit of a chain is reached", func(t *tale) {
			t.chain()
			limit := [2]string{source, "rate-limit:1:x"}
			t.Jobs[1].Ops[0].Reason = append(t.Jobs[1].Ops[0].Reason, limit)
			other := repairJob(9, "own0", "OP_INSTANCE_FAILOVER", 0, 90, map[string]any{"instance_uuid": "db", "instance_name": "db"})
			other.Ops[0].Reason = append(other.Ops[0].Reason, limit)
			t.Jobs = append([]Job{other}, t.Jobs...)
			t.Moments = append([]Moment{{Kind: Released, Job: 9, Cluster: t.First}}, t.Moments...)
			t.First.Instances = append(t.First.Instances, &Instance{UUID: "db", Name: "db", Primary: "n2", Template: "rbd", Tags: []string{Prefix + "pending:failover:own0:1:9"}})
		}, "P16"},
		{"P16: somebody's job has the instance", func(t *tale) {
			t.chain()
			t.Jobs = append(t.Jobs, Job{ID: 13, Received: start, Ops: []Op{{ID: "OP_INSTANCE_MODIFY", Params: map[string]any{"instance_name": "web"}}}})
		}, "P16"},
		{"P16: somebody's job has the node", func(t *tale) {
			t.chain()
			t.Jobs = append(t.Jobs, Job{ID: 13, Received: start, Ops: []Op{{ID: "OP_NODE_SET_PARAMS", Params: map[string]any{"node_name": "n3"}}}})
		}, "P16"},
		{"P16: a job that only looks", func(t *tale) {
			t.chain()
			t.Jobs = append(t.Jobs, Job{ID: 13, Received: start, Ops: []Op{{ID: "OP_NODE_QUERY_STORAGE", Params: map[string]any{"nodes": []any{"n3"}}}}})
		}, ""},
		{"V5: the fence fails", func(t *tale) {
			t.from(0, func(c *Cluster, _ *Instance) { c.Settings.RefusedByFence = map[string]bool{"n2": true} })
		}, "V5"},
		{"a node that somebody vouches for", func(t *tale) {
			t.from(0, func(c *Cluster, _ *Instance) {
				c.Settings.RefusedByFence = map[string]bool{"n2": true}
				n := c.Nodes["n2"]
				n.Tags, n.Changed = []string{fmt.Sprintf("%sfenced:%d", Prefix, start.Unix()-120)}, start.Add(-time.Minute)
				c.Nodes["n2"] = n
			})
		}, ""},
		{"V5: a node that was changed since somebody vouched for it", func(t *tale) {
			t.from(0, func(c *Cluster, _ *Instance) {
				c.Settings.RefusedByFence = map[string]bool{"n2": true}
				n := c.Nodes["n2"]
				n.Tags, n.Changed = []string{fmt.Sprintf("%sfenced:%d", Prefix, start.Unix()-120)}, start.Add(-59*time.Second)
				c.Nodes["n2"] = n
			})
		}, "V5"},
		{"P11: the target is drained", func(t *tale) {
			t.from(t.released, func(c *Cluster, _ *Instance) { c.Nodes["n3"] = Node{Group: "g", Drained: true} })
		}, "P11"},
		{"P11: an opcode without UUID", func(t *tale) {
			t.Jobs[1].Ops = append(t.Jobs[1].Ops, Op{ID: "OP_INSTANCE_STARTUP", Began: start, Params: map[string]any{"instance_name": "web"}})
		}, "P11"},
		{"P11: inconsistent disks are ignored", func(t *tale) { t.Jobs[1].Ops[0].Params["ignore_consistency"] = true }, "P11"},
		{"P18: a migration may change memory", func(t *tale) { t.migrates(); delete(t.Jobs[1].Ops[0].Params, "allow_runtime_changes") }, "P18"},
		{"a migration", func(t *tale) { t.migrates() }, ""},
		{"P18: be/always_failover under the type migrate", func(t *tale) {
			t.migrates()
			t.from(0, func(_ *Cluster, web *Instance) { web.NoMigration = true })
		}, "P18 P22"},
		{"a failover of a stopped mirrored instance", func(t *tale) {
			t.drbd(drained)
			t.Jobs[1].Ops = append([]Op{{ID: "OP_INSTANCE_ACTIVATE_DISKS", Status: "success", Began: start, Ended: start, Params: t.Jobs[1].Ops[0].Params}}, t.Jobs[1].Ops...)
			t.Moments[t.begins].Op = 1
		}, ""},
		{"P19: to a copy that lacks writes", func(t *tale) {
			t.drbd(func(c *Cluster, web *Instance) { drained(c, web); web.Whole = []string{"n2"} })
		}, "P19"},
		{"S15: to half a copy", func(t *tale) {
			t.drbd(func(*Cluster, *Instance) {})
			t.halfCopy("n3")
		}, "S15"},
		{"S15: a mirror that was lost is reinstalled", func(t *tale) {
			t.drbd(func(*Cluster, *Instance) {})
			t.halfCopy("n3")
			made := repairJob(6, "", "OP_INSTANCE_RECREATE_DISKS", 0, 0, nil)
			made.Ops[0].Reason = nil
			t.Jobs = append([]Job{t.Jobs[0], made}, t.Jobs[1:]...)
		}, ""},
		{"P19: what an offline node alone has is given up", func(t *tale) {
			t.drbd(func(_ *Cluster, web *Instance) { web.Whole = []string{"n2"} })
			t.Last.Instances[0].Generation = 2
		}, ""},
		{"S15: another node holds half a copy", func(t *tale) {
			t.drbd(func(*Cluster, *Instance) {})
			t.halfCopy("n4")
		}, ""},
		{"S16: it may run on another node", func(t *tale) { t.lostMigration("n4") }, "S16 S16"},
		{"S16: it may run on that very node", func(t *tale) { t.lostMigration("n3") }, ""},
		{"S16: it runs twice", func(t *tale) {
			t.Incidents = []Incident{{RunsTwice, "web-uuid", 12, "twice"}}
			t.from(0, func(_ *Cluster, web *Instance) { web.RunsOn = []string{"n4"} })
		}, "S16"},
		{"S16: it runs twice, as somebody started it meanwhile", func(t *tale) { t.Incidents = []Incident{{RunsTwice, "web-uuid", 12, "twice"}} }, ""},
		{"S16: it runs twice, as it ran on a node marked offline", func(t *tale) {
			t.Incidents = []Incident{{RunsTwice, "web-uuid", 12, "twice"}}
			t.from(0, func(_ *Cluster, web *Instance) { web.RunsOn = []string{"n2"} })
		}, ""},
		{"C2: two at a time", func(t *tale) {
			t.Jobs = append([]Job{repairJob(9, "own0", "OP_INSTANCE_FAILOVER", 1, 90, nil)}, t.Jobs...)
			t.Moments = append(t.Moments, t.Moments[t.begins])
			t.Moments[t.begins] = Moment{Kind: Begins, Job: 9, Cluster: t.Moments[t.passEnds].Cluster}
		}, "C7 C2"},
		{"S7: tried too often", func(t *tale) {
			var earlier []Job
			for k := 0; k < 3; k++ {
				j := repairJob(int64(k+1), "own1", "OP_INSTANCE_FAILOVER", 0, 1, nil)
				j.Status, j.Ops[0].Status, j.Ops[0].Class = "error", "error", "OpExecError"
				earlier = append(earlier, j)
			}
			t.Jobs = append(earlier, t.Jobs...)
		}, "S7"},
		{"P10: the node lacks the OS", func(t *tale) {
			t.chain()
			t.from(0, func(c *Cluster, web *Instance) {
				web.OS = "debian"
				c.Nodes["n3"] = Node{Group: "g", OSes: []string{"other"}}
			})
		}, "P10"},
		{"P10: excluded by a tag", func(t *tale) {
			t.chain()
			t.from(0, func(c *Cluster, web *Instance) {
				c.Tags = append(c.Tags, "htools:iextags:service")
				web.Tags = append(web.Tags, "service:web")
				c.Instances = append(c.Instances, &Instance{UUID: "x", Name: "x", Primary: "n3", Tags: []string{"service:web"}})
			})
		}, "P10"},
		{"P19: Ganeti compares active disks", func(t *tale) {
			t.drbd(func(c *Cluster, web *Instance) { drained(c, web); web.Whole = []string{"n2"}; web.DisksActive = true })
		}, ""},
		{"S7: a chain again", func(t *tale) {
			t.chain()
			j := t.Jobs[1]
			j.ID, j.Status, j.Ops = 9, "error", append([]Op(nil), j.Ops...)
			for k := range j.Ops {
				j.Ops[k].Began, j.Ops[k].Ended = start, start
			}
			j.Ended = start
			j.Ops[2].Status, j.Ops[2].Class = "error", "OpExecError"
			t.Jobs = append([]Job{j}, t.Jobs...)
		}, "S7"},
		{"S7: a failure", func(t *tale) { t.fails("OpExecError", "broken", "") }, ""},
		{"S7: a failure without one", func(t *tale) { t.Tags[1].Tag = failureTag }, "S7"},
		{"S13: refused once", func(t *tale) { t.fails("OpPrereqError", "no", "wrong_state") }, "S13"},
		{"S13: refused as often as may be", func(t *tale) {
			t.fails("OpPrereqError", "no", "wrong_state")
			t.from(0, func(c *Cluster, _ *Instance) { c.Settings.MaxAttempts = 1 })
		}, ""},
		{"S13: canceled before it began", func(t *tale) {
			t.fails("", "", "")
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Status, t.Jobs[1].Ops[0].Began = "canceled", "canceled", time.Time{}
			t.Moments[t.begins].Kind = Canceled
		}, "S13 S13"},
		{"S13: tried again at once after a person has canceled it", func(t *tale) {
			earlier := repairJob(9, "own1", "OP_INSTANCE_FAILOVER", 0, 0, nil)
			earlier.Status, earlier.Ops[0].Status, earlier.Ops[0].Began = "canceled", "canceled", time.Time{}
			t.Jobs = append([]Job{earlier}, t.Jobs...)
			then := t.First.copy(0)
			then.Instances[0].Tags = []string{Prefix + "pending:failover:own1:1700000000:9"}
			t.Moments = append([]Moment{{Kind: Canceled, Job: 9, Cluster: then}}, t.Moments...)
		}, "S13"},
		{"S13: tried again after a person has canceled what no tag names", func(t *tale) {
			earlier := repairJob(9, "own1", "OP_INSTANCE_FAILOVER", 0, 0, nil)
			earlier.Status, earlier.Ops[0].Status, earlier.Ops[0].Began = "canceled", "canceled", time.Time{}
			t.Jobs = append([]Job{earlier}, t.Jobs...)
			t.Moments = append([]Moment{{Kind: Canceled, Job: 9, Cluster: t.First}}, t.Moments...)
		}, ""},
		{"S7: canceled after it began", func(t *tale) {
			t.fails("", "", "")
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Status = "canceled", "canceled"
		}, ""},
		{"S7: an unknown job", func(t *tale) { t.Tags[1].Tag = failureTag; t.Jobs[1].Purged = true }, ""},
		{"S14: a number above all jobs", func(t *tale) {
			t.Tags[0].Tag = strings.Replace(pendingTag, ":12", ":77", 1)
			t.Tags[1].Tag, t.Tags[2].Tag = failureTag, t.Tags[0].Tag
			t.Tags[1].Tag = strings.Replace(failureTag, ":12", ":", 1)
		}, "S14"},
		{"S14: a job of another instance", func(t *tale) {
			t.fails("OpExecError", "broken", "")
			op := &t.Jobs[1].Ops[0]
			op.Params["instance_name"], op.Params["instance_uuid"] = "db", "db-uuid"
			t.Moments = t.Moments[:t.released]
		}, "S14 S14"},
		{"S18: success without a system", func(t *tale) {
			t.chain()
			t.Jobs[1].Status = "error"
			t.Jobs[1].Ops[2].Status, t.Jobs[1].Ops[2].Class = "error", "OpExecError"
		}, "S18"},
		{"S18: a later chain does not start what was up", func(t *tale) {
			t.chain()
			earlier := t.Jobs[1]
			earlier.ID, earlier.Status, earlier.Ended = 9, "error", start
			earlier.Ops = append([]Op(nil), earlier.Ops...)
			for k := range earlier.Ops {
				earlier.Ops[k].Began, earlier.Ops[k].Ended, earlier.Ops[k].Reason = start, start, ours("repair own0 reinstall")
			}
			earlier.Ops[2].Status, earlier.Ops[2].Class, earlier.Ops[3].Status = "error", "OpExecError", "error"
			t.Jobs[1].Ops = t.Jobs[1].Ops[:3]
			t.Jobs = append([]Job{earlier}, t.Jobs...)
		}, "S18"},
		{"S1: no result", func(t *tale) { t.Tags = append(t.Tags[:1:1], t.Tags[2]) }, "S1"},
		{"P22: taken back without a result", func(t *tale) {
			t.Tags = append(t.Tags[:1:1], t.Tags[2])
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Began = "error", time.Time{}
			t.Moments = append(t.Moments[:t.begins:t.begins], Moment{Kind: PassBegins, Cluster: t.Moments[t.passEnds].Cluster})
		}, "P22"},
		{"P22: let go by the pass that began it", func(t *tale) {
			t.Tags = append(t.Tags[:1:1], t.Tags[2])
			t.Jobs[1].Status, t.Jobs[1].Ops[0].Began = "error", time.Time{}
			t.Moments = t.Moments[:t.begins]
		}, ""},
		{"T6: pending again after the result", func(t *tale) { t.Tags = append(t.Tags, t.Tags[0]) }, "T6"},
		{"T7: a second result", func(t *tale) {
			t.Tags = append(t.Tags, Change{Time: t.Tags[1].Time, Object: "web", Tag: strings.Replace(successTag, "300:", "301:", 1), Added: true, Ours: true})
		}, "T7"},
		{"S11: a failure is removed", func(t *tale) {
			t.Tags = append(t.Tags, Change{Object: "web", Tag: Prefix + "result:migrate:x:5:failure:", Ours: true})
		}, "S11"},
		{"T4: a policy is removed", func(t *tale) {
			t.Tags = append(t.Tags, Change{Object: "cluster", Tag: Prefix + "failover", Ours: true})
		}, "T4"},
		{"T4: by a person", func(t *tale) { t.Tags = append(t.Tags, Change{Object: "cluster", Tag: Prefix + "failover"}) }, ""},
		{"S15: data is replaced", func(t *tale) { t.Last.Instances[0].Generation = 2 }, "S15"},
		{"P20: what is down waits for what copies", func(t *tale) {
			limit := [2]string{source, "rate-limit:1:x"}
			t.Jobs[1].Ops[0].Reason = append(t.Jobs[1].Ops[0].Reason, limit)
			copying := repairJob(9, "own0", "OP_INSTANCE_REPLACE_DISKS", 0, 900, map[string]any{"mode": "replace_new_secondary", "instance_uuid": "db", "instance_name": "db"})
			copying.Ops[0].Reason = append(copying.Ops[0].Reason, limit)
			t.Jobs = append([]Job{copying}, t.Jobs...)
		}, "P20"},
		{"V4: what copies is released first", func(t *tale) {
			t.from(0, func(c *Cluster, _ *Instance) {
				c.Instances = append(c.Instances, &Instance{UUID: "db", Name: "db", Primary: "n1", Secondary: "n2", Template: "drbd", Tags: []string{Prefix + "pending:fix-storage:own0:1:9"}})
			})
			copying := repairJob(9, "own0", "OP_INSTANCE_REPLACE_DISKS", 2, 900, map[string]any{"mode": "replace_new_secondary", "instance_uuid": "db", "instance_name": "db"})
			t.Jobs = append([]Job{copying}, t.Jobs...)
			t.Moments = append(t.Moments[:1:1], append([]Moment{{Kind: Released, Job: 9, Cluster: t.Moments[1].Cluster}}, t.Moments[1:]...)...)
		}, "V4"},
		{"C6: a whole pass leaves a result unwritten", func(t *tale) {
			done := t.Last.copy(400)
			done.Instances[0].Tags = []string{pendingTag}
			t.Moments = append(t.Moments, Moment{Kind: PassBegins, Cluster: done}, Moment{Kind: PassEnds, Cluster: done.copy(410)})
		}, "C6"},
		{"C6: somebody's job has the instance", func(t *tale) {
			done := t.Last.copy(400)
			done.Instances[0].Tags = []string{pendingTag}
			t.Moments = append(t.Moments, Moment{Kind: PassBegins, Cluster: done}, Moment{Kind: PassEnds, Cluster: done.copy(410)})
			t.Jobs = append(t.Jobs, Job{ID: 13, Received: start.Add(20 * time.Second), Ops: []Op{{ID: "OP_INSTANCE_MODIFY", Params: map[string]any{"instance_name": "web"}}}})
		}, ""},
		{"C6: somebody's job has the only slot of the queue", func(t *tale) {
			done := t.Last.copy(400)
			done.Instances[0].Tags, done.Slots = []string{pendingTag}, 1
			end := done.copy(410)
			end.Slots = 1
			t.Moments = append(t.Moments, Moment{Kind: PassBegins, Cluster: done}, Moment{Kind: PassEnds, Cluster: end})
			t.Jobs = append(t.Jobs, Job{ID: 13, Received: start.Add(20 * time.Second), Ops: []Op{{ID: "OP_INSTANCE_MODIFY", Waits: start.Add(30 * time.Second), Params: map[string]any{"instance_name": "x"}}}})
		}, ""},
		{"C6: a whole pass leaves a suspension that has ended", func(t *tale) {
			t.from(0, func(c *Cluster, _ *Instance) { c.Tags = append(c.Tags, Prefix+"suspend:1600000000") })
		}, "C6"},
		{"P21: hundreds of jobs while it waits", func(t *tale) {
			for k := 0; k < 60; k++ {
				t.Jobs = append(t.Jobs, Job{ID: int64(100 + k), Received: start.Add(time.Hour), Ops: []Op{{ID: "OP_INSTANCE_FAILOVER", Reason: ours("probe own9 failover"), Params: map[string]any{"instance_uuid": "x"}}}})
			}
		}, "P21"},
		{"V7: copied too early", func(t *tale) {
			t.from(0, func(c *Cluster, web *Instance) {
				c.Settings.ReplaceDisksAfter = time.Hour
				web.Template, web.Secondary, web.Primary = "drbd", "n2", "n1"
			})
			op := &t.Jobs[1].Ops[0]
			op.ID, op.Params["target_node"], op.Params["remote_node"], op.Params["mode"] = "OP_INSTANCE_REPLACE_DISKS", "", "n4", "replace_new_secondary"
		}, "V7"},
	} {
		tale := newTale()
		test.change(tale)
		var got []string
		found := Judge(tale.History)
		for _, f := range found {
			got = append(got, f.Demand)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: found is %v", test.name, found)
		}
	}
}

// migrates has the tale tell of a migration from a drained node.
func (t *tale) migrates() {
	t.from(0, func(c *Cluster, web *Instance) {
		c.Nodes["n2"] = Node{Group: "g", Drained: true}
		c.Tags = []string{Prefix + "migrate"}
		web.Status, web.RunsOn, web.Tags = "running", []string{"n2"}, swap(web.Tags, "failover", "migrate")
	})
	op := &t.Jobs[1].Ops[0]
	op.ID, op.Params["allow_runtime_changes"] = "OP_INSTANCE_MIGRATE", false
}

// halfCopy has somebody's replace-disks fail that was writing to the node.
func (t *tale) halfCopy(node string) {
	j := repairJob(5, "", "OP_INSTANCE_REPLACE_DISKS", 0, 0, nil)
	j.Status, j.Ops[0].Reason = "error", nil
	j.Ops[0].Status, j.Ops[0].Class, j.Ops[0].Log = "error", "OpExecError", []string{" - INFO: Selected new secondary for instance 'web-uuid': " + node}
	t.Jobs = append([]Job{j}, t.Jobs...)
	t.Last.Instances[0].Secondary = "n2"
}

// lostMigration has a migration to the node end in the middle.
func (t *tale) lostMigration(node string) {
	j := repairJob(5, "", "OP_INSTANCE_MIGRATE", 0, 0, nil)
	j.Status, j.Ops[0].Reason = "error", nil
	j.Ops[0].Status, j.Ops[0].Class, j.Ops[0].Log = "error", "OpExecError", []string{"* migrating instance to " + node}
	t.Jobs = append([]Job{j}, t.Jobs...)
	if node != "n3" {
		t.Jobs[2].Status, t.Jobs[2].Ops[0].Status = "error", "error"
	}
}

func TestOwed(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *Cluster, web *Instance)
		want   string
	}{
		{"S1: healthy", func(*Cluster, *Instance) {}, ""},
		{"T4: a suspension that has ended", func(c *Cluster, _ *Instance) { c.Tags = append(c.Tags, Prefix+"suspend:5") }, "T4"},
		{"S6: healthy and pending", func(_ *Cluster, web *Instance) { web.Tags = []string{pendingTag} }, "S6"},
		{"S2: healthy, pending and suspended", func(_ *Cluster, web *Instance) { web.Tags = []string{pendingTag, Prefix + "suspend"} }, ""},
		{"S4: permitted and not done", func(c *Cluster, _ *Instance) { c.Nodes["n3"] = Node{Group: "g", Offline: true} }, "S4"},
		{"S3: too weak", func(c *Cluster, _ *Instance) {
			c.Nodes["n3"] = Node{Group: "g", Offline: true}
			c.Tags = []string{Prefix + "migrate"}
		}, "S3"},
		{"S3: too weak, and told", func(c *Cluster, web *Instance) {
			c.Nodes["n3"] = Node{Group: "g", Offline: true}
			c.Tags = []string{Prefix + "migrate"}
			web.Tags = []string{Prefix + "result:failover:x:5:enoperm:"}
		}, ""},
		{"T13: healthy, and still told", func(_ *Cluster, web *Instance) { web.Tags = []string{Prefix + "result:failover:x:5:enoperm:"} }, "T13"},
		{"S11: failed", func(c *Cluster, web *Instance) {
			c.Nodes["n3"] = Node{Group: "g", Offline: true}
			web.Tags = []string{Prefix + "result:failover:x:5:failure:"}
		}, ""},
		{"P9: no repair exists", func(c *Cluster, web *Instance) {
			c.Nodes["n3"] = Node{Group: "g", Drained: true}
			web.Template = "plain"
		}, ""},
		{"P11: to a secondary in another group", func(c *Cluster, web *Instance) {
			c.Nodes["n3"] = Node{Group: "g", Offline: true}
			c.Nodes["n4"] = Node{Group: "h"}
			web.Template, web.Secondary = "drbd", "n4"
		}, "P11"},
		{"T10: misspelt", func(c *Cluster, web *Instance) {
			c.Nodes["n3"] = Node{Group: "g", Offline: true}
			web.Tags = []string{Prefix + "reinstal"}
		}, ""},
	} {
		tale := newTale()
		test.change(tale.Last, tale.Last.Instances[0])
		var got []string
		for _, f := range Owed(tale.History) {
			got = append(got, f.Demand)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: owed is %v", test.name, Owed(tale.History))
		}
	}
}

// TestNeedOf goes through the table of repairs (P1 to P9, P18).
func TestNeedOf(t *testing.T) {
	nodes := map[string]Node{"ok": {}, "drained": {Drained: true}, "offline": {Offline: true}, "other": {}, "unfit": {NotVMCapable: true}}
	for _, test := range []struct{ template, primary, secondary, status, want string }{
		{"drbd", "ok", "other", "running", ""},
		{"drbd", "ok", "drained", "running", "P1 fix-storage [RD]"},
		{"drbd", "drained", "ok", "running", "P2 migrate [M RD]"},
		{"drbd", "drained", "ok", "ADMIN_down", "P2 migrate [F RD]"},
		{"drbd", "drained", "unfit", "running", "P2 migrate [M RD] held"},
		{"drbd", "drained", "ok", "", "P2 migrate [M RD] held"},
		{"drbd", "drained", "offline", "running", "P3 migrate [RD M RD]"},
		{"drbd", "offline", "ok", "", "P4 failover [F RD]"},
		{"drbd", "offline", "offline", "", "P5 reinstall [CHAIN]"},
		{"drbd", "offline", "drained", "", "P9  [] held"},
		{"rbd", "drained", "", "running", "P6 migrate [M]"},
		{"rbd", "drained", "", "running!", "P6 failover [F]"},
		{"rbd", "offline", "", "", "P7 failover [F]"},
		{"plain", "offline", "", "", "P8 reinstall [CHAIN]"},
		{"plain", "drained", "", "running", "P9  [] held"},
		{"mixed", "offline", "", "", "P9  [] held"},
	} {
		i := &Instance{Template: test.template, Primary: test.primary, Secondary: test.secondary, Admin: "up"}
		i.Status = strings.TrimSuffix(test.status, "!")
		i.NoMigration = i.Status != test.status
		n := NeedOf(&Cluster{Nodes: nodes}, i)
		got := ""
		if !n.Healthy() {
			got = fmt.Sprint(n.Row, " ", n.Type, " ", n.Steps)
		}
		if n.Held != "" {
			got += " held"
		}
		if got != test.want {
			t.Errorf("%s on %s, %s, %s: it needs %q, not %q", test.template, test.primary, test.secondary, test.status, got, test.want)
		}
	}
}
