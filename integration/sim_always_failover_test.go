//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/tagstore"
)

// P18: an instance that Ganeti would fail over where it is asked to migrate it stays on its
// drained node under the policy migrate, which does not permit to restart it; so does one
// whose hypervisor cannot migrate. One beside them is migrated. Under the policy failover
// they are failed over.
func TestAlwaysFailover(t *testing.T) {
	w := newSimWorld(t, describe(t, []string{"node2", "node3", "node4"}, []string{"cluster migrate", "mail sharedfile node2", "web sharedfile node2"})+
		"instance jail template=rbd nodes=node2 mem=16 disk=16 hypervisor=lxc\n")
	w.typed("gnt-instance modify -B always_failover=true web")
	w.typed("gnt-node modify --drained=yes node2")
	start := w.since()
	w.settle(4)
	begun := w.begun(start)
	for _, name := range []string{"web", "jail"} {
		if n := len(begun[name]); n != 0 {
			t.Errorf("%s was moved by %d jobs: %+v", name, n, begun[name])
		}
		if got := w.primary(name); got != "node2" {
			t.Errorf("%s is on %s", name, got)
		}
		w.wantStatus(name, "running")
	}
	if jobs := begun["mail"]; len(jobs) != 1 || opcodes(jobs[0]) != "MIGRATE" {
		t.Errorf("mail was moved by %+v, want one MIGRATE", jobs)
	}
	w.wantResult("mail", tagstore.Migrate, tagstore.Success, 1)

	w.allow("cluster", "failover")
	w.disallow("cluster", "migrate")
	w.settle(4)
	for _, name := range []string{"web", "jail"} {
		if jobs := w.begun(start)[name]; len(jobs) != 1 || opcodes(jobs[0]) != "FAILOVER" {
			t.Errorf("%s was moved by %+v, want one FAILOVER", name, jobs)
		}
		w.wantStatus(name, "running")
		w.wantResult(name, tagstore.Failover, tagstore.Success, 1)
	}
}
