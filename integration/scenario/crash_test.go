package scenario_test

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"sort"
	"sync"
	"testing"

	"ganeti-autorepair/integration/scenario"
	"ganeti-autorepair/luxi/luxitest"
)

var (
	only   = flag.String("only", "", "a regular expression of the scenarios to try in the crash matrix, all cells of them; all if empty")
	matrix = flag.String("matrix", "sample", "how much of the crash matrix to try: a sample; distinct, which is every call with every disturbance that can make a difference; part, an eleventh of that, which -seed chooses; or all")
)

// disturbance is what becomes of a call of a pass, and of the program.
type disturbance struct {
	name  string
	fault luxitest.Fault
	kill  bool // the program dies with that call: no later one of the pass is handled
	late  bool // the next pass comes when all jobs have ended, instead of at once
}

var disturbances = []disturbance{
	{name: "dies before sending", fault: luxitest.DieBefore(), kill: true},
	{name: "dies after sending", fault: luxitest.DieAfter(), kill: true},
	{name: "reply cut", fault: luxitest.CutReply(9)},
	{name: "error reply", fault: luxitest.FailWith("GenericError", "out of order")},
	{name: "connection refused", fault: luxitest.DieBefore()},
	{name: "dies after sending, and the next pass is late", fault: luxitest.DieAfter(), kill: true, late: true},
}

// disturbed plays a scenario with a disturbance at the n-th call of its passes.
// The disturbed pass is followed by another one at once, as by a program that is
// started again, and the scenario by passes until all is quiet.
func disturbed(s *scenario.Scenario, n int, d disturbance) (outcome string, methods, broken []string, err error) {
	var mu sync.Mutex
	w, err := s.Run(func(w *scenario.World) {
		hit, dead := false, false
		w.Disturb = func(k int, c luxitest.Call) luxitest.Fault {
			mu.Lock()
			defer mu.Unlock()
			methods = append(methods, c.Method)
			switch {
			case dead:
				return luxitest.DieBefore()
			case k == n:
				hit, dead = true, d.kill
				return d.fault
			}
			return luxitest.Pass()
		}
		w.Again = func() bool {
			mu.Lock()
			defer mu.Unlock()
			again := hit
			hit, dead = false, false
			if again && d.late {
				w.Quiet()
			}
			return again
		}
	})
	if w != nil {
		defer w.Close()
	}
	if err != nil {
		return "", nil, nil, err
	}
	if !w.Repair() {
		return "", nil, nil, fmt.Errorf("repairs do not come to an end:\n%s", w.Log())
	}
	mu.Lock()
	defer mu.Unlock()
	return w.Outcome(), methods, w.Broken(), nil
}

// distinct tells whether a disturbance at the n-th call can lead to something that
// no other one does. For a program that dies only what the master did counts: to
// die before a call is to die after the one before it, and to die after a query is
// to die before it. What only asks or waits and fails tells that it failed, in three
// ways, of which each call gets one, by turns.
func distinct(d int, method string, n int) bool {
	changes := method == "SubmitManyJobs" || method == "CancelJob"
	switch {
	case disturbances[d].kill:
		return d != 0 && (changes || method == "WaitForJobChange") || n == 1
	case changes:
		return true
	}
	return d-2 == n%3
}

// onlyPassesFollow reports whether nothing but passes comes after the first pass of a
// scenario, so that its end does not depend on when they come.
func onlyPassesFollow(s *scenario.Scenario) bool {
	began := false
	for _, e := range s.Events {
		switch e.Words[0] {
		case "pass", "passes", "repair", "runs":
			began = true
		case "quiet":
		default:
			if began {
				return false
			}
		}
	}
	return true
}

// TestCrashMatrix (C2): whatever becomes of any single call of a scenario, it ends
// in the same state, with the same repair jobs, as when nothing disturbs it.
func TestCrashMatrix(t *testing.T) {
	names, all := load(t, directory)
	type cell struct {
		name string
		n    int
		d    disturbance
	}
	var cells []cell
	want := make(map[string]string)
	for _, name := range names {
		s := all[name]
		if s.Undisturbed != "" || !regexp.MustCompile(*only).MatchString(name) {
			continue
		}
		outcome, methods, broken, err := disturbed(s, 0, disturbance{})
		if err != nil || len(broken) > 0 {
			t.Errorf("%s: %v %q", name, err, broken)
			continue
		}
		want[name] = outcome
		for k, method := range methods {
			for d := range disturbances {
				if disturbances[d].late && !onlyPassesFollow(s) {
					continue
				}
				if *matrix == "all" || distinct(d, method, k+1) {
					cells = append(cells, cell{name, k + 1, disturbances[d]})
				}
			}
		}
	}
	// In a period that is none of the matrix's.
	if period := map[string]int64{"sample": 61, "part": 11}[*matrix]; period > 0 && *only == "" {
		var sample []cell
		for k := *seed % period; k < int64(len(cells)); k += period {
			sample = append(sample, cells[k])
		}
		cells = sample
	}
	if *only == "" && (len(want) < 120 || len(cells) < 200) {
		t.Errorf("%d scenarios with %d cells only", len(want), len(cells))
	}
	var mu sync.Mutex
	failures := make(map[string][]string)
	work := make(chan cell)
	var wg sync.WaitGroup
	for k := 0; k < 2*runtime.NumCPU(); k++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for c := range work {
				outcome, _, broken, err := disturbed(all[c.name], c.n, c.d)
				if err == nil && len(broken) == 0 && outcome == want[c.name] {
					continue
				}
				mu.Lock()
				failures[c.name] = append(failures[c.name], fmt.Sprintf("call %d, %s: %v %q, it ends as\n%s\nundisturbed it ends as\n%s", c.n, c.d.name, err, broken, outcome, want[c.name]))
				mu.Unlock()
			}
		}()
	}
	for _, c := range cells {
		work <- c
	}
	close(work)
	wg.Wait()
	t.Logf("%d scenarios, %d cells", len(want), len(cells))
	var failing []string
	for name := range failures {
		failing = append(failing, name)
	}
	sort.Strings(failing)
	for _, name := range failing {
		t.Errorf("%s: %d cells differ; one of them: %s", name, len(failures[name]), failures[name][0])
	}
}
