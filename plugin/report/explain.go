package report

import (
	"fmt"
	"strings"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Explanation is the whole reasoning about one instance, in sentences for
// people and in keys for programs (O1 to O4).
type Explanation struct {
	View
	Facts      []string      `json:"facts"`           // what was read
	Tags       []TagReading  `json:"tags"`            // each tag found, nearest object first
	Permission []string      `json:"permission"`      // the policy and where it comes from
	Diagnosis  []string      `json:"diagnosis"`       // what is wrong, and what would mend it
	Steps      []StepReading `json:"steps"`           // from here to the end
	Blocks     []string      `json:"blocks"`          // valves and whatever else blocks it
	Results    []string      `json:"results"`         // how earlier repairs ended, newest first
	Verdict    string        `json:"verdict"`         // what the next pass does about it
	Remedies   []Remedy      `json:"would_change_it"` // what a person could do
	Silent     []SilentNode  `json:"silent_nodes,omitempty"`
}

// StepReading is a step of the repair and the permission it takes.
type StepReading struct {
	Step      repair.Step `json:"step"`
	Type      string      `json:"type"` // that permits it
	Permitted bool        `json:"permitted"`
	What      string      `json:"what"`
}

// Remedy is something a person could do, and the command for it.
type Remedy struct {
	What    string `json:"what"`
	Command string `json:"command"`
}

// Explain explains a decision of the plan.
func Explain(p *repair.Plan, d repair.Decision, set repair.Settings) Explanation {
	x := explainer{p: p, d: d, s: p.Snapshot, i: d.Instance, set: set, v: ViewOf(p, d)}
	silent, _ := x.silent()
	return Explanation{
		Silent: silent, View: x.v, Facts: x.facts(), Tags: x.tags(), Permission: x.permission(), Diagnosis: x.diagnosis(), Steps: x.steps(),
		Blocks: x.blocks(), Results: x.results(), Verdict: x.verdict(), Remedies: x.remedies(),
	}
}

type explainer struct {
	p   *repair.Plan
	d   repair.Decision
	s   *repair.Snapshot
	i   *repair.Instance
	set repair.Settings
	v   View
}

func (x explainer) condition(node string) string {
	n := x.s.Nodes[node]
	switch {
	case n == nil:
		return "not a node of the cluster"
	case n.Condition() == repair.NodeOffline:
		return "offline"
	case n.Condition() == repair.NodeDrained:
		return "drained"
	case !n.VMCapable:
		return "online, not vm_capable"
	}
	return "online"
}

// silent returns those of the instance's nodes that do not answer, and what is told of them.
func (x explainer) silent() ([]SilentNode, []SilenceView) { return silentAmong(x.s, x.i.Nodes()) }

// where tells of a node of the instance what its flags say, and whether it answers.
func (x explainer) where(node string) string {
	if n := x.s.Nodes[node]; n != nil && n.SilentSince != 0 {
		return x.condition(node) + ", does not answer"
	}
	return x.condition(node)
}

func (x explainer) facts() []string {
	i := x.i
	if i.Forthcoming {
		return []string{"It is forthcoming: a reservation, not an instance yet."}
	}
	var list []string
	place := fmt.Sprintf("Its primary node is %s (%s)", i.Primary, x.where(i.Primary))
	for _, name := range i.Secondaries {
		place += fmt.Sprintf(", its secondary node %s (%s)", name, x.where(name))
	}
	if x.v.Group != "" {
		place += ", in node group " + x.v.Group
	}
	list = append(list, place+".")
	list = append(list, fmt.Sprintf("Its disk template is %s, its admin state %s.", i.Template, i.AdminState))
	if x.v.Sign != "" {
		list = append(list, "Its disks may be broken: "+x.v.Sign+x.left(x.s.Disks.Repair, "disks", "gnt-instance info "+x.i.Name)+".")
	}
	if x.v.NotStarted != "" {
		list = append(list, "It does not start: "+x.v.NotStarted+x.left(x.s.Disks.Relocate, "relocate", "gnt-instance startup "+x.i.Name)+".")
	}
	if i.Live != nil {
		list = append(list, fmt.Sprintf("Its live status is %s.", i.Live.Status))
	}
	return list
}

// left says why nothing follows from what tells that something is wrong, if nothing does,
// and what a person could type.
func (x explainer) left(repairs bool, setting, command string) string {
	if repairs {
		return ""
	}
	return fmt.Sprintf("; with %s = \"report\" nothing is done about that: %s", setting, command)
}

func (x explainer) permission() []string {
	var silent []string
	for _, o := range x.objects() {
		if o.String() == x.d.Policy.Origin {
			text := fmt.Sprintf("%s permits repairs up to %s (%s).", capital(o.String()), x.d.Policy.Type, x.d.Policy.Tag)
			if x.d.Policy.Suspended {
				text = fmt.Sprintf("%s suspends all repairs", capital(o.String()))
				if x.d.Policy.Until != 0 {
					text += " until " + date(x.d.Policy.Until)
				}
				text += " (" + x.d.Policy.Tag + ")."
			}
			list := []string{text}
			if len(silent) > 0 {
				list = append(list, "Nearer objects say nothing: "+strings.Join(silent, ", ")+".")
			}
			return list
		}
		silent = append(silent, o.String())
	}
	return []string{"No tag permits any repair: neither on " + strings.Join(silent, ", nor on ") + "."}
}

// sentence makes a sentence of words that may have an end of their own.
func sentence(s string) string { return capital(strings.TrimRight(s, " .;:,")) + "." }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// rows say what each row of the table of repairs is about.
var rows = map[string]string{
	"P1": "The secondary node is lost or to be left: it needs a new secondary node.",
	"P2": "The primary node is to be left: it moves to its secondary node, and needs a new secondary then.",
	"P3": "Both nodes are to be left: it needs a new secondary node, moves there, and needs another secondary then.",
	"P4": "The primary node is lost: it starts again on its secondary node, and needs a new secondary then.",
	"P5": "Both nodes are lost, and with them its data: it needs new, empty disks and a fresh system.",
	"P6": "The primary node is to be left: it moves to another node.",
	"P7": "The primary node is lost: it starts again on another node.",
	"P8": "Its node is lost, and with it its data: it needs new, empty disks and a fresh system.",
	"P9": "No repair exists.",

	repair.RowLook:     "Its nodes are good, but its disks may be broken.",
	repair.RowRebuild:  "Its secondary node has lost its copy of a disk: the copy is made anew on another node.",
	repair.RowPrimary:  "Its primary node has lost its copy of a disk and uses the one on the secondary node: the copy is made anew in place.",
	repair.RowPerson:   "Its nodes are good, but its disks are not as they should be.",
	repair.RowGroupBad: "The storage of one of its nodes is gone.",
	repair.RowRelocate: "Its nodes are good, but ganeti-watcher cannot start it where it is.",
}

func (x explainer) diagnosis() []string {
	need := x.d.Need
	var list []string
	_, silent := x.silent()
	for _, v := range silent {
		list = append(list, sentence(v.Text("node "+v.Node, Age(v.Since, x.s.Time))))
	}
	switch {
	case need.Healthy() && len(silent) > 0:
		return append(list, "None of its nodes is offline or drained: it needs no repair as long as that is so.")
	case need.Healthy():
		return []string{"It lives on good nodes only: it needs no repair."}
	}
	if text := rows[need.Row]; text != "" {
		list = append(list, text)
	}
	if need.Blocked != "" {
		list = append(list, sentence(need.Detail))
	}
	return list
}

func (x explainer) steps() []StepReading {
	list := []StepReading{}
	allowed := x.d.Policy.Type
	if x.d.Repair != nil {
		allowed = x.d.Repair.Type
	}
	for k, step := range x.d.Need.Steps {
		typ := x.d.Need.TypeOf(step)
		r := StepReading{Step: step, Type: typ.String(), Permitted: allowed.Permits(typ)}
		switch step {
		case repair.StepReplaceDisks:
			r.What = "replace-disks with a new secondary node"
		case repair.StepReplaceOnPrimary:
			r.What = "replace-disks on its primary node"
		case repair.StepMigrate:
			r.What = "migrate, live"
		case repair.StepFailover:
			r.What = "failover"
		case repair.StepReinstall:
			r.What = "recreate-disks, shutdown, reinstall"
			if x.d.Need.Start {
				r.What += ", startup"
			}
			r.What += ": its data is lost"
		}
		if k == 0 {
			r.What += x.target()
		}
		list = append(list, r)
	}
	return list
}

// action returns the action of the plan that takes the instance's step; nil if there
// is none.
func (x explainer) action() *repair.Action {
	for k := range x.p.Actions {
		if a := &x.p.Actions[k]; a.Job != nil && a.Decision.Instance == x.i {
			return a
		}
	}
	return nil
}

// target says where the first step brings the instance.
func (x explainer) target() string {
	switch {
	case len(x.v.To) > 0:
		return ", to " + strings.Join(x.v.To, " and ")
	case x.v.ChosenBy != "":
		return ", to a node that " + x.v.ChosenBy + " chooses"
	}
	return ""
}

func (x explainer) blocks() []string {
	list := []string{}
	d := x.d
	switch d.Reason {
	case repair.ReasonHealthy, repair.ReasonUnsettled, repair.ReasonReady, repair.ReasonRetry:
	default:
		list = append(list, fmt.Sprintf("%s: %s.", d.Reason, strings.TrimRight(d.Detail, " .;:,")))
	}
	if r := d.Repair; r != nil && len(r.Jobs) > 0 {
		for _, j := range x.v.Repair.Jobs {
			text := fmt.Sprintf("Job %d (%s) is %s", j.ID, j.Step, j.Status)
			if j.Step == "" {
				text = fmt.Sprintf("Job %d is %s", j.ID, j.Status)
			}
			if j.Error != "" {
				text += ": " + j.Error
			}
			list = append(list, sentence(text))
		}
		if d.Start != nil && d.Start.Tries > 0 {
			list = append(list, fmt.Sprintf("The step %s has failed %d times; max_attempts is %d.", d.Start.Step, d.Start.Tries, x.set.MaxAttempts))
		}

	}
	if d.Behind > 0 {
		list = append(list, fmt.Sprintf("Pending repairs behind this one: %d.", d.Behind))
	}
	if why := repair.UnhealthyGroup(x.s, x.i, x.set); why != "" && d.Reason != repair.ReasonMaxUnhealthy {
		list = append(list, "No repair begins by itself in its group: "+why+".")
	}
	return list
}

func (x explainer) results() []string {
	list := []string{}
	results := x.i.Tags.Records().Results
	for k := len(results) - 1; k >= 0; k-- {
		list = append(list, capital(resultInWords(results[k]))+".")
		for _, id := range results[k].Jobs {
			if f := x.s.Jobs[id]; f != nil && f.Detail != "" && results[k].Outcome == tagstore.Failure {
				list = append(list, sentence(jobInWords(f)))
			}
		}
	}
	return list
}

// jobInWords tells how a job ended: "job 14 (failover) is error: it broke".
func jobInWords(f *repair.JobFact) string {
	text := fmt.Sprintf("job %d", f.Info.ID)
	if f.Step != "" {
		text += fmt.Sprintf(" (%s)", f.Step)
	}
	return text + fmt.Sprintf(" is %s: %s", f.Info.Status, f.Detail)
}

func (x explainer) verdict() string {
	d := x.d
	switch {
	case d.Start != nil && d.Reason == repair.ReasonNotFenced:
		return fmt.Sprintf("The fence failed, so the last pass did not submit %s; the next pass runs the fence again.", d.Start.Step)
	case d.Start != nil && d.Reason == repair.ReasonNotBegun:
		return fmt.Sprintf("The last pass could not submit %s; the next one tries again.", d.Start.Step)
	case d.Start != nil && x.action() == nil:
		return "The next pass tests again for room; now there is none."
	case d.Start != nil && d.Start.Probe:
		return fmt.Sprintf("The next pass tests for room, and submits %s if there is some.", d.Start.Step)
	case d.Start != nil:
		return fmt.Sprintf("The next pass submits %s.", d.Start.Step)
	case len(d.Settled) > 0:
		r := d.Settled[0]
		return fmt.Sprintf("The next pass writes the result %s of repair %s: %s.", r.Result.Outcome, r.Result.ID, r.Why)
	case d.Changes():
		return "The next pass removes tags that are left over."
	}
	return "The next pass leaves it alone."
}

func (x explainer) remedies() []Remedy {
	list := []Remedy{}
	name, need := x.i.Name, x.d.Need
	add := func(what, format string, args ...any) {
		list = append(list, Remedy{What: what, Command: fmt.Sprintf(format, args...)})
	}
	_, silent := x.silent()
	for _, v := range silent {
		add(capital(v.Ask), "%s", v.Command)
	}
	switch x.d.Reason {
	case repair.ReasonHealthy:
		if need.Healthy() && x.i.Primary != "" && x.i.Primary != x.s.Cluster.Master {
			add("See what would happen if its primary node were lost", "ganeti-autorepair run --dry-run --assume-offline %s", x.i.Primary)
		}
		return list
	case repair.ReasonNoPermission, repair.ReasonTooWeak:
		add("Permit this repair once", "ganeti-autorepair repair %s %s", name, need.Type)
		add("Permit such repairs of this instance for good", "ganeti-autorepair policy %s %s", name, need.Type)
		if x.d.Reason == repair.ReasonNoPermission && x.v.Group != "" {
			add("Permit them in its whole node group", "ganeti-autorepair policy group:%s %s", x.v.Group, need.Type)
		}
	case repair.ReasonFailed:
		for _, f := range x.i.Tags.Records().Failures {
			if len(f.Jobs) > 0 {
				add("Look at the job that failed", "gnt-job info %d", f.Jobs[len(f.Jobs)-1])
			}
		}
		if strings.Contains(x.d.Detail, "unsafe to replace disks") && x.condition(x.i.Primary) == "online" {
			add("If cat /proc/drbd says StandAlone on its primary node, let its disks connect again", "gnt-instance activate-disks %s", name)
		}
		add("Say that somebody has looked", "%s", x.v.Command)
	case repair.ReasonSuspended:
		add("End the suspension", "%s", x.v.Command)
	case repair.ReasonUnreadableTag:
		add("Remove the tag, if nothing is meant by it", "%s", x.v.Command)
	case repair.ReasonReady, repair.ReasonRetry, repair.ReasonUnsettled, repair.ReasonMaxNew, repair.ReasonNotFenced, repair.ReasonNotBegun:
		add("Do a pass now, and stay until it is done", "%s", x.v.Command)
		add("Keep it from happening", "ganeti-autorepair suspend %s", name)
	case repair.ReasonNoSystem:
		add("Finish the reinstallation", "%s", x.v.Command)
		if chain, _ := x.s.Past.Chain(x.i); chain.WasUp {
			add("Then start it, as it was up before", "gnt-instance start %s", name)
		}
		add("Say that its system is whole", "ganeti-autorepair ack --intact %s", name)
	case repair.ReasonNoRepair:
		if n := x.s.Nodes[x.i.Primary]; n != nil && n.Drained && repair.Unmirrored(x.i.Template) {
			if command := repair.MoveCommand(x.s, x.i); command != "" {
				add("Move it by hand; it is down meanwhile", "%s", command)
			}
		}
	default:
		if x.v.Command != "" {
			add("Look at what blocks it", "%s", x.v.Command)
		}
	}
	if x.d.Reason == repair.ReasonWhereabouts && x.i.Template == "drbd" && x.condition(x.i.Primary) == "offline" {
		add("Then let its disks wait for a new secondary node, which Ganeti 3.1 wants", "gnt-instance activate-disks %s", name)
		add("Fail it over, if that finds it running nowhere", "gnt-instance failover %s", name)
	}
	if x.d.Reason == repair.ReasonNotFenced {
		for _, node := range x.i.Nodes() {
			if x.condition(node) == "offline" {
				add("Vouch for the node, if nothing runs there any more", "ganeti-autorepair vouch %s", node)
			}
		}
	}
	if x.d.Repair != nil {
		add("Give the pending repair up", "ganeti-autorepair cancel %s", name)
	}
	for _, node := range append([]string{x.i.Primary}, x.i.Secondaries...) {
		switch x.condition(node) {
		case "offline":
			add("If the node is back, and runs none of its instances any more", "gnt-node add --readd %s", node)
		case "drained":
			add("If the node may be used again", "gnt-node modify --drained=no %s", node)
		}
	}
	return list
}
