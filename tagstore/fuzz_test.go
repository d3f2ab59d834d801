package tagstore_test

import (
	"reflect"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// FuzzParse: reading never panics; a tag with the prefix ends in exactly one
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
	f.Add(uint8(3), tagstore.Prefix+"fenced:5")
	f.Add(uint8(3), tagstore.Prefix+"Silent:5")
	f.Add(uint8(1), tagstore.Prefix+"node-offline")
	f.Add(uint8(2), tagstore.Prefix+"SUSPEND:123")
	kinds := []luxi.TagKind{luxi.TagInstance, luxi.TagGroup, luxi.TagCluster, luxi.TagNode}
	f.Fuzz(func(t *testing.T, k uint8, tag string) {
		kind := kinds[int(k)%len(kinds)]
		tags := tagstore.Parse(kind, []string{tag})
		kept := tags.List()
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
		t.Fatalf("%q: records %+v", tags.List(), r)
	}
	p := tagstore.EffectivePolicy(now, tagstore.Object{Kind: kind, Name: "x", Tags: tags})
	if p.Suspended && p.Type != tagstore.None {
		t.Fatalf("%q: suspended, yet %s is permitted", tags.List(), p.Type)
	}
	if p.Type != tagstore.None && len(tags.Enables) == 0 {
		t.Fatalf("%q permits %s", tags.List(), p.Type)
	}
	if kind == luxi.TagNode && p.Origin != "" {
		t.Fatalf("%q on a node is an opinion about repairs: %+v", tags.List(), p)
	}
	for _, m := range tags.Malformed {
		checkMalformed(t, kind, m, p)
	}
}

// checkMalformed: a tag that cannot be read has the cautious effect, and the tag
// that is suggested in its place can be read and has no weaker one (T10).
func checkMalformed(t *testing.T, kind luxi.TagKind, m tagstore.Malformed, p tagstore.Policy) {
	t.Helper()
	blocks := len(tagstore.Parse(kind, []string{m.Tag}).Records().Unclear) == 1
	var want tagstore.Effect
	switch {
	case p.Suspended:
		want = tagstore.Suspends
	case p.Unreadable:
		want = tagstore.Forbids
	case blocks:
		want = tagstore.Blocks
	}
	if m.Why == "" || m.Effect != want {
		t.Fatalf("%q: %+v, policy %+v", m.Tag, m, p)
	}
	word := strings.TrimPrefix(m.Tag, tagstore.Prefix)
	if nothing := kind == luxi.TagNode || strings.HasPrefix(word+":", "pending:") || strings.HasPrefix(word+":", "result:"); m.Effect == tagstore.Nothing && !nothing {
		t.Fatalf("%q means nothing on a %s", m.Tag, kind)
	}
	if m.Suggest == "" {
		return
	}
	meant := tagstore.Parse(kind, []string{m.Suggest})
	if m.Suggest == m.Tag || len(m.Suggest) > tagstore.MaxLength || len(meant.Malformed) > 0 || len(meant.List()) != 1 {
		t.Fatalf("%q: suggested %q, which reads as %+v", m.Tag, m.Suggest, meant)
	}
	if m.Effect == tagstore.Suspends && len(meant.Suspends) == 0 {
		t.Fatalf("%q suspends, suggested is %q", m.Tag, m.Suggest)
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
	m.NodeOffline = tags.NodeOffline
	for _, x := range tags.Fenced {
		m.Fenced = append(m.Fenced, tagstore.Mark{Time: x.Time})
	}
	for _, x := range tags.Silent {
		m.Silent = append(m.Silent, tagstore.Mark{Time: x.Time})
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

// FuzzRecords: whatever tags an object has, each pending tag stands for exactly one
// thing, the repairs come in order, failures are never outdated, and what is outdated
// was there (T5, T6, T9, T10). The tags come separated by spaces.
func FuzzRecords(f *testing.F) {
	p := tagstore.Prefix
	f.Add("", int8(1), int8(0))
	f.Add(p+"pending:failover:a:5:1 "+p+"pending:migrate:a:4:2+1 "+p+"pending:reinstall:b:3:", int8(1), int8(1))
	f.Add(p+"result:failover:a:5:success: "+p+"result:failover:b:6:failure:1 "+p+"pending:failover:b:1:", int8(0), int8(1))
	f.Add(p+"result:failover:a:5:enoperm: "+p+"result:failover:a:5:success: "+p+"suspend:x "+p+"pending:x", int8(2), int8(3))
	f.Fuzz(func(t *testing.T, text string, keep, added int8) {
		list := strings.Split(text, " ")
		if keep < 0 || added < 0 {
			return
		}
		r := tagstore.Parse(luxi.TagInstance, list).Records()
		pendings, results := 0, 0
		for _, tag := range list {
			switch one := tagstore.Parse(luxi.TagInstance, []string{tag}); {
			case len(one.Pendings) == 1:
				pendings++
			case len(one.Results) == 1:
				results++
			}
		}
		counted := len(r.Finished)
		for k, repair := range r.Repairs {
			counted += len(repair.Tags)
			if k > 0 && (repair.Time < r.Repairs[k-1].Time || repair.ID == r.Repairs[k-1].ID) {
				t.Fatalf("%q: repairs in this order: %+v", list, r.Repairs)
			}
			for n := 1; n < len(repair.Jobs); n++ {
				if len(repair.Tags) > 1 && repair.Jobs[n] <= repair.Jobs[n-1] {
					t.Fatalf("%q: merged jobs %v", list, repair.Jobs)
				}
			}
		}
		if counted != pendings || len(r.Results) != results {
			t.Fatalf("%q: %d of %d pending tags, %d of %d results", list, counted, pendings, len(r.Results), results)
		}
		for _, tags := range [][]string{r.Outdated(int(keep), int(added)), r.Superseded(int(keep))} {
			for _, tag := range tags {
				if one := tagstore.Parse(luxi.TagInstance, []string{tag}); len(one.Results) != 1 || one.Results[0].Outcome == tagstore.Failure || !strings.Contains(" "+text+" ", " "+tag+" ") {
					t.Fatalf("%q: %q is outdated", list, tag)
				}
			}
		}
		if n := len(r.Results) - len(r.Failures) - len(r.Outdated(int(keep), int(added))) + int(added); n > int(keep)+int(added) && n > int(keep) {
			if int(added) <= int(keep) {
				t.Fatalf("%q: %d results stay, %d are kept", list, n, keep)
			}
		}
	})
}

// FuzzFormat: what is written is at most as long as Ganeti allows, and reads back as
// what was meant, save the oldest jobs (T8).
func FuzzFormat(f *testing.F) {
	f.Add(uint8(1), "r1", int64(1700000000), int64(1), uint8(3), uint8(0))
	f.Add(uint8(4), uuid, int64(1700000000), int64(1234567), uint8(9), uint8(1))
	f.Add(uint8(2), strings.Repeat("i", 60), int64(1700000000), int64(9999999999), uint8(2), uint8(2))
	f.Fuzz(func(t *testing.T, kind uint8, id string, when, job int64, count, outcome uint8) {
		if id == "" || len(id) > 60 || strings.Contains(id, ":") || when < 0 || when > 9999999999 || job <= 0 || job > 1e12 {
			return
		}
		for _, r := range id {
			if r <= ' ' || r > '~' {
				return
			}
		}
		typ := tagstore.Type(1 + kind%4)
		var jobs []luxi.JobID
		for n := uint8(0); n < count%20; n++ {
			jobs = append(jobs, luxi.JobID(job+int64(n)))
		}
		p := tagstore.Pending{Type: typ, ID: id, Time: when, Jobs: jobs}
		tag, dropped := p.Format()
		back := tagstore.Parse(luxi.TagInstance, []string{tag})
		if len(tag) > tagstore.MaxLength || len(back.Pendings) != 1 {
			t.Fatalf("%+v is written as %q, which reads as %+v", p, tag, back)
		}
		got := back.Pendings[0]
		if got.Type != typ || got.ID != id || got.Time != when || len(got.Jobs) != len(jobs)-dropped || len(got.Jobs) > 0 && got.Jobs[len(got.Jobs)-1] != jobs[len(jobs)-1] {
			t.Fatalf("%+v is written as %q", p, tag)
		}
		if len(jobs) > 0 && job < 1e10-20 && len(got.Jobs) == 0 {
			t.Fatalf("%q has no room for any job", tag)
		}
		r := tagstore.Result{Type: typ, ID: id, Time: when, Outcome: []tagstore.Outcome{tagstore.Success, tagstore.Failure, tagstore.Enoperm}[outcome%3], Jobs: jobs}
		tag, dropped = r.Format()
		back = tagstore.Parse(luxi.TagInstance, []string{tag})
		if len(tag) > tagstore.MaxLength || len(back.Results) != 1 || back.Results[0].ID != id || back.Results[0].Outcome != r.Outcome || len(back.Results[0].Jobs) != len(jobs)-dropped {
			t.Fatalf("%+v is written as %q", r, tag)
		}
	})
}
