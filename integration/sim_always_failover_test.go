//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/tagstore"
)

// P18: an instance that Ganeti would fail over where it is asked to migrate it stays on its
// drained node under the policy migrate, which does not permit to restart it. One beside it
// is migrated. Under the policy failover it is failed over.
func TestAlwaysFailover(t *testing.T) {
	w := newRepairWorld(t, "cluster migrate", "mail sharedfile node2", "web sharedfile node2")
	w.typed("gnt-instance modify -B always_failover=true web")
	w.typed("gnt-node modify --drained=yes node2")
	start := w.since()
	w.settle(4)
	begun := w.begun(start)
	if n := len(begun["web"]); n != 0 {
		t.Errorf("web was moved by %d jobs: %+v", n, begun["web"])
	}
	if got := w.primary("web"); got != "node2" {
		t.Errorf("web is on %s", got)
	}
	w.wantStatus("web", "running")
	if jobs := begun["mail"]; len(jobs) != 1 || opcodes(jobs[0]) != "MIGRATE" {
		t.Errorf("mail was moved by %+v, want one MIGRATE", jobs)
	}
	w.wantResult("mail", tagstore.Migrate, tagstore.Success, 1)

	w.allow("cluster", "failover")
	w.disallow("cluster", "migrate")
	w.settle(4)
	if jobs := w.begun(start)["web"]; len(jobs) != 1 || opcodes(jobs[0]) != "FAILOVER" {
		t.Errorf("web was moved by %+v, want one FAILOVER", jobs)
	}
	w.wantStatus("web", "running")
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1)
}
