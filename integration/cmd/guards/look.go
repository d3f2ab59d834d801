package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sort"
	"strings"
)

// The scenarios are parts of one test, which itself fails if not all are played.
const allScenarios = "TestScenarios/all/"

const simulation = "TestSimulation"

// selection says which tests of which packages to run.
type selection struct {
	dir, pattern string
}

// everything selects all tests of the engine and the scenarios. The crash matrix is
// left out: it would take its time.
func (e *engine) everything() []selection {
	var list []selection
	for _, dir := range e.dirs() {
		list = append(list, selection{dir, ""})
	}
	return append(list, selection{storiesDir, "Test([^CS]|S[^i]|Simulation$)"})
}

// named selects tests by their names, as the table has them.
func (e *engine) named(by string) ([]selection, error) {
	tests := make(map[string][]string) // by directory
	var scenarios []string
	simulate := false
	for _, name := range strings.Fields(by) {
		switch {
		case name == simulation:
			simulate = true
		case !strings.HasPrefix(name, "Test"):
			scenarios = append(scenarios, name)
		case e.tests[name] == "":
			return nil, fmt.Errorf("no package of %s has the test %s", engineDir, name)
		default:
			tests[e.tests[name]] = append(tests[e.tests[name]], name)
		}
	}
	var list []selection
	for _, dir := range e.dirs() {
		if len(tests[dir]) > 0 {
			list = append(list, selection{dir, "^(" + strings.Join(tests[dir], "|") + ")$"})
		}
	}
	if len(scenarios) > 0 {
		list = append(list, selection{storiesDir, "^TestScenarios$/^all$/^(" + strings.Join(scenarios, "|") + ")$"})
	}
	if simulate {
		list = append(list, selection{storiesDir, "^" + simulation + "$"})
	}
	return list, nil
}

// look runs tests without the guard and notes which fail.
func (t *try) look(suites []suite, selected []selection) {
	for _, sel := range selected {
		for _, s := range suites {
			if s.dir == sel.dir {
				t.run(s, sel.pattern)
			}
		}
	}
	sort.Strings(t.noticed)
}

func (t *try) run(s suite, pattern string) {
	args := []string{"-test.timeout=30m", "-test.run=" + pattern}
	if s.dir == storiesDir {
		args = append(args, "-runs=20") // of the simulation
	}
	cmd := exec.Command(s.binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), variable+"="+t.name)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	failed, err := verdict(out.String(), err, strings.HasPrefix(pattern, "^TestScenarios$/"))
	if err != nil {
		t.err = err
	}
	t.noticed = append(t.noticed, failed...)
}

// verdict returns the tests that noticed something. A test that does not come to its
// end notices nothing.
func verdict(output string, err error, parts bool) ([]string, error) {
	failed := failures(output)
	switch {
	case err == nil:
		return nil, nil
	case strings.Contains(output, "panic: test timed out"):
	case len(failed) > 0:
		return failed, nil
	case parts && failure.MatchString(output):
		return nil, nil // the whole fails, for want of its other parts
	}
	return nil, fmt.Errorf("the tests do not get through: %w\n%s", err, tail(output))
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failures are the tests that fail, of those with parts the parts.
func failures(output string) []string {
	names := make(map[string]bool)
	for _, m := range failure.FindAllStringSubmatch(output, -1) {
		names[m[1]] = true
	}
	var failed []string
	for name := range names {
		part := name == "TestScenarios" // for want of some part, at most
		for other := range names {
			part = part || strings.HasPrefix(other, name+"/")
		}
		if !part {
			failed = append(failed, strings.TrimPrefix(name, allScenarios))
		}
	}
	sort.Strings(failed)
	return failed
}

// tail is the end of an output.
func tail(s string) string {
	if len(s) > 2000 {
		s = "..." + s[len(s)-2000:]
	}
	return s
}
