package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// fencing is a fence that keeps what it was asked and refuses some nodes.
type fencing struct {
	mu      sync.Mutex
	asked   []string
	refuses map[string]bool
}

func (f *fencing) fence(_ context.Context, node string, instances []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, node+": "+strings.Join(instances, " "))
	if f.refuses[node] {
		return errors.New("still powered")
	}
	return nil
}

// fencedRig is a cluster whose fence refuses the given nodes.
func fencedRig(t *testing.T, instances string, refuses ...string) (*rig, *fencing) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+instances)
	f := &fencing{refuses: map[string]bool{}}
	for _, node := range refuses {
		f.refuses[node] = true
	}
	r.set.Fence = "/fence"
	r.fence = f.fence
	return r, f
}

// V5: a fence that does not hold holds failover and reinstallation, and nothing
// else: no job is submitted and no tag written. Once it holds they go on.
func TestFenceHolds(t *testing.T) {
	r, f := fencedRig(t, "instance f nodes=node2 template=rbd\ninstance chain nodes=node2 template=plain\ninstance other nodes=node1,node2 template=drbd", "node2")
	r.Master.Edit(simtest.Broken("node2:offline"))
	report := r.pass()
	for _, d := range report.Decisions()[:2] {
		if d.State != repair.StateNeedsRepair && d.Instance.Name != "other" || d.Instance.Name != "other" && d.Reason != repair.ReasonNotFenced {
			t.Errorf("%s is %s %s: %s", d.Instance.Name, d.State, d.Reason, d.Detail)
		}
	}
	r.Quiet()
	r.WantRepairs("") // what lacks a copy waits for what is down
	r.WantTags("f", "")
	r.WantTags("chain", "")
	if got := strings.Join(f.asked, "; "); got != "node2: chain f" {
		t.Errorf("asked %q", got)
	}
	if said := r.Log.Said("fence failed"); len(said) != 1 || !strings.Contains(said[0], "still powered") {
		t.Errorf("said %q", said)
	}
	f.refuses = nil
	r.repaired()
	r.WantRepairs("FAILOVER(f) success, RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(chain) success, REPLACE_DISKS(other) success")
}

// V5: a pending repair that the fence holds stays as it is; a retry asks again.
func TestFenceHoldsRetry(t *testing.T) {
	r, f := fencedRig(t, "instance f nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_INSTANCE_FAILOVER" && len(f.asked) == 1 {
			return luxitest.OpFails("OpExecError", "it broke")
		}
		return luxitest.OpPass()
	})
	r.pass()
	r.Quiet()
	before := r.Tags("f")
	f.refuses["node2"] = true
	report := r.pass()
	if d := report.Decisions()[0]; d.State != repair.StatePending || d.Reason != repair.ReasonNotFenced {
		t.Errorf("it is %s %s", d.State, d.Reason)
	}
	r.WantTags("f", before)
	delete(f.refuses, "node2")
	r.repaired()
	r.WantRepairs("FAILOVER(f) error, FAILOVER(f) success")
	if len(f.asked) != 3 {
		t.Errorf("asked %q", f.asked)
	}
}

// V5: both nodes of a drbd instance are asked about, as it may still run on
// either.
func TestFenceNodes(t *testing.T) {
	r, f := fencedRig(t, "instance d nodes=node2,node3 template=drbd")
	r.Master.Edit(simtest.Broken("node2:offline node3:offline"))
	r.set.MaxUnhealthy = repair.Share{Percent: 100}
	f.refuses["node3"] = true
	r.pass()
	r.Quiet()
	r.WantRepairs("")
	if n := len(f.asked); n != 2 {
		t.Errorf("asked %q", f.asked)
	}
}

// V5, P12: what became offline after the fence was asked is seen by the fresh
// look: the job is not released.
func TestFenceFreshLook(t *testing.T) {
	r, f := fencedRig(t, "instance i nodes=node2 template=rbd state=down "+simtest.Tags("pending:failover:byhand:1600000000:"))
	r.Master.Edit(simtest.Broken("node2:drained")) // Ganeti itself sees to it that it does not run there
	r.At(freshLook, 2, func() { r.Master.Edit(simtest.Broken("node2:offline")) })
	r.pass()
	r.Master.OnCall(nil)
	r.Quiet()
	r.WantRepairs("")
	if said := r.Log.Said("job not released"); len(said) != 1 || !strings.Contains(said[0], "was not run for it") {
		t.Errorf("said %q", said)
	}
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	if len(f.asked) != 1 {
		t.Errorf("asked %q", f.asked)
	}
}

// V5: the fence of an offline node for which somebody vouches is not asked, as long as
// the node has not changed since.
func TestFenceVouched(t *testing.T) {
	for _, row := range []struct {
		name           string
		tag            int64 // its time, in seconds after the node was marked
		change         bool  // the node is changed ten minutes later
		asked, repairs string
	}{
		{"vouched", 1, false, "", "FAILOVER(i) success"},
		{"changed since", 1, true, "node2: i", ""},
		{"vouched again", 600, true, "", "FAILOVER(i) success"},
		{"from the future", 2000, false, "node2: i", ""},
	} {
		r, f := fencedRig(t, "instance i nodes=node2 template=rbd", "node2")
		r.Master.Edit(simtest.Broken("node2:offline"))
		tag := tagstore.FencedTag(r.Master.Now().Unix() + row.tag)
		r.Master.Edit(func(c *luxitest.Cluster) { c.Node("node2").Tags = []string{tag} })
		r.Master.Advance(10 * time.Minute)
		if row.change {
			r.Master.Edit(func(c *luxitest.Cluster) { c.Node("node2").NotVMCapable = true })
		}
		r.pass()
		r.Quiet()
		if got := strings.Join(f.asked, "; "); got != row.asked {
			t.Errorf("%s: asked %q, want %q", row.name, got, row.asked)
		}
		r.WantRepairs(row.repairs)
		if said := r.Log.Said("node vouched for"); (len(said) == 1) != (row.asked == "") {
			t.Errorf("%s: said %q", row.name, said)
		}
	}
}

// V5, P12: what a person vouched for is changed after the plan was made: the fresh look
// releases nothing.
func TestFenceVouchedThenChanged(t *testing.T) {
	r, f := fencedRig(t, "instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	tag := tagstore.FencedTag(r.Master.Now().Unix())
	r.Master.Edit(func(c *luxitest.Cluster) { c.Node("node2").Tags = []string{tag} })
	r.Master.Advance(2 * time.Minute)
	r.At(freshLook, 2, func() {
		r.Master.Edit(func(c *luxitest.Cluster) { c.Node("node2").NotVMCapable = true })
	})
	r.pass()
	r.Master.OnCall(nil)
	r.Quiet()
	r.WantRepairs("")
	if said := r.Log.Said("job not released"); len(said) != 1 || !strings.Contains(said[0], "was not run for it") {
		t.Errorf("said %q", said)
	}
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
	if len(f.asked) != 1 {
		t.Errorf("asked %q", f.asked)
	}
}

// T12: what was said of a node while it was offline goes once it is online and answers,
// and not before; no node without such a tag is asked whether it answers.
func TestNodeMarksGo(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node3 template=rbd")
	r.Master.Edit(func(c *luxitest.Cluster) {
		n := c.Node("node2")
		n.Tags, n.Offline, n.Dead = []string{tagstore.FencedTag(1), tagstore.SilentTag(2), "other"}, true, true
	})
	const both = "ganeti:watcher:autorepair:fenced:1 ganeti:watcher:autorepair:silent:2 other"
	for _, row := range []struct {
		name          string
		offline, dead bool
		asked         int
		tags          string
	}{
		{"offline", true, true, 0, both},
		{"online and dead", false, true, 1, both},
		{"back", false, false, 1, "other"},
		{"nothing left", false, false, 0, "other"},
	} {
		asked := 0
		r.Master.Edit(func(c *luxitest.Cluster) { n := c.Node("node2"); n.Offline, n.Dead = row.offline, row.dead })
		r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
			if strings.Contains(string(c.Args), "bootid") {
				asked++
				if !strings.Contains(string(c.Args), `["|",["=","name","node2"]]`) {
					t.Errorf("%s: asked %s", row.name, c.Args)
				}
			}
			return luxitest.Pass()
		})
		r.pass()
		r.Master.OnCall(nil)
		r.Quiet()
		if got := strings.Join(r.Master.Snapshot().Node("node2").Tags, " "); got != row.tags || asked != row.asked {
			t.Errorf("%s: tags %q, want %q; asked %d times, want %d", row.name, got, row.tags, asked, row.asked)
		}
	}
	if said := r.Log.Said("node tag removed"); len(said) != 1 {
		t.Errorf("said %q", said)
	}
}

// T12, C6: the tags of a node that somebody's job has are left alone until that ends.
func TestNodeMarksOfBusyNode(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node3 template=rbd")
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.Node("node2").Tags, c.Node("node2").OOB = []string{tagstore.FencedTag(1)}, luxitest.OOBWorks
	})
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_OOB_COMMAND" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	op := &luxi.OobCommand{NodeNames: []string{"node2"}, Command: luxi.OobPowerStatus}
	if _, err := r.newPass().Client.SubmitJob(simtest.Background, []luxi.OpCode{op}); err != nil {
		t.Fatal(err)
	}
	r.Master.Advance(10 * time.Second)
	r.pass()
	if n := len(r.Master.Snapshot().Node("node2").Tags); n != 1 || r.Count(repair.MarkTags) != 0 {
		t.Errorf("%d tags, %d tag jobs", n, r.Count(repair.MarkTags))
	}
}

// V5, V6: a dry run says that the fence would be asked, and does not ask.
func TestFenceDryRun(t *testing.T) {
	r, f := fencedRig(t, "instance i nodes=node2 template=rbd\ninstance j nodes=node1,node2 template=drbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	plan, err := r.newPass().Read(simtest.Background)
	if err != nil {
		t.Fatal(err)
	}
	jobs := make(map[string]*repair.Job)
	for _, a := range plan.Actions {
		jobs[a.Object.Name] = a.Job
	}
	if len(jobs) != 2 || fmt.Sprint(jobs["i"].Fence) != "[node2]" || jobs["j"] != nil || len(f.asked) != 0 {
		t.Errorf("%+v, asked %q", jobs, f.asked)
	}
}
