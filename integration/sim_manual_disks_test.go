//go:build cluster

package integration_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
)

// manualSteps are the commands of a section of the manual, by the numbers of its steps.
func manualSteps(t *testing.T, section string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("../hooks/ganeti-autorepair/doc/ganeti-autorepair.8")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`\-`, "-", "\\e\n", "", `\&`, "").Replace(string(data))
	_, text, _ = strings.Cut(text, "\n.SS "+section+"\n")
	text, _, _ = strings.Cut(text, "\n.SH ")
	steps, step := make(map[string][]string), ""
	number := regexp.MustCompile(`^\.IP (\d+)\. `)
	for _, line := range strings.Split(text, "\n") {
		if m := number.FindStringSubmatch(line); m != nil {
			step = m[1]
		}
		if strings.HasPrefix(line, "# ") {
			steps[step] = append(steps[step], line[2:])
		}
	}
	return steps
}

// D5: after a split brain of three instances each of the ways that the manual shows is
// accepted by Ganeti, and keeps the data that it says: those of the primary node, of the
// secondary one, and of the primary one again.
func TestManualEndsSplitBrain(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node na
node nb
node nc
instance four nodes=na,nb template=drbd mem=16 disk=16
instance five nodes=na,nb template=drbd mem=16 disk=16
instance six nodes=na,nb template=drbd mem=16 disk=16
`)
	// Whoever ends it throws one copy away. That of six is made anew for the nodes when its
	// volume becomes part of a drbd device again, which keeps what it holds.
	lost := []string{
		"five starts on nb from a copy that lacks writes, na has a better one",
		"the copy of disk/0 of four is removed from nb, ", "the copy of disk/0 of five is removed from na, ",
		"the copy of disk/0 of six is removed from nb, ", "disk/0 of six is made anew on na while its data are on na",
	}
	w.maybe = func(incident string) bool {
		for _, beginning := range lost {
			if strings.HasPrefix(incident, beginning) {
				return true
			}
		}
		return false
	}
	w.settings(mendsDisks)
	steps := manualSteps(t, "After a split brain")
	for _, way := range []struct{ name, number, primary, secondary string }{
		{"four", "4", "na", "nc"}, {"five", "5", "nb", "nc"}, {"six", "6", "na", "nb"},
	} {
		names := strings.NewReplacer("web1", way.name, "node1", "na", "node2", "nb", "node3", "nc")
		w.sim.SplitBrain(way.name)
		for _, number := range []string{"1", way.number, "7"} {
			if len(steps[number]) == 0 {
				t.Errorf("step %s shows no command", number)
			}
			for _, command := range steps[number] {
				w.typed(names.Replace(command))
			}
		}
		if p, s := w.place(way.name); p != way.primary || s != way.secondary {
			t.Errorf("%s is on %s and %s, want %s and %s", way.name, p, s, way.primary, way.secondary)
		}
		w.wantWhere(way.name, way.primary, way.primary)
		if got := w.diskStatus(way.name); got != "F,1 / F,1" {
			t.Errorf("%s: %s", way.name, got)
		}
		w.wantContent(way.name, nodesim.Original)
	}
}
