package nodesim

import (
	"strings"
	"testing"
)

// Cut replication leaves both ends UpToDate and degraded, and the secondary lacks
// what is written from then on. Mended, it catches up.
func TestCutAndMend(t *testing.T) {
	r := newRig(t, "a", "b", "c")
	d := r.onAB()
	r.wantStatus("a", d, "false 1")
	r.wantStatus("b", d, "false 1")
	r.Cut("b", "a")
	r.wantStatus("a", d, "true 1")
	r.wantStatus("b", d, "true 1")
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original, lacks writes of a")
	// Both answer, and neither waits for an activation.
	for _, node := range []string{"a", "b"} {
		if got := string(r.must(node, "drbd_needs_activation", []object{d})); got != "[]" {
			t.Errorf("on %s: %s", node, got)
		}
	}
	r.SetPolls(1)
	r.Mend("a", "b")
	r.wantStatus("b", d, "50% true 2")
	r.wantStatus("a", d, "50% true 1")
	r.wantStatus("a", d, "false 1")
	r.wantStatus("b", d, "false 1")
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original")
	r.wantIncidents()
}

// Each call that needs the other end fails while replication is cut.
func TestCutCalls(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.Cut("a", "b")
	r.fails("is not in sync", "a", "drbd_wait_sync", []object{d})
	r.must("a", "drbd_disconnect_net", []object{d})
	r.fails("Timeout in disk reconnecting", "a", "drbd_attach_net", []object{d}, false)
	r.Mend("a", "b")
	r.must("a", "drbd_wait_sync", []object{d})
	r.fails("is not standalone", "a", "drbd_attach_net", []object{d}, false)
}

// Where each end has writes that the other lacks both stand alone, for as often as
// they are connected; 3.1 calls their disks faulty, 3.0 does not.
func TestSplitBrain(t *testing.T) {
	for version, want := range map[int]string{3000000: "true 1", 3010000: "true 4"} {
		r := newRigOf(t, version, "a", "b")
		d := r.onAB()
		r.SplitBrain("web")
		for _, node := range []string{"a", "b"} {
			r.wantStatus(node, d, want)
			if got := string(r.must(node, "drbd_needs_activation", []object{d})); got != `["uuid-disk"]` {
				t.Errorf("on %s: %s", node, got)
			}
		}
		for n := 0; n < 2; n++ {
			// The second pass of an activation lets the primary end wait again.
			r.activate(d, "a", "b")
			r.wantStatus("a", d, "true 1")
			r.wantStatus("b", d, want)
			r.wantCopies("disk/0 on a: original, lacks writes of b", "disk/0 on b: original, lacks writes of a")
		}
		r.wantIncidents()
	}
}

// A disconnected peer waits for the connection: that is no split brain.
func TestDisconnected(t *testing.T) {
	for version, want := range map[int]string{3000000: "true 1", 3010000: "true 4"} {
		r := newRigOf(t, version, "a", "b")
		d := r.onAB()
		r.must("a", "drbd_disconnect_net", []object{d})
		r.wantStatus("a", d, want)
		r.wantStatus("b", d, "true 1")
		if got := string(r.must("b", "drbd_needs_activation", []object{d})); got != "[]" {
			t.Errorf("b waits: %s", got)
		}
		r.must("a", "drbd_attach_net", []object{d}, false)
		r.wantStatus("b", d, "false 1")
		r.wantCopies("disk/0 on a: original", "disk/0 on b: original")
	}
}

// A target whose source is gone is neither good nor copied to: unknown, in both
// releases.
func TestHalfACopy(t *testing.T) {
	for _, version := range []int{3000000, 3010000} {
		r := newRigOf(t, version, "a", "b")
		d := r.onAB()
		r.Cut("a", "b")
		r.SetPolls(1)
		r.Mend("a", "b")
		r.wantStatus("b", d, "50% true 2")
		r.PowerOff("a")
		r.wantStatus("b", d, "true 3")
		r.wantContent("b", "original, incomplete")
		r.fails("Need access to UpToDate data", "b", "blockdev_assemble", d, web(d), true, 0)
		r.wantIncidents(Incomplete)
		// The source is back, and with it the rest of the data.
		if err := r.PowerOn("a"); err != nil {
			t.Fatal(err)
		}
		r.activate(d, "a", "b")
		r.wantStatus("b", d, "50% true 2")
		r.wantStatus("b", d, "false 1")
		r.wantContent("b", "original")
	}
}

// A secondary without its disk does not make the primary degraded; a primary
// without its disk lives on the secondary's, and is not cut off from it.
func TestDiskless(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.BreakDisks("b", "web")
	r.wantStatus("a", d, "false 1")
	r.wantStatus("b", d, "true 4")
	if got := string(r.must("b", "drbd_needs_activation", []object{d})); got != `["uuid-disk"]` {
		t.Errorf("on b: %s", got)
	}
	// Activation gives it no disk as long as that cannot be read.
	r.activate(d, "a", "b")
	r.wantStatus("b", d, "true 4")
	r.Write("web")
	r.MendDisks("b", "web")
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original, lacks writes of a")
	r.activate(d, "a", "b")
	r.wantStatus("b", d, "false 1")
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original")

	r.BreakDisks("a", "web")
	r.wantStatus("a", d, "true 4")
	r.wantStatus("b", d, "false 1")
	r.wantCopies("disk/0 on a: original, lacks writes of b", "disk/0 on b: original")
	r.fails("Need access to UpToDate data", "a", "drbd_disconnect_net", []object{d})
	r.fails("Refused by peer node", "b", "drbd_disconnect_net", []object{d})
	r.fails("Refused by peer node", "b", "blockdev_shutdown", d)
	r.wantIncidents()
}

// A disk that failed once is taken back when it is activated.
func TestDetached(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.DetachDisks("a", "web")
	r.wantStatus("a", d, "true 4")
	r.Write("web")
	r.activate(d, "a", "b")
	r.wantStatus("a", d, "false 1")
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original")
	r.wantIncidents()
}

// Lost volumes are missing from the node's list. Their device is there without a
// disk, and after a reboot it is not, before it is activated; nor then with older
// releases.
func TestLostVolumes(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	children := d["children"].([]object)
	r.LoseVolumes("b", "web")
	r.wantStatus("a", d, "false 1")
	r.wantStatus("b", d, "true 4")
	r.wantStatus("b", children[0], "null")
	r.wantStatus("b", children[1], "null")
	if got := string(r.must("b", "lv_list", []string{})); got != "{}" {
		t.Errorf("volumes of b: %s", got)
	}
	r.PowerOff("b")
	if err := r.PowerOn("b"); err != nil {
		t.Fatal(err)
	}
	r.wantStatus("a", d, "true 1")
	r.wantStatus("b", d, "null")
	r.RefuseDiskless(true)
	r.fails("can't attach local disk", "b", "blockdev_assemble", d, web(d), false, 0)
	r.RefuseDiskless(false)
	r.activate(d, "a", "b")
	r.wantStatus("b", d, "true 4")
	r.fails("Can't find device", "b", "blockdev_rename", []interface{}{[]interface{}{children[0], []string{VolumeGroup, "x"}}})
}

// replace-disks on the same node: new volumes take the names of the old ones, and
// get the other end's content.
func TestReplaceOnTheSameNode(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.BreakDisks("b", "web")
	old := d["children"].([]object)
	volume := func(name string, size int) object {
		return object{"dev_type": "plain", "logical_id": []string{VolumeGroup, name}, "size": size}
	}
	fresh := []object{volume("new.data", 100), volume("new.meta", metaSize)}
	for _, v := range fresh {
		r.must("b", "blockdev_create", v, 100, "web", false, "", false)
	}
	r.must("b", "blockdev_removechildren", d, old)
	pairs := func(from []object, names ...string) (list []interface{}) {
		for k, v := range from {
			list = append(list, []interface{}{v, []string{VolumeGroup, names[k]}})
		}
		return list
	}
	r.must("b", "blockdev_rename", pairs(old, "old.data", "old.meta"))
	r.must("b", "blockdev_rename", pairs(fresh, "web.data", "web.meta"))
	r.SetPolls(1)
	r.must("b", "blockdev_addchildren", d, old)
	r.wantStatus("b", d, "50% true 2")
	r.wantStatus("b", d, "false 1")
	for _, name := range []string{"old.data", "old.meta"} {
		r.must("b", "blockdev_remove", volume(name, 100))
	}
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original")
	if got := string(r.must("b", "lv_list", []string{})); got != `{"xenvg/web.data":["100.00",false,true],"xenvg/web.meta":["128.00",false,true]}` {
		t.Errorf("volumes of b: %s", got)
	}
	r.wantIncidents()
}

// The volumes of a secondary are in use as long as its device is.
func TestVolumesInUse(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	for _, node := range []string{"a", "b"} {
		if got := string(r.must(node, "lv_list", []string{})); strings.Count(got, "false,true") != 2 {
			t.Errorf("%s: %s", node, got)
		}
	}
	r.fails("in use", "b", "blockdev_remove", d["children"].([]object)[0])
	r.fails("held open", "a", "blockdev_shutdown", d)
	r.fails("held open", "a", "blockdev_close", "web", []object{d})
	r.stop(d, "a", "b")
	for _, node := range []string{"a", "b"} {
		if got := string(r.must(node, "lv_list", []string{})); strings.Count(got, "false,false") != 2 {
			t.Errorf("%s: %s", node, got)
		}
	}
}

// Two ends are primary at a time only if they were told that they may.
func TestTwoPrimaries(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.fails("Multiple primaries not allowed", "b", "blockdev_assemble", d, web(d), true, 0)
	r.fails("Multiple primaries not allowed", "b", "blockdev_open", "web", []object{d}, false)
	for _, node := range []string{"a", "b"} {
		r.must(node, "drbd_disconnect_net", []object{d})
	}
	for _, node := range []string{"a", "b"} {
		r.must(node, "drbd_attach_net", []object{d}, true)
	}
	r.must("b", "blockdev_open", "web", []object{d}, false)
}

// An instance that runs without any disk is caught.
func TestNoDisk(t *testing.T) {
	r := newRig(t, "a", "b")
	r.onAB()
	r.BreakDisks("a", "web")
	r.wantIncidents()
	r.PowerOff("b")
	r.wantIncidents(NoDisk)
}

// Instances begin with copies that differ, as a description says.
func TestPlace(t *testing.T) {
	d := mirror("a", "b", 11000)
	for _, row := range []struct {
		name string
		p    Placement
		a, b string // the status of the devices
		want []string
	}{
		{"lacks", Placement{Lacks: []string{"b"}}, "false 1", "false 1", []string{"disk/0 on a: original", "disk/0 on b: original"}},
		{"stopped and lacks", Placement{Lacks: []string{"b"}, RunsOn: []string{}}, "null", "null", []string{"disk/0 on a: original", "disk/0 on b: original, lacks writes of a"}},
		{"diverged", Placement{Lacks: []string{"a", "b"}}, "true 1", "true 1", []string{"disk/0 on a: original, lacks writes of b", "disk/0 on b: original, lacks writes of a"}},
		{"partial", Placement{Partial: []string{"b"}, RunsOn: []string{}}, "null", "null", []string{"disk/0 on a: original", "disk/0 on b: original, incomplete"}},
		{"failed", Placement{Failed: []string{"b"}}, "false 1", "true 4", []string{"disk/0 on a: original", "disk/0 on b: original"}},
		{"gone", Placement{Data: []string{"a"}}, "false 1", "true 4", []string{"disk/0 on a: original"}},
		{"orphan", Placement{Data: []string{"a", "b", "c"}}, "false 1", "false 1", []string{"disk/0 on a: original", "disk/0 on b: original", "disk/0 on c: original"}},
	} {
		r := newRig(t, "a", "b", "c")
		p := row.p
		p.Instance, p.Hypervisor, p.Memory, p.Nodes, p.Disks = "web", "kvm", 128, []string{"a", "b"}, []interface{}{d}
		if p.RunsOn == nil {
			p.RunsOn = []string{"a"}
		}
		r.Place(p)
		t.Run(row.name, func(t *testing.T) {
			r.t = t
			r.wantStatus("a", d, row.a)
			r.wantStatus("b", d, row.b)
			r.wantCopies(row.want...)
		})
	}
}

// Two primary ends do not connect, nor does a primary end that lacks writes become a
// target: both stand alone.
func TestPrimariesDoNotConnect(t *testing.T) {
	needed := func(r *rig, d object) {
		t.Helper()
		for _, node := range []string{"a", "b"} {
			if got := string(r.must(node, "drbd_needs_activation", []object{d})); got != `["uuid-disk"]` {
				t.Errorf("on %s: %s", node, got)
			}
		}
	}
	r := newRig(t, "a", "b")
	d := mirror("a", "b", 11000)
	r.Place(Placement{Instance: "web", Nodes: []string{"a", "b"}, Disks: []interface{}{d}})
	r.Cut("a", "b")
	r.activate(d, "a", "")
	r.activate(d, "b", "")
	r.Mend("a", "b")
	needed(r, d)
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original")

	r = newRig(t, "a", "b")
	r.Place(Placement{Instance: "web", Nodes: []string{"a", "b"}, Disks: []interface{}{d}, Lacks: []string{"b"}})
	r.Cut("a", "b")
	r.activate(d, "b", "")
	r.must("a", "blockdev_assemble", d, web(d), false, 0)
	r.Mend("a", "b")
	needed(r, d)
	r.wantCopies("disk/0 on a: original", "disk/0 on b: original, lacks writes of a")
}
