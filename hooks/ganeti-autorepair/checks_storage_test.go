package main

import (
	"fmt"
	"testing"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// D8: check names each node whose storage is gone, once, with the way out.
func TestCheckNodeStorage(t *testing.T) {
	var all []*repair.Instance
	signs, lost := make(map[string]repair.DiskSign), make(map[string][]string)
	for n := 1; n <= 8; n++ {
		i := repairtest.Instance(fmt.Sprintf("i%d", n), "drbd", map[bool]string{true: "m b", false: "c m"}[n <= 4], "failover")
		i.Live = nil
		all = append(all, i)
		signs[i.Name] = repair.DiskSign{Verified: 3}
	}
	s := repairtest.Snapshot("m a b c", all...)
	for n, i := range all {
		lost[i.Name] = []string{s.Nodes[map[bool]string{true: "b", false: "c"}[n < 4]].UUID}
	}
	s.Disks = repair.DiskFacts{Repair: true, Signs: signs, Lost: lost}
	c := &checkup{}
	c.instances(repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), repairtest.NewID))
	got := ""
	for _, f := range c.findings {
		got += fmt.Sprintf("%s: %s [%s]\n", f.about, f.text, f.next)
	}
	want := `node-storage: the storage of b is gone: 4 instances: i1, i2, i3, i4 [gnt-node modify --drained=yes --auto-promote b]
node-storage: the storage of c is gone: 4 instances: i5, i6, i7, i8 [gnt-node modify --drained=yes --auto-promote c]
`
	if got != want {
		t.Errorf("it says\n%swant\n%s", got, want)
	}
}
