package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// errLocked says that another pass runs on this node.
var errLocked = errors.New("another pass is running")

// passLock keeps two passes on a node from overlapping (C3). Its file also
// holds the stamp of the last pass (W1). The kernel drops the lock when the
// process ends, however it ends.
type passLock struct{ file *os.File }

// stamp says when the last pass began and whether it left repairs pending.
type stamp struct {
	Time time.Time
	Busy bool
}

// takeLock takes the lock, without waiting.
func takeLock(path string) (*passLock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &passLock{file: f}, nil
}

// waitForLock takes the lock of passes; one that runs ends within its bound.
func (e *env) waitForLock(ctx context.Context, bound time.Duration) (*passLock, error) {
	end := time.Now().Add(bound + 10*time.Second)
	for told := false; ; {
		lock, err := takeLock(e.paths.lock())
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		if time.Now().After(end) {
			return nil, err
		}
		if !told {
			e.note("waiting for the pass that runs")
			told = true
		}
		if !sleep(ctx, time.Second/4) {
			return nil, ctx.Err()
		}
	}
}

func (l *passLock) release() { l.file.Close() }

// last reads the stamp. A stamp that cannot be read counts as none.
func (l *passLock) last() (stamp, bool) {
	var buf [64]byte
	n, err := l.file.ReadAt(buf[:], 0)
	if err != nil && err != io.EOF {
		return stamp{}, false
	}
	var seconds int64
	var word string
	if _, err := fmt.Sscanf(string(buf[:n]), "%d %s\n", &seconds, &word); err != nil || (word != "idle" && word != "busy") {
		return stamp{}, false
	}
	return stamp{Time: time.Unix(seconds, 0), Busy: word == "busy"}, true
}

// record writes the stamp.
func (l *passLock) record(s stamp) error {
	word := "idle"
	if s.Busy {
		word = "busy"
	}
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("stamp: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(fmt.Sprintf("%d %s\n", s.Time.Unix(), word)), 0); err != nil {
		return fmt.Errorf("stamp: %w", err)
	}
	return nil
}

// due reports whether a pass is due: interval after the last one, or sooner
// while repairs are pending. A stamp from the future is that of another clock.
func (s stamp) due(now time.Time, interval, busy time.Duration) bool {
	if s.Busy {
		interval = busy
	}
	return now.Before(s.Time) || now.Sub(s.Time) >= interval
}

// readStamp reads the stamp without taking the lock; found is false if there was
// no pass yet.
func readStamp(path string) (s stamp, found bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("stamp: %w", err)
	}
	defer f.Close()
	s, found = (&passLock{file: f}).last()
	return s, found, nil
}

// lockHolder is the id of the process that holds the lock, empty if none does.
// It only looks: to try the lock would make a pass that begins just then leave.
func lockHolder(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	file, ok := info.Sys().(*syscall.Stat_t)
	data, err := os.ReadFile("/proc/locks")
	if !ok || err != nil {
		return ""
	}
	for _, line := range strings.Split(string(data), "\n") {
		// 1: FLOCK  ADVISORY  WRITE 4711 00:2f:815 0 EOF
		f := strings.Fields(line)
		if len(f) >= 6 && f[1] == "FLOCK" && strings.HasSuffix(f[5], fmt.Sprintf(":%d", file.Ino)) {
			return f[4]
		}
	}
	return ""
}
