//go:build cluster

package integration_test

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/plugin/repair"
)

// What the real master shows, in the form that package judge takes: the jobs of the
// queue and its archive, what they did to tags, and the configuration as it was seen.

// event is something that happened at a time; the job is that of judge.Moment, or the
// gate whose cancellation releases one.
type event struct {
	at   time.Time
	kind judge.Kind
	job  int64
}

// note keeps an event; it is called in hooks, too.
func (c *chaos) note(kind judge.Kind, job int64) {
	c.eventMu.Lock()
	defer c.eventMu.Unlock()
	c.noted = append(c.noted, event{time.Now(), kind, job})
}

// canceling notes what a pass asks luxid to cancel.
func (c *chaos) canceling(request []byte) {
	var call struct{ Args []json.RawMessage }
	if json.Unmarshal(request, &call) != nil || len(call.Args) == 0 {
		return
	}
	if id, err := strconv.ParseInt(strings.Trim(string(call.Args[0]), `"`), 10, 64); err == nil {
		c.note("canceling", id)
	}
}

// history is all that the cluster has shown. What is to be judged is what there is
// now.
func (c *chaos) history() *judge.History {
	h := &judge.History{Own: func(id string) bool { return !strings.HasPrefix(id, "hand") }, Jobs: c.recordedJobs()}
	h.Tags = tagChanges(h.Jobs)
	now, err := c.look()
	c.must(err)
	c.agree(h.Tags, now)
	h.First, h.Last = c.clusterOf(c.sights[0], nil), c.clusterOf(now, nil)
	c.eventMu.Lock()
	events := append([]event(nil), c.noted...)
	c.eventMu.Unlock()
	events = append(c.ofJobs(h.Jobs, events), c.begins(h.Jobs)...)
	sort.SliceStable(events, func(a, b int) bool { return events[a].at.Before(events[b].at) })
	for _, e := range events {
		h.Moments = append(h.Moments, judge.Moment{Kind: e.kind, Job: e.job, Cluster: c.clusterAt(e.at, h.Tags)})
	}
	return h
}

// ofJobs makes of what was canceled the release of the jobs behind a gate, or the
// taking back of a repair job.
func (c *chaos) ofJobs(jobs []judge.Job, events []event) []event {
	kinds := make(map[int64]string)
	for k := range jobs {
		kinds[jobs[k].ID] = jobs[k].Kind()
	}
	var list []event
	for _, e := range events {
		switch {
		case e.kind != "canceling":
			list = append(list, e)
		case kinds[e.job] == "repair":
			list = append(list, event{e.at, judge.TakenBack, e.job})
		case kinds[e.job] == "gate":
			for k := range jobs {
				if jobs[k].Kind() == "repair" && jobs[k].DependsOn(e.job) {
					list = append(list, event{e.at, judge.Released, jobs[k].ID})
				}
			}
		}
	}
	return list
}

// begins are the beginnings of repair jobs.
func (c *chaos) begins(jobs []judge.Job) []event {
	var list []event
	for k := range jobs {
		if j := &jobs[k]; j.Kind() == "repair" && j.Began() {
			list = append(list, event{j.First(), judge.Begins, j.ID})
		}
	}
	return list
}

// clusterAt is the cluster at a time: as it was last seen by then, with the tags that
// jobs had written by then.
func (c *chaos) clusterAt(at time.Time, changes []judge.Change) *judge.Cluster {
	last := c.sights[0]
	for _, s := range c.sights {
		if !s.at.After(at) {
			last = s
		}
	}
	last.at = at
	return c.clusterOf(last, tagsAt(at, changes))
}

// tagsAt are the tags of all objects at a time.
func tagsAt(at time.Time, changes []judge.Change) map[string][]string {
	tags := make(map[string][]string)
	for _, change := range changes {
		switch {
		case change.Time.After(at):
		case change.Added:
			tags[change.Object] = append(tags[change.Object], change.Tag)
		default:
			tags[change.Object] = without(tags[change.Object], change.Tag)
		}
	}
	return tags
}

func without(list []string, s string) []string {
	var rest []string
	for _, x := range list {
		if x != s {
			rest = append(rest, x)
		}
	}
	return rest
}

// clusterOf is what was seen, with other tags if there are any.
func (c *chaos) clusterOf(s sight, tags map[string][]string) *judge.Cluster {
	if tags == nil {
		tags = s.tags
	}
	set := repair.DefaultSettings()
	out := &judge.Cluster{
		Time: s.at, Clock: s.at, Tags: tags["cluster"], Groups: make(map[string][]string), Nodes: make(map[string]judge.Node),
		Settings: judge.Settings{MaxAttempts: set.MaxAttempts},
	}
	for node, group := range c.groups {
		out.Groups[group] = tags["group:"+group]
		out.Nodes[node] = judge.Node{Group: group, Offline: s.bad[node] == "offline", Drained: s.bad[node] == "drained"}
	}
	for _, name := range c.names {
		i := s.instances[name]
		i.Tags = tags[name]
		i.Status = statusOf(&i)
		out.Instances = append(out.Instances, &i)
	}
	return out
}

// statusOf is the live status of an instance by where it runs.
func statusOf(i *judge.Instance) string {
	here := false
	for _, node := range i.RunsOn {
		here = here || node == i.Primary
	}
	switch {
	case here && i.Admin == "up":
		return "running"
	case here:
		return "ERROR_up"
	case len(i.RunsOn) > 0:
		return "ERROR_wrongnode"
	case i.Admin == "up":
		return "ERROR_down"
	}
	return "ADMIN_" + i.Admin
}

// recordedJobs reads the queue and its archive.
func (c *chaos) recordedJobs() []judge.Job {
	rows, err := c.Query(c.ctx, "job", []string{"id", "status", "ops", "opstatus", "opresult", "opstart", "opexec", "opend", "oplog", "received_ts", "end_ts", "archived"}, nil)
	c.must(err)
	var list []judge.Job
	for _, row := range rows {
		var j judge.Job
		var ops []map[string]any
		var status []string
		var results []json.RawMessage
		var waits, began, ended [][]int64
		var logs [][][]any
		var received, end []int64
		c.must(unpackRow(row[1:], &j.Status, &ops, &status, &results, &waits, &began, &ended, &logs, &received, &end))
		id, err := strconv.ParseInt(strings.Trim(string(row[0]), `"`), 10, 64)
		c.must(err)
		j.ID, j.Received, j.Ended = id, stamp(received), stamp(end)
		for k, params := range ops {
			op := judge.Op{Params: params, Status: status[k], Waits: stamp(waits[k]), Began: stamp(began[k]), Ended: stamp(ended[k])}
			op.ID = op.Text("OP_ID")
			op.Reason, op.Depends = reasons(params["reason"]), depends(params["depends"])
			if status[k] == "error" {
				op.Class, op.Message, op.Code = judge.ReadError(results[k])
			}
			for _, entry := range logs[k] {
				if text, ok := entry[len(entry)-1].(string); ok {
					op.Log = append(op.Log, text)
				}
			}
			j.Ops = append(j.Ops, op)
		}
		list = append(list, j)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].ID < list[b].ID })
	return list
}

func stamp(pair []int64) time.Time {
	if len(pair) != 2 {
		return time.Time{}
	}
	return time.Unix(pair[0], pair[1]*1000).UTC()
}

func reasons(raw any) [][2]string {
	var list [][2]string
	trail, _ := raw.([]any)
	for _, entry := range trail {
		if e, ok := entry.([]any); ok && len(e) > 1 {
			from, _ := e[0].(string)
			text, _ := e[1].(string)
			list = append(list, [2]string{from, text})
		}
	}
	return list
}

func depends(raw any) []int64 {
	var list []int64
	all, _ := raw.([]any)
	for _, entry := range all {
		if e, ok := entry.([]any); ok && len(e) > 0 {
			if id, ok := e[0].(float64); ok {
				list = append(list, int64(id))
			}
		}
	}
	return list
}

// tagChanges are what jobs did to tags, in the order in which they had their locks.
func tagChanges(jobs []judge.Job) []judge.Change {
	type write struct {
		op   *judge.Op
		ours bool
	}
	var writes []write
	for k := range jobs {
		for n := range jobs[k].Ops {
			if op := &jobs[k].Ops[n]; op.Status == "success" && strings.HasPrefix(op.ID, "OP_TAGS_") {
				writes = append(writes, write{op, jobs[k].Kind() != ""})
			}
		}
	}
	sort.SliceStable(writes, func(a, b int) bool { return writes[a].op.Began.Before(writes[b].op.Began) })
	have := make(map[string]bool)
	var list []judge.Change
	for _, w := range writes {
		object := w.op.Text("name")
		switch w.op.Text("kind") {
		case "cluster":
			object = "cluster"
		case "nodegroup":
			object = "group:" + object
		}
		for _, tag := range w.op.List("tags") {
			added := w.op.ID == "OP_TAGS_SET"
			if key := object + " " + tag; have[key] != added {
				have[key] = added
				list = append(list, judge.Change{Time: w.op.Ended, Object: object, Tag: tag, Added: added, Ours: w.ours})
			}
		}
	}
	return list
}

// agree requires that the queue tells where each tag comes from.
func (c *chaos) agree(changes []judge.Change, s sight) {
	tags := tagsAt(time.Now(), changes)
	for object, have := range s.tags {
		want := append([]string(nil), tags[object]...)
		have := append([]string(nil), have...)
		sort.Strings(want)
		sort.Strings(have)
		if strings.Join(want, " ") != strings.Join(have, " ") {
			c.wrong(object, "it has the tags %v, by the queue it should have %v", have, want)
		}
	}
}
