package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// crowd leaves the usable nodes without memory, or takes that back.
func crowd(full bool) func(*luxitest.Cluster) {
	return func(c *luxitest.Cluster) {
		for _, n := range c.Nodes {
			n.Memory = 4096
			if full {
				n.Memory = 64
			}
		}
	}
}

// S8: where there is no room the repair stays pending, its tag is not touched
// and no attempt is used up, however many passes that lasts; each tests with a
// dry run that enters no tag; as soon as there is room the repair goes on.
func TestNoRoom(t *testing.T) {
	for _, row := range []struct {
		name, policy, instance, nodes string
		first                         string // the job that found no room
		jobs                          string // all of them
		outcome                       string
	}{
		{"failover", "failover", "nodes=node2 template=rbd", "node2:offline", "FAILOVER(i) error", "FAILOVER(i) error, FAILOVER(i) success", "failover"},
		{"migrate", "migrate", "nodes=node2 template=rbd", "node2:drained", "MIGRATE(i) error", "MIGRATE(i) error, MIGRATE(i) success", "migrate"},
		{"drbd failover to its secondary", "failover", "nodes=node2,node3 template=drbd", "node2:offline", "FAILOVER(i) error",
			"FAILOVER(i) error, FAILOVER(i) success, REPLACE_DISKS(i) success", "failover"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags(row.policy)+simtest.FourNodes+"instance i mem=256 "+row.instance)
			r.Master.Edit(simtest.Broken(row.nodes))
			r.Master.Edit(crowd(true))
			r.pass()
			r.Quiet()
			r.WantRepairs(row.first)
			waiting := r.Tags("i")
			before := r.TagOpcodes("i")
			for n := 0; n < 5; n++ {
				report := r.pass()
				if report.Pending != 1 || len(report.Released) != 0 {
					t.Errorf("pass %d: %+v", n, report)
				}
				if d := report.Decisions()[0]; d.State != repair.StatePending || d.Reason != repair.ReasonNoRoom || !strings.Contains(d.Detail, "emory") && !strings.Contains(d.Detail, "FailMem") {
					t.Errorf("pass %d: %s %s %q", n, d.State, d.Reason, d.Detail)
				}
				r.WantTags("i", waiting)
				r.Quiet()
			}
			r.WantRepairs(row.first)
			if n := r.TagOpcodes("i"); n != before {
				t.Errorf("%d tag opcodes while there was no room", n-before)
			}
			if n := r.Count(repair.MarkProbe); n != 5 {
				t.Errorf("%d dry runs in 5 passes", n)
			}
			r.Master.Edit(crowd(false))
			if report := r.pass(); len(report.Released) != 1 || len(r.Log.Said("room found")) != 1 {
				t.Errorf("room is not made use of: %+v, %q", report, r.Log)
			}
			r.Quiet()
			r.repaired()
			r.WantRepairs(row.jobs)
			r.wantResult("i", row.outcome, "success", strings.Count(row.jobs, "success"))
			for _, j := range r.Master.Jobs() {
				kind, _ := simtest.TrailOf(j)
				if dry, _ := j.Ops[0].Params["dry_run"].(bool); dry != (kind == repair.MarkProbe) {
					t.Errorf("job %d, a %s, has dry_run %v", j.ID, kind, dry)
				}
			}
		})
	}
}

// S8: no room for a new secondary, found by the allocator.
func TestNoRoomForDisks(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("fix-storage")+"\nnode node1 master disk=100\nnode node2\nnode node3\ninstance i nodes=node2,node3 template=drbd")
	r.Master.Edit(simtest.Broken("node3:offline"))
	r.pass()
	r.Quiet()
	r.pass()
	r.Quiet()
	r.WantRepairs("REPLACE_DISKS(i) error")
	r.Master.Edit(func(c *luxitest.Cluster) { c.Node("node1").Storage = 9000 })
	r.repaired()
	r.WantRepairs("REPLACE_DISKS(i) error, REPLACE_DISKS(i) success")
}

// S4, S8: where the nodes are chosen here and none is large enough, the repair
// becomes pending without a job, and that is all until there is room.
func TestNoRoomForChain(t *testing.T) {
	for name, row := range map[string]struct{ policy, instance, nodes string }{
		"plain": {"reinstall", "nodes=node2 template=plain", "node2:offline"},
		"drbd":  {"reinstall", "nodes=node2,node3 template=drbd", "node2:offline node3:offline"},
	} {
		row := row
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags(row.policy)+simtest.FourNodes+"instance i mem=256 "+row.instance)
			r.Master.Edit(simtest.Broken(row.nodes))
			r.Master.Edit(crowd(true))
			for n := 0; n < 3; n++ {
				if report := r.pass(); report.Pending != 1 || report.Decisions()[0].Reason != repair.ReasonNoRoom {
					t.Errorf("pass %d: %+v", n, report)
				}
				r.WantTags("i", "pending:reinstall:r1:1700000000:")
				r.Quiet()
			}
			if n := r.TagOpcodes("i"); n != 1 || len(r.Master.Jobs()) != 1 {
				t.Errorf("%d tag opcodes, %d jobs, want one", n, len(r.Master.Jobs()))
			}
			if i := r.Instance("i"); i.Data.Generation != 1 || i.AdminState != "up" {
				t.Errorf("%+v", i)
			}
			r.Master.Edit(crowd(false))
			r.repaired()
			r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
			r.wantResult("i", "reinstall", "success", 1)
		})
	}
}

// P10: hail refuses a reinstallation for ever where the group is not N+1
// redundant; nodes chosen here avoid that, and the other groups too.
func TestChainWithoutAllocator(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+"\ngroup g\ngroup h"+`
node node1 group=g master
node node2 group=g
node node3 group=g
node node4 group=g
node big group=h mem=65536 disk=99999
node dead group=h
instance i nodes=node2,node3 template=drbd
instance p nodes=node2 template=plain
instance q nodes=node1,node2 template=drbd `+simtest.Tags("suspend"), func(o *luxitest.Options) { o.FailN1 = true })
	r.Master.Edit(simtest.Broken("node2:offline node3:offline"))
	r.repaired()
	for _, name := range []string{"i", "p"} {
		i := r.Instance(name)
		for _, n := range i.Nodes() {
			if n != "node1" && n != "node4" {
				t.Errorf("%s is on %v", name, i.Nodes())
			}
		}
		r.wantResult(name, "reinstall", "success", 1)
	}
}

// S8: a target that is drained is no place, but may be one again.
func TestNoRoomOnDrainedTarget(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	// Drained between the release and the start.
	r.At("CancelJob", 1, func() { r.Master.Edit(simtest.Broken("node3:drained")) })
	r.pass()
	r.Master.OnCall(nil)
	r.Quiet()
	r.WantRepairs("FAILOVER(i) error")
	r.pass()
	if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonNoRepair || d.State != repair.StatePending {
		t.Errorf("%s %s", d.State, d.Reason)
	}
	r.Master.Edit(simtest.Broken("node3:"))
	r.repaired()
	r.WantRepairs("FAILOVER(i) error, FAILOVER(i) success, REPLACE_DISKS(i) success")
	r.wantResult("i", "failover", "success", 2)
}

// S8: an allocator that cannot answer because a node is dead but not marked so
// is waited for, and no attempt is used up.
func TestAllocatorWithoutAnswer(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.Edit(func(c *luxitest.Cluster) { c.Node("node3").Dead = true })
	for n := 0; n < 5; n++ {
		r.pass()
		r.Quiet()
	}
	r.WantRepairs("FAILOVER(i) error")
	r.Master.Edit(simtest.Broken("node2:offline node3:offline"))
	r.repaired()
	r.WantRepairs("FAILOVER(i) error, FAILOVER(i) success")
}

// C3: a dry run that does not end while the pass may last is canceled.
func TestDryRunDoesNotEnd(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i mem=256 nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.Edit(crowd(true))
	r.pass()
	r.Quiet()
	waiting := r.Tags("i")
	var hanging int64
	ctx, cancel := context.WithCancel(simtest.Background)
	defer cancel()
	submits, waits := 0, 0
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch c.Method {
		case "SubmitManyJobs":
			if submits++; submits == 1 {
				hanging = r.hang("i")
			}
		case "WaitForJobChange":
			if waits++; waits == 4 {
				cancel()
			}
		}
		return luxitest.Pass()
	})
	if _, err := r.newPass().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	r.Master.OnCall(nil)
	r.Master.OnOpcode(nil)
	for _, j := range r.Master.Jobs() {
		if kind, _ := simtest.TrailOf(j); kind == repair.MarkProbe && j.Status != "canceled" {
			t.Errorf("the dry run is left %s", j.Status)
		}
	}
	r.WantTags("i", waiting)
	r.Master.Continue(hanging)
	r.Quiet()
	r.Master.Edit(crowd(false))
	r.repaired()
	r.WantRepairs("FAILOVER(i) error, FAILOVER(i) success")
}

// Dry runs that find no room do not keep other repairs from their start, which
// comes first.
func TestDryRunsComeLast(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance big mem=9999 nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.pass()
	r.Quiet()
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.Instances = append(c.Instances, &luxitest.Instance{Name: "z", Template: "rbd", Primary: "node2", Memory: 128, AdminState: "up"})
	})
	r.pass()
	log := r.Master.LogText(luxitest.LogSubmit)
	if first, last := strings.Index(log, "INSTANCE_FAILOVER(z)"), strings.LastIndex(log, "INSTANCE_FAILOVER(big)"); first < 0 || last < first {
		t.Errorf("submitted\n%s", log)
	}
	r.Quiet()
	r.Master.Advance(time.Minute)
	r.until(func(report *Report) bool { return report.Pending == 1 })
	r.WantRepairs("FAILOVER(big) error, FAILOVER(z) success")
}
