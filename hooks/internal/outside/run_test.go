package outside

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// script writes a program, with the paths of its directory in place of DIR.
func script(t *testing.T, body string) (path, dir string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.ReplaceAll(body, "DIR", dir)+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, dir
}

// fifo makes a named pipe, on which programs of tests wait and tell.
func fifo(t *testing.T, path string) string {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// V5: the status decides, and the error tells it with what the program said.
func TestRunStatus(t *testing.T) {
	for _, row := range []struct{ body, want string }{
		{`exit 0`, ""},
		{`echo "as told" >&2; exit 0`, ""},
		{`echo power is on; echo for sure >&2; exit 3`, "exit 3: power is on for sure"},
		{`exit 1`, "exit 1"},
		{`kill -9 $$`, "signal: killed"},
	} {
		path, _ := script(t, row.body)
		err := Program{Path: path}.Run(context.Background())
		if got := fmt.Sprint(err); (err == nil) != (row.want == "") || err != nil && got != row.want {
			t.Errorf("%s: %v, want %q", row.body, err, row.want)
		}
	}
	if err := (Program{Path: "/nonexistent/fence"}).Run(context.Background()); err == nil {
		t.Error("a program that does not exist succeeds")
	}
}

// The program has the arguments, the input and the environment that it is given,
// and of this process nothing else.
func TestRunSurroundings(t *testing.T) {
	t.Setenv("AUTOREPAIR_TEST_SECRET", "s3cret")
	path, dir := script(t, `{ echo "$# $1 $2"; pwd; cat; env | sort; } >DIR/out`)
	p := Program{Path: path, Args: []string{"a b", "c"}, Env: []string{"AUTOREPAIR_X=y z"}, Input: []byte("told\n")}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "out"))
	if want := "2 a b c\n/\ntold\nAUTOREPAIR_X=y z\nLC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\n"; err != nil || string(got) != want {
		t.Errorf("%v, got\n%swant\n%s", err, got, want)
	}
}

// What a program says without end is read and thrown away: it neither stops nor
// fills anything, and the error has the beginning of it.
func TestRunNoise(t *testing.T) {
	path, _ := script(t, `head -c 3000000 /dev/zero | tr '\0' x; exit 1`)
	err := Program{Path: path}.Run(context.Background())
	if err == nil || !strings.HasPrefix(err.Error(), "exit 1: xxx") || len(err.Error()) > maxText+10 {
		t.Errorf("%v", err)
	}
}

// An input that is not read, and larger than any pipe, holds nothing up.
func TestRunUnreadInput(t *testing.T) {
	path, _ := script(t, `exit 0`)
	if err := (Program{Path: path, Input: make([]byte, 1<<20)}).Run(context.Background()); err != nil {
		t.Error(err)
	}
}

// C3: when its time is over a program is killed, with what it started.
func TestRunKillsTheGroup(t *testing.T) {
	path, dir := script(t, `(exec cat DIR/never >DIR/alive) & echo >DIR/ready; cat DIR/never`)
	ready, alive := fifo(t, filepath.Join(dir, "ready")), fifo(t, filepath.Join(dir, "alive"))
	fifo(t, filepath.Join(dir, "never"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	gone := make(chan error, 1)
	go func() {
		f, err := os.Open(alive) // waits for the child to open it
		if err == nil {
			_, _ = os.ReadFile(ready)
			cancel()
			_, err = io.ReadAll(f) // ends when the child does
		}
		gone <- err
	}()
	if err := (Program{Path: path}).Run(ctx); err == nil || err.Error() != "killed, as it did not end in time" {
		t.Errorf("%v", err)
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
}

// C3: what a program leaves behind in a session of its own, with its output open,
// is not waited for; what the program said before is told.
func TestRunDoesNotWaitForGrandchildren(t *testing.T) {
	path, dir := script(t, `setsid sh -c 'echo >DIR/ready; cat DIR/never' & cat DIR/ready >DIR/seen; echo left; exit 4`)
	fifo(t, filepath.Join(dir, "ready"))
	never := fifo(t, filepath.Join(dir, "never"))
	err := Program{Path: path}.Run(context.Background())
	if err == nil || err.Error() != "exit 4: left" {
		t.Errorf("%v", err)
	}
	f, err := os.OpenFile(never, os.O_WRONLY, 0) // waits for the grandchild, which lives
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
