//go:build lifecycle

package lifecycle_test

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	// listed matches the name of a file in what "dpkg-deb --contents" says.
	listed = regexp.MustCompile(`(?m)^\S+ +\S+ +\d+ \S+ \S+ \./(.*)$`)
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// links wants every link in the documents of a package to lead to something in it.
func links(t *testing.T, deb string) {
	there := make(map[string]bool)
	var documents []string
	for _, m := range listed.FindAllStringSubmatch(run(t, "/", "dpkg-deb", "--contents", deb), -1) {
		there["/"+strings.TrimSuffix(m[1], "/")] = true
		if strings.HasSuffix(m[1], ".md") {
			documents = append(documents, m[1])
		}
	}
	followed := 0
	for _, name := range documents {
		text := run(t, "/", "bash", "-c", "dpkg-deb --fsys-tarfile "+deb+" | tar --extract --to-stdout ./"+name)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			followed++
			target, _, _ := strings.Cut(m[1], "#")
			if !there[path.Join("/", path.Dir(name), target)] {
				t.Errorf("/%s: the package has nothing at %s", name, m[1])
			}
		}
	}
	if len(documents) < 8 || followed < 20 {
		t.Errorf("%d documents with %d links", len(documents), followed)
	}
}
