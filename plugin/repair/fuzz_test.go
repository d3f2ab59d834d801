package repair_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// FuzzDecide: whatever the tags say and whatever became of the job that they name,
// nothing is begun while suspended, beside a failure or an unreadable record, or
// beyond a permission; and every job is taken for exactly one thing. Tags come
// separated by spaces, without their prefix; the job has the number 5.
func FuzzDecide(f *testing.F) {
	f.Add("failover", "pending:failover:r1:100:5", "a:offline", "OP_INSTANCE_FAILOVER", "error", `["OpExecError",["it broke"]]`)
	f.Add("", "pending:reinstall:r1:100:5 suspend", "a:drained", "OP_INSTANCE_RECREATE_DISKS", "error", `"Job canceled by request"`)
	f.Add("reinstall suspend:5", "result:failover:x:5:failure:", "", "OP_INSTANCE_REPLACE_DISKS", "success", "null")
	f.Add("reinstall", "pending:fix-storage:r1:1:5 pending:failover:r2:2:", "a:offline b:offline", "OP_TEST_DELAY", "canceled", `["OpPrereqError",["x","insufficient_resources"]]`)
	f.Add("migrate", "pending:migrate:r1:1:5+5+4", "a:offline b:drained", "OP_INSTANCE_MIGRATE", "waiting", `null`)
	f.Fuzz(func(t *testing.T, cluster, own, marks, op, status, result string) {
		for _, mark := range strings.Fields(marks) {
			switch mark {
			case "a:offline", "a:drained", "b:offline", "b:drained":
			default:
				return
			}
		}
		nodes := "m a b c " + marks
		if strings.Count(nodes, "a:") > 1 || strings.Count(nodes, "b:") > 1 {
			return
		}
		info := luxi.JobInfo{ID: 5, Known: true, Status: luxi.JobStatus(status), Summary: []string{op}, Ops: []luxi.JobOp{{ID: op, Status: luxi.JobStatus(status), Params: map[string]json.RawMessage{"instance_uuid": json.RawMessage(`"i-uuid"`)}}}}
		var e []json.RawMessage
		var words []string
		if json.Unmarshal([]byte(result), &e) == nil && len(e) == 2 && json.Unmarshal(e[1], &words) == nil && len(words) > 0 {
			le := &luxi.Error{Message: words[0]}
			if len(words) > 1 {
				le.Code = words[1]
			}
			_ = json.Unmarshal(e[0], &le.Class)
			info.Ops[0].Result.Err = le
		}
		fact := repair.NewJobFact(info)
		if (fact.Outcome == repair.OutcomeUnfinished) == info.Status.Final() && fact.Outcome != repair.OutcomeUnknown {
			t.Fatalf("job %+v is %s", info, fact.Outcome)
		}
		for _, template := range []string{"drbd", "rbd", "plain"} {
			place := template + " a"
			if template == "drbd" {
				place += " b"
			}
			words := strings.SplitN(place, " ", 2)
			i := repairtest.Instance("i", words[0], words[1], "")
			i.Tags = tagstore.Parse(luxi.TagInstance, prefixed(own))
			s := repairtest.Snapshot(strings.TrimSpace(merged(nodes)), i)
			s.Cluster.Tags = tagstore.Parse(luxi.TagCluster, prefixed(cluster))
			s.Jobs[5] = fact
			d := repair.Decide(s, i, repair.DefaultSettings(), func() string { return "new" })
			if d.Start == nil {
				continue
			}
			r := i.Tags.Records()
			switch {
			case d.Policy.Suspended, len(r.Failures) > 0, len(r.Unclear) > 0, fact.Outcome == repair.OutcomeUnfinished && namesFive(i):
				t.Errorf("%s %q: begins %s although %+v", template, own, d.Start.Step, d)
			case d.Start.New && !d.Policy.Type.Permits(d.Need.Type), !d.Start.Repair.Type.Permits(d.Need.NextType()):
				t.Errorf("%s %q: begins %s beyond its permission", template, own, d.Start.Step)
			case d.Start.Step == repair.StepReinstall && d.Need.Row != "P5" && d.Need.Row != "P8":
				t.Errorf("%s %q: reinstalls in %s", template, own, d.Need.Row)
			}
			if tag, _ := d.Start.Repair.Format(); len(tag) > tagstore.MaxLength {
				t.Errorf("%s %q: writes %q", template, own, tag)
			}
		}
	})
}

func prefixed(bodies string) []string {
	var tags []string
	for _, body := range strings.Split(bodies, " ") {
		tags = append(tags, tagstore.Prefix+body)
	}
	return tags
}

// merged has each node once, with its mark if it has one.
func merged(nodes string) string {
	var words []string
	for _, name := range []string{"m", "a", "b", "c"} {
		word := name
		for _, w := range strings.Fields(nodes) {
			if strings.HasPrefix(w, name+":") {
				word = w
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func namesFive(i *repair.Instance) bool {
	for _, p := range i.Tags.Records().Repairs {
		for _, id := range p.Jobs {
			if id == 5 {
				return true
			}
		}
	}
	return false
}
