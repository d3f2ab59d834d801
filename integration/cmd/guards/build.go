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

const switchSource = `package plugin

import "os"

var goneGuard = os.Getenv("` + variable + `")
`

// suite is the tests of a package, built.
type suite struct{ dir, binary string }

// build builds the tests with an engine that can do without any of the guards.
func build(dir string) (engine, stories suite, err error) {
	overlay, err := writeOverlay(dir)
	if err != nil {
		return engine, stories, err
	}
	for _, s := range []struct {
		suite *suite
		dir   string
	}{{&engine, "plugin"}, {&stories, "integration/scenario"}} {
		s.suite.dir, s.suite.binary = s.dir, filepath.Join(dir, filepath.Base(s.dir)+".test")
		out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", s.suite.binary, "./"+s.dir).CombinedOutput()
		if err != nil {
			return engine, stories, fmt.Errorf("building the tests of %s: %w\n%s", s.dir, err, out)
		}
	}
	return engine, stories, nil
}

// writeOverlay writes the changed sources, and the file that has go build use them.
func writeOverlay(dir string) (string, error) {
	replace := make(map[string]string)
	put := func(file, source string) error {
		path, err := filepath.Abs(filepath.Join("plugin", file))
		if err != nil {
			return err
		}
		replace[path] = filepath.Join(dir, file)
		return os.WriteFile(replace[path], []byte(source), 0o644)
	}
	sources := make(map[string]string)
	for _, g := range guards {
		if sources[g.file] == "" {
			text, err := os.ReadFile(filepath.Join("plugin", g.file))
			if err != nil {
				return "", err
			}
			sources[g.file] = string(text)
		}
		changed, err := g.removable(sources[g.file])
		if err != nil {
			return "", err
		}
		sources[g.file] = changed
	}
	for file, source := range sources {
		if err := put(file, source); err != nil {
			return "", err
		}
	}
	if err := put("zz_guards.go", switchSource); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}

// removable is the source with a guard that can be switched off.
func (g guard) removable(source string) (string, error) {
	n := strings.Count(source, g.line)
	if n == 0 || n > 1 && !g.all {
		return "", fmt.Errorf("guard %s: plugin/%s has %q %d times", g.name, g.file, g.line, n)
	}
	without := strings.ReplaceAll(g.without, "GONE", fmt.Sprintf("(goneGuard == %q)", g.name))
	return strings.ReplaceAll(source, g.line, without), nil
}
