package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

// readSettings reads the settings file. One that does not exist is empty,
// unless it was asked for by name. Every error names the file, the line, the
// key and what is allowed (W2).
func readSettings(path string, mustExist bool) (settings, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		return defaultSettings(), nil
	}
	if err != nil {
		return settings{}, fmt.Errorf("settings: %w", err)
	}
	return parseSettings(path, string(data))
}

// tomlHead matches what the decoder puts before the text of an error.
var tomlHead = regexp.MustCompile(`^toml: line \d+( \(last key "[^"]*"\))?: `)

func parseSettings(path, data string) (settings, error) {
	s := defaultSettings()
	var values map[string]any
	if _, err := toml.Decode(data, &values); err != nil {
		var bad toml.ParseError
		if errors.As(err, &bad) {
			// Some errors have no Message.
			text := bad.Message
			if text == "" {
				text = tomlHead.ReplaceAllString(bad.Error(), "")
			}
			return s, fmt.Errorf("%s:%d: %s", path, bad.Position.Line, strings.TrimSuffix(text, "."))
		}
		return s, fmt.Errorf("%s: %s", path, err)
	}
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(a, b int) bool { return lineOf(data, keys[a]) < lineOf(data, keys[b]) })
	for _, key := range keys {
		known := settingFor(key)
		if known == nil {
			hint := "known are " + strings.Join(knownKeys(), ", ")
			if near := nearest(strings.ReplaceAll(key, "-", "_"), knownKeys()); near != "" {
				hint = "did you mean " + near + "?"
			}
			return s, fmt.Errorf("%s:%d: %s: unknown key; %s", path, lineOf(data, key), key, hint)
		}
		if !known.set(&s, values[key]) {
			return s, fmt.Errorf("%s:%d: %s: must be %s", path, lineOf(data, key), key, known.refusal(values[key]))
		}
	}
	return s, nil
}

func settingFor(key string) *setting {
	for k := range settingsTable {
		if settingsTable[k].key == key {
			return &settingsTable[k]
		}
	}
	return nil
}

func knownKeys() []string {
	var keys []string
	for _, s := range settingsTable {
		keys = append(keys, s.key)
	}
	return keys
}

// lineOf returns the line on which a top-level key or table begins, as the decoder
// does not tell it.
func lineOf(data, key string) int {
	name := regexp.QuoteMeta(key)
	re := regexp.MustCompile(`^\s*(\[\[?\s*)?(` + name + `|"` + name + `"|'` + name + `')\s*[]=.]`)
	for n, line := range strings.Split(data, "\n") {
		if re.MatchString(line) {
			return n + 1
		}
	}
	return 1
}
