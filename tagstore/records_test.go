package tagstore_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

func records(bodies ...string) tagstore.Records { return parsed(luxi.TagInstance, bodies).Records() }

// open renders the open repairs in order: type:id:time:jobs and, for repairs of
// several tags, how many.
func open(r tagstore.Records) string {
	var list []string
	for _, p := range r.Repairs {
		word := fmt.Sprintf("%s:%s:%d:%v", p.Type, p.ID, p.Time, p.Jobs)
		if len(p.Tags) != 1 || p.Tag == "" {
			word += fmt.Sprintf(" of %d", len(p.Tags))
		}
		list = append(list, word)
	}
	return strings.Join(list, ", ")
}

// T5: open repairs are handled in order of time, and where that is the same in
// an order that does not depend on the configuration's.
func TestRecordsOrder(t *testing.T) {
	bodies := []string{
		"pending:failover:late:300:9", "pending:migrate:b:100:", "pending:reinstall:a:100:", "pending:fix-storage:early:5:", "pending:failover:B:100:",
	}
	want := "fix-storage:early:5:[], failover:B:100:[], reinstall:a:100:[], migrate:b:100:[], failover:late:300:[9]"
	for turn := range bodies {
		if got := open(records(append(append([]string(nil), bodies[turn:]...), bodies[:turn]...)...)); got != want {
			t.Errorf("turned by %d: %s, want %s", turn, got, want)
		}
	}
}

// T6: whatever a crash between adding a copy and removing the old one leaves
// behind is one repair.
func TestRecordsCopies(t *testing.T) {
	for _, row := range []struct {
		name   string
		bodies []string
		want   string
	}{
		{"first job", []string{"pending:failover:x:100:", "pending:failover:x:100:7"}, "failover:x:100:[7] of 2"},
		{"the other way round", []string{"pending:failover:x:100:7", "pending:failover:x:100:"}, "failover:x:100:[7] of 2"},
		{"next job", []string{"pending:failover:x:100:7", "pending:failover:x:100:7+8"}, "failover:x:100:[7 8] of 2"},
		{"a job that expired left out", []string{"pending:failover:x:100:7", "pending:failover:x:100:8"}, "failover:x:100:[7 8] of 2"},
		{"submission order", []string{"pending:failover:x:100:9+12", "pending:failover:x:100:9+10"}, "failover:x:100:[9 10 12] of 2"},
		{"three copies", []string{"pending:failover:x:100:7", "pending:failover:x:100:", "pending:failover:x:100:7+8"}, "failover:x:100:[7 8] of 3"},
		{"the earlier time", []string{"pending:failover:x:200:7", "pending:failover:x:100:7"}, "failover:x:100:[7] of 2"},
		{"the lesser permission", []string{"pending:reinstall:x:100:7", "pending:migrate:x:100:7"}, "migrate:x:100:[7] of 2"},
		{"the same tag twice", []string{"pending:failover:x:100:7", "pending:failover:x:100:7"}, "failover:x:100:[7] of 2"},
		{"a job named twice, and copies", []string{"pending:failover:x:100:8+7+8", "pending:failover:x:100:"}, "failover:x:100:[7 8] of 2"},
		{"two repairs", []string{"pending:failover:y:100:7", "pending:failover:x:100:7"}, "failover:x:100:[7], failover:y:100:[7]"},
	} {
		r := records(row.bodies...)
		if got := open(r); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		var tags []string
		for _, p := range r.Repairs {
			tags = append(tags, p.Tags...)
		}
		if len(r.Repairs) == 1 && r.Repairs[0].Tag != "" {
			t.Errorf("%s: no one tag says it all, least of all %s", row.name, r.Repairs[0].Tag)
		}
		if len(tags) != len(row.bodies) {
			t.Errorf("%s: %q stand for the repairs, want all of %q", row.name, tags, row.bodies)
		}
	}
}

// The tag of a repair with one tag is that tag: nothing has to be rewritten.
func TestRecordsSingleTag(t *testing.T) {
	r := records("pending:failover:x:0100:7")
	tag := tagstore.Prefix + "pending:failover:x:0100:7"
	if r.Repairs[0].Tag != tag || len(r.Repairs[0].Tags) != 1 || r.Repairs[0].Tags[0] != tag {
		t.Errorf("%+v", r.Repairs[0])
	}
}

// Merging copies does not change the tags they were read from.
func TestRecordsLeaveTagsAlone(t *testing.T) {
	tags := parsed(luxi.TagInstance, []string{"pending:failover:x:100:9+7", "pending:failover:x:100:7"})
	if got := open(tags.Records()); got != "failover:x:100:[7 9] of 2" {
		t.Error(got)
	}
	if jobs := tags.Pendings[0].Jobs; jobs[0] != 9 || jobs[1] != 7 {
		t.Errorf("the tags were changed: %v", jobs)
	}
}

// T6: a pending tag beside its own result is a leftover, all its copies are.
func TestRecordsFinished(t *testing.T) {
	r := records("pending:failover:x:100:7", "pending:failover:y:100:", "result:failover:x:200:success:7", "pending:failover:x:100:")
	if got := open(r); got != "failover:y:100:[]" {
		t.Errorf("open: %s", got)
	}
	want := tagstore.Prefix + "pending:failover:x:100:7 " + tagstore.Prefix + "pending:failover:x:100:"
	if got := strings.Join(r.Finished, " "); got != want {
		t.Errorf("finished: %s, want %s", got, want)
	}
	for _, outcome := range []string{"failure", "enoperm"} {
		r := records("result:failover:x:200:"+outcome+":7", "pending:failover:x:100:7")
		if len(r.Repairs) != 0 || len(r.Finished) != 1 {
			t.Errorf("%s: open %s, finished %q", outcome, open(r), r.Finished)
		}
	}
}

// S11 rests on the failures; results come oldest first, the present ones of one
// second in the order of the configuration.
func TestRecordsResults(t *testing.T) {
	r := records(
		"result:failover:c:300:success:", "result:failover:a:100:failure:1", "result:failover:b:200:enoperm:",
		"result:migrate:d:200:failure:2", "fix-storage",
	)
	var all, failures []string
	for _, res := range r.Results {
		all = append(all, res.ID)
	}
	for _, res := range r.Failures {
		failures = append(failures, res.ID)
	}
	if got := strings.Join(all, " "); got != "a b d c" {
		t.Errorf("results in the order %s", got)
	}
	if got := strings.Join(failures, " "); got != "a d" {
		t.Errorf("failures %s", got)
	}
}

// T10: of the unreadable tags only those that seem meant as records hold the
// instance.
func TestRecordsUnclear(t *testing.T) {
	r := records("pending:failover:x", "result:failover:x:1:maybe:", "suspend:x", "reinstal", "pending")
	var kinds []string
	for _, m := range r.Unclear {
		kinds = append(kinds, m.Kind+" "+strings.TrimPrefix(m.Tag, tagstore.Prefix))
	}
	want := "pending pending:failover:x, result result:failover:x:1:maybe:, pending pending"
	if got := strings.Join(kinds, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(r.Repairs)+len(r.Results)+len(r.Finished) != 0 {
		t.Errorf("records out of nothing: %+v", r)
	}
}

// T9: which results go when something newer is written.
func TestOutdated(t *testing.T) {
	r := records(
		"result:failover:s3:300:success:", "result:failover:f1:100:failure:", "result:failover:e2:200:enoperm:",
		"result:failover:s1:50:success:9", "result:failover:f9:900:failure:",
	)
	for _, row := range []struct {
		keep, added int
		want        string
	}{
		{1, 1, "s1 e2 s3"}, // a newer success or enoperm: it alone remains
		{1, 0, "s1 e2"},    // a new repair, or a failure: the newest old one remains
		{2, 1, "s1 e2"},
		{2, 0, "s1"},
		{3, 0, ""},
		{3, 1, "s1"},
		{4, 1, ""},
		{9, 1, ""},
		{0, 0, "s1 e2 s3"},
		{0, 1, "s1 e2 s3"},
		{1, 2, "s1 e2 s3"},
	} {
		var ids []string
		for _, tag := range r.Outdated(row.keep, row.added) {
			ids = append(ids, strings.Split(tag, ":")[5])
		}
		if got := strings.Join(ids, " "); got != row.want {
			t.Errorf("keep %d, %d added: %q go, want %q", row.keep, row.added, got, row.want)
		}
	}
	if got := records("pending:failover:x:5:").Outdated(0, 1); len(got) != 0 {
		t.Errorf("without results %q go", got)
	}
}

// S3: a permission that is too weak is written once for each type that is needed.
func TestEnopermFor(t *testing.T) {
	r := records(
		"result:failover:a:100:enoperm:", "result:failover:b:300:enoperm:", "result:failover:c:200:enoperm:",
		"result:reinstall:d:400:success:", "result:migrate:e:500:failure:",
	)
	if res, ok := r.EnopermFor(tagstore.Failover); !ok || res.ID != "b" {
		t.Errorf("failover: %v, %v, want the newest, b", res.ID, ok)
	}
	for _, typ := range []tagstore.Type{tagstore.FixStorage, tagstore.Migrate, tagstore.Reinstall} {
		if res, ok := r.EnopermFor(typ); ok {
			t.Errorf("%s: result %s", typ, res.ID)
		}
	}
}

// T13: enoperm results go when the instance is healthy, but not before the pending
// tags of their repair have gone: without the result these would ask for it again.
func TestEnoperms(t *testing.T) {
	for _, row := range []struct{ bodies, want string }{
		{"", ""},
		{"result:failover:a:100:success: result:failover:b:100:failure:", ""},
		{"result:failover:a:100:enoperm: result:failover:b:100:failure: result:migrate:c:50:enoperm:7", "c a"},
		{"result:failover:a:100:enoperm: pending:failover:a:50: result:migrate:c:50:enoperm:", "c"},
		{"result:failover:a:100:enoperm: pending:failover:b:50:", "a"},
		{"result:failover:a:100:enoperm: pending:failover:x", "a"},
	} {
		var ids []string
		for _, tag := range records(strings.Fields(row.bodies)...).Enoperms() {
			ids = append(ids, strings.Split(tag, ":")[5])
		}
		if got := strings.Join(ids, " "); got != row.want {
			t.Errorf("%q: %q go, want %q", row.bodies, got, row.want)
		}
	}
}

// T6: the result that a repair has, the newest of several.
func TestResultOf(t *testing.T) {
	r := records("result:failover:a:300:success:7", "result:failover:a:100:failure:6", "result:failover:b:100:enoperm:", "pending:failover:c:1:")
	if res, ok := r.ResultOf("a"); !ok || res.Time != 300 {
		t.Errorf("a: %+v, %v", res, ok)
	}
	if res, ok := r.ResultOf("b"); !ok || res.Outcome != tagstore.Enoperm {
		t.Errorf("b: %+v, %v", res, ok)
	}
	if res, ok := r.ResultOf("c"); ok {
		t.Errorf("c: %+v", res)
	}
	if _, ok := (tagstore.Records{}).ResultOf("a"); ok {
		t.Error("a result out of nothing")
	}
}

// The records are made once, when the tags are read, and made anew where somebody
// has replaced a list of them. A Tags that nobody has parsed works as well.
func TestRecordsAreMadeOnce(t *testing.T) {
	bodies := []string{"pending:failover:a:100:7", "result:failover:b:100:failure:", "pending:x", "failover"}
	tags := parsed(luxi.TagInstance, bodies)
	if n := testing.AllocsPerRun(10, func() { tags.Records() }); n != 0 {
		t.Errorf("%v allocations for records that are there", n)
	}
	byHand := tagstore.Tags{Enables: tags.Enables, Pendings: tags.Pendings, Results: tags.Results, Malformed: tags.Malformed}
	if got := byHand.Records(); len(got.Repairs) != 1 || len(got.Failures) != 1 || len(got.Unclear) != 1 {
		t.Errorf("by hand: %+v", got)
	}
	var none tagstore.Tags
	if got := none.Records(); len(got.Repairs)+len(got.Results) != 0 {
		t.Errorf("none: %+v", got)
	}
	for name, change := range map[string]func(*tagstore.Tags){
		"pending gone":     func(t *tagstore.Tags) { t.Pendings = nil },
		"pending replaced": func(t *tagstore.Tags) { t.Pendings = []tagstore.Pending{{ID: "z"}} },
		"pending added":    func(t *tagstore.Tags) { t.Pendings = append(t.Pendings, tagstore.Pending{ID: "z", Time: 1}) },
		"result gone":      func(t *tagstore.Tags) { t.Results = nil },
		"result replaced":  func(t *tagstore.Tags) { t.Results = []tagstore.Result{{ID: "z"}} },
		"malformed gone":   func(t *tagstore.Tags) { t.Malformed = nil },
		"all gone":         func(t *tagstore.Tags) { t.Pendings, t.Results, t.Malformed = nil, nil, nil },
	} {
		changed := tags
		change(&changed)
		byHand := tagstore.Tags{Pendings: changed.Pendings, Results: changed.Results, Malformed: changed.Malformed}
		if got, want := fmt.Sprint(changed.Records()), fmt.Sprint(byHand.Records()); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := tags.Records(); len(got.Repairs) != 1 || got.Repairs[0].ID != "a" {
		t.Errorf("the tags themselves changed: %+v", got)
	}
}
