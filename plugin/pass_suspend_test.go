package plugin

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// T4: suspensions whose time has passed are removed from all three kinds of
// object, others are not.
func TestExpiredSuspensions(t *testing.T) {
	r := newRig(t, "cluster c "+tags("suspend:1600000000 suspend:1800000000")+"\ngroup g "+tags("suspend:5 failover")+fourNodes+
		"instance i nodes=node2 template=rbd "+tags("suspend:1700000000 suspend:0")+
		"\ninstance held nodes=node2 template=rbd "+tags("suspend:1 suspend:1700009999")+
		"\ninstance odd nodes=node1 "+tags("suspend:later"))
	r.m.Edit(broken("node2:offline"))
	r.pass()
	c := r.m.Snapshot()
	if got := cutAll(c.Tags); got != "suspend:1800000000" {
		t.Errorf("cluster: %s", got)
	}
	if got := cutAll(c.Group("g").Tags); got != "failover" {
		t.Errorf("group: %s", got)
	}
	r.wantTags("held", "suspend:1700009999")
	r.wantTags("odd", "suspend:later")
	if got := r.tags("i"); !strings.HasPrefix(got, "pending:failover:r1:1700000000:") {
		t.Errorf("i: %s", got)
	}
	r.repaired()
	r.wantRepairs("FAILOVER(i) success")
}

// S2: while it is suspended nothing is submitted or retagged, jobs that run go
// on, and afterwards the repair goes on where it was.
func TestSuspendedMidway(t *testing.T) {
	r := newRig(t, "cluster c "+tags("failover")+fourNodes+"instance i nodes=node2,node3 template=drbd")
	r.m.Edit(broken("node2:offline"))
	r.pass()
	r.m.Edit(func(c *luxitest.Cluster) {
		c.Instance("i").Tags = append(c.Instance("i").Tags, withPrefix("suspend:1700003600")...)
	})
	during := r.tags("i")
	for n := 0; n < 3; n++ {
		r.pass()
		r.quiet()
		r.wantTags("i", during)
	}
	r.wantRepairs("FAILOVER(i) success")
	r.m.Advance(time.Hour)
	r.repaired()
	r.wantRepairs("FAILOVER(i) success, REPLACE_DISKS(i) success")
	r.wantResult("i", "failover", "success", 2)
}

// T4: also where nothing is broken.
func TestExpiredSuspensionsWhereAllIsFine(t *testing.T) {
	r := newRig(t, "cluster c "+tags("suspend:1600000000 suspend:1800000000")+"\ngroup g "+tags("suspend:5")+fourNodes+
		"instance i nodes=node2 "+tags("suspend:5 failover result:migrate:x:6:success:7"))
	r.pass()
	c := r.m.Snapshot()
	if cutAll(c.Tags) != "suspend:1800000000" || len(c.Group("g").Tags) != 0 {
		t.Errorf("cluster %s, group %s", cutAll(c.Tags), cutAll(c.Group("g").Tags))
	}
	r.wantTags("i", "failover result:migrate:x:6:success:7")
	jobs := len(r.m.Jobs())
	if r.pass(); len(r.m.Jobs()) != jobs {
		t.Error("a second pass writes again")
	}
}
