package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// stamp says when the last pass began and whether it left repairs pending (W1).
type stamp struct {
	Time time.Time
	Busy bool
}

// stampFile is the name of the file with the stamp, which is one line: a Unix time
// in seconds, and "busy" or "idle".
const stampFile = "last-pass"

// stampLength is the length of the file. It is written in place and never grows, so
// that it needs no room on a disk that has become full (W8).
const stampLength = 32

// writeStamp writes the stamp. If its text cannot be written the modification time
// of the file says when the pass was.
func (s stateDir) writeStamp(st stamp) error {
	word := "idle"
	if st.Busy {
		word = "busy"
	}
	f, err := os.OpenFile(s.file(stampFile), os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("stamp: %w", err)
	}
	defer f.Close()
	text := fmt.Sprintf("%-*s\n", stampLength-1, fmt.Sprintf("%d %s", st.Time.Unix(), word))
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		_ = f.Truncate(0) // half a line says nothing
		_ = os.Chtimes(f.Name(), st.Time, st.Time)
		return fmt.Errorf("stamp: %w", err)
	}
	return nil
}

// lastPass reads the stamp. The next pass is due as soon after a pass that found silent
// nodes as after one that left repairs pending (W7).
func (e *env) lastPass(set settings) (stamp, bool, error) {
	st, found, err := e.paths.state().readStamp()
	st.Busy = st.Busy || e.silentNodes(set).Any()
	return st, found, err
}

// readStamp reads the stamp; found is false if there was no pass yet. A stamp that
// cannot be read counts as none. Of an empty one the modification time counts, as
// if repairs were pending.
func (s stateDir) readStamp() (st stamp, found bool, err error) {
	f, err := os.OpenFile(s.file(stampFile), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return st, false, nil
	}
	if err != nil {
		return st, false, fmt.Errorf("stamp: %w", err)
	}
	defer f.Close()
	buf := make([]byte, 2*stampLength)
	n, _ := f.Read(buf)
	if info, err := f.Stat(); err == nil && n == 0 && info.Mode().IsRegular() {
		return stamp{Time: info.ModTime(), Busy: true}, true, nil
	}
	var seconds int64
	var word string
	if _, err := fmt.Sscanf(string(buf[:n]), "%d %s\n", &seconds, &word); err != nil || (word != "idle" && word != "busy") {
		return st, false, nil
	}
	return stamp{Time: time.Unix(seconds, 0), Busy: word == "busy"}, true, nil
}

// due reports whether a pass is due: interval after the last one, or sooner
// while repairs are pending. A stamp from the future is that of another clock.
func (st stamp) due(now time.Time, interval, busy time.Duration) bool {
	if st.Busy {
		interval = busy
	}
	return now.Before(st.Time) || now.Sub(st.Time) >= interval
}
