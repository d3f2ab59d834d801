package nodesim

import (
	"encoding/json"
	"strings"
	"testing"
)

func plainIn(group, name string, size int) object {
	return object{"dev_type": "plain", "logical_id": []string{group, name}, "size": size, "iv_name": "disk/0"}
}

// units asks a node for storage units and returns "free/size" of each.
func (r *rig) units(node string, units ...[]interface{}) string {
	r.t.Helper()
	var info [3]json.RawMessage
	if err := json.Unmarshal(r.must(node, "node_info", units, nil), &info); err != nil {
		r.t.Fatal(err)
	}
	var list []struct {
		Free *int `json:"storage_free"`
		Size *int `json:"storage_size"`
	}
	if err := json.Unmarshal(info[1], &list); err != nil {
		r.t.Fatal(err)
	}
	var words []string
	for _, u := range list {
		data, _ := json.Marshal([]*int{u.Free, u.Size})
		words = append(words, string(data))
	}
	return strings.Join(words, " ")
}

func unit(kind, key string, params ...bool) []interface{} {
	if params == nil {
		params = []bool{}
	}
	return []interface{}{kind, key, params}
}

// A node has any number of volume groups, each with its own room.
func TestVolumeGroups(t *testing.T) {
	r := newRig(t, "a")
	r.SetVolumeGroup("a", "fast", 1000)
	if got := string(r.must("a", "vg_list")); got != `{"fast":1000,"xenvg":5000}` {
		t.Errorf("groups %s", got)
	}
	r.must("a", "blockdev_create", plainIn("fast", "x", 600), 600, "x", true, "", false)
	r.fails("required 600, available 400", "a", "blockdev_create", plainIn("fast", "y", 600), 600, "y", true, "", false)
	r.must("a", "blockdev_create", plainIn(VolumeGroup, "y", 600), 600, "y", true, "", false)
	all := [][]interface{}{unit("lvm-vg", "fast", false), unit("lvm-vg", VolumeGroup, false), unit("lvm-vg", "none", false), unit("lvm-pv", "fast", false), unit("file", "/srv")}
	if got := r.units("a", all...); got != "[400,1000] [4400,5000] [null,null] [0,0] [5000,5000]" {
		t.Errorf("units %s", got)
	}
	if got := string(r.must("a", "lv_list", []string{"fast"})); got != `{"fast/x":["600.00",false,false]}` {
		t.Errorf("volumes of fast: %s", got)
	}
	if got := string(r.must("a", "storage_list", "lvm-vg", []string{}, nil, []string{"name", "free", "size"})); got != `[["fast",400,1000],["xenvg",4400,5000]]` {
		t.Errorf("storage %s", got)
	}
	if got := string(r.must("a", "node_volumes")); !strings.Contains(got, `{"dev":"/dev/fast-pv0","name":"x","size":"600.00","vg":"fast"}`) {
		t.Errorf("volumes %s", got)
	}
	r.LoseVolumeGroup("a", "fast")
	if got := string(r.must("a", "vg_list")); got != `{"xenvg":5000}` {
		t.Errorf("groups %s", got)
	}
	r.fails("Can't compute PV info for vg fast", "a", "blockdev_create", plainIn("fast", "z", 1), 1, "z", true, "", false)
	if got := string(r.must("a", "lv_list", []string{})); got != `{"xenvg/y":["600.00",false,false]}` {
		t.Errorf("volumes: %s", got)
	}
	r.SetVolumeGroup("a", "fast", 1000)
	r.must("a", "blockdev_create", plainIn("fast", "x", 600), 600, "x", true, "", false)
}

// With exclusive storage a volume takes whole physical volumes, and their number is
// what is free.
func TestExclusiveStorage(t *testing.T) {
	r := newRig(t, "a")
	r.SetPhysicalVolumes("a", VolumeGroup, 5)
	spindles := func(name string, size, count int) object {
		d := plainIn(VolumeGroup, name, size)
		if count > 0 {
			d["spindles"] = count
		}
		return d
	}
	exclusive := [][]interface{}{unit("lvm-vg", VolumeGroup, true), unit("lvm-pv", VolumeGroup, true)}
	if got := r.units("a", exclusive...); got != "[4850,5000] [5,5]" {
		t.Errorf("at first: %s", got)
	}
	r.fails("Unspecified number of spindles", "a", "blockdev_create", spindles("x", 100, 0), 100, "x", true, "", true)
	r.fails("at least 2 spindles needed", "a", "blockdev_create", spindles("x", 1000, 1), 1000, "x", true, "", true)
	r.must("a", "blockdev_create", spindles("x", 1000, 2), 1000, "x", true, "", true)
	r.must("a", "blockdev_create", spindles("y", 10, 2), 10, "y", true, "", true)
	if got := r.units("a", exclusive...); got != "[970,5000] [1,5]" {
		t.Errorf("then: %s", got)
	}
	if got := string(r.must("a", "blockdev_getdimensions", []object{spindles("y", 10, 2)})); got != "[[10485760,2]]" {
		t.Errorf("dimensions %s", got)
	}
	r.fails("1 available, 2 needed", "a", "blockdev_create", spindles("z", 10, 2), 10, "z", true, "", true)
	r.fails("exclusive_storage", "a", "blockdev_create", mirror("a", "b", nil), 100, "web", true, "", true)
	if got := string(r.must("a", "storage_list", "lvm-pv", []string{}, nil, []string{"name", "free"})); strings.Count(got, ",1000]") != 1 || strings.Count(got, ",0]") != 4 {
		t.Errorf("physical volumes %s", got)
	}
}

// What is not installed on a node cannot be installed there.
func TestSystems(t *testing.T) {
	r := newRig(t, "a", "b")
	r.SetSystems("b", "debian")
	for _, row := range []struct {
		node, system string
		required     bool
		want         string
	}{
		{"a", "noop", true, "true"}, {"a", "debian+default", false, "false"}, {"b", "debian+default", true, "true"}, {"b", "noop", false, "false"},
	} {
		if got := string(r.must(row.node, "os_validate", row.required, row.system, []string{}, object{}, false)); got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
	r.fails("OS noop not found", "b", "os_validate", true, "noop", []string{}, object{}, false)
	if got := string(r.must("b", "os_diagnose")); got != `[["debian","/srv/ganeti/os/debian",true,"",[],[],[20],true]]` {
		t.Errorf("systems of b: %s", got)
	}
	r.SetSystems("b")
	if got := string(r.must("b", "os_diagnose")); got != "[]" {
		t.Errorf("systems of b: %s", got)
	}
}

// The calls of a readd are answered (LUNodeAdd in lib/cmdlib/node.py).
func TestReaddCalls(t *testing.T) {
	r := newRig(t, "a")
	if got := string(r.must("a", "node_verify_light", object{"pvlist": []string{VolumeGroup}}, "cluster", object{})); !strings.Contains(got, `"vg_name":"xenvg"`) {
		t.Errorf("physical volumes %s", got)
	}
	if got := string(r.must("a", "node_crypto_tokens", []interface{}{[]interface{}{"ssl", "get", object{}}})); got != `[["ssl","digest of a"]]` {
		t.Errorf("tokens %s", got)
	}
	r.must("a", "upload_file", "x")
	r.must("a", "node_demote_from_mc")
}
