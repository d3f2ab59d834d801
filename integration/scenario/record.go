package scenario

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/luxi/luxitest"
)

// What the master shows, in the form that package judge takes.

// Findings returns what is wrong with the run so far.
func (w *World) Findings() []judge.Finding {
	found := append(judge.Judge(w.history()), w.found...)
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(found, w.broken...)
}

// Broken returns the findings that count.
func (w *World) Broken() []string {
	var list []string
	for _, f := range w.Findings() {
		if w.Strict || !Unmended[f.Demand] {
			list = append(list, f.String())
		}
	}
	return list
}

// Unmended lists the demands that the engine does not meet yet. What is found under
// them counts only in strict worlds.
var Unmended = map[string]bool{
	"C6": true, "C7": true, "P10": true, "P11": true, "P15": true, "P16": true, "P18": true, "P19": true, "P20": true, "P21": true, "P22": true,
	"S13": true, "S14": true, "S15": true, "S16": true, "S18": true, "T13": true, "V4": true, "V7": true,
}

// history is all that the master has shown.
func (w *World) history() *judge.History {
	last := w.Master.Snapshot()
	h := &judge.History{First: w.cluster(w.first, Start), Last: w.cluster(last, w.Master.Now()), Tags: w.tagChanges(), Own: isOwn}
	for _, j := range w.Master.Jobs() {
		h.Jobs = append(h.Jobs, judgedJob(j))
	}
	for _, n := range w.Master.Incidents() {
		kind := incidents[n.Kind]
		h.Incidents = append(h.Incidents, judge.Incident{Kind: kind, UUID: n.UUID, Job: n.Job, Text: n.Text})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h.Moments = append(h.Moments, w.moments...)
	return h
}

var incidents = map[luxitest.IncidentKind]judge.IncidentKind{
	luxitest.RunsTwice: judge.RunsTwice, luxitest.StaleStart: judge.StaleCopy, luxitest.NoDisk: judge.StaleCopy, luxitest.Destroyed: judge.Destroyed,
}

// moment notes that something happens now.
func (w *World) moment(kind judge.Kind, job int64) {
	c := w.cluster(w.Master.Snapshot(), w.Master.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moments = append(w.moments, judge.Moment{Kind: kind, Job: job, Cluster: c})
}

// onBegin notes the beginning of an opcode that changes an instance.
func (w *World) onBegin(op luxitest.Opcode, j luxitest.Job, c *luxitest.Cluster) {
	kind, _ := MarkOf(j)
	if kind != "repair" {
		return
	}
	m := judge.Moment{Kind: judge.Begins, Job: j.ID, Cluster: w.cluster(c, op.Exec)}
	for k := range j.Ops {
		if j.Ops[k].Exec.Equal(op.Exec) && j.Ops[k].ID == op.ID {
			m.Op = int64(k)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moments = append(w.moments, m)
}

// onCancel notes what a pass cancels: gates, which releases the jobs behind them, and
// repair jobs, which takes them back.
func (w *World) onCancel(c luxitest.Call) {
	var args []json.RawMessage
	var id int64
	if json.Unmarshal(c.Args, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &id) != nil {
		return
	}
	job := w.Master.Job(id)
	switch kind, _ := MarkOf(job); {
	case kind == "repair":
		w.moment(judge.TakenBack, id)
	case kind == "gate" && job.End.IsZero(): // nobody else has canceled it
		for _, j := range w.Master.Jobs() {
			if kind, _ := MarkOf(j); kind == "repair" && j.End.IsZero() && dependsOn(j, id) {
				w.moment(judge.Released, j.ID)
			}
		}
	}
}

func dependsOn(j luxitest.Job, id int64) bool {
	for _, op := range j.Ops {
		for _, d := range op.Depends {
			if d.Job == id {
				return true
			}
		}
	}
	return false
}

// cluster is a cluster as the judge takes it.
func (w *World) cluster(c *luxitest.Cluster, at time.Time) *judge.Cluster {
	w.mu.Lock()
	refused := make(map[string]bool, len(w.refuse))
	for name := range w.refuse {
		refused[name] = true
	}
	skew := w.skew
	w.mu.Unlock()
	out := &judge.Cluster{
		Time: at, Clock: at.Add(skew), Tags: c.Tags, Groups: make(map[string][]string), Nodes: make(map[string]judge.Node),
		Settings: judge.Settings{
			MaxAttempts: w.Settings.MaxAttempts, Interval: w.Settings.Interval, RefusedByFence: refused, ReplaceDisksAfter: duration(w.Settings, "ReplaceDisksAfter"),
		},
	}
	for _, g := range c.Groups {
		out.Groups[g.Name] = g.Tags
	}
	for _, n := range c.Nodes {
		out.Nodes[n.Name] = judge.Node{Group: n.Group, Offline: n.Offline, Drained: n.Drained, NotVMCapable: n.NotVMCapable, Dead: n.Dead, OSes: n.OSes}
	}
	for _, i := range c.Instances {
		if !i.Forthcoming {
			out.Instances = append(out.Instances, judgedInstance(c, i))
		}
	}
	return out
}

// duration is a setting that the program may not have yet.
func duration(settings any, name string) time.Duration {
	if field := reflect.ValueOf(settings).FieldByName(name); field.IsValid() {
		d, _ := field.Interface().(time.Duration)
		return d
	}
	return 0
}

func judgedInstance(c *luxitest.Cluster, i *luxitest.Instance) *judge.Instance {
	out := &judge.Instance{
		Name: i.Name, UUID: i.UUID, Template: i.Template, Admin: i.AdminState, Status: statusOf(c, i), Primary: i.Primary, Tags: i.Tags, DisksActive: i.DisksActive, OS: i.OS,
		NoMigration: i.AlwaysFailover || i.Hypervisor == "lxc" || i.Hypervisor == "chroot", Truth: true, RunsOn: i.RunsOn, Generation: i.Data.Generation,
	}
	if len(i.Secondaries) > 0 {
		out.Secondary = i.Secondaries[0]
	}
	for _, n := range c.Nodes {
		if i.HasDisksOn(n.Name) && !i.Lacks(n.Name) {
			out.Whole = append(out.Whole, n.Name)
		}
	}
	return out
}

// statusOf is the live status, "" where the primary node cannot tell it.
func statusOf(c *luxitest.Cluster, i *luxitest.Instance) string {
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

func judgedJob(j luxitest.Job) judge.Job {
	out := judge.Job{ID: j.ID, Status: j.Status, Received: j.Received, Ended: j.End, Purged: j.Purged}
	for _, op := range j.Ops {
		o := judge.Op{ID: op.ID, Params: op.Params, Status: op.Status, Began: op.Exec, Ended: op.End, Log: op.Log}
		for _, r := range op.Reason {
			o.Reason = append(o.Reason, [2]string{r.Source, r.Text})
		}
		for _, d := range op.Depends {
			o.Depends = append(o.Depends, d.Job)
		}
		if op.Status == "error" {
			o.Class, o.Message, o.Code = errorOf(op.Result)
		}
		out.Ops = append(out.Ops, o)
	}
	return out
}

// errorOf reads an opcode's result: ["OpPrereqError", ["text", "code"]], or a text.
func errorOf(result json.RawMessage) (class, message, code string) {
	var pair []json.RawMessage
	var args []string
	if json.Unmarshal(result, &message) == nil || json.Unmarshal(result, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[0], &class) != nil {
		return "", message, ""
	}
	if json.Unmarshal(pair[1], &args) == nil && len(args) > 0 {
		message = args[0]
		if len(args) > 1 {
			code = args[1]
		}
	}
	return class, message, code
}

var (
	tagEffect    = regexp.MustCompile(`^(cluster|group \S+|instance \S+): tag (\S+) (added|removed)$`)
	renameEffect = regexp.MustCompile(`^instance (\S+): renamed to (\S+)$`)
	editLine     = regexp.MustCompile(`^edit: ([+-]) ((?:cluster|group|instance) \S+)(?:.*\btags=(\S+))?`)
)

// tagChanges lists what jobs and people did to tags, from the master's log.
func (w *World) tagChanges() []judge.Change {
	var list []judge.Change
	edit := newEdit()
	now := make(map[string]string) // the present names of those that people have renamed, which the log of jobs under way does not use
	end := func() {
		for _, c := range edit.changes() {
			if c.Renamed != "" {
				now[c.Object] = c.Renamed
			}
			list = append(list, c)
		}
		edit = newEdit()
	}
	name := func(words string) string {
		object := objectName(words)
		if renamed := now[object]; renamed != "" {
			return renamed
		}
		return object
	}
	for _, e := range w.Master.Log() {
		if m := editLine.FindStringSubmatch(e.Text); e.Kind == luxitest.LogTest && m != nil {
			edit.line(m[1], objectName(m[2]), m[3])
			edit.at = e.At
			continue
		}
		end()
		if e.Kind != luxitest.LogEffect {
			continue
		}
		if m := tagEffect.FindStringSubmatch(e.Text); m != nil {
			list = append(list, judge.Change{Time: e.At, Object: name(m[1]), Tag: m[2], Added: m[3] == "added", Ours: strings.HasPrefix(m[2], judge.Prefix)})
		} else if m := renameEffect.FindStringSubmatch(e.Text); m != nil {
			list = append(list, judge.Change{Time: e.At, Object: m[1], Renamed: m[2]})
		}
	}
	end()
	return list
}

// edit is what people changed at once. Each line stands for a whole object as it was,
// or as it is.
type edit struct {
	at      time.Time
	there   map[string]int // objects: 1 for new ones, -1 for those that went
	tags    map[[2]string]int
	objects []string
	order   [][2]string
}

func newEdit() *edit { return &edit{there: make(map[string]int), tags: make(map[[2]string]int)} }

func (e *edit) line(sign, object, tags string) {
	n := map[string]int{"+": 1, "-": -1}[sign]
	if _, known := e.there[object]; !known {
		e.objects = append(e.objects, object)
	}
	e.there[object] += n
	for _, tag := range strings.FieldsFunc(tags, func(c rune) bool { return c == ',' }) {
		key := [2]string{object, tag}
		if _, known := e.tags[key]; !known {
			e.order = append(e.order, key)
		}
		e.tags[key] += n
	}
}

// changes lists the tags that went and came. An object that went while a new one came
// was renamed.
func (e *edit) changes() []judge.Change {
	gone, come := "", ""
	for _, object := range e.objects {
		switch e.there[object] {
		case -1:
			gone = object
		case 1:
			come = object
		}
	}
	if gone != "" && come != "" {
		return []judge.Change{{Time: e.at, Object: gone, Renamed: come}}
	}
	var list []judge.Change
	for _, key := range e.order {
		if n := e.tags[key]; n != 0 {
			list = append(list, judge.Change{Time: e.at, Object: key[0], Tag: key[1], Added: n > 0})
		}
	}
	return list
}

func objectName(words string) string {
	kind, name, _ := strings.Cut(words, " ")
	switch kind {
	case "group":
		return "group:" + name
	case "instance":
		return name
	}
	return kind
}

// MarkOf reads our mark from a job's reason trail: the kind and the rest.
func MarkOf(j luxitest.Job) (kind, rest string) {
	for _, op := range j.Ops {
		for _, e := range op.Reason {
			if e.Source == "ganeti-autorepair" && !strings.HasPrefix(e.Text, "rate-limit:") {
				kind, rest, _ = strings.Cut(e.Text, " ")
				return kind, rest
			}
		}
	}
	return "", ""
}
