package plugin

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// guarded decides about all instances of the snapshot and lets the guard have
// its say: what starts, in order, and what is held by which reason.
func guarded(s *Snapshot, adjust func(*Settings)) string {
	set := DefaultSettings()
	if adjust != nil {
		adjust(&set)
	}
	n := 0
	var decisions []*Decision
	for _, i := range s.Instances {
		decisions = append(decisions, Decide(s, i, set, func() string { n++; return fmt.Sprintf("new%d", n) }))
	}
	var words []string
	for _, d := range Guard(s, decisions, set) {
		words = append(words, d.Instance.Name)
	}
	for _, d := range decisions {
		switch d.Reason {
		case ReasonMaxNew, ReasonMaxUnhealthy:
			if d.Start != nil || d.State != StateNeedsRepair || d.Detail == "" {
				words = append(words, fmt.Sprintf("%s is held but %s, %q", d.Instance.Name, d.State, d.Detail))
			}
			words = append(words, d.Instance.Name+"="+string(d.Reason))
		}
	}
	return strings.Join(words, " ")
}

// V4: least redundancy left first, then what is down, then the rest; among
// equals the safer step, then the name. The same whatever the order before.
func TestGuardOrder(t *testing.T) {
	build := func() *Snapshot {
		stopped := instance("d-stopped", "drbd", "off a", "")
		stopped.AdminState = "down"
		shared := instance("e-stopped", "rbd", "off", "")
		shared.AdminState = "down"
		return allow(snapshot("m off:offline off2:offline dr:drained a b c",
			instance("z-local", "plain", "off", ""),          // down, no copy at all
			instance("y-shared", "rbd", "off", ""),           // down
			instance("x-degraded", "drbd", "a off", ""),      // one copy left, runs
			instance("w-degraded-down", "drbd", "off a", ""), // one copy left, down
			instance("v-lost", "drbd", "off off2", ""),       // no copy left, down
			instance("u-drained", "drbd", "dr a", ""),        // both copies there
			instance("t-drained", "rbd", "dr", ""),
			instance("s-drained-second", "drbd", "a dr", ""),
			stopped, shared,
		), "reinstall")
	}
	want := "w-degraded-down v-lost x-degraded d-stopped y-shared z-local s-drained-second t-drained u-drained e-stopped"
	if got := guarded(build(), func(set *Settings) { set.MaxUnhealthy = 100 }); got != want {
		t.Errorf("order\n%s, want\n%s", got, want)
	}
	// Deciding in another order does not matter.
	s := build()
	var decisions []*Decision
	for k := range s.Instances {
		decisions = append(decisions, Decide(s, s.Instances[len(s.Instances)-1-k], DefaultSettings(), func() string { return "x" }))
	}
	var words []string
	for _, d := range Guard(s, decisions, Settings{MaxUnhealthy: 100}) {
		words = append(words, d.Instance.Name)
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("in another order\n%s, want\n%s", got, want)
	}
}

// V3: at most so many repairs begin in one pass, the most urgent ones; repairs
// that go on do not count and are not held.
func TestGuardMaxNew(t *testing.T) {
	build := func() *Snapshot {
		return allow(snapshot("m off:offline a b c",
			instance("a-shared", "rbd", "off", ""), instance("b-shared", "rbd", "off", ""), instance("c-shared", "rbd", "off", ""),
			instance("d-drbd", "drbd", "off a", ""), instance("e-goes-on", "rbd", "off", "pending:failover:r1:100:"),
		), "reinstall")
	}
	for max, want := range map[int]string{
		0: "d-drbd a-shared b-shared c-shared e-goes-on",
		1: "d-drbd e-goes-on a-shared=max-new b-shared=max-new c-shared=max-new",
		2: "d-drbd a-shared e-goes-on b-shared=max-new c-shared=max-new",
		4: "d-drbd a-shared b-shared c-shared e-goes-on",
	} {
		if got := guarded(build(), func(set *Settings) { set.MaxNew = max }); got != want {
			t.Errorf("max_new_per_pass %d: %s, want %s", max, got, want)
		}
	}
}

// V2: where more than the given share of a group's nodes is offline or drained
// no repair begins; the share itself is allowed, other groups are not affected,
// and repairs that go on are not held.
func TestGuardMaxUnhealthy(t *testing.T) {
	const half, more = "m a:offline b:drained c", "m:offline a:offline b:drained c"
	for _, row := range []struct {
		nodes   string
		percent int
		want    string
	}{
		{half, 50, "new goes-on"},
		{half, 49, "goes-on new=max-unhealthy"},
		{more, 50, "goes-on new=max-unhealthy"},
		{more, 74, "goes-on new=max-unhealthy"},
		{more, 75, "new goes-on"},
		{more, 100, "new goes-on"},
		{half, 0, "goes-on new=max-unhealthy"},
		{"m a:offline x:offline@rack2 y:offline@rack2 z@rack2 c", 50, "new goes-on"},
		{"m x@rack2 y@rack2 z@rack2 a:offline", 49, "goes-on new=max-unhealthy"},
	} {
		s := allow(snapshot(row.nodes, instance("new", "drbd", "a c", ""), instance("goes-on", "rbd", "a", "pending:failover:r1:100:")), "reinstall")
		if s.Nodes["c"] == nil {
			s.Instances[1] = instance("new", "rbd", "a", "")
		}
		sortInstances(s.Instances)
		if got := guarded(s, func(set *Settings) { set.MaxUnhealthy = row.percent }); got != row.want {
			t.Errorf("%s, at most %d%%: %s, want %s", row.nodes, row.percent, got, row.want)
		}
	}
}

// V2 tells which group, and how bad it is.
func TestGuardMaxUnhealthyDetail(t *testing.T) {
	s := allow(snapshot("m a:offline b:offline c", instance("i", "rbd", "a", "")), "failover")
	set := DefaultSettings()
	set.MaxUnhealthy = 40
	d := Decide(s, s.Instances[0], set, func() string { return "x" })
	Guard(s, []*Decision{d}, set)
	if want := "2 of 4 nodes of group rack1 are offline or drained, more than max_unhealthy_nodes (40%)"; d.Detail != want {
		t.Errorf("%q, want %q", d.Detail, want)
	}
}

// T9: a repair that is held writes nothing, so no old result goes for it; what
// is settled and left over does.
func TestGuardHoldsTidying(t *testing.T) {
	const results = " result:failover:o:5:success:1 result:failover:p:6:success:2"
	for tags, want := range map[string]string{
		results:                             "needs-repair max-unhealthy",
		results + " pending:failover:p:1:2": "needs-repair max-unhealthy | remove pending:failover:p:1:2 result:failover:o:5:success:1", // as the pass that wrote p would have
		results + " pending:migrate:r:100:": "needs-repair max-unhealthy | add result:migrate:r:NOW:enoperm: | remove pending:migrate:r:100:" + results,
	} {
		s := allow(snapshot("m a:offline", instance("i", "rbd", "a", tags)), "failover")
		set := DefaultSettings()
		set.MaxUnhealthy = 0
		d := Decide(s, s.Instances[0], set, func() string { return "new" })
		Guard(s, []*Decision{d}, set)
		if got := render(d); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// The valves in a pass: what is held gets no tag, is looked at in each pass, and
// has its turn when it may.
func TestValves(t *testing.T) {
	three := "\ninstance a nodes=node2 template=rbd\ninstance b nodes=node2 template=rbd\ninstance c nodes=node2 template=rbd"
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+three[1:])
	r.set.MaxNew = 1
	r.m.Edit(broken("node2:offline"))
	for _, name := range []string{"a", "b", "c"} {
		report := r.pass()
		if len(report.Released) != 1 || report.Released[0].Instance != name {
			t.Errorf("released %+v, want %s alone", report.Released, name)
		}
		r.quiet()
	}
	r.repaired()

	r = newRig(t, "cluster c "+tags("failover")+fourNodes+three[1:])
	r.set.MaxUnhealthy = 20
	r.m.Edit(broken("node2:offline"))
	if report := r.pass(); len(report.Released) != 0 || report.Written != 0 || report.Pending != 0 {
		t.Errorf("%+v", report)
	}
	if n := len(r.m.Jobs()); n != 0 {
		t.Errorf("%d jobs", n)
	}
	r.set.MaxUnhealthy = 25
	r.repaired()
	r.wantRepairs("FAILOVER(a) success, FAILOVER(b) success, FAILOVER(c) success")
}

// V1: at most so many repair jobs are under way at a time, though all are
// released in one pass.
func TestMaxRunning(t *testing.T) {
	var instances strings.Builder
	for n := 1; n <= 6; n++ {
		fmt.Fprintf(&instances, "\ninstance i%d nodes=node2,node3 template=drbd", n)
	}
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+instances.String()[1:])
	r.set.MaxRunning = 2
	r.m.Edit(broken("node2:offline"))
	running, most := 0, 0
	r.repaired()
	for _, e := range r.m.Log() {
		var id int64
		if n, _ := fmt.Sscanf(e.Text, "job %d:", &id); n != 1 {
			continue
		}
		if kind, _ := trailOf(r.m.Job(id)); kind != markRepair || !r.m.Job(id).Started() {
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
	if n := strings.Count(r.repairJobs(), "success"); n != 12 {
		t.Errorf("%d repair jobs succeeded, want 12", n)
	}
}
