package main

import (
	"os"
	"strings"
	"testing"
)

// Every command stands in the documentation at the top of main.go.
func TestCommandsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, _, _ := strings.Cut(string(source), "\npackage main")
	words := make(map[string]bool)
	for _, word := range strings.FieldsFunc(doc, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' }) {
		words[word] = true
	}
	for name := range commands {
		if !words[name] {
			t.Errorf("%s is not documented", name)
		}
	}
}

// A command is refused if it has too few or too many arguments.
func TestArguments(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"cut", []string{"a"}, "cut takes NODE NODE"},
		{"heal", []string{"a"}, "heal takes no arguments"},
		{"group", []string{"a", "b", "1", "2", "3"}, "group takes NODE GROUP MIB [COUNT]"},
		{"group", []string{"a", "b", "many"}, `strconv.Atoi: parsing "many": invalid syntax`},
		{"lose-volumes", []string{"a"}, "lose-volumes takes NODE INSTANCE ..."},
		{"lose-volumes", []string{"a", "web", "x"}, "x is not the number of a disk"},
		{"sync", []string{"web", "perhaps"}, "sync takes an instance and stuck or runs"},
		{"oob", []string{"sings"}, "oob takes works, fails, lies, deceives or hangs, not sings"},
		{"fault", []string{"node=a"}, "fault: what shall happen? fail=TEXT, hang, drop or delay=TIME"},
		{"fault", []string{"mode=a"}, "fault: mode=a: unknown word"},
	} {
		_, err := commands[row.name].run(nil, row.name, row.args)
		if err == nil || err.Error() != row.want {
			t.Errorf("%s %v: %v, want %q", row.name, row.args, err, row.want)
		}
	}
}

func TestParseFault(t *testing.T) {
	f, err := parseFault(strings.Fields("node=a call=instance_* instance=web times=2 after fail=no delay=3s"))
	if err != nil || f.Node != "a" || f.Call != "instance_*" || f.Instance != "web" || f.Times != 2 || !f.After || f.Fail != "no" || f.Delay.Seconds() != 3 {
		t.Errorf("%+v, %v", f, err)
	}
}
