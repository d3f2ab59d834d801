package report_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// K2: what is said of silent nodes, and the command for each: none switches the master
// offline, and where many are silent none at all.
func TestSilences(t *testing.T) {
	const offline = "gnt-node modify --offline=yes --auto-promote "
	for _, row := range []struct{ nodes, silent, want string }{
		{"m a b c", "", ""},
		{"m a b c", "a", "a does not answer (12m): is it dead? then switch it off and mark it offline: " + offline + "a"},
		{"m a b c:drained", "c", "c does not answer (12m): is it dead? then switch it off and mark it offline: " + offline + "c"},
		{"m a b c", "m", "m does not answer itself (12m): look at the log of its node daemon: tail /var/log/ganeti/node-daemon.log"},
		{"m a b c", "a b", "2 of 3 other nodes do not answer (12m): is this node cut off? see which of them answer: gnt-node list -o name,role,bootid"},
		{"m a b:offline c:offline", "a", "1 of 1 other nodes does not answer (12m): is this node cut off? or is a dead? then switch it off and mark it offline: " + offline + "a"},
		{"m a b c", "m a b", "2 of 3 other nodes do not answer (12m): is this node cut off? see which of them answer: gnt-node list -o name,role,bootid\n" +
			"m does not answer itself (12m): look at the log of its node daemon: tail /var/log/ganeti/node-daemon.log"},
	} {
		s := repairtest.Snapshot(row.nodes)
		for _, name := range strings.Fields(row.silent) {
			s.Nodes[name].SilentSince = 1
		}
		var lines []string
		for _, v := range report.Silences(s) {
			lines = append(lines, v.Text(v.Node, "12m")+": "+v.Command)
			if v.Since != 1 {
				t.Errorf("%s silent: since %d", row.silent, v.Since)
			}
		}
		if got := strings.Join(lines, "\n"); got != row.want {
			t.Errorf("%s of %s silent:\n%s\nwant\n%s", row.silent, row.nodes, got, row.want)
		}
	}
}
