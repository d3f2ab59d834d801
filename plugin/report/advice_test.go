package report_test

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// O3, O4: whatever an instance is in, there is something that holds it, or a step
// that comes next, and a command to type about it.
func TestAdvice(t *testing.T) {
	want := map[repair.Reason]struct{ blocks, command string }{
		repair.ReasonHealthy:         {"", ""},
		repair.ReasonUnsettled:       {"", "ganeti-autorepair run --wait"},
		repair.ReasonSuspended:       {"group rack1", "ganeti-autorepair resume group:rack1"},
		repair.ReasonNoPermission:    {"policy", "ganeti-autorepair repair i failover"},
		repair.ReasonTooWeak:         {"policy", "ganeti-autorepair repair i failover"},
		repair.ReasonNoRepair:        {"nodes", "ganeti-autorepair explain i"},
		repair.ReasonAdminOffline:    {"admin state", "gnt-instance modify --online i"},
		repair.ReasonNoTarget:        {"nodes", "gnt-node list -o name,group,offline,drained,vm_capable b"},
		repair.ReasonNoLiveStatus:    {"live status", "gnt-instance list -o name,status,oper_state i"},
		repair.ReasonUnknownPlace:    {"nodes", "gnt-cluster verify"},
		repair.ReasonUnreadableTag:   {"tag ganeti:watcher:autorepair:pending:x", "gnt-instance remove-tags i ganeti:watcher:autorepair:pending:x"},
		repair.ReasonReady:           {"", "ganeti-autorepair run --wait"},
		repair.ReasonRetry:           {"", "ganeti-autorepair run --wait"},
		repair.ReasonJobsRunning:     {"job 9", "gnt-job watch 9"},
		repair.ReasonBusy:            {"job 9", "gnt-job watch 9"},
		repair.ReasonNoRoom:          {"resources", "gnt-node list -o name,offline,drained,mfree,dfree"},
		repair.ReasonMaxUnhealthy:    {"max_unhealthy_nodes", "gnt-node list -o name,group,offline,drained"},
		repair.ReasonMaxNew:          {"max_new_per_pass", "ganeti-autorepair run --wait"},
		repair.ReasonNotFenced:       {"fence", "ganeti-autorepair run --wait"},
		repair.ReasonNotBegun:        {"what the last pass met", "ganeti-autorepair run --wait"},
		repair.ReasonOneSlot:         {"max_running_jobs", "gnt-cluster modify --max-running-jobs=20"},
		repair.ReasonHalfCopy:        {"replace-disks that failed", "gnt-instance info i"},
		repair.ReasonWhereabouts:     {"migration that failed", "gnt-instance migrate --cleanup i"},
		repair.ReasonNoSystem:        {"reinstallation that failed", "gnt-instance reinstall i"},
		repair.ReasonCanceled:        {"canceled job", "ganeti-autorepair suspend i"},
		repair.ReasonFiltered:        {"job filter", "gnt-filter list"},
		repair.ReasonNoSlot:          {"jobs under way", "gnt-job list --running"},
		repair.ReasonCopiesLater:     {"failovers under way", "gnt-job list --running"},
		repair.ReasonNodeStorage:     {"storage of a node", "gnt-node modify --drained=yes --auto-promote "},
		repair.ReasonDisksUnknown:    {"closer look", "gnt-instance info i"},
		repair.ReasonResyncing:       {"resynchronization", "gnt-instance info i"},
		repair.ReasonDisconnected:    {"replication", "gnt-instance info i"},
		repair.ReasonDisksBroken:     {"disks", "gnt-instance info i"},
		repair.ReasonDiskMissing:     {"disks", "gnt-instance info i"},
		repair.ReasonSettling:        {"verification of disks", "gnt-cluster verify-disks"},
		repair.ReasonFlapping:        {"repeat_after", "ganeti-autorepair repair i failover"},
		repair.ReasonStaleCopy:       {"incomplete copy", "gnt-instance info i"},
		repair.ReasonDisklessPrimary: {"disks", "gnt-instance replace-disks -p i"},
		repair.ReasonCannotStart:     {"refused starts", "gnt-instance start i"},
		repair.ReasonManyDown:        {"max_relocations", "gnt-instance list -o name,pnode,status"},
		repair.ReasonFailed:          {"failure result", "ganeti-autorepair ack i"},
	}
	for _, info := range repair.ReasonTable() {
		reason := info.Reason
		tags := ""
		if reason == repair.ReasonUnreadableTag {
			tags = "pending:x"
		}
		i := repairtest.Instance("i", "drbd", "a b", tags)
		s := repairtest.WithJobs(repairtest.Snapshot("m a:offline b", i), repairtest.Job(9, repair.StepFailover, "i", luxi.JobRunning))
		d := repair.Decision{Instance: i, Reason: reason, Need: repair.Diagnose(s, i)}
		d.Policy.Origin = "group rack1"
		v := report.ViewOf(&repair.Plan{Snapshot: s}, d)
		if w, ok := want[reason]; !ok || v.Blocks != w.blocks || v.Command != w.command {
			t.Errorf("%s: blocked by %q: %q", reason, v.Blocks, v.Command)
		}
	}
}
