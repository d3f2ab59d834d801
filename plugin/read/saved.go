package read

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// SavedVersion is the version of the format of saved snapshots. Keys may be
// added within a version.
const SavedVersion = 1

// Saved is a snapshot as it is written to a file: all that a plan is made from,
// and nothing else. Everything in it is named here, so that no secret can come
// with it: of jobs there are neither parameters other than names nor logs, of
// tags only those of auto-repair, and exclusion tags.
type Saved struct {
	Version   int             `json:"version"`
	Program   string          `json:"program"` // name and version
	Time      int64           `json:"time"`    // Unix time in seconds
	Settings  SavedSettings   `json:"settings"`
	Cluster   SavedCluster    `json:"cluster"`
	Groups    []SavedGroup    `json:"groups"`
	Nodes     []SavedNode     `json:"nodes"`
	Instances []SavedInstance `json:"instances"`
	Jobs      []SavedJob      `json:"jobs"` // unfinished ones, and those that open repairs and failures name
	// History are the repairs that tags and jobs told of; missing in files of version 0.1.0.
	History []PastRepair `json:"history,omitempty"`
	SavedFacts
}

// SavedSettings are the settings that a plan depends on.
type SavedSettings struct {
	IAllocator   string       `json:"iallocator"`
	MaxRunning   int          `json:"max_running"`
	MaxNew       int          `json:"max_new_per_pass"`
	MaxUnhealthy repair.Share `json:"max_unhealthy_nodes"`
	MaxAttempts  int          `json:"max_attempts"`
	ResultsKept  int          `json:"results_kept"`
	SavedLimits
}

// SavedCluster is the cluster itself.
type SavedCluster struct {
	Name       string   `json:"name"`
	UUID       string   `json:"uuid"`
	Master     string   `json:"master"`
	IAllocator string   `json:"default_iallocator"`
	Tags       []string `json:"tags"`
	FreeDisk   string   `json:"free_disk_storage,omitempty"` // the kind of storage that nodes' free disk is of
	// VolumeGroup is the cluster's own, and Exclusions are what exclusion tags begin with.
	VolumeGroup string   `json:"volume_group,omitempty"`
	Exclusions  []string `json:"exclusion_tag_prefixes,omitempty"`
	Slots       int      `json:"max_running_jobs,omitempty"` // missing if luxid did not say
	WipesDisks  bool     `json:"prealloc_wipe_disks,omitempty"`
}

// SavedGroup is a node group.
type SavedGroup struct {
	Name string   `json:"name"`
	UUID string   `json:"uuid"`
	Tags []string `json:"tags"`
}

// SavedNode is a node; what it has free is missing if it did not say.
type SavedNode struct {
	Name      string `json:"name"`
	UUID      string `json:"uuid"`
	Group     string `json:"group"` // UUID
	Offline   bool   `json:"offline"`
	Drained   bool   `json:"drained"`
	VMCapable bool   `json:"vm_capable"`
	SavedMarks
	Memory *int64 `json:"free_memory,omitempty"` // MiB
	Disk   *int64 `json:"free_disk,omitempty"`   // MiB
	SavedStorage
	// OSes are the operating systems that are there, with their variants; nil if the node
	// did not say.
	OSes *map[string][]string `json:"operating_systems,omitempty"`
}

// SavedInstance is an instance; its status is missing if its node did not say.
type SavedInstance struct {
	Name        string   `json:"name"`
	UUID        string   `json:"uuid"`
	Primary     string   `json:"primary_node"`
	Secondaries []string `json:"secondary_nodes"`
	Template    string   `json:"disk_template"`
	AdminState  string   `json:"admin_state"`
	Forthcoming bool     `json:"forthcoming,omitempty"`
	Status      string   `json:"status,omitempty"`
	Memory      *int64   `json:"memory,omitempty"` // MiB
	Disk        *int64   `json:"disk,omitempty"`   // MiB on each of its nodes
	Tags        []string `json:"tags"`
	SavedMoves
	SavedNeeds
}

// NewSaved makes a saved snapshot.
func NewSaved(s *repair.Snapshot, placer *repair.Placer, set repair.Settings) *Saved {
	f := &Saved{
		Version: SavedVersion, Program: repair.Source, Time: s.Time.Unix(),
		Settings: SavedSettings{set.IAllocator, set.MaxRunning, set.MaxNew, set.MaxUnhealthy, set.MaxAttempts, set.ResultsKept, saveLimits(set)},
		Cluster:  SavedCluster{s.Cluster.Name, s.Cluster.UUID, s.Cluster.Master, s.Cluster.IAllocator, rawTags(s.Cluster.Tags), s.Cluster.FreeDisk, s.Cluster.VolumeGroup, s.Cluster.Exclusions, s.Cluster.Slots, s.Cluster.WipesDisks},
		Groups:   []SavedGroup{}, Nodes: []SavedNode{}, Instances: []SavedInstance{}, Jobs: []SavedJob{},
	}
	for _, g := range s.SortedGroups() {
		f.Groups = append(f.Groups, SavedGroup{g.Name, g.UUID, rawTags(g.Tags)})
	}
	rooms := make(map[string]repair.Room)
	for _, list := range placer.Rooms {
		for _, r := range list {
			rooms[r.Node] = r
		}
	}
	for _, n := range s.Nodes {
		sn := SavedNode{Name: n.Name, UUID: n.UUID, Group: n.Group, Offline: n.Offline, Drained: n.Drained, VMCapable: n.VMCapable, SavedMarks: saveMarks(n)}
		if r, ok := rooms[n.Name]; ok {
			sn.Memory = &r.Memory
			if free, known := r.FreeDisk(s); known {
				sn.Disk = &free
			}
			sn.SavedStorage = saveStorage(s, r)
			sn.OSes = saveOSes(placer, n.Name)
		}
		f.Nodes = append(f.Nodes, sn)
	}
	sort.Slice(f.Nodes, func(a, b int) bool { return repair.NiceLess(f.Nodes[a].Name, f.Nodes[b].Name) })
	for _, i := range s.Instances {
		si := SavedInstance{
			Name: i.Name, UUID: i.UUID, Primary: i.Primary, Secondaries: append([]string{}, i.Secondaries...), Template: i.Template,
			AdminState: i.AdminState, Forthcoming: i.Forthcoming, Tags: rawTags(i.Tags), SavedMoves: saveMoves(i),
		}
		if i.Live != nil {
			si.Status = i.Live.Status
		}
		if d, ok := placer.Demands[i.UUID]; ok {
			si.Memory, si.Disk = &d.Memory, &d.Disk
			si.SavedNeeds = saveNeeds(s, d)
		}
		f.Instances = append(f.Instances, si)
	}
	f.saveJobs(s)
	f.SavedFacts = saveFacts(s)
	return f
}

// rawTags are the tags of auto-repair as they stand in the configuration.
func rawTags(t tagstore.Tags) []string {
	list := append([]string{}, t.List()...)
	sort.Strings(list)
	return list
}

// Write writes the snapshot.
func (f *Saved) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(f)
}

// ReadSaved reads a snapshot that Write wrote.
func ReadSaved(r io.Reader) (*Saved, error) {
	f := new(Saved)
	dec := json.NewDecoder(r)
	if err := dec.Decode(f); err != nil {
		return nil, fmt.Errorf("not a saved snapshot: %w", err)
	}
	if f.Version != SavedVersion {
		return nil, fmt.Errorf("a saved snapshot of version %d; this program reads version %d", f.Version, SavedVersion)
	}
	return f, nil
}

// Snapshot restores what was read.
func (f *Saved) Snapshot() (*repair.Snapshot, error) {
	s := &repair.Snapshot{Time: time.Unix(f.Time, 0).UTC(), Groups: map[string]*repair.Group{}, Nodes: map[string]*repair.Node{}, Jobs: map[luxi.JobID]*repair.JobFact{}, Targets: map[luxi.JobID]string{}}
	c := f.Cluster
	s.Cluster = repair.Cluster{Name: c.Name, UUID: c.UUID, Master: c.Master, IAllocator: c.IAllocator, Tags: tagstore.Parse(luxi.TagCluster, c.Tags), FreeDisk: c.FreeDisk, VolumeGroup: c.VolumeGroup, Exclusions: c.Exclusions, Slots: c.Slots, WipesDisks: c.WipesDisks}
	for _, g := range f.Groups {
		s.Groups[g.UUID] = &repair.Group{UUID: g.UUID, Name: g.Name, Tags: tagstore.Parse(luxi.TagGroup, g.Tags)}
	}
	for _, n := range f.Nodes {
		if s.Groups[n.Group] == nil {
			return nil, fmt.Errorf("node %s is in group %s, which is not in the snapshot", n.Name, n.Group)
		}
		x := &repair.Node{Name: n.Name, UUID: n.UUID, Group: n.Group, Offline: n.Offline, Drained: n.Drained, VMCapable: n.VMCapable}
		n.restore(x)
		s.Nodes[n.Name] = x
	}
	for _, i := range f.Instances {
		x := &repair.Instance{
			UUID: i.UUID, Name: i.Name, Tags: tagstore.Parse(luxi.TagInstance, i.Tags), PlaceKnown: true, Primary: i.Primary,
			Secondaries: i.Secondaries, Template: i.Template, AdminState: i.AdminState, Forthcoming: i.Forthcoming,
		}
		i.SavedMoves.restore(x)
		if i.Status != "" {
			x.Live = &repair.Live{Status: i.Status}
		}
		s.Instances = append(s.Instances, x)
	}
	s.NoteUnusedNodes()
	for _, j := range f.Jobs {
		info := j.info()
		if j.Unfinished {
			s.Unfinished = append(s.Unfinished, info)
			if j.Target != "" {
				s.Targets[info.ID] = j.Target
			}
		}
		fact := repair.NewJobFact(info)
		if j.Log != nil {
			fact = fact.WithLog(j.Log.fact())
		}
		if j.Named {
			s.Jobs[info.ID] = fact
		}
		if j.Past {
			s.PastJobs = append(s.PastJobs, fact)
		}
	}
	f.SavedFacts.restore(s)
	return s, nil
}

// Apply takes the settings over that the plan then depended on.
func (f *Saved) Apply(set *repair.Settings) {
	s := f.Settings
	set.IAllocator, set.MaxRunning, set.MaxNew = s.IAllocator, s.MaxRunning, s.MaxNew
	set.MaxUnhealthy, set.MaxAttempts, set.ResultsKept = s.MaxUnhealthy, s.MaxAttempts, s.ResultsKept
	s.SavedLimits.apply(set)
}

// Plan plans as a pass would then have done, under an assumption if there is
// one.
func (f *Saved) Plan(assume repair.Assumption, set repair.Settings, newID repair.NewID) (*repair.Plan, error) {
	s, err := f.Snapshot()
	if err != nil {
		return nil, err
	}
	if err := assume.Apply(s); err != nil {
		return nil, err
	}
	return repair.NewPlan(s, f.placer(s), set, newID), nil
}

// Rehearser returns a rehearser of what was read, and the snapshot.
func (f *Saved) Rehearser(set repair.Settings, drained bool) (*repair.Rehearser, *repair.Snapshot, error) {
	s, err := f.Snapshot()
	if err != nil {
		return nil, nil, err
	}
	return repair.NewRehearser(s, f.placer(s), set, drained), s, nil
}
