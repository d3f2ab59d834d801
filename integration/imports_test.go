package integration

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// modulePath is the import path of the project, as in go.mod.
const modulePath = "ganeti-autorepair"

// allowedImports holds, for each package of the product, which packages of the
// project it may import. What is missing from it may import none.
var allowedImports = map[string][]string{
	"luxi":              {},
	"luxi/luxitest":     {"luxi"},
	"luxi/qlang":        {"luxi"},
	"tagstore":          {"luxi"},
	"plugin/repair":     {"luxi", "tagstore"},
	"plugin/read":       {"luxi", "tagstore", "plugin/repair"},
	"plugin/report":     {"luxi", "tagstore", "plugin/repair"},
	"plugin":            {"luxi", "tagstore", "plugin/repair", "plugin/read"},
	"integration/judge": {},
}

// doingIO are the packages of the standard library that reach beyond the process.
var doingIO = map[string]bool{"context": true, "io": true, "io/fs": true, "io/ioutil": true,
	"log": true, "net": true, "os": true, "os/exec": true, "os/signal": true, "syscall": true,
	"crypto/rand": true, "math/rand": true}

// TestImports: imports run one way, what decides does no I/O, nobody imports the
// program, and what judges the engine shares no code with it.
func TestImports(t *testing.T) {
	found := projectImports(t)
	for pkg := range allowedImports {
		if found[pkg] == nil {
			t.Errorf("%s: no such package; does the list of this test need a change?", pkg)
		}
	}
	for pkg, imports := range found {
		allowed, listed := allowedImports[pkg]
		for _, imp := range imports {
			name := strings.TrimPrefix(imp, modulePath+"/")
			switch {
			case name == imp:
				if (pkg == "plugin/repair" || pkg == "integration/judge") && doingIO[imp] {
					t.Errorf("%s decides without I/O, and imports %s", pkg, imp)
				}
			case strings.HasPrefix(name, "hooks/") && !strings.HasPrefix(pkg, "hooks/"):
				t.Errorf("%s imports %s: nobody imports the program", pkg, name)
			case strings.HasPrefix(name, "integration/") && !strings.HasPrefix(pkg, "integration"):
				t.Errorf("%s imports %s, which is for tests", pkg, name)
			case listed && !includes(allowed, name):
				t.Errorf("%s imports %s; it may import %v", pkg, name, allowed)
			}
		}
	}
}

// projectImports returns, for each package directory, what its files without the
// tests import, in order.
func projectImports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, top := range []string{"luxi", "tagstore", "plugin", "hooks", "integration"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
			if found[pkg] == nil {
				found[pkg] = []string{}
			}
			for _, spec := range file.Imports {
				imp, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				if !includes(found[pkg], imp) {
					found[pkg] = append(found[pkg], imp)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, imports := range found {
		sort.Strings(imports)
	}
	return found
}

// includes reports whether a list holds a name.
func includes(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}
