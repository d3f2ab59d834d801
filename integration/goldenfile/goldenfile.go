// Package goldenfile compares what tests see with files that were read and found
// good by people.
package goldenfile

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

// Update has the files written anew.
var Update = flag.Bool("update", false, "write the golden files anew")

// Want compares text with a file below testdata.
func Want(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *Update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s\nbut what comes now is\n%s", path, want, got)
	}
}
