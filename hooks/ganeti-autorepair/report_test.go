package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page of a snapshot is written as a whole, to a file or to standard output, and that
// of a cluster has its past repairs.
func TestReport(t *testing.T) {
	b := newBed(t, badNode)
	example := filepath.Join("../../examples", "bad-day.json")
	file := filepath.Join(b.root, "page.html")
	if code, stdout, stderr := b.run("report", file, "--snapshot", example); code != 0 || stdout+stderr != "" {
		t.Fatalf("%d\n%s%s", code, stdout, stderr)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
	for _, word := range []string{"bigboard.example.com", "node6.example.com", "weak.example.com", "ganeti-autorepair ack old.example.com", "<rect "} {
		if !strings.Contains(string(page), word) {
			t.Errorf("no %s", word)
		}
	}
	if _, stdout, _ := b.run("report", "-", "--snapshot", example); stdout != string(page) {
		t.Error("standard output has another page")
	}
	b.want(1, 1, "/dev/null is not a file", "report", "/dev/null", "--snapshot", example)
	b.want(1, 1, "writing the page: ", "report", filepath.Join(b.root, "none/page.html"), "--snapshot", example)
	b.want(2, 2, "expected", "report")

	b.want(0, 0, "", "run", "--from-watcher")
	b.m.RunUntilQuiet()
	if _, stdout, _ := b.run("report", "-"); !strings.Contains(stdout, "job ") || !strings.Contains(stdout, ">web1</span> failover") {
		t.Error(stdout)
	}
}
