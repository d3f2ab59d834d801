package repair_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// throughValves decides about all instances of the snapshot and lets the valves have
// their say: what starts, in order, and what is blocked by which reason.
func throughValves(s *repair.Snapshot, adjust func(*repair.Settings)) string {
	set := repair.DefaultSettings()
	if adjust != nil {
		adjust(&set)
	}
	n := 0
	var decisions []repair.Decision
	for _, i := range s.Instances {
		decisions = append(decisions, repair.Decide(s, i, set, func() string { n++; return fmt.Sprintf("new%d", n) }))
	}
	after, starts := repair.Valves(s, decisions, set)
	var words []string
	for _, k := range starts {
		words = append(words, after[k].Instance.Name)
	}
	for k, d := range after {
		switch d.Reason {
		case repair.ReasonMaxNew, repair.ReasonMaxUnhealthy:
			if decisions[k].Reason == d.Reason {
				words = append(words, d.Instance.Name+" was changed in place")
			}
			if d.Start != nil || d.State != repair.StateNeedsRepair || d.Detail == "" {
				words = append(words, fmt.Sprintf("%s is blocked but %s, %q", d.Instance.Name, d.State, d.Detail))
			}
			words = append(words, d.Instance.Name+"="+string(d.Reason))
		}
	}
	return strings.Join(words, " ")
}

// V4, P20: what is down first, then what lacks redundancy, then the rest; and nothing
// is copied while others of a lost node are to be brought back. Among
// equals the safer step, then the name. The same whatever the order before.
func TestValvesOrder(t *testing.T) {
	build := func() *repair.Snapshot {
		stopped := repairtest.Instance("d-stopped", "drbd", "off a", "")
		stopped.AdminState = "down"
		shared := repairtest.Instance("e-stopped", "rbd", "off", "")
		shared.AdminState = "down"
		return repairtest.Allow(repairtest.Snapshot("m off:offline off2:offline dr:drained a b c",
			repairtest.Instance("z-local", "plain", "off", ""),          // down, no copy at all
			repairtest.Instance("y-shared", "rbd", "off", ""),           // down
			repairtest.Instance("x-degraded", "drbd", "a off", ""),      // one copy left, runs
			repairtest.Instance("w-degraded-down", "drbd", "off a", ""), // one copy left, down
			repairtest.Instance("v-lost", "drbd", "off off2", ""),       // no copy left, down
			repairtest.Instance("u-drained", "drbd", "dr a", ""),        // both copies there
			repairtest.Instance("t-drained", "rbd", "dr", ""),
			repairtest.Instance("s-drained-second", "drbd", "a dr", ""),
			stopped, shared,
		), "reinstall")
	}
	want := "w-degraded-down y-shared v-lost z-local x-degraded d-stopped s-drained-second t-drained u-drained e-stopped"
	if got := throughValves(build(), func(set *repair.Settings) { set.MaxUnhealthy = repair.Share{Percent: 100} }); got != want {
		t.Errorf("order\n%s, want\n%s", got, want)
	}
	// Deciding in another order does not matter.
	s := build()
	var decisions []repair.Decision
	for k := range s.Instances {
		decisions = append(decisions, repair.Decide(s, s.Instances[len(s.Instances)-1-k], repair.DefaultSettings(), func() string { return "x" }))
	}
	var words []string
	after, starts := repair.Valves(s, decisions, repair.Settings{MaxUnhealthy: repair.Share{Percent: 100}})
	for _, k := range starts {
		words = append(words, after[k].Instance.Name)
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("in another order\n%s, want\n%s", got, want)
	}
}

// V3: at most so many repairs begin in one pass, the most urgent ones; repairs
// that go on do not count and are not held.
func TestValvesMaxNew(t *testing.T) {
	build := func() *repair.Snapshot {
		return repairtest.Allow(repairtest.Snapshot("m off:offline a b c",
			repairtest.Instance("a-shared", "rbd", "off", ""), repairtest.Instance("b-shared", "rbd", "off", ""), repairtest.Instance("c-shared", "rbd", "off", ""),
			repairtest.Instance("d-drbd", "drbd", "off a", ""), repairtest.Instance("e-goes-on", "rbd", "off", "pending:failover:r1:100:"),
		), "reinstall")
	}
	for max, want := range map[int]string{
		0: "d-drbd a-shared b-shared c-shared e-goes-on",
		1: "d-drbd e-goes-on a-shared=max-new b-shared=max-new c-shared=max-new",
		2: "d-drbd a-shared e-goes-on b-shared=max-new c-shared=max-new",
		4: "d-drbd a-shared b-shared c-shared e-goes-on",
	} {
		if got := throughValves(build(), func(set *repair.Settings) { set.MaxNew = max }); got != want {
			t.Errorf("max_new_per_pass %d: %s, want %s", max, got, want)
		}
	}
}

// V2: where more than the given share of a group's nodes is offline or drained
// no repair begins; the share itself is allowed, other groups are not affected,
// and repairs that go on are not held.
func TestValvesMaxUnhealthy(t *testing.T) {
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
		s := repairtest.Allow(repairtest.Snapshot(row.nodes, repairtest.Instance("new", "drbd", "a c", ""), repairtest.Instance("goes-on", "rbd", "a", "pending:failover:r1:100:")), "reinstall")
		if s.Nodes["c"] == nil {
			s.Instances[1] = repairtest.Instance("new", "rbd", "a", "")
		}
		repairtest.SortInstances(s.Instances)
		if got := throughValves(s, func(set *repair.Settings) { set.MaxUnhealthy = repair.Share{Percent: row.percent} }); got != row.want {
			t.Errorf("%s, at most %d%%: %s, want %s", row.nodes, row.percent, got, row.want)
		}
	}
}

// V2 tells which group, and how bad it is.
func TestValvesMaxUnhealthyDetail(t *testing.T) {
	s := repairtest.Allow(repairtest.Snapshot("m a:offline b:offline c", repairtest.Instance("i", "rbd", "a", "")), "failover")
	set := repair.DefaultSettings()
	set.MaxUnhealthy = repair.Share{Percent: 40}
	d := repair.Decide(s, s.Instances[0], set, func() string { return "x" })
	after, _ := repair.Valves(s, []repair.Decision{d}, set)
	d = after[0]
	if want := "2 of 4 nodes of group rack1 are offline or drained (max_unhealthy_nodes 40%)"; d.Detail != want {
		t.Errorf("%q, want %q", d.Detail, want)
	}
}

// T9: a repair that is held writes nothing, so no old result goes for it; what
// is settled and left over does.
func TestBlockedKeepsOldResults(t *testing.T) {
	const results = " result:failover:o:5:success:1 result:failover:p:6:success:2"
	for tags, want := range map[string]string{
		results:                             "needs-repair max-unhealthy",
		results + " pending:failover:p:1:2": "needs-repair max-unhealthy | remove pending:failover:p:1:2 result:failover:o:5:success:1", // as the pass that wrote p would have
		results + " pending:migrate:r:100:": "needs-repair max-unhealthy | add result:migrate:r:NOW:enoperm: | remove pending:migrate:r:100:" + results,
	} {
		s := repairtest.Allow(repairtest.Snapshot("m a:offline", repairtest.Instance("i", "rbd", "a", tags)), "failover")
		set := repair.DefaultSettings()
		set.MaxUnhealthy = repair.Share{Percent: 0}
		d := repair.Decide(s, s.Instances[0], set, func() string { return "new" })
		after, _ := repair.Valves(s, []repair.Decision{d}, set)
		d = after[0]
		if got := repairtest.Render(d); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// P16: a reinstallation, and a failover of what is stopped, do not begin while a job has
// a node of theirs, or may take it for long. What is up is brought back all the same.
func TestValvesMustNotWait(t *testing.T) {
	build := func(template, nodes, admin string, others ...*repair.Instance) *repair.Snapshot {
		i := repairtest.Instance("i", template, nodes, "")
		if i.AdminState = admin; admin == "down" {
			i.Live = &repair.Live{Status: "ADMIN_down"}
		}
		return repairtest.Allow(repairtest.Snapshot("m off:offline dr:drained a b c", append(others, i)...), "reinstall")
	}
	held := func(s *repair.Snapshot) *repair.Snapshot {
		other := repairtest.Instance("other", "drbd", "off a", "")
		s.Instances = append(s.Instances, other)
		return repairtest.WithJobs(s, repairtest.Job(5, repair.StepReplaceDisks, "other", luxi.JobRunning))
	}
	copying := func(s *repair.Snapshot) *repair.Snapshot {
		other := repairtest.Instance("other", "drbd", "a dr", "")
		s.Instances = append(s.Instances, other)
		job := repairtest.Job(5, repair.StepReplaceDisks, "other", luxi.JobQueued)
		job.Ops[0].Params["iallocator"] = repairtest.Text("hail")
		return repairtest.WithJobs(s, job)
	}
	// The allocator of what is in another group takes the nodes of the cluster, if it moves, and
	// those of that group, if it copies.
	elsewhere := func(s *repair.Snapshot, template, nodes string, step repair.Step) *repair.Snapshot {
		s.Nodes["far"] = &repair.Node{Name: "far", UUID: "far-uuid", Group: "rack2-uuid", VMCapable: true, Drained: true}
		s.Nodes["far2"] = &repair.Node{Name: "far2", UUID: "far2-uuid", Group: "rack2-uuid", VMCapable: true}
		s.Groups["rack2-uuid"] = &repair.Group{UUID: "rack2-uuid", Name: "rack2"}
		s.Instances = append(s.Instances, repairtest.Instance("other", template, nodes, ""))
		job := repairtest.Job(5, step, "other", luxi.JobQueued)
		job.Ops[0].Params["iallocator"] = repairtest.Text("hail")
		return repairtest.WithJobs(s, job)
	}
	under := func(s *repair.Snapshot) *repair.Snapshot {
		other := repairtest.Instance("other", "rbd", "c", "")
		s.Instances = append(s.Instances, other)
		job := repairtest.Job(5, repair.StepFailover, "other", luxi.JobRunning)
		job.Ops[0].Reason = repair.Trail(repair.Mark{Kind: repair.MarkRepair, ID: "x", Step: repair.StepFailover}, repair.Limit{}, repairtest.Present)
		return repairtest.WithJobs(s, job)
	}
	for name, row := range map[string]struct {
		s    *repair.Snapshot
		want repair.Reason
	}{
		"the limit is reached":                 {under(build("plain", "off", "up")), repair.ReasonNoSlot},
		"the limit is reached, up":             {under(build("drbd", "off b", "up")), repair.ReasonReady},
		"a job has a node":                     {held(build("plain", "off", "up")), repair.ReasonNoSlot},
		"a job has a node, stopped":            {held(build("drbd", "off b", "down")), repair.ReasonNoSlot},
		"a job has a node, up":                 {held(build("drbd", "off b", "up")), repair.ReasonReady},
		"an allocator may yet copy to a node":  {copying(build("drbd", "off b", "down")), repair.ReasonNoSlot},
		"an allocator may yet move to a node":  {elsewhere(build("rbd", "off", "down"), "rbd", "far", repair.StepMigrate), repair.ReasonNoSlot},
		"an allocator copies in another group": {elsewhere(build("rbd", "off", "down"), "drbd", "far2 far", repair.StepReplaceDisks), repair.ReasonReady},
		"a job has other nodes":                {held(build("drbd", "dr b", "down")), repair.ReasonReady},
	} {
		set := repair.DefaultSettings()
		set.MaxUnhealthy.Percent, set.MaxRunning = 100, 1
		var decisions []repair.Decision
		for _, i := range row.s.Instances {
			decisions = append(decisions, repair.Decide(row.s, i, set, func() string { return "new" }))
		}
		after, _ := repair.Valves(row.s, decisions, set)
		for _, d := range after {
			if d.Instance.Name == "i" && d.Reason != row.want {
				t.Errorf("%s: %s, want %s", name, d.WhyNot(), row.want)
			}
		}
	}
}
