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

// storageJobs renders the questions for free storage: "file m,a,b success".
func (r *rig) storageJobs() string {
	var list []string
	for _, j := range r.Master.Jobs() {
		kind, rest := simtest.TrailOf(j)
		for _, op := range j.Ops {
			if op.ID != "OP_NODE_QUERY_STORAGE" {
				continue
			}
			if kind+" "+rest != "probe storage" {
				r.T.Errorf("job %d says it is for %s %s", j.ID, kind, rest)
			}
			list = append(list, fmt.Sprintf("%s %v %s", op.Text("storage_type"), op.Params["nodes"], j.Status))
		}
	}
	return strings.Join(list, ", ")
}

// P10: the node of a reinstallation has room in the storage that the instance's
// disks take, whichever of the two Ganeti calls a node's free disk. Only where that
// is the other one a job is needed to find out.
func TestStorageOfTheRightKind(t *testing.T) {
	for _, row := range []struct{ templates, template, where, asked string }{
		{"plain,file", "plain", "a", ""},
		{"plain,file", "file", "b", "file [a b c m] success"},
		{"drbd,file", "file", "b", "file [a b c m] success"},
		{"file,plain", "plain", "a", "lvm-vg [a b c m] success"},
		{"file,plain", "file", "b", ""},
		{"diskless,rbd,file,plain", "plain", "a", "lvm-vg [a b c m] success"},
	} {
		t.Run(row.template+" of "+row.templates, func(t *testing.T) {
			r := newRig(t, "cluster c templates="+row.templates+" "+simtest.Tags("reinstall")+twoKinds+"instance i mem=64 nodes=off template="+row.template)
			r.Master.Edit(simtest.Broken("off:offline"))
			r.repaired()
			r.WantRepairs("RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP(i) success")
			if p := r.Instance("i").Primary; p != row.where {
				t.Errorf("it is on %s, want %s", p, row.where)
			}
			if got := r.storageJobs(); got != row.asked {
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
	if got := r.storageJobs(); got != "" {
		t.Errorf("asked %q", got)
	}
	r.Master.Edit(func(c *luxitest.Cluster) {
		i := *c.Instance("held")
		i.Name, i.UUID, i.Tags, i.Memory = "large", "", nil, 5000
		c.Instances = append(c.Instances, &i)
	})
	if d := r.pass().Decisions()[2]; d.Instance.Name != "large" || d.Reason != repair.ReasonNoRoom || r.storageJobs() != "" {
		t.Errorf("asked %q for %s, %s, for which there is no memory", r.storageJobs(), d.Instance.Name, d.Reason)
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
			if d := report.Decisions()[0]; row.detail != "" && (d.Reason != repair.ReasonNoRoom || d.Detail != row.detail || len(r.Log.Said("free storage not found out")) != 1) {
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

// C3: a question that is not answered in half of the time there is, for a lock that
// another job holds, is canceled; the other repairs go on in that pass.
func TestStorageNotToldInTime(t *testing.T) {
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
	r.set.PassTimeout = 3 * time.Second
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
	r.set.PassTimeout = repair.DefaultSettings().PassTimeout
	r.Master.Continue(int64(hanging))
	r.Quiet()
	if got := r.storageJobs(); got != "file [a b c m] canceled" {
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
		t.Errorf("asked %q", r.storageJobs())
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
	if r.Count(repair.MarkProbe) != 2 || len(r.Log.Said("canceled a job of an earlier pass job=1 for=probe storage")) != 1 {
		t.Errorf("asked %q\n%s", r.storageJobs(), r.Log)
	}
}

// Of volume groups the cluster's counts, of file storage the only row; what cannot
// be read says nothing.
func TestFreeStorage(t *testing.T) {
	for _, row := range []struct{ kind, result, want string }{
		{"lvm-vg", `[["a","xenvg",5],["a","other",9],["b","other",9]]`, "map[a:5]"},
		{"file", `[["a","/srv/x",5],["b","/srv/x",6]]`, "map[a:5 b:6]"},
		{"file", `[["a","/srv/x",5],["a","/srv/y",6],["b","/srv/x",0]]`, "map[b:0]"},
		{"file", `[["a","/srv/x",null],["b","/srv/x","6"],["c"],5,["d","/srv/x",1.5],["e","/srv/x",7]]`, "map[e:7]"},
		{"file", `[]`, "map[]"}, {"file", `null`, "map[]"}, {"file", `5`, "map[]"}, {"file", ``, "map[]"},
	} {
		if got := fmt.Sprint(freeStorage([]byte(row.result), row.kind, "xenvg")); got != row.want {
			t.Errorf("%s %s: %s, want %s", row.kind, row.result, got, row.want)
		}
	}
}
