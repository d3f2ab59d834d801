package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// usualFields are what status shows without -o.
var usualFields = []string{"instance", "state", "reason", "from_node", "to_nodes", "policy", "need", "repair", "age", "repair.jobs", "why"}

// statusFields are the fields of "status -o". Their names are the paths of the same things
// in the JSON, where an object is told in a few words; age alone is for people.
func statusFields(now time.Time) []field[report.View] {
	type V = report.View
	repair := func(get func(r *report.RepairView) string) func(V) string {
		return func(v V) string {
			if v.Repair == nil {
				return ""
			}
			return get(v.Repair)
		}
	}
	need := func(get func(n *report.NeedView) string) func(V) string {
		return func(v V) string {
			if v.Need == nil {
				return ""
			}
			return get(v.Need)
		}
	}
	return []field[V]{
		{name: "instance", title: "Instance", doc: "Name of the instance", value: func(v V) string { return v.Instance }},
		{name: "uuid", title: "UUID", doc: "UUID of the instance", value: func(v V) string { return v.UUID }},
		{name: "state", title: "State", doc: "State: healthy, suspended, needs-repair, pending, failed",
			value: func(v V) string { return string(v.State) }, colour: func(v V) string { return stateColour(v.State) }},
		{name: "reason", title: "Reason", doc: "Reason for the state, a stable word", value: func(v V) string { return string(v.Reason) }},
		{name: "why", title: "Why", doc: "The reason in words", value: why},
		{name: "from_node", title: "From", doc: "Node that the present or next step takes it from", value: func(v V) string { return v.From }},
		{name: "to_nodes", title: "To", doc: "Nodes that the step brings it to, or the allocator that is yet to choose", value: func(v V) string {
			if len(v.To) == 0 && v.ChosenBy != "" {
				return "(" + v.ChosenBy + ")"
			}
			return strings.Join(v.To, ",")
		}},
		{name: "down", title: "Down", doc: "Whether it should be up and is down for good", value: func(v V) string { return strconv.FormatBool(v.Down) }},
		{name: "sign", title: "Sign", doc: "What tells that its disks may be broken, though its nodes are good", value: func(v V) string { return v.Sign }},
		{name: "not_started", title: "NotStarted", doc: "What ganeti-watcher has tried in vain to start it", value: func(v V) string { return v.NotStarted }},
		{name: "policy", title: "Policy", doc: "Strongest repair permitted, or suspended, and where that comes from",
			value: func(v V) string { return v.Policy.Short() }},
		{name: "policy.type", title: "PolicyType", doc: "Strongest repair permitted: none if nothing is", value: func(v V) string { return v.Policy.Type }},
		{name: "policy.origin", title: "PolicyOrigin", doc: "Object that decides the policy", value: func(v V) string { return v.Policy.Origin }},
		{name: "policy.tag", title: "PolicyTag", doc: "Tag that decides the policy", value: func(v V) string { return v.Policy.Tag }},
		{name: "policy.suspended", title: "Suspended", doc: "Whether repairs are suspended", value: func(v V) string { return strconv.FormatBool(v.Policy.Suspended) }},
		{name: "policy.suspended_until", title: "SuspendedUntil", doc: "Unix time at which the suspension ends", right: true, value: func(v V) string {
			if v.Policy.Until == 0 {
				return ""
			}
			return strconv.FormatInt(v.Policy.Until, 10)
		}},
		{name: "need", title: "Need", doc: "Steps that a repair would take from here", value: need(func(n *report.NeedView) string { return strings.Join(n.Steps, ",") })},
		{name: "need.row", title: "NeedRow", doc: "Row of the table of repairs", value: need(func(n *report.NeedView) string { return n.Row })},
		{name: "need.type", title: "NeedType", doc: "Type of repair that is needed", value: need(func(n *report.NeedView) string { return n.Type })},
		{name: "need.steps", title: "NeedSteps", doc: "The same as need", value: need(func(n *report.NeedView) string { return strings.Join(n.Steps, ",") })},
		{name: "repair", title: "Repair", doc: "Type and id of the pending repair", value: repair(func(r *report.RepairView) string { return r.Type + " " + r.ID })},
		{name: "repair.id", title: "RepairID", doc: "Id of the pending repair", value: repair(func(r *report.RepairView) string { return r.ID })},
		{name: "repair.type", title: "RepairType", doc: "Type of the pending repair", value: repair(func(r *report.RepairView) string { return r.Type })},
		{name: "repair.since", title: "Since", doc: "Unix time at which the pending repair began", right: true,
			value: repair(func(r *report.RepairView) string { return strconv.FormatInt(r.Since, 10) })},
		{name: "age", title: "Age", doc: "Age of the pending repair", right: true, sortBy: "repair.since", value: repair(func(r *report.RepairView) string { return report.Age(r.Since, now) })},
		{name: "repair.jobs", title: "Jobs", doc: "Jobs of the pending repair and their states", value: repair(jobStates)},
		{name: "repair.more_waiting", title: "Waiting", doc: "Further pending repairs behind it", right: true,
			value: repair(func(r *report.RepairView) string { return strconv.Itoa(r.Waiting) })},
		{name: "next_step", title: "Next", doc: "Step that a pass would submit now", value: func(v V) string { return v.Next }},
		{name: "blocked_by", title: "BlockedBy", doc: "What blocks the next step", value: func(v V) string { return v.Blocks }},
		{name: "command", title: "Command", doc: "Command that a person could type", value: func(v V) string { return v.Command }},
		{name: "node_group", title: "Group", doc: "Node group of the primary node", value: func(v V) string { return v.Group }},
		{name: "primary_node", title: "PrimaryNode", doc: "Primary node", value: func(v V) string { return v.Primary }},
		{name: "secondary_nodes", title: "SecondaryNodes", doc: "Secondary nodes", value: func(v V) string { return strings.Join(v.Second, ",") }},
		{name: "failures", title: "Failures", doc: "Failure results that wait for a person", value: func(v V) string { return strings.Join(v.Failures, ",") }},
		{name: "unreadable_tags", title: "UnreadableTags", doc: "Tags of the instance that cannot be read", value: func(v V) string {
			var tags []string
			for _, b := range v.Bad {
				tags = append(tags, b.Tag)
			}
			return strings.Join(tags, ",")
		}},
		{name: "chosen_by", title: "ChosenBy", doc: "Allocator that is yet to choose the node", value: func(v V) string { return v.ChosenBy }},
		{name: "disk_template", title: "DiskTemplate", doc: "Disk template", value: func(v V) string { return v.Template }},
	}
}

func jobStates(r *report.RepairView) string {
	var jobs []string
	for _, j := range r.Jobs {
		jobs = append(jobs, fmt.Sprintf("%d:%s", j.ID, j.Status))
	}
	return strings.Join(jobs, ",")
}

// why returns the reason in words, and for a failure the command that clears it.
func why(v report.View) string {
	if v.Reason == repair.ReasonFailed && len(v.Failures) > 0 {
		return v.Detail + "; after a look: " + v.Command
	}
	return v.Detail
}

func stateColour(s repair.State) string {
	switch s {
	case repair.StateFailed:
		return red
	case repair.StatePending:
		return yellow
	case repair.StateNeedsRepair:
		return bold
	case repair.StateSuspended:
		return cyan
	case repair.StateHealthy:
		return green
	}
	return ""
}
