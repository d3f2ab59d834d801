package nodesim

import "testing"

// Whoever starts an instance from a mirror that missed something, or while it runs
// elsewhere, is caught; an incident says whether the better copy was on an online
// node.
func TestStaleStart(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	// The power is gone on a: b has everything.
	r.PowerOff("a")
	r.start("b", d)
	r.wantIncidents()
	// a comes back with its old volume, and b, which went on writing, is off.
	r.must("b", "instance_info", "web", "kvm", object{})
	r.PowerOff("b")
	if err := r.PowerOn("a"); err != nil {
		t.Fatal(err)
	}
	r.start("a", d)
	r.wantIncidents(StaleStart)
	if i := r.Incidents()[0]; i.Online || i.Other != "b" || i.Node != "a" || i.Instance != "web" || i.Call != "instance_start on a" {
		t.Errorf("incident %+v", i)
	}
}

// A copy on a node that is marked offline is on no online node, even if it answers.
func TestOnline(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(r *rig)
		online bool
	}{
		{"online", func(*rig) {}, true},
		{"without its daemon", func(r *rig) { r.StopDaemon("a") }, true},
		{"unplugged", func(r *rig) { r.Unplug("a") }, false},
		{"marked offline", func(r *rig) { r.must("b", "write_ssconf_files", object{"offline_nodes": []string{"a"}}) }, false},
		{"marked offline and online again", func(r *rig) {
			r.must("b", "write_ssconf_files", object{"offline_nodes": []string{"a"}})
			r.must("b", "write_ssconf_files", object{"offline_nodes": []string{}})
		}, true},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "a", "b")
			d := r.onAB()
			r.Cut("a", "b")
			r.stop(d, "a", "b")
			row.before(r)
			r.start("b", d)
			r.wantIncidents(StaleStart)
			if i := r.Incidents()[0]; i.Online != row.online {
				t.Errorf("online is %v: %+v", i.Online, i)
			}
		})
	}
}

// An instance that runs on a node which the master has lost runs twice when it is
// started elsewhere.
func TestRunsTwice(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.Unplug("a")
	r.start("b", d)
	r.wantIncidents(RunsTwice, StaleStart)
	if i := r.Incidents()[0]; i.Node != "b" || i.Other != "a" || i.Online {
		t.Errorf("incident %+v", i)
	}
	// Back on the net it still runs there.
	if err := r.Plug("a"); err != nil {
		t.Fatal(err)
	}
	if got := string(r.must("a", "instance_list", []string{"kvm"}, object{})); got != `["web"]` {
		t.Errorf("on a: %s", got)
	}
	// Both ends have been written to.
	r.wantStatus("a", d, "true 1")
	r.wantStatus("b", d, "true 1")
	r.wantCopies("disk/0 on a: original, lacks writes of b", "disk/0 on b: original, lacks writes of a")
}

// What the only complete copy on an online node is removed with is an incident, and
// the removal of a copy that others have is none.
func TestDestroyedByReplaceDisks(t *testing.T) {
	for _, row := range []struct {
		name string
		cut  bool
		want []Kind
	}{{"in sync", false, nil}, {"stale", true, []Kind{Destroyed}}} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "a", "b", "c")
			d := r.onAB()
			if row.cut {
				r.Cut("a", "b")
			}
			r.stop(d, "a", "b")
			r.replaceSecondary("b", "a", "c")
			r.wantIncidents(row.want...)
			r.wantContent("c", Original)
			r.wantContent("a", "")
		})
	}
}

// replaceSecondary makes the calls of replace-disks of a stopped instance.
func (r *rig) replaceSecondary(primary, old, to string) {
	r.t.Helper()
	before, alone, after := mirror(old, primary, 11000), mirror(primary, to, nil), mirror(primary, to, 11000)
	r.activate(before, primary, old)
	for _, child := range alone["children"].([]object) {
		r.must(to, "blockdev_create", child, 100, "web", false, "", false)
	}
	r.must(to, "blockdev_create", alone, 100, "web", false, "", false)
	r.must(old, "blockdev_shutdown", before)
	r.must(primary, "drbd_disconnect_net", []object{before})
	r.must(primary, "drbd_attach_net", []object{after}, false)
	r.must(to, "drbd_attach_net", []object{after}, false)
	r.wantStatus(primary, after, "false 1")
	for _, child := range before["children"].([]object) {
		r.must(old, "blockdev_remove", child)
	}
}

// New disks and a new system, while an online node has the data, are incidents;
// while that node is off they are none.
func TestDestroyedByReinstall(t *testing.T) {
	plain := object{"dev_type": "plain", "logical_id": []string{VolumeGroup, "web.data"}, "size": 100, "iv_name": "disk/0"}
	chain := func(r *rig, node string) {
		r.t.Helper()
		r.must(node, "blockdev_create", plain, 100, "web", true, "", false)
		r.must(node, "instance_os_add", web(plain), true, 0)
	}
	place := func(t *testing.T) *rig {
		r := newRig(t, "a", "b")
		r.Place(Placement{Instance: "web", Nodes: []string{"a"}, Disks: []interface{}{plain}})
		return r
	}
	r := place(t)
	r.PowerOff("a")
	chain(r, "b")
	r.wantIncidents()
	r.wantContent("b", "installed 2")

	r = place(t)
	chain(r, "b")
	r.wantIncidents(Destroyed, Destroyed)
	if i := r.Incidents()[0]; i.Node != "b" || i.Other != "a" || !i.Online || i.Call != "blockdev_create on b" {
		t.Errorf("incident %+v", i)
	}

	r = place(t)
	r.must("a", "instance_os_add", web(plain), true, 0)
	r.wantIncidents(Destroyed)
	if i := r.Incidents()[0]; i.Node != "a" || i.Other != "a" {
		t.Errorf("incident %+v", i)
	}
}

// An instance that is removed with its disks is not lost.
func TestRemovedInstance(t *testing.T) {
	r := newRig(t, "a", "b")
	d := r.onAB()
	r.stop(d, "a", "b")
	r.must("a", "blockdev_remove", d)
	r.must("b", "blockdev_remove", d)
	r.wantIncidents()
	r.wantCopies()
	r.wantContent("a", "")

	plain := plainIn(VolumeGroup, "x", 10)
	r.Place(Placement{Instance: "web", Nodes: []string{"a"}, Disks: []interface{}{plain}})
	r.must("a", "blockdev_remove", plain)
	r.wantIncidents()
}
