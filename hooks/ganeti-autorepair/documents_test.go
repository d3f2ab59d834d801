package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The manual, the settings file and the completion say what the program does, no
// more and no less.

// section is a part of a manual page.
type section struct {
	name  string
	sub   []section
	terms []string // what the paragraphs with a hanging label are about
	text  string   // all of it, in one line
}

// manual reads a manual page: its sections, and under each its subsections.
func manual(t *testing.T, name string) []section {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("doc", name))
	if err != nil {
		t.Fatal(err)
	}
	var page []section
	now := &section{}
	term := false
	for _, line := range strings.Split(string(data), "\n") {
		plain := regexp.MustCompile(`\\f[BIP]|\\&`).ReplaceAllString(line, "")
		plain = strings.ReplaceAll(strings.ReplaceAll(plain, `\-`, "-"), `\e`, `\`)
		switch {
		case strings.HasPrefix(line, ".SH "):
			page = append(page, section{name: plain[4:]})
			now = &page[len(page)-1]
		case strings.HasPrefix(line, ".SS "):
			parent := &page[len(page)-1]
			parent.sub = append(parent.sub, section{name: plain[4:]})
			now = &parent.sub[len(parent.sub)-1]
		case line == ".TP":
			term = true
			continue
		case strings.HasPrefix(line, "."):
		case term:
			now.terms = append(now.terms, plain)
			now.text += plain + " "
		default:
			now.text += plain + " "
		}
		term = false
	}
	return page
}

func find(t *testing.T, page []section, name string) section {
	t.Helper()
	for _, s := range page {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("the manual has no section %q", name)
	return section{}
}

// allTerms are those of a section and its subsections.
func (s section) allTerms() []string {
	list := append([]string(nil), s.terms...)
	for _, sub := range s.sub {
		list = append(list, sub.terms...)
	}
	return list
}

// same compares two lists, whatever their order.
func same(t *testing.T, where string, documented, real []string) {
	t.Helper()
	count := make(map[string]int)
	for _, word := range real {
		count[word]++
	}
	for _, word := range documented {
		count[word]--
	}
	for _, word := range sorted(count) {
		switch n := count[word]; {
		case n > 0:
			t.Errorf("%s: %s is missing", where, word)
		case n < 0:
			t.Errorf("%s: %s is there, but the program knows nothing of it (or it is there twice)", where, word)
		}
	}
}

func sorted(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// model is the command line as kong understands it.
func model(t *testing.T) *kong.Application {
	t.Helper()
	p, err := kong.New(&cli{}, helpTexts, kong.Vars{"version": version}, kong.Name("ganeti-autorepair"), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	return p.Model
}

// flagTerms are flags as the manual writes them: "-L, --luxi=SOCKET".
func flagTerms(flags []*kong.Flag) []string {
	var list []string
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		word := "--" + f.Name
		if f.Short != 0 {
			word = "-" + string(f.Short) + ", " + word
		}
		if !f.IsBool() {
			word += "=" + f.FormatPlaceHolder()
		}
		list = append(list, word)
	}
	return list
}

func TestManualHasEveryCommandAndFlag(t *testing.T) {
	page := manual(t, "ganeti-autorepair.8")
	app := model(t)
	options := find(t, page, "OPTIONS")
	same(t, "OPTIONS", options.terms, flagTerms(app.Flags))
	// What several commands have may be told once, under a heading that names
	// them: "Of run, status and explain".
	shared := make(map[string][]string)
	for _, s := range options.sub {
		for _, word := range regexp.MustCompile(`[a-z-]+`).FindAllString(s.name, -1) {
			shared[word] = append(shared[word], s.terms...)
		}
	}
	var documented, real []string
	chapters := find(t, page, "COMMANDS").sub
	for _, s := range chapters {
		documented = append(documented, strings.Fields(s.name)[0])
	}
	for _, cmd := range app.Children {
		if cmd.Hidden {
			continue
		}
		real = append(real, cmd.Name)
		for _, s := range chapters {
			words := strings.Fields(s.name)
			if words[0] != cmd.Name {
				continue
			}
			same(t, "COMMANDS, "+cmd.Name, append(s.terms, shared[cmd.Name]...), flagTerms(cmd.Flags))
			// "explain INSTANCE" names all arguments, as the usage does.
			if usage := strings.TrimSpace(cmd.Name + " " + usages[cmd.Name]); s.name != usage || (usages[cmd.Name] == "") != (len(cmd.Positional) == 0) {
				t.Errorf("COMMANDS: the heading is %q, the usage %q", s.name, usage)
			}
		}
	}
	same(t, "COMMANDS", documented, real)
}

// constants are the values of a package's constants whose type, or else whose
// name without its first upper-case letter and what follows, is the given word.
func constants(t *testing.T, dir, word string) []string {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), dir, func(info os.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, p := range packages {
		ast.Inspect(p, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) == 0 {
				return true
			}
			for k, name := range spec.Names {
				typ, _ := spec.Type.(*ast.Ident)
				value, _ := spec.Values[k].(*ast.BasicLit)
				if value == nil || !(typ != nil && typ.Name == word || typ == nil && regexp.MustCompile("^"+word+"[A-Z]").MatchString(name.Name)) {
					continue
				}
				text := value.Value
				if value.Kind == token.STRING {
					text, _ = strconv.Unquote(text)
				}
				values = append(values, text)
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("no constants of %s in %s", word, dir)
	}
	return values
}

func TestManualHasEveryReasonAndState(t *testing.T) {
	page := manual(t, "ganeti-autorepair.8")
	same(t, "REASONS", find(t, page, "REASONS").allTerms(), constants(t, "../../plugin/repair", "Reason"))
	same(t, "FINDINGS", find(t, page, "FINDINGS").terms, constants(t, "../../plugin/repair", "FindingWord"))
	same(t, "STATES", find(t, page, "STATES").allTerms(), constants(t, "../../plugin/repair", "State"))
}

func TestManualHasEveryExitStatus(t *testing.T) {
	same(t, "EXIT STATUS", find(t, manual(t, "ganeti-autorepair.8"), "EXIT STATUS").terms, constants(t, ".", "exit"))
}

// W2: the settings file that is installed changes nothing as it is, and has
// every setting with its default. The manual has the same, and both say what is
// allowed.
func TestSettingsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("doc/autorepair.toml")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseSettings("autorepair.toml", string(data)); err != nil || !reflect.DeepEqual(got, defaultSettings()) {
		t.Errorf("the settings file as installed gives %+v, %v", got, err)
	}
	assignment := regexp.MustCompile(`(?m)^#([a-z_]+ = .*)$`)
	var keys, inFile, real []string
	for _, m := range assignment.FindAllStringSubmatch(string(data), -1) {
		inFile = append(inFile, m[1])
		keys = append(keys, strings.Fields(m[1])[0])
	}
	for _, s := range settingsTable {
		real = append(real, s.key)
	}
	same(t, "autorepair.toml", keys, real)
	on := assignment.ReplaceAllString(string(data), "$1")
	if got, err := parseSettings("autorepair.toml", on); err != nil || !reflect.DeepEqual(got, defaultSettings()) {
		t.Errorf("with its comments taken off, the settings file gives %+v, %v; want the defaults", got, err)
	}
	settings := find(t, manual(t, "ganeti-autorepair.toml.5"), "SETTINGS")
	same(t, "ganeti-autorepair.toml(5)", settings.allTerms(), inFile)

	comments := strings.Join(strings.Fields(regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(string(data), "")), " ")
	for _, s := range settingsTable {
		for where, text := range map[string]string{"autorepair.toml": comments, "ganeti-autorepair.toml(5)": strings.Join(strings.Fields(settings.text), " ")} {
			if !strings.Contains(text, s.allowed) {
				t.Errorf("%s does not say what %s may be: %s", where, s.key, s.allowed)
			}
		}
	}
	for n, line := range strings.Split(string(data), "\n") {
		if len(line) > 80 {
			t.Errorf("autorepair.toml:%d: %d columns", n+1, len(line))
		}
	}
}

// The version is that of the newest entry in the change log, for people and for
// Debian. A release has no packaging/debian, which is what its package is made with.
func TestVersions(t *testing.T) {
	for file, pattern := range map[string]string{
		"../../CHANGELOG.md":               `(?m)^## ([0-9][^ \n]*)`,
		"../../packaging/debian/changelog": `^ganeti-autorepair \(([^)]+)-[^-)]+\) `,
	} {
		if _, err := os.Stat(filepath.Dir(file)); err != nil {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(pattern).FindStringSubmatch(string(data)); m == nil || m[1] != version {
			t.Errorf("%s: %q, the program says %s", file, m, version)
		}
	}
}

// What the tour shows of a saved snapshot is what the program says, with
// "..." for lines that are left out.
func TestTourShowsTheSnapshot(t *testing.T) {
	tour, err := os.ReadFile("../../docs/tour.md")
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.ReadFile("testdata/example-bad-day-80.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(tour), "status --snapshot examples/bad-day.json\n")
	if !found {
		t.Fatal("the tour does not show the snapshot")
	}
	shown, _, _ = strings.Cut(shown, "$ ")
	rest := string(screen)
	for _, line := range strings.Split(strings.TrimSpace(shown), "\n") {
		if line == "..." {
			continue
		}
		var found bool
		if _, rest, found = strings.Cut(rest, line+"\n"); !found {
			t.Errorf("the program does not say, or not there: %s", line)
		}
	}
}

// A newcomer reads these to the end.
func TestDocumentsAreShort(t *testing.T) {
	for path, most := range map[string]int{"../../README.md": 150, "../../ARCHITECTURE.md": 250} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > most {
			t.Errorf("%s has %d lines, want at most %d", path, lines, most)
		}
	}
}

// The log lines that the manual names are those that the program writes: of the
// constants in calls of Info and Warn.
func TestManualHasWordsOfTheLog(t *testing.T) {
	written := make(map[string]bool)
	call := regexp.MustCompile(`(?:Info|Warn|log)\("([a-z][^"]*)", `)
	for _, dir := range []string{".", "../../plugin"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range call.FindAllStringSubmatch(string(text), -1) {
				written[m[1]] = written[m[1]] || !strings.HasSuffix(file, "_test.go")
			}
		}
	}
	data, err := os.ReadFile("doc/ganeti-autorepair.8")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(data), "The lines always begin with the same words:")
	list, _, ended := strings.Cut(list, "behind them are keys")
	if !found || !ended {
		t.Fatal("the manual does not list the words of the log")
	}
	named := regexp.MustCompile(`\\fI([^\\]+)\\fP`).FindAllStringSubmatch(strings.ReplaceAll(list, "\n", " "), -1)
	if len(named) < 10 {
		t.Errorf("the manual lists %d words of the log", len(named))
	}
	for _, m := range named {
		if !written[m[1]] {
			t.Errorf("the manual has the log line %q, which nothing writes", m[1])
		}
	}
}

// Text lines of the manual pages are at most 80 bytes long, as mandoc has it, and lines of
// examples, which are shown 9 columns from the left, at most 71.
func TestManualLines(t *testing.T) {
	for _, page := range []string{"doc/ganeti-autorepair.8", "doc/ganeti-autorepair.toml.5"} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		example := false
		for n, line := range strings.Split(string(data), "\n") {
			switch {
			case line == ".EX" || line == ".nf":
				example = true
			case line == ".EE" || line == ".fi":
				example = false
			case strings.HasPrefix(line, "."):
			case example && len(shownAs.Replace(line)) > 71, !example && len(line) > 80 && strings.Contains(line, " "):
				t.Errorf("%s:%d is too long: %s", page, n+1, line)
			}
		}
	}
}

// shownAs replaces what the manual pages write otherwise than it is shown.
var shownAs = strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fP`, "", `\e`, `\`, `\&`, "")
