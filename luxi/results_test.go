package luxi_test

import (
	"reflect"
	"testing"

	"ganeti-autorepair/luxi"
)

// succeeded returns an opcode with a result.
func succeeded(id, result string) luxi.JobOp {
	return luxi.JobOp{ID: id, Status: luxi.JobSuccess, Result: luxi.OpResult{Raw: raw(result)}}
}

// TestNoResult: what did not succeed, or is another opcode, has no result to read.
func TestNoResult(t *testing.T) {
	read := map[string]func(luxi.JobOp) error{
		luxi.OpNodeQueryStorage:  func(o luxi.JobOp) error { _, err := o.Storage(); return err },
		luxi.OpOsDiagnose:        func(o luxi.JobOp) error { _, err := o.OSes(); return err },
		luxi.OpOobCommand:        func(o luxi.JobOp) error { _, err := o.OobRows(); return err },
		luxi.OpGroupVerifyDisks:  func(o luxi.JobOp) error { _, err := o.VerifiedDisks(); return err },
		luxi.OpInstanceQueryData: func(o luxi.JobOp) error { _, err := o.InstanceData(); return err },
	}
	good := map[string]string{luxi.OpNodeQueryStorage: `[]`, luxi.OpOsDiagnose: `[]`, luxi.OpOobCommand: `[]`, luxi.OpGroupVerifyDisks: `[{},[],{}]`, luxi.OpInstanceQueryData: `{}`}
	for id, f := range read {
		op := succeeded(id, good[id])
		if err := f(op); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		for _, status := range []luxi.JobStatus{luxi.JobRunning, luxi.JobError, luxi.JobCanceled} {
			op.Status = status
			if f(op) == nil {
				t.Errorf("%s of status %s has a result", id, status)
			}
		}
		if f(succeeded(luxi.OpTestDelay, good[id])) == nil {
			t.Errorf("a test delay has a result of %s", id)
		}
		for _, result := range []string{`null`, `"x"`, `7`} {
			if f(succeeded(id, result)) == nil {
				t.Errorf("%s: %s was accepted", id, result)
			}
		}
	}
}

func TestStorage(t *testing.T) {
	units, err := succeeded(luxi.OpNodeQueryStorage, `[["n1","xenvg",2000,1500],["n1","ssd",100,100],["n2","xenvg",2000,null],
		["n3",null,1,1],["n4","xenvg",2000],["n5","xenvg","2000",1],null,["n6","/srv/file",50,40]]`).Storage()
	want := []luxi.StorageUnit{{"n1", "xenvg", 2000, 1500}, {"n1", "ssd", 100, 100}, {"n6", "/srv/file", 50, 40}}
	if err != nil || !reflect.DeepEqual(units, want) {
		t.Errorf("got %+v, %v", units, err)
	}
}

func TestOSes(t *testing.T) {
	list, err := succeeded(luxi.OpOsDiagnose, `[
		["debian",["default"],{"u1":[["/srv/ganeti/os/debian",true,"",["default","big"],[["p","help"]],[20],true],["/other",false,"x",[],[],[],true]],
			"u2":[],"u3":[["/srv/ganeti/os/debian",false,"no api file",[],[],[],true]],"u4":null,"u5":[["/p"]],"u6":[["/p","yes","",[],[],[],true]]},true,false,false],
		["noop",[],{"u1":[["/srv/ganeti/os/noop",true,"",[],[],[20],true]]},false,true,true],
		["broken",[],[],false,false,true],
		"x"]`).OSes()
	want := map[string]luxi.OS{
		"debian": {Name: "debian", Hidden: true, Nodes: map[string]luxi.NodeOS{"u1": {Valid: true, Variants: []string{"default", "big"}}, "u2": {}, "u3": {}}},
		"noop":   {Name: "noop", Blacklisted: true, Nodes: map[string]luxi.NodeOS{"u1": {Valid: true, Variants: []string{}}}},
	}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("got %+v, %v", list, err)
	}
}

// K3: a failing program is a successful opcode; only its row tells.
func TestOobRows(t *testing.T) {
	rows, err := succeeded(luxi.OpOobCommand, `[[[0,"n1"],[0,{"powered":false}]],[[0,"n2"],[0,{"powered":true}]],[[0,"n3"],[2,null]],
		[[0,"n4"],[3,null]],[[0,"n5"],[0,null]],[[0,"n6"],[0,{"powered":"no"}]],[[0,"n7"],[0,{}]]]`).OobRows()
	if err != nil || len(rows) != 7 {
		t.Fatalf("got %+v, %v", rows, err)
	}
	for i, want := range []struct {
		node           string
		status         luxi.FieldStatus
		powered, known bool
	}{
		{"n1", luxi.StatusNormal, false, true}, {"n2", luxi.StatusNormal, true, true}, {"n3", luxi.StatusNoData, false, false},
		{"n4", luxi.StatusUnavailable, false, false}, {"n5", luxi.StatusNormal, false, false}, {"n6", luxi.StatusNormal, false, false},
		{"n7", luxi.StatusNormal, false, false},
	} {
		powered, known := rows[i].Powered()
		if rows[i].Node != want.node || rows[i].Status != want.status || powered != want.powered || known != want.known {
			t.Errorf("row %+v: powered %t, known %t; want %+v", rows[i], powered, known, want)
		}
	}
	for _, result := range []string{`[null]`, `[[]]`, `[[[0,"n1"]]]`, `[[[2,null],[0,null]]]`, `[[[0,1],[0,null]]]`, `[[[0,"n1"],[7,null]]]`, `[[[0,"n1"],[0,null],1]]`} {
		if rows, err := succeeded(luxi.OpOobCommand, result).OobRows(); err == nil {
			t.Errorf("%s: %+v", result, rows)
		}
	}
}

func TestVerifiedDisks(t *testing.T) {
	v, err := succeeded(luxi.OpGroupVerifyDisks, `[{"u1":"Error 7: Failed to connect"},["i1","i2"],{"i2":[["u1","xenvg/a.disk0_data"],["u1","xenvg/a.disk0_meta"]]}]`).VerifiedDisks()
	want := luxi.VerifiedDisks{
		NodeErrors: map[string]string{"u1": "Error 7: Failed to connect"}, Inactive: []string{"i1", "i2"},
		Lost: map[string][]luxi.LostVolume{"i2": {{"u1", "xenvg/a.disk0_data"}, {"u1", "xenvg/a.disk0_meta"}}},
	}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v, %v", v, err)
	}
	for _, result := range []string{`[]`, `[{},[]]`, `[{},[],{},1]`, `[[],[],{}]`, `[{},{},{}]`, `[{},[1],{}]`, `[{},[],{"i1":[["u1"]]}]`, `[{},null,{}]`} {
		if v, err := succeeded(luxi.OpGroupVerifyDisks, result).VerifiedDisks(); err == nil {
			t.Errorf("%s: %+v", result, v)
		}
	}
}

func TestInstanceData(t *testing.T) {
	instance := func(disks string) string {
		return `{"name":"i1","uuid":"u","pnode":"n1","snodes":["n2"],"config_state":"up","run_state":"up","disk_template":"drbd","os":"debian+default","disks":` + disks + `,"mtime":1.5}`
	}
	const drbd = `[{"iv_name":"disk/0","uuid":"d0","dev_type":"drbd","size":1024,"spindles":null,"logical_id":["n1","n2",11000,0,0,null],
		"pstatus":["/dev/drbd0",147,0,12.5,90,true,2],"sstatus":["/dev/drbd0",147,0,null,null,false,1],"children":[
			{"iv_name":null,"uuid":null,"dev_type":"plain","size":1024,"spindles":2,"logical_id":["xenvg","a.disk0_data"],"pstatus":["/dev/xenvg/a",253,0,null,null,false,1],"sstatus":null,"children":[]},
			{"iv_name":"","uuid":"m","dev_type":"plain","size":128,"spindles":null,"logical_id":["ssd","a.disk0_meta"],"pstatus":["/dev/ssd/a",253,1,null,null,false,null],"sstatus":null,"children":[]}]}]`
	good, file := instance(drbd), `{"name":"i2","uuid":"v","pnode":"n1","snodes":[],"config_state":"down","run_state":null,"disk_template":"file","os":null,"disks":[
		{"iv_name":"disk/0","uuid":"f","dev_type":"file","size":10,"spindles":null,"logical_id":["loop","/srv/x"],"pstatus":null,"sstatus":null,"children":[]}]}`
	list, err := succeeded(luxi.OpInstanceQueryData, `{"i1":`+good+`,"i2":`+file+`}`).InstanceData()
	if err != nil {
		t.Fatal(err)
	}
	data := luxi.Disk{Type: "plain", Size: 1024, Spindles: 2, VolumeGroup: "xenvg", Volume: "a.disk0_data", Primary: &luxi.DiskStatus{Path: "/dev/xenvg/a", Local: luxi.LocalDiskOK}, Parts: []luxi.Disk{}}
	meta := luxi.Disk{UUID: "m", Type: "plain", Size: 128, VolumeGroup: "ssd", Volume: "a.disk0_meta", Primary: &luxi.DiskStatus{Path: "/dev/ssd/a", Local: luxi.LocalDiskUnknown}, Parts: []luxi.Disk{}}
	want := map[string]luxi.InstanceData{
		"i1": {Name: "i1", UUID: "u", Primary: "n1", Secondaries: []string{"n2"}, AdminState: "up", RunState: "up", Template: "drbd", OS: "debian+default", Disks: []luxi.Disk{{
			Name: "disk/0", UUID: "d0", Type: "drbd", Size: 1024,
			Primary:   &luxi.DiskStatus{Path: "/dev/drbd0", Syncing: true, Percent: 12.5, Degraded: true, Local: luxi.LocalDiskSyncing},
			Secondary: &luxi.DiskStatus{Path: "/dev/drbd0", Local: luxi.LocalDiskOK}, Parts: []luxi.Disk{data, meta},
		}}},
		"i2": {Name: "i2", UUID: "v", Primary: "n1", Secondaries: []string{}, AdminState: "down", Template: "file", Disks: []luxi.Disk{{
			Name: "disk/0", UUID: "f", Type: "file", Size: 10, Parts: []luxi.Disk{},
		}}},
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("got  %+v\nwant %+v", list, want)
	}
	if got := list["i1"].Disks[0].Volumes(); !reflect.DeepEqual(got, []luxi.Disk{data, meta}) {
		t.Errorf("volumes of a drbd disk: %+v", got)
	}
	if got := list["i2"].Disks[0].Volumes(); got != nil {
		t.Errorf("volumes of a file: %+v", got)
	}
	// C5: data that cannot be read affects one instance alone.
	for _, bad := range []string{
		`null`, `{}`, `[]`, instance(`null`), instance(`{}`), instance(`[null]`), instance(`[{}]`),
		instance(`[{"iv_name":"disk/0","uuid":"d","dev_type":"drbd","size":1,"spindles":null,"logical_id":[],"pstatus":["/dev/x",1,2,null,null,null,1],"sstatus":null,"children":[]}]`),
		instance(`[{"iv_name":"disk/0","uuid":"d","dev_type":"drbd","size":1,"spindles":null,"logical_id":[],"pstatus":[1],"sstatus":null,"children":[]}]`),
		instance(`[{"iv_name":"disk/0","uuid":"d","dev_type":"drbd","size":1,"spindles":null,"logical_id":[],"pstatus":null,"sstatus":"x","children":[]}]`),
		instance(`[{"iv_name":"disk/0","uuid":"d","dev_type":"plain","size":1,"spindles":null,"logical_id":["vg"],"pstatus":null,"sstatus":null,"children":[]}]`),
		instance(`[{"iv_name":"disk/0","uuid":"d","dev_type":"drbd","size":1,"spindles":null,"logical_id":[],"sstatus":null,"children":[]}]`),
	} {
		list, err := succeeded(luxi.OpInstanceQueryData, `{"bad":`+bad+`,"i2":`+file+`}`).InstanceData()
		if err != nil || len(list) != 1 || list["i2"].Name != "i2" {
			t.Errorf("%s: %+v, %v", bad, list, err)
		}
	}
}
