package report_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// O1, O2, O3, O4, T10: what users and scripts see of every sort of instance. The names of
// the keys and the words are promised to stay.
func TestViews(t *testing.T) {
	p := repairtest.Exhibition()
	views := report.Views(p)
	b, err := json.MarshalIndent(map[string]any{"instances": views, "unreadable_tags": report.BadTags(p)}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Want(t, "views.json", string(b)+"\n")
	var notable []report.View
	for _, v := range views {
		if v.Instance != "fine" {
			notable = append(notable, v)
		}
	}
	if got := report.Notable(p); !reflect.DeepEqual(got, notable) {
		t.Errorf("there is something to tell about %v, want %v: all but fine", got, notable)
	}
}

func TestAge(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 59*time.Minute + 59*time.Second: "59m",
		time.Hour: "1h", 47*time.Hour + 59*time.Minute: "47h", 48 * time.Hour: "2d", 900 * 24 * time.Hour: "900d",
	} {
		if got := report.Age(repairtest.Present.Add(-ago).Unix(), repairtest.Present); got != want {
			t.Errorf("%v ago is %q, want %q", ago, got, want)
		}
	}
}

func TestPolicyShort(t *testing.T) {
	until := time.Unix(1700000000, 0).Format("2006-01-02 15:04")
	for _, row := range []struct {
		v    report.PolicyView
		want string
	}{
		{report.PolicyView{Type: "none"}, "none"},
		{report.PolicyView{Type: "failover", Origin: "group rack1"}, "failover (group)"},
		{report.PolicyView{Type: "failover", Origin: "cluster"}, "failover (cluster)"},
		{report.PolicyView{Type: "migrate", Origin: "instance web1"}, "migrate (instance)"},
		{report.PolicyView{Type: "none", Suspended: true, Origin: "cluster"}, "suspended (cluster)"},
		{report.PolicyView{Type: "none", Suspended: true, Until: 1700000000, Origin: "cluster"}, "suspended until " + until + " (cluster)"},
	} {
		if got := row.v.Short(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}
