package tagstore_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// P22, T8: our own ids tell how a repair was begun, have eight letters, at most
// twelve characters and no colon, and do not repeat.
func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	letters := make(map[rune]int)
	for n := 0; n < 4000; n++ {
		kind, head := tagstore.ByPolicy, "p-"
		if n%2 == 1 {
			kind, head = tagstore.AskedFor, "r-"
		}
		id, err := tagstore.NewID(kind, rand.Reader)
		if err != nil || !strings.HasPrefix(id, head) || len(id) != 10 || seen[id] {
			t.Fatalf("id %q, %v, seen before: %v", id, err, seen[id])
		}
		if got := tagstore.KindOfID(id); got != kind {
			t.Fatalf("%q is %s, want %s", id, got, kind)
		}
		seen[id] = true
		for _, r := range id[2:] {
			letters[r]++
		}
		tag, _ := tagstore.Pending{Type: tagstore.Failover, ID: id, Time: 1}.Format()
		if p := tagstore.Parse(luxi.TagInstance, []string{tag}).Pendings; len(p) != 1 || p[0].ID != id {
			t.Fatalf("%q cannot be read", tag)
		}
	}
	if len(letters) != 31 || letters['0']+letters['1']+letters['o']+letters['l']+letters['i'] > 0 {
		t.Errorf("ids are made of %v", letters)
	}
}

// Each letter is as likely as another: bytes that would favour some are left out.
func TestNewIDIsFair(t *testing.T) {
	id, err := tagstore.NewID(tagstore.ByPolicy, bytes.NewReader([]byte{255, 248, 0, 30, 31, 247, 250, 1, 2, 3, 4}))
	if err != nil || id != "p-a9a9bcde" {
		t.Errorf("%q, %v", id, err)
	}
	if id, err := tagstore.NewID(tagstore.ByPolicy, bytes.NewReader([]byte{1, 2, 3})); err == nil {
		t.Errorf("%q without enough randomness", id)
	}
	for _, kind := range []tagstore.IDKind{tagstore.Foreign, tagstore.Old010} {
		if id, err := tagstore.NewID(kind, rand.Reader); err == nil {
			t.Errorf("%q was made of the kind %s", id, kind)
		}
	}
}

// P22, X3: an id of the form that version 0.1.0 made is known, and any other one
// is foreign.
func TestKindOfID(t *testing.T) {
	for id, want := range map[string]tagstore.IDKind{
		"p-abcdefgh": tagstore.ByPolicy, "p-23456789": tagstore.ByPolicy,
		"r-abcdefgh": tagstore.AskedFor, "r-zzzzzzzz": tagstore.AskedFor,
		"k3v9x2ab": tagstore.Old010, "abcdefgh": tagstore.Old010,
		"": tagstore.Foreign, "p-": tagstore.Foreign, "r-": tagstore.Foreign, uuid: tagstore.Foreign,
		"p-abcdefg": tagstore.Foreign, "p-abcdefghj": tagstore.Foreign, "p-abcdefgi": tagstore.Foreign, "p-ABCDEFGH": tagstore.Foreign,
		"P-abcdefgh": tagstore.Foreign, "q-abcdefgh": tagstore.Foreign, "p_abcdefgh": tagstore.Foreign, "abcdefgi": tagstore.Foreign,
		"abcdefg": tagstore.Foreign, "abcdefgh9": tagstore.Foreign, "p-p-abcdefgh": tagstore.Foreign, "r-p-abcde": tagstore.Foreign,
		"p-abcdef": tagstore.Foreign, "id1": tagstore.Foreign, "abcdefg0": tagstore.Foreign,
	} {
		if got := tagstore.KindOfID(id); got != want {
			t.Errorf("%q: %s, want %s", id, got, want)
		}
	}
}
