package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFoundBugsHaveProofs: what the table of bugs in docs/bugs-found.md names in its
// last column are scenarios and tests that there are.
func TestFoundBugsHaveProofs(t *testing.T) {
	text, err := os.ReadFile("../docs/bugs-found.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| what was wrong | found by | scenario |\n|---|---|---|\n")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if len(rows) < 15 {
		t.Fatalf("only %d rows", len(rows))
	}
	exists := make(map[string]bool)
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, body := range testSources(t) {
		for _, m := range function.FindAllStringSubmatch(string(body), -1) {
			exists[m[1]] = true
		}
	}
	for _, row := range rows {
		cells := strings.Split(row, " | ")
		for _, name := range strings.Split(strings.TrimSuffix(cells[len(cells)-1], " |"), ", ") {
			if _, err := os.Stat(filepath.Join("scenarios", name+".txt")); err != nil && !exists[name] {
				t.Errorf("there is no scenario and no test %q: %s", name, row)
			}
		}
	}
}
