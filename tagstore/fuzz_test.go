package tagstore_test

import (
	"reflect"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// FuzzParse: reading never panics; what is below the prefix ends in exactly one
// list, as it stands (T10); and what was understood is formatted to a tag that
// says the same (T11).
func FuzzParse(f *testing.F) {
	for _, row := range parseTable {
		f.Add(uint8(0), tagstore.Prefix+row.body)
	}
	f.Add(uint8(1), tagstore.Prefix+"pending:failover:x:5:")
	f.Add(uint8(2), tagstore.Prefix+"suspend:5")
	f.Add(uint8(0), "something else")
	f.Add(uint8(0), tagstore.Prefix+"pending:reinstall:"+strings.Repeat("i", 90)+":5:1+2+3")
	f.Add(uint8(0), tagstore.Prefix+"result:failover:"+uuid+":1700000000:failure:1234567+1234568+1234569+1234570")
	kinds := []luxi.TagKind{luxi.TagInstance, luxi.TagGroup, luxi.TagCluster}
	f.Fuzz(func(t *testing.T, k uint8, tag string) {
		kind := kinds[int(k)%len(kinds)]
		tags := tagstore.Parse(kind, []string{tag})
		kept := texts(tags)
		if !strings.HasPrefix(tag, tagstore.Prefix) {
			if len(kept) != 0 {
				t.Fatalf("%q, which is not ours, is kept as %q", tag, kept)
			}
			return
		}
		if len(kept) != 1 || kept[0] != tag {
			t.Fatalf("%q is kept as %q", tag, kept)
		}
		if kind != luxi.TagInstance && len(tags.Pendings)+len(tags.Results) > 0 {
			t.Fatalf("%q counts as a record on a %s", tag, kind)
		}
		checkDerived(t, kind, tags)
		again := reformat(tags)
		if len(again) == 0 {
			return
		}
		back := tagstore.Parse(kind, again)
		if len(back.Malformed) > 0 {
			t.Fatalf("%q was understood, %q is not: %s", tag, again, back.Malformed[0].Why)
		}
		if want, got := meaning(tags), meaning(back); !reflect.DeepEqual(want, got) {
			t.Fatalf("%q means %v, formatted as %q it means %v", tag, want, again, got)
		}
	})
}

// checkDerived looks at what follows from one tag alone.
func checkDerived(t *testing.T, kind luxi.TagKind, tags tagstore.Tags) {
	const now = 1700000000
	r := tags.Records()
	if len(r.Repairs) != len(tags.Pendings) || len(r.Results) != len(tags.Results) || len(r.Finished) != 0 {
		t.Fatalf("%q: records %+v", texts(tags), r)
	}
	p := tagstore.EffectivePolicy(now, tagstore.Object{Kind: kind, Name: "x", Tags: tags})
	if p.Suspended && p.Type != tagstore.None {
		t.Fatalf("%q: suspended, yet %s is permitted", texts(tags), p.Type)
	}
	if p.Type != tagstore.None && len(tags.Enables) == 0 {
		t.Fatalf("%q permits %s", texts(tags), p.Type)
	}
	for _, m := range tags.Malformed {
		if m.Why == "" || (m.Kind == "suspend") != p.Suspended {
			t.Fatalf("%q: %+v, suspended %v", m.Tag, m, p.Suspended)
		}
	}
}

// meaning is what tags say, without how; of a job list what a tag has room for.
func meaning(tags tagstore.Tags) tagstore.Tags {
	var m tagstore.Tags
	for _, e := range tags.Enables {
		m.Enables = append(m.Enables, tagstore.Enable{Type: e.Type})
	}
	for _, s := range tags.Suspends {
		m.Suspends = append(m.Suspends, tagstore.Suspend{Until: s.Until})
	}
	for _, p := range tags.Pendings {
		_, dropped := p.Format()
		p.Jobs, p.Tag = append([]luxi.JobID{}, p.Jobs[dropped:]...), ""
		m.Pendings = append(m.Pendings, p)
	}
	for _, r := range tags.Results {
		_, dropped := r.Format()
		r.Jobs, r.Tag = append([]luxi.JobID{}, r.Jobs[dropped:]...), ""
		m.Results = append(m.Results, r)
	}
	return m
}
