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

// offers returns what the completion offers for a line. The program is another
// one if bin is given. Words are those of readline, which ends words at "=" and ":".
func offers(t *testing.T, root, bin, line string) string {
	t.Helper()
	words := strings.Fields(strings.NewReplacer("=", " = ", ":", " : ").Replace(line))
	if strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	cmd := exec.Command("bash", append([]string{"-c", complete, "bash", line}, words...)...)
	cmd.Env = []string{"PATH=" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin", "GANETI_ROOTDIR=" + root, "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	list := strings.Fields(string(out))
	sort.Strings(list)
	return strings.Join(list, " ")
}

// help is a program with arguments of all kinds, as kong shows them.
const help = `#!/bin/sh
case $1 in
explain) echo 'Usage: ganeti-autorepair explain <instance>' ;;
mend) echo 'Usage: ganeti-autorepair mend <instance> <type>' ;;
suspend) echo 'Usage: ganeti-autorepair suspend [<object> ...]' ;;
run) echo 'Usage: ganeti-autorepair run' ;;
*)
	printf 'Usage: ganeti-autorepair <command>\n\nFlags:\n  -h, --help    Show help.\n\n'
	printf 'Commands:\n  explain <instance>           Say why.\n  mend <instance> <type>       Mend.\n'
	printf '  suspend [<object> ...]       Suspend.\n  run                          Run,\n'
	printf '                               really.\n\nRun "ganeti-autorepair <command> --help".\n'
	exit ;;
esac
printf '\nDo it.\n\nArguments:\n  <instance>    The instance.\n\nFlags:\n  -h, --help                  Show help.\n'
printf '  -c, --config=FILE           Settings file\n                              --more.\n\n      --assume-offline=NODE   What if.\n'
`

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
	bin := t.TempDir()
	if err := os.WriteFile(bin+"/ganeti-autorepair", []byte(help), 0o755); err != nil {
		t.Fatal(err)
	}
	objects := "cluster db1 group:default group:rack2 node:node1 node:node2 web1 web2"
	for _, tt := range []struct{ root, bin, line, want string }{
		// The program that is installed.
		{root, "", "ganeti-autorepair ru", "run"},
		{root, "", "ganeti-autorepair run --dr", "--dry-run"},
		{root, "", "ganeti-autorepair -L /tmp/socket sta", "status"},
		{root, "", "ganeti-autorepair status --conf", "--config="},
		{root, "", "ganeti-autorepair -c /etc/logi", "/etc/login.defs"},
		{root, "", "ganeti-autorepair --config=/etc/logi", "/etc/login.defs"},
		{root, "", "ganeti-autorepair explain w", "web1 web2"},
		{root, "", "ganeti-autorepair run --assume-offline ", "node1 node2"},
		{root, "", "ganeti-autorepair run --assume-offline=node1,n", "node1,node1 node1,node2"},
		{root, "", "ganeti-autorepair status -o sta", "state"},
		{root, "", "ganeti-autorepair status -o +group,sta", "+group,state"},
		{root, "", "ganeti-autorepair list-fields pol", "policy policy.origin policy.suspended policy.suspended_until policy.tag policy.type"},
		{root, "", "ganeti-autorepair policy group:", "default rack2"},
		{root, "", "ganeti-autorepair policy cluster f", "failover fix-storage"},
		{root, "", "ganeti-autorepair suspend --for 4h d", "db1"},
		{root, "", "ganeti-autorepair suspend --for ", ""},
		{root, "", "ganeti-autorepair repair web1 ", "db1 failover fix-storage migrate node:node1 node:node2 reinstall web1 web2"},
		{root, "", "ganeti-autorepair ack ", "db1 node:node1 node:node2 web1 web2"},
		{root, "", "ganeti-autorepair ack --template d", "diskless drbd"},
		{root, "", "ganeti-autorepair nonsense --", "--config= --help --luxi= --version"},
		// One with arguments of all kinds.
		{root, bin, "ganeti-autorepair ", "explain mend run suspend"},
		{root, bin, "ganeti-autorepair explain ", "db1 web1 web2"},
		{root, bin, "ganeti-autorepair explain w", "web1 web2"},
		{root, bin, "ganeti-autorepair explain web1 ", ""},
		{root, bin, "ganeti-autorepair explain -c /etc/passwd w", "web1 web2"},
		{root, bin, "ganeti-autorepair explain --config=/etc/passwd w", "web1 web2"},
		{root, bin, "ganeti-autorepair explain --assume-offline ", "node1 node2"},
		{root, bin, "ganeti-autorepair explain --assume-offline=node2", "node2"},
		{root, bin, "ganeti-autorepair explain --", "--assume-offline= --config= --help"},
		{root, bin, "ganeti-autorepair mend web1 ", "failover fix-storage migrate reinstall"},
		{root, bin, "ganeti-autorepair suspend ", objects},
		{root, bin, "ganeti-autorepair suspend web1 web2 ", objects},
		{root, bin, "ganeti-autorepair suspend group:", "default rack2"}, // what is before the colon is typed
		{root, bin, "ganeti-autorepair run ", ""},
		// Without a cluster, or the program: nothing, and no complaint.
		{"/none", bin, "ganeti-autorepair explain ", ""},
		{"/none", bin, "ganeti-autorepair suspend ", "cluster"},
		{root, "", "no-such-program ", ""},
	} {
		if got := offers(t, tt.root, tt.bin, tt.line); got != tt.want {
			t.Errorf("%q: offered are %q, want %q", tt.line, got, tt.want)
		}
	}
}
