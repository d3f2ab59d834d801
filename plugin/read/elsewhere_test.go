package read_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// R3: luxid asks the primary nodes of the instances that a query is about, and no others.
// An instance that ganeti-watcher has given up is not down if it runs on another node of
// its group, whoever started it there.
func TestReaderLooksElsewhere(t *testing.T) {
	for _, c := range []struct {
		what, words string
		runsOn      []string
		starts      int // that failed
		want        string
	}{
		{"it runs nowhere", "", nil, 5, "ERROR_down"},
		{"it runs elsewhere", "", []string{"node3"}, 5, "ERROR_wrongnode"},
		{"it runs in another group", "", []string{"other"}, 5, "ERROR_down"},
		{"it runs where it should", "", []string{"node2"}, 5, "running"},
		{"the watcher goes on", "", []string{"node3"}, 4, ""},
		{"it is to be down", "state=down", []string{"node3"}, 5, ""},
	} {
		r := simtest.New(t, "cluster c "+simtest.Tags("failover")+"\ngroup near"+simtest.FourNodes+"group far\nnode other group=far\ninstance far nodes=other template=rbd"+
			"\ninstance given uuid=u nodes=node2 template=rbd "+c.words+"\ninstance beside nodes=node3 template=rbd")
		r.Master.Edit(func(cluster *luxitest.Cluster) { cluster.Instance("given").RunsOn = c.runsOn })
		reader := &read.Reader{Client: r.Client(), Now: r.Master.Now}
		reader.Disks = repair.DiskFacts{Relocate: true, RestartTries: 5, Starts: map[string]repair.StartTries{"u": {Failed: c.starts}}}
		s, err := reader.Read(simtest.Background)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if live := simtest.ByName(s, "given").Live; live != nil {
			got = live.Status
		}
		if !strings.EqualFold(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		if live := simtest.ByName(s, "beside").Live; live != nil {
			t.Errorf("%s: beside is %s", c.what, live.Status)
		}
	}
}
