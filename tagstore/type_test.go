package tagstore_test

import (
	"fmt"
	"testing"

	"ganeti-autorepair/tagstore"
)

// T1: types in order of risk, each permitting all below it.
func TestTypePermits(t *testing.T) {
	names := []string{"none", "fix-storage", "migrate", "failover", "reinstall"}
	for a, have := range names {
		for b, need := range names {
			want := a > 0 && a >= b
			if got := tagstore.Type(a).Permits(tagstore.Type(b)); got != want {
				t.Errorf("%s permits %s: %v, want %v", have, need, got, want)
			}
		}
	}
}

// T1: the words of the tags, and none but them.
func TestTypeNames(t *testing.T) {
	words := map[string]tagstore.Type{
		"fix-storage": tagstore.FixStorage, "migrate": tagstore.Migrate,
		"failover": tagstore.Failover, "reinstall": tagstore.Reinstall,
	}
	for word, typ := range words {
		if got, ok := tagstore.ParseType(word); !ok || got != typ {
			t.Errorf("ParseType(%q) = %v, %v", word, got, ok)
		}
		if typ.String() != word {
			t.Errorf("%d is written %q, want %q", int(typ), typ, word)
		}
		if text, err := typ.MarshalText(); err != nil || string(text) != word {
			t.Errorf("%v marshals as %q, %v", typ, text, err)
		}
	}
	for _, word := range []string{"", "none", "None", "Failover", "FAILOVER", "fail-over", "failover ", "fixstorage", "fix_storage", "reinstal"} {
		if got, ok := tagstore.ParseType(word); ok || got != tagstore.None {
			t.Errorf("ParseType(%q) = %v, %v, want none", word, got, ok)
		}
	}
	for _, typ := range []tagstore.Type{-1, 5, 77} {
		if got, want := typ.String(), fmt.Sprintf("Type(%d)", int(typ)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := tagstore.None.String(); got != "none" {
		t.Errorf("None is written %q", got)
	}
}

// T7: the words for results, and none but them.
func TestOutcomeNames(t *testing.T) {
	for word, want := range map[string]tagstore.Outcome{
		"success": tagstore.Success, "failure": tagstore.Failure, "enoperm": tagstore.Enoperm,
		"": "", "Success": "", "succes": "", "failed": "", "error": "", "canceled": "",
	} {
		if got, ok := tagstore.ParseOutcome(word); got != want || ok != (want != "") {
			t.Errorf("ParseOutcome(%q) = %q, %v", word, got, ok)
		}
	}
}
