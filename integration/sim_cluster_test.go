//go:build cluster

package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The cluster for use by hand: make brings it up, commands run inside, make ends it.
// All of it is done in a copy of the source, so that a cluster of whoever runs the
// tests is left alone.
func TestClusterByHand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "copy")
	copySource(t, "..", dir)
	do := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	up := true
	down := func() {
		if out, err := do("make", "--no-print-directory", "cluster-down"); err != nil && up {
			t.Errorf("make cluster-down: %v\n%s", err, out)
		}
		up = false
	}
	defer down()
	if out, err := do("make", "--no-print-directory", "cluster-up", "NODES=3", "INSTANCES=4"); err != nil || !strings.Contains(out, "make cluster-shell enters it") {
		t.Fatalf("make cluster-up: %v\n%s", err, out)
	}
	inside := func(args ...string) (string, error) {
		simcluster := filepath.Join(dir, "build", "simcluster")
		return do(filepath.Join(simcluster, "simcluster"), append([]string{"-dir", simcluster, "shell"}, args...)...)
	}
	out, err := inside("gnt-node", "list", "--no-headers", "-o", "name,offline,role", "--separator", " ")
	if want := "n1 N R\nn2 N R\nn3 N R\nnode1 N M\n"; err != nil || out != want {
		t.Errorf("gnt-node list: %v\n%s\nwant\n%s", err, out, want)
	}
	out, err = inside(filepath.Join(dir, "build", "ganeti-autorepair"), "status", "--all")
	if err != nil || strings.Count(out, "healthy") < 4 {
		t.Errorf("status: %v\n%s", err, out)
	}
	if out, err := inside("sh", "-c", "exit 7"); err == nil || err.Error() != "exit status 7" {
		t.Errorf("a command that ends with 7: %v\n%s", err, out)
	}
	down()
	if out, err := inside("true"); err == nil || !strings.Contains(out, "no cluster is up") {
		t.Errorf("after cluster-down: %v\n%s", err, out)
	}
}

// copySource copies the source from a folder, without what was built there or is
// git's.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inside)
		switch {
		case inside == "build" || inside == ".git":
			if info.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case info.IsDir():
			return os.MkdirAll(target, 0o755)
		case !info.Mode().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
}
