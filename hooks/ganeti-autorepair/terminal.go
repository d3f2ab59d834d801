package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminal describes where output goes. The zero value is a file or a pipe: lines
// of any length, no colour.
type terminal struct {
	columns, rows int // 0 if it is no terminal
	colour        bool
}

// terminalOf describes a file. A terminal has colour if its type has and NO_COLOR
// is not set. Anything else has the width that COLUMNS says.
func terminalOf(w io.Writer, getenv func(string) string) terminal {
	given, _ := strconv.Atoi(getenv("COLUMNS"))
	if given < 20 {
		given = 0
	}
	f, ok := w.(*os.File)
	if !ok {
		return terminal{columns: given}
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return terminal{columns: given}
	}
	t := terminal{columns: columns, rows: rows}
	if t.columns == 0 {
		t.columns, t.rows = 80, 24
	}
	kind := getenv("TERM")
	t.colour = getenv("NO_COLOR") == "" && kind != "" && kind != "dumb"
	return t
}

// The colours of states and levels.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
)

func (t terminal) paint(colour, s string) string {
	if !t.colour || colour == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// wrap folds text into lines of at most width characters. A longer word has a line
// of its own. Width 0 means a single line.
func wrap(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case shownWidth(line)+1+shownWidth(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// escapes are those that paint writes.
var escapes = regexp.MustCompile("\x1b\\[[0-9]*m")

// shownWidth returns how many columns a text takes: colours take none.
func shownWidth(text string) int {
	if strings.Contains(text, "\x1b") {
		text = escapes.ReplaceAllString(text, "")
	}
	return utf8.RuneCountInString(text)
}

// writeFolded writes text after the prefix begin, and the lines that do not fit
// there after the prefix further.
func writeFolded(w io.Writer, begin, further, text string, width int) {
	if width > 2 && begin == "" {
		width -= len(further) // further on it is set in
	}
	for k, part := range wrap(text, width) {
		if k > 0 {
			begin = further
		}
		fmt.Fprintln(w, strings.TrimRight(begin+part, " "))
	}
}
