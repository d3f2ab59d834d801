package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Every guard is where the table has it: a line that moved would be found out only
// when somebody takes the guards away.
func TestEveryGuardIsThere(t *testing.T) {
	if err := os.Chdir("../../.."); err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, g := range guards {
		if names[g.name] || g.demand == "" || g.by == "" || g.line == g.without || !strings.Contains(g.without, "GONE") {
			t.Errorf("%+v", g)
		}
		names[g.name] = true
	}
	if _, err := writeOverlay(t.TempDir()); err != nil {
		t.Error(err)
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
