//go:build cluster

package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// hangDelay lets TEST_DELAY hang on a node, and so keep its lock.
func hangDelay(node string) nodesim.Fault {
	return nodesim.Fault{Node: node, Call: "test_delay", Hang: true}
}

func delayOn(node string) []vcluster.Opcode {
	return []vcluster.Opcode{{"OP_ID": "OP_TEST_DELAY", "duration": 600, "on_master": false, "on_nodes": []string{node}, "no_locks": false}}
}

func drainFirst(node string) []vcluster.Opcode {
	return []vcluster.Opcode{{"OP_ID": "OP_NODE_SET_PARAMS", "node_name": node, "drained": true, "priority": -10}}
}

// eventually waits until a condition holds.
func (w *simWorld) eventually(what string, holds func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// waitCall waits until a fault for the call has been hit.
func (w *simWorld) waitCall(node, call string) {
	w.t.Helper()
	w.eventually("call "+call+" on "+node, func() bool { return w.sim.Hits(call) > 0 })
}

// waitForLock waits until a job has asked for a lock that another one has.
func (w *simWorld) waitForLock(id luxi.JobID) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("job %d among those that wait for a lock", id), func() bool {
		waits, err := w.luxi.WaitsForLock(w.ctx, id)
		w.must(err)
		return waits
	})
}

func (w *simWorld) jobInfo(id luxi.JobID) luxi.JobInfo {
	w.t.Helper()
	jobs, err := w.luxi.QueryJobs(w.ctx, []luxi.JobID{id})
	w.must(err)
	return jobs[0]
}

// othersEnd waits for all jobs but those of the instances whose jobs never end.
func (w *simWorld) othersEnd(but ...string) {
	w.t.Helper()
	for _, job := range w.queue() {
		waits := true
		for _, name := range but {
			waits = waits && job.Ops[0].Param("instance_name") != name
		}
		if waits && !job.Status.Final() {
			_, err := w.WaitJob(w.ctx, int(job.ID))
			w.must(err)
		}
	}
}

// failures counts the failure results that instances have.
func (w *simWorld) failures() int {
	w.t.Helper()
	rows, err := w.Query(w.ctx, "instance", []string{"tags"}, nil)
	w.must(err)
	n := 0
	for _, row := range rows {
		var tags []string
		w.must(json.Unmarshal(row[0], &tags))
		for _, r := range tagstore.Parse(luxi.TagInstance, tags).Results {
			if r.Outcome == tagstore.Failure {
				n++
			}
		}
	}
	return n
}

// judgedPass does a pass, which must end with 1 if it gives a repair up, else with
// 0.
func (w *simWorld) judgedPass() {
	w.t.Helper()
	before := w.failures()
	r := w.passAnyhow()
	code := 0
	if w.failures() > before {
		code = 1
	}
	if r.code != code {
		w.t.Errorf("the pass ended with %d, want %d: %s%s", r.code, code, r.stdout, r.stderr)
	}
}

// kill kills the process of a repair job of the instance that is running.
func (w *simWorld) kill(instance string) error {
	for _, job := range w.queue() {
		if job.Status != luxi.JobRunning || job.Ops[0].Param("instance_name") != instance {
			continue
		}
		if ok, text, err := w.luxi.CancelJob(w.ctx, job.ID, true); err != nil || !ok {
			return fmt.Errorf("job %d: %s, %w", job.ID, text, err)
		}
		return nil
	}
	return errors.New("no job is running")
}

// killAt kills the process of an instance's job when it makes the call for the
// first time, whatever call that is, instead of an answer. The function it returns
// tells of those that never made it.
func (w *simWorld) killAt(calls map[string]string) (check func()) {
	w.t.Helper()
	for instance, call := range calls {
		w.sim.Inject(nodesim.Fault{Instance: instance, Call: call, Hang: true, Times: 1})
	}
	var mu sync.Mutex
	var kills sync.WaitGroup
	killed := make(map[string]bool)
	w.sim.OnCall(func(c nodesim.Call) {
		mu.Lock()
		defer mu.Unlock()
		if calls[c.Instance] != c.Name || killed[c.Instance] {
			return
		}
		killed[c.Instance] = true
		kills.Add(1)
		go func() {
			defer kills.Done()
			if err := w.kill(c.Instance); err != nil {
				w.t.Errorf("%s at %s: %v", c.Instance, c.Name, err)
			}
		}()
	})
	return func() {
		w.t.Helper()
		w.sim.OnCall(nil)
		kills.Wait()
		for instance, call := range calls {
			if !killed[instance] {
				w.t.Errorf("%s: its job was never killed, it made no call %s", instance, call)
			}
		}
	}
}
