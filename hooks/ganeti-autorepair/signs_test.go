package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// signed is a cluster of mirrored instances, of which as many have lost their disks on
// node3 as are said, for as long as it takes to be a sign. It returns the file with the
// events that were told, and what passes have logged.
func signed(t *testing.T, settings string, lost int) (b *bed, events, log string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("cluster c tags=ganeti:watcher:autorepair:failover\ngroup default\nnode node1 mem=80000 disk=900000 master\nnode node2 mem=80000 disk=900000\nnode node3 mem=80000 disk=900000\n")
	for k := 0; k < 6; k++ {
		fmt.Fprintf(&text, "instance db%d template=drbd nodes=node2,node3 mem=512\n", k)
	}
	b = newBed(t, text.String())
	events = b.told(map[string]string{"tell": `echo "$AUTOREPAIR_EVENT $AUTOREPAIR_INSTANCE$AUTOREPAIR_NODE $AUTOREPAIR_REASON $AUTOREPAIR_WHY" >>OUT`})
	b.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\n"+settings)
	b.m.Edit(func(c *luxitest.Cluster) {
		for k := 0; k < lost; k++ {
			c.Instance(fmt.Sprintf("db%d", k)).LoseVolumes("node3")
		}
	})
	for k := 0; k < 2; k++ {
		b.submit(`{"OP_ID":"OP_GROUP_VERIFY_DISKS","reason":[],"group_name":"default"}`)
		log += strings.Join(b.nextPass(), "\n")
	}
	return b, events, log
}

// D8: that the storage of a node is gone is told once for the node, with the way out, and
// not of each of its instances, whatever the setting is; one instance alone has its sign.
func TestStorageOfANodeIsToldOnce(t *testing.T) {
	for _, row := range []struct {
		settings string
		lost     int
		want     string
	}{
		{"", 4, "node-storage node3 node-storage 4 of 6 mirrored instances have lost their disks on node3: its storage is gone: gnt-node modify --drained=yes --auto-promote node3"},
		{"disks = \"repair\"\n", 5, "node-storage node3 node-storage 5 of 6 mirrored instances have lost their disks on node3: its storage is gone: gnt-node modify --drained=yes --auto-promote node3"},
		{"", 1, "instance-sign db0 broken-disks 2 verifications of disks in a row list it, with volumes missing on node3: gnt-instance info db0"},
		{"disks = \"off\"\n", 5, ""},
	} {
		_, events, text := signed(t, row.settings, row.lost)
		if got := strings.Join(lines(t, events), "\n"); got != row.want {
			t.Errorf("%q, %d: events\n%s\nwant\n%s", row.settings, row.lost, got, row.want)
		}
		if strings.Count(text, "storage of a node is gone") != strings.Count(row.want, "node-storage node3") || strings.Count(text, "disks may be broken") != strings.Count(row.want, "instance-sign") {
			t.Errorf("%q, %d: log\n%s", row.settings, row.lost, text)
		}
	}
}

// D9: what a repair that policy has begun waits for may be asked for all the same.
func TestStaleCopyIsOverridden(t *testing.T) {
	b, _, _ := signed(t, "disks = \"repair\"\n", 1)
	b.m.Edit(func(c *luxitest.Cluster) {
		i := c.Instance("db0")
		i.Tags = append(i.Tags, tagstore.Prefix+"pending:failover:p-aaaabbbb:1:")
		c.Node("node2").Offline = true
	})
	if code, stdout, _ := b.run("status", "db0", "-o", "state,reason", "--no-headers"); code != 0 || stdout != "pending stale-copy\n" {
		t.Fatalf("%d %s", code, stdout)
	}
	for _, want := range []string{" requested, up to failover\n", ", up to failover, is pending already\n"} {
		if code, stdout, stderr := b.run("repair", "db0", "failover"); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%d %s%s, want %s", code, stdout, stderr, want)
		}
		if code, stdout, _ := b.run("status", "db0", "-o", "state,reason", "--no-headers"); code != 0 || stdout != "pending ready\n" {
			t.Errorf("%d %s", code, stdout)
		}
	}
}

// D10: with disks = "report" the sign is told by status and explain, its JSON, and the page.
func TestSignIsShown(t *testing.T) {
	b, _, _ := signed(t, "", 1)
	const sign = "2 verifications of disks in a row list it, with volumes missing on node3"
	for args, want := range map[string]string{
		"status":                               "disks of db0 may be broken: ganeti-autorepair explain db0\n",
		"status db0 -o sign,down --no-headers": sign + " false\n",
		"status db0 --json":                    `"sign": "` + sign + `"`,
		"explain db0":                          "  Its disks may be broken: " + sign[:40],
		"report -":                             `<span class="name">broken-disks</span> <span class="quiet">1</span>`,
	} {
		code, stdout, stderr := b.run(strings.Fields(args)...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: %d %s, no %q in\n%s", args, code, stderr, want, stdout)
		}
	}
}

// R3: with relocate = "report" it is told of an instance that ganeti-watcher has given up.
func TestNotStartedIsShown(t *testing.T) {
	b := newBed(t, calm)
	b.m.Edit(func(c *luxitest.Cluster) { c.Instance("web1").RunsOn = nil })
	b.m.OnOpcode(func(luxitest.Opcode, luxitest.Job) luxitest.OpFault {
		return luxitest.OpFails("OpExecError", "it broke")
	})
	for k := 0; k < 5; k++ {
		b.submit(`{"OP_ID":"OP_INSTANCE_STARTUP","reason":[["gnt:watcher","watcher",1]],"instance_name":"web1"}`)
		b.m.RunUntilQuiet()
	}
	b.write("/var/run/ganeti/instance-status", "web1 ERROR_down\nweb2 running\n")
	file := filepath.Join(b.root, "/var/run/ganeti/instance-status")
	text := strings.Join(b.nextPass(), "\n")
	os.Chtimes(file, b.m.Now(), b.m.Now())
	text += strings.Join(b.nextPass(), "\n")
	if !strings.Contains(text, "ganeti-watcher cannot start it") {
		t.Errorf("log\n%s", text)
	}
	for args, want := range map[string]string{
		"status": "web1 cannot be started by ganeti-watcher: ganeti-autorepair explain web1\n",
		"status web1 -o not_started --no-headers": "ganeti-watcher has tried 5 times to start it",
		"status web1 --json":                      `"not_started": "ganeti-watcher has tried 5 times`,
		"explain web1":                            "It does not start: ganeti-watcher has tried 5 times",
		"report -":                                `<span class="name">not-started</span> <span class="quiet">1</span>`,
	} {
		code, stdout, stderr := b.run(strings.Fields(args)...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: %d %s, no %q in\n%s", args, code, stderr, want, stdout)
		}
	}
}

// W7: what a closer look has found is read after busy_interval, not after a whole interval.
func TestLooksMakeAPassDue(t *testing.T) {
	b, _, text := signed(t, "disks = \"repair\"\n", 1)
	if !strings.Contains(text, "looking at disks") || strings.Contains(text, "repair job released") {
		t.Fatalf("log\n%s", text)
	}
	b.m.RunUntilQuiet()
	b.m.Advance(4 * time.Minute)
	b.run("run", "--from-watcher")
	if text := strings.Join(b.log(), "\n"); !strings.Contains(text, "repair job released instance=db0") && !strings.Contains(text, `msg="repair job released" instance=db0`) {
		t.Errorf("log\n%s", text)
	}
}
