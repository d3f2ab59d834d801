package repairtest

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// The present of all tests without a simulated master.
var Present = time.Unix(1700000000, 0).UTC()

// Cut takes the prefix of tags away, which would only fill lines.
func Cut(tag string) string { return strings.TrimPrefix(tag, tagstore.Prefix) }

// WithPrefix makes tags of their bodies, separated by blanks.
func WithPrefix(bodies string) []string {
	var tags []string
	for _, b := range strings.Fields(bodies) {
		tags = append(tags, tagstore.Prefix+b)
	}
	return tags
}

// Snapshot makes a snapshot of nodes, "a b:offline c:drained d:incapable@rack2";
// the first is the master, and the group is rack1 unless it is given.
func Snapshot(nodes string, instances ...*repair.Instance) *repair.Snapshot {
	s := &repair.Snapshot{
		Time:    Present,
		Cluster: repair.Cluster{Name: "cluster", UUID: "cluster-uuid", IAllocator: "hail"},
		Groups:  map[string]*repair.Group{},
		Nodes:   map[string]*repair.Node{},
		Jobs:    map[luxi.JobID]*repair.JobFact{},
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
		n := &repair.Node{Name: name, UUID: name + "-uuid", Group: group + "-uuid", VMCapable: true}
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
		s.Groups[n.Group] = &repair.Group{UUID: n.Group, Name: group}
	}
	s.Instances = instances
	SortInstances(s.Instances)
	return s
}

// Instance makes an instance on its nodes, "primary secondary", with tags by
// their bodies; it is up and runs unless said otherwise.
func Instance(name, template, nodes, bodies string) *repair.Instance {
	places := strings.Fields(nodes)
	return &repair.Instance{
		UUID: name + "-uuid", Name: name, Tags: tagstore.Parse(luxi.TagInstance, WithPrefix(bodies)), PlaceKnown: true,
		Primary: places[0], Secondaries: places[1:], Template: template, AdminState: "up", Live: &repair.Live{Status: "running"},
	}
}

// Allow sets the policy tags of the cluster.
func Allow(s *repair.Snapshot, bodies string) *repair.Snapshot {
	s.Cluster.Tags = tagstore.Parse(luxi.TagCluster, WithPrefix(bodies))
	return s
}

// AllowGroup sets the policy tags of a node group.
func AllowGroup(s *repair.Snapshot, name, bodies string) *repair.Snapshot {
	s.Groups[name+"-uuid"].Tags = tagstore.Parse(luxi.TagGroup, WithPrefix(bodies))
	return s
}

// WithJobs puts jobs into the snapshot: known to it as those that tags name, and
// the unfinished ones into the queue.
func WithJobs(s *repair.Snapshot, jobs ...luxi.JobInfo) *repair.Snapshot {
	for _, job := range jobs {
		s.Jobs[job.ID] = repair.NewJobFact(job)
		if job.Known && !job.Status.Final() {
			s.Unfinished = append(s.Unfinished, job)
		}
	}
	return s
}

// The opcodes of each step, as they are in the queue.
var stepOps = map[repair.Step][]string{
	repair.StepReplaceDisks: {"OP_INSTANCE_REPLACE_DISKS"},
	repair.StepMigrate:      {"OP_INSTANCE_MIGRATE"},
	repair.StepFailover:     {"OP_INSTANCE_FAILOVER"},
	repair.StepReinstall:    {"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_STARTUP"},
	"harep":                 {"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_REINSTALL"},
	"delay":                 {"OP_TEST_DELAY"},
	"tags":                  {"OP_TAGS_SET"},
}

// Job makes a job of a step for an instance, all its opcodes in one status.
func Job(id luxi.JobID, step repair.Step, name string, status luxi.JobStatus) luxi.JobInfo {
	info := luxi.JobInfo{ID: id, Known: true, Status: status, Received: Present.Add(-time.Hour)}
	for _, op := range stepOps[step] {
		info.Ops = append(info.Ops, luxi.JobOp{
			ID: op, Status: status, Params: map[string]json.RawMessage{"instance_name": Text(name), "instance_uuid": Text(name + "-uuid")},
		})
		info.Summary = append(info.Summary, strings.TrimPrefix(op, "OP_")+"("+name+")")
	}
	if status != luxi.JobQueued {
		info.Started = Present.Add(-time.Hour + time.Second)
	}
	if status.Final() {
		info.Ended = Present.Add(-time.Minute)
	}
	return info
}

func Text(s string) json.RawMessage { b, _ := json.Marshal(s); return b }

// Done is a job that succeeded.
func Done(id luxi.JobID, step repair.Step) luxi.JobInfo { return Job(id, step, "i", luxi.JobSuccess) }

// FailedAt is a job whose opcode of the given number failed, as the queue shows
// it: those before succeeded, those behind failed with it. The error is class,
// text and code.
func FailedAt(id luxi.JobID, step repair.Step, index int, class, message, code string) luxi.JobInfo {
	info := Job(id, step, "i", luxi.JobError)
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

// Failed is a job whose first opcode failed while it did its work.
func Failed(id luxi.JobID, step repair.Step) luxi.JobInfo {
	return FailedAt(id, step, 0, "OpExecError", "it broke", "")
}

// NoRoomFor is a job that found no room.
func NoRoomFor(id luxi.JobID, step repair.Step) luxi.JobInfo {
	return FailedAt(id, step, 0, "OpPrereqError", "Not enough memory on node b for migrating instance i: needed 128 MiB, available 0 MiB", luxi.ECodeNoRes)
}

// Expired is a held job that was not released. Its process began, saw what
// became of the dependency, and ended (lib/jqueue/__init__.py _MarkWaitlock
// sets the time of the start before it looks).
func Expired(id luxi.JobID, step repair.Step) luxi.JobInfo {
	return FailedAt(id, step, 0, "OpExecError", fmt.Sprintf("Dependency job %d finished with status 'success', not one of 'canceled' as required", id-1), "")
}

// Withdrawn is a job that was canceled before it began.
func Withdrawn(id luxi.JobID, step repair.Step) luxi.JobInfo {
	info := Canceled(id, step)
	for k := range info.Ops {
		info.Ops[k].ExecStart = time.Time{}
	}
	return info
}

// Canceled is a job that was canceled after it had begun.
func Canceled(id luxi.JobID, step repair.Step) luxi.JobInfo {
	info := Job(id, step, "i", luxi.JobCanceled)
	info.Ops[0].ExecStart = info.Started
	for k := range info.Ops {
		info.Ops[k].Result.Err = &luxi.Error{Message: "Job canceled by request"}
	}
	return info
}

// Purged is a job the queue no longer knows.
func Purged(id luxi.JobID) luxi.JobInfo { return luxi.JobInfo{ID: id} }

// Params are the parameters of an opcode, of which one is given as JSON.
func Params(name, raw string) map[string]json.RawMessage {
	return map[string]json.RawMessage{name: json.RawMessage(raw)}
}

func SortInstances(list []*repair.Instance) {
	sort.Slice(list, func(a, b int) bool { return list[a].Name < list[b].Name })
}

func CutAll(tags []string) string {
	var list []string
	for _, tag := range tags {
		list = append(list, Cut(tag))
	}
	return strings.Join(list, " ")
}

func ParsedTags(list []string) tagstore.Tags { return tagstore.Parse(luxi.TagInstance, list) }

func Fixed() time.Time { return Present }

// For returns the job as one for the instance of that name.
func For(name string, job luxi.JobInfo) luxi.JobInfo {
	for _, op := range job.Ops {
		op.Params["instance_name"], op.Params["instance_uuid"] = Text(name), Text(name+"-uuid")
	}
	return job
}

// NewID returns the same id for every new repair.
func NewID() string { return "n" }
