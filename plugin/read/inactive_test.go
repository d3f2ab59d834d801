package read_test

import (
	"reflect"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// D1: of the instances whose disks are marked inactive those have a sign that are to be up,
// and that ganeti-watcher saw running of late. A quiet pass asks nothing more for that than
// it asks anyway.
func TestReaderNotesInactiveDisks(t *testing.T) {
	for _, c := range []struct {
		what, words, status string
		ago                 time.Duration
		signed, asked       bool
	}{
		{"it runs", "", "running", time.Minute, true, true},
		{"it is down", "", "ADMIN_down", time.Minute, false, false},
		{"it is to be down", "state=down", "running", time.Minute, false, true},
		{"it ran long ago", "", "running", 2 * time.Hour, false, false},
	} {
		r := simtest.New(t, "cluster c"+simtest.FourNodes+"instance web template=drbd nodes=node2,node3 "+c.words+"\ninstance db template=drbd nodes=node2,node3")
		r.Master.Edit(func(cluster *luxitest.Cluster) { cluster.Instance("web").DisksActive = false })
		asked := false
		r.Master.OnCall(func(call luxitest.Call) luxitest.Fault {
			what, fields := simtest.Asked(call)
			asked = asked || what == "instance" && reflect.DeepEqual(fields, []string{"name"})
			return luxitest.Pass()
		})
		now := r.Master.Now()
		o := repair.Observed{Now: now, StatusTime: now.Add(-c.ago), Status: map[string]string{"web": c.status, "db": "running"}}
		reader := &read.Reader{Client: r.Client(), Now: r.Master.Now, Disks: o.DiskFacts(repair.DefaultSettings())}
		s, err := reader.Read(simtest.Background)
		if err != nil {
			t.Fatal(err)
		}
		if sign, is := s.Disks.Signs["web"]; is != c.signed || sign.Inactive != c.signed || len(s.Disks.Signs) > 1 || asked != c.asked {
			t.Errorf("%s: signs %v, asked: %v", c.what, s.Disks.Signs, asked)
		}
	}
}
