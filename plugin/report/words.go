package report

import (
	"fmt"
	"strings"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// actionWords tells the actions of a plan to people, each in one line.
type actionWords struct {
	allocator string // that chooses nodes; empty if they are chosen here
}

// allocatorName returns the name of the allocator that chooses nodes; empty if there is
// none.
func allocatorName(s *repair.Snapshot, set repair.Settings) string {
	if set.IAllocator != "" {
		return set.IAllocator
	}
	return s.Cluster.IAllocator
}

// allocatorOf returns the name of an allocator as opcodes have it, where "." stands for
// the cluster's own.
func allocatorOf(s *repair.Snapshot, name string) string {
	if name == "." {
		return s.Cluster.IAllocator
	}
	return name
}

// line tells an action without the name of its object: "failover node3 -> node4, then
// replace-disks (secondary chosen by hail)".
func (w actionWords) line(a repair.Action) string {
	if t := a.TakesBack; t != nil {
		return fmt.Sprintf("take back job %d (%s): %s", t.Job, t.Step, t.Why)
	}
	var parts []string
	for k, r := range a.Results {
		parts = append(parts, resultLine(r, a.Decision.Settled[k].Why))
	}
	switch {
	case a.Job != nil:
		parts = append(parts, w.step(a))
	case a.Begins:
		parts = append(parts, fmt.Sprintf("becomes pending (%s) and waits: %s", a.Pending.Type, a.Why))
	case a.Pending != nil:
		parts = append(parts, "its pending tag is written anew: "+a.Why)
	case len(a.Remove) > len(a.Ended) && len(parts) == 0:
		parts = append(parts, "tags that are left over are removed")
	}
	if len(a.Ended) > 0 {
		parts = append(parts, "its suspension has ended")
	}
	return strings.Join(parts, "; ")
}

// resultLine tells of a result that is written.
func resultLine(r tagstore.Result, why string) string {
	if r.Outcome == tagstore.Enoperm && len(r.Jobs) == 0 {
		return "not permitted: " + why
	}
	return fmt.Sprintf("repair %s ends with %s: %s", r.ID, r.Outcome, why)
}

// step tells the step of an action, what must succeed before it, and the steps behind it.
func (w actionWords) step(a repair.Action) string {
	to := strings.Join(a.To(), "+")
	if to == "" {
		to = "a node chosen " + w.chooser()
	}
	text := fmt.Sprintf("%s %s -> %s", a.Job.Step, a.From(), to)
	switch {
	case a.Job.Step == repair.StepReplaceDisks:
		text = fmt.Sprintf("%s, secondary %s -> %s", a.Job.Step, a.From(), to)
	case a.Job.Step == repair.StepReplaceOnPrimary:
		text = fmt.Sprintf("%s on %s", a.Job.Step, a.From())
	case a.LosesData():
		text += ", its data is lost"
	case len(a.Job.OpCodes) > 1:
		text = "activate-disks, " + text // so that the copies are compared (P19)
	}
	if a.Job.Test {
		text += ", if a dry run finds room"
	}
	if len(a.Job.Fence) > 0 {
		text += ", if the fence of " + strings.Join(a.Job.Fence, " and ") + " succeeds"
	}
	for _, next := range a.Decision.Need.Steps[1:] {
		text += ", then " + string(next)
		if next == repair.StepReplaceDisks {
			text += " (secondary chosen " + w.chooser() + ")"
		}
	}
	return text
}

func (w actionWords) chooser() string {
	if w.allocator == "" {
		return "here"
	}
	return "by " + w.allocator
}

// Doing tells a step that is under way: "failing over to node4". The nodes that it
// brings the instance to may not be known yet.
func Doing(step repair.Step, to []string) string {
	words := map[repair.Step][2]string{
		repair.StepReplaceDisks:     {"replacing disks", ", new secondary "},
		repair.StepReplaceOnPrimary: {"replacing disks on the primary node", " "},
		repair.StepMigrate:          {"migrating", " to "},
		repair.StepFailover:         {"failing over", " to "},
		repair.StepReinstall:        {"reinstalling", " on "},
	}[step]
	switch {
	case words[0] == "":
		return "working"
	case len(to) == 0:
		return words[0]
	}
	return words[0] + words[1] + strings.Join(to, "+")
}

// Target returns the nodes that a job brings its instance to, as far as its opcodes, its
// log or the place of the instance tell; none if an allocator is yet to choose.
func Target(s *repair.Snapshot, i *repair.Instance, f *repair.JobFact) []string {
	if nodes := repair.NamedTargets(f.Info); len(nodes) > 0 {
		return nodes
	}
	switch node := s.Targets[f.Info.ID]; {
	case node != "":
		return []string{node}
	case i.Template == "drbd" && (f.Step == repair.StepMigrate || f.Step == repair.StepFailover):
		return i.Secondaries
	}
	return nil
}
