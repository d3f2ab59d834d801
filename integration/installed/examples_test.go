//go:build installed

package installed_test

import (
	"compress/gzip"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// example is a command that a document shows, with the output that it shows.
type example struct {
	command string
	output  string
	shown   bool // or else it only prepares what follows
}

// Every command that the manual and the README show does what they say, in their
// order, on a cluster with the instances db1, web1 and web2 on node2.
func TestExamples(t *testing.T) {
	for _, doc := range []struct{ path, open, shut, hidden string }{
		{"/usr/share/man/man8/ganeti-autorepair.8.gz", ".EX", ".EE", `.\" # `},
		{"/usr/share/man/man5/ganeti-autorepair.toml.5.gz", ".EX", ".EE", `.\" # `},
		{"/usr/share/doc/ganeti-autorepair/README.md.gz", "```console", "```", `<!-- # `},
	} {
		doc := doc
		t.Run(doc.path, func(t *testing.T) {
			text := unpack(t, doc.path)
			if strings.HasSuffix(doc.open, "EX") {
				text = strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "").Replace(text)
			}
			var list []example
			for _, e := range examples(text, doc.open, doc.shut, doc.hidden) {
				if !machine.MatchString(e.command) {
					list = append(list, e)
				}
			}
			if len(list) == 0 {
				t.Fatal("no examples")
			}
			c := newCluster(t)
			for _, e := range list {
				c.try(e)
			}
		})
	}
}

// machine matches commands that are not for a cluster but for the machine: those
// of the installation, which are tried in integration/lifecycle.
var machine = regexp.MustCompile(`^(apt-get|make) `)

func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// examples finds the commands in a document: in its blocks, lines that begin with
// "# ", each with the lines that follow; and hidden ones in its comments. Blocks
// without a command are the contents of files.
func examples(text, open, shut, hidden string) []example {
	var list []example
	inside, before := false, 0
	for _, line := range strings.Split(text, "\n") {
		last := len(list) - 1
		switch {
		case strings.HasPrefix(line, hidden):
			list = append(list, example{command: strings.TrimSuffix(strings.TrimPrefix(line, hidden), " -->")})
		case line == open:
			inside, before = true, len(list)
		case line == shut:
			inside = false
		case !inside:
		case strings.HasPrefix(line, "# "):
			list = append(list, example{command: line[2:], shown: true})
		case last < before:
		case strings.HasSuffix(list[last].command, `\`):
			list[last].command += "\n" + line
		case list[last].shown:
			list[last].output += line + "\n"
		}
	}
	return list
}

// ownPath matches paths that a virtual node has below its root directory.
var ownPath = regexp.MustCompile(`(^|[\s>])(/etc/ganeti/|/var/log/|/var/lib/ganeti/|/var/lock/)`)

// try runs an example and compares what it says.
func (c *cluster) try(e example) {
	c.t.Helper()
	c.later()
	command := ownPath.ReplaceAllString(e.command, "${1}$${GANETI_ROOTDIR}${2}")
	out, err := c.Run(c.ctx, c.Master(), "bash", "-c", "export COLUMNS=80; "+command+" 2>&1")
	out = strings.ReplaceAll(out, c.Root(c.Master()), "")
	if err != nil && !strings.Contains(e.output, "error: ") {
		c.t.Fatalf("# %s\n%v", e.command, err)
	}
	if e.shown && !like(e.output, out) {
		c.t.Errorf("# %s\n--- the document shows\n%s--- it says\n%s", e.command, e.output, out)
	}
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

// like reports whether a command said what a document shows; "..." stands for
// anything.
func like(shown, said string) bool {
	p := regexp.QuoteMeta(" " + normal(shown) + " ")
	p = strings.ReplaceAll(p, ` \.\.\. `, " (.* )?")
	p = strings.ReplaceAll(p, `\.\.\.`, ".*")
	return regexp.MustCompile("^" + p + "$").MatchString(" " + normal(said) + " ")
}
