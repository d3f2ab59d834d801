package main

import (
	"strings"
	"testing"
)

// K5: check says why the settings let no silent node be marked offline.
func TestCheckMarking(t *testing.T) {
	for _, c := range []struct {
		more, want string
	}{
		{"", `no node is marked: that takes a fence`},
		{"fence = \"oob\"\nbusy_interval = \"45m\"\n", "no node is marked: looks at most 30 min apart are in a row, and busy_interval is 45 min"},
		{"fence = \"oob\"\n", `"offline", which the settings allow`},
	} {
		b := newBed(t, calm)
		b.write("/etc/ganeti/autorepair.toml", "dead_nodes = \"offline\"\n"+c.more)
		_, stdout, _ := b.run("check", "-v")
		if !strings.Contains(stdout, c.want) {
			t.Errorf("%q: %s", c.more, stdout)
		}
	}
}
