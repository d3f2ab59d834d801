// Package record notes what a simulated master shows of a run, in the form that
// package judge takes: the cluster at the moments that matter, jobs, changes of tags
// and incidents. It uses nothing of the program that is judged.
package record

import (
	"encoding/json"
	"sync"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/luxi/luxitest"
)

// Recorder notes what a master shows. Its methods may be called from any goroutine.
type Recorder struct {
	master *luxitest.Master
	first  *judge.Cluster
	around func() Around
	own    func(id string) bool

	mu      sync.Mutex
	moments []judge.Moment
}

// Around is what the judge has to know beside the cluster: how wrong the clock of the
// program is, and its settings.
type Around struct {
	Skew     time.Duration
	Settings judge.Settings
}

// New makes the recorder of a master that has done nothing yet, and takes its hook
// OnBegin. own tells the ids that the program makes; around is called at each moment,
// and must not call the master.
func New(m *luxitest.Master, own func(id string) bool, around func() Around) *Recorder {
	r := &Recorder{master: m, around: around, own: own}
	r.first = r.cluster(m.Snapshot(), m.Now())
	m.OnBegin(r.begin)
	return r
}

// History returns all that the master has shown so far.
func (r *Recorder) History() *judge.History {
	h := &judge.History{First: r.first, Last: r.cluster(r.master.Snapshot(), r.master.Now()), Tags: tagChanges(r.master.Log()), Own: r.own}
	for _, j := range r.master.Jobs() {
		h.Jobs = append(h.Jobs, Job(j))
	}
	for _, n := range r.master.Incidents() {
		kind := incidents[n.Kind]
		h.Incidents = append(h.Incidents, judge.Incident{Kind: kind, UUID: n.UUID, Job: n.Job, Text: n.Text})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h.Moments = append(h.Moments, r.moments...)
	return h
}

var incidents = map[luxitest.IncidentKind]judge.IncidentKind{
	luxitest.RunsTwice: judge.RunsTwice, luxitest.StaleStart: judge.StaleCopy, luxitest.NoDisk: judge.StaleCopy, luxitest.Destroyed: judge.Destroyed,
}

// Moment notes that something happens now, with a job or, if that is 0, without one.
func (r *Recorder) Moment(kind judge.Kind, job int64) {
	m := judge.Moment{Kind: kind, Job: job, Cluster: r.cluster(r.master.Snapshot(), r.master.Now())}
	for _, j := range r.master.Jobs() {
		if j.ID > m.Newest {
			m.Newest = j.ID
		}
	}
	r.note(m)
}

func (r *Recorder) note(m judge.Moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moments = append(r.moments, m)
}

// Fenced notes that the fence of a node holds.
func (r *Recorder) Fenced(node string) {
	r.note(judge.Moment{Kind: judge.Fenced, Node: node, Cluster: r.cluster(r.master.Snapshot(), r.master.Now())})
}

// begin notes the beginning of an opcode of a repair job, or of one that marks a node.
func (r *Recorder) begin(op luxitest.Opcode, j luxitest.Job, c *luxitest.Cluster) {
	kind := judge.Begins
	switch job := Job(j); {
	case job.Kind() == "probe" && op.ID == "OP_INSTANCE_QUERY_DATA":
		kind = judge.Looks
	case job.Kind() != "repair" && job.Kind() != "offline":
		return
	}
	m := judge.Moment{Kind: kind, Job: j.ID, Cluster: r.cluster(c, op.Exec)}
	for k := range j.Ops {
		if j.Ops[k].Exec.Equal(op.Exec) && j.Ops[k].ID == op.ID {
			m.Op = int64(k)
		}
	}
	r.note(m)
}

// Call takes note of a call that a pass makes, before it is handled: what it cancels
// are gates, which releases the jobs behind them, or repair jobs, which takes them
// back.
func (r *Recorder) Call(c luxitest.Call) {
	if c.Method != "CancelJob" {
		return
	}
	var args []json.RawMessage
	var id int64
	if json.Unmarshal(c.Args, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &id) != nil {
		return
	}
	job := Job(r.master.Job(id))
	switch kind := job.Kind(); {
	case kind == "repair":
		r.Moment(judge.TakenBack, id)
	case kind == "gate" && job.Ended.IsZero(): // nobody else has canceled it
		for _, j := range r.master.Jobs() {
			if job := Job(j); (job.Kind() == "repair" || job.Kind() == "offline") && job.Ended.IsZero() && job.DependsOn(id) {
				r.Moment(judge.Released, job.ID)
			}
		}
	}
}

// cluster is a cluster as the judge takes it.
func (r *Recorder) cluster(c *luxitest.Cluster, at time.Time) *judge.Cluster {
	around := r.around()
	out := &judge.Cluster{
		Time: at, Clock: at.Add(around.Skew), Tags: c.Tags, Master: c.Master, Paused: c.WatcherPause.After(at) && c.WatcherPause.After(at.Add(around.Skew)), Groups: make(map[string][]string), Nodes: make(map[string]judge.Node), Settings: around.Settings, Slots: c.MaxRunningJobs,
	}
	for _, g := range c.Groups {
		out.Groups[g.Name] = g.Tags
	}
	for _, n := range c.Nodes {
		out.Nodes[n.Name] = judge.Node{Group: n.Group, Offline: n.Offline, Drained: n.Drained, NotVMCapable: n.NotVMCapable, Dead: n.Dead, Candidate: !n.Regular && !n.NotMasterCapable && !n.Offline && !n.Drained, Tags: n.Tags, Changed: n.MTime, OSes: n.OSes, Memory: freeMemory(c, n)}
	}
	for _, i := range c.Instances {
		if !i.Forthcoming {
			out.Instances = append(out.Instances, instance(c, i))
		}
	}
	return out
}

func instance(c *luxitest.Cluster, i *luxitest.Instance) *judge.Instance {
	out := &judge.Instance{
		Name: i.Name, UUID: i.UUID, Template: i.Template, Admin: i.AdminState, Status: Status(c, i), Primary: i.Primary, Tags: i.Tags, DisksActive: i.DisksActive, OS: i.OS, Memory: i.Memory,
		NoMigration: i.AlwaysFailover || i.Hypervisor == "lxc" || i.Hypervisor == "chroot", Truth: true, RunsOn: i.RunsOn, Generation: i.Data.Generation,
	}
	if len(i.Secondaries) > 0 {
		out.Secondary = i.Secondaries[0]
	}
	if out.Secondary != "" {
		out.Split = contains(i.Better(i.Primary), out.Secondary) && contains(i.Better(out.Secondary), i.Primary)
	}
	for _, name := range i.Nodes() {
		if i.Template == luxitest.DRBD && i.FaultyOn(name) {
			out.Faulty = append(out.Faulty, name)
		}
	}
	for _, n := range c.Nodes {
		if i.HasDisksOn(n.Name) && !i.Behind(n.Name) {
			out.Whole = append(out.Whole, n.Name)
		}
	}
	return out
}

func contains(list []string, name string) bool {
	for _, x := range list {
		if x == name {
			return true
		}
	}
	return false
}

// freeMemory is what the instances that run on a node leave.
func freeMemory(c *luxitest.Cluster, n *luxitest.Node) int {
	free := n.Memory
	for _, i := range c.Instances {
		for _, name := range i.RunsOn {
			if name == n.Name {
				free -= i.Memory
			}
		}
	}
	return free
}

// Status returns the live status of an instance, "" where the primary node cannot tell
// it.
func Status(c *luxitest.Cluster, i *luxitest.Instance) string {
	n := c.Node(i.Primary)
	switch {
	case n == nil || n.Offline || n.Dead:
		return ""
	case i.Running() && i.AdminState == luxitest.AdminUp:
		return "running"
	case i.Running():
		return "ERROR_up"
	case i.AdminState == luxitest.AdminUp:
		for _, name := range i.RunsOn {
			if !c.Node(name).Offline {
				return "ERROR_wrongnode"
			}
		}
		return "ERROR_down"
	case i.AdminState == luxitest.AdminOffline:
		return "ADMIN_offline"
	}
	return "ADMIN_down"
}

// Job returns a job in the form that the judge takes.
func Job(j luxitest.Job) judge.Job {
	out := judge.Job{ID: j.ID, Status: j.Status, Received: j.Received, Ended: j.End, Purged: j.Purged}
	for _, op := range j.Ops {
		o := judge.Op{ID: op.ID, Params: op.Params, Status: op.Status, Waits: op.Start, Began: op.Exec, Ended: op.End, Log: op.Log}
		for _, r := range op.Reason {
			o.Reason = append(o.Reason, [2]string{r.Source, r.Text})
		}
		for _, d := range op.Depends {
			o.Depends = append(o.Depends, d.Job)
		}
		if op.Status == "error" {
			o.Class, o.Message, o.Code = judge.ReadError(op.Result)
		}
		out.Ops = append(out.Ops, o)
	}
	return out
}
