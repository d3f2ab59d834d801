package scenario_test

import (
	"flag"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/integration/scenario"
	"ganeti-autorepair/luxi/luxitest"
)

var (
	runs = flag.Int("runs", 200, "how many random scenarios the simulation plays")
	seed = flag.Int64("seed", 1, "the first seed of the simulation")
)

// simulate plays the random scenario of a seed and returns what is wrong with it, and
// the scenario as it went.
//
// Safety: what World.Broken says, at every moment. Liveness: when the faults have
// stopped, a bounded number of passes later the engine has nothing left to do and
// every job has ended; and when no valve and no want of room is in the way either, the
// master alone shows that every repair came to its end (liveness.go).
func simulate(n int64) (broken []string, story string) {
	s := scenario.Random(n)
	switch {
	case n%5 == 4 || *stories == "broken":
		s = scenario.Broken(n)
	case strict():
		s = scenario.Stories(n)
	}
	w, err := s.Run(func(w *scenario.World) { w.Strict = strict() })
	if err != nil {
		return []string{err.Error()}, s.Text()
	}
	defer w.Close()
	broken = w.Broken()
	for _, n := range w.Master.Incidents() {
		if n.Kind == luxitest.NoDisk && !strings.Contains(strings.Join(broken, "\n"), "P19") {
			return nil, "" // nobody could know, and such a migration never ends (see package judge, couldKnow)
		}
	}
	if strings.Contains(w.Log(), "do not come to an end") {
		broken = append(broken, "C2: repairs do not come to an end")
	}
	for _, j := range w.Master.Jobs() {
		if kind, rest := scenario.MarkOf(j); kind != "" && j.End.IsZero() {
			broken = append(broken, "C2: job "+strconv.FormatInt(j.ID, 10)+", "+kind+" "+rest+", never ends")
		}
	}
	return broken, s.Text() + "-- log --\n" + w.Log()
}

// TestSimulation (C2, C5, S4, S10, T7): random clusters, people, faults and clocks. A
// seed that fails is printed with its scenario, which belongs among the others then.
// With -stories=all the stories are others (scenario.Stories), and all demands count. Every
// fifth seed is one of the stories about good nodes (scenario.Broken), and with
// -stories=broken all are.
func TestSimulation(t *testing.T) {
	seeds := make(chan int64)
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	demands := make(map[string][]int64) // the seeds that break a demand
	for k := 0; k < 2*runtime.NumCPU(); k++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range seeds {
				broken, story := simulate(n)
				if len(broken) == 0 {
					continue
				}
				mu.Lock()
				if failed++; failed <= 5 {
					t.Errorf("seed %d: %s\n%s", n, strings.Join(broken, "\n"), story)
				}
				for _, what := range broken {
					demand, _, _ := strings.Cut(what, ":")
					if list := demands[demand]; len(list) == 0 || list[len(list)-1] != n {
						demands[demand] = append(list, n)
					}
				}
				mu.Unlock()
			}
		}()
	}
	for n := *seed; n < *seed+int64(*runs); n++ {
		seeds <- n
	}
	close(seeds)
	wg.Wait()
	if failed > 0 {
		t.Errorf("%d of %d seeds fail", failed, *runs)
	}
	for _, demand := range sortedKeys(demands) {
		list := demands[demand]
		sort.Slice(list, func(a, b int) bool { return list[a] < list[b] })
		t.Logf("%s: %d seeds, the first ones %v", demand, len(list), list[:least(len(list), 8)])
	}
	t.Logf("%d runs from seed %d on", *runs, *seed)
}

func sortedKeys(m map[string][]int64) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func least(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// The same seed makes the same run, to the last call, whatever else the machine does.
func TestSimulationIsRepeatable(t *testing.T) {
	var all []*scenario.Scenario
	for n := int64(1); n <= 10; n++ {
		all = append(all, scenario.Stories(n), scenario.Broken(n))
	}
	restarts := 0
	for n := int64(1); n <= 20 || restarts < 10; n++ {
		// Connections that break in the middle of a call are where runs could part.
		s := scenario.Random(n)
		restart := strings.Contains(s.Text(), "luxid restart")
		if n <= 20 || restart {
			all = append(all, s)
		}
		if restart {
			restarts++
		}
	}
	for _, s := range all {
		logs := make([]string, 4)
		var wg sync.WaitGroup
		for k := range logs {
			k, s := k, s
			wg.Add(1)
			go func() {
				defer wg.Done()
				w, err := s.Run(nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer w.Close()
				logs[k] = w.Log() + w.Master.LogText()
			}()
		}
		wg.Wait()
		if strings.Contains(logs[0], "tags not written") {
			continue // luxid is told to cancel several jobs at once, in no order
		}
		for _, log := range logs[1:] {
			if log != logs[0] {
				t.Errorf("%s: once\n%s\nand once\n%s", s.Title, logs[0], log)
				break
			}
		}
	}
}
