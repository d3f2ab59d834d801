package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
)

const quietNight = `
	cluster c tags=ganeti:watcher:autorepair:failover candidate-pool=10
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	node node5 mem=8192 disk=100000 regular not-master-capable
	instance db1 template=drbd nodes=node3,node4 mem=512 disks-active
	instance web1 template=sharedfile nodes=node2 mem=512
	instance web2 template=plain nodes=node3 mem=512
`

// night is a cluster by night, with a program that is told of events.
type night struct {
	*bed
	metrics func() string
	told    string
	asked   []string // the questions for bootid
}

func newNight(t *testing.T, cluster, settings string) *night {
	n := &night{}
	n.bed, n.metrics = newMeasured(t, cluster)
	n.told = n.bed.told(map[string]string{"tell": `echo "$AUTOREPAIR_EVENT node=$AUTOREPAIR_NODE $AUTOREPAIR_WHY" >>OUT; cat >>OUT.json`})
	n.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\nmetrics_file = \""+promFile+"\"\n"+settings)
	n.write("/etc/ganeti/hooks/watcher/ganeti-autorepair", "#!/bin/sh\n")
	os.Chmod(newPaths(n.getenv).hook(), 0o755)
	n.m.OnCall(n.note)
	n.watcher()
	n.nextPass()
	return n
}

func (n *night) note(c luxitest.Call) luxitest.Fault {
	if strings.Contains(string(c.Args), "bootid") {
		n.asked = append(n.asked, string(c.Args))
	}
	return luxitest.Pass()
}

// watcher does what ganeti-watcher does in each of its runs: it writes the status of each
// instance, and has the disks verified.
func (n *night) watcher() {
	n.t.Helper()
	var text strings.Builder
	n.m.Edit(func(c *luxitest.Cluster) {
		for _, i := range c.Instances {
			status := "running"
			if on := c.Node(i.Primary); on.Offline {
				status = "ERROR_nodeoffline"
			} else if on.Dead {
				status = "ERROR_nodedown"
			}
			fmt.Fprintf(&text, "%s %s\n", i.Name, status)
		}
	})
	n.write("/var/run/ganeti/instance-status", text.String())
	os.Chtimes(filepath.Join(n.root, "/var/run/ganeti/instance-status"), n.m.Now(), n.m.Now())
	n.submit(`{"OP_ID":"OP_GROUP_VERIFY_DISKS","reason":[],"group_name":"default"}`)
	n.m.RunUntilQuiet()
	n.m.ArchiveJobs(0)
}

// later lets the watcher run as often as it does in that time, each time with its hook, and
// returns what the log tells.
func (n *night) later(d time.Duration) string {
	n.t.Helper()
	for ; d > 0; d -= 5 * time.Minute {
		n.m.Advance(5 * time.Minute)
		n.want(0, 0, "", "run", "--from-watcher")
		n.watcher()
	}
	return strings.Join(n.log(), "\n")
}

func (n *night) dies(names ...string) {
	n.m.Edit(func(c *luxitest.Cluster) {
		for _, name := range names {
			c.Node(name).Dead = true
		}
	})
}

func (n *night) lives(names ...string) {
	n.m.Edit(func(c *luxitest.Cluster) {
		for _, name := range names {
			c.Node(name).Dead = false
		}
	})
}

// views returns the nodes of "nodes --json --all" by name.
func (n *night) views() map[string]string {
	n.t.Helper()
	_, stdout, _ := n.run("nodes", "--all", "--json")
	validate(n.t, "nodes.json", stdout)
	var list nodesJSON
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		n.t.Fatal(err)
	}
	views := make(map[string]string)
	for _, v := range list.Nodes {
		views[v.Node] = fmt.Sprintf("%s %s", v.State, v.Command)
		if (v.SilentSince != 0) != (v.State == repair.NodeSilent) {
			n.t.Errorf("%s is %s, silent since %d", v.Node, v.State, v.SilentSince)
		}
	}
	return views
}

// has checks that a text has all the parts.
func (n *night) has(what, text string, parts ...string) {
	n.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			n.t.Errorf("%s: no %q in\n%s", what, part, text)
		}
	}
}

// wantTold checks which events there were so far.
func (n *night) wantTold(want ...string) {
	n.t.Helper()
	got := lines(n.t, n.told)
	if len(got) != len(want) {
		n.t.Errorf("events %q, want %q", got, want)
		return
	}
	for k := range want {
		if !strings.Contains(got[k], want[k]) {
			n.t.Errorf("event %q, want %q", got[k], want[k])
		}
	}
	for _, line := range lines(n.t, n.told+".json") {
		validate(n.t, "event.json", line)
	}
}

// K1, K2, K4: a node that dies without a word is asked once the watcher has left a hint, is
// silent since then, and is told of everywhere, once by an event and the log. Nothing is
// done about it. When it answers it is silent no more.
func TestSilentNode(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	n := newNight(t, quietNight, "")
	if log := n.later(time.Hour); log != "" || len(n.asked) != 0 {
		t.Errorf("in a quiet hour nodes were asked: %q, and the log says\n%s", n.asked, log)
	}
	jobs := n.m.Jobs()
	last := jobs[len(jobs)-1].ID
	n.dies("node2")
	log := n.later(20 * time.Minute)
	n.has("log", log, `msg="node is silent" node=node2 why="node2 does not answer: is it dead? then switch it off and mark it offline" command="gnt-node modify --offline=yes --auto-promote node2"`)
	if strings.Count(log, "\n") != 0 {
		t.Errorf("told more than once:\n%s", log)
	}
	for _, question := range n.asked {
		if !strings.Contains(question, "node2") || strings.Contains(question, "node3") {
			t.Errorf("asked %s", question)
		}
	}
	n.wantTold("node-silent node=node2 node2 does not answer: is it dead? then switch it off and mark it offline: gnt-node modify --offline=yes --auto-promote node2")
	// As long as it is silent, each run of the watcher does a pass (W7).
	before := len(n.asked)
	n.later(20 * time.Minute)
	if got := len(n.asked) - before; got != 4 {
		t.Errorf("asked in %d of 4 runs of the watcher", got)
	}
	_, stdout, _ := n.run("nodes")
	n.has("nodes", stdout, "node2 silent", "is it dead? then switch it off and mark it offline: gnt-node modify --offline=yes --auto-promote node2", "5 nodes, 1 silent, 4 ok")
	if got := n.views()["node2"]; got != "silent gnt-node modify --offline=yes --auto-promote node2" {
		t.Errorf("nodes --json: %s", got)
	}
	_, stdout, _ = n.run("status")
	n.has("status", stdout, "5 nodes: silent node2", "\nnode2 does not answer (", "): is it dead? then switch it off and mark it offline: gnt-node modify --offline=yes --auto-promote node2\n")
	_, stdout, _ = n.run("status", "--json")
	validate(t, "status.json", stdout)
	n.has("status --json", stdout, `"silent_nodes": [
    "node2"
  ]`, `"cut_off": false`)
	saved := filepath.Join(n.root, "saved.json")
	n.run("status", "--save", saved)
	_, stdout, _ = n.run("status", "--snapshot", saved)
	n.has("status of a snapshot", stdout, "5 nodes: silent node2")
	_, stdout, _ = n.run("nodes", "--snapshot", saved)
	n.has("nodes of a snapshot", stdout, "node2 silent")
	if f, is := n.found()["silent-candidate node node2"]; !is || f.Command != repair.OfflineCommand("node2") {
		t.Errorf("finding: %+v", f)
	}
	code, stdout, _ := n.run("check", "-v")
	n.has("check", stdout, "AUTOREPAIR WARNING - silent nodes: node2 does not answer (since ", "mark it offline: gnt-node modify --offline=yes --auto-promote node2\n")
	if code != 1 {
		t.Errorf("check ends with %d", code)
	}
	n.has("metrics", n.metrics(), `ganeti_autorepair_nodes{cluster="c",state="silent"} 1`, `ganeti_autorepair_node_state{cluster="c",node="node2",state="silent"} 1`,
		`ganeti_autorepair_node_silent_since_timestamp_seconds{cluster="c",node="node2"} 1700`, `ganeti_autorepair_cut_off{cluster="c"} 0`, `finding="silent-candidate"} 1`)
	for _, j := range n.m.Jobs() {
		if j.ID > last && !strings.Contains(j.Ops[0].ID, "VERIFY_DISKS") {
			t.Errorf("job %d was submitted: %s", j.ID, j.Ops[0].ID)
		}
	}
	n.m.Edit(func(c *luxitest.Cluster) {
		if tags := c.Node("node2").Tags; len(tags) != 0 {
			t.Errorf("it has the tags %q", tags)
		}
	})

	n.lives("node2")
	if log := n.later(5 * time.Minute); !strings.Contains(log, `msg="node answers again" node=node2`) {
		t.Errorf("log:\n%s", log)
	}
	if got := n.views()["node2"]; got != "ok " {
		t.Errorf("once it answers: %s", got)
	}
	if _, err := os.Stat(newPaths(n.getenv).state().file(silentFile)); !os.IsNotExist(err) {
		t.Errorf("the memory is still there: %v", err)
	}
	if strings.Contains(n.metrics(), `silent_since_timestamp_seconds{`) {
		t.Error("the metrics still have it")
	}
	n.dies("node2")
	n.later(20 * time.Minute)
	n.wantTold("node-silent node=node2", "node-silent node=node2")
	// Marked offline, it is lost, and repaired.
	n.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Offline = true })
	if got := n.views()["node2"]; !strings.HasPrefix(got, "lost ") {
		t.Errorf("marked offline it is %s", got)
	}
	n.later(10 * time.Minute)
	if got := n.views()["node2"]; !strings.HasPrefix(got, "empty ") {
		t.Errorf("repaired it is %s", got)
	}
}

// K1: a node that is the secondary of something only is named by verify-disks.
func TestSilentSecondary(t *testing.T) {
	n := newNight(t, quietNight, "")
	n.dies("node4")
	n.later(20 * time.Minute)
	if got := n.views()["node4"]; got != "silent gnt-node modify --offline=yes --auto-promote node4" {
		t.Errorf("node4 is %s", got)
	}
	n.wantTold("node-silent node=node4")
}

// K1: in a quiet pass the very same calls are made with dead_nodes = "report" as with "off".
func TestQuietPassAsksNothingMore(t *testing.T) {
	calls := make(map[string][]string)
	for _, set := range []string{"off", "report"} {
		n := newNight(t, quietNight, "dead_nodes = \""+set+"\"\n")
		n.m.OnCall(func(c luxitest.Call) luxitest.Fault {
			calls[set] = append(calls[set], c.Method+" "+string(c.Args))
			return luxitest.Pass()
		})
		n.nextPass()
	}
	if a, b := strings.Join(calls["off"], "\n"), strings.Join(calls["report"], "\n"); a != b || len(calls["off"]) < 5 {
		t.Errorf("with off:\n%s\nwith report:\n%s", a, b)
	}
}

// K4: with "off" nobody is asked and nothing is told, also of what was known before.
func TestDeadNodesOff(t *testing.T) {
	n := newNight(t, quietNight, "")
	n.dies("node2")
	n.later(20 * time.Minute)
	n.wantTold("node-silent node=node2")
	n.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\nmetrics_file = \""+promFile+"\"\ndead_nodes = \"off\"\n")
	n.asked = nil
	if got := n.views()["node2"]; got != "ok " {
		t.Errorf("node2 is %s", got)
	}
	if log := n.later(time.Hour); log != "" || len(n.asked) != 0 {
		t.Errorf("asked %q, log\n%s", n.asked, log)
	}
	_, stdout, _ := n.run("status", "--json")
	if strings.Contains(stdout, "silent_nodes") {
		t.Error("status says which nodes are silent, which it does not know")
	}
	code, stdout, _ := n.run("check", "-v")
	n.has("check", stdout, "OK: silent nodes: are not looked for")
	if code != 0 {
		t.Errorf("check ends with %d:\n%s", code, stdout)
	}
	if _, err := os.Stat(newPaths(n.getenv).state().file(silentFile)); !os.IsNotExist(err) {
		t.Errorf("the memory is still there: %v", err)
	}
	n.wantTold("node-silent node=node2")
	n.want(2, 1, `dead_nodes: must be "off", "report" or "offline"`, "-c", n.settingsWith(`dead_nodes = "on"`), "run", "--from-watcher")
}

func (n *night) settingsWith(text string) string {
	n.write("/other.toml", text+"\n")
	return filepath.Join(n.root, "other.toml")
}

// K2: where more than half of the other nodes are silent, it is asked whether the master is
// cut off, once, and nobody is told to mark a node offline.
func TestCutOff(t *testing.T) {
	n := newNight(t, quietNight, "")
	n.dies("node2", "node3", "node4")
	n.later(20 * time.Minute)
	n.wantTold("node-silent node= 3 of 4 other nodes do not answer: is this node cut off? see which of them answer: gnt-node list -o name,role,bootid")
	for _, args := range [][]string{{"nodes"}, {"nodes", "--json"}, {"status"}, {"check", "-v"}, {"status", "--json"}} {
		_, stdout, _ := n.run(args...)
		if strings.Contains(stdout, "--offline=yes") {
			t.Errorf("%v tells to mark a node offline:\n%s", args, stdout)
		}
		if args[len(args)-1] != "--json" {
			n.has(fmt.Sprint(args), stdout, "3 of 4 other nodes do not answer", "is this node cut off?")
		}
	}
	if list := n.found(); len(list) != 0 {
		t.Errorf("findings %v", list)
	}
	n.has("metrics", n.metrics(), `ganeti_autorepair_cut_off{cluster="c"} 1`)
	// Two of them come back: the other is told of as any.
	n.lives("node3", "node4")
	n.later(10 * time.Minute)
	n.wantTold("node-silent node= 3 of 4", "node-silent node=node2 node2 does not answer")
}

// K2: a master whose own node daemon does not answer is not to be marked offline, which
// Ganeti would refuse.
func TestSilentMaster(t *testing.T) {
	n := newNight(t, quietNight+"	instance own template=plain nodes=node1 mem=512\n", "")
	n.dies("node1")
	n.later(20 * time.Minute)
	n.wantTold("node-silent node=node1 node1 does not answer itself: look at the log of its node daemon: tail /var/log/ganeti/node-daemon.log")
	if got := n.views()["node1"]; got != "silent tail /var/log/ganeti/node-daemon.log" {
		t.Errorf("node1 is %s", got)
	}
}

// K2: where luxid does not answer, or in no known way, no node is silent, and one that was
// silent stays so; the log has it.
func TestNoAnswerOfLuxid(t *testing.T) {
	reply := func(rows string) luxitest.Fault {
		return luxitest.Reply(`{"success":true,"result":{"fields":[` +
			`{"name":"name","title":"Node","kind":"text","doc":"Node name"},{"name":"bootid","title":"BootID","kind":"text","doc":"Boot"}],"data":[` + rows + `]}}`)
	}
	for _, row := range []struct {
		what  string
		fault luxitest.Fault
		log   string
	}{
		{"an error", luxitest.FailWith("OpPrereqError", "no"), `msg="silent nodes not looked for"`},
		{"luxid dies", luxitest.DieBefore(), `msg="silent nodes not looked for"`},
		{"no row", reply(""), `msg="answer not understood" node=node2 why="luxid's answer does not have it"`},
		{"unavailable", reply(`[[0,"node2"],[3,null]]`), `msg="answer not understood" node=node2 why="its bootid is said to be: unavailable"`},
		{"an empty text", reply(`[[0,"node2"],[0,""]]`), `msg="answer not understood" node=node2 why="its bootid is empty"`},
		{"no such field", reply(`[[0,"node2"],[1,null]]`), `msg="silent nodes not looked for"`},
		{"marked offline meanwhile", reply(`[[0,"node2"],[4,null]]`), ""},
	} {
		n := newNight(t, quietNight, "")
		broken := func(c luxitest.Call) luxitest.Fault {
			if strings.Contains(string(c.Args), "bootid") {
				return row.fault
			}
			return luxitest.Pass()
		}
		n.m.OnCall(broken)
		n.dies("node2")
		log := n.later(20 * time.Minute)
		if !strings.Contains(log, row.log) || row.log == "" && log != "" {
			t.Errorf("%s: no %q in the log:\n%s", row.what, row.log, log)
		}
		if got := n.views()["node2"]; got != "ok " {
			t.Errorf("%s: node2 is %s", row.what, got)
		}
		n.m.OnCall(nil)
		n.later(20 * time.Minute)
		n.m.OnCall(broken)
		n.later(10 * time.Minute)
		if got := n.views()["node2"]; !strings.HasPrefix(got, "silent ") {
			t.Errorf("%s, after it was silent: node2 is %s", row.what, got)
		}
		n.wantTold("node-silent node=node2")
	}
}

// K2, W8: losing the memory makes a node silent since the next look; where it cannot be
// written, nothing is told with every pass.
func TestSilenceIsForgotten(t *testing.T) {
	n := newNight(t, quietNight, "")
	n.dies("node2")
	n.later(20 * time.Minute)
	file := newPaths(n.getenv).state().file(silentFile)
	os.Remove(file)
	n.later(15 * time.Minute)
	n.wantTold("node-silent node=node2", "node-silent node=node2")
	os.Remove(file)
	n.must(os.MkdirAll(filepath.Join(file, "x"), 0o700)) // cannot be replaced by a file
	for k := 0; k < 3; k++ {
		n.m.Advance(15 * time.Minute)
		n.want(0, 1, "warning: not kept: ", "run", "--from-watcher")
		n.watcher()
	}
	n.wantTold("node-silent node=node2", "node-silent node=node2")
}

func (n *night) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// What the manual shows of a silent node is what the program says.
func TestManualShowsSilentNode(t *testing.T) {
	n := newNight(t, `
	cluster cluster
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance db1 template=drbd nodes=node3,node2 mem=512
	instance web template=sharedfile nodes=node2 mem=512
	instance www template=sharedfile nodes=node2 mem=512
`, "")
	n.dies("node2")
	n.later(15 * time.Minute)
	n.m.Advance(5*time.Minute - n.m.Now().Sub(n.silentSince("node2")))
	n.screen = terminal{columns: 71, rows: 24}
	_, shown, _ := n.run("nodes")
	text, err := os.ReadFile("doc/ganeti-autorepair.8")
	n.must(err)
	if !strings.Contains(strings.ReplaceAll(string(text), `\-`, "-"), "nodes\n"+shown) {
		t.Errorf("the manual does not show\n%s", shown)
	}
}

// silentSince returns since when the node is silent, as it is remembered.
func (n *night) silentSince(name string) time.Time {
	data, err := os.ReadFile(newPaths(n.getenv).state().file(silentFile))
	n.must(err)
	var silent repair.SilentNodes
	n.must(json.Unmarshal(data, &silent))
	for _, node := range silent.Nodes {
		if node.Name == name {
			return time.Unix(node.Since, 0)
		}
	}
	n.t.Fatalf("%s is not silent", name)
	return time.Time{}
}
