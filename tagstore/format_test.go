package tagstore_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

func ids(first, count int) []luxi.JobID {
	var list []luxi.JobID
	for n := 0; n < count; n++ {
		list = append(list, luxi.JobID(first+n))
	}
	return list
}

func TestFormat(t *testing.T) {
	pending := func(p tagstore.Pending) string { tag, _ := p.Format(); return tag }
	result := func(r tagstore.Result) string { tag, _ := r.Format(); return tag }
	for _, row := range []struct{ got, want string }{
		{tagstore.EnableTag(tagstore.FixStorage), "fix-storage"},
		{tagstore.EnableTag(tagstore.Reinstall), "reinstall"},
		{tagstore.SuspendTag(0), "suspend"},
		{tagstore.SuspendTag(1700000000), "suspend:1700000000"},
		{tagstore.StopTag(0), "suspend:"},
		{tagstore.StopTag(1700000000), "suspend:01700000000"},
		{pending(tagstore.Pending{Type: tagstore.Failover, ID: "x", Time: 5}), "pending:failover:x:5:"},
		{pending(tagstore.Pending{Type: tagstore.Migrate, ID: uuid, Time: 5, Jobs: ids(7, 1)}), "pending:migrate:" + uuid + ":5:7"},
		{pending(tagstore.Pending{Type: tagstore.Migrate, ID: "x", Time: 5, Jobs: ids(7, 3)}), "pending:migrate:x:5:7+8+9"},
		{result(tagstore.Result{Type: tagstore.Reinstall, ID: "x", Time: 5, Outcome: tagstore.Failure, Jobs: ids(7, 2)}), "result:reinstall:x:5:failure:7+8"},
		{result(tagstore.Result{Type: tagstore.Failover, ID: "x", Time: 5, Outcome: tagstore.Enoperm}), "result:failover:x:5:enoperm:"},
	} {
		if row.got != "ganeti:watcher:autorepair:"+row.want {
			t.Errorf("%q, want %q behind the prefix", row.got, row.want)
		}
	}
}

// What the grammar has is formatted back to itself (T11).
func TestRoundTrip(t *testing.T) {
	n := 0
	for _, row := range parseTable {
		tag := tagstore.Prefix + row.body
		if again := reformat(tagstore.Parse(luxi.TagInstance, []string{tag})); again != nil {
			n++
			if canonical(tag) != again[0] {
				t.Errorf("%q is formatted as %q", tag, again[0])
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d tags were formatted", n)
	}
}

// canonical is the one form of a tag that has several.
func canonical(tag string) string {
	for other, form := range map[string]string{"suspend:": "suspend", "suspend:0": "suspend:1", "suspend:00": "suspend:1", "suspend:007": "suspend:7"} {
		if tag == tagstore.Prefix+other {
			return tagstore.Prefix + form
		}
	}
	return tag
}

// reformat formats what was parsed, list after list; nil if nothing was.
func reformat(tags tagstore.Tags) []string {
	var list []string
	for _, e := range tags.Enables {
		list = append(list, tagstore.EnableTag(e.Type))
	}
	for _, s := range tags.Suspends {
		list = append(list, tagstore.SuspendTag(s.Until))
	}
	for range tags.NodeOffline {
		list = append(list, tagstore.NodeOfflineTag)
	}
	for _, m := range tags.Fenced {
		list = append(list, tagstore.FencedTag(m.Time))
	}
	for _, m := range tags.Silent {
		list = append(list, tagstore.SilentTag(m.Time))
	}
	for _, p := range tags.Pendings {
		tag, _ := p.Format()
		list = append(list, tag)
	}
	for _, r := range tags.Results {
		tag, _ := r.Format()
		list = append(list, tag)
	}
	return list
}

// T8: a list that no longer fits loses its oldest jobs, and no more of them
// than it must.
func TestFormatTruncates(t *testing.T) {
	for _, id := range []string{"x", "k3v9x2ab", "twelve-chars", uuid} {
		for typ := tagstore.FixStorage; typ <= tagstore.Reinstall; typ++ {
			for _, first := range []int{1, 95, 9995, 1234567} {
				for count := 0; count < 40; count++ {
					jobs := ids(first, count)
					tag, dropped := tagstore.Pending{Type: typ, ID: id, Time: 1700000000, Jobs: jobs}.Format()
					checkTruncated(t, tag, dropped, jobs)
					tag, dropped = tagstore.Result{Type: typ, ID: id, Time: 1700000000, Outcome: tagstore.Success, Jobs: jobs}.Format()
					checkTruncated(t, tag, dropped, jobs)
				}
			}
		}
	}
}

func checkTruncated(t *testing.T, tag string, dropped int, jobs []luxi.JobID) {
	t.Helper()
	if len(tag) > 128 {
		t.Fatalf("%q has %d characters", tag, len(tag))
	}
	parsed := tagstore.Parse(luxi.TagInstance, []string{tag})
	var kept []luxi.JobID
	for _, p := range parsed.Pendings {
		kept = p.Jobs
	}
	for _, r := range parsed.Results {
		kept = r.Jobs
	}
	if len(parsed.Malformed) > 0 || len(kept)+dropped != len(jobs) {
		t.Fatalf("%q: kept %v, dropped %d of %v", tag, kept, dropped, jobs)
	}
	for k, id := range kept {
		if id != jobs[dropped+k] {
			t.Fatalf("%q: kept %v, which are not the newest of %v", tag, kept, jobs)
		}
	}
	if dropped == 0 {
		return
	}
	longer, _ := tagstore.Pending{Type: tagstore.FixStorage, ID: "x", Jobs: jobs[dropped-1 : dropped]}.Format()
	digits := longer[strings.LastIndex(longer, ":")+1:]
	room := 128 - len(tag)
	if len(kept) > 0 {
		room-- // for the plus sign
	}
	if len(digits) <= room {
		t.Fatalf("%q has room for job %s, which was dropped", tag, digits)
	}
}

// T8: how many seven-digit jobs a result of the longest type has room for, beside our
// own ids and beside a UUID.
func TestFormatRoom(t *testing.T) {
	for id, want := range map[string]int{"k3v9x2ab": 7, "p-k3v9x2ab": 6, "twelve-chars": 6, uuid: 3} {
		jobs := ids(1234567, 20)
		_, dropped := tagstore.Result{Type: tagstore.FixStorage, ID: id, Time: 1700000000, Outcome: tagstore.Failure, Jobs: jobs}.Format()
		if kept := len(jobs) - dropped; kept != want {
			t.Errorf("a result of repair %s names %d jobs, want %d", id, kept, want)
		}
	}
}

// A foreign id may leave no room at all; then the tag is as long as it must be,
// for Ganeti to refuse, and no job is named.
func TestFormatWithoutRoom(t *testing.T) {
	long := strings.Repeat("i", 100)
	tag, dropped := tagstore.Pending{Type: tagstore.Failover, ID: long, Time: 5, Jobs: ids(1, 3)}.Format()
	if want := tagstore.Prefix + "pending:failover:" + long + ":5:"; tag != want || dropped != 3 {
		t.Errorf("%q, dropped %d; want %q, 3", tag, dropped, want)
	}
}
