package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Page is a picture of the cluster as one HTML file, which needs nothing else: no
// scripts, and nothing from elsewhere.
type Page struct {
	Plan    *repair.Plan
	Repairs []PageRepair // past and present, oldest first
	Version string       // of the program
	Zone    *time.Location
	// Rehearsals are what would become of the instances of each node if it died; nil if
	// that is not known.
	Rehearsals []repair.Rehearsal
}

// PageRepair is a repair in the timeline of a page. Times are Unix times in seconds; 0
// if they are not known, or have not come.
type PageRepair struct {
	Instance, ID, Type, Outcome string
	Began, Ended                int64
	Jobs                        []PageJob
}

// PageJob is a job of a repair in the timeline.
type PageJob struct {
	ID           int64
	Step, Status string
	Began, Ended int64
}

//go:embed page.html
var pageHTML string

// mostRepairs bounds the timeline of a page, to the newest repairs.
const mostRepairs = 60

// Write writes the page.
func (p Page) Write(w io.Writer) error {
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	return page.Execute(w, p.content())
}

// What the template shows, in its order.
type pageContent struct {
	Cluster, Time, Version string
	Suspended              string // until when the cluster is; "" if it is not
	Counts                 []pageCount
	Waiting                []pageReason
	Groups                 []pageGroup
	Rehearsed              bool
	Harms                  []pageHarm // nodes whose loss does harm
	Harmless               int        // how many other nodes have instances
	Begin, End             string     // of the timeline
	Bars                   []pageBar
}

type pageCount struct {
	State repair.State
	Count int
}

// pageReason is a reason for which instances wait for a person, or a finding about them.
type pageReason struct {
	Reason string
	Views  []View
}

type pageGroup struct {
	Name, Policy string
	Nodes        []pageNode
}

type pageNode struct {
	Name, State string // "online", "drained", "offline", "silent"
	Notable     []View // of the instances that have it as primary node
	Healthy     []View
	Second      int // instances that have it as secondary node
}

// pageHarm is a node that may not die.
type pageHarm struct {
	Node       string
	Lost, Down string // numbers of instances: "3", or "3 to 5"
	Each       []RehearsedView
}

// pageBar is a repair in the timeline. Places are in thousandths of its width.
type pageBar struct {
	PageRepair
	Took  string   // "" if only its end is known
	Texts []string // of the jobs
	Parts []pagePart
}

type pagePart struct {
	From, Width int
	State, Text string
}

func (p Page) content() pageContent {
	s := p.Plan.Snapshot
	c := pageContent{Cluster: s.Cluster.Name, Version: p.Version, Time: p.clock(s.Time.Unix())}
	if policy := tagstore.EffectivePolicy(s.Time.Unix(), tagstore.Object{Tags: s.Cluster.Tags}); policy.Suspended {
		c.Suspended = "until it is resumed"
		if policy.Until != 0 {
			c.Suspended = "until " + p.clock(policy.Until)
		}
	}
	counts := make(map[repair.State]int)
	waiting := make(map[repair.Reason][]View)
	primaries := make(map[string][]repair.Decision)
	second := make(map[string]int)
	for _, d := range p.Plan.Decisions {
		counts[d.State]++
		if d.Reason.Info().Person {
			waiting[d.Reason] = append(waiting[d.Reason], ViewOf(p.Plan, d))
		}
		primaries[d.Instance.Primary] = append(primaries[d.Instance.Primary], d)
		for _, name := range d.Instance.Secondaries {
			second[name]++
		}
	}
	for _, state := range repair.States {
		c.Counts = append(c.Counts, pageCount{state, counts[state]})
	}
	// The table ends with what has gone wrong.
	table := repair.ReasonTable()
	for k := len(table) - 1; k >= 0; k-- {
		if views := waiting[table[k].Reason]; len(views) > 0 {
			c.Waiting = append(c.Waiting, pageReason{string(table[k].Reason), views})
		}
	}
	c.Waiting = append(c.Waiting, p.signs()...)
	nodes := s.SortedNodes()
	for _, g := range s.SortedGroups() {
		group := pageGroup{Name: g.Name, Policy: p.policyOf(g)}
		for _, n := range nodes {
			if n.Group == g.UUID {
				group.Nodes = append(group.Nodes, p.node(n, primaries[n.Name], second[n.Name]))
			}
		}
		c.Groups = append(c.Groups, group)
	}
	p.rehearsals(&c)
	p.timeline(&c)
	return c
}

// signs lists the healthy instances that seem broken, and about which nothing is done.
func (p Page) signs() []pageReason {
	disks, starts := pageReason{Reason: string(repair.FindingBrokenDisks)}, pageReason{Reason: string(repair.FindingNotStarted)}
	for _, d := range p.Plan.Decisions {
		if !d.Plain() {
			continue
		}
		v := ViewOf(p.Plan, d)
		if v.Sign != "" {
			v.Detail, v.Command = v.Sign, "gnt-instance info "+v.Instance
			disks.Views = append(disks.Views, v)
		}
		if v.NotStarted != "" {
			v.Detail, v.Command = v.NotStarted, "gnt-instance startup "+v.Instance
			starts.Views = append(starts.Views, v)
		}
	}
	var list []pageReason
	for _, r := range []pageReason{disks, starts} {
		if len(r.Views) > 0 {
			list = append(list, r)
		}
	}
	return list
}

func (p Page) clock(unix int64) string {
	return time.Unix(unix, 0).In(p.Zone).Format("2006-01-02 15:04")
}

// policyOf says what is permitted in a group.
func (p Page) policyOf(g *repair.Group) string {
	s := p.Plan.Snapshot
	policy := tagstore.EffectivePolicy(s.Time.Unix(), tagstore.Object{Name: g.Name, Tags: g.Tags}, tagstore.Object{Tags: s.Cluster.Tags})
	switch {
	case policy.Suspended && policy.Until != 0:
		return "suspended until " + p.clock(policy.Until)
	case policy.Suspended:
		return "suspended"
	case policy.Unreadable:
		return "nothing is permitted, as a tag cannot be read"
	case policy.Type == tagstore.None:
		return "nothing is permitted"
	}
	return "permitted up to " + policy.Type.String()
}

func (p Page) node(n *repair.Node, decisions []repair.Decision, second int) pageNode {
	node := pageNode{Name: n.Name, State: nodeState(n), Second: second}
	if n.SilentSince != 0 {
		node.State = "silent"
	}
	for _, d := range decisions {
		v := ViewOf(p.Plan, d)
		if d.Plain() {
			node.Healthy = append(node.Healthy, v)
		} else {
			node.Notable = append(node.Notable, v)
		}
	}
	return node
}

// rehearsals lists the nodes that may not die, the worst first; those that are offline
// cannot.
func (p Page) rehearsals(c *pageContent) {
	c.Rehearsed = p.Rehearsals != nil
	list := append([]repair.Rehearsal(nil), p.Rehearsals...)
	WorstFirst(list)
	for _, h := range list {
		switch {
		case h.Node.Offline:
		case h.Harm():
			harm := pageHarm{Node: h.Node.Name, Lost: SpanText(h.Outcomes[repair.RehearsedReinstalled], " to "), Down: SpanText(h.Down, " to ")}
			for _, f := range RehearsalViewOf(p.Plan.Snapshot, h, true).Each {
				if f.Down || f.Outcome == string(repair.RehearsedReinstalled) {
					harm.Each = append(harm.Each, f)
				}
			}
			c.Harms = append(c.Harms, harm)
		case h.Instances() > 0:
			c.Harmless++
		}
	}
}

// timeline puts the repairs on a line from the first of them to the present.
func (p Page) timeline(c *pageContent) {
	now := p.Plan.Snapshot.Time.Unix()
	var list []PageRepair
	for _, r := range p.Repairs {
		if r.Began != 0 && r.Began <= now {
			list = append(list, r)
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].Began > list[b].Began })
	if len(list) > mostRepairs {
		list = list[:mostRepairs]
	}
	if len(list) == 0 {
		return
	}
	begin := list[len(list)-1].Began
	c.Begin, c.End = p.clock(begin), p.clock(now)
	for _, r := range list {
		bar := pageBar{PageRepair: r}
		ended := r.Ended
		if ended == 0 {
			ended = now
		}
		if ended != r.Began {
			bar.Took = Age(r.Began, time.Unix(ended, 0))
		}
		bar.Parts = append(bar.Parts, part(begin, now, r.Began, ended, "waiting", ""))
		for _, j := range r.Jobs {
			text := strings.TrimSpace(fmt.Sprintf("job %d %s", j.ID, j.Step)) + ": " + j.Status
			if j.Began == 0 { // not yet, or the snapshot does not have it
				bar.Texts = append(bar.Texts, text)
				continue
			}
			end := j.Ended
			if end == 0 {
				end = now
			}
			text += ", " + Age(j.Began, time.Unix(end, 0))
			bar.Texts = append(bar.Texts, text)
			bar.Parts = append(bar.Parts, part(begin, now, j.Began, end, j.Status, text))
		}
		c.Bars = append(c.Bars, bar)
	}
}

// part is a part of a bar, wide enough to be seen.
func part(begin, now, from, to int64, state, text string) pagePart {
	span := now - begin
	if span < 1 {
		span = 1
	}
	clamp := func(at int64) int {
		switch {
		case at < begin:
			return 0
		case at > now:
			return 1000
		}
		return int((at - begin) * 1000 / span)
	}
	p := pagePart{From: clamp(from), State: state, Text: text}
	p.Width = clamp(to) - p.From
	if p.Width < 4 {
		p.Width = 4
	}
	if p.From > 1000-p.Width {
		p.From = 1000 - p.Width
	}
	return p
}
