package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"text/template"

	"github.com/alecthomas/kong"

	"ganeti-autorepair/integration/goldenfile"
)

// The completions for bash, zsh and fish are made here, from the command line as kong
// understands it. Only what each kind of argument may be is written by hand, in
// testdata/completion.*.

// completed is a command as the completions have it; that without a name is for the
// flags before any command.
type completed struct {
	Name, Help string
	Flags      []completedFlag
	Arguments  []string // kinds of arguments, in order: "OBJECT"
	Repeated   bool     // the first of them may be repeated, or followed by the others
}

// completedFlag is a flag of a command.
type completedFlag struct {
	Long, Short string // without hyphens
	Kind        string // of its value; "" if it has none
	List        bool   // values, separated by commas
	Help        string
}

// completedCommands lists the commands of the model, the one without a name first.
func completedCommands(app *kong.Application) []completed {
	list := []completed{{Flags: completedFlags(app.Flags)}}
	for _, cmd := range app.Children {
		if cmd.Hidden {
			continue
		}
		c := completed{Name: cmd.Name, Help: firstSentence(cmd.Help), Flags: completedFlags(cmd.Flags)}
		for _, word := range regexp.MustCompile(`[A-Z]+`).FindAllString(usages[cmd.Name], -1) {
			c.Arguments = append(c.Arguments, argumentKind(cmd.Name, word))
		}
		c.Repeated = strings.Contains(usages[cmd.Name], "...")
		list = append(list, c)
	}
	return list
}

// argumentKind is the kind of an argument that the usage names. Where many instances may
// be named, those of a node may.
func argumentKind(command, word string) string {
	switch {
	case word == "INSTANCE" && strings.Contains(usages[command], "..."):
		return "INSTANCES"
	case word == "TYPE" && strings.Contains(usages[command], "none"):
		return "POLICY"
	}
	return word
}

func completedFlags(flags []*kong.Flag) []completedFlag {
	var list []completedFlag
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		c := completedFlag{Long: f.Name, Help: firstSentence(f.Help)}
		if f.Short != 0 {
			c.Short = string(f.Short)
		}
		if !f.IsBool() {
			kind := f.FormatPlaceHolder()
			c.Kind = strings.TrimSuffix(kind, ",...")
			c.List = c.Kind != kind || kind == "FIELDS"
		}
		list = append(list, c)
	}
	return list
}

// firstSentence is a help text without its default and what follows the first sentence.
func firstSentence(help string) string {
	help, _, _ = strings.Cut(help, " (default")
	for _, end := range []string{". ", "; "} {
		help, _, _ = strings.Cut(help, end)
	}
	return strings.TrimSuffix(help, ".")
}

// completions are the scripts, by the name of the file in doc, with the name of the
// template in testdata.
var completions = map[string]string{
	"completion.bash": "completion.bash.tmpl", "_ganeti-autorepair": "completion.zsh.tmpl", "ganeti-autorepair.fish": "completion.fish.tmpl",
}

// The completions are those of the command line: -update makes them anew.
func TestCompletions(t *testing.T) {
	commands := completedCommands(model(t))
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	for file, source := range completions {
		text, err := os.ReadFile(filepath.Join("testdata", source))
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := template.New(source).Funcs(template.FuncMap{
			"quote": quote, "join": strings.Join,
			"fish":  func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" },
			"colon": func(s string) string { return strings.ReplaceAll(s, ":", `\:`) },
			"brackets": func(s string) string {
				return strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
			},
			"under": func(s string) string { return strings.ReplaceAll(s, "-", "_") },
			"lower": strings.ToLower,
		}).Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		var script strings.Builder
		if err := tmpl.Execute(&script, commands); err != nil {
			t.Fatal(err)
		}
		goldenfile.Want(t, "../doc/"+file, script.String())
		// Whatever a flag or an argument may be, the script knows what to offer.
		for _, c := range commands {
			kinds := append([]string(nil), c.Arguments...)
			for _, f := range c.Flags {
				if !strings.Contains(script.String(), f.Long) {
					t.Errorf("%s: no --%s", file, f.Long)
				}
				if f.Kind != "" {
					kinds = append(kinds, f.Kind)
				}
			}
			for _, kind := range kinds {
				if !regexp.MustCompile(`(?m)^ +(\w+ \| )*` + kind + `( \| \w+)*\)|^function __ganeti_autorepair_` + strings.ToLower(kind) + `\b|^_ganeti_autorepair_` + strings.ToLower(kind) + `\(\)`).MatchString(script.String()) {
					t.Errorf("%s: %s: it does not know what %s may be", file, c.Name, kind)
				}
			}
		}
	}
	for shell, file := range map[string]string{"bash": "completion.bash", "zsh": "_ganeti-autorepair", "fish": "ganeti-autorepair.fish"} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("there is no %s to read %s", shell, file)
			continue
		}
		if out, err := exec.Command(shell, "-n", filepath.Join("doc", file)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// What fish offers, as it can be asked.
func TestFishCompletes(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Log("there is no fish")
		return
	}
	root := completionRoot(t)
	for line, want := range map[string]string{
		"ru":                            "run",
		"run --assume-off":              "--assume-offline",
		"explain ":                      "db1 web1 web2",
		"ack node":                      "node:node1 node:node2",
		"status node":                   "node:node1 node:node2",
		"policy cl":                     "cluster",
		"policy cluster f":              "failover fix-storage",
		"repair web1 re":                "reinstall",
		"suspend group":                 "group:default group:rack2",
		"vouch ":                        "node1 node2",
		"run --assume-offline node1,":   "node1,node1 node1,node2",
		"policy --template d":           "diskless drbd",
		"-c /etc/login.de":              "/etc/login.defs",
		"--config=/etc/login.de":        "--config=/etc/login.defs",
		"suspend --for ":                "",
		"suspend --for 4h d":            "db1",
		"-L /tmp/socket sta":            "status",
		"policy --yes cluster reinst":   "reinstall",
		"history --si":                  "--since",
		"status --no-such-flag --separ": "--separator",
	} {
		script := fmt.Sprintf("source doc/ganeti-autorepair.fish; complete -C %q", "ganeti-autorepair "+line)
		cmd := exec.Command("fish", "--no-config", "-c", script)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GANETI_ROOTDIR=" + root, "LC_ALL=C.UTF-8"}
		out, err := cmd.CombinedOutput()
		var got []string
		for _, offer := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			offer, _, _ = strings.Cut(offer, "\t")
			got = append(got, offer)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: offered are %q, want %q (%v)", line, strings.Join(got, " "), want, err)
		}
	}
}

// bashComplete has a function that prints, in one line, what the last word of a line, as
// far as it is typed, may become: ask ROOT LINE WORD...
const bashComplete = `
. /usr/share/bash-completion/bash_completion
. doc/completion.bash
compopt() { :; } # works only while readline asks
ask() {
	GANETI_ROOTDIR=$1 COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMPREPLY=()
	shift 2
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_ganeti_autorepair "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>&1
	echo "${COMPREPLY[*]}"
}
`

// What bash offers.
func TestBashCompletes(t *testing.T) {
	if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); err != nil {
		t.Log("there is no bash-completion")
		return
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ganeti-autorepair"), []byte("#!/bin/sh\nprintf '%s\\n' instance:a group:b state:c status:d\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := completionRoot(t)
	objects := "cluster db1 group:default group:rack2 node:node1 node:node2 web1 web2"
	rows := []struct{ root, line, want string }{
		{root, "ru", "run"},
		{root, "run --dr", "--dry-run"},
		{root, "-L /tmp/socket sta", "status"},
		{root, "status --conf", "--config="},
		{root, "-c /etc/logi", "/etc/login.defs"},
		{root, "--config=/etc/logi", "/etc/login.defs"},
		{root, "explain w", "web1 web2"},
		{root, "explain web1 ", ""},
		{root, "explain -c /etc/passwd w", "web1 web2"},
		{root, "explain --config=/etc/passwd w", "web1 web2"},
		{root, "run --assume-offline ", "node1 node2"},
		{root, "run --assume-offline=node1,n", "node1,node1 node1,node2"},
		{root, "status -o sta", "state status"},
		{root, "status -o +group,sta", "+group,state +group,status"},
		{root, "list-fields ins", "instance"},
		{root, "nodes ", "node1 node2"},
		{root, "nodes -o node,sta", "node,state node,status"},
		{root, "nodes --wait node1 n", "node1 node2"},
		{root, "status n", "node:node1 node:node2"},
		{root, "status --sort sta", "state status"},
		{root, "policy ", objects},
		{root, "policy group:", "default rack2"}, // what is before the colon is typed
		{root, "policy cluster f", "failover fix-storage"},
		{root, "policy cluster n", "node:node1 node:node2 none"},
		{root, "suspend ", objects},
		{root, "suspend web1 web2 ", objects},
		{root, "suspend --for 4h d", "db1"},
		{root, "suspend --for ", ""},
		{root, "repair ", "db1 node:node1 node:node2 web1 web2"},
		{root, "repair web1 ", "db1 failover fix-storage migrate node:node1 node:node2 reinstall web1 web2"},
		{root, "ack ", "db1 node:node1 node:node2 web1 web2"},
		{root, "ack --template d", "diskless drbd"},
		{root, "vouch --", "--config= --dry-run --help --luxi= --reason= --timeout= --version --yes"},
		{root, "vouch n", "node1 node2"},
		{root, "rehearse --drained n", "node1 node2"},
		{root, "run ", ""},
		{root, "nonsense --", "--config= --help --luxi= --version"},
		{root, "", "ack cancel check explain history list-fields nodes policy rehearse repair report resume run status stop suspend vouch"},
		// Without a cluster: nothing, and no complaint.
		{"/none", "explain ", ""},
		{"/none", "suspend ", "cluster"},
	}
	script := bashComplete
	for _, row := range rows {
		line := "ganeti-autorepair " + row.line
		words := strings.Fields(strings.NewReplacer("=", " = ", ":", " : ").Replace(line)) // as readline ends words
		if strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		script += fmt.Sprintf("ask %q %q", row.root, line)
		for _, word := range words {
			script += fmt.Sprintf(" %q", word)
		}
		script += "\n"
	}
	cmd := exec.Command("bash", "-c", script)
	cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) != len(rows)+1 {
		t.Fatalf("%v\n%s", err, out)
	}
	for k, row := range rows {
		list := strings.Fields(lines[k])
		sort.Strings(list)
		if got := strings.Join(list, " "); got != row.want {
			t.Errorf("%q: offered are %q, want %q", row.line, got, row.want)
		}
	}
}

// completionRoot is a root directory with the names of a cluster, as Ganeti keeps them
// on every node.
func completionRoot(t *testing.T) string {
	root := t.TempDir()
	dir := filepath.Join(root, "var/lib/ganeti")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"instance_list": "db1\nweb1\nweb2\n", "node_list": "node1\nnode2\n",
		"nodegroups": "6942bcc1-2fa5-4cf6-b49f-13bdc54b48f4 default\n0b3721cd-d0b6-4a10-9514-f70e2b203940 rack2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "ssconf_"+file), []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
