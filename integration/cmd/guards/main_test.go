package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Every guard of the table is in the engine, once, the engine compiles without it, and
// every test that the table names exists: otherwise only "make guards" would find out.
func TestEveryGuardIsThere(t *testing.T) {
	if err := os.Chdir("../../.."); err != nil {
		t.Fatal(err)
	}
	e, err := readEngine()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, g := range guards {
		if names[g.name] || g.demand == "" || g.by == "" || g.line == g.without || !strings.Contains(g.without, "GONE") {
			t.Errorf("%+v", g)
		}
		names[g.name] = true
		if _, err := e.named(g.by); err != nil {
			t.Errorf("guard %s: %v", g.name, err)
		}
		for _, name := range strings.Fields(g.by) {
			if !strings.HasPrefix(name, "Test") {
				if _, err := os.Stat("integration/scenarios/" + name + ".txt"); err != nil {
					t.Errorf("guard %s: %v", g.name, err)
				}
			}
		}
	}
	overlay, err := e.writeOverlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-overlay="+overlay, "./"+engineDir+"/...").CombinedOutput(); err != nil {
		t.Errorf("the engine without guards: %v\n%s", err, out)
	}
}

// A guard is found by its text in whatever file has it, and must not be ambiguous.
func TestFind(t *testing.T) {
	e := &engine{sources: map[string]string{"plugin/a.go": "one two two", "plugin/sub/b.go": "one three"}}
	for _, c := range []struct {
		line string
		all  bool
		path string
	}{
		{"three", false, "plugin/sub/b.go"},
		{"two", true, "plugin/a.go"},
		{"two", false, ""},
		{"one", true, ""},
		{"four", true, ""},
	} {
		if path, err := e.find(guard{line: c.line, all: c.all}); path != c.path || (err == nil) != (c.path != "") {
			t.Errorf("%+v: found in %q, %v", c, path, err)
		}
	}
}

// Named tests are looked for in the packages that have them.
func TestNamed(t *testing.T) {
	e := &engine{tests: map[string]string{"TestA": "plugin", "TestB": "plugin/sub", "TestC": "plugin/sub"}}
	got, err := e.named("s01-x TestC TestA TestB TestSimulation s02-y")
	want := "[{plugin ^(TestA)$} {plugin/sub ^(TestC|TestB)$} {integration/scenario ^TestScenarios$/^all$/^(s01-x|s02-y)$} {integration/scenario ^TestSimulation$}]"
	if fmt.Sprint(got) != want || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := e.named("TestD"); err == nil {
		t.Error("a test that no package has was found")
	}
}

func TestFailures(t *testing.T) {
	out := "--- FAIL: TestScenarios (0.10s)\n    --- FAIL: TestScenarios/all (0.00s)\n        --- FAIL: TestScenarios/all/s01-a (0.00s)\n" +
		"--- FAIL: TestB (0.00s)\n    --- FAIL: TestB/part (0.00s)\n"
	if got := strings.Join(failures(out), " "); got != "TestB/part s01-a" {
		t.Errorf("%q", got)
	}
	// The whole of the scenarios fails where not all are played.
	if got := failures("--- FAIL: TestScenarios (0.10s)\n"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// Only a test that fails has noticed something: one that hangs has not, nor has a
// program that cannot even begin.
func TestVerdict(t *testing.T) {
	const whole, part = "--- FAIL: TestScenarios (0.10s)\n", "        --- FAIL: TestScenarios/all/s01-a (0.00s)\n"
	ended := errors.New("exit status 1")
	for name, c := range map[string]struct {
		output, noticed string
		err             error
		parts, through  bool
	}{
		"nothing fails":           {"PASS\n", "", nil, false, true},
		"a test fails":            {"--- FAIL: TestA (0.00s)\n", "TestA", ended, false, true},
		"a test panics":           {"--- FAIL: TestA (0.00s)\npanic: runtime error\n", "TestA", ended, false, true},
		"a part fails":            {whole + part, "s01-a", ended, true, true},
		"the whole alone, parted": {whole, "", ended, true, true},
		"the whole alone":         {whole, "", ended, false, false},
		"time is over":            {"--- FAIL: TestA (0.00s)\npanic: test timed out after 5m0s\n", "", ended, false, false},
		"it does not begin":       {"flag provided but not defined\n", "", ended, true, false},
	} {
		noticed, err := verdict(c.output, c.err, c.parts)
		if strings.Join(noticed, " ") != c.noticed || (err == nil) != c.through {
			t.Errorf("%s: %q, %v", name, noticed, err)
		}
	}
}

// A table that names a test which does not notice is wrong.
func TestMissed(t *testing.T) {
	for _, c := range []struct {
		by, noticed string
		quick, ok   bool
	}{
		{"TestA", "TestA/part", true, true},
		{"s01-a TestA", "TestA s01-a", true, true},
		{"s01-a TestA", "TestA", true, false},
		{"s01-a", "", true, false},
		{"s01-a", "TestA", false, false},
		{"", "", false, false},
	} {
		try := &try{guard: guard{by: c.by}, noticed: strings.Fields(c.noticed)}
		if why := try.missed(c.quick); (why == "") != c.ok {
			t.Errorf("%+v: %q", c, why)
		}
	}
}

func TestSummary(t *testing.T) {
	for want, names := range map[string][]string{
		"NONE":   nil,
		"2: a b": {"a", "b"},
		"3: a and 2 more": {"a",
			"a-name-that-is-far-too-long-to-fit-on-the-line-with-all-the-others", "c"},
	} {
		if got := summary(names); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
