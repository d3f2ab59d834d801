package read

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
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

// SavedJob is a job of the queue.
type SavedJob struct {
	ID      int64     `json:"id"`
	Status  string    `json:"status,omitempty"` // missing if the queue no longer knows the job
	Summary []string  `json:"summary,omitempty"`
	Ops     []SavedOp `json:"ops,omitempty"`
	Running bool      `json:"unfinished,omitempty"`
	Target  string    `json:"chosen_node,omitempty"`         // that an allocator has chosen for it
	Policy  bool      `json:"permitted_by_policy,omitempty"` // a repair begun on the policy's permission
	Named   bool      `json:"named,omitempty"`               // by the tag of an open repair
	From    string    `json:"from_node,omitempty"`           // that a repair job takes its instance from
	Past    bool      `json:"past,omitempty"`                // it may have left something behind
	Log     *SavedLog `json:"log,omitempty"`
}

// SavedOp is an opcode of a job.
type SavedOp struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Params   map[string]string `json:"params,omitempty"` // those of savedParams
	Class    string            `json:"error_class,omitempty"`
	Message  string            `json:"error,omitempty"`
	Code     string            `json:"error_code,omitempty"`
	HasError bool              `json:"failed,omitempty"`
	Begun    *bool             `json:"begun,omitempty"` // missing in files of version 0.1.0: it may have
	// Lists are parameters that are lists of names, those of savedLists.
	Lists  map[string][]string `json:"lists,omitempty"`
	DryRun bool                `json:"dry_run,omitempty"`
}

// savedParams are the parameters of opcodes that tell what a job is about.
var savedParams = []string{
	"instance_name", "instance_uuid", "kind", "name", "node_name", "group_name",
	"iallocator", "target_node", "remote_node", "pnode", "snode", "mode",
}

// savedLists are those parameters which are lists of names.
var savedLists = []string{"nodes", "node_names"}

// NewSaved makes a saved snapshot.
func NewSaved(s *repair.Snapshot, placer *repair.Placer, set repair.Settings) *Saved {
	f := &Saved{
		Version: SavedVersion, Program: repair.Source, Time: s.Time.Unix(),
		Settings: SavedSettings{set.IAllocator, set.MaxRunning, set.MaxNew, set.MaxUnhealthy, set.MaxAttempts, set.ResultsKept, saveLimits(set)},
		Cluster:  SavedCluster{s.Cluster.Name, s.Cluster.UUID, s.Cluster.Master, s.Cluster.IAllocator, rawTags(s.Cluster.Tags), s.Cluster.FreeDisk, s.Cluster.VolumeGroup, s.Cluster.Exclusions, s.Cluster.Slots},
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

func (f *Saved) saveJobs(s *repair.Snapshot) {
	jobs := make(map[luxi.JobID]*SavedJob)
	add := func(info luxi.JobInfo) *SavedJob {
		j := jobs[info.ID]
		if j == nil {
			j = &SavedJob{ID: int64(info.ID), Summary: info.Summary}
			if info.Known {
				j.Status = string(info.Status)
			}
			for _, op := range info.Ops {
				j.Ops = append(j.Ops, saveOp(op))
			}
			j.Policy, j.From = repair.BegunByPolicy(info), repair.FromMark(info)
			jobs[info.ID] = j
		}
		return j
	}
	for _, info := range s.Running {
		j := add(info)
		j.Running, j.Target = true, s.Targets[info.ID]
	}
	for _, fact := range s.PastJobs {
		j := add(fact.Info)
		j.Past, j.Log = true, saveLog(fact.Log)
	}
	for _, fact := range s.Jobs {
		j := add(fact.Info)
		j.Named = true
		if fact.Log != nil {
			j.Log = saveLog(fact.Log)
		}
	}
	for _, j := range jobs {
		f.Jobs = append(f.Jobs, *j)
	}
	sort.Slice(f.Jobs, func(a, b int) bool { return f.Jobs[a].ID < f.Jobs[b].ID })
}

// scriptLog begins what an error quotes of the log of an operating system's scripts.
const scriptLog = "last lines in the log file"

// withoutScripts returns the job without what its errors quote of the logs of an operating
// system's scripts, which may hold anything.
func withoutScripts(info luxi.JobInfo) luxi.JobInfo {
	info.Ops = append([]luxi.JobOp(nil), info.Ops...)
	for k := range info.Ops {
		if e := info.Ops[k].Result.Err; e != nil {
			shorter := *e
			shorter.Message, _, _ = strings.Cut(e.Message, scriptLog)
			info.Ops[k].Result.Err = &shorter
		}
	}
	return info
}

func saveOp(op luxi.JobOp) SavedOp {
	begun := op.Begun()
	o := SavedOp{ID: op.ID, Status: string(op.Status), Begun: &begun}
	for _, name := range savedParams {
		if v := op.Param(name); v != "" {
			if o.Params == nil {
				o.Params = make(map[string]string)
			}
			o.Params[name] = v
		}
	}
	for _, name := range savedLists {
		if list := op.ParamList(name); len(list) > 0 {
			if o.Lists == nil {
				o.Lists = make(map[string][]string)
			}
			o.Lists[name] = list
		}
	}
	o.DryRun = op.DryRun()
	if e := op.Result.Err; e != nil {
		// The logs of an operating system's scripts, which Ganeti quotes, may hold
		// anything.
		message, _, _ := strings.Cut(e.Message, scriptLog)
		o.HasError, o.Class, o.Message, o.Code = true, e.Class, message, e.Code
	}
	return o
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
	s.Cluster = repair.Cluster{Name: c.Name, UUID: c.UUID, Master: c.Master, IAllocator: c.IAllocator, Tags: tagstore.Parse(luxi.TagCluster, c.Tags), FreeDisk: c.FreeDisk, VolumeGroup: c.VolumeGroup, Exclusions: c.Exclusions, Slots: c.Slots}
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
		if j.Running {
			s.Running = append(s.Running, info)
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

func (j SavedJob) info() luxi.JobInfo {
	info := luxi.JobInfo{ID: luxi.JobID(j.ID), Known: j.Status != "", Status: luxi.JobStatus(j.Status), Summary: j.Summary}
	for _, o := range j.Ops {
		op := luxi.JobOp{ID: o.ID, Status: luxi.JobStatus(o.Status), Params: map[string]json.RawMessage{}}
		for name, v := range o.Params {
			op.Params[name], _ = json.Marshal(v)
		}
		if o.Begun == nil && op.Status == luxi.JobCanceled || o.Begun != nil && *o.Begun {
			op.ExecStart = time.Unix(1, 0) // when does not matter
		}
		for name, list := range o.Lists {
			op.Params[name], _ = json.Marshal(list)
		}
		if o.DryRun {
			op.Params["dry_run"] = json.RawMessage("true")
		}
		if o.HasError {
			op.Result.Err = &luxi.Error{Class: o.Class, Message: o.Message, Code: o.Code}
		}
		if j.From != "" {
			op.Reason = append(op.Reason, luxi.ReasonEntry{Source: repair.Source, Text: repair.FromText(j.From)})
		}
		if j.Policy {
			op.Reason = append(op.Reason, luxi.ReasonEntry{Source: repair.Source, Text: repair.PolicyMark})
		}
		info.Ops = append(info.Ops, op)
	}
	return info
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
