package main

import (
	"sort"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// C4: a pass that finds nothing to do asks for fields alone that luxid has at hand. To tell
// the nodes of an instance, or to count the instances of a node, luxid goes through all
// instances for each. It asks once for each.
func TestQuietPassAsksForLittle(t *testing.T) {
	for _, disks := range []string{"off", "report", "repair"} {
		b := newBed(t, calm)
		b.write("/etc/ganeti/autorepair.toml", "disks = \""+disks+"\"\n")
		asked := make(map[string]int)
		b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
			if args := string(c.Args); c.Method == "Query" && !strings.HasPrefix(args, `["job"`) {
				asked[args]++
			}
			return luxitest.Pass()
		})
		b.want(0, 0, "", "run", "--from-watcher")
		var got []string
		for query := range asked {
			got = append(got, query)
		}
		sort.Strings(got)
		want := []string{
			`["group",["uuid","name","tags"],null]`,
			`["instance",["uuid","name","tags","disks_active"],null]`,
			`["node",["name","uuid","group.uuid","group","master_candidate","role","master_capable","offline","drained"],null]`,
			`["node",["name","uuid","group.uuid","offline","drained","vm_capable","tags","mtime"],null]`,
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("disks = %q: asked for\n%s\nwant\n%s", disks, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for query, n := range asked {
			if n != 1 {
				t.Errorf("disks = %q: asked %d times for %s", disks, n, query)
			}
		}
	}
}

// A1: after a pass that has acted the nodes are told of as they are then.
func TestRolesAfterActing(t *testing.T) {
	b := newBed(t, badNode)
	asked := 0
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "Query" && strings.Contains(string(c.Args), "master_capable") {
			asked++
		}
		return luxitest.Pass()
	})
	if code, _, stderr := b.run("run"); code != 0 || asked != 2 {
		t.Errorf("%d: asked %d times\n%s", code, asked, stderr)
	}
}
