package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Tables in the manner of gnt-*: -o [+]FIELD,..., --no-headers, --separator.

// field is a column of a table of Ts.
type field[T any] struct {
	name, title, doc string
	right            bool   // numbers stand on the right
	sortBy           string // the field whose values have the order of these; empty for itself
	value            func(T) string
	colour           func(T) string // nil if it has none
}

// selectFields returns the fields that -o selects.
func selectFields[T any](all []field[T], usual []string, selected string) ([]field[T], error) {
	names := usual
	if selected != "" {
		names = strings.Split(strings.TrimPrefix(selected, "+"), ",")
		if strings.HasPrefix(selected, "+") {
			names = append(append([]string(nil), usual...), names...)
		}
	}
	var list []field[T]
	for _, name := range names {
		f := fieldNamed(all, name)
		if f == nil {
			return nil, &hintError{code: exitUsage, err: fmt.Errorf("unknown field %q%s", name, didYouMean(name, fieldNames(all))), hint: "ganeti-autorepair list-fields"}
		}
		list = append(list, *f)
	}
	return list, nil
}

func fieldNamed[T any](all []field[T], name string) *field[T] {
	for k := range all {
		if all[k].name == name {
			return &all[k]
		}
	}
	return nil
}

// writeRows writes a table of one line per object.
func writeRows[T any](w io.Writer, t terminal, flags layoutFlags, fields []field[T], objects []T) {
	var lines [][]string
	if !flags.NoHeaders {
		var head []string
		for _, f := range fields {
			head = append(head, f.title)
		}
		lines = append(lines, head)
	}
	heads := len(lines)
	for _, o := range objects {
		var line []string
		for _, f := range fields {
			line = append(line, f.value(o))
		}
		lines = append(lines, line)
	}
	widths := columnWidths(lines)
	for n, line := range lines {
		if flags.Separator != "" {
			fmt.Fprintln(w, strings.Join(line, flags.Separator))
			continue
		}
		var b strings.Builder
		for k, cell := range line {
			if cell == "" {
				cell = "-"
			}
			pad := strings.Repeat(" ", widths[k]-utf8.RuneCountInString(cell))
			if n >= heads && fields[k].colour != nil {
				cell = t.paint(fields[k].colour(objects[n-heads]), cell)
			}
			switch {
			case fields[k].right:
				cell = pad + cell
			case k < len(line)-1:
				cell += pad
			}
			if k > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

func columnWidths(lines [][]string) []int {
	if len(lines) == 0 {
		return nil
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for k, cell := range line {
			if cell == "" {
				cell = "-"
			}
			if n := utf8.RuneCountInString(cell); n > widths[k] {
				widths[k] = n
			}
		}
	}
	return widths
}

// writeFoldedRows is writeRows for a terminal: the last field is folded, beside the
// others or, if there is little room, below them. Before returns lines to write before an
// object; it may be nil.
func writeFoldedRows[T any](w io.Writer, t terminal, fields []field[T], objects []T, before func(n int) string) {
	last := fields[len(fields)-1]
	marked := append([]field[T](nil), fields[:len(fields)-1]...)
	marked = append(marked, field[T]{title: last.title, value: func(T) string { return "\x00" }})
	var b, plain strings.Builder
	writeRows(&b, t, layoutFlags{}, marked, objects)
	writeRows(&plain, terminal{}, layoutFlags{}, marked, objects)
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	at := strings.IndexByte(strings.Split(plain.String()+"\x00", "\n")[1], 0)
	const least = 24
	beside := t.columns-at >= least
	for n, line := range lines {
		if n == 0 {
			if !beside {
				line = strings.TrimRight(strings.TrimSuffix(line, last.title), " ")
			}
			fmt.Fprintln(w, line)
			continue
		}
		if before != nil {
			fmt.Fprint(w, before(n-1))
		}
		line = strings.TrimSuffix(line, "\x00")
		text := last.value(objects[n-1])
		if text == "" && beside {
			text = "-"
		}
		if beside {
			writeFolded(w, line, strings.Repeat(" ", at), text, t.columns-at)
			continue
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		if text != "" {
			writeFolded(w, "    ", "    ", text, t.columns-4)
		}
	}
}

func fieldNames[T any](all []field[T]) []string {
	var names []string
	for _, f := range all {
		names = append(names, f.name)
	}
	return names
}
