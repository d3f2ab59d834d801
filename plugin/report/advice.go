package report

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// advise completes a view with what holds the instance and what a person could
// type about it (O3, O4).
func advise(p *repair.Plan, d *repair.Decision, v *View) {
	i := d.Instance
	if g := p.Snapshot.Group(i); g != nil {
		v.Group = g.Name
	}
	if d.Reason == repair.ReasonBusy || d.Reason == repair.ReasonJobsRunning {
		if id := runningJob(p, d); id != 0 {
			v.HeldBy, v.Command = fmt.Sprintf("job %d", id), fmt.Sprintf("gnt-job watch %d", id)
		}
		return
	}
	switch d.Reason {
	case repair.ReasonSuspended:
		v.HeldBy = d.Policy.Origin
		v.Command = "ganeti-autorepair resume " + ObjectWord(d.Policy.Origin)
	case repair.ReasonUnreadableTag:
		tag := i.Tags.Records().Unclear[0].Tag
		v.HeldBy, v.Command = "tag "+tag, fmt.Sprintf("gnt-instance remove-tags %s %s", i.Name, tag)
	case repair.ReasonNoPermission, repair.ReasonTooWeak:
		v.HeldBy = "policy"
		v.Command = fmt.Sprintf("ganeti-autorepair repair %s %s", i.Name, d.Need.Type)
	case repair.ReasonFailed:
		v.HeldBy, v.Command = "failure result", "ganeti-autorepair ack "+i.Name
	case repair.ReasonNoRoom:
		v.HeldBy, v.Command = "resources", "gnt-node list -o name,offline,drained,mfree,dfree"
	case repair.ReasonHalfCopy:
		v.HeldBy, v.Command = "replace-disks that failed", "gnt-instance info "+i.Name
	case repair.ReasonMaxUnhealthy:
		v.HeldBy, v.Command = "max_unhealthy_nodes", "gnt-node list -o name,group,offline,drained"
	case repair.ReasonMaxNew:
		v.HeldBy, v.Command = "max_new_per_pass", "ganeti-autorepair run --wait"
	case repair.ReasonNotFenced:
		v.HeldBy, v.Command = "fence", "ganeti-autorepair run --wait" // asks again
	case repair.ReasonOneSlot:
		v.HeldBy, v.Command = "max_running_jobs", "gnt-cluster modify --max-running-jobs=20"
	case repair.ReasonAdminOffline:
		v.HeldBy, v.Command = "admin state", "gnt-instance modify --online "+i.Name
	case repair.ReasonNoLiveStatus:
		v.HeldBy, v.Command = "live status", "gnt-instance list -o name,status,oper_state "+i.Name
	case repair.ReasonNoRepair:
		v.HeldBy, v.Command = "nodes", "ganeti-autorepair explain "+i.Name // what is left depends on what people know
	case repair.ReasonNoTarget:
		v.HeldBy, v.Command = "nodes", "gnt-node list -o name,group,offline,drained,vm_capable "+strings.Join(i.Secondaries, " ")
	case repair.ReasonUnknownPlace:
		v.HeldBy, v.Command = "nodes", "gnt-cluster verify"
	case repair.ReasonReady, repair.ReasonRetry, repair.ReasonUnsettled:
		v.Command = "ganeti-autorepair run --wait"
	case repair.ReasonHealthy:
		if len(v.Bad) > 0 {
			v.Command = fmt.Sprintf("gnt-instance remove-tags %s %s", i.Name, v.Bad[0].Tag)
		}
	}
}

// runningJob is the unfinished job that an instance waits for: of its own
// repairs, or else somebody else's.
func runningJob(p *repair.Plan, d *repair.Decision) luxi.JobID {
	for _, r := range d.Instance.Tags.Records().Repairs {
		for _, id := range r.Jobs {
			if f := p.Snapshot.Jobs[id]; f != nil && f.Outcome == repair.OutcomeUnfinished {
				return id
			}
		}
	}
	if job, busy := p.Snapshot.BusyJob(d.Instance, nil); busy {
		return job.ID
	}
	return 0
}

// ObjectWord is an object as the commands take it: "cluster", "group:rack1",
// "web1". It is given as tagstore.Object.String names it.
func ObjectWord(origin string) string {
	kind, name, _ := strings.Cut(origin, " ")
	switch kind {
	case "group":
		return "group:" + name
	case "instance":
		return name
	}
	return kind
}
