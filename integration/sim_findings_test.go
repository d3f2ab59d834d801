//go:build cluster

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/integration/vcluster"
)

// A1: what a real "gnt-cluster verify" leaves in the queue, with error codes and without,
// is found: a node that comes back has the volumes of a copy that was replaced meanwhile.
// Nothing is done about them.
func TestFindings(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance web nodes=a,b template=drbd mem=16 disk=16
`)
	w.lostPower("b")
	w.does(instanceOp("INSTANCE_REPLACE_DISKS", "web", vcluster.Opcode{"mode": "replace_new_secondary", "remote_node": "c"}))
	w.back("b")
	found := func() (words []string) {
		t.Helper()
		var s struct {
			Findings []struct{ Finding, Object string }
		}
		w.must(json.Unmarshal([]byte(w.command(0, "", "status", "--json")), &s))
		for _, f := range s.Findings {
			words = append(words, f.Finding+" "+f.Object)
		}
		return words
	}
	w.pass()
	if got := found(); len(got) != 0 {
		t.Errorf("before anything was verified: %v", got)
	}
	for _, codes := range [][]string{nil, {"--error-codes"}} {
		w.must(w.RemoveFile(w.Root(w.Master()) + "/var/run/ganeti-autorepair/findings"))
		out := w.run(w.Master(), append([]string{"gnt-cluster", "verify"}, codes...)...)
		w.watcher() // archives what has ended, and writes instance-status
		w.pass()
		if got := strings.Join(found(), ", "); got != "orphan-volume node b" {
			t.Errorf("verify %v: found %q; it said\n%s", codes, got, out.stdout)
		}
		if r := w.run(w.Master(), program, "check", "-v"); !strings.Contains(r.stdout, "OK: orphan-volume: node b: volume ") {
			t.Errorf("check -v says\n%s%s", r.stdout, r.stderr)
		}
	}
}
