package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// twoKinds has LVM and file storage, of which dfree is that of the first template.
// By memory the nodes come in the order a, b, c.
const twoKinds = `
node m mem=64 disk=200 filedisk=200 master
node a mem=4000 disk=9000 filedisk=500
node b mem=3000 disk=500 filedisk=9000
node c mem=2000 disk=500 filedisk=9000
node off
`

// questions renders the jobs that asked for room: "data[i] lvm-vg[a b] os success".
func (r *rig) questions() string {
	var list []string
	for _, j := range r.Master.Jobs() {
		kind, rest := simtest.TrailOf(j)
		if kind+" "+rest != "probe room" {
			continue
		}
		var words []string
		for _, op := range j.Ops {
			switch op.ID {
			case "OP_INSTANCE_QUERY_DATA":
				words = append(words, fmt.Sprintf("data%v", op.Params["instances"]))
				if op.Params["static"] != true {
					r.T.Errorf("job %d asks nodes about instances", j.ID)
				}
			case "OP_NODE_QUERY_STORAGE":
				words = append(words, fmt.Sprintf("%s%v", op.Text("storage_type"), op.Params["nodes"]))
			case "OP_OS_DIAGNOSE":
				words = append(words, "os")
			default:
				r.T.Errorf("job %d has %s", j.ID, op.ID)
			}
		}
		list = append(list, strings.Join(words, " ")+" "+string(j.Status))
	}
	return strings.Join(list, ", ")
}

// P10: the node of a reinstallation has room in the storage that the instance's
// disks take, whichever of the two Ganeti calls a node's free disk. What Query does not
// tell is asked by one job.
func TestStorageOfTheRightKind(t *testing.T) {
	for _, row := range []struct{ templates, template, where, asked string }{
		{"plain,file", "plain", "a", "data[i] lvm-vg[a b c m] os success"},
		{"plain,file", "file", "b", "file[a b c m] os success"},
		{"drbd,file", "file", "b", "file[a b c m] os success"},
		{"file,plain", "plain", "a", "data[i] lvm-vg[a b c m] os success"},
		{"file,plain", "file", "b", "os success"},
		{"diskless,rbd,file,plain", "plain", "a", "data[i] lvm-vg[a b c m] os success"},
	} {
		t.Run(row.template+" of "+row.templates, func(t *testing.T) {
			r := newRig(t, "cluster c templates="+row.templates+" "+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 nodes=off template="+row.template)
			r.Master.Edit(simtest.Broken("off:offline"))
			r.repaired()
			r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
			if p := r.Instance("i").Primary; p != row.where {
				t.Errorf("it is on %s, want %s", p, row.where)
			}
			if got := r.questions(); got != row.asked {
				t.Errorf("asked %q, want %q", got, row.asked)
			}
		})
	}
}

// C4: passes that place no disks ask nobody, nor do those that only look.
func TestStorageNotAskedInVain(t *testing.T) {
	r := newRig(t, "cluster c templates=plain,file "+simtest.Tags("reinstall")+twoKinds+
		"instance f nodes=off template=rbd\ninstance held nodes=off template=file "+simtest.Tags("suspend"))
	r.pass()
	r.Master.Edit(simtest.Broken("off:offline"))
	r.repaired()
	if got := r.questions(); got != "" {
		t.Errorf("asked %q", got)
	}
	r.Master.Edit(func(c *luxitest.Cluster) {
		i := *c.Instance("held")
		i.Name, i.UUID, i.Tags, i.Memory = "large", "", nil, 5000
		c.Instances = append(c.Instances, &i)
	})
	if d := r.pass().Decisions()[2]; d.Instance.Name != "large" || d.Reason != repair.ReasonNoRoom || r.questions() != "" {
		t.Errorf("asked %q for %s, %s, for which there is no memory", r.questions(), d.Instance.Name, d.Reason)
	}
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.RemoveInstance("large")
		c.Instance("held").Tags = nil
	})
	jobs := len(r.Master.Jobs())
	p := r.newPass()
	plan, err := p.Look(simtest.Background, repair.Assumption{})
	if err != nil {
		t.Fatal(err)
	}
	saved, _, err := p.LookAndSave(simtest.Background)
	if err != nil {
		t.Fatal(err)
	}
	for _, pl := range []*repair.Plan{plan, saved} {
		// Memory alone decides: a it is.
		if len(pl.Actions) != 1 || pl.Actions[0].Job == nil || pl.Actions[0].Job.Place.Node() != "a" {
			t.Errorf("%+v", pl.Actions)
		}
	}
	if n := len(r.Master.Jobs()) - jobs; n != 0 {
		t.Errorf("looking submitted %d jobs", n)
	}
}

// S8: without room the repair stays pending without a job, and nothing is touched;
// it goes on as soon as there is some.
func TestStorageWithoutRoom(t *testing.T) {
	r := newRig(t, "cluster c templates=plain,file "+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 disk=9500 nodes=off template=file")
	r.Master.Edit(simtest.Broken("off:offline"))
	for n := 0; n < 3; n++ {
		report := r.pass()
		d := report.Decisions()[0]
		if report.Pending != 1 || d.Reason != repair.ReasonNoRoom || d.Detail != "group default has 0 of 1 nodes with 64 MiB of memory and 9500 MiB of disk free (file storage)" {
			t.Errorf("pass %d: %d pending, %s, %q", n, report.Pending, d.Reason, d.Detail)
		}
		r.WantTags("i", "pending:reinstall:r1:1700000000:")
		r.Quiet()
	}
	if p := r.Instance("i").Primary; p != "off" {
		t.Errorf("it was moved to %s", p)
	}
	r.Master.Edit(func(c *luxitest.Cluster) { c.Node("c").FileStorage = 20000 })
	r.repaired()
	r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
	r.wantResult("i", "reinstall", "success", 1)
}

// What one instance is given, or a job under way has been promised, the next one
// does not count on, each in its own storage.
func TestStorageIsCountedOnce(t *testing.T) {
	r := newRig(t, "cluster c templates=plain,file "+simtest.Tags("reinstall")+`
node m mem=64 disk=9000 filedisk=9000 master
node a mem=4000 disk=2500 filedisk=2500
node off
instance f1 mem=64 disk=2000 nodes=off template=file
instance f2 mem=64 disk=2000 nodes=off template=file
instance p1 mem=64 disk=2000 nodes=off template=plain
instance p2 mem=64 disk=2000 nodes=off template=plain
`)
	r.Master.Edit(simtest.Broken("off:offline"))
	want := func(when, noRoom string) {
		t.Helper()
		var got []string
		for _, d := range r.pass().Decisions() {
			if d.Reason == repair.ReasonNoRoom {
				got = append(got, d.Instance.Name)
			}
		}
		if strings.Join(got, " ") != noRoom {
			t.Errorf("%s there is no room for %v, want %s", when, got, noRoom)
		}
	}
	// m has memory for one of them, a has storage for one of each kind.
	want("at first", "p2")
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.Instances = append(c.Instances, &luxitest.Instance{Name: "f3", Template: "file", Primary: "off", Memory: 64, DiskSize: 2000, AdminState: "up"})
	})
	r.Quiet()
	want("in the end", "f3 p2")
}

// A node that does not say what it has free is not chosen, nor is any if the job
// fails; the others are.
func TestStorageNotTold(t *testing.T) {
	const cluster = "cluster c templates=plain,file "
	for name, row := range map[string]struct {
		fault  luxitest.OpFault
		edit   func(*luxitest.Cluster)
		where  string
		detail string
	}{
		"the job fails": {
			fault:  luxitest.OpFails("OpExecError", "no way"),
			detail: "group default has 0 of 1 nodes with 64 MiB of memory and 1024 MiB of disk free (file storage); how much file storage is free could not be found out on a, b, c, m",
		},
		"a node dies meanwhile": {
			edit:  func(c *luxitest.Cluster) { c.Node("b").Dead = true },
			where: "c",
		},
	} {
		row := row
		t.Run(name, func(t *testing.T) {
			r := newRig(t, cluster+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 nodes=off template=file")
			r.Master.Edit(simtest.Broken("off:offline"))
			r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
				if op.ID == "OP_NODE_QUERY_STORAGE" {
					return row.fault
				}
				return luxitest.OpPass()
			})
			if row.edit != nil {
				r.At("SubmitManyJobs", 1, func() { r.Master.Edit(row.edit) })
			}
			report := r.pass()
			r.Master.OnCall(nil)
			r.Master.OnOpcode(nil)
			if d := report.Decisions()[0]; row.detail != "" && (d.Reason != repair.ReasonNoRoom || d.Detail != row.detail || len(r.Log.Said("room not found out")) != 1) {
				t.Errorf("%s %q\n%s", d.Reason, d.Detail, r.Log)
			}
			r.Quiet()
			if row.where != "" {
				r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
				if p := r.Instance("i").Primary; p != row.where {
					t.Errorf("it is on %s, want %s", p, row.where)
				}
				return
			}
			r.WantRepairs("")
			r.WantTags("i", "pending:reinstall:r1:1700000000:")
			r.repaired()
			r.wantResult("i", "reinstall", "success", 1)
		})
	}
}

// C3: a question that is not answered in half of the time there is is canceled; the other
// repairs go on in that pass. Nodes that an unfinished job has are not asked.
func TestStorageNotToldInTime(t *testing.T) {
	t.Parallel() // it waits for real time to pass
	r := newRig(t, "cluster c templates=plain,file "+simtest.Tags("reinstall")+twoKinds+
		"instance i mem=64 nodes=off template=file\ninstance other mem=64 nodes=off template=rbd\ninstance busy nodes=b,c template=drbd")
	r.Master.Edit(simtest.Broken("off:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.Text("instance_name") == "busy" {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	hanging, err := r.newPass().Client.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceFailover{InstanceName: "busy"}})
	if err != nil {
		t.Fatal(err)
	}
	r.Master.Advance(time.Second)
	r.set.PassTimeout = 8 * time.Second
	r.FaultAt("WaitForJobChange", 1, luxitest.Hang)
	report := r.pass()
	r.Master.OnCall(nil)
	r.Master.OnOpcode(nil)
	if d := report.Decisions()[1]; d.Instance.Name != "i" || d.Reason != repair.ReasonNoRoom || len(r.Log.Said("did not end in time")) != 1 {
		t.Errorf("%s: %s %q\n%s", d.Instance.Name, d.Reason, d.Detail, r.Log)
	}
	if len(report.Released) != 1 || report.Released[0].Instance != "other" {
		t.Errorf("released %+v", report.Released)
	}
	r.set.PassTimeout = time.Hour
	r.Master.Continue(int64(hanging))
	r.Quiet()
	if got := r.questions(); got != "file[a m] os canceled" {
		t.Errorf("asked %q", got)
	}
	r.repaired()
	r.wantResult("i", "reinstall", "success", 1)
}

// C3: so is one whose pass is interrupted.
func TestStorageInterrupted(t *testing.T) {
	r := newRig(t, "cluster c templates=plain,file "+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 nodes=off template=file")
	r.Master.Edit(simtest.Broken("off:offline"))
	ctx, cancel := context.WithCancel(simtest.Background)
	defer cancel()
	r.At("WaitForJobChange", 1, cancel)
	if _, err := r.newPass().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the pass ended with %v", err)
	}
	r.Master.OnCall(nil)
	r.Quiet()
	r.WantTags("i", "")
	if r.Count(repair.MarkProbe) != 1 || !strings.Contains(r.Master.LogText(luxitest.LogCall), "CancelJob [1,false]") {
		t.Errorf("asked %q", r.questions())
	}
}

// C2: the question of a pass that died is canceled by the next one, which asks anew.
func TestStorageLeftover(t *testing.T) {
	r := newRig(t, "cluster c templates=plain,file max-running-jobs=2 "+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 nodes=off template=file")
	r.Master.Edit(simtest.Broken("off:offline"))
	r.killAt("SubmitManyJobs", 1, luxitest.DieAfter())
	r.killed()
	r.repaired()
	r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
	if r.Count(repair.MarkProbe) != 2 || len(r.Log.Said("canceled a job of an earlier pass job=1 for=probe room")) != 1 {
		t.Errorf("asked %q\n%s", r.questions(), r.Log)
	}
}

// P10: an instance is reinstalled where its operating system is, on both nodes of drbd,
// and where its volume group has room; else it waits, and its data are not touched.
func TestPlaceThatEndsTheChain(t *testing.T) {
	for name, row := range map[string]struct{ nodes, instance, where, why string }{
		"operating system": {"node a mem=4000 os=other\nnode b mem=3000 os=noop,other\nnode c mem=2000 os=noop", "template=plain nodes=off", "b", ""},
		"on both nodes":    {"node a mem=4000 os=other\nnode b mem=3000 os=noop,other\nnode c mem=2000 os=noop", "template=drbd nodes=off,off2", "b c", ""},
		"nowhere": {"node a os=other\nnode b os=none\nnode c os=none", "template=plain nodes=off", "",
			"group default has 0 of 1 nodes with 64 MiB of memory and 1024 MiB of disk free; operating system noop is missing on a, b, c"},
		"volume group": {"node a mem=4000 vg=fast:1000\nnode b mem=3000\nnode c mem=2000 vg=fast:2000", "template=plain nodes=off vg=fast", "c", ""},
		"no volume group": {"node a mem=4000 vg=fast:1000\nnode b mem=3000 vg=slow:9000\nnode c mem=2000", "template=plain nodes=off vg=fast", "",
			"group default has 0 of 1 nodes with 64 MiB of memory and 1024 MiB in volume group fast free; there is no volume group fast on b, c"},
		"volume group of drbd": {"node a mem=4000 vg=fast:2000\nnode b mem=3000\nnode c mem=2000 vg=fast:2000", "template=drbd nodes=off,off2 vg=fast", "a c", ""},
	} {
		row := row
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("reinstall")+"\nnode m mem=10 os=none master\n"+row.nodes+"\nnode off\nnode off2\ninstance i mem=64 "+row.instance)
			r.set.MaxUnhealthy = repair.Share{Percent: 100}
			r.Master.Edit(simtest.Broken("off:offline off2:offline"))
			if row.why != "" {
				if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonNoRoom || d.Detail != row.why {
					t.Errorf("%s %q", d.Reason, d.Detail)
				}
				r.Quiet()
				r.WantRepairs("")
				return
			}
			r.repaired()
			r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
			if on := strings.Join(r.Instance("i").Nodes(), " "); on != row.where {
				t.Errorf("it is on %s, want %s", on, row.where)
			}
		})
	}
}

// P21: where there is no room the question is repeated ever more rarely, at most every
// hour; what changes in the configuration is noticed at once.
func TestRoomIsAskedForRarely(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+"\nnode m master\nnode a vg=fast:10\nnode off\ninstance i mem=64 template=plain nodes=off vg=fast")
	r.Master.Edit(simtest.Broken("off:offline"))
	asked := func(hours int) int {
		before := r.Count(repair.MarkProbe)
		for n := 0; n < 12*hours; n++ {
			if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonNoRoom || !strings.HasSuffix(d.Detail, "there is no volume group fast on m") {
				t.Fatalf("%s %q", d.Reason, d.Detail)
			}
			r.Quiet()
		}
		return r.Count(repair.MarkProbe) - before
	}
	if n := asked(4); n < 4 || n > 20 {
		t.Errorf("asked %d times in the first four hours", n)
	}
	if n := asked(4); n < 3 || n > 5 {
		t.Errorf("asked %d times in four hours more", n)
	}
	r.WantRepairs("")
	r.Master.Edit(func(c *luxitest.Cluster) {
		n := *c.Node("a")
		n.Name, n.UUID, n.VGs = "new", "", map[string]int{"fast": 9000}
		c.Nodes = append(c.Nodes, &n)
	})
	r.pass()
	r.Quiet()
	r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
}

// C5: a node that hangs keeps OS_DIAGNOSE waiting for minutes. What it then tells serves
// the next passes, which do not get their own answer in time either.
func TestOSToldTooLate(t *testing.T) {
	t.Parallel() // it waits for real time to pass
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 nodes=off template=plain")
	r.Master.Edit(simtest.Broken("off:offline"))
	r.set.PassTimeout = 8 * time.Second
	var late int64
	r.Master.OnOpcode(func(op luxitest.Opcode, j luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_OS_DIAGNOSE" {
			late = j.ID
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	stuck := func(c luxitest.Call) luxitest.Fault {
		if c.Method == "WaitForJobChange" && late != 0 && strings.HasPrefix(string(c.Args), fmt.Sprintf("[%d,", late)) {
			return luxitest.Hang()
		}
		return luxitest.Pass()
	}
	r.Master.OnCall(stuck)
	if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonNoRoom || !strings.Contains(d.Detail, "which operating systems there are could not be found out on") {
		t.Errorf("%s %q\n%s", d.Reason, d.Detail, r.Log)
	}
	hanging := []int64{late}
	r.Master.Advance(time.Minute)
	if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonNoRoom || len(r.Log.Said("canceled a job of an earlier pass")) != 0 {
		t.Errorf("what runs cannot be canceled and is not waited for: %s %q\n%s", d.Reason, d.Detail, r.Log)
	}
	for hanging = append(hanging, late); len(hanging) > 0; hanging = hanging[1:] {
		r.Master.Continue(hanging[0])
	}
	r.Quiet()
	if report := r.pass(); len(report.Released) != 1 {
		t.Errorf("%+v\n%s", report.Decisions()[0], r.Log)
	}
	r.Master.OnCall(nil)
	r.Master.Continue(late)
	r.Quiet()
	r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
}
