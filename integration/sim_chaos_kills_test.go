//go:build cluster

package integration_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// disturbance is the part of a proxy's hook that interferes with a pass.
type disturbance func(s luxitest.Stage, x luxitest.Exchange, kill func(signal string)) luxitest.Action

// pass runs a pass and notes what is true whenever it submits jobs.
func (c *chaos) pass(disturb disturbance) ran {
	calls := 0
	c.observe()
	c.note(judge.PassBegins, 0)
	r := c.proxied(func(s luxitest.Stage, x luxitest.Exchange, kill func(string)) luxitest.Action {
		if x.N > calls {
			calls = x.N
		}
		if s == luxitest.AtRequest && x.Method == "SubmitManyJobs" && (x.MethodN == 1 || bytes.Contains(x.Request, []byte(`"OP_INSTANCE_`))) {
			c.observe()
		}
		if s == luxitest.AtRequest && x.Method == "CancelJob" {
			c.canceling(x.Request)
		}
		if disturb == nil {
			return luxitest.Action{}
		}
		return disturb(s, x, kill)
	})
	end := judge.PassFails
	if r.code == 0 {
		c.busy = calls
		if disturb == nil {
			end = judge.PassEnds
		}
	}
	c.observe()
	c.note(end, 0)
	return r
}

// killSomething runs a pass in which something is killed. Where the chosen kind of
// victim is not to be had, another one dies. The first rounds choose a job and
// luxid, so that a short run has all kinds; luxid before it has jobs to run, as one
// that has just been started takes minutes to notice that those have ended.
func (c *chaos) killSomething(round int) string {
	c.observe()
	var said []string
	did := func(kind, what string) bool {
		said = append(said, what)
		if kind != "" {
			c.kills[kind]++
		}
		return kind != ""
	}
	choice, luxidAt := c.rng.Intn(10), c.anyCall()
	switch round {
	case 1:
		choice = 9
	case 2:
		choice, luxidAt = 3, c.earlyCall()
	}
	switch choice {
	case 0, 1, 2:
		if did(c.killProgram(c.anyCall())) || did(c.killProgram(c.earlyCall())) {
			break
		}
	case 3, 4:
		if did(c.killLuxid(luxidAt)) || did(c.killLuxid(nil)) {
			break
		}
	default:
		if did(c.killJob()) || did(c.killProgram(c.earlyCall())) {
			break
		}
	}
	return strings.Join(said, "; ")
}

// call is an instant in a pass.
type call struct {
	n      int
	method string // "" for any
	stage  int    // before luxid gets the request, when it has got it, when it has answered
}

func (a call) String() string {
	return fmt.Sprintf("request %d %s%s", a.n, a.method, []string{"", ", on its way", ", answered"}[a.stage])
}

// anyCall is some instant of a pass, half of the time one of those that matter most.
func (c *chaos) anyCall() *call {
	a := &call{n: 1 + c.rng.Intn(c.busy+2), stage: c.rng.Intn(3)}
	if c.rng.Intn(2) == 0 {
		a.method = []string{"SubmitManyJobs", "WaitForJobChange", "CancelJob"}[c.rng.Intn(3)]
		a.n = 1 + c.rng.Intn(3)
	}
	return a
}

// earlyCall is one that every pass comes to.
func (c *chaos) earlyCall() *call { return &call{n: 1 + c.rng.Intn(3), stage: c.rng.Intn(3)} }

// at does something at that instant of a pass, once.
func (a *call) at(fired *bool, do func(kill func(string))) disturbance {
	var mu sync.Mutex
	return func(s luxitest.Stage, x luxitest.Exchange, kill func(string)) luxitest.Action {
		mu.Lock()
		defer mu.Unlock()
		here := x.N == a.n
		if a.method != "" {
			here = x.Method == a.method && x.MethodN == a.n
		}
		if *fired || !here || (s == luxitest.AtReply) != (a.stage == 2) {
			return luxitest.Action{}
		}
		*fired = true
		if a.stage == 1 {
			return luxitest.Action{After: func() { do(kill) }}
		}
		return luxitest.Action{Before: func() { do(kill) }, Drop: true}
	}
}

// killProgram kills a pass; it returns the kind of what was killed, "" if the pass
// ended before that instant.
func (c *chaos) killProgram(a *call) (kind, what string) {
	fired := false
	r := c.pass(a.at(&fired, func(kill func(string)) { kill("KILL") }))
	if !fired {
		return "", fmt.Sprintf("a pass without %v ended with %d", a, r.code)
	}
	return "program", fmt.Sprintf("program killed at %v", a)
}

// killLuxid kills luxid in a pass, or at once.
func (c *chaos) killLuxid(a *call) (kind, what string) {
	fired := false
	defer atomic.StoreInt32(&c.down, 0)
	kill := func() {
		// It may answer the request that it is killed at, and the pass go on.
		atomic.StoreInt32(&c.down, 1)
		if err := c.KillDaemon(c.ctx, c.Master(), vcluster.Luxid); err != nil {
			c.t.Errorf("killing luxid: %v", err)
		}
	}
	what = "luxid killed after the pass"
	if a == nil {
		fired = true
		kill()
	} else {
		r := c.pass(a.at(&fired, func(func(string)) { kill() }))
		what = fmt.Sprintf("luxid killed at %v, the pass ended with %d", a, r.code)
	}
	if !fired {
		return "", fmt.Sprintf("a pass without %v", a)
	}
	c.must(c.StartDaemon(c.ctx, c.Master(), vcluster.Luxid))
	return "luxid", what
}

// killJob kills the process of a repair job at one of the calls that it makes to
// nodes.
func (c *chaos) killJob() (kind, what string) {
	var mu sync.Mutex
	skip := c.rng.Intn(6)
	c.sim.OnCall(func(call nodesim.Call) {
		mu.Lock()
		defer mu.Unlock()
		if kind != "" || call.Instance == "" {
			return
		}
		job, err := c.runningRepair(call.Instance)
		if err != nil {
			c.t.Errorf("looking for a job to kill: %v", err)
		}
		if job.ID == 0 {
			return
		}
		if skip--; skip >= 0 {
			return
		}
		ok, text, err := c.luxi.CancelJob(c.ctx, job.ID, true)
		if err != nil || !ok {
			c.t.Errorf("killing job %d: %v, %v", job.ID, text, err)
			return
		}
		c.killed[job.ID] = true
		kind, what = "job", fmt.Sprintf("job %d, %s of %s, killed at its call %s", job.ID, opcodes(job), call.Instance, call.Name)
	})
	r := c.pass(nil)
	c.repairsEnd()
	c.sim.OnCall(nil)
	mu.Lock()
	defer mu.Unlock()
	if kind == "" {
		return "", fmt.Sprintf("a pass without a job to kill ended with %d", r.code)
	}
	return kind, what
}

// runningRepair is the repair job that runs for an instance, none if its ID is 0.
func (c *chaos) runningRepair(name string) (luxi.JobInfo, error) {
	jobs, err := c.luxi.ListJobs(c.ctx, luxi.Eq("status", string(luxi.JobRunning)), false)
	for _, job := range jobs {
		if ourWords(job)[0] == "repair" && job.Ops[0].Param("instance_name") == name {
			return job, err
		}
	}
	return luxi.JobInfo{}, err
}

// ourWords are the words of the reason trail of a job of ours; of others', one that
// is empty.
func ourWords(job luxi.JobInfo) []string {
	for _, r := range job.Ops[0].Reason {
		if r.Source == "ganeti-autorepair" && r.Text != "" {
			return strings.Fields(r.Text)
		}
	}
	return []string{""}
}

// repairID is the id of the repair in a job's reason trail.
func repairID(job luxi.JobInfo) string {
	if words := ourWords(job); len(words) > 1 && words[0] == "repair" {
		return words[1]
	}
	return ""
}
