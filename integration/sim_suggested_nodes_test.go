//go:build cluster

package integration_test

import (
	"os/exec"
	"strings"
	"testing"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// O3, O4, K2, K7: what is suggested about nodes that do not answer is accepted by Ganeti
// while it is suggested: where the master may be cut off, and for one, with the reason why
// it is not marked.
func TestAdviceOnSilentNodesCanBeTyped(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node na
node nb
node nc
node nd
node ne
instance web nodes=na,nb template=drbd
instance db nodes=nc,na template=drbd
instance shared nodes=nd template=rbd
instance other nodes=ne template=rbd
`)
	names := []string{"n[a-e]", "web", "db", "shared", "other"}
	const which, offline = "gnt-node list -o name,role,bootid", "gnt-node modify --offline=yes --auto-promote"
	many := w.newTypist(map[string]string{
		"nodes: silent": which, "healthy": which, "status": which, "check": which, "events": which,
		string(repair.FindingSilentCandidate): offline,
	}, names...)
	settings := testSettings + w.tellsEvents()
	w.settings(settings)
	// No other node takes the place of nc, unless it is asked for.
	w.typed("gnt-cluster modify --candidate-pool-size=2")
	for _, node := range []string{"nc", "nd"} {
		w.typed("gnt-node modify --master-capable=yes " + node)
	}
	w.watcher()
	for _, node := range []string{"nc", "nd", "ne"} {
		w.sim.PowerOff(node)
	}
	w.watcher()
	w.pass()
	many.all("gnt-node modify")
	for _, node := range []string{"nd", "ne"} {
		w.must(w.sim.PowerOn(node))
	}
	w.pass()
	many.all()
	many.wantTyped()

	// Each of these is typed while nc is online.
	for _, why := range []string{"nodes: silent", "healthy", "status", "check", "events"} {
		w.must(w.sim.PowerOn("nc"))
		w.must(w.Online(w.ctx, "nc"))
		w.pass()
		w.sim.PowerOff("nc")
		w.settings(settings + "dead_nodes = \"offline\"\n")
		w.watcher()
		w.pass()
		if v := w.nodeView("nc"); v.State != "silent" || v.NotMarked == "" {
			t.Fatalf("nc is %+v", v)
		}
		one := w.newTypist(map[string]string{why: offline}, names...)
		one.all()
		one.wantTyped()
		if !w.isOffline("nc") {
			t.Errorf("%s: nc was not marked offline", why)
		}
	}
}

// K2: the log that is suggested where the master itself does not answer is that of Ganeti's
// node daemon.
func TestAdvisedLogIsTheNodeDaemons(t *testing.T) {
	const ask = "import sys; sys.path.insert(0, '/usr/share/ganeti/default'); " +
		"from ganeti import constants; print('tail', constants.DAEMONS_LOGFILES[constants.NODED])"
	out, err := exec.Command("python3", "-c", ask).Output()
	if err != nil {
		t.Fatal(err)
	}
	s := &repair.Snapshot{Nodes: map[string]*repair.Node{"m": {Name: "m", SilentSince: 1}}}
	s.Cluster.Master = "m"
	views := report.Silences(s)
	if len(views) != 1 || views[0].Command != strings.TrimSpace(string(out)) {
		t.Errorf("suggested: %+v, want %s", views, out)
	}
}
