package nodesim

import (
	"fmt"
	"testing"
)

// shared is the disk of an instance on storage that all nodes reach.
func shared() object {
	return object{"dev_type": "rbd", "logical_id": []string{"rbd", "web"}, "size": 100, "iv_name": "disk/0"}
}

// migrateTo makes the calls of a migration up to those that finalize it.
func (r *rig) migrateTo(source, target string) object {
	r.t.Helper()
	i := web(shared())
	r.must(target, "accept_instance", i, "", target)
	r.must(source, "instance_migrate", "cluster", i, target, true)
	r.must(source, "instance_get_migration_status", i)
	return i
}

func (r *rig) wantRuns(want ...string) {
	r.t.Helper()
	if got := r.RunsOn("web"); fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("web runs on %v, want %v", got, want)
	}
}

func (r *rig) wantListed(node string, want bool) {
	r.t.Helper()
	got := string(r.must(node, "instance_info", "web", "kvm", object{})) != "{}"
	if got != want {
		r.t.Errorf("%s says of web %v, want %v", node, got, want)
	}
}

func migrationRig(t *testing.T) *rig {
	r := newRig(t, "a", "b", "c")
	r.Place(Placement{Instance: "web", Hypervisor: "kvm", Memory: 128, Nodes: []string{"a"}, Disks: []interface{}{shared()}, RunsOn: []string{"a"}})
	return r
}

// An instance moves when all is transferred, whatever the master is told.
func TestMigration(t *testing.T) {
	r := migrationRig(t)
	r.SetPolls(1)
	i := r.migrateTo("a", "b")
	r.wantRuns("a")
	r.wantListed("b", true) // it waits there
	r.must("a", "instance_get_migration_status", i)
	r.wantRuns("b")
	r.wantListed("a", true) // its process is left
	r.must("a", "instance_finalize_migration_src", i, true, true)
	r.must("b", "instance_finalize_migration_dst", i, "", true)
	r.wantRuns("b")
	r.wantListed("a", false)
	r.wantIncidents()
}

// A migration that failed on the way leaves the instance where it was.
func TestMigrationFails(t *testing.T) {
	r := migrationRig(t)
	r.SetPolls(5)
	i := r.migrateTo("a", "b")
	r.must("b", "instance_finalize_migration_dst", i, "", false)
	r.must("a", "instance_finalize_migration_src", i, false, true)
	r.wantRuns("a")
	r.wantListed("b", false)
	r.wantIncidents()
}

// A migration that lost its last answer has moved the instance. Started elsewhere it
// runs twice; started on its target it does not.
func TestLostMigration(t *testing.T) {
	r := migrationRig(t)
	lift := r.LoseMigrations("web")
	i := r.migrateTo("a", "b")
	r.fails("the answer was lost", "a", "instance_finalize_migration_src", i, true, true)
	r.must("b", "instance_finalize_migration_dst", i, "", true)
	lift()
	r.wantRuns("b")
	r.wantListed("a", false)
	r.must("b", "instance_start", i, false, []string{})
	r.wantIncidents()
	r.must("c", "instance_start", i, false, []string{})
	r.wantIncidents(RunsTwice)
	if got := r.Incidents()[0]; got.Other != "b" || got.Node != "c" || !got.Online {
		t.Errorf("incident %+v", got)
	}
}

// A process that was migrated away and is told to go on does not know what the
// instance has written since.
func TestResumed(t *testing.T) {
	r := migrationRig(t)
	i := r.migrateTo("a", "b")
	r.must("b", "instance_finalize_migration_dst", i, "", false)
	r.must("a", "instance_finalize_migration_src", i, false, true)
	r.wantRuns("a")
	r.wantIncidents(Resumed)

	r = migrationRig(t)
	i = r.migrateTo("a", "b")
	r.must("a", "instance_finalize_migration_src", i, false, true)
	r.wantRuns("a", "b")
	r.wantIncidents(Resumed, RunsTwice)
}

// A node that waits for an instance accepts it no second time, and has its disks
// open (KVM's _CheckDown; blockdev_close fails).
func TestAbandonedMigration(t *testing.T) {
	r := migrationRig(t)
	i := web(shared())
	r.must("b", "accept_instance", i, "", "b")
	r.fails("already running", "b", "accept_instance", i, "", "b")
	r.must("b", "instance_start", i, false, []string{})
	r.wantRuns("a")
	r.must("b", "instance_finalize_migration_dst", i, "", false)
	r.must("b", "accept_instance", i, "", "b")
	r.wantIncidents()
}

// The power of the source goes after all was transferred: the instance runs on.
func TestSourceDiesAfterTransfer(t *testing.T) {
	r := migrationRig(t)
	r.migrateTo("a", "b")
	r.PowerOff("a")
	r.wantRuns("b")
	r = migrationRig(t)
	r.SetPolls(1)
	r.migrateTo("a", "b")
	r.PowerOff("a")
	r.wantRuns()
	r.wantListed("b", true)
}

// Some hypervisors refuse to migrate, and the instance stays where it is.
func TestCannotMigrate(t *testing.T) {
	r := newRig(t, "a", "b")
	r.Place(Placement{Instance: "web", Hypervisor: "lxc", Memory: 1, Nodes: []string{"a"}, RunsOn: []string{"a"}, Disks: []interface{}{shared()}})
	i := web(shared())
	i["hypervisor"] = "lxc"
	r.must("b", "accept_instance", i, "", "b")
	r.fails("not supported by the LXC hypervisor", "a", "instance_migrate", "cluster", i, "b", true)
	r.must("b", "instance_finalize_migration_dst", i, "", false)
	r.must("a", "instance_finalize_migration_src", i, false, true)
	r.wantRuns("a")
	r.wantIncidents()
}
