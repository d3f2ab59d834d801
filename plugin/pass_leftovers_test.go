package plugin

import (
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// killAt makes the program die at the n-th call of a method: no call of it gets
// through from then on, as after kill -9, until revive.
func (r *rig) killAt(method string, n int, last luxitest.Fault) {
	var mu sync.Mutex
	count, dead := 0, false
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if dead {
			return luxitest.DieBefore()
		}
		if c.Method == method {
			if count++; count == n {
				dead = true
				return last
			}
		}
		return luxitest.Pass()
	})
}

// killed does a pass that dies.
func (r *rig) killed() {
	r.T.Helper()
	if _, err := r.tryPass(); err == nil {
		r.T.Error("the pass did not die")
	}
	r.Master.OnCall(nil)
}

// status lists the statuses of the jobs of a kind.
func (r *rig) status(kind string) string {
	var list []string
	for _, j := range r.Master.Jobs() {
		if k, _ := simtest.TrailOf(j); k == kind {
			list = append(list, j.Status)
		}
	}
	return strings.Join(list, " ")
}

// C2: a pass that died between submitting the held jobs and writing the tags.
// The next one ends the hold job, so that what it holds expires at once, and
// then does the repair.
func TestLeftoverHold(t *testing.T) {
	for _, later := range []time.Duration{0, time.Second, 30 * time.Second, 5 * time.Minute} {
		later := later
		t.Run("after "+later.String(), func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
			r.Master.Edit(simtest.Broken("node2:offline"))
			r.killAt("SubmitManyJobs", 1, luxitest.DieAfter())
			r.killed()
			r.WantTags("i", "")
			r.Master.Advance(later)
			began := r.Master.Now()
			report := r.pass()
			if took := r.Master.Now().Sub(began); took > 10*time.Second {
				t.Errorf("what was held is waited for, %v", took)
			}
			if len(report.Released) != 1 {
				t.Errorf("the second pass released %+v", report.Released)
			}
			if s := r.status(repair.MarkRepair); !strings.HasPrefix(s, "error ") {
				t.Errorf("repair jobs: %s, want the first one expired", s)
			}
			r.Quiet()
			r.repaired()
			r.WantRepairs("FAILOVER(i) success")
			r.wantResult("i", "failover", "success", 1)
		})
	}
}

// C2, C3: a pass that died while its tag job waits for the lock of the second of
// two instances: it is canceled and does not strike later.
func TestLeftoverTagJob(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance h nodes=node1 "+simtest.Tags("pending:migrate:x:5:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	submits, hanging := 0, int64(0)
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch c.Method {
		case "SubmitManyJobs":
			submits++
			if submits == 2 {
				hanging = r.hang("h")
			}
		case "WaitForJobChange", "CancelJob":
			return luxitest.DieBefore()
		}
		return luxitest.Pass()
	})
	r.killed()
	r.Master.Advance(2 * time.Minute) // the tags of i are written, those of h are stuck; all that is held has expired
	if s := r.status(repair.MarkTags); s != "waiting" {
		t.Fatalf("tag jobs: %s", s)
	}
	r.pass()
	if s := r.status(repair.MarkTags); !strings.HasPrefix(s, "canceled") {
		t.Errorf("tag jobs: %s, want the first one canceled", s)
	}
	r.WantTags("h", "pending:migrate:x:5:")
	r.Master.OnOpcode(nil)
	r.Master.Continue(hanging)
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	r.wantResult("i", "failover", "success", 1)
	if got := r.Tags("h"); !strings.HasPrefix(got, "result:migrate:x:") {
		t.Errorf("h: %s", got)
	}
}

// C2: a pass that died over a dry run that waits for a lock.
func TestLeftoverProbe(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i mem=256 nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.Edit(crowd(true))
	r.pass()
	r.Quiet()
	var hanging int64
	dead := false
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		switch {
		case dead:
			return luxitest.DieBefore()
		case c.Method == "SubmitManyJobs":
			hanging, dead = r.hang("i"), true
			return luxitest.DieAfter()
		}
		return luxitest.Pass()
	})
	r.killed()
	r.Master.Advance(time.Second)
	if s := r.status(repair.MarkProbe); s != "waiting" {
		t.Fatalf("dry runs: %s", s)
	}
	r.pass()
	if s := r.status(repair.MarkProbe); s != "canceled" {
		t.Errorf("dry runs: %s", s)
	}
	r.Master.OnOpcode(nil)
	r.Master.Continue(hanging)
	r.Master.Edit(crowd(false))
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(i) error, FAILOVER(i) success")
}

// C2: the answer to a release is lost. The job runs, and no second one does.
func TestReleaseWithoutAnswer(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.FaultAt("CancelJob", 1, luxitest.DieAfter)
	if _, err := r.tryPass(); !luxi.OutcomeUnknown(err) {
		t.Errorf("the pass ended with %v", err)
	}
	r.Master.OnCall(nil)
	r.pass()
	r.Quiet()
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	r.wantResult("i", "failover", "success", 1)
}

// C2: luxid is stopped, crashes or the master fails over in the middle of a
// pass; afterwards the repair is done once.
func TestLuxidGoesAway(t *testing.T) {
	for name, away := range map[string]func(*luxitest.Master) error{
		"restarted":   (*luxitest.Master).RestartLuxid,
		"crashed":     func(m *luxitest.Master) error { m.CrashLuxid(); return m.StartLuxid() },
		"other node ": func(m *luxitest.Master) error { return m.MasterFailover("node3") },
	} {
		for _, call := range []string{"Query", "SubmitManyJobs", "WaitForJobChange", "CancelJob"} {
			away, call := away, call
			t.Run(name+" at "+call, func(t *testing.T) {
				r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd")
				r.Master.Edit(simtest.Broken("node2:offline"))
				done, back := false, make(chan struct{})
				r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
					if c.Method == call && !done {
						done = true
						if err := away(r.Master); err != nil {
							t.Error(err)
						}
						close(back)
						return luxitest.DieBefore()
					}
					return luxitest.Pass()
				})
				_, _ = r.tryPass() // whether it notices depends on the moment
				<-back
				r.Master.OnCall(nil)
				r.Master.Advance(2 * time.Minute) // luxid is slow to notice the ends of jobs it did not start
				for n := 0; n < 8; n++ {
					r.pass()
					r.Quiet()
				}
				r.WantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
				r.wantResult("i", "failover", "success", 2)
			})
		}
	}
}

// C2: jobs of a repair that were archived since are still known.
func TestArchivedJobs(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	for n := 0; n < 5; n++ {
		r.pass()
		r.Quiet()
		r.Master.ArchiveJobs(0)
	}
	r.WantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
	r.wantResult("i", "failover", "success", 2)
}

// S7: a job that was purged counts as ended with unknown outcome.
func TestPurgedJob(t *testing.T) {
	for name, row := range map[string]struct{ nodes, want string }{
		"healthy":       {"node2:", "result:failover:r1:success"},
		"still in need": {"node2:offline", "result:failover:r1:failure"},
	} {
		row := row
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
			r.Master.Edit(simtest.Broken("node2:offline"))
			r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
				if op.ID == "OP_INSTANCE_FAILOVER" {
					return luxitest.OpFails("OpExecError", "it broke")
				}
				return luxitest.OpPass()
			})
			report := r.pass()
			r.Quiet()
			if !r.Master.Purge(int64(report.Released[0].Job)) {
				t.Fatal("the job cannot be purged")
			}
			r.Master.Edit(simtest.Broken(row.nodes))
			r.pass()
			if got := short(r.Tags("i")); got != row.want {
				t.Errorf("tags %s, want %s", got, row.want)
			}
		})
	}
}

// Jobs of other people are left alone, whatever they wait for.
func TestOthersJobsLeftAlone(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance other nodes=node1")
	c := r.newPass().Client
	reason := luxi.Common{Reason: []luxi.ReasonEntry{{Source: "gnt:client:gnt-instance", Text: "hold", Time: repairtest.Present}}}
	id, err := c.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.TestDelay{Common: reason, Duration: 600}})
	if err != nil {
		t.Fatal(err)
	}
	second := luxi.Common{Reason: []luxi.ReasonEntry{{Source: "gnt:user", Text: "tags ganeti-autorepair", Time: repairtest.Present}}, Depends: []luxi.Depend{{Job: id}}}
	if _, err := c.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.TagsSet{Common: second, Kind: luxi.TagInstance, Name: "other", Tags: []string{"x"}}}); err != nil {
		t.Fatal(err)
	}
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.pass()
	r.Quiet()
	for _, j := range r.Master.Jobs()[:2] {
		if j.Status != "success" {
			t.Errorf("job %d, %s, ended as %s", j.ID, j.Ops[0].Summary, j.Status)
		}
	}
}
