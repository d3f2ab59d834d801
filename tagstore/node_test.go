package tagstore

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

func node(bodies string) Tags { return object(luxi.TagNode, bodies).Tags }

// T12: fenced and silent are read on nodes; any other tag of ours means nothing
// there, and its reason says where it belongs.
func TestNodeTags(t *testing.T) {
	tags := node("fenced:100 silent:90 fenced:7")
	if len(tags.Malformed) != 0 || len(tags.Fenced) != 2 || tags.Fenced[1] != (Mark{7, Prefix + "fenced:7"}) || len(tags.Silent) != 1 || tags.Silent[0].Time != 90 {
		t.Errorf("%+v", tags)
	}
	if got := strings.Join(tags.NodeMarks(), " "); got != Prefix+"fenced:100 "+Prefix+"fenced:7 "+Prefix+"silent:90" {
		t.Errorf("to remove: %s", got)
	}
	if FencedTag(100) != tags.Fenced[0].Tag || SilentTag(90) != tags.Silent[0].Tag {
		t.Errorf("written as %s, %s", FencedTag(100), SilentTag(90))
	}
	for body, why := range map[string]string{
		"fenced":                   "fenced needs a time",
		"silent":                   "silent needs a time",
		"fenced:":                  "fenced time is not a Unix time in seconds",
		"fenced:-1":                "fenced time is not a Unix time in seconds",
		"silent:1:2":               "silent time is not a Unix time in seconds",
		"suspend":                  "belongs on the node's group, the cluster, or instances",
		"suspnd:5":                 "belongs on the node's group, the cluster, or instances",
		"failover":                 "belongs on the node's group, the cluster, or instances",
		"fix-storage":              "belongs on the node's group, the cluster, or instances",
		"pending:failover:x:5:":    "belongs on an instance",
		"result:failover:x:5:x:":   "belongs on an instance",
		"node-offline":             "belongs on the node's group or the cluster",
		"frob":                     "on a node there are fenced:SECONDS and silent:SECONDS",
		"Fenced:5":                 "on a node there are fenced:SECONDS and silent:SECONDS",
		strings.Repeat("long", 20): "on a node there are",
	} {
		tags := node(body)
		if len(tags.Malformed) != 1 || !strings.Contains(tags.Malformed[0].Why, why) || tags.Malformed[0].Effect != Nothing {
			t.Errorf("%q: %+v, want %q", body, tags.Malformed, why)
		}
		if _, ok := tags.policy(1); ok || len(tags.Records().Unclear) != 0 || len(tags.NodeMarks()) != 0 {
			t.Errorf("%q on a node has an effect: %+v", body, tags)
		}
	}
}

// V5: a fenced tag counts while the node was not modified after it, and never from
// the future.
func TestFencedAt(t *testing.T) {
	for _, row := range []struct {
		tags       string
		now, mtime int64
		want       int64 // 0 for none
	}{
		{"", 1000, 900, 0},
		{"fenced:900", 1000, 800, 900},
		{"fenced:900", 1000, 900, 900},
		{"fenced:900", 1000, 960, 900},
		{"fenced:900", 1000, 961, 0},
		{"fenced:900 fenced:950", 1000, 970, 950},
		{"fenced:950 fenced:900", 1000, 955, 950},
		{"fenced:1060", 1000, 900, 1060},
		{"fenced:1061", 1000, 900, 0},
		{"fenced:9223372036854775807", 1000, 900, 0},
		{"fenced:9223372036854775807 fenced:900", 1000, 900, 900},
		{"silent:900", 1000, 900, 0},
		{"fenced:0", 1000, 900, 0},
	} {
		m, ok := node(row.tags).FencedAt(row.now, row.mtime)
		if ok != (row.want != 0) || m.Time != row.want {
			t.Errorf("%q at %d, modified at %d: %+v, %v, want %d", row.tags, row.now, row.mtime, m, ok, row.want)
		}
	}
}

// K2: of several silent tags the newest counts: an older one is of an earlier
// silence, and would have the node marked too soon.
func TestSilentSince(t *testing.T) {
	if _, ok := node("fenced:5").SilentSince(); ok {
		t.Error("silent without a tag")
	}
	if m, ok := node("silent:100 silent:300 silent:200").SilentSince(); !ok || m.Time != 300 {
		t.Errorf("%+v, %v", m, ok)
	}
	if m, ok := node("silent:100 fenced:200").SilentSince(); ok {
		t.Errorf("silent before it was fenced: %+v", m)
	}
	if m, ok := node("silent:100 fenced:200 silent:201").SilentSince(); !ok || m.Time != 201 {
		t.Errorf("silent after it was fenced: %+v, %v", m, ok)
	}
}

// V5: a person vouches for a node; older tags that say so go.
func TestVouch(t *testing.T) {
	for _, row := range []struct{ tags, want string }{
		{"", "+fenced:7"},
		{"fenced:5 silent:3", "+fenced:7 -fenced:5"},
		{"fenced:7", ""},
		{"fenced:7 fenced:5", "-fenced:5"},
		{"fenced:soon", "+fenced:7"},
	} {
		if got := render(object(luxi.TagNode, row.tags).Vouch(7)); got != row.want {
			t.Errorf("%q: %q, want %q", row.tags, got, row.want)
		}
	}
	if c := object(luxi.TagNode, "").Vouch(7); c.Kind != luxi.TagNode || c.Name != "i" {
		t.Errorf("%+v", c)
	}
}
