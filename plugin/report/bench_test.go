package report_test

import (
	"fmt"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// quietSnapshot is what a pass reads of a cluster where all is well.
func quietSnapshot(n int) *repair.Snapshot {
	s := &repair.Snapshot{
		Time: time.Unix(1700000000, 0), Groups: map[string]*repair.Group{"g": {UUID: "g", Name: "default"}},
		Nodes: map[string]*repair.Node{"m": {Name: "m", Group: "g", VMCapable: true}},
	}
	s.Cluster.Tags = tagstore.Parse(luxi.TagCluster, []string{tagstore.Prefix + "failover"})
	for k := 0; k < n; k++ {
		s.Instances = append(s.Instances, &repair.Instance{UUID: fmt.Sprintf("%08x-1111-4222-8333-444455556666", k), Name: fmt.Sprintf("instance%05d.example.com", k)})
	}
	return s
}

// BenchmarkQuietPlan decides about 10,000 instances where all is well, and counts
// them as the metrics do.
func BenchmarkQuietPlan(b *testing.B) {
	s := quietSnapshot(10000)
	b.ReportAllocs()
	for n := 0; n < b.N; n++ {
		p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "x" })
		if len(report.Notable(p)) != 0 {
			b.Fatal("all is well")
		}
	}
}
