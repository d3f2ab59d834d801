//go:build cluster

package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
)

// This file shows what Ganeti itself does about migrations that failed or were lost,
// as S16 takes it for granted.

// wantWhere wants where an instance runs, and its primary node.
func (w *simWorld) wantWhere(name, primary string, runs ...string) {
	w.t.Helper()
	if on := w.sim.RunsOn(name); fmt.Sprint(on) != fmt.Sprint(runs) {
		w.t.Errorf("%s runs on %v, want %v", name, on, runs)
	}
	if p := w.primary(name); p != primary {
		w.t.Errorf("%s has the primary node %s, want %s", name, p, primary)
	}
}

// jobLog is what a job has logged, in lines.
func (w *simWorld) jobLog(id int) string {
	w.t.Helper()
	rows, err := w.Query(w.ctx, "job", []string{"oplog"}, []interface{}{"=", "id", id})
	w.must(err)
	return string(rows[0][0])
}

func migrate(name string, more ...vcluster.Opcode) vcluster.Opcode {
	return instanceOp("INSTANCE_MIGRATE", name, more...)
}

// A migration whose last call to the source was lost has moved the instance; the
// configuration does not know. A failover elsewhere lets it run twice; one to its
// target is right for what is externally mirrored. For drbd Ganeti refuses it, as the
// running instance has the disks open, and takes the source's end down before it
// does. MIGRATE with cleanup settles (S16).
func TestLostMigration(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance twice nodes=a template=rbd hypervisor=kvm
instance there nodes=a template=rbd hypervisor=kvm
instance clean nodes=a template=rbd hypervisor=kvm
instance named nodes=a template=rbd hypervisor=kvm
instance db nodes=a,b template=drbd hypervisor=kvm
instance fo nodes=a,b template=drbd hypervisor=kvm
`)
	w.maybe = func(incident string) bool { return strings.HasPrefix(incident, "twice ") }
	to := func(node string) vcluster.Opcode { return vcluster.Opcode{"target_node": node} }
	cleanup := vcluster.Opcode{"cleanup": true}
	for _, name := range []string{"twice", "there", "clean", "named", "db", "fo"} {
		lift := w.sim.LoseMigrations(name)
		op := migrate(name)
		if name != "db" && name != "fo" {
			op = migrate(name, to("b"))
		}
		j := w.refuses("Could not finalize instance migration: a: the answer was lost", op)
		lift()
		w.wantWhere(name, "a", "b")
		if log := w.jobLog(j.ID); !strings.Contains(log, "* migrating instance to b") {
			t.Errorf("%s: the log of job %d tells of no transfer: %s", name, j.ID, log)
		}
	}

	w.does(instanceOp("INSTANCE_FAILOVER", "twice", to("c")))
	w.wantWhere("twice", "c", "b", "c")
	w.wantIncidents("twice", nodesim.RunsTwice)

	w.does(instanceOp("INSTANCE_FAILOVER", "there", to("b")))
	w.wantWhere("there", "b", "b")

	// The allocator's node does not matter: the instance is looked for on all.
	w.does(migrate("clean", cleanup))
	w.wantWhere("clean", "b", "b")
	w.does(migrate("named", cleanup, to("b")))
	w.wantWhere("named", "b", "b")

	w.does(migrate("db", cleanup))
	w.wantWhere("db", "b", "b")
	w.wantCopies("db", "disk/0 on a: original", "disk/0 on b: original")

	w.refuses("Can't shut down the instance's disks", instanceOp("INSTANCE_FAILOVER", "fo"))
	w.wantWhere("fo", "a", "b")
	w.wantCopies("fo", "disk/0 on a: original, lacks writes of b", "disk/0 on b: original")
	// After that cleanup corrects the primary node and ends with an error.
	w.refuses("Cannot close instance disks on node a", migrate("fo", cleanup))
	w.wantWhere("fo", "b", "b")
	w.does(instanceOp("INSTANCE_ACTIVATE_DISKS", "fo"))
	w.wantCopies("fo", "disk/0 on a: original", "disk/0 on b: original")
	w.wantDisksActive("fo", true)
	for _, name := range []string{"there", "clean", "named", "db", "fo"} {
		w.wantIncidents(name)
	}
}

// The source of a lost migration dies and is marked offline. Externally mirrored
// instances are failed over to the target. For drbd Ganeti refuses that; cleanup
// ends with an error and has made the target the primary node all the same, and a
// new secondary completes it. The cleanup leaves the disks of the target standing alone:
// before Ganeti 3.1 makes a new secondary they have to be activated (S16).
func TestLostMigrationFromDeadSource(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
node c
instance web nodes=a template=rbd hypervisor=kvm
instance db nodes=a,b template=drbd hypervisor=kvm
instance fo nodes=a,b template=drbd hypervisor=kvm
`)
	to := vcluster.Opcode{"target_node": "b"}
	w.sim.LoseMigrations("web")
	w.sim.LoseMigrations("db")
	w.sim.LoseMigrations("fo")
	w.refuses("Could not finalize", migrate("web", to))
	w.refuses("Could not finalize", migrate("db"))
	w.refuses("Could not finalize", migrate("fo"))
	w.lostPower("a")

	w.does(instanceOp("INSTANCE_FAILOVER", "web", to))
	w.wantWhere("web", "b", "b")

	cleanup := vcluster.Opcode{"cleanup": true}
	w.refuses("Cannot disconnect disks node a: Node is marked offline", migrate("db", cleanup))
	w.wantWhere("db", "b", "b")
	replace := replaceDisks("db", "replace_new_secondary", vcluster.Opcode{"remote_node": "c"})
	if w.standAloneIsFaulty() {
		w.refuses("degraded storage, unsafe to replace disks", replace)
	}
	w.does(instanceOp("INSTANCE_ACTIVATE_DISKS", "db"))
	w.does(replace)

	w.refuses("Can't shut down the instance's disks", instanceOp("INSTANCE_FAILOVER", "fo"))
	w.wantWhere("fo", "a", "b")
	w.wantDisksActive("fo", false)
	w.refuses("Cannot disconnect disks node a: Node is marked offline", migrate("fo", cleanup))
	w.wantWhere("fo", "b", "b")
	// Its disks are marked inactive: all is done, and the job fails at its end (P19).
	w.refuses("is marked to be up, cannot shutdown disks", replaceDisks("fo", "replace_new_secondary", vcluster.Opcode{"remote_node": "c"}))
	for _, name := range []string{"db", "fo"} {
		w.wantCopies(name, "disk/0 on a: original, lacks writes of b and c", "disk/0 on b: original", "disk/0 on c: original")
		w.wantIncidents(name)
	}
}

// A process is left on the source where the last call was not even executed. Cleanup
// finds the instance on both nodes and undoes the migration: the target's process is
// killed, and the source's goes on with the memory it had then. Nothing tells that
// from the right case but looking at the nodes.
func TestCleanupUndoesMigration(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a
node b
instance web nodes=a template=rbd hypervisor=kvm
instance half nodes=a,b template=drbd hypervisor=kvm
`)
	w.maybe = func(incident string) bool { return strings.HasPrefix(incident, "web ") }
	to := vcluster.Opcode{"target_node": "b"}
	w.sim.Inject(nodesim.Fault{Call: "instance_finalize_migration_src", Instance: "web", Times: 1, Fail: "no"})
	w.refuses("Could not finalize", migrate("web", to))
	w.wantWhere("web", "a", "b")
	j := w.does(migrate("web", vcluster.Opcode{"cleanup": true}, to))
	w.wantWhere("web", "a", "a")
	w.wantIncidents("web", nodesim.Resumed)
	if log := w.jobLog(j.ID); !strings.Contains(log, "Trying to cleanup after failed migration") {
		t.Errorf("the log of job %d: %s", j.ID, log)
	}

	// A job that dies while it transfers leaves a process that waits on the target.
	// It has the disks open there, so that no migration begins before a cleanup.
	killed := w.killAt(map[string]string{"half": "instance_migrate"})
	ids, err := w.Submit(w.ctx, []vcluster.Opcode{migrate("half")})
	w.must(err)
	died, err := w.WaitJob(w.ctx, ids[0])
	w.must(err)
	killed()
	if died.Status != "error" {
		t.Errorf("the killed job ended as %s", died.Status)
	}
	w.refuses("Cannot close instance disks on node b", migrate("half"))
	w.does(migrate("half", vcluster.Opcode{"cleanup": true}))
	w.wantWhere("half", "a", "a")
	w.does(migrate("half"))
	w.wantWhere("half", "b", "b")
	w.wantIncidents("half")
}
