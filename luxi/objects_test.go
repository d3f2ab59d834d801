package luxi_test

import (
	"reflect"
	"testing"

	"ganeti-autorepair/luxi"
)

func TestObjects(t *testing.T) {
	for _, tt := range []struct {
		op      luxi.JobOp
		want    luxi.Objects
		targets []string
	}{
		{luxi.JobOp{ID: luxi.OpInstanceFailover, Params: params("instance_name", `"i1"`, "instance_uuid", `"u1"`, "target_node", `"n2"`)},
			luxi.Objects{Instances: []string{"i1"}, InstanceUUIDs: []string{"u1"}}, []string{"n2"}},
		{luxi.JobOp{ID: luxi.OpInstanceReplaceDisks, Params: params("instance_name", `"i1"`, "instance_uuid", `null`, "remote_node", `"n2"`)},
			luxi.Objects{Instances: []string{"i1"}}, []string{"n2"}},
		{luxi.JobOp{ID: luxi.OpInstanceRecreateDisks, Params: params("instance_name", `"i1"`, "nodes", `["n2","n3"]`, "node_uuids", `["v2","v3"]`)},
			luxi.Objects{Instances: []string{"i1"}}, []string{"n2", "n3"}},
		{luxi.JobOp{ID: luxi.OpInstanceCreate, Params: params("instance_name", `"i1"`, "snode", `"n3"`, "pnode", `"n2"`)},
			luxi.Objects{Instances: []string{"i1"}}, []string{"n2", "n3"}},
		{luxi.JobOp{ID: luxi.OpInstanceMultiAlloc, Params: params("instances", `[{"instance_name":"i1"},{"instance_name":7},"x",{"instance_name":"i2"}]`)},
			luxi.Objects{Instances: []string{"i1", "i2"}}, nil},
		{luxi.JobOp{ID: luxi.OpInstanceQueryData, Params: params("instances", `["i1","i2"]`)}, luxi.Objects{Instances: []string{"i1", "i2"}}, nil},
		{luxi.JobOp{ID: luxi.OpTagsSet, Params: params("kind", `"instance"`, "name", `"i1"`)}, luxi.Objects{Instances: []string{"i1"}}, nil},
		{luxi.JobOp{ID: luxi.OpTagsDel, Params: params("kind", `"node"`, "name", `"n1"`)}, luxi.Objects{Nodes: []string{"n1"}}, nil},
		{luxi.JobOp{ID: luxi.OpTagsDel, Params: params("kind", `"nodegroup"`, "name", `"g"`)}, luxi.Objects{Groups: []string{"g"}}, nil},
		{luxi.JobOp{ID: luxi.OpTagsDel, Params: params("kind", `"cluster"`, "name", `null`)}, luxi.Objects{}, nil},
		// P17
		{luxi.JobOp{ID: luxi.OpNodeSetParams, Params: params("node_name", `"n1"`, "node_uuid", `"v1"`)}, luxi.Objects{Nodes: []string{"n1"}, NodeUUIDs: []string{"v1"}}, nil},
		{luxi.JobOp{ID: luxi.OpNodeEvacuate, Params: params("node_name", `"n1"`, "remote_node", `"n2"`)}, luxi.Objects{Nodes: []string{"n1"}}, []string{"n2"}},
		{luxi.JobOp{ID: luxi.OpOobCommand, Params: params("node_names", `["n1","n2"]`, "node_uuids", `["v1","v2"]`)}, luxi.Objects{Nodes: []string{"n1", "n2"}, NodeUUIDs: []string{"v1", "v2"}}, nil},
		{luxi.JobOp{ID: luxi.OpOobCommand, Params: params("node_names", `[]`)}, luxi.Objects{AllNodes: true}, nil},
		{luxi.JobOp{ID: luxi.OpNodeQueryStorage, Params: params("nodes", `[]`)}, luxi.Objects{AllNodes: true}, nil},
		{luxi.JobOp{ID: luxi.OpGroupAssignNodes, Params: params("group_name", `"g"`, "nodes", `["n1"]`)}, luxi.Objects{Nodes: []string{"n1"}, Groups: []string{"g"}}, nil},
		{luxi.JobOp{ID: luxi.OpGroupEvacuate, Params: params("group_name", `"g"`)}, luxi.Objects{Groups: []string{"g"}}, nil},
		{luxi.JobOp{ID: luxi.OpTestDelay, Params: params("on_nodes", `["n1"]`)}, luxi.Objects{Nodes: []string{"n1"}}, nil},
		{luxi.JobOp{}, luxi.Objects{}, nil},
	} {
		if got := tt.op.Objects(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.op.ID, got, tt.want)
		}
		if got := tt.op.TargetNodes(); !reflect.DeepEqual(got, tt.targets) {
			t.Errorf("%s: targets %q, want %q", tt.op.ID, got, tt.targets)
		}
	}
}

func TestObjectsHave(t *testing.T) {
	x := luxi.Objects{Instances: []string{"WEB1"}, InstanceUUIDs: []string{"u2", ""}, Nodes: []string{"n1.example"}, NodeUUIDs: []string{"v2"}, Groups: []string{"g", "w2"}}
	for _, tt := range []struct {
		what      string
		got, want bool
	}{
		{"instance by name", x.HasInstance("web1.example.com", "u1"), true},
		{"instance by UUID", x.HasInstance("web2.example.com", "u2"), true},
		{"another instance", x.HasInstance("web10.example.com", "u3"), false},
		{"an instance without UUID", x.HasInstance("web10.example.com", ""), false},
		{"node by name", x.HasNode("n1.example.com", "v1"), true},
		{"node by UUID", x.HasNode("n2.example.com", "v2"), true},
		{"another node", x.HasNode("n1.exam.com", "v3"), false},
		{"group by name", x.HasGroup("g", "w1"), true},
		{"group by UUID", x.HasGroup("h", "w2"), true},
		{"another group", x.HasGroup("G", "w3"), false}, // names of groups are taken letter by letter
		{"any node", luxi.Objects{AllNodes: true}.HasNode("n9", "v9"), true},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %t", tt.what, tt.got)
		}
	}
}

func TestMatchesName(t *testing.T) {
	for _, tt := range []struct {
		typed, name string
		want        bool
	}{
		{"web1.example.com", "web1.example.com", true}, {"web1", "web1.example.com", true}, {"WEB1.Example", "web1.example.com", true},
		{"web1.ex", "web1.example.com", false}, {"web", "web1.example.com", false}, {"web1.example.com.", "web1.example.com", false},
		{"", "web1", false}, {"web1", "web1", true}, {"web1.example.com", "web1", false}, {"web1", "", false},
	} {
		if luxi.MatchesName(tt.typed, tt.name) != tt.want {
			t.Errorf("%q, %q: %t", tt.typed, tt.name, !tt.want)
		}
	}
}

// P16: what changes nothing stands in nobody's way.
func TestReadOnly(t *testing.T) {
	for _, tt := range []struct {
		op   luxi.JobOp
		want bool
	}{
		{luxi.JobOp{ID: luxi.OpGroupVerifyDisks}, true},
		{luxi.JobOp{ID: luxi.OpInstanceQueryData}, true},
		{luxi.JobOp{ID: luxi.OpInstanceFailover}, false},
		{luxi.JobOp{ID: luxi.OpInstanceFailover, Params: params("dry_run", `true`)}, true},
		{luxi.JobOp{ID: luxi.OpInstanceFailover, Params: params("dry_run", `null`)}, false},
		{luxi.JobOp{ID: luxi.OpOobCommand, Params: params("command", `"power-status"`)}, true},
		{luxi.JobOp{ID: luxi.OpOobCommand, Params: params("command", `"power-off"`)}, false},
		{luxi.JobOp{ID: luxi.OpOobCommand}, false},
		{luxi.JobOp{}, false},
		{luxi.JobOp{ID: "OP_OF_TOMORROW"}, false},
	} {
		if tt.op.ReadOnly() != tt.want {
			t.Errorf("%s: %t", tt.op.ID, !tt.want)
		}
	}
}
