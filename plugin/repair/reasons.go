package repair

// States and Reasons are all there are, in the order in which users see them.
var (
	States  = []State{StateHealthy, StateSuspended, StateNeedsRepair, StatePending, StateFailed}
	Reasons = []Reason{
		ReasonHealthy, ReasonUnsettled, ReasonSuspended, ReasonNoPermission, ReasonTooWeak, ReasonNoRepair, ReasonAdminOffline, ReasonNoTarget,
		ReasonNoLiveStatus, ReasonUnknownPlace, ReasonUnreadableTag, ReasonReady, ReasonRetry, ReasonJobsRunning, ReasonBusy, ReasonNoRoom,
		ReasonMaxUnhealthy, ReasonMaxNew, ReasonNotFenced, ReasonOneSlot, ReasonHalfCopy, ReasonFailed,
	}
)

// valves are the settings that hold repairs, by the reason they give.
var Valves = []struct {
	Reason  Reason
	Setting string
}{{ReasonMaxUnhealthy, "max_unhealthy_nodes"}, {ReasonMaxNew, "max_new_per_pass"}, {ReasonNotFenced, "fence"}}

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

// Reason is a stable word for why an instance is in its state and what, if
// anything, holds it. Scripts may rely on the words.
type Reason string

// The reasons.
const (
	ReasonHealthy       Reason = "healthy"
	ReasonSuspended     Reason = "suspended"      // a suspend tag holds it (S2)
	ReasonUnreadableTag Reason = "unreadable-tag" // a pending or result tag cannot be read (T10)
	ReasonNoPermission  Reason = "no-permission"  // no tag permits any repair (S3)
	ReasonTooWeak       Reason = "too-weak"       // the permission does not cover the repair (S3)
	ReasonNoRepair      Reason = "no-repair"      // no repair exists (S12, P9)
	ReasonAdminOffline  Reason = "admin-offline"  // an instance marked offline cannot be reinstalled (P10)
	ReasonNoTarget      Reason = "no-target"      // the only possible target is not fit (P11)
	ReasonNoLiveStatus  Reason = "no-live-status" // whether it runs could not be found out
	ReasonUnknownPlace  Reason = "unknown-place"  // its nodes are not nodes of the cluster
	ReasonFailed        Reason = "failed"         // a failure result waits for a person (S11)
	ReasonJobsRunning   Reason = "jobs-running"   // jobs of its repair are not finished (S5)
	ReasonBusy          Reason = "busy"           // a job of somebody else names it
	ReasonNoRoom        Reason = "no-room"        // not enough resources (S8)
	ReasonReady         Reason = "ready"          // the next step can be submitted (S4, S10)
	ReasonRetry         Reason = "retry"          // the last step is to be tried again (S7)
	ReasonUnsettled     Reason = "unsettled"      // healthy, but a repair record is yet to be settled
	ReasonMaxUnhealthy  Reason = "max-unhealthy"  // valve V2
	ReasonMaxNew        Reason = "max-new"        // valve V3
	ReasonHalfCopy      Reason = "half-copy"      // the disks on its secondary node may not be complete (S7)
	ReasonNotFenced     Reason = "not-fenced"     // the fence of its offline node does not hold (V5)
	ReasonOneSlot       Reason = "one-slot"       // the job queue runs one job at a time; held jobs need two (C1)
)
