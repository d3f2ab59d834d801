//go:build cluster

package integration_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

var (
	chaosRounds = flag.Int("chaos.rounds", 6, "rounds of TestChaos")
	chaosSeed   = flag.Int64("chaos.seed", 3, "seed of TestChaos")
)

const chaosCluster = `
cluster cluster max-running-jobs=20
group default
group side
node n1 mem=65536 disk=1048576
node n2 mem=65536 disk=1048576
node n3 mem=65536 disk=1048576
node n4 mem=65536 disk=1048576
node n5 mem=65536 disk=1048576
node m1 mem=65536 disk=1048576 group=side
node m2 mem=65536 disk=1048576 group=side
node m3 mem=65536 disk=1048576 group=side
instance d1 nodes=n1,n2 template=drbd
instance d2 nodes=n2,n3 template=drbd hypervisor=kvm
instance d3 nodes=n3,n1 template=drbd
instance d4 nodes=n4,n5 template=drbd state=down
instance d5 nodes=m1,m2 template=drbd
instance r1 nodes=n1 template=rbd hypervisor=kvm
instance r2 nodes=n2 template=ext
instance s1 nodes=n3 template=sharedfile state=down
instance x1 nodes=n4 template=diskless
instance p1 nodes=n5 template=plain
instance p2 nodes=m3 template=file
`

// chaos is a run of random events, kills and passes, with what was true in each
// round.
type chaos struct {
	*simWorld
	rng    *rand.Rand
	bad    map[string]string // nodes that are "offline" or "drained"
	groups map[string]string // of nodes
	names  []string          // of instances
	rounds []chaosRound
	killed map[string]bool // instances one of whose jobs was killed
	byHand map[string]bool // ids of repairs asked for by hand
}

// chaosRound is what was true while a round's pass ran.
type chaosRound struct {
	first luxi.JobID // the last job before it
	bad   map[string]string
	place map[string][]string // nodes of each instance, the primary first
	may   map[string]permission
}

type permission struct {
	typ       tagstore.Type
	suspended bool
}

// Whatever dies at whatever moment, while nodes come and go and tags change: no
// repair goes beyond its permission, none begins while suspended, none runs
// twice, every permitted one ends in a result, and nothing is left behind (C1,
// C2, C5, T5, S1-S12).
func TestChaos(t *testing.T) {
	w := newSimWorld(t, chaosCluster)
	t.Logf("make chaos ROUNDS=%d SEED=%d", *chaosRounds, *chaosSeed)
	c := &chaos{
		simWorld: w, rng: rand.New(rand.NewSource(*chaosSeed)), bad: map[string]string{},
		groups: map[string]string{}, killed: map[string]bool{}, byHand: map[string]bool{},
	}
	if *chaosRounds > 20 {
		// As long as it takes.
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*chaosRounds)*3*time.Minute)
		defer cancel()
		w.ctx = ctx
	}
	for n := 1; n <= 5; n++ {
		c.groups[fmt.Sprintf("n%d", n)] = "default"
	}
	for n := 1; n <= 3; n++ {
		c.groups[fmt.Sprintf("m%d", n)] = "side"
	}
	w.maybe = c.maybe
	names, err := w.Instances(w.ctx)
	w.must(err)
	c.names = names
	sort.Strings(c.names)
	for _, name := range c.names {
		c.setPolicy(name)
	}
	for n := 1; n <= *chaosRounds && !t.Failed(); n++ {
		c.round(n)
	}
	c.quiesce()
	c.judge()
}

// round is one round: events, then a pass that may not survive.
func (c *chaos) round(n int) {
	for k := 1 + c.rng.Intn(3); k >= 0; k-- {
		c.event()
	}
	c.observe()
	what := c.passWithKill()
	if c.rng.Intn(10) < 7 {
		c.jobsEnd()
	}
	c.t.Logf("round %d: %v; %s; jobs up to %d", n, c.bad, what, c.since())
}

// event is something that people, machines or time do.
func (c *chaos) event() {
	switch c.rng.Intn(8) {
	case 0, 1, 2:
		c.nodeFails()
	case 3, 4:
		c.nodeReturns()
	case 5:
		c.setPolicy(c.anyInstance())
	case 6:
		c.suspendOrResume(c.anyInstance())
	case 7:
		c.acknowledge(c.anyInstance())
	}
}

func (c *chaos) anyInstance() string { return c.names[c.rng.Intn(len(c.names))] }

// nodes lists the nodes that are in the given condition, "" for good ones.
func (c *chaos) nodes(condition string) []string {
	var list []string
	for name := range c.groups {
		if c.bad[name] == condition || condition == "bad" && c.bad[name] != "" {
			list = append(list, name)
		}
	}
	sort.Strings(list)
	return list
}

// nodeFails marks a good node, as long as enough are left in its group.
func (c *chaos) nodeFails() {
	good := c.nodes("")
	node := good[c.rng.Intn(len(good))]
	inGroup := 0
	for name := range c.bad {
		if c.groups[name] == c.groups[node] {
			inGroup++
		}
	}
	if inGroup >= 2 || c.groups[node] == "side" && inGroup >= 1 {
		return
	}
	if c.rng.Intn(2) == 0 {
		c.lostPower(node)
		c.bad[node] = "offline"
	} else {
		c.must(c.Drain(c.ctx, node))
		c.bad[node] = "drained"
	}
}

// nodeReturns makes a bad node good, sometimes as a new machine.
func (c *chaos) nodeReturns() {
	bad := c.nodes("bad")
	if len(bad) == 0 {
		return
	}
	node := bad[c.rng.Intn(len(bad))]
	if c.bad[node] == "drained" {
		c.must(c.Undrain(c.ctx, node))
	} else if c.rng.Intn(2) == 0 && !c.holds(node) {
		c.must(c.sim.Replace(node))
		c.must(c.Online(c.ctx, node))
	} else {
		c.back(node)
	}
	delete(c.bad, node)
}

// holds says whether an instance still lives on the node: replacing it would be
// a loss of data that is no repair's doing.
func (c *chaos) holds(node string) bool {
	for _, name := range c.names {
		primary, secondary := c.place(name)
		if primary == node || secondary == node {
			return true
		}
	}
	return false
}

// setPolicy gives an instance a random policy.
func (c *chaos) setPolicy(name string) {
	var old []string
	for _, e := range c.tags(name).Enables {
		old = append(old, e.Tag)
	}
	if len(old) > 0 {
		c.must(c.RemoveTags(c.ctx, "instance", name, old...))
	}
	likely := []tagstore.Type{
		tagstore.None, tagstore.FixStorage, tagstore.Migrate, tagstore.Failover, tagstore.Failover,
		tagstore.Reinstall, tagstore.Reinstall, tagstore.Reinstall,
	}
	if typ := likely[c.rng.Intn(len(likely))]; typ != tagstore.None {
		c.allow(name, typ.String())
	}
}

func (c *chaos) suspendOrResume(name string) {
	if len(c.tags(name).Suspends) > 0 {
		c.disallow(name, "suspend")
	} else {
		c.allow(name, "suspend")
	}
}

// acknowledge removes failures, or asks for a repair by hand.
func (c *chaos) acknowledge(name string) {
	var failures []string
	for _, r := range c.tags(name).Results {
		if r.Outcome == tagstore.Failure {
			failures = append(failures, r.Tag)
		}
	}
	if len(failures) > 0 {
		c.must(c.RemoveTags(c.ctx, "instance", name, failures...))
		return
	}
	id := fmt.Sprintf("hand%d", c.rng.Intn(1000000))
	c.byHand[id] = true
	c.allow(name, fmt.Sprintf("pending:%s:%s:%d:", tagstore.Type(1+c.rng.Intn(3)), id, 1700000000+c.rng.Intn(1000)))
}

// observe notes what is true as the round's pass begins.
func (c *chaos) observe() {
	r := chaosRound{first: c.since(), bad: map[string]string{}, place: map[string][]string{}, may: map[string]permission{}}
	for node, what := range c.bad {
		r.bad[node] = what
	}
	for _, name := range c.names {
		primary, secondary := c.place(name)
		r.place[name] = strings.Fields(primary + " " + secondary)
		tags := c.tags(name)
		p := permission{suspended: len(tags.Suspends) > 0}
		for _, e := range tags.Enables {
			p.typ = e.Type
		}
		r.may[name] = p
	}
	c.rounds = append(c.rounds, r)
}

// passWithKill runs a pass in which something may be killed.
func (c *chaos) passWithKill() string {
	at := 1 + c.rng.Intn(40)
	stage := []luxitest.Stage{luxitest.AtRequest, luxitest.AtReply}[c.rng.Intn(2)]
	fired := false
	here := func(s luxitest.Stage, x luxitest.Exchange) bool {
		if s != stage || x.N != at || fired {
			return false
		}
		fired = true
		return true
	}
	switch c.rng.Intn(10) {
	case 0, 1, 2, 3:
		r := c.proxied(func(s luxitest.Stage, x luxitest.Exchange, kill func(string)) luxitest.Action {
			if !here(s, x) {
				return luxitest.Action{}
			}
			return luxitest.Action{Before: func() { kill("KILL") }, Drop: true}
		})
		return fmt.Sprintf("program killed at request %d (%v), ended with %d", at, fired, r.code)
	case 4:
		r := c.proxied(func(s luxitest.Stage, x luxitest.Exchange, _ func(string)) luxitest.Action {
			if !here(s, x) {
				return luxitest.Action{}
			}
			return luxitest.Action{Before: func() { c.must(c.KillDaemon(c.ctx, c.Master(), vcluster.Luxid)) }, Drop: true}
		})
		if fired {
			c.must(c.StartDaemon(c.ctx, c.Master(), vcluster.Luxid))
		}
		return fmt.Sprintf("luxid killed at request %d (%v), the program ended with %d", at, fired, r.code)
	case 5, 6:
		r := c.passAnyhow()
		return fmt.Sprintf("%s; the program ended with %d", c.killJob(), r.code)
	}
	return fmt.Sprintf("undisturbed, ended with %d", c.passAnyhow().code)
}

// killJob kills the process of a repair job that is under way, if there is one.
func (c *chaos) killJob() string {
	for {
		var next luxi.JobInfo // whose change is waited for
		for _, job := range c.ourJobs(c.rounds[len(c.rounds)-1].first, "repair") {
			if !job.Status.Final() {
				next = job
			}
			if job.Status != luxi.JobRunning {
				continue
			}
			name := job.Ops[0].Param("instance_name")
			ok, _, err := c.luxi.CancelJob(c.ctx, job.ID, true)
			c.must(err)
			if ok {
				c.killed[name] = true
				return fmt.Sprintf("job %d of %s killed", job.ID, name)
			}
		}
		if next.ID == 0 {
			return "no job to kill"
		}
		const allMessages, timeout = 1 << 30, 10 // seconds
		_, err := c.Call(c.ctx, "WaitForJobChange", next.ID, []string{"status"}, []string{string(next.Status)}, allMessages, timeout)
		c.must(err)
	}
}
