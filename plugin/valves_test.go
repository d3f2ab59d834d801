package plugin

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// The valves in a pass: what is held gets no tag, is looked at in each pass, and
// has its turn when it may.
func TestValves(t *testing.T) {
	three := "\ninstance a nodes=node2 template=rbd\ninstance b nodes=node2 template=rbd\ninstance c nodes=node2 template=rbd"
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+three[1:])
	r.set.MaxNew = 1
	r.Master.Edit(simtest.Broken("node2:offline"))
	for _, name := range []string{"a", "b", "c"} {
		report := r.pass()
		if len(report.Released) != 1 || report.Released[0].Instance != name {
			t.Errorf("released %+v, want %s alone", report.Released, name)
		}
		r.Quiet()
	}
	r.repaired()

	r = newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+three[1:])
	r.set.MaxUnhealthy = repair.Share{Percent: 20}
	r.Master.Edit(simtest.Broken("node2:offline"))
	if report := r.pass(); len(report.Released) != 0 || report.Written != 0 || report.Pending != 0 {
		t.Errorf("%+v", report)
	}
	if n := len(r.Master.Jobs()); n != 0 {
		t.Errorf("%d jobs", n)
	}
	r.set.MaxUnhealthy = repair.Share{Percent: 25}
	r.repaired()
	r.WantRepairs("FAILOVER(a) success, FAILOVER(b) success, FAILOVER(c) success")
}

// V1: at most so many repair jobs are under way at a time, though all are
// released in one pass.
func TestMaxRunning(t *testing.T) {
	var instances strings.Builder
	for n := 1; n <= 6; n++ {
		fmt.Fprintf(&instances, "\ninstance i%d nodes=node2,node3 template=drbd", n)
	}
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+instances.String()[1:])
	r.set.MaxRunning, r.set.MaxCopying = 2, 2
	r.Master.Edit(simtest.Broken("node2:offline"))
	running, most := 0, 0
	r.repaired()
	for _, e := range r.Master.Log() {
		var id int64
		if n, _ := fmt.Sscanf(e.Text, "job %d:", &id); n != 1 {
			continue
		}
		if kind, _ := simtest.TrailOf(r.Master.Job(id)); kind != repair.MarkRepair || !r.Master.Job(id).Started() {
			continue
		}
		switch e.Kind {
		case luxitest.LogStart:
			if running++; running > most {
				most = running
			}
		case luxitest.LogEnd:
			running--
		}
	}
	if most != 2 {
		t.Errorf("%d repair jobs ran at a time, want 2", most)
	}
	if n := strings.Count(r.RepairJobs(), "success"); n != 12 {
		t.Errorf("%d repair jobs succeeded, want 12", n)
	}
}
