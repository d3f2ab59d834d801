package repair_test

import (
	"fmt"
	"testing"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// BenchmarkPlace places the 500 instances of lost nodes among 200 nodes.
func BenchmarkPlace(b *testing.B) {
	nodes := "m off:offline"
	for n := 0; n < 200; n++ {
		nodes += fmt.Sprintf(" n%d", n)
	}
	var list []*repair.Instance
	for n := 0; n < 500; n++ {
		list = append(list, repairtest.Instance(fmt.Sprintf("i%d", n), "plain", "off", ""))
	}
	s := repairtest.Snapshot(nodes, list...)
	for k := 0; k < b.N; k++ {
		p := repair.NewPlacer()
		for n := 0; n < 200; n++ {
			p.Rooms["rack1-uuid"] = append(p.Rooms["rack1-uuid"], repair.Room{Node: fmt.Sprintf("n%d", n), Group: "rack1-uuid", Memory: 1 << 20})
		}
		for _, i := range list {
			p.Demands[i.UUID] = repair.Demand{Memory: 1000, Disk: 1000}
		}
		for _, i := range list {
			nodes, why := p.Place(s, i, repair.StepReinstall, nil)
			if len(nodes) != 1 {
				b.Fatal(why)
			}
			p.Take(i, repair.StepReinstall, nodes)
		}
	}
}
