package read

import (
	"encoding/json"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// SavedJob is a job of the queue.
type SavedJob struct {
	ID         int64     `json:"id"`
	Status     string    `json:"status,omitempty"` // missing if the queue no longer knows the job
	Summary    []string  `json:"summary,omitempty"`
	Ops        []SavedOp `json:"ops,omitempty"`
	Unfinished bool      `json:"unfinished,omitempty"`
	Target     string    `json:"chosen_node,omitempty"`         // that an allocator has chosen for it
	Policy     bool      `json:"permitted_by_policy,omitempty"` // a repair begun on the policy's permission
	Named      bool      `json:"named,omitempty"`               // by the tag of an open repair
	From       string    `json:"from_node,omitempty"`           // that a repair job takes its instance from
	Row        string    `json:"row,omitempty"`                 // of the table of repairs, of a repair job for an instance on good nodes
	Ended      int64     `json:"ended,omitempty"`               // Unix time in seconds, of a job with a row
	Past       bool      `json:"past,omitempty"`                // it may have left something behind
	Log        *SavedLog `json:"log,omitempty"`
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
			if j.Row = repair.RowMark(info); j.Row != "" && !info.Ended.IsZero() {
				j.Ended = info.Ended.Unix()
			}
			jobs[info.ID] = j
		}
		return j
	}
	for _, info := range s.Unfinished {
		j := add(info)
		j.Unfinished, j.Target = true, s.Targets[info.ID]
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

func (j SavedJob) info() luxi.JobInfo {
	info := luxi.JobInfo{ID: luxi.JobID(j.ID), Known: j.Status != "", Status: luxi.JobStatus(j.Status), Summary: j.Summary}
	if j.Ended != 0 {
		info.Ended = time.Unix(j.Ended, 0)
	}
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
		if j.Row != "" {
			op.Reason = append(op.Reason, luxi.ReasonEntry{Source: repair.Source, Text: repair.RowText(j.Row)})
		}
		if j.Policy {
			op.Reason = append(op.Reason, luxi.ReasonEntry{Source: repair.Source, Text: repair.PolicyMark})
		}
		info.Ops = append(info.Ops, op)
	}
	return info
}
