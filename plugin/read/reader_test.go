package read_test

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// queries reads a snapshot and lists the queries for instances that it took,
// as their fields.
func queriesOf(r *simtest.Rig, full bool) (*repair.Snapshot, []string) {
	r.T.Helper()
	var list []string
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if what, fields := simtest.Asked(c); what == "instance" {
			list = append(list, strings.Join(fields, " "))
		}
		return luxitest.Pass()
	})
	s, err := (&read.Reader{Client: r.Client(), Now: r.Master.Now, Full: full}).Read(simtest.Background)
	if err != nil {
		r.T.Fatal(err)
	}
	r.Master.OnCall(nil)
	return s, list
}

// What a pass asks for grows with what is broken: nothing but tags where all is
// fine, the places of what is on a broken node, and the nodes themselves only where
// their answer matters.
func TestReaderAsksForLittle(t *testing.T) {
	const tagsOnly, places, status = "uuid name tags disks_active", "uuid name tags pnode snodes disk_template admin_state forthcoming be/always_failover hypervisor disks_active", "uuid status"
	for _, row := range []struct {
		name, nodes, instances string
		full                   bool
		want                   []string
	}{
		{"all fine", "", "instance i nodes=node2", false, []string{tagsOnly}},
		{"all fine, with records", "", "instance i nodes=node2 " + simtest.Tags("result:failover:x:5:success: suspend failover"), false, []string{tagsOnly}},
		{"all fine, a repair is open", "", "instance i nodes=node2 " + simtest.Tags("pending:failover:x:5:"), false, []string{tagsOnly, places}},
		{"all fine, all is to be seen", "", "instance i nodes=node2", true, []string{places}},
		{"offline", "node2:offline", "instance i nodes=node2", false, []string{tagsOnly, places}},
		{"drained", "node2:drained", "instance i nodes=node2", false, []string{tagsOnly, places, status}},
		{"drained, nothing to move", "node2:drained", "instance i nodes=node2 template=plain", false, []string{tagsOnly, places}},
		{"all drained from it", "node2:drained", "instance i nodes=node3", false, []string{tagsOnly}},
		{"no instances", "node2:offline", "", false, []string{tagsOnly}},
		{"all is to be seen", "node2:offline", "instance i nodes=node3", true, []string{places}},
		{"many nodes broken", "node2:offline node3:drained", "instance i nodes=node4", false, []string{places}},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := simtest.New(t, "cluster c"+simtest.FourNodes+row.instances)
			r.Master.Edit(simtest.Broken(row.nodes))
			if _, got := queriesOf(r, row.full); strings.Join(got, "; ") != strings.Join(row.want, "; ") {
				t.Errorf("asked for %q, want %q", got, row.want)
			}
		})
	}
}

// C5: where all is fine, instances come in luxid's order whether they have repairs or
// not, and one that is removed while it is read closely is left out.
func TestReaderKeepsTheOrder(t *testing.T) {
	text := "cluster c" + simtest.FourNodes
	for _, name := range []string{"i1", "i2", "i3", "i10"} {
		text += "instance " + name + " nodes=node2 "
		if name == "i2" || name == "i3" {
			text += simtest.Tags("pending:failover:x:5:")
		}
		text += "\n"
	}
	r := simtest.New(t, text)
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if what, fields := simtest.Asked(c); what == "instance" && len(fields) > 4 {
			r.Master.Edit(func(c *luxitest.Cluster) { c.Instances = append(c.Instances[:1:1], c.Instances[2:]...) })
		}
		return luxitest.Pass()
	})
	s, err := (&read.Reader{Client: r.Client(), Now: r.Master.Now}).Read(simtest.Background)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range s.Instances {
		if i == nil {
			t.Fatal("an instance that is gone")
		}
		got = append(got, fmt.Sprintf("%s %v", i.Name, i.PlaceKnown))
	}
	if want := "i1 false, i3 true, i10 false"; strings.Join(got, ", ") != want {
		t.Errorf("read %q, want %s", got, want)
	}
}

// Where a node is broken, its instances are looked at closely, those with open
// repairs, and those that unfinished jobs may be taking room for; not the others.
func TestReaderLooksCloselyWhereItMatters(t *testing.T) {
	const text = "instance %s nodes=%s template=%s %s\n"
	cluster := "cluster c" + simtest.FourNodes
	for _, i := range [][4]string{
		{"primary", "node2", "rbd", ""}, {"secondary", "node3,node2", "drbd", ""}, {"open", "node3", "rbd", simtest.Tags("pending:failover:x:5:")}, {"moved.example.com", "node3,node4", "drbd", ""},
		{"fine1", "node3,node4", "drbd", ""}, {"fine2", "node4", "plain", simtest.Tags("result:failover:x:5:success:")}, {"fine3", "node1", "rbd", simtest.Tags("suspend")}, {"fine4", "node1", "rbd", ""}, {"moved2", "node4", "rbd", ""},
	} {
		cluster += fmt.Sprintf(text, i[0], i[1], i[2], i[3])
	}
	r := simtest.New(t, cluster)
	r.Master.Edit(simtest.Broken("node2:offline"))
	c := r.Client()
	if _, err := c.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceMigrate{InstanceName: "MOVED"}}); err != nil {
		t.Fatal(err)
	}
	var where []string
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if what, fields := simtest.Asked(c); what == "instance" && len(fields) > 4 {
			where = append(where, string(c.Args))
		}
		return luxitest.Pass()
	})
	s, err := (&read.Reader{Client: c, Now: r.Master.Now}).Read(simtest.Background)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range s.Instances {
		if i.PlaceKnown {
			got = append(got, i.Name)
		} else if !repair.Diagnose(s, i).Healthy() {
			t.Errorf("%s is not healthy", i.Name)
		}
	}
	sort.Strings(got)
	if want := "moved.example.com open primary secondary"; strings.Join(got, " ") != want || len(s.Instances) != 9 {
		t.Errorf("looked closely at %q of %d", got, len(s.Instances))
	}
	if len(where) != 1 || strings.Count(where[0], `["=","uuid",`) != 4 {
		t.Errorf("asked for %q", where)
	}
	if need := repair.Diagnose(s, simtest.ByName(s, "secondary")); need.Row == "" {
		t.Errorf("secondary: %+v", need)
	}
}

// C5: a broken node that luxid no longer tells of does not make its instances healthy.
func TestReaderMissesTheNode(t *testing.T) {
	r := simtest.New(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance j nodes=node3")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if what, fields := simtest.Asked(c); what == "node" && fields[len(fields)-1] == "sinst_list" {
			return luxitest.ReplaceReply(simtest.Answer(fields))
		}
		return luxitest.Pass()
	})
	_, err := (&read.Reader{Client: r.Client(), Now: r.Master.Now}).Read(simtest.Background)
	if !errors.Is(err, read.ErrImplausible) || !strings.Contains(err.Error(), "node2") {
		t.Errorf("%v", err)
	}
}

// C5: an instance that is looked at closely may be gone by then, but not all of
// several at once.
func TestReaderMissesInstances(t *testing.T) {
	for lost, implausible := range map[string]bool{"i": false, "i j": true} {
		text := "cluster c" + simtest.FourNodes
		for _, name := range []string{"i", "j", "a", "b", "d"} {
			node := "node3"
			if strings.Contains(lost, name) {
				node = "node2"
			}
			text += "instance " + name + " nodes=" + node + " template=rbd\n"
		}
		r := simtest.New(t, text)
		r.Master.Edit(simtest.Broken("node2:offline"))
		r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
			if what, fields := simtest.Asked(c); what == "instance" && len(fields) > 4 {
				return luxitest.ReplaceReply(simtest.Answer(fields))
			}
			return luxitest.Pass()
		})
		s, err := (&read.Reader{Client: r.Client(), Now: r.Master.Now}).Read(simtest.Background)
		if errors.Is(err, read.ErrImplausible) != implausible || !implausible && (err != nil || len(s.Instances) != 4) {
			t.Errorf("without %s: %v", lost, err)
		}
	}
}

// The live status is asked of a healthy instance, too, if a job of its repair
// ended badly (S6), and of no other.
func TestReaderAsksToSettle(t *testing.T) {
	r := simtest.New(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance j nodes=node3 template=rbd "+simtest.Tags("pending:failover:x:5:"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		return luxitest.OpFails("OpExecError", "it broke")
	})
	id, err := r.Client().SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceFailover{InstanceName: "i", IAllocator: "."}})
	if err != nil {
		t.Fatal(err)
	}
	r.Quiet()
	r.Master.Edit(func(c *luxitest.Cluster) {
		simtest.Broken("node2:")(c)
		i := c.Instance("i")
		i.RunsOn, i.Tags = []string{"node2"}, repairtest.WithPrefix(fmt.Sprintf("pending:failover:y:5:%d", id))
	})
	s, asked := queriesOf(r, false)
	if len(asked) != 3 || asked[2] != "uuid status" {
		t.Errorf("asked for %q", asked)
	}
	if i := simtest.ByName(s, "i"); i.Live == nil || i.Live.Status != "running" {
		t.Errorf("i: %+v", i.Live)
	}
	if j := simtest.ByName(s, "j"); j.Live != nil {
		t.Errorf("j was asked for: %+v", j.Live)
	}
}

// What was read is what is there.
func TestReaderReads(t *testing.T) {
	r := simtest.New(t, "cluster c iallocator=hail "+simtest.Tags("migrate")+"\ngroup g "+simtest.Tags("failover")+"\ngroup h\nnode m group=g master\nnode a group=g offline\nnode b group=h drained\nnode n group=h not-vm-capable"+
		"\ninstance i nodes=m,a template=drbd state=down "+simtest.Tags("pending:failover:x:5:77")+"\ninstance f nodes=m template=plain forthcoming")
	s, _ := queriesOf(r, false)
	if s.Cluster.Name != "c" || s.Cluster.Master != "m" || s.Cluster.IAllocator != "hail" || len(s.Cluster.Tags.Enables) != 1 || !s.Time.Equal(repairtest.Present) {
		t.Errorf("cluster %+v at %v", s.Cluster, s.Time)
	}
	for name, want := range map[string]repair.Node{"m": {VMCapable: true}, "a": {Offline: true, VMCapable: true}, "b": {Drained: true, VMCapable: true}, "n": {}} {
		n := s.Nodes[name]
		if n == nil || n.Offline != want.Offline || n.Drained != want.Drained || n.VMCapable != want.VMCapable || n.Usable() != (name == "m") {
			t.Errorf("%s: %+v", name, n)
		}
	}
	i := simtest.ByName(s, "i")
	if i.Primary != "m" || len(i.Secondaries) != 1 || i.Secondaries[0] != "a" || i.Template != "drbd" || i.AdminState != "down" || len(i.Tags.Pendings) != 1 {
		t.Errorf("%+v", i)
	}
	if g := s.Group(i); g == nil || g.Name != "g" || len(g.Tags.Enables) != 1 {
		t.Errorf("group %+v", g)
	}
	if f := simtest.ByName(s, "f"); !f.Forthcoming {
		t.Errorf("%+v", f)
	}
	if job := s.Jobs[77]; job == nil || job.Outcome != repair.OutcomeUnknown {
		t.Errorf("job 77: %+v", job)
	}
}

// The fresh look reads the named instances and no others, and never "all"
// because there are none to name.
func TestReadOnly(t *testing.T) {
	r := simtest.New(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2\ninstance j nodes=node2")
	reader := &read.Reader{Client: r.Client(), Now: r.Master.Now}
	for _, none := range [][]string{nil, {}} {
		if _, err := reader.ReadOnly(simtest.Background, none); !errors.Is(err, read.ErrImplausible) {
			t.Errorf("%v", err)
		}
	}
	s, err := reader.ReadOnly(simtest.Background, []string{r.Instance("j").UUID, "no-such-uuid"})
	if err != nil || len(s.Instances) != 1 || s.Instances[0].Name != "j" {
		t.Errorf("%+v, %v", s, err)
	}
	if s.Instance(r.Instance("j").UUID) == nil || s.Instance("no-such-uuid") != nil {
		t.Error("instances are not found by their UUID")
	}
}

// Other people's jobs are seen before the configuration is read.
func TestReaderSeesTheQueue(t *testing.T) {
	r := simtest.New(t, "cluster c"+simtest.FourNodes+"instance i nodes=node2\ninstance j nodes=node2")
	c := r.Client()
	id, err := c.SubmitJob(simtest.Background, []luxi.OpCode{&luxi.InstanceShutdown{InstanceName: "i"}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := queriesOf(r, false)
	if job, busy := s.BusyJob(simtest.ByName(s, "i"), nil); !busy || job.ID != id {
		t.Errorf("%+v, %v", job, busy)
	}
	if _, busy := s.BusyJob(simtest.ByName(s, "i"), map[luxi.JobID]bool{id: true}); busy {
		t.Error("the excepted job counts")
	}
	if _, busy := s.BusyJob(simtest.ByName(s, "j"), nil); busy {
		t.Error("j is busy")
	}
	r.Quiet()
	if s, _ := queriesOf(r, false); len(s.Unfinished) != 0 {
		t.Errorf("finished jobs are listed: %+v", s.Unfinished)
	}
}
