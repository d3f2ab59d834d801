package repair_test

import (
	"reflect"
	"testing"

	"ganeti-autorepair/plugin/repair"
)

// Names have the order that Ganeti lists them in.
func TestNiceSort(t *testing.T) {
	want := []string{"", "1", "2", "10", "node", "node-1", "node.x", "node01", "node1", "node1.a", "node2", "node10", "node10a2", "node10a10", "node18446744073709551617", "web"}
	got := make([]string, len(want))
	for k, name := range want {
		got[len(want)-1-k] = name
	}
	repair.NiceSort(got)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	for _, name := range want {
		if repair.NiceLess(name, name) {
			t.Errorf("%q is less than itself", name)
		}
	}
}
