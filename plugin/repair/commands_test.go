package repair_test

import (
	"testing"

	"ganeti-autorepair/plugin/repair"
)

// A master candidate is drained only where another node may take its place, and the master
// never.
func TestDrainCommand(t *testing.T) {
	for node, want := range map[string]string{"a": "gnt-cluster master-failover", "b": "gnt-node modify --drained=yes --auto-promote b"} {
		if got := repair.DrainCommand(node, "a"); got != want {
			t.Errorf("%s: %s, want %s", node, got, want)
		}
	}
}
