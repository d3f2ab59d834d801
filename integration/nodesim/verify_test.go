package nodesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A node answers what a verification asks for, and nothing else.
func TestVerify(t *testing.T) {
	r := newRig(t, "a", "b")
	r.opts.Release = "3.0.2"
	r.opts.ReadFile = func(name string) ([]byte, error) {
		if name != "/hosts" {
			return nil, errors.New("not there")
		}
		return []byte("x"), nil
	}
	d := mirror("a", "b", 11000)
	d["logical_id"] = []interface{}{"uuid-a", "uuid-b", 11000, 3, 7, "s"}
	r.Place(Placement{Instance: "web", Hypervisor: "kvm", Memory: 128, Nodes: []string{"a", "b"}, Disks: []interface{}{d}, RunsOn: []string{"a"}})
	verify := func(node, key string, param interface{}) string {
		t.Helper()
		var result map[string]json.RawMessage
		if err := json.Unmarshal(r.must(node, "node_verify", object{key: param, "unheard-of": nil}, "cluster", object{}), &result); err != nil {
			t.Fatal(err)
		}
		if len(result) != 1 {
			t.Errorf("%s: %s", key, result)
		}
		return string(result[key])
	}
	for _, row := range []struct {
		node, key string
		param     interface{}
		want      string
	}{
		{"a", "drbd-list", nil, "[3]"},
		{"b", "drbd-list", nil, "[7]"},
		{"a", "instancelist", []string{"kvm", "fake"}, `["web"]`},
		{"a", "instancelist", []string{"fake"}, "[]"},
		{"b", "instancelist", []string{"kvm"}, "[]"},
		{"a", "filelist", []string{"/hosts", "/none"}, `{"/hosts":"11f6ad8ec52a2984abaafd7c3b516503785c2072"}`},
		{"a", "vglist", nil, `{"xenvg":5000}`},
		{"a", "version", nil, `[3000000,"3.0.2"]`},
		{"a", "client-cert", nil, "[null,null]"},
		{"a", "master-ip", object{}, "true"},
		{"a", "nodesetup", nil, "[]"},
		{"a", "hypervisor", nil, "{}"},
	} {
		if got := verify(row.node, row.key, row.param); got != row.want {
			t.Errorf("%s of %s: %s, want %s", row.key, row.node, got, row.want)
		}
	}
	if got := verify("a", "lvlist", nil); strings.Count(got, "web.") != 2 {
		t.Errorf("volumes %s", got)
	}
	var s status
	if err := json.Unmarshal(r.must("b", "blockdev_find", d), &s); err != nil || s.DevPath != "/dev/drbd7" || fmt.Sprint(*s.Major, *s.Minor) != "147 7" {
		t.Errorf("device %+v, %v", s, err)
	}
}
