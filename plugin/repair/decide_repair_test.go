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

// S1, S5, S6: repairs of instances that live on good nodes.
func TestDecideHealthyRepair(t *testing.T) {
	const r1 = "pending:failover:r1:100:"
	checkDecisions(t, []decideRow{
		{name: "S1 no jobs", nodes: "m a b", i: "rbd a", tags: r1,
			want: "healthy unsettled | add result:failover:r1:NOW:success: | remove " + r1},
		{name: "S1 without permission", nodes: "m a b", i: "plain a", tags: "pending:reinstall:r1:100:",
			want: "healthy unsettled | add result:reinstall:r1:NOW:success: | remove pending:reinstall:r1:100:"},
		{name: "S1 the jobs are kept", nodes: "m a b", i: "drbd a b", tags: r1 + "5+6", jobs: jobs(repairtest.Done(5, repair.StepFailover), repairtest.Done(6, repair.StepReplaceDisks)),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5+6 | remove " + r1 + "5+6"},
		{name: "S1 T5 several, in order of time", nodes: "m a b", i: "rbd a", tags: "pending:migrate:late:300: pending:failover:early:100: pending:reinstall:mid:200:",
			want: "healthy unsettled | add result:failover:early:NOW:success: | add result:reinstall:mid:NOW:success: | add result:migrate:late:NOW:success:" +
				" | remove pending:failover:early:100: pending:reinstall:mid:200: pending:migrate:late:300:"},
		{name: "S1 T11 harep's", nodes: "m a b", i: "rbd a", tags: "pending:failover:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:100:5", jobs: jobs(repairtest.Done(5, repair.StepFailover)),
			want: "healthy unsettled | add result:failover:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:NOW:success:5 | remove pending:failover:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:100:5"},
		{name: "S1 T9 old results go", nodes: "m a b", i: "rbd a", tags: r1 + " result:migrate:o:5:success:1 result:migrate:p:6:enoperm:",
			want: "healthy unsettled | add result:failover:r1:NOW:success: | remove " + r1 + " result:migrate:p:6:enoperm: result:migrate:o:5:success:1"},
		{name: "T9 keep two", nodes: "m a b", i: "rbd a", tags: r1 + " result:migrate:o:5:success:1 result:migrate:p:6:enoperm:",
			with: func(_ *repair.Snapshot, _ *repair.Instance, set *repair.Settings) { set.ResultsKept = 2 },
			want: "healthy unsettled | add result:failover:r1:NOW:success: | remove " + r1 + " result:migrate:p:6:enoperm: result:migrate:o:5:success:1"},
		{name: "S1 on a cluster where no place was read", nodes: "m a b", i: "rbd a", tags: "failover",
			with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) { i.PlaceKnown = false }, want: "healthy healthy"},

		{name: "S5 a job runs", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobRunning)),
			want: "pending jobs-running (r1+0)"},
		{name: "S5 a job is queued", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobQueued)),
			want: "pending jobs-running (r1+0)"},
		{name: "S5 an earlier job still runs", nodes: "m a b", i: "rbd a", tags: r1 + "5+6", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobRunning), repairtest.Done(6, repair.StepFailover)),
			want: "pending jobs-running (r1+0)"},
		{name: "S5 a job of a later repair runs", nodes: "m a b", i: "rbd a", tags: r1 + " pending:failover:r2:200:6", jobs: jobs(repairtest.Job(6, repair.StepFailover, "i", luxi.JobRunning)),
			want: "pending jobs-running (r1+1)"},
		{name: "S1 somebody works on it", nodes: "m a b", i: "rbd a", tags: r1, with: queue(repairtest.Job(9, repair.StepMigrate, "i", luxi.JobRunning)),
			want: "pending busy (r1+0)"},

		{name: "S6 a failed job, and it runs as it should", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S6 a failed job, and it is down as it should be", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: adminDown,
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S17 a failed job, and its user shut it down, which Ganeti knows", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) {
			i.AdminState, i.Live = "down", &repair.Live{Status: "USER_down"}
		}, want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S17 a failed job, and its user shut it down, which Ganeti does not know", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: live("USER_down"),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + r1 + "5"},
		{name: "S6 admin offline", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) {
			i.AdminState, i.Live = "offline", &repair.Live{Status: "ADMIN_offline"}
		}, want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S6 moved but not started", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: live("ERROR_down"),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + r1 + "5"},
		{name: "S6 runs though it should not", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) {
			i.AdminState, i.Live = "down", &repair.Live{Status: "ERROR_up"}
		}, want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + r1 + "5"},
		{name: "S6 runs elsewhere", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepMigrate)), with: live("ERROR_wrongnode"),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + r1 + "5"},
		{name: "S6 the node does not say", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: noLive,
			want: "pending no-live-status (r1+0)"},
		{name: "S6 the node does not answer", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: live("ERROR_nodedown"),
			want: "pending no-live-status (r1+0)"},
		{name: "S6 failed first, succeeded then", nodes: "m a b", i: "rbd a", tags: r1 + "5+6", jobs: jobs(repairtest.Failed(5, repair.StepFailover), repairtest.Done(6, repair.StepFailover)),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5+6 | remove " + r1 + "5+6"},
		{name: "S6 the live status does not matter where all jobs succeeded", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Done(5, repair.StepFailover)), with: live("ERROR_down"),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S6 canceled, and the node came back", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Canceled(5, repair.StepFailover)),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S6 canceled halfway", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Canceled(5, repair.StepFailover)), with: live("ERROR_down"),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + r1 + "5"},
		{name: "S8 found no room, and the node came back", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.NoRoomFor(5, repair.StepFailover)), with: noLive,
			want: "healthy unsettled | add result:failover:r1:NOW:success: | remove " + r1 + "5"},
		{name: "C2 expired, and the node came back", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Expired(5, repair.StepFailover)), with: noLive,
			want: "healthy unsettled | add result:failover:r1:NOW:success: | remove " + r1 + "5"},
		{name: "S7 purged", nodes: "m a b", i: "rbd a", tags: r1 + "5", jobs: jobs(repairtest.Purged(5)),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},
		{name: "S7 a job the snapshot does not have", nodes: "m a b", i: "rbd a", tags: r1 + "5",
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove " + r1 + "5"},

		{name: "S6 chain complete", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5", jobs: jobs(repairtest.Done(5, repair.StepReinstall)), with: noLive,
			want: "healthy unsettled | add result:reinstall:r1:NOW:success:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 chain failed after its first opcode", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 2, "OpExecError", "OS create script failed", "")),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 chain failed after its first opcode, and the watcher started it", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 1, "OpExecError", "it broke", "")), with: live("running"),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 reinstalled, but no memory to start", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5", with: adminDown,
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 3, "OpPrereqError", "Not enough memory on node b for starting instance i: needed 9 MiB, available 0 MiB", luxi.ECodeNoRes)),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 chain broke while making disks", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepReinstall)),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 T11 harep's chain", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5", with: live("ERROR_down"),
			jobs: jobs(repairtest.FailedAt(5, "harep", 1, "OpPrereqError", "Instance 'i' is marked to be up, cannot reinstall", luxi.ECodeState)),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 chain refused, and the node came back", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 0, "OpPrereqError", "no", luxi.ECodeState)),
			want: "healthy unsettled | add result:reinstall:r1:NOW:success:5 | remove pending:reinstall:r1:100:5"},
		{name: "S6 a later chain made up for it", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5+6",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 0, "OpExecError", "it broke", ""), repairtest.Done(6, repair.StepReinstall)),
			want: "healthy unsettled | add result:reinstall:r1:NOW:success:5+6 | remove pending:reinstall:r1:100:5+6"},
		{name: "S6 a later failover did not", nodes: "m a b", i: "plain b", tags: "pending:reinstall:r1:100:5+6",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 1, "OpExecError", "it broke", ""), repairtest.Done(6, repair.StepFailover)),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5+6 | remove pending:reinstall:r1:100:5+6"},
		{name: "S11 failure keeps the later repairs waiting", nodes: "m a b", i: "rbd a", tags: r1 + "5 pending:migrate:r2:200:", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: live("ERROR_down"),
			want: "failed failed (r1+1) | add result:failover:r1:NOW:failure:5 | remove " + r1 + "5"},
	})
}

// S4 to S10: repairs of instances in need.
func TestDecideRepair(t *testing.T) {
	const f1 = "pending:failover:r1:100:"
	checkDecisions(t, []decideRow{
		{name: "T5 asked for by hand, whatever the policy", nodes: "m a:offline b", i: "rbd a", tags: f1,
			want: "pending ready (r1+0) | start failover " + f1 + " for " + f1},
		{name: "T5 asked for with more than needed", nodes: "m a b:offline", i: "drbd a b", tags: "pending:reinstall:r1:100:",
			want: "pending ready (r1+0) | start replace-disks pending:reinstall:r1:100: for pending:reinstall:r1:100:"},
		{name: "T5 several: the earliest first, one at a time", nodes: "m a:offline b", i: "rbd a", tags: "pending:reinstall:r2:200: " + f1,
			want: "pending ready (r1+1) | start failover " + f1 + " for " + f1},
		{name: "S5 a job runs", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobRunning)),
			want: "pending jobs-running (r1+0)"},
		{name: "S5 a held job is queued", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobQueued)),
			want: "pending jobs-running (r1+0)"},
		{name: "somebody else's job", nodes: "m a:offline b", i: "rbd a", tags: f1, with: queue(repairtest.Job(9, repair.StepMigrate, "i", luxi.JobWaiting)),
			want: "pending busy (r1+0)"},
		{name: "T9 going on with a repair is not a new one", nodes: "m a:offline b", i: "rbd a", tags: f1 + " result:failover:o:1:success: result:failover:p:2:success:",
			want: "pending ready (r1+0) | start failover " + f1 + " for " + f1},

		{name: "S10 P4 next step", nodes: "m a:offline b", i: "drbd b a", tags: f1 + "5", jobs: jobs(repairtest.Done(5, repair.StepFailover)),
			want: "pending ready (r1+0) | start replace-disks " + f1 + "5 for " + f1 + "5"},
		{name: "S10 P2 next step", nodes: "m a:drained b", i: "drbd b a", tags: "pending:migrate:r1:100:5", jobs: jobs(repairtest.Done(5, repair.StepMigrate)),
			want: "pending ready (r1+0) | start replace-disks pending:migrate:r1:100:5 for pending:migrate:r1:100:5"},
		{name: "S10 P3 second step", nodes: "m a:drained b", i: "drbd a b", tags: "pending:migrate:r1:100:5", jobs: jobs(repairtest.Done(5, repair.StepReplaceDisks)),
			want: "pending ready (r1+0) | start migrate pending:migrate:r1:100:5 for pending:migrate:r1:100:5"},
		{name: "S10 P3 third step", nodes: "m a:drained b", i: "drbd b a", tags: "pending:migrate:r1:100:5+6", jobs: jobs(repairtest.Done(5, repair.StepReplaceDisks), repairtest.Done(6, repair.StepMigrate)),
			want: "pending ready (r1+0) | start replace-disks pending:migrate:r1:100:5+6 for pending:migrate:r1:100:5+6"},
		{name: "S10 T11 harep's repair goes on", nodes: "m a:offline b", i: "drbd b a", tags: "pending:failover:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:100:5", jobs: jobs(repairtest.Done(5, repair.StepFailover)),
			want: "pending ready (6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a+0) | start replace-disks pending:failover:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:100:5" +
				" for pending:failover:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:100:5"},
		{name: "S10 T6 two copies", nodes: "m a:offline b", i: "drbd b a", tags: f1 + " " + f1 + "5", jobs: jobs(repairtest.Done(5, repair.StepFailover)),
			want: "pending ready (r1+0) | start replace-disks " + f1 + "5 for " + f1 + " " + f1 + "5"},
		{name: "S10 another node broke after the step", nodes: "m a:offline b:drained c", i: "drbd b a", tags: f1 + "5", jobs: jobs(repairtest.Done(5, repair.StepFailover)),
			want: "pending ready (r1+0) | start replace-disks " + f1 + "5 for " + f1 + "5"},

		{name: "S7 first retry", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)),
			want: "pending retry (r1+0) | start failover " + f1 + "5 tries=1 for " + f1 + "5"},
		{name: "S7 second retry", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5+6", jobs: jobs(repairtest.Failed(5, repair.StepFailover), repairtest.Failed(6, repair.StepFailover)),
			want: "pending retry (r1+0) | start failover " + f1 + "5+6 tries=2 for " + f1 + "5+6"},
		{name: "S7 a job named twice is one attempt", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5+5+5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)),
			want: "pending retry (r1+0) | start failover " + f1 + "5 tries=1 for " + f1 + "5+5+5"},
		{name: "S7 three attempts are enough", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5+6+7", jobs: jobs(repairtest.Failed(5, repair.StepFailover), repairtest.Failed(6, repair.StepFailover), repairtest.Failed(7, repair.StepFailover)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5+6+7 | remove " + f1 + "5+6+7"},
		{name: "S7 one attempt is enough", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)),
			with: func(_ *repair.Snapshot, _ *repair.Instance, set *repair.Settings) { set.MaxAttempts = 1 },
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5"},
		{name: "S7 C2 an expired job is no attempt", nodes: "m a:offline b", i: "rbd a", tags: f1 + "4+5+6", jobs: jobs(repairtest.Expired(4, repair.StepFailover), repairtest.Failed(5, repair.StepFailover), repairtest.Expired(6, repair.StepFailover)),
			want: "pending retry (r1+0) | start failover " + f1 + "5 tries=1 for " + f1 + "4+5+6"},
		{name: "C2 only expired jobs", nodes: "m a:offline b", i: "rbd a", tags: f1 + "4+5", jobs: jobs(repairtest.Expired(4, repair.StepFailover), repairtest.Expired(5, repair.StepFailover)),
			want: "pending ready (r1+0) | start failover " + f1 + " for " + f1 + "4+5"},
		{name: "C2 an expired chain is no attempt", nodes: "m a:offline b", i: "plain a", tags: "pending:reinstall:r1:100:5", jobs: jobs(repairtest.Expired(5, repair.StepReinstall)),
			want: "pending ready (r1+0) | start reinstall pending:reinstall:r1:100: for pending:reinstall:r1:100:5"},
		{name: "S7 attempts of an earlier step do not count", nodes: "m a:offline b", i: "drbd b a", tags: f1 + "4+5+6", jobs: jobs(repairtest.Failed(4, repair.StepFailover), repairtest.Failed(5, repair.StepFailover), repairtest.Done(6, repair.StepFailover)),
			want: "pending ready (r1+0) | start replace-disks " + f1 + "4+5+6 for " + f1 + "4+5+6"},
		{name: "S7 the attempts of this step count alone", nodes: "m a:offline b", i: "drbd b a", tags: f1 + "4+5+6+7",
			jobs: jobs(repairtest.Failed(4, repair.StepFailover), repairtest.Failed(5, repair.StepFailover), repairtest.Done(6, repair.StepFailover), repairtest.Failed(7, repair.StepReplaceDisks)),
			want: "pending retry (r1+0) | start replace-disks " + f1 + "4+5+6+7 tries=1 for " + f1 + "4+5+6+7"},
		{name: "S7 two steps that fail in turn do not do so for ever", nodes: "m a:drained b", i: "drbd a b", tags: "pending:migrate:r1:100:4+5+6+7",
			jobs: jobs(repairtest.Failed(4, repair.StepMigrate), repairtest.Failed(5, repair.StepReplaceDisks), repairtest.Failed(6, repair.StepMigrate), repairtest.Failed(7, repair.StepReplaceDisks)),
			want: "pending retry (r1+0) | start migrate pending:migrate:r1:100:4+5+6+7 tries=2 for pending:migrate:r1:100:4+5+6+7"},
		{name: "S7 replace-disks is safe to retry whatever became of the primary", nodes: "m a:drained b", i: "drbd a b", tags: "pending:migrate:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepReplaceDisks)),
			want: "pending ready (r1+0) | start migrate pending:migrate:r1:100:5 for pending:migrate:r1:100:5"},
		{name: "S7 a failed step that moved the primary", nodes: "m a:offline b", i: "drbd b a", tags: f1 + "5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: live("ERROR_down"),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5"},
		{name: "S7 a failed migration that moved the primary", nodes: "m a:drained b", i: "drbd b a", tags: "pending:migrate:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepMigrate)),
			want: "failed failed (r1+0) | add result:migrate:r1:NOW:failure:5 | remove pending:migrate:r1:100:5"},
		{name: "S7 canceled by a person", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Canceled(5, repair.StepFailover)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5"},
		{name: "S13 canceled before it began: later", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Withdrawn(5, repair.StepFailover)),
			want: "pending canceled (r1+0)"},
		{name: "S13 canceled before it began: later, though its target is lost", nodes: "m a:offline b:offline c", i: "rbd a", tags: f1 + "5", jobs: jobs(to("b", repairtest.Withdrawn(5, repair.StepFailover))),
			want: "pending canceled (r1+0)"},
		{name: "S13 canceled before it began, for another step", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Withdrawn(5, repair.StepMigrate)),
			want: "pending ready (r1+0) | start failover " + f1 + " for " + f1 + "5"},
		{name: "S7 canceled, and held jobs expired since", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5+6", jobs: jobs(repairtest.Canceled(5, repair.StepFailover), repairtest.Expired(6, repair.StepFailover)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5+6"},
		{name: "S7 unknown job", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Purged(5)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5"},
		{name: "S7 an unknown job long before matters no more", nodes: "m a:offline b", i: "drbd b a", tags: f1 + "5+6", jobs: jobs(repairtest.Purged(5), repairtest.Done(6, repair.StepFailover)),
			want: "pending ready (r1+0) | start replace-disks " + f1 + "5+6 for " + f1 + "5+6"},
		{name: "S7 a failed job nobody knows the purpose of", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.Failed(5, "delay")),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5"},
		{name: "S7 a chain that began is never begun again", nodes: "m a:offline b", i: "plain a", tags: "pending:reinstall:r1:100:5",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 1, "OpExecError", "it broke", "")),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S7 a chain that failed at its disks is never begun again", nodes: "m a:offline b", i: "plain a", tags: "pending:reinstall:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepReinstall)),
			want: "failed failed (r1+0) | add result:reinstall:r1:NOW:failure:5 | remove pending:reinstall:r1:100:5"},
		{name: "S7 a chain that was refused is", nodes: "m a:offline b", i: "plain a", tags: "pending:reinstall:r1:100:5",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReinstall, 0, "OpPrereqError", "no", luxi.ECodeEnviron)),
			want: "pending retry (r1+0) | start reinstall pending:reinstall:r1:100:5 for pending:reinstall:r1:100:5"},
		{name: "S7 T9 a failure leaves the newest result", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5 result:failover:o:1:success: result:failover:p:2:success:", jobs: jobs(repairtest.Canceled(5, repair.StepFailover)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove " + f1 + "5 result:failover:o:1:success:"},

		{name: "S8 no room: a dry run first", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5", jobs: jobs(repairtest.NoRoomFor(5, repair.StepFailover)),
			want: "pending no-room (r1+0) | start failover " + f1 + " probe for " + f1 + "5"},
		{name: "S8 no room for the chain", nodes: "m a:offline b", i: "plain a", tags: "pending:reinstall:r1:100:5", jobs: jobs(repairtest.NoRoomFor(5, repair.StepReinstall)),
			want: "pending no-room (r1+0) | start reinstall pending:reinstall:r1:100: probe for pending:reinstall:r1:100:5"},
		{name: "S8 no room is no attempt", nodes: "m a:offline b", i: "rbd a", tags: f1 + "3+4+5+6", jobs: jobs(repairtest.NoRoomFor(3, repair.StepFailover), repairtest.NoRoomFor(4, repair.StepFailover), repairtest.NoRoomFor(5, repair.StepFailover), repairtest.NoRoomFor(6, repair.StepFailover)),
			want: "pending no-room (r1+0) | start failover " + f1 + " probe for " + f1 + "3+4+5+6"},
		{name: "S8 no room between failures", nodes: "m a:offline b", i: "rbd a", tags: f1 + "4+5+6", jobs: jobs(repairtest.Failed(4, repair.StepFailover), repairtest.NoRoomFor(5, repair.StepFailover), repairtest.Failed(6, repair.StepFailover)),
			want: "pending retry (r1+0) | start failover " + f1 + "4+6 tries=2 for " + f1 + "4+5+6"},
		{name: "S8 no room, and a held job expired since", nodes: "m a:offline b", i: "rbd a", tags: f1 + "5+6", jobs: jobs(repairtest.NoRoomFor(5, repair.StepFailover), repairtest.Expired(6, repair.StepFailover)),
			want: "pending no-room (r1+0) | start failover " + f1 + " probe for " + f1 + "5+6"},
		{name: "S8 no room for another step than the next", nodes: "m a:offline b", i: "drbd a b", tags: f1 + "5", jobs: jobs(repairtest.NoRoomFor(5, repair.StepReplaceDisks)),
			want: "pending ready (r1+0) | start failover " + f1 + " for " + f1 + "5"},
		{name: "S8 no room for replace-disks after the failover", nodes: "m a:offline b", i: "drbd b a", tags: f1 + "4+5", jobs: jobs(repairtest.Done(4, repair.StepFailover), repairtest.NoRoomFor(5, repair.StepReplaceDisks)),
			want: "pending no-room (r1+0) | start replace-disks " + f1 + "4 probe for " + f1 + "4+5"},

		{name: "S9 the type does not allow it, and nothing else does", nodes: "m a:offline b", i: "rbd a", tags: "pending:migrate:r1:100:",
			want: "needs-repair no-permission | add result:migrate:r1:NOW:enoperm: | remove pending:migrate:r1:100:"},
		{name: "S9 brought on until possible", nodes: "m a:drained b:drained", i: "drbd a b", tags: "pending:fix-storage:r1:100:",
			want: "pending ready (r1+0) | start replace-disks pending:fix-storage:r1:100: for pending:fix-storage:r1:100:"},
		{name: "S9 brought on as far as possible", nodes: "m a:drained b", i: "drbd a b", tags: "pending:fix-storage:r1:100:5", jobs: jobs(repairtest.Done(5, repair.StepReplaceDisks)),
			want: "needs-repair no-permission | add result:fix-storage:r1:NOW:enoperm:5 | remove pending:fix-storage:r1:100:5"},
		{name: "S9 then afresh by policy", nodes: "m a:offline b:offline c", i: "drbd a b", tags: f1 + "5", jobs: jobs(repairtest.Done(5, repair.StepFailover)), cluster: "reinstall",
			want: "needs-repair ready | start reinstall pending:reinstall:new1:NOW: new | add result:failover:r1:NOW:enoperm:5 | remove " + f1 + "5"},
		{name: "S9 then by the next pending tag", nodes: "m a:offline b", i: "rbd a", tags: "pending:migrate:r1:100: pending:failover:r2:200:",
			want: "pending ready (r2+0) | start failover pending:failover:r2:200: for pending:failover:r2:200: | add result:migrate:r1:NOW:enoperm: | remove pending:migrate:r1:100:"},
		{name: "S9 none of them does", nodes: "m a:offline b", i: "rbd a", tags: "pending:migrate:r1:100: pending:fix-storage:r2:200:",
			want: "needs-repair no-permission | add result:migrate:r1:NOW:enoperm: | add result:fix-storage:r2:NOW:enoperm: | remove pending:migrate:r1:100: pending:fix-storage:r2:200:"},
		{name: "S9 and the policy is too weak as well", nodes: "m a:offline b", i: "rbd a", tags: "pending:migrate:r1:100:", cluster: "migrate",
			want: "needs-repair too-weak | add result:migrate:r1:NOW:enoperm: | remove pending:migrate:r1:100:"},
		{name: "S9 S3 T9 the pass after that tells of the policy, in place of it", nodes: "m a:offline b", i: "rbd a", tags: "result:migrate:r1:100:enoperm:", cluster: "migrate",
			want: "needs-repair too-weak | add result:failover:new1:NOW:enoperm: | remove result:migrate:r1:100:enoperm:"},
		{name: "S7 replace-disks failed, then the primary went offline: half a copy is nothing to fail over to", nodes: "m a:offline b", i: "drbd a b", tags: "pending:failover:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepReplaceDisks)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5 | remove pending:failover:r1:100:5"},
		{name: "S7 one that was refused changed nothing", nodes: "m a:offline b", i: "drbd a b", tags: "pending:failover:r1:100:5",
			jobs: jobs(repairtest.FailedAt(5, repair.StepReplaceDisks, 0, "OpPrereqError", "no", luxi.ECodeState)),
			want: "pending retry (r1+0) | start failover pending:failover:r1:100:5 for pending:failover:r1:100:5"},
		{name: "S7 another replace-disks has succeeded since", nodes: "m a:offline b", i: "drbd a b", tags: "pending:failover:r1:100:5+6", jobs: jobs(repairtest.Failed(5, repair.StepReplaceDisks), repairtest.Done(6, repair.StepReplaceDisks)),
			want: "pending ready (r1+0) | start failover pending:failover:r1:100:5+6 for pending:failover:r1:100:5+6"},
		{name: "S7 a migration has failed as well", nodes: "m a:offline b", i: "drbd a b", tags: "pending:failover:r1:100:5+6", jobs: jobs(repairtest.Failed(5, repair.StepReplaceDisks), repairtest.Failed(6, repair.StepMigrate)),
			want: "failed failed (r1+0) | add result:failover:r1:NOW:failure:5+6 | remove pending:failover:r1:100:5+6"},
		{name: "S9 T9 the old results go", nodes: "m a:offline b", i: "rbd a", tags: "pending:migrate:r1:100: result:migrate:o:1:success:", cluster: "failover",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new | add result:migrate:r1:NOW:enoperm: | remove pending:migrate:r1:100: result:migrate:o:1:success:"},

		{name: "S12 P9 a repair already pending stays so", nodes: "m a:offline b:drained", i: "drbd a b", tags: f1,
			want: "pending no-repair (r1+0)"},
		{name: "S12 P9 whatever its type", nodes: "m a:drained b", i: "plain a", tags: "pending:fix-storage:r1:100:",
			want: "pending no-repair (r1+0)"},
		{name: "S12 unknown place: nothing is concluded", nodes: "m a b", i: "rbd gone", tags: f1 + "5", jobs: jobs(repairtest.Canceled(5, repair.StepFailover)),
			want: "pending unknown-place (r1+0)"},
		{name: "P10 admin offline", nodes: "m a:offline b", i: "plain a", tags: "pending:reinstall:r1:100:", with: func(_ *repair.Snapshot, i *repair.Instance, _ *repair.Settings) { i.AdminState = "offline" },
			want: "pending admin-offline (r1+0)"},
		{name: "P11 the secondary is not fit", nodes: "m a:offline b:incapable", i: "drbd a b", tags: f1,
			want: "pending no-target (r1+0)"},
		{name: "P6 whether it runs is not known", nodes: "m a:drained b", i: "rbd a", tags: "pending:migrate:r1:100:", with: noLive,
			want: "pending no-live-status (r1+0)"},
	})
}

// S11, T6, T10: results and leftovers.
func TestDecideRecords(t *testing.T) {
	const failure = "result:failover:r0:50:failure:1"
	checkDecisions(t, []decideRow{
		{name: "S11 in need", nodes: "m a:offline b", i: "rbd a", tags: failure, cluster: "failover", want: "failed failed"},
		{name: "S11 healthy again", nodes: "m a b", i: "rbd a", tags: failure, cluster: "failover", want: "failed failed"},
		{name: "S11 further repairs wait", nodes: "m a:offline b", i: "rbd a", tags: failure + " pending:failover:r1:100:", want: "failed failed (r1+0)"},
		{name: "S11 even on a healthy instance", nodes: "m a b", i: "rbd a", tags: failure + " pending:failover:r1:100:", want: "failed failed (r1+0)"},
		{name: "S11 a newer success does not clear it", nodes: "m a:offline b", i: "rbd a", tags: failure + " result:failover:x:60:success:", cluster: "failover", want: "failed failed"},
		{name: "S11 T11 harep's", nodes: "m a:offline b", i: "plain a", tags: "result:reinstall:6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a:50:failure:1+2", cluster: "reinstall", want: "failed failed"},
		{name: "S11 T6 its leftover goes", nodes: "m a:offline b", i: "rbd a", tags: failure + " pending:failover:r0:10:1", want: "failed failed | remove pending:failover:r0:10:1"},

		{name: "T6 a leftover beside its success", nodes: "m a b", i: "rbd a", tags: "result:failover:r0:50:success:1 pending:failover:r0:10:1",
			want: "healthy unsettled | remove pending:failover:r0:10:1"},
		{name: "T6 a leftover beside its enoperm, and the policy acts", nodes: "m a:offline b", i: "rbd a", tags: "result:migrate:r0:50:enoperm: pending:migrate:r0:10:", cluster: "failover",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new | remove pending:migrate:r0:10:"},
		{name: "T6 a leftover and another repair", nodes: "m a:offline b", i: "rbd a", tags: "result:failover:r0:50:success:1 pending:failover:r0:10:1 pending:failover:r1:100:",
			want: "pending ready (r1+0) | start failover pending:failover:r1:100: for pending:failover:r1:100: | remove pending:failover:r0:10:1"},
		{name: "T6 two copies on a healthy instance", nodes: "m a b", i: "rbd a", tags: "pending:failover:r1:100: pending:failover:r1:100:5", jobs: jobs(repairtest.Done(5, repair.StepFailover)),
			want: "healthy unsettled | add result:failover:r1:NOW:success:5 | remove pending:failover:r1:100: pending:failover:r1:100:5"},
		{name: "T6 two copies, the job runs", nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:r1:100: pending:failover:r1:100:5", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobRunning)),
			want: "pending jobs-running (r1+0)"},

		{name: "T10 an unreadable pending tag holds", nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:x", cluster: "failover", want: "needs-repair unreadable-tag"},
		{name: "T10 an unreadable result holds", nodes: "m a:offline b", i: "rbd a", tags: "result:failover:x:1:maybe:", cluster: "failover", want: "needs-repair unreadable-tag"},
		{name: "T10 a readable repair beside it is held, too", nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:x pending:failover:r1:100:", want: "pending unreadable-tag (r1+0)"},
		{name: "T10 nothing is settled either", nodes: "m a b", i: "rbd a", tags: "result:x pending:failover:r1:100:", want: "pending unreadable-tag (r1+0)"},
		{name: "T10 on a healthy instance", nodes: "m a b", i: "rbd a", tags: "pending:", want: "healthy unreadable-tag"},
		{name: "T10 beside a failure", nodes: "m a b", i: "rbd a", tags: "pending: " + failure, want: "failed unreadable-tag"},
		{name: "T10 an unreadable type permits nothing", nodes: "m a:offline b", i: "rbd a", tags: "failovr", cluster: "failover", want: "needs-repair unreadable-tag"},
		{name: "T10 an unreadable type permits nothing whatever stands beside it", nodes: "m a:offline b", i: "rbd a", tags: "failover Reinstall", want: "needs-repair unreadable-tag"},
		{name: "T10 a misspelt suspension suspends", nodes: "m a:offline b", i: "rbd a", tags: "Suspend", cluster: "failover", want: "suspended suspended"},
		{name: "T10 on another object than the nearest it means nothing", nodes: "m a:offline b", i: "rbd a", tags: "failover", cluster: "none",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
		{name: "T10 records on the cluster mean nothing", nodes: "m a:offline b", i: "rbd a", cluster: "failover pending:failover:x:1: result:failover:y:1:failure:",
			want: "needs-repair ready | start failover pending:failover:new1:NOW: new"},
	})
}

// T8: a repair whose list of jobs fills the tag goes on; what is dropped is not
// decided here, but the newest jobs are there.
func TestDecideManyJobs(t *testing.T) {
	row := decideRow{nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:r1:100:1234567+1234568", cluster: "failover"}
	row.jobs = jobs(repairtest.Failed(1234567, repair.StepFailover), repairtest.Failed(1234568, repair.StepFailover))
	d := row.decide()
	if d.Start == nil || len(d.Start.Repair.Jobs) != 2 || d.Start.Tries != 2 {
		t.Errorf("%s", repairtest.Render(d))
	}
}

// The words beside a decision say why: Ganeti's own error, the job, the count.
func TestDecideDetail(t *testing.T) {
	for _, row := range []struct {
		row  decideRow
		want string
	}{
		{decideRow{nodes: "m a:offline b", i: "rbd a"}, "no tag permits a repair; it would take failover"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", cluster: "migrate"}, "cluster permits migrate, the repair takes failover"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", cluster: "failover"}, "next step: failover"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepFailover))}, "job 5: it broke; tried 1 of 3 times"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:r1:100:5", jobs: jobs(repairtest.NoRoomFor(5, repair.StepFailover))}, "Not enough memory on node b"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:r1:100:5", jobs: jobs(repairtest.Canceled(5, repair.StepFailover))}, "job 5: the job was canceled"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", tags: "pending:failover:r1:100:5", jobs: jobs(repairtest.Job(5, repair.StepFailover, "i", luxi.JobWaiting))}, "job 5 is waiting"},
		{decideRow{nodes: "m a:offline b", i: "rbd a", with: queue(repairtest.Job(9, repair.StepMigrate, "i", luxi.JobRunning))}, "job 9 (INSTANCE_MIGRATE(i)) is running"},
		{decideRow{nodes: "m a b", i: "rbd a", tags: "result:failover:r0:50:failure:1"}, "repair r0 failed"},
		{decideRow{nodes: "m a b", i: "rbd a", tags: "pending:x:y"}, "pending needs 4 parts, has 2"},
		{decideRow{nodes: "m a b", i: "rbd a", tags: "pending:failover:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepFailover)), with: live("ERROR_down")}, "its status is ERROR_down while its admin state is up"},
		{decideRow{nodes: "m a b", i: "plain a", tags: "pending:reinstall:r1:100:5", jobs: jobs(repairtest.Failed(5, repair.StepReinstall))}, "the reinstallation is not complete"},
		{decideRow{nodes: "m a b", i: "plain a", tags: "pending:reinstall:r1:100:5", jobs: jobs(cutOff("b"))}, "it was cut off before it moved i, whose old disks may be intact"},
		{decideRow{nodes: "m a b", i: "plain a", tags: "pending:reinstall:r1:100:5", jobs: jobs(cutOff("a"))}, "the reinstallation is not complete"},
	} {
		if d := row.row.decide(); !strings.Contains(d.Detail, row.want) {
			t.Errorf("%s: detail %q, want %q in it", repairtest.Render(d), d.Detail, row.want)
		}
	}
}

// cutOff is a reinstallation on the node that was cut off in its first opcode.
func cutOff(node string) luxi.JobInfo {
	job := repairtest.FailedAt(5, repair.StepReinstall, 0, "OpExecError", "detected death of job", "")
	job.Ops[0].Params["nodes"] = json.RawMessage(fmt.Sprintf("[%q]", node))
	return job
}

// Deciding changes nothing of what it was given, and twice is the same.
func TestDecideIsPure(t *testing.T) {
	row := decideRow{nodes: "m a:offline b", i: "drbd b a", tags: "pending:failover:r1:100:5+7 pending:failover:r1:100:7 result:migrate:o:1:success:", jobs: jobs(repairtest.Failed(5, repair.StepFailover), repairtest.Done(7, repair.StepFailover))}
	words := strings.SplitN(row.i, " ", 2)
	i := repairtest.Instance("i", words[0], words[1], row.tags)
	s := repairtest.WithJobs(repairtest.Snapshot(row.nodes, i), row.jobs...)
	first := repairtest.Render(repair.Decide(s, i, repair.DefaultSettings(), func() string { return "new" }))
	if again := repairtest.Render(repair.Decide(s, i, repair.DefaultSettings(), func() string { return "new" })); again != first {
		t.Errorf("first %s, then %s", first, again)
	}
}
