package repair_test

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// silentCluster is what was observed of a master m and its other nodes, "a b:offline
// c:candidate"; the UUID of a node is its name with -uuid behind it.
func silentCluster(others string) repair.Observed {
	o := repair.Observed{Now: repairtest.Present, StatusTime: repairtest.Present.Add(-time.Minute), Status: map[string]string{}}
	o.Verified.Groups = map[string]repair.VerifiedGroup{}
	o.Roles = []repair.NodeRole{{Name: "m", UUID: "m-uuid", Group: "g", Master: true, Candidate: true, CanBe: true}}
	for _, word := range strings.Fields(others) {
		name, flag, _ := strings.Cut(word, ":")
		o.Roles = append(o.Roles, repair.NodeRole{Name: name, UUID: name + "-uuid", Group: "g", Offline: flag == "offline", Candidate: flag == "candidate", CanBe: flag != "offline"})
	}
	return o
}

// silentSince makes the nodes that were silent before, "a b:late c:told", for an hour.
func silentSince(words string) repair.SilentNodes {
	s := repair.SilentNodes{Nodes: map[string]repair.SilentNode{}}
	for _, word := range strings.Fields(words) {
		name, flag, _ := strings.Cut(word, ":")
		s.Nodes[name+"-uuid"] = repair.SilentNode{Name: name, Since: repairtest.Present.Add(-time.Hour).Unix(), Late: flag == "late", Told: flag == "told"}
	}
	return s
}

// K1: which nodes are asked: those that a hint names and that are not offline, and those
// that were silent before. Without a hint none is.
func TestNodesToAsk(t *testing.T) {
	verified := func(ago time.Duration, unreached ...string) func(o *repair.Observed) {
		return func(o *repair.Observed) {
			o.Verified.Groups["g"] = repair.VerifiedGroup{DisksEnded: o.Now.Add(-ago).Unix(), Unreached: unreached}
		}
	}
	down := func(names ...string) func(o *repair.Observed) {
		return func(o *repair.Observed) {
			for _, name := range names {
				o.Status[name] = "ERROR_nodedown"
			}
		}
	}
	for _, row := range []struct {
		what   string
		hint   func(o *repair.Observed)
		before string
		want   string
	}{
		{"no hint", func(*repair.Observed) {}, "", ""},
		{"other words of the watcher", func(o *repair.Observed) {
			o.Status["i"], o.Status["j"], o.Status["k"] = "ERROR_down", "ERROR_nodeoffline", "running"
		}, "", ""},
		{"an instance whose node did not answer", down("i"), "", "a"},
		{"the same of an offline node", down("away"), "", ""},
		{"an instance that nobody knows", down("gone"), "", ""},
		{"several, each once", down("j", "i", "i2"), "", "a b"},
		{"an old file", func(o *repair.Observed) { down("i")(o); o.StatusTime = o.Now.Add(-2 * time.Hour) }, "", ""},
		{"a node that verify-disks did not reach", verified(time.Minute, "b-uuid"), "", "b"},
		{"an offline one", verified(time.Minute, "off-uuid"), "", ""},
		{"one that is gone", verified(time.Minute, "nobody-uuid"), "", ""},
		{"long ago", verified(2*time.Hour, "b-uuid"), "", ""},
		{"all was reached", verified(time.Minute), "", ""},
		{"silent before", func(*repair.Observed) {}, "c:told", "c"},
		{"late before", func(*repair.Observed) {}, "c:late", "c"},
		{"silent before, and offline now", func(*repair.Observed) {}, "off:told", ""},
	} {
		o := silentCluster("a b c off:offline")
		row.hint(&o)
		got := o.NodesToAsk(map[string]string{"i": "a", "i2": "a", "j": "b", "k": "c", "away": "off"}, silentSince(row.before))
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
}

// inWords is silence in words: who is silent or late for how long, and what is news.
func inWords(o repair.Observed, s repair.SilentNodes, news repair.SilenceNews) string {
	var parts []string
	for _, n := range s.Nodes {
		text := fmt.Sprintf("%s %s", n.Name, o.Now.Sub(time.Unix(n.Since, 0)))
		if n.Late {
			text += " late"
		}
		parts = append(parts, text)
	}
	sort.Strings(parts)
	if len(news.Silent) > 0 {
		parts = append(parts, "new "+strings.Join(news.Silent, "+"))
	}
	if len(news.Back) > 0 {
		parts = append(parts, "back "+strings.Join(news.Back, "+"))
	}
	if s.CutOff {
		parts = append(parts, "cut off")
	}
	if news.CutOff {
		parts = append(parts, "which is new")
	}
	return strings.Join(parts, ", ")
}

// K2: which nodes are silent after a look. Only the lack of an answer makes a node silent;
// only an answer, the mark offline, or its removal ends that.
func TestSilence(t *testing.T) {
	const given, missing, late, unknown = repair.AnswerGiven, repair.AnswerMissing, repair.AnswerLate, repair.AnswerUnknown
	type answers map[string]repair.NodeAnswer
	for _, row := range []struct {
		what, before, others string
		answers              answers
		want                 string
	}{
		{"nobody is asked", "", "a b c d", nil, ""},
		{"one answers", "", "a b c d", answers{"a": given}, ""},
		{"one does not", "", "a b c d", answers{"a": missing, "b": given}, "a 0s, new a"},
		{"luxid's answer is odd", "", "a b c d", answers{"a": unknown}, ""},
		{"it does not again", "a:told", "a b c d", answers{"a": missing}, "a 1h0m0s"},
		{"it was never told", "a", "a b c d", answers{"a": missing}, "a 1h0m0s, new a"},
		{"it could not be asked again", "a:told", "a b c d", nil, "a 1h0m0s"},
		{"luxid's answer is odd now", "a:told", "a b c d", answers{"a": unknown}, "a 1h0m0s"},
		{"it answers again", "a:told", "a b c d", answers{"a": given}, "back a"},
		{"it is marked offline", "a:told", "a:offline b c d", nil, ""},
		{"it is marked offline while it is asked", "a:told", "a:offline b c d", answers{"a": missing}, ""},
		{"it was removed", "a:told", "b c d", nil, ""},
		{"it is late", "", "a b c d", answers{"a": late}, "a 0s late"},
		{"it is late again", "a:late", "a b c d", answers{"a": late}, "a 1h0m0s, new a"},
		{"late, then nothing", "a:late", "a b c d", answers{"a": missing}, "a 1h0m0s, new a"},
		{"late, then in time", "a:late", "a b c d", answers{"a": given}, ""},
		{"silent, then late", "a:told", "a b c d", answers{"a": late}, "a 1h0m0s"},
		{"half of them", "", "a b c d", answers{"a": missing, "b": missing}, "a 0s, b 0s, new a+b"},
		{"more than half", "", "a b c d", answers{"a": missing, "b": missing, "c": missing}, "a 0s, b 0s, c 0s, cut off, which is new"},
		{"offline ones do not count", "", "a b c:offline d:offline", answers{"a": missing, "b": missing}, "a 0s, b 0s, cut off, which is new"},
		{"late ones do not count", "", "a b c d", answers{"a": missing, "b": missing, "c": late}, "a 0s, b 0s, c 0s late, new a+b"},
		{"the other of two", "", "a", answers{"a": missing}, "a 0s, cut off, which is new"},
		{"the master does not count", "", "a b", answers{"m": missing, "a": missing}, "a 0s, m 0s, new a+m"},
		{"the master alone", "", "", answers{"m": missing}, "m 0s, new m"},
	} {
		o := silentCluster(row.others)
		after, news := o.Silence(silentSince(row.before), row.answers)
		if got := inWords(o, after, news); got != row.want {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
		if again, news := o.Silence(after, row.answers); len(news.Silent) > 0 || len(news.Back) > 0 || news.CutOff {
			if !strings.Contains(row.want, "late") {
				t.Errorf("%s: told twice: %+v, %+v", row.what, again, news)
			}
		}
	}
}

// K2: what was told of all together is told of each that is left once it is not the master
// that is cut off.
func TestNoLongerCutOff(t *testing.T) {
	o := silentCluster("a b c d")
	before, _ := o.Silence(repair.SilentNodes{}, map[string]repair.NodeAnswer{"a": repair.AnswerMissing, "b": repair.AnswerMissing, "c": repair.AnswerMissing})
	after, news := o.Silence(before, map[string]repair.NodeAnswer{"a": repair.AnswerMissing, "b": repair.AnswerGiven, "c": repair.AnswerGiven})
	if got, want := inWords(o, after, news), "a 0s, new a, back b+c"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A memory from another clock makes no silence that begins in the future.
func TestSilenceOfAnotherClock(t *testing.T) {
	o := silentCluster("a b c")
	before := silentSince("a:told")
	o.Now = o.Now.Add(-48 * time.Hour)
	after, news := o.Silence(before, map[string]repair.NodeAnswer{"a": repair.AnswerMissing})
	if got, want := inWords(o, after, news), "a 0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A1: a master candidate that is silent is a finding, but for the master, and where the
// master may be cut off.
func TestSilentCandidates(t *testing.T) {
	for _, row := range []struct{ what, others, silent, want string }{
		{"a candidate", "a:candidate b c", "a:told", "node a"},
		{"no candidate", "a:candidate b c", "b:told", ""},
		{"only late", "a:candidate b c", "a:late", ""},
		{"offline since", "a:offline b c", "a:told", ""},
		{"the master", "a:candidate b c", "m:told", ""},
	} {
		o := silentCluster(row.others)
		o.Silent = silentSince(row.silent)
		var got []string
		for _, f := range repair.Findings(o, repair.DefaultSettings()) {
			if f.Word == repair.FindingSilentCandidate {
				got = append(got, f.Object)
				if want := repair.OfflineCommand("a"); f.Command != want || f.Since != repairtest.Present.Add(-time.Hour).Unix() {
					t.Errorf("%s: %+v", row.what, f)
				}
			}
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
		o.Silent.CutOff = true
		for _, f := range repair.Findings(o, repair.DefaultSettings()) {
			if f.Word == repair.FindingSilentCandidate {
				t.Errorf("%s: told of a node though the master may be cut off: %+v", row.what, f)
			}
		}
	}
}

// K2: a silent node has a state of its own, but where nothing is left on it; the plan that
// it was noted in, and its decisions, stay as they are.
func TestStateOfSilentNodes(t *testing.T) {
	in := repairtest.Instance
	for _, row := range []struct{ flag, want string }{
		{"", "silent"}, {":drained", "silent"}, {":offline", "lost"},
	} {
		s := repairtest.Snapshot("a x"+row.flag+" b", in("i", "rbd", "x", ""))
		s.NoteUnusedNodes()
		p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "k" })
		noted := p.WithSilence(silentSince("x:told"))
		for _, n := range repair.NodeStatusesOf(noted) {
			if n.Node.Name == "x" && string(n.State) != row.want || n.Node.Name != "x" && n.State != repair.NodeUsual {
				t.Errorf("x%s: %s is %s", row.flag, n.Node.Name, n.State)
			}
		}
		if !reflect.DeepEqual(noted.Decisions, p.Decisions) || s.Nodes["x"].SilentSince != 0 {
			t.Errorf("x%s: the plan itself has changed", row.flag)
		}
		for _, n := range repair.NodeStatusesOf(p.WithSilence(silentSince("x:late"))) {
			if n.State == repair.NodeSilent {
				t.Errorf("x%s: %s was late once and is silent", row.flag, n.Node.Name)
			}
		}
	}
	s := repairtest.Snapshot("a x:drained b")
	s.NoteUnusedNodes()
	p := repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "k" })
	for _, n := range repair.NodeStatusesOf(p.WithSilence(silentSince("x:told"))) {
		if n.Node.Name == "x" && n.State != repair.NodeEmpty {
			t.Errorf("an empty node that is silent is %s", n.State)
		}
	}
}
