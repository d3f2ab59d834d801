package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// tightNode is a cluster in which node2 may not die: there is room for two of three, or for
// all, as an allocator puts them.
const tightNode = `
	cluster c tags=ganeti:watcher:autorepair:failover
	node node1 mem=64 disk=100000 master
	node node2 mem=8192 disk=100000
	node node3 mem=700 disk=100000
	node node4 mem=700 disk=100000
	node node5 mem=64 disk=100000
	instance a template=sharedfile nodes=node2 mem=512
	instance b template=sharedfile nodes=node2 mem=300
	instance c template=sharedfile nodes=node2 mem=300
	instance d template=drbd nodes=node2,node5 mem=512 tags=ganeti:watcher:autorepair:suspend
	instance e template=plain nodes=node5 mem=512 tags=ganeti:watcher:autorepair:reinstall state=down
	instance f template=drbd nodes=node3,node2 mem=8
`

// N3: what people see, in 80 columns. Only what one of the nodes has gets a column.
func TestRehearseScreen(t *testing.T) {
	b := newBed(t, tightNode)
	b.screen = terminal{columns: 80}
	b.write("/etc/ganeti/autorepair.toml", "fence = \"/bin/true\"\n")
	jobs := len(b.m.Jobs())
	b.prints(`Node  Inst DataLost Down NoRoom Blocked Restart Copied OneCopy
node5    2        1    -      -       1       -      -       1
node2    5        -  1-2    0-1       1     2-3      1       1
node3    1        -    -      -       -       1      -       -
2 of 3 nodes may not die: node5, node2.
3-5 stands for at least 3 and at most 5: an allocator chooses.
The fence (/bin/true) has to succeed first; it is not asked here.
Which instances, and why: ganeti-autorepair rehearse -v node5
`, "rehearse")
	b.prints(`Node  Inst Down NoRoom Blocked Restart Copied OneCopy
node2    5  1-2    0-1       1     2-3      1       1
node2:
  a: no-room, stays down; or restarted: whether a node of group default has
    room for it depends on where an allocator puts others
  b: no-room, stays down; or restarted: whether a node of group default has
    room for it depends on where an allocator puts others
  c: no-room, stays down; or restarted: whether a node of group default has
    room for it depends on where an allocator puts others
  d: blocked, stays down, one copy left: suspended by instance d
  f: copied
node2 may not die.
3-5 stands for at least 3 and at most 5: an allocator chooses.
The fence (/bin/true) has to succeed first; it is not asked here.
`, "rehearse", "node2", "-v")
	b.prints(`node1 has no instances.
`, "rehearse", "node1")
	b.prints(`Node  Inst Restart
node3    1       1
node3 may die: no data would be lost, and nothing would stay down.
The fence (/bin/true) has to succeed first; it is not asked here.
`, "rehearse", "node3")
	b.prints(`Node  Inst Moved
node3    1     1
node3 may be drained: no instance would stay there.
`, "rehearse", "node3", "--drained")
	if n := len(b.m.Jobs()); n != jobs {
		t.Errorf("%d jobs were submitted", n-jobs)
	}
}

// prints runs the program, which has to succeed and to print the text.
func (b *bed) prints(want string, args ...string) {
	b.t.Helper()
	if code, stdout, stderr := b.run(args...); code != 0 || stdout != want || stderr != "" {
		b.t.Errorf("%s: %d %s\n%s\nwant\n%s", strings.Join(args, " "), code, stderr, stdout, want)
	}
}

// N3, X2: the JSON is as its schema says, the fields are its paths, and both are the same
// for the cluster and a snapshot of it.
func TestRehearseJSON(t *testing.T) {
	b := newBed(t, tightNode)
	for _, args := range [][]string{{}, {"-v"}, {"--drained", "-v", "node2"}} {
		code, stdout, stderr := b.run(append([]string{"rehearse", "--json"}, args...)...)
		if code != 0 {
			t.Fatalf("%d %s", code, stderr)
		}
		validate(t, "rehearse.json", stdout)
	}
	saved := filepath.Join(b.root, "saved.json")
	if code, _, stderr := b.run("status", "--save", saved); code != 0 {
		t.Fatal(stderr)
	}
	_, now, _ := b.run("rehearse", "--json", "-v")
	_, then, _ := b.run("rehearse", "--json", "-v", "--snapshot", saved)
	if now != then {
		t.Errorf("the cluster:\n%s\nits snapshot:\n%s", now, then)
	}
	_, stdout, _ := b.run("rehearse", "--no-headers", "--separator=|", "-o", "node,instances,outcomes.no-room,down,harm", "node2")
	if stdout != "node2|5|0-1|1-2|true\n" {
		t.Error(stdout)
	}
	data, err := os.ReadFile("schema/rehearse.json")
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		Defs struct {
			Node struct {
				Properties map[string]struct{ Properties map[string]json.RawMessage }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	var paths, fields []string
	for key, p := range root.Defs.Node.Properties {
		switch key {
		case "each":
		case "outcomes":
			for name := range p.Properties {
				paths = append(paths, key+"."+name)
			}
		default:
			paths = append(paths, key)
		}
	}
	for _, f := range rehearseFields() {
		fields = append(fields, f.name)
	}
	same(t, "rehearse -o", fields, paths)
}

// N3: wrong usage, and nodes that are not there.
func TestRehearseUsage(t *testing.T) {
	b := newBed(t, tightNode)
	b.want(1, 2, "there is no node \"nodex\"", "rehearse", "nodex")
	b.want(2, 2, "--json goes with none of", "rehearse", "--json", "-o", "node")
	b.want(2, 2, "-v goes with none of", "rehearse", "-v", "-o", "node")
	b.want(2, 2, "unknown field \"nod\"; did you mean node?", "rehearse", "-o", "nod")
	if _, stdout, _ := b.run("list-fields", "--rehearse", "outcomes.no-room"); !strings.Contains(stdout, "NoRoom") {
		t.Error(stdout)
	}
}

// N3: the metrics have it only if that is set, and the page always.
func TestRehearsalMetrics(t *testing.T) {
	b := newBed(t, tightNode)
	series := `ganeti_autorepair_rehearsal_instances{cluster="c",node="node2",outcome="no-room"} 1`
	down := `ganeti_autorepair_rehearsal_down_instances{cluster="c",node="node2"} 2`
	for _, set := range []string{"false", "true"} {
		b.write("/etc/ganeti/autorepair.toml", "metrics_file = \"/m.prom\"\nrehearsal_metrics = "+set+"\n")
		if code, _, stderr := b.run("run", "--from-watcher"); code != 0 {
			t.Fatal(stderr)
		}
		data, err := os.ReadFile(filepath.Join(b.root, "m.prom"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{series, down} {
			if strings.Contains(string(data), line+"\n") != (set == "true") {
				t.Errorf("rehearsal_metrics = %s: %s\n%s", set, line, data)
			}
		}
		os.RemoveAll(filepath.Join(b.root, "var/run/ganeti-autorepair/last-pass"))
	}
	if _, page, _ := b.run("report", "-"); !strings.Contains(page, "If a node died") || !strings.Contains(page, "down for good 1 to 2") {
		t.Error("the page does not tell")
	}
}

// What the next pass needs is kept before nodes are rehearsed for the metrics, which takes
// time and only tells: the program may be killed meanwhile.
func TestPassIsKeptBeforeItRehearses(t *testing.T) {
	b := newBed(t, badNode)
	b.write("/etc/ganeti/autorepair.toml", "metrics_file = \"/m.prom\"\nrehearsal_metrics = true\n")
	var mu sync.Mutex
	var kept []bool // at each question for the job filters; the last is that of the rehearsal
	b.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "Query" && strings.HasPrefix(string(c.Args), `["filter"`) {
			_, found, _ := newPaths(b.getenv).state().readStamp()
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, found)
		}
		return luxitest.Pass()
	})
	b.want(0, 0, "", "run", "--from-watcher")
	mu.Lock()
	defer mu.Unlock()
	if n := len(kept); n < 2 || kept[0] || !kept[n-1] {
		t.Errorf("the pass was kept at the questions for filters: %v", kept)
	}
}
