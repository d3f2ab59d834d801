package plugin

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// V6: what a dry run tells of them.
func TestIntentionsGolden(t *testing.T) {
	list, err := Intentions(repairtest.Exhibition(), &Pass{Settings: repair.DefaultSettings(), Now: repairtest.Fixed})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Want(t, "intentions.json", string(b)+"\n")
}

// V6: a dry run says exactly what a pass then does, tag for tag and opcode for
// opcode.
func TestIntentionsComeTrue(t *testing.T) {
	cluster := "cluster c " + simtest.Tags("failover suspend:5") + "\ngroup g " + simtest.Tags("suspend:6") + "\n" + `
node node1 master
node node2
node node3
node node4 mem=8192 disk=20480
node node5
instance one nodes=node2 template=rbd ` + simtest.Tags("result:migrate:o:1:success: result:migrate:p:2:success:") + `
instance two nodes=node2,node3 template=drbd
instance weak nodes=node2 template=plain
instance chain nodes=node2 template=plain ` + simtest.Tags("reinstall suspend:7") + `
instance again nodes=node3 template=rbd ` + simtest.Tags("pending:failover:x:5:") + `
instance enoperm nodes=node2 template=rbd ` + simtest.Tags("pending:migrate:y:5:") + `
instance full nodes=node2 template=plain disk=99999 ` + simtest.Tags("reinstall") + `
instance held nodes=node2 template=rbd ` + simtest.Tags("suspend") + `
instance left nodes=node4 ` + simtest.Tags("pending:migrate:z:5: result:migrate:z:6:success:")
	r := newRig(t, cluster)
	r.Master.Edit(simtest.Broken("node2:offline"))
	p := r.newPass()
	plan, err := p.Read(simtest.Background, false)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Intentions(plan, p)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Master.Jobs()); n != 0 {
		t.Errorf("looking submitted %d jobs", n)
	}
	var want []string
	for _, n := range list {
		object := "instance " + n.Instance
		if n.Instance == "cluster" || strings.HasPrefix(n.Instance, "group ") {
			object = n.Instance
		}
		for _, tag := range n.Add {
			want = append(want, object+" + "+strings.TrimSuffix(repairtest.Cut(tag), "JOB"))
		}
		for _, tag := range n.Remove {
			want = append(want, object+" - "+repairtest.Cut(tag))
		}
		for _, raw := range n.OpCodes {
			var op struct {
				ID     string `json:"OP_ID"`
				Name   string `json:"instance_name"`
				Nodes  []string
				Target string `json:"iallocator"`
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%s %s %v %s", op.ID, op.Name, op.Nodes, op.Target))
		}
	}
	r.ids = 0
	var got []string
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "SubmitManyJobs" {
			got = append(got, doneBy(c.Args)...)
		}
		return luxitest.Pass()
	})
	r.pass()
	r.Master.OnCall(nil)
	sort.Strings(want)
	sort.Strings(got)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it does\n%s\nbut said\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// doneBy lists what the jobs of a submission do, our holds and gates left out.
func doneBy(args json.RawMessage) []string {
	var jobs [1][][]struct {
		ID    string `json:"OP_ID"`
		Kind  string
		Name  string
		Tags  []string
		Inst  string   `json:"instance_name"`
		Nodes []string `json:"nodes"`
		Alloc string   `json:"iallocator"`
	}
	if err := json.Unmarshal(args, &jobs); err != nil {
		panic(err)
	}
	var list []string
	for _, ops := range jobs[0] {
		for _, op := range ops {
			switch op.ID {
			case "OP_TEST_DELAY":
			case "OP_TAGS_SET", "OP_TAGS_DEL":
				object := strings.TrimSpace(strings.TrimPrefix(op.Kind, "node") + " " + op.Name)
				for _, tag := range op.Tags {
					sign := " + "
					if op.ID == "OP_TAGS_DEL" {
						sign = " - "
					}
					word := repairtest.Cut(tag)
					if strings.HasPrefix(word, "pending:") && sign == " + " {
						word = word[:strings.LastIndexAny(word, ":+")+1] // without the job that was submitted
					}
					list = append(list, object+sign+word)
				}
			default:
				list = append(list, fmt.Sprintf("%s %s %v %s", op.ID, op.Inst, op.Nodes, op.Alloc))
			}
		}
	}
	return list
}
