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

// look runs the tests without the guard and takes down which fail: all tests, or
// quickly those alone that the table names.
func (t *try) look(engine []suite, stories suite, quick bool) {
	if !quick {
		for _, s := range engine {
			t.run(s, "")
		}
		// The crash matrix is left out: it would take its time.
		t.run(stories, "Test([^CS]|S[^i]|Simulation$)")
		return
	}
	var tests, scenarios []string
	simulate := false
	for _, name := range strings.Fields(t.by) {
		switch {
		case name == simulation:
			simulate = true
		case strings.HasPrefix(name, "Test"):
			tests = append(tests, name)
		default:
			scenarios = append(scenarios, name)
		}
	}
	if len(tests) > 0 {
		for _, s := range engine {
			t.run(s, "^("+strings.Join(tests, "|")+")$")
		}
	}
	if len(scenarios) > 0 {
		t.run(stories, "^TestScenarios$/^all$/^("+strings.Join(scenarios, "|")+")$")
	}
	if simulate {
		t.run(stories, "^"+simulation+"$")
	}
}

const simulation = "TestSimulation"

func (t *try) run(s suite, pattern string) {
	args := []string{"-test.timeout=5m", "-test.run=" + pattern}
	if s.dir == "integration/scenario" {
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
	sort.Strings(t.noticed)
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
