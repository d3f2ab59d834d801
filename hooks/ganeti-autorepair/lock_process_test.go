package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets a copy of this program be the program, or a process that takes a lock
// and keeps it until it is killed.
func TestMain(m *testing.M) {
	if args := os.Getenv("AUTOREPAIR_TEST_ARGUMENTS"); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
	}
	path := os.Getenv("AUTOREPAIR_TEST_HOLD_LOCK")
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := takeLock(stateDir(path)); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("taken\n")
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends when this test ends, however it does
	os.Exit(0)
}

// C3: the lock of another process counts, and is gone with the process, even if
// that is killed.
func TestLockOfAProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "AUTOREPAIR_TEST_HOLD_LOCK="+path)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "taken\n" {
		t.Errorf("the other process says %q, %v", line, err)
	}
	if _, err := takeLock(stateDir(path)); !errors.Is(err, errLocked) {
		t.Errorf("while it lives: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = other.Wait() // it was killed
	l, err := takeLock(stateDir(path))
	if err != nil {
		t.Fatalf("after its death: %v", err)
	}
	l.release()
}

// Where no lock can be taken no pass is done.
func TestLockCannotBeTaken(t *testing.T) {
	b := newBed(t, badNode)
	socket := newPaths(b.getenv).socket()
	b.root = t.TempDir()
	b.write("/var/lib/ganeti/ssconf_master_node", "node1\n")
	b.write("/var/run", "not a directory")
	b.want(1, 1, "error: lock:", "-L", socket, "run")
	b.want(1, 1, "error: lock:", "-L", socket, "run", "--from-watcher")
	b.idle("no lock")
}
