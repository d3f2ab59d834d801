//go:build cluster

package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

var (
	chaosRounds = flag.Int("chaos.rounds", 6, "rounds of TestChaos")
	chaosSeed   = flag.Int64("chaos.seed", 7, "seed of TestChaos")
)

// chaosMemory is the memory of a node, in MiB, and chaosScarce what is left of it
// when there is no room.
const (
	chaosMemory = 65536
	chaosScarce = 64
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

// chaosDown names the instances that are stopped.
var chaosDown = map[string]bool{"d4": true, "s1": true}

// chaos is a run of random events, kills and passes, with what was true at each
// submission of jobs.
type chaos struct {
	*simWorld
	rng     *rand.Rand
	groups  map[string]string // of nodes
	names   []string          // of instances
	last    luxi.JobID        // the last job that is known
	sights  []sight
	eventMu sync.Mutex
	noted   []event
	busy    int                 // calls of the last pass that lived
	kills   map[string]int      // by kind
	killed  map[luxi.JobID]bool // repair jobs
	down    int32               // luxid was killed and is not back yet
	hand    int                 // counts repairs that were asked for by hand
	found   map[string]bool     // instances something is wrong with
}

// Whatever dies at whatever moment, while nodes come and go and tags change: no
// repair goes beyond its permission, none begins while suspended, no step is done
// twice, every repair that was ever pending ends in a result, every permitted one
// is done in the end, and nothing is left behind (C1, C2, C5, T1-T9, S1-S12).
func TestChaos(t *testing.T) {
	w := newSimWorld(t, chaosCluster)
	t.Logf("make chaos ROUNDS=%d SEED=%d", *chaosRounds, *chaosSeed)
	c := &chaos{
		simWorld: w, rng: rand.New(rand.NewSource(*chaosSeed)), groups: map[string]string{}, busy: 12,
		kills: map[string]int{}, killed: map[luxi.JobID]bool{}, found: map[string]bool{},
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
	names, err := w.Instances(w.ctx)
	w.must(err)
	c.names = names
	sort.Strings(c.names)
	c.begin()
	for n := 1; n <= *chaosRounds && !t.Failed(); n++ {
		c.round(n)
	}
	c.quiesce()
	c.judge()
	t.Logf("%d rounds; killed: %v", *chaosRounds, c.kills)
	// Which of them die is up to the machine, too: a few rounds may miss one.
	for _, kind := range []string{"program", "luxid", "job"} {
		if *chaosRounds >= 40 && c.kills[kind] == 0 {
			t.Errorf("no %s was ever killed; take another seed", kind)
		}
	}
}

// round is one round: events, then a pass in which something is killed.
func (c *chaos) round(n int) {
	before := c.last
	c.events()
	if n == 1 { // there shall be something to do
		p := c.people()
		if p.s.bad["n1"] == "" {
			p.fails("n1", "offline")
		}
		p.do()
	}
	what := c.killSomething(n)
	// A luxid that has just been started notices late which jobs have ended.
	if c.rng.Intn(2) == 0 && !strings.Contains(what, "luxid killed") {
		c.repairsEnd()
	}
	if n%5 == 0 {
		c.archive(before)
	}
	_, err := c.newest()
	c.must(err)
	c.t.Logf("round %d: %v; %s; jobs up to %d", n, c.sights[len(c.sights)-1].bad, what, c.last)
}

// repairsEnd waits for all jobs that have a slot, except for hold jobs of a pass
// that died: the next one ends these.
func (c *chaos) repairsEnd() {
	jobs, err := c.luxi.ListJobs(c.ctx, luxi.UnfinishedJobs(), false)
	c.must(err)
	for _, job := range jobs {
		if job.Status == luxi.JobQueued || ourWords(job)[0] == "hold" {
			continue
		}
		_, err := c.WaitJob(c.ctx, int(job.ID))
		c.must(err)
	}
}

// archive puts old jobs where ganeti-watcher puts them after some hours. A
// replace-disks that did not succeed stays: archived, it would say that somebody
// has looked at the disks.
func (c *chaos) archive(before luxi.JobID) {
	jobs, err := c.luxi.ListJobs(c.ctx, luxi.Filter{"<", "id", before}, false)
	c.must(err)
	for _, job := range jobs {
		if job.Status.Final() && (job.Ops[0].ID != "OP_INSTANCE_REPLACE_DISKS" || job.Status == luxi.JobSuccess) {
			c.archiveJob(job.ID)
		}
	}
}

// archiveJob archives a job that has ended. luxid refuses to where it still takes
// it for one that is to start; then it stays.
func (c *chaos) archiveJob(id luxi.JobID) {
	var refused *luxi.Error
	if _, err := c.luxi.ArchiveJob(c.ctx, id); err != nil && !errors.As(err, &refused) {
		c.t.Fatal(err)
	}
}
