package main

import (
	"reflect"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

func TestParseEvent(t *testing.T) {
	for line, want := range map[string]event{
		`time=2026-01-02T03:04:05.000Z level=INFO msg="repair job released" instance=db1 repair=k3x type=failover step=failover row=P4 job=12 permitted_by="group default"`: {
			"db1", "repair k3x (failover), permitted by group default: job 12"},
		`time=2026-01-02T03:04:05.000Z level=INFO msg="repair ended" instance=db1 repair=k3x type=failover result=success jobs=12 why="it \"lives\" on"`: {
			"db1", `repair k3x: success, it "lives" on`},
		`time=2026-01-02T03:04:05.000Z level=WARN msg=failed object=cluster left_out=2 jobs=""`: {
			"", "warn: failed: object cluster, left out 2"},
		`level=INFO msg="suspension has ended" instance=db1`: {"db1", "suspension has ended"},
		`what is "this"`: {"", `what is "this"`},
		`a="unquotable`:  {"", ": a \"unquotable"},
	} {
		if got := parseEvent(line); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"ten chars.", []string{"ten chars."}},
		{"more than ten chars", []string{"more than", "ten", "chars"}},
		{"unbreakable word", []string{"unbreakable", "word"}},
		{"unbreakable", []string{"unbreakable"}},
		{"a b  c d e f", []string{"a b", "c d e f"}}, // in front of a column
	} {
		got := fold(c.text, 10, 8)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("fold(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestPageWidth(t *testing.T) {
	var b strings.Builder
	p := &page{w: &b}
	long := strings.Repeat("word ", 60)
	p.heading("A heading")
	p.line(2, long)
	p.entry("db1", []string{long, "short"})
	p.entry("a-long-subject", []string{long})
	p.command(strings.Fields(long))
	for _, line := range strings.Split(b.String(), "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
		if strings.HasSuffix(line, " ") {
			t.Errorf("space at the end: %q", line)
		}
	}
}

func TestOpcodeOf(t *testing.T) {
	yes, no := true, false
	for command, want := range map[string]luxi.OpCode{
		"gnt-cluster add-tags a b":                   &luxi.TagsSet{Kind: luxi.TagCluster, Tags: []string{"a", "b"}},
		"gnt-group add-tags g a":                     &luxi.TagsSet{Kind: luxi.TagGroup, Name: "g", Tags: []string{"a"}},
		"gnt-instance remove-tags i a":               &luxi.TagsDel{Kind: luxi.TagInstance, Name: "i", Tags: []string{"a"}},
		"gnt-node modify --offline=yes n":            &nodeSetParams{NodeName: "n", Offline: &yes},
		"gnt-node modify --force --offline=no n":     &nodeSetParams{NodeName: "n", Force: true, Offline: &no},
		"gnt-node modify --drained=no n":             &nodeSetParams{NodeName: "n", Drained: &no},
		"gnt-instance remove --force i":              &instanceRemove{InstanceName: "i"},
		"gnt-instance startup i":                     &luxi.InstanceStartup{InstanceName: "i"},
		"gnt-instance add-tags i":                    nil,
		"gnt-instance remove --force":                nil,
		"gnt-network add-tags n a":                   nil,
		"gnt-cluster destroy --yes-do-it everything": nil,
		"gnt-cluster":                                nil,
		"":                                           nil,
	} {
		got, err := opcodeOf(strings.Fields(command))
		if want == nil {
			if err == nil {
				t.Errorf("%q: no error", command)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", command, got, err, want)
		}
	}
}

func TestChanges(t *testing.T) {
	before := &scene{
		places: map[string][]string{"db1": {"node1", "node2"}},
		tags:   map[string][]string{"db1": {"a", "b"}, "cluster": {"c"}},
	}
	now := &scene{
		instances: []string{"db1", "new1"},
		places:    map[string][]string{"db1": {"node2", "node1"}, "new1": {"node1"}},
		tags:      map[string][]string{"db1": {"b", "d"}, "cluster": {"c"}, "group g": nil},
	}
	if got := now.subjects(); !reflect.DeepEqual(got, []string{"cluster", "group g", "db1", "new1"}) {
		t.Errorf("subjects: %q", got)
	}
	if got := tagChanges(before, now, "db1"); !reflect.DeepEqual(got, []string{"+ d", "- a"}) {
		t.Errorf("tags of db1: %q", got)
	}
	if got := move(before, now, "db1"); !reflect.DeepEqual(got, []string{"now on node2, node1, was on node1, node2"}) {
		t.Errorf("place of db1: %q", got)
	}
	if got := append(tagChanges(before, now, "cluster"), move(before, now, "new1")...); len(got) != 0 {
		t.Errorf("no change: %q", got)
	}
}
