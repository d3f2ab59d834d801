package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// C3: while one pass holds the lock no other gets it; the stamp outlives it.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock", "file")
	a, err := takeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.last(); ok {
		t.Error("a new lock has a stamp")
	}
	if _, err := takeLock(path); !errors.Is(err, errLocked) {
		t.Errorf("taken twice: %v", err)
	}
	when := time.Unix(1700000000, 0)
	if err := a.record(stamp{Time: when.Add(time.Hour), Busy: false}); err != nil {
		t.Fatal(err)
	}
	if err := a.record(stamp{Time: when, Busy: true}); err != nil {
		t.Fatal(err)
	}
	a.release()
	b, err := takeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.release()
	if s, ok := b.last(); !ok || !s.Time.Equal(when) || !s.Busy {
		t.Errorf("stamp %+v, %v", s, ok)
	}
}

// A lock is never taken through a symbolic link, which somebody else may have
// put into a directory that everybody can write to.
func TestLockIsNoLink(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.Symlink(target, filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(filepath.Join(dir, "lock")); err == nil {
		t.Error("taken through a link")
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the link's target was made")
	}
}

// A stamp that cannot be read counts as none: losing it loses nothing.
func TestUnreadableStamp(t *testing.T) {
	for _, content := range []string{"", "x", "17000", "1700000000", "1700000000 ", "1700000000 maybe\n", "soon busy\n", "\x00\x00\x00"} {
		path := filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := takeLock(path)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := l.last(); ok {
			t.Errorf("%q reads as %+v", content, s)
		}
		l.release()
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
