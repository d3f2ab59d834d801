//go:build installed

package installed_test

import (
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"
)

// complete asks bash what the last word, as far as it is typed, may become.
const complete = `
. /usr/share/bash-completion/bash_completion
_completion_loader ganeti-autorepair 2>/dev/null || . /usr/share/bash-completion/completions/ganeti-autorepair
compopt() { :; } # works only while readline asks
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_ganeti_autorepair "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>&1
printf '%s\n' "${COMPREPLY[@]}"
`

// offers returns what the completion offers for a line. Words are those of readline, which ends words at "=" and ":".
func offers(t *testing.T, root, line string) string {
	t.Helper()
	words := strings.Fields(strings.NewReplacer("=", " = ", ":", " : ").Replace(line))
	if strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	cmd := exec.Command("bash", append([]string{"-c", complete, "bash", line}, words...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GANETI_ROOTDIR=" + root, "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	list := strings.Fields(string(out))
	sort.Strings(list)
	return strings.Join(list, " ")
}

// The completions are installed where the shells look for them; that of bash offers the
// names of the cluster and the program's own fields. What they offer in detail is tested
// beside the program.
func TestCompletion(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"instance_list": "db1\nweb1\nweb2\n", "node_list": "node1\nnode2\n",
		"nodegroups": "6942bcc1-2fa5-4cf6-b49f-13bdc54b48f4 default\n0b3721cd-d0b6-4a10-9514-f70e2b203940 rack2\n",
	} {
		if err := os.MkdirAll(root+"/var/lib/ganeti", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+"/var/lib/ganeti/ssconf_"+file, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ line, want string }{
		{"ganeti-autorepair ru", "run"},
		{"ganeti-autorepair explain w", "web1 web2"},
		{"ganeti-autorepair policy group:", "default rack2"},
		{"ganeti-autorepair policy cluster f", "failover fix-storage"},
		{"ganeti-autorepair list-fields policy.t", "policy.tag policy.type"},
	} {
		if got := offers(t, root, tt.line); got != tt.want {
			t.Errorf("%q: offered are %q, want %q", tt.line, got, tt.want)
		}
	}
	for _, file := range []string{"/usr/share/zsh/vendor-completions/_ganeti-autorepair", "/usr/share/fish/vendor_completions.d/ganeti-autorepair.fish"} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}
