package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/integration/scenario"
	"ganeti-autorepair/plugin/repair"
)

var (
	update  = flag.Bool("update", false, "write the logs of the scenarios anew")
	stories = flag.String("stories", "old", "old: what the engine gets right; all: the pending scenarios too, judged by all demands; broken: the simulation tells stories about good nodes alone")
)

// strict reports whether findings under unmended demands count.
func strict() bool { return *stories == "all" }

const (
	directory = "../scenarios"
	pending   = "../scenarios/pending" // what the engine does not get right yet
)

// load reads all scenarios of a directory, by file name without its ending.
func load(t *testing.T, directory string) (names []string, all map[string]*scenario.Scenario) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all = make(map[string]*scenario.Scenario)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := scenario.Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		names = append(names, name)
		all[name] = s
	}
	return names, all
}

// sameEnd compares ends; the order of records does not count.
func sameEnd(a, b string) bool {
	order := func(s string) string {
		jobs, records, _ := strings.Cut(s, "|")
		words := strings.Fields(records)
		sort.Strings(words)
		return strings.TrimSpace(jobs) + " | " + strings.Join(words, " ")
	}
	return order(a) == order(b)
}

// TestScenarios plays every scenario and compares the log with the expected one.
// Together they take every transition of the table, and no other.
func TestScenarios(t *testing.T) {
	names, all := load(t, directory)
	if len(names) < 160 {
		t.Errorf("there are only %d scenarios", len(names))
	}
	var mu sync.Mutex
	seen := make(map[scenario.Move]bool)
	t.Run("all", func(t *testing.T) {
		titles := make(map[string]string)
		for _, name := range names {
			name, s := name, all[name]
			if other := titles[s.Title]; other != "" {
				t.Errorf("%s and %s have the same title", other, name)
			}
			titles[s.Title] = name
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, err := s.Run(func(w *scenario.World) { w.Strict = strict() })
				if w != nil {
					defer w.Close()
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, what := range w.Broken() {
					t.Error(what)
				}
				if got := w.Ends(); !sameEnd(got, s.Ends) {
					t.Errorf("%s: it ends as\n%s\nmeant was\n%s", s.Title, got, s.Ends)
				}
				log := w.Log()
				if *update {
					if err := os.WriteFile(filepath.Join(directory, name+".txt"), []byte(s.Format(log)), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if log != s.Log {
					t.Errorf("%s: the log is\n%s\nexpected was\n%s", s.Title, log, s.Log)
				}
				mu.Lock()
				defer mu.Unlock()
				for m := range w.Moves {
					seen[m] = true
				}
			})
		}
	})
	for _, tr := range repair.Transitions {
		by := "others"
		if tr.ByPass {
			by = "pass"
		}
		if !seen[scenario.Move{From: tr.From, To: tr.To, By: by}] {
			t.Errorf("no scenario takes an instance from %s to %s by %s (%s)", tr.From, tr.To, by, tr.When)
		}
	}
}

// TestPending plays the pending scenarios, if all stories are told, and says which of
// them the engine gets right; else it reads them only. They have no logs.
func TestPending(t *testing.T) {
	names, all := load(t, pending)
	if !strict() {
		return
	}
	for _, name := range names {
		name, s := name, all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := s.Run(func(w *scenario.World) { w.Strict = true })
			if w != nil {
				defer w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range w.Broken() {
				t.Error(what)
			}
			if got := w.Ends(); !sameEnd(got, s.Ends) {
				t.Errorf("it ends as\n%s\nmeant was\n%s", got, s.Ends)
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("%s\n%s", s.Title, w.Log())
			}
		})
	}
}
