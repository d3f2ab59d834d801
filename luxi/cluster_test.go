package luxi_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestQueryClusterInfo(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`{"name":"c","uuid":"u","master":"m","tags":["t"],"software_version":"3.0.2",
		"enabled_disk_templates":["drbd","plain"],"volume_group_name":"xenvg","enabled_hypervisors":["kvm"],"default_iallocator":"hail",
		"default_iallocator_params":{"no-capacity-checks":null},"max_running_jobs":20,"max_tracked_jobs":25,"maintain_node_health":true,"other":1}`))
	got, err := c.QueryClusterInfo(bg)
	want := &luxi.ClusterInfo{
		Name: "c", UUID: "u", Master: "m", Tags: []string{"t"}, SoftwareVersion: "3.0.2",
		EnabledDiskTemplates: []string{"drbd", "plain"}, VolumeGroup: "xenvg", EnabledHypervisors: []string{"kvm"}, DefaultIAllocator: "hail",
		DefaultIAllocatorParams: raw(`{"no-capacity-checks":null}`), MaxRunningJobs: 20, MaxTrackedJobs: 25, MaintainNodeHealth: true,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent, _ := s.seen(); sent[0] != `{"method":"QueryClusterInfo","args":[]}` {
		t.Errorf("sent %s", sent[0])
	}

	_, c = serve(t, luxi.Options{}, answerOK(`{"name":"c","uuid":"u","master":"m","tags":[],"default_iallocator":null,"volume_group_name":null,"max_running_jobs":null}`))
	got, err = c.QueryClusterInfo(bg)
	if want := (&luxi.ClusterInfo{Name: "c", UUID: "u", Master: "m", Tags: []string{}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("only what is always there: %+v, %v", got, err)
	}
}

func TestQueryConfigValues(t *testing.T) {
	for _, tt := range []struct {
		result string
		want   luxi.ConfigValues
	}{
		{`["c","m",false,null]`, luxi.ConfigValues{ClusterName: "c", MasterNode: "m"}},
		{`["c","m",true,1700000000]`, luxi.ConfigValues{ClusterName: "c", MasterNode: "m", Drained: true, WatcherPause: time.Unix(1700000000, 0).UTC()}},
		{`["c","m",false,1700000000.5]`, luxi.ConfigValues{ClusterName: "c", MasterNode: "m", WatcherPause: time.Unix(1700000000, 5e8).UTC()}},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(tt.result))
		got, err := c.QueryConfigValues(bg)
		if err != nil || *got != tt.want {
			t.Errorf("%s: %+v, %v", tt.result, got, err)
		}
		if sent, _ := s.seen(); sent[0] != `{"method":"QueryConfigValues","args":[["cluster_name","master_node","drain_flag","watcher_pause"]]}` {
			t.Errorf("sent %s", sent[0])
		}
	}
}

func TestQueryTags(t *testing.T) {
	for _, tt := range []struct {
		kind luxi.TagKind
		name string
		want string
	}{
		{luxi.TagInstance, "i1", `{"method":"QueryTags","args":["instance","i1"]}`},
		{luxi.TagGroup, "g", `{"method":"QueryTags","args":["nodegroup","g"]}`},
		{luxi.TagCluster, "ignored", `{"method":"QueryTags","args":["cluster",""]}`},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(`["a","b"]`))
		got, err := c.QueryTags(bg, tt.kind, tt.name)
		if err != nil || !reflect.DeepEqual(got, []string{"a", "b"}) {
			t.Errorf("got %q, %v", got, err)
		}
		if sent, _ := s.seen(); sent[0] != tt.want {
			t.Errorf("sent %s, want %s", sent[0], tt.want)
		}
	}
	_, c := serve(t, luxi.Options{}, func(r *request) { r.fail(`["OpPrereqError",["Unknown","unknown_entity"]]`) })
	if got, err := c.QueryTags(bg, luxi.TagNode, "x"); !errors.Is(err, luxi.ErrUnknownEntity) || got != nil {
		t.Errorf("unknown node: %v, %v", got, err)
	}
}

// TestSetDrainFlag: a flag that is not set must not be cleared, as luxid never
// answers that.
func TestSetDrainFlag(t *testing.T) {
	drained := "false"
	s, c := serve(t, luxi.Options{}, func(r *request) {
		switch r.Method {
		case "QueryConfigValues":
			r.ok(`["c","m",` + drained + `,null]`)
		case "SetDrainFlag":
			if string(r.Args[0]) == drained {
				r.hangUp()
				return
			}
			drained = string(r.Args[0])
			r.ok("true")
		}
	})
	for _, flag := range []bool{false, true, false, false} {
		if err := c.SetDrainFlag(bg, flag); err != nil {
			t.Errorf("%t: %v", flag, err)
		}
	}
	if drained != "false" {
		t.Errorf("flag is %s", drained)
	}
	if sent, _ := s.seen(); len(sent) != 5 {
		t.Errorf("sent %q", sent)
	}
	_, c = serve(t, luxi.Options{}, func(r *request) { r.hangUp() })
	if err := c.SetDrainFlag(bg, false); !asOp(t, err).Sent {
		t.Errorf("got %v", err)
	}
}
