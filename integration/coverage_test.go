package integration_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

var (
	demandLine = regexp.MustCompile(`(?m)^- ([TSPCWV]\d+) (.*)$`)
	citation   = regexp.MustCompile(`\b[TSPCWV]\d{1,2}\b`)
)

// TestDemandsAreCited: every demand of demands.md is proved by a scenario or a
// test that cites it, and no scenario cites one that is not there. Demands that
// are optional, or proved elsewhere, say so.
func TestDemandsAreCited(t *testing.T) {
	text, err := os.ReadFile("demands.md")
	if err != nil {
		t.Fatal(err)
	}
	titles := make(map[string]string)
	for _, m := range demandLine.FindAllStringSubmatch(string(text), -1) {
		if titles[m[1]] != "" {
			t.Errorf("%s is listed twice", m[1])
		}
		titles[m[1]] = m[2]
	}
	if len(titles) < 50 {
		t.Fatalf("only %d demands are listed", len(titles))
	}
	cited := make(map[string][]string)
	err = filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		scenario := strings.HasSuffix(path, ".txt") && filepath.Base(filepath.Dir(path)) == "scenarios"
		if err != nil || e.IsDir() || !scenario && !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "coverage_test.go" {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		part := string(body)
		if scenario {
			// Only what it says that it proves.
			for _, line := range strings.Split(part, "\n") {
				if strings.HasPrefix(line, "demands:") {
					part = line
					break
				}
			}
		}
		for _, id := range citation.FindAllString(part, -1) {
			if scenario && titles[id] == "" {
				t.Errorf("%s cites %s, which is no demand", path, id)
			}
			cited[id] = append(cited[id], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for id := range titles {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		excused := strings.HasPrefix(titles[id], "optional:") || strings.HasPrefix(titles[id], "elsewhere:")
		if len(cited[id]) == 0 && !excused {
			t.Errorf("no scenario and no test cites %s: %s", id, titles[id])
		}
		scenarios := 0
		for _, path := range cited[id] {
			if strings.HasSuffix(path, ".txt") {
				scenarios++
			}
		}
		t.Logf("%-4s %3d scenarios, %3d citations in tests: %s", id, scenarios, len(cited[id])-scenarios, titles[id])
	}
}
