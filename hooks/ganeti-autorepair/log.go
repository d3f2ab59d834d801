package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ganeti-autorepair/hooks/internal/logging"
	"ganeti-autorepair/plugin"
)

// openLog opens the log file for appending. It returns a logger that writes there,
// and a function to call at the end. A log that cannot be written does not stop a
// pass: standard error says so once (W8).
func (e *env) openLog(path, format string) (plugin.Logger, func()) {
	if path == "" {
		return logging.New(io.Discard), func() {}
	}
	path = e.paths.in(path)
	f, err := openAppending(path)
	if err != nil {
		if !otherUser(err) {
			e.note("warning: no log: %s", err)
		}
		return logging.New(io.Discard), func() {}
	}
	w := &logFile{file: f}
	end := func() {
		f.Close()
		if w.err != nil {
			e.note("warning: the log is not complete: %s", w.err)
		}
	}
	if format == "json" {
		return logging.NewJSON(w), end
	}
	return logging.New(w), end
}

// logFile is a log file that remembers its first error.
type logFile struct {
	file *os.File
	err  error // the first
}

// Write writes a line, or nothing of it.
func (l *logFile) Write(line []byte) (int, error) {
	n, err := l.file.Write(line)
	if err == nil {
		return n, nil
	}
	if info, e := l.file.Stat(); e == nil && n > 0 {
		_ = l.file.Truncate(info.Size() - int64(n)) // half a line would spoil the next
	}
	if l.err == nil {
		l.err = err
	}
	return n, err
}

// console prints for people what the log has in a file: the instance, the action,
// its keys, and at the end the cause as text.
type console struct {
	w      io.Writer
	now    func() time.Time
	silent map[string]bool // messages of which people are told otherwise
}

func (c console) Info(msg string, args ...any) { c.line("", msg, args) }
func (c console) Warn(msg string, args ...any) { c.line("warning: ", msg, args) }

func (c console) line(level, msg string, args []any) {
	if c.silent[msg] {
		return
	}
	about, why := "", ""
	words := []string{msg}
	for k := 0; k+1 < len(args); k += 2 {
		key, value := fmt.Sprint(args[k]), fmt.Sprint(args[k+1])
		switch {
		case value == "":
		case key == "instance":
			about = value + ": "
		case key == "why" || key == "error":
			why += ": " + oneLine(value)
		case strings.ContainsAny(value, " \t\n\""):
			words = append(words, fmt.Sprintf("%s=%q", key, value))
		default:
			words = append(words, key+"="+value)
		}
	}
	fmt.Fprintln(c.w, level+about+strings.Join(words, " ")+why)
}

// both logs to two places.
type both struct{ a, b plugin.Logger }

func (l both) Info(msg string, args ...any) { l.a.Info(msg, args...); l.b.Info(msg, args...) }
func (l both) Warn(msg string, args ...any) { l.a.Warn(msg, args...); l.b.Warn(msg, args...) }
