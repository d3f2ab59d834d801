package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// freshLook is the call in which a pass looks at the configuration for the
// second time: after the tags were written, before anything is released.
const freshLook = "QueryClusterInfo"

func tagInstance(bodies string) func(*luxitest.Cluster) {
	return func(c *luxitest.Cluster) { c.Instance("i").Tags = append(c.Instance("i").Tags, withPrefix(bodies)...) }
}

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
		{name: "suspended", meanwhile: tagInstance("suspend"), why: "suspended",
			tags: began + "- suspend", finally: "", finished: began + "- suspend"},
		{name: "suspended for a while", meanwhile: tagInstance("suspend:1700000100"), why: "suspended",
			tags: began + "- suspend:1700000100", finally: "FAILOVER(i) success", finished: "result:failover:r1:success"},
		{name: "suspended by the group", meanwhile: func(c *luxitest.Cluster) { c.Group("g").Tags = withPrefix("suspend") },
			after: func(c *luxitest.Cluster) { c.Group("g").Tags = nil }, why: "suspended by group g",
			tags: began + "-", finally: "FAILOVER(i) success", finished: "result:failover:r1:success"},
		{name: "suspended by the cluster", meanwhile: func(c *luxitest.Cluster) { c.Tags = withPrefix("failover suspend") },
			after: func(c *luxitest.Cluster) { c.Tags = withPrefix("failover") }, why: "suspended by cluster",
			tags: began + "-", finally: "FAILOVER(i) success", finished: "result:failover:r1:success"},
		{name: "unreadable suspension", meanwhile: tagInstance("suspend:soon"), why: "suspended",
			tags: began + "- suspend:soon", finally: "", finished: began + "- suspend:soon"},
		{name: "permission withdrawn", meanwhile: func(c *luxitest.Cluster) { c.Tags = nil }, why: "the permission was withdrawn",
			tags: "", finally: "", finished: ""},
		{name: "permission weakened", meanwhile: func(c *luxitest.Cluster) { c.Tags = withPrefix("migrate") }, why: "the permission was withdrawn",
			tags: "", finally: "", finished: "result:failover:r2:enoperm"},
		{name: "permission weakened on the instance", meanwhile: tagInstance("fix-storage"), why: "the permission was withdrawn",
			tags: "fix-storage", finally: "", finished: "fix-storage result:failover:r2:enoperm"},
		{name: "node came back", meanwhile: broken("node2:"), why: "the instance is healthy",
			tags: "result:failover:r1:success", finally: "", finished: "result:failover:r1:success"},
		{name: "node came back drained", meanwhile: func(c *luxitest.Cluster) {
			broken("node2:drained")(c)
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
		{name: "failure noted by somebody", meanwhile: tagInstance("result:failover:x:1:failure:"), why: "failed",
			tags: began + "- result:failover:x:1:failure:", finally: "", finished: began + "- result:failover:x:1:failure:"},
		{name: "unreadable record", meanwhile: tagInstance("result:failover:x"), why: "unreadable-tag",
			tags: began + "- result:failover:x", finally: "", finished: began + "- result:failover:x"},
		{name: "an earlier repair asked for", meanwhile: tagInstance("pending:reinstall:x:5:"), why: "another repair comes first",
			tags: began + "- pending:reinstall:x:5:", finally: "FAILOVER(i) success", finished: "result:reinstall:x:success result:failover:r1:success"},
		{name: "removed", meanwhile: func(c *luxitest.Cluster) { c.RemoveInstance("i") }, why: "the instance is gone"},
		{name: "secondary drained", instance: "nodes=node2,node3 template=drbd", meanwhile: broken("node2:offline node3:drained"), why: "no-repair",
			after: broken("node2:offline node3:"),
			tags:  began + "-", finally: "FAILOVER(i) success, REPLACE_DISKS(i) success", finished: "result:failover:r1:success"},
		{name: "secondary lost", instance: "nodes=node2,node3 template=drbd", meanwhile: broken("node2:offline node3:offline"), why: "",
			tags: "", finally: "", finished: "result:reinstall:r2:enoperm"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			if row.instance == "" {
				row.instance = "nodes=node2 template=rbd"
			}
			r := newRig(t, "cluster c "+tags("failover")+"\ngroup g"+fourNodes+"instance i "+row.instance)
			r.m.Edit(broken("node2:offline"))
			r.at(freshLook, 2, func() { r.m.Edit(row.meanwhile) })
			report := r.pass()
			r.m.OnCall(nil)
			if len(report.Released) != 0 {
				t.Errorf("released %+v", report.Released)
			}
			if said := r.log.said("let go unreleased"); len(said) != 1 || !strings.Contains(said[0], row.why) {
				t.Errorf("said %q, want %q in it", said, row.why)
			}
			if d := report.Plan.Decisions[0]; strings.Contains(row.why, "healthy") && (d.State != StateHealthy || d.Reason != ReasonHealthy) {
				t.Errorf("it is told as %s %s", d.State, d.Reason)
			}
			r.wantRepairs("")
			if row.tags != "" || row.finished != "" {
				if got := short(r.tags("i")); got != row.tags {
					t.Errorf("tags %q, want %q", got, row.tags)
				}
			}
			r.quiet() // what was held has expired
			r.wantRepairs("")
			if row.after != nil {
				r.m.Edit(row.after)
			}
			for n := 0; n < 5; n++ {
				r.pass()
				r.quiet()
			}
			r.wantRepairs(row.finally)
			if i := r.m.Snapshot().Instance("i"); i != nil {
				if got := short(cutAll(i.Tags)); got != row.finished {
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
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2,node3 template=drbd")
	r.m.Edit(broken("node2:offline"))
	r.pass()
	r.quiet()
	r.at(freshLook, 2, func() { r.m.Edit(tagInstance("suspend:1700003600")) })
	r.pass()
	r.m.OnCall(nil)
	r.wantRepairs("FAILOVER(i) success")
	r.m.Advance(time.Hour)
	r.repaired()
	r.wantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
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
			r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd")
			r.m.Edit(broken("node2:offline"))
			r.at(when.method, when.n, func() { r.m.Edit(func(c *luxitest.Cluster) { c.Instance("i").Name = "j" }) })
			report := r.pass()
			r.m.OnCall(nil)
			if late := when.method == "CancelJob"; (len(report.Released) == 1) != late {
				t.Errorf("released %+v", report.Released)
			}
			r.quiet()
			if p := r.instance("j").Primary; p != "node2" {
				t.Errorf("under its new name it was moved to %s by a job for the old one", p)
			}
			r.repaired()
			if r.instance("j").Primary == "node2" || !strings.Contains(r.tags("j"), ":success:") {
				t.Errorf("on %s, tags %s", r.instance("j").Primary, r.tags("j"))
			}
			if n := strings.Count(r.repairJobs(), "success"); n != 1 {
				t.Errorf("repair jobs %s", r.repairJobs())
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
				r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd")
				r.m.Edit(broken("node2:offline"))
				r.at(when.method, when.n, func() {
					r.m.Edit(func(c *luxitest.Cluster) {
						c.RemoveInstance("i")
						c.Instances = append(c.Instances, &luxitest.Instance{Name: "i", Template: "rbd", Primary: node, Memory: 128, AdminState: "up"})
					})
				})
				r.pass()
				r.m.OnCall(nil)
				r.quiet()
				if got := r.instance("i").Primary; got != node {
					t.Errorf("the other instance was moved to %s", got)
				}
				r.wantTags("i", "")
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
			r := newRig(t, "cluster c "+tags("reinstall")+"\ngroup g\ngroup h"+fourNodes+"instance i nodes=node2 template=plain")
			r.m.Edit(broken("node2:offline"))
			r.at(freshLook, 2, func() { r.m.Edit(func(c *luxitest.Cluster) { change(c.Node("node4")) }) })
			r.pass()
			r.m.OnCall(nil)
			if said := r.log.said("node node4 is no longer fit"); len(said) != 1 {
				t.Errorf("said %q", said)
			}
			r.wantRepairs("")
			r.repaired()
			r.wantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
			if got := r.instance("i").Primary; got == "node4" || got == "node2" {
				t.Errorf("it is on %s", got)
			}
			r.wantResult("i", "reinstall", "success", 1)
		})
	}
}

// P12: somebody else's job on the instance holds it, and once that has ended
// the repair goes on.
func TestBusyMeanwhile(t *testing.T) {
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2 template=rbd")
	r.m.Edit(broken("node2:offline"))
	other := r.newPass().Client
	r.at("SubmitManyJobs", 2, func() {
		delay, err := other.SubmitJob(background, []luxi.OpCode{&luxi.TestDelay{Duration: 30}})
		if err != nil {
			t.Fatal(err)
		}
		after := luxi.Common{Depends: []luxi.Depend{{Job: delay}}}
		if _, err := other.SubmitJob(background, []luxi.OpCode{&luxi.InstanceShutdown{Common: after, InstanceName: "i"}}); err != nil {
			t.Fatal(err)
		}
	})
	r.pass()
	r.m.OnCall(nil)
	r.wantRepairs("")
	if said := r.log.said("let go unreleased"); len(said) != 1 || !strings.Contains(said[0], "busy") {
		t.Errorf("said %q", said)
	}
	r.quiet()
	r.repaired()
	r.wantRepairs("FAILOVER(i) success")
}
