package luxi_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestMarshalOp(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	yes, no := true, false
	for _, tt := range []struct {
		op   luxi.OpCode
		want string
	}{
		{
			&luxi.InstanceFailover{InstanceName: "i1"},
			`{"OP_ID":"OP_INSTANCE_FAILOVER","instance_name":"i1","reason":[]}`,
		}, {
			&luxi.InstanceFailover{InstanceName: "i1", InstanceUUID: "u", TargetNode: "n2", IAllocator: "hail", ShutdownTimeout: 60},
			`{"OP_ID":"OP_INSTANCE_FAILOVER","iallocator":"hail","instance_name":"i1","instance_uuid":"u","reason":[],"shutdown_timeout":60,"target_node":"n2"}`,
		}, {
			&luxi.InstanceMigrate{InstanceName: "i1", InstanceUUID: "u", TargetNode: "n2", IAllocator: "."},
			`{"OP_ID":"OP_INSTANCE_MIGRATE","allow_runtime_changes":false,"iallocator":".","instance_name":"i1","instance_uuid":"u","reason":[],"target_node":"n2"}`,
		}, {
			&luxi.InstanceReplaceDisks{InstanceName: "i1", InstanceUUID: "u", Mode: luxi.ReplaceNewSecondary, RemoteNode: "n3", IAllocator: "hail"},
			`{"OP_ID":"OP_INSTANCE_REPLACE_DISKS","iallocator":"hail","instance_name":"i1","instance_uuid":"u","mode":"replace_new_secondary","reason":[],"remote_node":"n3"}`,
		}, {
			&luxi.InstanceRecreateDisks{InstanceName: "i1", InstanceUUID: "u", Nodes: []string{"n1", "n2"}, IAllocator: "hail"},
			`{"OP_ID":"OP_INSTANCE_RECREATE_DISKS","iallocator":"hail","instance_name":"i1","instance_uuid":"u","nodes":["n1","n2"],"reason":[]}`,
		}, {
			&luxi.InstanceReinstall{InstanceName: "i1", InstanceUUID: "u", OSType: "noop"},
			`{"OP_ID":"OP_INSTANCE_REINSTALL","instance_name":"i1","instance_uuid":"u","os_type":"noop","reason":[]}`,
		}, {
			&luxi.InstanceStartup{InstanceName: "i1", InstanceUUID: "u"},
			`{"OP_ID":"OP_INSTANCE_STARTUP","instance_name":"i1","instance_uuid":"u","reason":[]}`,
		}, {
			&luxi.InstanceShutdown{InstanceName: "i1", InstanceUUID: "u", Timeout: 30},
			`{"OP_ID":"OP_INSTANCE_SHUTDOWN","instance_name":"i1","instance_uuid":"u","reason":[],"timeout":30}`,
		}, {
			&luxi.NodeQueryStorage{OutputFields: []string{"node", "free"}, StorageType: luxi.StorageFile, Nodes: []string{"n1"}},
			`{"OP_ID":"OP_NODE_QUERY_STORAGE","nodes":["n1"],"output_fields":["node","free"],"reason":[],"storage_type":"file"}`,
		}, {
			&luxi.NodeQueryStorage{Nodes: []string{"n1", "n2"}, Name: "xenvg"},
			`{"OP_ID":"OP_NODE_QUERY_STORAGE","name":"xenvg","nodes":["n1","n2"],"output_fields":["node","name","size","free"],"reason":[]}`,
		}, {
			&luxi.OsDiagnose{},
			`{"OP_ID":"OP_OS_DIAGNOSE","output_fields":["name","variants","node_status","hidden","blacklisted","valid"],"reason":[]}`,
		}, {
			&luxi.OsDiagnose{Names: []string{"noop"}},
			`{"OP_ID":"OP_OS_DIAGNOSE","names":["noop"],"output_fields":["name","variants","node_status","hidden","blacklisted","valid"],"reason":[]}`,
		}, {
			&luxi.OobCommand{NodeNames: []string{"n1"}, Command: luxi.OobPowerOff, IgnoreStatus: true, Timeout: 30},
			`{"OP_ID":"OP_OOB_COMMAND","command":"power-off","ignore_status":true,"node_names":["n1"],"reason":[],"timeout":30}`,
		}, {
			&luxi.NodeSetParams{NodeName: "n1", NodeUUID: "u", Offline: &yes, AutoPromote: true},
			`{"OP_ID":"OP_NODE_SET_PARAMS","auto_promote":true,"node_name":"n1","node_uuid":"u","offline":true,"reason":[]}`,
		}, {
			&luxi.NodeSetParams{NodeName: "n1", Drained: &no},
			`{"OP_ID":"OP_NODE_SET_PARAMS","drained":false,"node_name":"n1","reason":[]}`,
		}, {
			&luxi.InstanceActivateDisks{InstanceName: "i1", InstanceUUID: "u", WaitForSync: true, IgnoreSize: true},
			`{"OP_ID":"OP_INSTANCE_ACTIVATE_DISKS","ignore_size":true,"instance_name":"i1","instance_uuid":"u","reason":[],"wait_for_sync":true}`,
		}, {
			&luxi.InstanceDeactivateDisks{InstanceName: "i1", InstanceUUID: "u"},
			`{"OP_ID":"OP_INSTANCE_DEACTIVATE_DISKS","instance_name":"i1","instance_uuid":"u","reason":[]}`,
		}, {
			&luxi.InstanceReplaceDisks{InstanceName: "i1", Mode: luxi.ReplaceOnPrimary, Disks: []int{0, 2}},
			`{"OP_ID":"OP_INSTANCE_REPLACE_DISKS","disks":[0,2],"instance_name":"i1","mode":"replace_on_primary","reason":[]}`,
		}, {
			&luxi.InstanceQueryData{Instances: []string{"i1", "i2"}},
			`{"OP_ID":"OP_INSTANCE_QUERY_DATA","instances":["i1","i2"],"reason":[],"use_locking":true}`,
		}, {
			&luxi.InstanceQueryData{Instances: []string{"i1"}, Static: true},
			`{"OP_ID":"OP_INSTANCE_QUERY_DATA","instances":["i1"],"reason":[],"static":true}`,
		}, {
			&luxi.TagsSet{Kind: luxi.TagInstance, Name: "i1", Tags: []string{"a", "b"}},
			`{"OP_ID":"OP_TAGS_SET","kind":"instance","name":"i1","reason":[],"tags":["a","b"]}`,
		}, {
			&luxi.TagsSet{Kind: luxi.TagCluster, Name: "ignored"},
			`{"OP_ID":"OP_TAGS_SET","kind":"cluster","name":null,"reason":[],"tags":[]}`,
		}, {
			&luxi.TagsDel{Kind: luxi.TagGroup, Name: "g", Tags: []string{"a"}},
			`{"OP_ID":"OP_TAGS_DEL","kind":"nodegroup","name":"g","reason":[],"tags":["a"]}`,
		}, {
			&luxi.TagsDel{Kind: luxi.TagCluster},
			`{"OP_ID":"OP_TAGS_DEL","kind":"cluster","name":null,"reason":[],"tags":[]}`,
		}, {
			&luxi.TestDelay{},
			`{"OP_ID":"OP_TEST_DELAY","duration":0,"on_master":false,"reason":[]}`,
		}, {
			&luxi.TestDelay{Duration: 0.5, OnMaster: true, Common: luxi.Common{
				Reason:   []luxi.ReasonEntry{{Source: "me", Text: "because", Time: at}},
				Depends:  []luxi.Depend{{Job: -1}, {Job: 15, On: []luxi.JobStatus{luxi.JobSuccess, luxi.JobCanceled}}},
				Priority: luxi.PriorityHigh, DryRun: true, Comment: "a comment",
			}},
			`{"OP_ID":"OP_TEST_DELAY","comment":"a comment","depends":[[-1,[]],[15,["success","canceled"]]],"dry_run":true,"duration":0.5,` +
				`"on_master":true,"priority":-10,"reason":[["me","because",1700000000123456789]]}`,
		}, {
			&ownOp{Depth: 3},
			`{"OP_ID":"OP_OWN","depth":3,"reason":[]}`,
		},
	} {
		got, err := luxi.MarshalOp(tt.op)
		if err != nil || string(got) != tt.want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, tt.want)
		}
	}
}

// ownOp is an opcode from outside the package.
type ownOp struct {
	luxi.Common
	Depth any `json:"depth"`
}

func (*ownOp) OpID() string { return "OP_OWN" }

// sharedOp has its header elsewhere, where it cannot be left alone.
type sharedOp struct{ *luxi.Common }

func (sharedOp) OpID() string { return "OP_SHARED" }

// D10, P18: parameters that may lose data are not offered.
func TestForbiddenParameters(t *testing.T) {
	for _, op := range []luxi.OpCode{&luxi.InstanceMigrate{}, &luxi.InstanceFailover{}, &luxi.InstanceReplaceDisks{}} {
		typ := reflect.TypeOf(op).Elem()
		for i := 0; i < typ.NumField(); i++ {
			for _, word := range []string{"allow_failover", "ignore_consistency", "early_release", "allow_runtime_changes"} {
				if strings.Contains(typ.Field(i).Tag.Get("json"), word) {
					t.Errorf("%v offers %s", typ, word)
				}
			}
		}
	}
}

func TestRefusedOpCodes(t *testing.T) {
	reason := func(source, text string) luxi.Common {
		return luxi.Common{Reason: []luxi.ReasonEntry{{Source: "a", Text: "b"}, {Source: source, Text: text}}}
	}
	for _, tt := range []struct {
		op    luxi.OpCode
		field string
	}{
		{&luxi.TestDelay{Common: reason("caf\u00e9", "x")}, "reason[1][0]"},
		{&luxi.TestDelay{Common: reason("x", "caf\u00e9")}, "reason[1][1]"},
		{&luxi.TestDelay{Common: reason("x", "\x80")}, "reason[1][1]"},
		{&luxi.TestDelay{Common: luxi.Common{Comment: "\u2028"}}, "comment"},
		{&luxi.TagsSet{Kind: luxi.TagInstance, Name: "i", Tags: []string{"a", "\u00fc"}}, "tags[1]"},
		{&luxi.InstanceStartup{InstanceName: "\u00fc"}, "instance_name"},
		{&ownOp{Depth: map[string]any{"x": []string{"\u00fc"}}}, "depth.x[0]"},
		{&ownOp{Depth: map[string]any{"\u00fc": 1}}, "depth"},
		{&ownOp{Depth: math.NaN()}, ""},
		{&luxi.TestDelay{Common: luxi.Common{Priority: 5}}, "priority"},
		{&luxi.TestDelay{Common: luxi.Common{Depends: []luxi.Depend{{Job: 1}, {Job: 0}}}}, "depends[1]"},
		{&luxi.TestDelay{Common: luxi.Common{Depends: []luxi.Depend{{Job: 1}, {Job: -2}}}}, "depends[1]"},
		{&luxi.TestDelay{Common: luxi.Common{Reason: []luxi.ReasonEntry{{Time: time.Unix(1<<40, 0)}}}}, "reason[0].time"},
		// K3, C5: an empty list means every object there is.
		{&luxi.OobCommand{Command: luxi.OobPowerOff}, "node_names"},
		{&luxi.OobCommand{Command: luxi.OobPowerOff, NodeNames: []string{}}, "node_names"},
		{&luxi.OobCommand{Command: luxi.OobPowerOff, NodeNames: []string{"n1", ""}}, "node_names"},
		{&luxi.OobCommand{NodeNames: []string{"n1"}}, "command"},
		{&luxi.NodeQueryStorage{}, "nodes"},
		{&luxi.NodeQueryStorage{Nodes: []string{""}}, "nodes"},
		{&luxi.InstanceQueryData{}, "instances"},
		{&luxi.InstanceQueryData{Static: true, Instances: []string{""}}, "instances"},
		{&luxi.NodeSetParams{}, "node_name"},
		{nil, ""},
		{(*luxi.TestDelay)(nil), ""},
		{sharedOp{new(luxi.Common)}, ""},
		{&sharedOp{new(luxi.Common)}, ""},
	} {
		s, c := serve(t, luxi.Options{}, answerOK("[[true,1],[true,2]]"))
		good := &luxi.TestDelay{}
		_, err := c.SubmitManyJobs(context.Background(), [][]luxi.OpCode{{good}, {good, tt.op}})
		var oe *luxi.OpCodeError
		if !errors.As(err, &oe) || oe.Job != 1 || oe.Op != 1 || oe.Field != tt.field || oe.Problem == "" {
			t.Errorf("%#v: %#v (%v)", tt.op, oe, err)
		}
		if got, _ := s.seen(); len(got) != 0 {
			t.Errorf("sent %q", got)
		}
	}
}

func TestEmptyJobIsRefused(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK("1"))
	var oe *luxi.OpCodeError
	if _, err := c.SubmitJob(context.Background(), nil); !errors.As(err, &oe) {
		t.Errorf("SubmitJob: %v", err)
	}
	if _, err := c.SubmitManyJobs(context.Background(), [][]luxi.OpCode{{&luxi.TestDelay{}}, {}}); !errors.As(err, &oe) || oe.Job != 1 {
		t.Errorf("SubmitManyJobs: %v", err)
	}
	if got, _ := s.seen(); len(got) != 0 {
		t.Errorf("sent %q", got)
	}
}

// TestRelativeDependencies: -1 is the job before in the same call; further
// back than the call's first job there is nothing it may mean.
func TestRelativeDependencies(t *testing.T) {
	op := func(on ...luxi.JobID) []luxi.OpCode {
		d := &luxi.TestDelay{}
		for _, id := range on {
			d.Depends = append(d.Depends, luxi.Depend{Job: id})
		}
		return []luxi.OpCode{d}
	}
	_, c := serve(t, luxi.Options{}, func(r *request) {
		if r.Method == "SubmitJob" {
			r.ok("1")
			return
		}
		r.ok("[[true,1],[true,2],[true,3]]")
	})
	ctx := context.Background()
	if _, err := c.SubmitManyJobs(ctx, [][]luxi.OpCode{op(), op(-1), op(-2, -1)}); err != nil {
		t.Error(err)
	}
	if _, err := c.SubmitManyJobs(ctx, [][]luxi.OpCode{op(), op(-2), op()}); err == nil {
		t.Error("job 1 may depend on -2")
	}
	if _, err := c.SubmitManyJobs(ctx, [][]luxi.OpCode{op(-1), op(), op()}); err == nil {
		t.Error("job 0 may depend on -1")
	}
	if _, err := c.SubmitJob(ctx, op(-1)); err == nil {
		t.Error("a single job may depend on -1")
	}
	if _, err := c.SubmitJob(ctx, op(math.MinInt64)); err == nil {
		t.Error("a single job may depend on the least number")
	}
	if _, err := c.SubmitJob(ctx, op(12)); err != nil {
		t.Error(err)
	}
}

// TestReasonTimes: a submission sets the time where there is none, and leaves
// the caller's opcode alone.
func TestReasonTimes(t *testing.T) {
	clk := &clock{t: time.Unix(1700000000, 5)}
	s, c := serve(t, luxi.Options{Now: clk.now}, answerOK("1"))
	op := &luxi.TestDelay{Common: luxi.Common{Reason: []luxi.ReasonEntry{{Source: "s", Text: "t", Time: time.Unix(3, 4)}, {Source: "s", Text: "t"}}}}
	if _, err := c.SubmitJob(context.Background(), []luxi.OpCode{op}); err != nil {
		t.Fatal(err)
	}
	got, _ := s.seen()
	if want := `"reason":[["s","t",3000000004],["s","t",1700000000000000005]]`; !strings.Contains(got[0], want) {
		t.Errorf("sent %s, want %s in it", got[0], want)
	}
	if !op.Reason[1].Time.IsZero() {
		t.Error("the caller's opcode was changed")
	}
	if _, err := luxi.MarshalOp(op); err == nil {
		t.Error("MarshalOp makes up a time")
	}
}

func TestReasonRoundTrip(t *testing.T) {
	for _, ns := range []string{"0", "1", "-1", "1700000000123456789", "9223372036854775807", "-9223372036854775808"} {
		in := `["gnt:client","text \"quoted\"",` + ns + `]`
		var r luxi.ReasonEntry
		if err := json.Unmarshal([]byte(in), &r); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		out, err := json.Marshal(r)
		if err != nil || string(out) != in {
			t.Errorf("%s became %s (%v)", in, out, err)
		}
	}
	at := time.Date(2024, 2, 29, 12, 0, 0, 999999999, time.FixedZone("x", 3600))
	b, err := json.Marshal(luxi.ReasonEntry{Source: "s", Text: "t", Time: at})
	if err != nil {
		t.Fatal(err)
	}
	var r luxi.ReasonEntry
	if err := json.Unmarshal(b, &r); err != nil || !r.Time.Equal(at) || r.Source != "s" || r.Text != "t" {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, bad := range []string{
		`null`, `[]`, `["a","b"]`, `["a","b",1,2]`, `["a","b",1.5]`, `["a","b",1e18]`, `["a","b","1"]`, `["a","b",null]`,
		`[null,"b",1]`, `["a",null,1]`, `[1,"b",1]`, `["a","b",9223372036854775808]`, `{}`,
	} {
		if err := json.Unmarshal([]byte(bad), &r); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	for _, bad := range []time.Time{{}, time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1677, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if b, err := json.Marshal(luxi.ReasonEntry{Time: bad}); err == nil {
			t.Errorf("%v was written as %s", bad, b)
		}
	}
}

func TestDependRoundTrip(t *testing.T) {
	for _, in := range []string{`[-1,[]]`, `[15,["success","canceled"]]`} {
		var d luxi.Depend
		if err := json.Unmarshal([]byte(in), &d); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if out, err := json.Marshal(d); err != nil || string(out) != in {
			t.Errorf("%s became %s (%v)", in, out, err)
		}
	}
	for _, bad := range []string{`null`, `[1]`, `[1,[],2]`, `[1,null]`, `["1",[]]`, `[1,[null]]`, `[1,"success"]`} {
		var d luxi.Depend
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
