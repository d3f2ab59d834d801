//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/tagstore"
)

// What Ganeti calls a node's free disk is that of one kind of storage. A
// reinstallation goes where there is room in the kind that its disks take, and stays
// pending, moved nowhere, while there is none (P10, S8).
func TestStorageKinds(t *testing.T) {
	for _, row := range []struct{ templates, right string }{
		{"plain,file", "file"},
		{"diskless,file,plain", "plain"},
	} {
		row := row
		t.Run("free disk of "+row.templates, func(t *testing.T) {
			w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall templates=`+row.templates+`
group default
node dead
node lvm mem=8192 disk=1000000 filedisk=1024
node files mem=8192 disk=1024 filedisk=1000000
node roomy mem=1024 disk=1000000 filedisk=1000000
instance file nodes=dead template=file disk=100000 mem=64
instance plain nodes=dead template=plain disk=100000 mem=64
instance huge nodes=dead template=`+row.right+` disk=2000000 mem=64
`)
			w.settings(testSettings + "max_attempts = 1\n")
			w.lostPower("dead")
			start := w.since()
			w.pass()
			w.jobsEnd()
			w.pass()
			w.jobsEnd()
			for name, node := range map[string]string{"file": "files", "plain": "lvm"} {
				w.wantResult(name, tagstore.Reinstall, tagstore.Success, 1)
				w.wantSteps(start, name, chainUp)
				w.wantContent(name, "installed")
				if p := w.primary(name); p != node {
					t.Errorf("%s is on %s, want %s", name, p, node)
				}
			}
			huge := w.pending("huge")
			if p := w.primary("huge"); len(huge.Jobs) != 0 || p != "dead" {
				t.Errorf("huge is on %s, %s", p, huge.Tag)
			}
			w.sim.SetStorage("roomy", 3000000)
			w.sim.SetFileStorage("roomy", 3000000)
			// A node that does not answer is no place, and no obstacle either.
			w.sim.Unplug("files")
			w.settle(8) // what found no room is asked for ever more rarely (P21)
			if r := w.wantResult("huge", tagstore.Reinstall, tagstore.Success, 1); r.ID != huge.ID {
				t.Errorf("%s follows %s", r.Tag, huge.Tag)
			}
			w.wantSteps(start, "huge", chainUp)
			if p := w.primary("huge"); p != "roomy" {
				t.Errorf("huge is on %s, want roomy", p)
			}
			if n := len(w.sim.Calls("storage_list")); n == 0 {
				t.Error("no node was asked for its storage")
			}
		})
	}
}
