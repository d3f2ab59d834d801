package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rollingStandIn answers for gnt-node, gnt-cluster and ganeti-autorepair. The files
// drained and boot in its directory hold which node is drained, and a number that each
// reboot makes greater; TROUBLE names what goes wrong.
const rollingStandIn = `name=$(basename "$0")
echo "$name $*" >>calls
case "$name $*" in
"gnt-cluster getmaster") echo node1 ;;
gnt-node\ list*bootid*) if [ "$TROUBLE" = silent ] && [ -e booted ]; then echo '?'; else wc -c <boot; fi ;;
gnt-node\ list*name*node9) exit 1 ;;
gnt-node\ list*name*) eval "echo \${$#}" ;;
gnt-node\ list*offline*node8) echo Y ;;
gnt-node\ list*offline*) echo N ;;
gnt-node\ modify*yes*) [ "$TROUBLE" != no-drain ] || exit 1; [ "$TROUBLE" != candidates ] || case "$*" in *promote*) ;; *) exit 1 ;; esac ;;
gnt-node\ modify*no*) [ "$TROUBLE" != no-undrain ] ;;
ganeti-autorepair\ nodes*) exit ${WAIT:-0} ;;
esac
`

// N5: rolling-reboot takes the nodes one after the other, and where anything fails it
// stops, says where, and touches no other node.
func TestRollingReboot(t *testing.T) {
	const reboot, looks = "echo x >>boot; : >booted", "gnt-node list --no-headers -o name NODE\ngnt-node list --no-headers -o offline NODE\n"
	const drain, wait, boot = "gnt-node modify --drained=yes NODE\n", "ganeti-autorepair nodes --wait --timeout 4h NODE\n", "gnt-node list --no-headers -o bootid NODE\n"
	const undrain = "gnt-node modify --drained=no NODE\n"
	whole := drain + wait + boot + boot + undrain
	for _, row := range []struct {
		what, environment string
		args              []string
		calls             string // behind the look at the master; a digit before a call is that of its node, and of those behind it
		said              string
		fails             bool
	}{
		{"all is well", "", []string{reboot, "node2", "node3"}, "2" + looks + "3" + looks + "2" + whole + "3" + whole, "node2: done\n", false},
		{"no reboot", "", []string{"-k", "true", "node2"}, "2" + looks + "2" + whole, "node2: true\n", false},
		{"another time", "", []string{"-t", "5m", reboot, "node2"}, "2" + looks + "2" + strings.Replace(whole, "4h", "5m", 1), "node2: done", false},
		{"too few candidates", "TROUBLE=candidates", []string{reboot, "node2"},
			"2" + looks + "2" + drain + "gnt-node modify --drained=yes --auto-promote NODE\n" + wait + boot + boot + undrain, "node2: done", false},
		{"stuck", "WAIT=3", []string{reboot, "node2", "node3"}, "2" + looks + "3" + looks + "2" + drain + wait,
			"stopped at node2: it is stuck\nrolling-reboot: it is still drained: gnt-node modify --drained=no node2\n", true},
		{"not empty in time", "WAIT=4", []string{reboot, "node2"}, "2" + looks + "2" + drain + wait, "stopped at node2: it is not empty after 4h\n", true},
		{"no master any more", "WAIT=11", []string{reboot, "node2"}, "2" + looks + "2" + drain + wait, "it cannot be waited for", true},
		{"not drained", "TROUBLE=no-drain", []string{reboot, "node2", "node3"},
			"2" + looks + "3" + looks + "2" + drain + "gnt-node modify --drained=yes --auto-promote NODE\n", "stopped at node2: it cannot be drained\n", true},
		{"the command fails at the second", "", []string{"case $NODE in node3) exit 7 ;; esac; " + reboot, "node2", "node3", "node4"},
			"2" + looks + "3" + looks + "4" + looks + "2" + whole + "3" + drain + wait + boot,
			"stopped at node3: the command failed with 7\nrolling-reboot: done: node2\nrolling-reboot: it is still drained", true},
		{"it does not come back", "TROUBLE=silent", []string{"-b", "0", reboot, "node2"}, "2" + looks + "2" + drain + wait + boot + boot, "it is not back after 0 seconds", true},
		{"it was not rebooted", "", []string{"-b", "0", "true", "node2"}, "2" + looks + "2" + drain + wait + boot + boot, "it is not back after 0 seconds", true},
		{"not undrained", "TROUBLE=no-undrain", []string{reboot, "node2"}, "2" + looks + "2" + whole, "it cannot be undrained", true},
		{"the master", "", []string{reboot, "node2", "node1"}, "2" + looks + "1gnt-node list --no-headers -o name NODE\n", "stopped at node1: it is the master", true},
		{"an offline node", "", []string{reboot, "node8"}, "8" + looks, "stopped at node8: it is marked offline", true},
		{"no such node", "", []string{reboot, "node9", "node2"}, "9gnt-node list --no-headers -o name NODE\n", "stopped at node9: there is no such node", true},
	} {
		dir := t.TempDir()
		for _, name := range []string{"gnt-node", "gnt-cluster", "ganeti-autorepair", "sleep"} {
			text := "#!/bin/sh\n" + rollingStandIn
			if name == "sleep" {
				text = "#!/bin/sh\n"
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "boot"), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		script, err := filepath.Abs("../../examples/rolling-reboot")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(script, row.args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":/usr/bin:/bin", row.environment}
		out, err := cmd.CombinedOutput()
		calls, _ := os.ReadFile(filepath.Join(dir, "calls"))
		node, want := "", "gnt-cluster getmaster\n"
		for _, line := range strings.SplitAfter(row.calls, "\n") {
			if line != "" && strings.IndexByte("123456789", line[0]) >= 0 {
				node, line = "node"+line[:1], line[1:]
			}
			want += strings.Replace(line, "NODE", node, 1)
		}
		if (err != nil) != row.fails || string(calls) != want || !strings.Contains(string(out), row.said) {
			t.Errorf("%s: %v\n%scalls\n%swant\n%s", row.what, err, out, calls, want)
		}
	}
}
