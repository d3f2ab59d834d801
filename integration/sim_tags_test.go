//go:build cluster

package integration_test

import (
	"testing"
	"time"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// On the real master a change of tags that waits for its instance's lock does not
// keep those that share its job: luxid tells of the wait, the job is ended, and they
// are written while the lock is still held. The locked one is written once it is free,
// and none is written twice (C5).
func TestSharedTagsOfALockedInstance(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node n1 mem=4096 disk=10240
instance a nodes=n1 template=plain disk=64 mem=64
instance b nodes=n1 template=plain disk=64 mem=64
instance c nodes=n1 template=plain disk=64 mem=64
`)
	lift := w.sim.Inject(nodesim.Fault{Instance: "b", Call: "instance_shutdown", Hang: true})
	ids, err := w.Submit(w.ctx, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_SHUTDOWN", "instance_name": "b"}})
	w.must(err)
	w.waitCall("n1", "instance_shutdown")
	writer := &tagstore.Writer{Client: w.luxi, Source: "test", Now: time.Now, Window: 5, PerJob: 10}
	var changes []tagstore.Change
	for _, name := range []string{"a", "b", "c"} {
		changes = append(changes, tagstore.Change{Kind: luxi.TagInstance, Name: name, Add: []string{"new"}, Why: "test"})
	}
	batch, err := writer.Submit(w.ctx, changes)
	w.must(err)
	ended := make(map[string]bool)
	next := func() {
		done, err := batch.Next(w.ctx)
		w.must(err)
		for _, e := range done {
			if e.Err != nil {
				t.Errorf("%s: %v", changes[e.Index].Name, e.Err)
			}
			ended[changes[e.Index].Name] = true
		}
	}
	for batch.Unfinished() > 1 {
		next()
	}
	if ended["b"] || w.jobInfo(luxi.JobID(ids[0])).Status != luxi.JobRunning {
		t.Errorf("written are %v while %s", ended, w.jobInfo(luxi.JobID(ids[0])).Status)
	}
	lift()
	next()
	if !ended["b"] {
		t.Error("the locked one is not written")
	}
	written := 0
	for _, job := range w.queue() {
		for _, op := range job.Ops {
			if op.ID == "OP_TAGS_SET" && op.Status == luxi.JobSuccess {
				written++
			}
		}
	}
	if written != 3 {
		t.Errorf("%d writes of tags, want 3", written)
	}
}
