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
	rows := provedRows(t, "../docs/bugs-found.md", "scenario")
	if len(rows) < 15 {
		t.Fatalf("only %d rows", len(rows))
	}
	known := proofs(t)
	for _, row := range rows {
		known.want(t, row)
	}
}

// TestComparisonHasProofs: what the tables in docs/comparison.md name in their last
// column are scenarios, tests and documents that there are, and these documents have the
// figures.
func TestComparisonHasProofs(t *testing.T) {
	rows := provedRows(t, "../docs/comparison.md", "shown by")
	if len(rows) < 25 {
		t.Fatalf("only %d rows", len(rows))
	}
	known := proofs(t)
	figure := regexp.MustCompile(`[0-9.]+ s\b`)
	for _, row := range rows {
		known.want(t, row)
		if len(row) != 5 {
			t.Errorf("%d columns: %q", len(row), row)
		}
		for _, cell := range row[:len(row)-1] {
			for _, f := range figure.FindAllString(cell, -1) {
				if !says("docs/performance.md", f) || !strings.Contains(row[len(row)-1], "docs/performance.md") {
					t.Errorf("docs/performance.md does not say %q, or is not named: %q", f, row)
				}
			}
		}
	}
}

// provedRows are the rows of the tables in a document whose last column has that heading,
// as their cells.
func provedRows(t *testing.T, path, heading string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasSuffix(line, "| "+heading+" |"):
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "|-"):
			rows = append(rows, strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | "))
		}
	}
	return rows
}

// proven are the names of all tests.
type proven map[string]bool

func proofs(t *testing.T) proven {
	t.Helper()
	tests := make(proven)
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, body := range testSources(t) {
		for _, m := range function.FindAllStringSubmatch(string(body), -1) {
			tests[m[1]] = true
		}
	}
	return tests
}

// want wants that what the last cell of a row names are tests, scenarios and documents
// that there are.
func (tests proven) want(t *testing.T, row []string) {
	t.Helper()
	for _, name := range strings.Split(row[len(row)-1], ", ") {
		file := filepath.Join("scenarios", name+".txt")
		if strings.HasPrefix(name, "docs/") {
			file = filepath.Join("..", name)
		}
		if _, err := os.Stat(file); err != nil && !tests[name] {
			t.Errorf("there is no scenario, no test and no document %q: %q", name, row)
		}
	}
}

// says reports whether a document has a figure.
func says(path, figure string) bool {
	text, err := os.ReadFile(filepath.Join("..", path))
	return err == nil && regexp.MustCompile(`(^|[^0-9.])`+regexp.QuoteMeta(figure)+`\b`).Match(text)
}
