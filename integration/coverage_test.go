package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
)

var (
	demandLine = regexp.MustCompile(`(?m)^- ([TSPCWVOKNDRAX]\d+) (.*)$`)
	citation   = regexp.MustCompile(`\b[TSPCWVOKNDRAX]\d{1,2}\b`)
)

// TestDemandsAreCited: every demand of demands.md is proved by a scenario or a
// test that cites it, and none cites one that is not there. Demands that are
// optional, or proved elsewhere, say so.
func TestDemandsAreCited(t *testing.T) {
	text, err := os.ReadFile("demands.md")
	if err != nil {
		t.Fatal(err)
	}
	titles := make(map[string]string)
	for _, m := range demandLine.FindAllStringSubmatch(string(text), -1) {
		if titles[m[1]] != "" {
			t.Errorf("%s is listed twice", m[1])
		}
		titles[m[1]] = m[2]
	}
	if len(titles) < 90 {
		t.Fatalf("only %d demands are listed", len(titles))
	}
	scenarios, tests := make(map[string]int), make(map[string]int)
	count := func(in map[string]int, path, claim string) {
		for _, id := range citation.FindAllString(claim, -1) {
			if titles[id] == "" {
				t.Errorf("%s cites %s, which is no demand: %s", path, id, claim)
			}
			in[id]++
		}
	}
	texts, err := filepath.Glob("scenarios/*.txt")
	if err != nil || len(texts) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	waiting := make(map[string]int) // pending scenarios, which prove nothing yet
	pending, err := filepath.Glob("scenarios/pending/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pending {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		count(waiting, path, headerDemands(string(body)))
	}
	for _, path := range texts {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		count(scenarios, path, headerDemands(string(body)))
	}
	for path, body := range testSources(t) {
		for _, claim := range claims(t, path, body) {
			count(tests, path, claim)
		}
	}
	var ids []string
	for id := range titles {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		excused := waiting[id] > 0 || strings.HasPrefix(titles[id], "optional:") || strings.HasPrefix(titles[id], "elsewhere:")
		if scenarios[id]+tests[id] == 0 && !excused {
			t.Errorf("no scenario and no test cites %s: %s", id, titles[id])
		}
		t.Logf("%-4s %3d scenarios, %3d pending, %3d citations in tests: %s", id, scenarios[id], waiting[id], tests[id], titles[id])
	}
}

// testSources are all files of tests of the project, by path. What "make" builds
// is not looked into: whole Debian systems may be growing there.
func testSources(t *testing.T) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (path == "../build" || path == "../.git"):
			return fs.SkipDir
		case e.IsDir() && path == "../integration/judge": // its tests are of the judge
			return fs.SkipDir
		case e.Type().IsRegular() && strings.HasSuffix(path, "_test.go"):
			out[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// headerDemands is the line of a scenario that says what it proves.
func headerDemands(scenario string) string {
	header, _, _ := strings.Cut(scenario, "\n-- ")
	for _, line := range strings.Split(header, "\n") {
		if strings.HasPrefix(line, "demands:") {
			return line
		}
	}
	return ""
}

// claims are what the tests of a file say that they prove: the comments above
// Test, Fuzz and Example functions, the names of subtests, and the names of the
// rows of tables: a field "name", or the string that a row begins with. Whatever
// other comments mention proves nothing.
func claims(t *testing.T, path string, source []byte) (out []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	say := func(e ast.Expr) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if isTest.MatchString(n.Name.Name) && n.Recv == nil {
				out = append(out, n.Doc.Text())
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Run" && len(n.Args) == 2 {
				say(n.Args[0])
			}
		case *ast.CompositeLit:
			if _, table := n.Type.(*ast.ArrayType); table {
				for _, row := range n.Elts {
					say(rowName(row))
				}
			}
		}
		return true
	})
	return out
}

// rowName is the name of a row, nil if it has none.
func rowName(row ast.Expr) ast.Expr {
	lit, ok := row.(*ast.CompositeLit)
	if !ok || len(lit.Elts) == 0 {
		return nil
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "name" {
				return kv.Value
			}
		}
	}
	return lit.Elts[0]
}

var isTest = regexp.MustCompile(`^(Test|Fuzz|Example)([^a-z]|$)`)

// TestClaims: what is said inside of tests, and about anything else, does not count.
func TestClaims(t *testing.T) {
	const source = `package p

// S1 of a constant.
const c = "S2"

// S3 of the helper.
func helper(t *testing.T) { f("S4") }

// V1, V2: of the test.
func TestX(t *testing.T) {
	// S5 inside.
	t.Run("V3 of a subtest", nil)
	for _, row := range []row{{name: "V4 of a row", want: "S6"}, {"V5 begins", "S7"}, {want: "S8", name: "V6"}} {
	}
	helper(row{"S9", "no table"})
}

// S10 of what is no test.
func Testimony() {}

// V7, K1: fuzzed.
func FuzzX(f *testing.F) {}
`
	got := strings.Join(claims(t, "x_test.go", []byte(source)), " ")
	if ids := strings.Join(citation.FindAllString(got, -1), " "); ids != "V1 V2 V3 V4 V5 V6 V7 K1" {
		t.Errorf("counted are %s", ids)
	}
	if got := headerDemands("Story of S1\ndemands: V1 V2\nends: S2\n-- events --\ndemands: S3\n"); got != "demands: V1 V2" {
		t.Errorf("the header demands %q", got)
	}
}
