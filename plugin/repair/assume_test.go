package repair_test

import (
	"testing"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// An assumption is as strict as Ganeti: one flag excludes the other, the master
// has none. A node that is offline is not silent (K2).
func TestAssumption(t *testing.T) {
	s := repairtest.Snapshot("m a:drained b:offline")
	s.Nodes["a"].SilentSince = 1700000000
	if err := (repair.Assumption{Offline: []string{"a"}, Drained: []string{"b"}}).Apply(s); err != nil {
		t.Fatal(err)
	}
	if a, b := s.Nodes["a"], s.Nodes["b"]; !a.Offline || a.Drained || a.SilentSince != 0 || b.Offline || !b.Drained {
		t.Errorf("%+v, %+v", a, b)
	}
	for _, a := range []repair.Assumption{{Offline: []string{"m"}}, {Drained: []string{"m"}}, {Offline: []string{"x"}}} {
		if err := a.Apply(s); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
}
