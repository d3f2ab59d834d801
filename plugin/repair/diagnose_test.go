package repair_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// The table of repairs P1 to P10, first line that fits wins. Columns: disk
// template (or class), primary, secondary ("-" if it has none), admin state,
// live status, and what is expected: row, type, steps, and what blocks it. A
// star fits anything, a bar separates alternatives.
const repairTable = `
drbd      ok       -                *        *                             :  none - blocked unknown-place
*         ok       ok|-             *        *                             : healthy

drbd      ok       drained|offline  *        *                             : P1 fix-storage replace-disks

drbd      drained  ok               *        running|ERROR_up              : P2 migrate migrate,replace-disks
drbd      drained  ok               *        ADMIN_down|ADMIN_offline|ERROR_down : P2 migrate failover,replace-disks
drbd      drained  ok               down     USER_down                     : P2 migrate failover,replace-disks
drbd      drained  ok               *        *                             : P2 migrate migrate,replace-disks blocked no-live-status

drbd      drained  drained|offline  *        ADMIN_down|ADMIN_offline|ERROR_down : P3 migrate replace-disks,failover,replace-disks
drbd      drained  drained|offline  down     USER_down                     : P3 migrate replace-disks,failover,replace-disks
drbd      drained  drained|offline  *        *                             : P3 migrate replace-disks,migrate,replace-disks

drbd      offline  ok               *        *                             : P4 failover failover,replace-disks

drbd      offline  offline          up|down  *                             : P5 reinstall reinstall
drbd      offline  offline          offline  *                             : P5 reinstall reinstall blocked admin-offline
drbd      offline  offline          *        *                             : P5 reinstall reinstall blocked no-repair

ext       drained  -                *        running|ERROR_up              : P6 migrate migrate
ext       drained  -                *        ADMIN_down|ADMIN_offline|ERROR_down : P6 migrate failover
ext       drained  -                down     USER_down                     : P6 migrate failover
ext       drained  -                *        *                             : P6 migrate migrate blocked no-live-status

ext       offline  -                *        *                             : P7 failover failover

local     offline  -                up|down  *                             : P8 reinstall reinstall
local     offline  -                offline  *                             : P8 reinstall reinstall blocked admin-offline
local     offline  -                *        *                             : P8 reinstall reinstall blocked no-repair

*         *        *                *        *                             : P9 none - blocked no-repair
`

var templateClass = map[string]string{
	"drbd": "drbd", "plain": "local", "file": "local",
	"diskless": "ext", "sharedfile": "ext", "gluster": "ext", "rbd": "ext", "ext": "ext", "blockdev": "ext",
	"mixed": "unknown", "zfs": "unknown", "": "unknown",
}

// P1 to P10: every template with every state of its nodes, every admin state
// and every live status.
func TestDiagnose(t *testing.T) {
	used := make(map[string]bool)
	for template, class := range templateClass {
		for _, pri := range []string{"ok", "drained", "offline"} {
			for _, sec := range []string{"-", "ok", "drained", "offline"} {
				for _, admin := range []string{"up", "down", "offline", "frozen"} {
					for _, live := range []string{"running", "ADMIN_down", "ADMIN_offline", "USER_down", "ERROR_up", "ERROR_down", "ERROR_wrongnode", "ERROR_nodedown", "ERROR_nodeoffline", "unheard-of", "unknown"} {
						line, want := expected(class, pri, sec, admin, live)
						used[line] = true
						s := repairtest.Snapshot("m x y " + node("p", pri) + " " + node("s", sec))
						i := repairtest.Instance("i", template, "p", "")
						if sec != "-" {
							i.Secondaries = []string{"s"}
						}
						i.AdminState, i.Live = admin, &repair.Live{Status: live}
						if live == "unknown" {
							i.Live = nil
						}
						if got := describeNeed(repair.Diagnose(s, i)); got != want {
							t.Fatalf("%s, primary %s, secondary %s, admin %s, live %s:\n got %s\nwant %s", template, pri, sec, admin, live, got, want)
						}
					}
				}
			}
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(repairTable), "\n") {
		if line != "" && !used[line] {
			t.Errorf("nothing comes to the line %q", line)
		}
	}
}

func node(name, flag string) string {
	switch flag {
	case "-":
		return ""
	case "ok":
		return name
	}
	return name + ":" + flag
}

// expected finds the line of the table and what it expects.
func expected(key ...string) (line, want string) {
	for _, line := range strings.Split(repairTable, "\n") {
		left, right := line, ""
		if at := strings.Index(line, ":"); at >= 0 {
			left, right = line[:at], strings.TrimSpace(line[at+1:])
		}
		words := strings.Fields(left)
		fits := len(words) == len(key)
		for k := 0; fits && k < len(key); k++ {
			fits = words[k] == "*" || strings.Contains("|"+words[k]+"|", "|"+key[k]+"|")
		}
		if fits {
			return line, right
		}
	}
	return "", ""
}

func describeNeed(n repair.Need) string {
	if n.Healthy() {
		return "healthy"
	}
	steps := "-"
	if len(n.Steps) > 0 {
		var words []string
		for _, s := range n.Steps {
			words = append(words, string(s))
		}
		steps = strings.Join(words, ",")
	}
	text := fmt.Sprintf("%s %s %s", n.Row, n.Type, steps)
	if n.Blocked != "" {
		text += " blocked " + string(n.Blocked)
	}
	if n.Possible() != (n.Blocked == "" && len(n.Steps) > 0) {
		text += " (possible?)"
	}
	return strings.TrimSpace(text)
}

// Whatever is blocked says why in words, and what is not blocked has nothing to
// excuse.
func TestDiagnoseDetail(t *testing.T) {
	for _, row := range []struct {
		nodes, template, places, admin, live string
		want                                 string
	}{
		{"m p:offline s:drained", "drbd", "p s", "up", "", "does not fail over to the drained secondary, which has the data: undrain that node"},
		{"m p:drained", "plain", "p", "up", "running", "gnt-instance move"},
		{"m p:offline", "mixed", "p", "up", "", `no repair is known for disk template "mixed"`},
		{"m p:offline", "plain", "p", "offline", "", "gnt-instance modify --online i"},
		{"m p:offline", "plain", "p", "frozen", "", `its admin state "frozen" is unknown`},
		{"m p:drained", "rbd", "p", "up", "USER_down", "its user shut it down"},
		{"m p:drained", "rbd", "p", "up", "ERROR_nodedown", "its status is ERROR_nodedown"},
		{"m p:drained", "rbd", "p", "up", "", "its primary node did not say"},
		{"m", "rbd", "p", "up", "", `its primary node "p" is not a node of the cluster`},
		{"m p:offline", "drbd", "p s", "up", "", `its secondary node "s" is not a node of the cluster`},
		{"m p:offline s", "drbd", "p s", "up", "", ""},
		{"m p s:offline", "drbd", "p s", "up", "", ""},
	} {
		i := repairtest.Instance("i", row.template, row.places, "")
		i.AdminState, i.Live = row.admin, &repair.Live{Status: row.live}
		if row.live == "" {
			i.Live = nil
		}
		n := repair.Diagnose(repairtest.Snapshot(row.nodes), i)
		if (n.Detail == "") != (row.want == "") || !strings.Contains(n.Detail, row.want) {
			t.Errorf("%s %s: %q, want %q in it", row.nodes, row.template, n.Detail, row.want)
		}
	}
}

// P11: drbd moves to its secondary, which Ganeti does not check for being able
// to run instances or for its group.
func TestDiagnoseTarget(t *testing.T) {
	for _, row := range []struct{ nodes, live, want string }{
		{"m p:offline s", "", "P4 failover failover,replace-disks"},
		{"m p:offline s:incapable", "", "P4 failover failover,replace-disks blocked no-target"},
		{"m p:offline s@rack2", "", "P4 failover failover,replace-disks"},
		{"m p:drained s:incapable", "running", "P2 migrate migrate,replace-disks blocked no-target"},
		{"m p:drained s:incapable", "ADMIN_down", "P2 migrate failover,replace-disks blocked no-target"},
		// A new secondary comes first, so the old one does not matter.
		{"m p:drained s:drained@rack2", "running", "P3 migrate replace-disks,migrate,replace-disks"},
		{"m p s:offline@rack2", "running", "P1 fix-storage replace-disks"},
		{"m p s:incapable", "running", "healthy"},
	} {
		i := repairtest.Instance("i", "drbd", "p s", "")
		if i.Live = nil; row.live != "" {
			i.Live = &repair.Live{Status: row.live}
		}
		if got := describeNeed(repair.Diagnose(repairtest.Snapshot(row.nodes), i)); got != row.want {
			t.Errorf("%s, %s: %s, want %s", row.nodes, row.live, got, row.want)
		}
	}
}

// Where something lives is not concluded from what was not read, nor from what
// cannot be right; a reservation is no instance yet.
func TestDiagnoseUnknownPlace(t *testing.T) {
	s := repairtest.Snapshot("m p:offline")
	unread := repairtest.Instance("i", "drbd", "p s", "")
	unread.PlaceKnown = false
	forthcoming := repairtest.Instance("i", "plain", "p", "")
	forthcoming.Forthcoming = true
	nowhere := repairtest.Instance("i", "plain", "p", "")
	nowhere.Primary = ""
	for _, row := range []struct {
		i    *repair.Instance
		want string
	}{
		{unread, "healthy"},
		{forthcoming, "healthy"},
		{repairtest.Instance("i", "plain", "gone", ""), "none - blocked unknown-place"},
		{repairtest.Instance("i", "drbd", "m gone", ""), "none - blocked unknown-place"},
		{nowhere, "none - blocked unknown-place"},
	} {
		if got := describeNeed(repair.Diagnose(s, row.i)); got != row.want {
			t.Errorf("%+v: %q, want %q", row.i, got, row.want)
		}
	}
}

// An instance with several secondaries, which no template has, is never
// repaired by guesswork; the worst of them counts.
func TestDiagnoseStrangeSecondaries(t *testing.T) {
	for _, row := range []struct{ nodes, template, want string }{
		{"m p a b:offline", "drbd", "P9 none - blocked no-repair"},
		{"m p:offline a b", "drbd", "P9 none - blocked no-repair"},
		{"m p a b:offline", "rbd", "P9 none - blocked no-repair"},
		{"m p:offline a b", "plain", "P9 none - blocked no-repair"},
		{"m p a b", "drbd", "healthy"},
	} {
		if got := describeNeed(repair.Diagnose(repairtest.Snapshot(row.nodes), repairtest.Instance("i", row.template, "p a b", ""))); got != row.want {
			t.Errorf("%s %s: %s, want %s", row.template, row.nodes, got, row.want)
		}
	}
}

// S7 rests on whether the primary itself is broken.
func TestDiagnosePrimaryBroken(t *testing.T) {
	for nodes, want := range map[string]bool{
		"m p s": false, "m p s:offline": false, "m p:drained s": true, "m p:offline s:offline": true, "m p:offline s:drained": true,
	} {
		if got := repair.Diagnose(repairtest.Snapshot(nodes), repairtest.Instance("i", "drbd", "p s", "")).PrimaryBroken; got != want {
			t.Errorf("%s: primary broken %v, want %v", nodes, got, want)
		}
	}
}

// The nodes are asked about an instance only where the answer decides how it
// leaves a drained node.
func TestNeedsLive(t *testing.T) {
	for _, row := range []struct {
		nodes, template, places string
		want                    bool
	}{
		{"m p:drained s", "drbd", "p s", true},
		{"m p:drained s:offline", "drbd", "p s", true},
		{"m p:drained", "rbd", "p", true},
		{"m p:offline s", "drbd", "p s", false},
		{"m p s:offline", "drbd", "p s", false},
		{"m p:offline s:offline", "drbd", "p s", false},
		{"m p:offline", "rbd", "p", false},
		{"m p:offline", "plain", "p", false},
		{"m p:drained", "plain", "p", false},
		{"m p s", "drbd", "p s", false},
	} {
		for _, live := range []*repair.Live{nil, {Status: "running"}, {Status: "ADMIN_down"}} {
			i := repairtest.Instance("i", row.template, row.places, "")
			i.Live = live
			if got := repair.NeedsLive(repairtest.Snapshot(row.nodes), i); got != row.want {
				t.Errorf("%s %s: %v, want %v", row.template, row.nodes, got, row.want)
			}
		}
	}
}
