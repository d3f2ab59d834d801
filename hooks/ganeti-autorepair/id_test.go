package main

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/tagstore"
)

// P22: an id tells whether a pass began the repair by policy or a person asked for
// it, and ids do not repeat.
func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	for n := 0; n < 200; n++ {
		for _, kind := range []tagstore.IDKind{tagstore.ByPolicy, tagstore.AskedFor} {
			id := newID(kind)
			if tagstore.KindOfID(id) != kind || seen[id] {
				t.Fatalf("id %q, seen before: %v, want one that is %s", id, seen[id], kind)
			}
			seen[id] = true
		}
	}
}

// P22: what a person asks for has another kind of id than what a pass begins.
func TestIDKinds(t *testing.T) {
	b := newBed(t, badNode)
	b.ids, b.kinds = 0, nil
	b.run("repair", "web2", "failover")
	b.run("run")
	asked := 0
	for k, kind := range b.kinds {
		named := strings.Contains(strings.Join(b.m.Snapshot().Instance("web2").Tags, " "), fmt.Sprintf(":id%d:", k+1))
		if kind == tagstore.AskedFor {
			asked++
		}
		if named != (kind == tagstore.AskedFor) {
			t.Errorf("id%d is %s, on the tags of web2: %v", k+1, kind, named)
		}
	}
	if asked != 1 || len(b.kinds) < 2 {
		t.Errorf("ids of the kinds %s", b.kinds)
	}
}
