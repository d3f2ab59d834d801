package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// variable names the guard that is gone, in the environment of the tests.
const variable = "AUTOREPAIR_GUARD_GONE"

// engineDir holds the engine: its packages are this directory and those below.
// storiesDir holds the tests that play scenarios.
const (
	engineDir  = "plugin"
	storiesDir = "integration/scenario"
)

// suite is the tests of a package, built.
type suite struct{ dir, binary string }

// engine is the source of the engine.
type engine struct {
	sources map[string]string // by path, without tests
	tests   map[string]string // name of a test -> directory of its package
}

var testName = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// readEngine reads the engine below the current directory. Packages for tests, whose
// names end in "test", are no part of it.
func readEngine() (*engine, error) {
	e := &engine{sources: make(map[string]string), tests: make(map[string]string)}
	err := filepath.WalkDir(engineDir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasSuffix(path, "test"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			e.sources[path] = string(text)
			return nil
		}
		for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
			e.tests[m[1]] = filepath.Dir(path)
		}
		return nil
	})
	if err == nil && len(e.sources) == 0 {
		err = fmt.Errorf("there is no Go source in %s", engineDir)
	}
	return e, err
}

// dirs lists the directories that have tests, sorted.
func (e *engine) dirs() []string {
	seen := make(map[string]bool)
	var list []string
	for _, dir := range e.tests {
		if !seen[dir] {
			seen[dir] = true
			list = append(list, dir)
		}
	}
	sort.Strings(list)
	return list
}

// find returns the path of the only file that has the guard's text.
func (e *engine) find(g guard) (string, error) {
	var found []string
	for path, text := range e.sources {
		switch n := strings.Count(text, g.line); {
		case n > 1 && !g.all:
			return "", fmt.Errorf("guard %s: %s has %q %d times", g.name, path, g.line, n)
		case n > 0:
			found = append(found, path)
		}
	}
	if len(found) != 1 {
		sort.Strings(found)
		return "", fmt.Errorf("guard %s: %d files of %s have %q: %s", g.name, len(found), engineDir, g.line, strings.Join(found, " "))
	}
	return found[0], nil
}

// removable returns the files that hold a guard, by path, changed so that each guard
// can be switched off. The error names all guards that were not found.
func (e *engine) removable() (map[string]string, error) {
	changed := make(map[string]string)
	var problems []string
	for _, g := range guards {
		path, err := e.find(g)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		if _, ok := changed[path]; !ok {
			changed[path] = e.sources[path]
		}
		if !strings.Contains(changed[path], g.line) {
			problems = append(problems, fmt.Sprintf("guard %s: the guards before it in the table have changed its line %q", g.name, g.line))
		}
		without := strings.ReplaceAll(g.without, "GONE", fmt.Sprintf("(goneGuard == %q)", g.name))
		changed[path] = strings.ReplaceAll(changed[path], g.line, without)
	}
	if problems != nil {
		return nil, errors.New(strings.Join(problems, "\n"))
	}
	return changed, nil
}

var packageClause = regexp.MustCompile(`(?m)^package \w+$`)

// switchSource is the file that tells a package which guard is gone. The argument is
// some file of that package.
func switchSource(other string) string {
	return packageClause.FindString(other) + "\n\nimport \"os\"\n\nvar goneGuard = os.Getenv(\"" + variable + "\")\n"
}

// writeOverlay writes the changed sources into a directory, and the file that makes
// go build use them.
func (e *engine) writeOverlay(dir string) (string, error) {
	changed, err := e.removable()
	if err != nil {
		return "", err
	}
	files := make(map[string]string)
	for path, source := range changed {
		files[path] = source
		files[filepath.Join(filepath.Dir(path), "zz_guards.go")] = switchSource(source)
	}
	replace := make(map[string]string)
	for path, source := range files {
		full, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		replace[full] = filepath.Join(dir, strings.ReplaceAll(path, "/", "-"))
		if err := os.WriteFile(replace[full], []byte(source), 0o644); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}

// build builds the tests of packages, once, with an engine that can do without any of
// the guards.
func (e *engine) build(dir string, packages []string) ([]suite, error) {
	overlay, err := e.writeOverlay(dir)
	if err != nil {
		return nil, err
	}
	var suites []suite
	for _, p := range packages {
		s := suite{dir: p, binary: filepath.Join(dir, strings.ReplaceAll(p, "/", "-")+".test")}
		out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", s.binary, "./"+p).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("building the tests of %s: %w\n%s", p, err, out)
		}
		suites = append(suites, s)
	}
	return suites, nil
}
