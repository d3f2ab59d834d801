package repair_test

import (
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

const (
	tagPrefix   = tagstore.Prefix
	nodeOffline = tagPrefix + "node-offline"
)

// deadNode is what a pass knows when it may mark the node d: a cluster of two node groups, in
// which d does not answer and all others do.
func deadNode() *repair.Watch {
	now := repairtest.Present
	s := &repair.Snapshot{
		Time:    now,
		Cluster: repair.Cluster{Name: "c", Master: "m", Tags: tagstore.Parse(luxi.TagCluster, []string{nodeOffline})},
		Groups:  map[string]*repair.Group{"g": {UUID: "g", Name: "g"}, "h": {UUID: "h", Name: "h"}},
		Nodes:   map[string]*repair.Node{},
	}
	w := &repair.Watch{Snapshot: s, Answers: map[string]repair.NodeAnswer{}, Settings: repair.DefaultSettings(), Silent: repair.SilentNodes{Nodes: map[string]repair.SilentNode{}}}
	w.Settings.Fence, w.Settings.Marking.On = "oob", true
	for _, name := range []string{"m", "a", "b", "d", "x", "y"} {
		group := "g"
		if name == "x" || name == "y" {
			group = "h"
		}
		s.Nodes[name] = &repair.Node{Name: name, UUID: name + "-uuid", Group: group, VMCapable: true}
		w.Answers[name] = repair.AnswerGiven
	}
	delete(w.Answers, "m")
	silence(w, "d")
	return w
}

// silence makes a node silent for ten minutes and three passes.
func silence(w *repair.Watch, name string) {
	since := w.Snapshot.Time.Add(-10 * time.Minute).Unix()
	w.Answers[name] = repair.AnswerMissing
	w.Silent.Nodes[name+"-uuid"] = repair.SilentNode{Name: name, Since: since, Looks: 3, LookedAt: w.Snapshot.Time.Unix()}
	w.Snapshot.Nodes[name].Tags = tagstore.Parse(luxi.TagNode, []string{tagstore.SilentTag(since)})
}

// K5: every condition is needed: where one alone is missing, the node is not marked, and the
// reason says which.
func TestMarkings(t *testing.T) {
	node := func(w *repair.Watch) *repair.Node { return w.Snapshot.Nodes["d"] }
	remember := func(w *repair.Watch, change func(*repair.SilentNode)) {
		n := w.Silent.Nodes["d-uuid"]
		change(&n)
		w.Silent.Nodes["d-uuid"] = n
	}
	group := func(w *repair.Watch, tags ...string) {
		w.Snapshot.Groups["g"].Tags = tagstore.Parse(luxi.TagGroup, tags)
	}
	cluster := func(w *repair.Watch, tags ...string) {
		w.Snapshot.Cluster.Tags = tagstore.Parse(luxi.TagCluster, tags)
	}
	since := func(w *repair.Watch, ago time.Duration) {
		node(w).Tags = tagstore.Parse(luxi.TagNode, []string{tagstore.SilentTag(w.Snapshot.Time.Add(-ago).Unix())})
	}
	offline := func(w *repair.Watch, names ...string) {
		for _, name := range names {
			w.Snapshot.Nodes[name].Offline = true
			delete(w.Answers, name)
		}
	}
	for _, row := range []struct {
		what   string
		change func(*repair.Watch)
		reason repair.MarkReason
		detail string
	}{
		{"all holds", func(*repair.Watch) {}, "", ""},
		{"the group permits it", func(w *repair.Watch) { cluster(w); group(w, nodeOffline) }, "", ""},
		{"switched off", func(w *repair.Watch) { w.Settings.Marking.On = false }, repair.MarkOff, "dead_nodes"},
		{"no permission", func(w *repair.Watch) { cluster(w, tagPrefix+"reinstall") }, repair.MarkNoPermission, "node-offline"},
		{"another group's permission", func(w *repair.Watch) {
			cluster(w)
			w.Snapshot.Groups["h"].Tags = tagstore.Parse(luxi.TagGroup, []string{nodeOffline})
		}, repair.MarkNoPermission, ""},
		{"cluster suspended", func(w *repair.Watch) { cluster(w, nodeOffline, tagPrefix+"suspend") }, repair.MarkSuspended, "cluster"},
		{"group suspended", func(w *repair.Watch) { group(w, tagPrefix+"suspend:9999999999") }, repair.MarkSuspended, "group g"},
		{"group unreadable", func(w *repair.Watch) { group(w, tagPrefix+"Failover") }, repair.MarkUnreadable, "group g"},
		{"cluster suspended, but not the group", func(w *repair.Watch) { cluster(w, tagPrefix+"suspend"); group(w, nodeOffline) }, "", ""},
		{"no fence", func(w *repair.Watch) { w.Settings.Fence = repair.NoFence }, repair.MarkNoFence, "none"},
		{"the master", func(w *repair.Watch) { w.Snapshot.Cluster.Master = "d" }, repair.MarkMaster, ""},
		{"silent not long enough", func(w *repair.Watch) { since(w, 10*time.Minute-time.Second) }, repair.MarkTooSoon, "not for 10m (dead_after)"},
		{"dead_after", func(w *repair.Watch) { w.Settings.Marking.After = 11 * time.Minute }, repair.MarkTooSoon, "dead_after"},
		{"no tag", func(w *repair.Watch) { node(w).Tags = tagstore.Tags{} }, repair.MarkTooSoon, "written to a tag of it only now"},
		{"a tag from the future", func(w *repair.Watch) { since(w, -time.Hour) }, repair.MarkTooSoon, "written to a tag of it only now"},
		{"two passes", func(w *repair.Watch) { remember(w, func(n *repair.SilentNode) { n.Looks = 2 }) }, repair.MarkTooSoon, "2 of 3 passes"},
		{"late in this look", func(w *repair.Watch) { w.Answers["d"] = repair.AnswerLate }, repair.MarkTooSoon, "not known"},
		{"unknown in this look", func(w *repair.Watch) { w.Answers["d"] = repair.AnswerUnknown }, repair.MarkTooSoon, "not known"},
		{"luxid said nothing", func(w *repair.Watch) { w.Answers = nil }, repair.MarkTooSoon, "luxid has not said"},
		{"half of the others", func(w *repair.Watch) { // 2 of 4
			w.Answers["x"], w.Answers["y"] = repair.AnswerUnknown, repair.AnswerUnknown
			w.Settings.Marking.MaxSilent = 9
		}, repair.MarkCutOff, "2 of 4"},
		{"one other", func(w *repair.Watch) { offline(w, "a", "x", "y"); w.Settings.MaxUnhealthy = repair.Share{Percent: 100} }, repair.MarkCutOff, "1 of 1"},
		{"two others", func(w *repair.Watch) { offline(w, "x", "y") }, "", ""},
		{"three of four", func(w *repair.Watch) { w.Answers["y"] = repair.AnswerMissing; w.Settings.Marking.MaxSilent = 2 }, "", ""},
		{"another in the group", func(w *repair.Watch) { silence(w, "b"); w.Settings.Marking.MaxSilent = 9 }, repair.MarkManySilent, "b"},
		{"perhaps another in the group", func(w *repair.Watch) { w.Answers["b"] = repair.AnswerUnknown; w.Settings.Marking.MaxSilent = 9 }, repair.MarkManySilent, "b"},
		{"another in the cluster", func(w *repair.Watch) { w.Answers["y"] = repair.AnswerLate }, repair.MarkManySilent, "max_silent"},
		{"V2", func(w *repair.Watch) { w.Settings.MaxUnhealthy = repair.Share{Percent: 24} }, repair.MarkMaxUnhealthy, "1 of 4"},
		{"V2 just holds", func(w *repair.Watch) { w.Settings.MaxUnhealthy = repair.Share{Percent: 25} }, "", ""},
	} {
		w := deadNode()
		row.change(w)
		m, found := repair.Marking{}, 0
		for _, is := range w.Markings() {
			if is.Node.Name == "d" {
				m = is
			}
			if is.May() {
				found++
			}
		}
		if m.Reason != row.reason || !strings.Contains(m.Detail, row.detail) || m.May() != (row.reason == "") || found > 1 {
			t.Errorf("%s: %q (%s), want %q (%s)", row.what, m.Reason, m.Detail, row.reason, row.detail)
		}
	}
}

// K7: of two nodes in two groups, each of which might be marked, a pass marks one.
func TestOneMarkingAtATime(t *testing.T) {
	w := deadNode()
	w.Settings.Marking.MaxSilent = 2
	silence(w, "y")
	list := w.Markings()
	if len(list) != 2 || !list[0].May() || list[0].Node.Name != "d" || list[1].Reason != repair.MarkNotNow {
		t.Errorf("%+v", list)
	}
	w.Snapshot.Nodes["d"].Offline = true // it was marked meanwhile
	if list := w.Markings(); len(list) != 1 || !list[0].May() {
		t.Errorf("then %+v", list)
	}
}

// K5: passes in a row: a look counts once a minute, only where the node was silent for
// certain, and not across a gap or a clock that goes back.
func TestLooksInARow(t *testing.T) {
	const missing, late, given, unknown = repair.AnswerMissing, repair.AnswerLate, repair.AnswerGiven, repair.AnswerUnknown
	type look struct {
		after  time.Duration
		answer repair.NodeAnswer
	}
	five := 5 * time.Minute
	for _, row := range []struct {
		what  string
		looks []look
		want  int
	}{
		{"three", []look{{0, missing}, {five, missing}, {five, missing}}, 3},
		{"by hand", []look{{0, missing}, {time.Second, missing}, {time.Second, missing}}, 1},
		{"answered in between", []look{{0, missing}, {five, missing}, {five, given}, {five, missing}}, 1},
		{"late in between", []look{{0, missing}, {five, missing}, {five, late}, {five, missing}}, 1},
		{"unknown in between", []look{{0, missing}, {five, missing}, {five, unknown}, {five, missing}}, 1},
		{"slow", []look{{0, late}, {five, late}, {five, late}, {five, late}}, 0},
		{"the clock jumps on", []look{{0, missing}, {five, missing}, {3 * time.Hour, missing}}, 1},
		{"the clock jumps back", []look{{0, missing}, {five, missing}, {-time.Hour, missing}}, 1},
	} {
		var s repair.SilentNodes
		o := silentCluster("a b c d")
		for _, l := range row.looks {
			o.Now = o.Now.Add(l.after)
			s, _ = o.Silence(s, map[string]repair.NodeAnswer{"a": l.answer, "b": given, "c": given, "d": given})
		}
		if got := s.Nodes["a-uuid"].Looks; got != row.want {
			t.Errorf("%s: %d looks, want %d", row.what, got, row.want)
		}
		if got := s.NotLooked().Nodes["a-uuid"].Looks; got != 0 {
			t.Errorf("%s: %d looks after a pass that could not look", row.what, got)
		}
	}
}

// K2, T12: the tag is written once, for nodes that are silent for certain; one from the
// future is replaced.
func TestSilentTags(t *testing.T) {
	w := deadNode()
	if list := w.SilentTags(); len(list) != 0 {
		t.Errorf("it has a tag, and gets %+v", list)
	}
	now := w.Snapshot.Time.Unix()
	w.Snapshot.Nodes["d"].Tags = tagstore.Parse(luxi.TagNode, []string{tagstore.SilentTag(now + 3600)})
	if list := w.SilentTags(); len(list) != 1 || list[0].Add[0] != tagstore.SilentTag(now) || len(list[0].Remove) != 1 {
		t.Errorf("with a tag from the future: %+v", list)
	}
	w.Snapshot.Nodes["d"].Tags = tagstore.Tags{}
	if list := w.SilentTags(); len(list) != 1 || list[0].Kind != luxi.TagNode || list[0].Name != "d" {
		t.Errorf("without a tag: %+v", list)
	}
	for _, answer := range []repair.NodeAnswer{repair.AnswerGiven, repair.AnswerLate, repair.AnswerUnknown} {
		w.Answers["d"] = answer
		if list := w.SilentTags(); len(list) != 0 {
			t.Errorf("with the answer %d: %+v", answer, list)
		}
	}
}

// K6: a job that has a lock which the marking would wait for stands in its way.
func TestLockedFor(t *testing.T) {
	w := deadNode()
	lock := func(level, object string) []luxi.Lock {
		return []luxi.Lock{{Level: level, Object: object, Holders: []luxi.JobID{7}}}
	}
	for _, row := range []struct {
		what      string
		locks     []luxi.Lock
		candidate bool
		want      bool
	}{
		{"nothing", nil, true, false},
		{"its own", lock("node", "d-uuid"), false, true},
		{"its resources", lock("node-res", "d-uuid"), false, true},
		{"all", lock("node", luxi.LockAll), false, true},
		{"another", lock("node-res", "a-uuid"), false, false},
		{"another, of a candidate", lock("node-res", "a-uuid"), true, true},
		{"an instance", lock("instance", "d-uuid"), true, false},
		{"only waited for", []luxi.Lock{{Level: "node", Object: "d-uuid", Waiters: []luxi.JobID{7}}}, true, false},
	} {
		if job, is := repair.LockedFor(row.locks, w.Snapshot.Nodes["d"], row.candidate); is != row.want || is && job != 7 {
			t.Errorf("%s: %d, %v", row.what, job, is)
		}
	}
}
