package repair_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// started is a job with one opcode about web that ended so; who says whose it is.
func started(id int, op, who, class string) luxi.JobInfo {
	o := luxi.JobOp{ID: op, Status: luxi.JobSuccess, Params: map[string]json.RawMessage{"instance_uuid": repairtest.Text("web-uuid"), "instance_name": repairtest.Text("web")}}
	o.Reason = []luxi.ReasonEntry{{Source: who}}
	job := luxi.JobInfo{ID: luxi.JobID(id), Known: true, Status: luxi.JobSuccess}
	if class != "" {
		o.Status, job.Status = luxi.JobError, luxi.JobError
		o.Result.Err = &luxi.Error{Class: class, Message: "Could not start instance"}
	}
	job.Ops = []luxi.JobOp{o}
	return job
}

// R1: what counts are the starts by ganeti-watcher that failed since the instance last
// started or moved, each once.
func TestCountStarts(t *testing.T) {
	const watcher, person, start = "gnt:watcher", "gnt:client:gnt-instance", luxi.OpInstanceStartup
	for _, c := range []struct {
		what string
		jobs []luxi.JobInfo
		want string // failed and refused
	}{
		{"two", []luxi.JobInfo{started(1, start, watcher, "OpExecError"), started(2, start, watcher, "OpExecError")}, "2 0"},
		{"one, read twice", []luxi.JobInfo{started(1, start, watcher, "OpExecError"), started(1, start, watcher, "OpExecError")}, "1 0"},
		{"a person's", []luxi.JobInfo{started(1, start, person, "OpExecError")}, "0 0"},
		{"refused", []luxi.JobInfo{started(1, start, watcher, "OpPrereqError"), started(2, start, watcher, "OpExecError")}, "2 1"},
		{"started since", []luxi.JobInfo{started(1, start, watcher, "OpExecError"), started(2, start, person, "")}, "0 0"},
		{"rebooted since, which starts what is down", []luxi.JobInfo{started(1, start, watcher, "OpExecError"), started(2, luxi.OpInstanceReboot, person, "")}, "0 0"},
		{"moved since", []luxi.JobInfo{started(1, start, watcher, "OpExecError"), started(2, luxi.OpInstanceFailover, person, ""), started(3, start, watcher, "OpExecError")}, "1 0"},
		{"move failed", []luxi.JobInfo{started(1, start, watcher, "OpExecError"), started(2, luxi.OpInstanceFailover, person, "OpExecError")}, "1 0"},
	} {
		tries := make(map[string]repair.StartTries)
		for _, job := range c.jobs {
			repair.CountStarts(tries, job)
		}
		if got := fmt.Sprint(tries["web-uuid"].Failed, " ", tries["web-uuid"].Refused); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// R1: a start that is refused for want of memory, or for what its node lacks, may succeed
// elsewhere; all other refusals would be the same there.
func TestCountRefusedStarts(t *testing.T) {
	for code, want := range map[string]int{
		luxi.ECodeInval: 1, luxi.ECodeState: 1, "": 1, luxi.ECodeNoRes: 0, luxi.ECodeEnviron: 0,
	} {
		job := started(1, luxi.OpInstanceStartup, "gnt:watcher", "OpPrereqError")
		job.Ops[0].Result.Err.Code = code
		tries := make(map[string]repair.StartTries)
		repair.CountStarts(tries, job)
		if got := tries["web-uuid"]; got.Failed != 1 || got.Refused != want {
			t.Errorf("%q: %+v, want %d refused", code, got, want)
		}
	}
}

// gaveUp returns a snapshot in which ganeti-watcher has given up so many instances.
func gaveUp(n int, template, admin, status string) *repair.Snapshot {
	var list []*repair.Instance
	starts := make(map[string]repair.StartTries)
	for k := 0; k < n; k++ {
		nodes := "a b"
		if template != "drbd" {
			nodes = "a"
		}
		i := repairtest.Instance(fmt.Sprintf("i%d", k), template, nodes, "failover")
		i.AdminState = admin
		if i.Live = nil; status != "" {
			i.Live = &repair.Live{Status: status}
		}
		starts[i.UUID] = repair.StartTries{Failed: 5, Job: 9}
		list = append(list, i)
	}
	s := repairtest.Snapshot("m a b c", list...)
	s.Disks = repair.DiskFacts{Relocate: true, RestartTries: 5, Starts: starts}
	return s
}

// R1, R3: only what should be up, is down, and has mirrored disks is moved.
func TestNeedsOfWhatWasGivenUp(t *testing.T) {
	for _, c := range []struct {
		template, admin, status string
		change                  func(*repair.Snapshot)
		want                    string
	}{
		{"drbd", "up", "ERROR_down", nil, "ready failover"},
		{"rbd", "up", "ERROR_down", nil, "ready failover"},
		{"plain", "up", "ERROR_down", nil, "healthy"},
		{"drbd", "up", "running", nil, "healthy"},
		{"drbd", "up", "USER_down", nil, "healthy"},
		{"drbd", "up", "ERROR_wrongnode", nil, "healthy"},
		{"drbd", "up", "", nil, "no-live-status"},
		{"drbd", "down", "ADMIN_down", nil, "healthy"},
		{"drbd", "down", "ERROR_up", nil, "healthy"},
		{"drbd", "up", "ERROR_down", func(s *repair.Snapshot) { s.Disks.Relocate = false }, "healthy"},
		{"drbd", "up", "ERROR_down", func(s *repair.Snapshot) { s.Disks.RestartTries = 0 }, "healthy"},
		{"drbd", "up", "ERROR_down", func(s *repair.Snapshot) { s.Disks.RestartTries = 6 }, "healthy"},
		{"drbd", "up", "ERROR_down", func(s *repair.Snapshot) {
			s.Disks.Starts[s.Instances[0].UUID] = repair.StartTries{Failed: 5, Refused: 5}
		}, "cannot-start"},
		{"drbd", "up", "ERROR_down", func(s *repair.Snapshot) {
			s.Disks.Starts[s.Instances[0].UUID] = repair.StartTries{Failed: 5, Refused: 4}
		}, "cannot-start"},
		{"drbd", "up", "ERROR_down", func(s *repair.Snapshot) {
			s.Disks.Starts[s.Instances[0].UUID] = repair.StartTries{Failed: 9, Refused: 4}
		}, "ready failover"},
	} {
		s := gaveUp(1, c.template, c.admin, c.status)
		if c.change != nil {
			c.change(s)
		}
		d := decide(s, s.Instances[0])
		got := string(d.Reason)
		if d.Start != nil {
			got += " " + string(d.Start.Step)
		}
		if got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.template, c.admin, c.status, got, c.want)
		}
	}
}

// R2: the copies are compared first, and it is not tried twice.
func TestRelocatedOnce(t *testing.T) {
	s := gaveUp(1, "drbd", "up", "ERROR_down")
	p := repair.NewPlan(s, &repair.Placer{}, repair.DefaultSettings(), func() string { return "p-aaaaaaaa" })
	if len(p.Actions) != 1 || p.Actions[0].Job == nil || len(p.Actions[0].Job.OpCodes) != 2 || p.Actions[0].Job.OpCodes[0].OpID() != luxi.OpInstanceActivateDisks {
		t.Fatalf("%+v", p.Actions)
	}
	if !repair.MustNotWait(p.Actions[0].Decision) {
		t.Error("it may begin long after, when a person has started it")
	}
	job := repairtest.For("i0", repairtest.Failed(5, repair.StepFailover))
	job.Ops[0].Reason = append(job.Ops[0].Reason, luxi.ReasonEntry{Source: repair.Source, Text: "row R1"})
	s.Instances[0].Tags = tagstore.Parse(luxi.TagInstance, []string{"ganeti:watcher:autorepair:pending:failover:p-aaaaaaaa:1600000000:5", "ganeti:watcher:autorepair:failover"})
	s = repairtest.WithJobs(s, job)
	if d := decide(s, s.Instances[0]); d.State != repair.StateFailed {
		t.Errorf("%s %s", d.State, d.WhyNot())
	}
}

// R2: many at once are the fault of something else.
func TestManyDown(t *testing.T) {
	for n, want := range map[int]int{3: 3, 4: 0} {
		s := gaveUp(n, "drbd", "up", "ERROR_down")
		p := repair.NewPlan(s, &repair.Placer{}, repair.DefaultSettings(), func() string { return "p-aaaaaaaa" })
		if len(p.Actions) != want {
			t.Errorf("%d given up: %d moved", n, len(p.Actions))
		}
		for _, d := range p.Decisions {
			if want == 0 && (d.Reason != repair.ReasonManyDown || !strings.Contains(d.Detail, "max_relocations")) {
				t.Errorf("%s", d.WhyNot())
			}
		}
	}
}
