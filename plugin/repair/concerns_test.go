package repair_test

import (
	"testing"

	"ganeti-autorepair/plugin/repair"
)

func TestSameNode(t *testing.T) {
	for _, row := range []struct {
		host, node string
		want       bool
	}{
		{"node1.example.com", "node1.example.com", true},
		{"NODE1.Example.com", "node1.example.COM", true},
		{"node1", "node1.example.com", true},
		{"Node1", "node1.example.com", true},
		{"node1", "node1", true},
		{"node1.example.com", "node1", false},
		{"node1.example.com", "node1.example.org", false},
		{"node1.example", "node1.example.com", false},
		{"node", "node1.example.com", false},
		{"node11", "node1.example.com", false},
		{"", "node1", false},
		{"node1", "", false},
		{"", "", false},
		{"", ".example.com", false},
	} {
		if got := repair.SameNode(row.host, row.node); got != row.want {
			t.Errorf("SameNode(%q, %q) = %v", row.host, row.node, got)
		}
	}
}
