//go:build installed

package installed_test

import (
	"compress/gzip"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"ganeti-autorepair/integration/shown"
)

// Every command that the manual, the README and the tour show does what they say, in
// their order, on a cluster with the instances db1, web1 and web2 on node2. The same
// commands are tried on a simulated master in hooks/ganeti-autorepair.
func TestExamples(t *testing.T) {
	for _, doc := range []struct {
		path  string
		marks shown.Marks
	}{
		{"/usr/share/man/man8/ganeti-autorepair.8.gz", shown.Manual},
		{"/usr/share/man/man5/ganeti-autorepair.toml.5.gz", shown.Manual},
		{"/usr/share/doc/ganeti-autorepair/README.md", shown.Markdown},
		{"/usr/share/doc/ganeti-autorepair/docs/tour.md", shown.Markdown},
	} {
		doc := doc
		t.Run(doc.path, func(t *testing.T) {
			var list []shown.Command
			for _, e := range shown.Commands(text(t, doc.path), doc.marks) {
				if !e.ForTheMachine() {
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

// text returns what a document says.
func text(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// ownPath matches paths that a virtual node has below its root directory.
var ownPath = regexp.MustCompile(`(^|[\s>])(/etc/ganeti/|/var/log/|/var/lib/ganeti/|/var/lock/)`)

// try runs an example and compares what it says.
func (c *cluster) try(e shown.Command) {
	c.t.Helper()
	c.later()
	command := ownPath.ReplaceAllString(e.Text, "${1}$${GANETI_ROOTDIR}${2}")
	out, err := c.Run(c.ctx, c.Master(), "bash", "-c", "export COLUMNS=80; "+command+" 2>&1")
	out = strings.ReplaceAll(out, c.Root(c.Master()), "")
	if err != nil && !strings.Contains(e.Output, "error: ") {
		c.t.Fatalf("# %s\n%v", e.Text, err)
	}
	if e.Shown && !shown.Like(e.Output, out) {
		c.t.Errorf("# %s\n--- the document shows\n%s--- it says\n%s", e.Text, e.Output, out)
	}
}
