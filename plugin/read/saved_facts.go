package read

import (
	"encoding/json"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// What version 0.1.0 did not save. Whatever is missing in a file is not known (X1).

// SavedLimits are settings that 0.1.0 did not have, or did not save.
type SavedLimits struct {
	Interval          *int64  `json:"interval,omitempty"` // seconds
	MaxCopying        *int    `json:"max_copying,omitempty"`
	ReplaceDisksAfter *int64  `json:"replace_disks_after,omitempty"` // seconds
	Fence             *string `json:"fence,omitempty"`
	SavedWatch
}

// SavedWatch are the settings for instances on good nodes; all missing in files of version
// 0.1.0.
type SavedWatch struct {
	Disks          string `json:"disks,omitempty"`
	Relocate       string `json:"relocate,omitempty"`
	DiskGrace      int64  `json:"disk_grace,omitempty"`   // seconds
	RepeatAfter    int64  `json:"repeat_after,omitempty"` // seconds
	RestartTries   int    `json:"restart_tries,omitempty"`
	MaxRelocations int    `json:"max_relocations,omitempty"`
}

func saveWatch(set repair.Settings) SavedWatch {
	return SavedWatch{set.Disks, set.Relocate, int64(set.DiskGrace / time.Second), int64(set.RepeatAfter / time.Second), set.RestartTries, set.MaxRelocations}
}

func (w SavedWatch) apply(set *repair.Settings) {
	if w.Disks == "" {
		return // nothing is known of any of them
	}
	set.Disks, set.Relocate, set.RestartTries, set.MaxRelocations = w.Disks, w.Relocate, w.RestartTries, w.MaxRelocations
	set.DiskGrace, set.RepeatAfter = time.Duration(w.DiskGrace)*time.Second, time.Duration(w.RepeatAfter)*time.Second
}

func saveLimits(set repair.Settings) SavedLimits {
	interval, after := int64(set.Interval/time.Second), int64(set.ReplaceDisksAfter/time.Second)
	return SavedLimits{&interval, &set.MaxCopying, &after, &set.Fence, saveWatch(set)}
}

func (l SavedLimits) apply(set *repair.Settings) {
	if l.Interval != nil {
		set.Interval = time.Duration(*l.Interval) * time.Second
	}
	if l.MaxCopying != nil {
		set.MaxCopying = *l.MaxCopying
	}
	if l.ReplaceDisksAfter != nil {
		set.ReplaceDisksAfter = time.Duration(*l.ReplaceDisksAfter) * time.Second
	}
	if l.Fence != nil {
		set.Fence = *l.Fence
	}
	l.SavedWatch.apply(set)
}

// SavedMarks are what tags say of a node, and when it was last changed.
type SavedMarks struct {
	Tags     *[]string `json:"tags,omitempty"`
	Modified int64     `json:"mtime,omitempty"` // Unix time in seconds
	// Silent is the Unix time in seconds since which the node does not answer (K2).
	Silent int64 `json:"silent_since,omitempty"`
	// NotMarked is why the last pass did not mark it offline, and WhyNotMarked the same in
	// words (K5).
	NotMarked    repair.MarkReason `json:"not_marked,omitempty"`
	WhyNotMarked string            `json:"why_not_marked,omitempty"`
}

func saveMarks(n *repair.Node) SavedMarks {
	tags := rawTags(n.Tags)
	return SavedMarks{Tags: &tags, Modified: n.Modified, Silent: n.SilentSince, NotMarked: n.NotMarked, WhyNotMarked: n.WhyNotMarked}
}

func (m SavedMarks) restore(n *repair.Node) {
	if m.Tags != nil {
		n.Tags = tagstore.Parse(luxi.TagNode, *m.Tags)
	}
	n.Modified, n.SilentSince, n.NotMarked, n.WhyNotMarked = m.Modified, m.Silent, m.NotMarked, m.WhyNotMarked
}

// NoteSilence saves which nodes do not answer, as far as the plan of the snapshot tells.
func (f *Saved) NoteSilence(p *repair.Plan) {
	for k := range f.Nodes {
		if n := p.Snapshot.Nodes[f.Nodes[k].Name]; n != nil {
			f.Nodes[k].Silent, f.Nodes[k].NotMarked, f.Nodes[k].WhyNotMarked = n.SilentSince, n.NotMarked, n.WhyNotMarked
		}
	}
}

// SavedMoves are what decides whether an instance can be migrated (P18), and whether its
// disks are active.
type SavedMoves struct {
	AlwaysFailover *bool  `json:"always_failover,omitempty"`
	Hypervisor     string `json:"hypervisor,omitempty"`
	DisksActive    *bool  `json:"disks_active,omitempty"`
}

func saveMoves(i *repair.Instance) SavedMoves {
	if !i.PlaceKnown {
		return SavedMoves{}
	}
	always := i.AlwaysFailover
	return SavedMoves{&always, i.Hypervisor, i.DisksActive}
}

func (m SavedMoves) restore(i *repair.Instance) {
	i.AlwaysFailover = m.AlwaysFailover != nil && *m.AlwaysFailover
	i.Hypervisor, i.DisksActive = m.Hypervisor, m.DisksActive
}

// SavedFacts are what the queue tells beside its jobs.
type SavedFacts struct {
	NewestJob *int64         `json:"newest_job,omitempty"` // number, archived jobs included
	Filters   *[]SavedFilter `json:"filters,omitempty"`    // of jobs
	TakenBack []int64        `json:"taken_back,omitempty"` // jobs that passes have canceled before they began
	// Disks are what was known of disks on good nodes, and of starts that failed; missing in
	// files of version 0.1.0.
	Disks *repair.DiskFacts `json:"disks,omitempty"`
	// Acknowledged is what people said of instances that a job had left in doubt.
	Acknowledged []SavedWord `json:"acknowledged,omitempty"`
}

// SavedFilter is a job filter, without the reason that its author gave.
type SavedFilter struct {
	UUID       string          `json:"uuid"`
	Priority   int             `json:"priority"`
	Watermark  int64           `json:"watermark"`
	Predicates json.RawMessage `json:"predicates"`
	Action     string          `json:"action"`
	Limit      int             `json:"limit,omitempty"`
}

// SavedWord is what a person said of an instance, as a job tells it.
type SavedWord struct {
	Job    int64  `json:"job"`
	UUID   string `json:"uuid"`
	Intact bool   `json:"intact"` // its system is there; else its copies are whole
}

func saveFacts(s *repair.Snapshot) SavedFacts {
	var f SavedFacts
	if s.NewestKnown {
		newest := int64(s.NewestJob)
		f.NewestJob = &newest
	}
	if s.Rules != nil {
		list := []SavedFilter{}
		for _, r := range s.Rules {
			list = append(list, SavedFilter{r.UUID, r.Priority, int64(r.Watermark), r.Predicates, string(r.Action), r.Limit})
		}
		f.Filters = &list
	}
	disks := s.Disks
	f.Disks = &disks
	for id := range s.TakenBack {
		f.TakenBack = append(f.TakenBack, int64(id))
	}
	sort.Slice(f.TakenBack, func(a, b int) bool { return f.TakenBack[a] < f.TakenBack[b] })
	for _, a := range s.Said {
		f.Acknowledged = append(f.Acknowledged, SavedWord{int64(a.Job), a.UUID, a.Intact})
	}
	return f
}

// restore adds the facts to a snapshot that has its jobs.
func (f SavedFacts) restore(s *repair.Snapshot) {
	if f.NewestJob != nil {
		s.NewestJob, s.NewestKnown = luxi.JobID(*f.NewestJob), true
	}
	if f.Filters != nil {
		s.Rules = []luxi.FilterRule{}
		for _, r := range *f.Filters {
			s.Rules = append(s.Rules, luxi.FilterRule{
				UUID: r.UUID, Priority: r.Priority, Watermark: luxi.JobID(r.Watermark), Predicates: r.Predicates,
				Action: luxi.FilterAction(r.Action), Limit: r.Limit,
			})
		}
	}
	if f.Disks != nil {
		s.Disks = *f.Disks
	}
	s.TakenBack = make(map[luxi.JobID]bool)
	for _, id := range f.TakenBack {
		s.TakenBack[luxi.JobID(id)] = true
	}
	for _, a := range f.Acknowledged {
		s.Said = append(s.Said, repair.Acknowledgement{Job: luxi.JobID(a.Job), UUID: a.UUID, Intact: a.Intact})
	}
	s.Past = repair.NewPast(s.PastJobs, s.Said)
}

// SavedLog is what the log of a job tells of a step that did not succeed.
type SavedLog struct {
	Copied      bool   `json:"copied,omitempty"`      // replace-disks: all disks, only the old ones were left
	Target      string `json:"target,omitempty"`      // node that was being copied or migrated to
	Transferred bool   `json:"transferred,omitempty"` // migrate: the transfer had begun, or nobody can tell
	FoundOn     string `json:"found_on,omitempty"`    // the only node on which a cleanup found the instance
}

func saveLog(l *repair.LogFact) *SavedLog {
	if l == nil {
		return nil
	}
	return &SavedLog{l.Copied, l.Target, l.Transferred, l.FoundOn}
}

func (l SavedLog) fact() repair.LogFact {
	return repair.LogFact{Copied: l.Copied, Target: l.Target, Transferred: l.Transferred, FoundOn: l.FoundOn}
}

// Unknown returns what a file of an older version does not tell, in words; empty if it
// has all that a plan is made from.
func (f *Saved) Unknown() string {
	var list []string
	missing := func(is bool, what string) {
		if is {
			list = append(list, what)
		}
	}
	tags, moves := len(f.Nodes) > 0, false
	for _, n := range f.Nodes {
		tags = tags && n.Tags == nil
	}
	for _, i := range f.Instances {
		moves = moves || i.AlwaysFailover == nil
	}
	missing(f.Settings.Fence == nil, "the setting fence")
	missing(tags, "the tags of nodes")
	missing(moves, "whether instances can be migrated")
	missing(f.Filters == nil, "job filters, what earlier jobs left behind")
	return strings.Join(list, ", ")
}
