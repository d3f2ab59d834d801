package plugin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// exhibition is a plan with one instance of every sort.
func exhibition() *Plan {
	s := snapshot("m off:offline dr:drained a b")
	add := func(name, template, nodes, tags string, facts ...luxi.JobInfo) *Instance {
		i := instance(name, template, nodes, tags)
		s.Instances = append(s.Instances, i)
		withJobs(s, facts...)
		return i
	}
	add("bad-tag", "rbd", "off", "pending:failover:x")
	add("failed", "rbd", "off", "result:failover:x:1600000000:failure:11 pending:migrate:y:1600000001:")
	add("fine", "drbd", "a b", "")
	add("fine-odd-type", "rbd", "a", "failovr")
	add("no-permission", "rbd", "off", "")
	add("no-repair", "plain", "dr", "reinstall")
	add("no-room", "rbd", "off", "pending:failover:n:1600000000:12", noRoomFor(12, StepFailover))
	add("ready", "drbd", "off a", "failover")
	add("retry", "rbd", "off", "pending:failover:r:1600000000:13+14", purged(13), failed(14, StepFailover))
	add("running", "drbd", "a off", "pending:failover:k:1600000000:15+16 pending:migrate:z:1600000002:", done(15, StepFailover), job(16, StepReplaceDisks, "running", luxi.JobRunning))
	add("settled", "rbd", "a", "pending:failover:s:1600000000:17", done(17, StepFailover))
	add("suspended", "rbd", "off", "suspend")
	add("suspended-till", "rbd", "off", "suspend:1700003600 pending:failover:t:1600000000:")
	add("too-weak", "drbd", "off a", "fix-storage")
	s.Cluster.Tags = parsedTags(withPrefix("suspend:1 pending:failover:x:1:"))
	allowGroup(s, "rack1", "suspend:5 repair")
	p := &Plan{Snapshot: s}
	for _, i := range s.Instances {
		p.Decisions = append(p.Decisions, Decide(s, i, DefaultSettings(), func() string { return "k3v9x2ab" }))
	}
	for _, d := range Guard(s, p.Decisions, DefaultSettings()) {
		p.Steps = append(p.Steps, &Planned{Decision: d})
	}
	return p
}

// O1, O2, O3, O4, T10: what users and scripts see of every sort of instance. The names of
// the keys and the words are promised to stay.
func TestViews(t *testing.T) {
	p := exhibition()
	views := Views(p)
	b, err := json.MarshalIndent(map[string]any{"instances": views, "unreadable_tags": BadTags(p)}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Want(t, "views.json", string(b)+"\n")
	var notable []View
	for _, v := range views {
		if v.Instance != "fine" {
			notable = append(notable, v)
		}
	}
	if got := Notable(p); !reflect.DeepEqual(got, notable) {
		t.Errorf("there is something to tell about %v, want %v: all but fine", got, notable)
	}
}

// V6: what a dry run tells of them.
func TestIntentionsGolden(t *testing.T) {
	list, err := Intentions(exhibition(), &Pass{Settings: DefaultSettings(), Now: fixed})
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
	cluster := "cluster c " + tags("failover suspend:5") + "\ngroup g " + tags("suspend:6") + "\n" + `
node node1 master
node node2
node node3
node node4 mem=8192 disk=20480
node node5
instance one nodes=node2 template=rbd ` + tags("result:migrate:o:1:success: result:migrate:p:2:success:") + `
instance two nodes=node2,node3 template=drbd
instance weak nodes=node2 template=plain
instance chain nodes=node2 template=plain ` + tags("reinstall suspend:7") + `
instance again nodes=node3 template=rbd ` + tags("pending:failover:x:5:") + `
instance enoperm nodes=node2 template=rbd ` + tags("pending:migrate:y:5:") + `
instance full nodes=node2 template=plain disk=99999 ` + tags("reinstall") + `
instance held nodes=node2 template=rbd ` + tags("suspend") + `
instance left nodes=node4 ` + tags("pending:migrate:z:5: result:migrate:z:6:success:")
	r := newRig(t, cluster)
	r.m.Edit(broken("node2:offline"))
	p := r.newPass()
	plan, err := p.Read(background, false)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Intentions(plan, p)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.m.Jobs()); n != 0 {
		t.Errorf("looking submitted %d jobs", n)
	}
	var want []string
	for _, n := range list {
		object := "instance " + n.Instance
		if n.Instance == "cluster" || strings.HasPrefix(n.Instance, "group ") {
			object = n.Instance
		}
		for _, tag := range n.Add {
			want = append(want, object+" + "+strings.TrimSuffix(cut(tag), "JOB"))
		}
		for _, tag := range n.Remove {
			want = append(want, object+" - "+cut(tag))
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
	r.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "SubmitManyJobs" {
			got = append(got, doneBy(c.Args)...)
		}
		return luxitest.Pass()
	})
	r.pass()
	r.m.OnCall(nil)
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
					word := cut(tag)
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

func TestAge(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 59*time.Minute + 59*time.Second: "59m",
		time.Hour: "1h", 47*time.Hour + 59*time.Minute: "47h", 48 * time.Hour: "2d", 900 * 24 * time.Hour: "900d",
	} {
		if got := Age(present.Add(-ago).Unix(), present); got != want {
			t.Errorf("%v ago is %q, want %q", ago, got, want)
		}
	}
}

func TestPolicyShort(t *testing.T) {
	until := time.Unix(1700000000, 0).Format("2006-01-02 15:04")
	for _, row := range []struct {
		v    PolicyView
		want string
	}{
		{PolicyView{Type: "none"}, "none"},
		{PolicyView{Type: "failover", Origin: "group rack1"}, "failover (group)"},
		{PolicyView{Type: "failover", Origin: "cluster"}, "failover (cluster)"},
		{PolicyView{Type: "migrate", Origin: "instance web1"}, "migrate (instance)"},
		{PolicyView{Type: "none", Suspended: true, Origin: "cluster"}, "suspended (cluster)"},
		{PolicyView{Type: "none", Suspended: true, Until: 1700000000, Origin: "cluster"}, "suspended until " + until + " (cluster)"},
	} {
		if got := row.v.Short(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}
