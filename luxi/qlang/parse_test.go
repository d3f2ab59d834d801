package qlang

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The corpus holds filter strings with what Ganeti's own parser made of them
// when the file was written; null is an error. integration/qlang_test.go
// compares with the parser itself.
func TestCorpus(t *testing.T) {
	f, err := os.Open("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		quoted, want, _ := strings.Cut(lines.Text(), "\t")
		var text string
		if err := json.Unmarshal([]byte(quoted), &text); err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		if got := parsed(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if n < 100 {
		t.Errorf("%d lines only", n)
	}
}

// parsed is the filter as JSON, null if there is none.
func parsed(text string) string {
	f, err := Parse(text)
	if err != nil {
		return "null"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// An error is one line that names the place and what is missing there.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "filter: at its end: a condition is missing",
		"   ":                "filter: at its end: a field, a value or a parenthesis is missing",
		"name ==":            "filter: at its end: a number or a quoted string is missing",
		"name == web1":       `filter: at character 9 ("web1"): a number or a quoted string is missing`,
		"name == \"web1":     `filter: at character 9 ("\"web1"): a number or a quoted string is missing`,
		"(name":              "filter: at its end: a closing parenthesis is missing",
		"name foo":           `filter: at character 6 ("foo"): neither "and" nor "or" nor the end`,
		"\"a\" tags":         `filter: at character 5 ("tags"): "in" or "not in" is missing`,
		"name =~ x":          `filter: at character 9 ("x"): a regular expression such as /.../ is missing`,
		"name =~ /x":         `filter: at character 9 ("/x"): the regular expression has no end`,
		"name =~ /x/ and os": `filter: at character 9 ("/x/ and os"): a regular expression has no flags "and", only s and i; put one that "and" or "or" follows in parentheses`,
		"name =~ /(/":        `filter: at character 9 ("/(/"): not a regular expression: missing closing )`,
		"name =* x":          `filter: at character 9 ("x"): a quoted string is missing`,
		`name =~ /a\\nb/`:    `filter: at character 9 ("/a\\\\nb/"): an escaped \ before t, n, f or r means one thing on Debian 12 and another on Debian 13; write \t, \n, \f, \r for white space, [\\\\] for a \`,
		"a == 1 and ":        "filter: at its end: a field, a value or a parenthesis is missing",
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// FuzzParse: whatever is typed, it is a filter, or an error of one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a", "not a", `name =* "x.*"`, "a =~ m/x\\/y/si", `"x" not in tags`, "((a))"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := parsed(text); !json.Valid([]byte(got)) {
			t.Errorf("%q: %s", text, got)
		}
		if _, err := Parse(text); err != nil && (!strings.HasPrefix(err.Error(), "filter: ") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
