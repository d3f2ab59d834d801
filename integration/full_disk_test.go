//go:build cluster

package integration_test

import (
	"fmt"
	"strings"
	"testing"
)

// W8: each place that a pass writes to is a small file system of its own, which is
// full, and once read-only. The pass repairs all the same and the hook ends well;
// check and status tell what cannot be written, and why; event programs are told of
// an instance that a valve blocks once, or not at all, but never with every pass.
func TestFullDisks(t *testing.T) {
	w := newSimWorld(t, describe(t, []string{"node2", "node3"}, []string{
		"cluster failover", "web sharedfile node2", "other sharedfile node2",
	}))
	root := w.Root(w.Master())
	const events = "/srv/events"
	told := root + "/srv/told"
	must := func(script string) {
		t.Helper()
		if r := w.run(w.Master(), "sh", "-ec", script); r.code != 0 {
			t.Fatalf("%s: %s", script, r.stderr)
		}
	}
	must("mkdir -p " + root + events + " " + root + "/srv/metrics")
	w.must(w.WriteFile(root+events+"/tell", []byte("#!/bin/sh\necho \"$AUTOREPAIR_EVENT $AUTOREPAIR_INSTANCE\" >>"+told+"\n"), 0o755))
	settings := func(more string) {
		t.Helper()
		w.settings("interval = \"1s\"\nbusy_interval = \"1s\"\nevent_dir = \"" + events + "\"\nmetrics_file = \"/srv/metrics/x.prom\"\n" + more)
	}
	node := 2 // that the instances are on
	type kind struct{ what, cause string }
	full, readOnly := kind{"full", "no space left on device"}, kind{"read-only", "read-only file system"}
	for _, place := range []struct {
		what, path string
		kinds      []kind
	}{
		{"memory", "/var/run/ganeti-autorepair", []kind{full, readOnly}},
		{"log", "/var/log/ganeti-autorepair", []kind{full}},
		{"metrics", "/srv/metrics", []kind{full}},
	} {
		for _, kind := range place.kinds {
			name := place.what + ", " + kind.what
			path := root + place.path
			must("mkdir -p " + path + "; mount -t tmpfs -o size=16k,mode=700 tmpfs " + path)
			if kind.what == "full" {
				must("dd if=/dev/zero of=" + path + "/fill bs=1k 2>/dev/null || :")
			} else {
				must("mount -o remount,ro " + path)
			}

			pass := func() {
				t.Helper()
				if kind.what == "full" { // else there is no stamp
					w.must(w.RemoveFile(root + "/var/run/ganeti-autorepair/last-pass"))
				}
				if r := w.hook(w.Master()); r.code != 0 || strings.Count(r.stderr, "\n") > 1 {
					t.Errorf("%s: the hook ended with %+v", name, r)
				}
			}

			// A valve blocks both instances, for two passes.
			settings("max_unhealthy_nodes = 1\n")
			w.lostPower(fmt.Sprintf("node%d", node))
			must("rm -f " + told)
			for k := 0; k < 2; k++ {
				pass()
			}
			got := w.run(w.Master(), "sh", "-c", "cat "+told+" 2>/dev/null || :").stdout
			want := "repair-blocked other\nrepair-blocked web\n"
			if place.what == "memory" {
				want = "" // nobody could know that they were told before
			}
			if got != want {
				t.Errorf("%s: told %q, want %q", name, got, want)
			}

			// It is told, with the cause.
			check := w.run(w.Master(), program, "check")
			if check.code == 0 || !strings.Contains(check.stdout, place.what+": cannot be written") || !strings.Contains(check.stdout, kind.cause) {
				t.Errorf("%s: check says %+v", name, check)
			}
			if strings.Contains(check.stdout, "last pass: there was none") && kind.what == "full" {
				t.Errorf("%s: check says %+v", name, check)
			}
			status := w.run(w.Master(), "env", "COLUMNS=300", program, "status")
			if !strings.Contains(status.stdout, place.what+" cannot be written") || !strings.Contains(status.stdout, kind.cause) {
				t.Errorf("%s: status says %+v", name, status)
			}

			// The repairs are done.
			settings("max_unhealthy_nodes = 100\n")
			for k := 0; k < 4 && (k == 0 || w.anythingToDo()); k++ {
				pass()
				w.jobsEnd()
			}
			if got := w.run(w.Master(), "gnt-instance", "list", "--no-headers", "-o", "pnode"); strings.Contains(got.stdout, fmt.Sprintf("node%d", node)) {
				t.Errorf("%s: not repaired: %s", name, got.stdout)
			}

			must("umount " + path)
			w.back(fmt.Sprintf("node%d", node))
			node = 5 - node // they are on the other now
			must("rm -rf " + root + "/var/run/ganeti-autorepair")
			if check := w.run(w.Master(), program, "check"); strings.Contains(check.stdout, "cannot be written") {
				t.Errorf("%s, over: check says %+v", name, check)
			}
		}
	}
}
