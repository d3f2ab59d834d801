package repair_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// ours puts our mark on a job.
func ours(job luxi.JobInfo) luxi.JobInfo {
	for k := range job.Ops {
		job.Ops[k].Reason = []luxi.ReasonEntry{{Source: repair.Source, Text: "repair r1 " + string(repair.StepFailover)}}
	}
	return job
}

// P15: a job of ours that has not begun is taken back when it is no longer what it was
// submitted for; what has begun, and jobs of others, never are.
func TestTakeBack(t *testing.T) {
	queued := func(step repair.Step) luxi.JobInfo { return ours(repairtest.Job(5, step, "i", luxi.JobQueued)) }
	const asked = "pending:reinstall:a:100:5"
	for name, row := range map[string]struct {
		nodes, i, tags string
		job            luxi.JobInfo
		with           func(*repair.Snapshot, *repair.Instance)
		want           string
	}{
		"wanted":                   {nodes: "m a:offline b", i: "rbd a", job: queued(repair.StepFailover)},
		"its nodes are good again": {nodes: "m a b", i: "rbd a", job: queued(repair.StepFailover), want: "failover: the instance lives on good nodes again"},
		"a job of somebody else":   {nodes: "m a b", i: "rbd a", job: repairtest.Job(5, repair.StepFailover, "i", luxi.JobQueued)},
		"begun":                    {nodes: "m a b", i: "rbd a", job: ours(repairtest.Job(5, repair.StepFailover, "i", luxi.JobRunning))},
		"being canceled":           {nodes: "m a b", i: "rbd a", job: ours(repairtest.Job(5, repair.StepFailover, "i", luxi.JobCanceling))},
		"another step":             {nodes: "m a:offline b", i: "rbd a", job: queued(repair.StepMigrate), want: "migrate: the next step is now failover"},
		"several opcodes":          {nodes: "m a b c", i: "plain a", job: queued(repair.StepReinstall), want: "reinstall while queued: the instance lives on good nodes again"},
		"admin state": {nodes: "m a:offline b c", i: "plain a", job: queued(repair.StepReinstall),
			with: func(_ *repair.Snapshot, i *repair.Instance) { i.AdminState = "down" }, want: "reinstall while queued: it is admin down now"},
		"the permission was withdrawn": {nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:p-aaaabbbb:100:5", job: queued(repair.StepFailover), want: "failover: the permission was withdrawn"},
		"the permission was withdrawn, and whether it runs is not known": {nodes: "m a:drained b", i: "rbd a", tags: "pending:failover:p-aaaabbbb:100:5", job: queued(repair.StepFailover),
			with: unknown, want: "failover: the permission was withdrawn"},
		"it is to be moved first, and whether it runs is not known": {nodes: "m a:drained b c", i: "drbd a b", job: queued(repair.StepReplaceDisks), with: unknown, want: "replace-disks: it is to be moved first"},
		"not to be reinstalled, and whether it runs is not known":   {nodes: "m a:drained b:offline c", i: "rbd a", job: queued(repair.StepReinstall), with: unknown, want: "reinstall while queued: it is to be moved first"},
		"weaker permission, and whether it runs is not known":       {nodes: "m a:drained b", i: "rbd a", tags: "migrate pending:failover:p-aaaabbbb:100:5", job: queued(repair.StepFailover), with: unknown},
		"its primary is not known":                                  {nodes: "m a b", i: "drbd c a", tags: "pending:failover:p-aaaabbbb:100:5", job: queued(repair.StepFailover)},
		"the permission was withdrawn, and its secondary is not known": {nodes: "m a b", i: "drbd a c", tags: "pending:failover:p-aaaabbbb:100:5", job: queued(repair.StepFailover),
			want: "failover: the permission was withdrawn"},
		"suspended":             {nodes: "m a:offline b", i: "rbd a", tags: "suspend pending:failover:p-aaaabbbb:100:5", job: queued(repair.StepFailover)},
		"suspended and healthy": {nodes: "m a b", i: "rbd a", tags: "suspend " + asked, job: queued(repair.StepFailover), want: "failover: the instance lives on good nodes again"},
		"half a copy since": {nodes: "m a:offline b", i: "drbd a b", job: queued(repair.StepFailover), with: func(s *repair.Snapshot, i *repair.Instance) {
			s.Past.HalfCopies = map[string]repair.HalfCopy{i.UUID: {Job: repair.NewJobFact(repairtest.Failed(3, repair.StepReplaceDisks)), Node: "b"}}
		}, want: "failover: job 3 may have left its secondary incomplete"},
		"it may run on another node": {nodes: "m a:offline b c", i: "drbd a b", job: queued(repair.StepFailover), with: moved("c"), want: "failover: after job 3 it may run on c"},
		"it may run on some node":    {nodes: "m a:offline b c", i: "drbd a b", job: queued(repair.StepFailover), with: moved(""), want: "failover: after job 3 it may run on another node"},
		"it may run on the target":   {nodes: "m a:offline b c", i: "drbd a b", job: queued(repair.StepFailover), with: moved("b"), want: "failover: after job 3 it may run on b"},
		"its target is drained, and whether it runs is not known": {nodes: "m a:drained b:drained c", i: "rbd a", job: to("b", queued(repair.StepFailover)),
			with: unknown, want: "failover: node b is no longer fit to take it"},
		"whether it runs is not known":    {nodes: "m a:drained b c", i: "rbd a", job: to("b", queued(repair.StepFailover)), with: unknown},
		"suspended, and of a weaker type": {nodes: "m a:offline b", i: "rbd a", tags: "suspend pending:migrate:r1:100:5", job: queued(repair.StepFailover), want: "failover: the repair is of type migrate, the step takes failover"},
		"it may run on the named target":  {nodes: "m a:offline b c", i: "rbd a", job: to("b", queued(repair.StepFailover)), with: moved("b")},
		"it may not run on the named target": {nodes: "m a:offline b c", i: "rbd a", job: to("c", queued(repair.StepFailover)), with: moved("b"),
			want: "failover: after job 3 it may run on b"},
	} {
		if row.tags == "" {
			row.tags = asked
		}
		words := strings.SplitN(row.i, " ", 2)
		i := repairtest.Instance("i", words[0], words[1], row.tags)
		s := repairtest.WithJobs(repairtest.Snapshot(row.nodes, i), row.job)
		if row.with != nil {
			row.with(s, i)
		}
		d := repair.Decide(s, i, repair.DefaultSettings(), func() string { return "new" })
		got := ""
		for _, b := range d.TakeBack {
			queued := map[bool]string{true: " while queued"}[b.WhileQueued]
			got += fmt.Sprintf("%s%s: %s", b.Step, queued, b.Why)
		}
		if got != row.want {
			t.Errorf("%s: taken back: %q, want %q", name, got, row.want)
		}
	}
}

// unknown leaves it open whether the instance runs.
func unknown(_ *repair.Snapshot, i *repair.Instance) { i.Live = nil }

// moved makes the instance one that was transferred to a node by a migration that did
// not end well.
func moved(target string) func(*repair.Snapshot, *repair.Instance) {
	return func(s *repair.Snapshot, i *repair.Instance) {
		s.Past.Transfers = map[string]repair.Transfer{i.UUID: {Job: repair.NewJobFact(repairtest.Failed(3, repair.StepMigrate)), Target: target}}
	}
}

// to names the target of a failover.
func to(node string, job luxi.JobInfo) luxi.JobInfo {
	job.Ops[0].Params["target_node"] = repairtest.Text(node)
	return job
}

// C7: where a filter would stop what holds our jobs, or the repair itself, nothing is
// submitted.
func TestPlanFiltered(t *testing.T) {
	for predicate, want := range map[string]string{
		`["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]]`:        "filtered",
		`["opcode", ["=", "OP_ID", "OP_INSTANCE_FAILOVER"]]`: "filtered",
		`["opcode", ["=", "OP_ID", "OP_INSTANCE_MIGRATE"]]`:  "ready",
	} {
		i := repairtest.Instance("i", "rbd", "a", "failover")
		s := repairtest.Snapshot("m a:offline b", i)
		s.Cluster.IAllocator = "hail"
		s.Rules = []luxi.FilterRule{{UUID: "u", Watermark: 1000, Predicates: json.RawMessage("[" + predicate + "]"), Action: luxi.FilterReject}}
		p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "new" })
		jobs := 0
		for _, a := range p.Actions {
			if a.Job != nil {
				jobs++
			}
		}
		if got := string(p.Decisions[0].Reason); got != want || (jobs > 0) != (want == "ready") {
			t.Errorf("%s: %s, %d jobs", predicate, got, jobs)
		}
	}
}
