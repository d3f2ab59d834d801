package repair_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// decideRow is one instance, named i, in one situation, and the decision.
type decideRow struct {
	name    string // beginning with the demands it shows
	nodes   string // as for snapshot
	i       string // disk template and nodes: "drbd a b"
	tags    string // of the instance, bodies
	cluster string // tags of the cluster, bodies
	jobs    []luxi.JobInfo
	with    func(*repair.Snapshot, *repair.Instance, *repair.Settings)
	want    string // as render gives it
}

func jobs(list ...luxi.JobInfo) []luxi.JobInfo { return list }

func (row decideRow) decide() repair.Decision {
	words := strings.SplitN(row.i, " ", 2)
	i := repairtest.Instance("i", words[0], words[1], row.tags)
	s := repairtest.WithJobs(repairtest.Allow(repairtest.Snapshot(row.nodes, i), row.cluster), row.jobs...)
	set := repair.DefaultSettings()
	if row.with != nil {
		row.with(s, i, &set)
	}
	n := 0
	return repair.Decide(s, i, set, func() string { n++; return fmt.Sprintf("new%d", n) })
}

func checkDecisions(t *testing.T, rows []decideRow) {
	t.Helper()
	names := make(map[string]bool)
	for _, row := range rows {
		if names[row.name] {
			t.Errorf("two rows are named %q", row.name)
		}
		names[row.name] = true
		if got := repairtest.Render(row.decide()); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

func adminDown(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) {
	i.AdminState, i.Live = "down", &repair.Live{Status: "ADMIN_down"}
}

func live(status string) func(*repair.Snapshot, *repair.Instance, *repair.Settings) {
	return func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) {
		i.Live = &repair.Live{Status: status}
	}
}

func noLive(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) { i.Live = nil }

// queue puts a job of somebody else into the queue.
func queue(j luxi.JobInfo) func(*repair.Snapshot, *repair.Instance, *repair.Settings) {
	return func(s *repair.Snapshot, _ *repair.Instance, _ *repair.Settings) {
		s.Unfinished = append(s.Unfinished, j)
	}
}

// S1 and the first half of a pass: S3, S4, S12.
func TestDecideWithoutRepair(t *testing.T) {
	checkDecisions(t, []decideRow{
		{name: "S1 healthy", nodes: "m a b", i: "drbd a b", cluster: "reinstall", want: "healthy healthy"},
		{name: "S1 healthy without permission", nodes: "m a b", i: "drbd a b", want: "healthy healthy"},
		{name: "S1 healthy beside a broken node", nodes: "m a b c:offline", i: "drbd a b", cluster: "reinstall", want: "healthy healthy"},
		{name: "S1 healthy with old results", nodes: "m a b", i: "drbd a b", cluster: "reinstall",
			tags: "result:failover:x:5:success:7 result:failover:y:6:enoperm:", want: "healthy unsettled | remove result:failover:y:6:enoperm:"},

		{name: "S3 nothing permits", nodes: "m a:offline b", i: "drbd a b", want: "needs-repair no-permission"},
		{name: "S3 unreadable type permits nothing", nodes: "m a:offline b", i: "drbd a b", cluster: "failovers", want: "needs-repair unreadable-tag"},
		{name: "S3 too weak, told", nodes: "m a:offline b", i: "drbd a b", cluster: "migrate",
			want: "needs-repair too-weak | add result:failover:new1:NOW:enoperm:"},
		{name: "S3 too weak for the whole, though not for the first step", nodes: "m a:drained b:offline", i: "drbd a b", cluster: "fix-storage",
			want: "needs-repair too-weak | add result:migrate:new1:NOW:enoperm:"},
		{name: "S3 told once", nodes: "m a:offline b", i: "drbd a b", cluster: "migrate", tags: "result:failover:x:5:enoperm:",
			want: "needs-repair too-weak"},
		{name: "S3 told of another type", nodes: "m a:offline b:offline", i: "drbd a b", cluster: "migrate", tags: "result:failover:x:5:enoperm:",
			want: "needs-repair too-weak | add result:reinstall:new1:NOW:enoperm: | remove result:failover:x:5:enoperm:"},
		{name: "S3 a success is no telling", nodes: "m a:offline b", i: "drbd a b", cluster: "migrate", tags: "result:failover:x:5:success:9",
			want: "needs-repair too-weak | add result:failover:new1:NOW:enoperm: | remove result:failover:x:5:success:9"},
		{name: "T2 the instance's own tag is nearer", nodes: "m a:offline b", i: "drbd a b", cluster: "reinstall", tags: "fix-storage",
			want: "needs-repair too-weak | add result:failover:new1:NOW:enoperm:"},
		{name: "T2 the group is nearer than the cluster", nodes: "m a:offline b", i: "drbd a b", cluster: "fix-storage",
			with: func(s *repair.Snapshot, _ *repair.Instance, _ *repair.Settings) {
				repairtest.AllowGroup(s, "rack1", "failover")
			},
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "T2 the primary's group counts", nodes: "m a:offline b@rack2", i: "drbd a b", cluster: "failover",
			with: func(s *repair.Snapshot, _ *repair.Instance, _ *repair.Settings) {
				repairtest.AllowGroup(s, "rack2", "fix-storage")
			},
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},

		{name: "S4 P1", nodes: "m a b:drained", i: "drbd a b", cluster: "fix-storage",
			want: "needs-repair ready | start replace-disks pending:fix-storage:new1:NOW: new"},
		{name: "S4 P2", nodes: "m a:drained b", i: "drbd a b", cluster: "migrate",
			want: "needs-repair ready | start migrate pending:migrate:new1:NOW: new"},
		{name: "S4 P2 stopped", nodes: "m a:drained b", i: "drbd a b", cluster: "migrate", with: adminDown,
			want: "needs-repair ready | start failover pending:migrate:new1:NOW: new"},
		{name: "S4 P3", nodes: "m a:drained b:drained", i: "drbd a b", cluster: "failover",
			want: "needs-repair ready | start replace-disks pending:migrate:new1:NOW: new"},
		{name: "S4 P4", nodes: "m a:offline b", i: "drbd a b", cluster: "failover",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "S4 P5", nodes: "m a:offline b:offline", i: "drbd a b", cluster: "reinstall",
			want: "needs-repair no-target"},
		{name: "S4 P6", nodes: "m a:drained b", i: "rbd a", cluster: "migrate",
			want: "needs-repair ready | start migrate pending:migrate:new1:NOW: new"},
		{name: "S4 P7", nodes: "m a:offline b", i: "diskless a", cluster: "reinstall",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "S4 P8", nodes: "m a:offline b", i: "plain a", cluster: "reinstall",
			want: "needs-repair ready | start reinstall pending:reinstall:new1:NOW: new"},
		{name: "S4 T9 old results go", nodes: "m a:offline b", i: "rbd a", cluster: "failover",
			tags: "result:failover:o:5:success:1 result:failover:p:6:success:2 result:migrate:q:7:enoperm:",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new | remove result:failover:o:5:success:1 result:failover:p:6:success:2"},

		{name: "S12 P9 plain drained", nodes: "m a:drained b", i: "plain a", cluster: "reinstall", want: "needs-repair no-repair"},
		{name: "S12 P9 drbd offline and drained", nodes: "m a:offline b:drained", i: "drbd a b", cluster: "reinstall", want: "needs-repair no-repair"},
		{name: "S12 P9 mixed", nodes: "m a:offline b", i: "mixed a", cluster: "reinstall", want: "needs-repair no-repair"},
		{name: "S12 P9 is told without any permission", nodes: "m a:drained b", i: "file a", want: "needs-repair no-repair"},
		{name: "S12 unknown place", nodes: "m a b", i: "rbd gone", cluster: "reinstall", want: "needs-repair unknown-place"},
		{name: "P10 admin offline", nodes: "m a:offline b", i: "plain a", cluster: "reinstall",
			with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) { i.AdminState = "offline" }, want: "needs-repair admin-offline"},
		{name: "P10 admin offline, and the permission would not do either", nodes: "m a:offline b", i: "plain a", cluster: "migrate",
			with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) { i.AdminState = "offline" }, want: "needs-repair admin-offline"},
		{name: "P10 admin offline without permission", nodes: "m a:offline b", i: "plain a",
			with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) { i.AdminState = "offline" }, want: "needs-repair no-permission"},
		{name: "P11 target not fit", nodes: "m a:offline b:incapable", i: "drbd a b", cluster: "reinstall", want: "needs-repair no-target"},
		{name: "P6 whether it runs is not known", nodes: "m a:drained b", i: "rbd a", cluster: "reinstall", with: noLive, want: "needs-repair no-live-status"},

		{name: "somebody works on it", nodes: "m a:offline b", i: "rbd a", cluster: "failover", with: queue(repairtest.Job(9, repair.StepFailover, "i", luxi.JobRunning)),
			want: "needs-repair busy"},
		{name: "somebody's job waits in the queue", nodes: "m a:offline b", i: "rbd a", cluster: "failover", with: queue(repairtest.Job(9, repair.StepFailover, "i", luxi.JobQueued)),
			want: "needs-repair busy"},
		{name: "somebody tags it", nodes: "m a:offline b", i: "rbd a", cluster: "failover", with: queue(tagJob("instance", "i")), want: "needs-repair busy"},
		{name: "somebody tags a group of that name", nodes: "m a:offline b", i: "rbd a", cluster: "failover", with: queue(tagJob("nodegroup", "i")),
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "somebody works on another", nodes: "m a:offline b", i: "rbd a", cluster: "failover", with: queue(repairtest.Job(9, repair.StepFailover, "other", luxi.JobRunning)),
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "somebody works on it under its old name", nodes: "m a:offline b", i: "rbd a", cluster: "failover", with: func(s *repair.Snapshot, i *repair.Instance, _ *repair.Settings) {
			j := repairtest.Job(9, repair.StepFailover, "old", luxi.JobRunning)
			j.Ops[0].Params["instance_uuid"] = repairtest.Text(i.UUID)
			s.Unfinished = append(s.Unfinished, j)
		}, want: "needs-repair busy"},
		{name: "S1 somebody works on a healthy one", nodes: "m a b", i: "rbd a", cluster: "failover", with: queue(repairtest.Job(9, repair.StepFailover, "i", luxi.JobRunning)),
			want: "healthy healthy"},
	})
}

func tagJob(kind, name string) luxi.JobInfo {
	j := repairtest.Job(9, "tags", name, luxi.JobQueued)
	delete(j.Ops[0].Params, "instance_name")
	delete(j.Ops[0].Params, "instance_uuid")
	j.Ops[0].Params["kind"], j.Ops[0].Params["name"] = repairtest.Text(kind), repairtest.Text(name)
	return j
}

// S2, T3: a suspension holds everything; its tags are dealt with afterwards.
func TestDecideSuspended(t *testing.T) {
	const later = "suspend:1700000001"
	checkDecisions(t, []decideRow{
		{name: "S2 in need", nodes: "m a:offline b", i: "rbd a", tags: "suspend", cluster: "failover", want: "suspended suspended"},
		{name: "S2 for a time", nodes: "m a:offline b", i: "rbd a", tags: later, cluster: "failover", want: "suspended suspended"},
		{name: "S2 by the cluster", nodes: "m a:offline b", i: "rbd a", cluster: "failover suspend", want: "suspended suspended"},
		{name: "S2 by the group", nodes: "m a:offline b", i: "rbd a", cluster: "failover",
			with: func(s *repair.Snapshot, _ *repair.Instance, _ *repair.Settings) {
				repairtest.AllowGroup(s, "rack1", "suspend")
			}, want: "suspended suspended"},
		{name: "S2 T5 a repair asked for by hand", nodes: "m a:offline b", i: "rbd a", tags: "suspend pending:failover:r1:100:", want: "suspended suspended (r1+0)"},
		{name: "S2 a repair whose job runs", nodes: "m a:offline b", i: "rbd a", tags: "suspend pending:failover:r1:100:5",
			jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobRunning)), want: "suspended suspended (r1+0)"},
		{name: "S2 a repair whose job failed", nodes: "m a:offline b", i: "rbd a", tags: "suspend pending:failover:r1:100:5",
			jobs: jobs(repairtest.Failed(5, repair.StepFailover)), want: "suspended suspended (r1+0)"},
		{name: "S2 a repair that is complete", nodes: "m a b", i: "rbd a", tags: "suspend pending:failover:r1:100:5",
			jobs: jobs(repairtest.Done(5, repair.StepFailover)), want: "suspended suspended (r1+0)"},
		{name: "S2 T6 a leftover", nodes: "m a b", i: "rbd a", tags: "suspend pending:failover:r1:100:5 result:failover:r1:200:success:5",
			want: "healthy healthy"},
		{name: "S2 T6 a leftover of a failure", nodes: "m a b", i: "rbd a", tags: "suspend pending:failover:r1:100:5 result:failover:r1:200:failure:5",
			want: "failed failed"},
		{name: "S2 too weak is not told", nodes: "m a:offline b", i: "rbd a", tags: "suspend", cluster: "migrate", want: "suspended suspended"},
		{name: "S2 healthy", nodes: "m a b", i: "rbd a", tags: "suspend", want: "healthy healthy"},
		{name: "T10 an unreadable suspension holds", nodes: "m a:offline b", i: "rbd a", tags: "suspend:later", cluster: "failover", want: "suspended suspended"},
		{name: "T10 an unreadable suspension of the cluster holds", nodes: "m a:offline b", i: "rbd a", cluster: "failover suspend:later", want: "suspended suspended"},
		{name: "T3 a type on the instance lifts that of the cluster", nodes: "m a:offline b", i: "rbd a", tags: "failover", cluster: "suspend",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "T4 the time has passed", nodes: "m a:offline b", i: "rbd a", tags: "suspend:1700000000", cluster: "failover",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
	})
}

// The policy a decision names is the one that decided.
func TestDecidePolicy(t *testing.T) {
	d := decideRow{nodes: "m a:offline b", i: "rbd a", cluster: "failover"}.decide()
	if d.Policy.Type != tagstore.Failover || d.Policy.Origin != "cluster" || repairtest.Cut(d.Policy.Tag) != "failover" {
		t.Errorf("%+v", d.Policy)
	}
	if d := (decideRow{nodes: "m a:offline b", i: "rbd a", tags: "suspend", cluster: "failover"}).decide(); d.Detail != "suspended by instance i" {
		t.Errorf("detail %q", d.Detail)
	}
}
