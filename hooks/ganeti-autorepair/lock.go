package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// errLocked says that another pass runs on this node.
var errLocked = errors.New("another pass is running")

// passLock keeps two passes on a node from overlapping (C3). It is a lock on the
// state directory itself, which can be taken also where the disk is full (W8).
// The kernel drops it when the process ends, however it ends.
type passLock struct {
	dir   *os.File
	state stateDir
}

// takeLock takes the lock, without waiting.
func takeLock(state stateDir) (*passLock, error) {
	dir, err := state.open()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		dir.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", state, err)
	}
	return &passLock{dir, state}, nil
}

func (l *passLock) release() { l.dir.Close() }

// lockPatience is how long a command waits for a lock before it says for whom.
const lockPatience = 2 * time.Second

// waitForLock takes the lock. It waits for a running pass to end, which has a limit
// in time.
func (e *env) waitForLock(ctx context.Context, bound time.Duration) (*passLock, error) {
	end := time.Now().Add(bound + 10*time.Second)
	begun, told := time.Now(), false
	for {
		lock, err := takeLock(e.paths.state())
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		if time.Now().After(end) {
			return nil, err
		}
		if !told && time.Since(begun) >= lockPatience {
			e.note("waiting for the pass that runs, process %s", lockHolder(e.paths.state()))
			told = true
		}
		if !sleep(ctx, time.Second/4) {
			return nil, errors.New("stopped by a signal while a pass ran; nothing more is done")
		}
	}
}

// lockHolder returns the id of the process that has the lock; "" if none has. It
// does not try the lock: a pass that begins at that moment would find it taken, and
// leave.
func lockHolder(dir stateDir) string {
	info, err := os.Stat(string(dir))
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
