package repair_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/plugin/repair"
)

// A cluster that does not say which templates are enabled has its free disk taken
// for what is asked for, as the only one there is.
func TestFreeDiskOfUnknownStorage(t *testing.T) {
	for _, row := range []struct {
		enabled string
		want    string
	}{{"", ""}, {"rbd diskless", ""}, {"diskless drbd file", "lvm-vg"}, {"sharedfile file plain", "file"}} {
		if got := repair.ReportedStorage(strings.Fields(row.enabled)); got != row.want {
			t.Errorf("%q: %q, want %q", row.enabled, got, row.want)
		}
	}
	for kind, want := range map[string]string{"": "map[{file }:7 {lvm-vg }:7]", "file": "map[{file }:7]", "lvm-vg": "map[{lvm-vg }:7]"} {
		s := &repair.Snapshot{Cluster: repair.Cluster{FreeDisk: kind}}
		r := repair.Room{Disk: map[repair.Storage]int64{}}
		r.SetFreeDisk(s, 7)
		free, known := r.FreeDisk(s)
		if got := fmt.Sprint(r.Disk); got != want || free != 7 || !known {
			t.Errorf("%q: %s, want %s; %d, %v", kind, got, want, free, known)
		}
	}
}
