package repair_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// A1: the lines of CLUSTER_VERIFY_GROUP that findings are made from, with error codes and
// without; all others are left alone.
func TestComplaints(t *testing.T) {
	const n1 = "not enough memory to accomodate instance failovers should node n2 fail (512MiB needed, 100MiB available)"
	for line, want := range map[string]string{
		"  - ERROR: node n1.example.com: " + n1:                                    "not-n1 n1.example.com " + n1,
		"  - ERROR:ENODEN1:node:n1.example.com:" + n1:                              "not-n1 n1.example.com " + n1,
		"  - WARNING: node n1: volume xenvg/a.disk0 is unknown":                    "orphan-volume n1 volume xenvg/a.disk0 is unknown",
		"  - WARNING:ENODEORPHANLV:node:n1:volume xenvg/a is unknown":              "orphan-volume n1 volume xenvg/a is unknown",
		"  - ERROR: node n1: node is running unknown instance old":                 "orphan-instance n1 node is running unknown instance old",
		"  - ERROR:ENODEORPHANINSTANCE:node:n1:node is running unknown instance x": "orphan-instance n1 node is running unknown instance x",
		"  - ERROR: instance n1: volume x is unknown":                              "",
		"  - ERROR: node n1: volume xenvg is too small":                            "",
		"  - ERROR: node n1: ssh communication with node n2 failed":                "",
		"* Verifying node n1 (master candidate)":                                   "",
		"  - NOTICE: 1 offline node(s) found.":                                     "",
		"  - ERROR":                                                                "",
		"":                                                                         "",
	} {
		got := ""
		if c, ok := repair.ComplaintOf(line); ok {
			got = fmt.Sprintf("%s %s %s", c.Word, c.Node, c.Text)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// A1: what is found, and what is not.
func TestFindings(t *testing.T) {
	now := repairtest.Present
	ago := func(d time.Duration) int64 { return now.Add(-d).Unix() }
	role := func(name, group string, candidate, canBe bool) repair.NodeRole {
		return repair.NodeRole{Name: name, UUID: "uuid-" + name, Group: group, Candidate: candidate, CanBe: canBe}
	}
	silent := func(name string) repair.SilentNodes {
		return repair.SilentNodes{Nodes: map[string]repair.SilentNode{"uuid-" + name: {Name: name, Since: 1, Told: true}}}
	}
	// well is a cluster about which there is nothing to say.
	well := func() repair.Observed {
		return repair.Observed{
			Now: now, CandidatePool: 2, Groups: map[string]string{"g1": "rack1", "g2": "rack2"},
			Roles: []repair.NodeRole{role("a", "g1", true, true), role("b", "g1", true, true), role("c", "g2", false, true)},
			Verified: repair.Verifications{Since: ago(90 * 24 * time.Hour), Groups: map[string]repair.VerifiedGroup{
				"g1": {Ended: ago(time.Hour), DisksEnded: ago(time.Minute)}, "g2": {Ended: ago(6 * 24 * time.Hour)},
			}},
			Status: map[string]string{"web1": "running", "web2": "ERROR_down"}, StatusTime: now.Add(-time.Minute),
		}
	}
	set := func(change func(v *repair.VerifiedGroup)) func(o *repair.Observed) {
		return func(o *repair.Observed) {
			v := o.Verified.Groups["g1"]
			change(&v)
			o.Verified.Groups["g1"] = v
		}
	}
	complain := func(list ...repair.Complaint) func(o *repair.Observed) {
		return set(func(v *repair.VerifiedGroup) { v.Complaints = list })
	}
	for _, row := range []struct {
		what   string
		change func(o *repair.Observed)
		want   string // word, object and command
	}{
		{"all is well", func(*repair.Observed) {}, ""},
		{"an instance on the wrong node", func(o *repair.Observed) { o.Status["web1"] = "ERROR_wrongnode" }, "wrong-node instance web1: gnt-cluster verify"},
		{"an old file", func(o *repair.Observed) { o.Status["web1"], o.StatusTime = "ERROR_wrongnode", now.Add(-2*time.Hour) }, ""},
		{"no file", func(o *repair.Observed) { o.Status, o.StatusTime = nil, time.Time{} }, ""},
		{"a candidate is gone", func(o *repair.Observed) { o.Roles[1].Candidate, o.Roles[1].CanBe = false, false }, "few-candidates cluster: gnt-node modify --master-candidate=yes c"},
		{"nobody else can be one", func(o *repair.Observed) {
			o.Roles[1].Candidate, o.Roles[1].CanBe, o.Roles[2].CanBe = false, false, false
		}, ""},
		{"a larger pool", func(o *repair.Observed) { o.CandidatePool = 10 }, "few-candidates cluster: gnt-node modify --master-candidate=yes c"},
		{"the next one does not answer", func(o *repair.Observed) {
			o.CandidatePool, o.Silent, o.Roles = 3, silent("c"), append(o.Roles, role("d", "g2", false, true))
		}, "few-candidates cluster: gnt-node modify --master-candidate=yes d"},
		{"nobody else answers", func(o *repair.Observed) { o.CandidatePool, o.Silent = 3, silent("c") }, "few-candidates cluster: ganeti-autorepair nodes"},
		{"no room for a failover", complain(repair.Complaint{Word: repair.FindingNotN1, Node: "a", Text: "x"}), "not-n1 node a: hbal -L -G rack1"},
		{"volumes of nobody", complain(repair.Complaint{Word: repair.FindingOrphanVolume, Node: "b", Text: "x"}, repair.Complaint{Word: repair.FindingOrphanVolume, Node: "b", Text: "y"}),
			"orphan-volume node b: gnt-node volumes b"},
		{"an instance of nobody", complain(repair.Complaint{Word: repair.FindingOrphanInstance, Node: "b", Text: "x"}), "orphan-instance node b: gnt-cluster verify"},
		{"verified long ago", set(func(v *repair.VerifiedGroup) { v.Ended = ago(8 * 24 * time.Hour) }), "not-verified group rack1: gnt-cluster verify --node-group=rack1"},
		{"never verified", set(func(v *repair.VerifiedGroup) { v.Ended = 0 }), "not-verified group rack1: gnt-cluster verify --node-group=rack1"},
		{"not seen to be verified, for a day", func(o *repair.Observed) { o.Verified.Since = ago(24 * time.Hour); o.Verified.Groups = nil }, ""},
		{"no jobs were looked at", func(o *repair.Observed) { o.Verified = repair.Verifications{} }, ""},
		{"the watcher's verify-disks stays away from a group without instances", func(o *repair.Observed) {
			set(func(v *repair.VerifiedGroup) { v.DisksEnded = ago(2 * time.Hour) })(o)
			o.Unused = map[string]bool{"g1": true}
		}, ""},
		{"the watcher's verify-disks stays away", set(func(v *repair.VerifiedGroup) { v.DisksEnded = ago(2 * time.Hour) }), "disks-not-verified group rack1: gnt-cluster watcher info"},
		{"several, in order", func(o *repair.Observed) {
			o.CandidatePool = 3
			o.Status["web10"], o.Status["web9"] = "ERROR_wrongnode", "ERROR_wrongnode"
		}, "wrong-node instance web9: gnt-cluster verify, wrong-node instance web10: gnt-cluster verify, few-candidates cluster: gnt-node modify --master-candidate=yes c"},
	} {
		o := well()
		row.change(&o)
		var got []string
		for _, f := range repair.Findings(o, repair.DefaultSettings()) {
			got = append(got, fmt.Sprintf("%s %s: %s", f.Word, f.Object, f.Command))
			if f.Detail == "" {
				t.Errorf("%s: %s is not told in words", row.what, f.Key())
			}
		}
		if strings.Join(got, ", ") != row.want {
			t.Errorf("%s: %q, want %q", row.what, strings.Join(got, ", "), row.want)
		}
	}
}
