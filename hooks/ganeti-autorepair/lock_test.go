package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// C3: while one pass has the lock no other gets it; the stamp outlives it.
func TestLock(t *testing.T) {
	state := stateDir(filepath.Join(t.TempDir(), "run", "state"))
	a, err := takeLock(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, found, err := state.readStamp(); found || err != nil {
		t.Errorf("a new lock has a stamp: %v", err)
	}
	if _, err := takeLock(state); !errors.Is(err, errLocked) {
		t.Errorf("taken twice: %v", err)
	}
	when := time.Unix(1700000000, 0)
	for _, s := range []stamp{{when.Add(time.Hour), false}, {when, true}} {
		if err := state.writeStamp(s); err != nil {
			t.Fatal(err)
		}
	}
	a.release()
	b, err := takeLock(state)
	if err != nil {
		t.Fatal(err)
	}
	defer b.release()
	if s, found, err := state.readStamp(); !found || err != nil || !s.Time.Equal(when) || !s.Busy {
		t.Errorf("stamp %+v, %v, %v", s, found, err)
	}
}

// W6: only root can enter the directory with lock, stamp and memory, whoever could
// before. A symbolic link in its place, or any other thing, is not followed but
// removed.
func TestStateIsPrivate(t *testing.T) {
	for what, prepare := range map[string]func(path string) error{
		"nothing":     func(string) error { return nil },
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"a file":      func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"a link":      func(path string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "target"), path) },
	} {
		dir := t.TempDir()
		target, path := filepath.Join(dir, "target"), filepath.Join(dir, "state")
		if err := os.Mkdir(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := prepare(path); err != nil {
			t.Fatal(err)
		}
		lock, err := takeLock(stateDir(path))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if err := lock.state.writeStamp(stamp{Time: time.Unix(1700000000, 0)}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", what, info, err)
		}
		if list, err := os.ReadDir(target); err != nil || len(list) > 0 {
			t.Errorf("%s: the link was followed: %v, %v", what, list, err)
		}
		lock.release()
	}
}

// W6: a directory of somebody else is not used. Only root can give one away.
func TestStateOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: owners are not tried")
		return
	}
	path := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12345, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(stateDir(path)); err == nil {
		t.Error("taken in a directory of user 12345")
	}
}

// A stamp that cannot be read counts as none: losing it loses nothing.
func TestUnreadableStamp(t *testing.T) {
	for _, content := range []string{"x", "17000", "1700000000", "1700000000 ", "1700000000 maybe\n", "soon busy\n", "\x00\x00\x00"} {
		state := stateDir(t.TempDir())
		if err := os.WriteFile(state.file(stampFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, found, err := state.readStamp(); found || err != nil {
			t.Errorf("%q reads as %+v, %v", content, s, err)
		}
	}
}

// W8: where there was no room for the text, the time of the file counts.
func TestEmptyStamp(t *testing.T) {
	state, when := stateDir(t.TempDir()), time.Unix(1700000000, 0)
	if err := os.WriteFile(state.file(stampFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(state.file(stampFile), when, when); err != nil {
		t.Fatal(err)
	}
	if s, found, err := state.readStamp(); !found || err != nil || !s.Time.Equal(when) || !s.Busy {
		t.Errorf("%+v, %v, %v", s, found, err)
	}
}

// W1: a pass is due when its interval is over, sooner while repairs are pending,
// and always when the clock went back.
func TestDue(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, tt := range []struct {
		age  time.Duration
		busy bool
		want bool
	}{
		{0, false, false},
		{15*time.Minute - time.Second, false, false},
		{15 * time.Minute, false, true},
		{4*time.Minute - time.Second, true, false},
		{4 * time.Minute, true, true},
		{-time.Second, false, true},
		{-time.Hour, true, true},
	} {
		s := stamp{Time: now.Add(-tt.age), Busy: tt.busy}
		if got := s.due(now, 15*time.Minute, 4*time.Minute); got != tt.want {
			t.Errorf("last pass %v ago, busy %v: due %v", tt.age, tt.busy, got)
		}
	}
}
