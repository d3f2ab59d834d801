package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// freshLook is the call in which a pass looks at the configuration for the
// second time: after the tags were written, before anything is released.
const freshLook = "QueryClusterInfo"

// P12: whatever becomes of the need, the permission or the instance while the
// tags are written is seen, the job is not released, and the tags are settled
// or wait.
func TestNotReleased(t *testing.T) {
	const began = "pending:failover:r1:1700000000:"
	for _, row := range []struct {
		name     string
		instance string // text form
		nodes    string
		meanwhile,
		after func(*luxitest.Cluster) // after: an edit before the later passes
		why      string // in the log
		tags     string // right after the pass; a final dash stands for the job's number
		finally  string // all repair jobs in the end
		finished string // the tags in the end, up to the outcome
	}{
		{name: "suspended", meanwhile: simtest.TagInstance("suspend"), why: "suspended",
			tags: began + "- suspend", finally: "", finished: began + "- suspend"},
		{name: "suspended for a while", meanwhile: simtest.TagInstance("suspend:1700000100"), why: "suspended",
			tags: began + "- suspend:1700000100", finally: "FAILOVER(i) success", finished: "result:failover:r1:success"},
		{name: "suspended by the group", meanwhile: func(c *luxitest.Cluster) { c.Group("g").Tags = repairtest.WithPrefix("suspend") },
			after: func(c *luxitest.Cluster) { c.Group("g").Tags = nil }, why: "suspended by group g",
			tags: began + "-", finally: "FAILOVER(i) success", finished: "result:failover:r1:success"},
		{name: "suspended by the cluster", meanwhile: func(c *luxitest.Cluster) { c.Tags = repairtest.WithPrefix("failover suspend") },
			after: func(c *luxitest.Cluster) { c.Tags = repairtest.WithPrefix("failover") }, why: "suspended by cluster",
			tags: began + "-", finally: "FAILOVER(i) success", finished: "result:failover:r1:success"},
		{name: "unreadable suspension", meanwhile: simtest.TagInstance("suspend:soon"), why: "suspended",
			tags: began + "- suspend:soon", finally: "", finished: began + "- suspend:soon"},
		{name: "permission withdrawn", meanwhile: func(c *luxitest.Cluster) { c.Tags = nil }, why: "the permission was withdrawn",
			tags: "", finally: "", finished: ""},
		{name: "permission weakened", meanwhile: func(c *luxitest.Cluster) { c.Tags = repairtest.WithPrefix("migrate") }, why: "the permission was withdrawn",
			tags: "", finally: "", finished: "result:failover:r2:enoperm"},
		{name: "permission weakened on the instance", meanwhile: simtest.TagInstance("fix-storage"), why: "the permission was withdrawn",
			tags: "fix-storage", finally: "", finished: "fix-storage result:failover:r2:enoperm"},
		{name: "node came back", meanwhile: simtest.Broken("node2:"), why: "the instance is healthy",
			tags: "result:failover:r1:success", finally: "", finished: "result:failover:r1:success"},
		{name: "node came back drained", meanwhile: func(c *luxitest.Cluster) {
			simtest.Broken("node2:drained")(c)
			c.Instance("i").RunsOn = []string{"node2"}
		}, why: "the next step is now migrate",
			tags: began + "-", finally: "MIGRATE(i) success", finished: "result:failover:r1:success"},
		{name: "repaired by hand", meanwhile: func(c *luxitest.Cluster) {
			c.Instance("i").Primary, c.Instance("i").RunsOn = "node3", []string{"node3"}
		}, why: "the instance is healthy",
			tags: "result:failover:r1:success", finally: "", finished: "result:failover:r1:success"},
		{name: "pending tag removed", meanwhile: func(c *luxitest.Cluster) { c.Instance("i").Tags = nil; c.Tags = nil }, why: "its pending tag does not name the job",
			tags: "", finally: "", finished: ""},
		{name: "pending tag removed, the policy stands", meanwhile: func(c *luxitest.Cluster) { c.Instance("i").Tags = nil }, why: "its pending tag does not name the job",
			tags: "", finally: "FAILOVER(i) success", finished: "result:failover:r3:success"},
		{name: "failure noted by somebody", meanwhile: simtest.TagInstance("result:failover:x:1:failure:"), why: "failed",
			tags: began + "- result:failover:x:1:failure:", finally: "", finished: began + "- result:failover:x:1:failure:"},
		{name: "unreadable record", meanwhile: simtest.TagInstance("result:failover:x"), why: "unreadable-tag",
			tags: began + "- result:failover:x", finally: "", finished: began + "- result:failover:x"},
		{name: "an earlier repair asked for", meanwhile: simtest.TagInstance("pending:reinstall:x:5:"), why: "another repair comes first",
			tags: began + "- pending:reinstall:x:5:", finally: "FAILOVER(i) success", finished: "result:reinstall:x:success result:failover:r1:success"},
		{name: "removed", meanwhile: func(c *luxitest.Cluster) { c.RemoveInstance("i") }, why: "the instance is gone"},
		{name: "secondary drained", instance: "nodes=node2,node3 template=drbd", meanwhile: simtest.Broken("node2:offline node3:drained"), why: "no-repair",
			after: simtest.Broken("node2:offline node3:"),
			tags:  began + "-", finally: "FAILOVER(i) success, REPLACE_DISKS(i) success", finished: "result:failover:r1:success"},
		{name: "secondary lost", instance: "nodes=node2,node3 template=drbd", meanwhile: simtest.Broken("node2:offline node3:offline"), why: "",
			tags: "", finally: "", finished: "result:reinstall:r2:enoperm"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			if row.instance == "" {
				row.instance = "nodes=node2 template=rbd"
			}
			r := newRig(t, "cluster c "+simtest.Tags("failover")+"\ngroup g"+simtest.FourNodes+"instance i "+row.instance)
			r.Master.Edit(simtest.Broken("node2:offline"))
			r.At(freshLook, 2, func() { r.Master.Edit(row.meanwhile) })
			report := r.pass()
			r.Master.OnCall(nil)
			if len(report.Released) != 0 {
				t.Errorf("released %+v", report.Released)
			}
			if said := r.Log.Said("not released"); len(said) != 1 || !strings.Contains(said[0], row.why) {
				t.Errorf("said %q, want %q in it", said, row.why)
			}
			if d := report.Decisions()[0]; strings.Contains(row.why, "healthy") && (d.State != repair.StateHealthy || d.Reason != repair.ReasonHealthy) {
				t.Errorf("it is told as %s %s", d.State, d.Reason)
			}
			r.WantRepairs("")
			if row.tags != "" || row.finished != "" {
				if got := short(r.Tags("i")); got != row.tags {
					t.Errorf("tags %q, want %q", got, row.tags)
				}
			}
			r.Quiet() // what was held has expired
			r.WantRepairs("")
			if row.after != nil {
				r.Master.Edit(row.after)
			}
			for n := 0; n < 5; n++ {
				r.pass()
				r.Quiet()
			}
			r.WantRepairs(row.finally)
			if i := r.Master.Snapshot().Instance("i"); i != nil {
				if got := short(repairtest.CutAll(i.Tags)); got != row.finished {
					t.Errorf("in the end the tags are %q, want %q", got, row.finished)
				}
			}
		})
	}
}

// dashed puts a dash in place of the job list of a pending tag of ours.
func dashed(bodies string) string {
	words := strings.Fields(bodies)
	for k, w := range words {
		if parts := strings.Split(w, ":"); parts[0] == "pending" && len(parts) == 5 && parts[4] != "" {
			words[k] = strings.Join(parts[:4], ":") + ":-"
		}
	}
	return strings.Join(words, " ")
}

// short leaves the time and the jobs of results out.
func short(bodies string) string {
	words := strings.Fields(dashed(bodies))
	for k, w := range words {
		if parts := strings.Split(w, ":"); parts[0] == "result" && len(parts) == 6 && parts[2] != "x" || len(parts) == 6 && parts[1] == "reinstall" {
			words[k] = strings.Join([]string{parts[0], parts[1], parts[2], parts[4]}, ":")
		}
	}
	return strings.Join(words, " ")
}

// P12: a later step of a repair is looked at afresh as well.
func TestLaterStepNotReleased(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.pass()
	r.Quiet()
	r.At(freshLook, 2, func() { r.Master.Edit(simtest.TagInstance("suspend:1700003600")) })
	r.pass()
	r.Master.OnCall(nil)
	r.WantRepairs("FAILOVER(i) success")
	r.Master.Advance(time.Hour)
	r.repaired()
	r.WantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
	r.wantResult("i", "failover", "success", 2)
}

// meanwhile are the moments of a pass, as the call that comes next, at which what it
// decided about may change.
var meanwhile = []struct {
	name, method string
	n            int
}{
	{"before the tags are written", "SubmitManyJobs", 2},
	{"after the tags are written", freshLook, 2},
	{"right before the release", "CancelJob", 1},
}

// P12, P11: an instance that is renamed is found again by its UUID.
func TestRenamedMeanwhile(t *testing.T) {
	for _, when := range meanwhile {
		when := when
		t.Run(when.name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
			r.Master.Edit(simtest.Broken("node2:offline"))
			r.At(when.method, when.n, func() { r.Master.Edit(func(c *luxitest.Cluster) { c.Instance("i").Name = "j" }) })
			report := r.pass()
			r.Master.OnCall(nil)
			if late := when.method == "CancelJob"; (len(report.Released) == 1) != late {
				t.Errorf("released %+v", report.Released)
			}
			r.Quiet()
			if p := r.Instance("j").Primary; p != "node2" {
				t.Errorf("under its new name it was moved to %s by a job for the old one", p)
			}
			r.repaired()
			if r.Instance("j").Primary == "node2" || !strings.Contains(r.Tags("j"), ":success:") {
				t.Errorf("on %s, tags %s", r.Instance("j").Primary, r.Tags("j"))
			}
			if n := strings.Count(r.RepairJobs(), "success"); n != 1 {
				t.Errorf("repair jobs %s", r.RepairJobs())
			}
		})
	}
}

// P11, P12: another instance that takes over the name is not touched, and tags
// that were written to it by its name are taken back.
func TestReplacedMeanwhile(t *testing.T) {
	for _, when := range meanwhile {
		for _, node := range []string{"node2", "node3"} {
			when, node := when, node
			t.Run(when.name+" on "+node, func(t *testing.T) {
				r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
				r.Master.Edit(simtest.Broken("node2:offline"))
				r.At(when.method, when.n, func() {
					r.Master.Edit(func(c *luxitest.Cluster) {
						c.RemoveInstance("i")
						c.Instances = append(c.Instances, &luxitest.Instance{Name: "i", Template: "rbd", Primary: node, Memory: 128, AdminState: "up"})
					})
				})
				r.pass()
				r.Master.OnCall(nil)
				r.Quiet()
				if got := r.Instance("i").Primary; got != node {
					t.Errorf("the other instance was moved to %s", got)
				}
				r.WantTags("i", "")
			})
		}
	}
}

// P12, P11: nodes chosen here are looked at again, too.
func TestPlaceNoLongerFit(t *testing.T) {
	for name, change := range map[string]func(*luxitest.Node){
		"drained": func(n *luxitest.Node) { n.Drained = true }, "offline": func(n *luxitest.Node) { n.Offline = true },
		"not vm_capable": func(n *luxitest.Node) { n.NotVMCapable = true }, "in another group": func(n *luxitest.Node) { n.Group = "h" },
	} {
		change := change
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("reinstall")+"\ngroup g\ngroup h"+simtest.FourNodes+"instance i nodes=node2 template=plain")
			r.Master.Edit(simtest.Broken("node2:offline"))
			r.At(freshLook, 2, func() { r.Master.Edit(func(c *luxitest.Cluster) { change(c.Node("node4")) }) })
			r.pass()
			r.Master.OnCall(nil)
			if said := r.Log.Said("node node4 is no longer fit"); len(said) != 1 {
				t.Errorf("said %q", said)
			}
			r.WantRepairs("")
			r.repaired()
			r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
			if got := r.Instance("i").Primary; got == "node4" || got == "node2" {
				t.Errorf("it is on %s", got)
			}
			r.wantResult("i", "reinstall", "success", 1)
		})
	}
}

// P12: somebody else's job on the instance holds it, and once that has ended
// the repair goes on.
func TestBusyMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	other := r.newPass().Client
	r.At("SubmitManyJobs", 2, func() {
		delay, err := other.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.TestDelay{Duration: 30}})
		if err != nil {
			t.Fatal(err)
		}
		after := luxi.Common{Depends: []luxi.Depend{{Job: delay}}}
		if _, err := other.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceShutdown{Common: after, InstanceName: "i"}}); err != nil {
			t.Fatal(err)
		}
	})
	r.pass()
	r.Master.OnCall(nil)
	r.WantRepairs("")
	if said := r.Log.Said("not released"); len(said) != 1 || !strings.Contains(said[0], "busy") {
		t.Errorf("said %q", said)
	}
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
}
