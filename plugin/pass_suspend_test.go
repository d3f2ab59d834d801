package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// T4: suspensions whose time has passed are removed from all three kinds of
// object, others are not.
func TestExpiredSuspensions(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("suspend:1600000000 suspend:1800000000")+"\ngroup g "+simtest.Tags("suspend:5 failover")+simtest.FourNodes+
		"instance i nodes=node2 template=rbd "+simtest.Tags("suspend:1700000000 suspend:0")+
		"\ninstance held nodes=node2 template=rbd "+simtest.Tags("suspend:1 suspend:1700009999")+
		"\ninstance odd nodes=node1 "+simtest.Tags("suspend:later"))
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.pass()
	c := r.Master.Snapshot()
	if got := repairtest.CutAll(c.Tags); got != "suspend:1800000000" {
		t.Errorf("cluster: %s", got)
	}
	if got := repairtest.CutAll(c.Group("g").Tags); got != "failover" {
		t.Errorf("group: %s", got)
	}
	r.WantTags("held", "suspend:1700009999")
	r.WantTags("odd", "suspend:later")
	if got := r.Tags("i"); !strings.HasPrefix(got, "pending:failover:r1:1700000000:") {
		t.Errorf("i: %s", got)
	}
	r.repaired()
	r.WantRepairs("FAILOVER(i) success")
}

// S2: while it is suspended nothing is submitted or retagged, jobs that run go
// on, and afterwards the repair goes on where it was.
func TestSuspendedMidway(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.pass()
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.Instance("i").Tags = append(c.Instance("i").Tags, repairtest.WithPrefix("suspend:1700003600")...)
	})
	during := r.Tags("i")
	for n := 0; n < 3; n++ {
		r.pass()
		r.Quiet()
		r.WantTags("i", during)
	}
	r.WantRepairs("FAILOVER(i) success")
	r.Master.Advance(time.Hour)
	r.repaired()
	r.WantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
	r.wantResult("i", "failover", "success", 2)
}

// T4: also where nothing is broken.
func TestExpiredSuspensionsWhereAllIsFine(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("suspend:1600000000 suspend:1800000000")+"\ngroup g "+simtest.Tags("suspend:5")+simtest.FourNodes+
		"instance i nodes=node2 "+simtest.Tags("suspend:5 failover result:migrate:x:6:success:7"))
	r.pass()
	c := r.Master.Snapshot()
	if repairtest.CutAll(c.Tags) != "suspend:1800000000" || len(c.Group("g").Tags) != 0 {
		t.Errorf("cluster %s, group %s", repairtest.CutAll(c.Tags), repairtest.CutAll(c.Group("g").Tags))
	}
	r.WantTags("i", "failover result:migrate:x:6:success:7")
	jobs := len(r.Master.Jobs())
	if r.pass(); len(r.Master.Jobs()) != jobs {
		t.Error("a second pass writes again")
	}
}
