package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A monitor that is not root is told what it may not look at, as UNKNOWN, and what
// helps: not that anything is wrong.
func TestCheckAsOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: other users are not tried")
		return
	}
	program := filepath.Join(otherTemp(t), "program")
	data, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		what string
		do   func(root string) error
		line string
	}{
		{"the socket", func(root string) error {
			return os.Chmod(newPaths(func(n string) string { return map[string]string{"GANETI_ROOTDIR": root}[n] }).socket(), 0o600)
		},
			"AUTOREPAIR UNKNOWN - socket: only root can look: "},
		{"the last pass", func(root string) error {
			return os.Chmod(filepath.Join(root, "var/run/ganeti/socket/ganeti-query"), 0o666)
		},
			"AUTOREPAIR UNKNOWN - last pass: only root can look: "},
		{"the settings", func(root string) error { return os.Chmod(filepath.Join(root, "etc/ganeti/autorepair.toml"), 0o600) },
			"AUTOREPAIR UNKNOWN - settings: only root can look: "},
		{"the master", func(root string) error { return os.Chmod(filepath.Join(root, "var/lib/ganeti"), 0o700) },
			"AUTOREPAIR UNKNOWN - master: only root can look: "},
	} {
		b := newChecked(t)
		b.write("/etc/ganeti/autorepair.toml", "")
		if err := os.Chmod(b.root, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := row.do(b.root); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program)
		cmd.Dir = "/"
		cmd.Env = []string{"AUTOREPAIR_TEST_ARGUMENTS=check -v", "GANETI_ROOTDIR=" + b.root, "GANETI_HOSTNAME=node1"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 3 || !strings.HasPrefix(string(out), row.line) || !strings.Contains(string(out), ": sudo ganeti-autorepair check\n") {
			t.Errorf("%s: %d, want %q\n%s", row.what, cmd.ProcessState.ExitCode(), row.line, out)
		}
	}
}

// otherTemp is a directory that other users can enter.
func otherTemp(t *testing.T) string {
	dir, err := os.MkdirTemp("", "ar")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
