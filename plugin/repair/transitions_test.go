package repair_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/plugin/repair"
)

const (
	diagramBegins = "<!-- from plugin/repair/transitions.go, by go test ./plugin/repair -run Diagram -update -->\n"
	diagramEnds   = "<!-- end of what is generated -->"
)

// diagram renders the table of transitions: what passes do as a diagram, what
// people do, or the cluster, as a table.
func diagram() string {
	var b strings.Builder
	name := func(s repair.State) string { return strings.ReplaceAll(string(s), "-", "_") }
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> healthy\n")
	for _, t := range repair.Transitions {
		if t.ByPass {
			fmt.Fprintf(&b, "    %s --> %s : %s (%s)\n", name(t.From), name(t.To), strings.ReplaceAll(t.When, ":", ","), t.Demand)
		}
	}
	b.WriteString("```\n\nWhat people do, or the cluster, between two passes:\n\n| from | to | when | |\n|---|---|---|---|\n")
	for _, t := range repair.Transitions {
		if !t.ByPass {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.From, t.To, t.When, t.Demand)
		}
	}
	return b.String()
}

// ARCHITECTURE.md shows the states as the code has them.
func TestDiagram(t *testing.T) {
	const path = "../../ARCHITECTURE.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), diagramBegins)
	old, tail, ends := strings.Cut(rest, diagramEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the diagram", path)
	}
	if want := diagram(); old != want && *goldenfile.Update {
		if err := os.WriteFile(path, []byte(head+diagramBegins+want+diagramEnds+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if old != want {
		t.Errorf("%s shows\n%s\nthe code has\n%s", path, old, want)
	}
}

// Every transition is there once, and none leads nowhere.
func TestTransitions(t *testing.T) {
	seen := make(map[string]bool)
	for _, tr := range repair.Transitions {
		key := fmt.Sprint(tr.From, tr.To, tr.ByPass)
		if seen[key] || tr.From == tr.To || tr.When == "" || tr.Demand == "" {
			t.Errorf("%+v", tr)
		}
		seen[key] = true
	}
}
