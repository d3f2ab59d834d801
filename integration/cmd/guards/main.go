// guards takes the guards of the engine away, one at a time, and shows which tests
// notice. It fails if there is one that nobody would miss.
//
// The engine itself knows nothing of this: a guard is a line of its source. The
// tests are built once with a copy of the engine in its place (go help build,
// -overlay) in which each of these lines can be switched off by the environment.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

func main() {
	quick := flag.Bool("quick", false, "try the tests alone that the table names, and want each of them to notice")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: guards [-quick] [GUARD...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*quick, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "guards: error: %s\n", err)
		os.Exit(1)
	}
}

// try is a guard and the tests that noticed that it was gone.
type try struct {
	guard
	noticed []string
	err     error
}

// named returns the guards of the table that have one of the names; all if there are no
// names.
func named(names []string) ([]guard, error) {
	if len(names) == 0 {
		return guards, nil
	}
	known := make(map[string]guard, len(guards))
	for _, g := range guards {
		known[g.name] = g
	}
	var list []guard
	for _, name := range names {
		g, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("there is no guard %q", name)
		}
		list = append(list, g)
	}
	return list, nil
}

func run(quick bool, names []string) error {
	guards, err := named(names)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "guards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e, err := readEngine()
	if err != nil {
		return err
	}
	// Quickly, the tests that the table names; else all.
	selections := make([][]selection, len(guards))
	all := &try{}
	for k, g := range guards {
		all.by += " " + g.by
		selections[k] = e.everything()
		if quick {
			if selections[k], err = e.named(g.by); err != nil {
				return fmt.Errorf("guard %s: %w", g.name, err)
			}
		}
	}
	whole := e.everything()
	if quick {
		if whole, err = e.named(all.by); err != nil {
			return err
		}
	}
	var packages []string
	for _, sel := range whole {
		if len(packages) == 0 || packages[len(packages)-1] != sel.dir {
			packages = append(packages, sel.dir)
		}
	}
	suites, err := e.build(dir, packages)
	if err != nil {
		return err
	}
	// What fails anyway would be taken for a notice.
	all.look(suites, whole)
	if all.err != nil || len(all.noticed) > 0 {
		return fmt.Errorf("with all guards in place: %d tests fail %s, %v", len(all.noticed), strings.Join(all.noticed, " "), all.err)
	}
	tries := make([]*try, len(guards))
	ended := make([]chan struct{}, len(guards))
	slots := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for k, g := range guards {
		tries[k], ended[k] = &try{guard: g}, make(chan struct{})
		wg.Add(1)
		go func(k int) {
			defer wg.Done()
			defer close(ended[k])
			slots <- struct{}{}
			tries[k].look(suites, selections[k])
			<-slots
		}(k)
	}
	defer wg.Wait()
	fmt.Printf("%-22s %-8s %s\n", "Guard", "Demand", "Tests that notice when it is gone")
	wrong := 0
	for k, t := range tries {
		<-ended[k]
		missed := t.missed(quick)
		fmt.Printf("%-22s %-8s %s\n", t.name, t.demand, summary(t.noticed))
		switch {
		case t.err != nil:
			fmt.Printf("  error: %s\n", t.err)
			wrong++
		case missed != "":
			fmt.Printf("  %s\n", missed)
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d guards are not noticed as they should be", wrong, len(guards))
	}
	return nil
}

// missed says what is wrong with those who noticed, "" if nothing is.
func (t *try) missed(quick bool) string {
	if len(t.noticed) == 0 && !quick {
		return "no test misses it"
	}
	var silent []string
	for _, name := range strings.Fields(t.by) {
		found := false
		for _, n := range t.noticed {
			found = found || n == name || strings.HasPrefix(n, name+"/")
		}
		if !found {
			silent = append(silent, name)
		}
	}
	if len(silent) > 0 {
		return "not noticed by " + strings.Join(silent, " ") + ": make guards shows who does"
	}
	return ""
}

// summary names as many as fit on a line.
func summary(names []string) string {
	if len(names) == 0 {
		return "NONE"
	}
	text := fmt.Sprintf("%d:", len(names))
	for k, name := range names {
		if len(text)+len(name) > 60 {
			return text + fmt.Sprintf(" and %d more", len(names)-k)
		}
		text += " " + name
	}
	return text
}
