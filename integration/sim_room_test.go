//go:build cluster

package integration_test

import (
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Without room a repair stays pending, its tag as it is and no try used up; when
// there is room it is done (S8). Reinstallations stay in their group, whatever
// hail would choose, and do not mind its demand for N+1 redundancy (P10).
func TestRoom(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall
group default
group other
node dead1
node dead2
node a mem=1024 disk=200000
node b mem=1024 disk=65536
node far1 group=other mem=65536 disk=1000000
node far2 group=other mem=65536 disk=1000000 drained
instance mem nodes=dead1 template=rbd mem=2048 hypervisor=kvm
instance disk nodes=a,dead1 template=drbd disk=131072 mem=64
instance loc nodes=dead1 template=plain disk=131072 mem=64
instance both nodes=dead1,dead2 template=drbd disk=1024 mem=64
instance hand nodes=dead2 template=plain disk=131072 mem=64 tags=ganeti:watcher:autorepair:suspend
`)
	w.settings(testSettings + "max_attempts = 1\n")
	w.lostPower("dead1", "dead2")
	byHand := func(name string, dryRun bool) vcluster.Job {
		ids, err := w.Submit(w.ctx, []vcluster.Opcode{{
			"OP_ID": "OP_INSTANCE_RECREATE_DISKS", "instance_name": name, "iallocator": "hail", "dry_run": dryRun,
		}})
		w.must(err)
		job, err := w.WaitJob(w.ctx, ids[0])
		w.must(err)
		return job
	}
	if err := byHand("both", true).Err(); err == nil || !strings.Contains(err.Error(), "FailN1") {
		t.Errorf("hail about both: %v, want FailN1", err)
	}

	start := w.since()
	for n := 0; n < 5; n++ { // both waits for the jobs of the others (P16)
		w.pass()
		w.jobsEnd()
	}
	var tags []string
	for _, name := range []string{"mem", "disk", "loc"} {
		p := w.pending(name)
		tags = append(tags, p.Tag)
		if len(p.Jobs) > 1 {
			t.Errorf("%s: %s, want no more than its first job", name, p.Tag)
		}
		if reason := w.reasons()[name]; reason != "no-room" && (name != "disk" || reason != "copies-later") {
			t.Errorf("%s is %s", name, reason) // a copy waits for what is down, for a while (P20)
		}
	}
	if p := w.primary("loc"); p != "dead1" {
		t.Errorf("loc was moved to %s", p)
	}
	w.wantResult("both", tagstore.Reinstall, tagstore.Success, 1)
	w.wantSteps(start, "both", chainUp)
	w.pass()
	for n, name := range []string{"mem", "disk", "loc"} {
		if p := w.pending(name); p.Tag != tags[n] {
			t.Errorf("%s: %s became %s", name, tags[n], p.Tag)
		}
	}

	w.sim.SetMemory("a", 4096)
	w.sim.SetStorage("b", 1000000)
	w.must(w.Undrain(w.ctx, "far2")) // nobody has to wait for the next test (P21)
	w.settle(4)
	begun := w.begun(start)
	for _, want := range []struct {
		name string
		typ  tagstore.Type
		last string
	}{{"mem", tagstore.Failover, "FAILOVER"}, {"disk", tagstore.FixStorage, "REPLACE_DISKS"}, {"loc", tagstore.Reinstall, chainUp}} {
		r := w.result(want.name)
		jobs := begun[want.name]
		if r.Type != want.typ || r.Outcome != tagstore.Success || len(jobs) == 0 {
			t.Errorf("%s: %s after %q", want.name, r.Tag, steps(jobs))
			continue
		}
		last := jobs[len(jobs)-1]
		if opcodes(last) != want.last || last.Status != luxi.JobSuccess || r.Jobs[len(r.Jobs)-1] != last.ID {
			t.Errorf("%s: its last job is %d (%s), %s; result %s", want.name, last.ID, opcodes(last), last.Status, r.Tag)
		}
	}
	if p := w.primary("loc"); p != "b" {
		t.Errorf("loc is on %s, want b", p)
	}
	w.wantContent("disk", "original")
	w.wantContent("loc", "installed")

	// Left to hail, a reinstallation goes to the foreign group, which kills it after
	// it changed the configuration.
	_, err := w.RunJobs(w.ctx, []vcluster.Opcode{{
		"OP_ID": "OP_CLUSTER_SET_PARAMS", "default_iallocator_params": map[string]interface{}{"no-capacity-checks": nil},
	}})
	w.must(err)
	w.sim.SetStorage("a", 1)
	w.sim.SetStorage("b", 1)
	err = byHand("hand", false).Err()
	if p := w.primary("hand"); err == nil || p != "far1" && p != "far2" {
		t.Errorf("hand is on %s, the defect of groups was not provoked: %v", p, err)
	}
}

// narrow is an allocator that refuses what hail would do, as hail refuses where no
// node could take over for another one that fails, for as long as a file is there.
// hail itself says so of new instances alone: it asks for less where it is to leave
// a node that is offline or drained.
const narrow = `#!/bin/sh
if [ -e ` + narrowFile + ` ]; then
  echo '{"success": false, "info": "Request failed: Group default (preferred): No valid allocation solutions, failure reasons: FailN1: 2", "result": []}'
else
  exec ` + allocators + `/hail "$@"
fi
`

const (
	allocators = "/srv/allocators"
	narrowFile = "/srv/narrow"
)

// narrowAllocator makes that allocator known to the master, beside hail.
func (w *simWorld) narrowAllocator() {
	w.t.Helper()
	const known = "/usr/lib/ganeti/iallocators"
	hail, err := filepath.EvalSymlinks(known + "/hail")
	w.must(err)
	w.must(w.WriteFile(allocators+"/narrow", []byte(narrow), 0o755))
	w.inside("ln", "-sf", hail, allocators+"/hail")
	w.inside("mount", "--bind", allocators, known)
	w.t.Cleanup(func() { w.inside("umount", known) })
}

// inside runs a command where the cluster is.
func (w *simWorld) inside(args ...string) {
	w.t.Helper()
	if out, err := w.Run(w.ctx, "", args...); err != nil {
		w.t.Errorf("%v: %v\n%s", args, err, out)
	}
}

// An allocator that refuses a failover or a replace-disks with FailN1 uses up no
// try: the repair stays pending as it is, and is done when there is capacity (S8).
func TestAllocatorRefuses(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover iallocator=narrow
group default
node dead
node a
node b
node c
node spare drained
instance web nodes=dead template=rbd
instance db nodes=a,dead template=drbd
`)
	w.narrowAllocator()
	w.settings(testSettings + "max_attempts = 1\n")
	w.lostPower("dead")
	w.must(w.WriteFile(narrowFile, nil, 0o644))
	start := w.since()
	first := make(map[string]tagstore.Pending)
	for n := 0; n < 4; n++ {
		w.judgedPass()
		w.jobsEnd()
		for _, name := range []string{"web", "db"} {
			if name == "db" && n == 0 {
				continue // what the node lost is brought back first, or tried (P20)
			}
			p := w.pending(name)
			if len(p.Jobs) != 1 {
				t.Fatalf("%s: after pass %d %s", name, n+1, p.Tag)
			}
			if _, seen := first[name]; !seen {
				first[name] = p
			}
			if p.Tag != first[name].Tag {
				t.Errorf("%s: after pass %d %s", name, n+1, p.Tag)
			}
			w.wantReason(name, "pending", "no-room")
		}
	}
	for name, p := range first {
		if e := w.jobInfo(p.Jobs[0]).Ops[0].Result.Err; e == nil || e.Code != luxi.ECodeNoRes || !strings.Contains(e.Message, "FailN1") {
			t.Errorf("%s: job %d ended with %v", name, p.Jobs[0], e)
		}
	}
	if n := len(w.ourJobs(start, "probe")); n != 2 {
		t.Errorf("%d dry runs, want one of each at once, and the next ones later (P21)", n)
	}
	w.must(w.RemoveFile(narrowFile))
	w.must(w.Undrain(w.ctx, "spare")) // nobody has to wait for the next test
	w.settle(3)
	begun := w.begun(start)
	for name, want := range map[string]string{"web": "FAILOVER, FAILOVER", "db": "REPLACE_DISKS, REPLACE_DISKS"} {
		if got := steps(begun[name]); got != want {
			t.Errorf("%s: repaired by %q, want %q", name, got, want)
		}
		w.wantRepaired(name, first[name].Type, tagstore.Success, begun[name][1:]) // not the refused one (S7)
		if r := w.result(name); r.ID != first[name].ID {
			t.Errorf("%s: %s follows %s", name, r.Tag, first[name].Tag)
		}
	}
}
