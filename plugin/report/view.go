package report

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// View is the state of one instance and what is to be done for it, in the form users
// and scripts see.
type View struct {
	Instance string        `json:"instance"`
	UUID     string        `json:"uuid"`
	State    repair.State  `json:"state"`
	Reason   repair.Reason `json:"reason"`
	Detail   string        `json:"why,omitempty"`
	Primary  string        `json:"primary_node,omitempty"`
	Second   []string      `json:"secondary_nodes,omitempty"`
	Template string        `json:"disk_template,omitempty"`
	Group    string        `json:"node_group,omitempty"` // of the primary node
	Down     bool          `json:"down,omitempty"`       // it should be up, and its primary node is offline, or ganeti-watcher has given it up
	MoveView
	// What tells that its disks may be broken, and that ganeti-watcher has given it up,
	// though its nodes are good.
	Sign       string      `json:"sign,omitempty"`
	NotStarted string      `json:"not_started,omitempty"`
	Policy     PolicyView  `json:"policy"`
	Need       *NeedView   `json:"need,omitempty"`
	Repair     *RepairView `json:"repair,omitempty"`
	Next       string      `json:"next_step,omitempty"` // the step that a pass would submit now
	Bad        []BadTag    `json:"unreadable_tags,omitempty"`
	Failures   []string    `json:"failures,omitempty"`   // failure results a person has to look at
	Blocks     string      `json:"blocked_by,omitempty"` // what keeps the next step from being taken
	Command    string      `json:"command,omitempty"`    // what a person could type about it
}

// MoveView is where a step takes an instance from and to: the one that is under way or
// comes next.
type MoveView struct {
	From     string   `json:"from_node,omitempty"`
	To       []string `json:"to_nodes,omitempty"`  // missing if it is not known yet
	ChosenBy string   `json:"chosen_by,omitempty"` // the allocator that is yet to choose
}

// PolicyView is the policy in force and where it comes from.
type PolicyView struct {
	Type      string `json:"type"` // "none" if nothing is permitted
	Suspended bool   `json:"suspended,omitempty"`
	Until     int64  `json:"suspended_until,omitempty"` // Unix time in seconds
	Origin    string `json:"origin,omitempty"`
	Tag       string `json:"tag,omitempty"`
}

// NeedView is the repair that an instance needs.
type NeedView struct {
	Row   string   `json:"row"`
	Type  string   `json:"type"`
	Steps []string `json:"steps"`
}

// RepairView is an open repair.
type RepairView struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Since   int64     `json:"since"` // Unix time in seconds
	Jobs    []JobView `json:"jobs"`
	Waiting int       `json:"more_waiting,omitempty"` // further open repairs behind it
}

// JobView is a job of an open repair.
type JobView struct {
	ID      int64  `json:"id"`
	Step    string `json:"step,omitempty"`
	Status  string `json:"status"`
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

// BadTag is a tag that cannot be read.
type BadTag struct {
	Object  string `json:"object"`
	Tag     string `json:"tag"`
	Why     string `json:"why"`
	Suggest string `json:"did_you_mean,omitempty"` // the tag that was probably meant
}

// Views returns the view of every instance.
func Views(p *repair.Plan) []View {
	return viewsOf(p, func(repair.Decision) bool { return true })
}

// Notable returns the views of those instances that there is something to tell about:
// on most days none of thousands.
func Notable(p *repair.Plan) []View {
	return viewsOf(p, func(d repair.Decision) bool { return !d.Plain() })
}

func viewsOf(p *repair.Plan, chosen func(repair.Decision) bool) []View {
	var list []View
	for _, d := range p.Decisions {
		if chosen(d) {
			list = append(list, ViewOf(p, d))
		}
	}
	return list
}

// ViewOf returns the view of one instance.
func ViewOf(p *repair.Plan, d repair.Decision) View {
	i := d.Instance
	v := View{
		Instance: i.Name, UUID: i.UUID, State: d.State, Reason: d.Reason, Detail: d.Detail,
		Primary: i.Primary, Second: i.Secondaries, Template: i.Template, Sign: p.Snapshot.SignOf(i), NotStarted: p.Snapshot.NotStarted(i),
		Policy: PolicyView{Type: d.Policy.Type.String(), Suspended: d.Policy.Suspended, Until: d.Policy.Until, Origin: d.Policy.Origin, Tag: d.Policy.Tag},
		Bad:    badTags(tagstore.Object{Kind: luxi.TagInstance, Name: i.Name, Tags: i.Tags}),
	}
	if len(d.Need.Steps) > 0 {
		n := &NeedView{Row: d.Need.Row, Type: d.Need.Type.String()}
		for _, step := range d.Need.Steps {
			n.Steps = append(n.Steps, string(step))
		}
		v.Need = n
	}
	if d.Repair != nil {
		r := &RepairView{ID: d.Repair.ID, Type: d.Repair.Type.String(), Since: d.Repair.Time, Waiting: d.Behind, Jobs: []JobView{}}
		for _, id := range d.Repair.Jobs {
			j := JobView{ID: int64(id), Status: "unknown", Outcome: string(repair.OutcomeUnknown)}
			if f := p.Snapshot.Jobs[id]; f != nil {
				j.Step, j.Outcome, j.Error = string(f.Step), string(f.Outcome), f.Detail
				if f.Info.Known {
					j.Status = string(f.Info.Status)
				}
			}
			r.Jobs = append(r.Jobs, j)
		}
		v.Repair = r
	}
	if d.Start != nil {
		v.Next = string(d.Start.Step)
	}
	n := p.Snapshot.Nodes[i.Primary]
	v.Down = n != nil && n.Offline && i.AdminState == "up" || v.NotStarted != "" && i.Live != nil
	v.MoveView = moveOf(p, d)
	for _, f := range i.Tags.Records().Failures {
		v.Failures = append(v.Failures, f.Tag)
	}
	advise(p, d, &v)
	return v
}

// moveOf returns where the step that is under way takes the instance, or else the one
// that the plan begins, or that it would take.
func moveOf(p *repair.Plan, d repair.Decision) MoveView {
	i := d.Instance
	if d.Repair != nil {
		for _, f := range p.Snapshot.JobsOf(d.Repair.Jobs) {
			if f.Outcome == repair.OutcomeUnfinished && f.Step != "" {
				if from := repair.FromMark(f.Info); from != "" {
					return MoveView{From: from, To: Target(p.Snapshot, i, f)}
				}
				from := repair.FromNode(i, f.Step)
				if n := p.Snapshot.Nodes[from]; n != nil && n.Condition() == repair.NodeOK {
					return MoveView{To: []string{from}} // it is there already
				}
				return MoveView{From: from, To: Target(p.Snapshot, i, f)}
			}
		}
	}
	if d.Start != nil {
		for _, a := range p.Actions {
			if a.Job != nil && a.Decision.Instance == i {
				v := MoveView{From: a.From(), To: a.To()}
				if len(v.To) == 0 {
					v.ChosenBy = allocatorOf(p.Snapshot, a.Job.Place.IAllocator)
				}
				return v
			}
		}
	}
	if d.Need.Healthy() {
		return MoveView{}
	}
	return MoveView{From: repair.FromNode(i, d.Need.First())}
}

// BadTags lists the unreadable tags of the cluster, the node groups and the nodes, on
// which few mean anything; those of instances are in their views (T10, T12).
func BadTags(p *repair.Plan) []BadTag {
	list := badTags(tagstore.Object{Kind: luxi.TagCluster, Tags: p.Snapshot.Cluster.Tags})
	for _, g := range p.Snapshot.SortedGroups() {
		list = append(list, badTags(tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})...)
	}
	for _, n := range p.Snapshot.SortedNodes() {
		list = append(list, badTags(tagstore.Object{Kind: luxi.TagNode, Name: n.Name, Tags: n.Tags})...)
	}
	return list
}

func badTags(o tagstore.Object) []BadTag {
	var list []BadTag
	for _, m := range o.Tags.Malformed {
		list = append(list, BadTag{Object: o.String(), Tag: m.Tag, Why: m.Why, Suggest: m.Suggest})
	}
	return list
}

// Age formats how long ago a Unix time in seconds was, shortly: "45s", "12m",
// "3h", "9d".
func Age(since int64, now time.Time) string {
	d := now.Sub(time.Unix(since, 0))
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Short is the policy in a few words: "failover (group)".
func (v PolicyView) Short() string {
	word := v.Type
	if v.Suspended {
		word = "suspended"
		if v.Until != 0 {
			word += " until " + time.Unix(v.Until, 0).Format("2006-01-02 15:04")
		}
	}
	if v.Origin == "" {
		return word
	}
	return word + " (" + strings.Fields(v.Origin)[0] + ")"
}
