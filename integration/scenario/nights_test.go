package scenario_test

import (
	"flag"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/integration/scenario"
)

var nights = flag.Int("nights", 150, "how many random nights the simulation plays")

// TestNights (K5, K6, K7): whatever happens in random nights, each marking of a node is as it
// has to be, and in the end, when nothing else is wrong, a node that dies is marked. A seed
// that fails is printed with its scenario.
func TestNights(t *testing.T) {
	seeds := make(chan int64)
	var wg sync.WaitGroup
	var mu sync.Mutex
	marked := 0
	for k := 0; k < 2*runtime.NumCPU(); k++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range seeds {
				s := scenario.Nights(n)
				w, err := s.Run(nil)
				if err != nil {
					t.Errorf("seed %d: %v\n%s", n, err, s.Text())
					continue
				}
				broken := w.Broken()
				if !w.Master.Snapshot().Node("n2").Offline {
					broken = append(broken, "K6: in the end n2 is dead, and not marked")
				}
				if len(broken) > 0 {
					t.Errorf("seed %d: %q\n%s-- log --\n%s", n, broken, s.Text(), w.Log())
				}
				mu.Lock()
				marked += strings.Count(w.Log(), "warning: node marked offline")
				mu.Unlock()
				w.Close()
			}
		}()
	}
	for n := *seed; n < *seed+int64(*nights); n++ {
		seeds <- n
	}
	close(seeds)
	wg.Wait()
	t.Logf("%d nights, %d nodes marked", *nights, marked)
	if 2*marked < 3**nights {
		t.Errorf("%d nodes were marked in %d nights", marked, *nights)
	}
}
