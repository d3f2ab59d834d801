// Package shown finds the commands that documents show, and tells whether a command
// says what a document shows of it.
package shown

import (
	"regexp"
	"strings"
)

// Command is a command that a document shows, with the output that it shows.
type Command struct {
	Text   string
	Output string
	Shown  bool // or else it only prepares what follows
}

// Marks are the lines between which a kind of document shows commands, and what its
// hidden commands begin with.
type Marks struct{ Open, Shut, Hidden string }

// The kinds of documents.
var (
	Manual   = Marks{".EX", ".EE", `.\" # `}
	Markdown = Marks{"```console", "```", `<!-- # `}
)

// Commands finds the commands in a document: in its blocks, lines that begin with
// "# ", each with the lines that follow; and hidden ones in its comments. Blocks
// without a command are the contents of files.
func Commands(text string, marks Marks) []Command {
	if marks == Manual {
		text = strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "").Replace(text)
	}
	var list []Command
	inside, before := false, 0
	for _, line := range strings.Split(text, "\n") {
		last := len(list) - 1
		switch {
		case strings.HasPrefix(line, marks.Hidden):
			list = append(list, Command{Text: strings.TrimSuffix(strings.TrimPrefix(line, marks.Hidden), " -->")})
		case line == marks.Open:
			inside, before = true, len(list)
		case line == marks.Shut:
			inside = false
		case !inside:
		case strings.HasPrefix(line, "# "):
			list = append(list, Command{Text: line[2:], Shown: true})
		case last < before:
		case strings.HasSuffix(list[last].Text, `\`):
			list[last].Text += "\n" + line
		case list[last].Shown:
			list[last].Output += line + "\n"
		}
	}
	return list
}

// ForTheMachine reports whether a command is not for a cluster but for the machine:
// one of those of the installation, which are tried in integration/lifecycle.
func (c Command) ForTheMachine() bool {
	return strings.HasPrefix(c.Text, "apt-get ") || strings.HasPrefix(c.Text, "make ")
}

var (
	number = regexp.MustCompile(`[0-9]+(\.[0-9]+)?(e-[0-9]+)?`)
	id     = regexp.MustCompile(`((?:fix-storage|migrate|failover|reinstall|[Rr]epair)[ :=]|\bweb\d +)(?:[pr]-)?[a-hjkmnp-z2-9]{8}\b`)
	span   = regexp.MustCompile(`\b[0-9]+[smh]([0-9]+[sm])?\b`)
	date   = regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b`)
)

// normal takes out of a text what is another each time: numbers, ids, dates, how
// long things took, and where the lines are broken.
func normal(text string) string {
	text = id.ReplaceAllString(text, "${1}ID")
	text = date.ReplaceAllString(text, "DATE")
	text = span.ReplaceAllString(text, "TIME")
	text = number.ReplaceAllString(text, "N")
	return strings.Join(strings.Fields(text), " ")
}

// Like reports whether a command said what a document shows; "..." stands for
// anything.
func Like(shown, said string) bool {
	p := regexp.QuoteMeta(" " + normal(shown) + " ")
	p = strings.ReplaceAll(p, ` \.\.\. `, " (.* )?")
	p = strings.ReplaceAll(p, `\.\.\.`, ".*")
	return regexp.MustCompile("^" + p + "$").MatchString(" " + normal(said) + " ")
}
