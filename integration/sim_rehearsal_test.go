//go:build cluster

package integration_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

var rehearsals = flag.Int("rehearsals", 8, "clusters of TestRehearsal")

// N3: on a real master over simulated nodes a node is rehearsed, then dies or is drained,
// and is repaired; instance by instance the end is the rehearsed one, for random clusters
// of all templates, groups, policies and tightness. hail chooses. The long tests have 40.
func TestRehearsal(t *testing.T) {
	const workers = 4
	each := *rehearsals / workers
	type sums struct{ sure, open, harm int }
	results := make(chan sums, workers)
	t.Run("clusters", func(t *testing.T) {
		for n := 0; n < workers; n++ {
			n := n
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				var sum sums
				for k := 0; k < each; k++ {
					seed := int64(1 + n*each + k)
					c := rehearsed(seed)
					t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
						sure, open, harm := rehearseReal(t, fmt.Sprintf("seed %d", seed), c, c.nodes[int(seed)%len(c.nodes)], seed%3 == 0)
						sum.sure, sum.open = sum.sure+sure, sum.open+open
						if harm {
							sum.harm++
						}
					})
				}
				results <- sum
			})
		}
	})
	close(results)
	var all sums
	for sum := range results {
		all.sure, all.open, all.harm = all.sure+sum.sure, all.open+sum.open, all.harm+sum.harm
	}
	if t.Logf("%d outcomes were certain, %d open; %d nodes did harm", all.sure, all.open, all.harm); all.sure < 2*each*workers || all.harm < each || all.open > all.sure/4 {
		t.Error("the clusters prove little")
	}
}

// rehearseReal does it on a real master over simulated nodes.
func rehearseReal(t *testing.T, where string, c rehearsedCluster, node string, drained bool) (sure, open int, harm bool) {
	t.Helper()
	w := startSimWorld(t, c.text)
	later := time.Duration(0) // than the clock says
	now := func() time.Time { return time.Now().Add(later) }
	client := luxi.New(w.Socket(), luxi.Options{})
	defer client.Close()
	lose := func() {
		if drained {
			w.must(w.Drain(w.ctx, node))
			return
		}
		w.lostPower(node)
	}
	quiet := func() {
		w.jobsEnd()
		later += 14 * time.Minute
	}
	failed := t.Failed()
	sure, open, harm = rehearseAndLose(t, where, rehearsing(client, now, drained), node, drained, lose, quiet)
	if t.Failed() && !failed {
		t.Logf("%s:\n%s", where, c.text)
	}
	return sure, open, harm
}
