package main

import (
	"fmt"
	"io"
	"strings"
)

// columns is the width of the page.
const columns = 79

// nameColumn is where the text about a subject begins.
const nameColumn = 11

// page writes the story for a terminal of 80 columns. Errors are not looked at:
// the signals that come with them end the story.
type page struct {
	w     io.Writer
	text  bool // something was written
	atGap bool // the last line is empty
}

func (p *page) write(line string) {
	fmt.Fprintln(p.w, line)
	p.text, p.atGap = true, line == ""
}

// gap leaves one line empty.
func (p *page) gap() {
	if p.text && !p.atGap {
		p.write("")
	}
}

// heading begins a part.
func (p *page) heading(title string) {
	p.gap()
	p.write("== " + title + " " + strings.Repeat("=", columns-4-len(title)))
	p.write("")
}

// line writes a thought. What does not fit goes on further in, so that it is
// not taken for another one.
func (p *page) line(indent int, text string) {
	for k, part := range fold(text, columns-indent, columns-indent-2) {
		pad := strings.Repeat(" ", indent)
		if k > 0 {
			pad += "  "
		}
		p.write(pad + part)
	}
}

// entry writes what there is to tell about a subject.
func (p *page) entry(subject string, lines []string) {
	for _, l := range lines {
		width := columns - nameColumn
		for k, part := range fold(l, width, width-2) {
			if k > 0 {
				part = "  " + part
			}
			if len(subject) > nameColumn-3 {
				p.write("  " + subject)
				subject = ""
			}
			p.write(fmt.Sprintf("  %-*s%s", nameColumn-2, subject, part))
			subject = ""
		}
	}
}

// command writes a command as it is typed.
func (p *page) command(args []string) {
	parts := fold(commandLine(args), columns-4, columns-6)
	for k, part := range parts {
		if k < len(parts)-1 {
			part += " \\"
		}
		if k == 0 {
			p.write("# " + part)
		} else {
			p.write("    " + part)
		}
	}
}

// fold breaks a text between words into a first line and further ones of
// limited widths, in front of a table's last column that fits if there are
// columns. Words are kept whole.
func fold(text string, first, further int) []string {
	var parts []string
	text, width := strings.TrimRight(text, " "), first
	for len(text) > width {
		at := strings.LastIndex(text[:width+1], "  ")
		if at <= 0 {
			at = strings.LastIndexByte(text[:width+1], ' ')
		}
		if at <= 0 {
			if at = strings.IndexByte(text, ' '); at < 0 {
				break
			}
		}
		parts = append(parts, strings.TrimRight(text[:at], " "))
		text = strings.TrimLeft(text[at:], " ")
		width = further
	}
	return append(parts, text)
}
