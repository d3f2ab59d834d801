package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Flags may stand anywhere, as they may for gnt-*.
func TestFlagsFirst(t *testing.T) {
	parser, err := kong.New(&cli{}, helpTexts, kong.Vars{"version": "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][2]string{
		{"", ""},
		{"status", "status"},
		{"suspend i1 --for 4h i2", "suspend --for 4h i1 i2"},
		{"suspend i1 --for=4h i2", "suspend --for=4h i1 i2"},
		{"policy cluster --dry-run failover", "policy --dry-run cluster failover"},
		{"policy cluster -n failover", "policy -n cluster failover"},
		{"-L /s explain i1 --json", "-L /s explain --json i1"},
		{"explain i1 -L /s", "explain -L /s i1"},
		{"status -o +name i1 --no-headers", "status -o +name --no-headers i1"},
		{"ack i1 -- --odd i2", "ack i1 -- --odd i2"},
		{"status i1 --for", "status --for i1"},
		{"suspend i1 --for", "suspend --for i1"},
		{"nosuch x --flag y", "nosuch --flag x y"},
	} {
		if got := strings.Join(flagsFirst(parser.Model, strings.Fields(row[0])), " "); got != row[1] {
			t.Errorf("%s: %s, want %s", row[0], got, row[1])
		}
	}
}
