package judge

import (
	"encoding/json"
	"strings"
	"time"
)

// Job is a job of the queue, as it was at the end of the run.
type Job struct {
	ID       int64
	Status   string
	Received time.Time
	Ended    time.Time // zero if it has not ended
	Purged   bool      // its file is gone: nobody can look it up any more
	Ops      []Op
}

// Op is an opcode of a job.
type Op struct {
	ID      string // "OP_INSTANCE_FAILOVER"
	Params  map[string]any
	Reason  [][2]string // sources and texts of the reason trail
	Depends []int64
	Status  string
	Waits   time.Time // when it began to wait for its locks; zero if it never did
	Began   time.Time // when it had its locks; zero if it never did
	Ended   time.Time
	// Class, Message and Code are those of its error.
	Class, Message, Code string
	Log                  []string
}

// source names the program in reason trails.
const source = "ganeti-autorepair"

// mark returns what the program says of a job of its own: the kind, "" for jobs of
// others, and the id of the repair.
func (j *Job) mark() (kind, repair string) {
	for _, op := range j.Ops {
		for _, r := range op.Reason {
			if r[0] != source || strings.HasPrefix(r[1], "rate-limit:") {
				continue
			}
			words := append(strings.Fields(r[1]), "", "")
			return words[0], words[1]
		}
	}
	return "", ""
}

// Kind returns what the program says that the job is for: "repair", "gate", "hold",
// "tags" or "probe"; "" for the jobs of others.
func (j *Job) Kind() string { kind, _ := j.mark(); return kind }

// Repair returns the id of the repair that the job says it belongs to.
func (j *Job) Repair() string { _, id := j.mark(); return id }

// limits are the job's entries that limit how many of its kind run at a time.
func (j *Job) limits() []string {
	var list []string
	for _, op := range j.Ops {
		for _, r := range op.Reason {
			if strings.HasPrefix(r[1], "rate-limit:") && !contains(list, r[1]) {
				list = append(list, r[1])
			}
		}
	}
	return list
}

// Text returns the string parameter of that name, "" if there is none.
func (op *Op) Text(name string) string {
	s, _ := op.Params[name].(string)
	return s
}

func (op *Op) flag(name string) bool {
	on, _ := op.Params[name].(bool)
	return on
}

// List returns the parameter of that name as a list of strings.
func (op *Op) List(name string) []string {
	switch l := op.Params[name].(type) {
	case []string:
		return l
	case []any:
		var list []string
		for _, x := range l {
			if s, ok := x.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// Instance returns the name of the instance that the job's opcodes have, "" if none.
func (j *Job) Instance() string {
	for k := range j.Ops {
		if name := j.Ops[k].Text("instance_name"); name != "" {
			return name
		}
	}
	return ""
}

func (j *Job) uuid() string {
	for k := range j.Ops {
		if uuid := j.Ops[k].Text("instance_uuid"); uuid != "" {
			return uuid
		}
	}
	return ""
}

// The steps of repairs.
const (
	stepRD    = "RD"    // REPLACE_DISKS
	stepM     = "M"     // MIGRATE
	stepF     = "F"     // FAILOVER
	stepChain = "CHAIN" // RECREATE_DISKS, SHUTDOWN, REINSTALL, STARTUP
)

var steps = map[string]string{
	"OP_INSTANCE_REPLACE_DISKS": stepRD, "OP_INSTANCE_MIGRATE": stepM, "OP_INSTANCE_FAILOVER": stepF, "OP_INSTANCE_RECREATE_DISKS": stepChain,
}

// Step returns the step that the job is: "F", "M", "RD", "CHAIN", "" for any other.
func (j *Job) Step() string {
	for _, op := range j.Ops {
		if s := steps[op.ID]; s != "" {
			return s
		}
	}
	return ""
}

// Began reports whether an opcode of the job has ever begun.
func (j *Job) Began() bool { return !j.First().IsZero() }

// First returns when the first of the job's opcodes began, zero if none has.
func (j *Job) First() time.Time {
	for _, op := range j.Ops {
		if !op.Began.IsZero() {
			return op.Began
		}
	}
	return time.Time{}
}

// beganBy and endedBy report whether the job had begun, and ended, at a time.
func (j *Job) beganBy(t time.Time) bool { return j.Began() && !j.First().After(t) }

// waited reports whether an opcode of the job had begun to wait for its locks by the time.
func (j *Job) waited(t time.Time) bool {
	for _, op := range j.Ops {
		if !op.Waits.IsZero() && !op.Waits.After(t) {
			return true
		}
	}
	return false
}

func (j *Job) endedBy(t time.Time) bool { return !j.Ended.IsZero() && !j.Ended.After(t) }

// refused reports whether the job ended in the checks of its first opcode, or
// before that: it has changed nothing.
func (j *Job) refused() bool {
	for _, op := range j.Ops {
		switch {
		case op.ID == "OP_TEST_DELAY": // harep puts one in front
		case op.Status == "success":
			return false
		default:
			return op.Began.IsZero() || op.refused()
		}
	}
	return true
}

// refused reports whether the opcode failed in its checks.
func (op *Op) refused() bool {
	return (op.Class == "OpPrereqError" || noAnswer(op.Message)) && !op.onlyDisksLeft()
}

// onlyDisksLeft recognizes a REPLACE_DISKS that failed in the last thing it does, the
// deactivation of disks, which has a check of its own: by then the new copy is whole
// (lib/cmdlib/instance_storage.py).
func (op *Op) onlyDisksLeft() bool { return strings.Contains(op.Message, "cannot shutdown disks") }

// noRoom reports whether the job was refused for want of room (S8).
func (j *Job) noRoom() bool {
	for _, op := range j.Ops {
		if op.Status == "error" {
			return strings.HasSuffix(op.Code, "insufficient_resources") || noAnswer(op.Message)
		}
	}
	return false
}

// noAnswer recognizes errors of Ganeti that say that room could not be asked for,
// or that the target is drained.
func noAnswer(message string) bool {
	for _, part := range []string{"Can't use drained node", "Can't get data for node", "Failure while running the iallocator"} {
		if strings.Contains(message, part) {
			return true
		}
	}
	return false
}

// DependsOn reports whether an opcode of the job waits for the other job.
func (j *Job) DependsOn(id int64) bool {
	for _, op := range j.Ops {
		for _, d := range op.Depends {
			if d == id {
				return true
			}
		}
	}
	return false
}

// ReadError reads the result of an opcode that failed: ["OpPrereqError", ["text",
// "code"]], or a text alone.
func ReadError(result json.RawMessage) (class, message, code string) {
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

// failure returns the error of the first opcode that failed.
func (j *Job) failure() string {
	for _, op := range j.Ops {
		if op.Status == "error" {
			return op.Code + " " + op.Message
		}
	}
	return ""
}
