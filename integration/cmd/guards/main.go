// guards takes the guards of the engine away, one at a time, and shows which tests
// notice. It fails if there is one that nobody would miss.
//
// The engine itself knows nothing of this: a guard is a line of its source, which
// is changed in a copy, and the tests are built with the copy in its place (go
// help build, -overlay).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

func main() {
	quick := flag.Bool("quick", false, "try the scenarios alone, not the tests of the engine")
	every := flag.Int("every", 1, "try one guard in so many")
	flag.Parse()
	if *every < 1 {
		fmt.Fprintln(os.Stderr, "guards: error: -every takes a number from 1 on")
		os.Exit(2)
	}
	if err := run(*quick, *every); err != nil {
		fmt.Fprintf(os.Stderr, "guards: error: %s\n", err)
		os.Exit(1)
	}
}

func run(quick bool, every int) error {
	dir, err := os.MkdirTemp("", "guards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// What fails anyway would be taken for a notice.
	if failed, _, err := test(quick, ""); err != nil || len(failed) > 0 {
		return fmt.Errorf("with all guards in place: %d tests fail %s, %v", len(failed), strings.Join(failed, " "), err)
	}
	fmt.Printf("%-20s %-8s %s\n", "Guard", "Demand", "Tests that notice when it is gone")
	missed := 0
	for k, g := range guards {
		if k%every != 0 {
			continue
		}
		overlay, err := g.overlay(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		failed, output, err := test(quick, overlay)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", g.name, err, output)
		}
		fmt.Printf("%-20s %-8s %s\n", g.name, g.demand, summary(failed))
		if len(failed) == 0 {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d guards are missed by no test", missed)
	}
	return nil
}

// overlay writes the changed source, and the file that has go build use it.
func (g guard) overlay(dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join("plugin", g.file))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	n := strings.Count(string(source), g.line)
	if n == 0 || n > 1 && !g.all {
		return "", fmt.Errorf("%s has %q %d times", path, g.line, n)
	}
	changed := filepath.Join(dir, g.file)
	if err := os.WriteFile(changed, []byte(strings.ReplaceAll(string(source), g.line, g.without)), 0o644); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test returns the tests that fail, of those with parts the parts.
func test(quick bool, overlay string) ([]string, string, error) {
	args := []string{"test", "-timeout=5m", "-vet=off"}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	// The crash matrix is left out: it would take its time.
	args = append(args, "-run=Test([^CS]|S[^i]|Simulation$)", "./integration/scenario")
	if quick {
		args = append(args, "-runs=40") // of the simulation
	} else {
		args = append(args, "./plugin")
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	names := make(map[string]bool)
	for _, m := range failure.FindAllStringSubmatch(string(out), -1) {
		names[m[1]] = true
	}
	var failed []string
	for name := range names {
		part := false
		for other := range names {
			part = part || strings.HasPrefix(other, name+"/")
		}
		if !part {
			failed = append(failed, strings.TrimPrefix(name, "TestScenarios/all/"))
		}
	}
	sort.Strings(failed)
	if _, ended := err.(*exec.ExitError); err != nil && (!ended || len(failed) == 0 && !strings.Contains(string(out), "panic:")) {
		return nil, string(out), err
	}
	if err != nil && len(failed) == 0 {
		failed = []string{"(the tests do not get through)"}
	}
	return failed, string(out), nil
}

// summary names as many as fit on a line.
func summary(names []string) string {
	if len(names) == 0 {
		return "NONE"
	}
	text := fmt.Sprintf("%d:", len(names))
	for k, name := range names {
		if len(text)+len(name) > 60 {
			return text + fmt.Sprintf(" and %d more", len(names)-k)
		}
		text += " " + name
	}
	return text
}
