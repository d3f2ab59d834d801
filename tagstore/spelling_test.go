package tagstore

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

// T10: what looks like a suspension in any spelling suspends its object; any other
// word that is no type is an opinion that nobody can read. What was probably meant
// is suggested, and can be read where the tag stands.
func TestMisspelt(t *testing.T) {
	for _, row := range []struct {
		bodies  string // each on an instance, with the same outcome
		effect  Effect
		suggest string
	}{
		{"Suspend suspended suspnd suspende supsend susspend suspends suspending suspension SUSPEND SUSPENDED suspend. suspend- suspend_ -suspend Suspend:", Suspends, "suspend"},
		{"syspend auspend suspemd spend suspand suzpend SUSPDEN uspend s-u-s-p-e-n-d susp suspended_by_bob süspend suspendu suspendiert", Suspends, "suspend"},
		{"suspend-repairs no-suspend unsuspend autorepair:suspend repair-suspended failover:suspend suspend123 suspend-1700000000 suspend@x", Suspends, "suspend"},
		{"Suspend:abc suspnd:tomorrow SUSPENDED:1:2", Suspends, "suspend"},
		{"SUSPEND:123 Suspended:123 suspnd:123 suspention:123 susp:123", Suspends, "suspend:123"},
		{"suspend:abc suspend:1:2", Suspends, ""},

		{"Failover FAILOVER failovr fail-over fail_over failover: failover:1 Failover:1700000000 failovers failed-over fail failover- failoverr falover fialover", Forbids, "failover"},
		{"fix_storage fixstorage Fix-Storage FIX-STORAGE fix fix-storag fix-storage: fix-storages fix-strorage fixed-storage fix.storage", Forbids, "fix-storage"},
		{"Migrate migrat migration migrations migrating mgirate mig migr", Forbids, "migrate"},
		{"Reinstall reinstal re-install reinstallation reinstalls reinst reinstll", Forbids, "reinstall"},
		{"none None NONE no never off disabled false stop paused none:", Forbids, "suspend"},
		{"frob repair auto yes enable all allow fo 123 : :::: reboot fenced:1 silent:1 node-offline node-offline:1", Forbids, ""},

		{"Pending:failover:x:5: PENDING:failover:x:5: pendng:failover:x:5: pendign:failover:x:5: pending:Failover:x:5: pending:fail_over:x:5: Pending:failovr:x:5:", Blocks, "pending:failover:x:5:"},
		{"Result:migrate:x:5:failure:7 result:Migrate:x:5:failure:7 results:migration:x:5:failure:7 reslut:migrate:x:5:failure:7", Blocks, "result:migrate:x:5:failure:7"},
		{"Pending pendin pending:reboot:x:5: Result:migrate:x:5:maybe: result:migrate:x Pending:failover:suspend", Blocks, ""},
	} {
		for _, body := range strings.Fields(row.bodies) {
			tags := Parse(luxi.TagInstance, []string{Prefix + body})
			if len(tags.Malformed) != 1 {
				t.Errorf("%q can be read", body)
				continue
			}
			m := tags.Malformed[0]
			if m.Effect != row.effect || strings.TrimPrefix(m.Suggest, Prefix) != row.suggest {
				t.Errorf("%q: effect %d, suggested %q, want %d, %q", body, m.Effect, m.Suggest, row.effect, row.suggest)
			}
		}
	}
}

// T10, T12: the same on groups and the cluster, where pending and result mean
// nothing but a word like them is an unknown one, and on nodes, where nothing of
// this has an effect.
func TestMisspeltElsewhere(t *testing.T) {
	for _, row := range []struct {
		body             string
		kind             luxi.TagKind
		effect           Effect
		meant, suggested string
	}{
		{"Failover", luxi.TagGroup, Forbids, "type", "failover"},
		{"suspnd", luxi.TagCluster, Suspends, "suspend", "suspend"},
		{"pending:failover:x:5:", luxi.TagGroup, Nothing, "pending", ""},
		{"result:x", luxi.TagCluster, Nothing, "result", ""},
		{"Pending:failover:x:5:", luxi.TagCluster, Forbids, "type", ""},
		{"fenced:5", luxi.TagGroup, Forbids, "fenced", ""},
		{"node_offline", luxi.TagGroup, Forbids, "type", "node-offline"},
		{"Node-Offline", luxi.TagCluster, Forbids, "type", "node-offline"},
		{"node-offlin", luxi.TagCluster, Forbids, "type", "node-offline"},
		{"node-offline:5", luxi.TagCluster, Forbids, "node-offline", "node-offline"},

		{"suspend", luxi.TagNode, Nothing, "suspend", ""},
		{"suspend:5", luxi.TagNode, Nothing, "suspend", ""},
		{"Suspend", luxi.TagNode, Nothing, "suspend", ""},
		{"failover", luxi.TagNode, Nothing, "type", ""},
		{"frob", luxi.TagNode, Nothing, "type", ""},
		{"pending:failover:x:5:", luxi.TagNode, Nothing, "pending", ""},
		{"node-offline", luxi.TagNode, Nothing, "node-offline", ""},
		{"Fenced:5", luxi.TagNode, Nothing, "type", "fenced:5"},
		{"fence:5", luxi.TagNode, Nothing, "type", "fenced:5"},
		{"SILENT:5", luxi.TagNode, Nothing, "type", "silent:5"},
		{"Fenced", luxi.TagNode, Nothing, "type", ""},
		{"fenced:now", luxi.TagNode, Nothing, "fenced", ""},
	} {
		tags := Parse(row.kind, []string{Prefix + row.body})
		if len(tags.Malformed) != 1 {
			t.Errorf("%s %q can be read", row.kind, row.body)
			continue
		}
		m := tags.Malformed[0]
		if m.Effect != row.effect || m.Kind != row.meant || strings.TrimPrefix(m.Suggest, Prefix) != row.suggested {
			t.Errorf("%s %q: %+v, want effect %d, kind %s, suggestion %q", row.kind, row.body, m, row.effect, row.meant, row.suggested)
		}
	}
}

// T10: no keyword is near another one, so that a misspelt word has one meaning.
func TestKeywordsAreApart(t *testing.T) {
	all := append(append([]string(nil), keywords(luxi.TagInstance)...), wordNodeOffline, wordFenced, wordSilent)
	for k, a := range all {
		for _, b := range all[k+1:] {
			if d := distance(letters(a), letters(b)); d <= maxDistance {
				t.Errorf("%s and %s are %d apart", a, b, d)
			}
		}
		if a != wordSuspend && looksLikeSuspend(a) {
			t.Errorf("%s looks like a suspension", a)
		}
	}
}

// T10: the distance counts exchanged neighbours as one, and is right up to its
// bound: it is compared with the plain recursive definition.
func TestDistance(t *testing.T) {
	var words []string
	for n := 0; n < 1<<10; n++ {
		word := ""
		for k := n; k > 0; k /= 4 {
			word += string(rune('a' + k%4))
		}
		words = append(words, word)
	}
	for i := 0; i < len(words); i += 3 {
		for j := 0; j < len(words); j += 7 {
			want := plainDistance(words[i], words[j])
			if want > maxDistance {
				want = maxDistance + 1
			}
			got := distance(words[i], words[j])
			if got > maxDistance {
				got = maxDistance + 1
			}
			if got != want {
				t.Fatalf("%q and %q: %d, want %d", words[i], words[j], got, want)
			}
		}
	}
}

func plainDistance(a, b string) int {
	switch {
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	case a[0] == b[0]:
		return plainDistance(a[1:], b[1:])
	}
	d := 1 + least(plainDistance(a[1:], b[1:]), least(plainDistance(a[1:], b), plainDistance(a, b[1:])))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = least(d, 1+plainDistance(a[2:], b[2:]))
	}
	return d
}
