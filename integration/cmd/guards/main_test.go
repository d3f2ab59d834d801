package main

import (
	"os"
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
		if names[g.name] || g.demand == "" || g.line == g.without {
			t.Errorf("%+v", g)
		}
		names[g.name] = true
		if _, err := g.overlay(t.TempDir()); err != nil {
			t.Errorf("%s: %v", g.name, err)
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
