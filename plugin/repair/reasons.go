package repair

// State is where an instance stands in the design's diagram of states.
type State string

// The states.
const (
	StateHealthy     State = "healthy"
	StateSuspended   State = "suspended"
	StateNeedsRepair State = "needs-repair"
	StatePending     State = "pending"
	StateFailed      State = "failed"
)

// States are all states, in the order in which users see them.
var States = []State{StateHealthy, StateSuspended, StateNeedsRepair, StatePending, StateFailed}

// Reason is a stable word for why an instance is in its state and what, if
// anything, blocks its repair. Scripts may rely on the words.
type Reason string

// The reasons. What else is known of each is in the table below.
const (
	ReasonHealthy         Reason = "healthy"
	ReasonUnsettled       Reason = "unsettled"
	ReasonSuspended       Reason = "suspended"
	ReasonNoPermission    Reason = "no-permission"
	ReasonTooWeak         Reason = "too-weak"
	ReasonNoRepair        Reason = "no-repair"
	ReasonAdminOffline    Reason = "admin-offline"
	ReasonNoTarget        Reason = "no-target"
	ReasonNoLiveStatus    Reason = "no-live-status"
	ReasonUnknownPlace    Reason = "unknown-place"
	ReasonUnreadableTag   Reason = "unreadable-tag"
	ReasonReady           Reason = "ready"
	ReasonRetry           Reason = "retry"
	ReasonJobsRunning     Reason = "jobs-running"
	ReasonBusy            Reason = "busy"
	ReasonNoRoom          Reason = "no-room"
	ReasonMaxUnhealthy    Reason = "max-unhealthy"
	ReasonMaxNew          Reason = "max-new"
	ReasonNotFenced       Reason = "not-fenced"
	ReasonNotBegun        Reason = "not-begun"
	ReasonOneSlot         Reason = "one-slot"
	ReasonHalfCopy        Reason = "half-copy"
	ReasonWhereabouts     Reason = "whereabouts"
	ReasonNoSystem        Reason = "no-system"
	ReasonCanceled        Reason = "canceled"
	ReasonFiltered        Reason = "filtered"
	ReasonNoSlot          Reason = "no-slot"
	ReasonCopiesLater     Reason = "copies-later"
	ReasonNodeStorage     Reason = "node-storage"
	ReasonDisksUnknown    Reason = "disks-unknown"
	ReasonResyncing       Reason = "resyncing"
	ReasonDisconnected    Reason = "disconnected"
	ReasonDisksBroken     Reason = "disks-broken"
	ReasonDiskMissing     Reason = "disk-missing"
	ReasonSettling        Reason = "settling"
	ReasonFlapping        Reason = "flapping"
	ReasonStaleCopy       Reason = "stale-copy"
	ReasonDisklessPrimary Reason = "diskless-primary"
	ReasonCannotStart     Reason = "cannot-start"
	ReasonManyDown        Reason = "many-down"
	ReasonFailed          Reason = "failed"
)

// ReasonInfo is what the program knows of a reason beside its word. Whatever tells
// users of reasons takes it from here.
type ReasonInfo struct {
	Reason Reason
	Demand string
	// Blocks names what keeps the next step from being taken; empty if nothing does.
	// In it, and in Command, words in braces stand for what the instance has there:
	// see advise in package report.
	Blocks string
	// Valve is the setting that blocks the repair; empty if the reason is no valve.
	Valve string
	// Person says that nothing goes on before a person has done something.
	Person bool
	// Event says that the administrator's programs are told when it begins to block a
	// repair.
	Event bool
	// Found says that only a pass finds this out: no configuration tells it. It is
	// remembered until the next pass.
	Found bool
	// Command is what a person could type about it; empty if there is nothing to type.
	Command string
}

// reasonTable has every reason, in the order in which users see them.
var reasonTable = []ReasonInfo{
	{Reason: ReasonHealthy, Demand: "S1"},
	{Reason: ReasonUnsettled, Demand: "S1", Command: "ganeti-autorepair run --wait"},
	{Reason: ReasonSuspended, Demand: "S2", Blocks: "{origin}", Command: "ganeti-autorepair resume {object}"},
	{Reason: ReasonNoPermission, Demand: "S3", Blocks: "policy", Person: true, Command: "ganeti-autorepair repair {instance} {type}"},
	{Reason: ReasonTooWeak, Demand: "S3", Blocks: "policy", Person: true, Command: "ganeti-autorepair repair {instance} {type}"},
	// What is left then depends on what people know.
	{Reason: ReasonNoRepair, Demand: "S12", Blocks: "nodes", Person: true, Command: "ganeti-autorepair explain {instance}"},
	{Reason: ReasonAdminOffline, Demand: "P10", Blocks: "admin state", Person: true, Command: "gnt-instance modify --online {instance}"},
	{Reason: ReasonNoTarget, Demand: "P11", Blocks: "nodes", Person: true, Command: "gnt-node list -o name,group,offline,drained,vm_capable {secondaries}"},
	{Reason: ReasonNoLiveStatus, Demand: "S6", Blocks: "live status", Command: "gnt-instance list -o name,status,oper_state {instance}"},
	{Reason: ReasonUnknownPlace, Demand: "C5", Blocks: "nodes", Person: true, Command: "gnt-cluster verify"},
	{Reason: ReasonUnreadableTag, Demand: "T10", Blocks: "tag {tag}", Person: true, Command: "{remove}"},
	{Reason: ReasonReady, Demand: "S4", Command: "ganeti-autorepair run --wait"},
	{Reason: ReasonRetry, Demand: "S7", Command: "ganeti-autorepair run --wait"},
	{Reason: ReasonJobsRunning, Demand: "S5", Blocks: "job {job}", Command: "gnt-job watch {job}"},
	{Reason: ReasonBusy, Demand: "C2", Blocks: "job {job}", Command: "gnt-job watch {job}"},
	{Reason: ReasonNoRoom, Demand: "S8", Blocks: "resources", Command: "gnt-node list -o name,offline,drained,mfree,dfree"},
	{Reason: ReasonMaxUnhealthy, Demand: "V2", Blocks: "max_unhealthy_nodes", Valve: "max_unhealthy_nodes", Event: true, Person: true, Command: "gnt-node list -o name,group,offline,drained"},
	{Reason: ReasonMaxNew, Demand: "V3", Blocks: "max_new_per_pass", Valve: "max_new_per_pass", Event: true, Command: "ganeti-autorepair run --wait"},
	{Reason: ReasonNotFenced, Demand: "V5", Blocks: "fence", Valve: "fence", Event: true, Person: true, Found: true, Command: "ganeti-autorepair run --wait"},
	{Reason: ReasonNotBegun, Demand: "C3", Blocks: "what the last pass met", Found: true, Event: true, Command: "ganeti-autorepair run --wait"},
	{Reason: ReasonOneSlot, Demand: "C1", Blocks: "max_running_jobs", Event: true, Person: true, Command: "gnt-cluster modify --max-running-jobs=20"},
	{Reason: ReasonHalfCopy, Demand: "S15", Blocks: "replace-disks that failed", Person: true, Command: "gnt-instance info {instance}"},
	{Reason: ReasonWhereabouts, Demand: "S16", Blocks: "migration that failed", Person: true, Command: "gnt-instance migrate --cleanup {cleanup}"},
	{Reason: ReasonNoSystem, Demand: "S18", Blocks: "reinstallation that failed", Person: true, Command: "gnt-instance reinstall {instance}"},
	{Reason: ReasonCanceled, Demand: "S13", Blocks: "canceled job", Command: "ganeti-autorepair suspend {instance}"},
	{Reason: ReasonFiltered, Demand: "C7", Blocks: "job filter", Event: true, Person: true, Command: "gnt-filter list"},
	{Reason: ReasonNoSlot, Demand: "P16", Blocks: "jobs under way", Command: "gnt-job list --running"},
	{Reason: ReasonCopiesLater, Demand: "P20", Blocks: "failovers under way", Command: "gnt-job list --running"},
	{Reason: ReasonNodeStorage, Demand: "D8", Blocks: "storage of a node", Person: true, Command: "{drain}"},
	{Reason: ReasonDisksUnknown, Demand: "D2", Blocks: "closer look", Command: "gnt-instance info {instance}"},
	{Reason: ReasonResyncing, Demand: "D5", Blocks: "resynchronization", Command: "gnt-instance info {instance}"},
	{Reason: ReasonDisconnected, Demand: "D5", Blocks: "replication", Person: true, Command: "gnt-instance info {instance}"},
	{Reason: ReasonDisksBroken, Demand: "D5", Blocks: "disks", Person: true, Command: "gnt-instance info {instance}"},
	{Reason: ReasonDiskMissing, Demand: "D5", Blocks: "disks", Person: true, Command: "gnt-instance info {instance}"},
	{Reason: ReasonSettling, Demand: "D6", Blocks: "verification of disks", Command: "gnt-cluster verify-disks"},
	{Reason: ReasonFlapping, Demand: "D7", Blocks: "repeat_after", Valve: "repeat_after", Person: true, Command: "ganeti-autorepair repair {instance} {type}"},
	{Reason: ReasonStaleCopy, Demand: "D9", Blocks: "incomplete copy", Person: true, Event: true, Command: "gnt-instance info {instance}"},
	{Reason: ReasonDisklessPrimary, Demand: "P19", Blocks: "disks", Person: true, Event: true, Command: "gnt-instance replace-disks -p {instance}"},
	{Reason: ReasonCannotStart, Demand: "R1", Blocks: "refused starts", Person: true, Command: "gnt-instance start {instance}"},
	{Reason: ReasonManyDown, Demand: "R2", Blocks: "max_relocations", Valve: "max_relocations", Person: true, Event: true, Command: "gnt-instance list -o name,pnode,status"},
	{Reason: ReasonFailed, Demand: "S11", Blocks: "failure result", Person: true, Command: "ganeti-autorepair ack {instance}"},
}

// ReasonTable returns what is known of every reason, in the order in which users
// see them.
func ReasonTable() []ReasonInfo { return append([]ReasonInfo(nil), reasonTable...) }

// Info returns what is known of the reason; only its word if it is none of the
// table.
func (r Reason) Info() ReasonInfo {
	for _, info := range reasonTable {
		if info.Reason == r {
			return info
		}
	}
	return ReasonInfo{Reason: r}
}
