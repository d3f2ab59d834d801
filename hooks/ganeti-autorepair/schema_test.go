package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"ganeti-autorepair/plugin/repair"
)

// validate checks a JSON text against a file of the directory schema. It knows
// the few words of JSON Schema that these use, and refuses any other.
func validate(t *testing.T, file, text string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("schema", file))
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	for _, p := range (schema{root}).check(root, value, "") {
		t.Errorf("%s: %s", file, p)
	}
}

type schema struct{ root map[string]any }

// check returns the faults of a value, each with its place.
func (s schema) check(rule map[string]any, v any, at string) []string {
	var bad []string
	fail := func(format string, args ...any) { bad = append(bad, at+": "+fmt.Sprintf(format, args...)) }
	object, _ := v.(map[string]any)
	for word, want := range rule {
		switch word {
		case "$schema", "$defs", "title", "description":
		case "$ref":
			target := any(s.root)
			for _, step := range strings.Split(strings.TrimPrefix(want.(string), "#/"), "/") {
				target = target.(map[string]any)[step]
			}
			bad = append(bad, s.check(target.(map[string]any), v, at)...)
		case "const":
			if !reflect.DeepEqual(v, want) {
				fail("%v is not %v", v, want)
			}
		case "enum":
			found := false
			for _, w := range want.([]any) {
				found = found || reflect.DeepEqual(v, w)
			}
			if !found {
				fail("%v is none of %v", v, want)
			}
		case "type":
			if !isType(v, want.(string)) {
				fail("%v is no %s", v, want)
			}
		case "minimum":
			if n, ok := v.(float64); ok && n < want.(float64) {
				fail("%v is less than %v", n, want)
			}
		case "required":
			for _, key := range want.([]any) {
				if _, ok := object[key.(string)]; !ok {
					fail("no key %s", key)
				}
			}
		case "items":
			list, _ := v.([]any)
			for k, item := range list {
				bad = append(bad, s.check(want.(map[string]any), item, fmt.Sprintf("%s[%d]", at, k))...)
			}
		case "properties":
			for key, r := range want.(map[string]any) {
				if item, ok := object[key]; ok {
					bad = append(bad, s.check(r.(map[string]any), item, at+"."+key)...)
				}
			}
			// The schemas are open, as keys may be added. Here what is written has to be
			// described.
			for key := range object {
				if _, known := want.(map[string]any)[key]; !known && rule["additionalProperties"] == nil {
					fail("unknown key %s", key)
				}
			}
		case "propertyNames":
			for key := range object {
				bad = append(bad, s.check(want.(map[string]any), key, at+"."+key)...)
			}
		case "additionalProperties":
			known, _ := rule["properties"].(map[string]any)
			for key, item := range object {
				if _, ok := known[key]; ok {
					continue
				}
				bad = append(bad, s.check(want.(map[string]any), item, at+"."+key)...)
			}
		default:
			fail("the schema uses %q, which the test does not know", word)
		}
	}
	return bad
}

func isType(v any, name string) bool {
	switch v := v.(type) {
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// The validator finds faults.
func TestValidator(t *testing.T) {
	rule := map[string]any{}
	err := json.Unmarshal([]byte(`{"type":"object","required":["a"],"properties":{
		"a":{"type":"integer","minimum":1},"b":{"enum":["x","y"]},"c":{"type":"array","items":{"$ref":"#/$defs/d"}}},
		"$defs":{"d":{"const":true}}}`), &rule)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		`{"a":1}`: 0, `{"a":2,"b":"y","c":[true,true]}`: 0, `{}`: 1, `[]`: 2, `{"a":0}`: 1, `{"a":1.5}`: 1, `{"a":"1"}`: 1,
		`{"a":1,"b":"z"}`: 1, `{"a":1,"c":[true,false]}`: 1, `{"a":1,"c":{}}`: 1, `{"a":1,"z":1}`: 1, `null`: 2,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if bad := (schema{rule}).check(rule, v, ""); len(bad) != want {
			t.Errorf("%s: %q, want %d", text, bad, want)
		}
	}
}

// O1, O6, O7: a reason or a command that is added in one place is known in all: the
// metrics, the schemas, the README. For the manual see TestManualHasEveryReasonAndState.
func TestWordsAreKnownEverywhere(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	readme, metrics := read("../../README.md"), read("testdata/metrics.prom")
	status, explain := read("schema/status.json"), read("schema/explain.json")
	constant := regexp.MustCompile(`(?m)^\tReason\w+ +(?:Reason )? *= "([a-z-]+)"`)
	reasons := constant.FindAllStringSubmatch(read("../../plugin/repair/reasons.go"), -1)
	if len(reasons) != len(repair.ReasonTable()) {
		t.Errorf("%d reasons in reasons.go, %d in its table", len(reasons), len(repair.ReasonTable()))
	}
	for _, m := range reasons {
		for place, text := range map[string]string{"status.json": status, "explain.json": explain, "metrics.prom": metrics} {
			if !strings.Contains(text, `"`+m[1]+`"`) {
				t.Errorf("%s does not know the reason %s", place, m[1])
			}
		}
	}
	commands := reflect.TypeOf(cli{})
	for k := 0; k < commands.NumField(); k++ {
		f := commands.Field(k)
		if _, ok := f.Tag.Lookup("cmd"); !ok {
			continue
		}
		name := strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(f.Name, "$1-$2"))
		if !strings.Contains(readme, "ganeti-autorepair "+name) && !strings.Contains(readme, "`"+name) {
			t.Errorf("README.md does not know the command %s", name)
		}
	}
}

// One vocabulary: the fields of "status -o" are named as the keys of its JSON.
func TestFieldsAreThoseOfTheJSON(t *testing.T) {
	data, err := os.ReadFile("schema/status.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Type       string
		Properties map[string]json.RawMessage
	}
	var root struct {
		Defs struct{ Instance object } `json:"$defs"`
	}
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	paths := []string{"age"} // of repair.since
	for key, raw := range root.Defs.Instance.Properties {
		paths = append(paths, key)
		var inner object
		if err := json.Unmarshal(raw, &inner); err != nil {
			t.Fatal(err)
		}
		for name := range inner.Properties {
			paths = append(paths, key+"."+name)
		}
	}
	var fields []string
	for _, f := range statusFields(present) {
		fields = append(fields, f.name)
	}
	same(t, "status -o", fields, paths)
}
