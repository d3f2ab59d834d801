package simtest

import (
	"fmt"
	"strings"
	"sync"
)

// journal keeps what a pass says.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (l *journal) Info(msg string, args ...any) { l.add("", msg, args) }

func (l *journal) Warn(msg string, args ...any) { l.add("warning: ", msg, args) }

func (l *journal) add(level, msg string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := 0; k+1 < len(args); k += 2 {
		msg += fmt.Sprintf(" %v=%v", args[k], args[k+1])
	}
	l.lines = append(l.lines, level+msg)
}

func (l *journal) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// Said returns the lines that contain a text.
func (l *journal) Said(part string) []string {
	var found []string
	for _, line := range strings.Split(l.String(), "\n") {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}
