package integration_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// The steps of repairs, as job histories name them.
const (
	stepRD    = "RD"    // replace the secondary
	stepM     = "M"     // migrate
	stepF     = "F"     // fail over
	stepChain = "CHAIN" // recreate disks, shut down, reinstall, start
	stepAlien = "alien" // a job of some other program

	stepStranger = "stranger" // a failover of another instance
)

// The opcodes of each step's job.
var stepOpcodes = map[string][]string{
	stepRD:    {"OP_INSTANCE_REPLACE_DISKS"},
	stepM:     {"OP_INSTANCE_MIGRATE"},
	stepF:     {"OP_INSTANCE_FAILOVER"},
	stepChain: {"OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_STARTUP"},
	stepAlien: {"OP_INSTANCE_REBOOT"},

	stepStranger: {"OP_INSTANCE_FAILOVER"},
}

// trailNames are the words for the steps in the reason trail of our own jobs.
var trailNames = map[string]string{stepRD: "replace-disks", stepM: "migrate", stepF: "failover", stepChain: "reinstall"}

// pastJob is a job of a repair and what came of it.
type pastJob struct {
	id   int64
	step string
	fate string // a word of fates
}

// fates says, for each word, how the job looks in the queue. Behind the status
// comes the error: its class, text and code, and the opcode it is the end of.
var fates = map[string]struct {
	status               luxi.JobStatus
	at                   int // the number of the opcode that failed
	class, message, code string
}{
	"queued":         {status: luxi.JobQueued},
	"waiting":        {status: luxi.JobWaiting},
	"canceling":      {status: luxi.JobCanceling},
	"running":        {status: luxi.JobRunning},
	"success":        {status: luxi.JobSuccess},
	"failed":         {luxi.JobError, 0, "OpExecError", "it broke", ""},
	"refused":        {luxi.JobError, 0, "OpPrereqError", "not in this state", luxi.ECodeState},
	"failed later":   {luxi.JobError, 2, "OpExecError", "no such image", ""},
	"refused later":  {luxi.JobError, 3, "OpPrereqError", "not enough memory to start", luxi.ECodeNoRes},
	"no room":        {luxi.JobError, 0, "OpPrereqError", "Not enough memory", luxi.ECodeNoRes},
	"no room now":    {luxi.JobError, 0, "OpPrereqError", "Not enough memory", luxi.ECodeTempNoRes},
	"no answer":      {luxi.JobError, 0, "OpExecError", "Failure while running the iallocator script", ""},
	"target drained": {luxi.JobError, 0, "OpPrereqError", "Can't use drained node 'x'", luxi.ECodeState},
	"canceled":       {status: luxi.JobCanceled},
	"canceled now":   {status: luxi.JobCanceled},
	"refused anew":   {luxi.JobError, 0, "OpPrereqError", "in another state", luxi.ECodeState},
	"elsewhere":      {luxi.JobError, 0, "OpExecError", "it broke while it wrote to another node", ""},
	"copied":         {luxi.JobError, 0, "OpPrereqError", "marked to be up, cannot shutdown disks", luxi.ECodeState},
	"old no room":    {luxi.JobError, 0, "OpPrereqError", "Not enough memory", luxi.ECodeNoRes},
	"canceled later": {status: luxi.JobCanceled, at: 1},
	"expired":        {luxi.JobError, 0, "OpExecError", "Dependency job 5 finished with status 'success', not one of 'canceled' as required", ""},
	"purged":         {},
	"never heard of": {},
	"above":          {}, // a number that the queue has not reached
}

// newestJob is the newest job of the queue.
const newestJob = 100000

// ages is how long ago a job was received and ended, of those fates for which
// that matters.
var ages = map[string]time.Duration{"canceled now": time.Minute, "old no room": 20 * 24 * time.Hour}

// info renders the job as the queue shows it.
func (j pastJob) info() luxi.JobInfo {
	f := fates[j.fate]
	if f.status == "" {
		return luxi.JobInfo{ID: luxi.JobID(j.id)}
	}
	info := luxi.JobInfo{ID: luxi.JobID(j.id), Known: true, Status: f.status}
	if age, matters := ages[j.fate]; matters {
		info.Received = time.Unix(nowSeconds, 0).Add(-age)
		info.Ended = info.Received
	}
	name := theName
	if j.step == stepStranger {
		name = "web2"
	}
	for k, id := range stepOpcodes[j.step] {
		op := luxi.JobOp{ID: id, Status: f.status, Params: map[string]json.RawMessage{"instance_name": json.RawMessage(strconv.Quote(name))}}
		if ours := trailNames[j.step]; ours != "" {
			op.Reason = []luxi.ReasonEntry{{Source: "ganeti-autorepair", Text: "repair a " + ours}}
		}
		if j.fate == "elsewhere" {
			op.Params["remote_node"] = json.RawMessage(`"spare"`)
		}
		switch {
		case k < f.at:
			op.Status = luxi.JobSuccess
		case f.status == luxi.JobError && k == f.at:
			op.Result.Err = &luxi.Error{Class: f.class, Message: f.message, Code: f.code}
		case f.status == luxi.JobError:
			op.Result.Err = &luxi.Error{Class: "OpExecError", Message: "Preceding opcode failed"}
		}
		info.Ops = append(info.Ops, op)
	}
	return info
}

// record is one tag of the instance that records a repair.
type record struct {
	kind    string // "pending", "result", "unreadable"
	typ, id string
	time    int64
	outcome string
	jobs    []pastJob
	text    string // of an unreadable one, behind the prefix
}

// tag writes the record as the grammar of the design has it.
func (c record) tag() string {
	var ids []string
	for _, j := range c.jobs {
		ids = append(ids, strconv.FormatInt(j.id, 10))
	}
	list := strings.Join(ids, "+")
	switch c.kind {
	case "pending":
		return fmt.Sprintf("%spending:%s:%s:%d:%s", tagPrefix, c.typ, c.id, c.time, list)
	case "result":
		return fmt.Sprintf("%sresult:%s:%s:%d:%s:%s", tagPrefix, c.typ, c.id, c.time, c.outcome, list)
	}
	return tagPrefix + c.text
}

// recordSet is all that is recorded of an instance, rendered once for all the
// situations it is part of.
type recordSet struct {
	list    []record
	tags    []string
	facts   map[luxi.JobID]*repair.JobFact
	running []luxi.JobInfo
	open    []*openRepair // filled in by the oracle
}

// recorded makes a set of records.
func recorded(list ...record) *recordSet {
	set := &recordSet{list: list, facts: make(map[luxi.JobID]*repair.JobFact)}
	for _, c := range list {
		set.tags = append(set.tags, c.tag())
		if c.kind != "pending" {
			continue // the jobs of results are never looked up
		}
		for _, j := range c.jobs {
			if j.fate == "never heard of" || j.fate == "above" {
				continue
			}
			info := j.info()
			set.facts[info.ID] = repair.NewJobFact(info)
			if j.fate == "copied" {
				set.facts[info.ID] = set.facts[info.ID].WithLog(repair.LogFact{Copied: true})
			}
			if info.Known && !info.Status.Final() {
				set.running = append(set.running, info)
			}
		}
	}
	set.open = openRepairs(list)
	return set
}

func (set *recordSet) String() string {
	if len(set.list) == 0 {
		return "none"
	}
	var parts []string
	for _, c := range set.list {
		text := strings.TrimPrefix(c.tag(), tagPrefix)
		for _, j := range c.jobs {
			if c.kind == "pending" {
				text += fmt.Sprintf(" {%d %s %s}", j.id, j.step, j.fate)
			}
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// history reads "RD failed, RD no room" as jobs with ids from first on.
func history(first int64, text string) []pastJob {
	var jobs []pastJob
	for k, part := range strings.Split(text, ", ") {
		if part == "" {
			continue
		}
		words := strings.SplitN(part, " ", 2)
		j := pastJob{id: first + int64(k), step: words[0], fate: words[1]}
		if j.fate == "above" {
			j.id += newestJob
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// pending, result and unreadable make records.
func pending(typ, id string, time int64, jobs string) record {
	return record{kind: "pending", typ: typ, id: id, time: time, jobs: history(time*10, jobs)}
}

func result(typ, id string, time int64, outcome string) record {
	return record{kind: "result", typ: typ, id: id, time: time, outcome: outcome, jobs: history(time*10, "F success")}
}

func unreadable(text string) record { return record{kind: "unreadable", text: text} }
