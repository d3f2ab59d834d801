package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// log returns the lines that were added to the log since the last call.
func (b *bed) log() []string {
	b.t.Helper()
	path := filepath.Join(b.root, "/var/log/ganeti-autorepair/ganeti-autorepair.log")
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		b.t.Fatal(err)
	}
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

// nextPass lets the interval pass and runs the hook.
func (b *bed) nextPass() []string {
	b.t.Helper()
	b.m.RunUntilQuiet()
	b.m.Advance(15 * time.Minute)
	b.run("run", "--from-watcher")
	return b.log()
}

func crowd(n int, tags string) string {
	var text strings.Builder
	text.WriteString("cluster c\nnode node1 mem=1000000 master\nnode node2 mem=1000000\nnode node3 mem=1000000\nnode node4 mem=1000000 offline\n")
	for k := 0; k < n; k++ {
		fmt.Fprintf(&text, "instance vm%04d template=rbd nodes=node4%s\n", k, tags)
	}
	return text.String()
}

// A cluster with 1,000 broken but unpermitted instances does not fill the log:
// one line for all when it is new, none while nothing changes, one when it is
// over; a few instances are told one by one.
func TestLogOfManyInstances(t *testing.T) {
	b := newBed(t, crowd(1000, ""))
	b.write("/etc/ganeti/autorepair.toml", "pass_timeout = \"10m\"\n") // a busy machine needs time
	lines := b.nextPass()
	if len(lines) != 1 || !strings.Contains(lines[0], `msg="reason changed" instances=1000 was=healthy reason=no-permission among_them="vm0000 vm0001 vm0002 vm0003 vm0004"`) {
		t.Errorf("first:\n%s", strings.Join(lines, "\n"))
	}
	if lines := b.nextPass(); lines != nil {
		t.Errorf("unchanged:\n%s", strings.Join(lines, "\n"))
	}
	b.m.Edit(func(c *luxitest.Cluster) {
		for _, i := range c.Instances[:3] {
			i.Tags = []string{"ganeti:watcher:autorepair:suspend"}
		}
	})
	lines = b.nextPass()
	if len(lines) != 3 || !strings.Contains(lines[2], `msg="reason changed" instance=vm0002 was=no-permission reason=suspended why="suspended by instance vm0002"`) {
		t.Errorf("three:\n%s", strings.Join(lines, "\n"))
	}
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node4").Offline = false })
	if lines = b.nextPass(); len(lines) != 4 || !strings.Contains(strings.Join(lines, "\n"), "instances=997 was=no-permission reason=healthy") {
		t.Errorf("mended:\n%s", strings.Join(lines, "\n"))
	}
	if lines := b.nextPass(); lines != nil {
		t.Errorf("healthy:\n%s", strings.Join(lines, "\n"))
	}
}

// An action of the pass has one line, and no second one for the change of the
// reason. Unreadable tags and blocked groups are told once.
func TestLogOfChanges(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, "group default", "group default tags=ganeti:watcher:autorepair:frob"))
	text := strings.Join(b.nextPass(), "\n")
	for _, part := range []string{`msg="repair job released" instance=web1 repair=id1 `, `msg="unreadable tag" object="group default"`, "instance=web2 was=healthy reason=unreadable-tag", "instance=db1 was=healthy reason=suspended"} {
		if strings.Count(text, part) != 1 {
			t.Errorf("not once %q in\n%s", part, text)
		}
	}
	if strings.Count(text, "instance=web1") != 1 || strings.Count(text, "\n") != 3 {
		t.Errorf("more than a line per change:\n%s", text)
	}
	if text := strings.Join(b.nextPass(), "\n"); strings.Count(text, "\n") != 0 || !strings.Contains(text, `msg="repair ended" instance=web1 repair=id1`) {
		t.Errorf("the end:\n%s", text)
	}
	if lines := b.nextPass(); lines != nil {
		t.Errorf("unchanged:\n%s", strings.Join(lines, "\n"))
	}
	// A lost memory costs these lines again, and nothing else.
	b.write("/var/run/ganeti-autorepair/reasons", "{")
	if lines := b.nextPass(); len(lines) != 3 {
		t.Errorf("memory lost:\n%s", strings.Join(lines, "\n"))
	}
}

// The log as JSON: an object per line, with the same words.
func TestLogAsJSON(t *testing.T) {
	b := newBed(t, badNode)
	b.write("/etc/ganeti/autorepair.toml", "log_format = \"json\"\n")
	lines := b.nextPass()
	for _, line := range lines {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if v["msg"] == "repair job released" && (v["instance"] != "web1" || v["repair"] != "id1" || v["job"] != 3.0) {
			t.Error(line)
		}
	}
	if len(lines) != 3 {
		t.Errorf("%q", lines)
	}
}

// Whatever a pass does, its words are stable: names, ids and times are in keys.
func TestWordsOfTheLog(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(three, "cluster c tags=", "cluster c tags=ganeti:watcher:autorepair:suspend:5,")+
		"\ninstance full template=plain nodes=node2.example.com mem=99999 disk=1000 tags=ganeti:watcher:autorepair:reinstall,ganeti:watcher:autorepair:suspend:7\n")
	text := strings.Join(b.nextPass(), "\n")
	for _, part := range []string{
		`msg="suspension has ended" object=cluster`,
		`msg="suspension has ended" instance=full`,
		`msg="repair waits" instance=full repair=id1 type=reinstall reason=no-room why="group rack1 has 0 of 1 nodes`,
		`msg="repair job released" instance=web1.example.com repair=id3 type=failover`,
		`msg="repair ended" instance=mail.example.com repair=id`,
	} {
		if strings.Count(text, part) != 1 {
			t.Errorf("not once %q in\n%s", part, text)
		}
	}
}
