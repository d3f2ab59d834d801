package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// variable names the guard that is gone, in the environment of the tests.
const variable = "AUTOREPAIR_GUARD_GONE"

const switchSource = `package %s

import "os"

var goneGuard = os.Getenv("` + variable + `")
`

// engineDirs are the packages of the engine; guards stand in any of them.
var engineDirs = []string{"plugin/repair", "plugin/read", "plugin/report", "plugin"}

// suite is the tests of a package, built.
type suite struct{ dir, binary string }

// build builds the tests with an engine that can do without any of the guards.
func build(dir string) (engine []suite, stories suite, err error) {
	overlay, err := writeOverlay(dir)
	if err != nil {
		return nil, stories, err
	}
	one := func(of string) (suite, error) {
		s := suite{dir: of, binary: filepath.Join(dir, strings.ReplaceAll(of, "/", "-")+".test")}
		out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", s.binary, "./"+of).CombinedOutput()
		if err != nil {
			return s, fmt.Errorf("building the tests of %s: %w\n%s", of, err, out)
		}
		return s, nil
	}
	for _, of := range engineDirs {
		s, err := one(of)
		if err != nil {
			return nil, stories, err
		}
		engine = append(engine, s)
	}
	stories, err = one("integration/scenario")
	return engine, stories, err
}

// writeOverlay writes the changed sources, and the file that has go build use them.
func writeOverlay(dir string) (string, error) {
	sources, err := readEngine()
	if err != nil {
		return "", err
	}
	changed := make(map[string]string)
	for _, g := range guards {
		file, err := g.find(sources)
		if err != nil {
			return "", err
		}
		sources[file] = g.removable(sources[file])
		changed[file] = sources[file]
	}
	for _, of := range engineDirs {
		changed[filepath.Join(of, "zz_guards.go")] = fmt.Sprintf(switchSource, filepath.Base(of))
	}
	replace := make(map[string]string)
	for file, source := range changed {
		path, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		replace[path] = filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(replace[path], []byte(source), 0o644); err != nil {
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

// readEngine returns the sources of the engine by path, without its tests.
func readEngine() (map[string]string, error) {
	sources := make(map[string]string)
	for _, of := range engineDirs {
		files, err := filepath.Glob(filepath.Join(of, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			sources[file] = string(text)
		}
	}
	return sources, nil
}

// find returns the one file that has the guard's line, once unless the guard stands
// for all such lines of the file.
func (g guard) find(sources map[string]string) (string, error) {
	var found []string
	for file, source := range sources {
		if n := strings.Count(source, g.line); n == 1 || n > 1 && g.all {
			found = append(found, file)
		} else if n > 1 {
			return "", fmt.Errorf("guard %s: %s has %q %d times", g.name, file, g.line, n)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("guard %s: %d files have %q: %s", g.name, len(found), g.line, strings.Join(found, " "))
	}
	return found[0], nil
}

// removable returns the source with a guard that can be switched off.
func (g guard) removable(source string) string {
	without := strings.ReplaceAll(g.without, "GONE", fmt.Sprintf("(goneGuard == %q)", g.name))
	return strings.ReplaceAll(source, g.line, without)
}
