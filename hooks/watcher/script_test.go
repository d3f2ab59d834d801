// Package watcher holds the script for Ganeti's hook directory.
package watcher

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// The watcher runs what is executable and named without a dot, and logs
// whatever does not end with status 0 (W1).
func TestScript(t *testing.T) {
	const script = "ganeti-autorepair"
	info, err := os.Stat(script)
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Fatalf("not executable: %v, %v", info, err)
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(script) {
		t.Error("a name that the watcher skips")
	}
	if out, err := exec.Command("sh", "-n", script).CombinedOutput(); err != nil {
		t.Errorf("sh -n: %v: %s", err, out)
	}
	if _, err := os.Stat("/usr/sbin/ganeti-autorepair"); err != nil {
		// Removed, but the script is still there: quiet.
		if out, err := exec.Command("./" + script).CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("without the program: %v: %s", err, out)
		}
	}
}
