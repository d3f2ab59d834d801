package tagstore_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// words renders parsed tags, one line each, list after list.
func words(tags tagstore.Tags) []string {
	var lines []string
	for _, e := range tags.Enables {
		lines = append(lines, "enable "+e.Type.String())
	}
	for _, s := range tags.Suspends {
		if s.Forever() {
			lines = append(lines, "suspend forever")
		} else {
			lines = append(lines, fmt.Sprintf("suspend until %d", s.Until))
		}
	}
	for _, p := range tags.Pendings {
		lines = append(lines, fmt.Sprintf("pending %s id=%s time=%d jobs=%v", p.Type, p.ID, p.Time, p.Jobs))
	}
	for _, r := range tags.Results {
		lines = append(lines, fmt.Sprintf("result %s id=%s time=%d %s jobs=%v", r.Type, r.ID, r.Time, r.Outcome, r.Jobs))
	}
	for range tags.NodeOffline {
		lines = append(lines, "node-offline")
	}
	for _, m := range tags.Fenced {
		lines = append(lines, fmt.Sprintf("fenced at %d", m.Time))
	}
	for _, m := range tags.Silent {
		lines = append(lines, fmt.Sprintf("silent since %d", m.Time))
	}
	for _, m := range tags.Malformed {
		lines = append(lines, "malformed "+m.Kind+": "+m.Why)
	}
	return lines
}

const (
	uuid    = "6b1f6b1c-3f0a-4a0e-9d6e-0d6b1c3f0a4a"
	maxTime = "9223372036854775807"
	notType = "malformed type: not a repair type; the types are fix-storage, migrate, failover, reinstall"
	hushed  = "malformed suspend: looks like a misspelt suspend"
	notTime = "time is not a Unix time in seconds"
	notJobs = "job list has something that is not a job id"
)

// What is behind the prefix, and what it reads as on an instance: the whole
// grammar (T1, T3, T5, T7, T11) and what does not belong to it (T10).
var parseTable = []struct{ body, want string }{
	// T1
	{"fix-storage", "enable fix-storage"},
	{"migrate", "enable migrate"},
	{"failover", "enable failover"},
	{"reinstall", "enable reinstall"},
	// T3
	{"suspend", "suspend forever"},
	{"suspend:", "suspend forever"},
	{"suspend:1700000000", "suspend until 1700000000"},
	{"suspend:" + maxTime, "suspend until " + maxTime},
	{"suspend:007", "suspend until 7"},
	{"suspend:1", "suspend until 1"},
	{"suspend:0", "suspend until 1"}, // has passed long ago, and is not "for ever"
	{"suspend:00", "suspend until 1"},
	// T5, harep's form included
	{"pending:failover:k3v9x2ab:1700000000:", "pending failover id=k3v9x2ab time=1700000000 jobs=[]"},
	{"pending:fix-storage:k3v9x2ab:1700000000:12", "pending fix-storage id=k3v9x2ab time=1700000000 jobs=[12]"},
	{"pending:reinstall:" + uuid + ":1700000000:1234567+1234568", "pending reinstall id=" + uuid + " time=1700000000 jobs=[1234567 1234568]"},
	{"pending:migrate:a.b+c*d/e@f-g_h:0:9+8+9", "pending migrate id=a.b+c*d/e@f-g_h time=0 jobs=[9 8 9]"},
	{"pending:migrate:x:" + maxTime + ":" + maxTime, "pending migrate id=x time=" + maxTime + " jobs=[" + maxTime + "]"},
	{"pending:migrate:pending:5:", "pending migrate id=pending time=5 jobs=[]"},
	// T7
	{"result:failover:k3v9x2ab:1700000000:success:", "result failover id=k3v9x2ab time=1700000000 success jobs=[]"},
	{"result:failover:" + uuid + ":1700000000:failure:5+6", "result failover id=" + uuid + " time=1700000000 failure jobs=[5 6]"},
	{"result:reinstall:x:1700000000:enoperm:", "result reinstall id=x time=1700000000 enoperm jobs=[]"},

	// T10: types
	{"", notType},
	{":", notType},
	{"::::", notType},
	{"none", notType},
	{"Failover", notType},
	{"failover:", notType},
	{"failover:1", notType},
	{"fix-storage ", notType},
	{" fix-storage", notType},
	{"fixstorage", notType},
	{"Suspend", hushed},
	{"suspended", hushed},
	{"suspend-", hushed},
	{"pendingx:failover:x:5:", "malformed pending: looks like a misspelt pending"},
	{"results:failover:x:5:success:", "malformed result: looks like a misspelt result"},
	// T10: suspensions
	{"suspend:abc", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:-5", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:+5", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend: 5", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:5 ", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:1.5", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:1_000", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:0x10", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:1e9", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:1700000000:", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:5:6", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend::", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:2024-05-01", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:9223372036854775808", "malformed suspend: suspend time is not a Unix time in seconds"},
	{"suspend:99999999999999999999999", "malformed suspend: suspend time is not a Unix time in seconds"},
	// T10: records
	{"pending", "malformed pending: pending needs 4 parts, has 1"},
	{"pending:", "malformed pending: pending needs 4 parts, has 1"},
	{"pending:failover", "malformed pending: pending needs 4 parts, has 1"},
	{"pending:failover:x:5", "malformed pending: pending needs 4 parts, has 3"},
	{"pending:failover:x:5:1:2", "malformed pending: pending needs 4 parts, has 5"},
	{"pending:failover:a:b:5:1", "malformed pending: pending needs 4 parts, has 5"},
	{"pending::::", "malformed pending: unknown repair type"},
	{"pending::x:5:", "malformed pending: unknown repair type"},
	{"pending:none:x:5:", "malformed pending: unknown repair type"},
	{"pending:reboot:x:5:", "malformed pending: unknown repair type"},
	{"pending:failover::5:", "malformed pending: empty repair id"},
	{"pending:failover:x::", "malformed pending: " + notTime},
	{"pending:failover:x:now:", "malformed pending: " + notTime},
	{"pending:failover:x:-1:", "malformed pending: " + notTime},
	{"pending:failover:x:9223372036854775808:", "malformed pending: " + notTime},
	{"pending:failover:x:5:+", "malformed pending: " + notJobs},
	{"pending:failover:x:5:0", "malformed pending: " + notJobs},
	{"pending:failover:x:5:1+", "malformed pending: " + notJobs},
	{"pending:failover:x:5:+1", "malformed pending: " + notJobs},
	{"pending:failover:x:5:1++2", "malformed pending: " + notJobs},
	{"pending:failover:x:5:1+0", "malformed pending: " + notJobs},
	{"pending:failover:x:5:1,2", "malformed pending: " + notJobs},
	{"pending:failover:x:5:-1", "malformed pending: " + notJobs},
	{"pending:failover:x:5:job", "malformed pending: " + notJobs},
	{"pending:failover:x:5:9223372036854775808", "malformed pending: " + notJobs},
	{"pending:failover:\u00e4:5:", "malformed pending: repair id has characters outside ASCII"},
	{"pending:failover:\xff:5:", "malformed pending: repair id has characters outside ASCII"},
	{"pending:failover:a b:5:", "malformed pending: repair id has characters outside ASCII"},
	{"pending:failover:a\x7fb:5:", "malformed pending: repair id has characters outside ASCII"},
	{"pending:failover:x:\u0665:", "malformed pending: " + notTime},
	{"result", "malformed result: result needs 5 parts, has 1"},
	{"result:failover:x:5:success", "malformed result: result needs 5 parts, has 4"},
	{"result:failover:x:5:success:1:2", "malformed result: result needs 5 parts, has 6"},
	{"result:reboot:x:5:success:", "malformed result: unknown repair type"},
	{"result:failover::5:success:", "malformed result: empty repair id"},
	{"result:failover:x:late:success:", "malformed result: " + notTime},
	{"result:failover:x:5::", "malformed result: unknown result; the results are success, failure, enoperm"},
	{"result:failover:x:5:canceled:", "malformed result: unknown result; the results are success, failure, enoperm"},
	{"result:failover:x:5:Success:", "malformed result: unknown result; the results are success, failure, enoperm"},
	{"result:failover:x:5:success:1+x", "malformed result: " + notJobs},
	{"result:failover:\u00e4:5:success:", "malformed result: repair id has characters outside ASCII"},
	{"pending\u00e4", "malformed pending: looks like a misspelt pending"},
	{"f\u00e4ilover", notType},
	// T12: what belongs on other objects
	{"fenced:1700000000", "malformed fenced: fenced means something on nodes only"},
	{"silent:1700000000", "malformed silent: silent means something on nodes only"},
	{"node-offline", "malformed node-offline: node-offline means something on node groups and the cluster only"},
}

func TestParse(t *testing.T) {
	for _, row := range parseTable {
		tag := tagstore.Prefix + row.body
		got := tagstore.Parse(luxi.TagInstance, []string{tag})
		if lines := strings.Join(words(got), "; "); lines != row.want {
			t.Errorf("%q reads as %q, want %q", row.body, lines, row.want)
		}
		if kept := got.List(); len(kept) != 1 || kept[0] != tag {
			t.Errorf("%q is kept as %q", tag, kept)
		}
	}
}

// T10, T12: pending and result mean nothing on groups and the cluster, well formed
// or not, and node-offline means something there; the other kinds mean there what
// they mean on an instance.
func TestParseElsewhere(t *testing.T) {
	for _, kind := range []luxi.TagKind{luxi.TagGroup, luxi.TagCluster} {
		for _, row := range parseTable {
			want := row.want
			switch {
			case strings.HasSuffix(want, "looks like a misspelt pending"), strings.HasSuffix(want, "looks like a misspelt result"):
				want = notType
			case strings.HasPrefix(want, "pending "), strings.HasPrefix(want, "malformed pending"):
				want = "malformed pending: pending means something on instances only"
			case strings.HasPrefix(want, "result "), strings.HasPrefix(want, "malformed result"):
				want = "malformed result: result means something on instances only"
			case row.body == "node-offline":
				want = "node-offline"
			}
			got := strings.Join(words(tagstore.Parse(kind, []string{tagstore.Prefix + row.body})), "; ")
			if got != want {
				t.Errorf("%s: %q reads as %q, want %q", kind, row.body, got, want)
			}
		}
	}
}

// Tags without the prefix are not ours, however much they look like it.
func TestParseOthersTags(t *testing.T) {
	others := []string{
		"", "x", "failover", "suspend", "ganeti:watcher:autorepair", "ganeti:watcher:autorepairs:failover",
		"ganeti:watcher:autorepair-failover", "Ganeti:watcher:autorepair:failover", " ganeti:watcher:autorepair:failover",
		"x:ganeti:watcher:autorepair:failover", "ganeti:watcher:", "htools:iextags:a",
	}
	if got := words(tagstore.Parse(luxi.TagInstance, others)); len(got) != 0 {
		t.Errorf("tags of others read as %q", got)
	}
	if got := words(tagstore.Parse(luxi.TagInstance, nil)); len(got) != 0 {
		t.Errorf("no tags read as %q", got)
	}
}

// Each list keeps the order of the configuration, duplicates included.
func TestParseOrder(t *testing.T) {
	var tags []string
	for _, body := range []string{"reinstall", "x", "suspend:9", "failover", "suspend", "pending:failover:b:2:", "y", "reinstall", "pending:failover:a:1:"} {
		tags = append(tags, "other", tagstore.Prefix+body)
	}
	want := []string{
		"enable reinstall", "enable failover", "enable reinstall", "suspend until 9", "suspend forever",
		"pending failover id=b time=2 jobs=[]", "pending failover id=a time=1 jobs=[]", notType, notType,
	}
	if got := words(tagstore.Parse(luxi.TagInstance, tags)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// T8: the longest pending tag Ganeti accepts is read in full, foreign id and
// all. An id that leaves no room for a job or for the result is malformed (T10).
func TestParseLongest(t *testing.T) {
	for _, row := range []struct {
		id   int
		ok   bool
		jobs string
	}{{63 - 3, true, ""}, {63 - 3, true, "1+2"}, {63 - 3, true, "1234567890"}, {63, false, ""}, {64, false, "1"}, {1, true, strings.Repeat("1", 18) + "+" + strings.Repeat("2", 18) + "+" + strings.Repeat("3", 18)}} {
		id := strings.Repeat("i", row.id)
		tag := tagstore.Prefix + "pending:fix-storage:" + id + ":1700000000:" + row.jobs
		got := tagstore.Parse(luxi.TagInstance, []string{tag})
		if len(tag) > tagstore.MaxLength || (len(got.Pendings) == 1) != row.ok || (len(got.Malformed) == 1) == row.ok {
			t.Errorf("an id of %d characters with jobs %q is read as %q", row.id, row.jobs, words(got))
		}
	}
}

// T3, T4: a suspension lasts up to the second it names, and no longer.
func TestSuspendExpired(t *testing.T) {
	for _, row := range []struct {
		body    string
		now     int64
		expired bool
	}{
		{"suspend:100", 99, false}, {"suspend:100", 100, true}, {"suspend:100", 101, true},
		{"suspend", 1 << 40, false}, {"suspend:", 1 << 40, false}, {"suspend:0", 1700000000, true},
		{"suspend:" + maxTime, 1 << 40, false},
	} {
		tags := tagstore.Parse(luxi.TagInstance, []string{tagstore.Prefix + row.body})
		if got := tags.Suspends[0].Expired(row.now); got != row.expired {
			t.Errorf("%s at %d: expired %v, want %v", row.body, row.now, got, row.expired)
		}
		if got := len(tags.ExpiredSuspends(row.now)) == 1; got != row.expired {
			t.Errorf("%s at %d: among the expired %v, want %v", row.body, row.now, got, row.expired)
		}
	}
}
