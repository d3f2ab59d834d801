package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oneIsOffline is a cluster in which node2 is offline, with an instance that nobody may
// repair, and node3 may not die.
const oneIsOffline = `
	cluster c
	node node1 mem=8192 master
	node node2 mem=8192 offline
	node node3 mem=8192
	node node4 mem=8192
	instance a template=sharedfile nodes=node2
	instance b template=sharedfile nodes=node3
	instance c template=sharedfile nodes=node4 state=down
`

// N3: of a node that is offline already nobody is told that it may not die: neither on the
// screen, nor by the page, nor by the metrics, from which an alert is made. The screen has
// what becomes of what is left there.
func TestRehearseOfflineNode(t *testing.T) {
	b := newBed(t, oneIsOffline)
	b.prints(`Node  Inst Down NoPerm
node2    1    1      1
node3    1    1      1
node4    1    -      1
1 of 2 nodes may not die: node3.
Offline already: node2. The numbers tell of what is left there.
Which instances, and why: ganeti-autorepair rehearse -v node3
`, "rehearse")
	b.prints(`Node  Inst Down NoPerm
node2    1    1      1
Offline already: node2. The numbers tell of what is left there.
Which instances, and why: ganeti-autorepair rehearse -v node2
`, "rehearse", "node2")
	b.prints(`Node  Inst Down NoPerm
node2    1    1      1
node4    1    -      1
node4 may die: no data would be lost, and nothing would stay down.
Offline already: node2. The numbers tell of what is left there.
Which instances, and why: ganeti-autorepair rehearse -v node2
`, "rehearse", "node2", "node4")
	_, page, _ := b.run("report", "-")
	if _, harms, found := strings.Cut(page, "If a node died"); !found || strings.Contains(strings.Split(harms, "</section>")[0], `class="name">node2<`) || !strings.Contains(harms, `class="name">node3<`) || !strings.Contains(harms, "1 more node may die") {
		t.Errorf("the page:\n%s", harms)
	}
	b.write("/etc/ganeti/autorepair.toml", "metrics_file = \"/m.prom\"\nrehearsal_metrics = true\n")
	b.want(0, 0, "", "run", "--from-watcher")
	data, err := os.ReadFile(filepath.Join(b.root, "m.prom"))
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[string]bool{"node1": false, "node2": false, "node3": true, "node4": true} {
		for _, series := range []string{"rehearsal_down_instances", "rehearsal_instances"} {
			if got := strings.Contains(string(data), "ganeti_autorepair_"+series+`{cluster="c",node="`+node+`"`); got != want {
				t.Errorf("%s of %s: %t", series, node, got)
			}
		}
	}
}
