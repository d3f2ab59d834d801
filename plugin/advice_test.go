package plugin

import (
	"testing"

	"ganeti-autorepair/luxi"
)

// O3, O4: whatever an instance is in, there is something that holds it, or a step
// that comes next, and a command to type about it.
func TestAdvice(t *testing.T) {
	want := map[Reason]struct{ held, command string }{
		ReasonHealthy:       {"", ""},
		ReasonUnsettled:     {"", "ganeti-autorepair run --wait"},
		ReasonSuspended:     {"group rack1", "ganeti-autorepair resume group:rack1"},
		ReasonNoPermission:  {"policy", "ganeti-autorepair repair i failover"},
		ReasonTooWeak:       {"policy", "ganeti-autorepair repair i failover"},
		ReasonNoRepair:      {"nodes", "ganeti-autorepair explain i"},
		ReasonAdminOffline:  {"admin state", "gnt-instance modify --online i"},
		ReasonNoTarget:      {"nodes", "gnt-node list -o name,group,offline,drained,vm_capable b"},
		ReasonNoLiveStatus:  {"live status", "gnt-instance list -o name,status,oper_state i"},
		ReasonUnknownPlace:  {"nodes", "gnt-cluster verify"},
		ReasonUnreadableTag: {"tag ganeti:watcher:autorepair:pending:x", "gnt-instance remove-tags i ganeti:watcher:autorepair:pending:x"},
		ReasonReady:         {"", "ganeti-autorepair run --wait"},
		ReasonRetry:         {"", "ganeti-autorepair run --wait"},
		ReasonJobsRunning:   {"job 9", "gnt-job watch 9"},
		ReasonBusy:          {"job 9", "gnt-job watch 9"},
		ReasonNoRoom:        {"resources", "gnt-node list -o name,offline,drained,mfree,dfree"},
		ReasonMaxUnhealthy:  {"max_unhealthy_nodes", "gnt-node list -o name,group,offline,drained"},
		ReasonMaxNew:        {"max_new_per_pass", "ganeti-autorepair run --wait"},
		ReasonNotFenced:     {"fence", "ganeti-autorepair run --wait"},
		ReasonOneSlot:       {"max_running_jobs", "gnt-cluster modify --max-running-jobs=20"},
		ReasonHalfCopy:      {"replace-disks that failed", "gnt-instance info i"},
		ReasonFailed:        {"failure result", "ganeti-autorepair ack i"},
	}
	for _, reason := range Reasons {
		tags := ""
		if reason == ReasonUnreadableTag {
			tags = "pending:x"
		}
		i := instance("i", "drbd", "a b", tags)
		s := withJobs(snapshot("m a:offline b", i), job(9, StepFailover, "i", luxi.JobRunning))
		d := &Decision{Instance: i, Reason: reason, Need: Diagnose(s, i)}
		d.Policy.Origin = "group rack1"
		v := ViewOf(&Plan{Snapshot: s}, d)
		if w, ok := want[reason]; !ok || v.HeldBy != w.held || v.Command != w.command {
			t.Errorf("%s: held by %q: %q", reason, v.HeldBy, v.Command)
		}
	}
}
