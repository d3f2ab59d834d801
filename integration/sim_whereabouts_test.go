//go:build cluster

package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/tagstore"
)

// S16: a repair's migration has moved the instance, and its last call on the source was
// lost. Nothing is done before it is known where the instance runs, however many passes
// there are and whatever the policy permits: a person types the command that is advised,
// or the source dies and what is externally mirrored is failed over to the very target. No
// instance ever runs twice.
func TestRepairAfterLostMigration(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall
group default
node a
node b
node c
node d
instance web nodes=a template=rbd hypervisor=kvm
instance web2 nodes=a template=rbd hypervisor=kvm
instance db nodes=a,b template=drbd hypervisor=kvm
instance db2 nodes=a,c template=drbd hypervisor=kvm
`)
	w.settings(testSettings + "pass_timeout = \"5m\"\n")
	names := []string{"web", "web2", "db", "db2"}
	var lifts []func()
	for _, name := range names {
		lifts = append(lifts, w.sim.LoseMigrations(name))
	}
	w.must(w.Drain(w.ctx, "a"))
	start := w.since()
	w.pass()
	w.jobsEnd()
	for _, lift := range lifts {
		lift()
	}
	target := make(map[string]string)
	for _, name := range names {
		on := w.sim.RunsOn(name)
		if len(on) != 1 || on[0] == "a" {
			t.Fatalf("%s runs on %v: its migration was not lost", name, on)
		}
		target[name] = on[0]
	}
	undecided := func(list ...string) {
		t.Helper()
		for n := 0; n < 2; n++ {
			w.pass()
			w.jobsEnd()
		}
		for _, name := range list {
			w.wantReason(name, "pending", "whereabouts")
			w.wantSteps(start, name, "MIGRATE")
			w.wantWhere(name, "a", target[name])
		}
	}
	undecided(names...)

	// A person types what is advised while the source is there.
	w.follow("web2", fmt.Sprintf("gnt-instance migrate --cleanup -n %s web2", target["web2"]))
	w.follow("db2", "gnt-instance migrate --cleanup db2")
	w.wantWhere("web2", target["web2"], target["web2"])
	w.wantWhere("db2", target["db2"], target["db2"])
	undecided("web", "db")
	undecided("web", "db")
	w.wantSteps(start, "web2", "MIGRATE")
	w.wantResult("web2", tagstore.Migrate, tagstore.Success, 1)
	w.wantSteps(start, "db2", "MIGRATE, REPLACE_DISKS")
	w.wantResult("db2", tagstore.Migrate, tagstore.Success, 2)

	// The source dies.
	w.lostPower("a")
	w.pass()
	w.jobsEnd()
	w.pass()
	w.wantSteps(start, "web", "MIGRATE, FAILOVER")
	w.wantWhere("web", target["web"], target["web"])
	w.wantReason("db", "pending", "whereabouts")
	w.wantSteps(start, "db", "MIGRATE")
	w.wantWhere("db", "a", "b")
	w.follow("db", "gnt-instance migrate --cleanup db", "gnt-instance activate-disks db")
	w.wantWhere("db", "b", "b")
	w.settle(4)
	w.wantSteps(start, "db", "MIGRATE, REPLACE_DISKS")
	for _, name := range names {
		w.wantContent(name, nodesim.Original)
		w.wantWhere(name, target[name], target[name])
		if r := w.result(name); r.Outcome != tagstore.Success {
			t.Errorf("%s: %s", name, r.Tag)
		}
		if n := w.sim.Count("instance_start", name); n != 0 && name != "web" {
			t.Errorf("%s was started %d times", name, n)
		}
	}
}

// follow wants commands to be the first that explain suggests for an instance, and
// types them.
func (w *simWorld) follow(name string, commands ...string) {
	w.t.Helper()
	list := w.advised(name)
	if len(list) < len(commands) || strings.Join(list[:len(commands)], "; ") != strings.Join(commands, "; ") {
		w.t.Fatalf("for %s is suggested %q, want %q first", name, list, commands)
	}
	w.typed(commands...)
}
