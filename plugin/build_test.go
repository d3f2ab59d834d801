package plugin

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// The present of all tests without a simulated master.
var present = time.Unix(1700000000, 0).UTC()

// cut takes the prefix of tags away, which would only fill lines.
func cut(tag string) string { return strings.TrimPrefix(tag, tagstore.Prefix) }

// withPrefix makes tags of their bodies, separated by blanks.
func withPrefix(bodies string) []string {
	var tags []string
	for _, b := range strings.Fields(bodies) {
		tags = append(tags, tagstore.Prefix+b)
	}
	return tags
}

// snapshot makes a snapshot of nodes, "a b:offline c:drained d:incapable@rack2";
// the first is the master, and the group is rack1 unless it is given.
func snapshot(nodes string, instances ...*Instance) *Snapshot {
	s := &Snapshot{
		Time:    present,
		Cluster: Cluster{Name: "cluster", UUID: "cluster-uuid", IAllocator: "hail"},
		Groups:  map[string]*Group{},
		Nodes:   map[string]*Node{},
		Jobs:    map[luxi.JobID]*JobFact{},
	}
	for _, word := range strings.Fields(nodes) {
		group := "rack1"
		if at := strings.IndexByte(word, '@'); at >= 0 {
			word, group = word[:at], word[at+1:]
		}
		name, flag := word, ""
		if colon := strings.IndexByte(word, ':'); colon >= 0 {
			name, flag = word[:colon], word[colon+1:]
		}
		n := &Node{Name: name, UUID: name + "-uuid", Group: group + "-uuid", VMCapable: true}
		switch flag {
		case "":
		case "offline":
			n.Offline = true
		case "drained":
			n.Drained = true
		case "incapable":
			n.VMCapable = false
		default:
			panic("unknown flag " + flag)
		}
		if s.Cluster.Master == "" {
			s.Cluster.Master = name
		}
		s.Nodes[name] = n
		s.Groups[n.Group] = &Group{UUID: n.Group, Name: group}
	}
	s.Instances = instances
	sortInstances(s.Instances)
	return s
}

// instance makes an instance on its nodes, "primary secondary", with tags by
// their bodies; it is up and runs unless said otherwise.
func instance(name, template, nodes, bodies string) *Instance {
	places := strings.Fields(nodes)
	return &Instance{
		UUID: name + "-uuid", Name: name, Tags: tagstore.Parse(luxi.TagInstance, withPrefix(bodies)), PlaceKnown: true,
		Primary: places[0], Secondaries: places[1:], Template: template, AdminState: "up", Live: &Live{Status: "running"},
	}
}

// allow sets the policy tags of the cluster.
func allow(s *Snapshot, bodies string) *Snapshot {
	s.Cluster.Tags = tagstore.Parse(luxi.TagCluster, withPrefix(bodies))
	return s
}

// allowGroup sets the policy tags of a node group.
func allowGroup(s *Snapshot, name, bodies string) *Snapshot {
	s.Groups[name+"-uuid"].Tags = tagstore.Parse(luxi.TagGroup, withPrefix(bodies))
	return s
}

// withJobs puts jobs into the snapshot: known to it as those that tags name, and
// the unfinished ones into the queue.
func withJobs(s *Snapshot, jobs ...luxi.JobInfo) *Snapshot {
	for _, job := range jobs {
		s.Jobs[job.ID] = NewJobFact(job)
		if job.Known && !job.Status.Final() {
			s.Running = append(s.Running, job)
		}
	}
	return s
}

// The opcodes of each step, as they are in the queue.
var stepOps = map[Step][]string{
	StepReplaceDisks: {"OP_INSTANCE_REPLACE_DISKS"},
	StepMigrate:      {"OP_INSTANCE_MIGRATE"},
	StepFailover:     {"OP_INSTANCE_FAILOVER"},
	StepReinstall:    {"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_STARTUP"},
	"harep":          {"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_REINSTALL"},
	"delay":          {"OP_TEST_DELAY"},
	"tags":           {"OP_TAGS_SET"},
}

// job makes a job of a step for an instance, all its opcodes in one status.
func job(id luxi.JobID, step Step, name string, status luxi.JobStatus) luxi.JobInfo {
	info := luxi.JobInfo{ID: id, Known: true, Status: status, Received: present.Add(-time.Hour)}
	for _, op := range stepOps[step] {
		info.Ops = append(info.Ops, luxi.JobOp{
			ID: op, Status: status, Params: map[string]json.RawMessage{"instance_name": text(name), "instance_uuid": text(name + "-uuid")},
		})
		info.Summary = append(info.Summary, strings.TrimPrefix(op, "OP_")+"("+name+")")
	}
	if status != luxi.JobQueued {
		info.Started = present.Add(-time.Hour + time.Second)
	}
	if status.Final() {
		info.Ended = present.Add(-time.Minute)
	}
	return info
}

func text(s string) json.RawMessage { b, _ := json.Marshal(s); return b }

// done is a job that succeeded.
func done(id luxi.JobID, step Step) luxi.JobInfo { return job(id, step, "i", luxi.JobSuccess) }

// failedAt is a job whose opcode of the given number failed, as the queue shows
// it: those before succeeded, those behind failed with it. The error is class,
// text and code.
func failedAt(id luxi.JobID, step Step, index int, class, message, code string) luxi.JobInfo {
	info := job(id, step, "i", luxi.JobError)
	for k := range info.Ops {
		op := &info.Ops[k]
		switch {
		case k < index:
			op.Status = luxi.JobSuccess
		case k == index:
			op.Result.Err = &luxi.Error{Class: class, Message: message, Code: code}
		default:
			op.Result.Err = &luxi.Error{Class: "OpExecError", Message: "Preceding opcode failed"}
		}
	}
	return info
}

// failed is a job whose first opcode failed while it did its work.
func failed(id luxi.JobID, step Step) luxi.JobInfo {
	return failedAt(id, step, 0, "OpExecError", "it broke", "")
}

// noRoomFor is a job that found no room.
func noRoomFor(id luxi.JobID, step Step) luxi.JobInfo {
	return failedAt(id, step, 0, "OpPrereqError", "Not enough memory on node b for migrating instance i: needed 128 MiB, available 0 MiB", luxi.ECodeNoRes)
}

// expired is a held job that was not released. Its process began, saw what
// became of the dependency, and ended (lib/jqueue/__init__.py _MarkWaitlock
// sets the time of the start before it looks).
func expired(id luxi.JobID, step Step) luxi.JobInfo {
	return failedAt(id, step, 0, "OpExecError", fmt.Sprintf("Dependency job %d finished with status 'success', not one of 'canceled' as required", id-1), "")
}

// canceled is a job that was canceled.
func canceled(id luxi.JobID, step Step) luxi.JobInfo {
	info := job(id, step, "i", luxi.JobCanceled)
	for k := range info.Ops {
		info.Ops[k].Result.Err = &luxi.Error{Message: "Job canceled by request"}
	}
	return info
}

// purged is a job the queue no longer knows.
func purged(id luxi.JobID) luxi.JobInfo { return luxi.JobInfo{ID: id} }

// params are the parameters of an opcode, of which one is given as JSON.
func params(name, raw string) map[string]json.RawMessage {
	return map[string]json.RawMessage{name: json.RawMessage(raw)}
}

func sortInstances(list []*Instance) {
	sort.Slice(list, func(a, b int) bool { return list[a].Name < list[b].Name })
}
