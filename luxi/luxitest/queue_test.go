package luxitest

import (
	"strings"
	"testing"
	"time"
)

const small = `
cluster c
node node1
node node2
node node3
instance a nodes=node2
instance b nodes=node2 state=down
`

func TestJobRunsWhileAClientWaits(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	id := w.submit(op("INSTANCE_FAILOVER", instance("a")))
	want(t, "status", w.rows("job", `["status","start_ts"]`, "null"), `"queued" [3,null]`)
	first := w.call("WaitForJobChange", `[1,["status"],["queued"],null,60]`)
	wantPart(t, "first change", first, `[["running"],[[1,[1714564800,200000],"message"," - INFO: Selected nodes for instance a`)
	want(t, "at the end", w.call("WaitForJobChange", `[1,["status"],["running"],9,60]`), `[["success"],[]]`)
	j := m.Job(id)
	if d := j.End.Sub(j.Received); d != 10200*time.Millisecond {
		t.Errorf("the job took %v", d)
	}
	if got := m.Snapshot().Instance("a"); got.Primary != "node1" || !got.Running() {
		t.Errorf("a is on %s, runs on %v", got.Primary, got.RunsOn)
	}
}

func TestWaitTimesOut(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":1000`))
	m.Advance(time.Second)
	want(t, "wait", w.call("WaitForJobChange", `[1,["status"],["running"],null,500]`), `[["running"],[]]`)
	if d := m.Now().Sub(epoch); d != 90*time.Second {
		t.Errorf("after one second and a wait capped at 89 s it is %v", d)
	}
	want(t, "lost", w.call("WaitForJobChange", `[7,["status"],["running"],null,500]`), `!["JobLost",["Can't load job file"]]`)
}

// The primitive of held jobs: TEST_DELAY, a gate behind it, and jobs that run only if the gate is canceled.
func held(w *wire) {
	w.t.Helper()
	want(w.t, "submit", w.call("SubmitManyJobs", `[[[`+op("TEST_DELAY", `"duration":100,"on_master":false`)+`],[`+
		op("TEST_DELAY", `"duration":0.01,"on_master":false,"depends":[[-1,[]]]`)+`],[`+
		op("INSTANCE_FAILOVER", instance("a"), `"depends":[[-1,["canceled"]]]`)+`],[`+
		op("INSTANCE_FAILOVER", instance("b"), `"depends":[[-2,["canceled"]]]`)+`]]]`), `[[true,1],[true,2],[true,3],[true,4]]`)
}

func TestHeldJobsAreReleasedByCancelingTheGate(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	held(w)
	m.Advance(time.Second)
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"running"; "queued"; "queued"; "queued"`)
	want(t, "cancel", w.call("CancelJob", `[2,false]`), `[true,"Dequeued job 2"]`)
	m.Advance(time.Second)
	if m.Job(3).Started() {
		t.Error("the held job starts though nobody looks for jobs to start")
	}
	want(t, "no jobs", w.call("SubmitManyJobs", `[[]]`), `[]`)
	m.Advance(time.Second)
	if !m.Job(3).Started() || !m.Job(2).End.Equal(epoch.Add(time.Second)) {
		t.Error("the held job did not start")
	}
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"success"; "canceled"; "success"; "success"`)
}

func TestHeldJobsExpire(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	held(w)
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"success"; "success"; "error"; "error"`)
	j := m.Job(3)
	if j.Started() || j.Start.IsZero() {
		t.Error("a job whose dependency failed has a process but never starts")
	}
	want(t, "result", string(j.Ops[0].Result),
		`["OpExecError",["Dependency job 2 finished with status 'success', not one of 'canceled' as required"]]`)
	if got := m.Snapshot().Instance("a").Primary; got != "node2" {
		t.Errorf("a moved to %s", got)
	}
}

func TestKillingTheDelayExpiresHeldJobs(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	held(w)
	m.Advance(time.Second)
	want(t, "kill", w.call("CancelJob", `[1,true]`), `[true,"SIGKILL send to the process"]`)
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"error"; "success"; "error"; "error"`)
	want(t, "result", string(m.Job(1).Ops[0].Result), `"detected death of job 1"`)
	if m.Now().After(epoch.Add(5 * time.Second)) {
		t.Error("it took until ", m.Now())
	}
}

func TestDependencies(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	bad := w.submit(op("INSTANCE_FAILOVER", instance("nobody")))
	after := w.submit(op("TEST_DELAY", `"duration":1,"depends":[[-1,["success"]]]`))
	either := w.submit(op("TEST_DELAY", `"duration":1`, `"depends":[[1,["success","error"]]]`))
	unknown := w.submit(op("TEST_DELAY", `"duration":1`, `"depends":[[77,[]]]`))
	self := w.submit(op("TEST_DELAY", `"duration":1`, `"depends":[[5,[]]]`))
	m.RunUntilQuiet()
	want(t, "bad", string(m.Job(bad).Ops[0].Result), `["OpPrereqError",["Instance 'nobody' not known","unknown_entity"]]`)
	want(t, "after", string(m.Job(after).Ops[0].Result),
		`["OpExecError",["Dependency job 1 finished with status 'error', not one of 'success' as required"]]`)
	want(t, "either", m.Job(either).Status, success)
	want(t, "unknown", string(m.Job(unknown).Ops[0].Result), `["OpExecError",["Dependency error: Job 77 not found"]]`)
	_ = self
	want(t, "before the first", w.call("SubmitJob", `[[`+op("TEST_DELAY", `"duration":1,"depends":[[-9,[]]]`)+`]]`),
		`!["GenericError",["Invalid value for job ID ' -3'"]]`)
	many := `{"method":"SubmitManyJobs","args":[[[` + op("TEST_DELAY", `"duration":1,"depends":[[-9,[]]]`) + `]]]}`
	if _, err := w.try(many); err == nil {
		t.Error("a dependency on a job before the first is answered")
	}
	next := dial(t, m).submit()
	if next != 8 {
		t.Errorf("the ids of the lost jobs were not consumed: next is %d", next)
	}
	want(t, "empty job", m.Job(next).Status, success)
}

func TestCanceledDependencyCancels(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":5`))
	w.submit(op("TEST_DELAY", `"duration":5`, `"depends":[[1,[]]]`))
	w.submit(op("TEST_DELAY", `"duration":5`, `"depends":[[2,[]]]`), op("TEST_DELAY", `"duration":5`))
	w.call("CancelJob", `[2,false]`)
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status","opresult"]`, "null"),
		`"success" [null]; "canceled" [null]; "canceled" ["Job canceled by request","Job canceled by request"]`)
}

func TestFailureEndsAJob(t *testing.T) {
	m := begin(t, small)
	status, results := dial(t, m).do(m, op("INSTANCE_SHUTDOWN", instance("a")), op("INSTANCE_REINSTALL", instance("a")),
		op("INSTANCE_STARTUP", instance("a")))
	want(t, "status", status, failed)
	want(t, "results", strings.Join(results, " "),
		`null ["OpPrereqError",["Instance 'a' has no disks","wrong_input"]] ["OpExecError",["Preceding opcode failed"]]`)
}

func TestSlotsAndPriorities(t *testing.T) {
	m := begin(t, strings.Replace(small, "cluster c", "cluster c max-running-jobs=2", 1))
	w := dial(t, m)
	for k := 0; k < 4; k++ {
		w.submit(op("TEST_DELAY", `"duration":4,"on_master":false`))
	}
	w.submit(op("TEST_DELAY", `"duration":4,"on_master":false,"priority":-10`))
	m.Advance(time.Second)
	want(t, "first two", w.rows("job", `["status"]`, "null"), `"running"; "running"; "queued"; "queued"; "queued"`)
	m.Advance(4 * time.Second)
	want(t, "urgent first", w.rows("job", `["status"]`, "null"), `"success"; "success"; "running"; "queued"; "running"`)
	want(t, "change", w.call("ChangeJobPriority", `[4,10]`), `[true,"Priorities of pending opcodes for job 4 have been changed to 10"]`)
	want(t, "running cannot be canceled", w.call("CancelJob", `[3,false]`),
		`[false,"Job no longer waiting, can't cancel (informed it anyway)"]`)
}

func TestLockWaitersTakeSlots(t *testing.T) {
	m := begin(t, strings.Replace(small, "cluster c", "cluster c max-running-jobs=2", 1))
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":50`)) // takes the lock of node1
	w.submit(op("TEST_DELAY", `"duration":5`))
	w.submit(op("TEST_DELAY", `"duration":5,"on_master":false`))
	m.Advance(time.Second)
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"running"; "waiting"; "queued"`)
	node1 := m.Snapshot().Node("node1").UUID
	want(t, "lock", w.rows("lock", `["name","mode","owner","pending"]`, `["=","name","node/`+node1+`"]`),
		`"node/`+node1+`" "exclusive" ["1"] [["exclusive",["2"]]]`)
	want(t, "cancel", w.call("CancelJob", `[2,false]`), `[true,"Job successfully cancelled"]`)
	want(t, "result", string(m.Job(2).Ops[0].Result), `"Job canceled by request"`)
	m.Advance(time.Second)
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"running"; "canceled"; "running"`)
}

// A process that was told to cancel its job does so when an attempt to get locks ends, or an opcode. What gets its locks
// before that runs.
func TestCancelTakesEffectBetweenAttempts(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":3`))
	w.submit(op("TEST_DELAY", `"duration":3`), op("TEST_DELAY", `"duration":3`))
	w.submit(op("TEST_DELAY", `"duration":100`))
	m.Advance(time.Second)
	want(t, "the locks come first", w.call("CancelJob", `[2,false]`), `[true,"Job successfully cancelled"]`)
	j := m.Job(2)
	want(t, "statuses", j.Ops[0].Status+" "+j.Ops[1].Status, "success canceled")
	want(t, "too late", w.call("CancelJob", `[3,false]`), `[false,"Job no longer waiting, can't cancel (informed it anyway)"]`)
	m.RunUntilQuiet()
	want(t, "it ran", m.Job(3).Status, success)
	w.submit(op("TEST_DELAY", `"duration":100`))
	w.submit(op("TEST_DELAY", `"duration":1`))
	m.Advance(time.Second)
	before := m.Now()
	want(t, "the attempt ends first", w.call("CancelJob", `[5,false]`), `[true,"Job successfully cancelled"]`)
	if d := m.Now().Sub(before); d != 4200*time.Millisecond {
		t.Errorf("canceling took %v", d)
	}
}

// A chain that is told to cancel while an opcode runs ends after that opcode.
func TestCancelOfARunningChain(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("INSTANCE_SHUTDOWN", instance("a")), op("INSTANCE_STARTUP", instance("a")))
	m.Advance(time.Second)
	w.call("CancelJob", `[1,false]`)
	m.RunUntilQuiet()
	j := m.Job(1)
	want(t, "statuses", j.Status+" "+j.Ops[0].Status+" "+j.Ops[1].Status, "canceled success canceled")
	want(t, "instance", m.Snapshot().Instance("a").AdminState, AdminDown)
}

// A job that waits for node locks holds its instance, but gives it up for a moment when an attempt ends.
func TestWaitingJobsGiveWay(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":100,"on_nodes":["node3"],"on_master":false`))
	m.Advance(time.Second)
	w.submit(op("INSTANCE_FAILOVER", instance("a")))
	m.Advance(time.Second)
	w.submit(op("TAGS_SET", `"kind":"instance","name":"a","tags":["x"]`))
	m.Advance(time.Second)
	want(t, "the tag job waits", w.rows("job", `["status"]`, "null"), `"running"; "waiting"; "waiting"`)
	m.Advance(4 * time.Second)
	want(t, "it gets in", w.rows("job", `["status"]`, "null"), `"running"; "waiting"; "success"`)
}

// A tag job waits for the opcode that holds the instance, and gets in between two opcodes.
func TestTagJobWaitsForTheInstance(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("INSTANCE_SHUTDOWN", instance("a")), op("INSTANCE_STARTUP", instance("a")))
	w.submit(op("TAGS_SET", `"kind":"instance","name":"a","tags":["x"]`))
	m.Advance(10 * time.Second)
	want(t, "the tag job waits", w.rows("job", `["status"]`, "null"), `"running"; "waiting"`)
	m.Advance(300 * time.Millisecond)
	want(t, "it is between the opcodes", w.rows("job", `["status","opstatus"]`, "null"),
		`"waiting" ["success","waiting"]; "running" ["running"]`)
	m.RunUntilQuiet()
	want(t, "statuses", w.rows("job", `["status"]`, "null"), `"success"; "success"`)
}

func TestRateLimit(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	for k := 0; k < 4; k++ {
		w.submit(`{"OP_ID":"OP_TEST_DELAY","duration":5,"on_master":false,"reason":[["x","rate-limit:2:me",1]]}`)
	}
	w.submit(op("TEST_DELAY", `"duration":5,"on_master":false`))
	m.Advance(time.Second)
	want(t, "two at a time", w.rows("job", `["status"]`, "null"), `"running"; "running"; "queued"; "queued"; "running"`)
}

func TestTrailAndTimes(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(`{"OP_ID":"OP_TEST_DELAY","duration":5,"on_master":false,"reason":[["gnt:user","why",1714564800123456789]]}`)
	wantPart(t, "ops", w.rows("job", `["ops"]`, "null"),
		`"reason":[["gnt:user","why",1714564800123456789],["gnt:opcode:test_delay","job=1;index=0",1714564800000000000]]`)
	m.RunUntilQuiet()
	want(t, "times", w.rows("job", `["received_ts","start_ts","end_ts","summary"]`, "null"),
		`[1714564800,0] [1714564800,200000] [1714564805,200000] ["TEST_DELAY(5.0)"]`)
}

func TestArchiveAndPurge(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":5`))
	w.submit(op("TEST_DELAY", `"duration":5`))
	want(t, "not final", w.call("ArchiveJob", `[1]`), "false")
	m.RunUntilQuiet()
	want(t, "archive", w.call("ArchiveJob", `[1]`), "true")
	want(t, "list", w.rows("job", `["id","status"]`, "null"), `2 "success"`)
	want(t, "list with archive", w.rows("job", `["id","archived"]`, "null"), `1 true; 2 false`)
	want(t, "by id", w.rows("job", `["id","archived","status"]`, `["|",["=","id",1],["=","id",9]]`), `1 true "success"; 9 [3,null] [3,null]`)
	want(t, "wait", w.call("WaitForJobChange", `[1,["status"],null,null,1]`), `!["JobLost",["Can't load job file"]]`)
	if !m.Purge(1) {
		t.Error("cannot purge")
	}
	want(t, "purged", w.rows("job", `["id","status"]`, `["=","id",1]`), `1 [3,null]`)
	want(t, "QueryJobs", w.call("QueryJobs", `[[2,1,2],["id","status"]]`), `[[2,"success"],[1,null]]`)
	want(t, "QueryJobs of nothing is all", w.call("QueryJobs", `[[],["id"]]`), `[[2]]`)
	m.Advance(7 * time.Hour)
	if n := m.ArchiveJobs(6 * time.Hour); n != 1 {
		t.Errorf("archived %d", n)
	}
}

func TestDrainedQueue(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(op("TEST_DELAY", `"duration":5`))
	want(t, "drain", w.call("SetDrainFlag", `[true]`), "true")
	want(t, "submit", w.call("SubmitManyJobs", `[[[`+op("TEST_DELAY", `"duration":5`)+`]]]`), `!["GenericError",["Queue drained"]]`)
	want(t, "config", w.call("QueryConfigValues", `[["drain_flag","cluster_name","master_node","watcher_pause","x"]]`),
		`[true,"c","node1",null,null]`)
	m.RunUntilQuiet()
	want(t, "queued jobs go on", m.Job(1).Status, success)
	want(t, "undrain", w.call("SetDrainFlag", `[false]`), "true")
	w.submit(op("TEST_DELAY", `"duration":5`))
}

func TestOptions(t *testing.T) {
	m := begin(t, small, func(o *Options) {
		o.FirstJob, o.CallTime, o.ProcessStart = 4711, time.Second, 2*time.Second
		o.Durations = map[string]time.Duration{"INSTANCE_STARTUP": time.Minute}
	})
	w := dial(t, m)
	if id := w.submit(op("INSTANCE_STARTUP", instance("b"))); id != 4711 {
		t.Errorf("the first job is %d", id)
	}
	want(t, "a call takes a second", w.rows("job", `["status"]`, "null"), `"queued"`)
	want(t, "and another", w.rows("job", `["status"]`, "null"), `"running"`)
	m.RunUntilQuiet()
	if d := m.Job(4711).End.Sub(epoch); d != 63*time.Second {
		t.Errorf("the job ended after %v", d)
	}
}

// Everything a test did and a client could see is in the log, in order.
func TestLog(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	m.Edit(func(c *Cluster) { c.Node("node2").Offline = true })
	m.Note("repair")
	w.submit(op("INSTANCE_FAILOVER", instance("a"), `"target_node":"node1"`), op("TAGS_DEL", `"kind":"cluster","tags":["x"]`))
	m.RunUntilQuiet()
	m.ArchiveJobs(0)
	want(t, "log", m.LogText(), `    0.000 test   edit: - node node2 group=default mem=4096 disk=10240
    0.000 test   edit: + node node2 group=default mem=4096 disk=10240 offline
    0.000 test   repair
    0.000 call   SubmitJob
    0.000 submit job 1: INSTANCE_FAILOVER(a), TAGS_DEL
    0.200 start  job 1: INSTANCE_FAILOVER(a)
    5.200 effect instance a: primary node2 -> node1
   10.200 effect instance a: started on node1
   10.200 incident runs-twice: a runs on node2 and on node1 (job 1)
   10.200 start  job 1: TAGS_DEL
   10.200 end    job 1: error in opcode 1: [OpPrereqError [Tag(s) 'x' not found unknown_entity]]
   10.200 queue  job 1 archived
`)
	a := m.Snapshot().Instance("a")
	want(t, "the old node was alive: it runs twice", strings.Join(a.RunsOn, " "), "node2 node1")
}
